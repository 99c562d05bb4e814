"""The locks under which files come into the tree, taken by ourselves where nobody has to be waited for.

That spares an install two starts of Python, half of what a small package costs.  It is a call of sage-flock's all the
same: in the queue, with a record that names us, and in the log.
"""

import os

from sage_flock import events, messages, open_named, request
from sage_flock.request import SHARED


def share(names, words):
    """Share the locks `names`, in this order: a list of holds for release(), or None where one is not free, or is no file.

    words: what is done under them, for people.
    """
    holds = []
    for name in names:
        hold = '://' not in os.environ.get('SAGE_LOCK_DIR', '') and _share(name, words)
        if not hold:
            release(holds)
            return None
        holds.append(hold)
    return holds


def _share(name, words):
    try:
        lock = open_named(name)
        asked = request.Request(SHARED, words, wait=False, quiet=True)
        if os.environ.get('SAGE_FLOCK_LOG'):
            asked.note = _Note(events.log_for(lock, SHARED, messages.quoted(words, 200)))
        hold = lock.hold(asked)
    except messages.Failure:
        return None                     # whoever asks once more, and waits, says what it is
    if hold is None:
        os.close(lock.fd)
        return None
    hold.note = asked.note
    return hold


class _Note(object):
    """The log of a lock that is asked for only where it is got: else sage-flock, which then waits for it, says so."""

    def __init__(self, log):
        self._log = log
        self._asked = request.clocks()

    def __call__(self, event, at=None, **fields):
        if event == 'got':
            self._log('asked', self._asked)
        self._log(event, at, **fields)


def release(holds):
    """Give them back."""
    for hold in reversed(holds):
        hold.release()
        hold.note('released')
        for fd in hold.descriptors():
            os.close(fd)
