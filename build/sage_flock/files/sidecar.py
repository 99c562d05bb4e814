"""What the users of one lock know of each other: the gate and the records.

Beside the lock `D/pip.lock` lies the folder `D/.sage-flock/pip.lock/`:

gate        Everyone who may wait takes it before the lock, and lets it go
            once the lock is taken: shared to pass, exclusively to wait.  So a
            waiting writer stands in the gate, and later readers queue behind
            it; the kernel serves exclusive waiters first come first served.
S.ID        One record per process that has to do with the lock.  S is its
            state: `q` queues for the gate, `w` stands in the gate and waits
            for the lock, `h` holds the lock.  ID never recurs.
p.ID.WAITER A pointer: under the lock that record ID holds a process runs
            that waits elsewhere; a symbolic link to the record WAITER.
place.K     Of place K in a pool: who has it (pool.py); bell.K wakes up who wants it.
l.ID.GUARD  A debt: under the lock that record ID holds a job slot was lent; a
            fifo that the guardian of the loan keeps open until it is back.
t.ID        A record being made.

A record is live as long as its owner, or the command that inherited it, has
it open: they hold a flock(2) on it.  So nobody guesses from a pid, nothing is
stale after a SIGKILL, and it is right across containers.  Three orders matter:

* A record is written and locked as `t.ID` and then renamed into place, or a
  reader would take the newborn for dead and remove it.
* It turns `h` after the lock is got and before the gate is let go, and is
  removed before the lock is dropped: who has an `h` record holds the lock,
  and who is seen waiting in `w` holds the gate.
* Readers probe with a shared lock, or two readers would take one another for
  the owner.

Whatever a record says was written by somebody else, in a shared folder
perhaps: it is data, to be bounded, escaped and never trusted.
"""

import errno
import fcntl
import posix
import time

from sage_flock import python
from sage_flock.messages import say
from sage_flock.python import stat
from sage_flock.request import Unavailable, text_for

QUEUES, AT_GATE, HOLDS = 'q', 'w', 'h'
FOLDER = '.sage-flock'
_MANY = 16              # names in a folder that make a look for dead ones due
_MOST = 20000           # names that are read of a folder, where it can be read in part
_LARGE = 200000         # bytes: how large a folder is (ext4, tmpfs) that may hold more than that


class Sidecar(object):
    """The sidecar of one lock.

    path   the lock file's path, absolute and without links; its last part: name
    folder the sidecar's folder
    mode   the permissions of the lock file, which those of its gate follow
    """

    def __init__(self, path, mode=0o644):
        self.path = path
        self.mode = mode
        parent, _, name = path.rpartition('/')
        self.name = name
        self.folder = '%s/%s/%s' % (parent, FOLDER, name)

    def open_gate(self):
        """A descriptor on the gate, which no command inherits.  OSError."""
        return self.open_file(self.folder + '/gate')

    def open_file(self, path):
        """A descriptor, which no command inherits, on a file to lock, made where missing.  OSError."""
        try:
            fd = _open_for_all(path, posix.O_RDWR | posix.O_CREAT | python.NOFOLLOW, self.mode)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM):
                raise
            fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | python.NOFOLLOW)
        return python.private(fd)

    def make_fifo(self, path):
        """Make a fifo that all can open for writing who can lock what lies beside it.  OSError."""
        mask = posix.umask(0)
        try:
            posix.mkfifo(path, self.mode | (self.mode & 0o444) >> 1)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
        finally:
            posix.umask(mask)

    def make(self):
        """Make the sidecar's folders, as open to others as the lock's is."""
        parent = self.path.rpartition('/')[0]
        mode = stat.S_IMODE(posix.stat(parent or '/').st_mode) & 0o3777
        for folder in (parent + '/' + FOLDER, self.folder):
            try:
                posix.mkdir(folder, 0o700)
                posix.chmod(folder, mode)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise

    def is_safe(self):
        """Are the folders really folders?  A link in a shared folder could
        lead us to write elsewhere."""
        parent = self.folder.rpartition('/')[0]
        return (stat.S_ISDIR(posix.lstat(parent).st_mode) and
                stat.S_ISDIR(posix.lstat(self.folder).st_mode))

    def count(self, state):
        """How many are in `state`, dead ones not yet removed included."""
        return len([name for name in self.names() if name[:2] == state + '.'])

    def crowd(self):
        """How many queue for the gate."""
        return self.count(QUEUES)

    def names(self):
        """The names in its folder; of a very large one, if it can be read in part, the first."""
        try:
            if posix.stat(self.folder).st_size < _LARGE or not hasattr(posix, 'scandir'):
                return posix.listdir(self.folder)
            names = []
            for entry in posix.scandir(self.folder):
                names.append(entry.name)
                if len(names) == _MOST:
                    break
            return names
        except OSError:         # somebody removed it
            return []

    def clutter(self):
        """The names in its folder, if they are so many that dead ones may be
        among them; else none."""
        names = self.names()
        return names if len(names) > _MANY else []


class Record(object):
    """This process's record of one lock, held live by `fd`."""

    def __init__(self, sidecar, state, text):
        """Make the record, with `text` in it; OSError where that fails.

        `text` is complete but for the process id, which stands in the name.
        """
        self.sidecar = sidecar
        self.state = state
        self.id = '%d-%x' % (posix.getpid(), int(time.time() * 1000000))
        newborn = sidecar.folder + '/t.' + self.id
        fd = _open_for_all(newborn, posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | python.NOFOLLOW,
                           sidecar.mode & 0o644 | 0o600)
        try:
            self.fd = python.inherited(fd)
            fcntl.flock(self.fd, fcntl.LOCK_EX)
            posix.write(self.fd, python.raw(text))
            posix.rename(newborn, self.path)
        except (IOError, OSError):
            remove(newborn)
            raise
        self.pointers = []

    @property
    def path(self):
        return '%s/%s.%s' % (self.sidecar.folder, self.state, self.id)

    def become(self, state):
        """Pass to another state, as of now."""
        before = self.path
        self.state = state
        if state == HOLDS:
            self.forget_pointers()
            _try(posix.write, self.fd, b'\n')       # moves st_mtime, the `since`
        _try(posix.rename, before, self.path)

    def point(self, held):
        """Leave a pointer to this record beside each record path of `held`."""
        for path in held:
            folder, _, name = path.rpartition('/')
            pointer = '%s/p.%s.%s' % (folder, name[2:], self.id)
            try:
                posix.symlink(self.sidecar.folder + '/' + self.id, pointer)
                self.pointers.append(pointer)
            except OSError:
                pass        # that folder is gone or not ours to write: no ring through it

    def forget_pointers(self):
        """Remove the pointers: the wait is over."""
        for pointer in self.pointers:
            remove(pointer)
        self.pointers = []

    def add(self, text):
        """Write down what was not known when the record was made."""
        _try(posix.write, self.fd, python.raw(text))

    def debts(self):
        """Job slots that were lent under this record and are not back:
        descriptors (debts.py) that come to their end when a slot is back."""
        from sage_flock import debts
        prefix = 'l.%s.' % self.id
        fds = [debts.opened(self.sidecar.folder + '/' + name) for name in self.sidecar.names() if name.startswith(prefix)]
        return [fd for fd in fds if fd is not None]

    def remove(self):
        """Take the record away.  To be done before its lock is dropped."""
        self.forget_pointers()
        remove(self.path)

    def end(self):
        """Take it away and be without one: nobody else has it open."""
        self.remove()
        posix.close(self.fd)


def new_record(side, state, lock, request):
    """A Record of this call in `state`; None where none can be made."""
    try:
        return Record(side, state, text_for(request))
    except (IOError, OSError) as error:
        if request.verbose:
            say('%s: no record of this call can be left: %s' % (lock.name, error.strerror))
        return None


def _open_for_all(path, flags, mode):
    """A descriptor on `path`, made with `mode` whatever the umask says: under
    077 others could use the lock and not what lies beside it."""
    mask = posix.umask(0)
    try:
        return posix.open(path, flags, mode)
    finally:
        posix.umask(mask)


def find(lock):
    """The Sidecar of the locks.Lock `lock`, made where missing, with its gate:
    (sidecar, gate's descriptor).  Raises Unavailable with the reason."""
    sidecar = of(lock)
    try:
        try:
            safe = sidecar.is_safe()
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            sidecar.make()
            safe = sidecar.is_safe()
        if safe:
            return sidecar, sidecar.open_gate()
    except OSError as error:
        raise Unavailable('%s: %s' % (sidecar.folder, error.strerror))
    raise Unavailable('%s is no plain folder' % sidecar.folder)


def of(lock):
    """The Sidecar that the locks.Lock `lock` has or could have; makes nothing.
    Raises Unavailable with the reason why it has none."""
    status = posix.fstat(lock.fd)
    if not stat.S_ISREG(status.st_mode):
        raise Unavailable('it is not a regular file')
    sidecar = Sidecar(_path_of(lock, status), stat.S_IMODE(status.st_mode) & 0o666 | 0o600)
    # One that is there stays: a holder may write into its lock file.
    if status.st_size and not python.is_there(sidecar.folder):
        raise Unavailable('the lock file has content')
    return sidecar


def _path_of(lock, status):
    try:
        path = python.path_behind(lock.fd)
    except OSError:         # no /proc
        if not lock.ours:
            raise Unavailable('the path of the descriptor is not known')
        import posixpath
        path = posixpath.realpath(lock.path)
    try:
        there = posix.stat(path)
    except OSError:
        raise Unavailable('the lock file is gone')
    if (there.st_ino, there.st_dev) != (status.st_ino, status.st_dev):
        raise Unavailable('the lock file was replaced')
    return path


def remove(path):
    """Unlink `path`; that it is gone already, or not ours, is no matter."""
    _try(posix.unlink, path)


def _try(function, *words):
    """Do it if it can be done.  With the disk full, or the folder removed, a
    lock holds all the same; others only do not know of it."""
    try:
        function(*words)
    except OSError:
        pass
