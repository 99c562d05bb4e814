"""What one make has set out to do and how far it is: the numbers of its lines, and its last line.

Make tells nobody that it ends, and a process that waited for it would cost a job slot.  So each package notes in the
plan, the file var/plans/PID (make's), when it begins and when it is over, and the one that is over last has the last
word.  The file has a line on the whole, a line for each package with those of the plan that come before it, an empty
one, and then what happened:

    +NAME PID               begun, by this process
    =NAME  !NAME  ~NAME     has come in, has failed, was stopped
    -NAME                   is over: nothing more is said of it

It is locked while a line is added and one is said, so the screen has them in the same order.  Who is killed adds
nothing, and is missed.  A plan whose make is gone is nobody's, and goes when the next make begins.
"""

import fcntl
import os
import time

from sage_flock.files.locks import flock
from sage_flock.messages import Failure
from sage_spkg.packages import as_text
from sage_spkg.steps import say

_WIDTH = 80             # columns of a list of names
_MANY = 40              # names of packages left undone that are listed


class Plan(object):
    """One package's part in the plan `path`.  Where there is no plan, nothing is numbered and nothing added up."""

    def __init__(self, path=None, name=''):
        self._path = path
        self._name = name
        self._sign = ''

    def begins(self):
        with _Open(self._path) as plan:
            plan.add('+%s %d' % (self._name, os.getpid()))

    def say(self, sign, line, fd=1):
        """Say what became of the package, with its number."""
        self._sign = sign
        with _Open(self._path) as plan:
            plan.add(sign + self._name)
            say(plan.number() + line, fd)

    def ends(self, is_good):
        """Nothing more is said of the package.  If that holds of all, this is the place for the last word."""
        with _Open(self._path) as plan:
            if not is_good and self._sign not in ('!', '~'):
                plan.add('!' + self._name)
            plan.add('-' + self._name)
            for line, fd in plan.last_words():
                say(line, fd)


class _Open(object):
    """A plan, locked, for a `with`.  No build fails for it: one that cannot be read or written is an empty one."""

    def __init__(self, path):
        self._path, self._fd, self._head, self._events = path, None, '', ''
        if path:
            try:
                self._fd = os.open(path, os.O_RDWR | os.O_APPEND)
                flock(self._fd, fcntl.LOCK_EX, path)
                text = as_text(os.read(self._fd, os.fstat(self._fd).st_size))
                self._head, _, self._events = text.partition('\n\n')
            except (EnvironmentError, Failure):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._fd is not None:
            os.close(self._fd)

    def add(self, line):
        if self._head:
            self._events += '\n' + line
            try:
                os.write(self._fd, ('\n' + line).encode('ascii'))
            except EnvironmentError:
                self._head = ''

    def number(self):
        """`[7/26] `: how many have come in, or not, of how many."""
        told = sum([self._events.count('\n' + sign) for sign in '=!~'])
        return '[%d/%d] ' % (told, self._head.count('\n')) if self._head else ''

    def last_words(self):
        """Pairs of a line and where it goes, if nothing of the plan is at work or yet to come; else none."""
        if self._is_in_progress():
            return []
        try:
            lines = [line.split() for line in self._head.split('\n')]
            begun_at, letters, log_begin = lines[0]
            needs = dict([(words[0], words[1:]) for words in lines[1:]])
            state = _State(needs, self._events.split('\n'))
            if not state.is_over(letters):
                return []
            os.unlink(self._path)
            return state.words(time.time() - float(begun_at), int(log_begin))
        except (EnvironmentError, IndexError, KeyError, ValueError):
            return []

    def _is_in_progress(self):
        """Is it plain, without a look at a thousand packages, that others are at work, or will be?"""
        over = self._events.count('\n-')
        open_ones, at = self._events.count('\n+') - over, len(self._events)
        if not open_ones:
            return over < self._head.count('\n') and not ('\n!' in self._events or '\n~' in self._events)
        while open_ones and at > 0:
            at = self._events.rfind('\n+', 0, at)
            name, _, pid = self._events[at + 2:self._events.find('\n', at + 1)].partition(' ')
            if '\n-%s\n' % name not in self._events[at:] + '\n':
                if not pid.isdigit() or _is_alive(int(pid)):
                    return True
                open_ones -= 1
        return False


class _State(object):
    """How things stand with a plan.  needs: {name: names of the plan before it}.  events: the lines."""

    def __init__(self, needs, events):
        self.needs = needs
        self.begun = dict([line[1:].split() for line in events if line[:1] == '+'])
        self.signs = dict([(sign, set([line[1:] for line in events if line[:1] == sign])) for sign in '=!~-'])
        self.at_work = [name for name in self.begun if name not in self.signs['-'] and _is_alive(int(self.begun[name]))]
        self.killed = set(self.begun) - self.signs['-'] - set(self.at_work)
        self.bad = self.signs['!'] | self.signs['~'] | self.killed

    def is_over(self, letters):
        """Will make start nothing more?  letters: its options: k has it go on with what can still be built, i with all."""
        if self.at_work:
            return False
        missing = [name for name in self.needs if name not in self.begun]
        if 'i' in letters:
            return not missing
        if not self.bad:
            return not missing
        return 'k' not in letters or not [name for name in missing if not self._is_barred(name)]

    def _is_barred(self, name):
        """Does it need what has failed?"""
        seen, below = set(), [name]
        while below:
            for need in self.needs[below.pop()]:
                if need in self.bad:
                    return True
                if need not in seen:
                    seen.add(need)
                    below.append(need)
        return False

    def words(self, seconds, log_begin):
        stopped, killed, lines = self.signs['~'], self.killed, []
        if stopped:                     # who waited for a lock then has died of the signal
            stopped, killed = stopped | killed, set()
        for word, names in (('failed', self.signs['!']), ('stopped', stopped), ('killed', killed),
                            ('left undone', set(self.needs) - set(self.begun))):
            if names:
                lines.append((listed(word, sorted(names)), 2))
        good, whole = len(self.signs['='] - self.bad), len(self.needs)
        count = '%d of %d' % (good, whole) if good != whole else '%d' % whole
        lines.append(('%s package%s in %s%s' % (count, whole > 1 and 's' or '', _seconds(seconds), _locks(log_begin)), 1))
        return lines


def _is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except OSError:
        return False


def listed(word, names):
    """`word: a, b, c`, as one or more lines."""
    if len(names) > _MANY:
        names = names[:_MANY] + ['and %d more' % (len(names) - _MANY)]
    lines = [word + ':']
    for number, name in enumerate(names):
        piece = ' ' + name + (',' if number + 1 < len(names) else '')
        if len(lines[-1]) + len(piece) > _WIDTH:
            lines.append('   ')
        lines[-1] += piece
    return '\n'.join(lines)


def _seconds(seconds):
    return '%.1f s' % seconds if 0.05 <= seconds < 9.95 else '%d s' % (seconds + 0.5)


def _locks(begin):
    """What the log of locks tells from the byte `begin` on, as the end of a line."""
    path = os.environ.get('SAGE_FLOCK_LOG')
    try:
        if not path:
            return ''
        with open(path, 'rb') as file:
            file.seek(begin)
            data = file.read()
    except EnvironmentError:
        data = b''
    if b'"event": "waiting"' not in data:
        return '; nobody waited'
    from sage_flock.report import log, sums
    report = log.read(data.split(b'\n')[:-1])
    added = report.calls and sums.Sums(report)
    return added and '; locks: %s waited, %s of job slots lost' % (_seconds(added.total('waited')), _seconds(added.lost)) or ''


# ---- Its beginning

def begin(tree, make, needs, letters, is_new_log):
    """Write the plan of the make with the process id `make`, a word.

    needs: {name: names of the plan that come before it}.  letters: make's options.
    is_new_log: SAGE_FLOCK_LOG is ours: unless another make is at work, the log of the build before is put aside.
    """
    from sage_spkg.files import remove
    from sage_spkg.tree import make_folder
    folder = tree.top + '/var/plans'
    make_folder(folder)
    make_folder(tree.top + '/var/log')
    is_alone = True
    for name in os.listdir(folder):
        if name == make or not (name.isdigit() and _is_alive(int(name))):
            remove(folder + '/' + name)
        else:
            is_alone = False
    log = tree.top + '/var/log/locks.jsonl'
    if not is_new_log:
        log = os.environ.get('SAGE_FLOCK_LOG', '')
    elif is_alone and os.path.exists(log):
        os.rename(log, log[:-len('.jsonl')] + '.1.jsonl')
    if not needs:
        return
    lines = ['%.3f -%s %d' % (time.time(), letters.replace(' ', ''), os.path.exists(log) and os.path.getsize(log) or 0)]
    lines.extend([' '.join([name] + needs[name]) for name in needs])
    with open(folder + '/' + make, 'w') as file:
        file.write('\n'.join(lines) + '\n\n')
