#!/usr/bin/env bats
# Our argparse: does it do what the standard one does, say clearly what is wrong, and start fast?
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

def build(kind=argparse.ArgumentParser, usage='demo [options] lock ...', **how):
    parser = kind(prog='demo', usage=usage, formatter_class=argparse.RawDescriptionHelpFormatter, **how)
    parser.add_argument('-n', '--nb', '--nonblock', action='store_true', help='do not wait')
    parser.add_argument('-w', '--wait', type=seconds, default=2.5, metavar='SECONDS', help='wait  so\nlong, not 100%')
    parser.add_argument('-E', '--code', type=int, help=argparse.SUPPRESS)
    parser.add_argument('--mode')
    parser.add_argument('--with', dest='friend')
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
parser = argparse.ArgumentParser(prog='p', usage='p', formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('-w', type=float)
parser.add_argument('lock', nargs='?')
parser.parse_args(['-w5', 'lock'])
print(' '.join(sorted([name for name in set(sys.modules) - before if sys.modules[name]])))
END
    run "$PYTHON" -S -E script.py
    echo "$output"
    [ "$output" = sage_bootstrap.compat.argparse ]
}

@test "an error is one line that names the word as it was typed, with status 2" {
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
told('--mode: needs an argument', '--mode', '--', 'lock')
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
parser = argparse.ArgumentParser(prog='demo', usage='demo', formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('one')
parser.parse_args(['a', 'b', '--', '-c'])
END
    [ "$status" -eq 2 ]
    [ "${lines[-1]}" = 'demo: error: b: unexpected argument' ]
}

@test "bytes that are no text come out escaped, in any locale" {
    local bad=$'caf\xe9\n!' locale word
    cat demo.py - >script.py <<<'build().parse_args()'
    for locale in C C.UTF-8 en_US.ISO-8859-1; do
        for word in "--$bad" "-$bad" "-E$bad" "--code=$bad" "--wait=$bad" "--nb=$bad"; do
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

@test "help says what each is for, and hides what is suppressed" {
    python <<'END'
build(description=' Runs  a\n  command.', epilog='The\nend.').parse_args(['-h'])
END
    [ "$status" -eq 0 ]
    [ "$output" = 'usage: demo [options] lock ...

 Runs  a
  command.

positional arguments:
  lock                  the lock
  command               its words

options:
  -h, --help            show this help and exit
  -n, --nb, --nonblock  do not wait
  -w, --wait SECONDS    wait so long, not 100%
  --mode MODE
  --with FRIEND

The
end.' ]
}

@test "help keeps the usage as it is, and fits what it explains to the terminal" {
    python <<'END'
build(usage='demo\n   or demo').parse_args(['-h'])
END
    [[ $output == 'usage: demo
   or demo

positional arguments:'* ]]
    COLUMNS=60 python <<'END'
parser = build()
parser.add_argument('--long', help='word ' * 100)
parser.parse_args(['-h'])
END
    [ "$(awk '{ if (length > longest) longest = length } END { print longest }' <<<"$output")" -le 58 ]
    [ "${#lines[@]}" -gt 20 ]
    COLUMNS=80 python -h <<<'build().parse_args()'
    expected=$output
    for columns in '' ² 80x; do
        COLUMNS=$columns python -h <<<'build().parse_args()'
        [ "$output" = "$expected" ]
    done
}

@test "help and version survive a stream that cannot take them" {
    cat demo.py - >script.py <<'END'
build(description=b'caf\xc3\xa9'.decode('utf-8')).parse_args(['-h'])
END
    PYTHONIOENCODING=ascii run "$PYTHON" -S script.py
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *'caf\xe9'* ]]

    cat demo.py - >script.py <<'END'
parser = build()
parser.add_argument('-V', action='version', version='demo 1.0')
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

refused(KeyError, '--other', action='sotre')
refused(TypeError, '--other', defualt=1)
print('done')
END
    [ "$output" = 'done' ]
}
