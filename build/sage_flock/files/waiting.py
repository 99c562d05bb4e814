"""Waiting for a lock: said before it begins, explained, and without a poll.

The waiter blocks in flock(2), first for the gate and in the gate for the lock,
and costs no CPU.  What speaks for it meanwhile, and ends it in time, is a
second thread (watch.py); what gets it out of flock(2) is in interrupts.py.
"""

import fcntl
import posix

from sage_flock import lines, python, slots
from sage_flock.files import deadlock, holders, interrupts, locks, records, sidecar, watch
from sage_flock.messages import Failure, quoted, say_garbled
from sage_flock.request import SHARED


class Wait(object):
    """One wait for a lock.

    lock, request, ancestors, side, gate    as of the files.Taker
    record      our sidecar.Record, or None: a plain lock, or no record to be had
    loan        the slots.Loan of our job slot, or None
    said        has the waiting line been written?
    """

    def __init__(self, taker):
        self.lock = taker.lock
        self.request = taker.request
        self.ancestors = taker.ancestors
        self.side = taker.side
        self.gate = taker.gate
        self.record = None
        self.loan = None
        self.said = False
        self.began = python.now()
        self.interrupts = interrupts.Interrupts()
        self.watch = watch.Watch(self)

    def until_got(self, in_gate):
        """Block until the lock is held; `in_gate`: the gate is ours already.

        Past the time limit this process ends with the conflict status.
        Raises Failure for a deadlock.
        """
        if self.request.is_logged():
            self.request.note('waiting', self.request.held_up, **{'for': holders.process_ids(self.lock, self.side)})
        self._publish(sidecar.AT_GATE if in_gate else sidecar.QUEUES)
        self.loan = slots.lend(self.request, self.side, self.ancestors)     # forks, so before there is a second thread
        self._note_loan()
        if self.gate is not None:       # before a word is said: who reads it may press Ctrl-Z
            self.interrupts.catch(self.loan is not None)
        if not holders.is_passing(self.lock, self.side, self.request):
            self.say('waiting for')
        say_garbled()
        self.watch.start(not in_gate)
        if self.side:
            records.live(self.side, names=self.side.clutter())  # not once we hold the lock, where it would hold up others
        try:
            while not self._come_in(in_gate):
                self._stand_aside()
                in_gate = False
        except Failure:
            self._end_in_failure()
            raise
        self._got()

    def elapsed(self):
        """Seconds since the wait began."""
        return python.now() - self.began

    def say(self, doing):
        """Say `doing` of the lock, for whom, and who is in the way."""
        if self.request.quiet:
            return
        self.said = True
        lines.say_waiting(self.request, self.lock.title(), doing, self.in_the_way())

    def in_the_way(self):
        """What keeps us waiting, as lines.InTheWay."""
        return holders.in_the_way(self.lock, self.side, self.request, self.record)

    # ---- The record, and rings of waiters

    def _publish(self, state):
        """Leave the record of our wait where others look for rings."""
        if not self.side:
            return
        turn = self._turn_for_rings(state)
        self.record = sidecar.new_record(self.side, state, self.lock, self.request)
        if self.record:
            self.record.point(self.ancestors)
        self._look_for_ring(turn)

    def _step_into_gate(self):
        """Pass from the queue into the gate, which can close a ring as well:
        whoever shares and queues behind us now waits for us."""
        if self.record:
            turn = self._turn_for_rings(sidecar.AT_GATE)
            self.record.become(sidecar.AT_GATE)
            self._look_for_ring(turn)

    def _turn_for_rings(self, state):
        """The turn for ring detection; None if our wait cannot close a ring:
        it is timed, or we hold nothing and block no queued reader."""
        blocks_readers = state == sidecar.AT_GATE and self.request.mode != SHARED
        if not self.request.timed and (self.ancestors or blocks_readers):
            return deadlock.exclusively(self.side)
        return None

    def _look_for_ring(self, turn):
        """Look for a ring if there is a `turn` for it, and end the turn."""
        if turn is None:
            return
        try:
            self.refuse_ring()
        finally:
            posix.close(turn)

    def refuse_ring(self):
        """Raise Failure if our wait, which is recorded, closes a ring."""
        record = self.record        # a Ctrl-Z takes it away
        if not record or self.request.timed:
            return
        links = deadlock.ring(record, self.request, self.ancestors)
        if links:
            record.remove()
            us = '%d' % posix.getpid()
            if self.request.command:
                us += " '%s'" % quoted(self.request.command)
            raise Failure(self.lock.name, deadlock.in_words(self.lock.name, us, links))

    def _note_loan(self):
        """Have our record say that while we wait we occupy no job slot."""
        if self.loan and self.record:
            self.record.add('lent 1\n')

    # ---- Blocking

    def _come_in(self, in_gate):
        """Block for the gate, unless it is ours already, and for the lock;
        False if we are to stop or end first."""
        if not in_gate:
            entered = self.interrupts.block(self.gate, fcntl.LOCK_EX, self.lock.name)
            if self.watch.has_passed():
                return True
            if not entered:
                return False
            if self.lock.take(self.request.mode, block=False):
                return True
            self._step_into_gate()
        while self.interrupts.block(self.lock.fd, locks.OPERATION[self.request.mode], self.lock.name):
            places = self.lock.places
            if not places or places.look():
                return True
            self.lock.drop()        # held shared for nothing it would be in the way of others
            if not self.interrupts.sleep_in(places.sleep):
                break
        return False

    def _stand_aside(self):
        """Leave the queue, stop as the Ctrl-Z says, or end, and queue anew when continued."""
        self.lock.drop()
        if self.record:
            self.record.end()
            self.record = None
        locks.flock(self.gate, fcntl.LOCK_UN, self.lock.name)
        if self.interrupts.ending:
            self._end_by_signal()
        self.interrupts.stop()
        self._publish(sidecar.QUEUES)
        self._note_loan()
        self.watch.queues = True

    # ---- The end

    def _got(self):
        self.watch.decide()
        if self.record:
            self.record.become(sidecar.HOLDS)
        if self.lock.places:
            self.lock.places.stop_listening()
        if self.gate is not None:
            posix.close(self.gate)      # at once: all who come after us stand behind it
        self.request.note('got', nested=False, lent=self.loan is not None, **self.lock.place())
        self._see_off_watch()
        if self.said:
            lines.say_got(self.request, self.lock.title(), self.elapsed())

    def _end_in_failure(self):
        self.watch.decide()
        self._see_off_watch()
        if self.record:
            self.record.remove()
        if self.lock.kept:
            self.lock.give_back()
        self.leave()

    def _see_off_watch(self):
        self.interrupts.see_off(self.watch.ended)
        if self.interrupts.ending:      # it came too late to leave the queue
            self._end_by_signal()
        elif self.interrupts.stopping:
            self.interrupts.stop_now()

    def _end_by_signal(self):
        """End as the signal says, once the lent job slot is back, if it soon is."""
        if self.record:
            self.record.remove()
        self.lock.drop()
        self.request.let_go()
        self.loan.say_goodbye()
        self.interrupts.end()

    def leave(self):
        """Have no more part in the lock, and be done with the lent slot."""
        if self.loan:
            if self.lock.places:
                self.lock.places.close()
            if self.lock.ours:      # the first thread may get it yet: it is to go at once then
                posix.close(self.lock.fd)
            if self.gate is not None:
                posix.close(self.gate)
            self.loan.leave(self.request.note)
