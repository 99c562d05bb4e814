"""Starts processes and sees every one of them end.

What a process leaves behind falls to the one that adopted it, on Linux; so
nothing that sage-flock leaves behind can hide from a driver of this kind.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import signal
import sys
import tempfile

PATIENCE = 20       # seconds after which a silence is taken for a hang


class Wrong(Exception):
    """What did not hold."""


def expect(what, holds):
    if not holds:
        raise Wrong(what)


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

    def spawn(self, argv, environment=(), descriptors=()):
        """Start argv in a process group of its own; its pid.

        descriptors  number to descriptor of ours: all that it gets but 0, 1, 2
        """
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setpgid(0, 0)
            descriptors = dict(descriptors)
            descriptors.setdefault(0, os.open(os.devnull, os.O_RDONLY))
            high = dict((number, fcntl.fcntl(fd, fcntl.F_DUPFD, 200)) for number, fd in descriptors.items())
            os.closerange(3, 200)
            for number, fd in high.items():
                os.dup2(fd, number)
                fcntl.fcntl(number, fcntl.F_SETFD, 0)
            os.closerange(200, 300)
            # Whatever the locale, \xff in a value is that byte.
            in_bytes = getattr(os, 'environb', None)
            for name, value in dict(environment).items():
                if in_bytes is None:
                    os.environ[name] = value
                else:
                    in_bytes[name.encode('latin-1')] = value.encode('latin-1')
            os.execvp(argv[0], argv)
        finally:
            os._exit(99)

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
