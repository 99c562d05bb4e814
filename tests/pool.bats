#!/usr/bin/env bats
# Pools: a lock that so many share at a time, and no more.
# every python

load lib

# full NAME...: each has one of so many places.
full() {
    local name
    for name; do held_by "$name" --pool $# x.lock; done
}

expect_full() {
    expect "sage-flock: waiting for pool lock x.lock to run 'actor $1', *: $2 of $3 in use: *"
}

@test "three go in, and the fourth waits until one has left, whichever that is" {
    full A B C
    start D --pool 3 x.lock
    expect "sage-flock: waiting for pool lock x.lock to run 'actor D', 1st in line: 3 of 3 in use: $(pid A) 'actor A' for * s, $(pid B) 'actor B' for * s and $(pid C) 'actor C' for * s"
    leaves B
    gets pool x.lock D
    start E --pool 3 x.lock
    expect_full E 3 3
    leaves D
    gets pool x.lock E
    leaves A; leaves C; leaves E
    for name in A B C D E; do ends "$name" 0; done
    expect_nothing_more
}

@test "first come first served, members and writers" {
    [ -r /proc/locks ] || skip 'nothing here tells that one is in the queue'
    full A B
    for name in P W Q; do
        if [ "$name" = W ]; then start W x.lock; else start "$name" --pool 2 x.lock; fi
        expect "sage-flock: waiting for * lock x.lock to run 'actor $name', *: *"
        if [ "$name" != P ]; then until grep -q -e "-> *FLOCK .* $(pid "$name") " /proc/locks; do :; done; fi
    done
    leaves A
    gets pool x.lock P
    leaves B
    leaves P
    gets exclusive x.lock W
    leaves W
    gets pool x.lock Q
}

@test "an exclusive holder keeps the pool out, and the pool it; so does a stranger's flock(2)" {
    held_by A x.lock
    start B --pool 2 x.lock
    expect "sage-flock: waiting for pool lock x.lock to run 'actor B', 1st in line: held by $(pid A) 'actor A' for *"
    leaves A
    gets pool x.lock B
    fails sage-flock -n x.lock true
    taken x.lock
    leaves B
    ends B 0
    free x.lock
    make_gate F
    launch F tool hold x.lock actor F
    expect 'F in'
    start C --pool 2 x.lock
    expect_waiting pool x.lock C
    leaves F
    gets pool x.lock C
}

@test "who merely shares takes no place" {
    held_by A --pool 1 x.lock
    held_by B -s x.lock
    leaves A
    held_by C --pool 1 x.lock
}

@test "-n, -w and -E" {
    full A B
    run sage-flock -n --pool 2 x.lock echo ran
    [ "$status" = 1 ]
    [ -z "$output" ]
    run sage-flock -w 0.05 -E 7 --pool 2 x.lock echo ran
    [ "$status" = 7 ]
    [[ ${lines[1]} == 'sage-flock: x.lock: not got within 0.1 s: 2 of 2 in use: '* ]]
    [ "$(sage-flock -n --pool 3 x.lock echo ran)" = ran ]
    start C -w 1000 --pool 2 x.lock
    expect_full C 2 2
    # Not past one who waits for a place.
    fails sage-flock -n --pool 3 x.lock true
    leaves B
    gets pool x.lock C
}

@test "a caller that leaves only descriptors above those that select(2) knows" {
    ulimit -n 2048 || skip 'the limit of descriptors is too low'
    held_by A --pool 1 x.lock
    run tool crowded sage-flock -w 0.05 --pool 1 x.lock true
    [ "$status" = 1 ]
    make_gate B
    launch B tool crowded sage-flock --pool 1 x.lock actor B
    expect_full B 1 1
    leaves A
    gets pool x.lock B
    leaves B
    ends B 0
}

@test "callers may name different numbers: each counts those inside" {
    held_by A --pool 4 x.lock
    held_by B --pool 4 x.lock
    held_by C --pool 4 x.lock
    fails sage-flock -n --pool 1 x.lock true
    leaves A
    fails sage-flock -n --pool 2 x.lock true
    start D --pool 2 x.lock
    expect_full D 2 2
    leaves C        # it was in a place that is not among the first two
    gets pool x.lock D
    fails sage-flock -n --pool 2 x.lock true
    sage-flock -n --pool 3 x.lock true
    start E --pool 1 x.lock
    expect_full E 2 1
    leaves B
    leaves D
    gets pool x.lock E
}

@test "a place lasts as long as the command, though sage-flock is killed, and is free when both are" {
    full A B
    kill -KILL "$(pid A)"
    ends A 137
    start C --pool 2 x.lock
    expect_full C 2 2
    kill -KILL -- "-$(pid A)"
    gets pool x.lock C
    start D --pool 2 x.lock
    expect_full D 2 2
    kill -KILL -- "-$(pid B)"
    gets pool x.lock D
}

@test "a place ends with the command, though a daemon is left behind" {
    make_gate D
    make_gate A
    launch A sage-flock --pool 1 x.lock sh -c 'actor D & read -r _ <"$STAGE/A.gate"' A
    expect 'D in'
    start B --pool 1 x.lock
    expect_waiting pool x.lock B
    open_gate A
    gets pool x.lock B
    ends A 0
    start C --pool 1 x.lock
    expect_full C 1 1
    leaves B
    gets pool x.lock C
    leaves D
}

@test "-o keeps the place from the command; -F becomes the command, which then has it" {
    held_by A -o --pool 1 x.lock
    fails sage-flock -n --pool 1 x.lock true
    kill -KILL "$(pid A)"
    held_by B -F --pool 1 x.lock
    start C --pool 1 x.lock
    expect_waiting pool x.lock C
    leaves B
    gets pool x.lock C
}

@test "nested: under a place a place or a shared lock runs, under an exclusive lock a place does; under a shared one it is taken" {
    for outer in '--pool 1' -x; do
        for inner in '--pool 1' '--pool 3' -s '-n --pool 1'; do
            # shellcheck disable=SC2086 # words
            [ "$(sage-flock $outer x.lock sage-flock $inner x.lock echo ran)" = ran ]
        done
    done
    run sage-flock --pool 2 x.lock sage-flock x.lock echo ran
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: x.lock: held shared by the command that this one runs under, '* ]]
    held_by A --pool 1 x.lock
    fails sage-flock -s x.lock sage-flock -n --pool 1 x.lock echo ran
    [ "$(sage-flock -s x.lock sage-flock --pool 2 x.lock echo ran)" = ran ]
}

@test "nested calls run though the record is out of sight" {
    [ -r /proc/locks ] || skip 'nothing here tells who holds the place'
    [ "$(sage-flock --pool 1 x.lock env -i "${SAGE_FLOCK_ITSELF[@]}" --pool 1 x.lock echo in)" = in ]
    held_by A --pool 1 x.lock
    fails sage-flock -s x.lock env -i "${SAGE_FLOCK_ITSELF[@]}" -n --pool 1 x.lock echo in
}

@test "a waiter that is killed, or gives up, takes no place with it" {
    full A
    for signal in KILL TERM INT; do
        start B$signal --pool 1 x.lock
        expect_full B$signal 1 1
        start C$signal -w 1000 --pool 1 x.lock
        expect_full C$signal 1 1
        kill -$signal "$(pid B$signal)" "$(pid C$signal)"
        fails ends B$signal 0
        fails ends C$signal 0
    done >said
    cat said
    leaves A
    ends A 0
    [ "$(sage-flock -n --pool 1 x.lock echo ran)" = ran ]
}

@test "a waiter stopped in the gate is passed once there is a place, and gets one when continued" {
    [ -r /proc/locks ] || skip 'nothing here tells who is stopped'
    full A B
    start S --pool 2 x.lock
    expect_full S 2 2
    kill -STOP "$(pid S)"
    start T --pool 2 x.lock
    expect_full T 2 2
    leaves A
    expect "sage-flock: x.lock: free, but $(pid S) *, first in the queue, is stopped: going before it"
    gets pool x.lock T
    kill -CONT "$(pid S)"
    expect_nothing_more
    leaves T
    gets pool x.lock S
}

@test "a waiter that is stopped with Ctrl-Z leaves the queue, and queues anew" {
    full A
    start S --pool 1 x.lock
    expect_full S 1 1
    kill -TSTP "$(pid S)"
    start T --pool 1 x.lock
    expect_full T 1 1
    leaves A
    gets pool x.lock T
    kill -CONT "$(pid S)"
    leaves T
    gets pool x.lock S
}

@test "--status says how many of how many are in use, for people and as JSON" {
    full A B C
    leaves B
    ends B 0
    start W x.lock
    expect_waiting exclusive x.lock W
    run sage-flock --status x.lock
    echo "$output"
    [[ ${lines[1]} =~ ^x.lock\ \ 2\ hold,\ 1\ waits,\ oldest\ [0-9.]+\ s$ ]]
    [[ ${lines[2]} =~ ^\ \ holds\ \ pool,\ 2\ of\ 3\ \ $(pid A)\ .*\ actor\ A$ ]]
    [[ ${lines[3]} =~ ^\ \ holds\ \ pool,\ 2\ of\ 3\ \ $(pid C)\ .*\ actor\ C$ ]]
    [[ ${lines[4]} =~ ^\ \ waits\ \ exclusive\ *$(pid W)\ .*\ actor\ W$ ]]
    sage-flock --status --json x.lock >status
    [ "$(grep -c '"mode": "pool"' status)" = 2 ]
    [ "$(grep -c '"most": 3' status)" = 2 ]
}

@test "the log and the report name the pool and the place" {
    export SAGE_FLOCK_LOG=$PWD/log
    full A B
    start C --pool 2 x.lock
    expect_full C 2 2
    leaves A
    gets pool x.lock C
    leaves B
    leaves C
    for name in A B C; do ends $name 0; done
    [ "$(grep '"got"' log | grep -o '"place": .')" = "$(printf '"place": %s\n' 1 2 1)" ]
    [ "$(grep -c '"mode": "pool", "most": 2' log)" = 13 ]
    "$PYTHON" -S -E "$ROOT/build/bin/sage-flock-report" --html page log >out
    cat out
    grep -q "x.lock  'actor C' for 'actor [AB]' and 1 more$" out
    [ "$(grep -o '"place": *1' page | wc -l)" = 2 ]
    [ "$(grep -o '"most": *2' page | wc -l)" = 3 ]
}

@test "what can be no pool" {
    for word in 0 257 -1 x '' 1.5; do
        run sage-flock --pool "$word" x.lock true
        [ "$status" = 2 ]
        [[ $output == 'sage-flock: usage: '*'from 1 to 256'* ]]
        [ "${#lines[@]}" = 1 ]
    done
    for options in -x -e -u --coalesce '--fd 7'; do
        # shellcheck disable=SC2086 # words
        run sage-flock $options --pool 2 x.lock true
        [ "$status" = 2 ]
        [[ $output == 'sage-flock: usage: --pool goes with '* ]]
    done
    exec 7>x.lock
    run sage-flock --pool 2 7
    [ "$status" = 2 ]
    mkdir folder
    echo content >file
    for name in folder file; do
        run sage-flock --pool 2 $name true
        [ "$status" = 125 ]
        [[ $output == "sage-flock: $name: cannot be a pool: "* ]]
    done
    sage-flock --pool 256 y.lock true
}

@test "a place whose files are something else, or cannot be made, is an error and nothing that lets in too many" {
    sage-flock --pool 1 x.lock true
    rm .sage-flock/x.lock/bell.1
    : >.sage-flock/x.lock/bell.1
    run sage-flock --pool 1 x.lock echo ran
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: x.lock: no place in the pool: '*'bell.1 is no fifo' ]]
    rm .sage-flock/x.lock/*.1
    ln -s elsewhere .sage-flock/x.lock/place.1
    run sage-flock --pool 1 x.lock echo ran
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: x.lock: no place in the pool: '* ]]
    [ ! -e .sage-flock/x.lock/elsewhere ]
}

@test "a place is looked at now and then while nobody here has its bell, as on another host" {
    sage-flock --pool 1 x.lock true
    make_gate A
    launch A tool hold .sage-flock/x.lock/place.1 actor A
    expect 'A in'
    start B --pool 1 x.lock
    expect_waiting pool x.lock B
    leaves A
    gets pool x.lock B
}

@test "neither writers nor members starve" {
    for name in 1 2 3; do
        launch "L$name" sh -c 'until [ -e over ]; do sage-flock -q --pool 2 x.lock true; done'
    done
    for round in 1 2 3; do sage-flock -q x.lock true; done
    launch W sh -c 'until [ -e over ]; do sage-flock -q x.lock true; done'
    for round in 1 2 3; do sage-flock -q --pool 2 x.lock true; done
    : >over
    for name in L1 L2 L3 W; do ends $name 0; done
    expect_nothing_more
}
