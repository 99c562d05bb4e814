"""What the other end of a descriptor can show: how wide it is, in colours or not, in which letters."""

import posix

from sage_flock import python

BOLD, DIM = '1', '2'
_USUAL = 80         # columns of a terminal that does not say


def columns(fd):
    """How many columns there are behind `fd`; None if that is no terminal.  COLUMNS overrules."""
    given = python.getenv('COLUMNS')
    if python.is_number(given):
        return int(given)
    if not posix.isatty(fd):
        return None
    import fcntl
    import struct
    import termios
    try:
        return struct.unpack('HHHH', fcntl.ioctl(fd, termios.TIOCGWINSZ, b'\0' * 8))[1] or _USUAL
    except (IOError, OSError):
        return _USUAL


def has_colours(fd):
    """Is there a terminal behind `fd` that is to be written to in colours?"""
    return (posix.isatty(fd) and not python.getenv('NO_COLOR')
            and python.getenv('TERM') not in ('', 'dumb'))


def painted(text, style):
    """`text` in BOLD or DIM."""
    return '\033[%sm%s\033[0m' % (style, text) if style and text else text


def dots():
    """What stands for what was left out, characters(): one where the locale knows it."""
    locale = python.getenv('LC_ALL') or python.getenv('LC_CTYPE') or python.getenv('LANG')
    one = characters(python.text(b'\xe2\x80\xa6'))
    # More than one are those that Python makes of bytes which are no text to it.
    return one if len(one) == 1 and 'UTF8' in locale.upper().replace('-', '') else characters('...')


def characters(text):
    """The str `text`, which is printable, as what can be counted and cut: characters."""
    return text.decode('utf-8', 'replace') if isinstance(text, bytes) else text


def encoded(text):
    """The bytes that show characters()."""
    return python.raw(text) if python.PY3 else text.encode('utf-8')


def cut(text, room, mark):
    """`text`, characters(), in `room` columns at most: the middle goes, and `mark` stands for it."""
    if len(text) <= room:
        return text
    head = max(0, room - len(mark)) // 2
    tail = max(0, room - len(mark) - head)
    return (text[:head].rstrip() + mark + text[len(text) - tail:].lstrip())[:max(0, room)]
