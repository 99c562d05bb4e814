"""A report as one HTML page that needs nothing but itself.

The page is page/page.html with the style sheet, the scripts and the data
inserted.  The data is JSON in a script element that is not run.  Characters
that could end that element or start a comment in it are escaped, and the
page's scripts show text as text only, so a command in the log stays data.
"""

import json

from sage_flock.report.rows import rows as rows_of
from sage_flock.report.sums import Sums, cause, counted, rounded, seconds, worst_waits

_SCRIPTS = ('model.js', 'layout.js', 'drawing.js', 'timeline.js', 'slots.js', 'tables.js', 'main.js')
_BLOCKERS = 8       # how many of the calls in a wait's way are named


def page(report, name):
    """The page as ASCII text; `name` is the log's."""
    parts = {'STYLE': _part('page.css'), 'SCRIPT': '\n'.join([_part(one) for one in _SCRIPTS]),
             'DATA': embedded(data(report, name))}
    text = _part('page.html')
    for key in ('STYLE', 'SCRIPT', 'DATA'):     # the data last: it may contain anything, even '@STYLE@'
        before, after = text.split('@%s@' % key)
        text = before + parts[key] + after
    return text


def embedded(value):
    """`value` as JSON that may stand in an HTML script element."""
    text = json.dumps(value, separators=(',', ':'))
    for char in '<>&':
        text = text.replace(char, '\\u%04x' % ord(char))
    return text


def data(report, name):
    """What the page shows, as model.js reads it.  Times are seconds since the start."""
    sums = Sums(report)
    rows = rows_of(report)
    row_of = dict([(call, i) for i, row in enumerate(rows) for call in row.calls])
    number = dict([(call, i) for i, call in enumerate(report.calls)])
    place = dict([(one.path, i) for i, one in enumerate(sums.locks)])
    calls = []
    for call in report.calls:
        facts = _facts(call, report, number)
        facts.update({'row': row_of[call], 'lock': place[call.lock]})
        calls.append(facts)
    return {'file': name.split('/')[-1], 'start': report.start, 'skipped': report.skipped,
            'builds': [_since(span, report) for span in report.builds],
            'answer': answer(report, sums), 'totals': _totals(report, sums),
            'locks': [_lock(one) for one in sums.locks],
            'rows': [row.label for row in rows], 'calls': calls}


def answer(report, sums):
    """The page's first sentence: which lock held up most, and its worst wait."""
    one = sums.locks[0]
    if not one.waits:
        return 'nobody waited'
    worst = [call for call in worst_waits(report) if call.lock == one.path][0]
    behind = [_who(other) for other in cause(worst)[:1]]
    behind += ['process %d' % pid for pid in worst.wanted[:1]]
    return '%s held up %s for %s s in all; the worst was %s, %s s%s' % (
        one.name, counted(one.waits, 'call'), seconds(one.waited), _who(worst), seconds(one.worst),
        ' behind ' + behind[0] if behind else '')


def _who(call):
    return call.package or call.command or 'process %d' % call.pid


def _totals(report, sums):
    facts = {'took': report.elapsed(), 'lost': sums.lost, 'idle': sums.idle}
    for name in ('waits', 'waited', 'lent', 'lent_s', 'overdrawn_s', 'lingered_s', 'saved'):
        facts[name] = sums.total(name)
    return dict([(name, rounded(value)) for name, value in facts.items()])


def _facts(call, report, number):
    facts = {'mode': call.mode, 'pid': call.pid, 'host': call.host, 'command': call.command,
             'package': call.package, 'outcome': call.outcome,
             'asked': rounded(call.first - report.start)}
    for key in ('status', 'why', 'place', 'most'):
        if key in call.fields:
            facts[key] = call.fields[key]
    for key in ('open', 'nested', 'lent'):
        if getattr(call, key):
            facts[key] = True
    if call.lent and sum(call.slot):
        facts['slot'] = [rounded(one) for one in call.slot]
    if call.server:
        facts['server'] = number[call.server]
    for key, span in (('wait', call.wait()), ('hold', call.hold())):
        if span:
            facts[key] = _since(span, report)
    if call.wait():
        facts['by'] = [[number[other], rounded(long)]
                       for other, long in call.blockers[:_BLOCKERS]]
        facts['more'] = max(0, len(call.blockers) - _BLOCKERS)
        facts['for'] = [number[other] for other in call.named]
        facts['strangers'] = [pid for pid in call.wanted
                              if pid not in [other.pid for other in call.named]]
    return facts


def _lock(one):
    facts = {'name': one.name, 'path': one.path}
    for key in ('calls', 'taken', 'shared', 'nested', 'waits', 'lent', 'saved', 'failed', 'open'):
        facts[key] = getattr(one, key)
    for key in ('held', 'busy', 'waited', 'worst', 'lost', 'lent_s', 'overdrawn_s', 'lingered_s'):
        facts[key] = rounded(getattr(one, key))
    return facts


def _since(span, report):
    return [rounded(time - report.start) for time in span]


def _part(name):
    stream = open(__file__.rpartition('/')[0] + '/page/' + name, 'rb')
    try:
        return stream.read().decode('ascii')
    finally:
        stream.close()
