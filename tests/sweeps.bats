#!/usr/bin/env bats
# Coalesced sweeps in random schedules, and proof that the checks would notice a wrong one.

load lib

# schedules COUNT SEED TREE: runs random schedules with the sage-flock of that tree.
schedules() {
    run "$PYTHON" "$ROOT/tests/drivers/sweeps.py" "$1" "$2" -- "$PYTHON" -S -E "$3/bin/sage-flock"
    echo "$output"
    [ "$status" != 77 ] || skip "$output"
}

# mutant: a private copy of the code, in tree.
mutant() {
    mkdir tree
    cp -R "$ROOT/build/bin" "$ROOT/build/sage_bootstrap" "$ROOT/build/sage_flock" tree
    find tree -name __pycache__ -prune -exec rm -rf {} +
    find tree -name '*.pyc' -exec rm -f {} +
}

# change FILE OLD NEW: in the mutant, the one line OLD of the module is NEW.
change() {
    local file=tree/sage_flock/$1
    [ "$(grep -c -x -F -e "$2" "$file")" = 1 ] || { echo "not once in $1: $2"; return 1; }
    OLD=$2 NEW=$3 awk '$0 == ENVIRON["OLD"] { print ENVIRON["NEW"]; next } { print }' "$file" >changed
    mv changed "$file"
}

caught() {
    schedules 30 1 "$PWD/tree"
    [ "$status" = 1 ]
    [[ $output == *'not so: schedule '* ]]
}

@test "random schedules with failing and killed sweeps: whoever returns 0 was covered" {
    schedules "${SCHEDULES:-8}" "${SEED:-1}" "$ROOT/build"
    [ "$status" = 0 ]
}

@test "a mutant that announces a sweep after its start is caught" {
    mutant
    change call.py '    sweep.starts()' '    pass'
    change call.py '        sweep.succeeded()' '        sweep.starts(); sweep.succeeded()'
    caught
    [[ $output == *'was covered'* ]]
}

@test "a mutant that sweeps without the lock is caught" {
    mutant
    change call.py '    sweep.starts()' '    sweep.starts(); hold.lock.drop()'
    caught
    [[ $output == *'one sweep at a time'* ]]
}

@test "a mutant that takes the sweep that was running for one that began later is caught" {
    mutant
    change sweeps.py '        if not numbers or self.seen is None or numbers[1] <= self.seen:' \
        '        if not numbers or self.seen is None or numbers[1] < self.seen:'
    caught
    [[ $output == *'was covered'* ]]
}

@test "a mutant whose failing sweeps serve others is caught" {
    mutant
    change call.py '    if status == 0:' '    if True:'
    caught
    [[ $output == *'was covered'* ]]
}

@test "a mutant whose marks are too old is caught" {
    mutant
    change sweeps.py '            self.seen = min(self.seen, int(number))' \
        '            self.seen = min(self.seen, int(number) - 1)'
    caught
    [[ $output == *'was covered'* ]]
}
