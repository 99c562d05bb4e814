#!/usr/bin/env bats
# What a waiter says: for whom, where in line, behind whom, in how many columns, in which colours.
# every python

load lib

# installs NAME: the words of a command that could be pip's for this package; it holds its lock until its gate opens.
installs() {
    [ -e pip ] || ln -s "$ROOT/tests/bin/actor" pip
    echo "$PWD/pip" "$1" install --no-deps --disable-pip-version-check --requirement "pkgs/$1/requirements.txt"
}

# holder NAME [OPTION...]: it has pip.lock; in the kit if SAGE_PKG says so.
holder() {
    make_gate "$1"
    # shellcheck disable=SC2046 # words
    launch "$1" sage-flock "${@:2}" pip.lock $(installs "$1")
    expect "$1 in"
}

# said COLUMNS PACKAGE [OPTION...]: the first line of a waiter for it on such a terminal; 0 columns: into a pipe.
said() {
    local on=(tool screen "$1")
    [ "$1" != 0 ] || on=(env)
    # shellcheck disable=SC2046
    TERM=${TERM_UNDER_TEST-xterm} "${on[@]}" sage-flock -w 0.01 "${@:3}" pip.lock $(installs "$2") >all 2>&1 || :
    head -n 1 all
}

# width LINE: how many characters it has, without its colours.
width() {
    sed $'s/\033\\[[0-9]*m//g' <<<"$1" | LC_ALL=C.UTF-8 "$PYTHON" -c '
import sys
line = getattr(sys.stdin, "buffer", sys.stdin).read().decode("utf-8")
print(len(line) - 1)'
}

@test "in the kit the package leads, and packages stand for commands" {
    SAGE_PKG=certifi holder certifi
    for name in six idna; do
        make_gate $name
        # shellcheck disable=SC2046
        SAGE_PKG=$name launch $name sage-flock pip.lock $(installs $name)
        place=$([ $name = six ] && echo 1st || echo 2nd)
        expect "$name: waiting for exclusive pip.lock, $place in line: held by $(pid certifi) certifi for [0-9.]* s"
    done
    make_gate B
    launch B sage-flock -s pip.lock actor B
    expect "sage-flock: waiting for shared lock pip.lock to run 'actor B', 3rd in line: held by $(pid certifi) certifi for [0-9.]* s"
    leaves certifi
    expect 'six: got pip.lock after [0-9.]* s'
    expect 'six in'
    leaves six
    expect 'idna: got pip.lock after [0-9.]* s'
    expect 'idna in'
    leaves idna
    expect "sage-flock: got shared lock pip.lock after [0-9.]* s to run 'actor B'"
    expect 'B in'
}

@test "in the kit: a lock of the lock folder by its bare name, another holder for the same package by its command" {
    export SAGE_LOCAL=$PWD/tree SAGE_PKG=idna
    make_gate A
    launch A sage-flock "$SAGE_LOCAL/var/lock/x.lock" actor A
    expect 'A in'
    make_gate B
    launch B sage-flock -s "$SAGE_LOCAL/var/lock/x.lock" actor B
    expect "idna: waiting for shared x.lock, 1st in line: held by $(pid A) 'actor A' for *"
    held_by D "$PWD/elsewhere/x.lock"
    make_gate C
    launch C sage-flock "$PWD/elsewhere/x.lock" actor C
    expect "idna: waiting for exclusive $PWD/elsewhere/x.lock, 1st in line: *"
}

@test "the place in line is that of the living, and a reminder says how it is now" {
    held_by A x.lock
    for name in B C D; do
        start $name x.lock
        expect_waiting exclusive x.lock $name
    done
    kill -KILL "$(pid B)"
    ends B 137
    until compgen -G ".sage-flock/x.lock/w.$(pid C)-*" >in-gate; do :; done      # where the killed one was
    SAGE_FLOCK_REMINDER=0.2 start E x.lock
    expect "*waiting for exclusive lock x.lock to run 'actor E', 3rd in line: held by $(pid A) 'actor A' for *"
    kill -KILL "$(pid D)"
    ends D 137
    while IFS= read -r -t "$PATIENCE" -u 9 line && [[ $line != *', 2nd in line: '* ]]; do
        [[ $line == *"still waiting after "*" for exclusive lock x.lock to run 'actor E', 3rd in line: held by $(pid A) "* ]]
    done
    [[ $line == *"still waiting after "*" for exclusive lock x.lock to run 'actor E', 2nd in line: held by $(pid A) "* ]]
}

@test "without records nobody knows a place in line, and none is told" {
    echo content >x.lock
    make_gate A
    launch A tool hold x.lock actor A
    expect 'A in'
    start B x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B'*"
    start C x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor C'*"
    leaves A
    for _ in 1 2; do expect '*'; done >heard
    fails grep -q 'in line' heard
}

@test "a line has 100 columns, or as many as the terminal, and what tells the commands apart stays" {
    holder certifi
    for columns in 0 20 80 100 120 150; do
        line=$(said $columns importlib-metadata)
        echo "$line"
        [ "$(width "$line")" -le $((columns > 100 ? columns : 100)) ]
        plain=$(sed $'s/\033\\[[0-9]*m//g' <<<"$line")
        [[ $plain == 'sage-flock: waiting for exclusive '*"pip.lock to run '"*imp*ata*"', 1st in line: held by $(pid certifi) '"*certifi*"'"* ]]
    done
    [[ $plain == *"lock pip.lock to run "*'importlib-metadata'*", 1st in line: held by "*certifi*"' for "*' s' ]]
    SAGE_PKG=$(printf 'x%.0s' {1..200}) said 80 idna >line
    [ "$(width "$(cat line)")" -le 100 ]
    line=$(COLUMNS=500 said 0 idna)
    [[ $line == *"lock pip.lock to run 'pip idna install "*" pkgs/idna/requirements.txt', 1st in line: held by $(pid certifi) 'pip certifi install "*" pkgs/certifi/requirements.txt' for "*' s' ]]
    leaves certifi
}

@test "a line that is full where one of its parts ends is not wider for the dots" {
    held_by A x.lock
    for length in 61 66 88; do      # of the lock's name, behind which the rest must go
        name=$(printf "%${length}s" '' | tr ' ' n)
        ln -s x.lock "$name"
        run sage-flock -w 0.01 "$name" true
        [ "$status" = 1 ]
        for line in "${lines[@]}"; do [ "$(width "$line")" -le 100 ]; done
    done
}

@test "on a terminal names are bold and times dim; not with NO_COLOR, on a dumb terminal, or in a pipe" {
    SAGE_PKG=certifi holder certifi
    esc=$'\033'
    line=$(SAGE_PKG=idna said 100 idna)
    cat -v <<<"$line"
    bold="${esc}[1m" dim="${esc}[2m" off="${esc}[0m"
    [[ $line == "${bold}idna$off: waiting for exclusive ${bold}pip.lock$off, 1st in line: held by $(pid certifi) ${bold}certifi$off$dim for "*" s$off" ]]
    plain="idna: waiting for exclusive pip.lock, 1st in line: held by $(pid certifi) certifi for "
    [[ $(SAGE_PKG=idna NO_COLOR=1 said 100 idna) == "$plain"* ]]
    [[ $(SAGE_PKG=idna TERM_UNDER_TEST=dumb said 100 idna) == "$plain"* ]]
    [[ $(SAGE_PKG=idna said 0 idna) == "$plain"* ]]
    [[ $(SAGE_PKG=idna said 0 idna) != *"$esc"* ]]
    [[ $(NO_COLOR=1 said 100 idna) != *"$esc"* ]]
}

@test "nothing in a name is obeyed by the terminal, and each line is one" {
    SAGE_PKG=$'a\033[31m\nb\xff' holder certifi
    for columns in 0 80; do
        NO_COLOR=1 SAGE_PKG=$'c\033[31m\nd\xff' said $columns idna
        [ "$(LC_ALL=C grep -c $'[\001-\011\013-\037\177]' all)" = 0 ]
        [[ $(head -n 1 all) == 'c\x1b[31m\x0ad\xff: waiting for exclusive pip.lock, 1st in line: held by '*' a\x1b[31m\x0ab\xff'* ]]
        [ "$(wc -l <all)" = 2 ]
    done
    held_by L $'l\033[31m.lock'
    COLUMNS=1000 run sage-flock -w 0.01 $'l\033[31m.lock' true
    [[ ${lines[0]} == 'sage-flock: waiting for exclusive lock l\x1b[31m.lock to run '* ]]
    [[ ${lines[1]} == 'sage-flock: l\x1b[31m.lock: not got within '* ]]
    [ "${#lines[@]}" = 2 ]
}

@test "what was left out is one character where the locale knows it, else three dots" {
    holder certifi
    [[ $(LC_ALL=C said 0 importlib-metadata) == *...* ]]
    LC_ALL=C.UTF-8 said 0 importlib-metadata | grep -q $'\xe2\x80\xa6'
    LC_ALL='' LC_CTYPE=C.utf8 said 0 importlib-metadata | grep -q $'\xe2\x80\xa6'
    fails grep -q -F ... <<<"$(LC_ALL=C.UTF-8 said 0 importlib-metadata)"
}
