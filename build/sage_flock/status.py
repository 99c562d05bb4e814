"""--status: who holds and who waits for which lock, for people or as JSON."""

import sage_flock
from sage_flock import python
from sage_flock.messages import Failure, duration, printable, write


def show(names, as_json):
    """Print the state of the locks `names`, of all in the lock folder if
    there are none.  Returns the exit status, 0."""
    rows = [(name, _users(name)) for name in names or _all_names()]
    if as_json:
        import json
        text = json.dumps([_as_data(name, users) for name, users in rows], indent=2)
    else:
        text = _table(rows)
    if not write(1, text + '\n'):
        raise Failure('stdout', 'cannot be written to')
    return 0


def _all_names():
    """The locks of the lock folder."""
    folder = sage_flock.location('x')[:-1] or './'
    return sage_flock.at(folder).names(folder)


def _users(name):
    """What is known of the users of the lock `name`: a list of dicts."""
    path = sage_flock.location(name)
    return sage_flock.at(path).users(name, path)


def _process(one):
    pid = str(one['pid'] or '?')
    return '%s@%s' % (pid, one['host']) if 'host' in one else pid


def _mode(one, users):
    """The mode of `one` in words; in a pool, how many of its places are in use."""
    if not one.get('most'):
        return one['mode'] or '?'
    inside = [other for other in users if other['mode'] == one['mode'] and other['state'] != 'waits']
    return '%s, %d of %d' % (one['mode'], len(inside), one['most'])


def _as_data(name, users):
    return {'lock': python.text(printable(name)), 'path': printable(sage_flock.location(name)),
            'users': users}


def _table(rows):
    lines = [('LOCK', 'STATE', 'MODE', 'PID', 'FOR', 'COMMAND')]
    for name, users in rows:
        if not users:
            lines.append((printable(name), 'free', '', '', '', ''))
        for one in users:
            seconds = one['seconds']
            lines.append((printable(name), one['state'], _mode(one, users), _process(one),
                          '' if seconds is None else duration(seconds), one['command']))
    widths = [max([len(line[i]) for line in lines]) for i in range(5)] + [0]
    return '\n'.join(['  '.join([cell.ljust(width) for cell, width in zip(line, widths)]).rstrip()
                      for line in lines])
