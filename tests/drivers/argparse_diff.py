"""Does our argparse do what the standard one does, as far as a program can see?

    argparse_diff.py [LINES]            builds each parser below with both, feeds both the same command lines, some
                                        written by hand and LINES drawn at random, and compares the results: the
                                        namespace, the exit status, and which of stdout and stderr got text
    argparse_diff.py --without          for interpreters without a standard argparse: checks only what we decided
                                        where the standard versions disagree

Status 0: no differences except those that DECIDED explains.  The lines are the same on every interpreter.
"""

import os
import sys

ROOT = os.path.abspath(__file__).rpartition('/tests/')[0]
sys.path[:1] = [os.path.join(ROOT, 'build')]     # in place of ours, where nothing is to be found by accident
sys.dont_write_bytecode = True

if '--without' in sys.argv[1:]:
    sys.modules['argparse'] = None

from sage_bootstrap.compat import argparse as ours     # noqa

try:
    standard = __import__('argparse')               # by name only: some versions have none
except ImportError:
    standard = None

NOT_UTF8 = 'caf' + chr(0xdce9 if sys.version_info[0] > 2 else 0xe9)


# ---- The parsers. Each is built by the module that it is given.

def flock(m, parser):
    """sage-flock's own."""
    add = parser.add_argument
    add('-s', '--shared', dest='mode', action='store_const', const='shared', default='exclusive')
    add('-x', '-e', '--exclusive', dest='mode', action='store_const', const='exclusive')
    add('-u', '--unlock', dest='mode', action='store_const', const='unlock')
    add('-n', '--nb', '--nonblock', '--nonblocking', dest='wait', action='store_false', default=True)
    add('-w', '--wait', '--timeout', dest='seconds', type=typed(m, float), metavar='SECONDS')
    add('-E', '--conflict-exit-code', dest='conflict', type=int, default=1, metavar='N')
    add('-o', '--close', action='store_true')
    add('-F', '--no-fork', dest='fork', action='store_false', default=True)
    add('-c', '--command', dest='shell', metavar='COMMAND')
    add('--fd', type=int, metavar='N')
    add('--verbose', action='store_true')
    add('-q', '--quiet', action='store_true')
    add('--coalesce', action='store_true')
    add('--key', metavar='KEY')
    add('--mark', metavar='FILE')
    add('--status', action='store_true')
    add('--json', action='store_true')
    add('--self-test', action='store_true')
    add('-V', '--version', action='version', version='prog 1.0')
    add('lock', nargs='?', metavar='LOCK', help=m.SUPPRESS)
    add('command', nargs=m.REMAINDER, metavar='COMMAND', help=m.SUPPRESS)


def report(m, parser):
    """sage-flock-report's own: one positional, which must be there."""
    parser.add_argument('--html', metavar='OUT', help='write a page')
    parser.add_argument('--trace', metavar='OUT')
    parser.add_argument('--last', action='store_true')
    parser.add_argument('-q', '--quiet', action='store_true')
    parser.add_argument('-V', '--version', action='version', version='prog 1.0', help='print it')
    parser.add_argument('name', metavar='FILE', help=m.SUPPRESS)


def wrapper(m, parser):
    """A positional before the rest, which must be there."""
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('-n', '--number', type=int)
    parser.add_argument('where', help='where to run')
    parser.add_argument('rest', nargs=m.REMAINDER)


def letters(m, parser):
    """Short options to be written together, and a positional that need not be there."""
    parser.add_argument('-n', action='store_true')
    parser.add_argument('-v', '--verbose', action='store_false')
    parser.add_argument('-k', '--key')
    parser.add_argument('-E', '--exit', type=int)
    parser.add_argument('-l', action='store_const', const=3)
    parser.add_argument('--dry-run', '--dry', action='store_true')
    parser.add_argument('--absent', default=m.SUPPRESS)
    parser.add_argument('name', nargs='?', default='nobody')


def numbers(m, parser):
    """Two that must be there, and numbers."""
    parser.add_argument('-w', '--wait', type=float, default=2.5)
    parser.add_argument('-t', '--type', type=typed(m, int), dest='kind')
    parser.add_argument('one', type=int)
    parser.add_argument('n', type=float)


PARSERS = [flock, report, wrapper, letters, numbers]


def typed(m, kind):
    """A type that has an error text of its own."""
    def convert(word):
        try:
            return kind(word)
        except ValueError:
            raise m.ArgumentTypeError('%r is not what I want' % word)
    return convert


def build(m, define):
    parser = m.ArgumentParser(prog='prog', usage='prog ...', description='What it does.',
                              formatter_class=m.RawDescriptionHelpFormatter)
    define(m, parser)
    return parser


# ---- What comes of a command line.

class Stream(object):

    def __init__(self):
        self.text = ''

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def outcome(parser, words):
    """In words, so that 1, 1.0 and True are three things: 'VALUES' or 'exit STATUS', and who got text."""
    streams = sys.stdout, sys.stderr
    out, err = sys.stdout, sys.stderr = Stream(), Stream()
    try:
        try:
            said = 'namespace'
            said = values(parser.parse_args(words))
        except SystemExit:
            said = 'exit %r' % (sys.exc_info()[1].code,)
        except Exception:
            said = 'crash: %s' % sys.exc_info()[0].__name__
    finally:
        sys.stdout, sys.stderr = streams
    if out.text:
        said += ', stdout'
    if err.text:
        said += ', stderr'
    return said


def values(namespace):
    return ' '.join(['%s=%r' % item for item in sorted(vars(namespace).items())])


USAGE_ERROR = 'exit 2, stderr'
HELP = 'exit 0, stdout'


# ---- The lines by hand, each for all parsers: what means nothing to one is an error on both sides.

BY_HAND = [line.split() for line in """

-h
--help
-h -h
--bogus -h
-h --bogus
x -h
--
-- --
-- -h
-
- -
-- a b c d e
a
a b
a b c
a b c d
a b c d e
a -- b
a b -- -c
a -k
a -k b
a -v b c
-v a b c
a b c -v
-x lock cmd
-x lock cmd -x -h --help
-s lock -c cmd
lock -s
-w 5 lock true
-w0.5 lock true
-w=0.5 lock true
-w -5 lock
-w -.5 lock
-w -x lock
-w soon lock
--wait=5 lock a=b
--wait= lock
--wait
--wait --shared
--wai 5 lock
--ti 5 lock
--conf 3 -E4 lock
-E=4 lock
-E lock
-nE3 lock cmd
-nE 3 lock cmd
-nxE3w2 lock
-xnsw.5 lock cmd
-xns lock cmd
-nh
-hn
--shared=1 lock
--no lock
--non lock
--nonblock lock
--nonblocki lock
-V lock
--vers
--ver
-c
-c true lock
-ctrue lock
--command --verbose lock
-u 200
-200
-1
-5
-5 -5
--fd 3 lock cmd
--key= lock
--key=a=b lock
--key a --key b lock
-nvk key
-nvkkey
-nv -k -n
-n-x -h
-n- -h
-lo 3
-lon 3
-l 3
-li
--dry
--dry-r
--dr
-a
-c
--absent x
--late
--number x
--number 3 name
1 2
1 x -t y
1 -t 5 2
1 -w -2 3
-1 -2.5
-v -1
FILE --
-q FILE --
FILE -q --
--ht OUT -- -q
--html=OUT FILE --last
--last FILE more
--tra x --las
""".split('\n')[1:-1]]
BY_HAND += [[''], ['', '-x'], ['a b'], ['-a b'], ['-z b'], ['-w', ''], ['-w', ' 5 '], ['-k', 'a b'], ['-k', '-a b'],
            ['--key=a b', 'x'], ['--zzz b'], ['a\nb'], ['--a\nb'], [NOT_UTF8],
            ['-' + NOT_UTF8], ['--' + NOT_UTF8, 'x'], ['--key', NOT_UTF8, NOT_UTF8], ['-E', NOT_UTF8]]


# ---- The lines by chance.

class Dice(object):
    """The same numbers on every version of Python, which random does not give."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return (self.state >> 33) % limit

    def one_of(self, things):
        return things[self.below(len(things))]


# Half the lines of a parser that is hard to please begin with what pleases it.
START = {wrapper: ['a'], report: ['a'], numbers: ['1', '2']}
LIKELY = ['a', 'x', 'foo', '1', '2', '5']
VALUES = LIKELY + ['b', 'now', 'lock', 'cmd', '6', '0.5', '-1', '-5', '-.5', '-2.5', '-', '',
          'a b', '-a b', '-z b', 'a=b', '=', '1e3', NOT_UTF8, '--', '---', '--=', '-5x', '-z', '--zzz', '--zzz=1']


def word(dice, names):
    """A word that means something to the parser with these option names, or nearly so."""
    kind = dice.below(15)
    name = dice.one_of(names)
    value = dice.one_of(VALUES)
    if kind < 4:
        return value
    if kind < 7:
        return name
    if kind == 7:
        return '--' if dice.below(2) else name + '=' + value
    if kind == 8:
        return name[:2 + dice.below(len(name))] + dice.one_of(['', '=' + value])
    if kind == 9:
        return name + value
    if kind > 11:
        return dice.one_of(LIKELY)
    together = '-' + ''.join([dice.one_of(names)[1] for _ in range(1 + dice.below(4))])
    return (together + dice.one_of(['', '', value, 'z', '=' + value])).replace('--', '-')


# ---- Where we differ, or the standard versions differ among themselves: what we decided, and how to know the case.
#
# Each entry: the parser and the line that show it, what must come of it here on every interpreter, why, and a test
# that a case must pass to be excused by it. An entry counts only on an interpreter whose own argparse says something
# else on that line.

def dashes_are_the_commands(case):
    # All that the standard does otherwise is to drop that '--'.
    if '--' not in case.words:
        return False
    at = case.words.index('--')
    return case.retry(case.words[:at] + case.words[at + 1:]) == case.theirs and (
        "command=['--'" in case.ours or "rest=['--'" in case.ours or case.ours == USAGE_ERROR)


def ambiguous_word(case):
    # We must not have used it: with an unknown option in its place all is the same.
    for w in case.options():
        if case.theirs == USAGE_ERROR and len(case.meanings(w) or ()) > 1:
            at = case.words.index(w)
            unused = case.retry(case.words[:at] + ['--unused'] + case.words[at + 1:])
            return unused.replace(repr('--unused'), repr(w)) == case.ours


def shortens_one_option(case):
    # With a name written out all is the same.
    for at, w in enumerate(case.words):
        names = [name for name, _, _ in case.meanings(w) or ()]
        if len(names) > 1 and case.theirs == USAGE_ERROR:
            words = case.words[:at] + [names[0] + ''.join(w.partition('=')[1:])] + case.words[at + 1:]
            return case.retry(words) == case.ours


def attached_dashes(case):
    return [w for w in case.options() if w.endswith('--') and len(w) > 2]


def equals_in_cluster(case):
    return [w for w in case.options() if w[1:2] != '-' and '=' in w[3:]]


def equals_after_flag(case):
    return case.ours == USAGE_ERROR and [w for w in case.options() if w[1:2] != '-' and w[2:3] == '=']


def unknown_letter(case):
    return case.theirs == USAGE_ERROR and case.ours == HELP and [
        w for w in case.options() if w[1:2] != '-' and len(w) > 2 and w[2] != '-']


def version_on_stderr(case):
    return case.theirs == 'exit 0, stderr' and case.ours == HELP


def one_dash_alone(case):
    return [w for w in case.options() if w.startswith('-=')]


def begins_like_a_number(case):
    return [w for w in case.options() if w[1:].lstrip('.')[:1].isdigit()]


DECIDED = [
    (flock, ['lock', '--', 'cmd'], "command=['--', 'cmd'] lock='lock'",
     "what follows LOCK is the command's byte for byte, as with flock(1); the standard drops the '--'",
     dashes_are_the_commands),
    (flock, ['lock', 'cmd', '--no'], "command=['cmd', '--no'] lock='lock'",
     'up to 3.13.0 an ambiguous word is an error wherever it stands, in the command too; later only where it is used',
     ambiguous_word),
    (flock, ['-h', '--no'], HELP, 'the same', ambiguous_word),
    (flock, ['--nonb', 'lock'], "lock='lock' wait=False",
     'what shortens two names of one option is that option, as for getopt and so flock(1)', shortens_one_option),
    (flock, ['--key=--', 'lock'], "key='--' lock='lock'",
     "up to 3.12.1 an option's own value may not be '--'", attached_dashes),
    (letters, ['-nk=v'], "key='v' n=True", "up to 3.12.1 '=' belongs to the value if letters stand together",
     equals_in_cluster),
    (flock, ['-n=x'], USAGE_ERROR, "up to 3.12.1 '-n=x' is '-n -x', and '-n=' a traceback", equals_after_flag),
    (letters, ['-nz', '-h'], HELP,
     'up to 3.12.1 an unknown letter among known ones is an error at once, not at the end as any other unknown option',
     unknown_letter),
    (flock, ['-V'], HELP, 'Python 2 writes it to stderr', version_on_stderr),
    (flock, ['-=3', '-h'], HELP, "after 3.13.0 '-=' abbreviates whatever there is", one_dash_alone),
    (numbers, ['1', '-1e3'], USAGE_ERROR, 'after 3.13 whatever begins like a negative number is one',
     begins_like_a_number),
]


class Case(object):

    def __init__(self, define, our_parser, words, ours_said, theirs_said):
        self.define = define
        self.parser = our_parser
        self.words = words
        self.ours = ours_said
        self.theirs = theirs_said

    def retry(self, words):
        return outcome(self.parser, words)

    def meanings(self, word):
        return ours._Reading(self.parser, []).meanings(word)

    def options(self):
        """The words that may be options."""
        words = self.words
        if '--' in words:
            words = words[:words.index('--')]
        return [w for w in words if w.startswith('-')]

    def __str__(self):
        return '%s %r\n    ours:  %s\n    their: %s' % (self.define.__name__, self.words, self.ours, self.theirs)


# ---- The comparison.

def main(lines):
    os.environ['COLUMNS'] = '80'
    failures = []
    live = check_decided(failures)
    if standard is None:
        check_no_crash(lines, failures)
        print('no standard argparse here; %d decided cases' % len(DECIDED))
    else:
        excused = compare(lines, live, failures)
        for why, count in sorted(excused.items()):
            print('%5d excused: %s' % (count, why))
    for failure in failures[:20]:
        sys.stdout.write('DIFFERS: %s\n' % repr(str(failure)).replace('\\n', '\n')[1:-1])
    print('Python %d.%d.%d: %d differences' % (sys.version_info[:3] + (len(failures),)))
    return 1 if failures else 0


def check_decided(failures):
    """Ours must be as decided; the entries that the standard argparse at hand differs from."""
    live = []
    for entry in DECIDED:
        define, words, expected = entry[:3]
        said = outcome(build(ours, define), words)
        if not expected.startswith('exit'):
            said = ' '.join([part for part in said.replace(', ', ',').split(' ')
                             if part.split('=')[0] in [e.split('=')[0] for e in expected.split(' ')]])
            expected = expected.replace(', ', ',')
        if said != expected:
            failures.append(Case(define, None, words, said, 'decided: ' + expected))
        if standard and outcome(build(ours, define), words) != outcome(build(standard, define), words):
            live.append(entry)
    return live


def all_lines(define, count):
    for words in BY_HAND:
        yield words
    names = sorted(build(ours, define)._options)
    dice = Dice(sum([ord(letter) for letter in define.__name__]))
    for _ in range(count):
        words = dice.below(2) and START.get(define, []) or []
        words = words + [word(dice, names) for _ in range(dice.below(8))]
        yield words


def compare(lines, live, failures):
    excused = {}
    compared = parsed = 0
    for define in PARSERS:
        our_parser, their_parser = build(ours, define), build(standard, define)
        for words in all_lines(define, lines // len(PARSERS)):
            case = Case(define, our_parser, words, outcome(our_parser, words), outcome(their_parser, words))
            compared += 1
            parsed += not case.ours.startswith('exit')
            if case.ours == case.theirs and 'crash' not in case.ours:
                continue
            for entry in live:
                if 'crash' not in case.ours and entry[4](case):
                    excused[entry[3]] = excused.get(entry[3], 0) + 1
                    break
            else:
                failures.append(case)
    print('%d parsers, %d lines, %d of them without error' % (len(PARSERS), compared, parsed))
    return excused


def check_no_crash(lines, failures):
    for define in PARSERS:
        parser = build(ours, define)
        for words in all_lines(define, lines // len(PARSERS)):
            said = outcome(parser, words)
            if 'crash' in said:
                failures.append(Case(define, parser, words, said, 'no crash'))


if __name__ == '__main__':
    arguments = [argument for argument in sys.argv[1:] if argument != '--without']
    sys.exit(main(int(arguments[0]) if arguments else 12000))
