"""The queue of a lock that etcd keeps, and our ticket in it.

Of a lock with the path P there are these keys:

P//queue/MODE/ID  Somebody's ticket in the queue, from asking to releasing.  It
                  is bound to its lease, so it goes when that is not renewed.
P//run/MODE/ID    Under that ticket a command runs.  Bound to nothing.
P//sweep/KEY      The two numbers of sweeps.py.

MODE is `shared`, `exclusive` or `pool`; ID is the lease's, random, and never
recurs.  A ticket is as old as its create_revision, for etcd puts all changes
into one order (https://etcd.io/docs/latest/learning/api/).  An exclusive one
waits until it is the oldest, a shared one until no exclusive one is older, and
one of a pool until no exclusive one is older, none of the pool that still waits
is, and fewer are inside than it lets in.

Run keys are there because a lease can end while the command runs on: it takes
the keeper (keeper.py) a moment to stop it.  A run key without a ticket is
a ghost, and the next in line waits for it too.  It is removed when its command
is known to have ended.  Whoever meets a ghost binds it to a lease of half the
length that nobody renews, in case there is nobody left to say so.

Each step is one transaction and may be put twice: after a lost reply nobody
knows whether it was done.  A lease's ID is chosen here; a ticket that is put
again keeps its create_revision; and whoever finds its own run key there has
entered.
"""

import binascii
import posix
import time

from sage_flock import python
from sage_flock.etcd.http import NOT_FOUND, Refused, Unreachable, decoded, encoded
from sage_flock.python import now
from sage_flock.request import EXCLUSIVE, MODES, POOL, SHARED, most_in, parse, text_for
from sage_flock.messages import shortened

_RENEWALS = 5       # tries to renew a lease in its length
HASTE = 2.0             # seconds for a goodbye that may fail


class TicketLost(Exception):
    """Our ticket in the queue is gone: its lease ended, or somebody removed it."""


class Lease(object):
    """A lease of `seconds`.

    id     its number, chosen by us, so that asking twice makes one
    until  it lives up to then at least, by our clock
    due    when to renew it
    """

    def __init__(self, client, seconds):
        self._client = client
        self.seconds = seconds
        self.id = int(binascii.b2a_hex(_random(8)), 16) >> 1 or 1

    def grant(self):
        """Have it; returns itself."""
        asked = now()
        try:
            answer = self._client.ask('/v3/lease/grant', {'ID': str(self.id),
                                                          'TTL': str(int(self.seconds))})
            self.seconds = int(answer.get('TTL', self.seconds))
        except Refused as no:
            if 'already exists' not in str(no):     # then an earlier try of ours made it
                raise
        self._lives_from(asked)
        return self

    def renew(self, patience=None):
        """Live on; False when it has ended."""
        asked = now()
        answer = self._client.ask('/v3/lease/keepalive', {'ID': str(self.id)}, patience)
        if int(answer.get('TTL', 0)) <= 0:
            return False
        self._lives_from(asked)
        return True

    def revoke(self, patience=None):
        """End it, and whatever is bound to it."""
        try:
            self._client.ask('/v3/lease/revoke', {'ID': str(self.id)}, patience)
        except Refused as no:
            if no.code != NOT_FOUND:
                raise

    def _lives_from(self, asked):
        self.until = asked + self.seconds
        self.due = asked + self.seconds / float(_RENEWALS)


class Ticket(object):
    """Our ticket in the queue of the lock `path`; join() gets one.

    lease     what it is bound to
    revision  its age, the create_revision
    run_key   the key that says a command runs
    """

    def __init__(self, client, path, request, seconds):
        self.client = client
        self.lock_path = path
        self.mode = request.mode
        self.most = request.most
        self.lease = None
        self._seconds = seconds
        self._text = 'host %s\npid %d\n%s' % (posix.uname()[1], posix.getpid(), text_for(request))

    def join(self, wait):
        """Queue up, under a new lease; None when we are in at once, else the
        Queue.  Without `wait`: only if we are in at once, or for a look at a pool."""
        wait = wait or self.mode == POOL
        while True:
            try:
                queue = self._join(wait)
                # No transaction can count: whoever finds a pool in use looks once more, from its ticket.
                return self.enter() if self.mode == POOL and queue and not queue.before(self) else queue
            except TicketLost:       # a lease that ended so soon: its server was away
                pass

    def _join(self, wait):
        self.lease = Lease(self.client, self._seconds).grant()
        self.id = '%016x' % self.lease.id
        self.revision = None
        self.key = '%s//queue/%s/%s' % (self.lock_path, self.mode, self.id)
        self.run_key = '%s//run/%s/%s' % (self.lock_path, self.mode, self.id)
        queueing = put(self.key, self._since_now(), self.lease.id)
        free = [_compare(folder, 'EQUAL', 0) for folder in self._in_the_way()]
        return self._step(free, [queueing, self._run()], [queueing] if wait else [], not wait)

    def enter(self):
        """None when it is our turn, and we are in; else the Queue.

        Raises TicketLost."""
        queue = self._seen(self.client.ask('/v3/kv/range', whole_queue(self.lock_path)))
        if queue is None or queue.before(self):
            return queue
        # It remains our turn: nobody comes in before us any more.
        return self._step([self.is_ours()], [self._run()], [])

    def leave(self, patience=None):
        """Let go.  True if the ticket was ours up to now: else the lease has
        ended before, and the lock with it."""
        if self.revision is None:
            self.lease.revoke(patience)
            return False
        gone = self.client.ask('/v3/kv/txn', {
            'compare': [self.is_ours()],
            'success': [_delete(self.key), _delete(self.run_key)],
            'failure': [_delete(self.run_key)]}, patience)
        # Where an earlier try of ours has done it, neither key is there any more.
        ours = gone.get('succeeded') or (
            self.client.tries > 1 and not _deleted(gone['responses'][0]))
        self.lease.revoke(patience)
        return bool(ours)

    def leave_quietly(self):
        """Leave, if that can be done soon: else the lease ends it."""
        self.client.close()         # whatever was being asked when we were interrupted
        try:
            if self.lease:
                self.leave(HASTE)
        except (Unreachable, Refused):
            pass

    def is_ours(self):
        """A comparison for transactions that are only the holder's to make."""
        return _compare(self.key, 'EQUAL', self.revision)

    def _in_the_way(self):
        """The folders where, for our turn, nobody older may be."""
        modes = {SHARED: [EXCLUSIVE + '/'], POOL: [EXCLUSIVE + '/', POOL + '/']}.get(self.mode, [''])
        return ['%s//%s/%s' % (self.lock_path, what, mode) for what in ('queue', 'run') for mode in modes]

    def _run(self):
        return put(self.run_key, self._since_now())

    def _since_now(self):
        return 'since %.3f\n%s' % (time.time(), self._text)

    def _step(self, condition, then, otherwise, only_now=False):
        answer = self.client.ask('/v3/kv/txn', {
            'compare': condition, 'success': then,
            'failure': otherwise + [{'request_range': whole_queue(self.lock_path)}]})
        if answer.get('succeeded'):
            self.revision = self.revision or int(answer['header']['revision'])
            return None
        return self._seen(answer['responses'][-1]['response_range'], only_now)

    def _seen(self, found, only_now=False):
        """The Queue in the answer `found`; None if we have entered already."""
        queue = Queue(found)
        mine = queue.ticket(self.id)
        if mine:
            self.revision = mine.revision
        elif not only_now:
            raise TicketLost
        if self.id in queue.runs:
            return None
        for ghost in queue.ghosts:
            self._lay(ghost)
        return queue

    def _lay(self, ghost):
        """See that the ghost ends, after a time in which its keeper can act."""
        if ghost.lease:
            return
        lease = Lease(self.client, max(1, self._seconds // 2)).grant()
        self.client.ask('/v3/kv/txn', {
            'compare': [_compare(ghost.key, 'EQUAL', ghost.revision), _unbound(ghost.key)],
            'success': [put(ghost.key, ghost.value, lease.id)], 'failure': []})


class Queue(object):
    """The queue of a lock as it was at `revision`.

    tickets those who hold or wait, oldest first: Entry objects
    runs    the run keys as Entry objects, by ID
    ghosts  those of them whose ticket is gone
    """

    def __init__(self, found):
        self.revision = int(found['header']['revision']) if 'header' in found else 0
        entries = [Entry(one) for one in found.get('kvs', []) if _is_one(decoded(one['key']))]
        self.tickets = sorted([one for one in entries if one.what == 'queue'],
                             key=lambda one: one.revision)
        self.runs = dict([(one.id, one) for one in entries if one.what == 'run'])
        self.ghosts = [one for one in self.runs.values() if not self.ticket(one.id)]

    def ticket(self, ticket_id):
        """The ticket with that ID, or None."""
        for one in self.tickets:
            if one.id == ticket_id:
                return one
        return None

    def before(self, ticket):
        """Those whom the Ticket `ticket` waits for, the last in line first."""
        older = [one for one in reversed(self.tickets) if one.revision < ticket.revision]
        found = [one for one in older + self.ghosts if _conflict(one, ticket)]
        if ticket.mode == POOL:
            found += [one for one in older if one.mode == POOL and one.id not in self.runs]
            inside = self.members()
            found += inside if len(inside) >= ticket.most else []
        return found

    def holders(self):
        """Whose command runs, as far as is known: tickets and ghosts."""
        return self.ghosts + [one for one in self.tickets if one.id in self.runs]

    def members(self):
        """Who of a pool is inside."""
        return [one for one in self.holders() if one.mode == POOL]

    def since(self, one):
        """When `one` came to what it does now, seconds since the epoch."""
        return self.runs.get(one.id, one).since

    def waiters(self):
        """Those who wait."""
        return [one for one in self.tickets if one.id not in self.runs]

    def crowd(self):
        """How many wait."""
        return len(self.waiters())


class Entry(object):
    """A key of the queue, and what its text says, which is not to be trusted."""

    def __init__(self, found):
        self.key = decoded(found['key'])
        self.what, self.mode, self.id = self.key.rpartition('//')[2].split('/')
        self.revision = int(found['create_revision'])
        self.lease = int(found.get('lease', 0))
        self.value = decoded(found.get('value', ''))
        fields = parse(self.value)
        self.command = shortened(fields.get('command', '?'), 200)
        self.package = shortened(fields.get('package', ''), 40)
        self.most = most_in(fields.get('most', '')) if self.mode == POOL else None
        self.host = shortened(fields.get('host', '?'))
        self.pid = int(fields['pid']) if python.is_number(fields.get('pid', '')) else None
        try:
            self.since = float(fields['since'])
        except (KeyError, ValueError):
            self.since = time.time()

    @property
    def who(self):
        """Its process and host in one word."""
        return '%s@%s' % (self.pid or '?', self.host)


def _is_one(key):
    """Does `key` read as an Entry's does?  Anybody may have put it there."""
    words = key.rpartition('//')[2].split('/')
    return len(words) == 3 and words[1] in MODES


def whole_queue(path):
    """The range of the tickets and the run keys of the lock `path`, but not
    of its sweeps."""
    return span(path + '//queue/', path + '//run0')


def span(first, end):
    """The keys from `first` up to and without `end`, as a range goes."""
    return {'key': encoded(first), 'range_end': encoded(end)}


def folder_end(folder):
    """The first key behind all that begin with `folder`, which ends in a slash."""
    return folder[:-1] + '0'


def _conflict(one, other):
    return EXCLUSIVE in (one.mode, other.mode)


def _compare(key, result, revision):
    """A comparison of the create_revision of `key`, 0 if it is not there, or
    if it ends in a slash of all that begin with it."""
    where = span(key, folder_end(key)) if key.endswith('/') else {'key': encoded(key)}
    return dict(where, target='CREATE', result=result, create_revision=str(revision))


def _unbound(key):
    return {'key': encoded(key), 'target': 'LEASE', 'result': 'EQUAL', 'lease': '0'}


def put(key, value, lease=0):
    """A step of a transaction: put `value` at `key`."""
    return {'request_put': {'key': encoded(key), 'value': encoded(value), 'lease': str(lease)}}


def _delete(key):
    return {'request_delete_range': {'key': encoded(key)}}


def _deleted(response):
    return int(response.get('response_delete_range', {}).get('deleted', 0))


def _random(size):
    fd = posix.open('/dev/urandom', posix.O_RDONLY)
    try:
        return posix.read(fd, size)
    finally:
        posix.close(fd)
