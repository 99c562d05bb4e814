"""Locks that are files: the engine for one host, and for NFS; see engines.py.

A lock file is never truncated, never written and never deleted.  Deleting
one splits its waiters over two inodes, and people lock files that hold their
data (`sage-flock "$0" ...`).
"""

import posix

from sage_flock.files import locks, taking
from sage_flock.messages import Failure, reason


class Lock(locks.Lock):
    """An open lock file as call.py sees it."""

    def hold(self, request):
        """Take it as a request.Request asks: a request.Hold, or None when it
        was not got in time.  Raises Failure."""
        return taking.take(self, request)

    def sweep(self, key):
        """The sweeps.Sweep called `key` of this lock.  Raises Unavailable."""
        from sage_flock.files import sweep
        return sweep.FileSweep(self, key)


def open_named(name, path):
    """The Lock called `name`, which is the file `path`.

    Raises Failure where it cannot be opened.
    """
    try:
        return Lock(name, path, locks.open_file(path))
    except (OSError, ValueError, TypeError) as error:
        raise Failure(path, 'cannot be opened: ' + reason(error))


def open_descriptor(number):
    """The Lock behind descriptor `number`, which the caller's shell opened.

    Raises Failure where there is none.
    """
    try:
        posix.fstat(number)
    except (OSError, OverflowError) as error:
        raise Failure('descriptor %d' % number, reason(error))
    return Lock(str(number), None, number)


def names(folder):
    """The names of the locks in `folder`, sorted: of those that sage-flock
    manages, and of any other file called *.lock.  Raises Failure."""
    from sage_flock.files import listing
    return listing.names(folder)


def users(name, path):
    """Who uses the lock called `name` at `path`, as a list of dicts for status.py."""
    from sage_flock.files import listing
    return listing.users(name, path)
