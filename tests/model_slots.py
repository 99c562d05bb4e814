"""The protocol of slots.py as a model: every order in which things can happen.

make with -jN starts jobs.  A job is a nest of locks to take, outermost first,
around a command; no lock at all makes it a free job.  Each lock is taken by
one process, either `ours` (waiting.wait with its guardian) or `plain`, which
is flock(1).  Those processes pass through stages named after the code:

    ask       at once if nobody has the lock; else ours does slots.lend()
    wait      in flock(2), for the lock
    settle    Loan.settle(): the guardian is told
    run       the command runs: the next lock of the nest, or the work itself
    release   Hold.release(): the lock is dropped
    close     Loan.close(): until the guardian answers, or no longer

and a guardian, from slots._become_guardian on:

    alone     alone(): gives up all that it inherited, the lock first
    write     puts a token into the pool
    giving    closes the pool's write end
    heard     waits to be told, or for the waiter's death
    take      takes a token, or sees that make is gone
    answered  it has ended

Any process that takes locks may be killed at any stage; its command runs on.
To be shown: no deadlock, an end can be reached from everywhere, at every
moment the tokens add up, and nobody keeps make from ending.
"""

import sys

from search import report

WRITES = ('alone', 'write', 'giving', 'kept')   # a guardian that has the pool's write end open
OWES = ('giving', 'heard', 'take', 'kept', 'mine')
# A guardian: its stage, was it told, does a dead waiter's lock hang on it.
NOBODY = ('', False, False)


class Slots(object):
    """`jobs`: tuples of (lock, 'ours' or 'plain'); `kills` is how many
    processes may be killed.  `mutation` is what the code must not be:

    token first     runs only once the guardian has its token
    token last      ends only once the guardian has its token
    no guardian     the debt is the waiter's own, and lost with it
    keeps the lock  the guardian never closes what it inherited
    keeps the pool  the guardian never closes the pool's write end
    """

    def __init__(self, slots, jobs, kills=0, mutation=None):
        self.nests = sorted(jobs)       # equal ones side by side, see _State.frozen
        self.tokens = slots - 1
        self.mutation = mutation
        names = sorted(set([lock for nest in jobs for lock, _ in nest]))
        self.locks = [[names.index(lock) for lock, _ in nest] for nest in self.nests]
        begun = tuple([('idle', (), (NOBODY,) * len(nest)) for nest in self.nests])
        # pool, is make's own slot free, who has each lock, jobs (slot, stages of its processes, their guardians),
        # make, kills left
        self.start = (self.tokens, True, ('',) * len(names), begun, 'works', kills)

    def steps(self, state):
        pool, own, owners, jobs, make, kills = state
        found = []
        for at, (slot, stages, guardians) in enumerate(jobs):
            if slot == 'idle' and (own or pool):
                found.append(('make starts %d' % at, self._from(state).begin(at)))
            if stages:
                found.extend(self._job(state, at))
                if kills and self.nests[at]:
                    found.extend(self._kill(state, at))
            for depth, guardian in enumerate(guardians):
                found.extend(self._guardian(state, at, depth, guardian))
        for lock, owner in enumerate(owners):
            if owner == 'orphan':
                found.append(('orphan under %d ends' % lock, self._from(state).own(lock, '')))
        if make == 'works' and not [job for job in jobs if job[0] != 'back']:
            found.append(('make counts its tokens', self._from(state).make_is('counts')))
        elif make == 'counts' and not self._writers(state):
            found.append(('make ends', self._from(state).make_is('gone')))
        return [(name, after.frozen()) for name, after in found]

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
        lock = self.locks[at][depth]
        ours = nest[depth][1] == 'ours'
        lent = guardians[depth] != NOBODY
        settled = not lent or guardians[depth][0] == 'answered'
        if stage == 'ask':
            if not owners[lock]:
                yield name + 'gets it at once', self._from(state).own(lock, 'held').stage(at, 'run')
            elif ours:
                yield name + 'lends', self._from(state).lend(at, depth).stage(at, 'wait')
            else:
                yield name + 'waits', self._from(state).stage(at, 'wait')
        elif stage == 'wait' and not owners[lock]:
            yield name + 'gets it', self._from(state).own(lock, 'held').stage(at, 'settle' if lent else 'run')
        elif stage == 'settle':
            if self.mutation != 'token first' or settled:
                yield name + 'settles', self._from(state).tell(at, depth).stage(at, 'run')
            elif not guardians[depth][1]:
                yield name + 'tells', self._from(state).tell(at, depth)
        elif stage == 'run' and depth + 1 < len(nest):
            yield name + 'runs the next', self._from(state).push(at)
        elif stage == 'run':
            yield name + 'has worked', self._from(state).stage(at, 'release')
        elif stage == 'release':
            yield name + 'releases', self._from(state).own(lock, '').stage(at, 'close')
        elif stage == 'close' and (self.mutation != 'token last' or settled):
            yield name + 'ends', self._from(state).finish(at)

    def _guardian(self, state, at, depth, guardian):
        stage, told, keeps = guardian
        name = 'guardian %d.%d ' % (at, depth)
        if stage == 'alone':
            after = self._from(state).guard(at, depth, 'write')
            yield name + 'is alone', after if self.mutation == 'keeps the lock' else after.let_go(at, depth)
        elif stage == 'write':
            kept = self.mutation == 'keeps the pool'
            yield name + 'lends', self._from(state).put(1).guard(at, depth, 'kept' if kept else 'giving')
        elif stage == 'giving':
            yield name + 'closes the write end', self._from(state).guard(at, depth, 'heard')
        elif stage == 'heard' and told:
            yield name + 'hears', self._from(state).guard(at, depth, 'take')
        elif stage == 'take' or stage == 'kept' and told:
            if state[0]:
                yield name + 'takes a token', self._from(state).put(-1).let_go(at, depth).guard(at, depth, 'answered')
            elif state[4] == 'gone':
                yield name + 'sees that make is gone', self._from(state).let_go(at, depth).guard(at, depth, 'answered')

    def _kill(self, state, at):
        """The outermost process of job `at`, or the innermost, is killed."""
        slot, stages, guardians = state[3][at]
        depth, stage = len(stages) - 1, stages[-1]
        if depth and stages[0] == 'run':
            yield '%d.0 is killed' % at, self._from(state).killed().behead(at)
        if stage == 'dead':
            return
        after = self._from(state).killed().tell(at, depth)
        if stage in ('settle', 'run', 'release'):
            # The lock goes on as long as someone has its descriptor: the command, or a guardian just born.
            keeper = ''
            if stage == 'run':
                keeper = 'orphan'
            elif self._inherits(guardians[depth][0]):
                keeper = 'guardian'
                after.keep(at, depth)
            after.own(self.locks[at][depth], keeper)
        if guardians[depth][0] == 'mine':
            after.guard(at, depth, 'answered')
        yield '%d.%d is killed' % (at, depth), after.finish(at)

    def _inherits(self, stage):
        """Has a guardian still got the descriptors of its waiter?"""
        return stage == 'alone' or self.mutation == 'keeps the lock' and stage in WRITES + OWES

    def _writers(self, state):
        """Has anyone but make the write end of the pool?"""
        return 'orphan' in state[2] or [job for job in state[3] if job[1]] or [
            guardian for job in state[3] for guardian in job[2] if guardian[0] in WRITES]

    def wrong(self, state):
        pool, own, owners, jobs, make, kills = state
        held = len([job for job in jobs if job[0] == 'token'])
        lent = len([guardian for job in jobs for guardian in job[2] if guardian[0] in OWES])
        if make == 'works' and pool + held != self.tokens + lent:
            return '%d tokens are about, and %d lent' % (pool + held, lent)
        return None

    def ended(self, state):
        return state[4] == 'gone' and not [
            guardian for job in state[3] for guardian in job[2] if guardian[0] not in ('', 'answered')]


class _State(object):
    """A state being changed into its successor."""

    def __init__(self, model, state):
        self.model = model
        self.pool, self.free, self.owners, self.jobs, self.make, self.kills = state

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
        return self.pool, self.free, self.owners, ordered, self.make, self.kills

    def put(self, tokens):
        self.pool += tokens
        return self

    def make_is(self, doing):
        self.make = doing
        return self

    def killed(self):
        self.kills -= 1
        return self

    def own(self, lock, who):
        self.owners = _changed(self.owners, lock, who)
        return self

    def _job(self, at, slot=None, stages=None, guardians=None):
        before = self.jobs[at]
        self.jobs = _changed(self.jobs, at, (
            before[0] if slot is None else slot, before[1] if stages is None else stages,
            before[2] if guardians is None else guardians))
        return self

    def begin(self, at):
        """make starts job `at`, in its own slot if that is free."""
        if self.free:
            self.free = False
            return self._job(at, 'own', ('ask',))
        return self.put(-1)._job(at, 'token', ('ask',))

    def stage(self, at, stage):
        return self._job(at, stages=self.jobs[at][1][:-1] + (stage,))

    def push(self, at):
        return self._job(at, stages=self.jobs[at][1] + ('ask',))

    def guard(self, at, depth, stage, told=None, keeps=None):
        guardian = self.jobs[at][2][depth]
        if stage == 'answered':
            told, keeps = True, False
        return self._job(at, guardians=_changed(self.jobs[at][2], depth, (
            stage, guardian[1] if told is None else told, guardian[2] if keeps is None else keeps)))

    def lend(self, at, depth):
        if self.model.mutation == 'no guardian':    # the waiter itself puts the token in
            return self.put(1).guard(at, depth, 'mine')
        return self.guard(at, depth, 'alone')

    def tell(self, at, depth):
        stage = self.jobs[at][2][depth][0]
        return self.guard(at, depth, stage, told=True) if stage else self

    def keep(self, at, depth):
        return self.guard(at, depth, self.jobs[at][2][depth][0], keeps=True)

    def let_go(self, at, depth):
        """The guardian closes what it inherited."""
        stage, told, keeps = self.jobs[at][2][depth]
        if keeps:
            self.own(self.model.locks[at][depth], '').guard(at, depth, stage, keeps=False)
        return self

    def finish(self, at):
        """The innermost process of job `at` is over; whoever ran it sees that."""
        stages, guardians = self.jobs[at][1:]
        depth = len(stages) - 1
        if guardians:
            self.tell(at, depth)
            if guardians[depth][0] == 'mine' and self.jobs[at][2][depth][0] == 'mine' and self.pool:
                self.put(-1).guard(at, depth, 'answered')
        stages = stages[:-1]
        if stages == ('dead',):         # nobody sees it: the last copy of his lock is closed
            return self.own(self.model.locks[at][0], '')._job(at, stages=())
        if stages:
            return self._job(at, stages=stages[:-1] + ('release',))
        return self._job(at, stages=())._give_back(at)

    def behead(self, at):
        """The outermost process of job `at` dies: make sees the job end."""
        return self.tell(at, 0)._job(at, stages=('dead',) + self.jobs[at][1][1:])._give_back(at)

    def _give_back(self, at):
        if self.jobs[at][0] == 'own':
            self.free = True
        else:
            self.pool += 1
        return self._job(at, 'back')


def _changed(values, at, value):
    return values[:at] + (value,) + values[at + 1:]


FREE = ()
OURS = (('L', 'ours'),)
PLAIN = (('L', 'plain'),)
OUTER = (('O', 'plain'),)
IN_PLAIN = (('O', 'plain'), ('L', 'ours'))
IN_OURS = (('O', 'ours'), ('L', 'ours'))
PLAIN_IN_OURS = (('O', 'ours'), ('L', 'plain'))
BESIDE = (OURS, OURS, PLAIN, PLAIN)
NESTED = (OURS, IN_PLAIN, OUTER, OUTER)

# title, model, must it be sound
CASES = [
    ('-j2, waiters that lend and a free job, one killed', Slots(2, (OURS, OURS, OURS, FREE), 1), True),
    ('-j2, beside plain waiters, one killed', Slots(2, BESIDE, 1), True),
    ('-j2, in a plain lock, one killed', Slots(2, NESTED, 1), True),
    ('-j2, in a lock of ours, two killed', Slots(2, (IN_OURS, IN_OURS), 2), True),
    ('-j2, a plain lock in one of ours, two killed', Slots(2, (PLAIN_IN_OURS, OURS, PLAIN), 2), True),
    ('-j3, two killed', Slots(3, (OURS, OURS, FREE, FREE), 2), True),
    ('-j1, where there is no slot but its own, two killed', Slots(1, (OURS, PLAIN, FREE), 2), True),
    ('token first, beside plain waiters', Slots(2, BESIDE, 0, 'token first'), False),
    ('token first, in a plain lock', Slots(2, NESTED, 0, 'token first'), False),
    ('token last, beside plain waiters', Slots(2, BESIDE, 0, 'token last'), True),
    ('token last, in a plain lock', Slots(2, NESTED, 0, 'token last'), False),
    ('no guardian, one killed', Slots(2, (OURS, OURS, FREE), 1, 'no guardian'), False),
    ('keeps the lock, one killed', Slots(2, BESIDE, 1, 'keeps the lock'), False),
    ('keeps the pool', Slots(2, (OURS, OURS, FREE), 0, 'keeps the pool'), False),
]

if __name__ == '__main__':
    sys.exit(1 if report(CASES) else 0)
