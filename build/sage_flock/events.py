"""SAGE_FLOCK_LOG: what happened to which lock, one JSON object per line.

Every call appends its events to one file, each as one write to a descriptor
opened for appending, so that lines stay whole however many processes write at
once.  If a full disk leaves half a line, the next writer ends that line first,
and the call that wrote it logs no more.
sage-flock-report reads the file.  The fields:

event    asked     the call wants the lock
         waiting   it is held; `for`: process ids of those in the way
         got       it has it; `lent`: a job slot was lent meanwhile
         ran       the command has ended, with `status` as sh shows it
         served    not run: sweep `sweep` of `key` covered it.  The last event if
                   the lock was never taken
         gave-up   the lock was not got in time
         failed    the lock was not got, or the command not run, for the reason `why`
         released  the lock is dropped
         slot      the lent job slot is back, or left to its guardian; seconds for which it was
                   lent before the command (`lent_s`), the command ran without it
                   (`overdrawn_s`), and the call stayed for it afterwards (`lingered_s`)
call     names the call: process id and start, as its record does
lock     path of the lock, or URL  mode     shared, exclusive or pool; of a pool, `most`: how many it
                                            lets in, and with `got`, `place`: which of them it is
command  quoted and shortened      package  $SAGE_PKG, where the kit sets it
pid, host, time (seconds since the epoch), mono (seconds of a clock that is
never set back; null before Python 3.3)
nested   true where an ancestor's lock covers the call
sweep    the number of a sweep that ran, with its `key`
"""

import errno
import posix
import time

from sage_flock import python
from sage_flock.messages import reason, say
from sage_flock.request import clocks, not_logged

_PAUSES = (0.001, 0.01, 0.05, 0.1)      # seconds to wait for a line's end before it counts as broken
_TEXT_LIMIT = 1000      # characters of any text in a line
_PLAIN = ''.join([chr(code) for code in range(32, 127) if chr(code) not in '"\\'])


class Log(object):
    """The log of one call.  Call it with an event's name and fields to append
    a line.  `at` is when the event happened, by request.clocks()."""

    def __init__(self, path, lock_path, mode, command, most=None):
        """Raises OSError if `path` cannot be appended to."""
        flags = posix.O_APPEND | posix.O_CREAT | posix.O_NONBLOCK | posix.O_NOCTTY
        self.path = path
        try:
            fd = posix.open(path, flags | posix.O_RDWR, 0o666)
        except OSError:         # we may write to it, but not read it
            fd = posix.open(path, flags | posix.O_WRONLY, 0o666)
        self.fd = python.private(fd)
        pid = posix.getpid()
        pool = [] if most is None else [('most', most)]
        self.call = _members([('call', '%d-%x' % (pid, int(time.time() * 1000000))), ('pid', pid),
                              ('host', posix.uname()[1]), ('lock', lock_path), ('mode', mode)] + pool + [
                              ('command', command), ('package', python.getenv('SAGE_PKG'))])

    def __call__(self, event, at=None, **fields):
        if self.fd is None:
            return
        now, mono = at or clocks()
        members = [_members([('event', event), ('time', now), ('mono', mono)]), self.call]
        if fields:
            members.append(_members(sorted(fields.items())))
        line = python.raw('%s{%s}\n' % (self._end_of_broken_line(), ', '.join(members)))
        try:
            if posix.write(self.fd, line) < len(line):
                posix.write(self.fd, b'\n')     # raises the reason why the rest was not written
                raise OSError(errno.ENOSPC, 'half a line was written')
        except OSError as error:
            say('%s: cannot be logged to: %s' % (self.path, reason(error)))
            posix.close(self.fd)
            self.fd = None

    def _end_of_broken_line(self):
        """A newline if the log ends in half a line, as a full disk leaves it; else ''."""
        # A line that another process is writing can be seen half written, but not for long.
        for pause in _PAUSES:
            try:
                posix.lseek(self.fd, -1, 2)
                last = posix.read(self.fd, 1)
            except OSError:     # empty, not a file, or not readable
                return ''
            if last in (b'', b'\n'):
                return ''
            time.sleep(pause)
        return '\n'


def _members(pairs):
    return ', '.join(['%s: %s' % (as_json(key), as_json(value, _TEXT_LIMIT)) for key, value in pairs])


def as_json(value, limit=None):
    """`value` as JSON in ASCII, without the json module, whose import would cost
    more than a lock does.  Texts are cut at `limit` characters."""
    if value is None or value is True or value is False:
        return {None: 'null', True: 'true', False: 'false'}[value]
    if isinstance(value, dict):
        return '{%s}' % ', '.join(['%s: %s' % (as_json(key), as_json(one, limit)) for key, one in value.items()])
    if isinstance(value, (list, tuple)):
        return '[%s]' % ', '.join([as_json(one, limit) for one in value])
    if isinstance(value, float):
        return '%.6f' % value
    if not hasattr(value, 'lower'):
        return '%d' % value
    if not value.strip(_PLAIN):
        return '"%s"' % str(value[:limit])
    if isinstance(value, bytes):        # Python 2
        value = value.decode('utf-8', 'replace')
    return '"%s"' % ''.join([_escaped(char) for char in value[:limit]])


def _escaped(char):
    code = ord(char)
    if 32 <= code < 127 and char not in '"\\':
        return str(char)
    if code > 0xffff:
        code -= 0x10000
        return '\\u%04x\\u%04x' % (0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff))
    return '\\u%04x' % code


def log_for(lock, mode, command, most=None):
    """The Log of a call for `lock`, in the file that SAGE_FLOCK_LOG names.

    If that cannot be written, a warning says so and the call carries on.
    """
    path = python.getenv('SAGE_FLOCK_LOG')
    try:
        return Log(path, _absolute(lock), mode, command, most)
    except (OSError, ValueError, TypeError) as error:
        say('%s: cannot be logged to: %s' % (path, reason(error)))
        return not_logged


def _absolute(lock):
    if lock.fd is None:
        return lock.url
    try:
        return python.path_behind(lock.fd)
    except OSError:
        return lock.name
