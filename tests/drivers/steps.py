"""The orders that the sidecar's protocol relies on, checked between any two system calls.

    steps.py

One process plays both parts: an *owner* takes a lock, waits for it, drops it, or reads the records; and after each of
its system calls an *observer* with descriptors of its own reads the records, as any other process might just then.
(flock(2) locks belong to open files, not to processes, so one process is as good as two.) What must hold at every step:

* a live `h` record: its lock is held; a live `w` record: the gate is held;
* while the owner takes a lock, the lock held and the gate free: its `h` record is there;
* a reader takes no dead record for live, and no live or newborn one for dead, even if others read at the same time;
* the pointers of a waiter are there when it looks for rings, and gone when it is seen to hold.
"""

import fcntl
import os
import posix
import shutil
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.abspath(__file__).rpartition('/tests/')[0] + '/build')

from sage_flock import files, request as asked
from sage_flock.files import deadlock, locks, records, sidecar

EXCLUSIVE, SHARED = asked.EXCLUSIVE, asked.SHARED
WATCHED = [(posix, name) for name in ('open', 'close', 'rename', 'unlink', 'symlink', 'write', 'listdir', 'readlink')]
WATCHED += [(fcntl, 'flock')]


class Steps(object):
    """While it is entered, `observe` is called after each system call of this thread, and `blocks(fd)` before a
    flock(2) that may block."""

    def __init__(self, observe, blocks=None):
        self.observe = observe
        self.blocks = blocks
        self.count = 0
        self.busy = False
        self.thread = threading.current_thread()

    def __enter__(self):
        self.saved = [(module, name, getattr(module, name)) for module, name in WATCHED]
        for module, name, function in self.saved:
            setattr(module, name, self.watched(function, name))
        return self

    def __exit__(self, *_):
        for module, name, function in self.saved:
            setattr(module, name, function)

    def watched(self, function, name):
        def call(*words):
            if self.busy or threading.current_thread() is not self.thread:
                return function(*words)
            may_block = name == 'flock' and not words[1] & (fcntl.LOCK_NB | fcntl.LOCK_UN)
            if may_block and self.blocks:
                self.blocks(words[0])
            try:
                return function(*words)
            finally:
                self.count += 1
                self.busy = True
                try:
                    self.observe()
                finally:
                    self.busy = False
        return call


class Stage(object):
    """A lock `x.lock` in an empty folder, and what an observer sees of it."""

    def __init__(self):
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.path = self.folder + '/x.lock'
        self.side = sidecar.Sidecar(self.path)
        self.lock().drop()
        posix.close(sidecar.find(self.lock())[1])

    def lock(self):
        """Another process's lock: one more open file."""
        return files.open_named(self.path, self.path)

    def is_held(self, path):
        """Has anybody that file locked?"""
        fd = os.open(path, os.O_RDWR)
        try:
            return not locks.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, path)
        finally:
            os.close(fd)

    def look(self):
        """What an observer sees, after checking what must hold always: the set of states."""
        seen = records.live(self.side)
        for one in seen:
            if one.state == sidecar.HOLDS and not self.is_held(self.path):
                raise AssertionError('a holder is seen, and the lock is free')
            if one.state == sidecar.AT_GATE and not self.is_held(self.side.folder + '/gate'):
                raise AssertionError('one is seen in the gate, and the gate is free')
        return set([one.state for one in seen])

    def look_while_taking(self):
        states = self.look()
        if self.is_held(self.path) and not self.is_held(self.side.folder + '/gate'):
            if sidecar.HOLDS not in states:
                raise AssertionError('the lock is held, the gate free, and no holder is seen')
        return states


def request(mode, **more):
    return asked.Request(mode, ['true'], quiet=True, **more)


def test_taken_at_once_and_released(stage):
    for mode in (EXCLUSIVE, SHARED):
        lock = stage.lock()
        with Steps(stage.look_while_taking):
            hold = files.take(lock, request(mode))
        if stage.look() != set('h'):
            raise AssertionError('who holds is not seen')
        with Steps(stage.look):
            hold.release()
        if stage.look():
            raise AssertionError('a process that has dropped the lock is seen to hold it')


def test_taken_without_the_gate(stage):
    lock = stage.lock()
    with Steps(stage.look):
        files.take(lock, request(EXCLUSIVE, wait=False))
    if stage.look() != set('h'):
        raise AssertionError('who holds is not seen')


def test_waited_for(stage):
    """Behind a holder alone, then behind one who stands in the gate as well."""
    for queue in (False, True):
        first = files.take(stage.lock(), request(EXCLUSIVE))
        gate = stage.side.open_gate() if queue else None
        if queue:
            fcntl.flock(gate, fcntl.LOCK_EX)
        seen = []

        def blocks(fd):
            """What the owner would wait for for ever: let it go at the last moment."""
            seen.append(stage.look())
            if os.fstat(fd).st_ino == os.stat(stage.path).st_ino:
                first.release()
            elif queue:
                fcntl.flock(gate, fcntl.LOCK_UN)

        lock = stage.lock()
        with Steps(stage.look, blocks):
            second = files.take(lock, request(EXCLUSIVE))
        waits = [states - set('h') for states in seen if states - set('h')]
        if set('w') not in waits or queue and set('q') not in waits:
            raise AssertionError('who waits is not seen: %s' % seen)
        if stage.look() != set('h'):
            raise AssertionError('who holds is not seen')
        second.release()


def test_the_record_says_held_before_the_gate_is_let_go(stage):
    first = files.take(stage.lock(), request(EXCLUSIVE))
    released = []

    def blocks(fd):
        if os.fstat(fd).st_ino == os.stat(stage.path).st_ino:
            first.release()
            released.append(fd)

    def observe():
        if released:
            stage.look_while_taking()

    with Steps(observe, blocks):
        files.take(stage.lock(), request(SHARED))
    if not released:
        raise AssertionError('it did not wait')


def test_two_readers(stage):
    hold = files.take(stage.lock(), request(SHARED))
    taken = files.take(stage.lock(), request(SHARED))
    dead = os.path.join(stage.side.folder, 'h.1-dead')

    def leave_a_dead_one():
        if not os.path.exists(dead):
            posix.close(posix.open(dead, os.O_CREAT | os.O_WRONLY))

    def observe():
        if records.is_live(dead):
            raise AssertionError('a dead record is taken for live')

    for _ in range(3):
        leave_a_dead_one()
        with Steps(observe):
            found = [one.id for one in records.live(stage.side)]
        if sorted(found) != sorted([hold.record.id, taken.record.id]):
            raise AssertionError('the live ones are not all seen, or others: %s' % found)


def test_pointers(stage):
    """A waiter leaves its pointers before it looks for rings, and takes them along when it holds."""
    outer = files.take(files.open_named('outer.lock', stage.folder + '/outer.lock'), request(EXCLUSIVE))
    first = files.take(stage.lock(), request(EXCLUSIVE))

    def pointers():
        return [name for name in os.listdir(outer.record.sidecar.folder) if name[0] == 'p']

    def look_for_rings(*words):
        looked.append(len(pointers()))
        return ring(*words)

    def observe():
        if 'h' in [one.state for one in records.live(stage.side) if one.id != first.record.id] and pointers():
            raise AssertionError('a holder still has pointers')

    looked = []
    ring, deadlock.ring = deadlock.ring, look_for_rings
    os.environ[asked.HELD] = asked.pass_on([outer.record.path])
    environ = dict(posix.environ)
    posix.environ[asked.HELD.encode() if bytes is not str else asked.HELD] = os.environ[asked.HELD].encode()
    try:
        with Steps(observe, lambda fd: os.fstat(fd).st_ino == os.stat(stage.path).st_ino and first.release()):
            files.take(stage.lock(), request(EXCLUSIVE))
    finally:
        deadlock.ring = ring
        posix.environ.clear()
        posix.environ.update(environ)
        del os.environ[asked.HELD]
    if looked != [1]:
        raise AssertionError('looked for rings with so many pointers: %s' % looked)
    if pointers():
        raise AssertionError('a pointer is left')


def main():
    for name in ('SAGE_FLOCK_HELD', 'MAKEFLAGS'):
        os.environ.pop(name, None)
    failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith('test_'):
            stage = Stage()
            try:
                test(stage)
                print('%s: fine' % name)
            except AssertionError:
                failed += 1
                print('%s: FAILED: %s' % (name, sys.exc_info()[1]))
            finally:
                shutil.rmtree(stage.folder)
    return failed and 1 or 0


if __name__ == '__main__':
    sys.exit(main())
