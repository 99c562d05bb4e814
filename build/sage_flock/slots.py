"""A waiter lends the job slot that it does not use.

A recipe owns one job slot, without a token, and gives it back by ending.
While it waits for a lock, that slot lies idle.  So a waiter puts a token into
make's jobserver (jobserver.py), which lets make start another job, and owes
one back.  Three rules:

* Never wait without a limit for a slot.  Whoever has the tokens may be
  waiting for a lock that we, or an ancestor of ours, hold.
* Never lose the debt.  It is left to a *guardian*, a process of its own.
* Never run on a debt, except by the one *overdraft* of each jobserver.  So
  no more jobs are at work than -j allows, plus one.

    waiter                                guardian
    forks it twice, so that nobody        closes the lock and all else,
      waits for it                          leaves session and terminal,
                                          puts a token in, closes the write
                                            end: make waits for that
    waits for the lock                    reads its control pipe
    has the lock: GO, and waits for       takes a token once there is one:
      either answer                         TOKEN; until then tries for the
    runs its command                        overdraft: OVERDRAFT
    the command has ended: END            returns the overdraft
    drops the lock
    lingers until the answer is TOKEN     takes a token: TOKEN, ends

The waiter lingers because its end gives make a slot, which must not be lent by
then.  It runs nothing meanwhile, so this costs the build no more than -j does:
what depends on it would have needed that slot.

Either may die at any time.  If the waiter dies, the guardian reads the end of
its control pipe, takes the overdraft if it can, for the slot that is now used
twice, and still takes back its token.  If the guardian dies, its waiter starts
another.  When make is gone, the guardian reads the end of the tokens.

Both waits have a limit, because nobody can know of everything that might wait
for us.  It is short where somebody who has a slot can be seen to: under a lock
of flock(1), or when others than lenders wait for our own lock.

A nested call does not linger.  It ends in debt, with the overdraft if it has
it, since its ancestor goes on in the same slot.  That ancestor lingers in its
place, until the debt at its record is gone.
"""

import fcntl
import posix

from sage_flock import debts, jobserver, proc, python
from sage_flock.python import signal

# A guardian is a process of some megabytes; more of them than there are
# slots to win gain nothing.
_MOST_GUARDIANS = 64
_LIMIT = 60         # seconds to wait for a slot, before the command and after it
_STRICT = 600       # the same before the command where there is no overdraft
_AWAITED = 1        # the same where somebody may need what we hold, and have a slot
_GOODBYE = 0.1      # seconds to wait after the command in a nested call, or if others wait for a stranger's lock
_STRANGER = 1.5     # the same under a stranger's lock for which nobody can be seen to wait
_LAST = 0.5         # the same where a signal ends us before the command has ended
_TRIES = 0.0005, 0.05   # seconds between tries for the overdraft, at first and at most
_GUARDIANS = 4      # how many may be killed before we give the debt up

_GO, _END = b'g', b'e'
_LENT, _OVERDRAFT, _TOKEN = b'l', b'o', b't'


class Loan(object):
    """A lent job slot.  Call go() when the lock is got, end() when the command
    has ended, linger() when the lock is dropped, and close() last.

    seconds   once closed, a dict of slot-seconds: `lent_s` before the command,
              `overdrawn_s` while it ran without a token, and `lingered_s`
              after it
    """

    seconds = None

    def __init__(self, tokens, recorded=(), nested=False, awaited=()):
        """Lend to the jobserver `tokens`: descriptors to (take from, give to),
        which are ours to close.  Raises OSError if no guardian can be started.

        recorded (descriptor, path) of fifos that are open while the slot is
                 lent (debts.py); the guardian removes them
        nested   an ancestor of ours holds a lock, and will go on in the slot
        awaited  the inodes, as /proc writes them, of locks that ancestors hold
                 and for which others may wait in a slot
        """
        self.tokens = tokens
        self.debts = recorded
        self.nested = nested
        self.awaited = awaited
        self.strict = python.getenv('SAGE_FLOCK_OVERDRAFT') == '0'
        self.last_word = b''        # to the guardian
        self.lent = False
        self.may_run = False        # the guardian has a token or the overdraft, or we gave up on both
        self.settled = None         # when the token was taken back
        self.guardians = 0          # how many have been started
        self.control = self.answer = None
        self.began = python.now()
        self.gone = self.over = None    # when the command could run, and when it had ended
        try:
            self._start_guardian(lends=True)
        except OSError:
            _close([tokens[0]] + [fd for fd, _ in recorded])
            raise
        finally:
            posix.close(tokens[1])

    def _start_guardian(self, lends=False):
        """Start a guardian, which lends the slot, or takes over the debt."""
        fds = ()
        try:
            fds += posix.pipe()
            fds += posix.pipe()
            child = posix.fork()
        except OSError:
            _close(fds)
            raise
        heard, control, answer, answering = fds
        if child == 0:
            _become_guardian(self, lends, heard, answering)
        _close((heard, answering))
        self.control, self.answer = python.private(control), python.private(answer)
        self.guardians += 1
        try:
            posix.waitpid(child, 0)
        except OSError:
            pass

    def go(self, is_awaited=lambda: False):
        """The lock is got: wait until the command may run.

        is_awaited()   is somebody waiting for the lock who has a slot?  Called
                       about every second while we wait
        """
        self._tell(_GO)
        limit = _STRICT if self.strict else _AWAITED if self.awaited else _LIMIT
        for second in range(limit):
            if self.may_run or second and is_awaited() and not self.strict:
                break
            self._hear(1.0)
        self.gone = python.now()

    def end(self):
        """The command has ended: nothing is at work in the slot any more,
        unless an ancestor is."""
        self.over = python.now()
        if not self.nested and not self.awaited:
            self._tell(_END)

    def linger(self):
        """Wait until the slot is no longer lent, since our end gives it to make."""
        limit = _GOODBYE if self.nested else _STRANGER if self.awaited else _LIMIT
        until = python.now() + limit
        while self.settled is None and python.now() < until:
            self._hear(min(_GOODBYE if self.awaited else limit, until - python.now()))
            if self.awaited and proc.are_awaited(self.awaited):
                break

    def leave(self, note):
        """Give up the lock, and return once the slot is ours again or
        overdrawn.  `note` as in a Request."""
        self.go()
        self.close()
        note('slot', **self.seconds)

    def say_goodbye(self):
        """We are about to die: wait briefly for the slot."""
        self._tell(_END)
        until = python.now() + _LAST
        while self.settled is None and python.now() < until:
            self._hear(until - python.now())

    def close(self):
        """Close all descriptors.  A debt that is left is the guardian's."""
        closed = python.now()
        over = closed if self.over is None else self.over
        gone = over if self.gone is None else self.gone
        settled = closed if self.settled is None else self.settled
        self.seconds = {'lent_s': gone - self.began, 'lingered_s': closed - over,
                        'overdrawn_s': max(0.0, min(settled, over) - gone)}
        _close([self.control, self.answer, self.tokens[0]] + [fd for fd, _ in self.debts])

    def _tell(self, word):
        self.last_word = word
        try:
            posix.write(self.control, word)
        except OSError:
            pass            # the guardian is dead, as _hear() will notice

    def _hear(self, seconds):
        """Listen to the guardian for at most so many seconds."""
        if not python.readable([self.answer], seconds):
            return
        words = posix.read(self.answer, 256)
        if not words:
            self._replace_guardian()
        for word in words.split(b'\n'):
            if word[:1] == _LENT:
                self.lent = True
            elif word[:1] == _OVERDRAFT:
                self.may_run = True
            elif word[:1] == _TOKEN:
                self.may_run = True
                self.settled = float(word[1:])

    def _replace_guardian(self):
        """The guardian was killed: have another take over the debt."""
        if self.lent and self.guardians <= _GUARDIANS:
            _close((self.control, self.answer))
            self.control = self.answer = None
            try:
                self._start_guardian()
                self._tell(self.last_word)
                return
            except OSError:
                pass
        self.may_run = True
        self.settled = python.now()


def lend(request, side, ancestors):
    """The Loan of our job slot; None if there is none to lend, or if enough
    others have lent theirs.

    request    the request.Request; if its call has waited for another lock
               before (--also), the slot is lent already
    side       a sidecar, or anything else with a crowd() of waiters, or None
    ancestors  what is held above this wait; what the call holds itself is not
               above the slot
    """
    if request.loan:
        return request.loan
    ancestors = [path for path in ancestors if path not in request.ours]
    if not python.getenv('MAKEFLAGS') or python.getenv('SAGE_FLOCK_KEEP_SLOT') not in ('', '0'):
        return None
    if side and side.crowd() > _MOST_GUARDIANS:
        return None
    try:
        tokens = jobserver.find(python.getenv('MAKEFLAGS'))
        return tokens and Loan(tokens, debts.leave(ancestors), bool(ancestors), proc.locked_above(ancestors))
    except OSError:         # no descriptor or no process to be had: keep the slot
        return None


def await_debts(fds, nested):
    """Wait until nobody has the fifos `fds` (debts.py) open for writing, which
    means that the slots lent under our lock are back.  `nested` as in a Loan."""
    until = python.now() + (_GOODBYE if nested or proc.locked_above(()) else _LIMIT)
    while fds and python.now() < until:
        gone = python.readable(fds, until - python.now())
        fds = [fd for fd in fds if fd not in gone]


# ---- The guardian

def _become_guardian(loan, lends, heard, answering):
    """In the forked child: become the guardian, or its short-lived parent."""
    try:
        if posix.fork() == 0:
            taking, giving = loan.tokens
            paths = [path for _, path in loan.debts]
            fds = alone([taking, heard, answering] + ([giving] if lends else []) + [fd for fd, _ in loan.debts])
            _guard(fds[0], fds[1], fds[2], fds[3] if lends else None, loan.strict)
            for path in paths:
                posix.unlink(path)
    finally:
        posix._exit(0)


def _guard(taking, heard, answering, giving, strict):
    """Be the guardian: put a token in, and take one back."""
    if giving is not None:
        if python.readable([heard], 0):
            return          # the wait has ended already, and make may be counting its tokens
        jobserver.put_token(giving)
        posix.close(giving)
        _answer(answering, _LENT)
    word = posix.read(heard, 1)     # the lock is got, or the waiter is dead
    overdrawn = False
    pause, longest = _TRIES
    while True:
        wants = word != _END and not overdrawn and not strict
        if wants and jobserver.take_overdraft(taking):
            overdrawn, wants = True, False
            _answer(answering, _OVERDRAFT)
        ready = python.readable([taking, heard] if word else [taking], pause if wants else None)
        pause = min(2 * pause, longest)
        if heard in ready:
            word = posix.read(heard, 1)
            if word == _END and overdrawn:
                jobserver.return_overdraft(taking)
                overdrawn = False
        if taking in ready and jobserver.take_token(taking):
            break
    if overdrawn:
        jobserver.return_overdraft(taking)
    _answer(answering, python.raw('%s%.6f' % (python.text(_TOKEN), python.now())))


def _answer(answering, word):
    try:
        posix.write(answering, word + b'\n')
    except OSError:
        pass                # nobody is left to hear it


def alone(fds):
    """Close all inherited descriptors but `fds`, leave the session and ignore
    the signals that end it.  Returns the new numbers of `fds`."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 16) for fd in fds]
    for fd in _open_descriptors(high):
        if fd not in high:
            _close([fd])
    posix.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    posix.chdir('/')
    return high


def _close(fds):
    for fd in fds:
        try:
            if fd is not None:
                posix.close(fd)
        except OSError:
            pass


def _open_descriptors(known):
    """The numbers of all open descriptors.  A list without the `known` ones is
    incomplete: FreeBSD's /dev/fd may show only the first three."""
    for folder in ('/proc/self/fd', '/dev/fd'):
        try:
            found = [int(name) for name in posix.listdir(folder)]
        except (OSError, ValueError):
            continue
        if set(known).issubset(found):
            return found
    return range(min(posix.sysconf('SC_OPEN_MAX'), 4096))
