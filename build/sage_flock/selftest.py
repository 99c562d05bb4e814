"""--self-test: do locks work in a folder?

On a network file system they may not: a mount may have no locks, or keep them
to its host, and then everybody gets every lock.  So two processes try to
exclude each other, and the mount's options are read, which show what one host
alone cannot see.
"""

import posix
import select

import sage_flock
from sage_flock import files, python
from sage_flock.python import signal
from sage_flock.messages import USAGE, Failure, reason, write
from sage_flock.request import EXCLUSIVE, SHARED

_PATIENCE = 5       # seconds for a lock that is due
_LOCAL = ('nolock', 'local_lock=all', 'local_lock=flock', 'nobrl', 'localflocks')


def run(folder):
    """Try locks in `folder`, say that they work, return the exit status 0.

    Raises Failure if they do not.
    """
    given = folder
    folder = folder or sage_flock.location('x')[:-1] or '.'
    if '://' in folder:
        raise Failure(folder, 'the self-test is for folders', USAGE)
    folder = folder.rstrip('/') or '/'
    if given:       # if it is missing, it is misspelt or not mounted: do not create it
        try:
            posix.stat(folder)
        except OSError as error:
            raise Failure(folder, 'cannot be opened: ' + reason(error))
    path = '%s/.self-test-%d.lock' % (folder, posix.getpid())
    ours = files.open_named(path, path)
    try:
        for mode, others in ((EXCLUSIVE, ''), (SHARED, SHARED)):
            ours.take(mode)
            for asked in (EXCLUSIVE, SHARED):
                got = _other_gets(path, asked)
                if got != (asked == others):
                    raise _broken(folder, 'one process held the lock %s, and another %s it %s' % (
                        mode, 'got' if got else 'did not get', asked))
            ours.drop()
        _dies_holding(path)
        if not ours.take(EXCLUSIVE, block=False):
            raise _broken(folder, 'a killed process kept the lock')
        if not _gets_it_when_dropped(path, ours):
            raise _broken(folder, 'a waiter did not get the lock when it was dropped')
    finally:
        posix.close(ours.fd)
        posix.unlink(path)
    kind, options = _mount(folder)
    for option in options:
        if option in _LOCAL:
            raise _broken(folder, 'they do not exclude other hosts: it is mounted with ' + option)
    write(1, 'sage-flock: %s: locks work%s\n' % (folder, ' (%s)' % kind if kind else ''))
    return 0


def _broken(folder, why):
    return Failure(folder, 'locks do not work: ' + why)


def _other_gets(path, mode):
    """Does another process get the lock without waiting?"""
    return _other(path, lambda lock: not lock.take(mode, block=False)) == 0


def _dies_holding(path):
    """Have another process killed while it holds the lock."""
    def hold_and_die(lock):
        lock.take(EXCLUSIVE, block=False)
        posix.kill(posix.getpid(), signal.SIGKILL)
    _other(path, hold_and_die)


def _gets_it_when_dropped(path, ours):
    """Does another process that waits for our lock get it when we drop it?"""
    heard, tell = posix.pipe()

    def wait(lock):
        posix.write(tell, b'waiting')
        lock.take(EXCLUSIVE)
        posix.write(tell, b'got')

    pid = _start(path, wait)
    posix.read(heard, 7)
    ours.drop()
    got = select.select([heard], [], [], _PATIENCE)[0]
    posix.kill(pid, signal.SIGKILL)
    posix.waitpid(pid, 0)
    posix.close(heard)
    posix.close(tell)
    return bool(got)


def _other(path, action):
    """The wait status of another process that does `action`."""
    return posix.waitpid(_start(path, action), 0)[1]


def _start(path, action):
    """Start a process that opens the lock itself and does `action` with it; its id."""
    pid = posix.fork()
    if pid == 0:
        status = 2
        try:
            status = action(files.open_named(path, path)) or 0
        finally:
            posix._exit(status)
    return pid


def _mount(folder):
    """The kind of file system that `folder` is on, and its mount options, from
    Linux's /proc; ('', []) elsewhere."""
    try:
        device = posix.stat(folder).st_dev
        lines = python.text(python.read_file('/proc/self/mountinfo', 1 << 22)).split('\n')
    except OSError:
        return '', []
    number = '%d:%d' % (posix.major(device), posix.minor(device))
    for line in lines:
        words = line.split()
        if number in words[2:3] and '-' in words:
            kind, _, options = words[words.index('-') + 1:][:3]
            return kind, (words[5] + ',' + options).split(',')
    return '', []
