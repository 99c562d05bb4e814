#!/usr/bin/env bats
# The lock is held exactly as long as the command runs: no signal, daemon or kill makes it longer or shorter.
# locking.bats and command.bats test the ordinary life of a lock, which is not tested again here.
# every python

load lib

# stopped PID: waits until the process is stopped, since the sender of a signal does not learn when it acts.
stopped() {
    [ -r /proc/self/stat ] || skip 'no /proc here'
    local stat=
    while [[ $stat != *')'\ [Tt]\ * ]]; do
        read -r stat <"/proc/$1/stat"
    done
}

# senders_are_known: does the interpreter say who sent a signal?
senders_are_known() {
    "$PYTHON" -c 'import signal; signal.sigwaitinfo' 2>/dev/null
}

@test "INT and QUIT to the wrapper alone go to the command, where it is known that no terminal sent them" {
    senders_are_known || skip 'not on this Python'
    for signal in INT:2 QUIT:3; do
        name=${signal%:*}
        make_gate A
        # The reader of a fifo that nobody writes to is what the shell waits for; see command.bats.
        mkfifo never
        launch A sage-flock x.lock sh -c 'trap "echo caught; kill -s PIPE \$reader" '"$name"'
            { read -r _ <never; } & reader=$!
            echo ready
            wait "$reader"
            exec actor A'
        expect ready
        kill -s "$name" "$(pid A)"
        expect caught
        expect 'A in'
        taken x.lock
        leaves A
        ends A 0
        launch B tool ignoring 0 sage-flock x.lock sh -c 'ulimit -c 0; echo ready; exec cat never'
        expect ready
        kill -s "$name" "$(pid B)"
        ends B "$((128 + ${signal#*:}))"
        free x.lock
        rm "$STAGE/A.gate" never
    done
}

@test "INT and QUIT to the wrapper alone change nothing where that is not known" {
    ! senders_are_known || skip 'on this Python it is'
    for name in INT QUIT; do
        held_by A x.lock
        # Not before the wrapper knows its command, and ignores the two: what comes earlier is passed on.
        until [ ! -r "/proc/$(pid A)/status" ] || grep -q '^SigIgn:.*[67ef]$' "/proc/$(pid A)/status"; do :; done
        kill -s "$name" "$(pid A)"
        start B x.lock
        expect_waiting exclusive x.lock B
        leaves A
        ends A 0
        gets exclusive x.lock B
        leaves B
        ends B 0
        rm "$STAGE/A.gate" "$STAGE/B.gate"
    done
}

@test "a signal for the whole group reaches the command of three nested calls by itself, and once more at most" {
    senders_are_known || skip 'not on this Python'
    # Signals are handled during these waits only, so each of them is counted.
    cat >count.py <<'END'
import os, signal, sys
caught = (signal.SIGTERM, signal.SIGUSR1)
signal.pthread_sigmask(signal.SIG_BLOCK, caught)
os.write(1, b'ready\n')
numbers = []
while True:
    info = signal.sigtimedwait(caught, 0.4 if numbers else 20)
    if info is None:
        break
    numbers.append(info.si_signo)
os.write(1, ('%d\n' % len(numbers)).encode())
END
    for name in TERM USR1; do
        for _ in 1 2 3; do
            launch A sage-flock one.lock "${SAGE_FLOCK_ITSELF[@]}" two.lock \
                "${SAGE_FLOCK_ITSELF[@]}" three.lock "$PYTHON" count.py
            expect ready
            kill -s "$name" -- "-$(pid A)"
            expect '[12]'
            ends A 0
        done
    done
}

@test "TERM and HUP to the wrapper: a command that does not mind keeps the lock until it is gone" {
    for name in TERM HUP; do
        make_gate A
        launch A sage-flock x.lock sh -c 'trap "" TERM HUP; exec actor A'
        expect 'A in'
        kill -s "$name" "$(pid A)"
        kill -s "$name" "$(pid A)"
        start B x.lock
        expect_waiting exclusive x.lock B
        leaves A
        ends A 0
        gets exclusive x.lock B
        leaves B
        ends B 0
        free x.lock
        rm "$STAGE/A.gate" "$STAGE/B.gate"
    done
}

@test "a stopped wrapper keeps the lock, and goes on when it is continued" {
    held_by A x.lock
    kill -s STOP "$(pid A)"
    stopped "$(pid A)"
    start B x.lock
    expect_waiting exclusive x.lock B
    leaves A
    # The command has ended, and the wrapper that should unlock is stopped. Too long is safe, too short is not.
    taken x.lock
    kill -s CONT "$(pid A)"
    ends A 0
    gets exclusive x.lock B
}

@test "a stopped command keeps the lock" {
    make_gate A
    launch A sage-flock x.lock sh -c 'echo $$; exec actor A'
    IFS= read -r -t "$PATIENCE" -u 9 command
    expect 'A in'
    kill -s STOP "$command"
    stopped "$command"
    taken x.lock
    open_gate A
    kill -s CONT "$command"
    expect 'A out'
    ends A 0
    free x.lock
}

@test "a stopped waiter gets its turn when it is continued" {
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    kill -s STOP "$(pid B)"
    stopped "$(pid B)"
    kill -s CONT "$(pid B)"
    leaves A
    gets exclusive x.lock B
}

@test "a waiter stopped in the gate holds up nobody once the lock is free, and has its turn when it is continued" {
    [ -r /proc/locks ] || skip 'nothing here shows that one is stopped'
    for mode in exclusive shared; do
        held_by A x.lock
        start B x.lock
        expect_waiting exclusive x.lock B
        kill -s STOP "$(pid B)"
        stopped "$(pid B)"
        start C --$mode x.lock
        expect_waiting $mode x.lock C
        leaves A
        expect "sage-flock: x.lock: free, but $(pid B) '*actor B', first in the queue, is stopped: going before it"
        gets $mode x.lock C
        fails tool rival x.lock
        kill -s CONT "$(pid B)"
        leaves C
        gets exclusive x.lock B
        leaves B
        for name in A B C; do ends "$name" 0; done
        free x.lock
        rm "$STAGE/A.gate" "$STAGE/B.gate" "$STAGE/C.gate"
    done
}

@test "a time limit shorter than the first look is no reason to give a free lock up" {
    [ -r /proc/locks ] || skip 'nothing here shows that one is stopped'
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    kill -s STOP "$(pid B)"
    stopped "$(pid B)"
    leaves A
    ends A 0
    run sage-flock -q -w 0.1 x.lock echo in
    [ "$output" = in ]
    [ "$status" = 0 ]
}

@test "a stopped waiter that is killed leaves the gate to the next" {
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    kill -s STOP "$(pid B)"
    stopped "$(pid B)"
    start C x.lock
    expect_waiting exclusive x.lock C
    kill -s KILL "$(pid B)"
    leaves A
    gets exclusive x.lock C
}

@test "one in the gate that is not stopped but cannot be woken is passed, too" {
    held_by A x.lock
    # It stands in the gate, as a waiter in a frozen cgroup would, and never asks for the lock.
    launch G tool hold .sage-flock/x.lock/gate sh -c 'echo ready; read -r _ <"$STAGE/events.never"'
    mkfifo "$STAGE/events.never"
    expect ready
    start C x.lock
    expect_waiting exclusive x.lock C
    leaves A
    expect 'sage-flock: x.lock: free, but *, first in the queue, does not wake up: going before it'
    gets exclusive x.lock C
}

@test "a command that ends at once is heard of, right after a wait as well" {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        held_by A x.lock
        for name in B C D; do
            launch "$name" sage-flock x.lock true
            expect 'sage-flock: waiting for *'
        done
        leaves A
        for name in A B C D; do ends "$name" 0; done
        for _ in 1 2 3; do expect_got exclusive x.lock; done
        rm "$STAGE/A.gate"
    done
}

@test "Ctrl-Z takes a waiter out of the queue; continued it queues anew" {
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    for _ in 1 2 3; do
        kill -s TSTP "$(pid B)"
        stopped "$(pid B)"
        [ -z "$(find .sage-flock/x.lock -name '[wq].*')" ]
        kill -s CONT "$(pid B)"
        until [ -n "$(find .sage-flock/x.lock -name 'w.*')" ]; do :; done
    done
    kill -s TSTP "$(pid B)"
    stopped "$(pid B)"
    start C x.lock
    expect_waiting exclusive x.lock C
    leaves A
    gets exclusive x.lock C         # at once, and not a word of anybody stopped
    kill -s CONT "$(pid B)"
    until [ -n "$(find .sage-flock/x.lock -name 'w.*')" ]; do :; done
    leaves C
    gets exclusive x.lock B
    leaves B
    ends B 0
    free x.lock
}

@test "Ctrl-Z takes a waiter out of the middle of the queue" {
    held_by A x.lock
    for name in B C D; do
        start "$name" x.lock
        expect_waiting exclusive x.lock "$name"
    done
    kill -s TSTP "$(pid C)"
    stopped "$(pid C)"
    leaves A
    gets exclusive x.lock '[BD]'
    for name in B D; do open_gate "$name"; done
    for _ in 1 2 3 4; do expect '*'; done
    free x.lock
    kill -s CONT "$(pid C)"
    gets exclusive x.lock C
}

@test "a waiter that is killed, or ended by TERM, leaves its place to the next" {
    held_by A x.lock
    for signal in KILL:9 TERM:15 HUP:1 INT:2; do
        name=${signal%:*}
        make_gate "B$name"
        # All signals at their defaults: whoever runs the tests may ignore some, as nohup does.
        launch "B$name" tool ignoring 0 sage-flock x.lock actor "B$name"
        expect_waiting exclusive x.lock "B$name"
        start "C$name" x.lock
        expect_waiting exclusive x.lock "C$name"
        kill -s "$name" "$(pid "B$name")"
        ends "B$name" "$((128 + ${signal#*:}))"
    done
    leaves A
    ends A 0
    # In any order: the order in which they came to the queue is not known.
    for name in KILL TERM HUP INT; do open_gate "C$name"; done
    for _ in 1 2 3 4; do
        expect_got exclusive x.lock
        expect 'C* in'
        expect 'C* out'
    done
    free x.lock
    expect_nothing_more
}

@test "a killed command frees the lock, though what it started lives on" {
    make_gate D
    make_gate A
    launch A tool fate "${SAGE_FLOCK_ITSELF[@]}" x.lock sh -c 'actor D & echo $$; read -r _ <"$STAGE/A.gate"'
    for _ in 1 2; do
        IFS= read -r -t "$PATIENCE" -u 9 line
        if [ "$line" != 'D in' ]; then command=$line; fi
    done
    taken x.lock
    kill -KILL "$command"
    expect 'signal 9'
    free x.lock
    leaves D
}

@test "a daemon that left session, group and parent behind prolongs nothing" {
    make_gate D
    sage-flock x.lock "$PYTHON" -S -E -c '
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("actor", ["actor", "D"])
' >&9
    free x.lock
    expect 'D in'
    leaves D
}

@test "a daemon left under a shared lock prolongs nothing, and the other holders keep theirs" {
    make_gate D
    held_by A -s x.lock
    sage-flock -s x.lock sh -c 'actor D >&9 &'
    taken x.lock
    expect 'D in'
    leaves A
    ends A 0
    free x.lock
    open_gate D
    expect 'D out'      # or it would wait on, and with it who waits for the end of its output
}

@test "a daemon left behind by a killed wrapper's command is the one that prolongs" {
    make_gate D
    make_gate A
    launch A sage-flock x.lock sh -c 'actor D & read -r _ <"$STAGE/A.gate"'
    expect 'D in'
    kill -KILL "$(pid A)"
    ends A 137
    taken x.lock
    # The command ends, and nobody is left to unlock: the daemon's copy holds the lock.
    echo >"$STAGE/A.gate"
    start B x.lock
    expect_waiting exclusive x.lock B
    taken x.lock
    leaves D
    gets exclusive x.lock B
}

@test "a command that closes what it inherited does not shorten the lock" {
    make_gate A
    launch A sage-flock x.lock "$PYTHON" -S -E -c '
import os
os.closerange(3, 256)
os.execvp("actor", ["actor", "A"])'
    expect 'A in'
    taken x.lock
    leaves A
    ends A 0
    free x.lock
}

@test "-F: a daemon keeps the lock, for there is nobody to take it away" {
    make_gate D
    sage-flock -F x.lock sh -c 'actor D >&9 &'
    expect 'D in'
    taken x.lock
    launch A sage-flock -q x.lock true
    leaves D
    ends A 0
    free x.lock
}

@test "-F: a kill of the command frees the lock" {
    held_by A -F x.lock
    kill -KILL "$(pid A)"
    ends A 137
    free x.lock
}

@test "-o: TERM to the wrapper reaches the command, and the lock stays until it is gone" {
    make_gate A
    mkfifo never
    launch A sage-flock -o x.lock sh -c '
        trap "echo got it; kill -s PIPE \$reader" TERM
        { read -r _ <never; } & reader=$!
        echo ready
        wait "$reader"
        wait "$reader"
        exec actor A'
    expect ready
    kill -s TERM "$(pid A)"
    expect 'got it'
    expect 'A in'
    taken x.lock
    leaves A
    ends A 0
    free x.lock
}

@test "a descriptor's lock outlives sage-flock, and goes with the shell that opened it" {
    mkfifo "$STAGE/go"
    launch A sh -c 'exec 7>x.lock; sage-flock 7 && echo locked; read -r _ <"$STAGE/go"'
    expect locked
    taken x.lock
    kill -KILL "$(pid A)"
    ends A 137
    free x.lock
}

@test "Ctrl-Z stops command and wrapper, and the lock stays" {
    mkfifo go
    run tool terminal z bash -c '
        set -m
        sage-flock x.lock sh -c "echo ready; read -r _ <go; echo done"
        [ "$?" -gt 128 ] && echo stopped
        tool rival x.lock || echo taken
        echo >go &
        fg %1 >/dev/null
        echo "ended with $?"
        tool released x.lock && echo free'
    echo "$output"
    [[ $output == *ready*stopped*taken*'done'*'ended with 0'*free*'exit 0' ]]
}
