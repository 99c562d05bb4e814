"""The tree SAGE_LOCAL: what is installed in it, and each package's lock.

How things stand with a package is told by its folder var/installed/NAME, whenever somebody is killed:

    none                nothing of it is in the tree
    version             it is whole
    no version, stage   it is on its way in: what is the same file as below `stage` has come
    no version          it is all in, or on its way out: what is below `out` has gone
    unswept             it is whole, and the sweep over the tree that follows an install is still due

and `built` says of what it was made: a line of its own, never the same twice, `needs NAME LINE` for each package that
it was built with and `first NAME` for each that had to be there, an empty line, and the folder's looks.

The lock of a package, var/lock/package-NAME.lock, is exclusive to who builds, installs or uninstalls it and shared by
who builds something that names it in its dependencies.  It is for two makes in one tree, or a make beside what a killed
make has left running, so it is nearly always free; then it is taken by flock(2) itself.  When it is not, we become
`$(SAGE_FLOCK) LOCK sage-spkg ...`, which says who is waited for and lends the job slot.  A package's lock is taken
before those of what it needs, and these before rebase.lock and pip.lock.
"""

import errno
import fcntl
import os
import time

from sage_spkg.packages import read
from sage_spkg.steps import Failed


class Tree(object):
    """top: the folder.  pkgs: the folder of the packages.  held: locks held already, pairs of a name and a descriptor."""

    def __init__(self, top, pkgs=None, held=()):
        self.top = top
        self.pkgs = pkgs
        self._held = list(held)
        self._above = os.environ.get('SAGE_PACKAGES_HELD', '').split()
        self.held = self._above         # what a build that we start is to find in SAGE_PACKAGES_HELD

    def state(self, name):
        """The folder that tells how things stand with a package."""
        return self.top + '/var/installed/' + name

    def version(self, name):
        """The version that is installed whole, or None."""
        version = read(self.state(name) + '/version')
        return version and version.strip()

    def installed(self):
        """Names of the packages of which something may be in the tree."""
        try:
            return sorted(os.listdir(self.top + '/var/installed'))
        except EnvironmentError:
            return []

    def serial(self, name):
        """The line that tells one build of a package from another, or None if it is not whole."""
        built = os.path.exists(self.state(name) + '/version') and read(self.state(name) + '/built')
        return built.partition('\n')[0] if built else None

    def record(self, package):
        """What `built` says of a build that begins now, bytes: without the line of its own, so that two are compared."""
        lines = ['needs %s %s' % (need, self.serial(need)) for need in package.needs]
        lines.extend(['first ' + need for need in package.first])
        return '\n'.join(lines + ['', '']).encode('utf-8') + package.looks()

    def is_built(self, package, record):
        """Is it whole, and made of what `record` says?"""
        if not os.path.exists(self.state(package.name) + '/version'):
            return False
        try:
            with open(self.state(package.name) + '/built', 'rb') as file:
                return file.read().partition(b'\n')[2] == record
        except EnvironmentError:
            return False

    def is_unswept(self, name):
        return os.path.exists(self.state(name) + '/unswept')

    def needed_by(self, name):
        """Installed packages that need this one, names."""
        found = []
        for other in self.installed():
            built = read(self.state(other) + '/built') or ''
            for line in built.partition('\n\n')[0].split('\n')[1:]:
                if line.split()[1:2] == [name] and self.version(other):
                    found.append(other)
                    break
        return found

    # ---- Locks

    def lock(self, name, shared, become):
        """Take a package's lock.  Where somebody has it: become(LOCK, held), which waits and does not return.

        Raises Failed where that would be to wait for ourselves: what we run under has it.
        """
        mine, shared_mine = '%s/%s' % (self.top, name), '%s/%s,shared' % (self.top, name)
        if mine in self._above or not shared and shared_mine in self._above:
            raise Failed('the build that asks for it, or with it, waits for this')
        self.held = self.held + [shared and shared_mine or mine]
        if name in [held for held, _ in self._held]:
            return
        path = '%s/var/lock/package-%s.lock' % (self.top, name)
        fd = try_lock(path, shared)
        if fd is None:
            # By its bare name, which is short to read, if that leads here.
            become(os.environ.get('SAGE_LOCK_DIR') and path or os.path.basename(path), self._held + [(name, -1)])
        self._held.append((name, fd))

    def unlock(self):
        """Give all of them back, for every copy of the descriptors: a daemon left behind keeps none."""
        for _, fd in self._held:
            if fd != -1:
                fcntl.flock(fd, fcntl.LOCK_UN)
        self._held = []


def try_lock(path, shared):
    """Take a lock, a file, with flock(2) if that is free: the descriptor, or None.

    What we start inherits it, so nobody counts as gone whose compiler is still at work.
    """
    make_folder(os.path.dirname(path))
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, (shared and fcntl.LOCK_SH or fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except EnvironmentError as error:
        os.close(fd)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return None
    fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.fcntl(fd, fcntl.F_GETFD) & ~fcntl.FD_CLOEXEC)
    return fd


def new_serial():
    """A line like no other."""
    return 'build %.6f of process %d' % (time.time(), os.getpid())


def make_folder(path):
    """Makes it, and those above it, unless they are there; whoever else does at the same time."""
    try:
        os.makedirs(path)
    except OSError:
        if not os.path.isdir(path):
            raise
