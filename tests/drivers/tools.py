"""Small programs for the tests: what a shell cannot do to a process, or see of it.

    rival FILE          status 0 if flock(2) gives FILE's lock exclusively at once, 1 if it is held
    released FILE       status 0 as soon as flock(2) gives it, 1 if it does not within PATIENCE seconds
    hold FILE CMD...    becomes CMD, holding FILE's lock by plain flock(2)
    fate CMD...         runs CMD with all signals at their defaults and prints how it ended: "exit 3", "signal 15",
                        "signal 6, core"
    ignoring SIG CMD... becomes CMD, with the signal of that number ignored and all others at their defaults
    terminal KEY CMD... runs CMD on a terminal of its own and presses control-KEY when it says "ready"; prints
                        what it said, and how it ended
    screen COLS CMD...  runs CMD on a terminal of its own, so many columns wide; says what it said, colours and all
    unread CMD...       runs CMD, and for half a second after its first line on stderr there is no room for another;
                        prints its exit status
    crowded CMD...      becomes CMD, with no descriptor free below 1100
    clock               the time of day in milliseconds
"""

import errno
import fcntl
import glob
import os
import signal
import sys
import time


def rival(path):
    fd = open_lock(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except EnvironmentError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return 1
    return 0


def released(path):
    # Not at once: a lock is given up with the last reference to its file, and a process that reads /proc/PID/fdinfo of
    # the one who closes it, as sage-flock and lsof do, has one for that moment.
    fd = open_lock(path)
    signal.signal(signal.SIGALRM, lambda *_: give_up(path))
    signal.alarm(int(os.environ['PATIENCE']))
    fcntl.flock(fd, fcntl.LOCK_EX)


def give_up(path):
    for link in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            if os.readlink(link) == os.path.realpath(path):
                with open('/proc/%s/cmdline' % link.split('/')[2]) as words:
                    print('%s: open as %s of %s' % (path, link, words.read().replace('\0', ' ')))
        except EnvironmentError:        # gone meanwhile
            pass
    sys.stdout.flush()
    os._exit(1)


def hold(path, *command):
    fd = open_lock(path)
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.fcntl(fd, fcntl.F_SETFD, 0)
    become(command)


def fate(*command):
    pid = os.fork()
    if not pid:
        become(command)
    print(how_it_ended(os.waitpid(pid, 0)[1]))


def ignoring(number, *command):
    become(command, ignored=int(number))


def terminal(key, *command):
    import pty
    pid, master = pty.fork()
    if not pid:
        become(command)
    said = b''
    pressed = False
    while True:
        try:
            piece = os.read(master, 1024)
        except EnvironmentError:        # Linux reports the end of a terminal as EIO
            break
        if not piece:
            break
        said += piece
        if not pressed and b'ready' in said:
            pressed = True
            os.write(master, bytearray([ord(key) & 0x1f]))
    sys.stdout.write(said.decode('ascii', 'replace').replace('\r\n', '\n'))
    print(how_it_ended(os.waitpid(pid, 0)[1]))


def screen(columns, *command):
    import pty
    import struct
    import termios
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(columns), 0, 0))
    os.environ.pop('COLUMNS', None)
    pid = os.fork()
    if not pid:
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        become(command)
    os.close(slave)
    said = b''
    while True:
        try:
            piece = os.read(master, 1024)
        except EnvironmentError:        # Linux reports the end of a terminal as EIO
            break
        if not piece:
            break
        said += piece
    os.waitpid(pid, 0)
    getattr(sys.stdout, 'buffer', sys.stdout).write(said.replace(b'\r\n', b'\n'))


def unread(*command):
    heard, said = os.pipe()
    pid = os.fork()
    if not pid:
        os.dup2(said, 2)
        become(command)
    os.read(heard, 4096)
    flags = fcntl.fcntl(said, fcntl.F_GETFL)
    for size in (4096, 1):
        fcntl.fcntl(said, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        try:
            while os.write(said, b'.' * size):
                pass
        except EnvironmentError:
            pass
    fcntl.fcntl(said, fcntl.F_SETFL, flags)
    os.close(said)
    time.sleep(0.5)     # nothing shows that it has tried to write; were this too short, the test would only see less
    while os.read(heard, 65536):
        pass
    print(how_it_ended(os.waitpid(pid, 0)[1]))


def crowded(*command):
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3, 1100):
        try:
            os.fstat(fd)
        except EnvironmentError:
            os.dup2(null, fd)
    become(command)


def clock():
    print(int(time.time() * 1000))


def open_lock(path):
    return os.open(path, os.path.isdir(path) and os.O_RDONLY or os.O_RDWR | os.O_CREAT, 0o666)


def become(command, ignored=None):
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, number == ignored and signal.SIG_IGN or signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except EnvironmentError as error:
        sys.stderr.write('tools.py: %s: %s\n' % (command[0], error.strerror))
        os._exit(127)


def how_it_ended(status):
    if not os.WIFSIGNALED(status):
        return 'exit %d' % os.WEXITSTATUS(status)
    return 'signal %d%s' % (os.WTERMSIG(status), os.WCOREDUMP(status) and ', core' or '')


if __name__ == '__main__':
    instruments = dict((tool.__name__, tool) for tool in (rival, released, hold, fate, ignoring,
                                                            terminal, screen, unread, crowded,
                                                            clock))
    sys.exit(instruments[sys.argv[1]](*sys.argv[2:]))
