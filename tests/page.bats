#!/usr/bin/env bats
# The report's page in a browser: it opens by itself, shows what it is asked for, and can be searched.
#
# Needs Chromium and chromedriver (Debian: chromium, chromium-driver); without them, nothing here is tested.

load lib

setup_file() {
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/drivers/report_browser.py" find || return 0
    cd "$BATS_FILE_TMPDIR" || return
    made page.html build hostile
    made calm.html build calm
    made big.html many 50000
    for trial in 'try page' 'narrow page' 'answer calm' 'big big'; do
        "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/drivers/report_browser.py" "${trial% *}" "${trial#* }.html" >"${trial% *}.said"
    done
}

# made PAGE KIND...: the page, and PAGE.txt, what the terminal says, of a log of report_log.py.
made() {
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/drivers/report_log.py" "${@:2}" >"$1.log"
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/../build/bin/sage-flock-report" --html "$1" "$1.log" >"$1.txt"
}

# said WHAT [TRIAL]: what the browser said of it.
said() {
    run "$PYTHON" "$ROOT/tests/drivers/report_browser.py" find
    echo "$output"
    [ "$status" != 77 ] ||
        skip 'not installed: chromium and chromedriver (Debian: chromium-driver)'
    [ "$status" = 0 ]
    sed -n "s/^$1 //p" "$BATS_FILE_TMPDIR/${2:-try}.said" >here
    echo "$1: $(cat here)"
}

@test "no error on the console, and no command has become part of the page" {
    said error
    [ ! -s here ]
    said shouts
    [ "$(cat here)" = 0 ]
}

@test "no request leaves the page" {
    said request
    [ "$(cat here)" = "file://$BATS_FILE_TMPDIR/page.html" ]
}

@test "the mouse on a call shows lock, mode, command and times; beside it, nothing" {
    said hover
    grep -q -F 'pip.lock, shared' here || grep -q -F 'rebase.lock, exclusive' here
    grep -q -E 'waited [0-9.]+ s \([0-9.]+ to [0-9.]+\), job slot (idle|lent)' here
    grep -q -E 'for .*, [0-9.]+ s' here
    grep -q -E 'held [0-9.]+ s' here
    said hover-none
    [ "$(tr -d ' ' <here)" = '' ]
}

@test "the keyboard shows the same" {
    said key
    grep -q -F '.lock, ' here
    grep -q 'held ' here
}

@test "the wheel scrolls the page; with Ctrl it zooms; dragging moves, Reset shows all again" {
    said range
    whole=$(cat here)
    [[ $whole == '0.00 to 6.50 s of 6.50 s' ]]
    said wheel-page
    [ "$(cat here)" = "$whole, 120" ]
    said range-in
    zoomed=$(cat here)
    [ "$zoomed" != "$whole" ]
    said drag
    [ "$(cat here)" != "$zoomed" ]
    said range-back
    [ "$(cat here)" = "$whole" ]
}

@test "one lock chosen hides the others" {
    said locks
    [ "$(cat here)" = 'gmp.lock,pip.lock,rebase.lock' ]
    said filtered
    [ "$(cat here)" = pip.lock ]
    said count
    [ "$(cat here)" = '4 of 9' ]
    said count-none
    [ "$(cat here)" = '0 of 9' ]
}

@test "a call that was served names the one that did it" {
    said served
    grep -q -F '(14) had done it' here
}

@test "the first sentence says which lock held up most, and who was worst off" {
    said answer
    grep -q -x 'pip.lock held up 2 calls for 5.00 s in all; the worst was <b>flask</b>, 3.00 s behind <b>six</b>' here
    said calm answer
    [[ $(cat here) == 'nobody waited; '*gmp.lock* ]]
}

@test "locks that nobody waited for are behind a button" {
    said begin
    [ "$(cat here)" = pip.lock,rebase.lock ]
    said others
    [ "$(cat here)" = pip.lock,rebase.lock,gmp.lock ]
}

@test "rows are in the order in which the lock was got" {
    said rows
    [ "$(cat here)" = '<b>six</b>,<b>flask</b>,<b>zlib</b>' ]
    said order big
    read -r got begun rows packed <here
    [ "$got" = 0 ]
    [ "$begun" -gt 0 ]
    [ "$rows" -gt 10 ]
    [ -z "$packed" ]
}

@test "a lock is a band: its queue, the first in line lowest, and who held it" {
    said band
    grep -q -x -F 'pip.lock 2 2 [[13], [12], [11, 12], [16, 13]]' here
    grep -q -x -F 'rebase.lock 1 1 [[15], [14, 15]]' here
}

@test "more rows than fit share lanes, in which no two calls meet" {
    said packed big
    read -r packages rows overlaps <here
    [ "$packages" -gt 1000 ]
    [ "$rows" -le 30 ]
    [ "$overlaps" = 0 ]
}

@test "search and the shortest wait leave what is asked for, and the holds that were in its way" {
    said search
    [ "$(cat here)" = 12 ]
    said search-drawn
    [ "$(cat here)" = 11,12 ]
    said least
    [ "$(cat here)" = 12,13 ]
    said least-drawn
    [ "$(cat here)" = 11,12,13 ]
    said least-count
    [ "$(cat here)" = '2 of 9, 2.00 s' ]
    said least-all
    [ "$(cat here)" = '9 of 9' ]
}

@test "the tip hides nothing, and nothing moves when it comes" {
    said dock
    [ "$(cat here)" = 'hides 0 pixels, moved by 0' ]
}

@test "what is picked stays in view while buttons zoom" {
    said kept
    [ "$(sort here | uniq -c | tr -s ' ')" = ' 11 in view' ]
}

@test "a failed call can be distinguished from others without colour" {
    said grey
    [ "$(wc -l <here)" = 3 ]
    while read -r _ percent; do [ "$percent" -ge 25 ]; done <here
}

@test "the focus is seen wherever it is" {
    said focus
    for name in by lock search least in out reset timeline others 'NAV A' 'LABEL INPUT' 'TH BUTTON' 'TD BUTTON'; do
        grep -q -x "$name yes" here
    done
    [ "$(grep -c 'no$' here)" = 0 ]
}

@test "the graph of job slots: who runs, keeps a slot idle, runs beyond the slots, or has lent its own" {
    said slots
    diff here - <<'END'
at 0.50 s: 2 running, 0 idle, 0 overdrawn, 0 lent
at 1.75 s: 3 running, 2 idle, 0 overdrawn, 0 lent
at 2.50 s: 2 running, 1 idle, 0 overdrawn, 1 lent
at 4.12 s: 1 running, 0 idle, 0 overdrawn, 1 lent
at 4.50 s: 1 running, 0 idle, 1 overdrawn, 0 lent
at 5.25 s: 1 running, 0 idle, 0 overdrawn, 1 lent
at 6.00 s: 1 running, 0 idle, 0 overdrawn, 0 lent
END
}

# same_table TRIAL PAGE: each lock of the page's table has the numbers that the terminal says of it.
same_table() {
    said table "$1"
    sed -e 's/ s\(\**\)/\1/g' -e 's/\xe2\x80\x93/-/g' here >page-table
    [ -s page-table ]
    while read -r lock waits waited worst lost taken _ held _ lent saved; do
        echo "$lock $taken $held $waits $waited $worst $lent $saved $lost"
    done <page-table >page-rows
    cat page-rows
    while read -r line; do
        tr -s ' ' <"$BATS_FILE_TMPDIR/$2.txt" | grep -q -x -F "$line"
    done <page-rows
}

@test "page and terminal write the same lengths of time in the same way" {
    same_table try page.html
    same_table big big.html
    said rounding big
    [ "$(cat here)" = 0 ]
}

@test "on a phone: the picture on the first screen, buttons for fingers, two of which zoom" {
    said first narrow
    read -r top bottom <here
    [ "$top" -lt 422 ]
    [ "$bottom" -le 844 ]
    said small narrow
    [ ! -s here ]
    said wide narrow
    [ "$(cat here)" = 0 ]
    said pinch narrow
    [ "$(cat here)" = 4.0 ]
    said page-zoom narrow
    [ "$(cat here)" = 1 ]
}

@test "of 50,000 events, whatever one does takes less than a second" {
    said took big
    [ "$(wc -l <here)" -ge 30 ]
    sort -n here | tail -n 1 | grep '^0[.]'
    said last big
    [ "$(cat here)" -gt 10000 ]
}
