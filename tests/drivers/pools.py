"""A waiter, and a jobserver that the test itself provides.

    pools.py waits STYLE ENDING...  a waiter, from its wait to its end; for each ENDING, see WAITS
    pools.py makeflags COUNT SEED   COUNT waiters, each with random MAKEFLAGS and descriptors: the lock works, and not
                                    one byte is written into anything but a jobserver

The words after `--` are the sage-flock to test; by default `sage-flock` on PATH.

How is it known that nothing was lent?  This process adopts whatever a waiter
leaves behind (Linux lets it adopt orphans), so it sees every guardian end; an
unexpected guardian means that a slot was lent.
"""

import array
import fcntl
import os
import random
import select
import signal
import socket
import termios
import time

from processes import PATIENCE, Children, Wrong, children_of, command_behind, drive, expect, in_a_folder

LOCK = 'x.lock'


# ---- Pools

class Pool(object):
    """A jobserver's pool without a token in it, as make would make it.

    style    pipe      4.3, and 4.4 with --jobserver-style=pipe: taken from without blocking
             blocking  3.81 to 4.1: --jobserver-fds, taken from by blocking
             4.2       --jobserver-auth and blocking: not to be lent to
             fifo      4.4
    flags    what MAKEFLAGS says of it
    inherits what a recipe inherits, descriptor number to our descriptor
    """

    def __init__(self, style, numbers=(3, 4), path='pool'):
        self.inherits = {}
        if style == 'fifo':
            os.mkfifo(path)
            self.taking = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            self.giving = os.open(path, os.O_WRONLY)
            self.flags = '--jobserver-auth=fifo:' + os.path.abspath(path).replace('\\', '\\\\').replace(' ', '\\ ')
        else:
            self.taking, self.giving = os.pipe()
            if style == 'pipe':
                fcntl.fcntl(self.taking, fcntl.F_SETFL, fcntl.fcntl(self.taking, fcntl.F_GETFL) | os.O_NONBLOCK)
            option = '--jobserver-fds' if style == 'blocking' else '--jobserver-auth'
            self.flags = '%s=%d,%d' % ((option,) + tuple(numbers))
            self.inherits = dict(zip(numbers, (self.taking, self.giving)))

    def count(self):
        return waiting_bytes(self.taking)

    def put(self):
        os.write(self.giving, b'+')

    def take(self):
        """Take a token as make does to start one more job, once there is one."""
        expect('a token is lent', select.select([self.taking], [], [], PATIENCE)[0])
        expect('one byte is taken', len(os.read(self.taking, 1)) == 1)

    def close(self):
        os.close(self.taking)
        os.close(self.giving)


def waiting_bytes(fd):
    """How many bytes could be read from a pipe or a socket."""
    count = array.array('i', [0])
    fcntl.ioctl(fd, termios.FIONREAD, count, True)
    return count[0]


# ---- A waiter

class Waiter(object):
    """sage-flock, waiting for a lock that we hold.

    It says on a pipe of its own what it says on stderr and stdout; its
    command says "in" there and ends when go() is called.
    """

    def __init__(self, children, flags, inherits, options=(), environment=(), waits=True, argv=None, lock=LOCK):
        self.children = children
        self.lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0x1b6)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.said, saying = os.pipe()
        gate, self.gate = os.pipe()
        environment = dict(environment)
        environment['MAKEFLAGS'] = flags
        descriptors = dict(inherits)
        descriptors.update({0: gate, 1: saying, 2: saying})
        argv = argv or COMMAND + list(options) + [lock, 'sh', '-c', 'echo in; read -r _; exit 7']
        self.pid = children.spawn(argv, environment, descriptors)
        os.close(saying)
        os.close(gate)
        self.pending = b''
        if waits:
            self.line(b'sage-flock: waiting for')

    def line(self, begins):
        """The next line, which begins so."""
        while b'\n' not in self.pending:
            expect('it says something', select.select([self.said], [], [], PATIENCE)[0])
            piece = os.read(self.said, 1024)
            expect('it says %r before its end' % begins, piece)
            self.pending += piece
        line, self.pending = self.pending.split(b'\n', 1)
        expect('%r begins with %r' % (line, begins), line.startswith(begins))

    def all_lines(self):
        """What it says from here to its end."""
        while True:
            expect('it ends', select.select([self.said], [], [], PATIENCE)[0])
            piece = os.read(self.said, 1024)
            if not piece:
                return self.pending
            self.pending += piece

    def drop(self):
        """Drop the lock: it is the waiter's turn."""
        os.close(self.lock)
        self.lock = None

    def gets_it(self):
        self.drop()
        self.line(b'sage-flock: got')
        self.line(b'in')

    def drops_it(self, lock=LOCK):
        """It drops the lock."""
        fd = os.open(lock, os.O_RDWR)
        signal.alarm(PATIENCE)
        fcntl.flock(fd, fcntl.LOCK_EX)
        signal.alarm(0)
        os.close(fd)

    def go(self):
        """Let the command end."""
        os.close(self.gate)
        self.gate = None

    def ends(self, *statuses):
        """Its end: one of these, an exit status, or the negative number of a signal."""
        found = self.children.until(self.pid)
        found = -os.WTERMSIG(found) if os.WIFSIGNALED(found) else os.WEXITSTATUS(found)
        expect('it ends with %s, not %d' % (statuses, found), found in statuses)

    def runs_through(self):
        self.gets_it()
        self.go()
        self.ends(7)

    def close(self):
        for fd in (self.lock, self.said, self.gate):
            if fd is not None:
                os.close(fd)


# ---- One waiter's life

def overdrawn(pool, children, **words):
    """A waiter whose command runs, while another job has the token that it lent."""
    waiter = Waiter(children, pool.flags, pool.inherits, **words)
    pool.take()
    waiter.gets_it()
    return waiter


def one_overdraft(pool, children):
    """Two lend, and get their locks; one runs, and the other not before the first is over."""
    first = Waiter(children, pool.flags, pool.inherits)
    second = Waiter(children, pool.flags, pool.inherits, lock='y.lock')
    pool.take()
    pool.take()
    first.gets_it()
    second.drop()
    second.line(b'sage-flock: got')
    expect('it does not run', not select.select([second.said], [], [], 0.3)[0])
    first.go()
    second.line(b'in')
    second.go()
    for waiter in first, second:    # in either order
        pool.put()
    first.ends(7)
    second.ends(7)
    second.close()
    return first


def strict(pool, children):
    """SAGE_FLOCK_OVERDRAFT=0: the command waits for the token."""
    waiter = Waiter(children, pool.flags, pool.inherits, environment={'SAGE_FLOCK_OVERDRAFT': '0'})
    pool.take()
    waiter.drop()
    waiter.line(b'sage-flock: got')
    expect('it does not run', not select.select([waiter.said], [], [], 0.3)[0])
    pool.put()
    waiter.line(b'in')
    waiter.go()
    waiter.ends(7)
    return waiter


def limits(pool, children):
    """Nobody gives a slot back: after a while the commands run, and the calls end."""
    first = Waiter(children, pool.flags, pool.inherits)
    second = Waiter(children, pool.flags, pool.inherits, lock='y.lock')
    pool.take()
    pool.take()
    first.gets_it()
    second.gets_it()            # not overdrawn: the first one is
    second.go()
    second.ends(7)              # not in possession of a token
    second.close()
    first.go()
    first.ends(7)
    pool.put()
    pool.put()
    return first


def guardian_killed(pool, children):
    """Whenever a guardian is killed, another takes its place."""
    waiter = Waiter(children, pool.flags, pool.inherits)
    pool.take()
    kill_guardian(waiter, children)
    waiter.gets_it()
    kill_guardian(waiter, children)
    waiter.go()
    waiter.drops_it()
    pool.put()
    waiter.ends(7)
    return waiter


def kill_guardian(waiter, children):
    found = [pid for pid in children_of(os.getpid()) if pid != waiter.pid]
    expect('one guardian is there: %s' % found, len(found) == 1)
    # It sleeps once it has said that the slot is lent.  Killed before that it leaves a debt of which nobody knows.
    until = time.time() + PATIENCE
    while open('/proc/%d/stat' % found[0]).read().rpartition(')')[2].split()[0] != 'S':
        expect('the guardian goes to sleep', time.time() < until)
    os.kill(found[0], signal.SIGKILL)
    children.until(found[0])


def nested(pool, children):
    """A call under another: it ends at once, in debt, and the outer one lingers."""
    waiter = Waiter(children, pool.flags, pool.inherits, argv=COMMAND + [
        'outer.lock', 'sh', '-c', '"$@"; echo out; read -r _; exit 7', 'sh'] + COMMAND + [LOCK, 'echo', 'in'])
    pool.take()
    waiter.gets_it()
    waiter.line(b'out')
    waiter.go()
    waiter.drops_it('outer.lock')
    children.reap(block=False)
    expect('the outer one lingers', waiter.pid not in children.ended)
    pool.put()
    waiter.ends(7)
    return waiter

def settles(pool, children):
    """The lock is got: the lent token is taken back while the command runs."""
    waiter = Waiter(children, pool.flags, pool.inherits)
    seen_lent(pool, 1)
    waiter.gets_it()
    children.reap()             # the guardian, for the waiter and its command still run
    expect('the waiter still runs', waiter.pid not in children.ended)
    expect('as many tokens as before', pool.count() == 0)
    waiter.go()
    waiter.ends(7)
    return waiter


def among_others(pool, children):
    """Three tokens are about, and there are three when all is over."""
    for _ in range(3):
        pool.put()
    waiter = Waiter(children, pool.flags, pool.inherits)
    waiter.runs_through()
    children.all_end()
    expect('as many tokens as before', pool.count() == 3)
    return waiter


def lingers(pool, children):
    """No token is to be had: the waiter runs overdrawn, drops the lock, and ends when there is one."""
    waiter = overdrawn(pool, children)
    waiter.go()
    waiter.drops_it()
    children.reap(block=False)
    expect('it lingers', waiter.pid not in children.ended)
    pool.put()                  # that job ends
    waiter.ends(7)
    return waiter


def no_token(pool, children):
    """A lingerer is sent TERM: it leaves the debt."""
    waiter = overdrawn(pool, children)
    waiter.go()
    waiter.drops_it()
    os.kill(waiter.pid, signal.SIGTERM)
    waiter.ends(-signal.SIGTERM)
    guardian = alone(waiter, pool)
    expect('nobody keeps its output open', os.read(waiter.said, 100) == b'')
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(guardian, number)
    pool.put()                  # that job ends
    children.until(guardian)
    return waiter


def make_ends(pool, children):
    """make is gone before the debt is paid: the guardian goes, too."""
    waiter = overdrawn(pool, children)
    os.kill(waiter.pid, signal.SIGKILL)
    waiter.ends(-signal.SIGKILL)
    waiter.go()
    os.close(pool.giving)       # the last to write to it, if the guardian kept its promise
    children.all_end()
    pool.giving = os.open(os.devnull, os.O_WRONLY)
    return waiter


def killed_waiting(number):
    def die(pool, children):
        waiter = Waiter(children, pool.flags, pool.inherits)
        seen_lent(pool, 1)
        os.killpg(waiter.pid, number)
        waiter.ends(-number)
        return waiter
    die.__doc__ = 'Signal %d to all of its process group while it waits.' % number
    return die


def killed_running(number):
    def die(pool, children):
        waiter = overdrawn(pool, children)
        os.kill(waiter.pid, number)
        if number == signal.SIGKILL:
            waiter.ends(-number)
            pool.put()
            return waiter
        pool.put()
        if number == signal.SIGINT and not hasattr(signal, 'sigwaitinfo'):
            # It might be the terminal's, and the command's affair; unless it comes before the wrapper knows its child.
            waiter.go()
            waiter.ends(7, -number)
        else:
            waiter.ends(-number)
        return waiter
    die.__doc__ = 'Signal %d to it while its command runs, its debt unpaid.' % number
    return die


def time_out(pool, children):
    """The wait has a limit, and it is reached."""
    waiter = Waiter(children, pool.flags, pool.inherits, ['-w', '0.2'])
    waiter.line(b'sage-flock: ' + LOCK.encode('ascii') + b': not got within')
    waiter.ends(1)
    return waiter


def no_fork(pool, children):
    """-F: sage-flock becomes the command."""
    waiter = Waiter(children, pool.flags, pool.inherits, ['-F'])
    seen_lent(pool, 1)
    waiter.runs_through()
    return waiter


def children_ignored(pool, children):
    """SIGCHLD is ignored when it starts."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        waiter = Waiter(children, pool.flags, pool.inherits)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    seen_lent(pool, 1)
    waiter.runs_through()
    return waiter


def descriptor(pool, children):
    """The shell's: it locks, and is gone while the shell has the lock."""
    waiter = Waiter(children, pool.flags, pool.inherits, argv=[
        'sh', '-c', 'exec 9>>"$0"; "$@" 9 && echo in; read -r _; exit 7', LOCK] + COMMAND)
    seen_lent(pool, 1)
    waiter.runs_through()
    return waiter


def lends_nothing(pool, children):
    """A pool that a waiter must not lend to."""
    return _keeps(Waiter(children, pool.flags, pool.inherits), children)


def keeps_slot(pool, children):
    """SAGE_FLOCK_KEEP_SLOT=1."""
    return _keeps(Waiter(children, pool.flags, pool.inherits, environment={'SAGE_FLOCK_KEEP_SLOT': '1'}), children)


def without_descriptors(pool, children):
    """MAKEFLAGS, but no descriptors: the recipe line has no `+`."""
    return _keeps(Waiter(children, pool.flags, {}), children)


def _keeps(waiter, children):
    waiter.runs_through()
    expect('no guardian was there', children.all_end() == 1)
    return waiter


def few_descriptors(pool, children):
    """Hardly a descriptor to be had: it keeps its slot, or says why it cannot go on."""
    global COMMAND
    command = COMMAND
    for few in range(20, 36):
        COMMAND = ['sh', '-c', 'ulimit -n %d; exec "$@"' % few, 'sh'] + command
        waiter = Waiter(children, pool.flags, pool.inherits, waits=False)
        waiter.line(b'sage-flock: ')
        waiter.drop()
        waiter.go()
        heard = waiter.all_lines()
        status = os.WEXITSTATUS(children.until(waiter.pid))
        expect('with %d: status %d, %r' % (few, status, heard),
               b'Traceback' not in heard and (status == 125 or status == 7 and b'in\n' in heard))
        waiter.close()
    COMMAND = command
    return None


def seen_lent(pool, tokens):
    """The pool has a token more, and stays at that."""
    expect('a token is lent', select.select([pool.taking], [], [], PATIENCE)[0])
    expect('%d lent' % pool.count(), pool.count() == tokens)


def alone(waiter, pool):
    """The guardian that is left when its waiter is gone, after a look at it."""
    found = children_of(os.getpid())
    expect('one process is left: %s' % found, len(found) == 1)
    folder = '/proc/%d' % found[0]
    there = []
    for name in os.listdir(folder + '/fd'):
        fd = os.stat(folder + '/fd/' + name)
        ours = [mine for mine in (pool.taking, waiter.said)
                if (os.fstat(mine).st_ino, os.fstat(mine).st_dev) == (fd.st_ino, fd.st_dev)]
        there.append(ours)
        writable = int(open('%s/fdinfo/%s' % (folder, name)).read().split('flags:')[1].split()[0], 8) & 3
        if ours:
            expect('it only takes from the pool', ours == [pool.taking] and not writable)
        else:
            expect('it has nothing but pipes open', os.readlink(folder + '/fd/' + name).startswith('pipe:'))
    expect('it can take from the pool', [pool.taking] in there)
    words = open(folder + '/stat').read().rpartition(')')[2].split()
    expect('it has a session of its own', words[3] != str(os.getsid(0)))
    expect('it has no terminal', words[4] == '0')
    expect('it stands in no folder that someone might want to remove', os.readlink(folder + '/cwd') == '/')
    return found[0]


WAITS = {
    'settles': settles,
    'among-others': among_others,
    'lingers': lingers,
    'no-token': no_token,
    'one-overdraft': one_overdraft,
    'strict': strict,
    'limits': limits,
    'guardian-killed': guardian_killed,
    'nested': nested,
    'make-ends': make_ends,
    'killed-waiting': killed_waiting(signal.SIGKILL),
    'termed-waiting': killed_waiting(signal.SIGTERM),
    'inted-waiting': killed_waiting(signal.SIGINT),
    'huped-waiting': killed_waiting(signal.SIGHUP),
    'killed-running': killed_running(signal.SIGKILL),
    'termed-running': killed_running(signal.SIGTERM),
    'inted-running': killed_running(signal.SIGINT),
    'time-out': time_out,
    'no-fork': no_fork,
    'children-ignored': children_ignored,
    'descriptor': descriptor,
    'lends-nothing': lends_nothing,
    'keeps-slot': keeps_slot,
    'without-descriptors': without_descriptors,
    'few-descriptors': few_descriptors,
}


def waits(style, *endings):
    """Play `endings` with a pool of `style` each; afterwards no token is
    missing and none is left over."""
    for ending in endings:
        try:
            in_a_folder(lambda: _waits(style, ending))
        except Wrong as wrong:
            raise Wrong('%s, %s: %s' % (style, ending, wrong))


def _waits(style, ending):
    pool = Pool(style)
    children = Children()
    waiter = WAITS[ending](pool, children)
    if waiter:
        waiter.close()
    children.all_end()
    if ending not in ('among-others', 'make-ends'):
        expect('as many tokens as before, not %d' % pool.count(), pool.count() == 0)
    pool.close()


# ---- MAKEFLAGS by dice

class Trap(object):
    """Things behind descriptors and paths that are no jobserver."""

    def __init__(self):
        self.kept = []          # descriptors to be closed
        self.readable = []      # where a stray byte would show
        self.files = []         # files that must not change: path, content

    def pair(self, kind):
        """Two descriptors that are no jobserver, (read end, write end) by name."""
        if kind == 'two pipes':
            return self.pipe()[0], self.pipe()[1]
        if kind == 'swapped':
            return tuple(reversed(self.pipe()))
        if kind == 'read ends':
            end = self.pipe()[0]
            return end, end
        if kind == 'write ends':
            end = self.pipe()[1]
            return end, end
        if kind == 'both ways':
            return (self._both_ways(),) * 2
        if kind == 'sockets':
            one, other = socket.socketpair()
            fds = [os.dup(one.fileno()), os.dup(other.fileno())]
            one.close()
            other.close()
            self.kept += fds
            self.readable += fds
            return tuple(fds)
        if kind == 'file':
            return self._ends(self._file())
        if kind == 'file and pipe':
            return self.pipe()[0], self._ends(self._file())[1]
        if kind == 'pipe and closed':
            return self.pipe()[0], None
        if kind == 'closed and pipe':
            return None, self.pipe()[1]
        if kind == 'device':
            return self._ends('/dev/zero')
        if kind == 'folder':
            fd = self._keep(os.open('.', os.O_RDONLY))
            return fd, fd
        return None, None       # closed

    def path(self, kind):
        """A path that leads to no jobserver."""
        name = os.path.abspath('trap%d' % len(self.files))
        if kind == 'file':
            return self._file()
        if kind == 'folder':
            return os.path.abspath('.')
        if kind == 'device':
            return '/dev/zero'
        if kind == 'too long':
            return '/' + 'x' * 5000
        if kind == 'empty':
            return ''
        return name + ' that is not there'

    def _keep(self, fd):
        self.kept.append(fd)
        return fd

    def pipe(self):
        """The ends of a pipe, in which a stray byte would show."""
        ends = os.pipe()
        for end in ends:
            self._keep(end)
            fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_NONBLOCK)
        self.readable.append(ends[0])
        return ends

    def _both_ways(self):
        name = 'both%d' % len(self.kept)
        os.mkfifo(name)
        fd = self._keep(os.open(name, os.O_RDWR | os.O_NONBLOCK))
        self.readable.append(fd)
        return fd

    def _file(self):
        name = os.path.abspath('file%d' % len(self.files))
        with open(name, 'w') as file:
            file.write('precious')
        self.files.append((name, 'precious'))
        return name

    def _ends(self, path):
        """One thing, open for reading and for writing: all but a pipe's ends."""
        return (self._keep(os.open(path, os.O_RDONLY | os.O_NONBLOCK)),
                self._keep(os.open(path, os.O_WRONLY | os.O_APPEND)))

    def untouched(self):
        for fd in self.readable:
            expect('no byte in a foreign pipe', waiting_bytes(fd) == 0)
        for name, content in self.files:
            expect('no byte in a file', open(name).read() == content)

    def close(self):
        for fd in self.kept:
            os.close(fd)


PAIRS = ('closed', 'two pipes', 'swapped', 'read ends', 'write ends', 'both ways', 'sockets', 'file',
         'file and pipe', 'pipe and closed', 'closed and pipe', 'device', 'folder')
PATHS = ('file', 'folder', 'device', 'too long', 'empty', 'missing')
POOLS = ('pipe', 'pipe', 'blocking', '4.2', 'fifo', 'fifo')
KINDS = [('pool', kind) for kind in POOLS] + [('pair', kind) for kind in PAIRS] + [('path', kind) for kind in PATHS]
GARBLED = ('--jobserver-auth', '--jobserver-auth=', '--jobserver-auth=3', '--jobserver-auth=3,', '--jobserver-auth=,4',
           '--jobserver-auth=3,4,5', '--jobserver-auth=x,y', '--jobserver-auth=3,4x', '--jobserver-auth=-3,-4',
           '--jobserver-auth=\xc2\xb2,\xc2\xb3', '--jobserver-auth=' + '9' * 5000 + ',4', '--jobserver-auth=3;4',
           '--jobserver-auth=\xff\xfe', '--jobserver=3,4', '--jobserver-fds=3 ,4', '--jobserver-auth=0x3,4',
           '--jobserver-auth=99999999999999999999,4', '--jobserver-auth=2147483648,2147483649')
AROUND = ('', 'k', '-j4', 'ks -j', '--no-print-directory', '-j8 --output-sync=line', 'w --warn-undefined-variables')


def makeflags(count, seed):
    """`count` waiters in front of pools and traps as the dice fall."""
    dice = random.Random(seed)
    deck = []
    for case in range(int(count)):
        trap = Trap()
        deck = deck or dice.sample(KINDS, len(KINDS))
        throw = Throw(dice, trap, deck.pop())
        try:
            in_a_folder(throw.play)
        except Wrong as wrong:
            raise Wrong('case %d, %s, MAKEFLAGS=%r: %s' % (case, ' '.join(throw.kind), throw.flags[:300], wrong))
        finally:
            trap.close()


class Throw(object):
    """One throw of the dice: the words of a MAKEFLAGS and what stands behind them.

    kind    which pool, pair of descriptors or path is behind the word that counts
    lends   must a slot be lent?  None: it may
    """

    def __init__(self, dice, trap, kind):
        self.kind = kind
        self.dice = dice
        self.trap = trap
        self.pool = None
        self.inherits = {}
        self.words = []
        self.flags = ''

    def play(self):
        """Throw, and see what a waiter makes of it."""
        self._throw()
        children = Children()
        waiter = Waiter(children, self.flags, self.inherits)
        if self.lends:
            seen_lent(self.pool, 1)
        self.trap.untouched()
        waiter.runs_through()
        guardians = children.all_end() - 1
        waiter.close()
        self.trap.untouched()
        if self.lends is not None:
            expect('%d guardians' % guardians, guardians == (1 if self.lends else 0))
        if self.pool:
            expect('no token left over', self.pool.count() == 0)
            self.pool.close()

    def _throw(self):
        self.numbers = self.dice.sample(range(3, 12), 2)
        {'pool': self._pool, 'pair': self._pair, 'path': self._path}[self.kind[0]](self.kind[1])
        if self.dice.random() < 0.3:    # 4.4 says "not yours", wrongly perhaps
            self.words.append('--jobserver-auth=-2,-2')
        if self.dice.random() < 0.3:    # may be passed over, but must not lead anywhere else
            self.words.append(self.dice.choice(GARBLED))
            self.lends = self.lends and None
        if self.dice.random() < 0.3:    # overruled by what comes later
            self._trapped((12, 13), self.dice.choice(PAIRS))
            self.words.insert(0, '--jobserver-auth=12,13')
        words = [self.dice.choice(AROUND)] + self.words
        if self.dice.random() < 0.4:    # variables of the command line, and a pipe that looks like a pool
            self.inherits.update(zip((14, 15), self.trap.pipe()))
            words += ['--', 'X=1', '--jobserver-auth=14,15']
        self.flags = ' '.join(words)

    def _pool(self, style):
        self.pool = Pool(style, self.numbers, self.dice.choice(('pool', 'a pool', 'a \\ b  pool', '-- pool')))
        self.inherits.update(self.pool.inherits)
        self.words = [self.pool.flags]
        self.lends = style != '4.2'

    def _pair(self, kind):
        self._trapped(self.numbers, kind)
        self.words = ['--jobserver-%s=%d,%d' % ((self.dice.choice(('auth', 'fds')),) + tuple(self.numbers))]
        self.lends = False

    def _path(self, kind):
        path = self.trap.path(kind)
        self.words = ['--jobserver-auth=fifo:' + path.replace('\\', '\\\\').replace(' ', '\\ ')]
        self.lends = False

    def _trapped(self, numbers, kind):
        for number, fd in zip(numbers, self.trap.pair(kind)):
            if fd is not None:
                self.inherits[number] = fd


def main(*words):
    global COMMAND
    words, COMMAND = command_behind(words)
    {'waits': waits, 'makeflags': makeflags}[words[0]](*words[1:])


if __name__ == '__main__':
    drive(main)
