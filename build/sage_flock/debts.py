"""Debts at a holder's record: job slots lent under this lock, and not back yet.

A call under another one of ours does not wait for the slot that it lent; the
outermost one does, before its end gives the slot to make.  So the guardian of
such a loan keeps a fifo open beside the record of each ancestor until the slot
is back.  Readers see its end at once, even if the guardian is killed.
"""

import errno
import posix
import stat
import time

from sage_flock import python


def leave(held):
    """Leave a debt at each record path of `held`: (descriptor, path) for as
    many as can be made."""
    made = []
    for record in held:
        folder, _, name = record.rpartition('/')
        path = '%s/l.%s.%d-%x' % (folder, name[2:], posix.getpid(), int(time.time() * 1000000))
        try:
            posix.mkfifo(path, 0o600)
            made.append((python.private(posix.open(path, posix.O_RDWR | posix.O_NONBLOCK | python.NOFOLLOW)), path))
        except OSError:
            pass        # an address of another engine, or a folder that is gone or not ours to write
    return made


def opened(path):
    """A descriptor on the debt at `path` while its guardian lives.  None if
    that is gone, and then the debt is removed, or if it is none of ours."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | python.NOFOLLOW)
    except OSError:
        return None
    status = posix.fstat(fd)
    try:
        if stat.S_ISFIFO(status.st_mode) and status.st_uid == posix.geteuid():
            posix.read(fd, 1)
            posix.unlink(path)  # its end: nobody has it open for writing
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return python.private(fd)
    posix.close(fd)
    return None
