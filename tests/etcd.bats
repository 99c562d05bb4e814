#!/usr/bin/env bats
# Locks kept by etcd: the same questions as for those in files, and what happens when servers fail. Needs etcd.

load lib
load conversations

setup_file() {
    if ! command -v etcd >/dev/null; then
        export NO_ETCD='not installed: etcd (Debian and Ubuntu: etcd-server)'
        return
    fi
    export NO_ETCD=
    mkdir "$BATS_FILE_TMPDIR/etcd"
    new_etcd "$BATS_FILE_TMPDIR/etcd"
}

teardown_file() {
    [ -n "$NO_ETCD" ] || end_etcd "$BATS_FILE_TMPDIR/etcd"
}

# new_etcd FOLDER [OPTION...]: starts a cluster of its own, which runs until end_etcd FOLDER.
new_etcd() {
    mkfifo "$1/says"
    "$PYTHON" "$ROOT/tests/etcd/servers.py" "$@" </dev/null >"$1/says" 2>&1 3>&- 9>&- &
    echo $! >"$1/pid"
    local line
    read -r -t 60 line <"$1/says" && [ "$line" = ready ]
}

end_etcd() {
    kill "$(cat "$1/pid")"
    wait "$(cat "$1/pid")" 2>/dev/null || :
}

# on_etcd [FOLDER]: bare names are now locks on etcd, or on the cluster in FOLDER, in a folder of this test's own.
on_etcd() {
    [ -z "$NO_ETCD" ] || skip "$NO_ETCD"
    export SAGE_LOCK_DIR
    SAGE_LOCK_DIR=etcd://$(cat "${1:-$BATS_FILE_TMPDIR/etcd}/address")/test/$BATS_TEST_NUMBER
}

# fake MODE [PORT]: starts the server etcd/fake.py and points SAGE_LOCK_DIR at it.
fake() {
    launch "fake_$1" "$PYTHON" "$ROOT/tests/etcd/fake.py" "$STAGE/fake" "$@"
    expect ready
    export SAGE_LOCK_DIR
    SAGE_LOCK_DIR=etcd://$(cat "$STAGE/fake")/test
}

# raw PATH JSON [TOKEN]: the answer of etcd itself.
raw() {
    local address=${SAGE_LOCK_DIR#etcd://}
    "$PYTHON" -c 'import sys; sys.path.insert(0, sys.argv[1]); import servers, json
said = servers.post(int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]), 5, *sys.argv[5:])
print(json.dumps(said, sort_keys=True))' \
        "$ROOT/tests/etcd" "$(expr "${address%%[,/]*}" : '.*:\([0-9]*\)')" "$@"
}

# nothing_left: no lock of this test has a holder or a waiter.
nothing_left() {
    sage-flock --status | tee status
    [ "$(wc -l <status)" = 1 ]
}

# A CA and two certificates of it: for a server at localhost, and for a client.
make_certificates() {
    (
        cd "$1" || exit
        new_key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        # shellcheck disable=SC2086 # options
        openssl req -x509 $new_key -keyout ca.key -out ca.pem -days 2 -subj '/CN=test CA' \
            -addext keyUsage=critical,keyCertSign,cRLSign
        for who in server client; do
            # shellcheck disable=SC2086
            openssl req $new_key -keyout $who.key -out $who.csr -subj "/CN=$who"
            printf '%s\n' subjectAltName=DNS:localhost extendedKeyUsage=serverAuth,clientAuth \
                authorityKeyIdentifier=keyid >ext
            openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $who.pem -days 2 -extfile ext
        done
    ) >"$1.log" 2>&1
}

@test "status, output, input and arguments are the command's own" {
    on_etcd
    run sage-flock x.lock sh -c 'cat; echo "$1"; exit 7' sh 'a b' <<<input
    [ "$status" = 7 ]
    [ "$output" = $'input\na b' ]
    run sage-flock x.lock sh -c 'kill -TERM $$'
    [ "$status" = 143 ]
    says 127 'sage-flock: no-such-command: command not found' sage-flock x.lock no-such-command
    nothing_left
    [[ $(raw /v3/lease/leases '{}') != *'"ID"'* ]]
}

@test "an exclusive lock keeps the next exclusive one waiting" {
    on_etcd
    exclusive_keeps_waiting "[0-9]*@$(uname -n)"
    nothing_left
}

@test "shared locks go together, and those who come behind an exclusive one wait for it" {
    on_etcd
    held_by A -s x.lock
    held_by B -s x.lock
    start C x.lock
    expect_waiting exclusive x.lock C
    start D -s x.lock
    expect "*waiting for shared lock x.lock *, 2nd in line: held by * 'actor A' * and * 'actor B' *; before us waits * 'actor C'"
    make_gate E
    SAGE_PKG=six launch E sage-flock -s x.lock actor E
    expect "six: waiting for shared x.lock, 3rd in line: held by * 'actor A' for * s and * 'actor B' for * s; before us waits * 'actor C'"
    SAGE_PKG=six held_by F y.lock
    make_gate G
    SAGE_PKG=idna launch G sage-flock y.lock actor G
    expect "idna: waiting for exclusive y.lock, 1st in line: held by *@$(uname -n) six for * s"
    leaves F
    expect 'idna: got y.lock after *'
    expect 'G in'
    leaves A
    leaves B
    gets exclusive x.lock C
    leaves C
    for _ in 1 2 3 4; do expect '*'; done >heard
    cat heard
    grep -q "^  sage-flock: got shared lock x.lock after .* s to run 'actor D'$" heard
    grep -q '^  six: got x.lock after .* s$' heard
    grep -q '^  D in$' heard
    grep -q '^  E in$' heard
}

@test "a pool: so many at a time, in the order in which they came, writers among them" {
    on_etcd
    held_by A --pool 2 x.lock
    held_by B --pool 2 x.lock
    start C --pool 2 x.lock
    expect "sage-flock: waiting for pool lock x.lock to run 'actor C', 1st in line: 2 of 2 in use: *@$(uname -n) 'actor A' for * s and * 'actor B' for * s"
    start D --pool 2 x.lock
    expect_waiting pool x.lock D
    start W x.lock
    expect_waiting exclusive x.lock W
    start E --pool 4 x.lock
    expect_waiting pool x.lock E
    says 1 '' sage-flock -n --pool 2 x.lock true
    says 1 '' sage-flock -n --pool 9 x.lock true
    says 1 'sage-flock: x.lock: not got within 0.1 s: 2 of 2 in use: '* sh -c 'sage-flock -w 0.1 --pool 2 x.lock true 2>&1 | tail -n 1; exit 1'
    run sage-flock --status x.lock
    echo "$output"
    [ "$(grep -c '^  holds  pool, 2 of 2 ' <<<"$output")" = 2 ]
    [ "$(grep -c '^  waits  pool, 2 of 4 ' <<<"$output")" = 1 ]
    leaves B                        # not the oldest
    gets pool x.lock C
    leaves C
    gets pool x.lock D
    leaves A
    leaves D
    gets exclusive x.lock W
    leaves W
    gets pool x.lock E
    leaves E
    for name in A B C D W E; do ends "$name" 0; done
    nothing_left
}

@test "a pool: callers may name different numbers, a place covers what runs under it, a killed member's place is free" {
    on_etcd
    held_by A --pool 3 x.lock
    held_by B --pool 3 x.lock
    says 1 '' sage-flock -n --pool 2 x.lock true
    says 0 ran sage-flock -n --pool 3 x.lock sage-flock --pool 1 x.lock echo ran
    says 125 'sage-flock: x.lock: held shared by *' sage-flock -n --pool 3 x.lock sage-flock x.lock true
    says 1 '' sage-flock -s x.lock sage-flock -n --pool 2 x.lock true
    start C --pool 2 x.lock
    expect_waiting pool x.lock C
    start D --pool 2 x.lock
    expect_waiting pool x.lock D
    kill -KILL "$(pid A)"
    expect 'sage-flock: x.lock: the sage-flock that held it was killed: *'
    gets pool x.lock C
    leaves B
    gets pool x.lock D          # there is room for both
    leaves C
    leaves D
    ends D 0
    nothing_left
}

@test "several locks in one call are nested calls, and together or not at all" {
    on_etcd
    held_by A --also x.lock --also-shared y.lock --pool 2 z.lock
    says 1 '' sage-flock -n x.lock true
    says 0 ran sage-flock -n -s y.lock echo ran
    says 0 ran sage-flock -n --pool 2 z.lock echo ran
    says 1 '' sage-flock -n --pool 1 z.lock true
    says 6 '' sage-flock -n -E 6 --also w.lock --also z.lock v.lock true
    says 6 '' sage-flock -n -E 6 --also ./here.lock z.lock true
    says 0 ran sage-flock -n --also ./here.lock w.lock -c 'echo ran'
    # Whose lock is of fcntl(2): LOCK's, not the first one's.
    held_by F ./here.lock
    says 6 '' sage-flock -n -E 6 --also ./here.lock --also w.lock --start 1 ./there.lock echo ran
    says 0 ran sage-flock -n --also ./free.lock --also w.lock --start 1 --length 2 ./here.lock echo ran
    leaves F
    leaves A
    ends A 0
    nothing_left
}

@test "whoever came first is served first" {
    on_etcd
    held_by A x.lock
    for name in B C D E; do
        start "$name" -q x.lock
        open_gate "$name"
        # A waiting line names all before it: so they are in the queue, in this order.
        until sage-flock --status x.lock | grep -q "actor $name"; do :; done
    done
    leaves A
    for name in B C D E; do
        expect "$name in"
        expect "$name out"
    done
}

@test "who gives up or is ended while waiting is out of everybody's way at once" {
    on_etcd
    export SAGE_FLOCK_LEASE=600
    writer_in_between_ends_by TERM
    ends W 143
}

@test "held by an ancestor: run, but exclusive under shared is refused; the variable alone lets nobody in" {
    on_etcd
    nested_in_exclusive_runs
    upgrade_is_refused
    nested_with_another_in_between
    sage-flock x.lock sage-flock x.lock sage-flock -s x.lock true
    held=$(sage-flock x.lock sh -c 'echo "$SAGE_FLOCK_HELD"')
    shared_in_shared_runs
    leaves W
    ends W 0
    held_by B x.lock
    SAGE_FLOCK_HELD=$held says 1 '' sage-flock -n x.lock true
}

@test "a lock on etcd in one in a file, and the other way round" {
    on_etcd
    sage-flock ./file.lock sage-flock x.lock sage-flock ./file.lock sage-flock x.lock true
}

@test "--status names holders and waiters, and lists the locks of the folder" {
    on_etcd
    held_by A x.lock
    start B -s x.lock
    expect_waiting shared x.lock B
    held_by C y.lock
    sage-flock --status | tee status
    grep -q '^x.lock  1 holds, 1 waits, oldest .* s$' status
    grep -q "^  holds  *exclusive  *$(pid A)@$(uname -n) .* actor A$" status
    grep -q '^  waits .*shared .*actor B' status
    grep -q '^y.lock  1 holds for .* s$' status
    grep -q '^  holds .*actor C' status
    [ "$(wc -l <status)" = 6 ]
    sage-flock --status --json x.lock | "$PYTHON" -c '
import json, sys
lock, = json.load(sys.stdin)
assert [(one["state"], one["mode"], one["host"]) for one in lock["users"]] == [
    ("holds", "exclusive", sys.argv[1]), ("waits", "shared", sys.argv[1])], lock
assert [one["package"] for one in lock["users"]] == [None, None], lock' "$(uname -n)"
}

@test "a sweep that began after the call serves it, a failed one nobody" {
    on_etcd
    one_sweep_serves_all
    run sage-flock --coalesce --key all sweep.lock false
    [ "$status" = 1 ]
    [ "$(sage-flock --coalesce --key all sweep.lock echo again)" = again ]
    sage-flock -s --key all --mark mark sweep.lock true
    sage-flock --coalesce --key all sweep.lock true
    sage-flock --coalesce --key all --mark mark sweep.lock false
}

@test "whoever waits reminds of it" {
    on_etcd
    held_by A x.lock
    SAGE_FLOCK_REMINDER=0.2 start B x.lock
    expect_waiting exclusive x.lock B
    expect "sage-flock: still waiting after 0.* for exclusive lock x.lock to run 'actor B', 1st in line: held by *'actor A'*"
    expect "sage-flock: still waiting after *"
}

@test "whoever waits longer than a lease keeps its place, and so does whoever runs" {
    on_etcd
    export SAGE_FLOCK_LEASE=1           # which etcd makes 2
    held_by A x.lock
    SAGE_FLOCK_REMINDER=5 start B x.lock
    expect_waiting exclusive x.lock B
    SAGE_FLOCK_LEASE=60 start C x.lock
    expect_waiting exclusive x.lock C
    expect "sage-flock: still waiting after 5.* for *held by *'actor A' for *"
    leaves A
    gets exclusive x.lock B
}

@test "the log has a line for each step" {
    on_etcd
    SAGE_FLOCK_LOG=log sage-flock x.lock true
    [ "$(sed 's/.*"event": "\([a-z]*\)".*/\1/' log | tr '\n' ' ')" = 'asked got ran released ' ]
    grep -q "\"lock\": \"$SAGE_LOCK_DIR/x.lock\"" log
}

@test "a waiter lends its job slot" {
    on_etcd
    cat >Makefile <<'MAKE'
all: held waits other
held: ; +@sage-flock -q x.lock sh -c 'echo held; read -r _ <go'
waits: ; +@sage-flock -q x.lock echo waited
other: ; @echo other; echo >go
MAKE
    mkfifo go
    # Two slots, one by the holder, one by the waiter, and the third has to run.
    run "$MAKE" -s -j2 PATH="$PATH"
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 3 ]
}

@test "the command under -F and -o is watched over all the same" {
    on_etcd
    run sage-flock -F x.lock sh -c 'sage-flock --status x.lock; exit 5'
    [ "$status" = 5 ]
    [[ $output = *holds*exclusive* ]]
    sage-flock -o x.lock true
    nothing_left
}

@test "the wrapper killed: the command is stopped, with all that it runs, and the lock is free" {
    on_etcd
    make_gate A
    # A shell that does not exec what it runs.
    # shellcheck disable=SC2016 # the command's variable
    launch A sage-flock x.lock sh -c 'sh -c "echo \$\$ >inner; exec actor A"; :'
    expect 'A in'
    start B x.lock
    expect_waiting exclusive x.lock B
    kill -KILL "$(pid A)"
    expect "sage-flock: x.lock: the sage-flock that held it was killed: its command is stopped"
    gets exclusive x.lock B
    [[ $(ps -o stat= -p "$(cat inner)") = @(|Z*) ]]     # it may be that nobody has buried it yet
}

@test "wrapper, keeper and command killed: the lock is free after its lease" {
    on_etcd
    export SAGE_FLOCK_LEASE=2
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    keeper=$(ps -A -o pid= -o ppid= | awk -v parent="$(pid A)" '$2 == parent {print $1}')
    # shellcheck disable=SC2086 # several
    kill -STOP $keeper "$(pid A)"       # or the keeper has a moment to see the wrapper go
    # shellcheck disable=SC2086
    kill -KILL "$(pid A)" $keeper
    gets exclusive x.lock B
}

@test "the lease lost: the command is stopped, said, 125; the next one comes in when it is gone" {
    on_etcd
    export SAGE_FLOCK_LEASE=3
    make_gate A
    # shellcheck disable=SC2016 # the command's variable
    launch A sage-flock x.lock sh -c 'echo "$SAGE_FLOCK_HELD" >held; exec actor A'
    expect 'A in'
    start B x.lock
    expect_waiting exclusive x.lock B
    held=$(cat held)
    raw /v3/lease/revoke "{\"ID\": \"$((16#${held##*/}))\"}"
    for _ in 1 2 3; do expect '*'; done >heard
    grep -qx '  sage-flock: x.lock: lost while the command ran: its lease has ended; it was stopped' heard
    grep -qx '  B in' heard
    ends A 125
}

@test "the server away while the command runs: stopped in time, said, 125" {
    on_etcd
    mkdir other
    new_etcd other
    on_etcd other
    export SAGE_FLOCK_LEASE=3
    held_by A x.lock
    kill -STOP "$(cat other/0.pid)"
    lost='sage-flock: x.lock: lost while the command ran: no etcd server answers: 127.0.0.1:*'
    expect "$lost: no answer in time; it was stopped"
    ends A 125
    start B -q x.lock
    kill -CONT "$(cat other/0.pid)"
    expect 'B in'
    kill -KILL "$(cat other/0.pid)"
    expect "$lost: Connection refused; it was stopped"
    ends B 125
    end_etcd other
}

@test "the server away while waiting: said, 125" {
    on_etcd
    mkdir other
    new_etcd other
    on_etcd other
    SAGE_FLOCK_LEASE=20 start A x.lock
    expect 'A in'
    SAGE_FLOCK_LEASE=2 start B x.lock
    expect_waiting exclusive x.lock B
    kill -KILL "$(cat other/0.pid)"
    expect 'sage-flock: x.lock: no etcd server answers: 127.0.0.1:*: Connection refused'
    ends B 125
    end_etcd other
}

@test "a server that does not answer is reported before it is given up, and with -q it is not" {
    on_etcd
    mkdir other
    new_etcd other
    on_etcd other
    kill -STOP "$(cat other/0.pid)"
    start Q -q y.lock
    start A x.lock
    expect 'sage-flock: x.lock: no answer from etcd yet (127.0.0.1:*: no answer in time): trying for [78].* s more'
    kill -CONT "$(cat other/0.pid)"
    expect '[QA] in'
    expect '[QA] in'
    leaves Q
    ends Q 0
    leaves A
    ends A 0
    kill -KILL "$(cat other/0.pid)"
    start B x.lock
    expect 'sage-flock: x.lock: no answer from etcd yet (127.0.0.1:*: Connection refused): trying for [78].* s more'
    kill -KILL -- "-$(pid B)"
    end_etcd other
}

@test "no server at the start, or something else there: one line each, 125" {
    on_etcd
    export SAGE_FLOCK_LEASE=1
    SAGE_LOCK_DIR=etcd://127.0.0.1:1,127.0.0.1:2/test says 125 \
        'sage-flock: x.lock: no etcd server answers: 127.0.0.1:1: Connection refused; 127.0.0.1:2: Connection refused' \
        sage-flock x.lock true
    says 125 'sage-flock: etcd://*: no etcd server answers: no-such-host.invalid:1: *' \
        sage-flock etcd://no-such-host.invalid:1/x.lock true
    while IFS='|' read -r mode line; do
        fake "$mode"
        says 125 "sage-flock: x.lock: no etcd server answers: $(cat "$STAGE/fake"): $line" sage-flock x.lock true
    done <<'MODES'
garbage|its reply is no HTTP
length|its reply is no HTTP
page|its reply is not etcd's: <html>welcome</html>
list|its reply is not etcd's: \[1, 2, 3\]
half|its reply is not etcd's: {"header":{"clust
broken|HTTP 502 Bad Gateway: sorry
empty|the connection was closed
endless|no answer in time
MODES
}

@test "an address that is none: usage, 2" {
    on_etcd
    for url in etcd:///x etcd://host:port/x etcd://host:99999/x 'etcd://a:1,/x'; do
        says 2 "sage-flock: $url*: * it goes HOST:PORT" env SAGE_LOCK_DIR="$url" sage-flock x.lock true
    done
    says 2 'sage-flock: etcd://x.lock: names no lock: *' env SAGE_LOCK_DIR=etcd:// sage-flock x.lock true
    says 2 'sage-flock: etcd://host:1/: names no lock: *' sage-flock etcd://host:1/ true
    says 2 'sage-flock: SAGE_FLOCK_LEASE: *' env SAGE_FLOCK_LEASE=long sage-flock x.lock true
    says 2 'sage-flock: zookeeper://a/b/x.lock: *' env SAGE_LOCK_DIR=zookeeper://a/b sage-flock x.lock true
}

@test "a lock named by its address, through another server of the list, is the same" {
    on_etcd
    held_by A x.lock
    address=${SAGE_LOCK_DIR#etcd://}
    says 1 '' sage-flock -n "etcd://127.0.0.1:1,${address%%/*}//${address#*/}/x.lock" true
}

@test "each request done twice, its first answer lost: nothing comes of it" {
    on_etcd
    address=${SAGE_LOCK_DIR#etcd://}
    address=${address%%/*}
    folder=$SAGE_LOCK_DIR
    fake twice "${address##*:}"
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    says 1 '' sage-flock -n x.lock true
    leaves A
    gets exclusive x.lock B
    leaves B
    ends A 0
    ends B 0
    for _ in 1 2 3; do
        says 3 '' sage-flock -n x.lock sh -c 'exit 3'
        says 4 '' sage-flock -n -s x.lock sh -c 'exit 4'
        says 0 'swept' sage-flock --coalesce --key k x.lock echo swept
    done
    SAGE_LOCK_DIR=$folder
    nothing_left
}

@test "what servers say is read, whatever has become of Python's own names for that" {
    cat >read.py <<'END'
import sys
sys.path.insert(0, sys.argv[1])
kind = sys.argv[2]

class Other(object):
    """_json, and it is another one."""
    @staticmethod
    def make_scanner(context):
        if kind == 'refuses':
            raise AttributeError('context.something_new')
        return {'other arguments': lambda text: text, 'other value': lambda text, at: 7}.get(kind)

if kind != 'as it is':
    sys.modules['_json'] = None if kind == 'none' else Other
from sage_flock.etcd import http
if kind != 'as it is':
    del sys.modules['_json']
if http._read(b' {"a": [1, "\\u00e9", true, null, 1.5]}\n'.decode('ascii')) != {
        'a': [1, b'\xe9'.decode('latin-1'), True, None, 1.5]}:
    sys.exit('wrong')
for bad in '', '{', '{"a": 1} 2', '[' * 100000:
    try:
        http._read(bad + b''.decode('ascii'))
    except ValueError:
        continue
    sys.exit('read: ' + bad[:9])
END
    for kind in 'as it is' none refuses nothing 'other arguments' 'other value'; do
        run "$PYTHON" -S -E read.py "$ROOT/build" "$kind"
        echo "$kind: $output"
        [ "$status" = 0 ]
    done
}

@test "user and password: right, wrong, missing; a token that is no longer good is renewed" {
    on_etcd
    mkdir other
    new_etcd other
    on_etcd other
    raw /v3/auth/role/add '{"name": "root"}'
    raw /v3/auth/user/add '{"name": "root", "password": "secret"}'
    raw /v3/auth/user/grant '{"user": "root", "role": "root"}'
    raw /v3/auth/enable '{}'
    ETCDCTL_USER=root:secret sage-flock x.lock true
    ETCDCTL_USER=root ETCDCTL_PASSWORD=secret sage-flock x.lock true
    says 125 'sage-flock: x.lock: etcd refuses: authentication failed, invalid user ID or password' \
        env ETCDCTL_USER=root:guess sage-flock x.lock true
    says 125 'sage-flock: x.lock: etcd refuses: user name is empty' sage-flock x.lock true
    ETCDCTL_USER=root:secret start A x.lock
    expect 'A in'
    ETCDCTL_USER=root:secret SAGE_FLOCK_LEASE=2 start B x.lock
    expect_waiting exclusive x.lock B
    # A new password, even the same one, ends all tokens given out before.
    token=$(raw /v3/auth/authenticate '{"name": "root", "password": "secret"}' | sed 's/.*"token": "\(.*\)".*/\1/')
    raw /v3/auth/user/changepw '{"name": "root", "password": "secret"}' "$token"
    leaves A
    gets exclusive x.lock B
    ETCDCTL_USER=root:secret sage-flock --status x.lock | grep -q 'actor B'
    end_etcd other
}

@test "user and password where none is asked for do no harm" {
    on_etcd
    ETCDCTL_USER=root:secret sage-flock x.lock true
}

@test "TLS: with a certificate of the right authority, and of a wrong one" {
    on_etcd
    needs openssl
    mkdir other wrong
    for folder in other wrong; do
        make_certificates "$folder"
    done
    new_etcd other --tls
    on_etcd other
    by_number=$SAGE_LOCK_DIR
    SAGE_LOCK_DIR=${SAGE_LOCK_DIR/127.0.0.1/localhost}
    export ETCDCTL_CACERT=$PWD/other/ca.pem ETCDCTL_CERT=$PWD/other/client.pem ETCDCTL_KEY=$PWD/other/client.key
    held_by A x.lock
    start B x.lock
    expect_waiting exclusive x.lock B
    leaves A
    gets exclusive x.lock B
    export SAGE_FLOCK_LEASE=2
    says 125 'sage-flock: y.lock: no etcd server answers: localhost:*: TLS: *certificate verify failed*' \
        env ETCDCTL_CACERT="$PWD/wrong/ca.pem" sage-flock y.lock true
    env ETCDCTL_CACERT= ETCDCTL_INSECURE_SKIP_TLS_VERIFY=true sage-flock y.lock true
    says 125 'sage-flock: y.lock: no etcd server answers: localhost:*: TLS: *' \
        env ETCDCTL_CERT="$PWD/wrong/client.pem" ETCDCTL_KEY="$PWD/wrong/client.key" sage-flock y.lock true
    says 125 'sage-flock: y.lock: no etcd server answers: 127.0.0.1:*: TLS: *127.0.0.1*' \
        env SAGE_LOCK_DIR="$by_number" sage-flock y.lock true
    says 125 "sage-flock: ETCDCTL_CACERT: /none: No such file or directory" \
        env ETCDCTL_CACERT=/none sage-flock y.lock true
    says 125 "sage-flock: ETCDCTL_CERT: /none: No such file or directory" \
        env ETCDCTL_CERT=/none sage-flock y.lock true
    unset ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
    says 125 'sage-flock: y.lock: no etcd server answers: localhost:*: *' \
        sage-flock y.lock true
    end_etcd other
}

@test "three servers: one killed and restarted, the leader paused: none together, nobody stuck" {
    on_etcd
    "$PYTHON" "$ROOT/tests/etcd/chaos.py" --rounds=20 --pause=3
}
