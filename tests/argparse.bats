#!/usr/bin/env bats
# Our argparse: is it the standard one, does it say clearly what is wrong, and does it start fast?
# every python

: "${PYTHON:=python3}"

setup() {
    export LC_ALL=C COLUMNS=80
    cd "$BATS_TEST_TMPDIR" || return
    cat >demo.py <<END
import sys
sys.path.insert(0, '${BATS_TEST_DIRNAME%/*}/build')
sys.dont_write_bytecode = True
from sage_bootstrap.compat import argparse

def seconds(word):
    try:
        return float(word)
    except ValueError:
        raise argparse.ArgumentTypeError('%r is no number of seconds' % word)

def build(kind=argparse.ArgumentParser, **how):
    parser = kind(prog='demo', **how)
    parser.add_argument('-n', '--nb', '--nonblock', action='store_true', help='do not wait')
    parser.add_argument('-w', '--wait', type=seconds, default=2.5, metavar='SECONDS', help='wait %(default)s s, not 100%%')
    parser.add_argument('-E', '--code', type=int, help=argparse.SUPPRESS)
    parser.add_argument('--pair', nargs=2)
    parser.add_argument('--mode', choices=['fast', 'slow'])
    group = parser.add_argument_group('who', 'and with whom')
    either = group.add_mutually_exclusive_group()
    either.add_argument('--alone', action='store_true')
    either.add_argument('--with', nargs='+', dest='friends')
    parser.add_argument('lock', help='the lock')
    parser.add_argument('command', nargs=argparse.REMAINDER, help='its words')
    return parser
END
}

# python: runs the script on its input, behind demo.py.
python() {
    cat demo.py - >script.py
    run "$PYTHON" -S -E script.py "$@"
    echo "$output"
}

@test "the same parser gives what the standard argparse gives" {
    run "$PYTHON" "$BATS_TEST_DIRNAME/drivers/argparse_diff.py"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == 'Python '*': 0 differences' ]]
}

@test "no standard argparse is needed" {
    run "$PYTHON" "$BATS_TEST_DIRNAME/drivers/argparse_diff.py" --without
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == 'no standard argparse here;'* ]]
}

@test "importing and parsing load no module but our own" {
    cat >script.py <<END
import sys
sys.path.insert(0, '${BATS_TEST_DIRNAME%/*}/build')
sys.dont_write_bytecode = True
import sage_bootstrap.compat
before = set(sys.modules)
from sage_bootstrap.compat import argparse
parser = argparse.ArgumentParser()
parser.add_argument('-w', type=float)
parser.add_argument('lock', nargs='?')
parser.parse_args(['-w5', 'lock'])
print(' '.join(sorted([name for name in set(sys.modules) - before if sys.modules[name]])))
END
    run "$PYTHON" -S -E script.py
    echo "$output"
    [ "$output" = sage_bootstrap.compat.argparse ]
}

@test "an error is told in one line that names the word as it was typed, with status 2" {
    python <<'END'
def told(said, *words):
    try:
        build(Telling).parse_args(list(words))
    except Told:
        if str(sys.exc_info()[1]) != said:
            print('%r: %s' % (words, sys.exc_info()[1]))
            print('   instead of: %s' % said)
    else:
        print('%r: no error' % (words,))

class Told(Exception):
    pass

class Telling(argparse.ArgumentParser):
    def error(self, message):
        raise Told(message)

told('lock: missing')
told('--bogus: unknown option', '--bogus', 'lock')
told('-z: unknown option', '-nzw5', 'lock')
told("'--bo\\ngus': unknown option", '--bo\ngus', 'lock')
told('-w: needs an argument', '-w')
told('-w: needs an argument', '-nw')
told('--wai: needs an argument', '--wai', '--nb', 'lock')
told("--wait: 'soon' is no number of seconds", '--wait=soon', 'lock')
told('-E: not a valid int: 1.5', '-nE1.5', 'lock')
told("-E: not a valid int: ''", '-E', '', 'lock')
told("-E: not a valid int: 'a b'", '-E', 'a b', 'lock')
told('--pair: needs 2 arguments', '--pair', '1')
told('--pair: needs 2 arguments', '--pair=1', 'lock')
told('--mode: not one of fast, slow: best', '--mode', 'best', 'lock')
told('--alone: not allowed with --with', '--with', 'me', '--alone', 'lock')
told('--nb: takes no argument: 1', '--nb=1', 'lock')
told('-n: takes no argument: -x', '-n-x', 'lock')
told('--w: ambiguous, could be --wait, --with', '--w', 'lock')
print('done')
END
    [ "$output" = 'done' ]

    python <<'END'
build(usage='demo [options]').parse_args(['--bogus', 'lock'])
END
    [ "$status" -eq 2 ]
    [ "$output" = 'usage: demo [options]
demo: error: --bogus: unknown option' ]
}

@test "what nobody asked for is an error at the end" {
    python <<'END'
parser = argparse.ArgumentParser(prog='demo')
parser.add_argument('one')
parser.parse_args(['a', 'b', '--', '-c'])
END
    [ "$status" -eq 2 ]
    [ "${lines[-1]}" = 'demo: error: b: unexpected argument' ]
    python <<'END'
parser = argparse.ArgumentParser(prog='demo')
parser.add_mutually_exclusive_group(required=True).add_argument('-a', '--all')
parser.parse_args([])
END
    [ "$status" -eq 2 ]
    [ "${lines[-1]}" = 'demo: error: -a/--all: missing' ]
}

@test "bytes that are no text come out escaped, in any locale" {
    local bad=$'caf\xe9\n!' locale word
    cat demo.py - >script.py <<<'build().parse_args()'
    for locale in C C.UTF-8 en_US.ISO-8859-1; do
        for word in "--$bad" "-$bad" "-E$bad" "--code=$bad" "--wait=$bad" "--mode=$bad" "--nb=$bad"; do
            LC_ALL=$locale run "$PYTHON" -S -E script.py "$word" lock
            echo "$output"
            [ "$status" -eq 2 ]
            [[ ${lines[-1]} == 'demo: error: '*caf?(\\udce9|\\xe9|$'\xe9')\\n!* ]]
        done
    done
}

@test "words come from the command line, and what follows the lock is the command's byte for byte" {
    python -n lock -- --nb '' $'\xff' -w <<'END'
options = build().parse_args()
print(options.lock, options.nb)
print([ord(letter[-1:]) & 255 for letter in options.command[2:4] if letter])
print(options.command[:1] + options.command[1:3] + options.command[4:])
END
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == *lock*True* ]]
    [ "${lines[1]}" = '[255]' ]
    [ "${lines[2]}" = "['--', '--nb', '', '-w']" ]
}

@test "help shows sections, defaults and what excludes what, and hides what is suppressed" {
    python <<'END'
build(description='Runs  a\ncommand.', epilog='The\nend of %(prog)s.').parse_args(['-h'])
END
    [ "$status" -eq 0 ]
    [ "$output" = 'usage: demo [-h] [-n] [-w SECONDS] [--pair PAIR PAIR] [--mode {fast,slow}]
            [--alone | --with FRIENDS [FRIENDS ...]] lock ...

Runs a command.

positional arguments:
  lock                  the lock
  command               its words

options:
  -h, --help            show this help and exit
  -n, --nb, --nonblock  do not wait
  -w, --wait SECONDS    wait 2.5 s, not 100%
  --pair PAIR PAIR
  --mode {fast,slow}

who:
  and with whom

  --alone
  --with FRIENDS [FRIENDS ...]

The end of demo.' ]
}

@test "help keeps a raw description, and otherwise fits the terminal" {
    python <<'END'
build(usage='demo\n   or demo', description=' Two\n  lines.',
      formatter_class=argparse.RawDescriptionHelpFormatter).print_help()
END
    [[ $output == 'usage: demo
   or demo

 Two
  lines.

positional arguments:'* ]]
    COLUMNS=60 python <<'END'
build(description='word ' * 60).print_help()
END
    [ "$(awk '{ if (length > longest) longest = length } END { print longest }' <<<"$output")" -le 58 ]
    [ "${#lines[@]}" -gt 20 ]
    COLUMNS=80 python <<<'build().print_help()'
    expected=$output
    for columns in '' ² 80x; do
        COLUMNS=$columns python <<<'build().print_help()'
        [ "$output" = "$expected" ]
    done
}

@test "help and version survive a stream that cannot take them" {
    cat demo.py - >script.py <<'END'
build(description=b'caf\xc3\xa9'.decode('utf-8')).print_help()
END
    PYTHONIOENCODING=ascii run "$PYTHON" -S script.py
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *'caf\xe9'* ]]

    cat demo.py - >script.py <<'END'
parser = build()
parser.add_argument('-V', action='version', version='%(prog)s 1.0')
parser.parse_args()
END
    run "$PYTHON" -S -E script.py -V
    [ "$status" -eq 0 ]
    [ "$output" = 'demo 1.0' ]
    for option in -h -V; do
        run bash -c '"$@" >&-' _ "$PYTHON" -S -E script.py "$option"
        echo "$status: $output"
        [[ $output != *Traceback* ]]
    done
}

@test "a parser that cannot work is refused when it is made" {
    python <<'END'
def refused(error, *names, **how):
    parser = build()
    try:
        parser.add_argument(*names, **how)
    except error:
        return
    print('taken: %r %r' % (names, how))

refused(argparse.ArgumentError, '--wait')
refused(ValueError, '--other', action='sotre')
refused(TypeError, '--other', defualt=1)
refused(ValueError, 'more')
try:
    build().add_mutually_exclusive_group().add_argument('--must', required=True)
    print('taken: required, and excluded')
except ValueError:
    print('done')
END
    [ "$output" = 'done' ]
}
