"""The part of the standard argparse that this kit uses, written to start fast.

Python 2.6, 3.0 and 3.1 have no argparse, and where there is one, importing it
costs more than taking a lock does.  So this module imports nothing but sys, and
help texts lie in argparse_help.py, loaded when somebody needs them.

The same parser built on either gives the same namespace, the same exit status
and output on the same stream; tests/drivers/argparse_diff.py compares them, and
lists the places where the standard versions disagree among themselves.  Texts
are our own, and are printed as they are: a '%' in one is no template.  A usage
error reaches error() as 'WHAT: WHY', WHAT being the option as it was typed;
nothing else reports one, so a subclass may word it as it likes.

What there is: options -x and --long that take one word or none, kept as they
are or by store_const, store_true and store_false; -h and version.  Positionals
of one word each, or one that may be missing (nargs='?'), then a REMAINDER.

One difference is on purpose.  Once every other positional has its word, all
the rest is the REMAINDER's, a leading '--' included, as with getopt's '+' mode.
The standard versions drop that '--'.
"""

import sys

SUPPRESS = '==SUPPRESS=='
OPTIONAL = '?'
REMAINDER = '...'

# What formatter_class must be.  A name is enough: nobody calls it.
RawDescriptionHelpFormatter = 'usage, description and epilog are printed as they are'

# Each action with the default and the const that it implies.
_ACTIONS = {'store': (None, None), 'store_const': (None, None), 'store_true': (False, True),
            'store_false': (True, False), 'help': (SUPPRESS, None), 'version': (SUPPRESS, None)}


class ArgumentTypeError(Exception):
    """What a type function raises to have its own words reported."""


class ArgumentError(Exception):
    """A usage error: what is wrong, and why."""

    def __str__(self):
        return '%s: %s' % self.args


class Namespace(object):
    """What was parsed, as attributes."""


def shown(word):
    """word as it was typed if that is plain text, else quoted and escaped."""
    quoted = repr(word)
    plain = word and quoted[1:-1] == word and ' ' not in word
    return word if plain else quoted


def _is_number(word):
    """Whether word is a negative number, and so no option."""
    digits = '0123456789'
    return word[-1] in digits and not word[1:].replace('.', '', 1).strip(digits)


class _Argument(object):
    """One option or positional, as given to add_argument()."""

    def __init__(self, names, dest, action='store', default=None, nargs=None, const=None, type=None, help=None,
                 metavar=None, version=None):
        self.names = names          # empty for a positional
        self.dest = dest
        self.action = action
        self.takes_word = action == 'store'
        self.nargs = nargs
        self.const = _ACTIONS[action][1] if const is None else const
        self.default = _ACTIONS[action][0] if default is None else default
        self.type = type
        self.help = help
        self.metavar = metavar
        self.version = version

    def __str__(self):
        return '/'.join(self.names) or self.metavar or self.dest


class ArgumentParser(object):
    """What a command line may hold."""

    def __init__(self, prog, usage, formatter_class, description='', epilog=''):
        self.prog = prog
        self.usage = usage
        self.description = description
        self.epilog = epilog
        self._arguments = []
        self._options = {}          # by each of their names
        self.add_argument('-h', '--help', action='help', help='show this help and exit')

    def add_argument(self, *names, **how):
        dest = how.pop('dest', None)
        if not names[0].startswith('-'):
            dest = names[0]
            names = ()
        elif not dest:
            for name in names:
                if name.startswith('--'):
                    break
            else:
                name = names[0]
            dest = name.lstrip('-').replace('-', '_')
        argument = _Argument(names, dest, **how)
        for name in names:
            self._options[name] = argument
        self._arguments.append(argument)
        return argument

    def parse_args(self, args=None):
        words = sys.argv[1:] if args is None else list(args)
        try:
            return _Reading(self, words).read()
        except ArgumentError as error:
            self.error(str(error))

    def error(self, message):
        """Report a usage error and exit; an override must not return."""
        _help().write(_help().usage(self) + '%s: error: %s\n' % (self.prog, message), sys.stderr)
        sys.exit(2)


def _help():
    from . import argparse_help
    return argparse_help


class _Reading(object):
    """One command line on its way into a namespace.

    Words are looked at once, from left to right, and never further than needed:
    what belongs to a REMAINDER is not looked at, so nothing in it can be wrong.
    """

    def __init__(self, parser, words):
        self.parser = parser
        self.options = parser._options
        self.words = words
        self.at = 0
        self.namespace = Namespace()
        self.pending = [a for a in parser._arguments if not a.names]
        self.strays = []            # words that nobody wants, and why

    def read(self):
        for argument in self.parser._arguments:
            if argument.default is not SUPPRESS and not hasattr(self.namespace, argument.dest):
                setattr(self.namespace, argument.dest, argument.default)
        while self.at < len(self.words):
            meanings = self.meanings(self.words[self.at])
            if meanings is None:
                self.take_positionals()
            else:
                self.take_options(self.words[self.at], meanings)
        missing = [str(a) for a in self.pending if a.nargs is None]
        if missing:
            raise ArgumentError(', '.join(missing), 'missing')
        if self.pending and self.pending[-1].nargs == REMAINDER:
            setattr(self.namespace, self.pending[-1].dest, [])
        if self.strays:
            word, why = self.strays[0]
            raise ArgumentError(shown(word), why)
        return self.namespace

    def meanings(self, word):
        """None for a plain word, else each (name, value, has '=') it can mean."""
        if word[:1] != '-' or word in ('-', '--'):
            return None
        if word in self.options:
            return [(word, None, False)]
        start, equals, value = word.partition('=')
        equals = bool(equals)
        if not equals:
            value = None
        elif start in self.options:
            return [(start, value, True)]
        found = []
        if word[1] == '-':
            found = [(name, value, equals) for name in self.options if name.startswith(start)]
        elif word[:2] in self.options:
            found = [(word[:2], word[2:], False)]
        if not found and (' ' in word or _is_number(word)):
            return None
        return found

    # ---- options

    def take_options(self, word, meanings):
        """Take the options that word holds, if every one of them is right."""
        # As for getopt, what shortens two names of one option is not ambiguous.
        if len(set([id(self.options[m[0]]) for m in meanings])) > 1:
            raise ArgumentError(shown(word), 'ambiguous, could be %s'
                                % ', '.join(sorted([m[0] for m in meanings])))
        self.at += 1
        if not meanings:
            self.strays.append((word, 'unknown option'))
            return
        name, value, equals = meanings[0]
        typed = word.partition('=')[0] if name.startswith('--') else name
        ready = []
        while True:
            option = self.options[name]
            if option.takes_word:
                ready.append((option, self.following(typed) if value is None else value, typed))
                break
            ready.append((option, None, typed))
            if value is None:
                break
            if equals or name.startswith('--') or value[0] == '-':
                raise ArgumentError(typed, 'takes no argument: %s' % shown(value))
            # A flag; more letters follow it.
            name = typed = '-' + value[0]
            if name not in self.options:
                self.strays.append((name, 'unknown option'))
                break
            value, equals = value[1:] or None, value[1:2] == '='
            if equals:
                value = value[1:]
        for option, value, typed in ready:
            self.take(option, value, typed)

    def following(self, typed):
        """The word after an option, which is its argument."""
        words = self.words[self.at:self.at + 1]
        if not words or words[0] == '--' or self.meanings(words[0]) is not None:
            raise ArgumentError(typed, 'needs an argument')
        self.at += 1
        return words[0]

    # ---- positionals

    def take_positionals(self):
        """Give the plain words from here to the next option to positionals."""
        dashes = served = False
        while self.at < len(self.words):
            word = self.words[self.at]
            if not dashes and word == '--':
                dashes = True
                if not self.pending and not served:
                    self.strays.append((word, 'unexpected argument'))
            elif not dashes and self.meanings(word) is not None:
                break
            elif not self.pending:
                self.strays.append((word, 'unexpected argument'))
            else:
                argument = self.pending.pop(0)
                self.take(argument, word, str(argument))
                served = True
            self.at += 1
            if self.pending and self.pending[0].nargs == REMAINDER:
                setattr(self.namespace, self.pending.pop().dest, self.words[self.at:])
                self.at = len(self.words)

    # ---- values

    def take(self, argument, word, typed):
        """What `word`, None for a flag, sets; it was `typed` so."""
        if argument.action == 'help':
            _help().write(_help().page(self.parser), sys.stdout)
            sys.exit(0)
        if argument.action == 'version':
            _help().write(argument.version + '\n', sys.stdout)
            sys.exit(0)
        value = argument.const if word is None else word
        if argument.type is not None and word is not None:
            try:
                value = argument.type(word)
            except ArgumentTypeError as error:
                raise ArgumentError(typed, str(error))
            except (TypeError, ValueError):
                raise ArgumentError(typed, 'not a valid %s: %s' % (
                    getattr(argument.type, '__name__', 'value'), shown(word)))
        setattr(self.namespace, argument.dest, value)
