#!/usr/bin/env bats
# Builds by a real make: its slots are lent, its tokens add up whatever happens, and it ends.
# every make
# alone
#
# Alone, because make counts its tokens as soon as it ends. If a waiter is killed just then, on a machine with more to
# do than it has cores, its guardian has no time to take back what it lent.

load lib

# builds WORDS...: see builds.py.
builds() {
    run "$PYTHON" "$ROOT/tests/drivers/builds.py" "$1" "$MAKE" "${@:2}"
    echo "$output"
    [ "$status" != 77 ] || skip "$output"
    [ "$status" = 0 ]
}

# shortened LIMIT: a copy of the kit whose longest waits for a slot are LIMIT seconds.
shortened() {
    cp -R "$ROOT/build" kit
    sed -i.old "s/^_LIMIT = [0-9]*/_LIMIT = $1/" kit/sage_flock/slots.py
    grep -q "^_LIMIT = $1 " kit/sage_flock/slots.py
    export KIT=$PWD/kit
}

@test "two recipes wait, and a third one runs in the slot that one of them lent" {
    case $("$MAKE" --version) in *'GNU Make 4.2'*) skip 'to this make nothing is lent' ;; esac
    builds borrowed
}

@test "jobs of unequal length: never more than one at work beyond -j, with SAGE_FLOCK_OVERDRAFT=0 none" {
    builds promise herd 1 0.3
    builds promise dozen 1 0.25
    builds promise even 1 0.25
    builds promise herd 1 0.3 strict
    builds promise dozen 1 0.25 strict
}

@test "under another call of ours: what is lent there is not owed when that one is over" {
    builds below "${BUILDS:-2}"
}

@test "under a lock that nobody can see: a time limit brings the build to its end" {
    shortened 1
    builds folders "${BUILDS:-2}"
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
