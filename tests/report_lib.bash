# What the tests of sage-flock-report share: `load lib`, then `load report_lib`.

report() {
    "$PYTHON" -S -E "$ROOT/build/bin/sage-flock-report" "$@"
}

log() {
    "$PYTHON" "$ROOT/tests/drivers/report_log.py" "$@"
}

# none_in FILE GREP-OPTION...: nothing in FILE matches.
none_in() {
    if grep "${@:2}" "$1"; then return 1; fi
}

# row NAME: prints a lock's row, with one blank between cells.
row() {
    grep "^$1 " out | tr -s ' '
}

# known_sums: the numbers of report_log.py's build, added up by hand.
known_sums() {
    cat out
    [ "$(row pip.lock)" = 'pip.lock 3 7.50 2 5.00 3.00 1 - 3.00' ]
    [ "$(row rebase.lock)" = 'rebase.lock 2 2.25 1 0.50 0.50 - 1 0.50' ]
    [ "$(row gmp.lock)" = 'gmp.lock 2 3.00* - - - - - -' ]
    [ "$(row together)" = 'together 7 12.8* 3 5.50 3.00 1 1 3.50' ]
    grep -q -x '3 calls waited 5.50 s in all.' out
    grep -q -x 'Lost time: 3.50 s of job slots idle, in 3.00 s of the build.' out
    grep -q -x 'Job slots: lent for 2.25 s, overdrawn for 0.75 s, lingered for 0.50 s.' out
    grep -q -F "    3.00 s  pip.lock  flask 'pip install flask' for six 'pip uninstall six'" out
    grep -q -F "    2.00 s  pip.lock (slot lent)  zlib 'pip install zlib' for six 'pip uninstall six'" out
    grep -q -F "    0.50 s  rebase.lock  'sage-rebase' for 'sage-rebase'" out
    grep -q '^\* 1 call has no end in the log' out
    grep -q '^1 call has the lock through an ancestor' out
    grep -q '^1 call gave up or failed$' out
}

# refused STATUS SUBJECT ARG...: it says why in one line, and nothing on stdout.
refused() {
    local expected=$1 subject=$2 code=0
    shift 2
    report "$@" >out 2>err || code=$?
    cat out err
    [ "$code" = "$expected" ] && [ ! -s out ] && [ "$(grep -c '' err)" = 1 ] &&
    [[ $(cat err) == "sage-flock-report: $subject: "?* ]]
}
