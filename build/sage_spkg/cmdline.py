"""The programs sage-spkg and sage-spkg-uninstall, from their words to their exit status.

    sage-spkg NAME                  build and install a package, if it is due
    sage-spkg --check NAME          build it and run its check, due or not
    sage-spkg --uninstall NAME      take it out
    sage-spkg --merge NAME          a step of an install, under rebase.lock; --merge-alone: and pip.lock
    sage-spkg --list                all packages, as a table
    sage-spkg --rules MAKE LETTERS GOALS    as words for make: its process id, its options of one letter, its goals
    sage-spkg --fetch URL SHA256 FILE   a step of a build, under the lock of the file
    sage-spkg-uninstall NAME        a step of an uninstall, under the locks
    sage-spkg-uninstall --aside FOLDER NAME

Make says, in the environment, where things are and how steps are locked; SAGE_SPKG_HOLDS says which locks of packages
we have already, by having waited for them.
"""

import os

from sage_spkg.steps import Failed, Stopped, die_of, end_at_interrupts, say
from sage_spkg.tree import Tree

_FROM_MAKE = ('SAGE_LOCAL', 'SAGE_PKGS', 'SAGE_WAIT', 'SAGE_MERGE', 'SAGE_PIP', 'SAGE_PIP_INSTALL', 'SAGE_UNINSTALL',
              'SAGE_SWEEP')


def main(program, words):
    """Never returns."""
    end_at_interrupts()
    try:
        os._exit(_programs[program](words))
    except Stopped as stopped:
        die_of(stopped.signal)
    except EnvironmentError as error:
        say('%s: %s: %s' % (program, error.filename or words[-1], error.strerror or error), 2)
    except Exception as error:
        if os.environ.get('SAGE_FLOCK_DEBUG', '0') not in ('', '0'):
            raise
        say('%s: internal error: %s: %s (SAGE_FLOCK_DEBUG=1 tells where)' % (program, error.__class__.__name__, error), 2)
    os._exit(1)


def _spkg(words):
    pairs = [word.partition('=') for word in os.environ.pop('SAGE_SPKG_HOLDS', '').split()]
    held = [(name, int(fd)) for name, _, fd in pairs]
    option = words.pop(0) if words and words[0].startswith('--') else ''
    if option == '--rules' and len(words) == 3 or option == '--list' and not words:
        _need(('SAGE_LOCAL', 'SAGE_PKGS'), 'make')
        from sage_spkg import listing
        if option == '--list':
            listing.show(_tree())
        else:
            goals, others = words[2].split(), os.environ.get('SAGE_GOALS', '').split()
            listing.rules(_tree(), listing.Asked(words[0], words[1], goals, others, bool(os.environ.get('SAGE_NEW_LOG'))))
        return 0
    if option == '--fetch' and len(words) == 3:
        return _fetch(*words)
    is_merge = option in ('--merge', '--merge-alone')
    if not (is_merge or option in ('', '--check', '--uninstall')) or len(words) != 1 or words[0].startswith('-') or \
            not words[0]:
        say('usage: sage-spkg [--check | --uninstall] NAME', 2)
        return 2
    name = words[0]
    _need(is_merge and ('SAGE_LOCAL', 'SAGE_WAIT') or _FROM_MAKE, 'make ' + name)
    tree = _tree(held)
    from sage_spkg import install
    if is_merge:
        return install.merge(tree, name, has_pip_lock=option == '--merge-alone')
    try:
        if option == '--uninstall':
            return install.uninstall(tree, name, dict(os.environ))
        return _build(tree, name, option == '--check', bool(held))
    except Failed as failed:
        say('sage-spkg: %s: %s' % (name, failed), 2)
        return 1
    finally:
        tree.unlock()


def _build(tree, name, has_check, has_begun):
    """A package, or its check, of a make's plan: the exit status."""
    from sage_spkg import install
    from sage_spkg.plan import Plan
    if not os.path.exists('%s/%s/version' % (tree.pkgs, name)):
        say('sage-spkg: %s: no such package' % name, 2)
        return 1
    plan, status = Plan(os.environ.get('SAGE_PLAN'), (has_check and 'check-' or '') + name), 1
    if not has_begun:
        plan.begins()
    try:
        status = install.Job(tree, name, dict(os.environ), plan, has_check).run()
        return status
    except Failed as failed:
        say('sage-spkg: %s: %s' % (name, failed), 2)
        return 1
    finally:
        tree.unlock()
        plan.ends(status == 0)


def _fetch(place, digest, path):
    import sys
    from sage_spkg import sources
    from sage_spkg.steps import log
    try:
        timeout = float(os.environ.get('SAGE_FETCH_TIMEOUT') or 60)
        sources.fetch(place, digest, path, timeout, sys.stderr.isatty() and sys.stderr or None)
        return 0
    except Failed as failed:
        log('sage-spkg: %s: %s' % (os.environ.get('SAGE_PKG') or path, failed), os.environ)
        return 1


def _uninstall(words):
    aside = None
    if words[:1] == ['--aside'] and len(words) == 3:
        aside = words[1]
        del words[:2]
    if len(words) != 1 or words[0].startswith('-') or not words[0] or not os.environ.get('SAGE_LOCAL'):
        say('usage: SAGE_LOCAL=TREE sage-spkg-uninstall NAME', 2)
        return 2
    from sage_spkg.steps import log_of
    from sage_spkg.uninstall import uninstall
    name, tree = words[0], _tree()
    if not os.environ.get('SAGE_LOG'):
        os.environ['SAGE_LOG'] = '%s/var/log/%s.log' % (tree.top, name)
    return uninstall(tree, name, os.environ.get('SAGE_PIP', '').split(), log_of(os.environ), aside)


def _tree(held=()):
    return Tree(os.environ['SAGE_LOCAL'], os.environ.get('SAGE_PKGS'), held)


def _need(names, instead):
    for name in names:
        if not os.environ.get(name):
            say("sage-spkg: %s is not set: run '%s' instead" % (name, instead), 2)
            os._exit(1)


_programs = {'sage-spkg': _spkg, 'sage-spkg-uninstall': _uninstall}
