"""The help texts of our argparse, and groups: what a plain run need not load."""

import os

from .argparse import (ONE_OR_MORE, OPTIONAL, RawDescriptionHelpFormatter,
                       REMAINDER, SUPPRESS, ZERO_OR_MORE)

INDENT = 2
COLUMN = 24         # where the explanations begin


class Group(object):
    """A titled section of the help."""

    def __init__(self, parser, title, description):
        self.parser = parser
        self.title = title
        self.description = description

    def add_argument(self, *names, **how):
        argument = self.parser.add_argument(*names, **how)
        argument.section = self
        return argument

    def add_mutually_exclusive_group(self, required=False):
        group = self.parser.add_mutually_exclusive_group(required)
        group.section = self
        return group


class ExclusiveGroup(object):
    """Arguments that exclude each other; required: one there must be."""

    def __init__(self, parser, required):
        self.parser = parser
        self.required = required
        self.section = None
        self.members = []

    def add_argument(self, *names, **how):
        argument = self.parser.add_argument(*names, **how)
        if argument.required:
            raise ValueError('%s: required, but others exclude it' % argument)
        argument.section = self.section
        argument.rivals = self
        self.members.append(argument)
        return argument


def usage(parser):
    """The text of 'usage: ...', its newline included."""
    start = 'usage: '
    if parser.usage is not None:
        return start + expanded(parser.usage, parser) + '\n'
    start += parser.prog + ' '
    pieces = _usage_pieces(parser)
    lines = _lines(pieces, _width() - len(start)) or ['']
    return (start + ('\n' + ' ' * len(start)).join(lines)).rstrip() + '\n'


def page(parser):
    """All of --help."""
    raw = parser.formatter_class == RawDescriptionHelpFormatter
    blocks = [usage(parser)]
    blocks += _paragraph(parser.description, parser, raw)
    unnamed = [a for a in parser._arguments if a.section is None]
    blocks += _section('positional arguments', None,
                       [a for a in unnamed if not a.names], parser, raw)
    blocks += _section('options', None, [a for a in unnamed if a.names], parser, raw)
    for group in parser._sections:
        blocks += _section(group.title, group.description, [
            a for a in parser._arguments if a.section is group], parser, raw)
    blocks += _paragraph(parser.epilog, parser, raw)
    return '\n'.join(blocks)


def expanded(text, parser):
    # Only texts that name the program are templates; others may hold a '%'.
    return text % {'prog': parser.prog} if '%(prog)' in text else text


def write(text, stream):
    if stream is None:              # Python 3 was started with it closed
        return
    try:
        stream.write(text)
    except UnicodeError:            # a C locale, or bytes that are no UTF-8
        stream.write(text.encode('ascii', 'backslashreplace').decode('ascii'))


def _width():
    try:
        columns = int(os.environ.get('COLUMNS', ''))
    except ValueError:
        columns = 80
    return max(columns, 40) - 2


def _lines(pieces, width):
    """pieces filled into lines; none is broken, a long one sticks out."""
    lines = []
    for piece in pieces:
        if lines and len(lines[-1]) + 1 + len(piece) <= width:
            lines[-1] += ' ' + piece
        else:
            lines.append(piece)
    return lines


def _section(title, description, arguments, parser, raw):
    shown = [a for a in arguments if a.help is not SUPPRESS]
    if not shown and not description:
        return []
    block = '%s:\n' % title if title else ''
    for about in _paragraph(description, parser, raw, INDENT):
        block += about + '\n'
    return [block + ''.join([_entry(argument, parser) for argument in shown])]


def _paragraph(text, parser, raw, indent=0):
    if not text:
        return []
    text = expanded(text, parser)
    margin = ' ' * indent
    if raw:
        lines = text.rstrip('\n').split('\n')
    else:
        lines = _lines(text.split(), _width() - indent)
    return [''.join([(margin + line).rstrip() + '\n' for line in lines])]


def _name(argument):
    """What one word of an argument is called."""
    if argument.metavar is not None:
        return argument.metavar
    if argument.choices is not None:
        return '{%s}' % ','.join([str(choice) for choice in argument.choices])
    return argument.dest.upper() if argument.names else argument.dest


def _values(argument):
    """What stands for all the words of an argument: 'FILE', '[FILE ...]'."""
    nargs = argument.nargs
    shape = {None: '%', OPTIONAL: '[%]', ZERO_OR_MORE: '[% ...]',
             ONE_OR_MORE: '% [% ...]', REMAINDER: '...'}.get(nargs)
    if shape is None:
        shape = ' '.join(['%'] * nargs)
    return shape.replace('%', _name(argument))


def _usage_pieces(parser):
    """Options, then positionals; what excludes each other is one piece."""
    options, positionals, done = [], [], []
    for argument in parser._arguments:
        if argument in done or argument.help is SUPPRESS:
            continue
        group = argument.rivals
        members = group.members if group else [argument]
        done += members
        members = [a for a in members if a.help is not SUPPRESS]
        inner = ' | '.join([(' '.join([a.names[0], _values(a)]).rstrip()
                             if a.names else _values(a)) for a in members])
        if group and len(members) > 1:
            inner = ('(%s)' if group.required else '[%s]') % inner
        elif argument.names and not (argument.required or group and group.required):
            inner = '[%s]' % inner
        (options if argument.names else positionals).append(inner)
    return options + positionals


def _entry(argument, parser):
    """An argument's lines under its heading."""
    if argument.names:
        left = ' '.join([', '.join(argument.names), _values(argument)]).rstrip()
    else:
        left = _name(argument)
    left = ' ' * INDENT + left
    if not argument.help:
        return left + '\n'
    facts = dict(vars(argument), prog=parser.prog,
                 type=getattr(argument.type, '__name__', argument.type))
    if argument.choices is not None:
        facts['choices'] = ', '.join([str(c) for c in argument.choices])
    lines = _lines((argument.help % facts).split(), _width() - COLUMN)
    if len(left) <= COLUMN - 2:
        lines[0] = left.ljust(COLUMN) + lines[0]
    else:
        lines[0] = left + '\n' + ' ' * COLUMN + lines[0]
    return ('\n' + ' ' * COLUMN).join(lines) + '\n'
