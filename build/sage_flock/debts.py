"""Debts at a holder's record: job slots lent under this lock, and not back yet.

A nested call does not wait for the slot that it lent; the outermost call does,
before its end gives the slot to make.  So the guardian of such a loan keeps a
fifo open beside the record of each ancestor until the slot is back.  A reader
of the fifo sees its end at once, even if the guardian is killed.
"""

import errno
import posix
import stat
import time

from sage_flock import python


def leave(held):
    """Leave a debt at each record path of `held`.  Returns (descriptor, path)
    of those that could be made."""
    made = []
    for record in held:
        folder, _, name = record.rpartition('/')
        path = '%s/l.%s.%d-%x' % (folder, name[2:], posix.getpid(), int(time.time() * 1000000))
        try:
            posix.mkfifo(path, 0o600)
            made.append((python.private(posix.open(path, posix.O_RDWR | posix.O_NONBLOCK | python.NOFOLLOW)), path))
        except OSError:
            pass        # another engine's address, or a folder that is gone or that we may not write to
    return made


def opened(path):
    """A descriptor on the debt at `path` while its guardian lives.  If the
    guardian is gone, removes the debt and returns None.  None, too, if the
    file is not our user's."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | python.NOFOLLOW)
    except OSError:
        return None
    status = posix.fstat(fd)
    try:
        if stat.S_ISFIFO(status.st_mode) and status.st_uid == posix.geteuid():
            posix.read(fd, 1)
            posix.unlink(path)  # the end was read: nobody has it open for writing
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return python.private(fd)
    posix.close(fd)
    return None
