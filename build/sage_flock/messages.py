"""What sage-flock says, and how it fails: one line, one write, no traceback."""

import errno
import posix
import sys

from sage_flock import python

# Exit statuses of our own; README.md holds the whole table.
CONFLICT, USAGE, FAILED, CANNOT_RUN, NOT_FOUND = 1, 2, 125, 126, 127

_FIRST_REMINDER = 30.0      # seconds; the interval doubles each time
_NAMED = 3      # how many names a clause lists before it counts the rest
_PLAIN = frozenset('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
                   '0123456789_-+=./:,@%^')

# Unicode's format characters and line separators, as ranges: they reverse text or hide it.  (On a narrow build
# of Python 2 those above ffff are two halves, whose first is db40 where it hides anything.)
_INVISIBLE = ((0xad, 0xad), (0x600, 0x605), (0x61c, 0x61c), (0x6dd, 0x6dd), (0x70f, 0x70f), (0x890, 0x891),
              (0x8e2, 0x8e2), (0x180e, 0x180e), (0x200b, 0x200f), (0x2028, 0x202e), (0x2060, 0x206f),
              (0xdb40, 0xdb40), (0xfeff, 0xfeff), (0xfff9, 0xfffb), (0x110bd, 0x110bd), (0x110cd, 0x110cd),
              (0x13430, 0x1343f), (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a), (0xe0000, 0xe0fff))


class Failure(Exception):
    """Why we cannot go on: prints `what: why` with `hint` after it, unless that is said already; ends with `status`."""

    hint = ''
    is_said = False

    def __init__(self, what, why, status=FAILED):
        Exception.__init__(self, '%s: %s' % (what, why))
        self.status = status


def reason(error):
    """An OSError or IOError in words, without its number."""
    return getattr(error, 'strerror', None) or str(error)


def unexpected(error):
    """An exception that nobody has expected, while it is handled, in words;
    with SAGE_FLOCK_DEBUG=1 the whole traceback goes to stderr first."""
    if getattr(error, 'errno', None) in (errno.EMFILE, errno.ENFILE):
        return 'descriptors: none left: the limit (ulimit -n) is too low'
    if python.getenv('SAGE_FLOCK_DEBUG') not in ('', '0'):
        import traceback
        traceback.print_exc()
        sys.stderr.flush()
    place = sys.exc_info()[2]
    while place.tb_next:
        place = place.tb_next
    return 'internal error: %s: %s (%s:%d)' % (error.__class__.__name__, error,
                                               place.tb_frame.f_code.co_filename.rpartition('/')[2], place.tb_lineno)


def say(message):
    """Write `sage-flock: message` to stderr as one line, in one write.

    A line in one piece survives `make -j`, where many share a terminal.
    If it cannot be written, the message is lost and the work goes on.
    """
    write(2, 'sage-flock: ' + printable(message) + '\n')


def write(fd, line):
    """Write all of `line` (str) to `fd`; returns False if that failed."""
    data = python.raw(line)
    while data:
        try:
            data = data[posix.write(fd, data):]
        except OSError as error:
            if error.errno != errno.EINTR:
                return False
    return True


def printable(message):
    """`message` on one line, control characters and broken text as \\xNN."""
    if python.PY3:
        return ''.join([_escaped(c) for c in message])
    try:
        return ''.join([_escaped(c) for c in message.decode('utf-8')]).encode('utf-8')
    except UnicodeDecodeError:
        return ''.join([c if 32 <= ord(c) < 127 else '\\x%02x' % ord(c) for c in message])


def _escaped(char):
    code = ord(char)
    if 32 <= code < 127:
        return char
    # C0, DEL and C1 controls; on Python 3 also the codes that stand for undecodable bytes.
    if code < 160 or (python.PY3 and 0xd800 <= code < 0xe000):
        return '\\x%02x' % (code & 0xff)
    for first, last in _INVISIBLE:
        if first <= code <= last:
            return ('\\u%04x' if code < 0x10000 else '\\U%08x') % code
    return char


def quoted(argv, limit=72):
    """The command line `argv` in one piece, as sh would read it.

    It is for people, so it has at most `limit` characters: if it is longer the middle goes.
    """
    if len(argv) > 4 and argv[1] == '-S':
        if argv[3].endswith('/sage-flock'):
            argv = ['sage-flock'] + list(argv[4:])      # as $(SAGE_FLOCK) wrote it
        elif argv[3].endswith('/sage_spkg/__main__.py'):
            argv = argv[4:]                             # as build/bin/sage-spkg did
    words = _words_up_to(limit, argv)
    if len(words) < len(argv):
        words += ['...'] + _words_up_to(limit, argv[:len(words) - 1:-1])[::-1]
    return shortened(' '.join(words), limit)


def _words_up_to(limit, argv):
    """Quoted words of `argv`, the first ones, until they have more than `limit` characters."""
    words = []
    length = 0
    for word in argv:
        words.append(_quoted_word(word))
        length += len(words[-1]) + 1
        if length > limit:
            break
    return words


def shortened(line, limit=72):
    """`line` made printable, `limit` characters at most: if it is longer the middle goes, for an ellipsis."""
    line = printable(line)
    if len(line) <= limit:
        return line
    from sage_flock import terminal
    line = terminal.cut(terminal.characters(line), limit, '...')
    return line if python.PY3 else line.encode('utf-8')


def _quoted_word(word):
    if word and _PLAIN.issuperset(word):
        return word
    return '"%s"' % word if "'" in word else "'%s'" % word


def listed(names):
    """The words `names` as a clause; of many only the first, and how many more."""
    if len(names) > _NAMED:
        names = names[:_NAMED] + ['%d more' % (len(names) - _NAMED)]
    if len(names) < 2:
        return ''.join(names)
    return ', '.join(names[:-1]) + ' and ' + names[-1]


def duration(seconds):
    """A length of time for people: 0.3 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return '%.1f s' % seconds
    whole = int(seconds + 0.5)
    if whole < 60:
        return '%d s' % whole
    if whole < 3600:
        return '%d min %d s' % (whole // 60, whole % 60)
    return '%d h %d min' % (whole // 3600, whole % 3600 // 60)


def seconds_in(word):
    """The number of seconds that `word` is, as float; None if it is none, or longer than a lifetime."""
    try:
        seconds = float(word)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 1e9 else None


def time_limit():
    """Seconds for which a call waits that does not say how long: SAGE_FLOCK_TIMEOUT; None for ever."""
    return seconds_in(python.getenv('SAGE_FLOCK_TIMEOUT'))


def first_reminder():
    """Seconds after which a waiter first says that it still waits: SAGE_FLOCK_REMINDER."""
    seconds = seconds_in(python.getenv('SAGE_FLOCK_REMINDER'))
    return _FIRST_REMINDER if seconds is None else max(0.01, seconds)


def say_garbled():
    """Say which variables about waiting are garbled, when somebody has to wait."""
    for name, instead in (('SAGE_FLOCK_TIMEOUT', 'no limit'),
                          ('SAGE_FLOCK_REMINDER', 'reminders as usual')):
        word = python.getenv(name)
        if word and seconds_in(word) is None:
            say("%s: '%s' is no number of seconds: %s" % (name, shortened(word), instead))
