"""What is asked of a lock, and what is had of it: common to all engines."""

import time

from sage_flock import python
from sage_flock.messages import Failure, quoted, shortened

SHARED, EXCLUSIVE, POOL = MODES = 'shared', 'exclusive', 'pool'
UNLOCK = 'unlock'
MOST = 256      # how many at most a pool may let in at a time
HELD = 'SAGE_FLOCK_HELD'


class Unavailable(Exception):
    """Why a lock goes without a sidecar: it works, but plainly."""


def not_logged(event, at=None, **fields):
    """The note of a Request where nobody asked for a log."""


def clocks():
    """Now, by both clocks: seconds since the epoch, and seconds of a clock that is never set
    back, None before Python 3.3."""
    return time.time(), getattr(time, 'monotonic', lambda: None)()


class Request(object):
    """What is asked of a lock.

    mode       SHARED, EXCLUSIVE, or POOL: shared by so many at a time as `most` says
    command    the argv to run, [] in the FD form
    wait       False: do not wait (-n)
    seconds    how long to wait (-w, SAGE_FLOCK_TIMEOUT); None: for ever
    timed      was it the call that said so (-w)?  Then its wait is no part of a deadlock
    conflict   the exit status when it was not got in time (-E)
    quiet, verbose
    note       called with the name and the fields of an event: events.Log
    held_up    the clocks() when it found the lock held, or None

    Of a call that takes several locks (several.py):

    ours       records of those that it has already
    loan       the slots.Loan of the job slot that it lent waiting for one of them, or None
    let_go     called without arguments before this process ends without the lock
    within     seconds for all of them together
    """

    held_up = loan = within = None
    ours = ()
    timed = False
    most = None

    def __init__(self, mode, command, wait=True, seconds=None, conflict=1,
                 quiet=False, verbose=False, note=not_logged):
        self.mode = mode
        self.command = command
        self.wait = wait
        self.seconds = seconds
        self.conflict = conflict
        self.quiet = quiet
        self.verbose = verbose
        self.note = note

    def let_go(self):
        """Let go what this call has beside the lock: nothing."""

    def is_logged(self):
        """Does a log want to know more than is known for nothing?"""
        return self.note is not not_logged

    def package(self):
        """What a kit says that the call works for, printable and bounded; '' elsewhere."""
        return shortened(python.getenv('SAGE_PKG'), 40)

    def is_covered(self, have, name):
        """Does the lock called `name`, which the command that we run under
        holds in the mode `have` (None: not), cover this call?"""
        if have == SHARED and self.mode == POOL:
            return False        # that holds no place
        if have in (SHARED, POOL) and self.mode == EXCLUSIVE:
            raise Failure(name, 'held shared by the command that this one runs under, '
                          'so an exclusive lock would wait for itself')
        return have is not None


class Hold(object):
    """A lock that is held, by us or, when `nested`, by an ancestor.

    inherited  what SAGE_FLOCK_HELD says to the command
    loan       the slots.Loan of a job slot lent while waiting, or None
    innermost  of several holds that of LOCK itself
    watch      to be called with the process id of the command once it runs;
               None where the command holds the lock as well as we do

    An engine adds descriptors(), what the command inherits; release(); and
    what it knows of is_awaited() and debts().
    """

    watch = None

    def __init__(self, lock, inherited, nested=False, loan=None):
        self.lock = lock
        self.inherited = inherited
        self.nested = nested
        self.loan = loan
        self.innermost = self

    def is_awaited(self):
        """Does anybody wait for the lock who has a job slot?"""
        return False

    def debts(self):
        """Job slots that were lent under the lock and are not back:
        descriptors that come to their end when a slot is back."""
        return []

    def go(self):
        """The command is to run: wait for the job slot that was lent, or for
        the overdraft, if one was."""
        if self.loan:
            self.loan.go(self.is_awaited)

    def is_over(self):
        """The command has ended, and the lock is still held."""
        if self.loan:
            self.loan.end()

    def end_loan(self, note=not_logged):
        """Be done with the job slot that was lent, if one was."""
        if self.loan:
            self.loan.close()
            note('slot', **self.loan.seconds)
            self.loan = None


# ---- What others are told: the text of a record, and SAGE_FLOCK_HELD

def text_for(request):
    """The text of the record of a Request: lines of a word and its value."""
    package = request.package()
    return 'mode %s\n%s%s%scommand %s\n' % (
        request.mode, 'most %d\n' % request.most if request.mode == POOL else '', 'timed 1\n' if request.timed else '',
        'package %s\n' % package if package else '', quoted(request.command, 200))


def parse(data):
    """The fields of a record's bytes; of a garbled one those that are whole."""
    fields = {}
    for line in python.text(data).split('\n'):
        word, blank, value = line.partition(' ')
        if blank:
            fields[word] = value
    if fields.get('mode') not in MODES or fields['mode'] == POOL and most_in(fields.get('most', '')) is None:
        fields['mode'] = EXCLUSIVE
    return fields


def most_in(word):
    """How many may be in a pool at a time, if `word` says so; else None."""
    return int(word) if python.is_number(word) and 1 <= int(word) <= MOST else None


def option_for(mode, most=None):
    """The words of a command line that ask for `mode`."""
    return {SHARED: ['-s'], EXCLUSIVE: ['-x'], POOL: ['--pool', str(most)]}[mode]


def strongest(modes):
    """That of `modes` which covers most; None if there is none."""
    for mode in (EXCLUSIVE, POOL, SHARED):
        if mode in modes:
            return mode
    return None


def held():
    """What SAGE_FLOCK_HELD says that ancestors hold, outermost first: paths of
    records, and addresses of locks of another engine."""
    value = python.getenv(HELD)
    return [path.replace('%3A', ':').replace('%25', '%') for path in value.split(':')] if value else []


def pass_on(paths):
    """The value of SAGE_FLOCK_HELD for `paths`."""
    return ':'.join([p.replace('%', '%25').replace(':', '%3A') for p in paths])
