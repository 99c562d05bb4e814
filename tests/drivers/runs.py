"""Processes under test and their rivals, for the drivers in Python (flock_diff.py, fuzz.py, crash.py).

A driver is itself the rival: it holds a lock by plain flock(2) and lets it go when it sees that somebody waits for it.
flock(1) says nothing when it waits, so the kernel is asked: /proc/locks lists who is blocked.  Where there is no such
list, a silence of SILENCE seconds counts as waiting.
"""

import errno
import fcntl
import os
import signal
import tempfile
import time

ROOT = os.path.abspath(__file__).rpartition('/tests/')[0]
SAGE_FLOCK = ROOT + '/build/bin/sage-flock'
SILENCE = 2.0       # seconds
PATIENCE = 30.0     # seconds until a silence is taken for a hang
TICK = 0.001        # seconds between two looks

now = getattr(time, 'monotonic', time.time)


class Rival(object):
    """Holds the lock of a file until it is told to let go; mode: None, 'shared' or 'exclusive'."""

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


class Run(object):
    """A process in a process group of its own: what it said, and how it ended.

    closed   descriptors from 0 to 2 that it does not get
    opened   descriptor number -> path of a file that it gets open for reading and writing
    status   None while it runs, then an exit status, or minus a signal
    """

    def __init__(self, argv, folder, environment, closed=(), opened=None):
        self.began = now()
        self.status = None
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        self.pid = os.fork()
        if not self.pid:
            try:
                self._become(argv, folder, environment, closed, opened or {})
            except BaseException:
                os._exit(99)

    def _become(self, argv, folder, environment, closed, opened):
        os.setpgid(0, 0)
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in (1, 2):
            os.dup2(self.files[number - 1].fileno(), number)
        for number in closed:
            os.close(number)
        os.closerange(3, 256)
        for number, path in opened.items():
            fd = os.open(path, os.O_RDWR)
            fcntl.fcntl(fcntl.fcntl(fd, fcntl.F_DUPFD, number), fcntl.F_SETFD, 0)
            if fd != number:
                os.close(fd)
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, environment)

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


def sage_flock():
    """The words that run the sage-flock under test, on the interpreter under test."""
    import sys
    return [os.environ.get('PYTHON') or sys.executable, '-S', '-E', SAGE_FLOCK]


def clean_environment():
    """The environment without what makes sage-flock do other than by default."""
    environment = dict(os.environ)
    for name in list(environment):
        if name.startswith('SAGE_') or name in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'POSIXLY_CORRECT'):
            del environment[name]
    environment.update(LC_ALL='C', SHELL='/bin/sh')
    return environment
