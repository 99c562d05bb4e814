"""The supervised run of a command, which sees nothing of us.

The command inherits the lock's descriptor.  When it ends, the caller unlocks
for every copy of the descriptor, so a daemon left behind does not keep the
lock; if the supervisor is killed, the command's copy still holds the lock.

Signals that would end us are meant for the command.  From before it starts to
the end of this process they are blocked, and sigwaitinfo(2) takes them one by
one (_Listener): none is lost, whenever it comes, and each names its sender.
https://man7.org/linux/man-pages/man2/sigwaitinfo.2.html
TERM, HUP, USR1 and USR2 are passed on.  So are INT and QUIT, unless the
terminal has sent them: then the command has them already.  A signal that came
before the command was there is passed on whoever sent it.  A signal for a whole
process group reaches the command directly and again through us, because it
looks like one for us alone.  But if a sage-flock runs under another and has
already had the signal from elsewhere, it does not pass on its parent's copy.

Where there is no sigwaitinfo(2), before Python 3.3 and on macOS, handlers do
the same (_Relay), but INT and QUIT are ignored while the command runs.

A Python program leaks state into what it starts: SIGPIPE and SIGXFSZ ignored,
LC_CTYPE under the C locale.  All of that is undone.  subprocess is not used
because under Python 3 it closes make's jobserver descriptors.
"""

import errno
import fcntl
import posix

from sage_flock import python
from sage_flock.python import signal
from sage_flock.messages import CANNOT_RUN, NOT_FOUND, Failure, reason, say

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_TO_GROUP = _FROM_TERMINAL + (signal.SIGHUP,)       # what a terminal sends, to all in its foreground group
_SAME = 0.1     # seconds within which a parent's signal is the copy of one that came from elsewhere
# What the interpreter ignores and a command must not inherit ignored.
_PYTHON_IGNORES = tuple(getattr(signal, name) for name in ('SIGPIPE', 'SIGXFSZ', 'SIGXFZ')
                        if hasattr(signal, name))


class Command(object):
    """A command ready to run.

    argv         its words; the first is looked for on PATH
    environment  changes to the environment, str to str
    closed       descriptors that it does not inherit (-o)
    """

    relay = None

    def __init__(self, argv, environment, closed=()):
        self.argv = argv
        self.path = find(argv[0])
        self.environment = python.environment(environment)
        for fd in closed:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def replace_us(self):
        """Become the command (-F).  Never returns."""
        for number in _PYTHON_IGNORES:
            signal.signal(number, signal.SIG_DFL)
        self._exec()

    def run(self, watch=None):
        """Run it to its end; returns its wait status as waitpid(2) gives it.

        watch, if given, is called with its process id once it runs.  Raises Failure if it cannot be started.
        """
        relay = self.relay = _Listener() if hasattr(signal, 'sigwaitinfo') else _Relay()
        child = self._start(relay)
        relay.to(child)
        if watch:
            watch(child)
        return relay.end_of(child)

    def leave_signals(self):
        """The command has ended: let signals end this process again.  A signal
        that has come since then ends it now."""
        if self.relay:
            self.relay.leave()

    def _start(self, relay):
        try:
            if relay.can_spawn and hasattr(posix, 'posix_spawn'):       # from 3.8 on; a third of fork's cost
                try:
                    return self._spawn(self.path, self.argv, relay)
                except OSError as error:
                    if error.errno != errno.ENOEXEC:
                        raise
                return self._spawn('/bin/sh', ['sh', self.path] + self.argv[1:], relay)
            child = posix.fork()
        except OSError as error:
            raise _cannot_run(self.path, error)
        if child == 0:
            try:
                for number in relay.changed + _PYTHON_IGNORES:
                    signal.signal(number, signal.SIG_DFL)
                relay.leave_to_command()
                self._exec()
            except Failure as failure:
                say(str(failure) + failure.hint)
                posix._exit(failure.status)
            finally:
                posix._exit(CANNOT_RUN)
        return child

    def _spawn(self, path, argv, relay):
        masked = {} if relay.mask is None else {'setsigmask': relay.mask}
        return posix.posix_spawn(path, argv, self.environment, setsigdef=relay.changed + _PYTHON_IGNORES, **masked)

    def _exec(self):
        try:
            posix.execve(self.path, self.argv, self.environment)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise _cannot_run(self.path, error)
        # A script without #!: shells and flock(1) run it with sh, and so do we.
        posix.execve('/bin/sh', ['sh', self.path] + self.argv[1:], self.environment)


def _nothing(number, frame):
    """The handler of a signal that need only wake us."""


def _not_ignored():
    """The signals that go to the command: those that are not ignored (nohup) already."""
    return tuple([number for number in _PASSED_ON + _FROM_TERMINAL
                  if signal.getsignal(number) != signal.SIG_IGN])


class _Listener(object):
    """Takes the signals that come for the command by sigwaitinfo(2).

    mask       the signals that were blocked when we started, as they will be in the command
    changed    those whose action it gets back as the default
    early      those that came before the command was there
    can_spawn  can posix_spawn give the command all signals as our caller had them?
    """

    def __init__(self):
        self.changed = _not_ignored()
        self.early = ()
        self.heard = {}         # number -> (sender, when) of the last one passed on
        self.can_spawn = signal.getsignal(signal.SIGCHLD) != signal.SIG_IGN
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, self.changed + (signal.SIGCHLD,))  # novm
        signal.signal(signal.SIGCHLD, _nothing)     # ignored, it would lose the command's status

    def leave_to_command(self):
        """In the forked child: let signals act as they did when we started."""
        if not self.can_spawn:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)  # novm

    def leave(self):
        """The command has ended: signals act on us again, beginning with those that came since."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)  # novm

    def to(self, child):
        """From now on signals go to the process `child`."""
        self.early = signal.sigpending()  # novm

    def end_of(self, child):
        """Wait for the command; returns its wait status."""
        awaited = self.changed + (signal.SIGCHLD,)
        while True:
            info = signal.sigwaitinfo(awaited)  # novm
            if info.si_signo == signal.SIGCHLD:
                pid, status = posix.waitpid(child, posix.WNOHANG)
                if pid:
                    return status
            elif info.si_signo in self.early or not self._has_it(child, info):
                self.early -= set([info.si_signo])
                _send(child, info.si_signo)

    def _has_it(self, child, info):
        """Has the command had this signal already, from the terminal or through us?"""
        # The terminal has no pid.  Nor has a sender in another pid namespace, but then the code is 0.
        if info.si_signo in _TO_GROUP and not info.si_pid and info.si_code:
            return posix.getpgid(child) == posix.getpgrp()
        sender, when = self.heard.get(info.si_signo, (None, 0))
        self.heard[info.si_signo] = info.si_pid, python.now()
        return (info.si_pid == posix.getppid() != (sender or info.si_pid)
                and python.now() - when < _SAME)


class _Relay(object):
    """Passes signals on to the command by handlers, from before it starts until it has ended."""

    mask = None

    def __init__(self):
        self.child = None
        self.early = []
        self.changed = _not_ignored()
        self.can_spawn = signal.getsignal(signal.SIGCHLD) != signal.SIG_IGN
        # Python runs handlers between two steps of the interpreter: if a signal
        # came just before a waitpid(2), its handler would run only after that.
        # So this pipe gets a byte as soon as a signal comes.
        self.heard, waker = posix.pipe()
        python.private(self.heard)
        fcntl.fcntl(waker, fcntl.F_SETFL, posix.O_NONBLOCK)
        signal.set_wakeup_fd(python.private(waker))
        self.started, self.starts = [python.private(fd) for fd in posix.pipe()]
        for number in self.changed:
            signal.signal(number, self._pass_on)
        signal.signal(signal.SIGCHLD, _nothing)     # ignored, it would lose the command's status

    def leave_to_command(self):
        """In the forked child: ignore what our caller ignored."""
        if not self.can_spawn:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def leave(self):
        """The command has ended: signals act on us again, beginning with those that came since."""
        for number in self.changed:
            signal.signal(number, signal.SIG_DFL)
        for number in self.early:
            posix.kill(posix.getpid(), number)

    def _pass_on(self, number, frame):
        if self.child is None:
            self.early.append(number)
        else:
            _send(self.child, number)

    def end_of(self, child):
        """Wait for the command; returns its wait status."""
        while True:
            pid, status = posix.waitpid(child, posix.WNOHANG)
            if pid:
                self.child = None
                return status
            try:
                posix.read(self.heard, 64)
            except OSError as error:
                if error.errno != errno.EINTR:      # 3.5 and later retry by themselves
                    raise

    def to(self, child):
        """From now on signals go to the process `child`."""
        # Until its exec the child is a Python that would lose them, for a while even those that it handles.
        posix.close(self.starts)
        while self.started is not None:
            try:
                posix.read(self.started, 1)
                posix.close(self.started)
                self.started = None
            except OSError as error:
                if error.errno != errno.EINTR:
                    raise
        self.child = child
        while self.early:
            _send(child, self.early.pop(0))
        for number in _FROM_TERMINAL:
            if number in self.changed:
                signal.signal(number, signal.SIG_IGN)


def _send(pid, number):
    try:
        posix.kill(pid, number)
    except OSError:             # it has just ended, or has become another user
        pass


def find(name):
    """The path of the command `name`, looked for on PATH as execvp(3) does.

    Raises Failure, status 127 or 126, if there is none that can be run.
    """
    if '/' in name:
        candidates = [name]
    else:
        path = python.getenv('PATH') or '/bin:/usr/bin'
        candidates = [(folder or '.') + '/' + name for folder in path.split(':')]
    denied = None
    for candidate in candidates if name else ():
        try:
            mode = posix.stat(candidate).st_mode
        except (OSError, ValueError, TypeError) as error:
            if getattr(error, 'errno', None) == errno.EACCES:
                denied = denied or (candidate, reason(error))
            continue
        if mode & 0o170000 == 0o040000:
            denied = candidate, 'it is a folder'
        elif posix.access(candidate, posix.X_OK):
            return candidate
        else:
            denied = candidate, 'Permission denied (chmod +x makes it a program)'
    if denied:
        raise Failure(denied[0], 'cannot be run: ' + denied[1], CANNOT_RUN)
    raise Failure(name or "''", 'command not found', NOT_FOUND)


def _cannot_run(path, error):
    """The Failure of a program that was found at `path` and not run."""
    if error.errno != errno.ENOENT:
        return Failure(path, 'cannot be run: ' + reason(error), CANNOT_RUN)
    failure = Failure(path, 'cannot be run: ' + reason(error), NOT_FOUND)
    failure.hint = ' (what its first line names to run it is not there)'
    return failure


def end_like(status):
    """End this process as the command with the wait status `status` ended.

    If a signal killed it, the same one kills us, without a second core file.
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
    except (OSError, RuntimeError, ValueError):     # KILL cannot be changed
        pass
    posix.kill(posix.getpid(), number)
    if hasattr(signal, 'pthread_sigmask'):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))  # novm
    posix._exit(128 + number)                       # where it cannot be unblocked
