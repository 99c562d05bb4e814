"""Locks that hosts without a common file system share: kept by etcd.

An engine, see at() in sage_flock, for addresses that go
`etcd://HOST:PORT[,HOST:PORT...]/FOLDER/NAME`.  The protocol is in queue.py,
the talk with the servers in http.py; waiting and the keeper, which watches
over lease and command, load when they are needed.
"""

import gc
import time

from sage_flock import python, sweeps
from sage_flock.etcd import http
from sage_flock.etcd.http import Refused, Unreachable, decoded, encoded
from sage_flock.etcd.queue import HASTE, Ticket, Queue, folder_end, put, span, whole_queue
from sage_flock.python import signal
from sage_flock.messages import USAGE, Failure, duration, say
from sage_flock.request import Hold, held, strongest

gc.enable()         # who talks with servers may live for long

_SCHEME = 'etcd://'
_PORT = '2379'
_LEASE = '10'           # seconds; SAGE_FLOCK_LEASE
_DEADLY = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


def open_named(name, url):
    """The Lock called `name` at `url`; Failure where that is no place for one."""
    return Lock(name, url)


def names(url):
    """The names of the locks in the folder `url` that somebody uses, sorted."""
    servers, path = _parsed(url)
    folder = path + '/'
    found = _failing_as(url, _client(url, servers).ask, '/v3/kv/range',
                  dict(span(folder, folder_end(folder)), keys_only=True))
    keys = [decoded(one['key'])[len(folder):].partition('//') for one in found.get('kvs', [])]
    return sorted(set([name for name, _, rest in keys
                       if name and '/' not in name and not rest.startswith('sweep/')]))


def users(name, url):
    """Who uses the lock at `url`, as a list of dicts for status.py."""
    queue = Lock(name, url).queue()
    rows = []
    for state, entries in (('holds', queue.holders()), ('waits', queue.waiters())):
        for one in entries:
            rows.append({'state': 'lost' if one in queue.ghosts else state, 'mode': one.mode, 'most': one.most,
                         'pid': one.pid, 'host': one.host, 'package': one.package or None, 'command': one.command,
                         'seconds': round(max(0, time.time() - queue.since(one)), 1)})
    return rows


class Lock(object):
    """A lock at an etcd:// address; see files.Lock."""

    fd = None
    ours = True

    def __init__(self, name, url):
        servers, self.path = _parsed(url)
        if not self.path:
            raise Failure(url, 'names no lock: it goes etcd://HOST:PORT/FOLDER/NAME', USAGE)
        self.name = name
        self.url = url
        self.servers = _SCHEME + url[len(_SCHEME):].partition('/')[0]
        self.client = _client(name, servers)
        self.ticket = None

    def hold(self, request):
        """Take it as a request.Request asks: a Hold, or None when it was not
        got in time.  Raises Failure."""
        if request.quiet:
            self.client.on_silence = None
        ancestors = held() + list(request.ours)
        if self._covered(request, ancestors):
            request.note('got', nested=True, lent=False)
            return EtcdHold(self, None, ancestors, nested=True)
        self.ticket = Ticket(self.client, self.path, request, _lease_seconds())
        _leave_when_dying(self.ticket)
        try:
            return _failing_as(self.name, self._take, request, ancestors)
        except Failure:
            self.ticket.leave_quietly()
            raise

    def sweep(self, key):
        """The sweeps.Sweep called `key` of this lock."""
        return EtcdSweep(self, key)

    def drop(self):
        """Nothing: there is no descriptor through which it could outlive us."""

    def queue(self):
        """The Queue as it is now."""
        return Queue(_failing_as(self.name, self.client.ask, '/v3/kv/range', whole_queue(self.path)))

    def _take(self, request, ancestors):
        loan = None
        queue = self.ticket.join(request.wait)
        if queue:
            if not request.wait:
                self.ticket.leave()
                return None
            from sage_flock.etcd import waiting
            got, loan = waiting.wait(self, queue, request, ancestors)
            if not got:
                return None
        request.note('got', nested=False, lent=loan is not None)
        return EtcdHold(self, self.ticket, ancestors, loan=loan)

    def _covered(self, request, ancestors):
        """Does a lock held by an ancestor cover this call?"""
        ids = [key.rpartition('/')[2] for key in ancestors
               if key.startswith(_SCHEME) and _parsed(key.rpartition('//run/')[0])[1] == self.path]
        if not ids:
            return False
        queue = self.queue()
        modes = [one.mode for one in queue.tickets if one.id in ids and one.id in queue.runs]
        return request.is_covered(strongest(modes), self.name)


class EtcdHold(Hold):
    """A lock that etcd keeps for us; see request.Hold."""

    def __init__(self, lock, ticket, ancestors, nested=False, loan=None):
        Hold.__init__(self, lock, ancestors, nested, loan)
        self.ticket = ticket
        self.keeper = None
        if ticket:
            self.inherited = ancestors + [lock.servers + ticket.run_key]
            self.watch = self._watch

    def descriptors(self):
        """None: the command has nothing to do with it."""
        return []

    def release(self):
        """Let go.  Raises Failure if the lock was lost while the command ran."""
        if not self.ticket:
            return
        ticket, self.ticket = self.ticket, None
        why = self.keeper.over() if self.keeper else ''
        try:
            if not ticket.leave(HASTE if why else None) and not why:
                why = 'its lease has ended'
        except (Unreachable, Refused) as error:
            if not why:
                say('%s: not released, so free once its lease ends: %s' % (self.lock.name, error))
        if why:
            raise Failure(self.lock.name, 'lost while the command ran: ' + why)

    def is_awaited(self):
        """No: who waits on etcd has lent its slot, or is on another host.  But
        until the command runs nobody else keeps the lease alive."""
        lease = self.ticket.lease
        try:
            if python.now() >= lease.due:
                lease.renew(max(0.5, lease.until - python.now()))
        except (Unreachable, Refused):
            pass            # the keeper will find out what that means
        return False

    def _watch(self, process):
        """The command runs as `process`: see that it ends when the lock does."""
        from sage_flock.etcd import keeper
        self.keeper = keeper.Keeper(self.ticket, self.lock.name, process)


class EtcdSweep(sweeps.Sweep):
    """One call's share in the sweeps of a lock that etcd keeps."""

    def __init__(self, lock, key):
        self._lock = lock
        self._key = '%s//sweep/%s' % (lock.path, key)
        sweeps.Sweep.__init__(self, key)

    def succeeded(self):
        """Write down that our sweep did it, if that can be done now: else the
        next in line runs its own."""
        try:
            sweeps.Sweep.succeeded(self)
        except Failure:
            pass            # if it is because the lock was lost, the release will say so

    def _place(self):
        return self._key

    def _numbers(self, change=None):
        lock = self._lock
        found = _failing_as(lock.name, lock.client.ask, '/v3/kv/range', {'key': encoded(self._key)})
        numbers = sweeps.parse(python.raw(decoded(found.get('kvs', [{}])[0].get('value', ''))))
        if change:
            done = _failing_as(lock.name, lock.client.ask, '/v3/kv/txn', {
                'compare': [lock.ticket.is_ours()],
                'success': [put(self._key, '%d %d' % change(numbers))], 'failure': []})
            if not done.get('succeeded'):
                raise Failure(lock.name, 'lost before the command ran: its lease has ended')
        return numbers


def _leave_when_dying(ticket):
    """Let a signal that ends us leave the Ticket, where its command does not
    run yet: others would wait until the lease ends."""
    def leave_and_die(number, frame):
        for each in _DEADLY:
            signal.signal(each, signal.SIG_IGN)
        ticket.leave_quietly()
        from sage_flock import command
        command.end_like(number)

    for number in _DEADLY:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, leave_and_die)


def _failing_as(name, action, *args):
    """action(*args), its failures as a Failure of the lock `name`."""
    try:
        return action(*args)
    except Unreachable as why:
        raise Failure(name, str(why))
    except Refused as no:
        raise Failure(name, 'etcd refuses: %s' % no)


def _client(name, servers):
    client = http.Client(servers, _lease_seconds())
    client.on_silence = lambda why, left: say('%s: no answer from etcd yet (%s): trying for %s more' % (
        name, why, duration(left)))
    return client


def _lease_seconds():
    word = python.getenv('SAGE_FLOCK_LEASE') or _LEASE
    if not python.is_number(word) or not 1 <= int(word) <= 3600:
        raise Failure('SAGE_FLOCK_LEASE', "'%s' is no whole number of seconds up to 3600" % word,
                      USAGE)
    return int(word)


def _parsed(url):
    """The servers, as (host, port), and the path of an etcd:// address."""
    where, _, path = url[len(_SCHEME):].partition('/')
    servers = []
    for one in where.split(','):
        name, colon, port = one.rpartition(':')
        if not colon or port.endswith(']'):
            name, port = one, _PORT
        if not name or not python.is_number(port) or int(port) > 65535:
            raise Failure(url, "'%s' is no server: it goes HOST:PORT" % one, USAGE)
        servers.append((name.strip('[]'), port))
    return servers, '/'.join([''] + [part for part in path.split('/') if part])
