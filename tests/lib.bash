# What every test stands on; a file says `load lib`.
#
# Who waits for whom is tested as a conversation. One fifo, `events`, carries every line that any process under test
# prints, and a test is a script over it, without sleeps:
#
#     held_by A x.lock                             A holds the lock, and waits at its gate
#     start B x.lock;   expect_waiting exclusive x.lock B
#     leaves A
#     gets exclusive x.lock B
#
# A lock that does not lock fails at once: B says 'B in' where its waiting line is due. How long anything takes is never
# asserted; PATIENCE is only how soon a silence is taken for a hang.
#
# Each test starts in an empty folder. `sage-flock`, `actor` and `tool` are on PATH. From the environment:
# PYTHON, the interpreter; MAKE, the make; SHELL_UNDER_TEST, the shell that sh scripts run in.

ROOT=${BATS_TEST_DIRNAME%/*}
PYTHON=${PYTHON:-$("$ROOT/build/bin/SAGE_FLOCK")}
PYTHON=${PYTHON%% -S -E *}
MAKE=${MAKE:-make}
SHELL_UNDER_TEST=${SHELL_UNDER_TEST:-sh}
PATIENCE=20
STAGE=$BATS_TEST_TMPDIR/stage

# The command itself, for tests in which one process or variable more would matter.
SAGE_FLOCK_ITSELF=("$PYTHON" -S -E "$ROOT/build/bin/sage-flock")

setup() {
    unset SAGE_LOCAL SAGE_LOCK_DIR SAGE_FLOCK_HELD MAKEFLAGS MFLAGS MAKELEVEL PYTHONPATH SAGE_FLOCK_LOG SAGE_PKG NO_COLOR COLUMNS
    export PYTHON MAKE SHELL_UNDER_TEST STAGE PATIENCE LC_ALL=C PATH=$ROOT/tests/bin:$PATH
    mkdir "$STAGE" "$BATS_TEST_TMPDIR/here"
    mkfifo "$STAGE/events"
    exec 9<>"$STAGE/events"     # for reading and writing: opening waits for nobody
    cd "$BATS_TEST_TMPDIR/here"
}

# Kills whatever was started, and all that it started: each is a process group of its own.
teardown() {
    local pid
    for pid in $started; do
        kill -KILL -- "-$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :    # or the shell would report it as killed
    done
}
started=

# launch NAME COMMAND...: starts a command whose output goes to events, unabridged; $(pid NAME) is its process id.
launch() {
    local name=$1
    shift
    set -m                      # hence the process group
    COLUMNS=${COLUMNS-1000} "$@" </dev/null >&9 2>&1 3>&- 9>&- &
    set +m
    started="$started $!"
    printf -v "pid_$name" %s "$!"
}

# start NAME [OPTION...] LOCK: starts the actor NAME under the lock.
start() {
    local name=$1
    shift
    make_gate "$name"
    launch "$name" sage-flock "$@" actor "$name"
}

make_gate() {
    mkfifo "$STAGE/$1.gate"
}

# open_gate NAME: lets the actor go on, now or once it comes to its gate.
open_gate() {
    set -m
    echo open >"$STAGE/$1.gate" 3>&- 9>&- &
    set +m
    started="$started $!"
}

pid() {
    local variable=pid_$1
    echo "${!variable}"
}

# expect GLOB: the next line on events is this one.
expect() {
    local line
    if ! IFS= read -r -t "$PATIENCE" -u 9 line; then
        echo "silence where this was due: $1"
        return 1
    fi
    echo "  $line"
    # shellcheck disable=SC2053 # a pattern is what it is
    if [[ $line != $1 ]]; then
        echo "^ where this was due: $1"
        return 1
    fi
}

# expect_nothing_more: no further line has come up to now.
expect_nothing_more() {
    echo 'nothing more' >&9
    expect 'nothing more'
}

# expect_waiting MODE LOCK NAME: the actor NAME says that it waits.
expect_waiting() {
    expect "sage-flock: waiting for $1 lock $2 to run '*actor $3'*"
}

# expect_got MODE LOCK: the last waiter says that its wait is over.
expect_got() {
    expect "sage-flock: got $1 lock $2 *"
}

# ends NAME STATUS: what was started under this name ends with this status.
ends() {
    local status=147 limit=$((SECONDS + PATIENCE))
    # 147: the shell has not noticed yet that the process was continued.
    while [ "$status" = 147 ] && [ "$SECONDS" -lt "$limit" ]; do
        status=0
        wait "$(pid "$1")" 2>/dev/null || status=$?
    done
    if [ "$status" != "$2" ]; then
        echo "$1 ended with $status, not $2"
        return 1
    fi
}

# held_by NAME [OPTION...] LOCK: starts the actor NAME, which gets the lock.
held_by() {
    start "$@"
    expect "$1 in"
}

# gets MODE LOCK NAME: the actor NAME, the last waiter, gets the lock.
gets() {
    expect_got "$1" "$2"
    expect "$3 in"
}

# leaves NAME: the actor NAME may go on, and does.
leaves() {
    open_gate "$1"
    expect "$1 out"
}

# free FILE, taken FILE: what a stranger finds that asks for the lock by plain flock(2).
free() {
    tool released "$1" || { echo "$1 is taken"; return 1; }
}

taken() {
    ! tool rival "$1" || { echo "$1 is free"; return 1; }
}

# fails COMMAND...: the command must fail.
fails() {
    if "$@"; then
        echo "this succeeded: $*"
        return 1
    fi
}

# needs COMMAND: skips the test if it is not installed; tests/run looks for these words.
needs() {
    command -v "$1" >/dev/null || skip "not installed: $1"
}

# as_mere_mortal COMMAND...: runs it with the rights that file modes give and no more, even for root.
as_mere_mortal() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    elif setpriv --bounding-set -dac_override,-dac_read_search true 2>/dev/null; then
        setpriv --bounding-set -dac_override,-dac_read_search "$@"
    else
        skip 'root may do everything here'
    fi
}
