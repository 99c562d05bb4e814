"""GNU make's jobserver as a client sees it: a pipe or fifo of one-byte tokens.

A make with -jN keeps N - 1 tokens in a pipe, or from 4.4 on in a named fifo,
and says in MAKEFLAGS where.  Whoever wants to run one more job takes a token
and puts it back afterwards:
https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html

Three things to mind:

* The numbers in MAKEFLAGS may be stale.  A recipe line without `+` has them,
  but before 4.4 not the descriptors: they are closed, or something else by now.
* Whether reads block is a property of the open pipe, which is shared with
  make, so it must not be changed.  Where /proc lets us, we open the pipe anew
  and have reads of our own that never block.
* make 4.2 and 4.2.1 look whether there is a token and then read for as long
  as it takes: one that we took in between would stop make for good.

The pipe or fifo itself serves as the lock file of the overdraft (slots.py): it
is there as long as its make is, and no other make's.
"""

import errno
import fcntl
import posix
import stat

from sage_flock import python

_TOKEN = b'+'       # the byte make puts in itself; it looks at none


def find(makeflags):
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
            if len(numbers) == 2 and python.is_number(numbers[0]) and python.is_number(numbers[1]):
                return _open_pipe(int(numbers[0]), int(numbers[1]), option == '--jobserver-auth')
    return None


def put_token(giving):
    """Put a token in."""
    posix.write(giving, _TOKEN)


def take_token(taking):
    """Take a token: False when another was faster.  When make
    is gone there is nothing to take, and that counts as taken."""
    while True:
        try:
            posix.read(taking, 1)
            return True
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
            if error.errno != errno.EINTR:
                raise


def take_overdraft(taking):
    """Take the jobserver's overdraft; False while another has it.

    It goes with the descriptor's last copy, or by return_overdraft().  Where
    pipes cannot be opened anew, or not be locked, nobody is kept out.
    """
    try:
        fcntl.flock(taking, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except (IOError, OSError) as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)


def return_overdraft(taking):
    """Let the overdraft go."""
    fcntl.flock(taking, fcntl.LOCK_UN)


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
    """make 4.4: a named fifo, which each client opens for itself."""
    fds = []
    try:
        if stat.S_ISFIFO(posix.stat(path).st_mode):
            # This one first: without a reader, that is without make, it fails.
            fds.append(posix.open(path, posix.O_WRONLY | posix.O_NONBLOCK))
            fds.append(posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK))
            if [fd for fd in fds if not stat.S_ISFIFO(posix.fstat(fd).st_mode)]:
                raise OSError(errno.EINVAL, 'not a fifo')
            return python.private(fds[1]), python.private(fds[0])
    except (OSError, ValueError, TypeError):
        for fd in fds:
            posix.close(fd)
    return None


def _open_pipe(taking, giving, auth):
    """A pipe handed down as two descriptors, if that is what they still are."""
    try:
        ends = [(posix.fstat(fd), fcntl.fcntl(fd, fcntl.F_GETFL)) for fd in (taking, giving)]
    except (IOError, OSError, OverflowError, ValueError):
        return None
    same = len(set([(status.st_dev, status.st_ino) for status, _ in ends])) == 1
    fifo = stat.S_ISFIFO(ends[0][0].st_mode)
    modes = [flags & (posix.O_RDONLY | posix.O_WRONLY | posix.O_RDWR) for _, flags in ends]
    if not same or not fifo or modes != [posix.O_RDONLY, posix.O_WRONLY]:
        return None
    if auth and not ends[0][1] & posix.O_NONBLOCK:      # make 4.2
        return None
    return python.private(_opened_anew(taking)), python.private(posix.dup(giving))


def _opened_anew(taking):
    """The read end as an open file of our own; a copy of make's where there
    is no /proc."""
    try:
        return posix.open('/proc/self/fd/%d' % taking, posix.O_RDONLY | posix.O_NONBLOCK)
    except OSError:
        return posix.dup(taking)
