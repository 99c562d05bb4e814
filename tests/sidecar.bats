#!/usr/bin/env bats
# The users of a lock know of each other: it is fair, nested and named, and plain where they cannot know.

load lib
load conversations

# Writers and readers

# A writer waits behind so many readers. Each that leaves comes back, and more come.
fair_among() {
    local i
    for ((i = 1; i <= $1; i++)); do
        start "R$i" -s x.lock
        expect "R$i in"
    done
    start W x.lock
    expect_waiting exclusive x.lock W
    for ((i = 1; i < $1; i++)); do
        open_gate "R$i"
        expect "R$i out"
        ends "R$i" 0
        start "S$i" -s x.lock
        expect_waiting shared x.lock "S$i"
    done
    open_gate "R$1"
    expect "R$1 out"
    gets exclusive x.lock W
    leaves W
    for ((i = 1; i < $1; i++)); do
        expect '*'
        expect '*'
    done >heard
    [ "$(grep -c '  S. in$' heard)" = $(($1 - 1)) ]
    expect_nothing_more
}

@test "a writer gets in before any reader that asked after it: two readers" {
    fair_among 2
}

@test "a writer gets in before any reader that asked after it: four readers" {
    fair_among 4
}

@test "a writer gets in before any reader that asked after it: eight readers" {
    fair_among 8
}

@test "behind a writer inside, too, all go in as they came: reader, writer, reader" {
    [ -r /proc/locks ] || skip 'nothing here shows that one is in the queue'
    held_by A x.lock
    for name in R W S; do
        if [ "$name" = W ]; then start W x.lock; else start "$name" -s x.lock; fi
        expect "sage-flock: waiting for * lock x.lock to run 'actor $name', *: held by *"
        until grep -q -e "-> *FLOCK .* $(pid "$name") " /proc/locks; do :; done
    done
    leaves A
    gets shared x.lock R
    leaves R
    gets exclusive x.lock W
    leaves W
    gets shared x.lock S
}

@test "a reader that finds readers inside and no writer waiting goes in" {
    held_by A -s x.lock
    start W -w 0.05 x.lock
    expect_waiting exclusive x.lock W
    expect 'sage-flock: x.lock: not got within *'
    ends W 1
    held_by B -s x.lock
}

@test "a writer that is killed while it waits holds up no reader" {
    writer_in_between_ends_by KILL
}

@test "-s -n does not go past a writer that waits, nor wait for it; past one that is stopped it does" {
    held_by A -s x.lock
    run sage-flock -n -s x.lock echo in
    [ "$output" = in ]
    start W x.lock
    expect_waiting exclusive x.lock W
    run sage-flock -n -s x.lock echo in
    [ "$status" = 1 ]
    [ -z "$output" ]
    # Under the lock nobody waits for anybody.
    [ "$(sage-flock -s -n y.lock sage-flock -s -n y.lock echo in)" = in ]
    if [ -r /proc/locks ]; then
        kill -s STOP "$(pid W)"
        until grep -q '^State:.T' "/proc/$(pid W)/status"; do :; done
        run sage-flock -n -s x.lock echo in
        [ "$output" = in ]
        kill -s CONT "$(pid W)"
    fi
    leaves A
    gets exclusive x.lock W
}

@test "a writer gets in though shared calls that do not wait come one upon the other" {
    launch L sh -c 'while :; do sage-flock -s -n x.lock tool clock; done >/dev/null'
    launch M sh -c 'while :; do sage-flock -s -n x.lock tool clock; done >/dev/null'
    held_by A -s x.lock
    start W x.lock
    expect_waiting exclusive x.lock W
    leaves A
    gets exclusive x.lock W
}

# on_descriptor NAME WHAT: a shell that locks its descriptor 7, each time its gate opens, as the options WHAT say.
on_descriptor() {
    local name=$1
    shift
    make_gate "$name"
    # shellcheck disable=SC2016 # for that shell
    launch "$name" "$SHELL_UNDER_TEST" -c 'exec 7>x.lock; name=$0
        for options; do
            sage-flock $options 7 7>&7 || echo "$name failed: $?"
            echo "$name $options"
            read -r _ <"$STAGE/$name.gate"
        done' "$name" "$@"
}

@test "a shell's own descriptor: a writer gets in before any reader that asked after it" {
    on_descriptor A -s
    expect 'A -s'
    on_descriptor W -x
    expect 'sage-flock: waiting for exclusive lock 7*'
    on_descriptor B -s
    expect 'sage-flock: waiting for shared lock 7*'
    start C -s x.lock
    expect_waiting shared x.lock C
    open_gate A
    expect_got exclusive 7
    expect 'W -x'
    open_gate W
    for _ in 1 2 3 4; do expect '*'; done >heard
    grep -q 'B -s' heard
    grep -q 'C in' heard
}

@test "a shell's own descriptor: what it has, it has, though a writer waits" {
    on_descriptor A -s -s
    expect 'A -s'
    start W x.lock
    expect_waiting exclusive x.lock W
    open_gate A
    expect 'A -s'
    open_gate A
    gets exclusive x.lock W
}

@test "a shell's own descriptor: asked for another way, it makes way for a writer that waits" {
    on_descriptor A -s -x
    expect 'A -s'
    start W x.lock
    expect_waiting exclusive x.lock W
    open_gate A
    for _ in 1 2 3; do expect '*'; done >heard
    cat heard
    grep -q 'waiting for exclusive lock 7' heard
    grep -q 'got exclusive lock x.lock' heard
    grep -q 'W in' heard
    leaves W
    expect_got exclusive 7
    expect 'A -x'
}

# One inside the other

@test "in an exclusive lock the same lock runs, exclusive or shared" {
    nested_in_exclusive_runs
}

@test "in a shared lock a shared one runs, though a writer waits" {
    shared_in_shared_runs
}

@test "in a shared lock an exclusive one is refused at once: 125, and why" {
    upgrade_is_refused
}

@test "the inner status is the outer's" {
    launch nested sage-flock x.lock sage-flock -s x.lock sh -c 'exit 7'
    ends nested 7
}

@test "three deep, through make and sh, by name and by path" {
    needs "$MAKE"
    ln -s x.lock link.lock
    mkdir sub
    cat >makefile <<'END'
outer:
	@sage-flock -s link.lock sh -c 'cd sub && sage-flock ../x.lock $(MAKE) -s -f ../makefile inner'
inner:
	@sage-flock -s '$(CURDIR)/../x.lock' actor A
END
    make_gate A
    launch make sage-flock x.lock "$MAKE"
    expect 'A in'
    leaves A
    ends make 0
    expect_nothing_more
}

@test "the outer lock outlives the inner one" {
    for inner in x s; do
        name=A$inner
        make_gate "$name"
        # shellcheck disable=SC2016 # for that shell
        launch "$name" sage-flock x.lock sh -c 'sage-flock -$1 x.lock true; actor $0' "$name" "$inner"
        expect "$name in"
        taken x.lock
        start "B$inner" x.lock
        expect_waiting exclusive x.lock "B$inner"
        leaves "$name"
        expect_got exclusive x.lock
        expect "B$inner in"
        open_gate "B$inner"
        expect "B$inner out"
        ends "B$inner" 0
    done
}

@test "another lock in between changes nothing" {
    nested_with_another_in_between
    free x.lock
    free y.lock
}

@test "a daemon that outlived the lock waits like anybody" {
    make_gate D
    make_gate A
    # shellcheck disable=SC2016 # for that shell
    launch A sage-flock x.lock sh -c '{ actor D; exec sage-flock x.lock echo ran; } & read -r _ <"$STAGE/A.gate"'
    expect 'D in'
    open_gate A
    ends A 0
    held_by B x.lock
    leaves D
    expect "sage-flock: waiting for exclusive lock x.lock to run 'echo ran', 1st in line: held by *"
    leaves B
    expect_got exclusive x.lock
    expect ran
}

@test "nested calls run though the record is out of sight: env -i, the folder gone, -n" {
    [ -r /proc/locks ] || skip 'nothing here shows who holds the lock'
    [ "$(sage-flock x.lock env -i "${SAGE_FLOCK_ITSELF[@]}" x.lock echo in)" = in ]
    [ "$(sage-flock x.lock env -i "${SAGE_FLOCK_ITSELF[@]}" -n x.lock echo in)" = in ]
    [ "$(sage-flock -s x.lock env -i "${SAGE_FLOCK_ITSELF[@]}" -s x.lock echo in)" = in ]
    [ "$(sage-flock x.lock sh -c 'rm -r .sage-flock; exec sage-flock -s x.lock echo in')" = in ]
    run sage-flock -s x.lock env -i "${SAGE_FLOCK_ITSELF[@]}" x.lock echo in
    [ "$status" = 125 ]
    [[ $output == 'sage-flock: x.lock: held shared by the command that this one runs under, '* ]]
}

@test "nested in a stranger's lock: refused at once with its name and 125; with a limit, waited for" {
    [ -r /proc/locks ] || skip 'nothing here shows who holds the lock'
    for name in x.lock sage-flock; do
        # The shell has the lock, and waits for its child.
        run tool hold "$name" sh -c 'sage-flock "$0" echo in; exit $?' "./$name"
        [ "$status" = 125 ]
        [[ $output == "sage-flock: ./$name: held by "*"', under which this call runs, so it would wait for itself" ]]
        run tool hold "$name" sh -c 'sage-flock -w 0.01 "$0" echo in; exit $?' "./$name"
        [ "$status" = 1 ]
        run tool hold "$name" sh -c 'sage-flock -n "$0" echo in; exit $?' "./$name"
        [ "$status" = 1 ]
        [ -z "$output" ]
    done
    run "$SHELL_UNDER_TEST" -c 'exec 7>x.lock; sage-flock 7 7>&7; sage-flock x.lock echo in; exit $?'
    [ "$status" = 125 ]
}

@test "an ancestor that does not wait for its child may unlock: it is waited for" {
    cat >holder.py <<'END'
import fcntl, os, select, sys
fd = os.open('x.lock', os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
hear, tell = os.pipe()
pid = os.fork()
if not pid:
    os.dup2(tell, 2)
    os.closerange(3, 10)
    os.execvp(sys.argv[1], sys.argv[1:])
said = os.read(hear, 1000)
fcntl.flock(fd, fcntl.LOCK_UN)
sys.exit(not said.startswith(b'sage-flock: waiting for ') or os.waitpid(pid, 0)[1])
END
    run "$PYTHON" holder.py sage-flock x.lock echo in
    [ "$status" = 0 ]
    [ "$output" = in ]
}

@test "nested in a shell's shared lock a shared one runs, though a writer waits" {
    [ -r /proc/locks ] || skip 'nothing here shows who holds the lock'
    mkfifo "$STAGE/go"
    launch A "$SHELL_UNDER_TEST" -c 'exec 7>x.lock; sage-flock -s 7 7>&7; echo A; read -r _ <"$STAGE/go"; sage-flock -s x.lock echo in'
    expect A
    start W x.lock
    expect_waiting exclusive x.lock W
    echo go >"$STAGE/go"
    expect in
    gets exclusive x.lock W
}

@test "gate, records and folders are as open as the lock, whatever the umask" {
    mkdir open
    chmod 1777 open
    touch open/x.lock
    chmod 666 open/x.lock
    make_gate A
    launch A sh -c 'umask 077; exec sage-flock open/x.lock actor A'
    expect 'A in'
    modes() { stat -c %a "$@" 2>/dev/null || stat -f %Mp%Lp "$@"; }
    [ "$(modes open/.sage-flock/x.lock/gate)" = 666 ]
    [ "$(modes open/.sage-flock/x.lock/h.*)" = 644 ]
    [ "$(modes open/.sage-flock/x.lock)" = 1777 ]
    # What is nobody else's business stays that.
    (umask 077; sage-flock mine.lock true)
    [ "$(modes mine.lock .sage-flock/mine.lock/gate)" = $'600\n600' ]
    # The command's own files are made as its caller wants.
    (umask 027; [ "$(sage-flock open/y.lock sh -c umask)" = 0027 ])
}

@test "SAGE_FLOCK_HELD alone lets nobody in" {
    held_by other other.lock
    make_gate K
    launch K sage-flock x.lock sh -c 'echo "$SAGE_FLOCK_HELD"; exec actor K'
    IFS= read -r -t "$PATIENCE" -u 9 killed
    expect 'K in'
    kill -KILL -- "-$(pid K)"
    [ -f "$killed" ]
    held_by A x.lock
    touch "${killed%/*}/h.1-1"
    mkfifo "${killed%/*}/h.1-2"
    number=0
    for held in "$killed" "${killed%/*}/h.1-1" "${killed%/*}/h.1-2" "${killed%/*}/gate" "${killed%/*}" \
        "$PWD"/.sage-flock/other.lock/h.* "$PWD/x.lock" h.1-1 / : "::$killed:" %3A "$(printf 'h.\377\n')"; do
        number=$((number + 1))
        SAGE_FLOCK_HELD=$held start "B$number" -n x.lock
        ends "B$number" 1
    done
    expect_nothing_more
}

# Where there can be no sidecar

# plain LOCK WHY: LOCK excludes, a second call waits, and --verbose says why it has no sidecar.
plain() {
    run sage-flock --verbose "$1" echo ran
    [ "$status" = 0 ]
    [[ $output == "sage-flock: $1: a plain lock, neither fair nor named: $2"*ran ]]
    run sage-flock "$1" echo ran
    [ "$output" = ran ]
    held_by A "$1"
    taken "$1"
    start B "$1"
    expect "sage-flock: waiting for exclusive lock $1 to run *"
    leaves A
    expect_got exclusive "$1"
    expect 'B in'
    leaves B
    ends B 0
    run sage-flock --status "$1"
    [ "$status" = 0 ]
}

@test "a folder is a plain lock" {
    mkdir folder
    plain folder 'it is not a regular file'
    [ ! -e .sage-flock ]
    [ -z "$(ls -A folder)" ]
}

@test "a file with content is a plain lock" {
    echo content >data
    plain data 'the lock file has content'
    [ ! -e .sage-flock ]
}

@test "a plain lock where the sidecar's place is a file" {
    touch .sage-flock
    plain x.lock "$PWD/.sage-flock"
    [ ! -s .sage-flock ]
}

@test "a plain lock where the sidecar's place is a link, which nothing is written through" {
    mkdir elsewhere
    ln -s elsewhere .sage-flock
    plain x.lock "$PWD/.sage-flock"
    [ -z "$(ls -A elsewhere)" ]
}

@test "a plain lock where the lock's place in it is a link, which nothing is written through" {
    mkdir elsewhere .sage-flock
    ln -s ../elsewhere .sage-flock/x.lock
    plain x.lock "$PWD/.sage-flock/x.lock is no plain folder"
    [ -z "$(ls -A elsewhere)" ]
}

@test "a plain lock where the gate is a link, or a folder" {
    mkdir -p .sage-flock/x.lock .sage-flock/y.lock/gate
    touch elsewhere
    ln -s ../../elsewhere .sage-flock/x.lock/gate
    plain x.lock "$PWD/.sage-flock/x.lock: Too many"
    rm "$STAGE"/*.gate
    plain y.lock "$PWD/.sage-flock/y.lock: Is a directory"
}

@test "a plain lock where the folder may not be written to" {
    mkdir folder
    touch folder/x.lock
    chmod 555 folder
    run as_mere_mortal sage-flock --verbose folder/x.lock echo ran
    [ "$status" = 0 ]
    [[ $output == 'sage-flock: folder/x.lock: a plain lock, neither fair nor named: '*'Permission denied'*ran ]]
}

# Who holds, who waits

@test "the waiting line names each holder: process, command, how long" {
    held_by A -s x.lock
    held_by B -s x.lock
    start C x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor C', 1st in line: held by $(pid A) 'actor A' for [0-9.]* s and $(pid B) 'actor B' for [0-9.]* s"
    start D -s x.lock
    expect "sage-flock: waiting for shared lock x.lock to run 'actor D', 2nd in line: held by $(pid A) 'actor A' for [0-9.]* s and $(pid B) 'actor B' for [0-9.]* s; before us waits $(pid C) 'actor C'"
}

@test "the waiting line names three holders, of more the two who have held for the longest and a count" {
    for name in A B C; do
        held_by "$name" -s x.lock
    done
    start V x.lock
    expect "*: held by $(pid A) 'actor A' for * s, $(pid B) 'actor B' for * s and $(pid C) 'actor C' for * s"
    kill "$(pid V)"
    ends V 143
    for name in D E; do
        held_by "$name" -s x.lock
    done
    start W x.lock
    expect "*: held by $(pid A) 'actor A' for * s, $(pid B) 'actor B' for * s and 3 more"
}

@test "the waiting line names a stranger who holds the lock by flock(2)" {
    [ -r /proc/locks ] || skip 'nothing here shows who it is'
    make_gate A
    launch A tool hold x.lock actor A
    expect 'A in'
    start B x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B', 1st in line: held by $(pid A) '*actor A'"
    run sage-flock --status x.lock
    [[ ${lines[2]} == "  holds  ?"*" $(pid A) "*" "*actor\ A ]]
}

@test "the waiting line names a shell that holds the lock by its descriptor" {
    [ -r /proc/locks ] || skip 'nothing here shows who it is'
    on_descriptor A -x
    expect 'A -x'
    start B x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B', 1st in line: held by $(pid A) '*'"
}

@test "--status says that a lock is held though it cannot be seen by whom, and free only if it is" {
    cat >blind.py <<'END'
import sys
sys.path.insert(0, sys.argv.pop(1))
from sage_flock import call, proc
# No /proc at all, or one that shows nothing of other users' processes.
if sys.argv.pop(1) == 'nothing':
    proc._lines = lambda path: []
else:
    proc.foreign = lambda fd, known=(): []
call.main(sys.argv[1:])
END
    : >x.lock
    for sees in nothing locks; do
        for option in -x -s; do
            on_descriptor "A$sees${option#-}" $option
            expect "A$sees${option#-} $option"
            run "$PYTHON" -S -E blind.py "$ROOT/build" $sees --status x.lock
            echo "$output"
            [ "${lines[1]}" = 'x.lock  1 holds' ]
            [[ ${lines[2]} == '  holds  '*'  ?         held by somebody unknown' ]]
            if [ $option = -s ]; then [[ $output == *' shared '* ]]; else [[ $output == *' exclusive '* ]]; fi
            kill -KILL -- "-$(pid "A$sees${option#-}")"
            free x.lock
            run "$PYTHON" -S -E blind.py "$ROOT/build" $sees --status x.lock
            [ "$output" = 'x.lock  free' ]
        done
    done
}

@test "the waiting line names strangers beside holders of ours" {
    [ -r /proc/locks ] || skip 'nothing here shows who it is'
    command -v flock >/dev/null || skip 'no flock(1) here'
    held_by A -s x.lock
    make_gate F
    launch F flock -s x.lock actor F
    expect 'F in'
    start B x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B', 1st in line: held by $(pid A) 'actor A' for [0-9.]* s and $(pid F) 'flock -s x.lock actor F'"
    run sage-flock --status x.lock
    [[ $output == *$(pid F)* ]]
}

@test "the holder is named as long as its command runs, though its sage-flock is killed" {
    held_by A x.lock
    kill -KILL "$(pid A)"
    start B x.lock
    expect "sage-flock: waiting for exclusive lock x.lock to run 'actor B', 1st in line: held by $(pid A) 'actor A' for *"
}

@test "a folder does not grow by the killed, though nobody looks" {
    most=0
    for i in {1..20}; do
        start "A$i" x.lock
        expect "A$i in"
        kill -KILL -- "-$(pid "A$i")"
        ends "A$i" 137
        now=$(ls .sage-flock/x.lock | wc -l)
        [ "$now" -le "$most" ] || most=$now
    done
    echo "$most"
    [ "$most" -gt 10 ]
    [ "$most" -lt 20 ]
}

@test "who has gone leaves nothing, who waits no more no pointer" {
    held_by A x.lock
    make_gate B
    launch B sage-flock y.lock sage-flock x.lock actor B
    expect 'sage-flock: waiting for exclusive lock x.lock *'
    ls .sage-flock/y.lock >heard
    [ "$(grep -c '^p' heard)" = 1 ]
    leaves A
    gets exclusive x.lock B
    ls .sage-flock/y.lock >heard
    [ "$(grep -c '^p' heard)" = 0 ]
    leaves B
    ends B 0
    [ "$(ls -A .sage-flock/x.lock)" = gate ]
    [ "$(ls -A .sage-flock/y.lock)" = gate ]
}

@test "nothing is left and nobody is stuck after random kills" {
    "$PYTHON" "$ROOT/tests/drivers/crash.py" places --kills=40 --seed=7
}
