"""Waiting for a lock that etcd keeps: one loop that watches, renews and reminds.

Only the last of those before us is watched: when its key goes, whoever is
before it still is before us, or it is our turn; so a release wakes one waiter
and not all.  A watch says nothing when its server is cut off from the others,
but then the lease cannot be renewed there, and both turn to another server.
"""

import time

# Command and keeper are for later, but who waits has the time, and the next in line will not.
from sage_flock import command, lines, slots  # noqa: F401
from sage_flock.etcd import keeper  # noqa: F401
from sage_flock.etcd.http import Unreachable, encoded
from sage_flock.etcd.queue import TicketLost, whole_queue
from sage_flock.python import now
from sage_flock.request import EXCLUSIVE, POOL
from sage_flock.messages import duration, first_reminder, say_garbled

_PAUSE = 0.5        # seconds after a watch that failed at once


def wait(lock, queue, request, ancestors):
    """Wait until it is our turn, behind the Queue `queue`: (got, loan), got
    False past the time limit, loan the slots.Loan of our job slot or None.

    Raises http.Unreachable or Refused.
    """
    watch = _Watch(lock, request)
    watch.say('waiting for', queue)
    say_garbled()
    request.note('waiting', **{'for': [one.pid for one in queue.holders()]})
    loan = slots.lend(request, queue, ancestors)
    try:
        got = watch.until_in(queue)
    except BaseException:
        if loan:
            loan.leave(request.note)
        raise
    if not got:
        lines.say_not_got(request, lock.name, _in_the_way(watch.queue, lock.ticket))
        lock.ticket.leave()
        if loan:
            loan.leave(request.note)
        return False, None
    if not request.quiet:
        lines.say_got(request, lock.name, watch.elapsed())
    return True, loan


class _Watch(object):
    """One wait."""

    def __init__(self, lock, request):
        self.lock = lock
        self.ticket = lock.ticket
        self.client = lock.client
        self.request = request
        self.began = now()
        self.reminder = first_reminder()

    def elapsed(self):
        """Seconds since the wait began."""
        return now() - self.began

    def say(self, doing, queue):
        """The waiting line: for whom, which lock, and who is in the way."""
        if not self.request.quiet:
            lines.say_waiting(self.request, self.lock.name, doing, _in_the_way(queue, self.ticket))

    def until_in(self, queue):
        """True once we are in; False past the time limit."""
        while queue:
            self.queue = queue
            if not self._until_change(queue):
                return False
            try:
                queue = self.ticket.enter()
            except TicketLost:       # nothing but our turn is lost
                queue = self.ticket.join(True)
            if queue and self.elapsed() >= self.reminder:
                self.say('still waiting after %s for' % duration(self.elapsed()), queue)
                while self.reminder <= self.elapsed():
                    self.reminder *= 2
        return True

    def _until_change(self, queue):
        """Return when it may be our turn, or time to look; False when the
        time that we were given is over."""
        stream = self._stream(queue)
        moves = self.client.moves
        try:
            while moves == self.client.moves and self.elapsed() < self.reminder:
                if now() >= self._limit():
                    return False
                if now() >= self.ticket.lease.due and not self._renew():
                    break
                due = min(self.ticket.lease.due, self.began + self.reminder, self._limit())
                if _tells_of_change(stream, due - now(), self.ticket.mode):
                    break
            return True
        finally:
            if stream:
                stream.close()

    def _limit(self):
        seconds = self.request.seconds
        return float('inf') if seconds is None else self.began + seconds

    def _stream(self, queue):
        before = queue.before(self.ticket)
        if not before:          # a key that is none of ours is in the way
            return None
        # Of a pool anybody who leaves may make room, and whoever comes in lets the next one look.
        keys = whole_queue(self.ticket.lock_path) if self.ticket.mode == POOL else {'key': encoded(before[0].key)}
        return self.client.stream('/v3/watch', {'create_request': dict(
            keys, start_revision=str(queue.revision + 1))})

    def _renew(self):
        lease = self.ticket.lease
        return lease.renew(max(_PAUSE, lease.until - now()))


def _tells_of_change(stream, seconds, mode):
    """Wait for `seconds` at most; True if the watched key is gone (of a pool:
    if anything has happened), or if the watch is."""
    if stream is None:
        time.sleep(max(0, min(_PAUSE, seconds)))
        return True
    try:
        message = stream.next(seconds)
    except Unreachable:
        time.sleep(max(0, min(_PAUSE, seconds)))
        return True
    if not message:
        return False
    if message.get('canceled'):
        time.sleep(max(0, min(_PAUSE, seconds)))
        return True
    return bool([one for one in message.get('events', []) if mode == POOL or one.get('type') == 'DELETE'])


def _in_the_way(queue, ticket):
    """What keeps us waiting, as lines.InTheWay."""
    held = sorted(queue.holders(), key=queue.since)
    members = [one for one in held if one in queue.members()]
    ids = [one.id for one in queue.waiters()]
    way = lines.InTheWay(ids.index(ticket.id) + 1 if ticket.id in ids else None)
    if ticket.mode == POOL and len(members) >= ticket.most:
        way.how = '%d of %d in use:' % (len(members), ticket.most)
        held = members
    way.holders = [_party(one, max(0, time.time() - queue.since(one))) for one in held]
    before = [one for one in queue.before(ticket) if one not in held]
    if before and held is not members and ticket.mode != EXCLUSIVE and \
            not [one for one in held if one.mode == EXCLUSIVE]:
        way.ahead = _party(before[0])
    return way


def _party(one, seconds=None):
    return lines.Party(one.who, one.package, one.command, seconds)
