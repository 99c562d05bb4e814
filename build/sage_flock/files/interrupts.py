"""Getting the first thread out of flock(2), by signals none of which is lost.

The one way out of a flock(2) that blocks is a handler that raises.  Python
runs handlers between two steps of its own, so of a signal that comes just
before the thread blocks it would run only after it.  Therefore every signal
also writes a byte into a pipe, on which the second thread sleeps; and that one
sends another signal a little later.
https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd

TSTP                    Ctrl-Z: leave the queue, stop, queue anew when continued
TERM, HUP, INT, QUIT    leave the queue and end, where a job slot is lent: make
                        may count its tokens before our guardian has taken one
                        back.  Elsewhere they end us at once
URG                     from the second thread; by default it does nothing
"""

import fcntl
import posix
import select  # noqa: python.readable() needs it, and later there may be no descriptor left to load it
import time

try:
    import _thread  # novm: its name from 3.0 on
except ImportError:
    import thread as _thread

from sage_flock import python
from sage_flock.files import locks
from sage_flock.python import signal

_DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_URG_BYTE = python.raw(chr(signal.SIGURG))
_NUDGE = 0.01               # seconds until a signal that the first thread may have missed is repeated
_LONGEST_NUDGE = 0.08
_ROUNDS, _STRETCH = 12, 5.0     # repeated signals in a row, and seconds after which it is another row


class _CalledOff(Exception):
    """Raised by a signal's handler where the first thread blocks in flock(2)."""


class Interrupts(object):
    """The signals of one wait, and the pipe between its two threads.

    stopping    a Ctrl-Z has come, or a signal that ends us: leave the queue
    ending      the number of the latter, or None
    """

    def __init__(self):
        self.stopping = False
        self.ending = None
        self.called_off = False     # the second thread has got the lock
        self.blocks = False         # the first thread is in flock(2), or about to be: a handler may raise
        self.rounds = 0             # how many signals were repeated in a row, and when the last one was
        self.repeated = 0.0
        self.actions = []           # (signal, action before us)
        self.first_thread = _thread.get_ident()
        self.heard, self.waker = posix.pipe()
        python.private(self.heard)
        python.private(self.waker)

    def catch(self, lends):
        """Have signals call the first thread off; `lends`: a job slot is lent."""
        fcntl.fcntl(self.waker, fcntl.F_SETFL, posix.O_NONBLOCK)
        signal.set_wakeup_fd(self.waker)
        for number in (signal.SIGURG, signal.SIGTSTP) + (_DEADLY if lends else ()):
            before = signal.getsignal(number)
            if number == signal.SIGURG or before == signal.SIG_DFL:     # ignored stays ignored
                self._handle(number, before, self._call_off)

    def ring_at(self, seconds, function):
        """Without a second thread: call function() in so many seconds, and
        again and again, for an alarm just before flock(2) blocks would be
        heard only after it."""
        self._handle(signal.SIGALRM, signal.getsignal(signal.SIGALRM), lambda number, frame: function())
        signal.setitimer(signal.ITIMER_REAL, max(_NUDGE, seconds), _NUDGE)

    def _handle(self, number, before, handler):
        self.actions.append((number, before))
        signal.signal(number, handler)

    def _call_off(self, number, frame):
        if number in _DEADLY:
            self.ending = number
        if number != signal.SIGURG:
            self.stopping = True
        if self.blocks and (self.stopping or self.called_off):
            self.blocks = False
            raise _CalledOff

    # ---- In the first thread

    def block(self, fd, operation, name):
        """flock(2) for as long as it takes; False if we are to stop or end,
        though the lock may just have been got then."""
        return self.sleep_in(locks.flock, fd, operation, name)

    def sleep_in(self, function, *args):
        """function(*args), which may block for long; False if we are to stop or end."""
        try:
            self.blocks = True
            if not self.stopping and not self.called_off:
                function(*args)
            self.blocks = False
        except _CalledOff:
            pass
        return not self.stopping

    def stop(self):
        """Stop, as a Ctrl-Z does, and catch the next one when continued."""
        self.stop_now()
        signal.signal(signal.SIGTSTP, self._call_off)

    def stop_now(self):
        """Stop; a further Ctrl-Z acts as it does by default."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self.stopping = False
        posix.kill(posix.getpid(), signal.SIGTSTP)

    def end(self):
        """End by the signal that has come."""
        for number in _DEADLY:
            signal.signal(number, signal.SIG_DFL)
        posix.kill(posix.getpid(), self.ending)

    def see_off(self, ended):
        """The wait is over: have the second thread end, which lets the thread
        lock `ended` go, and put the signals' actions back."""
        handled = dict(self.actions)
        if signal.SIGALRM in handled:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if signal.SIGURG in handled:
            signal.set_wakeup_fd(-1)
        posix.close(self.waker)
        ended.acquire()
        posix.close(self.heard)
        # Only now: of a signal that has come, and whose handler is yet to run, it would call the default, a number.  On
        # Python 2 one may be left for long; so what is to do nothing gets a handler that does nothing.
        for number, action in self.actions:
            signal.signal(number, _nothing if (number, action) == (signal.SIGURG, signal.SIG_DFL) else action)

    # ---- In the second thread

    def leave_to_first_thread(self):
        """Signals are for the first thread: the end of the command, too, if it
        comes before this one is quite gone."""
        if hasattr(signal, 'pthread_sigmask'):
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))  # novm

    def sleep(self, seconds):
        """Sleep; True if the wait is over."""
        if not python.readable([self.heard], seconds):
            return False
        words = posix.read(self.heard, 64)
        if words.strip(_URG_BYTE):
            self._repeat()
        return not words

    def call_off(self, is_over):
        """Get the first thread out of flock(2): the lock is got.  Until is_over()."""
        self.called_off = True
        while not is_over():
            self._nudge()
            time.sleep(_NUDGE)

    def _repeat(self):
        """See that the first thread minds a signal.

        Before Python 3.3 nothing tells our own signals from others', and of
        two at once the pipe has but one; so each byte is answered, for about
        a second at a stretch.
        """
        if python.VERSION < (3, 3):
            if python.now() - self.repeated > _STRETCH:
                self.rounds = 0
            self.repeated = python.now()
            if self.rounds == _ROUNDS:
                self.rounds = 0
                return
            self.rounds += 1
        time.sleep(min(_NUDGE * 2 ** self.rounds, _LONGEST_NUDGE))
        self._nudge()

    def _nudge(self):
        if hasattr(signal, 'pthread_kill'):
            signal.pthread_kill(self.first_thread, signal.SIGURG)  # novm
        else:
            posix.kill(posix.getpid(), signal.SIGURG)


def _nothing(number, frame):
    """What SIGURG does by default."""
