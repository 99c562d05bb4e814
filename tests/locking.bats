#!/usr/bin/env bats
# Who waits for whom, and until when.
# every python

load lib
load conversations

@test "an exclusive lock keeps the next exclusive one waiting" {
    exclusive_keeps_waiting '[0-9]*'
}

@test "shared locks go together" {
    held_by A -s x.lock
    held_by B --shared x.lock
    leaves A
    leaves B
}

@test "a shared lock keeps an exclusive one waiting" {
    held_by A -s x.lock
    start B -x x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
}

@test "an exclusive lock keeps shared ones waiting, then lets all of them in" {
    held_by A -e x.lock
    start B -s x.lock
    expect_waiting shared x.lock B
    start C -s x.lock
    expect_waiting shared x.lock C
    leaves A
    # B and C go their ways at their own speeds: two lines of each, in any order between them.
    for _ in 1 2 3 4; do expect '*'; done >heard
    grep -q 'B in' heard
    grep -q 'C in' heard
    [ "$(grep -c 'got shared lock x.lock' heard)" = 2 ]
}

@test "locks of different names have nothing to do with each other" {
    held_by A x.lock
    held_by B y.lock
}

@test "each of many gets its turn alone" {
    echo 0 >count
    for name in A B C D E F G H; do
        launch "$name" sage-flock -q count.lock sh -c 'n=$(cat count); echo $((n + 1)) >count'
    done
    for name in A B C D E F G H; do ends "$name" 0; done
    expect_nothing_more
    [ "$(cat count)" = 8 ]
}

@test "a command is kept from the lock by strangers' flock(2), and strangers by us" {
    make_gate A
    launch A tool hold x.lock actor A
    expect 'A in'
    start B x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    taken x.lock
    leaves B
    ends B 0
    free x.lock
}

@test "flock(1) and we respect each other" {
    command -v flock >/dev/null || skip 'no flock(1) here'
    held_by A x.lock
    run flock -n -x x.lock true
    [ "$status" = 1 ]
    leaves A
    ends A 0
    make_gate B
    launch B flock -s x.lock actor B
    expect 'B in'
    run sage-flock -n -s x.lock true
    [ "$status" = 0 ]
    run sage-flock -n -x x.lock true
    [ "$status" = 1 ]
}

@test "-n does not wait: status 1, and the command is not run" {
    for option in -n --nb --nonblock --nonblocking; do
        run sage-flock "$option" x.lock echo ran
        [ "$status" = 0 ]
        [ "$output" = ran ]
    done
    held_by A x.lock
    for option in -n --nb --nonblock --nonblocking '-w 0'; do
        # shellcheck disable=SC2086
        run sage-flock $option x.lock echo ran
        [ "$status" = 1 ]
        [ -z "$output" ]
    done
}

@test "-E chooses the status of a lock not taken in time" {
    held_by A x.lock
    for number in 0 7 255; do
        run sage-flock -n -E "$number" x.lock echo ran
        [ "$status" = "$number" ]
        [ -z "$output" ]
    done
    run sage-flock -n --conflict-exit-code 9 x.lock echo ran
    [ "$status" = 9 ]
    run sage-flock -n --conflict-exit-code=9 y.lock sh -c 'exit 3'
    [ "$status" = 3 ]
}

@test "-w gives up after its time, and no earlier" {
    held_by A x.lock
    begun=$(tool clock)
    COLUMNS=1000 run sage-flock -w 0.15 -E 8 x.lock sh -c ': >ran'
    [ $(($(tool clock) - begun)) -ge 150 ]
    [ "$status" = 8 ]
    [[ ${lines[0]} == "sage-flock: waiting for exclusive lock x.lock to run "* ]]
    [ ! -e ran ]
    for option in --wait --timeout; do
        run sage-flock "$option" 0.01 x.lock true
        [ "$status" = 1 ]
    done
}

@test "SAGE_FLOCK_TIMEOUT is the -w of calls that give neither -w nor -n, and the failure says who holds the lock" {
    held_by A x.lock
    SAGE_FLOCK_TIMEOUT=0.05 run sage-flock -E 8 x.lock echo ran
    [ "$status" = 8 ]
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[1]} == "sage-flock: x.lock: not got within 0.1 s (SAGE_FLOCK_TIMEOUT): held by $(pid A) 'actor A' for "* ]]
    exec 7>x.lock
    SAGE_FLOCK_TIMEOUT=0.05 run sage-flock 7
    [ "$status" = 1 ]
    SAGE_FLOCK_TIMEOUT=0 run sage-flock x.lock echo ran
    [ "$status" = 1 ]
    [ -z "$output" ]
    SAGE_FLOCK_TIMEOUT=abc run sage-flock -n x.lock echo ran
    [ "$status" = 1 ]
    [ -z "$output" ]
    SAGE_FLOCK_TIMEOUT=1000 run sage-flock -w 0.05 x.lock echo ran
    [ "$status" = 1 ]
    [[ ${lines[1]} == "sage-flock: x.lock: not got within 0.1 s: held by $(pid A) 'actor A' for "* ]]
    SAGE_FLOCK_TIMEOUT=0.01 start B -w 1000 x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
}

@test "a garbled SAGE_FLOCK_TIMEOUT or SAGE_FLOCK_REMINDER is said once, by who waits, and counts for nothing" {
    held_by A x.lock
    SAGE_FLOCK_TIMEOUT=1h SAGE_FLOCK_REMINDER=-1 start B x.lock
    expect_waiting exclusive x.lock B
    expect "sage-flock: SAGE_FLOCK_TIMEOUT: '1h' is no number of seconds: no limit"
    expect "sage-flock: SAGE_FLOCK_REMINDER: '-1' is no number of seconds: reminders as usual"
    leaves A
    gets exclusive x.lock B
    leaves B
    [ "$(SAGE_FLOCK_TIMEOUT=1h sage-flock x.lock echo ran 2>&1)" = ran ]
    expect_nothing_more
}

@test "at the limit of processes a wait goes on without its second thread, and -w ends it in time" {
    cat >alone.py <<'END'
import sys
try:
    import _thread
except ImportError:
    import thread as _thread
def refused(*args):
    raise _thread.error("can't start new thread")
_thread.start_new_thread = refused
sys.path.insert(0, sys.argv.pop(1))
from sage_flock.call import main
main(sys.argv[1:])
END
    held_by A x.lock
    for lock in x.lock ./alone.py; do
        launch P tool hold alone.py sh -c 'echo held; read -r _ <"$STAGE/events.end"'
        [ -p "$STAGE/events.end" ] || mkfifo "$STAGE/events.end"
        expect held
        run "$PYTHON" -S -E alone.py "$ROOT/build" -w 0.05 -E 7 "$lock" true
        [ "$status" = 7 ]
        [[ $output == *waiting*"sage-flock: $lock: not got within "* ]]
        kill -KILL -- "-$(pid P)"
        ends P 137
    done
    launch B "$PYTHON" -S -E alone.py "$ROOT/build" x.lock echo in
    expect 'sage-flock: waiting for *'
    expect 'sage-flock: x.lock: no thread to be had: there will be no reminders of this wait'
    leaves A
    expect_got exclusive x.lock
    expect in
    ends B 0
}

@test "-w takes a lock that is freed in time" {
    held_by A x.lock
    start B -w 100 x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    taken x.lock
    leaves B
    ends B 0
}

@test "a waiter that is killed is out of the queue" {
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    start C x.lock
    expect_waiting exclusive x.lock C
    kill -TERM "$(pid B)"
    ends B 143
    leaves A
    gets exclusive x.lock C
}

@test "a shell's own descriptor: locked, unlocked, locked again" {
    exec 7>x.lock
    sage-flock 7
    taken x.lock
    sage-flock -u 7
    free x.lock
    sage-flock -s 7
    taken x.lock
    sage-flock -n -s x.lock true
    sage-flock -n -x 7
    run sage-flock -n -s x.lock true
    [ "$status" = 1 ]
    exec 7>&-
    free x.lock
}

@test "a shell's own descriptor: --fd N COMMAND leaves it as it was: exclusive, shared, free" {
    [ -r /proc/self/fdinfo/0 ] || skip 'nothing here shows what a descriptor holds'
    readable() { sage-flock -s -n x.lock true; }
    exec 7>x.lock
    sage-flock 7
    sage-flock --fd 7 tool rival x.lock && return 1
    fails readable
    sage-flock --fd 7 -s tool rival x.lock && return 1
    fails readable
    sage-flock -s 7
    sage-flock --fd 7 -s tool rival x.lock && return 1
    taken x.lock
    readable
    sage-flock --fd 7 -x sage-flock -s -n ./other.lock tool rival x.lock && return 1
    taken x.lock
    readable
    sage-flock -u 7
    sage-flock --fd 7 tool rival x.lock && return 1
    free x.lock
}

@test "a shell's own descriptor: what it shares it still shares when it was not got exclusively" {
    [ -r /proc/self/fdinfo/0 ] || skip 'nothing here shows what a descriptor holds'
    held_by A -s x.lock
    exec 7>x.lock
    sage-flock -s 7
    for option in -n '-w 0.01'; do
        # shellcheck disable=SC2086 # one word or two
        run sage-flock $option --fd 7 -x true
        [ "$status" = 1 ]
        # shellcheck disable=SC2086
        run sage-flock $option -x 7
        [ "$status" = 1 ]
    done
    leaves A
    ends A 0
    taken x.lock
    sage-flock -s -n x.lock true
}

@test "--fcntl: waits, -w, and a killed wrapper; flock(2) locks are another matter" {
    [ -r /proc/locks ] || skip 'not here'
    held_by A --fcntl x.lock
    free x.lock
    run sage-flock -w 0.05 -E 7 --fcntl x.lock echo ran
    [ "$status" = 7 ]
    [[ $output == "sage-flock: waiting for exclusive lock x.lock to run 'echo ran'"*"sage-flock: x.lock: not got within 0.1 s" ]]
    SAGE_FLOCK_REMINDER=0.05 start B --fcntl -w 1000 x.lock
    expect_waiting exclusive x.lock B
    expect "sage-flock: still waiting after 0.* s for exclusive lock x.lock *"
    kill -KILL "$(pid A)"
    fails sage-flock -n --fcntl x.lock true
    open_gate A
    for _ in {1..20}; do ! expect 'B in' || break; done     # behind reminders, and A out
    sage-flock -n --start 5 --length 1 x.lock true && return 1
    leaves B
    ends B 0
    sage-flock -n --fcntl x.lock true
    mkdir folder            # which nobody can open for writing
    run sage-flock --fcntl folder true
    [ "$status" = 125 ]
    [ "$output" = 'sage-flock: folder: cannot be locked: it is open for reading only (-s would do with that)' ]
    sage-flock --fcntl -s folder true
    for options in '--pool 2' --coalesce '--mark m --key k'; do
        # shellcheck disable=SC2086 # words
        run sage-flock --fcntl $options x.lock true
        [ "$status" = 2 ]
    done
}

@test "--fcntl: -w ends with its own status though nobody reads what it says for longer than an alarm takes" {
    [ -r /proc/locks ] || skip 'not here'
    held_by A --fcntl x.lock
    [ "$(tool unread sage-flock -w 0.05 -E 7 --fcntl x.lock echo ran)" = 'exit 7' ]
}

@test "a shell's own descriptor: waited for" {
    held_by A x.lock
    launch B "$SHELL_UNDER_TEST" -c 'exec 7>x.lock; sage-flock 7 7>&7; echo B in; sage-flock -u 7 7>&7; echo B out'
    expect 'sage-flock: waiting for exclusive lock *'
    leaves A
    expect 'sage-flock: got exclusive lock *'
    expect 'B in'
    expect 'B out'
    ends B 0
}

@test "a shell's own descriptor: the waiting line says which file it is" {
    [ -r /proc/self/fd/0 ] || skip 'nothing here shows which'
    held_by A x.lock
    exec 7>x.lock
    COLUMNS=1000 run sage-flock -w 0.01 7
    [[ $output == "sage-flock: waiting for exclusive lock 7 ($(pwd -P)/x.lock), 1st in line: held by "* ]]
}

@test "a shell's own descriptor: -n and -w give up on it" {
    held_by A x.lock
    exec 7>x.lock
    run sage-flock -n 7
    [ "$status" = 1 ]
    run sage-flock -w 0.01 -E 6 7
    [ "$status" = 6 ]
}

@test "a lock whose name is a number is a file when there is a command" {
    held_by A 7
    [ -f 7 ]
    taken 7
}

@test "a bare name lives in SAGE_LOCK_DIR, else in SAGE_LOCAL/var/lock, else here" {
    SAGE_LOCK_DIR=$PWD/one SAGE_LOCAL=$PWD/two start A x.lock
    expect 'A in'
    taken one/x.lock
    SAGE_LOCK_DIR='' SAGE_LOCAL=$PWD/two start B x.lock
    expect 'B in'
    taken two/var/lock/x.lock
    held_by C x.lock
    taken x.lock
}

@test "a name with a slash is a path" {
    mkdir sub
    export SAGE_LOCK_DIR=$PWD/one SAGE_LOCAL=$PWD/two
    held_by A ./x.lock
    taken x.lock
    held_by B sub/x.lock
    taken sub/x.lock
    held_by C "$PWD/y.lock"
    taken y.lock
    [ ! -e one ]
    [ ! -e two ]
}

@test "one lock is one lock by whatever path it is asked for" {
    mkdir sub
    ln -s x.lock link.lock
    held_by A x.lock
    for path in "$PWD/x.lock" ./x.lock sub/../x.lock link.lock; do
        run sage-flock -n "$path" true
        [ "$status" = 1 ]
    done
    cd sub
    run sage-flock -n ../x.lock true
    [ "$status" = 1 ]
    run sage-flock -n x.lock true
    [ "$status" = 0 ]
}

@test "missing folders are made" {
    sage-flock a/b/c/x.lock true
    sage-flock "$PWD/d//e/x.lock" true
    SAGE_LOCK_DIR=f/g/ sage-flock x.lock true
    [ -f a/b/c/x.lock ]
    [ -f d/e/x.lock ]
    [ -f f/g/x.lock ]
}

@test "missing folders are made by many at once" {
    deep=$(printf 'd/%.0s' {1..200})
    for round in 1 2 3; do
        for name in A B C D; do
            launch "$name" sage-flock -q -s "$round/${deep}x.lock" true
        done
        for name in A B C D; do ends "$name" 0; done
    done
    expect_nothing_more
}

@test "a lock file keeps its content and its identity" {
    echo content >x.lock
    chmod 640 x.lock
    before=$(ls -li x.lock)
    sage-flock x.lock true
    sage-flock -s x.lock true
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    [ "$(ls -li x.lock)" = "$before" ]
    [ "$(cat x.lock)" = content ]
}

@test "a lock file stays when its last user has gone" {
    sage-flock x.lock true
    before=$(ls -li x.lock)
    held_by A x.lock
    leaves A
    ends A 0
    [ "$(ls -li x.lock)" = "$before" ]
    [ ! -s x.lock ]
}

@test "a file that may only be read can be locked" {
    echo content >x.lock
    chmod 444 x.lock
    as_mere_mortal sh -c '! echo >>x.lock' 2>/dev/null
    make_gate A
    launch A as_mere_mortal sage-flock x.lock actor A
    expect 'A in'
    taken x.lock
}

@test "a folder can be locked" {
    mkdir folder
    held_by A folder
    taken folder
    for path in ./folder folder/ "$PWD/folder"; do
        run sage-flock -n "$path" true
        [ "$status" = 1 ]
    done
    start B folder
    expect_waiting exclusive folder B
    leaves A
    gets exclusive folder B
}

@test "the command can be run by links, from anywhere, without help from the environment" {
    mkdir bin sub
    for name in python python2 python3; do
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$PYTHON" >"bin/$name"
        chmod +x "bin/$name"
    done
    ln -s "$ROOT/build/bin/sage-flock" bin/locked
    ln -s ../bin/locked sub/linked
    for path in "$ROOT/build/bin/sage-flock" bin/locked ./bin/locked sub/linked "$PWD/sub/linked"; do
        [ "$(env -i PATH="$PWD/bin:$PATH" "$path" x.lock echo ran)" = ran ]
    done
    cd sub
    [ "$(env -i PATH="$BATS_TEST_TMPDIR/here/bin:$PATH" ../bin/locked x.lock echo ran)" = ran ]
    [ "$(env -i PATH="$BATS_TEST_TMPDIR/here/bin:$PATH" locked ../x.lock echo ran)" = ran ]
}

@test "the standard library's argparse is not needed" {
    mkdir build
    cp -R "$ROOT/build/bin" "$ROOT/build/sage_bootstrap" "$ROOT/build/sage_flock" build/
    # The folder of the script comes before the standard library on sys.path.
    echo 'raise ImportError("argparse is not for us")' >build/bin/argparse.py
    mkdir bin
    printf '#!/bin/sh\nexec "$PYTHON" -S -E "%s/build/bin/sage-flock" "$@"\n' "$PWD" >bin/sage-flock
    chmod +x bin/sage-flock
    PATH=$PWD/bin:$PATH
    held_by A -s x.lock
    start B --timeout=100 x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    sage-flock --help >/dev/null
}

@test "the lock ends with the command, though a daemon is left behind" {
    make_gate D
    make_gate A
    launch A sage-flock x.lock sh -c 'actor D & read -r _ <"$STAGE/A.gate"' A
    expect 'D in'
    start B x.lock
    expect_waiting exclusive x.lock B
    open_gate A
    gets exclusive x.lock B
    ends A 0
    leaves D
    taken x.lock
}

@test "the lock lasts as long as the command, though sage-flock is killed" {
    held_by A x.lock
    kill -KILL "$(pid A)"
    ends A 137
    taken x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    leaves B
    ends B 0
    free x.lock
}

@test "-o keeps the lock from the command: held while it runs, free when sage-flock is killed" {
    held_by A -o x.lock
    taken x.lock
    kill -KILL "$(pid A)"
    ends A 137
    free x.lock
    held_by B --close x.lock
    leaves A
    taken x.lock
    leaves B
    ends B 0
    free x.lock
}

@test "-F becomes the command, which then holds the lock itself" {
    for option in -F --no-fork; do
        make_gate "A$option"
        launch A sage-flock "$option" x.lock sh -c 'echo $$; read -r _ <"$STAGE/$0.gate"' "A$option"
        expect "$(pid A)"
        taken x.lock
        open_gate "A$option"
        ends A 0
        free x.lock
    done
}

@test "two locks, always asked for in the same order" {
    make_gate A
    make_gate B
    launch A sage-flock one.lock sage-flock two.lock actor A
    expect 'A in'
    taken one.lock
    taken two.lock
    launch B sage-flock one.lock sage-flock two.lock actor B
    expect_waiting exclusive one.lock B
    start C two.lock
    expect_waiting exclusive two.lock C
    open_gate C
    leaves A
    ends A 0
    ends C 0
    open_gate B
    ends B 0
    free one.lock
    free two.lock
}
