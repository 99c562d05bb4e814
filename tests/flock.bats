#!/usr/bin/env bats
# Does sage-flock do what flock(1) does? Its command lines, recorded from flock(1), are in flock/; see flock_diff.py.

load lib

diff_with() {
    "$PYTHON" "$ROOT/tests/drivers/flock_diff.py" "$@"
}

@test "sage-flock does what flock(1) does, but for the differences on purpose" {
    diff_with compare
}

@test "what is recorded of flock(1) is true" {
    recorded=$(sed -n '1s/^# //p' "$ROOT/tests/flock/recorded")
    [[ $recorded == 'flock from util-linux '* ]]
    command -v flock >/dev/null || skip 'no flock(1) here'
    [ "$(flock --version 2>&1)" = "$recorded" ] || skip "the flock(1) here is another one than the $recorded"
    diff_with confirm "$(command -v flock)"
}

@test "there are enough command lines, and each is recorded" {
    cases=$(grep -c '^[^#[:blank:]]' "$ROOT/tests/flock/cases")
    [ "$cases" -ge 190 ]
    [ "$(grep -c '^[^#[:blank:]]' "$ROOT/tests/flock/recorded")" = "$cases" ]
    [ -z "$(grep '^[^#[:blank:]]' "$ROOT/tests/flock/cases" | sort | uniq -d)" ]
}
