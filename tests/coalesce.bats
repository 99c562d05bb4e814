#!/usr/bin/env bats
# Sweeps: whose sweep serves which call.

load lib
load conversations
first='' second=''      # one_begins says who

@test "one sweep serves all who asked before it began" {
    one_sweep_serves_all
}

@test "who asks during a sweep is not served by it" {
    sweep A
    expect 'A in'
    sweep B
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    sweep C
    expect_waiting exclusive x.lock C
    leaves B
    goes_through C
    expect_nothing_more
}

@test "a sweep that fails or dies serves nobody, and its status is its own" {
    for end in 'exit 3' 'kill -KILL $$'; do
        make_gate A
        launch A sage-flock --coalesce --key sweep x.lock sh -c "actor A; $end"
        expect 'A in'
        sweep B
        expect_waiting exclusive x.lock B
        sweep C
        expect_waiting exclusive x.lock C
        leaves A
        one_begins B C
        leaves "$first"
        served "$second"
        if [ "$end" = 'exit 3' ]; then ends A 3; else ends A 137; fi
        rm "$STAGE"/*.gate
    done
}

@test "sage-flock is killed: its sweep runs on alone, and serves nobody" {
    make_gate A
    launch A "${SAGE_FLOCK_ITSELF[@]}" --coalesce --key sweep x.lock actor A
    expect 'A in'
    sweep B
    expect_waiting exclusive x.lock B
    kill -KILL "$(pid A)"
    ends A 137
    taken x.lock
    expect_nothing_more
    leaves A
    goes_through B
}

@test "different keys exclude one another, and never serve" {
    sweep A dll
    expect 'A in'
    sweep B index
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    sweep C dll
    expect_waiting exclusive x.lock C
    sweep D index
    expect_waiting exclusive x.lock D
    leaves B
    one_begins C D
    leaves "$first"
    goes_through "$second"
}

@test "keys that a file system might take for the same are different" {
    for key in rebase Rebase re/base 're base' '' . .. 'k-rebase' "$(printf %0300d 0)" é; do
        sage-flock --coalesce --key "$key" x.lock true
    done
    [ "$(printf '%s\n' .sage-flock/x.lock/c* | tr '[:upper:]' '[:lower:]' | sort -u | wc -l)" = 10 ]
}

# in_folder FOLDER WORD: asks in that folder for the sweep `say WORD`.
in_folder() {
    lock=$PWD/x.lock
    cd "$1" || return
    # shellcheck disable=SC2086 # several words
    exec sage-flock --coalesce $key "$lock" "$say" "$2"
}

@test "without --key the same command in the same folder is the same sweep; with it the folder is no matter" {
    mkdir here there
    cat >say <<'END'
#!/bin/sh
echo "$*"
END
    chmod +x say
    say=$PWD/say
    for key in '' '--key sweep'; do
        held_by H x.lock
        for one in 'here 1' 'here 1' 'there 1' 'here 2'; do
            # shellcheck disable=SC2086 # several words
            launch one in_folder $one
            expect 'sage-flock: waiting for *'
        done
        leaves H
        # Each says that it got the lock, and what it does.
        for _ in 1 2 3 4 5 6 7 8; do expect '*'; done >heard
        if [ -z "$key" ]; then
            [ "$(grep -c ' nothing to do' heard)" = 1 ]
            [ "$(grep -c '^  1$' heard)" = 2 ]
            [ "$(grep -c '^  2$' heard)" = 1 ]
        else
            [ "$(grep -c ' nothing to do' heard)" = 3 ]
        fi
        ends H 0
        rm "$STAGE/H.gate"
    done
}

@test "a garbled file means a run more, and no harm" {
    for numbers in 'no numbers' '1' '1 2 3' '5 9' '-1 -1' '9999999999999999999999999999999999999999999999999999999999999999' \
            "$(printf '\302\262 \302\263')" "$(printf '\001\377\376 7')" "$(printf %070000d 1)"; do
        sage-flock --coalesce --key sweep x.lock true
        printf %s "$numbers" >.sage-flock/x.lock/c.k-sweep
        run sage-flock --coalesce --key sweep x.lock echo ran
        [ "$output" = ran ]
        [ "$status" = 0 ]
        two_ask_meanwhile
        one_begins B C
        leaves "$first"
        served "$second"
        rm "$STAGE"/*.gate
    done
}

@test "no file where the file should be: the sweep just runs" {
    sage-flock --coalesce --key sweep x.lock true
    file=.sage-flock/x.lock/c.k-sweep
    for other in 'mkdir' 'mkfifo' 'ln -s /dev/zero' 'ln -s ../../precious'; do
        rm -r "$file"
        $other "$file"
        echo '5 5' >precious
        run sage-flock --coalesce --key sweep x.lock echo ran
        echo "$other: $output"
        [ "$output" = ran ]
        [ "$status" = 0 ]
        [ "$(cat precious)" = '5 5' ]
    done
}

@test "the file gets lost, is garbled, or both, while a sweep runs: whoever asked meanwhile runs its own" {
    for harm in 'rm -f' 'cp garbled' 'cp empty' 'rm -f:cp garbled' 'cp garbled:rm -f' 'cp garbled:cp empty'; do
        echo garbled >garbled
        : >empty
        for key in 1 2 3; do sage-flock --coalesce --key sweep x.lock true; done
        sweep A
        expect 'A in'
        ${harm%:*} .sage-flock/x.lock/c.k-sweep
        sweep B
        expect_waiting exclusive x.lock B
        ${harm#*:} .sage-flock/x.lock/c.k-sweep
        leaves A
        goes_through B
        rm "$STAGE"/*.gate
    done
}

@test "all that is known of the lock gets lost while a sweep runs" {
    sweep A
    expect 'A in'
    sweep B
    expect_waiting exclusive x.lock B
    rm -r .sage-flock
    leaves A
    gets exclusive x.lock B
    rm -rf .sage-flock
    leaves B
    ends A 0
    ends B 0
    expect_nothing_more
}

@test "a folder that we may not write to: the sweep just runs" {
    : >x.lock
    sage-flock --coalesce --key sweep x.lock true
    chmod a-w .sage-flock/x.lock
    as_mere_mortal sage-flock --coalesce --key other x.lock sh -c 'echo ran; exit 5' >"$STAGE/said" 2>&1 || status=$?
    chmod u+w .sage-flock/x.lock
    [ "$status" = 5 ]
    [ "$(cat "$STAGE/said")" = ran ]
}

@test "where nothing can be kept beside the lock, each runs its own" {
    echo content >x.lock
    two_ask_meanwhile
    expect_got exclusive x.lock
    expect '[BC] in'
    open_gate B
    open_gate C
    expect '[BC] out'
    expect_got exclusive x.lock
    expect '[BC] in'
    expect '[BC] out'
}

@test "under the same lock already: it just runs" {
    run sage-flock x.lock sage-flock --coalesce --key sweep x.lock sh -c 'echo ran; exit 5'
    [ "$output" = ran ]
    [ "$status" = 5 ]
    run sage-flock --coalesce x.lock sage-flock --coalesce x.lock echo ran
    [ "$output" = ran ]
    [ "$status" = 0 ]
}

# marked COMMAND...: runs it under the lock, shared, with --mark mark.
marked() {
    sage-flock -s --key sweep --mark mark x.lock "$@"
}

# asks_as_of_mark: the output of a call that asks for a sweep with that mark.
asks_as_of_mark() {
    run sage-flock --coalesce --key "${1:-sweep}" --mark mark "${2:-x.lock}" echo swept
    echo "$output"
    [ "$status" = 0 ]
}

it_served="sage-flock: x.lock: a 'echo swept' that began after mark was written has succeeded: nothing to do"

@test "--mark: what was through before a sweep began is covered by it, and nobody waits to hear that" {
    marked true
    sage-flock --coalesce --key sweep x.lock true
    held_by A x.lock
    asks_as_of_mark
    [ "$output" = "$it_served" ]
    [ ! -e mark ]
}

@test "--mark is made with the lock in hand: the sweep that waits for it has not begun" {
    held_by A -s --key sweep --mark mark x.lock
    sweep B
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    start C --coalesce --key sweep --mark mark x.lock
    expect_waiting exclusive x.lock C
    leaves B
    expect_got exclusive x.lock
    expect "sage-flock: x.lock: a '*actor C' that began after mark was written has succeeded: nothing to do"
    ends C 0
}

@test "--mark: of two who mark the same the later counts, though the first marked while it waited" {
    held_by A -s --key sweep --mark mark x.lock
    sweep S
    expect_waiting exclusive x.lock S
    start B -s --key sweep --mark mark x.lock
    expect_waiting shared x.lock B
    leaves A
    gets exclusive x.lock S
    [ -e mark ]
    leaves S
    gets shared x.lock B
    leaves B
    ends B 0
    asks_as_of_mark
    [ "$output" = swept ]
}

@test "--mark: two who share the lock may mark the same, and neither minds" {
    held_by A -s --key sweep --mark mark x.lock
    held_by B -s --key sweep --mark mark x.lock
    leaves A
    ends A 0
    leaves B
    ends B 0
    expect_nothing_more
    sage-flock --coalesce --key sweep x.lock true
    asks_as_of_mark
    [ "$output" = "$it_served" ]
}

@test "--mark: a sweep that began before, or failed, or is another one, does not serve" {
    sage-flock --coalesce --key sweep x.lock true
    marked true
    asks_as_of_mark
    [ "$output" = swept ]

    marked true
    fails sage-flock --coalesce --key sweep x.lock false
    asks_as_of_mark
    [ "$output" = swept ]

    marked true
    sage-flock --coalesce --key other x.lock true
    asks_as_of_mark other
    [ "$output" = swept ]

    marked true
    sage-flock --coalesce --key sweep y.lock true
    asks_as_of_mark sweep y.lock
    [ "$output" = swept ]
}

@test "--mark: one that is garbled or not there counts for nothing" {
    marked true
    mv mark good
    sage-flock --coalesce --key sweep x.lock true
    for garbled in '' x 0 '0 /elsewhere' '-1 x' "$(tr 0 9 <good)" "$(cat good) "; do
        printf %s "$garbled" >mark
        asks_as_of_mark
        [ "$output" = swept ]
    done
    asks_as_of_mark
    [ "$output" = swept ]
    head -c 20 good >mark
    asks_as_of_mark
    [ "$output" = swept ]
    cp good mark
    asks_as_of_mark
    [ "$output" = "$it_served" ]
}

@test "--mark: the old one is gone when the command starts, and one that fails leaves none" {
    marked true
    run marked sh -c '[ ! -e mark ] && exit 3'
    [ "$status" = 3 ]
    [ ! -e mark ]
    sage-flock x.lock sage-flock -s --key sweep --mark mark x.lock true
    [ ! -e mark ]       # whoever holds the lock may be sweeping
}

@test "--mark: one that cannot be removed stops the call, one that cannot be made does not" {
    mkdir mark
    run marked echo ran
    [ "$status" = 125 ]
    [[ $output = 'sage-flock: mark: the old mark cannot be removed: '* ]]
    run sage-flock -s --key sweep --mark no/such/mark x.lock echo ran
    [ "$status" = 0 ]
    [[ $output = $'ran\nsage-flock: no/such/mark: no mark could be made: '* ]]
}

@test "--mark: what does not go together" {
    for words in '--mark m x.lock true' '--key k --mark m -F x.lock true' '--key k --mark m -u x.lock true' \
            '--coalesce --mark m x.lock true'; do
        # shellcheck disable=SC2086 # words
        run sage-flock $words
        [ "$status" = 2 ]
        [ "$output" = 'sage-flock: usage: --mark goes with --key, and with neither -u nor -F' ]
    done
}

@test "-q: nothing is said of being served" {
    sweep A
    expect 'A in'
    sweep B
    expect_waiting exclusive x.lock B
    make_gate C
    SAGE_FLOCK_LOG=log launch C sage-flock -q --coalesce --key sweep x.lock actor C
    # It does not say that it waits, but its record does.
    until grep -s -q waiting log; do sleep 0.01; done
    leaves A
    # If C comes first, it prints nothing.
    open_gate B
    open_gate C
    for _ in 1 2 3; do expect '*'; done >heard
    ends B 0
    ends C 0
    ! grep "actor C'" heard
}

@test "a sweep is exclusive, and supervised" {
    for option in -s -u -F; do
        run sage-flock --coalesce "$option" x.lock echo ran
        [ "$status" = 2 ]
        [ "${#lines[@]}" = 1 ]
    done
}

@test "ten who ask during a sweep need one more" {
    sweep A
    expect 'A in'
    for at in {1..10}; do
        launch "R$at" sage-flock --coalesce --key sweep x.lock sh -c 'echo swept >>swept'
        expect 'sage-flock: waiting for *'
    done
    open_gate A
    for at in {1..10}; do ends "R$at" 0; done
    [ "$(grep -c . swept)" = 1 ]
}
