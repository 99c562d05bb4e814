#!/usr/bin/env bats
# Builds by a real make: its slots are lent, its account comes out right whatever happens, and it comes to its end.
# every make
# alone
#
# Alone, because make counts its tokens at its end, at once. A waiter that dies of a signal then, on a machine with more to
# do than it has cores, leaves its guardian no time to have taken back what it lent.

load lib

# builds WORDS...: see builds.py.
builds() {
    run "$PYTHON" "$ROOT/tests/builds.py" "$1" "$MAKE" "${@:2}"
    echo "$output"
    [ "$status" != 77 ] || skip "$output"
    [ "$status" = 0 ]
}

@test "two recipes wait, and a third one runs in the slot that one of them lent" {
    builds borrowed
}

@test "commands fail, waiters are killed or run out of time, with and without -k: no token is missing, nothing is left" {
    builds disturbed "${BUILDS:-8}" "${SEED:-1}"
}

@test "beside flock(1) on the same lock, and under a lock of flock(1): builds come to their end" {
    command -v flock >/dev/null || skip 'no flock(1) here'
    builds mixed "${BUILDS:-2}"
    builds nested "${BUILDS:-2}"
}

@test "make -n, -q and -t run nothing" {
    printf '%s\n' "include $ROOT/build/make/flock.mk" 'all: ran' \
        'ran: ; $(SAGE_FLOCK_SLOTS)@$(SAGE_FLOCK) x.lock touch ran' >Makefile
    for flags in -n -q '-n -j4' '-q -j4' '-k -n' '-kn' '-n --no-print-directory' '-s -n' 'X=1 -n' '--just-print' '--question' \
            '-n -- X=-j2'; do
        # shellcheck disable=SC2086 # several words
        run "$MAKE" $flags
        echo "$flags: $status: $output"
        [ ! -e ran ]
        [ ! -e x.lock ]
    done
    for flags in -t '-t -j4' '-k -t' --touch; do
        # shellcheck disable=SC2086 # several words
        run "$MAKE" $flags
        [ -f ran ]
        [ ! -e x.lock ]
        rm ran
    done
    for flags in '' -j4 -k -s '-j4 --no-print-directory' 'X=nqt' '--warn-undefined-variables'; do
        # shellcheck disable=SC2086 # several words
        run "$MAKE" $flags
        echo "$flags: $status: $output"
        [ "$status" = 0 ]
        [ -f ran ]
        [ -e x.lock ]
        rm ran x.lock
    done
}
