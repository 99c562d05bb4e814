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
* A wait that ends by itself (-w) holds nobody up for ever: it is no part of
  a deadlock, and is not followed.

Folders change while they are read.  Names never recur and states only advance,
so a ring that two looks in a row see alike existed in between.
"""

import fcntl
import posix
import time

from sage_flock import python
from sage_flock.files import locks, records, sidecar
from sage_flock.request import EXCLUSIVE
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


def ring(record, mode, ancestors):
    """The ring that the waiter with `record` closes, or None.

    A list of (waiter, holder) pairs of records.Seen, waiter None for us: each
    waits for the lock that its holder holds, under whom the next waiter runs.
    The last holder is None where the ring closes in the queue behind us.
    """
    before = None
    for _ in range(5):
        found = _search(record, mode, ancestors)
        names = found and [[one and one.id for one in pair] for pair in found]
        if found is None or names == before:
            return found
        before = names
    return None


def _search(record, mode, ancestors):
    """One look at everything reachable from our wait, depth first."""
    visited = set([record.id])
    todo = [(record.sidecar, mode, record.state, None, [])]
    while todo:
        side, mode, state, waiter, path = todo.pop()
        holders, gatekeeper = _blockers(side, mode, state, record)
        if gatekeeper == record.id and waiter:
            return path + [(waiter, None)]
        for holder in holders:
            step = path + [(waiter, holder)]
            if holder.path in ancestors:
                return step
            for target in _waiting_under(holder):
                if target.id not in visited:
                    visited.add(target.id)
                    todo.append((target.sidecar, target.mode, target.state, target, step))
    return None


def _blockers(side, mode, state, record):
    """Whom a waiter for the lock of `side` waits for: (holders, the ID of the
    exclusive waiter in the gate if it is for its sake)."""
    try:
        holders = records.live(side, sidecar.HOLDS)
        if mode == EXCLUSIVE or [h for h in holders if h.mode == EXCLUSIVE]:
            return holders, None
        if state == sidecar.QUEUES:
            for one in records.live(side, sidecar.AT_GATE):
                if one.mode == EXCLUSIVE and not one.timed:
                    return holders, one.id
    except OSError:         # the folder is gone
        pass
    return [], None


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
