"""What our argparse prints, which a plain run need not load."""

import os

from .argparse import SUPPRESS

INDENT = 2
COLUMN = 24         # where the explanations begin


def usage(parser):
    """The text of 'usage: ...', its newline included."""
    return 'usage: %s\n' % parser.usage


def page(parser):
    """All of --help."""
    shown = [a for a in parser._arguments if a.help is not SUPPRESS]
    blocks = [usage(parser), parser.description.rstrip('\n') + '\n']
    for title, arguments in (('positional arguments', [a for a in shown if not a.names]),
                             ('options', [a for a in shown if a.names])):
        if arguments:
            blocks.append('%s:\n%s' % (title, ''.join([_entry(argument) for argument in arguments])))
    blocks.append(parser.epilog.rstrip('\n') + '\n')
    return '\n'.join([block for block in blocks if block != '\n'])


def write(text, stream):
    if stream is None:              # Python 3 was started with it closed
        return
    try:
        stream.write(text)
    except UnicodeError:            # a C locale, or bytes that are no UTF-8
        stream.write(text.encode('ascii', 'backslashreplace').decode('ascii'))


def _entry(argument):
    """An argument's lines under its heading."""
    name = argument.metavar or argument.dest
    if argument.names:
        value = ' ' + (argument.metavar or argument.dest.upper()) if argument.takes_word else ''
        name = ', '.join(argument.names) + value
    left = ' ' * INDENT + name
    if not argument.help:
        return left + '\n'
    lines = _lines(argument.help.split(), _width() - COLUMN)
    if len(left) <= COLUMN - 2:
        lines[0] = left.ljust(COLUMN) + lines[0]
    else:
        lines[0] = left + '\n' + ' ' * COLUMN + lines[0]
    return ('\n' + ' ' * COLUMN).join(lines) + '\n'


def _lines(words, width):
    """words filled into lines; none is broken, a long one sticks out."""
    lines = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += ' ' + word
        else:
            lines.append(word)
    return lines


def _width():
    try:
        columns = int(os.environ.get('COLUMNS', ''))
    except ValueError:
        columns = 80
    return max(columns, 40) - 2
