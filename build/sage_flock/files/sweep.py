"""The two numbers of a sweep in a file of the lock's sidecar."""

import errno
import fcntl
import posix
import stat

from sage_flock import python, sweeps
from sage_flock.files import sidecar
from sage_flock.files.locks import flock

_LIMIT = 64         # bytes of the file that count


class FileSweep(sweeps.Sweep):
    """One call's share in the sweeps of a lock file."""

    def __init__(self, lock, key):
        """Raises Unavailable, and OSError."""
        side, gate = sidecar.find(lock)
        posix.close(gate)
        self.path = side.folder + '/c.' + key
        sweeps.Sweep.__init__(self, key)

    def _place(self):
        """Where the two numbers are, as nobody else calls it."""
        return self.path if self.path.startswith('/') else posix.getcwd() + '/' + self.path

    def _numbers(self, change=None):
        """(started, done), None if garbled; `change` turns them into new ones,
        or into None, which changes nothing."""
        fd = posix.open(self.path, posix.O_RDWR | posix.O_CREAT | posix.O_NONBLOCK | python.NOFOLLOW, 0o666)
        try:
            if not stat.S_ISREG(posix.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, 'not a file')
            flock(fd, fcntl.LOCK_EX, self.path)
            numbers = sweeps.parse(posix.read(fd, _LIMIT))
            changed = change and change(numbers)
            if changed:
                posix.lseek(fd, 0, 0)
                # Padded, so that a shorter line leaves no tail of a longer one.
                posix.write(fd, python.raw(('%d %d' % changed).ljust(_LIMIT - 1) + '\n'))
            return numbers
        finally:
            posix.close(fd)
