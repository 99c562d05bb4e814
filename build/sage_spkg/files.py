"""The files of a package on their way from its stage into the tree and out of it again, each at one stroke.

A file comes in as a second name, link(2), of the one in the stage: that never overwrites anything, so of two packages
that bring the same file one is refused, and one look-up tells whether a file is there already, be there ten packages or
a thousand.  The stage goes when all have come.  A file goes out by being moved aside, below `out`.  So after a kill it
is known of each file in the manifest whether it is ours: on the way in, if it is the same as the one in the stage; on
the way out, if it has not been moved.

The manifest has a path a line, below the top of the tree, a folder with a slash at its end.  All paths are bytes.
"""

import errno
import os
import stat

from sage_spkg.packages import as_bytes, as_text

# What link(2) says where a file system, or this one, has no second names.
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, getattr(errno, 'ENOTSUP', errno.ENOSYS),
             getattr(errno, 'EOPNOTSUPP', errno.ENOSYS))


class Refused(Exception):
    """It cannot be installed; the text says why."""


def staged(dest, top):
    """What was installed below `dest` as if that were /: the lines of a manifest.  Raises Refused."""
    dest, top = as_bytes(dest), as_bytes(top)
    inside, found, has_file = dest + top + b'/', [], False
    for path, is_folder in _walk(dest):
        if b'\n' in path:
            raise Refused("a file's name has a line break")
        if not path.startswith(inside):
            if not is_folder:
                raise Refused('outside of %s: %s' % (as_text(top), as_text(path[len(dest):])))
            continue
        name = path[len(inside):]
        if name == b'var' or name.startswith(b'var/'):
            raise Refused('%s/var is where the kit keeps its own files' % as_text(top))
        found.append(name + b'/' if is_folder else name)
        has_file = has_file or not is_folder
    if not has_file:
        raise Refused('spkg-install installed no file below SAGE_DESTDIR')
    return sorted(found)


def _walk(folder):
    """All below it, pairs of a path and whether it is a folder.  We must get into each folder, and take out what is in."""
    for name in os.listdir(folder):
        path = folder + b'/' + name
        mode = os.lstat(path).st_mode
        yield path, stat.S_ISDIR(mode)
        if stat.S_ISDIR(mode):
            if mode & 0o700 != 0o700:
                os.chmod(path, stat.S_IMODE(mode) | 0o700)
            for each in _walk(path):
                yield each


def read_manifest(state):
    """Its lines, or an empty list."""
    try:
        with open(state + '/manifest', 'rb') as file:
            return file.read().split(b'\n')[:-1]
    except EnvironmentError:
        return []


def write_manifest(state, lines):
    with open(state + '/manifest', 'wb') as file:
        file.write(b''.join([line + b'\n' for line in lines]))


def check(tree, mine, lines, older=()):
    """Raises Refused if one of the lines is there already, unless the older version of the package `mine` has it.

    lines, older: of manifests.
    """
    top, older = as_bytes(tree.top) + b'/', set(older)
    for line in lines:
        name = line.rstrip(b'/')
        try:
            mode = os.lstat(top + name).st_mode
        except OSError:
            continue
        if not (line != name and stat.S_ISDIR(mode)) and name not in older and name + b'/' not in older:
            raise _taken(tree, mine, name)


def _taken(tree, mine, name):
    """The Refused that says whose the file is.  Only here all manifests are read."""
    for other in tree.installed():
        if other != mine and name in read_manifest(tree.state(other)):
            return Refused('%s/%s belongs to %s' % (tree.top, as_text(name), other))
    return Refused("%s/%s is there already, and no package's" % (tree.top, as_text(name)))


def put_in(tree, state):
    """Bring the files of `state` into the tree.  Raises Refused; then none of them is there."""
    top, stage = as_bytes(tree.top) + b'/', as_bytes(state) + b'/stage/'
    lines, mine = read_manifest(state), os.path.basename(state)
    try:
        # All folders first: what stands for one and is none must not lead a file elsewhere.
        for line in lines:
            if line.endswith(b'/'):
                _put_folder(tree, mine, top, line)
        for line in lines:
            if not line.endswith(b'/'):
                try:
                    _put(stage + line, top + line)
                except OSError as error:
                    if error.errno == errno.EEXIST:
                        raise _taken(tree, mine, line)
                    raise Refused('%s/%s: %s' % (tree.top, as_text(line), error.strerror))
    except Refused:
        take_out(tree, state)
        raise
    os.rename(stage[:-1], stage[:-1] + b'.gone')
    remove(stage[:-1] + b'.gone')


def _put_folder(tree, mine, top, line):
    path = top + line[:-1]
    try:
        os.mkdir(path)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise Refused('%s: %s' % (as_text(path), error.strerror))
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise _taken(tree, mine, line[:-1])


def _put(source, target):
    try:
        if _follows_links and os.path.islink(source):
            raise OSError(errno.EPERM, 'no second name for a symbolic link')
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # An empty file of the name, which there can be only one of, and the file itself over it.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        move(source, target)


# Where link(2) makes a second name of what a symbolic link points to.
_follows_links = os.uname()[0] == 'Darwin'


def move(source, target):
    """Renames it, or copies it to another file system."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if os.spawnlp(os.P_WAIT, 'mv', 'mv', '-f', '--', source, target):
            raise


def take_out(tree, state):
    """Take the files of `state` out of the tree, as far as they are there and its own."""
    top, folder = as_bytes(tree.top) + b'/', as_bytes(state)
    stage, out = folder + b'/stage/', folder + b'/out/'
    lines = read_manifest(state)
    on_its_way_in = os.path.isdir(stage)
    for line in lines:
        if line.endswith(b'/'):
            continue
        if on_its_way_in:
            if _is_same(stage + line, top + line):
                os.unlink(top + line)
        elif not os.path.lexists(out + line) and os.path.lexists(top + line):
            target = out + line
            try:
                os.rename(top + line, target)
            except OSError:
                if not os.path.isdir(os.path.dirname(target)):
                    os.makedirs(os.path.dirname(target))
                move(top + line, target)
    _take_out_bytecode(top, lines)
    for line in reversed(lines):
        if line.endswith(b'/'):
            for path in top + line + b'__pycache__', top + line:
                try:
                    os.rmdir(path)          # those that others use, too, are not empty and stay
                except OSError:
                    pass


def _is_same(staged_file, file):
    try:
        there = os.lstat(file)
    except OSError:
        return False
    try:
        return os.path.samestat(os.lstat(staged_file), there)
    except OSError:
        return True                         # moved: there are no second names here


def _take_out_bytecode(top, lines):
    """Python has compiled some more since the install."""
    modules = {}
    for line in lines:
        if line.endswith(b'.py'):
            folder, _, name = line.rpartition(b'/')
            modules.setdefault(folder, set()).add(name[:-3])
    for folder, names in modules.items():
        cache = top + folder + b'/__pycache__'
        try:
            compiled = os.listdir(cache)
        except OSError:
            continue
        for name in compiled:
            if name.endswith(b'.pyc') and name.partition(b'.')[0] in names:
                os.unlink(cache + b'/' + name)


def remove(path):
    """Removes a folder with all that is in it, if it is there, and where we can; a file, too."""
    path = as_bytes(path)
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            try:
                names = os.listdir(path)
            except OSError:
                names = None
            if names is None or not os.access(path, os.W_OK | os.X_OK):
                os.chmod(path, 0o700)
                names = os.listdir(path)
            for name in names:
                remove(path + b'/' + name)
            os.rmdir(path)
        else:
            os.unlink(path)
    except OSError:
        pass
