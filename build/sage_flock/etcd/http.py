"""etcd's v3 API as JSON over HTTP, at whichever of several servers answers.

https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/ has the questions and answers.

Written on bare sockets: http.client alone would cost more time than all the
rest of taking a lock, and a watch has to be read with a time limit, which it
cannot do.  What is asked may arrive twice: when no answer comes nobody knows
whether it was done, so it is asked again, of the next server.  Every question
is therefore put such that twice is as good as once.
"""

import binascii
import time

from sage_flock import python
from sage_flock.events import as_json
from sage_flock.python import now
from sage_flock.messages import Failure, reason

_PAUSE = 0.2                # seconds between two rounds of servers that do not answer
_SILENCE = 2.0              # seconds after which it is said that none does
_HEAD_LIMIT = 1 << 16       # bytes
_BODY_LIMIT = 1 << 26

# What gRPC's numbers mean: answers that stay the same however often one asks.
INVALID, NOT_FOUND, EXISTS, DENIED, PRECONDITION, OUT_OF_RANGE, UNKNOWN_CALL, UNAUTHENTICATED = (
    3, 5, 6, 7, 9, 11, 12, 16)
_FINAL = (INVALID, NOT_FOUND, EXISTS, DENIED, PRECONDITION, OUT_OF_RANGE, UNKNOWN_CALL,
          UNAUTHENTICATED)


class Unreachable(Exception):
    """No server has answered: what was asked may have been done or not."""


class Refused(Exception):
    """etcd has answered, and says no; `code` is gRPC's."""

    def __init__(self, code, message):
        Exception.__init__(self, message)
        self.code = code


class _NoAnswer(Exception):
    """This server does not answer.  lasting: and will not if asked again."""

    def __init__(self, why, lasting=False):
        Exception.__init__(self, why)
        self.lasting = lasting


class Client(object):
    """A conversation with a cluster.

    servers   its members, a list of (host, port)
    patience  seconds to go on asking while none answers
    tries     how often the last question was put before it was answered
    moves     how often another server had to be turned to
    on_silence  called when nobody has answered for _SILENCE, with why, a str, and the seconds left to try; or None
    """

    on_silence = None
    _until = _notice = 0        # up to when the question is put, and when it is said that nobody answers

    def __init__(self, servers, patience):
        self.servers = list(servers)
        self.patience = patience
        self.tries = 0
        self.moves = 0
        self._wire = None
        self._token = None
        self._user, self._password = _credentials()
        self._tls = _tls()

    def ask(self, path, question, patience=None):
        """The answer, a dict, to `question`, a dict, at `path`.

        Raises Refused, or Unreachable after `patience` seconds.
        """
        patience = self.patience if patience is None else patience
        until = self._until = now() + patience
        self._notice = now() + _SILENCE if self.on_silence and patience > _SILENCE else until
        self.tries = 0
        while True:
            silent = []
            for _ in self.servers:
                share = now() + patience / len(self.servers)
                try:
                    return self._ask_here(path, question, min(until, share))
                except _NoAnswer as why:
                    silent.append(('%s:%s' % self.servers[0], why))
                    self._give_notice(why)
                    self._turn_to_next()
            if not [why for _, why in silent if not why.lasting] or now() + _PAUSE >= until:
                raise Unreachable('no etcd server answers: ' + '; '.join(
                    ['%s: %s' % one for one in silent]))
            time.sleep(_PAUSE)

    def stream(self, path, question):
        """A Stream of the messages that `question` brings, from the server
        that has answered last; None when it does not answer now."""
        try:
            return Stream(self._send(_Wire(self.servers[0], self._tls, now() + self.patience),
                                     path, question, now() + self.patience))
        except _NoAnswer:
            return None

    def close(self):
        """Hang up.  The next question connects anew."""
        if self._wire:
            self._wire.close()
            self._wire = None

    def _give_notice(self, why):
        """It is said once, when it is due, that nobody answers."""
        if self._notice <= now() < self._until:
            self._notice = self._until
            self.on_silence('%s:%s: %s' % (self.servers[0] + (why,)), self._until - now())

    def _turn_to_next(self):
        self.close()
        self.servers.append(self.servers.pop(0))
        self.moves += 1

    def _ask_here(self, path, question, until):
        """One question to the server that is first now."""
        if self._user and self._token is None:
            self._authenticate(until)
        try:
            return self._exchange(path, question, until)
        except Refused as no:
            # A token lives for minutes, and dies with any change to the users.
            if not self._token or not (no.code == UNAUTHENTICATED or 'auth store' in str(no)):
                raise
        self._authenticate(until)
        return self._exchange(path, question, until)

    def _authenticate(self, until):
        self._token = ''
        try:
            self._token = self._exchange('/v3/auth/authenticate', {
                'name': self._user, 'password': self._password}, until).get('token', '')
        except Refused as no:
            if 'not enabled' not in str(no):        # then everyone may, as etcdctl sees it too
                raise
        except _NoAnswer:
            self._token = None
            raise

    def _exchange(self, path, question, until):
        self.tries += 1
        if self._wire:
            # The server may have hung up on an idle connection: no reason to leave it.
            try:
                return self._answer(path, question, until)
            except _NoAnswer:
                self.close()
                self.tries += 1
        # One that takes so long to connect is tried once more after the notice.
        self._wire = _Wire(self.servers[0], self._tls, min(until, max(self._notice, now() + _PAUSE)))
        return self._answer(path, question, until)

    def _answer(self, path, question, until):
        """The answer of the server that we are connected to."""
        self._send(self._wire, path, question, until)
        reply = _Reply()
        while not reply.whole:
            data = self._wire.receive(min(until, max(self._notice, now() + _PAUSE)))
            if data is not None:
                reply.feed(data)
            elif now() >= until:
                raise _NoAnswer('no answer in time')
            else:
                self._give_notice('no answer in time')
        if reply.length is None:        # its end was the connection's
            self.close()
        return _meaning(reply, reply.body)

    def _send(self, wire, path, question, until):
        body = as_json(question).encode('ascii')
        # To HTTP/1.0 nobody replies in chunks.
        head = ['POST %s HTTP/1.0' % path, 'Host: ' + wire.name, 'Connection: keep-alive',
                'Content-Type: application/json', 'Content-Length: %d' % len(body)]
        if self._token:
            head.append('Authorization: ' + self._token)
        wire.send('\r\n'.join(head + ['', '']).encode('latin-1') + body, until)
        return wire


class Stream(object):
    """The messages of a reply that does not end, such as a watch."""

    def __init__(self, wire):
        self._wire = wire
        self._reply = _Reply()

    def next(self, seconds):
        """The next message, a dict; None when none comes within `seconds`.

        Raises Unreachable when there will be no more.
        """
        until = now() + max(0, seconds)
        try:
            while True:
                line, newline, rest = self._reply.body.partition(b'\n')
                if newline:
                    self._reply.body = rest
                    return _meaning(self._reply, line)
                if self._reply.whole:
                    raise _NoAnswer('the connection was closed')
                data = self._wire.receive(until)
                if data is None:
                    return None
                self._reply.feed(data)
        except (_NoAnswer, Refused) as why:
            raise Unreachable(str(why))

    def close(self):
        """Have no more of it."""
        self._wire.close()


class _Wire(object):
    """A connection to one server."""

    def __init__(self, server, tls, until):
        """Connect; _NoAnswer when that fails."""
        if tls:
            import socket
        else:
            import _socket as socket
        self.name = '%s:%s' % (server if ':' not in server[0] else ('[%s]' % server[0], server[1]))
        self._error = socket.error
        self._timeout = socket.timeout
        try:
            # As bytes: for text Python would load its codec for foreign names.
            found = socket.getaddrinfo(python.raw(server[0]), server[1], 0, socket.SOCK_STREAM)
        except (socket.error, UnicodeError) as error:
            raise _NoAnswer(reason(error))
        why = None
        for family, kind, protocol, _, address in found:
            self._socket = socket.socket(family, kind, protocol)
            python.private(self._socket.fileno())
            try:
                self._allow(until)
                self._socket.connect(address)
                if tls:
                    self._socket = tls.wrap_socket(self._socket, server_hostname=server[0])
                return
            except (socket.error, ValueError) as error:     # ValueError: a name that does not match
                why = self._explained(error)
                self._socket.close()
        raise why or _NoAnswer('it has no address')

    def send(self, data, until):
        """Send all of `data`."""
        try:
            self._allow(until)
            self._socket.sendall(data)
        except self._error as error:
            raise self._explained(error)

    def receive(self, until):
        """Some bytes, b'' at the end; None when none come before `until`."""
        try:
            self._allow(until)
            return self._socket.recv(65536)
        except self._error as error:
            if self._is_timeout(error):
                return None
            raise self._explained(error)

    def close(self):
        """Hang up."""
        self._socket.close()

    def _allow(self, until):
        self._socket.settimeout(max(0.001, until - now()))

    def _is_timeout(self, error):
        return isinstance(error, self._timeout) or 'timed out' in str(error)

    def _explained(self, error):
        if self._is_timeout(error):
            return _NoAnswer('no answer in time')
        words = reason(error).partition(' (_ssl.c')[0].rpartition('] ')[2]
        tls = 'SSL' in type(error).__name__ or isinstance(error, ValueError)
        return _NoAnswer('TLS: ' + words if tls else words, lasting=tls)


class _Reply(object):
    """An HTTP reply, taken apart as it comes in.

    status  number and words of its first line; None before that is there
    length  of its body, in bytes; None: it ends with the connection
    body    what there is of it, less what the reader took
    whole   has all of it come?
    """

    def __init__(self):
        self.status = self.length = None
        self.body = b''
        self.whole = False

    def feed(self, data):
        """Take in `data`; b'' is the connection's end."""
        self.body += data
        if self.status is None:
            self._read_head()
        if self.length is not None:
            self.whole = len(self.body) >= self.length
        elif not data:
            self.whole = self.status is not None
        if not data and not self.whole:
            raise _NoAnswer('the connection was closed')
        if len(self.body) > _BODY_LIMIT:
            raise _NoAnswer('its reply has no end', lasting=True)

    def _read_head(self):
        head, end, rest = self.body.partition(b'\r\n\r\n')
        if not b'HTTP/1.'.startswith(head[:7]) or (not end and len(head) > _HEAD_LIMIT):
            raise _NoAnswer('its reply is no HTTP', lasting=True)
        if not end:
            return
        lines = head.split(b'\r\n')
        self.status = python.text(lines[0].partition(b' ')[2])
        for line in lines[1:]:
            name, _, value = line.partition(b':')
            name, value = name.strip().lower(), value.strip().lower()
            if name == b'content-length':
                if not python.is_number(python.text(value)):
                    raise _NoAnswer('its reply is no HTTP', lasting=True)
                self.length = int(value)
        self.body = rest


def _meaning(reply, data):
    """The dict that the bytes `data` of `reply` say; Refused, or _NoAnswer."""
    try:
        answer = _read(data.decode('utf-8'))
        if not isinstance(answer, dict):
            raise ValueError
    except ValueError:
        said = python.text(data[:60]).strip().split('\n')[0]
        if reply.status.startswith('200'):
            # Without a length it may be the half of one.
            raise _NoAnswer('its reply is not etcd\'s: ' + said, lasting=reply.length is not None)
        raise _NoAnswer('HTTP %s: %s' % (reply.status, said), lasting=reply.status[:1] != '5')
    error = answer.get('error')
    if error is None:
        return answer.get('result', answer)
    if not isinstance(error, dict):
        error = {'message': error, 'code': answer.get('code')}
    code = error.get('grpc_code', error.get('code'))
    message = python.text((error.get('message') or '?').encode('utf-8')).replace('etcdserver: ', '')
    if code in _FINAL:
        raise Refused(code, message)
    raise _NoAnswer(message)


class _Plain(object):
    """What the C half of json makes a reader from: no hooks."""

    strict = True
    encoding = 'utf-8'      # of bytes, on Python 2
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}


try:
    from _json import make_scanner      # not before 2.7 and 3.1
    _scan = make_scanner(_Plain)
except Exception:                       # the name is Python's own affair
    _scan = None


def _read(text):
    """The value that `text` (unicode) stands for as JSON; ValueError if for none.

    The other half of json imports re, which costs more than all the rest of
    taking a lock on etcd does.  Whatever goes wrong here, it has the last word.
    """
    try:
        value, end = _scan(text, 0)
        if not text[end:].strip():
            return value
    except Exception:
        pass
    import json
    try:
        return json.loads(text)
    except RuntimeError:
        raise ValueError('nested too deep')


def encoded(key):
    """A key or value (str) as the gateway wants its bytes."""
    return binascii.b2a_base64(python.raw(key)).decode('ascii').strip()


def decoded(word):
    """The str behind a key or value that came from the gateway."""
    try:
        return python.text(binascii.a2b_base64(word.encode('ascii')))
    except (ValueError, UnicodeError):      # not what etcd would send
        return ''


# What etcdctl takes from the environment, we take from there.

def _credentials():
    user, colon, password = python.getenv('ETCDCTL_USER').partition(':')
    if not colon:
        password = python.getenv('ETCDCTL_PASSWORD')
    return [python.raw(word).decode('utf-8', 'replace') for word in (user, password)]


def _tls():
    """An SSLContext, or None when nothing in the environment asks for TLS."""
    authority, cert = python.getenv('ETCDCTL_CACERT'), python.getenv('ETCDCTL_CERT')
    blind = _is_true(python.getenv('ETCDCTL_INSECURE_SKIP_TLS_VERIFY'))
    plain = python.getenv('ETCDCTL_INSECURE_TRANSPORT')
    if not (authority or cert or python.getenv('ETCDCTL_KEY') or blind or
            plain and not _is_true(plain)):
        return None
    import ssl
    if not hasattr(ssl, 'create_default_context'):
        raise Failure('etcd', 'TLS needs Python 2.7.9 or 3.4, or newer')
    try:
        # novm: where there is none, we have just said so
        context = ssl.create_default_context(cafile=authority or None)
        if blind:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    except (IOError, OSError, ValueError) as error:
        raise Failure('ETCDCTL_CACERT', '%s: %s' % (authority, reason(error)))
    if cert:
        try:
            # With an empty password, or a key that has one would be asked for.
            context.load_cert_chain(cert, python.getenv('ETCDCTL_KEY') or None, lambda: '')
        except (IOError, OSError, ValueError) as error:
            raise Failure('ETCDCTL_CERT', '%s: %s' % (cert, reason(error)))
    return context


def _is_true(word):
    return word.lower() in ('1', 't', 'true')
