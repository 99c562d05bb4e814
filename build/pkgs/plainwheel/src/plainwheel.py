"""A build backend (PEP 517) that packs the files of a folder into a wheel as they are.

The folder holds pyproject.toml, which names this backend; METADATA and, where
there are commands, entry_points.txt, both written as they will be installed;
and modules and packages.  Nothing is compiled, nothing fetched.
"""

import base64
import hashlib
import os
import tarfile
import zipfile

_WHEEL = 'Wheel-Version: 1.0\nGenerator: plainwheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
_ABOUT = ('METADATA', 'entry_points.txt')


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Make the wheel; returns its file name."""
    title = _title()
    contents = [(path, _read(path)) for path in _modules()] + _dist_info(title)
    record = ''.join('%s,sha256=%s,%d\n' % (path, _digest(data), len(data)) for path, data in contents)
    path = title + '.dist-info/RECORD'
    contents.append((path, (record + path + ',,\n').encode()))

    name = title + '-py3-none-any.whl'
    with zipfile.ZipFile(os.path.join(wheel_directory, name), 'w') as wheel:
        for path, data in contents:
            # The same files make the same wheel, to the byte.
            entry = zipfile.ZipInfo(path)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data)
    return name


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    """Make the .dist-info folder alone; returns its name."""
    title = _title()
    os.mkdir(os.path.join(metadata_directory, title + '.dist-info'))
    for path, data in _dist_info(title):
        with open(os.path.join(metadata_directory, path), 'wb') as file:
            file.write(data)
    return title + '.dist-info'


def build_sdist(sdist_directory, config_settings=None):
    """Pack the folder; returns the archive's name."""
    title = _title()
    name = title + '.tar.gz'
    with tarfile.open(os.path.join(sdist_directory, name), 'w:gz') as archive:
        for path in ['pyproject.toml'] + _about() + _modules():
            archive.add(path, title + '/' + path)
        archive.add('METADATA', title + '/PKG-INFO')
    return name


def _title():
    """NAME-VERSION, as file names have it."""
    fields = dict(line.split(': ', 1) for line in _read('METADATA').decode().split('\n\n')[0].splitlines())
    return '%s-%s' % (fields['Name'].replace('-', '_'), fields['Version'])


def _dist_info(title):
    folder = title + '.dist-info/'
    return [(folder + name, _read(name)) for name in _about()] + [(folder + 'WHEEL', _WHEEL.encode())]


def _about():
    return [name for name in _ABOUT if os.path.exists(name)]


def _modules():
    """Each file that is neither ours to read nor left by a tool."""
    found = []
    for folder, folders, files in os.walk('.'):
        folders[:] = [name for name in folders if name[0] not in '._' and not name.endswith('.egg-info')]
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), '.')
            if name[0] != '.' and path not in _ABOUT + ('pyproject.toml', 'PKG-INFO'):
                found.append(path)
    return sorted(found)


def _read(path):
    with open(path, 'rb') as file:
        return file.read()


def _digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
