"""Waiting for a lock: said before it begins, explained, and without a poll.

The waiter blocks in flock(2) and costs no CPU.  A second thread sleeps beside
it until the next reminder or the end of the time limit: a signal for that
would throw the waiter back to the end of the kernel's queue.

A stopped waiter must not stand in the gate: the lock is free one day, and
nobody would come in.  Two things see to it:

* A Ctrl-Z (SIGTSTP) is caught.  The waiter lets gate and record go, stops, and
  queues anew when it is continued.
* A SIGSTOP cannot be caught.  So the second thread of whoever queues for the
  gate tries the lock now and then, one flock(2) that does not wait.  If it has
  got the lock, and the one in the gate is stopped, it keeps it and calls the
  first thread off; if not, it lets go at once, which wakes the one in the gate.
  One that is not stopped and yet lets a free lock lie at several looks in a
  row, seconds apart, is not to be woken (a frozen cgroup, another host's kernel)
  and passed as well.  Either way the lock is held by flock(2) as ever.
"""

import fcntl
import posix
import select
import time

try:
    import _thread  # novm: its name from 3.0 on
except ImportError:
    import thread as _thread

from sage_flock import proc, python, slots
from sage_flock.files import deadlock, holders, locks, records, sidecar
from sage_flock.python import signal
from sage_flock.messages import Failure, duration, first_reminder, listed, quoted, say
from sage_flock.request import EXCLUSIVE

_MOMENT = 1.0               # seconds that others may take to pass the gate
_FIRST_LOOK, _RARELY = 1.0, 4.0     # seconds between looks past the one in the gate: at first, and at most
_DEAF = 4                   # looks at which it let a free lock lie before it is passed, though not stopped
_DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_OWN_WORD = python.raw(chr(signal.SIGURG))
_ROUNDS, _STRETCH = 12, 5.0     # repeated signals in a row, and seconds after which it is another row
_LONGEST_NUDGE = 0.08
_NUDGE = 0.01               # seconds until a signal that the first thread missed is repeated


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
    watch = _Watch(lock, request, ancestors, side, gate, record)
    loan = watch.loan = slots.lend(side, ancestors)   # forks, so before there is a second thread
    watch.note_loan()
    watch.listen()      # before a word is said: who reads it may press Ctrl-Z
    watch.announce()
    watch.start(not at_gate)
    if side:
        records.live(side, names=side.clutter())    # not once we hold the lock, where it would hold up others
    try:
        while not _come_in(watch, at_gate):
            watch.stand_aside()
            watch.record = side and _publish(lock, request, ancestors, side, sidecar.QUEUES)
            watch.note_loan()
            at_gate = False
            watch.queues = True
    except Failure:
        watch.decide()
        watch.stop()
        if watch.record:
            watch.record.remove()
        if lock.kept:
            lock.give_back()
        watch.leave()
        raise
    watch.decide()
    record = watch.record
    if record:
        record.become(sidecar.HOLDS)
    if gate is not None:
        posix.close(gate)       # at once: all who come after us stand behind it
    request.note('got', nested=False, lent=loan is not None)
    watch.stop()
    if watch.said:
        say('got %s lock %s after %s' % (request.mode, lock.title(), duration(watch.elapsed())))
    return record, loan


def _come_in(watch, at_gate):
    """Block for the gate, unless it is ours already, and for the lock; False
    if a Ctrl-Z wants us to stop first."""
    lock, request, record = watch.lock, watch.request, watch.record
    if not at_gate:
        got = watch.block(watch.gate, fcntl.LOCK_EX)
        if watch.has_passed():
            return True
        if not got:
            return False
        if lock.take(request.mode, block=False):
            return True
        if record:
            _step_into_gate(lock, request, watch.ancestors, watch.side, record)
    return watch.block(lock.fd, locks.OPERATION[request.mode])


def _publish(lock, request, ancestors, side, state):
    """The record of our wait, left where others look for rings."""
    turn = _turn(request, ancestors, side, state)
    record = sidecar.new_record(side, state, lock, request)
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
    in_the_way = state == sidecar.AT_GATE and request.mode == EXCLUSIVE
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


def _nothing(number, frame):
    """What SIGURG does by default."""


class _CalledOff(Exception):
    """Raised by a signal's handler where the first thread blocks in flock(2)."""


class _Watch(object):
    """The thread that speaks for a blocked waiter, ends a timed wait, and looks
    whether whoever is in the gate is stopped; and what the two threads share."""

    def __init__(self, lock, request, ancestors, side, gate, record):
        self.lock = lock
        self.request = request
        self.ancestors = ancestors
        self.side = side
        self.gate = gate
        self.record = record
        self.loan = None
        self.began = python.now()
        self.said = False
        self.over = False
        self.turn = _thread.allocate_lock()     # who decides: the lock got, or time up
        self.ended = _thread.allocate_lock()
        self.queues = False     # the first thread queues for the gate: the second may try the lock
        self.passed = False     # and has got it
        self.stopping = False   # a Ctrl-Z has come, or what ends us
        self.dying = None       # its number
        self.blocks = False     # the first thread is in flock(2), or about to be: a handler may raise
        self.rounds = 0         # how many signals were repeated in a row, and when the last one was
        self.repeated = 0.0
        self.deaf = (None, 0)   # who is in the gate, and how often it let a free lock lie
        self.actions = []       # of signals, to be put back

    def elapsed(self):
        """Seconds since the wait began."""
        return python.now() - self.began

    def announce(self):
        """Say that the wait begins, unless it is over in a moment."""
        if not holders.is_passing(self.lock, self.side, self.request.mode):
            self._say('waiting for')

    def listen(self):
        """From here on signals are caught, and what stops or ends us leaves the queue first."""
        self.told, self.tell = posix.pipe()
        python.private(self.told)
        python.private(self.tell)
        if self.gate is not None:
            self._catch()

    def start(self, queues):
        """Watch the wait, which `queues` for the gate or is in it."""
        self.queues = queues
        self.ended.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except _thread.error:
            self._go_on_alone()

    def _go_on_alone(self):
        """Wait without the second thread, at the limit of processes: without
        reminders and looks past the gate, and ended in time by a signal."""
        self.ended.release()
        if self.request.seconds is None:
            if not self.request.quiet:
                say('%s: no thread to be had: there will be no reminders of this wait' % self.lock.name)
            return
        self.actions.append((signal.SIGALRM, signal.signal(signal.SIGALRM, self._is_up)))
        # Again and again, for one that comes just before flock(2) blocks would be heard only after it.
        signal.setitimer(signal.ITIMER_REAL, max(_NUDGE, self.request.seconds - self.elapsed()), _NUDGE)

    def _is_up(self, number, frame):
        if not self.over:
            self._give_up()

    def _catch(self):
        """Have signals call the first thread off."""
        self.first_thread = _thread.get_ident()
        fcntl.fcntl(self.tell, fcntl.F_SETFL, posix.O_NONBLOCK)
        signal.set_wakeup_fd(self.tell)
        # What would end us does so a moment later, if a job slot is lent: else make may count its tokens before our
        # guardian has taken one back.
        for number in (signal.SIGURG, signal.SIGTSTP) + (_DEADLY if self.loan else ()):
            before = signal.getsignal(number)
            if number == signal.SIGURG or before == signal.SIG_DFL:     # ignored stays ignored
                self.actions.append((number, before))
                signal.signal(number, self._call_off)

    def _call_off(self, number, frame):
        if number in _DEADLY:
            self.dying = number
        if number != signal.SIGURG:
            self.stopping = True
        if self.blocks and (self.stopping or self.passed):
            self.blocks = False
            raise _CalledOff

    def block(self, fd, operation):
        """flock(2) for as long as it takes; False if called off, though then it
        may just have been got."""
        try:
            self.blocks = True
            if not self.stopping and not self.passed:
                locks.flock(fd, operation, self.lock.name)
            self.blocks = False
        except _CalledOff:
            pass
        return not self.stopping

    def has_passed(self):
        """Has the second thread got the lock?  From here on it does not try."""
        self.turn.acquire()
        self.queues = False
        self.turn.release()
        return self.passed

    def stand_aside(self):
        """Leave the queue, stop as the Ctrl-Z says, and come back continued."""
        self.lock.drop()
        if self.record:
            self.record.end()
            self.record = None
        locks.flock(self.gate, fcntl.LOCK_UN, self.lock.name)
        self._stop_now()
        signal.signal(signal.SIGTSTP, self._call_off)

    def _stop_now(self):
        if self.dying:
            self._die()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self.stopping = False
        posix.kill(posix.getpid(), signal.SIGTSTP)

    def _die(self):
        """End as self.dying says, once the lent job slot is back, if it soon is."""
        for number in _DEADLY:
            signal.signal(number, signal.SIG_DFL)
        if self.record:
            self.record.remove()
        self.lock.drop()
        self.loan.say_goodbye()
        posix.kill(posix.getpid(), self.dying)

    def decide(self):
        """The wait is over: from here on no time limit ends this process."""
        self.turn.acquire()
        self.over = True
        self.turn.release()

    def stop(self):
        """See the thread off."""
        if signal.SIGALRM in dict(self.actions):
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self.gate is not None:
            signal.set_wakeup_fd(-1)
        posix.close(self.tell)
        self.ended.acquire()
        posix.close(self.told)
        # Only now: of a signal that has come, and whose handler is yet to run, it would call the default, a number.  On
        # Python 2 one may be left for long; so what is to do nothing gets a handler that does nothing.
        for number, action in self.actions:
            signal.signal(number, _nothing if (number, action) == (signal.SIGURG, signal.SIG_DFL) else action)
        if self.stopping:       # it came too late to leave the queue
            self._stop_now()

    def note_loan(self):
        """Have our record say that while we wait we occupy no job slot."""
        if self.loan and self.record:
            self.record.add('lent 1\n')

    def leave(self):
        """Have no more part in the lock, and be done with the lent slot."""
        if self.loan:
            if self.lock.ours:      # the first thread may get it yet: it is to go at once then
                posix.close(self.lock.fd)
            if self.gate is not None:
                posix.close(self.gate)
            self.loan.leave(self.request.note)

    def _run(self):
        if hasattr(signal, 'pthread_sigmask'):
            # All are for the first thread: the end of the command, too, if it comes before this thread is quite gone.
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))  # novm
        reminder = first_reminder() if self.said else _MOMENT
        pause = look = _FIRST_LOOK
        limit = self.request.seconds
        while True:
            due = reminder if limit is None else min(reminder, limit)
            if self._sleep((min(due, look) if self.queues else due) - self.elapsed()):
                break
            self.turn.acquire()
            if self.over:
                self.turn.release()
                break
            is_up = limit is not None and self.elapsed() >= limit
            if self.queues and (is_up or self.elapsed() >= look):
                self.passed = self._pass()
                pause = min(2 * pause, _RARELY)
                look = self.elapsed() + pause
            if self.passed:
                self.turn.release()
                self._call_first_thread_off()
                break
            if is_up:
                self._give_up()
            if self.elapsed() >= reminder:
                reminder = self._remind(reminder)
            self.turn.release()
        self.ended.release()

    def _sleep(self, seconds):
        """Sleep; True if the wait ended meanwhile."""
        try:
            if not select.select([self.told], [], [], max(0, seconds))[0]:
                return False
            heard = posix.read(self.told, 64)
        except (select.error, OSError):     # a signal on Python 2
            return False
        if heard.strip(_OWN_WORD):
            self._repeat()
        return not heard

    def _repeat(self):
        """See that the first thread minds a signal: the handler of one that
        comes just before flock(2) blocks runs only after it, so send another.

        Before Python 3.3 nothing tells word of ours from that of others, and
        of two signals at once there is but one; so each word is answered, for
        about a second at a stretch.
        """
        if python.VERSION < (3, 3):
            if python.now() - self.repeated > _STRETCH:
                self.rounds = 0
            self.repeated = python.now()
            if self.rounds == _ROUNDS:
                self.rounds = 0
                return
            self.rounds += 1
        time.sleep(min(_NUDGE * 2 ** self.rounds, _LONGEST_NUDGE))
        self._nudge()

    def _nudge(self):
        if hasattr(signal, 'pthread_kill'):
            signal.pthread_kill(self.first_thread, signal.SIGURG)  # novm
        else:
            posix.kill(posix.getpid(), signal.SIGURG)

    def _call_first_thread_off(self):
        while not self.over:
            self._nudge()
            time.sleep(_NUDGE)

    def _pass(self):
        """Get the lock past whoever is in the gate, if it is free and that one
        stopped, or not to be woken; True if it is ours."""
        try:
            if not self.lock.take(self.request.mode, block=False):
                self.deaf = (None, 0)
                return False
            pids, stopped = proc.stopped(self.gate)
            if not stopped and not self._is_deaf(pids):
                self.lock.drop()
                return False
        except Failure:
            return False
        if not self.request.quiet:
            say('%s: free, but %s, first in the queue, %s: going before it' % (
                self.lock.name, listed(proc.named(pids)) or 'somebody',
                'is stopped' if stopped else 'does not wake up'))
        return True

    def _is_deaf(self, pids):
        """Has whoever is in the gate let a free lock lie again and again?"""
        try:
            who = pids, [one.id for one in records.live(self.side, sidecar.AT_GATE)]
        except OSError:
            who = pids, []
        # Held shared it is free for us, but not for a writer in the gate.
        if who == ([], []) or not self.lock.take(EXCLUSIVE, block=False):
            self.deaf = (None, 0)
            return False
        self.deaf = (who, self.deaf[1] + 1 if who == self.deaf[0] else 1)
        return self.deaf[1] >= _DEAF and self.lock.take(self.request.mode, block=False)

    def _remind(self, due):
        """Speak up, as was `due`; when to do so next, in seconds of waiting."""
        if not self.said:
            self._say('waiting for')
            return max(first_reminder(), 2 * due)
        self._say('still waiting after %s for' % duration(self.elapsed()))
        record = self.record        # a Ctrl-Z takes it away
        if record and self.request.seconds is None:
            try:
                _refuse_ring(self.lock, self.request, self.ancestors, record)
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
        record = self.record
        if record:
            record.remove()
        if not self.lock.ours:      # it may just have been got, and would outlive us
            self.lock.give_back()
        self.request.note('gave-up', lent=self.loan is not None)
        self.leave()
        posix._exit(self.request.conflict)

    def _say(self, doing):
        """Say `doing` of the lock, to run what, and who is in the way."""
        if self.request.quiet:
            return
        self.said = True
        who = holders.in_words(self.lock, self.side, self.request.mode, self.record)
        say(self.request.line(doing, self.lock.title(), who))
