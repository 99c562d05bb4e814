#!/usr/bin/env bats
# Several locks in one call: --also and --also-shared.
# every python

load lib

@test "they are taken in the order in which they are written, LOCK last, and held while the command runs" {
    held_by B y.lock
    held_by C z.lock
    start A --also x.lock --also-shared y.lock z.lock
    expect "sage-flock: waiting for shared lock y.lock to run 'actor A', 1st in line: held by $(pid B) *"
    taken x.lock
    leaves B
    expect_got shared y.lock
    expect "sage-flock: waiting for exclusive lock z.lock to run 'actor A', 1st in line: held by $(pid C) *"
    sage-flock -n -s y.lock true
    fails sage-flock -n y.lock true
    leaves C
    gets exclusive z.lock A
    taken x.lock; taken y.lock; taken z.lock
    leaves A
    ends A 0
    free x.lock; free y.lock; free z.lock
    for lock in x y z; do [ "$(ls -A .sage-flock/$lock.lock)" = gate ]; done
    expect_nothing_more
}

@test "-s, --pool and --coalesce are about LOCK" {
    held_by A -s --also x.lock y.lock
    sage-flock -n -s y.lock true
    fails sage-flock -n -s x.lock true
    leaves A
    held_by B --pool 2 --also-shared x.lock y.lock
    sage-flock -n --pool 2 --also-shared x.lock y.lock true
    fails sage-flock -n --pool 1 --also-shared x.lock y.lock true
    leaves B
    ends B 0
    sage-flock --coalesce --also-shared x.lock y.lock echo swept
}

@test "all or none: -n and -w, whichever is held" {
    for held in x y z; do
        held_by "A$held" $held.lock
        run sage-flock -n -E 7 --also x.lock --also y.lock z.lock echo ran
        [ "$status" = 7 ]
        [ -z "$output" ]
        run sage-flock -w 0.05 -E 7 --also x.lock --also y.lock z.lock echo ran
        [ "$status" = 7 ]
        [[ ${lines[1]} == "sage-flock: $held.lock: not got within 0.1 s: held by $(pid A$held) "* ]]
        for lock in x y z; do [ $lock = $held ] || free $lock.lock; done
        leaves "A$held"
        ends "A$held" 0
        run sage-flock --status x.lock y.lock z.lock
        [ "$(grep -c free <<<"$output")" = 3 ]
    done
}

@test "-w is for all of them together" {
    held_by A x.lock
    held_by B y.lock
    begun=$(tool clock)
    start C -w 0.5 --also x.lock y.lock
    expect_waiting exclusive x.lock C
    leaves A
    expect_got exclusive x.lock
    expect_waiting exclusive y.lock C
    expect 'sage-flock: y.lock: not got within 0.5 s: held by *'
    ends C 1
    free x.lock
    [ $(($(tool clock) - begun)) -ge 500 ]
}

@test "a killed call frees none of them while the command runs, and -o all" {
    held_by A --also x.lock y.lock
    kill -KILL "$(pid A)"
    taken x.lock
    taken y.lock
    leaves A
    free x.lock
    free y.lock
    held_by B -o --also x.lock y.lock
    kill -KILL "$(pid B)"
    free x.lock
    free y.lock
}

@test "a waiter that is killed, or stopped for a while, keeps no lock" {
    held_by A y.lock
    for signal in KILL TERM; do
        start B$signal --also x.lock y.lock
        expect_waiting exclusive y.lock B$signal
        taken x.lock
        kill -$signal "$(pid B$signal)"
        free x.lock
    done
}

@test "nested calls, and one lock named twice, are as nested calls are" {
    [ "$(sage-flock --also x.lock y.lock sage-flock x.lock sage-flock -s y.lock echo ran)" = ran ]
    [ "$(sage-flock x.lock sage-flock --also-shared x.lock --also y.lock z.lock echo ran)" = ran ]
    [ "$(sage-flock --also x.lock x.lock echo ran)" = ran ]
    ln -s x.lock link.lock
    [ "$(sage-flock --also x.lock -s link.lock echo ran)" = ran ]
    run sage-flock --also-shared x.lock x.lock echo ran
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: x.lock: held shared by the command that this one runs under, '* ]]
    free x.lock
    [ -r /proc/locks ] || skip 'nothing here shows that we hold a lock without a record'
    echo content >data
    [ "$(sage-flock --also data data echo ran)" = ran ]
}

@test "rings are told, and let the rest go" {
    for order in 'x y' 'y x'; do
        # shellcheck disable=SC2086
        set -- $order
        held_by G z.lock
        start "A$1" --also "$1.lock" --also z.lock "$2.lock"
        expect_waiting exclusive z.lock "A$1"
        start "B$1" --also "$2.lock" "$1.lock"
        expect "sage-flock: waiting for exclusive lock $1.lock to run 'actor B$1', 1st in line: held by $(pid "A$1") *"
        leaves G
        rm "$STAGE/G.gate"
        expect_got exclusive z.lock
        expect "sage-flock: $2.lock: deadlock: $(pid "A$1") * waits for $2.lock, held by $(pid "B$1") *; $(pid "B$1") * waits for $1.lock, held by $(pid "A$1") *"
        ends "A$1" 125
        expect_got exclusive "$1.lock"
        expect "B$1 in"
        leaves "B$1"
        ends "B$1" 0
    done
}

@test "one call is one start: the command sees all that is held, once" {
    [ "$(sage-flock --also x.lock --also-shared y.lock z.lock sh -c 'echo "$SAGE_FLOCK_HELD"' | tr : '\n' | wc -l)" = 3 ]
    [ "$(sage-flock --also x.lock y.lock sh -c 'exec sage-flock -F x.lock sh -c "echo \$PPID"')" != '' ]
    if [ -r /proc/locks ]; then     # only where there is --fcntl
        [ "$(sage-flock --also x.lock --also y.lock --fcntl z.lock sh -c 'echo "$SAGE_FLOCK_HELD"' | tr : '\n' | wc -l)" = 2 ]
    fi
    run sage-flock --verbose --also x.lock y.lock true
    [ "$(grep -c 'getting lock took' <<<"$output")" = 2 ]
    [ "$(grep -c 'executing' <<<"$output")" = 1 ]
}

@test "the log has each lock's story" {
    SAGE_FLOCK_LOG=log sage-flock --also x.lock y.lock true
    [ "$(grep -o '"event": "[a-z]*"' log | cut -d '"' -f 4 | tr '\n' ' ')" = 'asked asked got got ran released released ' ]
    [ "$(grep -c 'x.lock' log)" = 3 ]
}

@test "what makes no sense" {
    for words in '--also x.lock' '--also x.lock 7' '--also x.lock -u y.lock' '-u --also x.lock y.lock true' '--also'; do
        # shellcheck disable=SC2086 # words
        run sage-flock $words
        [ "$status" = 2 ]
        [ "${#lines[@]}" = 1 ]
        [[ $output == 'sage-flock: '* ]]
    done
    run sage-flock --also /dev/null/x y.lock echo ran
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: /dev/null/x: cannot be opened: '* ]]
}
