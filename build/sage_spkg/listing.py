"""What make asks of all packages: which there are and which are due, as words; and `make list`."""

import os

from sage_spkg.packages import all_of
from sage_spkg.steps import say


def rules(tree):
    """The words, one a line, or `wrong` and what is wrong on stderr:

        default:NAME optional:NAME      a package
        gone:NAME                       something of it is in the tree, but it is no package any more
        due:NAME[:NAME...]              it is to be built, after those that are due, too
        check:NAME[:NAME...]            what must be built before NAME can be checked
    """
    packages, wrong = all_of(tree.pkgs)
    if wrong:
        for name, complaint in wrong:
            say('%s/%s: %s' % (tree.pkgs, name, complaint), 2)
        say('wrong')
        return
    words = ['%s:%s' % (packages[name].type, name) for name in sorted(packages)]
    words.extend(['gone:' + name for name in _gone(tree, packages)])
    due = _due(tree, packages)
    for name in sorted(packages):
        package = packages[name]
        before = [need for need in package.needs + package.first if need in due]
        if name in due:
            words.append(':'.join(['due', name] + before))
        if before:
            words.append(':'.join(['check', name] + before))
    say('\n'.join(words))


def _gone(tree, packages):
    return [name for name in tree.installed() if name not in packages]


def _due(tree, packages):
    """Names of the packages that are to be built, or swept after: in order, what a package needs comes before it."""
    due, seen = set(), set()
    for start in packages:
        stack = [(start, False)]
        while stack:
            name, has_come_back = stack.pop()
            package = packages[name]
            if has_come_back:
                if [need for need in package.needs if need in due] or tree.is_unswept(name) or \
                        not tree.is_built(package, tree.record(package)):
                    due.add(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                stack.extend([(need, False) for need in package.needs])
    return due


def show(tree):
    """make list: a table on the screen."""
    packages = all_of(tree.pkgs)[0]
    row = '%-24s %-12s %-10s %s'
    lines = [row % ('package', 'version', 'type', 'installed')]
    lines.extend([row % (name, packages[name].version, packages[name].type, tree.version(name) or '-')
                  for name in sorted(packages, key=lambda name: (packages[name].type, name))])
    lines.extend([row % (name, '-', 'gone', tree.version(name) or '-') for name in _gone(tree, packages)])
    say('\n'.join(lines))


def say_who_needs(tree, name):
    """After an uninstall: which installed packages need what has gone."""
    needed_by = tree.needed_by(name)
    if needed_by and not os.path.isdir(tree.state(name)):
        say('%s: still needed by %s' % (name, ', '.join(needed_by)))
