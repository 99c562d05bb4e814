"""A pool: a lock that is shared by so many at a time, and no more.

Each of them holds a shared flock(2) on the lock itself, so whoever has that
exclusively, flock(1) too, keeps the pool out, and the pool keeps it out; and
each has a *place*.  Of every place there are two files in the sidecar:

place.K     whoever has place K holds an exclusive flock(2) on it
bell.K      a fifo that it has open meanwhile.  Who lets the place go writes a
            byte into it; who is killed closes it.  Either wakes up who reads

The command inherits both, as it inherits the lock.  So a place is free when
the last of those is gone who had it, and nothing is stale after a SIGKILL.

A place is only looked for in the gate, which a member of a pool takes
exclusively even to pass.  So none is taken while somebody counts, and one at
most waits: it listens to the bells of all places that are taken.  It reads
what was rung before it looks at a place, and listens after, so no ring is
lost.  Everybody who locks a place, be it for a look, has its bell open from
before that to after it.

Callers may name different numbers.  Places are taken from 1 upwards, and
whoever names N gets one of the first N, if no more than N - 1 are taken in all.

On NFS a bell is heard on its own host only.  A place that is taken while
nobody has its bell open belongs to another host: it is looked at once a
second.
"""

import fcntl
import posix

from sage_flock import python
from sage_flock.files.locks import flock
from sage_flock.messages import Failure, reason
from sage_flock.python import stat

_FIRST_LOOK, _RAREST = 0.001, 1.0   # seconds until a place without a bell is looked at again: at first, and at most


class Places(object):
    """The places of one lock, and the one that is ours.

    name    the lock's name, for messages
    most    how many may be taken once we are in
    number  of our place; None while we have none
    fds     the descriptors by which we hold it
    taken   the numbers of those that others had at the last look
    """

    def __init__(self, name, side, most):
        self.name = name
        self.side = side
        self.most = most
        self.number = None
        self.fds = ()
        self.taken = []
        self.bells = {}         # by number: descriptors to listen to
        self.audible = {}       # those of them that somebody has open who may ring
        self.pause = _FIRST_LOOK
        self.is_closed = False

    def enter(self):
        """Have a place, if there is one for us; is there?  Raises Failure."""
        if self.fds:
            return True
        self.taken = []
        mine = None
        number = 1
        while number <= self.most and not mine or self._is_there(number):
            found = self._try(number)
            if not found:
                self.taken.append(number)
            elif mine or number > self.most:
                self._give(found)
            else:
                mine = number, found
                if not self._is_there(self.most + 1):
                    break       # nobody was ever behind the places that are for us
            number += 1
        if mine and len(self.taken) >= self.most:
            self._give(mine[1])
            return False
        if mine:
            self.number, self.fds = mine[0], tuple([python.inherited(fd) for fd in mine[1]])
        if self.is_closed:
            self.leave()
        return bool(self.fds)

    def leave(self):
        """Let our place go, for every copy of its descriptors."""
        fds, self.fds, self.number = self.fds, (), None
        if fds:
            self._give(fds)

    def close(self):
        """Have no place any more, and get none, whatever another thread is about."""
        self.is_closed = True
        self.leave()

    def ancestor(self):
        """The proc.Ancestor of ours that has a place, or None."""
        from sage_flock import proc
        number = 1
        while self._is_there(number):
            fd = self._open('place', number)
            try:
                found = proc.ancestor(fd)
            finally:
                posix.close(fd)
            if found:
                return found
            number += 1
        return None

    # ---- Waiting, in the gate

    def look(self):
        """enter() for one that will sleep() if there is no place."""
        self.audible = {}
        number = 1
        while self._is_there(number):
            if number not in self.bells:
                self.bells[number] = self._open('bell', number, posix.O_RDONLY)
            if _is_held(self.bells[number]):
                self.audible[number] = self.bells[number]
            number += 1
        return self.enter()

    def sleep(self):
        """Until a place may be free."""
        bells = [self.audible[number] for number in self.taken if number in self.audible]
        seconds = None if len(bells) == len(self.taken) else self.pause
        self.pause = _FIRST_LOOK if python.readable(bells, seconds) else min(2 * self.pause, _RAREST)

    def stop_listening(self):
        """Close what look() has opened."""
        for fd in self.bells.values():
            posix.close(fd)
        self.bells = {}

    # ---- One place

    def _is_there(self, number):
        return python.is_there(self._path('place', number))

    def _path(self, kind, number):
        return '%s/%s.%d' % (self.side.folder, kind, number)

    def _try(self, number):
        """Place `number`, if nobody has it: its descriptors, else None."""
        # The place first: its number is the lower one, and the dying close that first.
        fds = [self._open('place', number)]
        try:
            fds.append(self._open('bell', number))
            if flock(fds[0], fcntl.LOCK_EX | fcntl.LOCK_NB, self.name):
                return fds
        except Failure:
            _close(fds)
            raise
        _close(fds)
        return None

    def _give(self, fds):
        place, bell = fds
        flock(place, fcntl.LOCK_UN, self.name)
        try:
            posix.write(bell, b'.')
        except OSError:         # it is full: then there is enough to hear
            pass
        _close(fds)

    def _open(self, kind, number, flags=posix.O_RDWR):
        """A descriptor on a file of place `number`, made where missing."""
        path = self._path(kind, number)
        try:
            if kind == 'place':
                return self.side.open_file(path)
            if not python.is_there(path):
                self.side.make_fifo(path)
            fd = posix.open(path, flags | posix.O_NONBLOCK | python.NOFOLLOW)
        except OSError as error:
            raise Failure(self.name, 'no place in the pool: %s: %s' % (path, reason(error)))
        if not stat.S_ISFIFO(posix.fstat(fd).st_mode):
            posix.close(fd)
            raise Failure(self.name, 'no place in the pool: %s is no fifo' % path)
        return python.private(fd)


def _is_held(bell):
    """Read what was rung.  Has anybody the bell open who may ring it?"""
    try:
        while posix.read(bell, 4096):
            pass
        return False
    except OSError:     # nothing more to read, by somebody who may still ring
        return True


def _close(fds):
    for fd in fds:
        posix.close(fd)
