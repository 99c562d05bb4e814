"""Waiting for a lock: said before it begins, explained, and without a poll.

The waiter blocks in flock(2) and costs no CPU.  A second thread sleeps beside
it until the next reminder or the end of the time limit: a signal for that
would throw the waiter back to the end of the kernel's queue.
"""

import fcntl
import posix
import select

try:
    import _thread  # novm: its name from 3.0 on
except ImportError:
    import thread as _thread

from sage_bootstrap import deadlock, holders, host, jobserver, locks, sidecar, slots, taking
from sage_bootstrap.messages import Failure, duration, quoted, say

_MOMENT = 1.0               # seconds that others may take to pass the gate
_FIRST_REMINDER = 30.0      # seconds; each later one after twice the time


def wait(lock, request, ancestors, side, gate, at_gate):
    """Block until `lock` is held as the Request asks: (record, loan), the
    sidecar.Record of it and the slots.Loan of our job slot, each None if none.

    `side` and `gate` are None for a plain lock; `at_gate` says that the gate
    is ours already.  Past the time limit this process ends with the conflict
    status.  Raises Failure for a deadlock.
    """
    if request.is_logged():
        request.note('waiting', request.held_up, **{'for': holders.process_ids(lock, side)})
    record = None
    if side:
        state = sidecar.AT_GATE if at_gate else sidecar.QUEUES
        record = _publish(lock, request, ancestors, side, state)
    watch = _Watch(lock, request, ancestors, side, record)
    watch.announce()
    loan = watch.loan = lend(side, ancestors)   # forks, so before there is a second thread
    if loan and record:
        record.add('lent 1\n')
    watch.start()
    if side:
        side.tidy()     # here and not once we hold the lock, where it would hold up others
    try:
        if not at_gate:
            locks.flock(gate, fcntl.LOCK_EX, lock.name)
        if at_gate or not lock.take(request.mode, block=False):
            if not at_gate and record:
                _step_into_gate(lock, request, ancestors, side, record)
            lock.take(request.mode)
    except Failure:
        watch.decide()
        watch.stop()
        if record:
            record.remove()
        watch.leave()
        raise
    watch.decide()
    if record:
        record.become(sidecar.HOLDS)
    if gate is not None:
        posix.close(gate)       # at once: all who come after us stand behind it
    request.note('got', nested=False, lent=loan is not None)
    watch.stop()
    if watch.said:
        say('got %s lock %s after %s' % (request.mode, lock.name, duration(watch.elapsed())))
    return record, loan


def first_reminder():
    """Seconds after which a waiter first says that it still waits."""
    try:
        return min(max(0.01, float(host.getenv('SAGE_FLOCK_REMINDER'))), 1e6)
    except ValueError:
        return _FIRST_REMINDER


def lend(side, ancestors):
    """The slots.Loan of our job slot; None where there is none to lend, or
    where enough others have lent theirs.

    side       a sidecar or anything else whose crowd() waits, or None
    ancestors  what SAGE_FLOCK_HELD tells of
    """
    if not host.getenv('MAKEFLAGS') or host.getenv('SAGE_FLOCK_KEEP_SLOT') not in ('', '0'):
        return None
    if side and side.crowd() > slots.MOST_GUARDIANS:
        return None
    try:
        pool = jobserver.find_pool(host.getenv('MAKEFLAGS'))
        return pool and slots.Loan(pool, sidecar.leave_marks(ancestors), bool(ancestors),
                                   holders.locked_above(ancestors))
    except OSError:         # no descriptor or no process to be had: keep the slot
        return None


def _publish(lock, request, ancestors, side, state):
    """The record of our wait, left where others look for rings."""
    turn = _turn(request, ancestors, side, state)
    record = taking.new_record(side, state, lock, request)
    if record:
        record.point(ancestors)
    _end(turn, lock, request, ancestors, record)
    return record


def _step_into_gate(lock, request, ancestors, side, record):
    """Pass from the queue into the gate, which can close a ring as well:
    whoever shares and queues behind us now waits for us."""
    turn = _turn(request, ancestors, side, sidecar.AT_GATE)
    record.become(sidecar.AT_GATE)
    _end(turn, lock, request, ancestors, record)


def _turn(request, ancestors, side, state):
    """The turn to publish and look for a ring, None where we can close none:
    who holds nothing is waited for by nobody, but for those who share and
    queue behind an exclusive waiter in the gate.  A timed wait ends by itself.
    """
    in_the_way = state == sidecar.AT_GATE and request.mode == locks.EXCLUSIVE
    if request.seconds is None and (ancestors or in_the_way):
        return deadlock.exclusively(side)
    return None


def _end(turn, lock, request, ancestors, record):
    """Look for a ring, if it is our turn, and end the turn."""
    if turn is None:
        return
    try:
        if record:
            _refuse_ring(lock, request, ancestors, record)
    finally:
        posix.close(turn)


def _refuse_ring(lock, request, ancestors, record):
    """Raise Failure if our wait closes a ring."""
    links = deadlock.ring(record, request.mode, ancestors)
    if links:
        record.remove()
        raise Failure(lock.name, deadlock.told(lock.name, _this(request), links))


def _this(request):
    if request.command:
        return "%d '%s'" % (posix.getpid(), quoted(request.command))
    return '%d' % posix.getpid()


class _Watch(object):
    """The thread that speaks for a blocked waiter and ends a timed wait."""

    def __init__(self, lock, request, ancestors, side, record):
        self.lock = lock
        self.request = request
        self.ancestors = ancestors
        self.side = side
        self.record = record
        self.loan = None
        self.began = host.now()
        self.said = False
        self.over = False
        self.turn = _thread.allocate_lock()     # who decides: the lock got, or time up
        self.ended = _thread.allocate_lock()

    def elapsed(self):
        """Seconds since the wait began."""
        return host.now() - self.began

    def announce(self):
        """Say that the wait begins, unless it is over in a moment."""
        if not holders.is_passing(self.lock, self.side, self.request.mode):
            self._say('waiting for')

    def start(self):
        """Watch the wait."""
        self.told, self.tell = posix.pipe()
        host.private(self.told)
        host.private(self.tell)
        self.ended.acquire()
        _thread.start_new_thread(self._run, ())

    def decide(self):
        """The wait is over: from here on no time limit ends this process."""
        self.turn.acquire()
        self.over = True
        self.turn.release()

    def stop(self):
        """See the thread off."""
        posix.close(self.tell)
        self.ended.acquire()
        posix.close(self.told)

    def leave(self):
        """We end without the lock: in the slot that is ours, or overdrawn."""
        if self.loan:
            self.loan.go()
            self.loan.close()
            self.request.note('slot', **self.loan.seconds)

    def _run(self):
        reminder = first_reminder() if self.said else _MOMENT
        limit = self.request.seconds
        while True:
            due = reminder if limit is None else min(reminder, limit)
            if self._sleep(due - self.elapsed()):
                break
            self.turn.acquire()
            if self.over:
                self.turn.release()
                break
            if limit is not None and self.elapsed() >= limit:
                self._give_up()
            if self.elapsed() >= reminder:
                reminder = self._remind(reminder)
            self.turn.release()
        self.ended.release()

    def _sleep(self, seconds):
        """Sleep; True if the wait ended meanwhile."""
        try:
            return select.select([self.told], [], [], max(0, seconds))[0]
        except (select.error, OSError):     # a signal on Python 2
            return False

    def _remind(self, due):
        """Speak up, as was `due`; when to do so next, in seconds of waiting."""
        if not self.said:
            self._say('waiting for')
            return max(first_reminder(), 2 * due)
        self._say('still waiting after %s for' % duration(self.elapsed()))
        if self.record and self.request.seconds is None:
            try:
                _refuse_ring(self.lock, self.request, self.ancestors, self.record)
            except Failure as failure:
                self._fail(failure)
        return 2 * due

    def _fail(self, failure):
        say(str(failure))
        self.request.note('failed', why=str(failure), lent=self.loan is not None)
        self.leave()
        posix._exit(failure.status)

    def _give_up(self):
        if not self.request.quiet:
            say('%s: not got within %s' % (self.lock.name, duration(self.request.seconds)))
        if self.record:
            self.record.remove()
        if not self.lock.ours:      # it may just have been got, and would outlive us
            self.lock.drop()
        self.request.note('gave-up', lent=self.loan is not None)
        self.leave()
        posix._exit(self.request.conflict)

    def _say(self, doing):
        """Say `doing` of the lock, to run what, and who is in the way."""
        if self.request.quiet:
            return
        self.said = True
        who = holders.in_words(self.lock, self.side, self.request.mode, self.record)
        say(self.request.line(doing, self.lock.name, who))
