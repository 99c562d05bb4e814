"""Who holds a lock and what our ancestors are, as Linux's /proc tells.

https://man7.org/linux/man-pages/man5/proc_locks.5.html lists every lock with
the process that took it.  Elsewhere nothing is known, and all of this says so.
"""

import posix

from sage_flock import python
from sage_flock.messages import quoted
from sage_flock.request import EXCLUSIVE, SHARED


def mode_through(fd):
    """The mode in which the descriptor `fd` holds its lock already: a shell's
    may.  None if it does not, or without /proc."""
    for line in _lines('/proc/self/fdinfo/%d' % fd):
        if line.startswith('lock:') and ' FLOCK ' in line:
            return EXCLUSIVE if ' WRITE ' in line else SHARED
    return None


def stopped(gate):
    """Who holds the gate behind that descriptor: (their process ids, as far as
    /proc tells; whether there are any and all of them are stopped)."""
    pids = sorted([int(pid) for pid, _ in _lockers(gate)])
    return pids, bool(pids) and not [pid for pid in pids if _stat(pid)[0] not in ('T', 't')]


def named(pids):
    """Processes in words: pid and command."""
    return ["%d '%s'" % (pid, _command(pid)) for pid in pids]


def _stat(pid):
    """The state of a process, one letter, and its parent's id, as str; '' if it is gone."""
    try:
        data = python.read_file('/proc/%s/stat' % pid, 4096)
    except OSError:
        return '', ''
    return (python.text(data).rpartition(')')[2].split() + ['', ''])[:2]


def _lockers(fd):
    """The takers of every flock(2) on the file behind `fd`, as the kernel lists
    them: (process id as str, which may be dead; the mode)."""
    inode = _inode(fd)
    found = []
    for line in _lines('/proc/locks'):
        words = line.split()
        if len(words) > 5 and words[1] == 'FLOCK' and (words[5] + ' ').endswith(inode):
            found.append((words[4], EXCLUSIVE if words[3] == 'WRITE' else SHARED))
    return found


class Ancestor(object):
    """A process that holds a lock, and under which we run.

    mode         in which it does
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
    """The Ancestor of ours that holds the lock of the file behind `fd`, as /proc tells, or None.

    Its record may be out of sight (`env -i` has removed SAGE_FLOCK_HELD), gone
    with its folder, or was not made on a full disk.
    """
    lockers = _lockers(fd)
    line = _line_of_descent() if lockers else []
    for pid, mode in lockers:
        if pid in line:
            return Ancestor(pid, mode)
        if not python.is_there('/proc/' + pid):       # then whoever still has its descriptor
            for heir in line:
                if _keeps('/proc/%s/fdinfo' % heir, _inode(fd)):
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
    """Is it one of us: a Python whose script is called so?  It is our ancestor
    and has the lock: nobody gains by looking like one."""
    try:
        words = python.text(python.read_file('/proc/%s/cmdline' % pid, 4096)).split('\0')
    except OSError:
        return False
    scripts = [word for word in words[1:] if not word.startswith('-')]
    return 'py' in words[0].rpartition('/')[2] and scripts[0].rpartition('/')[2] == 'sage-flock'


def foreign(fd, known=()):
    """The processes that hold a flock(2) on the file behind `fd`, by Linux's
    /proc: a list of (pid, command line, up to 200 characters).  [] elsewhere.  Holders
    that a pid of `known`, strings, has taken the lock for are left out.

    The kernel names the process that took the lock; where that one is gone,
    whoever still has the descriptor open holds it.
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
    """The process ids, as str, of those who are blocked in flock(2) on the
    file behind `fd`."""
    inode = _inode(fd)
    return [pid for pid, there in _blocked() if (there + ' ').endswith(inode)]


def locked_above(ours):
    """What ancestors of this process have locked, as far as /proc tells, other
    than under the records `ours` (paths): a set of inodes, as str.

    What counts is below the make that owns our job slot: nobody in its slots
    waits for what that one runs under, and it hands down those descriptors.
    MAKEFLAGS tells who is below.
    """
    held = set()
    for pid in _line_of_descent():
        locked = set(_locked_by(pid))
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
    return bool([there for _, there in _blocked() if there.rpartition(':')[2] in inodes])


def _blocked():
    """Who is blocked for a lock: pairs of a process id and where, as the kernel writes them."""
    waiting = [line.split() for line in _lines('/proc/locks') if ' -> ' in line]
    return [(words[5], words[6]) for words in waiting if len(words) > 6]


def _locked_by(pid):
    """The inodes, as the kernel writes them, that a process has locked or
    that are locked by descriptors which it inherited."""
    folder = '/proc/%s/fdinfo' % pid
    try:
        names = posix.listdir(folder)
    except OSError:         # gone, or another user's
        return
    for name in names:
        for line in _lines(folder + '/' + name):
            if line.startswith('lock:'):
                yield line.split()[6].rpartition(':')[2]


def _inodes_of(records):
    """The inodes, as str, of `records` and of the lock files that they are about."""
    for path in records:
        folder, _, _ = path.rpartition('/')
        parent, _, name = folder.rpartition('/')
        for one in (path, parent.rpartition('/')[0] + '/' + name):
            try:
                yield '%d' % posix.stat(one).st_ino
            except OSError:
                pass


def _inode(fd):
    """How the kernel's lists of locks write the file behind `fd`, or its end."""
    status = posix.fstat(fd)
    # Where a file system invents its device number (major 0), the kernel's
    # list may show another one than stat(2).
    if not posix.major(status.st_dev):
        return ':%d ' % status.st_ino
    return '%02x:%02x:%d ' % (posix.major(status.st_dev), posix.minor(status.st_dev),
                              status.st_ino)


def _keepers(inode):
    """The processes with a locked descriptor on that inode."""
    return [int(name) for name in posix.listdir('/proc')
            if name.isdigit() and _keeps('/proc/%s/fdinfo' % name, inode)]


def _keeps(folder, inode):
    try:
        names = posix.listdir(folder)
    except OSError:         # gone, or another user's
        return False
    for name in names:
        for line in _lines(folder + '/' + name):
            if line.startswith('lock:') and ' FLOCK ' in line and inode in line:
                return True
    return False


def _command(pid, limit=72):
    try:
        words = python.text(python.read_file('/proc/%d/cmdline' % pid, 4096)).split('\0')
    except OSError:
        return '?'
    return quoted([word for word in words if word] or ['?'], limit)


def _lines(path):
    try:
        return python.text(python.read_file(path, 1 << 22)).split('\n')
    except OSError:
        return []
