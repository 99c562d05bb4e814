"""Who holds a lock and who waits for it, by its records and by /proc.

A holder without a record is one that did not come through sage-flock, or
through a descriptor of a shell; Linux tells of those in /proc.
"""

import time

from sage_flock import lines, proc
from sage_flock.files import records, sidecar
from sage_flock.request import EXCLUSIVE, POOL


def process_ids(lock, side):
    """The process ids, as int, of those who hold `lock`."""
    pids = []
    try:
        for one in records.live(side, sidecar.HOLDS) if side else ():
            if records.pid_of(one.id) != '?':
                pids.append(int(records.pid_of(one.id)))
    except OSError:
        pass
    return pids or [pid for pid, _ in proc.foreign(lock.fd)]


def is_passing(lock, side, request):
    """True if only sharers, or others who pass the gate, precede the waiter of `request`, so that the wait is brief."""
    if request.mode == EXCLUSIVE or not side:
        return False
    try:
        seen = records.live(side, sidecar.HOLDS + sidecar.AT_GATE)
    except OSError:
        return False
    if [one for one in seen if one.mode == EXCLUSIVE or one.mode == POOL and one.state == sidecar.AT_GATE]:
        return False
    if request.mode == POOL and len([one for one in seen if one.mode == POOL]) >= request.most:
        return False
    return bool([one for one in seen if one.state == sidecar.HOLDS] or not proc.foreign(lock.fd))


def in_the_way(lock, side, request, mine):
    """What keeps the waiter of `request` waiting, as lines.InTheWay.


    mine: our own record, which does not count; None if we have none.
    """
    try:
        seen = records.live(side, sidecar.HOLDS + sidecar.AT_GATE) if side else []
        place = records.place_in_line(mine) if mine else None
    except OSError:
        seen, place = [], None
    held = [one for one in seen if one.state == sidecar.HOLDS]
    members = [one for one in held if one.mode == POOL]
    way = lines.InTheWay(place)
    if request.mode == POOL and len(members) >= request.most:
        way.how = '%d of %d in use:' % (len(members), request.most)
        way.holders = [_party(one, max(0, time.time() - one.since)) for one in members]
        return way
    way.holders = [_party(one, max(0, time.time() - one.since)) for one in held]
    way.holders += [lines.Party('%d' % pid, '', command)
                    for pid, command in proc.foreign(lock.fd, [records.pid_of(h.id) for h in held])]
    if held and request.mode != EXCLUSIVE and not [h for h in held if h.mode == EXCLUSIVE]:
        at_gate = [one for one in seen if one.state == sidecar.AT_GATE and not (mine and one.id == mine.id)]
        way.ahead = _party(at_gate[0]) if at_gate else None
    return way


def _party(one, seconds=None):
    return lines.Party(records.pid_of(one.id), one.package, one.command, seconds)


def have_slots(lock, side):
    """May somebody wait for `lock` who occupies a job slot meanwhile?  Those
    of our waiters who have lent theirs do not."""
    try:
        waiters = records.live(side, sidecar.QUEUES + sidecar.AT_GATE) if side else []
    except OSError:
        waiters = []
    if [one for one in waiters if one.fields.get('lent') != '1']:
        return True
    known = [records.pid_of(one.id) for one in waiters]
    return bool([pid for pid in proc.blocked(lock.fd) if pid not in known])
