"""Processes under test, and their rivals, for the drivers in Python.

Run      one process: how it ended and what it printed, read without waiting.
Rival    holds a lock by plain flock(2), in the driver itself, and drops it when somebody waits for it.  flock(1) says
         nothing when it waits, so the kernel is asked: /proc/locks lists who is blocked.  Without that list, SILENCE
         seconds of silence count as waiting.
Children processes that are all seen to end.  On Linux the driver adopts what a process leaves behind, so nothing that
         sage-flock leaves behind can hide from it.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time

ROOT = os.path.abspath(__file__).rpartition('/tests/')[0]
# The words that run the sage-flock under test, on the interpreter under test.
SAGE_FLOCK = [os.environ.get('PYTHON') or sys.executable, '-S', '-E', ROOT + '/build/bin/sage-flock']
PATIENCE = 30       # seconds after which a silence is taken for a hang
SILENCE = 2.0       # seconds
TICK = 0.001        # seconds between two looks

now = getattr(time, 'monotonic', time.time)


class Wrong(Exception):
    """What did not hold."""


def expect(what, holds):
    if not holds:
        raise Wrong(what)


def tidy_environment():
    """Take out of our environment what makes sage-flock do other than by default, and have its lines whole."""
    for name in list(os.environ):
        if name.startswith('SAGE_') or name in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'POSIXLY_CORRECT'):
            del os.environ[name]
    os.environ.update(LC_ALL='C', SHELL='/bin/sh', COLUMNS='1000')


def spawn(argv, environment=(), descriptors=(), folder='.'):
    """Start argv in a process group of its own; its pid.

    environment  what it has beside our own: text or bytes
    descriptors  number to descriptor of ours, None for none: all that it gets, besides 1 and 2, and /dev/null as 0
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        descriptors = dict(descriptors)
        descriptors.setdefault(0, os.open(os.devnull, os.O_RDONLY))
        high = dict((number, fcntl.fcntl(fd, fcntl.F_DUPFD, 200)) for number, fd in descriptors.items()
                    if fd is not None)
        os.closerange(3, 200)
        for number in descriptors:
            if number not in high:
                os.close(number)
        for number, fd in high.items():
            os.dup2(fd, number)
            fcntl.fcntl(number, fcntl.F_SETFD, 0)
        os.closerange(200, 300)
        # Whatever we were started with; CHLD is a driver's to set.
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
        os.chdir(folder)
        # Whatever the locale, \xff in a value is that byte.
        in_bytes = getattr(os, 'environb', os.environ)
        for name, value in dict(environment).items():
            in_bytes[to_bytes(name)] = to_bytes(value)
        os.execvp(argv[0], argv)
    finally:
        os._exit(99)


def to_bytes(word):
    return word if isinstance(word, bytes) else word.encode('latin-1')


# ---- One process

class Run(object):
    """A process in a process group of its own: what it said, and how it ended.

    closed   descriptors from 0 to 2 that it does not get
    opened   descriptor number -> path of a file that it gets open for reading and writing
    status   None while it runs, then an exit status, or minus a signal
    """

    def __init__(self, argv, folder, environment=(), closed=(), opened=()):
        self.began = now()
        self.status = None
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        descriptors = dict((number, os.open(os.path.join(folder, path), os.O_RDWR))
                           for number, path in dict(opened).items())
        mine = list(descriptors.values())
        descriptors.update((number + 1, it.fileno()) for number, it in enumerate(self.files))
        descriptors.update((number, None) for number in closed)
        self.pid = spawn(argv, environment, descriptors, folder)
        for fd in mine:
            os.close(fd)

    def is_over(self):
        """Has it ended?  One look, without a wait."""
        if self.status is None:
            pid, status = wait_for(self.pid, os.WNOHANG)
            if pid:
                self._ended(status)
        return self.status is not None

    def hangs(self):
        """Has it run for longer than anything here should?"""
        return now() - self.began > PATIENCE

    def end(self):
        """End it, with all that it started and left in its group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass
        if self.status is None:
            self._ended(wait_for(self.pid, 0)[1])

    def said(self, number):
        """The bytes that it wrote to descriptor 1 or 2."""
        it = self.files[number - 1]
        it.seek(0)
        return it.read()

    def forget(self):
        """Close what is kept of it."""
        for it in self.files:
            it.close()

    def _ended(self, status):
        self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def wait_for(pid, options):
    """waitpid(2), again after a signal."""
    while True:
        try:
            return os.waitpid(pid, options)
        except OSError as error:
            if error.errno != errno.EINTR:
                raise


class Rival(object):
    """Holds the lock of a file until let_go(); mode: None, 'shared' or 'exclusive'."""

    def __init__(self, path, mode):
        self.fd = os.open(path, os.O_RDONLY)
        if mode:
            fcntl.flock(self.fd, fcntl.LOCK_SH if mode == 'shared' else fcntl.LOCK_EX)
        self.held = bool(mode)
        self.since = now()
        self.inode = ':%d' % os.fstat(self.fd).st_ino

    def is_waited_for(self):
        """Is somebody blocked on this lock?"""
        try:
            lines = open('/proc/locks').read().split('\n')
        except EnvironmentError:
            return now() - self.since > SILENCE
        for line in lines:
            words = line.split()
            if words[1:3] == ['->', 'FLOCK'] and words[6].endswith(self.inode):
                return True
        return False

    def let_go(self):
        """Unlock it, once and for all."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None
        self.held = False


# ---- All of them, to the last

def drive(play):
    """Be a driver: play(*words) with the words of the command line.

    Exit status 77, and a line, where orphans cannot be adopted; 1, and a line,
    for what is Wrong.
    """
    if not adopt_orphans():
        print('no orphans to be adopted on this system')
        sys.exit(77)
    try:
        play(*sys.argv[1:])
    except Wrong as wrong:
        sys.stderr.write('%s: not so: %s\n' % (' '.join([os.path.basename(sys.argv[0])] + sys.argv[1:]), wrong))
        end_all()
        sys.exit(1)


def command_behind(words):
    """The command that `words` name behind `--`: (words before it, command),
    sage-flock on PATH if there is none."""
    words = list(words)
    if '--' not in words:
        return words, ['sage-flock']
    at = words.index('--')
    return words[:at], words[at + 1:]


def in_a_folder(play):
    """Call play() in an empty folder."""
    folder = tempfile.mkdtemp(dir='.')
    above = os.getcwd()
    os.chdir(folder)
    try:
        play()
    except Wrong:
        end_all()           # or somebody writes into the folder while it is removed
        raise
    finally:
        os.chdir(above)
        shutil.rmtree(folder)


def adopt_orphans():
    """Have all that our children leave behind; False where that cannot be.

    It is Linux's PR_SET_CHILD_SUBREAPER.  A silence of any kind is Wrong.
    """
    signal.signal(signal.SIGALRM, _silence)
    try:
        return ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0
    except (AttributeError, OSError):
        return False


class Children(object):
    """What this process started, and what fell to it."""

    def __init__(self):
        self.ended = {}         # pid to wait status

    spawn = staticmethod(spawn)

    def reap(self, block=True):
        """The pid of a process that has ended; None when none is left."""
        if block:
            signal.alarm(PATIENCE)
        try:
            pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
        except OSError as error:
            if error.errno != errno.ECHILD:
                raise
            return None
        finally:
            signal.alarm(0)
        if pid:
            self.ended[pid] = status
        return pid

    def until(self, pid):
        """The wait status of `pid`, once it has ended."""
        while pid not in self.ended:
            expect('process %d is there' % pid, self.reap() is not None)
        return self.ended[pid]

    def all_end(self):
        """Everything ends; how many ended in all."""
        while self.reap() is not None:
            pass
        return len(self.ended)


def _silence(number, frame):
    raise Wrong('nothing happened for %d s: %s' % (PATIENCE, ' | '.join(left_over())))


def left_over():
    """What still runs below us, for people."""
    return ['%d %s' % (pid, open('/proc/%d/cmdline' % pid).read().replace('\0', ' ')[:90])
            for pid in children_of(os.getpid())]


def children_of(parent):
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                words = open('/proc/%s/stat' % name).read().rpartition(')')[2].split()
            except EnvironmentError:
                continue
            if words[1] == str(parent):
                found.append(int(name))
    return found


def end_all():
    """Kill what is left of all that was started; for when a test has failed."""
    children = Children()
    while True:
        left = children_of(os.getpid())
        if not left:
            break
        for pid in left:
            if pid not in children.ended:
                os.kill(pid, signal.SIGKILL)
                children.until(pid)     # what it leaves behind is ours by now
