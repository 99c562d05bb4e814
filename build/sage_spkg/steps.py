"""The steps of one package: commands run one after the other, and what a signal does to them.

HUP, INT and TERM stop the step at work, and then us: `run` raises Stopped.  A build is many processes of which we know
the first, so it runs as a process group and is told to stop as a whole.  subprocess is not used: it would close make's
job slots, and importing it takes longer than all that we do with a small package.
"""

import errno
import os
import posix

try:
    import _signal as signal
except ImportError:
    import signal

_STOP = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# What the interpreter ignores and a command must not inherit ignored.
_PYTHON_IGNORES = [getattr(signal, name) for name in ('SIGPIPE', 'SIGXFSZ') if hasattr(signal, name)]


class Failed(Exception):
    """A package failed; the text, if any, is for its log."""


class Stopped(Exception):
    """signal: its number."""

    def __init__(self, number):
        Exception.__init__(self, 'stopped by signal %d' % number)
        self.signal = number


def say(line, fd=1):
    """One write a line, so that lines stay whole under make -j."""
    data = (line + '\n').encode('utf-8', 'replace') if not isinstance(line, bytes) else line + b'\n'
    while data:
        try:
            data = data[os.write(fd, data):]
        except OSError as error:
            if error.errno != errno.EINTR:
                return


def shown(path):
    """A path as short as it names the same from where we are."""
    try:
        here = os.getcwd() + '/'
    except OSError:
        return path
    return path[len(here):] if path.startswith(here) else path


def log_of(environment):
    """The file that output goes to, or None where it goes to the screen."""
    if environment.get('V', '') not in ('', '0'):
        return None
    return environment.get('SAGE_LOG') or None


def log(line, environment):
    """A line of our own to where the output of the steps goes."""
    path = log_of(environment)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666) if path else 2
    say(line, fd)
    if path:
        os.close(fd)


class Steps(object):
    """Runs commands.  environment: theirs."""

    def __init__(self, environment):
        self.environment = environment
        self._signal = None
        self._child = None
        self._is_group = False
        self._heeded = [number for number in _STOP if signal.getsignal(number) != signal.SIG_IGN]
        self.heed_signals()

    def _stop(self, number, frame):
        self._signal = self._signal or number
        self._stop_child()

    def _stop_child(self):
        if self._child:
            try:
                os.kill(-self._child if self._is_group else self._child, signal.SIGTERM)
            except OSError:
                pass

    def go_on(self):
        """Raises Stopped if a signal has come."""
        if self._signal:
            raise Stopped(self._signal)

    def run(self, words, log=None, group=False, environment=None):
        """Runs a command to its end: True if it went well.

        log: a file that its output is added to, else it goes where ours does.  group: as a process group of its own.
        Raises Stopped if a signal came meanwhile, and OSError where the command cannot be run.
        """
        self.go_on()
        self._is_group = group
        self._child = _start(words, log, group, environment or self.environment)
        if self._signal:
            self._stop_child()
        while True:
            try:
                status = os.waitpid(self._child, 0)[1]
                break
            except OSError as error:
                if error.errno != errno.EINTR:
                    raise
        self._child = None
        self.go_on()
        return status == 0

    def heed_no_signal(self):
        """From here on it is too late to be stopped.  Raises Stopped if it was not yet."""
        for number in _STOP:
            signal.signal(number, signal.SIG_IGN)
        number, self._signal = self._signal, None
        if number:
            raise Stopped(number)

    def heed_signals(self):
        """But not those that were ignored when we came, as nohup does."""
        for number in self._heeded:
            signal.signal(number, self._stop)


def die_of(number):
    """Ends us as the signal would have."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def end_at_interrupts():
    """A Ctrl-C ends us like any C program: no traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_signals():
    """For what is short and must not be left half done."""
    for number in _STOP:
        signal.signal(number, signal.SIG_IGN)


def replace_us(words):
    """Become a command.  Never returns."""
    for number in _PYTHON_IGNORES:
        signal.signal(number, signal.SIG_DFL)
    os.execvp(words[0], words)


def _start(words, log, group, environment):
    output = None
    if log:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        if hasattr(posix, 'posix_spawnp'):             # 3.8: a third of fork's cost
            actions = [(posix.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
            if output is not None:
                actions += [(posix.POSIX_SPAWN_DUP2, output, 1), (posix.POSIX_SPAWN_DUP2, output, 2)]
            options = {'file_actions': actions, 'setsigdef': _PYTHON_IGNORES}
            if group:
                options['setpgroup'] = 0
            return posix.posix_spawnp(words[0], words, environment, **options)
        return _fork(words, output, group, environment)
    finally:
        if output is not None:
            os.close(output)


def _fork(words, output, group, environment):
    child = os.fork()
    if child:
        return child
    try:
        if group:
            os.setpgid(0, 0)
        for number in _PYTHON_IGNORES:
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if output is not None:
            os.dup2(output, 1)
            os.dup2(output, 2)
        os.execvpe(words[0], words, environment)
    except OSError as error:
        say('sage-spkg: %s: %s' % (words[0], error.strerror), 2)
    finally:
        os._exit(127)
