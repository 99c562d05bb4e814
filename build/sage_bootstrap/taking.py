"""How a lock is taken: at once, under an ancestor's, or after a wait.

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

The waiting itself is in waiting.py, which an uncontended lock never loads.
"""

import fcntl
import posix
import time

from sage_bootstrap import host, locks, sidecar
from sage_bootstrap.messages import Failure, quoted, say


def not_logged(event, at=None, **fields):
    """The note of a Request where nobody asked for a log."""


def moment():
    """Now: seconds since the epoch, and seconds of a clock that is never set
    back, None before Python 3.3."""
    return time.time(), getattr(time, 'monotonic', lambda: None)()


class Request(object):
    """What is asked of a lock.

    mode       locks.SHARED or locks.EXCLUSIVE
    command    the argv to run, [] in the FD form
    wait       False: do not wait (-n)
    seconds    how long to wait (-w); None: for ever
    conflict   the exit status when it was not got in time (-E)
    quiet, verbose
    note       called with the name and the fields of an event: events.Log
    held_up    the moment() at which it found the lock held, or None
    """

    held_up = None

    def __init__(self, mode, command, wait=True, seconds=None, conflict=1,
                 quiet=False, verbose=False, note=not_logged):
        self.mode = mode
        self.command = command
        self.wait = wait
        self.seconds = seconds
        self.conflict = conflict
        self.quiet = quiet
        self.verbose = verbose
        self.note = note

    def is_logged(self):
        """Does a log want to know more than is known for nothing?"""
        return self.note is not not_logged

    def line(self, doing, name, who):
        """The line that says `doing` of the lock called `name`, and `who` is in the way."""
        line = '%s %s lock %s' % (doing, self.mode, name)
        if self.command:
            line += " to run '%s'" % quoted(self.command)
        return line + (': ' + who if who else '')


class Hold(object):
    """A lock that is held, by us or, when `nested`, by an ancestor.

    inherited  the record paths that the command is told of
    loan       the slots.Loan of a job slot lent while waiting, or None
    watch      to be called with the process id of the command once it runs;
               None where the command holds the lock as well as we do
    """

    watch = None

    def __init__(self, lock, record, ancestors, nested=False, loan=None):
        self.lock = lock
        self.record = record
        self.inherited = ancestors + ([record.path] if record else [])
        self.nested = nested
        self.loan = loan

    def descriptors(self):
        """What the command inherits, so that a kill of ours frees nothing."""
        return [self.lock.fd] + ([self.record.fd] if self.record else [])

    def release(self):
        """Let go: for every copy of the descriptor, a daemon's included."""
        if self.record:
            self.record.remove()
        if not self.nested:
            self.lock.give_back()

    def go(self):
        """The command is to run: wait for the job slot that was lent, or for
        the overdraft, if one was."""
        if self.loan:
            self.loan.go(self._is_awaited)

    def _is_awaited(self):
        from sage_bootstrap import holders
        return holders.have_slots(self.lock, self.record and self.record.sidecar)

    def is_over(self):
        """The command has ended, and the lock is still held."""
        if self.loan:
            self.loan.end()

    def linger(self, heed_signals):
        """Wait, once the lock is dropped, until no job slot is lent, by us or
        under us.  heed_signals() lets signals end this process meanwhile."""
        debts = self.record.debts() if self.record and 'jobserver' in host.getenv('MAKEFLAGS') else []
        if not debts and not self.loan:
            return
        heed_signals()
        if self.loan:
            self.loan.linger()
        if debts:
            from sage_bootstrap import holders, slots
            slots.await_marks(debts, len(self.inherited) > 1 or holders.locked_above(()))

    def end_loan(self, note=not_logged):
        """Be done with the job slot that was lent, if one was."""
        if self.loan:
            self.loan.close()
            note('slot', **self.loan.seconds)
            self.loan = None


def take(lock, request):
    """Take `lock` as the Request says: a Hold, or None when not got in time.

    Raises Failure for an upgrade, a deadlock, a file system without locks.
    """
    ancestors = sidecar.inherited_records()
    try:
        side, gate = sidecar.find(lock)
    except sidecar.Unavailable as why:
        side = gate = None
        if request.verbose:
            say('%s: a plain lock, neither fair nor named: %s' % (lock.name, why))
    if side and ancestors and _covered(lock, request, sidecar.held_mode(ancestors, side)):
        _leave(gate)
        request.note('got', nested=True, lent=False)
        return Hold(lock, None, ancestors, nested=True)
    if not lock.ours and _has_already(lock, request):
        _leave(gate)        # nothing to queue for, least of all behind who waits for it
        return Hold(lock, None, ancestors)
    if gate is None or not (request.wait or request.mode == locks.SHARED):
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
        return Hold(lock, None, ancestors, nested=True)
    if under and not under.supervises and request.wait:
        if under.mode == request.mode == locks.SHARED and lock.take(request.mode, block=False):
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
    if gate is not None and request.mode == locks.SHARED:
        locks.flock(gate, fcntl.LOCK_UN, lock.name)
        at_gate = False
    from sage_bootstrap import waiting
    record, loan = waiting.wait(lock, request, ancestors, side, gate, at_gate)
    if record and not _outlasts_us(lock, request):
        record.remove()
        record = None
    return Hold(lock, record, ancestors, loan=loan)


def _got_at_once(lock, request, ancestors, side, gate):
    request.note('got', nested=False, lent=False)
    record = None
    if side and _outlasts_us(lock, request):
        record = new_record(side, sidecar.HOLDS, lock, request)
    _leave(gate)
    if record:
        side.tidy()
    return Hold(lock, record, ancestors)


def _outlasts_us(lock, request):
    """Is there somebody to keep a record live?  Behind a descriptor that a
    shell locks by number nothing of ours stays."""
    return lock.ours or bool(request.command)


def _has_already(lock, request):
    """Does a shell's descriptor hold its lock as the Request asks, or better
    while a command runs?  What it holds is noted in `lock`."""
    from sage_bootstrap import holders
    lock.kept = holders.mode_through(lock)
    return lock.kept == request.mode or lock.kept == locks.EXCLUSIVE and request.command


def _leave(gate):
    if gate is not None:
        posix.close(gate)


def _covered(lock, request, have):
    """Does a lock held in the mode `have` (None: not held) by the command that
    we run under cover this call?"""
    if have == locks.SHARED and request.mode == locks.EXCLUSIVE:
        raise Failure(lock.name, 'held shared by the command that this one runs under, '
                      'so an exclusive lock would wait for itself')
    return have is not None


def _is_stopped(gate):
    """Is whoever is in the gate stopped, so that everybody passes it?"""
    from sage_bootstrap import holders
    return holders.stopped(gate)[1]


def _ancestor(lock):
    """The holders.Ancestor of ours that holds the lock, though no record of it
    is to be seen, or None."""
    from sage_bootstrap import holders
    return holders.ancestor(lock)


def _enter(gate, lock, mode, side):
    """Take the gate if it is free, or is soon: unless somebody stands in it
    and waits, others just pass, and a moment is not worth a waiting line."""
    operation = fcntl.LOCK_SH if mode == locks.SHARED else fcntl.LOCK_EX
    for moment in (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032):
        if locks.flock(gate, operation | fcntl.LOCK_NB, lock.name):
            return True
        if side.count(sidecar.AT_GATE):
            return False
        time.sleep(moment)
    return False


def new_record(side, state, lock, request):
    """A sidecar.Record of this call in `state`; None where none can be made."""
    timed = request.seconds is not None
    try:
        return sidecar.Record(side, state, sidecar.text_for(
            request.mode, quoted(request.command, 200), timed))
    except (IOError, OSError) as error:
        if request.verbose:
            say('%s: no record of this call can be left: %s' % (lock.name, error.strerror))
        return None
