#!/usr/bin/env bats
# Processes that wait for one another in a ring: each ring is reported, and nothing else is.

load lib

# nest NAME OUTER... / INNER...: starts a process NAME that takes the lock OUTER, says that it is in, waits at its gate,
# asks for the lock INNER, and says how that ended. Each lock may have options.
nest() {
    local name=$1 outer=()
    shift
    while [ "$1" != / ]; do outer+=("$1"); shift; done
    shift
    if [ ! -e nested ]; then
        cat >nested <<'END'
#!/bin/sh
name=$1
shift
echo "$name in"
read -r _ <"$STAGE/$name.gate"
status=0
sage-flock "$@" echo "$name in both" || status=$?
echo "$name ended $status"
exit "$status"
END
        chmod +x nested
    fi
    make_gate "$name"
    launch "$name" sage-flock "${outer[@]}" ./nested "$name" "$@"
    expect "$name in"
}

# goes_through NAME LOCK: NAME, which waited for LOCK, gets it and ends.
goes_through() {
    expect "sage-flock: got * lock $2 *"
    expect "$1 in both"
    expect "$1 ended 0"
    ends "$1" 0
}

ring_of() {
    local i next story=
    for ((i = 1; i <= $1; i++)); do
        nest "P$i" "l$i.lock" / "l$((i % $1 + 1)).lock"
    done
    for ((i = 1; i < $1; i++)); do
        open_gate "P$i"
        expect "sage-flock: waiting for exclusive lock l$((i + 1)).lock to run 'echo 'P$i in both'', 1st in line: held by *"
    done
    for ((i = 1; i < $1; i++)); do
        next=$((i + 1))
        story="$story; * 'echo 'P$i in both'' waits for l$next.lock, held by $(pid "P$next") './nested P$next *'"
    done
    open_gate "P$1"
    expect "sage-flock: l1.lock: deadlock: * 'echo 'P$1 in both'' waits for l1.lock, held by $(pid P1) './nested P1 *'$story"
    expect "P$1 ended 125"
    for ((i = $1 - 1; i > 0; i--)); do
        goes_through "P$i" "l$((i + 1)).lock"
    done
    ends "P$1" 125
    expect_nothing_more
}

@test "a ring of two locks is reported, with each lock and command, and the other finishes" {
    ring_of 2
}

@test "a ring is reported though a lock has the name of a file of ours, or a stranger's folder is there" {
    sage-flock ring true
    mkdir -p .sage-flock/ring .sage-flock/.ring
    ring_of 2
}

@test "a ring of three" {
    ring_of 3
}

@test "a ring of five" {
    ring_of 5
}

@test "a ring through the second holder of a shared lock" {
    nest A -s x.lock / free.lock
    nest B -s x.lock / y.lock
    nest C y.lock / x.lock
    open_gate B
    expect "sage-flock: waiting for exclusive lock y.lock *"
    open_gate C
    expect "sage-flock: x.lock: deadlock: * waits for x.lock, held by $(pid B) *; * waits for y.lock, held by $(pid C) *"
    expect 'C ended 125'
    goes_through B y.lock
    open_gate A
    expect 'A in both'
    expect 'A ended 0'
}

@test "a ring through a shared lock, closed by one of its holders" {
    nest A -s x.lock / free.lock
    nest B -s x.lock / y.lock
    nest C y.lock / x.lock
    open_gate C
    expect "sage-flock: waiting for exclusive lock x.lock *"
    open_gate B
    expect "sage-flock: y.lock: deadlock: * waits for y.lock, held by $(pid C) *; * waits for x.lock, held by $(pid B) *"
    expect 'B ended 125'
    open_gate A
    expect 'A in both'
    expect 'A ended 0'
    goes_through C x.lock
}

@test "a ring that only the queue closes: a reader behind a writer that waits for another reader" {
    nest A y.lock / -s x.lock
    nest B -s x.lock / y.lock
    start W x.lock
    expect_waiting exclusive x.lock W
    open_gate A
    expect "sage-flock: waiting for shared lock x.lock *: held by $(pid B) *; before us waits $(pid W) *"
    open_gate B
    expect "sage-flock: y.lock: deadlock: * waits for y.lock, held by $(pid A) *; * waits for x.lock, held by $(pid B) *"
    expect 'B ended 125'
    gets exclusive x.lock W
    leaves W
    goes_through A x.lock
}

@test "a ring that closes when the next in the queue comes to the gate" {
    nest A y.lock / -s x.lock
    nest B -s x.lock / y.lock
    start T -w 1000 x.lock
    expect_waiting exclusive x.lock T
    start W x.lock
    expect_waiting exclusive x.lock W
    [ -r /proc/locks ] || skip 'nothing here shows that W is in the queue before A'
    until blocked W; do :; done
    open_gate A
    expect "sage-flock: waiting for shared lock x.lock *"
    open_gate B         # all wait for T, who will go by itself: no deadlock yet
    expect "sage-flock: waiting for exclusive lock y.lock *"
    kill -TERM "$(pid T)"
    # W leaves the gate, and so lets A go on, before it says why.
    for _ in 1 2 3 4 5 6 7; do expect '*'; done >heard
    cat heard
    grep -q "x.lock: deadlock: $(pid W) 'actor W' waits for x.lock, held by $(pid B) .*; .* waits for y.lock, held by $(pid A) .*; .* waits for x.lock behind this call\$" heard
    ends W 125
    ends A 0
    ends B 0
}

# blocked NAME: true if the kernel shows it blocked for some lock.
blocked() {
    grep -q -e "-> *FLOCK .* $(pid "$1") " /proc/locks
}

@test "a ring through two folders" {
    mkdir one two
    nest A one/x.lock / two/x.lock
    nest B two/x.lock / one/x.lock
    open_gate A
    expect "sage-flock: waiting for exclusive lock two/x.lock *"
    open_gate B
    expect "sage-flock: one/x.lock: deadlock: *, held by $(pid A) *; *, held by $(pid B) *"
    expect 'B ended 125'
    goes_through A two/x.lock
}

@test "a ring through the outermost of three, and through make and sh" {
    needs "$MAKE"
    printf 'all:\n\t@sage-flock y.lock sh -c "sage-flock z.lock ./nested A v.lock"\n' >makefile
    nest B v.lock / x.lock
    make_gate A
    launch A sage-flock x.lock "$MAKE"
    expect 'A in'
    open_gate A
    expect "sage-flock: waiting for exclusive lock v.lock *"
    open_gate B
    expect "sage-flock: x.lock: deadlock: * waits for x.lock, held by $(pid A) '*make'; * waits for v.lock, held by $(pid B) *"
    expect 'B ended 125'
    goes_through A v.lock
}

@test "a ring through the outermost of three, closed by the innermost" {
    nest B v.lock / x.lock
    make_gate A
    launch A sage-flock x.lock sage-flock y.lock sage-flock z.lock ./nested A v.lock
    expect 'A in'
    open_gate B
    expect "sage-flock: waiting for exclusive lock x.lock *"
    open_gate A
    expect "sage-flock: v.lock: deadlock: * waits for v.lock, held by $(pid B) *; * waits for x.lock, held by $(pid A) *"
    expect 'A ended 125'
    ends A 125
    goes_through B x.lock
}

@test "of two that close a ring at the same time one goes through" {
    for round in 1 2 3 4 5; do
        nest "A$round" x.lock / y.lock
        nest "B$round" y.lock / x.lock
        open_gate "A$round"
        open_gate "B$round"
        for _ in 1 2 3 4 5 6; do expect '*'; done >heard
        cat heard
        [ "$(grep -c ': deadlock: ' heard)" = 1 ]
        [ "$(grep -c "^  [AB]$round ended 125\$" heard)" = 1 ]
        [ "$(grep -c "^  [AB]$round in both\$" heard)" = 1 ]
        expect_nothing_more
    done
}

@test "a ring that a -w waiter closes is not reported: the wait ends by itself" {
    nest A x.lock / -w 0.1 y.lock
    nest B y.lock / x.lock
    open_gate B
    expect "sage-flock: waiting for exclusive lock x.lock *"
    open_gate A
    expect "sage-flock: waiting for exclusive lock y.lock *"
    expect "sage-flock: y.lock: not got within 0.1 s: held by $(pid B) *"
    expect 'A ended 1'
    goes_through B x.lock
}

@test "a ring is reported though SAGE_FLOCK_TIMEOUT limits the wait: no call has said that it would give up" {
    export SAGE_FLOCK_TIMEOUT=1000
    ring_of 2
}

@test "a ring that a -w waiter is part of is not reported" {
    nest A x.lock / -w 1000 y.lock
    nest B y.lock / x.lock
    open_gate A
    expect "sage-flock: waiting for exclusive lock y.lock *"
    open_gate B
    expect "sage-flock: waiting for exclusive lock x.lock *"
}

@test "a chain is no ring" {
    nest A a.lock / b.lock
    nest B b.lock / c.lock
    nest C c.lock / d.lock
    open_gate A
    expect "sage-flock: waiting for exclusive lock b.lock *"
    open_gate B
    expect "sage-flock: waiting for exclusive lock c.lock *"
    open_gate C
    expect 'C in both'
    expect 'C ended 0'
    goes_through B c.lock
    goes_through A b.lock
}

@test "two under one lock who wait for each other's neighbour are no ring" {
    nest D d.lock / free.lock
    make_gate A
    make_gate B
    launch both sage-flock o.lock sh -c 'sage-flock a.lock ./nested A d.lock & sage-flock b.lock ./nested B a.lock & wait'
    expect '* in'
    expect '* in'
    open_gate A
    expect "sage-flock: waiting for exclusive lock d.lock *"
    open_gate B
    expect "sage-flock: waiting for exclusive lock a.lock *"
    open_gate D
    expect 'D in both'
    expect 'D ended 0'
    expect_got exclusive d.lock
    expect 'A in both'
    expect 'A ended 0'
    expect_got exclusive a.lock
    expect 'B in both'
    expect 'B ended 0'
    ends both 0
}

@test "readers in each other's locks are no ring without a writer" {
    nest A -s x.lock / -s y.lock
    nest B -s y.lock / -s x.lock
    nest W w.lock / x.lock
    open_gate W
    expect "sage-flock: waiting for exclusive lock x.lock *"
    open_gate A
    expect 'A in both'
    expect 'A ended 0'
    ends A 0
    goes_through W x.lock
    open_gate B
    expect 'B in both'
    expect 'B ended 0'
}

@test "a waiter that was killed is part of no ring" {
    nest B y.lock / x.lock
    make_gate A
    launch A sage-flock x.lock sh -c 'sh -c '\''echo $$; exec sage-flock y.lock true'\''; actor A' 2>&1
    IFS= read -r -t "$PATIENCE" -u 9 waiter
    expect "sage-flock: waiting for exclusive lock y.lock *"
    kill -KILL "$waiter"
    expect '*Killed*'
    expect 'A in'
    open_gate B
    expect "sage-flock: waiting for exclusive lock x.lock *"
    leaves A
    goes_through B x.lock
}

@test "a ring through a pool all of whose members wait, closed from outside" {
    nest A --pool 2 x.lock / y.lock
    nest B --pool 2 x.lock / y.lock
    nest C y.lock / --pool 2 x.lock
    open_gate A
    expect "sage-flock: waiting for exclusive lock y.lock *"
    open_gate B
    expect "sage-flock: waiting for exclusive lock y.lock *"
    open_gate C
    expect "sage-flock: x.lock: deadlock: * waits for x.lock, held by * './nested [AB] *'; * waits for y.lock, held by $(pid C) *"
    expect 'C ended 125'
    for _ in 1 2 3 4 5 6; do expect '*'; done
    ends A 0
    ends B 0
}

@test "a ring through a pool, closed by the last of its members to wait; while one can still go there is none" {
    nest A --pool 2 x.lock / y.lock
    nest B --pool 2 x.lock / y.lock
    nest C y.lock / --pool 2 x.lock
    open_gate C
    expect "sage-flock: waiting for pool lock x.lock *: 2 of 2 in use: *"
    open_gate A
    expect "sage-flock: waiting for exclusive lock y.lock *"
    open_gate B
    expect "sage-flock: y.lock: deadlock: * waits for y.lock, held by $(pid C) *; * waits for x.lock, held by $(pid B) *"
    expect 'B ended 125'
    goes_through C x.lock
    goes_through A y.lock
}

@test "a waiter for a pool waits for those only who keep it out: a number of its own" {
    nest A --pool 3 x.lock / y.lock
    held_by D --pool 3 x.lock
    nest C y.lock / --pool 1 x.lock
    open_gate A
    expect "sage-flock: waiting for exclusive lock y.lock *"
    open_gate C         # it needs both to go, and A will not
    expect "sage-flock: x.lock: deadlock: * waits for x.lock, held by $(pid A) *; * waits for y.lock, held by $(pid C) *"
    expect 'C ended 125'
    goes_through A y.lock
}

@test "a ring that the queue behind a waiter for a pool closes" {
    nest A y.lock / -s x.lock
    nest B --pool 1 x.lock / y.lock
    start W --pool 1 x.lock
    expect_waiting pool x.lock W
    open_gate A
    expect "sage-flock: waiting for shared lock x.lock *"
    open_gate B
    expect "sage-flock: y.lock: deadlock: * waits for y.lock, held by $(pid A) *; * waits for x.lock, held by $(pid B) *"
    expect 'B ended 125'
    for _ in 1 2 3 4 5; do expect '*'; done     # W and A are in together
    leaves W
    ends A 0
}

@test "members of two pools who wait for one another: one is told, and the rest go through" {
    nest A --pool 1 x.lock / --pool 1 y.lock
    nest B --pool 1 y.lock / --pool 1 x.lock
    open_gate A
    expect "sage-flock: waiting for pool lock y.lock *"
    open_gate B
    expect "sage-flock: x.lock: deadlock: * waits for x.lock, held by $(pid A) *; * waits for y.lock, held by $(pid B) *"
    expect 'B ended 125'
    goes_through A y.lock
}

@test "random programs: every deadlock that a model of the locks has is reported, and no other" {
    [ -r /proc/locks ] || skip 'nothing here shows who is blocked'
    "$PYTHON" "$ROOT/tests/drivers/programs.py" --driven 8 --seed 1000
}

@test "random programs that run free: all end, and what was reported to them was true" {
    "$PYTHON" "$ROOT/tests/drivers/programs.py" --free 6 --seed 1000
}
