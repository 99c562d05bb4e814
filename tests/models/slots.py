"""The protocol of slots.py as a model: every order in which things can happen.

make with -jN starts jobs.  A job is a nest of locks to take, outermost first,
around a command; no lock at all makes it a free job.  Each lock is taken by
one process: `ours` and `shared` are sage-flock with its guardian, `plain` is
flock(1).  Those processes pass through stages named after the code:

    ask       at once if the lock is free; else ours lends: Loan()
    wait      in flock(2), for the lock
    go        Loan.go(): until there is a token or the overdraft
    run       the command runs: work, and then the next lock of the nest
    after     the rest of the command, once the inner lock is done
    release   Loan.end(), and the lock is dropped
    linger    Loan.linger(), for its own slot and those lent under its lock

and a guardian, from slots._become_guardian on:

    alone     alone(): closes all that it inherited, the lock first
    write     puts a token into the pool, unless the wait has ended
    giving    closes the pool's write end
    heard     waits for the waiter's word, or its death
    owing     takes a token, or sees that make is gone; has or tries for the overdraft
    answered  it has ended

A short time limit may pass at any time, a long one only when nothing else can
happen.  Any process may be killed at any stage; its command runs on.  (But not
a guardian and its waiter before there is a new guardian: then the debt is
lost.)  To be shown: there is no deadlock, and an end can be reached from every
state; the tokens always add up; nothing keeps make from ending; no slot is
lent when make counts its tokens; and no more than one job beyond -j is at work,
plus one for each kill and each passed limit.
"""

import sys

from search import report

WRITES = ('alone', 'write', 'giving', 'kept')   # a guardian that has the pool's write end open
OWES = ('giving', 'heard', 'owing', 'killed', 'kept', 'mine')
NOTHING = ('', 'answered')
# A guardian: its stage, its waiter's last word, has it the overdraft, does a dead waiter's lock hang on it.
NOBODY = ('', '', False, False)


class Slots(object):
    """`jobs`: tuples of (lock, 'ours', 'shared' or 'plain'); `kills` is how
    many processes may be killed.  `mutation` is what the code must not be:

    goes at once    nobody waits for a slot with the lock in hand, nor lingers
    no linger       nobody lingers
    no mark         nobody lingers for what was lent under it
    always over     a nested call lets the overdraft go when it is over
    no overdraft    only a token lets a waiter go on, and no limit passes
    no limit        no limit passes while there is anything else to wait for
    no guardian     the debt is the waiter's own, and lost with it
    keeps the lock  the guardian never closes what it inherited
    keeps the pool  the guardian never closes the pool's write end
    """

    def __init__(self, slots, jobs, kills=0, mutation=None):
        self.nests = sorted(jobs)       # equal ones side by side, see _State.frozen
        self.slots = slots
        self.mutation = mutation
        self.kills = kills
        names = sorted(set([lock for nest in jobs for lock, _ in nest]))
        self.locks = [[names.index(lock) for lock, _ in nest] for nest in self.nests]
        self.plain = any([kind == 'plain' for nest in jobs for _, kind in nest])
        begun = tuple([('idle', (), (NOBODY,) * len(nest)) for nest in self.nests])
        # pool, is make's own slot free, who has each lock, jobs (slot, stages of its processes, their guardians),
        # make, kills left, limits passed
        self.start = (slots - 1, True, ((),) * len(names), begun, 'works', kills, 0)

    def steps(self, state):
        found = list(self._own_steps(state))
        if not found and self.mutation not in ('no overdraft', 'no limit'):
            found = list(self._long_limits(state))
        if state[5]:
            found.extend(self._kills(state))
        return [(name, after.frozen()) for name, after in found]

    def _own_steps(self, state):
        """What may happen next, but for kills and limits that are long."""
        pool, own, owners, jobs, make = state[:5]
        for at, (slot, stages, guardians) in enumerate(jobs):
            if slot == 'idle' and (own or pool):
                yield 'make starts %d' % at, self._from(state).begin(at)
            if stages and stages[-1] != 'dead':
                for step in self._job(state, at):
                    yield step
            for depth, guardian in enumerate(guardians):
                for step in self._guardian(state, at, depth, guardian):
                    yield step
        for lock, owner in enumerate(owners):
            if 'orphan' in owner:
                yield 'orphan under %d ends' % lock, self._from(state).own(lock, _without(owner, 'orphan'))
        if make == 'works' and all([job[0] == 'back' for job in jobs]):
            yield 'make counts its tokens', self._from(state).make_is('counts')
        elif make == 'counts' and not self._writers(state):
            yield 'make ends', self._from(state).make_is('gone')

    def _from(self, state):
        return _State(self, state)

    def _job(self, state, at):
        """What the innermost process of job `at` may do next."""
        owners = state[2]
        slot, stages, guardians = state[3][at]
        stage, depth, nest = stages[-1], len(stages) - 1, self.nests[at]
        name = '%d.%d ' % (at, depth)
        if not nest:
            yield name + 'ends', self._from(state).finish(at)
            return
        lock, kind = self.locks[at][depth], nest[depth][1]
        guardian = guardians[depth]
        gets = self._from(state).own(lock, owners[lock] + (kind,)) if _admits(owners[lock], kind) else None
        if stage == 'ask':
            if gets:
                yield name + 'gets it at once', gets.stage(at, 'run')
            elif kind == 'plain':
                yield name + 'waits', self._from(state).stage(at, 'wait')
            else:
                yield name + 'lends', self._from(state).lend(at, depth).stage(at, 'wait')
        elif stage == 'wait' and gets:
            if kind == 'plain':
                yield name + 'gets it', gets.stage(at, 'run')
            else:
                yield name + 'gets it', gets.tell(at, depth, 'go').stage(at, 'go')
        elif stage in ('go', 'linger') and guardian[0] == 'killed':
            yield name + 'has another guardian', self._from(state).guard(at, depth, 'owing')
        elif stage == 'go':
            if guardian[0] in NOTHING + ('mine',) or guardian[2] or self.mutation == 'goes at once':
                yield name + 'goes on', self._from(state).stage(at, 'run')
            elif self._is_awaited(state, at, depth) and self.mutation != 'no overdraft':
                yield name + 'goes on regardless', self._from(state).passed().stage(at, 'run')
        elif stage == 'run' and depth + 1 < len(nest):
            yield name + 'runs the next', self._from(state).push(at)
        elif stage in ('run', 'after'):
            yield name + 'has worked', self._from(state).over(at, depth).stage(at, 'release')
        elif stage == 'release':
            yield name + 'releases', self._from(state).own(lock, _without(owners[lock], kind)).stage(at, 'linger')
        elif stage == 'linger':
            if not self._lingers(guardians, depth):
                yield name + 'ends', self._from(state).finish(at)
            elif depth and self.mutation != 'no limit':
                yield name + 'leaves', self._from(state).finish(at)

    def _lingers(self, guardians, depth):
        """Is there anything that a process at `depth` has to linger for?"""
        if self.mutation in ('goes at once', 'no linger'):
            return False
        own = guardians[depth:depth + 1] if self.mutation == 'no mark' else guardians[depth:]
        return [one for one in own if one[0] not in NOTHING + ('mine',)]

    def _is_awaited(self, state, at, depth):
        """Does flock(1) wait for what job `at` holds, or may it?"""
        if 'plain' in [kind for _, kind in self.nests[at][:depth]]:
            return True
        lock = self.locks[at][depth]
        return any([stages and stages[-1] == 'wait' and self.nests[one][len(stages) - 1][1] == 'plain' and
                    self.locks[one][len(stages) - 1] == lock for one, (_, stages, _) in enumerate(state[3])])

    def _long_limits(self, state):
        for at, (_, stages, _) in enumerate(state[3]):
            name = '%d.%d ' % (at, len(stages) - 1)
            if stages and stages[-1] == 'go':
                yield name + 'goes on, limit passed', self._from(state).passed().stage(at, 'run')
            elif stages and stages[-1] == 'linger':
                yield name + 'leaves, limit passed', self._from(state).passed().finish(at)

    def _guardian(self, state, at, depth, guardian):
        stage, word, overdrawn, _ = guardian
        name = 'guardian %d.%d ' % (at, depth)
        if stage == 'alone':
            after = self._from(state).guard(at, depth, 'write')
            yield name + 'is alone', after if self.mutation == 'keeps the lock' else after.let_go(at, depth)
        elif stage == 'write' and word:
            yield name + 'is not needed', self._from(state).let_go(at, depth).guard(at, depth, 'answered')
        elif stage == 'write':
            kept = self.mutation == 'keeps the pool'
            yield name + 'lends', self._from(state).put(1).guard(at, depth, 'kept' if kept else 'giving')
        elif stage == 'giving':
            yield name + 'closes the write end', self._from(state).guard(at, depth, 'heard')
        elif stage == 'heard' and word:
            yield name + 'hears', self._from(state).guard(at, depth, 'owing')
        elif stage == 'owing' or stage == 'kept' and word:
            if state[0]:
                yield name + 'takes a token', self._from(state).put(-1).let_go(at, depth).guard(at, depth, 'answered')
            elif state[4] == 'gone':
                yield name + 'sees that make is gone', self._from(state).let_go(at, depth).guard(at, depth, 'answered')
            if word == 'end' and overdrawn:
                yield name + 'returns the overdraft', self._from(state).guard(at, depth, stage, overdrawn=False)
            elif word != 'end' and not _overdrawn(state[3]) and self.mutation not in ('goes at once', 'no overdraft'):
                yield name + 'takes the overdraft', self._from(state).guard(at, depth, stage, overdrawn=True)

    def _kills(self, state):
        for at, (_, stages, guardians) in enumerate(state[3]):
            if not stages or not self.nests[at]:
                continue
            depth, stage = len(stages) - 1, stages[-1]
            if depth and stages[0] == 'run' and guardians[0][0] != 'killed':
                yield '%d.0 is killed' % at, self._from(state).killed().behead(at)
            if stage == 'dead':
                continue
            if guardians[depth][0] in ('heard', 'owing') and self.mutation != 'no guardian':
                yield 'guardian %d.%d is killed' % (at, depth), self._from(state).killed().guard(
                    at, depth, 'killed', overdrawn=False)
            if guardians[depth][0] != 'killed':
                yield '%d.%d is killed' % (at, depth), self._killed(state, at, depth, stage)

    def _killed(self, state, at, depth, stage):
        """After the death of the innermost process of job `at`."""
        guardian = state[3][at][2][depth]
        lock, kind = self.locks[at][depth], self.nests[at][depth][1]
        after = self._from(state).killed()
        if stage in ('go', 'run', 'after', 'release'):
            # The lock goes on as long as someone has its descriptor: the command, or a guardian just born.
            owner = _without(state[2][lock], kind)
            if stage in ('run', 'after'):
                owner += ('orphan',)
            elif guardian[0] == 'alone' or self.mutation == 'keeps the lock' and guardian[0] in WRITES + OWES:
                owner += ('guardian',)
                after.keep(at, depth)
            after.own(lock, owner)
        if guardian[0] == 'mine':
            after.guard(at, depth, 'answered')
        return after.finish(at)

    def _writers(self, state):
        """Has anyone but make the write end of the pool?"""
        return [owner for owner in state[2] if 'orphan' in owner] or [job for job in state[3] if job[1]] or [
            guardian for job in state[3] for guardian in job[2] if guardian[0] in WRITES]

    def wrong(self, state):
        pool, own, owners, jobs, make, kills, passed = state
        held = len([job for job in jobs if job[0] == 'token'])
        lent = len([guardian for job in jobs for guardian in job[2] if guardian[0] in OWES])
        if make == 'works' and pool + held != self.slots - 1 + lent:
            return '%d tokens are about, and %d lent' % (pool + held, lent)
        excused = self.kills - kills + passed
        if make != 'works' and lent and not excused and not self.plain:
            return 'make counts its tokens while a slot is lent'
        work = len([job for job in jobs if job[1] and job[1][-1] in ('run', 'after')])
        work += len([owner for lock in owners for owner in lock if owner == 'orphan'])
        if work > self.slots + 1 + excused:
            return '%d at work' % work
        return None

    def ended(self, state):
        return state[4] == 'gone' and all([guardian[0] in NOTHING for job in state[3] for guardian in job[2]])


class _State(object):
    """A state being changed into its successor."""

    def __init__(self, model, state):
        self.model = model
        self.pool, self.free, self.owners, self.jobs, self.make, self.kills, self.limits = state

    def frozen(self):
        """The state as a value.  Equal jobs may change places, so they are put
        in order: states that differ in nothing else are one."""
        jobs = []
        nests = self.model.nests
        for at, job in enumerate(self.jobs):
            if at and nests[at] == nests[at - 1]:
                jobs[-1].append(job)
            else:
                jobs.append([job])
        ordered = tuple([job for group in jobs for job in sorted(group)])
        if self.make == 'counts':       # whatever is put in, make takes out
            self.pool = 0
        return self.pool, self.free, self.owners, ordered, self.make, self.kills, self.limits

    def put(self, tokens):
        self.pool += tokens
        return self

    def make_is(self, doing):
        self.make = doing
        return self

    def killed(self):
        self.kills -= 1
        return self

    def passed(self):
        self.limits += 1
        return self

    def own(self, lock, owners):
        self.owners = _changed(self.owners, lock, tuple(sorted(owners)))
        return self

    def _job(self, at, slot=None, stages=None, guardians=None):
        before = self.jobs[at]
        self.jobs = _changed(self.jobs, at, (
            before[0] if slot is None else slot, before[1] if stages is None else stages,
            before[2] if guardians is None else guardians))
        return self

    def begin(self, at):
        """make starts job `at`, in its own slot if that is free."""
        first = 'ask' if self.model.nests[at] else 'run'
        if self.free:
            self.free = False
            return self._job(at, 'own', (first,))
        return self.put(-1)._job(at, 'token', (first,))

    def stage(self, at, stage):
        return self._job(at, stages=self.jobs[at][1][:-1] + (stage,))

    def push(self, at):
        return self._job(at, stages=self.jobs[at][1] + ('ask',))

    def guard(self, at, depth, stage, word=None, overdrawn=None, keeps=None):
        guardian = self.jobs[at][2][depth]
        if stage == 'answered':
            word, overdrawn, keeps = '', False, False
        after = [old if new is None else new for old, new in zip(guardian, (stage, word, overdrawn, keeps))]
        return self._job(at, guardians=_changed(self.jobs[at][2], depth, tuple(after)))

    def lend(self, at, depth):
        if self.model.mutation == 'no guardian':    # the waiter itself puts the token in
            return self.put(1).guard(at, depth, 'mine')
        return self.guard(at, depth, 'alone')

    def tell(self, at, depth, word):
        stage = self.jobs[at][2][depth][0]
        return self if stage in NOTHING else self.guard(at, depth, stage, word=word)

    def over(self, at, depth):
        """The command of the process at `depth` has ended."""
        if depth and self.model.mutation != 'always over' or self.model.nests[at][depth][1] == 'plain':
            return self
        return self.tell(at, depth, 'end')

    def keep(self, at, depth):
        return self.guard(at, depth, self.jobs[at][2][depth][0], keeps=True)

    def let_go(self, at, depth):
        """The guardian closes what it inherited."""
        stage, _, _, keeps = self.jobs[at][2][depth]
        if keeps:
            lock = self.model.locks[at][depth]
            self.own(lock, _without(self.owners[lock], 'guardian')).guard(at, depth, stage, keeps=False)
        return self

    def finish(self, at):
        """The innermost process of job `at` is over; whoever ran it sees that."""
        stages, guardians = self.jobs[at][1:]
        depth = len(stages) - 1
        if guardians:
            self.tell(at, depth, 'gone')
            if self.jobs[at][2][depth][0] == 'mine' and self.pool:
                self.put(-1).guard(at, depth, 'answered')
        stages = stages[:-1]
        if stages == ('dead',):         # nobody sees it: the last copy of its lock is closed
            lock = self.model.locks[at][0]
            return self.own(lock, _without(self.owners[lock], self.model.nests[at][0][1]))._job(at, stages=())
        if stages:
            return self._job(at, stages=stages[:-1] + ('after',))
        return self._job(at, stages=())._give_back(at)

    def behead(self, at):
        """The outermost process of job `at` dies: make sees the job end."""
        return self.tell(at, 0, 'gone')._job(at, stages=('dead',) + self.jobs[at][1][1:])._give_back(at)

    def _give_back(self, at):
        if self.jobs[at][0] == 'own':
            self.free = True
        else:
            self.pool += 1
        return self._job(at, 'back')


def _changed(values, at, value):
    return values[:at] + (value,) + values[at + 1:]


def _without(owners, one):
    """`owners` less one of its members."""
    at = owners.index(one)
    return owners[:at] + owners[at + 1:]


def _admits(owners, kind):
    """May one of `kind` have a lock beside its `owners`?"""
    return not owners or kind == 'shared' and set(owners) == set(['shared'])


def _overdrawn(jobs):
    """Has any guardian the overdraft?"""
    return [guardian for job in jobs for guardian in job[2] if guardian[2]]


FREE = ()
OURS = (('L', 'ours'),)
SHARED = (('L', 'shared'),)
PLAIN = (('L', 'plain'),)
OUTER = (('O', 'plain'),)
IN_PLAIN = (('O', 'plain'), ('L', 'ours'))
IN_OURS = (('O', 'ours'), ('L', 'ours'))
PLAIN_IN_OURS = (('O', 'ours'), ('L', 'plain'))
BESIDE = (OURS, OURS, PLAIN, PLAIN)
NESTED = (OURS, IN_PLAIN, OUTER, OUTER)
HERD = (OURS, SHARED, SHARED, SHARED, FREE, FREE)

# title, model, must it be sound
CASES = [
    ('-j2, waiters that lend and a free job, one killed', Slots(2, (OURS, OURS, OURS, FREE), 1), True),
    ('-j2, beside plain waiters, one killed', Slots(2, BESIDE, 1), True),
    ('-j2, in a plain lock, one killed', Slots(2, NESTED, 1), True),
    ('-j2, in a lock of ours, two killed', Slots(2, (IN_OURS, IN_OURS), 2), True),
    ('-j2, in a lock of ours, and free jobs', Slots(2, (IN_OURS, IN_OURS, OURS, FREE)), True),
    ('-j2, a plain lock in one of ours, two killed', Slots(2, (PLAIN_IN_OURS, OURS, PLAIN), 2), True),
    ('-j3, a herd that shares, and free jobs', Slots(3, HERD), True),
    ('-j2, a herd that shares, one killed', Slots(2, (OURS, SHARED, SHARED, FREE), 1), True),
    ('-j3, two killed', Slots(3, (OURS, OURS, FREE, FREE), 2), True),
    ('-j1, where there is no slot but its own, two killed', Slots(1, (OURS, PLAIN, FREE), 2), True),
    ('goes at once, a herd', Slots(2, (OURS, SHARED, SHARED, SHARED, FREE, FREE), 0, 'goes at once'), False),
    ('goes at once, waiters one after the other', Slots(2, (OURS,) * 3 + (FREE,) * 3, 0, 'goes at once'), False),
    ('no linger', Slots(2, (OURS,) * 3 + (FREE,) * 3, 0, 'no linger'), False),
    ('no mark', Slots(2, (IN_OURS, IN_OURS, OURS, FREE), 0, 'no mark'), False),
    ('always over', Slots(2, (IN_OURS, OURS, OURS, FREE, FREE, FREE), 0, 'always over'), False),
    ('no overdraft, among ours', Slots(2, (OURS, OURS, OURS, FREE), 0, 'no overdraft'), True),
    ('no overdraft, beside plain waiters', Slots(2, BESIDE, 0, 'no overdraft'), False),
    ('no limit, beside plain waiters', Slots(2, BESIDE, 0, 'no limit'), True),
    ('no limit, in a plain lock', Slots(2, NESTED, 0, 'no limit'), False),
    ('no guardian, one killed', Slots(2, (OURS, OURS, FREE), 1, 'no guardian'), False),
    ('keeps the lock, one killed', Slots(2, BESIDE, 1, 'keeps the lock'), False),
    ('keeps the pool, one killed', Slots(2, (OURS, OURS, FREE), 1, 'keeps the pool'), False),
]

if __name__ == '__main__':
    sys.exit(1 if report(CASES) else 0)
