"""A report in the Chrome trace event format, for Perfetto and chrome://tracing.

Each row of the timeline is a thread, or several if its calls overlap, since
slices of one thread may nest but not cross.  A flow ties a wait to the hold
that it waited for: `s` in the waiter's slice, `f` in the holder's.  Viewers
follow a flow forward in time, so both ends have the same time, an instant at
which both slices are there.
"""

from sage_flock.report import rows

_PROCESS = 1


def trace(report):
    """The trace of a Report, as a value for json.dumps()."""
    slices = []
    flows = []
    names = []
    where = {}
    for row in rows.rows(report):
        for number, lane in enumerate(rows.lanes(row.calls)):
            thread = len(names) + 1
            names.append((thread, '%s (%d)' % (row.label, number + 1) if number else row.label))
            for call in lane:
                where[call] = thread
                slices += _slices(call, thread, report)
    for call in report.calls:
        for other in call.named or [one for one, _ in call.blockers[:1]]:
            flows += _flow(call, other, where, report, len(flows) // 2 + 1)
    slices.sort(key=lambda event: (event['ts'], -event['dur']))
    return {'displayTimeUnit': 'ms',
            'otherData': {'what': 'locks of a build, by sage-flock-report'},
            'traceEvents': _metadata(names) + slices + flows + _counters(report)}


def _metadata(names):
    events = [_event('M', 'process_name', 0, {'name': 'build'})]
    for thread, label in names:
        events.append(_event('M', 'thread_name', thread, {'name': label}))
        events.append(_event('M', 'thread_sort_index', thread, {'sort_index': thread}))
    return events


def _event(kind, name, thread, args=None, **more):
    event = {'ph': kind, 'name': name, 'pid': _PROCESS, 'tid': thread}
    if args is not None:
        event['args'] = args
    event.update(more)
    return event


def _slices(call, thread, report):
    name = report.names[call.lock]
    slices = []
    for span, kind in ((call.wait(), 'wait'), (call.hold(), 'hold')):
        if span:
            slices.append(_event(
                'X', '%s %s' % (kind, name), thread, _details(call),
                cat='%s,%s' % (kind, call.mode), ts=_ticks(span[0], report),
                dur=_ticks(span[1], report) - _ticks(span[0], report)))
    return slices


def _details(call):
    details = {'lock': call.lock, 'mode': call.mode, 'command': call.command,
               'package': call.package, 'pid': call.pid, 'host': call.host,
               'outcome': call.outcome}
    details.update(call.fields)
    return details


def _flow(call, other, where, report, number):
    hold = other.hold()
    wait = call.wait()
    at = max(hold[0], wait[0])
    if at >= min(hold[1], wait[1]):     # there is no such instant
        return []
    ts = _ticks(at, report)
    return [_event('s', 'waits for', where[call], cat='flow', id=number, ts=ts),
            _event('f', 'waits for', where[other], cat='flow', id=number, ts=ts, bp='e')]


def _counters(report):
    """The number of waiters after each change."""
    changes = {}
    for call in report.calls:
        if call.wait():
            kind = 'slot lent' if call.lent else 'slot idle'
            for time, step in zip(call.wait(), (1, -1)):
                changes.setdefault(_ticks(time, report), []).append((kind, step))
    level = {'slot lent': 0, 'slot idle': 0}
    events = []
    for ts in sorted(changes):
        for kind, step in changes[ts]:
            level[kind] += step
        events.append(_event('C', 'waiting', 0, dict(level), ts=ts))
    return events


def _ticks(time, report):
    """A time in microseconds since the report's start."""
    return int(round((time - report.start) * 1e6))
