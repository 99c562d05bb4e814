"""Does waiting for this lock close a ring of processes that wait for one another?

A waiter leaves a pointer to its record beside each record that its ancestors
hold (sidecar.py), and only then looks: my lock -> its holders -> what runs
under them and waits -> that one's lock -> ... -> a record of my ancestors.
Whoever joins a ring last sees all of it.  Publishing and looking happen in
turns, under one short lock per folder, so exactly one joins last.

What a waiter waits for, seen from outside:

* Every holder of its lock, if it or a holder is exclusive.
* Sharing with shared holders, it waits only if an exclusive waiter stands in
  the gate before it; then again for every holder.  Others in the queue wait
  for the same holders, so the order of the queue does not matter.
* For a place in a full pool, it waits until some of the members have left, no
  matter which.  So does whoever shares and queues behind one that waits so.
* A wait that ends by itself (-w) holds nobody up for ever: it is no part of
  a deadlock, and is not followed.

So a wait is hopeless when too few of those whom it waits for can ever let go;
one can whose waiters (those that run under it) all have hope.  Only who is part
of the ring is told of it, not who waits for a part of it.

Folders change while they are read.  Names never recur and states only advance,
so a ring that two looks in a row see alike existed in between.
"""

import fcntl
import posix
import time

from sage_flock import python
from sage_flock.files import locks, records, sidecar
from sage_flock.request import EXCLUSIVE, MOST, POOL
from sage_flock.messages import Failure, shortened

_TRIES, _PAUSE = 200, 0.001     # how often, and how far apart in seconds, a turn is asked for


def exclusively(side):
    """The turn for ring detection: a descriptor whose closing ends it; None
    where none can be had."""
    # The folder itself, because any name in it may be a lock's.
    path = side.folder.rpartition('/')[0]
    try:
        fd = python.private(posix.open(path, posix.O_RDONLY | python.NOFOLLOW))
    except OSError:
        return None
    # Without a turn, as on NFS or beside one that was stopped in its own, two
    # may both report one ring; waiting longer for it would be worse.
    try:
        for _ in range(_TRIES):
            if locks.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, path):
                break
            time.sleep(_PAUSE)
    except Failure:
        pass
    return fd


def ring(record, request, ancestors):
    """The ring that the waiter with `record` closes, or None.

    A list of (waiter, holder) pairs of records.Seen, waiter None for us: each
    waits for the lock that its holder holds, under whom the next waiter runs.
    The last holder is None where the ring closes in the queue behind us.
    """
    before = None
    for _ in range(5):
        found = _search(record, request, ancestors)
        names = found and [[one and one.id for one in pair] for pair in found]
        if found is None or names == before:
            return found
        before = names
    return None


class _Node(object):
    """A waiter, and whom it waits for.

    waiter      its records.Seen; None for us
    holders     pairs of a holder, as Seen, and the Nodes of those who wait under it; None instead for our ancestors
    needed      so many of the holders must let go before it has the lock
    behind_us   it waits in the queue behind us
    has_hope    enough of them can
    """

    def __init__(self, waiter):
        self.waiter = waiter
        self.holders = []
        self.needed = 0
        self.behind_us = self.has_hope = False

    def look(self):
        """Has it hope, as far as is known of the others?"""
        self.has_hope = not self.behind_us and self.needed <= len(
            [under for _, under in self.holders if under is not None and _all_have_hope(under)])
        return self.has_hope


def _all_have_hope(nodes):
    return not [node for node in nodes if not node.has_hope]


def _search(record, request, ancestors):
    """One look at everything reachable from our wait."""
    us = _Node(None)
    nodes = {record.id: us}
    todo = [(us, record.sidecar, record.state, request)]
    while todo:
        node, side, state, wants = todo.pop()
        holders, node.needed, gatekeeper = _blockers(side, wants.mode, wants.most, state)
        node.behind_us = node is not us and gatekeeper == record.id
        for holder in holders:
            if holder.path in ancestors:
                node.holders.append((holder, None))
                continue
            under = []
            for target in _waiting_under(holder):
                if target.id not in nodes:
                    nodes[target.id] = _Node(target)
                    todo.append((nodes[target.id], target.sidecar, target.state, target))
                under.append(nodes[target.id])
            node.holders.append((holder, under))
    hopeless = list(nodes.values())
    count = None
    while count != len(hopeless):
        count = len(hopeless)
        hopeless = [node for node in hopeless if not node.look()]
    return None if us.has_hope else _way_back(us)


def _way_back(us):
    """A way through hopeless waiters from us to us: a list as ring() returns it; None if there is none."""
    visited = set([us])
    todo = [(us, [])]
    while todo:
        node, path = todo.pop()
        if node.behind_us:
            return path + [(node.waiter, None)]
        for holder, under in node.holders:
            step = path + [(node.waiter, holder)]
            if under is None:
                return step
            for other in under:
                if not other.has_hope and other not in visited:
                    visited.add(other)
                    todo.append((other, step))
    return None


def _blockers(side, mode, most, state):
    """Whom a waiter for the lock of `side` waits for: (holders, how many of
    them must let go, the ID of the waiter in the gate if it is for its sake)."""
    try:
        holders = records.live(side, sidecar.HOLDS)
        if mode == EXCLUSIVE or [h for h in holders if h.mode == EXCLUSIVE]:
            return holders, len(holders), None
        members = [h for h in holders if h.mode == POOL]
        if state == sidecar.QUEUES:
            for one in records.live(side, sidecar.AT_GATE):
                if one.mode == EXCLUSIVE and not one.timed:
                    return holders, len(holders), one.id
                if one.mode == POOL and not one.timed and len(members) >= one.most:
                    return members, len(members) - min(most or MOST, one.most) + 1, one.id
        if mode == POOL and len(members) >= most:
            return members, len(members) - most + 1, None
    except OSError:         # the folder is gone
        pass
    return [], 0, None


def _waiting_under(holder):
    """The live untimed waiters, as Seen, that run under the record `holder`."""
    start = 'p.%s.' % holder.id
    found = []
    try:
        names = posix.listdir(holder.sidecar.folder)
    except OSError:
        return found
    for name in names:
        if name.startswith(start):
            path = records.live_target(holder.sidecar.folder + '/' + name)
            one = path and records.seen_at(path)
            if one and not one.timed:
                found.append(one)
    return found


def in_words(name, us, links):
    """The ring in words: `name` is our lock, and `us` this process and its command."""
    words = []
    for waiter, holder in links:
        who = _who(waiter) if waiter else us
        lock = waiter.sidecar.name if waiter else name
        if holder is None:
            words.append('%s waits for %s behind this call' % (who, lock))
        else:
            words.append('%s waits for %s, held by %s' % (who, lock, _who(holder)))
    return 'deadlock: ' + '; '.join(words)


def _who(one):
    return "%s '%s'" % (records.pid_of(one.id), shortened(one.command))
