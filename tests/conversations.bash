# Conversations that both engines must hold, locks in files and locks on etcd; a file says `load lib` and
# `load conversations`.

# says STATUS GLOB COMMAND...: it ends with this status, and prints this one line.
says() {
    local status=0 said
    said=$("${@:3}" 2>&1) || status=$?
    echo "  $said"
    if [ "$status" != "$1" ]; then echo "^ ended with $status, not $1"; return 1; fi
    # shellcheck disable=SC2053 # a pattern is what it is
    if [[ $said != $2 || $said = *$'\n'* ]]; then echo "^ where this was due: $2"; return 1; fi
}

# exclusive_keeps_waiting PROCESS: how the waiting line names that of the holder, as a glob.
exclusive_keeps_waiting() {
    held_by A x.lock
    start B x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B', 1st in line: held by $1 'actor A' for *"
    says 1 '' sage-flock -n x.lock true
    says 9 '' sage-flock -s -n -E 9 x.lock true
    says 1 "sage-flock: x.lock: not got within 0.1 s: held by $1 'actor A' for *" sh -c 'sage-flock -w 0.1 x.lock true 2>&1 | tail -n 1; exit 1'
    leaves A
    gets exclusive x.lock B
    leaves B
    ends A 0
    ends B 0
    expect_nothing_more
}

# writer_in_between_ends_by SIGNAL: the reader behind the writer W gets in beside the one before it.
writer_in_between_ends_by() {
    held_by A -s x.lock
    start W x.lock
    expect_waiting exclusive x.lock W
    start B -s x.lock
    expect_waiting shared x.lock B
    kill -"$1" "$(pid W)"
    gets shared x.lock B
}

nested_in_exclusive_runs() {
    for inner in -x -s '-n -x' '-w 100 -s'; do
        # shellcheck disable=SC2086 # words
        launch nested sage-flock x.lock sage-flock $inner x.lock echo ran
        expect ran
        ends nested 0
    done
    expect_nothing_more
}

shared_in_shared_runs() {
    make_gate A
    launch A sage-flock -s x.lock sh -c 'actor A; sage-flock -s x.lock echo ran'
    expect 'A in'
    start W x.lock
    expect_waiting exclusive x.lock W
    leaves A
    expect ran
    gets exclusive x.lock W
}

upgrade_is_refused() {
    for inner in -x '-n -x' '-w 100 -x'; do
        # shellcheck disable=SC2086 # words
        launch nested sage-flock -s x.lock sage-flock $inner x.lock echo ran
        expect 'sage-flock: x.lock: held shared by the command that this one runs under, *'
        ends nested 125
    done
    expect_nothing_more
}

nested_with_another_in_between() {
    launch nested sage-flock x.lock sage-flock y.lock sage-flock x.lock sage-flock y.lock echo ran
    expect ran
    ends nested 0
}


# ---- Sweeps

# sweep NAME [KEY]: the actor NAME asks for a sweep.
sweep() {
    start "$1" --coalesce --key "${2:-sweep}" x.lock
}

# two_ask_meanwhile: while A sweeps, B and C ask for a sweep; then A ends.
two_ask_meanwhile() {
    sweep A
    expect 'A in'
    sweep B
    expect_waiting exclusive x.lock B
    sweep C
    expect_waiting exclusive x.lock C
    leaves A
}

# goes_through NAME: the actor gets its turn, sweeps and succeeds.
goes_through() {
    gets exclusive x.lock "$1"
    leaves "$1"
    ends "$1" 0
}

# one_begins NAME OTHER: it is the turn of one of them, which sweeps: $first. The other one is $second. Two that wait
# have said so in an order, but need not have come to the lock in the same.
one_begins() {
    expect_got exclusive x.lock
    first=$(expect "[$1$2] in") || { echo "$first"; return 1; }
    echo "$first"
    first=${first% in}
    first=${first##* }
    second=$1
    [ "$first" != "$1" ] || second=$2
}

# served NAME: the actor gets its turn, and need not sweep.
served() {
    expect_got exclusive x.lock
    expect "sage-flock: x.lock: a '*actor $1' that began after this call has succeeded: nothing to do"
    ends "$1" 0
}

one_sweep_serves_all() {
    two_ask_meanwhile
    one_begins B C
    leaves "$first"
    served "$second"
    ends "$first" 0
    expect_nothing_more
}
