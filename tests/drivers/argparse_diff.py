"""Is our argparse the standard one, as far as a program can see?

    argparse_diff.py [LINES]            builds each parser below with both, feeds both the same command lines, some
                                        written by hand and LINES drawn at random, and compares what comes of them:
                                        the namespace, the exit status, and which of stdout and stderr got text
    argparse_diff.py --without          the same where no standard argparse can be imported; what is left to check is
                                        what we decided where the standard versions disagree

Status 0: no difference but those that DECIDED explains.  The lines are the same on every interpreter.
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
    add('-c', '--command', dest='shell', nargs='?', const='sh', metavar='COMMAND')
    add('--fd', type=int, metavar='N')
    add('--verbose', action='store_true')
    add('-q', '--quiet', action='store_true')
    add('--coalesce', action='store_true')
    add('--key')
    add('--status', action='store_true')
    add('--json', action='store_true')
    add('-V', '--version', action='version', version='%(prog)s 1.0')
    add('lock', nargs='?', metavar='LOCK', help=m.SUPPRESS)
    add('command', nargs=m.REMAINDER, metavar='COMMAND', help=m.SUPPRESS)


def nothing(m, parser):
    """Neither options of its own nor positionals."""


def wrapper(m, parser):
    """Two positionals before the rest, one of them optional."""
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('-n', '--number', type=int)
    parser.add_argument('where', help='where to run %(metavar)s, 100%% sure')
    parser.add_argument('how', nargs='?', default='fast', choices=['fast', 'slow', 'a'])
    parser.add_argument('rest', nargs=m.REMAINDER)


def only_rest(m, parser):
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('rest', nargs=m.REMAINDER)


def options_rest(m, parser):
    """An option that takes all the rest."""
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('-r', '--run', nargs=m.REMAINDER, choices=['a', 'x'])
    parser.add_argument('name', nargs='?')


def maybe(m, parser):
    """Positionals that are content with nothing."""
    parser.add_argument('-f', '--flag', action='store_true')
    parser.add_argument('-k', '--key')
    parser.add_argument('one')
    parser.add_argument('two', nargs='?', default='7', type=int)
    parser.add_argument('many', nargs='*')


def counts(m, parser):
    """Every way to count an option's and a positional's words."""
    parser.add_argument('-a', '--any', nargs='*', type=int)
    parser.add_argument('-s', '--some', nargs='+')
    parser.add_argument('-p', '--pair', nargs=2)
    parser.add_argument('-1', '--single', nargs=1, dest='single_one')
    parser.add_argument('-m', '--maybe', nargs='?', const='5', default='6', type=int)
    parser.add_argument('first', nargs=2)
    parser.add_argument('then', nargs='+')
    parser.add_argument('last')


def letters(m, parser):
    """Short options to be written together, and long ones with one dash."""
    parser.add_argument('-n', action='store_true')
    parser.add_argument('-v', '--verbose', action='store_false')
    parser.add_argument('-k', '--key')
    parser.add_argument('-E', '--exit', type=int)
    parser.add_argument('-m', nargs='?', const='none')
    parser.add_argument('-long')
    parser.add_argument('-list', action='store_const', const=3)
    parser.add_argument('--dry-run', '--dry', action='store_true')
    parser.add_argument('name', nargs='*', default='nobody')


def numbers(m, parser):
    """Numbers, with no option that looks like one."""
    parser.add_argument('-w', '--wait', type=float, default='2.5')
    parser.add_argument('-i', '--int', type=int, choices=[-1, 0, 5])
    parser.add_argument('n', nargs='*', type=float)


def digits(m, parser):
    """Numbers, with an option that looks like one."""
    parser.add_argument('-5', dest='five', action='store_true')
    parser.add_argument('-w', '--wait', type=float)
    parser.add_argument('n', nargs='*', type=float)


def choices(m, parser):
    parser.add_argument('-m', '--mode', choices=('a', 'b', 'foo'), default='b', required=True)
    parser.add_argument('-l', '--level', nargs='+', type=int, choices=range(1, 6))
    parser.add_argument('what', nargs='*', choices=['a', 'foo', 'x'], default='x')


def excluding(m, parser):
    """Options that exclude each other, one of them needed."""
    need = parser.add_mutually_exclusive_group(required=True)
    need.add_argument('-a', '--all', action='store_true')
    need.add_argument('-b', '--begin', type=int, default=5)
    need.add_argument('-c', '--change', nargs='?', const='now')
    section = parser.add_argument_group('more', 'about more')
    section.add_argument('-q', '--quiet', action='store_true')
    either = section.add_mutually_exclusive_group()
    either.add_argument('-x', action='store_true')
    either.add_argument('-y', action='append')
    either.add_argument('name', nargs='?')
    parser.add_argument('last')


def gathering(m, parser):
    parser.add_argument('-I', '--include', action='append', default=['first'])
    parser.add_argument('-D', '--define', action='append', type=int, dest='defs')
    parser.add_argument('-P', '--pairs', action='append', nargs=2)
    parser.add_argument('-S', '--sets', action='append', nargs='*')
    parser.add_argument('name', nargs='*', default=m.SUPPRESS)


def defaults(m, parser):
    """Where a value comes from if nobody gives one."""
    parser.set_defaults(early='set before', function='no option of its own')
    parser.add_argument('--early', action='store_true')
    parser.add_argument('--number', default='12', type=int)
    parser.add_argument('--late', default='x')
    parser.add_argument('--absent', default=m.SUPPRESS)
    parser.add_argument('--bad', default='none', type=typed(m, float))
    parser.add_argument('name', nargs='?', default=m.SUPPRESS)
    parser.set_defaults(late='set after', number='13')


def required(m, parser):
    parser.add_argument('--must', required=True)
    parser.add_argument('-t', '--type', type=typed(m, int), dest='kind')
    parser.add_argument('-v', '--version', action='version', version='100%% %(prog)s')
    parser.add_argument('many', nargs='+')


PARSERS = [flock, nothing, wrapper, only_rest, options_rest, maybe, counts, letters, numbers, digits, choices,
           excluding, gathering, defaults, required]


def typed(m, kind):
    """A type that has an error text of its own."""
    def convert(word):
        try:
            return kind(word)
        except ValueError:
            raise m.ArgumentTypeError('%r is not what I want' % word)
    return convert


def build(m, define):
    parser = m.ArgumentParser(prog='prog', usage='prog ...', description='100%% of %(prog)s')
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


def outcome(parser, words, namespace=None):
    """In words, so that 1, 1.0 and True are three things: 'VALUES' or 'exit STATUS', and who got text."""
    streams = sys.stdout, sys.stderr
    out, err = sys.stdout, sys.stderr = Stream(), Stream()
    try:
        try:
            said = 'namespace'
            said = values(parser.parse_args(words, namespace))
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
-i -1 -2.5
--fd 3 lock cmd
--key= lock
--key=a=b lock
--key a --key b lock
-a 1 2 3 -p x y
-a -s x -- a b c d
-p x y -1 z q w e r t
-p x
-px y
-pair x y
-m a b c d e
-m 1 a b c d
-m1 a b c d
-nvk key
-nvkkey
-nv -k -n
-nvm
-nvmx
-n-x -h
-n- -h
-lo 3
-lon 3
-l 3
-li
-long x -list
-longx
--dry
--dry-r
--dr
-m foo
-m a foo x a
-m a foo nope
-m nope
-l 1 2 -m a
-l 1 9 -m a
-a
-b 6
-a -b 6
-b 6 -a
-c
-c x -a
-a -x -y 1
-a -x name
-a -y 1 name
-a -q name
-a -q z -x
-a -x z name
-I a -I b -D 3 -D4
-P a b -P c d
-S -S a -S b c
-D x
--absent x
--late
--number x
--number 3 name
--bad x
--must
--must 1 x
--must 1 x -t y
--must 1 -v
-v --must 1
-r a -v -- b
-v -r -v
name -r x y z
""".split('\n')[1:-1]]
BY_HAND += [[''], ['', '-x'], ['a b'], ['-a b'], ['-z b'], ['-w', ''], ['-w', ' 5 '], ['-k', 'a b'], ['-k', '-a b'],
            ['--key=a b', 'x'], ['--zzz b'], ['--must', '-z b', 'x'], ['a\nb'], ['--a\nb'], [NOT_UTF8],
            ['-' + NOT_UTF8], ['--' + NOT_UTF8, 'x'], ['--key', NOT_UTF8, NOT_UTF8], ['-E', NOT_UTF8]]


# ---- The lines by chance, a quarter of them into a namespace that is not empty.

PRESET = {'name': 'preset', 'key': '5', 'wait': '2.5', 'number': 'preset', 'include': ['preset'], 'stranger': 1}

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
START = {wrapper: ['a'], maybe: ['a'], choices: ['-m', 'a'], excluding: ['-a', 'z'], required: ['x', '--must', '1'],
         counts: ['a', 'b', 'c', 'd']}
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


def positional_could_wait(case):
    # A plain word, an option, a plain word; and a positional that needs none.
    kinds = ''.join([case.meanings(w) is None and 'p' or 'o' for w in case.words])
    return 'p' in kinds[kinds.find('po') + 1:] and 'po' in kinds and [
        a for a in case.parser._arguments if not a.names and a.least == 0 and a.nargs != ours.REMAINDER]


def given_its_default(case):
    return case.define is excluding and [w for w in case.words if w.endswith('5')]


def more_dashes(case):
    return case.words.count('--') > 1


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


def one_dash_equals(case):
    return case.define is letters and [w for w in case.options() if w.startswith('-l') and '=' in w]


def one_dash_alone(case):
    return [w for w in case.options() if w.startswith('-=')]


def begins_like_a_number(case):
    return [w for w in case.options() if w[1:].lstrip('.')[:1].isdigit()]


def many_options_for_one(case):
    return case.define in (counts, gathering)


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
    (maybe, ['a', '-f', '2'], "flag=True one='a' two=2",
     'up to 3.13.0 a positional that may be empty is made so by the first option behind the one before it',
     positional_could_wait),
    (excluding, ['-b', '5', '-a', 'z'], USAGE_ERROR,
     'up to 3.13.0 an option given the very object that is its default was not given', given_its_default),
    (maybe, ['--', 'a', '1', '--', 'b'], "many=['--', 'b'] one='a' two=1",
     "up to 3.13.0 each positional loses a '--', not only the line", more_dashes),
    (flock, ['--key=--', 'lock'], "key='--' lock='lock'",
     "up to 3.12.1 an option's own value may not be '--'", attached_dashes),
    (letters, ['-nk=v'], "key='v' n=True", "up to 3.12.1 '=' belongs to the value if letters stand together",
     equals_in_cluster),
    (flock, ['-n=x'], USAGE_ERROR, "up to 3.12.1 '-n=x' is '-n -x', and '-n=' a traceback", equals_after_flag),
    (letters, ['-nz', '-h'], HELP,
     'up to 3.12.1 an unknown letter among known ones is an error at once, not at the end as any other unknown option',
     unknown_letter),
    (flock, ['-V'], HELP, 'Python 2 writes it to stderr', version_on_stderr),
    (letters, ['-lo=3'], "long='3'", "up to 3.13.0 a long option with one dash is not abbreviated before '='",
     one_dash_equals),
    (flock, ['-=3', '-h'], HELP, "after 3.13.0 '-=' abbreviates whatever there is", one_dash_alone),
    (numbers, ['-1e3'], USAGE_ERROR, 'after 3.13 whatever begins like a negative number is one', begins_like_a_number),
    (counts, ['-p', '-s', '-m', 'a', 'b', 'c', 'd'], USAGE_ERROR,
     'after 3.13 an option that wants N words takes options for words', many_options_for_one),
]


class Case(object):

    def __init__(self, define, our_parser, words, preset, ours_said, theirs_said):
        self.define = define
        self.parser = our_parser
        self.words = words
        self.preset = preset
        self.ours = ours_said
        self.theirs = theirs_said

    def retry(self, words):
        return outcome(self.parser, words, self.preset and ours.Namespace(**self.preset))

    def meanings(self, word):
        return ours._Reading(self.parser, [], None).meanings(word)

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
            failures.append(Case(define, None, words, None, said, 'decided: ' + expected))
        if standard and outcome(build(ours, define), words) != outcome(build(standard, define), words):
            live.append(entry)
    return live


def all_lines(define, count):
    for words in BY_HAND:
        yield words, None
    names = sorted(build(ours, define)._options)
    dice = Dice(sum([ord(letter) for letter in define.__name__]))
    for _ in range(count):
        words = dice.below(2) and START.get(define, []) or []
        words = words + [word(dice, names) for _ in range(dice.below(8))]
        yield words, None if dice.below(4) else PRESET


def compare(lines, live, failures):
    excused = {}
    compared = parsed = 0
    for define in PARSERS:
        our_parser, their_parser = build(ours, define), build(standard, define)
        for words, preset in all_lines(define, lines // len(PARSERS)):
            case = Case(define, our_parser, words, preset,
                        outcome(our_parser, words, preset and ours.Namespace(**preset)),
                        outcome(their_parser, words, preset and standard.Namespace(**preset)))
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
        for words, preset in all_lines(define, lines // len(PARSERS)):
            said = outcome(parser, words, preset and ours.Namespace(**preset))
            if 'crash' in said:
                failures.append(Case(define, parser, words, preset, said, 'no crash'))


if __name__ == '__main__':
    arguments = [argument for argument in sys.argv[1:] if argument != '--without']
    sys.exit(main(int(arguments[0]) if arguments else 12000))
