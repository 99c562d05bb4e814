"""Archives, unpacked so that nothing lands outside: what would is refused, and the package with it.

A name may not be absolute or lead upwards, a link may not lead out, and before anything is written it is asked where the
folder that it goes to really is, for links may lead to links.  Devices and pipes are refused.  Times are kept: a
`configure` must not look older than what it was made from.
"""

import os
import shutil
import stat
import tarfile
import time
import zipfile


class Unsafe(Exception):
    """The archive holds what would land outside, or no file at all."""


def unpack(archive, kind, target):
    """Unpack an archive, 'tar' or 'zip', as the folder `target`.  One folder at its top, as is usual, is left out."""
    inside = target + '.unpacked'
    os.mkdir(inside)
    top = os.path.realpath(inside)
    (_unpack_zip if kind == 'zip' else _unpack_tar)(archive, top)
    names = os.listdir(inside)
    if not names:
        raise Unsafe('it is empty')
    only = inside + '/' + names[0]
    if len(names) == 1 and os.path.isdir(only) and not os.path.islink(only):
        os.rename(only, target)
        os.rmdir(inside)
    else:
        os.rename(inside, target)


def _unpack_tar(path, top):
    archive, helper = _open_tar(path)
    folders = []
    try:
        for member in archive:
            if member.isdir():
                folder = _place(top, member.name)
                if not os.path.isdir(folder):
                    os.makedirs(folder)
                folders.append((folder, member.mtime))
            elif member.issym():
                _link(top, member.name, member.linkname)
            elif member.islnk():
                _second_name(top, member.name, member.linkname)
            elif member.isreg():
                _write(top, member.name, archive.extractfile(member), member.mode, member.mtime)
            else:
                raise Unsafe('%s is neither a file nor a folder nor a link' % member.name)
    finally:
        archive.close()
        if helper:
            helper.stdout.close()
            helper.wait()
    if helper and helper.returncode:
        raise Unsafe('xz ended with %d' % helper.returncode)
    for folder, mtime in folders:
        os.utime(folder, (mtime, mtime))


def _open_tar(path):
    """The archive, and the program that unpacks it for a Python without lzma, or None."""
    with open(path, 'rb') as file:
        is_xz = file.read(6) == b'\xfd7zXZ\x00'
    if is_xz and 'xz' not in getattr(tarfile.TarFile, 'OPEN_METH', {}):
        import subprocess
        helper = subprocess.Popen(['xz', '-dc', path], stdout=subprocess.PIPE)
        return tarfile.open(fileobj=helper.stdout, mode='r|'), helper
    return tarfile.open(path, 'r|*'), None


def _unpack_zip(path, top):
    archive = zipfile.ZipFile(path)
    for member in archive.infolist():
        mode = member.external_attr >> 16
        if member.filename.endswith('/'):
            folder = _place(top, member.filename)
            if not os.path.isdir(folder):
                os.makedirs(folder)
        elif stat.S_ISLNK(mode):
            target = archive.read(member.filename)
            _link(top, member.filename, target if isinstance(target, str) else target.decode('utf-8'))
        else:
            mtime = time.mktime(tuple(member.date_time) + (0, 0, -1))
            _write(top, member.filename, archive.open(member.filename), mode or 0o644, mtime)
    archive.close()


def _place(top, name):
    """Where a member goes.  Its folder is made, and really is below `top`."""
    words = [word for word in name.split('/') if word not in ('', '.')]
    if name.startswith('/') or '..' in words:
        raise Unsafe('%s would land outside' % name)
    path = '/'.join([top] + words)
    folder = path if not words else os.path.dirname(path)
    _check_inside(top, folder, name)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    return path


def _check_inside(top, path, name):
    real = os.path.realpath(path)
    if real != top and not real.startswith(top + '/'):
        raise Unsafe('%s would land outside' % name)


def _cleared(top, name):
    """Where a file or a link goes, with what an earlier member of the name left taken away."""
    path = _place(top, name)
    if os.path.lexists(path):
        os.unlink(path)
    return path


def _write(top, name, source, mode, mtime):
    path = _cleared(top, name)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, 'wb') as file:
        shutil.copyfileobj(source, file, 1 << 18)
    os.chmod(path, 0o755 if mode & 0o111 else 0o644)
    os.utime(path, (mtime, mtime))


def _link(top, name, target):
    path = _cleared(top, name)
    if target.startswith('/'):
        raise Unsafe('%s is a link to %s, outside' % (name, target))
    _check_inside(top, os.path.dirname(path) + '/' + target, name)
    os.symlink(target, path)


def _second_name(top, name, target):
    source = _place(top, target)
    if not os.path.isfile(source) or os.path.islink(source):
        raise Unsafe('%s is a second name of %s, which is no file' % (name, target))
    path = _cleared(top, name)
    os.link(source, path)
