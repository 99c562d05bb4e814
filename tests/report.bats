#!/usr/bin/env bats
# What sage-flock-report says of a log: the sums, who waited for whom, and what is wrong with the log.
# every python

load lib
load report_lib

@test "the sums of a build" {
    log build >log
    report log >out
    known_sums
    grep -q '^Build of 2023-11-1[45] .*: 6.50 s, 9 calls of 3 locks$' out
    [ "$(wc -l <out)" -le 24 ]
}

@test "a log without the clock that is never set back, as Python 2 writes it" {
    log build wall >log
    report log >out
    known_sums
}

@test "garbled and cut lines are skipped and counted" {
    log build cut >log
    log build >good
    more=$(($(wc -l <log) - $(wc -l <good)))
    report log >out
    known_sums
    grep -q "^$more lines of the log are no event: skipped$" out
    head -c -40 good >log
    report log >out
    grep -q '^1 line of the log is no event: skipped$' out
}

@test "what a command says stays text: no control character reaches the terminal" {
    log build hostile >log
    report log >out
    none_in out "$(printf '[\033\007]')"
}

@test "the trace is one that viewers can show" {
    log build >log
    report -q --trace trace log >out
    [ ! -s out ]
    # 9 calls, of which 7 held and 3 waited; a flow for each wait; 6 rows of one lane, 4 changes.
    [ "$(log trace trace)" = 'C=4 M=13 X=10 f=3 s=3' ]
    log build crossing >log
    report -q --trace trace log
    log trace trace
    log build hostile >log
    report -q --trace trace log
    log trace trace
}

@test "the page: one file, no reference, and the data is data" {
    log build hostile >log
    report -q --html page log
    grep -v 'id="data"' page >without-data
    none_in without-data -i -e 'https\?://' -e 'src=' -e '@import' -e 'url('
    log page page >commands
    [ "$(wc -l <commands)" = 9 ]
    grep -q -F '"</script><script>document.title' commands
}

@test "bad input" {
    : >empty
    printf 'no\nevents\n' >other
    log build >log
    mkdir folder
    refused 2 usage
    refused 2 usage --no-such-option log
    refused 2 usage log log
    refused 2 usage --html
    refused 125 "''" ''
    refused 125 missing missing
    refused 125 folder folder
    refused 125 empty empty
    refused 125 other other
    refused 125 no/such/page --html no/such/page log
    refused 125 folder --trace folder log
}
