"""Logs for the tests of sage-flock-report, and checks of its output.

    build [KIND]           prints a build's log whose sums are known: see `_BUILD`; KIND
                           wall       without the clock that is never set back, as Python 2 writes it
                           set-back   the time of day is set back by an hour in the middle
                           hostile    with commands that would harm a page or a terminal
                           twice      the build, and an hour later, after a restart, another one
                           crossing   with calls of one package that overlap, none within the other
                           calm       without the calls that waited
                           cut        the same lines with rubbish in between
    many N                 prints about N events of a build with unequal jobs, locks of all kinds and waits
    write FILE WRITERS N   WRITERS processes write N lines in all, through events.Log
    whole FILE WRITERS N   status 0 if that log is whole: no line torn, none lost
    trace FILE             status 0 if FILE is a Chrome trace that viewers can show
    page FILE              prints the commands in the page FILE, one JSON string per line
"""

import heapq
import json
import os
import random
import sys

sys.path.insert(0, os.path.abspath(__file__).rpartition('/tests/')[0] + '/build')

_START = 1700000000
_PIP, _REBASE = '/b/var/lock/pip.lock', '/b/var/lock/rebase.lock'

# pid, package, mode, lock, command, and the events with when and what they say.
_BUILD = [
    (11, 'six', 'exclusive', _PIP, 'pip uninstall six',
     [('asked', 0, {}), ('got', 0, {'lent': False}), ('ran', 4, {'status': 0}), ('released', 4, {})]),
    (12, 'flask', 'shared', _PIP, 'pip install flask',
     [('asked', 1, {}), ('waiting', 1, {'for': [11]}), ('got', 4, {'lent': False}),
      ('ran', 6.5, {'status': 3}), ('released', 6.5, {})]),
    (13, 'zlib', 'shared', _PIP, 'pip install zlib',
     [('asked', 2, {}), ('waiting', 2, {'for': [11]}), ('got', 4, {'lent': True}), ('ran', 5, {'status': 0}),
      ('released', 5, {}), ('slot', 5.5, {'lent_s': 2.25, 'overdrawn_s': 0.75, 'lingered_s': 0.5})]),
    (14, '', 'exclusive', _REBASE, 'sage-rebase',
     [('asked', 0, {}), ('got', 0, {'lent': False}), ('ran', 2, {'status': 0, 'key': 'k', 'sweep': 1}),
      ('released', 2, {})]),
    (15, '', 'exclusive', _REBASE, 'sage-rebase',
     [('asked', 1, {}), ('waiting', 1.5, {'for': [14]}), ('got', 2, {'lent': False}),
      ('served', 2.25, {'key': 'k', 'sweep': 1}), ('released', 2.25, {})]),
    # In a lock that an ancestor holds; not got in time; killed, as the next one to get it shows.
    (16, 'six', 'shared', _PIP, 'true', [('asked', 3, {}), ('got', 3, {'nested': True})]),
    (17, 'gmp', 'exclusive', '/b/var/lock/gmp.lock', 'killed', [('asked', 1, {}), ('got', 1, {'lent': False})]),
    (18, 'gmp', 'exclusive', '/b/var/lock/gmp.lock', 'late',
     [('asked', 2, {}), ('gave-up', 2, {})]),
    (19, 'gmp', 'exclusive', '/b/var/lock/gmp.lock', 'next',
     [('asked', 3, {}), ('got', 3, {'lent': False}), ('ran', 4, {'status': 0}), ('released', 4, {})]),
]

_HOSTILE = ['</script><script>document.title = "hit"</script>', '<img src=x onerror="document.title=1">',
            b'\xe2\x80\xa8\xe2\x80\xa9 --> <!-- <b>&amp;'.decode('utf-8'), '\033[31mred\007', '@DATA@ @SCRIPT@ $& \\u003c']


_CROSSING = [
    (21, 'six', 'exclusive', '/b/var/lock/six.lock', 'outer',
     [('asked', 0, {}), ('got', 0.5, {'lent': False}), ('released', 4.5, {})]),
    (22, 'six', 'shared', _REBASE, 'inner',
     [('asked', 3, {}), ('waiting', 3, {'for': [9999]}), ('got', 3.5, {'lent': True}), ('released', 6, {})]),
]


def build(kind=''):
    calls = _BUILD + _CROSSING * (kind == 'crossing')
    if kind == 'calm':
        calls = [call for call in calls if 'waiting' not in [step[0] for step in call[-1]]]
    events = _events(calls, 0, 100)
    if kind == 'twice':
        events += _events(_BUILD, 3600, 10)
    if kind == 'hostile':
        for i, event in enumerate(events):
            event['command'] = _HOSTILE[event['pid'] % len(_HOSTILE)]
            event['package'] = event['package'] and '<b>%s</b>' % event['package']
            if event['event'] == 'ran':
                event['why'] = '<b>why</b>'
    for i, event in enumerate(events):
        if kind == 'wall':
            event['mono'] = None
        if kind == 'set-back' and event['mono'] > 103:
            event['time'] -= 3600
        print(json.dumps(event))
        if kind == 'cut' and i % 3 == 0:
            print(_RUBBISH[i // 3 % len(_RUBBISH)])


_RUBBISH = ['', '{"event": "got", "ti', 'null', '[]', '{"event": "got", "call": "1-1", "lock": 3, "mode": "x"}',
            '{"event": "asked", "call": "9-9", "lock": "/l", "mode": "shared", "pid": 9, "time": NaN}',
            '[' * 100000, '{"event": "asked", "call": "9-9", "lock": "/l", "mode": "shared", "pid": "9", "time": 1}']


def _events(calls, later, mono):
    events = []
    for pid, package, mode, lock, command, steps in calls:
        for name, time, more in steps:
            event = {'event': name, 'time': _START + later + time, 'mono': mono + time,
                     'call': '%d-%x' % (pid, later), 'pid': pid, 'host': 'box', 'lock': lock, 'mode': mode,
                     'command': command, 'package': package}
            event.update(more)
            events.append(event)
    return sorted(events, key=lambda event: event['time'])


_STEPS = [(_PIP, 'shared'), (_PIP, 'exclusive'), (_REBASE, 'shared'), (_PIP, 'shared'), (_REBASE, 'exclusive')]


def many(number):
    """Eight jobs build packages, each under its own lock, and in it take pip.lock and rebase.lock. Whoever asks first
    gets a lock first. The same N gives the same events, on every Python."""
    chance = random.Random(int(number)).random
    holders = {}        # lock: [(until, mode, pid)]
    jobs = [(0.0, job, 0, 0.0, []) for job in range(8)]     # when, number, pid, since when, the steps left
    lines, pid = [], 1000
    while len(lines) < int(number):
        now, job, own, since, steps = heapq.heappop(jobs)
        if not steps:
            own = pid = pid + 1
            since = now
            steps = [step for step in _STEPS if chance() < 0.35] or _STEPS[:1]
        pid += 1
        lock, mode = steps[0]
        package = 'package-%d' % own
        taken = [one for one in holders.get(lock, []) if one[0] > now]
        in_the_way = [one for one in taken if 'exclusive' in (mode, one[1])]
        got = max([now] + [one[0] for one in in_the_way])
        held = 0.05 + 2 * chance() ** 3 * (1 if mode == 'exclusive' else 4)
        end = got + held
        status = int(chance() < 0.01)
        lent = bool(in_the_way) and chance() < 0.7
        steps_seen = [('asked', now, {})]
        if in_the_way:
            steps_seen.append(('waiting', now, {'for': [one[2] for one in in_the_way][:8]}))
        steps_seen += [('got', got, {'lent': lent}), ('ran', end, {'status': status}), ('released', end, {})]
        if lent:
            lingered = 0.3 * chance()
            steps_seen.append(('slot', end + lingered, {'lent_s': got - now, 'overdrawn_s': held * chance(),
                                                        'lingered_s': lingered}))
        command = 'pip install %s==%d.%d' % (package, pid % 7, pid % 10)
        lines += _events([(pid, package, mode, lock, command, steps_seen)], 0, 100)
        if len(steps) == 1 or status:       # its own lock, over all that it did
            lines += _events([(own, package, 'exclusive', '/b/var/lock/%s.lock' % package, 'sage-spkg ' + package,
                               [('asked', since, {}), ('got', since, {'lent': False}), ('ran', end, {'status': status}),
                                ('released', end, {})])], 0, 100)
            steps = steps[:1]
        holders[lock] = taken + [(end, mode, pid)]
        heapq.heappush(jobs, (end + 3 * chance() ** 2, job, own, since, steps[1:]))
    for event in sorted(lines, key=lambda event: event['time']):
        print(json.dumps(event))


def write(path, writers, lines):
    from sage_flock import events
    children = []
    share = int(lines) // int(writers)
    gate, opened = os.pipe()        # they begin together, when it is closed
    for number in range(int(writers)):
        pid = os.fork()
        if pid == 0:
            os.close(opened)
            os.read(gate, 1)
            log = events.Log(path, '/some/where/%d.lock' % number, 'exclusive', 'x' * (number * 50) + '"\\ \n')
            for i in range(share):
                log('ran', status=i, key='k' * (i % 97))
            os._exit(0)
        children.append(pid)
    os.close(opened)
    return max([os.waitpid(pid, 0)[1] for pid in children])


def whole(path, writers, lines):
    stream = open(path, 'rb')
    seen = {}
    for line in stream:
        event = json.loads(line.decode('ascii'))
        number = int(event['lock'].split('/')[-1].split('.')[0])
        # Each writer's lines are there in its order, with all they are to hold.
        assert event['status'] == seen.get(number, 0), line
        assert event['command'] == 'x' * (number * 50) + '"\\ \n', line
        assert len(event['key']) == event['status'] % 97, line
        seen[number] = event['status'] + 1
    stream.close()
    share = int(lines) // int(writers)
    assert seen == dict([(number, share) for number in range(int(writers))]), seen


def trace(path):
    stream = open(path)
    document = json.load(stream)
    stream.close()
    events = document['traceEvents']
    slices, flows, counts = {}, {}, {}
    for event in events:
        kind = event['ph']
        counts[kind] = counts.get(kind, 0) + 1
        assert isinstance(event['pid'], int) and isinstance(event['tid'], int), event
        if kind == 'M':
            assert event['name'] in ('process_name', 'thread_name', 'thread_sort_index'), event
            continue
        assert isinstance(event['ts'], int) and event['ts'] >= 0, event
        if kind == 'X':
            assert isinstance(event['dur'], int) and event['dur'] >= 0, event
            slices.setdefault(event['tid'], []).append((event['ts'], event['ts'] + event['dur'], event['name']))
        elif kind in 'sf':
            flows.setdefault(event['id'], []).append(event)
        else:
            assert kind == 'C', event
    for spans in slices.values():
        open_ends = []
        for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1], 'slices overlap: %s at %d' % (name, start)
            open_ends.append(end)
    for pair in flows.values():
        assert [event['ph'] for event in pair] == ['s', 'f'] and pair[1]['bp'] == 'e', pair
        assert pair[0]['ts'] <= pair[1]['ts'], pair
        for event, kind in zip(pair, ('wait ', 'hold ')):
            assert [name for start, end, name in slices[event['tid']]
                    if name.startswith(kind) and start <= event['ts'] < end], event
    print(' '.join(['%s=%d' % item for item in sorted(counts.items())]))


def page(path):
    stream = open(path, 'rb')
    text = stream.read().decode('ascii')
    stream.close()
    before, rest = text.split('<script type="application/json" id="data">')
    data, after = rest.split('</script>', 1)
    assert '<' not in data and text.count('</script>') == 2, 'the data ends its element'
    for call in json.loads(data)['calls']:
        print(json.dumps(call['command']))


if __name__ == '__main__':
    sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
