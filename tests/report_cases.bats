#!/usr/bin/env bats
# More of what sage-flock-report says: of clocks set back, of several builds, of builds that still run; and how.

load lib
load report_lib

@test "the time of day set back in the middle of the build" {
    log build set-back >log
    report log >out
    known_sums
}

@test "several builds in one log, and the last of them" {
    log build twice >log
    report log >out
    cat out
    grep -q '^2 builds from .*: 13.0 s, 18 calls of 3 locks$' out
    [ "$(row pip.lock)" = 'pip.lock 6 15.0 4 10.0 3.00 2 - 6.00' ]
    report --last log >out
    known_sums
}

@test "a build whose end is not there yet: what waits and holds does so to the end" {
    log build | grep -v -e '"pid": 11.*released' -e '"released".*"pid": 11' -e '"pid": 11.*"ran"' -e '"ran".*"pid": 11' \
        | grep -v -e '"got".*"pid": 1[23]' -e '"pid": 1[23].*"got"' >log
    report log >out
    cat out
    # six holds and flask waits until the log ends, at 6.5; flask and zlib end there by their own word.
    [ "$(row pip.lock)" = 'pip.lock 1 6.50* 2 8.50 5.50 - - 8.50' ]
}

@test "a call that was served before it took the lock is over, and held and waited for nothing" {
    log build | grep -v -e '"pid": 15.*"\(waiting\|got\|released\)"' -e '"\(waiting\|got\|released\)".*"pid": 15' >log
    report log >out
    cat out
    [ "$(row rebase.lock)" = 'rebase.lock 1 2.00 - - - - 1 -' ]
}

@test "colour on a terminal only, and NO_COLOR is honoured" {
    log build >log
    report log >plain
    none_in plain "$(printf '\033')"
    on_terminal() {
        env TERM=xterm COLUMNS=100 "$@" "$PYTHON" - "$PYTHON" -S -E "$ROOT/build/bin/sage-flock-report" log <<'END'
import os, pty, sys
if getattr(sys.stdout, 'flush', None):
    sys.stdout.flush()
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
data = part = b'x'
while part:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    data += part
os.write(1, data[1:].replace(b'\r\n', b'\n'))
os.waitpid(pid, 0)
END
    }
    on_terminal >coloured
    grep -q "$(printf '\033')\[31m" coloured
    sed "s/$(printf '\033')\[[0-9]*m//g" coloured | cmp - plain
    on_terminal NO_COLOR=1 | cmp - plain
    on_terminal TERM=dumb | cmp - plain
}

@test "a narrow terminal: no line is longer" {
    log build | sed 's/pip install/pip install --with-a-great-many-options --and-more-of-them/' >log
    COLUMNS=80 report log >out
    cat out
    [ "$(awk '{ if (length($0) > most) most = length($0) } END { print most }' out)" -le 80 ]
}

@test "COLUMNS that is no number counts for nothing" {
    log build >log
    report log >plain
    for columns in ² -5 80x "$(printf '%05000d' 9)"; do
        COLUMNS=$columns report log | cmp - plain
    done
}

@test "it reads from stdin, and through links, from any folder" {
    log build >log
    report - <log >out
    known_sums
    mkdir bin
    ln -s "$ROOT/build/bin/sage-flock-report" bin/link
    ln -s link bin/second
    "$PYTHON" -S -E bin/second log >out
    known_sums
}
