"""A report for the terminal: one screen, aligned."""

import time

from sage_flock import python
from sage_flock.report.sums import Sums, cause, counted, length, seconds, worst_waits
from sage_flock.messages import printable, shortened

_LOCKS = 8          # how many locks have a line of their own
_WAITS = 5          # how many of the worst waits are shown
_BOLD, _DIM, _RED, _YELLOW = '1', '2', '31', '33'


def text(report, width, colour):
    """The report as one str, at most `width` columns wide if it fits."""
    sums = Sums(report)
    paint = _painted if colour else lambda line, how: line
    lines = _heading(report, sums, paint) + [''] + _locks(sums, width, paint)
    waits = worst_waits(report)
    if waits:
        lines += ['', paint('Worst waits', _BOLD)]
        lines += [_wait(call, report, width, paint) for call in waits[:_WAITS]]
    notes = _notes(report, sums)
    if notes:
        lines += [''] + [paint(note, _DIM) for note in notes]
    return '\n'.join(lines) + '\n'


def _painted(line, how):
    return '\033[%sm%s\033[0m' % (how, line)


def _heading(report, sums, paint):
    when = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(report.start))
    builds = len(report.builds)
    what = 'Build of' if builds == 1 else '%d builds from' % builds
    first = '%s %s: %s s, %s of %s' % (
        what, when, seconds(report.elapsed()), counted(len(report.calls), 'call'),
        counted(len(sums.locks), 'lock'))
    waits = sums.total('waits')
    if not waits:
        return [paint(first, _BOLD), 'Nobody waited.']
    second = '%s waited %s s in all.' % (counted(waits, 'call'), seconds(sums.total('waited')))
    third = 'No job slot was idle.'
    if sums.lost:
        third = paint('Lost time: %s s of job slots idle, in %s s of the build.'
                      % (seconds(sums.lost), seconds(sums.idle)), _RED)
    lines = [paint(first, _BOLD), second, third]
    if sums.total('lent_s'):
        lines.append('Job slots: lent for %s s, overdrawn for %s s, lingered for %s s.' % tuple(
            [seconds(sums.total(name)) for name in ('lent_s', 'overdrawn_s', 'lingered_s')]))
    return lines


def _locks(sums, width, paint):
    """The lines of the table of locks.  Beyond _LOCKS, the least waited for share one line."""
    rows = sums.locks
    if len(rows) > _LOCKS:
        rows = rows[:_LOCKS - 1]
    rest = sums.locks[len(rows):]
    table = [[_shown(one.name)] + _numbers([one]) for one in rows]
    if rest:
        table.append(['%s' % counted(len(rest), 'more lock')] + _numbers(rest))
    if len(sums.locks) > 1:
        table.append(['together'] + _numbers(sums.locks))
    table.insert(0, ['LOCK', 'TAKEN', 'HELD s', 'WAITS', 'WAITED s', 'WORST s', 'LENT',
                     'SAVED', 'LOST s'])
    widths = [max([len(row[i]) for row in table]) for i in range(len(table[0]))]
    widths[0] = min(widths[0], max(12, width - sum(widths[1:]) - 2 * len(widths) + 2))
    lines = []
    for row in table:
        cells = [shortened(row[0], widths[0]).ljust(widths[0])]
        cells += [cell.rjust(size) for cell, size in zip(row[1:], widths[1:])]
        if row is table[0]:
            cells = [paint(cell, _BOLD) for cell in cells]
        elif row[0] != 'together':
            cells[4] = paint(cells[4], _YELLOW) if row[4] != '-' else cells[4]
            cells[8] = paint(cells[8], _RED) if row[8] != '-' else cells[8]
        lines.append('  '.join(cells))
    return lines


def _numbers(some):
    """The cells for one LockSum, or for several together."""
    def total(name):
        return sum([getattr(one, name) for one in some])
    worst = max([one.worst for one in some])
    mark = '*' if total('open') else ''
    return [_count('taken', total), _seconds(total('held')) + mark, _count('waits', total),
            _seconds(total('waited')), _seconds(worst), _count('lent', total),
            _count('saved', total), _seconds(total('lost'))]


def _count(name, total):
    return '%d' % total(name) if total(name) else '-'


def _seconds(value):
    return seconds(value) if value else '-'


def _wait(call, report, width, paint):
    """The line of one of the worst waits: how long, for which lock, who, and for whom."""
    waited = '%8s s' % seconds(length(call.wait()))
    mark = ('*' if call.open else '') + (' (slot lent)' if call.lent else '')
    lock = _shown(report.names[call.lock])
    causes = cause(call)
    others = ' and %d more' % (len(causes) - 1) if len(causes) > 1 else ''
    head = '  %s%s  ' % (lock, mark)
    room = max(width - len(waited) - len(head) - len(others) - len(' for '), 24)
    me = who(call)
    first = who(causes[0]) if causes else _strangers(call)
    half = room // 2
    me_room = max(half, room - len(first))
    me = shortened(me, me_room)
    first = shortened(first, max(half, room - len(me)))
    return paint(waited, _YELLOW) + head + me + ' for ' + first + others


def who(call):
    """A call for people: its package, if any, and its command, else its pid."""
    name = "'%s'" % _shown(call.command) if call.command else '%d' % call.pid
    return '%s %s' % (_shown(call.package), name) if call.package else name


def _strangers(call):
    if call.wanted:
        return 'process ' + ', '.join(['%d' % pid for pid in call.wanted[:3]])
    return 'somebody unknown'


def _notes(report, sums):
    notes = []
    if sums.total('open'):
        notes.append('* %s no end in the log (killed, -F, running): counted as far as known'
                     % _calls_have(sums.total('open')))
    if sums.total('nested'):
        notes.append('%s the lock through an ancestor: not counted as taken'
                     % _calls_have(sums.total('nested')))
    if sums.total('failed'):
        notes.append('%s gave up or failed' % counted(sums.total('failed'), 'call'))
    if report.skipped:
        notes.append('%s of the log %s no event: skipped' % (
            counted(report.skipped, 'line'), 'is' if report.skipped == 1 else 'are'))
    return notes


def _calls_have(number):
    return counted(number, 'call') + (' has' if number == 1 else ' have')


def _shown(words):
    """Text from a log, as a str without control characters."""
    if not python.PY3:
        words = words.encode('utf-8')
    return printable(words)
