#!/usr/bin/env bats
# SAGE_FLOCK_LOG: what happens to the log, and what a log must not do to a build.

load lib

log() {
    "$PYTHON" "$ROOT/tests/drivers/report_log.py" "$@"
}

@test "16 writers of 20,000 lines: none torn, none lost" {
    log write lines 16 20000
    [ "$(wc -l <lines)" = 20000 ]
    log whole lines 16 20000
}

@test "without SAGE_FLOCK_LOG nothing is written" {
    sage-flock x.lock true
    [ "$(ls)" = x.lock ]
}

@test "a log that cannot be written: one warning, and the command runs" {
    mkdir folder
    : >file
    for path in folder no/such/folder/log file/log; do
        run env SAGE_FLOCK_LOG=$path sage-flock x.lock sh -c 'echo ran; exit 3'
        [ "$status" = 3 ]
        [ "${#lines[@]}" = 2 ]
        [[ $output == *"sage-flock: $path: cannot be logged to: "* ]]
        [[ $output == *ran* ]]
    done
}

@test "a log on a full disk: one warning, and the command runs" {
    [ -w /dev/full ] || skip 'no /dev/full here'
    run env SAGE_FLOCK_LOG=/dev/full sage-flock x.lock sh -c 'echo ran; exit 3'
    [ "$status" = 3 ]
    [ "${#lines[@]}" = 2 ]
}

@test "the report of what really happened: who waited for whom" {
    export SAGE_FLOCK_LOG=$PWD/log
    SAGE_PKG=six start A x.lock
    expect 'A in'
    SAGE_PKG=flask start B x.lock
    expect "flask: waiting for exclusive x.lock, 1st in line: held by $(pid A) six for *"
    leaves A
    expect 'flask: got x.lock after *'
    open_gate B
    expect 'B in'
    expect 'B out'
    ends A 0
    ends B 0
    "$PYTHON" -S -E "$ROOT/build/bin/sage-flock-report" log >out
    cat out
    grep -q "^ .* s  x.lock  flask 'actor B' for six 'actor A'$" out
    grep -q '^x.lock  *2 ' out
}

@test "half a line, where the disk was full, stands alone; who wrote it logs no more" {
    sage-flock x.lock true
    # A limit on the size of files is a full disk, too. A call warns once.
    output=
    while [ -z "$output" ]; do
        run bash -c 'ulimit -f 2; SAGE_FLOCK_LOG=log exec sage-flock x.lock true'
        [ "$status" = 0 ]
    done
    [ "${#lines[@]}" = 1 ]
    [[ $output == 'sage-flock: log: cannot be logged to: '* ]]
    [ "$(tail -c 1 log | od -An -c | tr -d ' ')" != '\n' ]
    whole=$(grep -c '}$' log)
    SAGE_FLOCK_LOG=log sage-flock x.lock true
    [ "$(grep -c '}$' log)" = "$((whole + 4))" ]
    [ "$(grep -vc '^{.*}$' log)" = 1 ]
    # A log that may only be written to is none the worse.
    chmod 222 log
    as_mere_mortal env SAGE_FLOCK_LOG=log sage-flock x.lock true
    chmod 644 log
    [ "$(grep -c '}$' log)" = "$((whole + 8))" ]
}
