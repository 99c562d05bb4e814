"""The part of the standard argparse that this kit uses, written to start fast.

Python 2.6, 3.0 and 3.1 have no argparse, and where there is one, importing it
costs more than taking a lock does.  So this module imports nothing but sys, and
help texts and groups lie in argparse_help.py, loaded when somebody needs them.

The same parser built on either gives the same namespace, the same exit status
and output on the same stream; tests/argparse_diff.py compares them, and lists
the places where the standard versions disagree among themselves.  Texts are our
own.  A usage error reaches error() as 'WHAT: WHY', WHAT being the option as it
was typed; nothing else reports one, so a subclass may word it as it likes.

Left out: subparsers, option prefixes other than '-', argument files, parents,
custom actions and formatters; a REMAINDER must be the last positional.

One difference is on purpose.  Once every other positional has its words, all
the rest is the REMAINDER's, a leading '--' included, as with getopt's '+' mode.
The standard versions drop that '--'.
"""

import sys

SUPPRESS = '==SUPPRESS=='
OPTIONAL = '?'
ZERO_OR_MORE = '*'
ONE_OR_MORE = '+'
REMAINDER = '...'

# What formatter_class may be.  Names are enough: nobody calls them.
HelpFormatter = 'description and epilog are filled to the width'
RawDescriptionHelpFormatter = 'description and epilog are printed as they are'

# The least and the most words that nargs asks for.
_ARITY = {None: (1, 1), OPTIONAL: (0, 1), ZERO_OR_MORE: (0, sys.maxsize),
          ONE_OR_MORE: (1, sys.maxsize), REMAINDER: (0, sys.maxsize)}

# Each action with the default and the const that it implies.
_ACTIONS = {'store': (None, None), 'append': (None, None),
            'store_const': (None, None), 'store_true': (False, True),
            'store_false': (True, False),
            'help': (SUPPRESS, None), 'version': (SUPPRESS, None)}


class ArgumentTypeError(Exception):
    """What a type function raises to have its own words reported."""


class ArgumentError(Exception):
    """A usage error: what is wrong (None: the message says it) and why."""

    def __str__(self):
        argument, message = self.args
        return message if argument is None else '%s: %s' % (argument, message)


class Namespace(object):
    """What was parsed, as attributes."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def __repr__(self):
        return 'Namespace(%s)' % ', '.join(
            ['%s=%r' % item for item in sorted(self.__dict__.items())])


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
    """One option or positional, as add_argument was told."""

    def __init__(self, names, dest, default, action='store', nargs=None,
                 const=None, type=None, choices=None, required=False,
                 help=None, metavar=None, version=None):
        if action not in ('store', 'append'):
            nargs = 0
            if const is None:
                const = _ACTIONS[action][1]
        self.names = names          # empty for a positional
        self.dest = dest
        self.action = action
        self.nargs = nargs
        self.least, self.most = _ARITY.get(nargs) or (nargs, nargs)
        self.const = const
        self.default = default
        self.type = type
        self.choices = choices
        self.required = required if names else self.least > 0
        self.help = help
        self.metavar = metavar
        self.version = version
        self.section = None         # the titled group that the help lists it in
        self.rivals = None          # the group whose members exclude each other

    def __str__(self):
        return '/'.join(self.names) or self.metavar or self.dest


class ArgumentParser(object):
    """What a command line may hold."""

    def __init__(self, prog=None, usage=None, description=None, epilog=None,
                 formatter_class=HelpFormatter, add_help=True):
        self.prog = prog or sys.argv[0].rsplit('/', 1)[-1]
        self.usage = usage
        self.description = description
        self.epilog = epilog
        self.formatter_class = formatter_class
        self._defaults = {}
        self._arguments = []
        self._options = {}          # by each of their names
        self._sections = []
        self._exclusive = []
        if add_help:
            self.add_argument('-h', '--help', action='help',
                              help='show this help and exit')

    # ---- definition

    def add_argument_group(self, title=None, description=None):
        group = _help().Group(self, title, description)
        self._sections.append(group)
        return group

    def add_mutually_exclusive_group(self, required=False):
        group = _help().ExclusiveGroup(self, required)
        self._exclusive.append(group)
        return group

    def set_defaults(self, **values):
        self._defaults.update(values)
        for argument in self._arguments:
            if argument.dest in values:
                argument.default = values[argument.dest]

    def add_argument(self, *names, **how):
        action = how.get('action', 'store')
        if action not in _ACTIONS:
            raise ValueError('unknown action: %r' % (action,))
        optional = names and names[0].startswith('-')
        dest = how.pop('dest', None)
        if not optional:
            dest = dest or names[0]
            names = ()
            if [a for a in self._arguments if a.nargs == REMAINDER and not a.names]:
                raise ValueError('%s: nothing is left after a REMAINDER' % dest)
        elif not dest:
            for name in names:
                if name.startswith('--'):
                    break
            else:
                name = names[0]
            dest = name.lstrip('-').replace('-', '_')
        if 'default' in how:
            default = how.pop('default')
        else:
            default = self._defaults.get(dest, _ACTIONS[action][0])
        argument = _Argument(names, dest, default, **how)
        for name in names:
            if name in self._options:
                raise ArgumentError(argument, 'defined twice: %s' % name)
        for name in names:
            self._options[name] = argument
        self._arguments.append(argument)
        return argument

    # ---- use

    def parse_args(self, args=None, namespace=None):
        words = sys.argv[1:] if args is None else list(args)
        if namespace is None:
            namespace = Namespace()
        try:
            _Reading(self, words, namespace).read()
        except ArgumentError as error:
            self.error(str(error))
        return namespace

    def error(self, message):
        """Report a usage error and exit; an override must not return."""
        self.print_usage(sys.stderr)
        self.exit(2, '%s: error: %s\n' % (self.prog, message))

    def exit(self, status=0, message=None):
        if message:
            _help().write(message, sys.stderr)
        sys.exit(status)

    def format_usage(self):
        return _help().usage(self)

    def format_help(self):
        return _help().page(self)

    def print_usage(self, file=None):
        _help().write(self.format_usage(), file or sys.stdout)

    def print_help(self, file=None):
        _help().write(self.format_help(), file or sys.stdout)


def _help():
    from . import argparse_help
    return argparse_help


class _Reading(object):
    """One command line on its way into a namespace.

    Words are looked at once, from left to right, and never further than needed:
    what belongs to a REMAINDER is not looked at, so nothing in it can be wrong.
    """

    def __init__(self, parser, words, namespace):
        self.parser = parser
        self.options = parser._options
        self.words = words
        self.at = 0
        self.namespace = namespace
        self.pending = [a for a in parser._arguments if not a.names]
        self.taken = {}             # argument: its name as typed, None if unsaid
        self.strays = []            # words that nobody wants, and why

    def read(self):
        self.fill_in_defaults()
        while self.at < len(self.words):
            meanings = self.meanings(self.words[self.at])
            if meanings is None:
                self.take_positionals()
            else:
                self.take_options(self.words[self.at], meanings)
        self.take_positionals()     # those that are content with nothing
        self.check_required()
        if self.strays:
            word, why = self.strays[0]
            raise ArgumentError(shown(word), why)

    def fill_in_defaults(self):
        namespace = self.namespace
        for argument in self.parser._arguments:
            if (argument.default is not SUPPRESS
                    and not hasattr(namespace, argument.dest)):
                setattr(namespace, argument.dest, argument.default)
        for dest, default in self.parser._defaults.items():
            if not hasattr(namespace, dest):
                setattr(namespace, dest, default)

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
        found = [(name, value, equals) for name in self.options
                 if start != '-' and name.startswith(start)]
        if word[1] != '-' and word[:2] in self.options:
            found.append((word[:2], word[2:], False))
        if not found and (' ' in word or (_is_number(word) and not [
                name for name in self.options if _is_number(name)])):
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
            if value is None:
                ready.append((option, self.following(option, typed), typed))
                break
            if option.most:
                if option.least > 1:
                    raise ArgumentError(typed, 'needs %d arguments' % option.least)
                ready.append((option, [value], typed))
                break
            if equals or name.startswith('--') or value[0] == '-':
                raise ArgumentError(typed, 'takes no argument: %s' % shown(value))
            # A flag; more letters follow it.
            ready.append((option, [], typed))
            name = typed = '-' + value[0]
            if name not in self.options:
                self.strays.append((name, 'unknown option'))
                break
            value, equals = value[1:] or None, value[1:2] == '='
            if equals:
                value = value[1:]
        for option, words, typed in ready:
            self.take(option, words, typed)

    def following(self, option, typed):
        """The words after an option that are its arguments."""
        start = end = self.at
        stop = min(len(self.words), start + option.most)
        while end < stop and self.words[end] != '--' and (
                option.nargs == REMAINDER
                or self.meanings(self.words[end]) is None):
            end += 1
        if end - start < option.least:
            raise ArgumentError(typed, 'needs an argument' if option.least == 1
                                else 'needs %d arguments' % option.least)
        self.at = end
        return self.words[start:end]

    # ---- positionals

    def take_positionals(self):
        """Give the plain words from here to the next option to positionals."""
        rest = None
        if self.pending and self.pending[-1].nargs == REMAINDER:
            rest = self.pending[-1]
        plain, dashes = self.plain_words(rest)
        shares = self.shares(len(plain), rest)
        if dashes and not shares:
            plain.insert(0, '--')
        first = 0
        for share in shares:
            argument = self.pending.pop(0)
            if argument is rest:
                words, self.at = self.words[self.at:], len(self.words)
            else:
                words = plain[first:first + share]
                first += share
            self.take(argument, words, str(argument) if words else None)
        self.strays += [(word, 'unexpected argument') for word in plain[first:]]

    def plain_words(self, rest):
        """The words up to the next option or the REMAINDER, and was there '--'."""
        room = sys.maxsize
        if rest:
            room = sum([a.most for a in self.pending if a is not rest])
        plain, dashes = [], False
        while self.at < len(self.words) and len(plain) < room:
            word = self.words[self.at]
            if not dashes and word == '--':
                dashes = True
            elif dashes or self.meanings(word) is None:
                plain.append(word)
            else:
                break
            self.at += 1
        return plain, dashes

    def shares(self, count, rest):
        """How many of count words each positional gets that can be served now.

        As many positionals as possible are served; the earlier take what the
        later can spare.  One that would get nothing waits if an option follows:
        there may be words for it behind that.
        """
        spare, served = count, []
        for argument in self.pending:
            if argument.least > spare:
                break
            spare -= argument.least
            served.append(argument)
        shares = []
        for argument in served:
            more = min(argument.most - argument.least, spare)
            spare -= more
            shares.append(argument.least + more)
        if self.at < len(self.words) and rest not in served:
            while shares and not shares[-1]:
                shares.pop()
        return shares

    # ---- values

    def take(self, argument, words, typed):
        value = self.value(argument, words, typed or argument)
        self.taken[argument] = typed
        if argument.rivals and typed:
            for rival in argument.rivals.members:
                if rival is not argument and self.taken.get(rival):
                    raise ArgumentError(typed, 'not allowed with %s'
                                        % self.taken[rival])
        parser = self.parser
        if argument.action == 'help':
            parser.print_help()
            parser.exit()
        if argument.action == 'version':
            _help().write(_help().expanded(argument.version, parser) + '\n', sys.stdout)
            parser.exit()
        if value is SUPPRESS:
            return
        if argument.action == 'append':
            value = list(getattr(self.namespace, argument.dest, None) or []) + [value]
        setattr(self.namespace, argument.dest, value)

    def value(self, argument, words, typed):
        nargs = argument.nargs
        if nargs == 0:
            return argument.const
        if not words and nargs == OPTIONAL:
            value = argument.const if argument.names else argument.default
            if isinstance(value, str) and value is not SUPPRESS:
                value = self.convert(argument, value, typed)
            return value
        if not words and nargs == ZERO_OR_MORE and not argument.names:
            return [] if argument.default is None else argument.default
        values = [self.convert(argument, word, typed) for word in words]
        if argument.choices is not None and nargs != REMAINDER:
            for value in values:
                if value not in argument.choices:
                    raise ArgumentError(typed, 'not one of %s: %s' % (', '.join(
                        [str(c) for c in argument.choices]), shown(value)))
        return values[0] if nargs in (None, OPTIONAL) else values

    def convert(self, argument, word, typed):
        if argument.type is None:
            return word
        try:
            return argument.type(word)
        except ArgumentTypeError as error:
            raise ArgumentError(typed, str(error))
        except (TypeError, ValueError):
            raise ArgumentError(typed, 'not a valid %s: %s' % (
                getattr(argument.type, '__name__', 'value'), shown(word)))

    def check_required(self):
        missing = []
        for argument in self.parser._arguments:
            if argument in self.taken:
                continue
            default = argument.default
            if argument.required:
                missing.append(str(argument))
            elif (isinstance(default, str)
                    and getattr(self.namespace, argument.dest, None) is default):
                setattr(self.namespace, argument.dest,
                        self.convert(argument, default, argument))
        if missing:
            raise ArgumentError(', '.join(missing), 'missing')
        for group in self.parser._exclusive:
            if group.required and not [a for a in group.members if self.taken.get(a)]:
                raise ArgumentError(' or '.join([
                    str(a) for a in group.members if a.help is not SUPPRESS]), 'missing')
