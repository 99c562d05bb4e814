#!/usr/bin/env bats
# Does --self-test tell locks that work from locks that do not?
# every python

load lib

# with_flock WORDS...: runs the self-test of this folder with a flock(2) that does what the Python WORDS say.
with_flock() {
    "$PYTHON" -S -c 'import sys; sys.path.insert(0, sys.argv[1])
import fcntl
real = fcntl.flock
def flock(fd, operation):
    if not (eval(sys.argv[2])):
        real(fd, operation)
fcntl.flock = flock
from sage_flock.call import main
main(["--self-test", "."])' "$ROOT/build" "$1"
}

@test "locks that work: said, 0, nothing left behind" {
    run sage-flock --self-test .
    [ "$status" = 0 ]
    [[ $output = 'sage-flock: .: locks work'* ]]
    SAGE_LOCK_DIR=$PWD sage-flock --self-test | grep -q "sage-flock: $PWD: locks work"
    with_flock False
    [ -z "$(ls -A)" ]
}

@test "locks that let everybody in, or do not share, or are kept for ever: said, 125" {
    for how in 'True|one process held the lock exclusive, and another got it exclusive' \
        'operation & fcntl.LOCK_EX and operation & fcntl.LOCK_NB|*another got it exclusive' \
        'operation & fcntl.LOCK_SH and operation & fcntl.LOCK_NB|*held the lock exclusive, and another got it shared' \
        'operation == fcntl.LOCK_UN|a waiter did not get the lock when it was dropped'; do
        run with_flock "${how%%|*}"
        echo "$output"
        [ "$status" = 125 ]
        # shellcheck disable=SC2053 # a pattern is what it is
        [[ $output = "sage-flock: .: locks do not work: "${how#*|} ]]
    done
    [ -z "$(ls -A)" ]
}

@test "no folder there: said, 125; an address: usage, 2" {
    for folder in /dev/null/none none; do
        run sage-flock --self-test "$folder"
        [ "$status" = 125 ]
        [[ $output = "sage-flock: $folder: cannot be opened: "* ]]
    done
    [ ! -e none ]
    run sage-flock --self-test . ..
    [ "$status" = 2 ]
    run sage-flock --self-test etcd://host/folder
    [ "$status" = 2 ]
    [[ $output = 'sage-flock: etcd://host/folder: the self-test is for folders' ]]
}
