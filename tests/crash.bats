#!/usr/bin/env bats
# Kills, signals and garbage at random: short runs of what crash.py and fuzz.py do for as long as you like.

load lib

driver() {
    local name=$1
    shift
    "$PYTHON" "$ROOT/tests/drivers/$name.py" "$@"
}

@test "8 processes, killed at random: no two inside together, and nobody stuck" {
    driver crash rounds --seconds=3
}

@test "the same with shared locks among them" {
    driver crash rounds --seconds=3 --shared=0.6
}

@test "a pool of two, and of one, with writers among its members: never one more inside, and no place lost" {
    driver crash rounds --seconds=3 --shared=0.8 --pool=2 --processes=10
    driver crash rounds --seconds=2 --shared=0.9 --pool=1
    driver crash rounds --seconds=4 --shared=0.8 --pool=2 --stops=3
}

@test "the same with some of them stopped and continued: nobody waits for a stopped waiter" {
    driver crash rounds --seconds=6 --stops=3
}

@test "signals to the wrapper at random moments: never free while the command runs" {
    driver crash moments --times=4
}

@test "INT, QUIT and TERM at every system call of a wrapper: none is lost, none ends in a traceback" {
    needs strace
    run driver moments --signals=INT,QUIT,TERM
    echo "$output"
    [ "$status" != 77 ] || skip "$output"
    [ "$status" = 0 ]
}

@test "random command lines: no traceback, no hang, a documented status" {
    # One seed: a random word may be the name of a program here, which then has its own say.
    driver fuzz --count=300 --seed=1
}
