"""The sums of a report: what each lock cost, and what the build lost."""


class LockSum(object):
    """The sums of one lock.  Everything but counts is in seconds.

    name, path
    calls       how many asked for it
    taken       how many got it, `shared` of them in shared mode or as one of a pool
    nested      how many ran under an ancestor's hold
    held        all holds together; `busy` while there was any
    waits       how many waited, `waited` in all, `worst` the longest
    lent        waits whose job slot was lent: in slot-seconds, `lent_s` before
                the command, `overdrawn_s` while it ran without a slot, and
                `lingered_s` after it, until the slot was back
    saved       sweeps that were not run, since another covered them
    lost        waits whose job slot was not lent, together
    failed      how many gave up or failed
    open        how many have no end in the log, so that their times are estimates
    """

    def __init__(self, name, path, calls):
        self.name = name
        self.path = path
        self.calls = len(calls)
        holds = [call for call in calls if call.hold()]
        waits = [call for call in calls if call.wait()]
        waited = [length(call.wait()) for call in waits]
        self.taken = len(holds)
        self.shared = len([call for call in holds if call.mode != 'exclusive'])
        self.nested = len([call for call in calls if call.nested])
        self.held = sum([length(call.hold()) for call in holds])
        self.busy = covered([call.hold() for call in holds])
        self.waits = len(waits)
        self.waited = sum(waited)
        self.worst = max(waited + [0])
        self.lent = len([call for call in waits if call.lent])
        self.lent_s, self.overdrawn_s, self.lingered_s = [sum(slots) for slots in zip(*[call.slot for call in calls])]
        self.saved = len([call for call in calls if call.outcome == 'served'])
        self.lost = sum([length(call.wait()) for call in waits if not call.lent])
        self.failed = len([call for call in calls if call.outcome in ('gave-up', 'failed')])
        self.open = len([call for call in calls if call.open])


class Sums(object):
    """The sums of a Report.

    locks   [LockSum], the longest waited for first
    lost    seconds for which waits kept job slots idle, all slots together
    idle    seconds of the build in which there was any such wait
    """

    def __init__(self, report):
        calls = {}
        for call in report.calls:
            calls.setdefault(call.lock, []).append(call)
        self.locks = [LockSum(report.names[path], path, users) for path, users in calls.items()]
        self.locks.sort(key=lambda one: (-one.waited, -one.held, one.name))
        self.lost = self.total('lost')
        self.idle = covered([call.wait() for call in report.calls
                             if call.wait() and not call.lent])

    def total(self, name):
        """The sum of one number over all locks."""
        return sum([getattr(one, name) for one in self.locks])


def seconds(value):
    """A length of time as text: three digits, but no finer than hundredths.

    seconds() in the page's model.js does the same.
    """
    value = round(value, 4) + 1e-9      # halves go up, here and there, whatever the clock's last digits are
    for digits, most in ((2, 9.995), (1, 99.95)):
        if value < most:
            return '%.*f' % (digits, value)
    return '%.0f' % value


def counted(number, noun):
    """`number` and the noun: 1 call, 2 calls."""
    return '%d %s' % (number, noun if number == 1 else noun + 's')


def rounded(value):
    """Seconds for the page: with all the digits that the log has."""
    return round(value, 6)


def length(span):
    """The seconds of a span (from, to)."""
    return span[1] - span[0]


def covered(spans):
    """The seconds that are in at least one of the spans."""
    total = 0
    reached = None
    for start, end in sorted(spans):
        if reached is None or start > reached:
            reached = start
        if end > reached:
            total += end - reached
            reached = end
    return total


def worst_waits(report):
    """The calls that waited, the longest wait first."""
    waits = [call for call in report.calls if call.wait()]
    return sorted(waits, key=lambda call: -length(call.wait()))


def cause(call):
    """The Calls that caused a wait, the most important first: those whose
    holds it overlapped, else those that it named."""
    return [other for other, _ in call.blockers] or call.named
