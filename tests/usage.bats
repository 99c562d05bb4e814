#!/usr/bin/env bats
# Bad input is answered by one line, what and why, and the right status.
# every python

load lib

# refused STATUS SUBJECT ARG...: sage-flock ends with STATUS and prints one line on SUBJECT (a pattern), nothing else.
refused() {
    local expected=$1 subject=$2 code=0
    shift 2
    sage-flock "$@" >out 2>err || code=$?
    cat out err
    echo "status $code"
    [ "$code" = "$expected" ] &&
    [ ! -s out ] &&
    [ "$(grep -c '' err)" = 1 ] &&
    [[ $(cat err) == 'sage-flock: '$subject': '?* ]] &&
    [ "$(ls -A)" = "$(printf 'err\nout')" ]
}

# What people type wrongly, and the line that each gets: the words as a shell reads them, the status, what is said.
# There are: notes, no program; notes.sh, one; folder; gone, whose #! line names nothing that is there.
WRONG_USES=$(cat <<'END'
| 2 | usage: LOCK is missing (try 'sage-flock --help')
-n -s | 2 | usage: LOCK is missing (try 'sage-flock --help')
x.lock | 2 | x.lock: has no command to run (only a descriptor's number goes without one)
-u x.lock | 2 | x.lock: -u unlocks descriptors: a lock with a name is free once its command has ended
status | 2 | status: has no command to run (did you mean --status?)
statsu | 2 | statsu: has no command to run (did you mean --status?)
status pip.lock | 127 | pip.lock: command not found (did you mean --status?)
help | 2 | help: has no command to run (did you mean --help?)
'' true | 2 | '': is no name for a lock
x.lock -s echo hi | 127 | -s: command not found (options go before LOCK)
x.lock --timeout 5 echo hi | 127 | --timeout: command not found (options go before LOCK)
x.lock -- echo hi | 127 | --: command not found (drop the '--': all that follows LOCK is the command)
x.lock 'echo hi && ls' | 127 | echo hi && ls: command not found (for a shell command use -c)
x.lock cd folder | 127 | cd: command not found (for a shell command use -c)
x.lock CC=gcc make | 127 | CC=gcc: command not found (to set a variable: env 'CC=gcc' COMMAND)
x.lock notes.sh | 127 | notes.sh: command not found (did you mean ./notes.sh?)
x.lock no-such-program | 127 | no-such-program: command not found
x.lock ./notes | 126 | ./notes: cannot be run: Permission denied (chmod +x makes it a program)
x.lock ./folder | 126 | ./folder: cannot be run: it is a folder
x.lock ./gone | 127 | ./gone: cannot be run: No such file or directory (what its first line names to run it is not there)
x.lock '' | 127 | '': command not found
-c 'echo hi' x.lock | 2 | usage: -c goes behind LOCK: sage-flock LOCK -c 'SHELL COMMAND'
x.lock -c | 2 | usage: -c takes one argument, the shell command
x.lock -c echo hi | 2 | usage: -c takes one argument, the shell command (quote it)
--exclusve x.lock true | 2 | usage: --exclusve: unknown option (did you mean --exclusive?)
-timeout 5 x.lock true | 2 | usage: -timeout: unknown option (did you mean --timeout?)
--Shared x.lock true | 2 | usage: --Shared: unknown option (did you mean --shared?)
-Z x.lock true | 2 | usage: -Z: unknown option (try 'sage-flock --help')
-w x.lock true | 2 | usage: -w: x.lock is no number of seconds (try 'sage-flock --help')
-w 5m x.lock true | 2 | usage: -w: 5m is no number of seconds (try 'sage-flock --help')
-E 256 x.lock true | 2 | usage: -E: 256 is no exit status from 0 to 255 (try 'sage-flock --help')
88 | 125 | descriptor 88: is not open (open it first, as in exec 88>FILE)
-u 88 | 125 | descriptor 88: is not open (open it first, as in exec 88>FILE)
--fd 88 true | 125 | descriptor 88: is not open (open it first, as in exec 88>FILE)
folder/../notes/x.lock true | 125 | folder/../notes/x.lock: cannot be opened: Not a directory
--status x.lock --json | 2 | usage: options go before LOCK
--json x.lock true | 2 | usage: --json and --all go with --status
--self-test . folder | 2 | usage: --self-test takes one folder
http://host/x.lock true | 2 | http://host/x.lock: locks are kept in folders and at etcd:// addresses
etcd://host:2379 true | 2 | etcd://host:2379: names no lock: it goes etcd://HOST:PORT/FOLDER/NAME
END
)

@test "each wrong use gets its line, which says what to do" {
    : >notes
    mkdir folder
    printf '#!/no/such/interpreter\n' >gone
    printf '#!/bin/sh\n' >notes.sh
    chmod +x gone notes.sh
    while IFS= read -r row; do
        line=${row##*| }
        words=${row%| *}
        expected=${words##*| }
        words=${words%| *}
        code=0
        eval "sage-flock $words" >out 2>err </dev/null || code=$?
        if [ "$code" != "${expected% }" ] || [ -s out ] || [ "$(cat err)" != "sage-flock: $line" ]; then
            echo "sage-flock $words"
            cat out err
            echo "status $code where this was due: $expected, $line"
            false
        fi
    done <<<"$WRONG_USES"
}

@test "the folder of a bare name is named when the lock cannot be had there, and so is a program's that cannot be run" {
    mkdir bin
    touch file bin/tool-of-mine
    run env SAGE_LOCK_DIR="$PWD/file" "${SAGE_FLOCK_ITSELF[@]}" y.lock true
    [ "$output" = "sage-flock: $PWD/file/y.lock: cannot be opened: Not a directory" ]
    long=$(printf 'x%.0s' {1..300})
    run sage-flock "$long" true
    [ "$output" = "sage-flock: $(pwd -P)/$long: cannot be opened: File name too long" ]
    PATH=$PWD/bin:$PATH run sage-flock x.lock tool-of-mine
    [ "$status" = 126 ]
    [ "$output" = "sage-flock: $PWD/bin/tool-of-mine: cannot be run: Permission denied (chmod +x makes it a program)" ]
}

@test "what flock(1) takes for a command stays one, whatever it looks like" {
    for name in -s -- 'echo hi && ls' CC=gcc; do
        printf '#!/bin/sh\necho "ran $*"\n' >./"$name"
        chmod +x ./"$name"
        PATH=$PWD:$PATH run sage-flock x.lock "$name" echo hi
        [ "$status" = 0 ]
        [ "$output" = 'ran echo hi' ]
    done
    run sage-flock status true
    [ "$status" = 0 ]
    [ -z "$output" ]
}

@test "no arguments" {
    refused 2 usage
}

@test "a line without options, which needs no parser, is what the parser makes of it" {
    cat >lines.py <<'END'
import sys
sys.path.insert(0, sys.argv[1])
from sage_flock import call, options
for words in ['x', 'true'], ['7', 'true', '-n', '--', '-c'], ['x', '']:
    asked = call._asked(words)
    if not isinstance(asked, call.Asked):
        sys.exit('%r took a parser' % words)
    for name, wanted in vars(options.parse(words)).items():
        found = getattr(asked, name, None)
        if name != 'names' and found != wanted and (found or wanted):
            sys.exit('%r: %s is %r, not %r' % (words, name, found, wanted))
for words in [], ['x'], ['-n', 'x', 'true'], ['', 'true'], ['x', '-c', 'true'], ['x', '--', 'true']:
    try:
        if isinstance(call._asked(words), call.Asked):
            sys.exit('%r took no parser' % words)
    except call.Failure:
        pass
END
    "$PYTHON" -S -E lines.py "$ROOT/build"
    sage-flock 7 true
}

@test "a lock without a command" {
    refused 2 x.lock x.lock
    refused 2 x.lock -s x.lock
    refused 2 ./7 ./7
    refused 2 usage -n
    refused 2 usage -c 'echo hi'
    refused 2 usage --mark '' --key k x.lock true
}

@test "-c without its line, or with too much of it" {
    refused 2 usage x.lock -c
    refused 2 usage x.lock -c echo hi
}

@test "a folder that cannot be made is one line, however it fails" {
    refused 125 /proc/x/a.lock /proc/x/a.lock true
    ln -s /nowhere/x link
    run sage-flock link/sub/a.lock true
    [ "$status" = 125 ]
    [ "$output" = 'sage-flock: link/sub/a.lock: cannot be opened: No such file or directory' ]
}

@test "--status: options behind a lock are no locks; what cannot be read is not free" {
    refused 2 usage --status x.lock --json
    run env SAGE_LOCK_DIR=/etc/passwd "${SAGE_FLOCK_ITSELF[@]}" --status
    [ "$status" = 125 ]
    [ "$output" = 'sage-flock: /etc/passwd/: cannot be read: Not a directory' ]
    run sage-flock --status /etc/passwd/x.lock
    [ "$status" = 0 ]
    [ "$output" = '/etc/passwd/x.lock  unknown: Not a directory' ]
}

@test "an empty name" {
    refused 2 "''" '' true
}

@test "an unknown option" {
    refused 2 usage --no-such-option x.lock true
    refused 2 usage -Z x.lock true
    refused 2 usage -nZ x.lock true
}

@test "an option without its argument, or with one too many" {
    refused 2 usage -w
    refused 2 usage --timeout
    refused 2 usage --shared=yes x.lock true
}

@test "-w wants a number of seconds" {
    for seconds in abc '' -1 1s 1:00 nan inf 1e99 0x10; do
        refused 2 usage -w "$seconds" x.lock true
    done
}

@test "-w takes every number of seconds" {
    for seconds in 0 1 0.5 .5 5. 1e1 0.000001 86400; do
        sage-flock -w "$seconds" x.lock true
    done
}

@test "-E wants an exit status" {
    for status in 256 -1 x '' 1.5 99999999999999999999; do
        refused 2 usage -E "$status" x.lock true
    done
}

@test "options that exclude each other" {
    refused 2 usage -F -o x.lock true
}

@test "a descriptor that is not open" {
    refused 125 'descriptor 99' 99
    refused 125 'descriptor 99' -u 99
    refused 125 'descriptor *' 999999999
    refused 2 '*' 99999999999999999999
}

@test "-u of a lock by name" {
    refused 2 '*' -u x.lock
}

@test "a folder that may not be written to" {
    mkdir locked
    chmod 555 locked
    as_mere_mortal sh -c '! echo >locked/x.lock' 2>/dev/null
    for name in locked/x.lock locked/deeper/x.lock; do
        run as_mere_mortal sage-flock "$name" true
        [ "$status" = 125 ]
        [[ $output == "sage-flock: $name: "?* ]]
        [ "${#lines[@]}" = 1 ]
    done
}

@test "a lock file that may be neither read nor written" {
    : >x.lock
    chmod 000 x.lock
    run as_mere_mortal sage-flock x.lock true
    [ "$status" = 125 ]
    [[ $output == "sage-flock: $(pwd -P)/x.lock: "?* ]]
    [ "${#lines[@]}" = 1 ]
}

@test "a path through something that is no folder" {
    : >file
    for name in file/x.lock file/deeper/x.lock; do
        run sage-flock "$name" true
        [ "$status" = 125 ]
        [[ $output == "sage-flock: $name: "?* ]]
        [ "${#lines[@]}" = 1 ]
    done
}

@test "a name that is too long, and one with odd bytes" {
    long=$(printf 'x%.0s' {1..300})
    run sage-flock "$long" true
    [ "$status" = 125 ]
    [[ $output == "sage-flock: $(pwd -P)/$long: "?* ]]
    [ "${#lines[@]}" = 1 ]
    run sage-flock $'two\nlines\xff/x/\0' true
    run sage-flock "$long/"$'two\nlines\xff' true
    [ "$status" = 125 ]
    [ "${#lines[@]}" = 1 ]
    sage-flock $'odd\n\xff' true
    [ -e $'odd\n\xff' ]
}

@test "the command is not run when the lock cannot be had" {
    : >file
    run sage-flock file/x.lock sh -c 'echo ran; : >ran'
    [[ $output != *ran ]]
    [ ! -e ran ]
}

@test "--help explains, on stdout" {
    for option in -h --help; do
        sage-flock "$option" >out 2>err
        [ ! -s err ]
        grep -q 'LOCK COMMAND' out
        grep -q -e '--shared' out
        grep -q '127' out
        # It is read on terminals: nothing wider than one.
        [ -z "$(grep -E '.{81}' out)" ]
    done
}

@test "--version prints the version, on stdout" {
    for option in -V --version; do
        sage-flock "$option" >out 2>err
        [ ! -s err ]
        grep -q -E '^sage-flock [0-9]+(\.[0-9]+)*$' out
    done
}

@test "help and version to nobody: no traceback" {
    for option in --help --version; do
        run sh -c "sage-flock $option >&-"
        [[ $output != *Traceback* ]]
        [[ $output != *Exception* ]]
        [ "${#lines[@]}" -le 1 ]
        [ -e /dev/full ] || continue
        run sh -c "sage-flock $option >/dev/full"
        [ "$status" != 0 ]
        [[ $output != *Traceback* ]]
        [[ $output != *Exception* ]]
        [ "${#lines[@]}" -le 1 ]
    done
}

@test "usage errors to nobody: the status stands" {
    run sh -c 'sage-flock --no-such-option 2>&-'
    [ "$status" = 2 ]
    [ ! -e /dev/full ] || run sh -c 'sage-flock --no-such-option 2>/dev/full'
    [ "$status" = 2 ]
}

@test "an internal error is one line that says where, and with SAGE_FLOCK_DEBUG=1 the way there" {
    cat >broken.py <<'END'
import sys
sys.path.insert(0, sys.argv.pop(1))
from sage_flock import call
def broken(words):
    raise KeyError('no such thing')
call._run = broken
call.main(sys.argv[1:])
END
    run "$PYTHON" -S -E broken.py "$ROOT/build" x.lock true
    echo "$output"
    [ "$status" = 125 ]
    [ "$output" = "sage-flock: internal error: KeyError: 'no such thing' (broken.py:5)" ]
    SAGE_FLOCK_DEBUG=1 run "$PYTHON" -S -E broken.py "$ROOT/build" x.lock true
    echo "$output"
    [ "$status" = 125 ]
    [[ ${lines[0]} == Traceback* ]]
    [ "${lines[${#lines[@]} - 1]}" = "sage-flock: internal error: KeyError: 'no such thing' (broken.py:5)" ]
}

@test "half a kit, and a limit on descriptors that is too low, are one line each" {
    mkdir -p half/bin
    cp "$ROOT/build/bin/sage-flock" half/bin
    run "$PYTHON" -S -E half/bin/sage-flock x.lock true
    echo "$output"
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: cannot be loaded: '* ]]
    [ "${#lines[@]}" = 1 ]
    # Who waits needs some more than who does not, and Python some of its own at its start.
    exec 8>y.lock
    sage-flock --fd 8 true
    sage-flock 8
    for limit in 4 5 6 7 8 9 10 11 12; do
        run bash -c 'ulimit -n "$1"; shift; "$@" 8>&- 3>&- 4>&-' bash "$limit" \
            "$PYTHON" -S -E "$ROOT/build/bin/sage-flock" -q -w 0.01 y.lock true
        echo "$limit: $status: $output"
        case $status in
            1) [ -z "$output" ] ;;
            125 | 127) [ "${#lines[@]}" = 1 ] ;;
            *) return 1 ;;
        esac
    done
}

@test "an error in the thread that ends a wait in time ends the call, and is one line" {
    cat >broken.py <<'END'
import sys
sys.path.insert(0, sys.argv.pop(1))
from sage_flock import call
from sage_flock.files import watch
def broken(self):
    raise KeyError('no such thing')
watch.Watch._watch = broken
call.main(sys.argv[1:])
END
    exec 8>y.lock
    sage-flock 8
    run timeout 20 "$PYTHON" -S -E broken.py "$ROOT/build" -q -w 0.2 y.lock true 8>&-
    echo "$output"
    [ "$status" = 125 ]
    [ "$output" = "sage-flock: internal error: KeyError: 'no such thing' (broken.py:6)" ]
}
