"""--status: who holds and who waits for which lock, for people or as JSON.

For people a lock has one line that sums it up, and below it one for each of its users, cut to the terminal's width:

      STATE  MODE       PID   FOR    PACKAGE  COMMAND
    pip.lock  1 holds, 2 wait, oldest 29 s
      holds  exclusive  4711  31 s   certifi  pip install certifi
      waits  exclusive  4715  29 s   idna     pip install idna
      waits  exclusive  4720  0.3 s  six      pip install six
    2 free locks (--all lists them)
"""

import sage_flock
from sage_flock import lines, python, terminal
from sage_flock.messages import Failure, duration, printable, write
from sage_flock.terminal import BOLD, characters, painted

_HEAD = ('STATE', 'MODE', 'PID', 'FOR', 'PACKAGE', 'COMMAND')
_PACKAGE = 4                # the column that is not there if nobody has one
_LONGEST = 24               # characters of a package's name
_LEAST = 12                 # columns that are left for a command, however narrow the terminal


def show(names, as_json, with_free):
    """Print the state of the locks `names`, of all in the lock folder if there are none; the free ones among those
    one by one only `with_free`.  Returns the exit status, 0."""
    found = names or _all_names()
    locks = [(name, _users(name)) for name in found or ()]
    if as_json:
        import json
        text = json.dumps([_as_data(name, users or []) for name, users in locks], indent=2)
    elif not locks:
        folder = printable(_folder())
        text = folder + (': no such folder, so no lock in it is in use' if found is None else ': no lock in it')
    else:
        text = python.text(terminal.encoded('\n'.join(_for_people(locks, bool(names), with_free))))
    if not write(1, text + '\n'):
        raise Failure('stdout', 'cannot be written to')
    return 0


def _folder():
    """The lock folder, with a slash at its end if it is one of files."""
    return sage_flock.location('x')[:-1] or './'


def _all_names():
    """The locks of the lock folder; None where there is no such folder."""
    return sage_flock.at(_folder()).names(_folder())


def _users(name):
    """What is known of the users of the lock `name`: a list of dicts; None if there is no such lock."""
    path = sage_flock.location(name)
    return sage_flock.at(path).users(name, path)


def _as_data(name, users):
    return {'lock': python.text(printable(name)), 'path': printable(sage_flock.location(name)),
            'users': users}


# ---- For people

def _for_people(locks, named, with_free):
    """The lines, characters(); `named`: somebody has asked for just these locks."""
    used = [(name, users) for name, users in locks if users]
    if not named:       # those that somebody waits for first
        used.sort(key=lambda lock: -len(_in_state(lock[1], 'waits')))
    rows = _rows([_cells(user, users) for _, users in used for user in users if user['state'] != 'unknown'])
    text = [rows[0]] if rows[1:] else []
    at = 1
    for name, users in used:
        text.append(_named(name, _summary(users)))
        listed = 0 if users[0]['state'] == 'unknown' else len(users)
        text += rows[at:at + listed]
        at += listed
    idle = [(name, users) for name, users in locks if not users]
    if named or with_free:
        return text + [_named(name, 'free' if users is not None else _unknown(name)) for name, users in idle]
    if idle:
        text.append(characters('%d free lock%s (--all lists %s)' % (
            (len(idle),) + (('s', 'them') if idle[1:] else ('', 'it')))))
    return text


def _named(name, what):
    name = characters(printable(name))
    return (painted(name, BOLD) if terminal.has_colours(1) else name) + '  ' + characters(what)


def _unknown(name):
    from sage_flock import hints
    path = sage_flock.location(name)
    known = sage_flock.at(path).names(path[:path.rfind('/') + 1] or './') or []
    return 'no such lock' + hints.in_brackets(hints.for_name(name, known))


def _in_state(users, state):
    return [user for user in users if user['state'] == state]


def _summary(users):
    """What a lock's users do, in a few words."""
    if users[0]['state'] == 'unknown':
        return 'unknown: ' + users[0]['command']
    words = []
    for state, verb in (('holds', 'hold'), ('lost', 'lost it'), ('waits', 'wait')):
        count = len(_in_state(users, state))
        if count:
            words.append('%d %s' % (count, state if count == 1 and state != 'lost' else verb))
    ages = [user['seconds'] for user in _in_state(users, 'waits') or users if user['seconds'] is not None]
    if len(users) == 1 and ages:
        return '%s for %s' % (words[0], duration(ages[0]))
    return ', '.join(words + ['oldest ' + duration(age) for age in sorted(ages)[-1:]])


def _rows(cells):
    """A line for each user's cells, and the heads of the columns before them."""
    table = [_HEAD] + cells
    columns = [i for i in range(len(_HEAD)) if i != _PACKAGE or [row for row in table[1:] if row[i]]]
    table = [[characters(row[i]) for i in columns] for row in table]
    widths = [max([len(row[i]) for row in table]) for i in range(len(columns) - 1)]
    width = terminal.columns(1)
    room = None if width is None else max(_LEAST, width - sum(widths) - 2 * len(columns))
    text = []
    for number, row in enumerate(table):
        command = row[-1]
        if room is not None and number:
            # To be told from the one above, the first from the one below; a package tells it already.
            other = table[number - 1 if number > 1 else min(number + 1, len(table) - 1)][-1]
            if _PACKAGE in columns and row[_PACKAGE]:
                command = lines.beginning(command, room, terminal.dots())
            else:
                command = lines.elided(command, other, room, terminal.dots())
        cells = [cell.ljust(size) for cell, size in zip(row, widths)] + [command]
        line = '  ' + '  '.join(cells).rstrip()
        if width is not None:
            line = line[:width]
        text.append(line)
    return text


def _cells(user, users):
    pid = str(user['pid'] or '?')
    return (user['state'], _mode(user, users), '%s@%s' % (pid, user['host']) if 'host' in user else pid,
            '' if user['seconds'] is None else duration(user['seconds']),
            terminal.cut(user['package'] or '', _LONGEST, '...'), user['command'])


def _mode(user, users):
    """The mode of one of the users; in a pool, how many of its places are in use."""
    if not user.get('most'):
        return user['mode'] or '?'
    inside = [other for other in users if other['mode'] == user['mode'] and other['state'] != 'waits']
    return '%s, %d of %d' % (user['mode'], len(inside), user['most'])
