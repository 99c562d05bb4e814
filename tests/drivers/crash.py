"""Crash tests: nothing makes the lock last too long or too short, and nothing is left behind.

    crash.py rounds [--seconds=4] [--shared=0] [--stops=0] [--pool=0] [--processes=8] [--seed=N]

        8 processes take and drop one lock, while a killer SIGKILLs wrappers and commands at random.  No two that
        exclude each other may ever be inside together, and no process may be stuck at the end.  --shared is the
        fraction that share the lock.  With --stops, up to so many at a time are stopped by STOP or TSTP, and continued
        after up to STOPPED seconds; some are killed meanwhile.  With --pool those who share are in a pool of that
        number: one more may never be inside, and at the end no place may be lost.

    crash.py moments [--times=20] [--limit=0] [--seed=N]

        KILL, TERM, HUP and INT to the wrapper, each at so many random moments of its life, with a command that minds
        the signal and one that does not.  The lock may never be free while the command runs.  The time from the
        command's death until the lock is free is printed, and with --limit (seconds) asserted.

    crash.py places [--kills=40] [--seed=N]

        Ten places take three locks, shared and exclusive, half of them a second lock inside the first, each with a
        command that runs until it is let go. In random order, processes are started, let go or killed: a sage-flock
        whose command runs, one that waits, one just starting, a command. If a sage-flock is killed, its command keeps
        the lock until it ends, by design; what --status names must be one of the processes that still run.
        At the end the commands are let go. Then all must end, --status must name nobody, and the locks' folders must
        be as small as before the first call.

The interpreter under test is PYTHON.
"""

import fcntl
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from processes import PATIENCE, ROOT, SAGE_FLOCK, TICK, Run, Wrong, now, tidy_environment
from programs import LOCKS, WANTS, check_nothing_is_left

PROCESSES = 8
STAY = 0.01             # seconds that a command is inside, on average
LONG_STAY = 0.1         # seconds
KILLS = 0.6             # per command that comes in
STOPPED = 3.0           # seconds at most
PLACES = 10
COMMAND = ['sh', '-c', 'echo $$; exec cat']     # runs until its stdin ends
LOOK_EVERY = 25         # kills
SENDERS_ARE_KNOWN = not subprocess.call(SAGE_FLOCK[:3] + ['-c', 'import signal; signal.sigwaitinfo'],
                                        stderr=open(os.devnull, 'w'))


class Scene(object):
    """A folder with a lock and a witness file, and those who run there."""

    def __init__(self, pool=0):
        self.pool = pool        # how many are in it at most, of those who share; 0: they only share
        self.folder = tempfile.mkdtemp()
        for name in ('x.lock', 'witness', 'log'):
            open(os.path.join(self.folder, name), 'w').close()
        self.log = open(os.path.join(self.folder, 'log'))
        self.lock = os.open(os.path.join(self.folder, 'x.lock'), os.O_RDONLY)
        self.witness = os.open(os.path.join(self.folder, 'witness'), os.O_RDWR)

    def start(self, mode, seconds, *keep):
        """A wrapper with a witness as its command."""
        options = ['-q', '--' + mode]
        if self.pool and mode == 'shared':
            mode = '%d' % self.pool
            options = ['-q', '--pool', mode]
        witness = SAGE_FLOCK[:3] + [ROOT + '/tests/drivers/witness.py', self.folder, mode, '%.4f' % seconds]
        return Run(SAGE_FLOCK + options + ['x.lock'] + witness + list(keep), self.folder)

    def places_are_free(self):
        """Can the whole pool be had at once, and no more?  Yes, if there is none."""
        if not self.pool:
            return True
        words = SAGE_FLOCK + ['-n', '--pool', '%d' % self.pool, 'x.lock', 'sh', '-c', 'echo in; read it']
        inside = []
        try:
            while len(inside) < self.pool:
                inside.append(subprocess.Popen(words, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
                if inside[-1].stdout.readline() != b'in\n':
                    return False
            return subprocess.call(words, cwd=self.folder) == 1
        finally:
            for one in inside:
                one.communicate(b'out\n')

    def news(self):
        """What witnesses said since the last call: (what, pid, parent's pid)."""
        return [(line.split()[0], int(line.split()[1]), int(line.split()[2])) for line in self.log.readlines()]

    def lock_is_free(self):
        """Take and drop the lock, if nobody has it."""
        if not can(fcntl.flock, self.lock):
            return False
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        return True

    def nobody_is_inside(self):
        """Is there no witness alive that has come in?"""
        if not can(fcntl.lockf, self.witness):
            return False
        fcntl.lockf(self.witness, fcntl.LOCK_UN)
        return True

    def strike(self):
        shutil.rmtree(self.folder, True)


def can(lock, fd):
    try:
        lock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except EnvironmentError:
        return False


def kill(pid, number):
    try:
        os.kill(pid, number)
        return True
    except OSError:
        return False


def rounds(seconds='4', shared='0', stops='0', pool='0', processes=PROCESSES, seed=None):
    """The crash test; the exit status."""
    chance = random.Random(seed)
    scene = Scene(int(pool))
    try:
        return Crash(scene, chance, float(shared), int(stops), int(processes)).go(float(seconds))
    finally:
        scene.strike()


class Crash(object):

    def __init__(self, scene, chance, shared, stops, processes):
        self.scene = scene
        self.chance = chance
        self.shared = shared
        self.stops = stops
        self.processes = processes
        self.stopped = {}       # pid -> when it is to be continued
        self.all_stops = {'STOP': 0, 'TSTP': 0, 'killed': 0}
        self.wrappers = []      # that run
        self.inside = {}        # pid of a command -> pid of its wrapper
        self.rounds = self.together = self.most = 0
        self.due = []           # when to kill
        self.killed = set()     # pids
        self.bereft = set()     # pids of wrappers whose command was killed, perhaps after its last word
        self.kills = {'waiting wrapper': 0, 'holding wrapper': 0, 'command': 0}
        self.faults = []

    def go(self, seconds):
        """Run so long, then let everybody finish, and report."""
        end = now() + seconds
        while now() < end:
            while len(self.wrappers) < self.processes:
                mode = 'shared' if self.chance.random() < self.shared else 'exclusive'
                # A few stay long, so that whoever comes in too early finds them inside.
                stay = LONG_STAY if self.chance.random() < 0.2 else self.chance.expovariate(1 / STAY)
                self.wrappers.append(self.scene.start(mode, stay))
            self.look()
            if self.due and now() > self.due[0]:
                self.due.pop(0)
                self.kill_one()
            if len(self.stopped) < self.stops and self.chance.random() < 0.05:
                self.stop_one()
            self.continue_those_due(now())
            time.sleep(TICK)
        self.continue_those_due(end + STOPPED)
        self.finish()
        if self.stops:
            print('stopped: %s' % ', '.join(['%s %d' % one for one in sorted(self.all_stops.items())]))
            if not (self.all_stops['STOP'] and self.all_stops['TSTP']):
                self.faults.append('nobody was ever stopped')
        print('%d rounds, %d kills (%s), %d inside at once at most' % (
            self.rounds, sum(self.kills.values()),
            ', '.join(['%s %d' % one for one in sorted(self.kills.items())]), self.most))
        for fault in self.faults:
            print('FAULT: ' + fault)
        return min(1, len(self.faults))

    def look(self):
        """Take note of what was said, and of who has ended, and how."""
        over = [run for run in self.wrappers if run.is_over()]
        for what, pid, parent in self.scene.news():
            if what == 'together':
                self.faults.append('%d came in while another was inside' % pid)
            elif what == 'in':
                self.inside[pid] = parent
                if self.chance.random() < KILLS:
                    self.due.append(now() + self.chance.uniform(0, STAY))
                self.most = max(self.most, len([one for one in self.inside if one not in self.killed]))
            else:
                self.rounds += 1
                self.inside.pop(pid, None)
        for run in over:
            self.wrappers.remove(run)
            commands = [pid for pid, parent in self.inside.items() if parent == run.pid]
            wanted = 0
            if run.pid in self.killed or run.pid in self.bereft:
                wanted = -signal.SIGKILL
            # A kill may come too late to be noticed.
            if run.status not in (wanted, 0) or run.said(2):
                self.faults.append('%d ended with %d, not %d: %r' % (run.pid, run.status, wanted, run.said(2)))
            if run.pid not in self.killed:
                for pid in commands:
                    del self.inside[pid]
            run.forget()

    def stop_one(self):
        """Stop a wrapper, that waits most likely."""
        victims = [run.pid for run in self.wrappers if run.pid not in self.stopped and run.pid not in self.killed]
        if victims:
            name = self.chance.choice(('STOP', 'TSTP'))
            pid = self.chance.choice(victims)
            if kill(pid, getattr(signal, 'SIG' + name)):
                self.all_stops[name] += 1
                self.stopped[pid] = now() + self.chance.uniform(0, STOPPED)

    def continue_those_due(self, until):
        """Continue those whose stop was to end by the time `until`, or kill them."""
        for pid, due in list(self.stopped.items()):
            if due <= until:
                del self.stopped[pid]
                if any([run.pid == pid for run in self.wrappers]):
                    if self.chance.random() < 0.2 and kill(pid, signal.SIGKILL):
                        self.killed.add(pid)
                        self.all_stops['killed'] += 1
                    kill(pid, signal.SIGCONT)

    def kill_one(self):
        """Kill a wrapper or a command, whoever it hits."""
        holding = self.inside.values()
        kinds = {'command': list(self.inside), 'holding wrapper': list(holding),
                 'waiting wrapper': [run.pid for run in self.wrappers if run.pid not in holding]}
        victims = [(kind, pid) for kind in self.chance.sample(sorted(kinds), 3) for pid in kinds[kind]
                   if pid not in self.killed and pid > 1]
        if not victims:
            return
        kind, pid = victims[0]
        if kill(pid, signal.SIGKILL):
            self.killed.add(pid)
            self.kills[kind] += 1
            if kind == 'command':
                self.bereft.add(self.inside[pid])

    def finish(self):
        """Nobody is stuck, and nothing is left of anybody."""
        end = now() + PATIENCE
        while (self.wrappers or not self.scene.lock_is_free()) and now() < end:
            self.look()
            time.sleep(TICK)
        self.look()
        for run in self.wrappers:
            self.faults.append('%d is stuck' % run.pid)
            run.end()
        if not self.scene.lock_is_free():
            self.faults.append('the lock is not free in the end')
        if not self.scene.places_are_free():
            self.faults.append('a place in the pool is lost')
        if not self.rounds:
            self.faults.append('nobody ever came in')
        if self.shared > 0.5 and self.most < 2 and self.scene.pool != 1:
            self.faults.append('nobody ever shared')
        last = self.scene.start('exclusive', 0)
        while not last.is_over() and not last.hangs():
            time.sleep(TICK)
        if last.status != 0:
            self.faults.append('the lock cannot be taken in the end: %s' % last.status)


def moments(times='20', limit='0', seed=None):
    """The test of random moments; the exit status."""
    chance = random.Random(seed)
    faults = []
    for name in ('KILL', 'TERM', 'HUP', 'INT'):
        number = getattr(signal, 'SIG' + name)
        waits = []
        before = 0
        for count in range(int(times)):
            scene = Scene()
            try:
                wait = one_moment(scene, chance, number, count % 2 and 'stubborn' or 'meek', faults)
            finally:
                scene.strike()
            if wait is None:
                before += 1
            else:
                waits.append(wait)
        slowest = waits and max(waits) or 0
        print('%s: %d moments, %d before the command came in; free at most %.4f s after its death' % (
            name, int(times), before, slowest))
        if 0 < float(limit) < slowest:
            faults.append('%s: free only after %.4f s' % (name, slowest))
    for fault in faults:
        print('FAULT: ' + fault)
    return min(1, len(faults))


def one_moment(scene, chance, number, keep, faults):
    """One wrapper, signalled once: seconds from its command's death until the lock was free, None if no command came in."""
    stay = 0.1
    run = scene.start('exclusive', stay, keep)
    # Let it have the lock first; from then on whoever finds the lock free and a witness alive has caught it.
    while scene.lock_is_free() and not run.is_over():
        time.sleep(0.0005)
    # Either soon, while the command is being started, or at any time of its stay.
    due = now() + (chance.uniform(0, 0.03) if chance.random() < 0.3 else 3600)
    sent = came = False
    died = None
    while True:
        if not sent and now() >= due:
            kill(run.pid, number)
            sent = True
        if not came and [1 for what, _, _ in scene.news() if what == 'in']:
            came = True
            due = min(due, now() + chance.uniform(0, 1.1) * stay)
        if came and died is None and scene.nobody_is_inside():
            died = now()
        if can(fcntl.flock, scene.lock):
            break
        if run.hangs():
            faults.append('the lock is never free after signal %d' % number)
            break
    free = now()
    came = came or any([what == 'in' for what, _, _ in scene.news()])
    if not scene.nobody_is_inside():
        faults.append('the lock is free after signal %d, and the command runs' % number)
    fcntl.flock(scene.lock, fcntl.LOCK_UN)
    while not run.is_over() and not run.hangs():
        time.sleep(TICK)
    # The command's own end, unless the signal ended it; where the sender of INT is unknown it is not passed on.
    passed_on = number != signal.SIGINT or SENDERS_ARE_KNOWN
    if came and run.status not in ((0, -number) if passed_on else (0,)):
        faults.append('signal %d to the wrapper alone ended it with %d' % (number, run.status))
    run.end()
    run.forget()
    return None if not came else max(0, free - (died or free))


def places(kills='40', seed=None):
    """The test of what is left; the exit status."""
    seed = seed or '%d' % random.randrange(10 ** 6)
    folder = tempfile.mkdtemp()
    started = []
    try:
        kill_many(int(kills), random.Random(int(seed)), folder, started)
        forget_newborns(folder)
        check_nothing_is_left(folder)
    except Wrong as wrong:
        print('places, seed %s: %s' % (seed, wrong))
        return 1
    finally:
        for place in started:
            place.end()
        shutil.rmtree(folder)
    print('%s killed, nothing left' % kills)
    return 0


class Place(object):
    """One of the places: a sage-flock, what it runs, and what that runs, all in one process group."""

    def __init__(self, folder, chance):
        words = COMMAND
        for _ in range(chance.choice([1, 2])):
            words = ['sh', '-c', WANTS % '$$', 'sh', chance.choice(['-s', '-x']), chance.choice(LOCKS[:3])] + words
        self.heard = b''
        self.child = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, preexec_fn=os.setsid, close_fds=True)

    def has_ended(self):
        """Is the last process gone?  Hears what they say on the way."""
        while not self.child.stdout.closed and select.select([self.child.stdout], [], [], 0)[0]:
            piece = os.read(self.child.stdout.fileno(), 4096)
            if not piece:
                self.child.stdout.close()
                self.let_go()
                self.child.wait()
            self.heard += piece
        if b'Traceback' in self.heard:
            raise Wrong(self.heard.decode('ascii', 'replace'))
        return self.child.stdout.closed

    def process_ids(self):
        """All that said theirs, running or not; the first one, which may not have come to say it, included."""
        said = [int(word) for word in self.heard.split(b'\n')[:-1] if word.isdigit()]
        return set(said + [self.child.pid])

    def kill(self, chance):
        """Kill one of its processes; was there one?"""
        pid = chance.choice(sorted(self.process_ids()))
        try:
            if os.getpgid(pid) != self.child.pid:       # the number is somebody else's by now
                return False
            os.kill(pid, signal.SIGKILL)
        except OSError:
            return False
        return True

    def let_go(self):
        if not self.child.stdin.closed:
            self.child.stdin.close()

    def end(self):
        """Whatever is left of it goes."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except OSError:
            pass
        self.let_go()
        self.child.wait()


def kill_many(number, chance, folder, places):
    """Start, let go and kill until so many are killed; then let all go."""
    killed = looked = 0
    while killed < number:
        places[:] = [place for place in places if not place.has_ended()]
        if len(places) < PLACES:
            places.append(Place(folder, chance))
        # Some are killed while they start: how far they get is the machine's choice.
        select.select([], [], [], chance.choice([0, 0.003, 0.01, 0.03]))
        place = chance.choice(places)
        if chance.random() < 0.3:
            place.let_go()
        elif place.kill(chance):
            killed += 1
        if killed >= looked + LOOK_EVERY:
            looked = killed
            check_names(folder, places)
    for place in places:
        place.let_go()
    since = now()
    while places:
        places[:] = [place for place in places if not place.has_ended()]
        if now() - since > PATIENCE:
            raise Wrong('stuck:\n' + '\n'.join([place.heard.decode('ascii', 'replace') for place in places]))
        select.select([], [], [], 0.01)


def check_names(folder, places):
    """--status names nobody who has ended before it was asked."""
    places[:] = [place for place in places if not place.has_ended()]
    running = set()
    status = subprocess.Popen(SAGE_FLOCK + ['--status', '--json'], cwd=folder, stdout=subprocess.PIPE)
    said = json.loads(status.communicate()[0].decode('ascii'))
    for place in places:
        place.has_ended()
        running |= place.process_ids()
    for lock in said:
        for user in lock['users']:
            if user['pid'] not in running:
                raise Wrong('%s is stale: %s' % (lock['lock'], user))


def forget_newborns(folder):
    """Whoever was killed while making a record left one half made, which counts as dead once it is old."""
    for parent, _, names in os.walk(os.path.join(folder, '.sage-flock')):
        for name in names:
            if name.startswith('t.'):
                os.utime(os.path.join(parent, name), (0, 0))


if __name__ == '__main__':
    options = dict([word.lstrip('-').split('=') for word in sys.argv[2:]])
    tidy_environment()
    sys.exit({'rounds': rounds, 'moments': moments, 'places': places}[sys.argv[1]](**options))
