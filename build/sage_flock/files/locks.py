"""A lock: a file found by name, opened, and locked with flock(2).

https://man7.org/linux/man-pages/man2/flock.2.html: the lock belongs to the open
file, which a command shares by inheriting the descriptor.

A lock file is never truncated, never written and never deleted.  Deleting
one splits its waiters over two inodes, and people lock files that hold their
data (`sage-flock "$0" ...`).
"""

import errno
import fcntl
import posix

from sage_flock import python
from sage_flock.messages import Failure, reason, say
from sage_flock.request import EXCLUSIVE, POOL, SHARED

OPERATION = {SHARED: fcntl.LOCK_SH, EXCLUSIVE: fcntl.LOCK_EX, POOL: fcntl.LOCK_SH}

_READ_ONLY_INSTEAD = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ETXTBSY)


class Lock(object):
    """An open lock file.

    name   what the user called it, for messages
    path   the file, as it was found by that name; None for a descriptor
    fd     its descriptor, one that the command inherits
    ours   False for a descriptor that a shell opened (the FD form): the lock
           then outlives us
    kept   the mode in which such a descriptor held it before us, or None
    places the pool.Places of a call that wants one of them, else None
    """

    kept = places = None

    def __init__(self, name, path, fd):
        self.name = name
        self.path = path
        self.fd = fd
        self.ours = path is not None

    def title(self):
        """Its name for people: of a descriptor the file as well, where /proc tells."""
        try:
            return self.name if self.ours else '%s (%s)' % (self.name, python.path_behind(self.fd))
        except OSError:
            return self.name

    def take(self, mode, block=True):
        """Lock it `mode`; False if that would block and `block` is False, or if there is no place in the pool.

        Raises Failure where the file system cannot lock.
        """
        if not flock(self.fd, OPERATION[mode] | (0 if block else fcntl.LOCK_NB), self.name):
            return False
        if mode != POOL or self.places.enter():
            return True
        self.drop()
        return False

    def place(self):
        """What a log says of our place in the pool: {} if we have none."""
        return {'place': self.places.number} if self.places else {}

    def drop(self):
        """Unlock it, for every copy of the descriptor, a daemon's included."""
        if self.places:
            self.places.leave()
        flock(self.fd, fcntl.LOCK_UN, self.name)

    def give_back(self):
        """Leave it as it was before us: free, or as a shell's descriptor held it."""
        if self.kept is None:
            self.drop()
        elif not self.take(self.kept, block=False):
            say('descriptor %s: its %s lock is lost: another has it now' % (self.name, self.kept))


def flock(fd, operation, name):
    """flock(2), again after a signal; False on a conflict under LOCK_NB."""
    while True:
        try:
            fcntl.flock(fd, operation)
            return True
        except (IOError, OSError) as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES) and operation & fcntl.LOCK_NB:
                return False
            if error.errno != errno.EINTR:
                raise Failure(name, 'cannot be locked: ' + reason(error))


def in_full(path):
    """`path` as it reads from any folder, for messages: a bare name was looked for in the current one."""
    try:
        return path if '/' in path else posix.getcwd() + '/' + path
    except OSError:         # that folder is gone
        return path


def open_file(path):
    """A descriptor on the lock file `path`, which the command inherits; that
    and the folders above it are made where missing.  Raises OSError, and
    ValueError or TypeError for what can be no path."""
    try:
        fd = _open(path)
    except OSError as error:
        if error.errno != errno.ENOENT or '/' not in path:
            raise
        make_folders(path.rpartition('/')[0])
        fd = _open(path)
    return python.inherited(fd)


def _open(path):
    # Read-write, because on NFS an exclusive flock(2) needs write access; but a program that is open for writing cannot
    # be run, by anybody.
    denied = None
    if not _is_program(path):
        try:
            return posix.open(path, posix.O_RDWR | posix.O_CREAT | posix.O_NOCTTY, 0o666)
        except OSError as error:
            if error.errno not in _READ_ONLY_INSTEAD:
                raise
            denied = error
    try:
        return posix.open(path, posix.O_RDONLY | posix.O_NOCTTY)
    except OSError as error:
        # If the file is missing, report why it could not be created.
        raise denied if denied and error.errno == errno.ENOENT else error


def _is_program(path):
    try:
        return posix.stat(path).st_mode & 0o111
    except OSError:
        return False


def make_folders(path):
    """Make the folder `path` and its parents; another may do so meanwhile."""
    try:
        _make_folder(path)
    except OSError as error:
        parent = path.rstrip('/').rpartition('/')[0]
        if error.errno != errno.ENOENT or not parent:
            raise
        make_folders(parent)
        _make_folder(path)


def _make_folder(path):
    try:
        posix.mkdir(path, 0o777)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
