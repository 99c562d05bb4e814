#!/usr/bin/env bats
# A waiter lends its job slot: to whom, for how long, and what is left when it dies. The pools are the tests' own;
# builds.bats asks real makes.
# every python

load lib

# pools WORDS...: runs pools.py with the sage-flock under test.
pools() {
    run "$PYTHON" "$ROOT/tests/drivers/pools.py" "$@" -- "${SAGE_FLOCK_ITSELF[@]}"
    echo "$output"
    [ "$status" != 77 ] || skip "$output"
    [ "$status" = 0 ]
}

@test "a waiter's slot is lent while it waits, and taken back while its command runs" {
    for style in pipe blocking fifo; do
        pools waits "$style" settles among-others
    done
}

@test "no token is to be had: the command runs on the overdraft, and the call lingers until there is one" {
    for style in pipe blocking fifo; do
        pools waits "$style" lingers
    done
}

@test "a lingerer is sent TERM, make is gone: a guardian without ties keeps the debt for as long as there is one" {
    for style in pipe blocking fifo; do
        pools waits "$style" no-token make-ends
    done
}

@test "one overdraft: a second command waits until the first is over; none, and it waits for the token" {
    for style in pipe blocking fifo; do
        pools waits "$style" one-overdraft strict
    done
}

@test "no wait for a slot is without a limit" {
    cp -R "$ROOT/build" kit
    sed -i.old 's/^_LIMIT = [0-9]*/_LIMIT = 1/' kit/sage_flock/slots.py
    grep -q '^_LIMIT = 1 ' kit/sage_flock/slots.py
    SAGE_FLOCK_ITSELF[${#SAGE_FLOCK_ITSELF[@]} - 1]=$PWD/kit/bin/sage-flock
    pools waits pipe limits
}

@test "a guardian is killed: another takes its place" {
    pools waits pipe guardian-killed
    pools waits fifo guardian-killed
}

@test "what is lent under another lock of ours: the outer call lingers for it" {
    pools waits pipe nested
    pools waits fifo nested
}

@test "killed while waiting, with all its process group: what it lent is taken back" {
    pools waits pipe killed-waiting termed-waiting inted-waiting huped-waiting
    pools waits fifo killed-waiting termed-waiting
}

@test "killed while its command runs, in debt: the debt is paid" {
    pools waits pipe killed-running termed-running inted-running
    pools waits blocking killed-running
}

@test "time-outs, -F, SIGCHLD ignored: as many tokens as before" {
    pools waits pipe time-out no-fork children-ignored
}

@test "a shell's descriptor: as many tokens as before" {
    pools waits pipe descriptor
}

@test "SAGE_FLOCK_KEEP_SLOT=1, no descriptors, make 4.2: nothing is lent" {
    pools waits pipe keeps-slot without-descriptors
    pools waits fifo keeps-slot
    pools waits 4.2 lends-nothing
}

@test "hardly a descriptor to be had: it keeps its slot, or says why it cannot go on" {
    pools waits pipe few-descriptors
}

@test "MAKEFLAGS with descriptors that are closed, reused, foreign or garbled: not a byte gets into what is no jobserver" {
    pools makeflags 25 "$("$PYTHON" -c 'import sys; print(sys.version_info[:2])')"
}
