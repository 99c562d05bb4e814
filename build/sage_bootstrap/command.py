"""The supervised run of a command, and what it gets to see of us: nothing.

The command inherits the lock's descriptor.  When it ends the caller unlocks,
for every copy of the descriptor, so a daemon left behind prolongs nothing;
and a supervisor that is killed shortens nothing, since the command's copy
still holds.  TERM, HUP, USR1 and USR2 are passed to the command; INT and QUIT
come from the terminal to both of us, so here they are ignored while it runs.

A Python program leaks state into what it starts: SIGPIPE and SIGXFSZ ignored,
LC_CTYPE under the C locale.  All of that is put back.  subprocess is not used
because under Python 3 it closes make's jobserver descriptors.
"""

import errno
import fcntl
import posix

from sage_bootstrap import host
from sage_bootstrap.host import signal
from sage_bootstrap.messages import CANNOT_RUN, NOT_FOUND, Failure, reason, say

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
# What the interpreter ignores and a command must not inherit ignored.
_PYTHON_IGNORES = tuple(getattr(signal, name) for name in ('SIGPIPE', 'SIGXFSZ', 'SIGXFZ')
                        if hasattr(signal, name))


class Command(object):
    """A command ready to run.

    argv         its words; the first is looked for on PATH
    environment  changes to the environment, str to str
    closed       descriptors that it does not get (-o)
    """

    relay = None

    def __init__(self, argv, environment, closed=()):
        self.argv = argv
        self.path = find(argv[0])
        self.environment = host.environment(environment)
        for fd in closed:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def replace_us(self):
        """Become the command (-F).  Never returns."""
        for number in _PYTHON_IGNORES:
            signal.signal(number, signal.SIG_DFL)
        self._exec()

    def run(self, watch=None):
        """Run it to its end; its wait status as waitpid(2) gives it.

        watch: called with its process id once it runs.  Raises Failure where it cannot be started.
        """
        relay = self.relay = _Relay()
        child = self._start(relay.changed)
        relay.to(child)
        if watch:
            watch(child)
        return relay.end_of(child)

    def leave_signals(self):
        """Have signals end this process again, now that the command has
        ended; one that came since then does."""
        if self.relay:
            for number in self.relay.changed:
                signal.signal(number, signal.SIG_DFL)
            for number in self.relay.early:
                posix.kill(posix.getpid(), number)

    def _start(self, changed):
        if hasattr(posix, 'posix_spawn'):           # 3.8: a third of fork's cost
            try:
                return posix.posix_spawn(self.path, self.argv, self.environment,
                                         setsigdef=changed + _PYTHON_IGNORES)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise _cannot_run(self.argv[0], error)
            return posix.posix_spawn('/bin/sh', ['sh', self.path] + self.argv[1:],
                                     self.environment, setsigdef=changed + _PYTHON_IGNORES)
        child = posix.fork()
        if child == 0:
            for number in changed + _PYTHON_IGNORES:
                signal.signal(number, signal.SIG_DFL)
            try:
                self._exec()
            except Failure as failure:
                say(str(failure))
                posix._exit(failure.status)
            finally:
                posix._exit(CANNOT_RUN)
        return child

    def _exec(self):
        try:
            posix.execve(self.path, self.argv, self.environment)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise _cannot_run(self.argv[0], error)
        # A script without #!: a shell runs it, so flock(1) and we do too.
        posix.execve('/bin/sh', ['sh', self.path] + self.argv[1:], self.environment)


def _nothing(number, frame):
    """The handler of a signal that is only to wake us."""


class _Relay(object):
    """Passes signals on to the command, from before it starts to its end."""

    def __init__(self):
        self.child = None
        self.early = []
        self.changed = ()       # what the command gets back as default
        for number in _FROM_TERMINAL:
            self._handle(number, signal.SIG_IGN)
        for number in _PASSED_ON:
            self._handle(number, self._pass_on)
        # Python's handlers run between two steps of the interpreter, so one
        # for a signal that comes just before a waitpid(2) would run only after
        # it.  This pipe gets a byte the moment that a signal comes.
        self.heard, waker = posix.pipe()
        host.private(self.heard)
        fcntl.fcntl(waker, fcntl.F_SETFL, posix.O_NONBLOCK)
        signal.set_wakeup_fd(host.private(waker))
        signal.signal(signal.SIGCHLD, _nothing)     # ignored, it would lose the command's status

    def _handle(self, number, action):
        if signal.getsignal(number) != signal.SIG_IGN:      # ignored (nohup) stays ignored
            signal.signal(number, action)
            self.changed += (number,)

    def _pass_on(self, number, frame):
        if self.child is None:
            self.early.append(number)
            return
        try:
            posix.kill(self.child, number)
        except OSError:         # it has just ended, or changed its user
            pass

    def end_of(self, child):
        """Wait for the command: its wait status."""
        while True:
            pid, status = posix.waitpid(child, posix.WNOHANG)
            if pid:
                self.to(None)
                return status
            try:
                posix.read(self.heard, 64)
            except OSError as error:
                if error.errno != errno.EINTR:      # 3.5 and later go on by themselves
                    raise

    def to(self, child):
        """Signals go to process `child` from now on; None: to nobody."""
        self.child = child
        while child and self.early:
            self._pass_on(self.early.pop(0), None)


def find(name):
    """The path of the command `name`, looked for on PATH as execvp(3) does.

    Raises Failure, status 127 or 126, when there is none that can run.
    """
    if '/' in name:
        candidates = [name]
    else:
        path = host.getenv('PATH') or '/bin:/usr/bin'
        candidates = [(folder or '.') + '/' + name for folder in path.split(':')]
    denied = None
    for candidate in candidates if name else ():
        try:
            mode = posix.stat(candidate).st_mode
        except (OSError, ValueError, TypeError) as error:
            if getattr(error, 'errno', None) == errno.EACCES:
                denied = denied or error
            continue
        if mode & 0o170000 != 0o040000 and posix.access(candidate, posix.X_OK):
            return candidate
        denied = OSError(errno.EACCES, 'Permission denied')
    if denied:
        raise _cannot_run(name, denied)
    raise Failure(name or "''", 'command not found', NOT_FOUND)


def _cannot_run(name, error):
    return Failure(name, 'cannot be run: ' + reason(error),
                   NOT_FOUND if error.errno == errno.ENOENT else CANNOT_RUN)


def end_like(status):
    """End this process as the wait `status` says a command ended.

    Death by a signal is passed on by dying of it, without a second core file.
    """
    number = status & 0x7f
    if number == 0:
        posix._exit(status >> 8 & 0xff)
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass
    try:
        signal.signal(number, signal.SIG_DFL)
    except (OSError, RuntimeError, ValueError):     # KILL has no other action
        pass
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)                       # it was blocked when we started
