#!/usr/bin/env bats
# What the command sees of sage-flock, and what the caller sees of the command: as if there were nothing in between.
# every python

load lib
bats_require_minimum_version 1.5.0     # for `run -127`

# same COMMAND...: its output and status under a lock are those without, byte for byte.
same() {
    "$@" >plain 2>&1 || echo "status $?" >>plain
    "${SAGE_FLOCK_ITSELF[@]}" x.lock "$@" >locked 2>&1 || echo "status $?" >>locked
    cmp plain locked || { od -c plain; od -c locked; return 1; }
}

# ---- how it ends

@test "a program may be its own lock, and others can run it meanwhile" {
    printf '#!/bin/sh\n[ "$LOCKED" ] || exec env LOCKED=1 sage-flock "$0" "$0" "$@"\nexec actor "$@"\n' >once
    chmod +x once
    for name in A B C; do make_gate "$name"; done
    launch A ./once A
    expect 'A in'
    launch B ./once B
    expect 'sage-flock: waiting for exclusive lock ./once *'
    LOCKED=1 launch C ./once C
    expect 'C in'
    leaves C
    leaves A
    gets exclusive ./once B
    leaves B
}

@test "the exit status is the command's" {
    for number in 0 1 2 64 124 125 126 127 128 130 137 192 255; do
        run "-$number" "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c "exit $number"
        [ -z "$output" ]
    done
}

@test "a command's death by a signal is passed on by dying of it" {
    # HUP INT QUIT ABRT KILL USR1 SEGV PIPE ALRM TERM
    for number in 1 2 3 6 9 10 11 13 14 15; do
        run tool fate "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c "ulimit -c 0; kill -$number \$\$"
        [ "$output" = "signal $number" ]
    done
    free x.lock
}

@test "a command that dumps core does it alone" {
    ulimit -c unlimited 2>/dev/null || skip 'core files are not allowed here'
    run tool fate sh -c 'kill -6 $$'
    [ "$output" = 'signal 6, core' ] || skip 'no core files here'
    rm -f core*
    run tool fate "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c 'kill -6 $$'
    [ "$output" = 'signal 6' ]
}

@test "where the caller ignores the end of children, the status is still the command's" {
    run tool ignoring 17 "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c 'exit 3'
    [ "$status" = 3 ]
    run tool ignoring 20 "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c 'exit 3'
    [ "$status" = 3 ]
}

@test "a command that is not there: 127" {
    for name in no-such-command ./no-such-command ''; do
        run -127 sage-flock x.lock "$name"
        [[ $output == "sage-flock: ${name:-''}: "* ]]
        [ "${#lines[@]}" = 1 ]
        free x.lock
    done
}

@test "a command that cannot be run: 126" {
    mkdir folder
    echo true >plain
    printf '#!/no/such/interpreter\n' >orphan
    chmod +x orphan
    for name in ./folder ./plain; do
        run sage-flock x.lock "$name"
        [ "$status" = 126 ]
        [[ $output == "sage-flock: $name: "* ]]
        [ "${#lines[@]}" = 1 ]
        free x.lock
    done
    run -127 sage-flock x.lock ./orphan
    [[ $output == 'sage-flock: ./orphan: '* ]]
    [ "${#lines[@]}" = 1 ]
}

@test "-F: a command that is not there, or cannot be run" {
    run -127 sage-flock -F x.lock no-such-command
    [[ $output == 'sage-flock: no-such-command: '* ]]
    run sage-flock -F x.lock /
    [ "$status" = 126 ]
    [[ $output == 'sage-flock: /: '* ]]
    run sage-flock -F x.lock sh -c 'exit 5'
    [ "$status" = 5 ]
}

@test "the command is found as a shell finds it" {
    mkdir first second
    printf '#!/bin/sh\necho first\n' >first/tell
    printf '#!/bin/sh\necho second "$@"\n' >second/tell
    chmod +x second/tell
    PATH=$PWD/first:$PWD/second:$PATH
    [ "$(sage-flock x.lock tell me)" = 'second me' ]
    chmod +x first/tell
    [ "$(sage-flock x.lock tell me)" = first ]
    [ "$(sage-flock x.lock second/tell me)" = 'second me' ]
}

# ---- what it is given

@test "arguments arrive byte for byte" {
    args=('' ' ' 'a b' $'two\nlines' $'\xff\xfe\x01' $'caf\xc3\xa9' '*' '$HOME' '`id`' '"' "'" '\' '\\n' -n -x --help -- -c 7)
    for locale in C C.UTF-8 en_US.ISO-8859-1; do
        export LC_ALL=$locale
        same sh -c 'printf "%s\0" "$@"' sh "${args[@]}"
    done
    unset LC_ALL LANG LC_CTYPE
    same sh -c 'printf "%s\0" "$@"' sh "${args[@]}"
}

@test "a command's own name may be anything, too" {
    name=$PWD/$'an \xff odd\nname'
    printf '#!/bin/sh\nprintf %%s "$0"\n' >"$name"
    chmod +x "$name"
    same "$name"
}

@test "whatever follows LOCK is the command's" {
    [ "$(sage-flock x.lock echo -s --help -V -w)" = '-s --help -V -w' ]
}

@test "-c runs a line of shell" {
    export SHELL
    SHELL=$(command -v "$SHELL_UNDER_TEST")
    run sage-flock x.lock -c 'echo one && echo "two  three"; exit 3'
    [ "$status" = 3 ]
    [ "$output" = $'one\ntwo  three' ]
    unset SHELL
    run sage-flock x.lock --command 'tool rival x.lock && echo free || echo taken'
    [ "$status" = 0 ]
    [ "$output" = taken ]
}

@test "the environment arrives as it was" {
    # One variable is added: it names the locks that the command is under.
    for setting in A=1 LC_ALL=C LC_CTYPE=C LANG=C LC_CTYPE=C.UTF-8 LC_ALL=POSIX $'ODD=\xff\xfe' 'EMPTY=' $'LINES=a\nb' \
        PYTHONPATH=/nowhere PYTHONHOME=/nowhere; do
        env -i PATH="$PATH" "$setting" env | sort >plain
        env -i PATH="$PATH" "$setting" "${SAGE_FLOCK_ITSELF[@]}" x.lock env | grep -av '^SAGE_FLOCK_HELD=' | sort >locked
        cmp plain locked || { diff -a plain locked; false; }
    done
}

@test "folder and mask of new files are the caller's" {
    umask 027
    same sh -c 'pwd; umask'
}

@test "stdin arrives, whole and unread" {
    head -c 300000 /dev/urandom >sent
    "${SAGE_FLOCK_ITSELF[@]}" x.lock cat <sent >received
    cmp sent received
    # The next reader finds what the command has not read.
    printf 'one\ntwo\n' | { sage-flock x.lock sh -c 'read -r line; echo "$line"'; cat; } >received
    printf 'one\ntwo\n' | cmp - received
}

@test "closed standard descriptors stay closed, and no file of ours takes their place" {
    echo secret >x.lock
    run sh -c 'sage-flock x.lock cat <&-'
    [ "$status" != 0 ]
    [[ $output != *secret* ]]
    run sh -c 'sage-flock x.lock sh -c "echo spilled" >&-'
    run sh -c 'sage-flock x.lock sh -c "echo spilled >&2" 2>&-'
    run -127 sh -c 'sage-flock x.lock no-such-command 2>&-'
    [ "$(cat x.lock)" = secret ]
}

@test "the command has the lock open, and nothing else that it would not have without" {
    [ -d /proc/self/fd ] || skip 'no /proc here'
    list='for fd in /proc/$$/fd/*; do readlink "$fd"; done'
    sh -c "$list" | grep -v /proc/ | sort >plain
    "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c "$list" | grep -v /proc/ | sort >locked
    comm -13 plain locked | sed 's/ (deleted)$//' >added
    [ -z "$(comm -23 plain locked | grep -v '^pipe:')" ]
    grep -v '^pipe:' added >files
    cat files
    [ "$(grep -c "^$PWD/x.lock\$" files)" = 1 ]
    [ -z "$(grep -v -e "^$PWD/x.lock\$" -e "^$PWD/.sage-flock/x.lock/h\." files)" ]
    [ "$(grep -c . plain)" -ge "$(($(grep -c . locked) - $(grep -c . files)))" ]
}

@test "-o: the command has nothing of the lock open" {
    [ -d /proc/self/fd ] || skip 'no /proc here'
    run sage-flock -o x.lock sh -c 'for fd in /proc/$$/fd/*; do readlink "$fd"; done'
    [[ $output != *x.lock* ]]
}

@test "descriptors that the caller opened reach the command" {
    echo content >file
    [ "$(sage-flock x.lock sh -c 'cat <&5; echo told >&6' 5<file 6>other)" = content ]
    [ "$(cat other)" = told ]
}

@test "the lock's descriptor leaves the low numbers to scripts" {
    [ -d /proc/self/fd ] || skip 'no /proc here'
    # A script that opens 3 to 9 for itself must not close the lock by that: under -F nobody else has it open.
    sage-flock -F x.lock sh -c 'exec 3>a 4>a 5>a 6>a 7>a 8>a 9>a; ! tool rival x.lock'
}

# ---- signals

@test "a writer whose reader has gone ends in silence" {
    { "${SAGE_FLOCK_ITSELF[@]}" x.lock yes || :; } 2>said | head -n 1 >/dev/null
    cat said
    [ ! -s said ]
    { "${SAGE_FLOCK_ITSELF[@]}" -F x.lock yes || :; } 2>said | head -n 1 >/dev/null
    [ ! -s said ]
}

# dispositions: from /proc/PID/status, which of the signals 1 to 31 are blocked and ignored. The C library's posix_spawn
# leaves its own two, 32 and 33, ignored; nobody minds.
dispositions() {
    while read -r name bits; do
        case $name in SigBlk: | SigIgn:) printf '%s %x\n' "$name" $((16#$bits & 0x7fffffff)) ;; esac
    done
}

@test "signals act in the command as they would without us" {
    [ -r /proc/self/status ] || skip 'no /proc here'
    for how in 'fate' 'ignoring 2' 'ignoring 10' 'ignoring 17'; do
        # shellcheck disable=SC2086 # two words
        tool $how cat /proc/self/status | dispositions >plain
        for option in '' -F; do
            # shellcheck disable=SC2086 # nothing, or one word
            tool $how "${SAGE_FLOCK_ITSELF[@]}" $option x.lock cat /proc/self/status | dispositions >locked
            [ -s plain ]
            diff plain locked
        done
    done
}

@test "what the caller ignores, as nohup does, the command ignores" {
    for number in 1 2 3 15; do
        run tool ignoring "$number" sage-flock x.lock sh -c "kill -$number \$\$; echo survived"
        [ "$output" = survived ]
    done
}

# The beginning of a shell command that goes on once it has caught one of the signals in its arguments. It waits for the
# reader of a fifo that nobody writes to. The trap kills the reader, so a signal that comes before the wait counts, too;
# it does so by PIPE, which no shell reports.
catcher='
    trap "echo caught; kill -s PIPE \$reader" "$@"
    { read -r _ <never; } & reader=$!
    # Not before the wrapper sleeps: until then it passes on what the terminal sends.
    while [ -r /proc/$PPID/status ] && ! grep -q "^State:.S" /proc/$PPID/status; do :; done
    echo ready
    wait "$reader"
'

@test "TERM and HUP are passed to the command, and the lock stays until it is gone" {
    mkfifo never
    for name in TERM HUP USR1 USR2; do
        make_gate "$name"
        launch "$name" sage-flock x.lock sh -c "$catcher"' exec actor "$1"' sh "$name"
        expect ready
        kill -s "$name" "$(pid "$name")"
        expect caught
        expect "$name in"
        taken x.lock
        leaves "$name"
        ends "$name" 0
        free x.lock
    done
}

@test "TERM ends a command that does not mind it, and us in the same way" {
    mkfifo end
    for number in 15 1; do
        launch A tool fate "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c 'echo "$PPID"; read -r _ <end'
        IFS= read -r -t "$PATIENCE" -u 9 wrapper
        kill "-$number" "$wrapper"
        expect "signal $number"
        ends A 0
        free x.lock
    done
}

@test "Ctrl-C and Ctrl-\\ reach the command by the terminal, once, and we stay until it is gone" {
    mkfifo never
    for key in c '\'; do
        run tool terminal "$key" sage-flock x.lock sh -c "$catcher"'
            tool rival x.lock || echo taken
            exit 3' sh INT QUIT
        [[ $output == *ready*caught*taken*'exit 3' ]]
        [[ $output != *caught*caught* ]]
        free x.lock
    done
}

@test "Ctrl-C ends a command that does not mind it, and us in the same way" {
    run tool terminal c sage-flock x.lock sh -c 'echo ready; mkfifo never; read -r _ <never'
    [[ $output == *ready*'signal 2' ]]
    [[ $output != *Traceback* ]]
    free x.lock
}

@test "Ctrl-C ends a waiter, without a word" {
    held_by A x.lock
    TERM=dumb COLUMNS=1000 run tool terminal c sage-flock x.lock echo ready
    [[ $output == *"waiting for exclusive lock x.lock to run 'echo ready', 1st in line"*'signal 2' ]]
    [[ $output != *Traceback* ]]
    [[ $output != *Interrupt* ]]
    open_gate A
    ends A 0
    free x.lock
}

# ---- messages

@test "nothing is said where there is no wait" {
    run sage-flock x.lock true
    [ "$status" = 0 ]
    [ -z "$output" ]
    exec 7>y.lock
    run sage-flock 7
    [ -z "$output" ]
    run sage-flock -u 7
    [ -z "$output" ]
}

@test "a waiting line is one line, however odd the command" {
    held_by A x.lock
    COLUMNS=1000 run sage-flock -w 0.01 x.lock $'two\nlines' $'\x1b[31m' $'\xff' $'\xc2\x9b' ''
    [ "$status" = 1 ]
    [[ ${lines[0]} == 'sage-flock: waiting for exclusive lock x.lock to run '* ]]
    for line in "${lines[@]}"; do
        [[ $line == 'sage-flock: '* ]]
        [[ $line != *[$'\x1b\xff\x9b']* ]]
    done
}

@test "-q says nothing about waiting" {
    held_by A x.lock
    run sage-flock -q -w 0.01 x.lock true
    [ "$status" = 1 ]
    [ -z "$output" ]
}

@test "where nobody can hear, the work goes on" {
    held_by A x.lock
    for sink in '2>&-' '2>/dev/full' '>&- 2>&-' '>/dev/full 2>/dev/full'; do
        [ -e /dev/full ] || [[ $sink != *full* ]] || continue
        run sh -c "sage-flock -w 0.01 -E 9 x.lock true $sink"
        [ "$status" = 9 ]
        [ -z "$output" ]
        run sh -c "sage-flock y.lock sh -c 'exit 3' $sink"
        [ "$status" = 3 ]
        [ -z "$output" ]
    done
    { sage-flock -w 0.01 -E 9 x.lock true || echo "$?" >status; } 2>&1 | :
    [ "$(cat status)" = 9 ]
    # The message must not have been written into a file of ours that took the place of stderr.
    [ -z "$(grep -rl 'waiting for' x.lock .sage-flock)" ]
}
