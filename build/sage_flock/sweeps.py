"""One sweep serves every call made before it started.

A sweep is a command over everything there is, like a rebase of all DLLs.  A
call that comes while one runs needs a later one, but all calls that wait can
share that one.  Databases call it group commit.

Each lock and key has a small file with two numbers, `started` and `done`.  It
is read and written under a lock of its own, and changed only by a process that
holds the big lock exclusively:

    1  seen = started           this is when I asked
    2  take the big lock
    3  done > seen?             a sweep that started after I asked has succeeded:
                                served, exit 0 without running
    4  started = n = started+1  written before the sweep starts
    5  run it, the lock inherited
    6  it succeeded: done = n   written while the lock is held

A sweep that fails or is killed publishes nothing: the next in line runs its
own and returns its own status.  If the file is lost or garbled, the worst that
can happen is one run more.

Work may end long before its sweep is requested.  So the worker, while it
holds the lock shared, saves `started` in a mark file; any later sweep covers
it, as nobody sweeps at that moment.
"""

import errno
import posix

from sage_flock import python

# No upper case: some file systems treat it like lower case.
_PLAIN = 'abcdefghijklmnopqrstuvwxyz0123456789-_'
_MARK_LIMIT = 1 << 16


class Sweep(object):
    """One call's share in the sweeps of a lock and key.  Made when the call asks.

    since   in words, the event after which a sweep must have started to serve it
    number  of the sweep that it ran, or that served it; None before
    """

    def __init__(self, key):
        """`key` (str) names the sweep.  An engine adds _numbers() and _place()."""
        self.key = key
        self.since = 'this call'
        self.number = None
        numbers = self._numbers()
        self.seen = numbers and numbers[0]

    def mark(self, path):
        """Write the mark file `path`: sweeps count since this call asked.
        Raises OSError, and then leaves no file behind."""
        if self.seen is None:
            return
        try:
            fd = posix.open(path, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | python.NOFOLLOW, 0o666)
        except OSError as error:
            if error.errno == errno.EEXIST:     # made by another sharer of the lock, so it says the same
                return
            raise
        try:
            posix.write(fd, self._marked(self.seen))
        except OSError:
            remove(path)
            raise
        finally:
            posix.close(fd)

    def ask_as_of(self, path):
        """Ask as of when the mark file `path` was written, and remove it.
        A mark that is lost, garbled or another sweep's counts for nothing."""
        try:
            data = python.read_file(path, _MARK_LIMIT)
            remove(path)
        except OSError:
            return
        number = python.text(data).partition(' ')[0]
        if self.seen is not None and python.is_number(number) and data == self._marked(int(number)):
            self.seen = min(self.seen, int(number))
            self.since = path + ' was written'

    def _marked(self, number):
        """The content of a mark file, in bytes.  Anything else is no mark."""
        return python.raw('%d %s\n' % (number, self._place()))

    def is_served(self):
        """Has a sweep succeeded that started after this call asked?"""
        numbers = self._try_numbers()
        if not numbers or self.seen is None or numbers[1] <= self.seen:
            return False
        self.number = numbers[1]
        return True

    def starts(self):
        """Publish that our sweep starts.  The big lock is held."""
        def begin(numbers):
            started, done = numbers or (0, 0)
            self.number = started + 1
            return self.number, done
        self._try_numbers(begin)

    def succeeded(self):
        """Publish that our sweep succeeded.  The big lock is still held."""
        def publish(numbers):
            # If the file was lost meanwhile, later callers have seen smaller numbers than ours: publish nothing.
            if numbers and numbers[0] == self.number:
                return self.number, self.number
        self._try_numbers(publish)

    def _try_numbers(self, change=None):
        """_numbers(), or None if the file, its folder or the right to write
        there is gone by now: then sweeps are not coalesced."""
        try:
            return self._numbers(change)
        except OSError:
            return None


def parse(data):
    """The two numbers in the bytes `data`; None if they are garbled."""
    if not data:
        return 0, 0
    words = python.text(data).split()
    if len(words) == 2 and python.is_number(words[0]) and python.is_number(words[1]):
        started, done = int(words[0]), int(words[1])
        if done <= started:
            return started, done
    return None


def remove(path):
    """Remove the mark in the file `path`, if there is one.  Raises OSError."""
    try:
        posix.unlink(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def key_for(argv):
    """The key of a sweep that was given none: a hash of its words, folder and
    host.  Hosts may share a lock, but not what is swept under it."""
    import hashlib
    where = [posix.uname()[1], posix.getcwd()]
    return hashlib.sha256(b'\0'.join([python.raw(word) for word in where + argv])).hexdigest()


def named_key(name):
    """The user's key `name` (--key) in a form that no other key has and that
    can be a file name."""
    if name and len(name) < 64 and not name.strip(_PLAIN):
        return 'k-' + name
    import hashlib
    return 'h-' + hashlib.sha256(python.raw(name)).hexdigest()
