"""A waiter lends the job slot that it does not use.

GNU make's jobserver is a pool of one-byte tokens in a pipe.  A recipe owns
one slot without a token and gives it back by ending; while it waits for a
lock its slot lies idle.  So a waiter puts a token into the pool, which lets
make start another job, and owes one back.

The one rule: never wait without a limit for a slot, and never lose the debt.
Waiting for a token while holding the lock, or holding it through an ancestor,
deadlocks as soon as those who have the tokens wait for that lock.  So the
debt is left to a *guardian*, a process of its own that takes the next free
token whenever there is one:

    waiter                                guardian
    forks it twice, so nobody waits       closes the lock and all else,
      for it                                leaves session and terminal
                                          puts a token in, closes the pool's
                                            write end: make waits for that
    waits for the lock                    reads its control pipe
    has the lock: says so, runs on        takes a token once there is one,
                                            answers, ends
    drops the lock, waits for the
      answer 0.1 s at most, ends

Dying is safe at any moment: the guardian reads the end of its control pipe
and settles all the same.  When make is gone it reads the end of the pool.
Until a debt is settled one job more than -j asked for may run.  The 0.1 s
are there because make counts its tokens at its end; they come after the lock
is dropped, where they hold up nobody.
"""

import errno
import fcntl
import posix
import select
import stat

from sage_bootstrap import host
from sage_bootstrap.host import signal

# Each guardian is a process of some megabytes; more of them than there are
# slots to win gain nothing.
MOST_GUARDIANS = 64
_SETTLE = 0.1       # seconds to wait for the guardian's answer
_TOKEN = b'+'       # the byte make puts in itself; it looks at none


class Loan(object):
    """A lent job slot: settle() when the lock is got, close() when dropped."""

    def __init__(self, control, answer):
        self.control = control
        self.answer = answer

    def settle(self):
        """Have the guardian take a token back as soon as there is one."""
        if self.control is not None:
            posix.close(self.control)
            self.control = None

    def close(self):
        """Give the guardian a moment to have settled, for make's account."""
        self.settle()
        try:
            select.select([self.answer], [], [], _SETTLE)
        except (select.error, OSError):     # a signal on Python 2
            pass
        posix.close(self.answer)


def lend():
    """Lend this process's job slot: the Loan, or None without a jobserver."""
    if host.getenv('SAGE_FLOCK_KEEP_SLOT') not in ('', '0'):
        return None
    fds = ()
    try:
        pool = fds = find_pool(host.getenv('MAKEFLAGS'))
        if not pool:
            return None
        heard, control = posix.pipe()
        fds += (heard, control)
        answer, answering = posix.pipe()
        fds += (answer, answering)
        child = posix.fork()
    except OSError:         # no descriptor or no process to be had: keep the slot
        for fd in fds:
            posix.close(fd)
        return None
    if child == 0:
        _become_guardian(pool, heard, answering)
    for fd in pool + (heard, answering):
        posix.close(fd)
    try:
        posix.waitpid(child, 0)
    except OSError:
        pass
    return Loan(host.private(control), host.private(answer))


def _become_guardian(pool, heard, answering):
    """In the forked child: be the guardian, or its short-lived parent."""
    try:
        if posix.fork() == 0:
            _guard(*alone(pool + (heard, answering)))
    finally:
        posix._exit(0)


def alone(fds):
    """Keep nothing but `fds` of all that was inherited; their new numbers."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 16) for fd in fds]
    for fd in _open_descriptors(high):
        if fd not in high:
            try:
                posix.close(fd)
            except OSError:
                pass
    posix.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    posix.chdir('/')
    return high


def _open_descriptors(known):
    """The numbers of all, of which `known` are some: FreeBSD's /dev/fd may
    list no more than the first three."""
    for folder in ('/proc/self/fd', '/dev/fd'):
        try:
            found = [int(name) for name in posix.listdir(folder)]
        except (OSError, ValueError):
            continue
        if set(known).issubset(found):
            return found
    return range(min(posix.sysconf('SC_OPEN_MAX'), 4096))


def _guard(taking, giving, heard, answering):
    """The guardian's life, from putting a token in to taking one back."""
    if select.select([heard], [], [], 0)[0]:
        return              # the wait is over already, and make may be counting
    posix.write(giving, _TOKEN)
    posix.close(giving)
    _read(heard)            # the lock is got, or the waiter is dead
    posix.close(heard)
    while True:
        select.select([taking], [], [])
        got = _read(taking)
        if got is not None:     # a token, or b'': make is gone
            break
    posix.write(answering, got or _TOKEN)


def _read(fd):
    """One byte; b'' at the end; None when another was faster."""
    while True:
        try:
            return posix.read(fd, 1)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            if error.errno != errno.EINTR:
                raise


def find_pool(makeflags):
    """The jobserver that `makeflags` (str) tells of: descriptors of our own
    to (take from, give to), or None where none is really ours to lend to.

    The last entry counts.  4.4 adds `-2,-2` to say "not yours", wrongly when
    the recipe's + came from a variable, so earlier ones are looked at too.
    """
    for word in reversed(_words(makeflags)):
        option, _, value = word.partition('=')
        if option == '--jobserver-auth' and value.startswith('fifo:'):
            return _open_fifo(value[5:])
        if option in ('--jobserver-auth', '--jobserver-fds'):
            numbers = value.split(',')
            if len(numbers) == 2 and host.is_number(numbers[0]) and host.is_number(numbers[1]):
                return _copy_pipe(int(numbers[0]), int(numbers[1]), option == '--jobserver-auth')
    return None


def _words(makeflags):
    """The words of MAKEFLAGS before ` -- `; a backslash keeps a blank."""
    words = ['']
    kept = False
    for char in makeflags:
        if kept or char not in ' \\':
            words[-1] += char
            kept = False
        elif char == '\\':
            kept = True
        else:
            words.append('')
    return words[:words.index('--')] if '--' in words else words


def _open_fifo(path):
    """make 4.4: a named fifo, which everyone opens for himself."""
    fds = []
    try:
        if stat.S_ISFIFO(posix.stat(path).st_mode):
            # This one first: without a reader, that is without make, it fails.
            fds.append(posix.open(path, posix.O_WRONLY | posix.O_NONBLOCK))
            fds.append(posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK))
            if [fd for fd in fds if not stat.S_ISFIFO(posix.fstat(fd).st_mode)]:
                raise OSError(errno.EINVAL, 'not a fifo')
            return fds[1], fds[0]
    except (OSError, ValueError, TypeError):
        for fd in fds:
            posix.close(fd)
    return None


def _copy_pipe(taking, giving, auth):
    """A pipe handed down as two descriptors, if that is what they still are.

    A recipe line without + has the numbers but not the descriptors: they are
    closed, or by now something else that must not be written to.
    """
    try:
        ends = [(posix.fstat(fd), fcntl.fcntl(fd, fcntl.F_GETFL)) for fd in (taking, giving)]
    except (IOError, OSError, OverflowError, ValueError):
        return None
    same = len(set([(status.st_dev, status.st_ino) for status, _ in ends])) == 1
    fifo = stat.S_ISFIFO(ends[0][0].st_mode)
    modes = [flags & (posix.O_RDONLY | posix.O_WRONLY | posix.O_RDWR) for _, flags in ends]
    if not same or not fifo or modes != [posix.O_RDONLY, posix.O_WRONLY]:
        return None
    if auth and not ends[0][1] & posix.O_NONBLOCK:
        # make 4.2 looks whether there is a token and then reads for as long
        # as it takes: one that we took in between would stop it for good.
        return None
    return posix.dup(taking), posix.dup(giving)
