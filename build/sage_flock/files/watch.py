"""The second thread of a waiter: reminders, the time limit, and a way past the stopped.

It sleeps until the next of them is due.  A signal instead of a thread would
throw the waiter back to the end of the kernel's queue.

A stopped waiter must not stand in the gate: one day the lock is free and
nobody comes in.  A Ctrl-Z leaves the queue (interrupts.py), but a SIGSTOP
cannot be caught.  So this thread tries the lock now and then while its waiter
queues for the gate, with one flock(2) that does not wait.  If that gets the
lock and whoever is in the gate is stopped, it keeps it and calls the first
thread off; if not, it lets go at once, which wakes the one in the gate.  One
that is not stopped and lets a free lock lie at several looks in a row, seconds
apart, cannot be woken (a frozen cgroup, another host's kernel) and is passed as
well.  Either way the lock is held by flock(2) as ever.
"""

import posix

try:
    import _thread  # novm: its name from 3.0 on
except ImportError:
    import thread as _thread

from sage_flock import lines, proc
from sage_flock.files import records, sidecar
from sage_flock.messages import FAILED, Failure, duration, first_reminder, listed, say, unexpected
from sage_flock.request import EXCLUSIVE

_PASSING = 1.0              # seconds after which a wait that was not announced is
_FIRST_LOOK, _RAREST = 1.0, 4.0     # seconds between looks past the one in the gate: at first, and at most
_DEAF = 4                   # looks at which it let a free lock lie before it is passed, though not stopped


class Watch(object):
    """The thread that watches a waiting.Wait, and what the two share."""

    def __init__(self, wait):
        self.wait = wait
        self.over = False       # the lock is got, or there is no more hope of it
        self.queues = False     # the first thread queues for the gate: the second may try the lock
        self.passed = False     # and has got it
        self.decision = _thread.allocate_lock()     # who decides: the lock got, or time up
        self.ended = _thread.allocate_lock()        # held while the thread runs
        self.deaf = (None, 0)   # who is in the gate, and how often it let a free lock lie

    # ---- In the first thread

    def start(self, queues):
        """Watch the wait, which `queues` for the gate or is in it."""
        self.queues = queues
        self.ended.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except _thread.error:
            self._do_without()

    def _do_without(self):
        """There is no thread to be had, at the limit of processes: the wait
        goes without reminders, and a signal ends it in time."""
        self.ended.release()
        request = self.wait.request
        if request.seconds is not None:
            self.wait.interrupts.ring_at(request.seconds - self.wait.elapsed(), self._time_is_up)
        elif not request.quiet:
            say('%s: no thread to be had: there will be no reminders of this wait' % self.wait.lock.name)

    def _time_is_up(self):
        if not self.over:
            self._give_up()

    def has_passed(self):
        """Has the second thread got the lock?  From here on it does not try."""
        self.decision.acquire()
        self.queues = False
        self.decision.release()
        return self.passed

    def decide(self):
        """The wait is over: from here on no time limit ends this process."""
        self.decision.acquire()
        self.over = True
        self.decision.release()

    # ---- In the second

    def _run(self):
        try:
            self._watch()
        except Exception as error:      # if the thread just ended, the wait would go on without its limit
            say(unexpected(error))
            posix._exit(FAILED)

    def _watch(self):
        self.wait.interrupts.leave_to_first_thread()
        reminder = first_reminder() if self.wait.said else _PASSING
        pause = look = _FIRST_LOOK
        limit = self.wait.request.seconds
        while True:
            due = reminder if limit is None else min(reminder, limit)
            if self.queues:
                due = min(due, look)
            if self.wait.interrupts.sleep(due - self.wait.elapsed()):
                break
            self.decision.acquire()
            if self.over:
                self.decision.release()
                break
            is_up = limit is not None and self.wait.elapsed() >= limit
            if self.queues and (is_up or self.wait.elapsed() >= look):
                self.passed = self._pass()
                pause = min(2 * pause, _RAREST)
                look = self.wait.elapsed() + pause
            if self.passed:
                self.decision.release()
                self.wait.interrupts.call_off(lambda: self.over)
                break
            if is_up:
                self._give_up()
            if self.wait.elapsed() >= reminder:
                reminder = self._remind(reminder)
            self.decision.release()
        self.ended.release()

    def _pass(self):
        """Get the lock past whoever is in the gate, if it is free and that one
        stopped, or not to be woken; True if it is ours."""
        lock, request = self.wait.lock, self.wait.request
        try:
            if not lock.take(request.mode, block=False):
                self.deaf = (None, 0)
                return False
            pids, stopped = proc.stopped(self.wait.gate)
            if not stopped and not self._is_deaf(pids):
                lock.drop()
                return False
        except Failure:
            return False
        if not request.quiet:
            say('%s: free, but %s, first in the queue, %s: going before it' % (
                lock.name, listed(proc.named(pids)) or 'somebody',
                'is stopped' if stopped else 'does not wake up'))
        return True

    def _is_deaf(self, pids):
        """Has whoever is in the gate let a free lock lie again and again?"""
        lock, side = self.wait.lock, self.wait.side
        try:
            who = pids, [one.id for one in records.live(side, sidecar.AT_GATE)]
        except OSError:
            who = pids, []
        # Held shared it is free for us, but not for a writer in the gate.
        if who == ([], []) or not lock.take(EXCLUSIVE, block=False):
            self.deaf = (None, 0)
            return False
        self.deaf = (who, self.deaf[1] + 1 if who == self.deaf[0] else 1)
        return self.deaf[1] >= _DEAF and lock.take(self.wait.request.mode, block=False)

    def _remind(self, due):
        """Speak up, as was `due`; when to do so next, in seconds of waiting."""
        if not self.wait.said:
            self.wait.say('waiting for')
            return max(first_reminder(), 2 * due)
        self.wait.say('still waiting after %s for' % duration(self.wait.elapsed()))
        try:
            self.wait.refuse_ring()
        except Failure as failure:
            say(str(failure))
            self._end('failed', failure.status, why=str(failure))
        return 2 * due

    def _give_up(self):
        request = self.wait.request
        lines.say_not_got(request, self.wait.lock.name, self.wait.in_the_way())
        record = self.wait.record
        if record:
            record.remove()
        if not self.wait.lock.ours:     # it may just have been got, and would outlive us
            self.wait.lock.give_back()
        self._end('gave-up', request.conflict)

    def _end(self, event, status, **fields):
        """End this process with `status`, noting the event."""
        self.wait.request.note(event, lent=self.wait.loan is not None, **fields)
        self.wait.request.let_go()
        self.wait.leave()
        posix._exit(status)
