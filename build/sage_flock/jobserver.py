"""GNU make's jobserver as a client sees it: a pipe or fifo of one-byte tokens.

A make with -jN keeps N - 1 tokens in a pipe, or from 4.4 on in a named fifo,
and says where in MAKEFLAGS.  A client takes a token to run one more job, and
puts it back afterwards:
https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html

Three things to mind:

* The numbers in MAKEFLAGS may be stale.  A recipe line without `+` has them,
  but before 4.4 not the descriptors, which are closed or something else by now.
* Whether reads block is a property of the open pipe, which make shares, so it
  must not be changed.  Where there is /proc we open the pipe anew, so that our
  own reads never block.
* make 4.2 and 4.2.1 poll for a token and then read without a limit: if we took
  that token in between, make would hang for good.

The pipe or fifo itself serves as the lock file of the overdraft (slots.py): it
lasts as long as its make, and no other make has it.
"""

import errno
import fcntl
import posix
import stat

from sage_flock import python

_TOKEN = b'+'       # the byte that make writes; it does not look at those it reads


def find(makeflags):
    """The jobserver that `makeflags` (str) names: descriptors of our own to
    (take from, give to), or None if there is none that we may use.

    The last entry counts.  4.4 adds `-2,-2` to say "not yours", wrongly when
    the recipe's + came from a variable, so earlier entries are tried too.
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
    """Take a token; False if another client was faster.  When make is gone
    there is nothing to take, and that counts as taken."""
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
    """Take the jobserver's overdraft; False while another process has it.

    It ends with the descriptor's last copy, or by return_overdraft().  Where
    pipes cannot be opened anew or locked, it excludes nobody.
    """
    try:
        fcntl.flock(taking, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except (IOError, OSError) as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)


def return_overdraft(taking):
    """Return the overdraft to the jobserver."""
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
    """The jobserver of make 4.4: a named fifo, which each client opens itself."""
    fds = []
    try:
        if stat.S_ISFIFO(posix.stat(path).st_mode):
            # The write end first: without a reader, that is without make, this fails.
            fds.append(posix.open(path, posix.O_WRONLY | posix.O_NONBLOCK))
            fds.append(posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK))
            if any([not stat.S_ISFIFO(posix.fstat(fd).st_mode) for fd in fds]):
                raise OSError(errno.EINVAL, 'not a fifo')
            return python.private(fds[1]), python.private(fds[0])
    except (OSError, ValueError, TypeError):
        for fd in fds:
            posix.close(fd)
    return None


def _open_pipe(taking, giving, auth):
    """The jobserver of earlier makes: a pipe, handed down as two descriptors.
    None if they are no longer that."""
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
    """The read end, opened anew; without /proc, a copy of make's descriptor."""
    try:
        return posix.open('/proc/self/fd/%d' % taking, posix.O_RDONLY | posix.O_NONBLOCK)
    except OSError:
        return posix.dup(taking)
