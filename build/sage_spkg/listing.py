"""What make asks of all packages: which there are and which are due, as words; and `make list`."""

import os

from sage_spkg.packages import all_of
from sage_spkg.steps import say


class Asked(object):
    """What a make was asked for.

    make        its process id, a word
    letters     its options of one letter
    goals       names
    others      goals that there are beside those of the package rules
    is_new_log  the log of locks is to be ours, and begun anew if anything is done
    """

    def __init__(self, make, letters, goals, others, is_new_log):
        self.make = make
        self.letters = letters
        self.goals = goals
        self.others = others
        self.is_new_log = is_new_log

    def does_nothing(self):
        """By -n, -q or -t?"""
        return bool([letter for letter in 'nqt' if letter in self.letters])


def rules(tree, asked):
    """The words, one a line, or `wrong` or `unknown` and what is wrong on stderr:

        default:NAME optional:NAME      a package
        gone:NAME                       something of it is in the tree, but it is no package any more
        due:NAME[:NAME...]              it is to be built, after those that are due, too
        check:NAME[:NAME...]            what must be built before NAME can be checked
        plan:PID                        the plan of the make that the `asked` is of, if it is to build anything
        there:N:NAME                    all is there that it was asked to build, N packages, NAME the first
    """
    packages, wrong = all_of(tree.pkgs)
    if wrong:
        for name, complaint in wrong:
            say('%s/%s: %s' % (tree.pkgs, name, complaint), 2)
        say('wrong')
        return
    gone = _gone(tree, packages)
    if _say_unknown(asked, packages, gone):
        say('unknown')
        return
    words = ['%s:%s' % (packages[name].type, name) for name in sorted(packages)]
    words.extend(['gone:' + name for name in gone])
    due = _due(tree, packages)
    before_each = {}
    for name in sorted(packages):
        package = packages[name]
        before = [need for need in package.needs + package.first if need in due]
        before_each[name] = before
        if name in due:
            words.append(':'.join(['due', name] + before))
        if before:
            words.append(':'.join(['check', name] + before))
    if not asked.does_nothing():
        words.extend(_plan(tree, asked, packages, due, before_each))
    say('\n'.join(words))


def _plan(tree, asked, packages, due, before_each):
    """The word `plan:` or `there:`, in a list."""
    types = [('all' in asked.goals and 'default'), ('optional' in asked.goals and 'optional')]
    wanted = [name for name in packages if name in asked.goals or packages[name].type in types]
    checks = [name for name in packages if 'check-' + name in asked.goals]
    needs = dict([('check-' + name, before_each[name]) for name in checks])
    below = [name for name in wanted if name in due]
    below.extend([need for name in checks for need in before_each[name]])
    while below:
        name = below.pop()
        if name not in needs:
            needs[name] = before_each[name]
            below.extend(before_each[name])
    if needs or [goal for goal in asked.goals if goal.endswith('-uninstall')]:
        from sage_spkg import plan
        try:
            plan.begin(tree, asked.make, needs, asked.letters, asked.is_new_log)
        except EnvironmentError as error:       # they are built without a plan, and fail for the same reason or do not
            say('sage-spkg: %s: %s' % (error.filename, error.strerror), 2)
            return []
        return ['plan:' + asked.make] if needs else []
    return ['there:%d:%s' % (len(wanted), wanted[0])] if wanted else []


_GOALS = ('all', 'optional', 'list', 'report', 'locks')


def _say_unknown(asked, packages, gone):
    """Says which goals there are none of, and what there is instead: were there any such?"""
    known = set(_GOALS)
    known.update(asked.others)
    for name in packages:
        known.update([name, 'check-' + name, name + '-uninstall'])
    known.update([name + '-uninstall' for name in gone])
    strange = [goal for goal in asked.goals if goal not in known]
    for goal in strange:
        say('sage-flock: make %s: no such goal or package%s' % (goal, _instead(goal, known)), 2)
    if strange:
        say("    'make list' shows the packages, 'make help' the goals" if 'help' in known else
            "    'make list' shows the packages; other goals: all, optional, report, locks, check-NAME, NAME-uninstall", 2)
    return bool(strange)


_HINTS = {'test': 'check-NAME', 'tests': 'check-NAME', 'check': 'check-NAME', 'uninstall': 'NAME-uninstall',
          'remove': 'NAME-uninstall', 'build': 'all', 'install': 'all', 'status': 'locks', 'packages': 'list'}


def _instead(goal, known):
    """The end of a line that names what is nearest, or nothing."""
    if goal in _HINTS:
        hints = [goal in ('test', 'tests') and 'check' in known and 'check', _HINTS[goal]]
        return ': ' + ' or '.join(["'make %s'" % hint for hint in hints if hint])
    import difflib
    close = difflib.get_close_matches(goal, sorted(known), 3, 0.75)
    return ': did you mean %s?' % ' or '.join(close) if close else ''


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
