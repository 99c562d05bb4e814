"""Random schedules of coalesced sweeps, with the answer of each requester checked.

    sweeps.py COUNT SEED [-- SAGE-FLOCK...]

A schedule chooses at random: launch a requester, let the running sweep succeed
or fail, kill it, kill a requester, or let a worker work under the shared lock
and a requester ask later as of the mark that it left.  Sweeps run until the
schedule ends them, and most requesters get the time to say that they wait, so
they come at any time of a sweep.  What is checked:

* If a requester returns 0, it was covered: a sweep of its key has succeeded
  that started after it was launched, or after the work of its mark was done.
* If it returns anything else, and was not killed, it ran a sweep of its own,
  and that is how the sweep ended.
* No two sweeps ever run at the same time, whatever their keys.

Exit status 1, and a line, if any of this does not hold.
"""

import os
import random
import select
import signal

from processes import PATIENCE, Children, Wrong, command_behind, drive, expect, in_a_folder

KEYS = ('dll', 'index')
# A sweep says what it does on 7, and reads on 8 how to end.
SWEEP = 'echo "begins $1 $2 $$" >&7; read -r status <&8; echo "ends $2 $status" >&7; exit "$status"'


class Sweep(object):
    """One run of the command, as seen from outside."""

    def __init__(self, key, requester, pid, moment):
        self.key = key
        self.requester = requester
        self.pid = pid
        self.began = moment
        self.status = None      # the status that it is to end with
        self.ended = False


class Schedule(object):
    """One play: `requesters` calls, until all is over."""

    def __init__(self, command, dice, requesters):
        self.command = command
        self.dice = dice
        self.left = requesters
        self.moment = 0             # what was first has the smaller number
        self.children = Children()
        self.asked = {}             # requester's pid to (number, key, the moment as of which it asks)
        self.works = []             # the key of each work
        self.worked = []            # (number, moment) of those done whose mark nobody has brought
        self.killed = set()
        self.sweeps = []
        self.hears, self.says = os.pipe()
        self.gate, self.opens = os.pipe()
        self.pending = b''
        self.ears = {}              # where a requester's messages come, to its pid
        self.heard_of = set()       # requesters that wait, or have run a sweep
        self.environment = {'SAGE_FLOCK_KEEP_SLOT': '1'}

    def play(self):
        """Throw the dice until there is nothing left to do."""
        try:
            while self.left or self._alive() or self._running():
                self._hear(0.005)
                self._reap()
                if self.dice.random() < 0.6:
                    self._let_them_ask()
                action = self.dice.choice((self._launch,) * 5 + (self._work, self._work, self._end, self._end, self._fail,
                                           self._fail, self._kill_sweep, self._kill_requester))
                action()
                if not self.left:
                    self._end()
            self._answer(0)     # to a sweep that began when its requester was already dead
            self.children.all_end()
        finally:
            for fd in [self.hears, self.says, self.gate, self.opens] + list(self.ears):
                os.close(fd)

    def _alive(self):
        return [pid for pid in self.asked if pid not in self.children.ended]

    def _running(self):
        return [sweep for sweep in self.sweeps if not sweep.ended]

    def _launch(self):
        if not self.left:
            return
        self.left -= 1
        key = self.dice.choice(KEYS)
        number = len(self.asked)
        self._hear(0)
        self.moment += 1
        since = self.moment
        mark = []
        if self.worked and self.dice.random() < 0.7:
            work, since = self.worked.pop(self.dice.randrange(len(self.worked)))
            key = self.works[work]
            mark = ['--mark', 'mark%d' % work]
        ear, mouth = os.pipe()
        argv = self.command + ['--coalesce', '--key', key] + mark + ['sweep.lock', 'sh', '-c', SWEEP, 'sweep',
                                                                     key, str(number)]
        pid = self.children.spawn(argv, self.environment, {2: mouth, 7: self.says, 8: self.gate})
        os.close(mouth)
        self.ears[ear] = pid
        self.asked[pid] = (number, key, since)

    def _work(self):
        if not self.left:
            return
        number = len(self.works)
        self.works.append(self.dice.choice(KEYS))
        self.children.spawn(self.command + ['-q', '-s', '--key', self.works[number], '--mark', 'mark%d' % number,
                                            'sweep.lock', 'sh', '-c', 'echo "worked $1" >&7', 'work', str(number)],
                            self.environment, {7: self.says})

    def _let_them_ask(self):
        """Until every requester has asked: it waits, or has its turn."""
        while not self.heard_of.issuperset(self._alive()):
            self._hear(0.05)
            self._reap()

    def _end(self, status=0):
        for sweep in self._running():
            if sweep.status is None:
                sweep.status = status
                self._answer(status)
                return

    def _answer(self, status):
        os.write(self.opens, ('%d\n' % status).encode('ascii'))

    def _fail(self):
        self._end(self.dice.choice((1, 3)))

    def _kill_sweep(self):
        for sweep in self._running():
            if sweep.status is None and self.dice.random() < 0.5:
                sweep.status = -9
                os.kill(sweep.pid, signal.SIGKILL)
                sweep.ended = True

    def _kill_requester(self):
        alive = self._alive()
        if alive and self.dice.random() < 0.3:
            pid = self.dice.choice(sorted(alive))
            self.killed.add(pid)
            os.kill(pid, signal.SIGKILL)

    def _hear(self, seconds):
        """What the sweeps have said, in its order, and who says that it waits."""
        while True:
            ready = select.select([self.hears] + list(self.ears), [], [], seconds)[0]
            if not ready:
                break
            seconds = 0
            if self.hears in ready:
                self.pending += os.read(self.hears, 4096)
                ready.remove(self.hears)
            for ear in ready:
                self.heard_of.add(self.ears[ear])
                if not os.read(ear, 4096):
                    os.close(ear)
                    del self.ears[ear]
        while b'\n' in self.pending:
            line, self.pending = self.pending.split(b'\n', 1)
            words = line.decode('ascii').split()
            self.moment += 1
            if words[0] == 'begins':
                expect('one sweep at a time', not self._running())
                self.heard_of.update([pid for pid in self.asked if self.asked[pid][0] == int(words[2])])
                self.sweeps.append(Sweep(words[1], int(words[2]), int(words[3]), self.moment))
            elif words[0] == 'worked':
                self.worked.append((int(words[1]), self.moment))
            else:
                self._sweep_of(int(words[1])).ended = True

    def _sweep_of(self, requester):
        """Its latest."""
        return [sweep for sweep in self.sweeps if sweep.requester == requester][-1]

    def _reap(self):
        """See who has ended, and whether rightly."""
        before = set(self.children.ended)
        while self.children.reap(block=False):
            pass
        self._hear(0)
        for pid in self.children.ended:
            if pid not in before and pid in self.asked and pid not in self.killed:
                self._judge(self.asked[pid], self.children.ended[pid])

    def _judge(self, asked, status):
        number, key, since = asked
        own = [sweep for sweep in self.sweeps if sweep.requester == number]
        if status == 0:
            covering = [sweep for sweep in self.sweeps
                        if sweep.key == key and sweep.began > since and sweep.ended and sweep.status == 0]
            expect('requester %d returned 0 and was covered' % number, covering)
        elif os.WIFSIGNALED(status):
            expect('requester %d died like its own sweep' % number, own and own[-1].status == -os.WTERMSIG(status))
        else:
            expect('requester %d ended with %d like its own sweep' % (number, os.WEXITSTATUS(status)),
                   own and own[-1].status == os.WEXITSTATUS(status))


def schedules(command, count, seed):
    """Play `count` schedules; what they came to."""
    played = []
    for at in range(count):
        dice = random.Random(seed * 1000 + at)

        def play():
            schedule = Schedule(command, dice, dice.randint(4, 9))
            played.append(schedule)
            signal.alarm(3 * PATIENCE)
            schedule.play()

        try:
            in_a_folder(play)
        except Wrong as wrong:
            raise Wrong('schedule %d of seed %d: %s' % (at, seed, wrong))
    sweeps = [sweep for schedule in played for sweep in schedule.sweeps]
    return '%d schedules: %d requests, %d sweeps, %d failed, %d killed' % (
        count, sum([len(schedule.asked) for schedule in played]), len(sweeps),
        len([sweep for sweep in sweeps if sweep.status and sweep.status > 0]),
        sum([len(schedule.killed) for schedule in played]) + len([sweep for sweep in sweeps if sweep.status == -9]))


def main(*words):
    words, command = command_behind(words)
    print(schedules(command, int(words[0]), int(words[1])))


if __name__ == '__main__':
    drive(main)
