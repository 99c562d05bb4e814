"""Locks that are files: the engine for one host, and for NFS; see at() in sage_flock.

How a lock is taken: at once, under an ancestor's, or after a wait.

The gate makes it fair: everyone takes the gate, then the lock while holding
the gate, then lets the gate go.  Those who only share pass it together, with
a shared lock on it; whoever has to wait does so in the gate alone, or in the
queue for it.  A call that will not wait (-n) takes none; if it would share,
it goes through the gate like everybody, or shared calls one after the other
would keep a waiting writer out.
What a nested call may do follows from what its ancestors hold:

    asked        held exclusively     held shared
    exclusive    run                  refused: it would wait for itself
    shared       run                  run

The waiting itself is in waiting.py, and what others have to do with the lock in
records.py; an uncontended lock loads neither.
"""

import fcntl
import posix
import time

from sage_flock.files import locks, sidecar
from sage_flock.files.locks import flock
from sage_flock.messages import Failure, reason, say
from sage_flock.request import EXCLUSIVE, SHARED, Hold, Unavailable, held, moment


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
        raise Failure(path, 'cannot be opened: ' + reason(error))


def open_descriptor(number):
    """The Lock behind descriptor `number`, which the caller's shell opened.

    Raises Failure where there is none.
    """
    try:
        posix.fstat(number)
    except (OSError, OverflowError) as error:
        raise Failure('descriptor %d' % number, reason(error))
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
        return [self.lock.fd] + ([self.record.fd] if self.record else [])

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
    ancestors = _ancestors()
    try:
        side, gate = sidecar.find(lock)
    except Unavailable as why:
        side = gate = None
        if request.verbose:
            say('%s: a plain lock, neither fair nor named: %s' % (lock.name, why))
    if side and ancestors and _covered(lock, request, _held_mode(ancestors, side)):
        _leave(gate)
        request.note('got', nested=True, lent=False)
        return FileHold(lock, None, ancestors, nested=True)
    if not lock.ours and _has_already(lock, request):
        _leave(gate)        # nothing to queue for, least of all behind who waits for it
        return FileHold(lock, None, ancestors)
    if gate is None or not (request.wait or request.mode == SHARED):
        at_gate = True      # there is none to take
    else:
        at_gate = _enter(gate, lock, request.mode, side)
        if not at_gate and not request.wait:
            at_gate = _is_stopped(gate)
    if at_gate and lock.take(request.mode, block=False):
        return _got_at_once(lock, request, ancestors, side, gate)
    under = None if lock.kept else _ancestor(lock)
    if under and under.supervises and _covered(lock, request, under.mode):
        _leave(gate)
        request.note('got', nested=True, lent=False)
        return FileHold(lock, None, ancestors, nested=True)
    if under and not under.supervises and request.wait:
        if under.mode == request.mode == SHARED and lock.take(request.mode, block=False):
            return _got_at_once(lock, request, ancestors, side, gate)   # past a writer that waits for the ancestor
        if under.waits and request.seconds is None:     # or it goes on, and unlocks one day
            raise Failure(lock.name, 'held by %s, under which this call runs, so it would wait for itself' % under.name)
    if not request.wait:
        _leave(gate)
        if lock.kept:
            lock.give_back()        # a flock(2) that fails has dropped it
        return None
    request.held_up = moment()      # before what it takes to wait is loaded
    if not lock.ours:
        lock.drop()         # as flock(2) does when it turns one mode into the other
    if gate is not None and request.mode == SHARED:
        flock(gate, fcntl.LOCK_UN, lock.name)
        at_gate = False
    from sage_flock.files import waiting
    record, loan = waiting.wait(lock, request, ancestors, side, gate, at_gate)
    if record and not _outlasts_us(lock, request):
        record.remove()
        record = None
    return FileHold(lock, record, ancestors, loan=loan)


def _ancestors():
    """What the processes hold that we run under: live records, and what there
    is of other engines."""
    if not held():
        return []
    from sage_flock.files import records
    return records.inherited()


def _held_mode(ancestors, side):
    from sage_flock.files import records
    return records.held_mode(ancestors, side)


def _got_at_once(lock, request, ancestors, side, gate):
    request.note('got', nested=False, lent=False)
    record = None
    if side and _outlasts_us(lock, request):
        record = sidecar.new_record(side, sidecar.HOLDS, lock, request)
    _leave(gate)
    if record:
        clutter = side.clutter()
        if clutter:
            from sage_flock.files import records
            records.live(side, names=clutter)
    return FileHold(lock, record, ancestors)


def _outlasts_us(lock, request):
    """Is there somebody to keep a record live?  Behind a descriptor that a
    shell locks by number nothing of ours stays."""
    return lock.ours or bool(request.command)


def _has_already(lock, request):
    """Does a shell's descriptor hold its lock as the Request asks, or better
    while a command runs?  What it holds is noted in `lock`."""
    from sage_flock import proc
    lock.kept = proc.mode_through(lock.fd)
    return lock.kept == request.mode or lock.kept == EXCLUSIVE and request.command


def _leave(gate):
    if gate is not None:
        posix.close(gate)


def _covered(lock, request, have):
    """Does a lock held in the mode `have` (None: not held) by the command that
    we run under cover this call?"""
    if have == SHARED and request.mode == EXCLUSIVE:
        raise Failure(lock.name, 'held shared by the command that this one runs under, '
                      'so an exclusive lock would wait for itself')
    return have is not None


def _is_stopped(gate):
    """Is whoever is in the gate stopped, so that everybody passes it?"""
    from sage_flock import proc
    return proc.stopped(gate)[1]


def _ancestor(lock):
    """The proc.Ancestor of ours that holds the lock, though no record of it
    is to be seen, or None."""
    from sage_flock import proc
    return proc.ancestor(lock.fd)


def _enter(gate, lock, mode, side):
    """Take the gate if it is free, or is soon: unless somebody stands in it
    and waits, others just pass, and a moment is not worth a waiting line."""
    operation = fcntl.LOCK_SH if mode == SHARED else fcntl.LOCK_EX
    for pause in (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032):
        if flock(gate, operation | fcntl.LOCK_NB, lock.name):
            return True
        if side.count(sidecar.AT_GATE):
            return False
        time.sleep(pause)
    return False
