"""What differs between interpreters, kept in one place.

A build takes a lock thousands of times, and most of the cost is Python's
start.  So the hot path imports `posix` where others would import os
(2 to 5 ms) and `_signal` where others would import signal (5 ms: it pulls in
enum), and it writes with posix.write, which needs no buffers and no flush.
"""

import sys
import posix
import fcntl

if '_signal' in sys.builtin_module_names:
    import _signal as signal
else:                       # before 3.5 the C module goes by the plain name
    import signal

try:
    import _stat as stat    # what the stat module is made of, from 3.4 on
except ImportError:
    import stat             # noqa

VERSION = sys.version_info[:2]
PY3 = VERSION[0] >= 3
_ENCODING = sys.getfilesystemencoding() or 'utf-8'
# Arguments that are no valid text must come out as the bytes that went in.
_ERRORS = 'surrogateescape' if VERSION >= (3, 1) else 'replace'
_BYTES_ENVIRON = VERSION >= (3, 2)

_LONGEST = 1e6      # seconds that a poll(2) can last

NOFOLLOW = getattr(posix, 'O_NOFOLLOW', 0)

# Descriptors that the command inherits are numbered from here: scripts use
# the low ones, a stale MAKEFLAGS points at 3 and 4, and a command started
# with its stdin closed must not find the lock there.
INHERITED_FROM = 20


def raw(words):
    """The bytes that stand for the str `words` in argv, in the environment, in a path."""
    if PY3 and not isinstance(words, bytes):
        return words.encode(_ENCODING, _ERRORS)
    return words


def text(data):
    """The str that stands for the bytes `data`; raw() gives them back."""
    if PY3 and isinstance(data, bytes):
        return data.decode(_ENCODING, _ERRORS)
    return data


def is_number(word):
    """Is `word` a whole number in plain digits?  isdigit() accepts digits that
    int() does not, and int() refuses thousands of them."""
    return 0 < len(word) < 20 and not word.strip('0123456789')


def getenv(name):
    """The environment variable `name` as str; '' if it is not set."""
    value = posix.environ.get(raw(name) if _BYTES_ENVIRON else name)
    return '' if value is None else text(value)


def environment(changes):
    """A copy of the environment for a command, with `changes` (str to str).

    From 3.7 on Python under the C locale sets LC_CTYPE for whatever it
    starts.  That is undone: the command sees what we were given.
    """
    env = dict(posix.environ)
    if PY3 and getenv('LC_CTYPE') in ('C.UTF-8', 'C.utf8', 'UTF-8'):
        name = b'LC_CTYPE' if _BYTES_ENVIRON else 'LC_CTYPE'
        given = _at_start('LC_CTYPE', env[name])
        if given is None:
            del env[name]
        else:
            env[name] = given if _BYTES_ENVIRON else text(given)
    for name, value in changes.items():
        if _BYTES_ENVIRON:
            name, value = raw(name), raw(value)
        env[name] = value
    return env


def _at_start(name, current):
    """The variable's value when this process was started, as bytes; None if it
    was not set; `current` if that cannot be found out."""
    try:
        given = read_file('/proc/self/environ', 1 << 22)
    except OSError:         # no /proc
        return current
    for pair in given.split(b'\0'):
        if pair.startswith(raw(name) + b'='):
            return pair[len(name) + 1:]
    return None


def is_there(path):
    """Is there anything called `path`, even if it is a dangling link?"""
    try:
        posix.lstat(path)
        return True
    except OSError:
        return False


def path_behind(fd):
    """The path of the file that the descriptor `fd` is open on.  OSError without /proc."""
    return posix.readlink('/proc/self/fd/%d' % fd)


def now():
    """Seconds on the clock for measuring: from 3.3 on, one that is never set."""
    import time
    return getattr(time, 'monotonic', time.time)()


def readable(fds, seconds=None):
    """Those of the descriptors `fds` that can be read or are at their end, once there are some, after `seconds` at
    most; on Python 2 none after a signal."""
    import select
    if seconds is not None:
        seconds = max(0, min(seconds, _LONGEST))
    try:
        try:
            return select.select(fds, [], [], seconds)[0]
        except ValueError:      # it knows no numbers from 1024 on, and our caller may have left us no others
            poll = select.poll()
            for fd in fds:
                poll.register(fd, select.POLLIN)
            return [fd for fd, _ in poll.poll(None if seconds is None else int(seconds * 1000) + 1)]
    except (select.error, OSError):
        return []


def read_file(path, limit):
    """The first `limit` bytes of a file.  Raises OSError if it cannot be read."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | NOFOLLOW)
    try:
        parts = []
        while limit > 0:
            part = posix.read(fd, min(limit, 65536))
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return b''.join(parts)
    finally:
        posix.close(fd)


def private(fd):
    """Keep descriptor `fd` from the command (close-on-exec); returns it."""
    if not PY3 or VERSION < (3, 4):
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    return fd


def inherited(fd):
    """Move `fd` up to where commands inherit it; returns the new number.

    From Python 3.4 on posix.open sets close-on-exec
    (https://peps.python.org/pep-0446/); F_DUPFD clears it on every version.
    """
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD, INHERITED_FROM)
    except (IOError, OSError):      # `ulimit -n` allows fewer
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD, 3)
    posix.close(fd)
    return moved


def guard_standard_descriptors():
    """Make sure that 0, 1 and 2 are open, so that no file of ours lands there.

    With stderr closed, a lock file would be opened as 2 and messages written
    into it.  What is opened here is close-on-exec: the command finds its
    descriptors closed, as it would without us.
    """
    for fd in (0, 1, 2):
        try:
            posix.fstat(fd)
        except OSError:
            private(posix.open('/dev/null', posix.O_RDWR))
