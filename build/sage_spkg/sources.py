"""The sources of a package: fetched into a cache, checked, unpacked into src, patched.

The file `source` has a line `URL-or-path sha256` for each; a path is below the package's folder, or absolute.  What was
fetched is kept in SAGE_DISTFILES, by default var/distfiles of the tree, which trees may share: a file gets its name there
when it is whole and right, so who finds it needs no lock; who does not, fetches it under a lock of its name.  What comes
is put into NAME.part, from which the next attempt goes on.
"""

import errno
import os
import shutil

from sage_spkg.packages import read, source_lines
from sage_spkg.steps import Failed
from sage_spkg.tree import make_folder

_TRIES = 3
_MAGIC = ((b'\x1f\x8b', 'tar'), (b'BZh', 'tar'), (b'\xfd7zXZ\x00', 'tar'), (b'PK\x03\x04', 'zip'))


def prepare(job):
    """Fetch, unpack and patch what the job's package names.  Raises Failed."""
    work = job.build + '/work'
    if os.path.exists(work + '/source'):
        sources = source_lines(read(work + '/source'))
        if os.path.lexists(work + '/src'):
            raise Failed('has both src and source')
        for place, digest in sources:
            _bring(job, place, digest, work)
    if os.path.isdir(work + '/patches') and os.path.isdir(work + '/src'):
        for name in sorted(os.listdir(work + '/patches')):
            if name.endswith('.patch'):
                words = ['patch', '-p1', '-N', '-d', work + '/src', '-i', work + '/patches/' + name]
                if not job.steps.run(words, job.output):
                    raise Failed('patches/%s does not apply' % name)


def _bring(job, place, digest, work):
    """One source: the first archive as src, another as a folder of its own name, what is no archive as a file."""
    name = _name(place)
    file = job.build + '/' + name
    if '://' in place:
        kept = distfiles(job.environment, job.tree) + '/' + name
        if digest_of(kept) != digest:
            make_folder(os.path.dirname(kept))
            lock = '%s/.%s.lock' % os.path.split(kept)
            if not job.steps.run(job.words.wait + [lock, 'sage-spkg', '--fetch', place, digest, kept]):
                raise Failed()
    else:
        kept = os.path.join(job.package.folder, place)
    # A second name, for another package may have another file of that name.
    try:
        os.link(kept, file)
    except OSError:
        if not os.path.exists(kept):
            raise Failed('%s: no such file' % kept)
        shutil.copyfile(kept, file)
    found = digest_of(file)
    if found != digest:
        raise Failed(_not_it(kept, digest, found))
    kind = _kind(file)
    if kind is None:
        shutil.copyfile(file, work + '/' + name)
        return
    target = work + '/src'
    if os.path.exists(target):
        target = work + '/' + name.partition('.tar')[0].partition('.zip')[0].partition('.tgz')[0]
    try:
        from sage_spkg import unpacking
        unpacking.unpack(file, kind, target)
    except Exception as error:          # an archive may be wrong in as many ways as there are formats
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise Failed('%s cannot be unpacked: %s' % (name, error))
    os.unlink(file)


def distfiles(environment, tree):
    return os.path.abspath(environment.get('SAGE_DISTFILES') or tree.top + '/var/distfiles')


def _name(place):
    name = place.partition('?')[0].partition('#')[0].rstrip('/').rpartition('/')[2]
    if not name or name.startswith('.'):
        raise Failed('source: %s: names no file' % place)
    return name


def _not_it(path, digest, found):
    return '%s is not what `source` says: sha256 %s, not %s' % (path, found, digest)


def digest_of(path):
    """Its SHA-256 as text, or None where there is no such file."""
    import hashlib
    sum_ = hashlib.sha256()
    try:
        with open(path, 'rb') as file:
            while True:
                data = file.read(1 << 18)
                if not data:
                    return sum_.hexdigest()
                sum_.update(data)
    except EnvironmentError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def _kind(path):
    with open(path, 'rb') as file:
        start = file.read(262)
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    return 'tar' if start[257:] == b'ustar' else None


# ---- Fetching

def fetch(place, digest, path, timeout, screen):
    """Bring a file from the network to `path`, whole and right.  Raises Failed.

    timeout: seconds without a byte after which the server is given up.  screen: a terminal for progress, or None.
    """
    if digest_of(path) == digest:
        return                          # somebody else did
    part = '%s.%s.part' % (path, digest[:8])
    for attempt in range(_TRIES):
        begun_at = os.path.getsize(part) if os.path.exists(part) else 0
        try:
            _receive(place, part, begun_at, timeout, screen)
        except _BrokenOff as error:
            if attempt + 1 < _TRIES:
                continue
            raise Failed('%s: %s; %d bytes are kept for the next attempt' % (place, error, os.path.getsize(part)))
        found = digest_of(part)
        if found == digest:
            os.rename(part, path)
            return
        os.unlink(part)
        if not begun_at:
            raise Failed(_not_it(place, digest, found))


class _BrokenOff(Exception):
    """The server stopped before the end; the text says how."""


def _receive(place, part, begun_at, timeout, screen):
    """Add to `part` what it lacks, or begin it anew where the server does not go on.  Raises _BrokenOff and Failed."""
    import socket
    try:
        from urllib.request import Request, urlopen             # novm: their names from 3.0 on
        from urllib.error import HTTPError, URLError            # novm
        from http.client import HTTPException                   # novm
    except ImportError:
        from urllib2 import HTTPError, Request, URLError, urlopen       # novm: and before
        from httplib import HTTPException                               # novm
    request = Request(place, headers={'User-Agent': 'sage-spkg', 'Accept-Encoding': 'identity'})
    if begun_at:
        request.add_header('Range', 'bytes=%d-' % begun_at)
    try:
        answer = urlopen(request, timeout=timeout)
    except HTTPError as error:
        if error.code == 416 and begun_at:
            os.unlink(part)
            return _receive(place, part, 0, timeout, screen)
        raise Failed('%s: the server says %d %s' % (place, error.code, error.msg))
    except URLError as error:
        reason = error.reason
        if isinstance(reason, socket.timeout):
            raise Failed('%s: no answer within %g s' % (place, timeout))
        raise Failed('%s: cannot be reached (offline?): %s' % (place, getattr(reason, 'strerror', None) or reason))
    except (socket.error, HTTPException) as error:
        if isinstance(error, socket.timeout):
            raise Failed('%s: no answer within %g s' % (place, timeout))
        raise Failed('%s: no sensible answer: %s' % (place, error or type(error).__name__))
    headers = answer.info()
    if begun_at and not (answer.getcode() == 206 and
                         (headers.get('Content-Range') or '').startswith('bytes %d-' % begun_at)):
        begun_at = 0
    length = headers.get('Content-Length') or ''
    whole = begun_at + int(length) if length.isdigit() else None
    have = begun_at
    progress = _Progress(_name(place), whole, screen)
    with open(part, begun_at and 'ab' or 'wb') as file:
        try:
            while True:
                data = answer.read(1 << 16)
                if not data:
                    break
                file.write(data)
                have += len(data)
                progress.show(have)
        except socket.timeout:
            raise _BrokenOff('no byte for %g s, after %d%s' % (timeout, have, _of(whole)))
        except HTTPException:
            pass
        except socket.error as error:
            if error.errno == errno.ENOSPC:
                raise
            raise _BrokenOff('broke off after %d%s: %s' % (have, _of(whole), error.strerror or error))
        finally:
            progress.end()
    if whole is not None and have < whole:
        raise _BrokenOff('broke off after %d%s' % (have, _of(whole)))


def _of(whole):
    return ' of %d bytes' % whole if whole is not None else ' bytes'


class _Progress(object):
    """How far it is, on a terminal, for what takes longer than two seconds."""

    def __init__(self, name, whole, screen):
        import time
        self._now = time.time
        self._next = time.time() + 2
        self._name, self._whole, self._screen = name, whole, screen
        self._has_shown = False

    def show(self, have):
        if self._screen and self._now() > self._next:
            self._next = self._now() + 0.5
            self._has_shown = True
            far = '%d %%' % (100 * have // self._whole) if self._whole else ''
            self._screen.write('\r%s: %.1f MB %s\x1b[K' % (self._name, have / 1e6, far))
            self._screen.flush()

    def end(self):
        if self._has_shown:
            self._screen.write('\r\x1b[K')
            self._screen.flush()
