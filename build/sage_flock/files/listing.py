"""Who uses the locks of a folder, for --status."""

import errno
import fcntl
import posix
import time

from sage_flock import proc
from sage_flock.files import locks, records, sidecar
from sage_flock.messages import Failure, reason
from sage_flock.request import EXCLUSIVE, SHARED, Unavailable

_STATES = {sidecar.HOLDS: 'holds', sidecar.AT_GATE: 'waits', sidecar.QUEUES: 'waits'}
_ORDER = sidecar.HOLDS + sidecar.AT_GATE + sidecar.QUEUES


def names(folder):
    """The names of the locks in `folder`, which ends with a slash, sorted:
    those that sage-flock manages, and any other file called *.lock; None where
    there is no such folder.  Raises Failure."""
    try:
        found = set([name for name in posix.listdir(folder) if name.endswith('.lock')])
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise Failure(folder, 'cannot be read: ' + reason(error))
    found.update([name for name in _listed(folder + sidecar.FOLDER)
                  if _listed(folder + sidecar.FOLDER + '/' + name)])
    return sorted([name for name in found if '/' not in name])


def _listed(folder):
    try:
        return posix.listdir(folder)
    except OSError:
        return []


def users(name, path):
    """What is known of the users of the lock `name` at `path`: a list of dicts, None if there is no such lock."""
    rows = []
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        return [{'state': 'unknown', 'mode': None, 'pid': None, 'package': None, 'command': reason(error),
                 'seconds': None}]
    try:
        seen = _records(name, path, fd)
        seen.sort(key=lambda one: (_ORDER.find(one.state), one.since))
        for one in seen:
            rows.append({'state': _STATES[one.state], 'mode': one.mode, 'most': one.most,
                         'pid': _number(records.pid_of(one.id)), 'package': one.package or None, 'command': one.command,
                         'seconds': round(max(0, time.time() - one.since), 1)})
        held = [records.pid_of(one.id) for one in seen if one.state == sidecar.HOLDS]
        for pid, command in proc.foreign(fd, held):
            rows.insert(len(held), {'state': 'holds', 'mode': None, 'pid': pid, 'package': None,
                                    'command': command, 'seconds': None})
        if not [row for row in rows if row['state'] == 'holds']:
            mode = _held_unseen(fd)
            if mode:
                rows.insert(0, {'state': 'holds', 'mode': mode, 'pid': None, 'package': None,
                                'command': 'held by somebody unknown', 'seconds': None})
    finally:
        posix.close(fd)
    return rows


def _held_unseen(fd):
    """The mode in which somebody has locked the file behind `fd` of whom nothing is to be seen, or None.

    Whoever has it exclusively keeps us from sharing it, for no longer than a look.  To see one who shares it we would
    have to take it exclusively, and a call with -n might fail for that: so only where the kernel does not list locks.
    """
    try:
        if not locks.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB, ''):
            return EXCLUSIVE
        if proc.lists_locks():
            return proc.any_mode(fd)
        return None if locks.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, '') else SHARED
    except Failure:         # a file system without locks
        return None


def _records(name, path, fd):
    try:
        return records.live(sidecar.of(locks.Lock(name, path, fd)))
    except (Unavailable, OSError):
        return []


def _number(pid):
    return int(pid) if pid != '?' else None
