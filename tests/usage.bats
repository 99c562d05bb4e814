#!/usr/bin/env bats
# Bad input, and what is said of it: one line, what and why, and the right status.
# every python

load lib

# refused STATUS SUBJECT ARG...: sage-flock will not; it says so of SUBJECT (a pattern), in one line, and nothing else.
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

@test "no arguments" {
    refused 2 usage
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
    [[ ${lines[1]} = '/etc/passwd/x.lock '*unknown*'Not a directory' ]]
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
    [[ $output == 'sage-flock: x.lock: '?* ]]
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
    [[ $output == "sage-flock: $long: "?* ]]
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

@test "--version tells, on stdout" {
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
