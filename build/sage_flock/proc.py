"""Who holds a lock, and how processes are related, from Linux's /proc.

https://man7.org/linux/man-pages/man5/proc_locks.5.html lists every lock with
the process that took it.  Without /proc everything here returns "unknown".
"""

import posix

from sage_flock import python
from sage_flock.messages import quoted
from sage_flock.request import EXCLUSIVE, SHARED


def mode_through(fd):
    """The mode in which the descriptor `fd` holds its lock already, as a
    shell's may.  None if it holds none, or without /proc."""
    for line in _lines('/proc/self/fdinfo/%d' % fd):
        if line.startswith('lock:') and ' FLOCK ' in line:
            return EXCLUSIVE if ' WRITE ' in line else SHARED
    return None


def family(pid):
    """The process `pid` and its descendants, as far as /proc shows them: pairs
    of a process id and when it was born."""
    children = {}
    for one in _all_pids():
        children.setdefault(_stat(one)[1], []).append(int(one))
    found = [pid]
    for one in found:           # which grows meanwhile
        found.extend(children.get(str(one), []))
    return [(one, birth(one)) for one in found if birth(one)]


def birth(pid):
    """When the process was born, in any unit; None if there is none."""
    state, _, born = _stat(pid)
    if not born:
        try:
            posix.kill(pid, 0)
            return None if posix.access('/proc/self/stat', posix.R_OK) else '?'
        except OSError:
            return None
    return None if state in 'ZX' else born


def stopped(gate):
    """The holders of the gate behind that descriptor: (their process ids, as
    far as /proc shows them; whether there are any and all of them are stopped)."""
    pids = sorted([int(pid) for pid, _ in _lockers(gate)])
    return pids, bool(pids) and all([_stat(pid)[0] in ('T', 't') for pid in pids])


def named(pids):
    """The processes `pids` for people: pid and command of each."""
    return ["%d '%s'" % (pid, _command(pid)) for pid in pids]


def _stat(pid):
    """The state of a process, one letter, its parent's id, and when it was
    born, as str; '' each if it is gone."""
    words = _text('/proc/%s/stat' % pid).rpartition(')')[2].split()
    return (words[0], words[1], words[19]) if len(words) > 19 else ('', '', '')


def _lockers(fd):
    """Each flock(2) on the file behind `fd`, as the kernel lists it: (process
    id, as str, of the process that took it and may be dead; the mode)."""
    inode = _inode(fd)
    found = []
    for line in _lines('/proc/locks'):
        words = line.split()
        if len(words) > 5 and words[1] == 'FLOCK' and (words[5] + ' ').endswith(inode):
            found.append((words[4], EXCLUSIVE if words[3] == 'WRITE' else SHARED))
    return found


class Ancestor(object):
    """A process that holds a lock, and under which we run.

    mode         in which it holds the lock
    name         its pid and command, for people
    supervises   it is a sage-flock that waits for its command
    waits        it sleeps until a child of its own has ended, as flock(1) and a shell do
    """

    def __init__(self, pid, mode):
        self.mode = mode
        self.name = named([int(pid)])[0]
        self.supervises = _is_sage_flock(pid)
        self.waits = _lines('/proc/%s/wchan' % pid)[:1] == ['do_wait']


def ancestor(fd):
    """The Ancestor of ours that holds the lock of the file behind `fd`; None if /proc shows none.

    It may have no record that we can see: `env -i` has removed SAGE_FLOCK_HELD,
    the folder is gone, or the disk was full.
    """
    lockers = _lockers(fd)
    line = _line_of_descent() if lockers else []
    us = '%d' % posix.getpid()      # a call may take several locks (--also), one of them twice
    for pid, mode in lockers:
        if pid in line or pid == us:
            return Ancestor(pid, mode)
        if not python.is_there('/proc/' + pid):       # then whoever still has the descriptor holds it
            for heir in line:
                if _keeps(heir, _inode(fd)):
                    return Ancestor(heir, mode)
    return None


def _line_of_descent():
    """The process ids, as str, of our parent, its parent and so on."""
    line = []
    pid = str(posix.getppid())
    while pid not in ('0', '1', '') and pid not in line:
        line.append(pid)
        pid = _stat(pid)[1]
    return line


def _is_sage_flock(pid):
    """Is the process a sage-flock: a Python whose script has that name?  It is
    our ancestor and has the lock, so nobody gains by pretending."""
    words = _text('/proc/%s/cmdline' % pid).split('\0')
    scripts = [word for word in words[1:] if not word.startswith('-')]
    return bool(scripts) and 'py' in words[0].rpartition('/')[2] and scripts[0].rpartition('/')[2] == 'sage-flock'


def lists_locks():
    """Does the kernel list who has locked what?"""
    return bool(_lines('/proc/locks'))


def any_mode(fd):
    """A mode in which another process holds a flock(2) on the file behind `fd`, or None."""
    us = '%d' % posix.getpid()
    modes = [mode for pid, mode in _lockers(fd) if pid != us]
    return modes[0] if modes else None


def foreign(fd, known=()):
    """The processes that hold a flock(2) on the file behind `fd`, from Linux's
    /proc: a list of (pid, command line, up to 200 characters).  [] elsewhere.  Locks taken
    by the processes `known` (ids as str) are left out.

    The kernel names the process that took the lock; if that is gone, whoever
    still has the descriptor open holds it.
    """
    pids = []
    for word, _ in _lockers(fd):
        if word in known:
            continue
        if python.is_there('/proc/' + word):
            pids.append(int(word))
        else:
            pids.extend(_keepers(_inode(fd)))
    return [(pid, _command(pid, 200)) for pid in sorted(set(pids)) if pid != posix.getpid()]


def blocked(fd):
    """The ids, as str, of the processes that are blocked in flock(2) on the
    file behind `fd`."""
    inode = _inode(fd)
    return [pid for pid, there in _blocked() if (there + ' ').endswith(inode)]


def locked_above(ours):
    """What ancestors of this process have locked, as far as /proc shows it,
    other than under the records `ours` (paths): a set of inodes, as str.

    Only ancestors below the make that owns our job slot count: no job in its
    slots waits for a lock that the make itself runs under, although it hands
    down those descriptors.  MAKEFLAGS shows which ancestors are below it.
    """
    held = set()
    for pid in _line_of_descent():
        locked = set([line.split()[6].rpartition(':')[2] for line in _locks_of(pid)])
        try:
            if b'--jobserver' not in python.read_file('/proc/%s/environ' % pid, 1 << 22):
                held -= locked
                break
        except OSError:
            break
        held |= locked
    return held - set(_inodes_of(ours))


def are_awaited(inodes):
    """Is anybody blocked for a lock on one of `inodes`?"""
    return any([there.rpartition(':')[2] in inodes for _, there in _blocked()])


def _blocked():
    """Who is blocked for a lock: pairs of a process id and the file, as the kernel writes them."""
    waiting = [line.split() for line in _lines('/proc/locks') if ' -> ' in line]
    return [(words[5], words[6]) for words in waiting if len(words) > 6]


def _locks_of(pid):
    """The locks that a process has by its descriptors, inherited ones
    included: lines, as the kernel writes them."""
    folder = '/proc/%s/fdinfo/' % pid
    try:
        names = posix.listdir(folder)
    except OSError:         # gone, or another user's
        return
    for name in names:
        for line in _lines(folder + name):
            if line.startswith('lock:'):
                yield line


def _inodes_of(records):
    """The inodes, as str, of `records`, of the lock files that they are about, and of the places in their pools."""
    for path in records:
        folder, _, _ = path.rpartition('/')
        parent, _, name = folder.rpartition('/')
        try:
            places = [folder + '/' + one for one in posix.listdir(folder) if one.startswith('place.')]
        except OSError:     # an address of another engine, or the folder is gone
            places = []
        for one in [path, parent.rpartition('/')[0] + '/' + name] + places:
            try:
                yield '%d' % posix.stat(one).st_ino
            except OSError:
                pass


def _inode(fd):
    """The file behind `fd` as the kernel's list of locks writes it, or the end of that."""
    status = posix.fstat(fd)
    # If a file system invents its device number (major 0), the kernel's
    # list may show another number than stat(2).
    if not posix.major(status.st_dev):
        return ':%d ' % status.st_ino
    return '%02x:%02x:%d ' % (posix.major(status.st_dev), posix.minor(status.st_dev),
                              status.st_ino)


def _keepers(inode):
    """The processes with a locked descriptor on that inode."""
    return [int(pid) for pid in _all_pids() if _keeps(pid, inode)]


def _keeps(pid, inode):
    for line in _locks_of(pid):
        if ' FLOCK ' in line and inode in line:
            return True
    return False


def _all_pids():
    """The process ids, as str, of all there are; [] without /proc."""
    try:
        return [name for name in posix.listdir('/proc') if name.isdigit()]
    except OSError:
        return []


def _command(pid, limit=72):
    words = [word for word in _text('/proc/%d/cmdline' % pid).split('\0') if word]
    return quoted(words, limit) if words else '?'


def _lines(path):
    return _text(path, 1 << 22).split('\n')


def _text(path, limit=4096):
    """The first `limit` bytes of a file as str; '' where it cannot be read."""
    try:
        return python.text(python.read_file(path, limit))
    except OSError:
        return ''
