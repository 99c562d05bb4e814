"""What to do about a call that cannot work: said in brackets behind what is wrong with it.

Only a call that fails loads this file.
"""

import posix

from sage_flock.messages import printable

_HELP = "try 'sage-flock --help'"
_WORDS_FOR_SHELL = frozenset(' \t\n|&;<>()$`*?')
_PARTS_OF_SHELL = frozenset('. : alias bg break cd continue declare eval exec exit export fg hash jobs let local popd pushd '
                            'readonly return set shift shopt source trap type typeset ulimit umask unalias unset wait'.split())


def in_brackets(hint):
    """The hint as the end of a message; '' for ''."""
    return ' (%s)' % printable(hint) if hint else ''


def for_options(message, options):
    """What to do when argparse says `message` of a command line that has `options`, their names."""
    word, _, why = message.rpartition(': ')
    return why == 'unknown option' and for_option(word, options) or _HELP


def for_option(word, options):
    """Which of the `options` may be meant by `word`: 'did you mean --x?', or ''."""
    long_ones = [name for name in options if name.startswith('--')]
    return for_name('--' + word.strip("-'").partition('=')[0], sorted(long_ones))


def for_name(name, known):
    """Which of the `known` names may be meant by `name`: 'did you mean x?', or ''."""
    import difflib
    found = difflib.get_close_matches(name, known, 1, 0.7)
    return 'did you mean %s?' % found[0] if found else ''


def for_command(name, lock, options):
    """What to do when no command `name` was found behind `lock`, a name, in a command line that knows `options`."""
    if '--' + lock in options:
        return 'did you mean --%s?' % lock
    if name == '--':
        return "drop the '--': all that follows LOCK is the command"
    if name.startswith('-'):
        return 'options go before LOCK'
    variable, equals, _ = name.partition('=')
    if equals and variable and not variable.strip('_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'):
        return "to set a variable: env '%s' COMMAND" % name
    if name in _PARTS_OF_SHELL or _WORDS_FOR_SHELL.intersection(name):
        return 'for a shell command use -c'
    if '/' not in name and name and posix.access('./' + name, posix.X_OK):
        return 'did you mean ./%s?' % name
    return ''
