"""The keeper: a small process that keeps a lease while the command runs.

The wrapper sleeps until its command ends.  Beside it the keeper renews the
lease, and sees to it that command and lock end together:

* The lease has ended, or could not be renewed for so long that it soon will:
  the keeper tells the wrapper why, and stops the command with TERM and, after
  a quarter of the lease's length, KILL.
* The wrapper was killed, which the keeper sees by the end of a pipe: it stops
  the command in the same way, and then releases the lock.

Stopped are the command and all its descendants, as far as /proc tells of them:
of a recipe's shell alone the death would leave running what it runs.
"""

import posix
import time

from sage_flock import proc, python, slots
from sage_flock.etcd.http import Refused, Unreachable
from sage_flock.python import now, signal
from sage_flock.messages import reason, say

_MARGIN = 0.3       # of the lease's length before its end: the command is stopped
_GRACE = 0.25       # of the lease's length, between TERM and KILL
_DEATH = 1.0        # seconds until what was killed is gone
_LOOK = 0.05        # seconds between two looks whether it is
_OVER = b'.'


class Keeper(object):
    """The wrapper's end of a keeper."""

    def __init__(self, ticket, name, process):
        """Have the lease of `ticket` kept while the command runs as `process`;
        `name` is the lock's."""
        control, self._control = posix.pipe()
        self._hear, report = posix.pipe()
        try:
            keeper = posix.fork()
        except OSError as error:    # without a keeper it must not go on
            posix.write(report, python.raw('no process to watch over it: ' + reason(error)))
            _send(process, signal.SIGTERM)
            return
        if keeper == 0:
            try:
                ticket.client.close()        # the connection remains the wrapper's
                control, report, errors = slots.alone((control, report, 2))
                posix.dup2(errors, 2)
                python.guard_standard_descriptors()
                _Life(ticket, name, process, control, report).live()
            finally:
                posix._exit(0)
        posix.close(control)
        posix.close(report)

    def over(self):
        """The command has ended.  Says why the keeper has stopped it, or ''."""
        try:
            posix.write(self._control, _OVER)
        except OSError:         # it has gone already
            pass
        if python.readable([self._hear], 0):
            return python.text(posix.read(self._hear, 4096))
        return ''


class _Life(object):
    """The keeper's own side."""

    def __init__(self, ticket, name, process, control, report):
        self.ticket = ticket
        self.lease = ticket.lease
        self.name = name
        self.process = process
        self.control = control
        self.report = report

    def live(self):
        """Keep the lease until there is no more need to."""
        self.ticket.client.on_silence = None     # the screen is the command's, unless the lock is lost
        while True:
            last = self.lease.until - _MARGIN * self.lease.seconds
            word = self._hear(min(self.lease.due, last) - now())
            if word is None:
                why = self._renew(last)
                # A command that has just ended may have taken its lease with it.
                word = self._hear(0) if why else None
            if word == _OVER:
                return
            if word == b'':
                say("%s: the sage-flock that held it was killed: its command is stopped"
                    % self.name)
                self._stop()
                self.ticket.leave_quietly()
                return
            if why:
                posix.write(self.report, python.raw(why + '; it was stopped'))
                self._stop()
                return

    def _renew(self, last):
        """Renew the lease; why that is not possible, or ''."""
        if now() < last:
            try:
                if self.lease.renew(last - now()):
                    return ''
            except (Unreachable, Refused) as error:
                return str(error)
            return 'its lease has ended'
        return 'its lease was not renewed in time'

    def _hear(self, seconds):
        """What the wrapper says within `seconds`: _OVER, b'' if it is dead,
        None if nothing."""
        if python.readable([self.control], seconds):
            return posix.read(self.control, 1)
        return None

    def _stop(self):
        """Stop the command and its descendants: TERM, a grace, KILL."""
        doomed = proc.family(self.process)
        for number, patience in ((signal.SIGTERM, _GRACE * self.lease.seconds),
                                 (signal.SIGKILL, _DEATH)):
            for pid, born in doomed:
                if proc.birth(pid) == born:
                    _send(pid, number)
                    _send(pid, signal.SIGCONT)
            until = now() + patience
            while now() < until and [pid for pid, born in doomed if proc.birth(pid) == born]:
                time.sleep(_LOOK)
            doomed = sorted(set(doomed + proc.family(self.process)))


def _send(pid, number):
    try:
        posix.kill(pid, number)
    except OSError:             # it has just ended, or changed its user
        pass
