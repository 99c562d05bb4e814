#!/usr/bin/env bats
# The report's page in a browser: it opens alone, shows what it is asked for, and lets itself be searched.
#
# It takes Chromium and chromedriver (Debian: chromium, chromium-driver); where they are not, nothing here is tested.

load lib

setup_file() {
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/report_browser.py" find || return 0
    cd "$BATS_FILE_TMPDIR" || return
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/report_log.py" build hostile >log
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/../build/bin/sage-flock-report" -q --html page.html log
    "${PYTHON:-python3}" "$BATS_TEST_DIRNAME/report_browser.py" try page.html >said
}

# said WHAT: what the browser said of it.
said() {
    "$PYTHON" "$ROOT/tests/report_browser.py" find ||
        skip 'not installed: chromium and chromedriver (Debian: chromium-driver)'
    sed -n "s/^$1 //p" "$BATS_FILE_TMPDIR/said" >here
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

@test "the wheel zooms, dragging moves, Reset shows all again" {
    said range
    whole=$(cat here)
    [[ $whole == '0.00 to 6.50 s of 6.50 s' ]]
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
