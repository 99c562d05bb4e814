"""--fcntl: locks of another kind, on a range of bytes in a file, as flock(1) takes them.

They are fcntl(2)'s open-file-description locks, which like those of flock(2)
belong to a descriptor and its copies, not to a process; the two kinds do not
see one another.  Such a lock is plain: it has no sidecar, so no queue, no
names and no nesting.  Linux has them; Python gives no name to them before 3.9.

https://man7.org/linux/man-pages/man2/fcntl.2.html
"""

import errno
import fcntl
import struct
import sys

from sage_flock import lines, python
from sage_flock.files import locks
from sage_flock.messages import USAGE, Failure, duration, first_reminder, reason, say_garbled
from sage_flock.python import signal
from sage_flock.request import EXCLUSIVE, SHARED, Hold

_TRY, _WAIT = 37, 38        # Linux: F_OFD_SETLK, F_OFD_SETLKW
_TYPE = {SHARED: fcntl.F_RDLCK, EXCLUSIVE: fcntl.F_WRLCK}
_TICK = 0.05                # seconds until an alarm is repeated that came just before the wait


class _TimeIsUp(Exception):
    """Raised by the alarm's handler where the lock is waited for."""


class RangeLock(locks.Lock):
    """A lock on `length` bytes, 0 for all to come, from byte `start` on."""

    def __init__(self, lock, start, length):
        locks.Lock.__init__(self, lock.name, lock.path, lock.fd)
        if not sys.platform.startswith('linux'):
            raise Failure(lock.name, 'locks of --fcntl are to be had on Linux only', USAGE)
        self.range = start, length

    def hold(self, request):
        """Take it as a request.Request asks: a request.Hold, or None when it was not got in time."""
        if self.take(request.mode, block=False):
            request.note('got', nested=False, lent=False)
            return RangeHold(self, [])
        if request.wait and _Wait(self, request).until_got():
            request.note('got', nested=False, lent=False)
            return RangeHold(self, [])
        return None

    def take(self, mode, block=True):
        return self._lock(_TYPE[mode], _WAIT if block else _TRY)

    def drop(self):
        self._lock(fcntl.F_UNLCK, _TRY)

    def give_back(self):
        self.drop()

    def _lock(self, kind, command):
        asked = struct.pack('@hhqqi0q', kind, 0, self.range[0], self.range[1], 0)
        while True:
            try:
                fcntl.fcntl(self.fd, command, asked)
                return True
            except (IOError, OSError) as error:
                if error.errno in (errno.EAGAIN, errno.EACCES) and command == _TRY:
                    return False
                if error.errno == errno.EBADF and kind == fcntl.F_WRLCK:
                    raise Failure(self.name, 'cannot be locked: it is open for reading only (-s would do with that)')
                if error.errno != errno.EINTR:
                    raise Failure(self.name, 'cannot be locked: ' + reason(error))


class RangeHold(Hold):
    """A RangeLock that is held."""

    record = None

    def descriptors(self):
        return [self.lock.fd]

    def release(self):
        self.lock.drop()


class _Wait(object):
    """One wait.  An alarm ends it in time, and reminds."""

    def __init__(self, lock, request):
        self.lock = lock
        self.request = request
        self.began = python.now()
        self.reminder = first_reminder()
        self.blocks = False     # in fcntl(2), or about to be: the alarm may raise, once

    def until_got(self):
        """Block until the lock is held; False past the time limit."""
        request = self.request
        request.note('waiting', **{'for': []})
        self._say('waiting for')
        say_garbled()
        before = signal.signal(signal.SIGALRM, self._ring)
        try:
            self._set()
            self.blocks = True
            self.lock.take(request.mode)
            self.blocks = False
        except _TimeIsUp:
            lines.say_not_got(request, self.lock.name, lines.InTheWay(None))
            return False
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        if not request.quiet:
            lines.say_got(request, self.lock.title(), self._elapsed())
        return True

    def _elapsed(self):
        return python.now() - self.began

    def _set(self):
        due = self.reminder if self.request.seconds is None else min(self.reminder, self.request.seconds)
        signal.setitimer(signal.ITIMER_REAL, max(0.001, due - self._elapsed()), _TICK)

    def _ring(self, number, frame):
        if self.request.seconds is not None and self._elapsed() >= self.request.seconds:
            if self.blocks:
                self.blocks = False
                raise _TimeIsUp
            return
        if self._elapsed() >= self.reminder:
            self._say('still waiting after %s for' % duration(self._elapsed()))
            self.reminder *= 2
            self._set()

    def _say(self, doing):
        if not self.request.quiet:
            lines.say_waiting(self.request, self.lock.title(), doing, lines.InTheWay(None))
