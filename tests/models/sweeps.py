"""The protocol of sweeps.py as a model: every order in which things can happen.

Requesters ask for the same sweep.  Each passes through steps named after the
code:

    asks        Sweep.__init__(): seen = started
    take        the big lock, exclusively
    is served   is_served(): if so, it returns 0
    starts      starts(): started = n
    runs        the command starts; its end may be success or failure
    succeeded   succeeded(): done = n
    release     the lock is dropped, the command's status returned

A requester may be killed at any step; its command then runs on and keeps the
lock.  The file may be lost or garbled at any time.

To be shown: a requester that returns 0 was covered by a successful run that
started after it asked.
"""

import sys

from search import report

GARBLED = None


class Sweeps(object):
    """`requesters` ask, `kills` of them may be killed, and the file may be
    lost or garbled `losses` times.  `mutation` is what the code must not be:

    announces late       the command starts before starts()
    no lock              the sweep runs without the lock
    same number          is_served() says done >= seen
    publishes failures   succeeded() whatever came of it
    believes the file    done > started is no reason to call it garbled
    mends the file       succeeded() although the file no longer says started = n
    """

    def __init__(self, requesters, kills=0, losses=0, mutation=None):
        self.mutation = mutation
        # the file (started, done), who has the lock, requesters, commands whose requester was killed, kills, losses
        # A requester: where it is, seen, n, who had asked when its run started, was it covered.
        self.start = ((0, 0), None, (('new', 0, 0, (), False),) * requesters, (), kills, losses)

    def steps(self, state):
        record, lock, all_of_them, orphans, kills, losses = state
        found = []
        for at, one in enumerate(all_of_them):
            if one[0] not in ('over', 'returned 0'):
                found.extend(self._one(state, at))
                if kills and one[0] != 'new':
                    found.append(('%d is killed' % at, self._kill(state, at)))
        for orphan in orphans:
            for fine in (False, True):
                found.append(('orphan of %d %s' % (orphan[0], 'succeeds' if fine else 'fails'),
                              self._orphan_ends(state, orphan, fine)))
        if losses and [one for one in all_of_them if one[0] not in ('over', 'returned 0')]:
            for now, name in (((0, 0), 'lost'), (GARBLED, 'garbled')):
                if record != now:
                    found.append(('the file is ' + name, (now, lock, all_of_them, orphans, kills, losses - 1)))
        return found

    def _one(self, state, at):
        """What requester `at` may do next."""
        record, lock, all_of_them, orphans, kills, losses = state
        place, seen, number, asked, covered = all_of_them[at]
        known = self._parse(record)

        def now(place, seen=seen, number=number, asked=asked, record=record, lock=lock):
            changed = _changed(all_of_them, at, (place, seen, number, asked, covered))
            return record, lock, changed, orphans, kills, losses

        def runs():
            return now('runs', asked=tuple([i for i, one in enumerate(all_of_them) if one[0] != 'new']))

        name = '%d ' % at
        if place == 'new':
            yield name + 'asks', now('take', seen=known and known[0])
        elif place == 'take' and lock is None:
            yield name + 'takes the lock', now('is served', lock=at)
        elif place == 'is served':
            if known and seen is not None and (
                    known[1] > seen or known[1] == seen and self.mutation == 'same number'):
                yield name + 'is served', now('returned 0', lock=None)
            elif self.mutation == 'announces late':
                yield name + 'runs', runs()
            elif self.mutation == 'no lock':
                yield name + 'lets the lock go', now('starts', lock=None)
            else:
                yield name + 'must run', now('starts')
        elif place == 'starts':
            started, done = known or (0, 0)
            yield name + 'starts', now('run', number=started + 1, record=(started + 1, done))
        elif place == 'run':
            yield name + 'runs', runs()
        elif place == 'runs':
            if self.mutation == 'announces late' and not number:
                started, done = known or (0, 0)
                yield name + 'starts', now('runs', number=started + 1, record=(started + 1, done))
                return
            yield name + 'fails', now('succeeded' if self.mutation == 'publishes failures' else 'failed')
            yield name + 'succeeds', self._covers(now('succeeded'), asked)
        elif place == 'failed':
            yield name + 'releases', now('over', lock=self._dropped(lock, at))
        elif place == 'succeeded':
            after = 'release' if covered else 'failed'
            if known and known[0] == number:
                yield name + 'publishes', now(after, record=(number, number))
            elif self.mutation in ('mends the file', 'believes the file'):
                yield name + 'mends the file', now(after, record=((known or (number, 0))[0], number))
            else:
                yield name + 'finds the file lost', now(after)
        elif place == 'release':
            yield name + 'returns 0', now('returned 0', lock=self._dropped(lock, at))

    def _parse(self, record):
        if record and record[1] > record[0] and self.mutation != 'believes the file':
            return None
        return record

    def _dropped(self, lock, at):
        return None if lock == at else lock

    def _covers(self, state, asked):
        """A run succeeded: all who had asked when it started are covered."""
        record, lock, all_of_them, orphans, kills, losses = state
        changed = tuple([one[:4] + (True,) if at in asked else one for at, one in enumerate(all_of_them)])
        return record, lock, changed, orphans, kills, losses

    def _kill(self, state, at):
        record, lock, all_of_them, orphans, kills, losses = state
        one = all_of_them[at]
        if one[0] == 'runs':
            orphans += ((at, one[3]),)
        elif lock == at:
            lock = None
        dead = _changed(all_of_them, at, ('over', 0, 0, (), False))
        return record, lock, dead, orphans, kills - 1, losses

    def _orphan_ends(self, state, orphan, fine):
        record, lock, all_of_them, orphans, kills, losses = state
        left = tuple([one for one in orphans if one != orphan])
        after = (record, self._dropped(lock, orphan[0]), all_of_them, left, kills, losses)
        return self._covers(after, orphan[1]) if fine else after

    def wrong(self, state):
        for at, one in enumerate(state[2]):
            if one[0] == 'returned 0' and not one[4]:
                return '%d returned 0 uncovered' % at
        running = [one for one in state[2] if one[0] == 'runs']
        if len(running) + len(state[3]) > 1:
            return 'two run at the same time'
        return None

    def ended(self, state):
        return not state[3] and all([one[0] in ('over', 'returned 0') for one in state[2]])


def _changed(values, at, value):
    return values[:at] + (value,) + values[at + 1:]


# title, model, must it be sound
CASES = [
    ('three requesters, two killed', Sweeps(3, kills=2), True),
    ('three requesters, the file lost or garbled', Sweeps(3, losses=1), True),
    ('two requesters, one killed, the file lost or garbled twice', Sweeps(2, 1, 2), True),
    ('announces late', Sweeps(3, mutation='announces late'), False),
    ('no lock', Sweeps(3, mutation='no lock'), False),
    ('same number', Sweeps(3, mutation='same number'), False),
    ('publishes failures', Sweeps(3, mutation='publishes failures'), False),
    ('believes the file, which gets lost', Sweeps(3, losses=1, mutation='believes the file'), False),
    ('mends the file, which gets lost and garbled', Sweeps(3, losses=2, mutation='mends the file'), False),
]

if __name__ == '__main__':
    sys.exit(1 if report(CASES) else 0)
