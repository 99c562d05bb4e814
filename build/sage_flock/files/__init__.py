"""Locks that are files: the engine for one host, and for NFS; see at() in sage_flock.

How a lock is taken: at once, under an ancestor's, or after a wait.

The gate makes it fair: everyone takes the gate, then the lock while holding
the gate, then lets the gate go.  Those who only share pass it together, with
a shared lock on it, members of a pool one by one (pool.py); whoever has to wait does so in the gate alone, or in the
queue for it.  A call that will not wait (-n) takes none; if it would share,
it goes through the gate like everybody, or shared calls one after the other
would keep a waiting writer out.
What a nested call may do follows from what its ancestors hold:

    asked        held exclusively     held shared
    exclusive    run                  refused: it would wait for itself
    shared       run                  run
    pool         run                  run under a place of the pool; else it takes one

The waiting itself is in waiting.py, and what others have to do with the lock in
records.py; an uncontended lock loads neither.
"""

import fcntl
import posix
import time

from sage_flock.files import locks, sidecar
from sage_flock.files.locks import flock
from sage_flock.messages import Failure, reason, say
from sage_flock.request import EXCLUSIVE, POOL, SHARED, Hold, Unavailable, clocks, held


class Lock(locks.Lock):
    """An open lock file as call.py sees it."""

    def hold(self, request):
        """Take it as a request.Request asks: a request.Hold, or None when it
        was not got in time.  Raises Failure."""
        return take(self, request)

    def sweep(self, key):
        """The sweeps.Sweep called `key` of this lock.  Raises Unavailable."""
        from sage_flock.files import sweep
        return sweep.FileSweep(self, key)


def open_named(name, path):
    """The Lock called `name`, which is the file `path`.

    Raises Failure where it cannot be opened.
    """
    try:
        return Lock(name, path, locks.open_file(path))
    except (OSError, ValueError, TypeError) as error:
        raise Failure(locks.in_full(path), 'cannot be opened: ' + reason(error))


def open_descriptor(number):
    """The Lock behind descriptor `number`, which the caller's shell opened.

    Raises Failure where there is none.
    """
    try:
        posix.fstat(number)
    except (OSError, OverflowError):
        raise Failure('descriptor %d' % number, 'is not open (open it first, as in exec %d>FILE)' % number)
    return Lock(str(number), None, number)


def names(folder):
    """The names of the locks in `folder`, sorted: of those that sage-flock
    manages, and of any other file called *.lock.  Raises Failure."""
    from sage_flock.files import listing
    return listing.names(folder)


def users(name, path):
    """Who uses the lock called `name` at `path`, as a list of dicts for status.py."""
    from sage_flock.files import listing
    return listing.users(name, path)


class FileHold(Hold):
    """A request.Hold of a lock file; `record`: the sidecar.Record that says so, or None."""

    def __init__(self, lock, record, ancestors, nested=False, loan=None):
        Hold.__init__(self, lock, ancestors + ([record.path] if record else []), nested, loan)
        self.record = record

    def descriptors(self):
        """What the command inherits, so that a kill of ours frees nothing."""
        return ([self.lock.fd] + ([self.record.fd] if self.record else []) +
                list(self.lock.places.fds if self.lock.places else ()))

    def release(self):
        """Let go: for every copy of the descriptor, a daemon's included."""
        if self.record:
            self.record.remove()
        if not self.nested:
            self.lock.give_back()

    def is_awaited(self):
        from sage_flock.files import holders
        return holders.have_slots(self.lock, self.record and self.record.sidecar)

    def debts(self):
        return self.record.debts() if self.record else []


def take(lock, request):
    """Take `lock` as the Request says: a Hold, or None when not got in time.

    Raises Failure for an upgrade, a deadlock, a file system without locks.
    """
    return Taker(lock, request).take()


class Taker(object):
    """One call on its way to a lock, and what all steps of that way share.

    lock        the Lock
    request     the request.Request
    ancestors   what the processes hold that we run under: paths of live records,
                and addresses of locks of other engines
    side, gate  the lock's sidecar.Sidecar and a descriptor on its gate; None
                for a plain lock
    """

    def __init__(self, lock, request):
        self.lock = lock
        self.request = request
        self.ancestors = _ancestors() + list(request.ours)
        self.side = self.gate = None
        try:
            self.side, self.gate = sidecar.find(lock)
        except Unavailable as why:
            if request.mode == POOL:
                raise Failure(lock.name, 'cannot be a pool: %s' % why)
            if request.verbose:
                say('%s: a plain lock, neither fair nor named: %s' % (lock.name, why))
        if request.mode == POOL:
            from sage_flock.files import pool
            lock.places = pool.Places(lock.name, self.side, request.most)

    def take(self):
        """See take() of the module."""
        if self.side and self.ancestors and self._covers(self._mode_of_ancestors()):
            return self._run_nested()
        if not self.lock.ours and self._has_already():
            return self._hold()     # nothing to queue for, least of all behind who waits for it
        in_gate = self._enter()
        if in_gate and self.lock.take(self.request.mode, block=False):
            return self._got_at_once()
        under = None if self.lock.kept else self._unrecorded_ancestor()
        if under and under.supervises and self._covers(under.mode):
            return self._run_nested()
        if not self.request.wait:
            return self._give_up()
        if under and not under.supervises:
            if under.mode == SHARED and self.request.mode != EXCLUSIVE:
                if self.lock.take(self.request.mode, block=False):
                    return self._got_at_once()      # past a writer that waits for the ancestor
            elif under.waits and not self.request.timed:    # or it goes on, and unlocks one day
                raise Failure(self.lock.name,
                              'held by %s, under which this call runs, so it would wait for itself' % under.name)
        return self._wait(in_gate)

    # ---- The ways to a Hold

    def _hold(self, record=None, nested=False, loan=None):
        """The FileHold; whoever has left the gate to somebody else has set it None."""
        if self.gate is not None:
            posix.close(self.gate)
        return FileHold(self.lock, record, self.ancestors, nested, loan)

    def _run_nested(self):
        self.request.note('got', nested=True, lent=False)
        return self._hold(nested=True)

    def _got_at_once(self):
        self.request.note('got', nested=False, lent=False, **self.lock.place())
        record = None
        if self.side and self._outlasts_us():
            record = sidecar.new_record(self.side, sidecar.HOLDS, self.lock, self.request)
        hold = self._hold(record)
        clutter = self.side.clutter() if record else None
        if clutter:
            from sage_flock.files import records
            records.live(self.side, names=clutter)
        return hold

    def _give_up(self):
        self._hold()
        if self.lock.kept:
            self.lock.give_back()       # a flock(2) that fails has dropped it

    def _wait(self, in_gate):
        self.request.held_up = clocks()     # before what it takes to wait is loaded
        if not self.lock.ours:
            self.lock.drop()        # as flock(2) does when it turns one mode into the other
        if self.gate is not None and self.request.mode == SHARED:
            flock(self.gate, fcntl.LOCK_UN, self.lock.name)
            in_gate = False
        from sage_flock.files import waiting
        wait = waiting.Wait(self)
        wait.until_got(in_gate)     # and the gate is closed
        self.gate = None
        record = wait.record
        if record and not self._outlasts_us():
            record.remove()
            record = None
        return self._hold(record, loan=wait.loan)

    # ---- What it depends on

    def _covers(self, have):
        return self.request.is_covered(have, self.lock.name)

    def _mode_of_ancestors(self):
        from sage_flock.files import records
        return records.held_mode(self.ancestors, self.side)

    def _unrecorded_ancestor(self):
        """The proc.Ancestor of ours that holds the lock, though no record of
        it is to be seen, or None."""
        from sage_flock import proc
        it = proc.ancestor(self.lock.fd)
        if it and self.lock.places and it.mode == SHARED and self.lock.places.ancestor():
            it.mode = POOL
        return it

    def _has_already(self):
        """Does a shell's descriptor hold its lock as the Request asks, or better
        while a command runs?  What it holds is noted in the Lock."""
        from sage_flock import proc
        kept = self.lock.kept = proc.mode_through(self.lock.fd)
        return kept == self.request.mode or kept == EXCLUSIVE and self.request.command

    def _outlasts_us(self):
        """Is there somebody to keep a record live?  Behind a descriptor that a
        shell locks by number nothing of ours stays."""
        return self.lock.ours or bool(self.request.command)

    # ---- The gate

    def _enter(self):
        """Is the gate ours, or is there none to take?  Who does not wait passes
        it if whoever stands in it is stopped."""
        if self.gate is None or not (self.request.wait or self.request.mode != EXCLUSIVE):
            return True
        if self._try_gate():
            return True
        if self.request.wait:
            return False
        from sage_flock import proc
        return proc.stopped(self.gate)[1]

    def _try_gate(self):
        """Take the gate, retrying for 64 ms unless somebody is waiting in it."""
        operation = fcntl.LOCK_SH if self.request.mode == SHARED else fcntl.LOCK_EX
        for pause in (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032):
            if flock(self.gate, operation | fcntl.LOCK_NB, self.lock.name):
                return True
            if self.side.count(sidecar.AT_GATE):
                return False
            time.sleep(pause)
        return False


def _ancestors():
    if not held():
        return []
    from sage_flock.files import records
    return records.inherited()
