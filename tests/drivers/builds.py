"""Builds of locked and free jobs by a real make, watched from outside.

    builds.py borrowed MAKE               two jobs wait for a lock, and a third runs at -j2: in a lent slot
    builds.py promise MAKE NAME COUNT SCALE [strict] [OPTION...]   never more jobs at work than -j, and one
    builds.py disturbed MAKE COUNT SEED   builds in which commands fail, and waiters or guardians are killed
    builds.py mixed MAKE COUNT            ours beside flock(1) on the same lock
    builds.py nested MAKE COUNT           ours under flock(1)'s lock
    builds.py below MAKE COUNT            ours under ours
    builds.py folders MAKE COUNT          ours under a lock that is a folder: mkdir, and rmdir
    builds.py chain MAKE                  long free chains behind locked jobs: the time, and without locks

Whatever happens, make must end with all its tokens there (it says "INTERNAL"
if they are not), and everything that was started must end.

PYTHON is the interpreter that sage-flock runs on.
"""

import fcntl
import os
import random
import select
import shutil
import signal
import sys
import tempfile

from processes import PATIENCE, ROOT, Children, Wrong, children_of, drive, expect, now

KIT = os.environ.get('KIT') or ROOT + '/build'      # the build folder whose fragments are included
OURS, STRANGER, UNLOCKED = '$(SAGE_FLOCK)', 'flock', 'env -u'     # `env -u x.lock COMMAND` is but COMMAND
SHARED = '$(SAGE_FLOCK_SHARED)'

# What a job does.  The driver sees on the fifo how many are at work.
JOB = '''#!/bin/sh
# job SECONDS [STATUS]
echo + >"$JOBS"
sleep "$1"
echo - >"$JOBS"
exit "${2:-0}"
'''
HEAD = '''include %s/make/flock.mk
all:
.PHONY: all
''' % KIT
# The recipe's shell becomes sage-flock, so the number that it says is the waiter's.
RECIPE = '''
all: %(name)s
.PHONY: %(name)s
%(name)s: %(needs)s
\t%(plus)s@echo "pid $$$$"; exec %(prefix)s %(command)s
'''


class Makefile(object):
    """The text of a makefile, job by job."""

    def __init__(self):
        self.text = HEAD
        self.count = 0

    def job(self, seconds, prefix='', status=0, needs='', plus='$(SAGE_FLOCK_SLOTS)', command=None):
        """Add a job under the locks that `prefix` takes; its name."""
        self.count += 1
        name = 'job%d' % self.count
        self.text += RECIPE % {
            'name': name, 'needs': needs, 'prefix': prefix, 'plus': plus if prefix else '',
            'command': command or './job %g %d' % (seconds, status)}
        return name


class Build(object):
    """One make, from its start to its end.

    seconds, status, output   what it came to
    most                      how many jobs were at work at most
    excess                    slot-seconds of work beyond -j
    """

    def __init__(self, make, slots, makefile, options=(), environment=(), disturb=None, at_work=None):
        """disturb(build, pid), if given, is called with each job's process id;
        at_work() is called when one begins or ends."""
        self.slots = slots
        self.children = Children()
        self.due = []               # (when, what to call), in no order
        self.output = b''
        self.most = self.working = 0
        self.excess = 0.0
        self.changed = None
        self.disturb = disturb
        self.at_work = at_work or (lambda: None)
        folder = tempfile.mkdtemp(dir='.')
        try:
            self._run(os.path.abspath(folder), [make, '-j%d' % slots] + list(options), makefile.text,
                      dict(environment))
        finally:
            shutil.rmtree(folder)

    def _run(self, folder, argv, text, environment):
        with open(folder + '/Makefile', 'w') as file:
            file.write(text)
        with open(folder + '/job', 'w') as file:
            file.write(JOB)
        os.chmod(folder + '/job', 0x1ed)
        os.mkfifo(folder + '/jobs')
        environment.update(JOBS=folder + '/jobs', LC_ALL='C')
        environment.setdefault('SAGE_FLOCK_PYTHON', os.environ.get('PYTHON') or sys.executable)
        jobs = os.open(folder + '/jobs', os.O_RDWR | os.O_NONBLOCK)
        output, saying = os.pipe()
        began = now()
        self.make = self.children.spawn(argv + ['-C', folder, '--no-print-directory'], environment,
                                        {1: saying, 2: saying})
        os.close(saying)
        try:
            self._watch(jobs, output)
            self.seconds = now() - began
            status = self.children.until(self.make)
            self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self.children.all_end()
        finally:
            os.close(jobs)
            os.close(output)
        self.output = self.output.decode('ascii', 'replace')
        expect('make misses no token: ' + self.output[-2000:], 'INTERNAL' not in self.output)

    def _watch(self, jobs, output):
        """Until the output ends: nobody has it open, make is over."""
        line = b''
        heard = now()
        while True:
            naps = [max(0, when - now()) for when, _ in self.due]
            ready = select.select([jobs, output], [], [], min([1.0] + naps))[0]
            expect('the build comes to its end: ' + self.output.decode('ascii', 'replace')[-2000:],
                   ready or now() - heard < PATIENCE)
            if ready:
                heard = now()
            if jobs in ready:
                self._count(os.read(jobs, 4096).replace(b'\n', b''))
                self.at_work()
            if output in ready:
                piece = os.read(output, 4096)
                if not piece:
                    return
                self.output += piece
                lines = (line + piece).split(b'\n')
                line = lines.pop()
                if self.disturb:
                    for one in lines:
                        if one.startswith(b'pid '):
                            self.disturb(self, int(one[4:]))
            self._do_what_is_due()

    def _count(self, changes):
        at = now()
        if self.changed is not None:
            self.excess += max(0, self.working - self.slots) * (at - self.changed)
        self.changed = at
        for change in changes.decode('ascii'):
            self.working += 1 if change == '+' else -1
            self.most = max(self.most, self.working)

    def later(self, seconds, action):
        """Call action() so many seconds from now."""
        self.due.append((now() + seconds, action))

    def _do_what_is_due(self):
        ripe = [one for one in self.due if one[0] <= now()]
        self.due = [one for one in self.due if one not in ripe]
        for _, action in ripe:
            action()


def package_build(make, slots, locked, free, seconds, prefix, environment=(), plus='$(SAGE_FLOCK_SLOTS)'):
    """A build of `locked` jobs under one lock, which come first, as is worst, and `free` ones: the Build."""
    makefile = Makefile()
    for _ in range(locked):
        makefile.job(seconds, prefix + ' x.lock', plus=plus)
    for _ in range(free):
        makefile.job(seconds)
    build = Build(make, slots, makefile, environment=environment)
    expect('the build is fine: ' + build.output, build.status == 0)
    return build


# Builds in which jobs are of unequal length: slots, and how many jobs of what length under which lock, in order.
UNEQUAL = {
    'herd': (8, ((1, 2, OURS), (7, 2, SHARED), (40, 1, ''))),
    'short': (4, ((16, 0.2, OURS), (40, 3, ''))),
    'dozen': (4, ((12, 0.2, OURS), (16, 2, ''))),
    'even': (4, ((16, 0.5, OURS), (48, 0.5, ''))),
}


def unequal_build(make, name, scale=1, environment=(), options=(), mixed=False):
    """One of UNEQUAL, its seconds `scale`d: (the Build, what it takes at least, seconds that locked commands run)."""
    slots, groups = UNEQUAL[name]
    makefile = Makefile()
    work = locked = 0.0
    for count, seconds, prefix in groups:
        for _ in range(count):
            makefile.job(seconds * scale, prefix and prefix + ' x.lock')
        work += count * seconds * scale
        locked += count * seconds * scale * bool(prefix)
    build = Build(make, slots, makefile, options, environment)
    expect('the build is fine: ' + build.output, build.status == 0)
    return build, work / slots, locked


# ---- What the tests ask for

def promise(make, name, count, scale, strict='', *options):
    """Builds of unequal jobs: never more than one job beyond -j, and none with `strict`."""
    slots = UNEQUAL[name][0]
    environment = {'SAGE_FLOCK_OVERDRAFT': '0'} if strict == 'strict' else {}
    for _ in range(int(count)):
        build, bound, locked = unequal_build(make, name, float(scale), environment, options)
        print('%s -j%d %s: %.2f s, bound %.2f (%.3f), %d jobs at work, %.2f slot-s beyond -j (locked %.1f)' % (
            name, slots, ' '.join(options + (strict,)), build.seconds, bound, build.seconds / bound, build.most,
            build.excess, locked))
        sys.stdout.flush()
        expect('%d jobs at work at -j%d' % (build.most, slots), build.most <= slots + (strict != 'strict'))
        expect('%.2f slot-s beyond -j' % build.excess, build.excess <= locked + 1)


def borrowed(make):
    """At -j2 two jobs wait for a lock that is free once a third one works."""
    path = os.path.abspath('x.lock')
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0x1b6)
    fcntl.flock(lock, fcntl.LOCK_EX)
    makefile = Makefile()
    for prefix in (OURS + ' ' + path, OURS + ' ' + path, ''):
        makefile.job(0, prefix)
    build = Build(make, 2, makefile, at_work=lambda: fcntl.flock(lock, fcntl.LOCK_UN))
    os.close(lock)
    expect('the build is fine: ' + build.output, build.status == 0)


def disturbed(make, count, seed):
    """Failing commands, killed waiters or guardians, time-outs, -k, by dice."""
    for at in range(int(count)):
        dice = random.Random(int(seed) * 1000 + at)
        try:
            _disturbed(make, dice)
        except Wrong as wrong:
            raise Wrong('build %d of seed %s: %s' % (at, seed, wrong))


def _disturbed(make, dice):
    makefile = Makefile()
    for _ in range(dice.randint(3, 8)):
        options = dice.choice(('', '', '', ' -s', ' -w 0.1', ' -q'))
        makefile.job(dice.uniform(0, 0.08), '%s%s %s.lock' % (OURS, options, dice.choice('xxy')),
                     dice.choice((0, 0, 0, 0, 3)))
    for _ in range(dice.randint(2, 8)):
        makefile.job(dice.uniform(0, 0.08), status=dice.choice((0, 0, 0, 0, 0, 3)))
    rate = dice.choice((0, 0.2, 0.5, 1))
    guardians = dice.choice((False, False, True))       # never both: a token is lost with the two

    def disturb(build, pid):
        if dice.random() < rate:
            number = dice.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL))
            build.later(dice.uniform(0, 0.3), _kill_a_guardian if guardians else lambda: _signal(pid, number))

    options = dice.choice(((), ('-k',)))
    build = Build(make, dice.randint(2, 5), makefile, options, disturb=disturb)
    expect('make ends by itself: %d' % build.status, build.status in (0, 2))


def _signal(pid, number):
    """Signal `pid` if it still is a sage-flock."""
    try:
        with open('/proc/%d/cmdline' % pid) as file:
            if 'sage-flock' in file.read():
                os.kill(pid, number)
    except EnvironmentError:
        pass


def _kill_a_guardian():
    """Whoever is nobody's child has fallen to us; a guardian, but for what an end left behind just now."""
    for pid in children_of(os.getpid()):
        try:
            with open('/proc/%d/stat' % pid) as file:
                leads_session = file.read().rpartition(')')[2].split()[3] == str(pid)
        except EnvironmentError:
            continue
        if leads_session:
            _signal(pid, signal.SIGKILL)
            return


def mixed(make, count):
    """Ours and strangers wait for the same lock, in every order."""
    for at in range(int(count)):
        dice = random.Random(at)
        prefixes = [OURS + ' x.lock'] * 5 + [STRANGER + ' x.lock'] * 5 + [''] * 4
        _shuffled(make, dice, prefixes)


def nested(make, count):
    """Ours within a stranger's lock, beside others that want either."""
    for at in range(int(count)):
        dice = random.Random(at)
        prefixes = ([STRANGER + ' o.lock ' + OURS + ' x.lock'] * 4 + [OURS + ' x.lock'] * 3 +
                    [STRANGER + ' o.lock'] * 4 + [''] * 3)
        build = _shuffled(make, dice, prefixes)     # standing still for long is a silence, and that is Wrong
        print('%.2f s, %d at work' % (build.seconds, build.most))


def below(make, count):
    """Ours within ours, beside others that want either: nothing is owed when the outer call is over."""
    for at in range(int(count)):
        dice = random.Random(at)
        prefixes = ([OURS + ' o.lock ' + OURS + ' x.lock'] * 4 + [OURS + ' x.lock'] * 3 +
                    [OURS + ' o.lock'] * 3 + [''] * 4)
        build = _shuffled(make, dice, prefixes)
        expect('%d jobs at work' % build.most, build.most <= 3)


def folders(make, count):
    """Ours within a lock that nobody can see, beside others that want it and poll: only a time limit helps, if a
    lingerer waits for the slots of those who wait for what comes after it."""
    for at in range(int(count)):
        dice = random.Random(at)
        inside = "sh -c 'until mkdir o 2>/dev/null; do sleep 0.01; done; \"$$@\"; rmdir o' sh"
        prefixes = ([inside + ' ' + OURS + ' x.lock'] * 3 + [OURS + ' x.lock'] * 3 + [inside] * 3 + [''] * 3)
        _shuffled(make, dice, prefixes)


def _shuffled(make, dice, prefixes):
    makefile = Makefile()
    dice.shuffle(prefixes)
    for prefix in prefixes:
        makefile.job(dice.uniform(0, 0.05), prefix)
    build = Build(make, 2, makefile)
    expect('the build is fine: ' + build.output, build.status == 0)
    return build


def chain(make):
    """Locked jobs at -j4, a chain of free ones behind each."""
    print('%s: %.2f s, without locks %.2f s' % (make, chains(make, OURS).seconds, chains(make, UNLOCKED).seconds))


def chains(make, prefix, seconds=0.25, locked=8, length=6, environment=()):
    makefile = Makefile()
    for _ in range(locked):
        name = makefile.job(seconds, prefix + ' x.lock')
        for _ in range(length):
            name = makefile.job(seconds, needs=name)
    build = Build(make, 4, makefile, environment=environment)
    expect('the build is fine: ' + build.output, build.status == 0)
    return build


def main(name, *words):
    dict((test.__name__, test) for test in (
        borrowed, promise, disturbed, mixed, nested, below, folders, chain))[name](*words)


if __name__ == '__main__':
    drive(main)
