"""Random lock programs: is every real deadlock told, and nothing else?

    programs.py [--driven N] [--free N] [--seed N]

Six processes take four locks, shared, exclusive and as one of a pool, one inside the other (and where they run free, two
in one call as well), and let them go again.

driven  The driver says who does what next, and knows from a model of the lock table, fair gate included, what must
        come of it: who is in, who stands in the gate, who queues, who is refused, who is told of a deadlock. It goes on
        only when the kernel itself (/proc/locks) shows every waiter blocked where the model has it, so nothing here
        depends on time. The model's deadlock is a waiter who can never go on, whoever else does what it can, found
        without what the product looks at: records, pointers, states.
free    The processes run as they like. All must end; what they said, in the order in which they said it, must fit
        together: no two in one lock that exclude each other, and every deadlock told was one.

The first line that does not fit ends it with status 1 and the story of that program.
"""

import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from processes import PATIENCE, SAGE_FLOCK, Wrong, tidy_environment

PROCESSES = ['P%d' % number for number in range(1, 7)]
LOCKS = ['a.lock', 'b.lock', 'c.lock', 'd.lock']
DEEPEST = 4
ACTS = 40               # how many times somebody does something in a driven program
# How a lock is asked for. The number behind `p` is that of the pool.
OPTIONS = {'s': '-s', 'x': '-x', 'p1': '--pool 1', 'p2': '--pool 2', 'p3': '--pool 3'}
MODES = 'x x s s p1 p2 p2 p3'.split()
# A command that says its process id and then becomes sage-flock.
WANTS = 'echo "%s"; exec ' + ' '.join(["'%s'" % word for word in SAGE_FLOCK]) + ' "$@"'

# The command under a lock: does what it is told, and may be told to run itself under a further lock.
AGENT = """
echo in
while read -r verb words; do
    if [ "$verb" = leave ]; then exit 0; fi
    sh -c '%s' sh $words sh "$0" "$1"
    echo "ended $?"
done
""" % (WANTS % 'pid $$').replace("'", "'\\''")


# ---- The model

class Frame(object):
    """One lock taken by a process, `pid` being the sage-flock that did. Not `real` if an outer one covers it."""

    def __init__(self, process, lock, mode, pid, real=True):
        self.process, self.lock, self.mode, self.pid, self.real = process, lock, mode, pid, real


class Waiter(object):
    """A process that waits for a lock. One that is `timed` (-w) is not part of a deadlock."""

    def __init__(self, process, lock, mode, timed, pid):
        self.process, self.lock, self.mode, self.timed, self.pid = process, lock, mode, timed, pid


class Table(object):
    """Who holds which lock, who stands in its gate, who queues for the gate, in order."""

    def __init__(self):
        self.frames = dict((process, []) for process in PROCESSES)
        self.gate = dict((lock, None) for lock in LOCKS)
        self.queue = dict((lock, []) for lock in LOCKS)

    def waiters(self):
        found = [one for one in self.gate.values() if one]
        for queue in self.queue.values():
            found += queue
        return found

    def waiting(self, process):
        for one in self.waiters():
            if one.process == process:
                return one
        return None

    def holders(self, lock):
        return [frame for frames in self.frames.values() for frame in frames if frame.real and frame.lock == lock]

    def in_the_way(self, lock, mode):
        """(the holders of `lock` who keep out a taker in `mode`, how many of them must go)."""
        holders = [one for one in self.holders(lock) if 'x' in (mode, one.mode)]
        if holders or mode[0] != 'p':
            return holders, len(holders)
        members = [one for one in self.holders(lock) if one.mode[0] == 'p']
        return members, max(0, len(members) - int(mode[1:]) + 1)

    def is_free(self, lock, mode):
        return not self.in_the_way(lock, mode)[1]

    def waits_for(self, waiter):
        """What must be before this waiter can go on: pairs of processes and how many of them must go on."""
        if waiter.timed:
            return []
        holders, number = self.in_the_way(waiter.lock, waiter.mode)
        needs = [([one.process for one in holders], number)]
        gate = self.gate[waiter.lock]
        # What a timed one in the gate holds up will be seen when it has gone, and who queues before us when it gets there.
        if waiter is not gate and not gate.timed:
            needs.append(([gate.process], 1))
        return needs

    def closes_a_ring(self, waiter):
        """Can it never go on?  Nobody else is so, but by it: the last one to come was told."""
        free = set()
        more = True
        while more:
            more = [process for process in PROCESSES if process not in free and not [
                1 for others, number in (self.waits_for(self.waiting(process)) if self.waiting(process) else [])
                if number > len([one for one in others if one in free])]]
            free.update(more)
        return waiter.process not in free

    def drop(self, waiter):
        """Take a waiter out."""
        if self.gate[waiter.lock] is waiter:
            self.gate[waiter.lock] = None
        else:
            self.queue[waiter.lock].remove(waiter)

    def moves(self, lock):
        """What follows by itself, now that something about `lock` has changed: a list of (waiter, 'in' or 'told')."""
        moved = []
        while True:
            one = self.gate[lock]
            stepped = not one and self.queue[lock]
            if stepped:
                one = self.gate[lock] = self.queue[lock].pop(0)
            if not one:
                return moved
            if self.is_free(lock, one.mode):
                self.drop(one)
                self.frames[one.process].append(Frame(one.process, lock, one.mode, one.pid))
                moved.append((one, 'in'))
            elif stepped and self.closes_a_ring(one):
                moved.append((one, 'told'))     # dropped by whoever has checked what it was told
                return moved
            else:
                return moved


# ---- The driver

class Process(object):
    """One of the processes: what it is told goes down a pipe, what it and its sage-flocks say comes up another."""

    def __init__(self, name, command, folder):
        self.name = name
        self.heard = b''
        self.child = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, preexec_fn=os.setsid)

    def tell(self, words):
        os.write(self.child.stdin.fileno(), (words + '\n').encode('ascii'))

    def line(self):
        """The next line it says; a shell's remark on a killed child is none."""
        while b'\n' not in self.heard:
            if not select.select([self.child.stdout], [], [], PATIENCE)[0]:
                raise Wrong('%s: silence' % self.name)
            piece = os.read(self.child.stdout.fileno(), 4096)
            if not piece:
                raise Wrong('%s has ended' % self.name)
            self.heard += piece
        line, _, self.heard = self.heard.partition(b'\n')
        line = line.decode('ascii', 'replace')
        return self.line() if line.startswith('Terminated') else line

    def end(self):
        """Whatever is left of it goes."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except OSError:
            pass
        self.child.stdin.close()
        self.child.stdout.close()
        return self.child.wait()


class Driven(object):
    """One driven program."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.story = []
        self.table = Table()
        self.counts = {'told': 0, 'waits': 0, 'acts': 0}
        self.folder = tempfile.mkdtemp()
        agent = os.path.join(self.folder, 'agent')
        write(agent, AGENT)
        self.processes = dict((name, Process(name, ['sh', agent, name], self.folder)) for name in PROCESSES)

    def run(self, acts):
        try:
            for name in PROCESSES:
                self.expect(name, 'in')
            for _ in range(acts):
                self.act()
            self.wind_up()
        finally:
            for process in self.processes.values():
                process.end()
            shutil.rmtree(self.folder)

    def act(self):
        """Somebody does something."""
        self.counts['acts'] += 1
        name = self.random.choice(PROCESSES)
        waiter = self.table.waiting(name)
        if waiter:
            if self.random.random() < 0.1:
                self.kill(waiter)
        elif self.random.random() < 0.12 * len(self.table.frames[name]):
            self.leave(name)
        elif len(self.table.frames[name]) < DEEPEST:
            self.take(name, self.random.choice(LOCKS), self.random.choice(MODES),
                      self.random.choice([''] * 10 + ['-n', '-w 1000']))

    def wind_up(self):
        """All leave; at the end nothing is left."""
        while True:
            free = [name for name in PROCESSES if self.table.frames[name] and not self.table.waiting(name)]
            timed = [one for one in self.table.waiters() if one.timed]
            if free:
                self.leave(self.random.choice(free))
            elif timed:
                self.kill(timed[0])
            elif self.table.waiters():
                raise Wrong('the model has a deadlock that it did not see')
            else:
                break
        for name in PROCESSES:
            self.processes[name].tell('leave')
            if self.processes[name].child.wait():
                raise Wrong('%s has failed' % name)
        check_nothing_is_left(self.folder)

    def take(self, name, lock, mode, how):
        self.tell(name, 'take %s %s %s' % (OPTIONS[mode], how, lock))
        pid = int(self.expect(name, 'pid (\\d+)').group(1))
        have = [frame.mode for frame in self.table.frames[name] if frame.lock == lock and frame.real]
        if have and mode == 'x' and 'x' not in have:
            self.expect(name, 'sage-flock: %s: held shared by the command .*' % lock)
            self.expect(name, 'ended 125')
        elif covers(have, mode):
            self.expect(name, 'in')
            self.table.frames[name].append(Frame(name, lock, mode, pid, real=False))
        elif how == '-n':
            if not self.table.is_free(lock, mode) or mode != 'x' and self.table.gate[lock]:
                self.expect(name, 'ended 1')
            else:
                self.expect(name, 'in')
                self.table.frames[name].append(Frame(name, lock, mode, pid))
        else:
            self.ask(Waiter(name, lock, mode, bool(how), pid))

    def ask(self, waiter):
        """A lock is asked for that the process has not got."""
        table, lock = self.table, waiter.lock
        if table.gate[lock]:
            table.queue[lock].append(waiter)
        elif table.is_free(lock, waiter.mode):
            self.expect(waiter.process, 'in')
            table.frames[waiter.process].append(Frame(waiter.process, lock, waiter.mode, waiter.pid))
            return
        else:
            table.gate[lock] = waiter
        if table.closes_a_ring(waiter):
            self.told(waiter)
        else:
            self.counts['waits'] += 1
            self.expect(waiter.process, 'sage-flock: waiting for .* lock %s .*' % lock)
        self.settle(lock)

    def leave(self, name):
        self.tell(name, 'leave')
        self.expect(name, 'ended 0')
        frame = self.table.frames[name].pop()
        self.settle(frame.lock)

    def kill(self, waiter):
        self.story.append('%s is killed' % waiter.process)
        os.kill(waiter.pid, signal.SIGTERM)
        self.expect(waiter.process, 'ended 143')
        self.table.drop(waiter)
        self.settle(waiter.lock)

    def settle(self, lock):
        """See all that follows happen, and the rest wait where the model has it."""
        more = True
        while more:
            more = self.table.moves(lock)
            for waiter, what in more:
                if what == 'in':
                    self.expect(waiter.process, 'sage-flock: got .* lock %s .*' % lock)
                    self.expect(waiter.process, 'in')
                else:
                    self.told(waiter)
        gate = os.path.join(self.folder, '.sage-flock', lock, 'gate')
        one = self.table.gate[lock]
        if one and one.mode[0] == 'p' and not [1 for holder in self.table.holders(lock) if holder.mode == 'x']:
            self.see(one, 'a place of ' + lock, lambda: listens(one.pid))
        elif one:
            self.see_blocked(one, os.path.join(self.folder, lock))
        for waiter in self.table.queue[lock]:
            self.see_blocked(waiter, gate)

    def see_blocked(self, waiter, path):
        """Wait until the kernel says that the waiter is blocked in flock(2) on that file."""
        self.see(waiter, path, lambda: blocked_on(waiter.pid) == os.stat(path).st_ino)

    def see(self, waiter, path, waits):
        """Wait until waits() says that the waiter does wait for `path`."""
        since = time.time()
        while not waits():
            if time.time() - since > PATIENCE:
                raise Wrong('%s does not wait for %s, where the model has it' % (waiter.process, path))
            if select.select([self.processes[waiter.process].child.stdout], [], [], 0.001)[0]:
                raise Wrong('%s should wait for %s, but says: %s' % (
                    waiter.process, path, self.processes[waiter.process].line()))

    def told(self, waiter):
        """The waiter closes a ring: see it told, and every link of what it is told be true."""
        self.counts['told'] += 1
        line = self.expect(waiter.process, 'sage-flock: %s: deadlock: .*' % waiter.lock).group(0)
        links = ring_in(line)
        if links[0][0] != waiter.pid:
            raise Wrong('the ring does not begin with who is told')
        process = waiter.process
        for pid, lock, holder in links:
            one = self.table.waiting(process)
            if not one or (one.pid, one.lock) != (pid, lock):
                raise Wrong('%s does not wait so: %d for %s' % (process, pid, lock))
            if holder is None:
                if lock != waiter.lock or one is self.table.gate[lock]:
                    raise Wrong('%s does not queue behind' % process)
                process = waiter.process
                continue
            frames = [frame for frame in self.table.holders(lock) if frame.pid == holder]
            if not frames:
                raise Wrong('%d does not hold %s' % (holder, lock))
            process = frames[0].process
        if process != waiter.process:
            raise Wrong('that is no ring')
        self.expect(waiter.process, 'ended 125')
        self.table.drop(waiter)

    def tell(self, name, words):
        self.story.append('%s: %s' % (name, words))
        self.processes[name].tell(words)

    def expect(self, name, pattern):
        """The next line of this process is so."""
        line = self.processes[name].line()
        self.story.append('    %s says: %s' % (name, line))
        match = re.match(pattern + '$', line)
        if not match:
            raise Wrong('%s should say: %s' % (name, pattern))
        return match


def covers(have, mode):
    """Does a process that holds a lock in the modes `have` just run when it asks for it in `mode`, not exclusive?"""
    return 'x' in have or bool([one for one in have if one[0] in 'sp'[mode[0] == 'p':]])


def listens(pid):
    """Has the process the bell of a place open, to hear when it is free?"""
    folder = '/proc/%d/fd/' % pid
    try:
        return bool([1 for name in os.listdir(folder) if '/bell.' in os.readlink(folder + name)])
    except OSError:
        return False


def blocked_on(pid):
    """The inode of the file for whose lock the process is blocked, by the kernel's own list; None if for none."""
    locks = open('/proc/locks')
    try:
        for line in locks:
            words = line.split()
            if words[1] == '->' and int(words[5]) == pid:
                return int(words[6].split(':')[2])
    finally:
        locks.close()
    return None


def ring_in(line):
    """The links that a deadlock's message tells of: (waiter's pid, lock, holder's pid or None)."""
    links = []
    for link in line.partition('deadlock: ')[2].split('; '):
        match = re.match("(\\d+) '.*' waits for (\\S+)(?:, held by (\\d+) '.*'| behind this call)$", link)
        if not match:
            raise Wrong('no link of a ring: ' + link)
        links.append((int(match.group(1)), match.group(2), match.group(3) and int(match.group(3))))
    return links


def check_nothing_is_left(folder):
    """After a look at the locks (which removes what the killed left) their folders hold the gate and no more."""
    status = subprocess.Popen(SAGE_FLOCK + ['--status', '--json'], cwd=folder, stdout=subprocess.PIPE)
    said = status.communicate()[0]
    if status.returncode or b'pid' in said:
        raise Wrong('--status: %r' % said)
    for lock in os.listdir(os.path.join(folder, '.sage-flock')):
        path = os.path.join(folder, '.sage-flock', lock)
        if os.path.isdir(path) and [name for name in os.listdir(path) if name[:6] not in ('gate', 'place.') and name[:5] != 'bell.']:
            raise Wrong('left in %s: %s' % (lock, ' '.join(os.listdir(path))))


# ---- Running free

class Free(object):
    """One program whose processes run as they like."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.story = []
        self.counts = {'told': 0, 'waits': 0, 'acts': 0}
        self.folder = tempfile.mkdtemp()
        self.scripts = 0

    def run(self, _):
        children = []
        try:
            scripts = [self.script(name, []) for name in PROCESSES]
            log = os.path.join(self.folder, 'log')
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0x1a4)
            children = [subprocess.Popen(['sh', script], cwd=self.folder, stdout=out, stderr=out, preexec_fn=os.setsid)
                        for script in scripts]
            os.close(out)
            hang = not all_end(children)
            self.story = read(log).splitlines()
            if hang:
                raise Wrong('not all have ended')
            self.check()
            check_nothing_is_left(self.folder)
        finally:
            for child in children:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except OSError:
                    pass
            shutil.rmtree(self.folder)

    def script(self, name, held):
        """Writes a shell script that takes some locks while `held`, a list of (lock, mode), are held; its path."""
        lines = []
        for _ in range(self.random.choice([1, 2, 3] if not held else [0, 1, 1, 2] if len(held) < DEEPEST else [0])):
            lock, mode = self.random.choice(LOCKS), self.random.choice(MODES)
            if mode[0] == 'p':      # one number for each lock: who says first that it is in need not have come first
                mode = dict(zip(LOCKS, ('p1', 'p2', 'p2', 'p3')))[lock]
            have = [has for what, has in held if what == lock]
            if have and mode == 'x' and 'x' not in have:
                continue
            taken = [] if have and covers(have, mode) else [(lock, mode)]
            options = OPTIONS[mode]
            also = self.random.choice(LOCKS)
            if self.random.random() < 0.3 and also not in [what for what, _ in held + [(lock, mode)]]:
                taken.insert(0, (also, self.random.choice('sx')))
                options = '%s %s %s' % ({'s': '--also-shared', 'x': '--also'}[taken[0][1]], also, options)
            inner = self.script(name, held + taken + [(lock, mode)])
            for what, how in reversed(taken):       # its parent is the sage-flock that holds the lock for it
                write(inner, 'echo "%s in %s %s $PPID"\n%s\necho "%s leaves %s $PPID"' % (
                    name, what, how, read(inner), name, what))
            lines.append("sh -c '%s' sh %s %s sh %s" % (
                WANTS % ('%s wants %s $$' % (name, '+'.join([what for what, _ in taken]) or lock)), options, lock, inner))
            lines.append('case $? in 0 | 125) ;; *) echo "ended otherwise" ;; esac')
        self.scripts += 1
        path = os.path.join(self.folder, 'script-%d' % self.scripts)
        write(path, '\n'.join(lines + [':']))
        return path

    def check(self):
        """Does all that they said fit together?"""
        inside = {}         # pid of a sage-flock that holds, and lock: (process, lock, mode)
        wants = {}          # pid of one that asked: (process, locks)
        for line in self.story:
            words = line.split()
            self.counts['acts'] += 1
            if words[1:2] == ['wants']:
                wants[int(words[3])] = (words[0], words[2].split('+'))
            elif words[1:2] == ['in']:
                for process, lock, mode in inside.values():
                    if lock == words[2] and 'x' in (mode, words[3]):
                        raise Wrong('%s is in %s beside %s' % (words[0], lock, process))
                members = [one for one in inside.values() if one[1] == words[2] and one[2][0] == 'p']
                if words[3][0] == 'p' and len(members) >= int(words[3][1:]):
                    raise Wrong('%s is in the pool %s beside %d' % (words[0], words[2], len(members)))
                inside[int(words[4]), words[2]] = (words[0], words[2], words[3])
            elif words[1:2] == ['leaves']:
                del inside[int(words[3]), words[2]]
            elif ' deadlock: ' in line:
                self.counts['told'] += 1
                self.check_ring(ring_in(line), inside, wants)
            elif line.startswith('sage-flock: waiting for '):
                self.counts['waits'] += 1
            elif not line.startswith('sage-flock: got '):
                raise Wrong('unexpected: ' + line)

    def check_ring(self, links, inside, wants):
        """Whoever is part of a deadlock cannot move, so what was said before still stood when it was told."""
        first, wanted = wants[links[0][0]]
        process = first
        for pid, lock, holder in links:
            if wants[pid][0] != process or lock not in wants[pid][1]:
                raise Wrong('%s does not wait so: %d for %s' % (process, pid, lock))
            if holder is None:
                if lock not in wanted:
                    raise Wrong('%s does not queue behind' % process)
                process = first
            elif (holder, lock) in inside:
                process = inside[holder, lock][0]
            elif lock in wants[holder][1][:-1]:     # that call holds it already, and waits for another
                process = wants[holder][0]
            else:
                raise Wrong('%d does not hold %s' % (holder, lock))
        if process != first:
            raise Wrong('that is no ring')


def all_end(children):
    """Wait for the children; False if some have not ended when patience is at its end."""
    since = time.time()
    for child in children:
        while child.poll() is None:
            if time.time() - since > PATIENCE:
                return False
            select.select([], [], [], 0.005)
    return True


def write(path, text):
    out = open(path, 'w')
    out.write(text + '\n')
    out.close()


def read(path):
    text = open(path)
    try:
        return text.read().rstrip('\n')
    finally:
        text.close()


def main(words):
    options = {'--driven': 0, '--free': 0, '--seed': random.randrange(10 ** 6)}
    while words:
        options[words[0]] = int(words[1])
        words = words[2:]
    tidy_environment()
    for kind, number in ((Driven, options['--driven']), (Free, options['--free'])):
        total = {}
        for seed in range(options['--seed'], options['--seed'] + number):
            program = kind(seed)
            try:
                program.run(ACTS)
            except Wrong:
                print('\n'.join(program.story))
                print('%s program %d: %s' % (kind.__name__.lower(), seed, sys.exc_info()[1]))
                return 1
            for name, count in program.counts.items():
                total[name] = total.get(name, 0) + count
        if number:
            print('%s: %d programs, %s' % (kind.__name__.lower(), number, ', '.join(
                ['%d %s' % (total[name], name) for name in sorted(total)])))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
