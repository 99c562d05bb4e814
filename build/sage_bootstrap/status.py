"""--status: who holds and who waits for which lock, for people or as JSON."""

import errno
import posix
import time

from sage_bootstrap import holders, host, locks, sidecar
from sage_bootstrap.messages import Failure, duration, printable, reason, write

_STATES = {sidecar.HOLDS: 'holds', sidecar.AT_GATE: 'waits', sidecar.QUEUES: 'waits'}
_ORDER = sidecar.HOLDS + sidecar.AT_GATE + sidecar.QUEUES


def show(names, as_json):
    """Print the state of the locks `names`, of all in the lock folder if
    there are none.  Returns the exit status, 0."""
    rows = [(name, _rows(name)) for name in names or _all_names()]
    if as_json:
        import json
        text = json.dumps([_as_data(name, users) for name, users in rows], indent=2)
    else:
        text = _table(rows)
    if not write(1, text + '\n'):
        raise Failure('stdout', 'cannot be written to')
    return 0


def _all_names():
    """The locks of the lock folder: those that sage-flock manages, and any
    other file called *.lock."""
    folder = locks.location('x')[:-1] or './'
    if '://' in folder:
        return locks.engine(folder).names(folder)
    try:
        names = set([name for name in posix.listdir(folder) if name.endswith('.lock')])
    except OSError as error:
        if error.errno == errno.ENOENT:
            return []
        raise Failure(folder, 'cannot be read: ' + reason(error))
    names.update([name for name in _listed(folder + sidecar.FOLDER)
                  if _listed(folder + sidecar.FOLDER + '/' + name)])
    return sorted([name for name in names if '/' not in name])


def _listed(folder):
    try:
        return posix.listdir(folder)
    except OSError:
        return []


def _rows(name):
    """What is known of the users of the lock `name`: a list of dicts."""
    rows = []
    if '://' in locks.location(name):
        return locks.engine(locks.location(name)).users(locks.location(name))
    try:
        fd = posix.open(locks.location(name), posix.O_RDONLY | posix.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENOENT:
            rows.append({'state': 'unknown', 'mode': None, 'pid': None, 'command': reason(error), 'seconds': None})
        return rows
    try:
        seen = _records(name, fd)
        seen.sort(key=lambda one: (_ORDER.find(one.state), one.since))
        for one in seen:
            rows.append({'state': _STATES[one.state], 'mode': one.mode,
                         'pid': _number(sidecar.pid_of(one.id)), 'command': one.command,
                         'seconds': round(max(0, time.time() - one.since), 1)})
        held = [sidecar.pid_of(one.id) for one in seen if one.state == sidecar.HOLDS]
        for pid, command in holders.foreign(fd, held):
            rows.insert(len(held), {'state': 'holds', 'mode': None, 'pid': pid,
                                    'command': command, 'seconds': None})
    finally:
        posix.close(fd)
    return rows


def _records(name, fd):
    try:
        return sidecar.of(locks.Lock(name, fd, True)).records()
    except (sidecar.Unavailable, OSError):
        return []


def _number(pid):
    return int(pid) if pid != '?' else None


def _process(one):
    pid = str(one['pid'] or '?')
    return '%s@%s' % (pid, one['host']) if 'host' in one else pid


def _as_data(name, users):
    return {'lock': host.text(printable(name)), 'path': printable(locks.location(name)),
            'users': users}


def _table(rows):
    lines = [('LOCK', 'STATE', 'MODE', 'PID', 'FOR', 'COMMAND')]
    for name, users in rows:
        if not users:
            lines.append((printable(name), 'free', '', '', '', ''))
        for one in users:
            seconds = one['seconds']
            lines.append((printable(name), one['state'], one['mode'] or '?', _process(one),
                          '' if seconds is None else duration(seconds), one['command']))
    widths = [max([len(line[i]) for line in lines]) for i in range(5)] + [0]
    return '\n'.join(['  '.join([cell.ljust(width) for cell, width in zip(line, widths)]).rstrip()
                      for line in lines])
