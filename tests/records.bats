#!/usr/bin/env bats
# The records of a lock's users: what they say, what others may put there, and in which order they come and go.
# every python

load lib

@test "between any two steps of taking, waiting and releasing the records are right" {
    "$PYTHON" -S -E "$ROOT/tests/drivers/steps.py"
}

@test "a sidecar that vanishes takes nobody's lock along" {
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    start C x.lock
    expect_waiting exclusive x.lock C
    rm -r .sage-flock
    leaves A
    ends A 0
    expect_got exclusive x.lock
    expect '[BC] in'
    taken x.lock
    open_gate B
    open_gate C
    for _ in 1 2 3 4; do expect '*'; done >heard
    cat heard
    ends B 0
    ends C 0
    expect_nothing_more
}

@test "locks may have any name, those of the sidecar's own files included" {
    held_by A y.lock
    start B y.lock          # has the sidecars' common files made
    expect_waiting exclusive y.lock B
    number=0
    for name in gate ring .sage-flock-2 h.1-1 'a b' $'a\nb' $'\377\033[1m' "it's" '"$x"' -; do
        number=$((number + 1))
        start "A$number" "./$name"
        expect "A$number in"
        launch nested sage-flock -s "./$name" sage-flock -s "./$name" echo ran
        expect "sage-flock: waiting for shared lock ./* held by $(pid "A$number") 'actor A$number' for *"
        open_gate "A$number"
        expect "A$number out"
        expect 'sage-flock: got shared lock *'
        expect ran
        ends nested 0
        run sage-flock --verbose "./$name" true
        [[ $output != *plain* ]]
    done
    expect_nothing_more
}

@test "--status shows holders and waiters, of the locks named or of all there are" {
    export SAGE_LOCK_DIR=$PWD/locks
    run sage-flock --status
    [ "$status" = 0 ]
    [ "$output" = "$PWD/locks/: no such folder, so no lock in it is in use" ]
    mkdir locks
    run sage-flock --status
    [ "$output" = "$PWD/locks/: no lock in it" ]
    held_by A -s x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    start C -s x.lock
    expect_waiting shared x.lock C
    sage-flock y.lock true
    held_by D a.lock
    touch locks/z.lock
    for option in '' --all; do
        # shellcheck disable=SC2086 # none or one
        run sage-flock --status $option
        echo "$output"
        [ "$status" = 0 ]
        # Those that somebody waits for come first.
        [[ ${lines[0]} =~ ^\ \ STATE\ +MODE\ +PID\ +FOR\ +COMMAND$ ]]
        [[ ${lines[1]} =~ ^x.lock\ \ 1\ holds,\ 2\ wait,\ oldest\ [0-9.]+\ s$ ]]
        [[ ${lines[2]} =~ ^\ \ holds\ +shared\ +$(pid A)\ +[0-9.]+\ s\ +actor\ A$ ]]
        [[ ${lines[3]} =~ ^\ \ waits\ +exclusive\ +$(pid B)\ +[0-9.]+\ s\ +actor\ B$ ]]
        [[ ${lines[4]} =~ ^\ \ waits\ +shared\ +$(pid C)\ +[0-9.]+\ s\ +actor\ C$ ]]
        [[ ${lines[5]} =~ ^a.lock\ \ 1\ holds\ for\ [0-9.]+\ s$ ]]
        [[ ${lines[6]} =~ ^\ \ holds\ +exclusive\ +$(pid D)\ +[0-9.]+\ s\ +actor\ D$ ]]
        if [ -z "$option" ]; then
            [ "${lines[7]}" = '2 free locks (--all lists them)' ]
            [ ${#lines[@]} = 8 ]
        else
            [ "${lines[7]}" = 'y.lock  free' ]
            [ "${lines[8]}" = 'z.lock  free' ]
            [ ${#lines[@]} = 9 ]
        fi
    done
    run sage-flock --status y.lock ./none.lock xx.lock
    [ "$status" = 0 ]
    [ "$output" = 'y.lock  free
./none.lock  no such lock
xx.lock  no such lock (did you mean x.lock?)' ]
    [ ! -e none.lock ]
    [ "$(sage-flock --status ./none.lock --json 2>&1)" = 'sage-flock: usage: options go before LOCK' ]
    [ "$(sage-flock --status --json ./none.lock | grep -c '"users": \[\]')" = 1 ]
}

@test "--status fits the terminal, tells packages, and into a pipe it is whole; JSON always is" {
    long=$(printf ' --option-%s' {1..15})
    make_gate A
    # shellcheck disable=SC2086 # words
    SAGE_PKG=six launch A sage-flock x.lock "$ROOT/tests/bin/actor" A $long six.whl
    expect 'A in'
    for name in B C; do
        make_gate $name
        # shellcheck disable=SC2086
        launch $name sage-flock x.lock "$ROOT/tests/bin/actor" $name $long wheel-of-$name.whl
        expect '*waiting for exclusive lock x.lock *'
    done
    for columns in 40 60 80 120; do
        tool screen $columns env TERM=dumb "$(command -v sage-flock)" --status >shown
        cat shown
        [ "$(wc -l <shown)" = 5 ]
        [ "$(awk -v most=$columns 'length > most' shown)" = '' ]
        [ "$columns" -ge 60 ] || continue
        grep -q '^  STATE  MODE       PID  *FOR  *PACKAGE  COMMAND$' shown
        grep -q "^  holds  exclusive  $(pid A) .* s  *six      actor A --opt" shown
        grep -q "^  waits  exclusive  $(pid B) .* s  .*wheel-of-B.whl" shown
        grep -q "^  waits  exclusive  $(pid C) .* s  .*wheel-of-C.whl" shown
    done
    tool screen 80 env TERM=xterm "$(command -v sage-flock)" --status >shown
    [ "$(sed -n 2p shown | cut -c 1-14)" = $'\033[1mx.lock\033[0m' ]
    sage-flock --status >shown
    [ "$(awk '{ print length }' shown | sort -n | tail -n 1)" -gt 200 ]
    [ "$(as_json '[user["package"] and str(user["package"]) for user in users]')" = "['six', None, None]" ]
    [ "$(as_json 'min([len(user["command"]) for user in users]) > 150')" = True ]
}

# as_json EXPRESSION: prints the Python expression's value; `locks` is the output of --status --json.
as_json() {
    sage-flock --status --json x.lock | "$PYTHON" -S -E -c 'import json, sys
locks = json.loads(sys.stdin.read())
users = locks[0]["users"]
print(eval(sys.argv[1]))' "$1"
}

@test "--status --json says the same to programs" {
    held_by A -s x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    [ "$(as_json 'len(locks), locks[0]["lock"] == "x.lock", len(users)')" = "(1, True, 2)" ]
    [ "$(as_json '" ".join(sorted(users[0]))')" = 'command mode most package pid seconds state' ]
    [ "$(as_json '" ".join([users[0][key] for key in ("state", "mode", "command")])')" = 'holds shared actor A' ]
    [ "$(as_json '" ".join([users[1][key] for key in ("state", "mode", "command")])')" = 'waits exclusive actor B' ]
    [ "$(as_json '[user["pid"] for user in users]')" = "[$(pid A), $(pid B)]" ]
    [ "$(as_json 'min([user["seconds"] for user in users]) >= 0')" = True ]
    [ "$(sage-flock --status --json | tr -d ' \n')" != '' ]
}

@test "the killed are gone from --status, and what they left goes too" {
    held_by A x.lock
    for name in B C; do
        start "$name" x.lock
        expect_waiting exclusive x.lock "$name"
        kill -KILL "$(pid "$name")"
        ends "$name" 137
    done
    run sage-flock --status x.lock
    [ ${#lines[@]} = 3 ]
    kill -KILL -- "-$(pid A)"
    ends A 137
    run sage-flock --status x.lock
    [ "$output" = 'x.lock  free' ]
    [ "$(ls -A .sage-flock/x.lock)" = gate ]
}

# live NAME: makes a live record of this name in x.lock's sidecar, with its text from stdin.
live() {
    mkdir -p .sage-flock/x.lock
    cat >".sage-flock/x.lock/$1"
    launch live tool hold ".sage-flock/x.lock/$1" sh -c 'echo live; exec sleep 1000'
    expect live
}

@test "control characters in a record are shown, not obeyed" {
    printf 'mode shared\ncommand a\033[31mb\rc\tdef\302\2331mg\177h\n' | live h.123-1
    held_by A x.lock
    for locale in C C.UTF-8; do
        LC_ALL=$locale run sage-flock --status x.lock
        [ "$status" = 0 ]
        echo "$output" | cat -v
        [[ $output == *'a\x1b[31mb\x0dc\x09def'* ]]
        [[ $output == *' 123 '* ]]
        [ "$(LC_ALL=C grep -c $'[\001-\011\013-\037\177]\|\302\233' <<<"$output")" = 0 ]
    done
    [ "$(as_json 'len(users)')" = 2 ]
    start B x.lock
    expect '*a\\x1b\[31mb\\x0dc*'
}

@test "garbled records are ignored or shown as far as they go: no traceback, no hang" {
    touch x.lock
    : | live h.1-empty
    head -c 1048576 /dev/zero | tr '\0' x | live h.2-long
    { printf 'mode shared\ncommand '; head -c 1048576 /dev/zero | tr '\0' y; } | live w.3-long
    head -c 4096 /dev/urandom | live q.4-binary
    printf 'command \n\n\nmode\nmode \n timed 1' | live h.5-odd
    printf 'mode shared\ncommand no number\n' | live h.x-1
    printf 'mode shared\ncommand no digit\n' | live $'h.\302\262-1'
    printf 'mode shared\ncommand no id\n' | live h.
    printf 'mode shared\ncommand far too long a number\n' | live h.99999999999999999999-1
    cd .sage-flock/x.lock
    touch -d 1950-01-01 h.1-empty
    touch -d 2200-01-01 h.2-long
    mkfifo h.6-fifo q.6-fifo p.6.fifo gatepost
    mkdir h.7-folder t.7-folder p.7.folder
    ln -s /etc/passwd h.8-link
    ln -s h.1-empty h.9-link
    ln -s / p.1-empty.root
    ln -s "$PWD/2-long" p.1-empty.2-long
    ln -s nowhere p.1-empty.nowhere
    : >p.
    : >h..1
    cd ../..
    for locale in C C.UTF-8; do
        LC_ALL=$locale run sage-flock --status x.lock
        echo "$output"
        [ "$status" = 0 ]
        [[ $output != *Traceback* ]]
        [[ $output != *passwd* ]]
        [[ $output == *' 3 '*'yyy...'* ]]
        [ ${#output} -lt 3000 ]
        LC_ALL=$locale run as_json 'len(users)'
        echo "$output"
        [ "$output" = 9 ]
    done
    held_by A x.lock
    make_gate B
    launch B sage-flock y.lock sage-flock x.lock actor B
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B', 1st in line: held by *"
    leaves A
    gets exclusive x.lock B
    expect_nothing_more
}

@test "commands are shown in one line, whatever is in them" {
    mkfifo "$STAGE/A.gate"
    long=$(printf 'e%.0s' {1..29})$(printf '\303\251%.0s' {1..60})
    launch A sage-flock x.lock sh -c 'echo in; read -r _ <"$STAGE/A.gate"' $'a\nb' $'\377\001' "it's" '' "$long"
    expect in
    for locale in C C.UTF-8; do
        export LC_ALL=$locale
        run sage-flock --status x.lock
        [ "$status" = 0 ]
        [ ${#lines[@]} = 3 ]
        [ "$(as_json 'len(users)')" = 1 ]
        [ "$(LC_ALL=C grep -c $'[\001-\011\013-\037\177]' <<<"$output")" = 0 ]
    done
    for cut in 28 29 30; do
        start "B$cut" y.lock
        expect "B$cut in"
        open_gate "B$cut"
        expect "B$cut out"
        ends "B$cut" 0
        launch "C$cut" sage-flock x.lock echo "${long:0:$cut}${long:29}"
        expect 'sage-flock: waiting for exclusive lock *'
        run as_json 'len(users)'
        [ "$status" = 0 ]
    done
}

@test "format characters in a record are shown, not obeyed, and what is text stays text" {
    held_by A x.lock
    launch B env LC_ALL=C.UTF-8 sage-flock x.lock env actor B $'\xe2\x80\xae' $'\xe2\x80\x8b' $'\xd8\x9c' $'\xf3\xa0\x81\x81' $'caf\xc3\xa9'
    make_gate B
    expect 'sage-flock: waiting for *'
    LC_ALL=C.UTF-8 sage-flock --status x.lock >shown
    cat shown
    fails grep -e $'\xe2\x80\xae' -e $'\xe2\x80\x8b' -e $'\xd8\x9c' -e $'\xf3\xa0' shown
    grep -q '\\u202e.*\\u200b.*\\u061c' shown
    leaves A
}

@test "a look at a folder ends in time, however much lies there" {
    sage-flock x.lock true
    cat >plant.py <<'END'
import os, sys
sys.path.insert(0, sys.argv[1])
from sage_flock import python
from sage_flock.files import records, sidecar
side = sidecar.Sidecar(os.path.realpath('x.lock'))
clock = [0.0]
def now():
    clock[0] += 0.001
    return clock[0]
python.now = now
looks = []
def look_at(side, name):
    looks.append(name)
records.look_at = look_at
for i in range(3000):
    os.mkdir('%s/h.%d-%x' % (side.folder, 1000 + i, i))      # which nobody unlinks
records.live(side)
print('%d looks' % len(looks))
sys.exit(not 0 < len(looks) < 1000)
END
    "$PYTHON" -S plant.py "$ROOT/build"
}
