"""The records of others: who holds a lock and who waits for it, as a reader sees them.

What makes a record live, and how one is read, is in sidecar.py.
"""

import fcntl
import posix
import time

from sage_flock import python
from sage_flock.files.sidecar import AT_GATE, HOLDS, QUEUES, Sidecar, remove
from sage_flock.messages import shortened
from sage_flock.python import stat
from sage_flock.request import POOL, held, parse, strongest

_RECORD_LIMIT = 8192
_NEWBORN = 60           # seconds that making a record may take
_SOME = 16              # names in a folder that are looked at without a look at the clock
_LOOK = 0.03            # seconds that a look at a folder with more than a few names may take


def live(side, kinds='qwhtpl', names=None):
    """The live records of the sidecar.Sidecar `side` as a list of Seen, oldest
    first; what is dead is removed.  `kinds` narrows it to names that begin so; `names` are those in
    the folder, if they have just been read.

    In a folder that others may write to, anything may lie: after some
    dozen names it goes on for _LOOK seconds at most.
    """
    seen = []
    until = None
    for count, name in enumerate(side.names() if names is None else names):
        if name[0] in kinds and name[1:2] == '.':
            one = look_at(side, name)
            if one:
                seen.append(one)
        if count % _SOME == _SOME - 1:
            until = until or python.now() + _LOOK
            if python.now() > until:
                break
    seen.sort(key=lambda one: one.since)
    return seen


def look_at(side, name):
    """The live record called `name` as Seen, or None; what is dead is removed."""
    path = side.folder + '/' + name
    if name[0] == 'p':
        # Made by a live waiter under a live holder: dead with either.
        if not (is_live(side.folder + '/h.' + holder_of(name)) and live_target(path)):
            remove(path)
        return None
    if name[0] == 'l':
        from sage_flock import debts
        debt = debts.opened(path)
        if debt is not None:
            posix.close(debt)
        return None
    fd = open_record(path)
    if fd is None:
        return None
    try:
        if held_by_other(fd):
            return Seen(side, name, fd) if name[0] != 't' else None
        # A newborn is not locked yet; only an old one was left behind.
        if name[0] != 't' or time.time() - posix.fstat(fd).st_mtime > _NEWBORN:
            remove(path)
    finally:
        posix.close(fd)
    return None


class Seen(object):
    """A live record as another process reads it.

    sidecar, name, state, id   where it stands
    mode     'shared' or 'exclusive'
    since    when it reached its state, seconds since the epoch
    fields   what its text says, str to str, not to be trusted
    """

    def __init__(self, sidecar, name, fd):
        self.sidecar = sidecar
        self.name = name
        self.state, _, self.id = name.partition('.')
        self.since = posix.fstat(fd).st_mtime
        self.fields = parse(posix.read(fd, _RECORD_LIMIT))
        self.mode = self.fields['mode']

    @property
    def path(self):
        return self.sidecar.folder + '/' + self.name

    @property
    def command(self):
        """Its command as it calls itself, bounded and made harmless."""
        return shortened(self.fields.get('command', '?'), 200)

    @property
    def package(self):
        """What it works for, as it says, bounded and made harmless; '' if it says nothing."""
        return shortened(self.fields.get('package', ''), 40)

    @property
    def most(self):
        """How many its pool lets in at a time; None if it is in none."""
        return int(self.fields['most']) if self.mode == POOL else None

    @property
    def timed(self):
        """Does its wait end by itself?"""
        return self.fields.get('timed') == '1'


def place_in_line(mine):
    """Where the sidecar.Record `mine` stands among those who wait, from 1."""
    if mine.state == AT_GATE:
        return 1
    before = [name for name in mine.sidecar.names() if name[:2] == QUEUES + '.' and _birth(name[2:]) < _birth(mine.id)]
    if len(before) <= _SOME:        # of more, it takes too long to see which are dead
        before = live(mine.sidecar, QUEUES, before)
    return len(before) + len(live(mine.sidecar, AT_GATE)) + 1


def _birth(record_id):
    """What orders records by their age."""
    pid, _, born = record_id.partition('-')
    return len(born), born, pid


def pid_of(record_id):
    """The process id that a record's ID opens with, as str; '?' if garbled."""
    pid = record_id.partition('-')[0]
    return pid if python.is_number(pid) and len(pid) < 12 else '?'


def holder_of(pointer):
    """The ID of the holder in a pointer's name `p.HOLDER.WAITER`."""
    return pointer.split('.')[1]


def open_record(path):
    """A descriptor on the record at `path` for a reader; None if it is gone
    or is no record."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | python.NOFOLLOW)
    except OSError:
        return None
    if stat.S_ISREG(posix.fstat(fd).st_mode):
        return fd
    posix.close(fd)
    return None


def held_by_other(fd):
    """Does somebody have the record behind `fd` locked, so that it is live?"""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except (IOError, OSError):
        return True


def is_live(path):
    """Is the record at `path` there, and live?"""
    fd = open_record(path)
    if fd is None:
        return False
    try:
        return held_by_other(fd)
    finally:
        posix.close(fd)


def seen_at(path):
    """The live record at `path` as Seen, or None."""
    folder, _, name = path.rpartition('/')
    parent, _, lock = folder.rpartition('/')
    return look_at(Sidecar(parent.rpartition('/')[0] + '/' + lock), name)


def live_target(pointer):
    """The path of the live waiter's record that `pointer` leads to, or None."""
    try:
        folder, _, waiter = posix.readlink(pointer).rpartition('/')
    except OSError:
        return None
    # It may pass from q to w between the two looks, never back.
    for state in (QUEUES, AT_GATE):
        path = '%s/%s.%s' % (folder, state, waiter)
        if is_live(path):
            return path
    return None


def inherited():
    """What ancestors hold, outermost first: the paths in SAGE_FLOCK_HELD whose
    records are live, and whatever stands there for locks of another engine.

    The variable alone lets nobody in: of a lock that has ended, say under a
    daemon that outlived it, the record is dead.
    """
    return [path for path in held() if '://' in path or _is_held(path)]


def _is_held(path):
    return path.rpartition('/')[2][:2] == HOLDS + '.' and is_live(path)


def held_mode(paths, sidecar):
    """The strongest mode in which the records `paths` hold the lock of
    `sidecar`; None if none of them is its."""
    modes = [_mode_at(p) for p in paths if _same_folder(p.rpartition('/')[0], sidecar.folder)]
    return strongest(modes)


def _mode_at(path):
    try:
        return parse(python.read_file(path, _RECORD_LIMIT))['mode']
    except OSError:         # it has just ended
        return None


def _same_folder(one, other):
    if one == other:
        return True
    try:
        a, b = posix.stat(one), posix.stat(other)
    except OSError:
        return False
    return (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
