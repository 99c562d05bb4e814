"""Several locks in one call: --also LOCK... before LOCK.

They are taken in the order in which they are written, as nested calls would
take them, but by one process: what it holds counts for the locks behind as
what an ancestor holds (nesting, rings of waiters).  Either all are held in the
end or none, and they are let go in reverse.

A lease on etcd must be renewed while its holder waits for the next lock, which
only a process of its own can do; so such locks are taken by nested calls.
"""

import sys

import sage_flock
from sage_flock import python
from sage_flock.messages import Failure, say
from sage_flock.request import SHARED, Hold, option_for


def nest(asked):
    """Where one of the locks is on etcd: have `asked`, a namespace as options.parse()
    makes it, take the first and run a call that takes the rest.  Was that so?"""
    names = [name for _, name in asked.also] + [asked.lock or '']
    if not [name for name in names if '://' in sage_flock.location(name)]:
        return False
    words = [sys.executable or 'python', '-S', '-E', sys.argv[0]]
    for mode, name in asked.also[1:]:
        words += ['--also-shared' if mode == SHARED else '--also', name]
    words += option_for(asked.mode, asked.most)
    for word, is_asked in (('-n', not asked.wait), ('-o', asked.close), ('-F', not asked.fork), ('-q', asked.quiet),
                           ('--verbose', asked.verbose), ('--coalesce', asked.coalesce), ('--fcntl', asked.fcntl)):
        if is_asked:
            words.append(word)
    for word, value in (('-w', asked.seconds), ('-E', asked.conflict), ('--key', asked.key), ('--mark', asked.mark),
                        ('--fd', asked.fd), ('--start', asked.start), ('--length', asked.length)):
        if value is not None:
            words += [word, str(value)]
    asked.command = words + ['--'] + [asked.lock] * (asked.lock is not None) + asked.command
    asked.mode, asked.lock = asked.also[0]
    asked.also = []
    asked.coalesce, asked.fcntl, asked.fork = False, False, True
    asked.most = asked.fd = asked.key = asked.mark = None
    return True


def open_all(also):
    """(mode, lock) for each (mode, name) of `also`.  Raises Failure."""
    return [(mode, sage_flock.open_named(name)) for mode, name in also]


class Several(Hold):
    """The holds of one call, outermost first, as one: see request.Hold."""

    def __init__(self, holds):
        last = holds[-1]
        # Each says what those before it say, too, but one of --fcntl says nothing.
        inherited = [hold.inherited for hold in holds if hold.inherited][-1:]
        Hold.__init__(self, last.lock, inherited and inherited[0], not [hold for hold in holds if not hold.nested])
        self.holds = holds
        self.innermost = last
        for hold in holds:
            self.loan, hold.loan = self.loan or hold.loan, None

    def descriptors(self):
        return [fd for hold in self.holds for fd in hold.descriptors()]

    def is_awaited(self):
        return bool([hold for hold in self.holds if hold.is_awaited()])

    def debts(self):
        return [fd for hold in self.holds for fd in hold.debts()]

    def release(self):
        for hold in reversed(self.holds):
            hold.release()
            if hold is not self.innermost:
                hold.note('released')


def take(locks, request, request_for, take_one):
    """Take `locks`, pairs of a lock and its mode, the last for `request`: a Several, or None if not all were got in time.

    request_for(lock, mode)     a request.Request like `request`
    take_one(lock, request)     its Hold, or None.  Raises Failure
    """
    start = python.now()
    holds = []

    def let_go():
        while holds:
            hold = holds.pop()
            hold.release()
            hold.note('released')

    loan = None
    try:
        for lock, mode in locks:
            one = request if lock is locks[-1][0] else request_for(lock, mode)
            one.ours = [hold.record.path for hold in holds if hold.record]
            one.loan, one.let_go = loan, let_go
            if request.seconds is not None:
                one.within = request.seconds
                one.seconds = max(0.01, request.seconds - (python.now() - start))
            hold = take_one(lock, one)
            if hold is None:
                break
            hold.note = one.note
            loan = hold.loan or loan
            holds.append(hold)
        else:
            return Several(holds)
    except Failure as failure:
        say(str(failure) + failure.hint)        # before others go on whom it names
        failure.is_said = True
        let_go()
        _be_done_with(loan, request)
        raise
    let_go()
    _be_done_with(loan, request)
    return None


def _be_done_with(loan, request):
    if loan and loan.seconds is None:
        loan.leave(request.note)
