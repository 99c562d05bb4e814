"""The log of SAGE_FLOCK_LOG, read into calls: who waited when, who held when.

The other modules of sage-flock-report show what this one reads.  events.py
lists the fields of a line.  Lines that are no events, cut ones among them, are
skipped and counted.

All times of a report are seconds since the epoch on one axis.  Between two
boots of a host they follow the clock that is never set back, so lengths are
right even if the time of day was changed; lines without that clock (Python 2)
go by the time of day.

A call whose end is not in the log was killed, has become its command (-F), is
a shell's descriptor, or still runs.  It is marked `open`.  Its wait lasts to
the end of its build.  So does its hold, unless another call got the lock that
it would have excluded: then the hold had ended by that time.
"""

import bisect
import json

_EVENTS = frozenset(['asked', 'waiting', 'got', 'ran', 'served', 'gave-up', 'failed', 'released', 'slot'])
_ENDS = ('served', 'released', 'gave-up', 'failed')
_QUIET = 300        # seconds without a call that separate one build from the next
_JUMP = 1           # seconds between the clocks that are more than jitter

NUMBERS = (float, int, type(1 << 64))
TEXT = type(json.loads('"x"'))


class Call(object):
    """What became of one call of sage-flock.

    host, pid, lock, mode, command, package     as logged
    asked, waiting, got, ran, end               when each happened; None if it did not
    outcome     'released', 'served', 'gave-up', 'failed' or 'open'
    fields      other fields of its events: lent, nested, status, sweep, key, why, most, place
    slot        seconds for which its job slot was lent before the command, overdrawn, and lingered for
    wanted      the pids that it found in the way
    blockers    [(Call, seconds)]: the calls whose holds its wait overlapped, the longest first
    named       the Calls behind `wanted`
    server      the Call whose sweep served this one; None if none did, or it is not in the log
    """

    def __init__(self, event):
        self.host = event['host']
        self.pid = event['pid']
        self.lock = event['lock']
        self.mode = event['mode']
        self.command = _spoken(event['command'])
        self.package = event['package']
        self.asked = self.waiting = self.got = self.ran = self.end = None
        self.first = self.last = None
        self.seen = set()
        self.fields = {}
        self.slot = (0, 0, 0)
        self.wanted = []
        self.blockers = []
        self.named = []
        self.server = None

    def add(self, event, time):
        """Add one event, which happened at `time`."""
        name = event['event']
        if name in ('asked', 'waiting', 'got', 'ran'):
            setattr(self, name, time)
        if name in _ENDS:
            self.end = time
        self.seen.add(name)
        if name == 'waiting' and isinstance(event.get('for'), list):
            self.wanted = [pid for pid in event['for'] if isinstance(pid, NUMBERS)]
        if name == 'slot':
            said = [event.get(key) for key in ('lent_s', 'overdrawn_s', 'lingered_s')]
            self.slot = tuple([one if _is_number(one) else 0 for one in said])
        for key in ('lent', 'nested', 'status', 'sweep', 'key', 'why', 'most', 'place'):
            if key in event:
                self.fields[key] = event[key]
        self.first = time if self.first is None else min(self.first, time)
        self.last = time if self.last is None else max(self.last, time)

    @property
    def outcome(self):
        """How it ended."""
        for name in ('gave-up', 'failed', 'served', 'released'):
            if name in self.seen:
                return name
        return 'open'

    @property
    def nested(self):
        """Did an ancestor hold the lock already?  Then nothing was taken."""
        return self.fields.get('nested') is True

    @property
    def lent(self):
        """Was the job slot lent while it waited?"""
        return self.fields.get('lent') is True

    @property
    def open(self):
        """Is its end not in the log?"""
        return not self.nested and not self.seen.intersection(_ENDS)

    def wait(self):
        """(from, to) of its wait, or None."""
        if self.waiting is None:
            return None
        return self.waiting, max(self.waiting, self.end if self.got is None else self.got)

    def hold(self):
        """(from, to) of its hold, or None."""
        if self.got is None or self.nested:
            return None
        return self.got, max(self.got, self.end)

    def keeps_out(self, other):
        """Do the two exclude each other?  Members of a pool do: one waited for another's place."""
        return 'exclusive' in (self.mode, other.mode) or 'pool' == self.mode == other.mode


class Report(object):
    """What a log says.

    calls       [Call], in the order in which they asked
    builds      [(from, to)]: spans of time, with a quiet one between any two
    skipped     how many lines were no events
    """

    def __init__(self, calls, skipped):
        self.calls = sorted(calls, key=lambda call: (call.first, call.pid))
        self.skipped = skipped
        self.builds = _builds(self.calls)
        self.names = _names(set([call.lock for call in calls]))
        holds = _by_lock([call for call in self.calls if call.got is not None and not call.nested])
        _end_open_calls(self.calls, holds, self.builds)
        _find_blockers(self.calls, holds)
        _find_servers(self.calls)

    @property
    def start(self):
        """When the first build began."""
        return self.builds[0][0]

    def elapsed(self):
        """Seconds that all builds took."""
        return sum([end - start for start, end in self.builds])


def read(lines):
    """The Report of a log's lines (bytes), with all its builds."""
    clock = _Clock()
    calls = {}
    skipped = 0
    for line in lines:
        event = _event(line)
        if event is None:
            skipped += 1
        elif event['event'] in _EVENTS:
            name = event['host'], event['call']
            if name not in calls:
                calls[name] = Call(event)
            calls[name].add(event, clock.time(event))
    return Report(calls.values(), skipped)


def last_build(report):
    """A Report of the last build only."""
    start = report.builds[-1][0]
    return Report([call for call in report.calls if call.first >= start], report.skipped)


def _event(line):
    """The event in a line, if it is whole and its fields have the right types; else None."""
    try:
        event = json.loads(line.decode('utf-8'))
    except (ValueError, RuntimeError):      # RuntimeError: nested too deeply
        return None
    if not isinstance(event, dict):
        return None
    for key in ('event', 'call', 'lock', 'mode'):
        if not isinstance(event.get(key), TEXT):
            return None
    for key in ('host', 'command', 'package'):
        if not isinstance(event.get(key), TEXT):
            event[key] = TEXT()
    if not (_is_number(event.get('time')) and _is_number(event.get('pid'))):
        return None
    return event


def _is_number(value):
    return isinstance(value, NUMBERS) and value is not True and value is not False \
        and 0 <= value < 1e12


def _spoken(command):
    """A command as people write it: without the interpreter with which the macros start sage-flock."""
    words = command.split(' ', 4)
    if words[1:3] == ['-S', '-E'] and words[3:] and words[3].endswith('/sage-flock'):
        words = ['sage-flock'] + words[4:]
    return ' '.join(words)


class _Clock(object):
    """Turns the two clocks of events into one time."""

    def __init__(self):
        self.hosts = {}         # host: [seconds between its clocks, its latest mono]
        self.running = {}       # host: the calls that have not ended

    def time(self, event):
        """When the event happened, in seconds since the epoch."""
        mono = event.get('mono')
        if not _is_number(mono):
            return event['time']
        host = event['host']
        running = self.running.setdefault(host, set())
        known = self.hosts.get(host)
        if known is None or self._is_new_boot(known, event['time'], mono, running):
            known = self.hosts[host] = [event['time'] - mono, mono]
            running.clear()
        known[1] = max(known[1], mono)
        if event['event'] in _ENDS:
            running.discard(event['call'])
        else:
            running.add(event['call'])
        return known[0] + mono

    def _is_new_boot(self, known, time, mono, running):
        """Has the host started anew, or slept, since the event before?  While
        calls run, a jump is a mere change of the time of day."""
        if abs(time - mono - known[0]) < _JUMP:
            return False
        return mono < known[1] - _JUMP or not running


def _builds(calls):
    spans = []
    for call in calls:
        if spans and call.first - spans[-1][1] < _QUIET:
            spans[-1][1] = max(spans[-1][1], call.last)
        else:
            spans.append([call.first, call.last])
    return [tuple(span) for span in spans]


def _names(paths):
    """What to call each lock: its file's name, or its path if two have the same name."""
    short = dict([(path, path.rstrip('/').split('/')[-1] or path) for path in paths])
    names = list(short.values())
    return dict([(path, name if names.count(name) == 1 else path) for path, name in short.items()])


def _by_lock(calls):
    """{lock: the calls that got it, in that order}"""
    found = {}
    for call in sorted(calls, key=lambda call: call.got):
        found.setdefault(call.lock, []).append(call)
    return found


def _end_open_calls(calls, holds, builds):
    starts = [start for start, _ in builds]
    for call in calls:
        if call.end is None:
            call.end = builds[bisect.bisect(starts, call.first) - 1][1]
    for users in holds.values():
        ends = {}       # mode: when the next call got the lock in that mode
        for call in reversed(users):
            if call.open:
                others = ['exclusive', 'shared', 'pool'] if call.mode == 'exclusive' else ['exclusive']
                call.end = min([call.end] + [ends[mode] for mode in others if mode in ends])
            ends[call.mode] = call.got


def _find_blockers(calls, holds):
    starts = {}
    longest = {}
    for lock, users in holds.items():
        starts[lock] = [call.got for call in users]
        longest[lock] = max([call.end - call.got for call in users])
    for call in calls:
        wait = call.wait()
        if not wait or call.lock not in holds:
            continue
        # No hold that began earlier than this can reach into the wait.
        begin = bisect.bisect_left(starts[call.lock], wait[0] - longest[call.lock] - _JUMP)
        end = bisect.bisect_right(starts[call.lock], wait[1])
        near = [other for other in holds[call.lock][begin:end] if other is not call]
        for other in near:
            seconds = min(wait[1], other.end) - max(wait[0], other.got)
            if seconds > 0 and call.keeps_out(other):
                call.blockers.append((other, seconds))
        call.blockers.sort(key=lambda pair: -pair[1])
        call.named = _behind_pids(call, near)


def _behind_pids(call, near):
    """The calls that `call` meant by the pids that it found in the way.

    A waiter reads the records a little before it logs the event, and a holder
    logs a little after it has its record; so the call nearest in time is meant.
    """
    named = []
    for pid in call.wanted:
        mine = [other for other in near if other.pid == pid and other.host == call.host]
        if mine:
            named.append(min(mine, key=lambda other: max(
                other.got - call.waiting, call.waiting - other.end, 0)))
    return named


def _find_servers(calls):
    """Set the server of each served call: the last sweep that ran under its
    number, since numbers begin anew with the lock folder."""
    ran = {}
    for call in calls:
        sweep = call.lock, str(call.fields.get('key')), str(call.fields.get('sweep'))
        if call.outcome == 'served':
            call.server = ran.get(sweep)
        elif call.ran is not None:
            ran[sweep] = call
