"""Random command lines: whatever the words, no traceback, no hang, a documented status and at most one line of error.

    fuzz.py [--count=300] [--seed=N] [--only=I]

Half of the lines begin sensibly and go wrong somewhere; half are garbage throughout.  Some find their lock held by a
rival, which drops it as soon as somebody waits; some lack descriptors; some have an odd environment.  A line can be
repeated by its seed and number.  The interpreter under test is PYTHON.
"""

import os
import random
import re
import shutil
import sys
import tempfile
import time

from processes import SAGE_FLOCK, TICK, Rival, Run, tidy_environment

AT_A_TIME = 4
# The commands, each silent, and what they end with: the one command that is in a random line, or none.
COMMANDS = [([b'true'], 0), ([b'false'], 1), ([b'sh', b'-c', b'exit 7'], 7), ([b'sh', b'-c', b'kill -9 $$'], -9),
            ([b'test', b'1'], 0), ([b'-c', b'exit 5'], 5), ([b'--command', b':'], 0), ([b'no-such-command'], None),
            ([b'/'], None), ([b''], None), ([b'./x.lock'], None), ([b'no\xffsuch'], None), ([b'a/b'], None), ([], None)]
NAMES = [b'x.lock', b'./x.lock', b'new.lock', b'folder', b'new/folder/x.lock', b'text', b'7', b'text/x.lock', b'dangling',
         b'\xff\xfe', b'caf\xc3\xa9', b'\xc2\xb2', b'\xd9\xa3', b'two\nlines', b'', b' ', b'-', b'--', b'n' * 300, b'd/' * 2500,
         b'9', b'99', b'0', b'1', b'00009', b'99999999999999999999', b'9' * 5000, b'fifo', b'/dev/null']
FLAGS = [b'-s', b'-x', b'-e', b'-u', b'-n', b'-o', b'-F', b'-q', b'--shared', b'--exclusive', b'--unlock', b'--nb',
         b'--nonblock', b'--nonblocking', b'--close', b'--no-fork', b'--verbose', b'--quiet', b'--coalesce', b'--json',
         b'--excl', b'--no', b'--verb', b'--q', b'--co', b'--', b'-sx', b'-nq', b'-snx', b'-Fo', b'-h', b'-V', b'--help',
         b'--version', b'--status', b'-c', b'--command']
VALUED = [b'-w', b'--wait', b'--timeout', b'--time', b'-E', b'--conflict-exit-code', b'--conf', b'--fd', b'--key', b'--pool',
          b'--mark', b'-nw', b'-sE', b'-xnE']
NUMBERS = [b'0', b'1', b'3', b'9', b'255', b'256', b'-1', b'0.01', b'.02', b'1e-3', b'1e99', b'-0', b'+3', b'0x10', b'nan',
           b'inf', b'-inf', b'', b' ', b' 1', b'1_0', b'\xc2\xb2', b'\xd9\xa3', b'\xff', b'99', b'9' * 400, b'1' * 5000, b'1,5',
           b'true', b'2147483648', b'4294967295', b'1000000000', b'1e9', b'1e309']
GOOD_NUMBERS = [b'0', b'1', b'3', b'9', b'255', b'0.01', b'1e-3', b'20']
ALPHABET = [b'-', b'-', b'=', b's', b'x', b'n', b'w', b'E', b'F', b'o', b'u', b'c', b'q', b'3', b'.', b' ', b'\n', b'\t', b"'",
            b'"', b'\\', b'%', b'%s', b'{}', b'$', b':', b'\xff', b'\xc3\xa9', b'\xe2\x80\xae', b'\x01', b'\x1b[2J', b'\x7f']
ENVIRONMENT = [(b'SAGE_LOCK_DIR', [b'', b'.', b'locks', b'folder/', b'text', b'no/such', b'\xff', b'x' * 5000]),
               (b'SAGE_LOCAL', [b'', b'.', b'tree', b'text', b'\xff']),
               (b'SAGE_FLOCK_HELD', [b'', b':', b'h.1-2', b'/h.', b'x.lock', b'%', b'%3A', b'\xff', b'/' * 9000, b'a:b:c', b'.',
                                     b'.sage-flock/x.lock/h.1-1', b'/dev/null', b'fifo', b'folder']),
               (b'SAGE_FLOCK_REMINDER', [b'', b'0', b'-1', b'abc', b'nan', b'inf', b'1e-9', b'0.01', b'1e400', b'\xff']),
               (b'SAGE_FLOCK_TIMEOUT', [b'', b'-1', b'abc', b'nan', b'1e400', b'20', b'\xff']),
               (b'SAGE_FLOCK_LOG', [b'', b'log', b'folder', b'no/such/log', b'/dev/full', b'\xff', b'text/log']),
               (b'SAGE_FLOCK_KEEP_SLOT', [b'', b'0', b'1', b'\xff']),
               (b'MAKEFLAGS', [b'', b'-', b'n', b' --jobserver-auth=3,4', b' --jobserver-auth=fifo:fifo', b' -- A=B',
                               b' --jobserver-auth=99999999999999999999,3', b' --jobserver-fds=9,9', b'\\', b'\xff',
                               b' --jobserver-auth=\xc2\xb2,\xc2\xb2', b' --jobserver-auth=fifo:', b' -j --jobserver-auth=',
                               b' --jobserver-auth=-2,-2', b' --jobserver-auth=fifo:' + b'x' * 5000]),
               (b'PATH', [b'', b':', b'/bin:/usr/bin', b'folder:\xff:/bin', b'/bin' + b':x' * 300]),
               (b'SHELL', [b'', b'/bin/sh', b'no-such-shell', b'folder']),
               (b'LC_ALL', [b'C', b'C.UTF-8', b'POSIX', b'xx_XX.ISO-8859-1', b'']),
               (b'LC_CTYPE', [b'C.UTF-8', b'\xff'])]
WAITING = re.compile(b'^sage-flock: (waiting for|still waiting after|got (shared|exclusive|pool) lock)')
NOTED = re.compile(b"^sage-flock: .*(plain lock, neither|no record of this|not got|not coalesced|nothing to do|no mark could|cannot be logged to|is no number of seconds: )")


class Line(object):
    """One random command line, with its surroundings."""

    def __init__(self, seed, number):
        self.which = '--seed=%s --only=%d' % (seed, number)
        chance = self.chance = random.Random('%s %d' % (seed, number))
        self.fate = None        # what its command ends with, if it has one
        garbage = chance.random() < 0.3
        self.words = self.garbage() if garbage else self.sensible()
        self.held = chance.choice([None, None, 'shared', 'exclusive'])
        self.closed = [fd for fd in (1, 2) if chance.random() < 0.05]
        self.opened = {9: 'x.lock'} if chance.random() < 0.4 else {}
        self.changes = dict([(name, chance.choice(values)) for name, values in ENVIRONMENT if chance.random() < 0.15])

    def garbage(self):
        return [self.word() for _ in range(self.chance.choice([0, 1, 1, 2, 3, 4, 5, 8, 200]))]

    def word(self):
        chance = self.chance
        kind = chance.random()
        if kind < 0.3:
            return chance.choice(FLAGS)
        if kind < 0.45:
            return chance.choice(VALUED) + chance.choice([b'', b'=']) + chance.choice(NUMBERS)
        if kind < 0.6:
            return chance.choice(NAMES)
        if kind < 0.65:
            return chance.choice(NUMBERS)
        if kind < 0.67:
            return chance.choice(ALPHABET) * chance.choice([1000, 30000])
        return b''.join([chance.choice(ALPHABET) for _ in range(chance.randrange(12))])

    def sensible(self):
        chance = self.chance
        words = []
        while chance.random() < 0.55:
            kind = chance.random()
            if kind < 0.7:
                words.append(chance.choice(FLAGS[:19] if chance.random() < 0.8 else FLAGS))
            elif kind < 0.95:
                option = chance.choice(VALUED)
                value = chance.choice(NUMBERS if chance.random() < 0.2 else GOOD_NUMBERS)
                words.extend(chance.choice([[option, value], [option + b'=' + value], [option + value]]))
            else:
                words.append(self.word())
        if chance.random() < 0.9:
            words.append(chance.choice(NAMES[:3] + NAMES))
        command, self.fate = chance.choice(COMMANDS)
        return words + command

    def start(self, folder):
        os.mkdir(folder)
        os.mkdir(os.path.join(folder, 'folder'))
        for name, text in ('x.lock', ''), ('text', 'text\n'), ('7', ''):
            it = open(os.path.join(folder, name), 'w')
            it.write(text)
            it.close()
        os.symlink('nowhere/at/all', os.path.join(folder, 'dangling'))
        os.mkfifo(os.path.join(folder, 'fifo'))
        self.folder = folder
        self.rival = Rival(os.path.join(folder, 'x.lock'), self.held)
        words = [word.encode('utf-8') for word in SAGE_FLOCK]
        self.run = Run(words + [word.replace(b'\0', b'') for word in self.words], folder, self.changes, self.closed,
                       self.opened)

    def is_over(self):
        if self.rival.held and self.rival.is_waited_for():
            self.rival.let_go()
        return self.run.is_over() or self.run.hangs()

    def faults(self):
        """What was wrong with it, in words."""
        hangs = self.run.hangs()
        self.run.end()
        self.rival.let_go()
        said = self.run.said(2)
        status = self.run.status
        self.run.forget()
        shutil.rmtree(self.folder, True)
        if hangs:
            return ['hangs']
        found = []
        lines = said.split(b'\n')
        # What follows -c may be garbage, of which the shell has its own to say.
        of_shell = [line for line in lines if line.startswith(b'/bin/sh: ')]
        lines = [line for line in lines if line not in of_shell]
        if lines.pop():
            found.append('a line without an end')
        if not all([line.startswith(b'sage-flock: ') for line in lines]):
            found.append('what is said is not all ours')
        if any([re.search(b'[\x00-\x1f\x7f]', line) for line in lines]):
            found.append('control characters')
        errors = [line for line in lines if not WAITING.match(line) and not NOTED.match(line)]
        if len(errors) > 1:
            found.append('%d lines of error' % len(errors))
        if (status == 125 or status == 2 and not of_shell) and not errors and 2 not in self.closed and self.fate != status:
            found.append('status %d, and not a word why' % status)
        documented = set([0, 1, 2, 125, 126, 127, self.fate])
        documented.update([int(word) for word in re.findall('[0-9]+', repr(self.words)) if int(word[:9]) < 256])
        if status not in documented:
            found.append('status %d' % status)
        return ['%s: %r' % (fault, said[:2000]) for fault in found]


def main(count='300', seed=None, only=None):
    seed = seed or '%d' % random.randrange(10 ** 6)
    scratch = tempfile.mkdtemp()
    tidy_environment()
    todo = [int(only)] if only else list(range(int(count)))
    busy = []
    faulty = 0
    statuses = {}
    try:
        while todo or busy:
            while todo and len(busy) < AT_A_TIME:
                line = Line(seed, todo.pop(0))
                line.start(os.path.join(scratch, 'd%d' % len(todo)))
                busy.append(line)
            for line in [one for one in busy if one.is_over()]:
                busy.remove(line)
                found = line.faults()
                statuses[line.run.status] = statuses.get(line.run.status, 0) + 1
                faulty += bool(found)
                for fault in found:
                    print('%s: %s\n    %s' % (line.which, fault, repr((line.words, line.held, line.opened, line.closed,
                                                                      line.changes))[:600]))
            time.sleep(TICK)
    finally:
        shutil.rmtree(scratch, True)
    print('%s lines, %d faulty, seed %s; ended with %s' % (
        count, faulty, seed, ', '.join(['%d: %d' % one for one in sorted(statuses.items())])))
    return min(1, faulty)


if __name__ == '__main__':
    sys.exit(main(**dict([word.lstrip('-').split('=') for word in sys.argv[1:]])))
