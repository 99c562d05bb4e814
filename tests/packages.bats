# The package build: what is in the tree after a build that went well, badly, or not to its end.
# every make
load lib

# The kit here, with packages of the test's making. SAGE_LOCAL has a name that a pattern would misread.
setup_kit() {
    copy_kit
    mkdir pkgs
    export SAGE_PKGS=$PWD/pkgs SAGE_LOCAL="$PWD/tree.[x]"
}

# The files themselves, even should build be a link: a test overwrites one.
copy_kit() {
    mkdir build
    cp -RP "$ROOT/build/." build
    cp "$ROOT/Makefile" .
}

kit() {
    (kit_itself "$@")
}

# What `launch` starts with this is make, and not a shell that waits for it.
kit_itself() {
    exec "$MAKE" --no-print-directory -f build/make/Makefile "$@"
}

# package NAME [DEPENDENCY...]: a package which installs what the standard input, a shell script, says; $P is the
# tree as it is staged.
package() {
    local name=$1
    shift
    mkdir "pkgs/$name"
    echo 1.0 >"pkgs/$name/version"
    echo default >"pkgs/$name/type"
    echo "$@" >"pkgs/$name/dependencies"
    { echo 'set -e; P=$SAGE_DESTDIR$SAGE_LOCAL; mkdir -p "$P/lib"'; cat; } >"pkgs/$name/spkg-install"
}

simple() {
    local name=$1
    shift
    package "$name" "$@" <<<"echo \$SAGE_PKG_VERSION >\"\$P/lib/$name\""
}

# What is in the tree, the kit's own files aside.
tree() {
    (cd "$SAGE_LOCAL" && find . -path ./var -prune -o ! -name . -print) | LC_ALL=C sort
}

# newer FILE...: changes in its time, so that make sees it.
newer() {
    touch -t 203001010000 "$@"
}

# hears GLOB: as expect, but for the last lines of makes, which come when they may.
hears() {
    local line
    while IFS= read -r -t "$PATIENCE" -u 9 line; do
        echo "  $line"
        [[ ! $line =~ ^[0-9]+\ (of\ [0-9]+\ )?packages?\ in\  ]] || continue
        # shellcheck disable=SC2053 # a pattern is what it is
        if [[ $line = $1 ]]; then
            return
        fi
        break
    done
    echo "^ where this was due: $1"
    return 1
}

# says_once COMMAND...: it fails as bad data does: status 2, and beside make's own last word one line.
says_once() {
    run "$@"
    echo "$output"
    [ "$status" = 2 ]
    [ "${#lines[@]}" = 2 ]
    [ ! -e "$SAGE_LOCAL" ]
}

# The install stands still before a file comes into this folder of the tree, until the gate is opened.
halt_at() {
    mkdir bin
    make_gate halt
    cat >bin/halting.py <<EOF
import os, sys
link = os.link
def halt(source, target):
    if os.path.dirname(target) == b'$SAGE_LOCAL/$1':
        open('$STAGE/events', 'w').write('in the middle\\n')
        open('$STAGE/halt.gate').readline()
        os.link = link
    link(source, target)
os.link = halt
del sys.argv[0]
__file__ = sys.argv[0]
exec(compile(open(__file__).read(), __file__, 'exec'))
EOF
    cat >bin/python <<EOF
#!/bin/sh
case "\$*" in *sage_spkg*) shift 2; set -- -S -E "$PWD/bin/halting.py" "\$@" ;; esac
exec "$PYTHON" "\$@"
EOF
    chmod +x bin/python
}

package_of_two_files() {
    package a <<<'mkdir -p "$P/bin" "$P/lib"; echo >"$P/bin/one"; echo >"$P/lib/two"'
}

# Its install, when one of them is in the tree and the other is not.
stand_in_the_middle() {
    halt_at lib
    SAGE_FLOCK_PYTHON=$PWD/bin/python launch M kit_itself "$@"
    hears 'a 1.0: building, log in *'
    expect 'in the middle'
}

@test "dependencies first, and a second make does nothing" {
    setup_kit
    package a b c <<<'cat "$SAGE_LOCAL/lib/b" "$SAGE_LOCAL/lib/c" >"$P/lib/a"'
    simple b c
    simple c
    kit -j8
    [ "$(cat "$SAGE_LOCAL/lib/a")" = "1.0
1.0" ]
    run kit -j8
    [ "$output" = 'nothing to do: all 3 packages are installed' ]
    kit -q
}

@test "-n, -q and -t build nothing" {
    setup_kit
    simple a
    kit -n
    fails kit -q
    fails kit -t
    [ ! -e "$SAGE_LOCAL" ]
}

@test "another version: the old one goes, the new one comes, and so do those that depend on it" {
    setup_kit
    package a <<<'echo >"$P/lib/a-$SAGE_PKG_VERSION"'
    simple b a
    simple c
    kit
    echo 2.0 >pkgs/a/version
    newer pkgs/a/version
    run kit
    [[ $output = *'a 1.0: uninstalled'*'a 2.0: installed'*'b 1.0: installed'* ]]
    [[ $output != *'c 1.0'* ]]
    [ "$(tree)" = './lib
./lib/a-2.0
./lib/b
./lib/c' ]
}

@test "an uninstall takes out what is the package's, and the folders that nobody needs any more" {
    setup_kit
    package a <<<'mkdir -p "$P/lib/mine/deep"; echo >"$P/lib/mine/deep/a"; echo >"$P/lib/a"; ln -s a "$P/lib/link"'
    simple b
    kit
    run kit a-uninstall
    [ "$status" = 0 ]
    [ "$output" = 'a 1.0: uninstalled' ]
    [ "$(tree)" = './lib
./lib/b' ]
    run kit a-uninstall
    [ "$status" = 0 ]
    [ "$output" = 'a: not installed' ]
    kit
    [ -e "$SAGE_LOCAL/lib/mine/deep/a" ]
}

@test "files come and go whatever they are called" {
    setup_kit
    package a <<<'for n in " two  blanks " "quo\"te" "it'\''s" -f "back\\slash" "*" "\$HOME" "#"; do echo >"$P/lib/$n"; done'
    kit
    [ "$(find "$SAGE_LOCAL/lib" -type f | wc -l)" -eq 8 ]
    kit a-uninstall
    [ "$(tree)" = '' ]
}

@test "folders come and go whatever they are called, in every locale, and CDPATH leads nowhere else" {
    setup_kit
    package a <<<'for d in -d "caf$(printf "\\351")" bin; do mkdir "$P/$d"; echo >"$P/$d/f"; done; cd bin 2>/dev/null || :'
    mkdir -p home/bin
    echo mine >home/bin/mine
    LC_ALL=C.UTF-8 CDPATH=$PWD/home kit
    [ "$(cat home/bin/*)" = mine ]
    [ "$(find "$SAGE_LOCAL" -name f | wc -l)" -eq 3 ]
    LC_ALL=C.UTF-8 CDPATH=$PWD/home kit a-uninstall
    [ "$(tree)" = '' ]
}

@test "what is there, of another package or nobody's, is not overwritten" {
    setup_kit
    simple a
    package b a <<<'echo b >"$P/lib/a"'
    package c a <<<'echo c >"$P/lib/mine"'
    mkdir -p "$SAGE_LOCAL/lib"
    echo mine >"$SAGE_LOCAL/lib/mine"
    run kit -k
    [ "$status" = 2 ]
    [[ $output = *"sage-spkg: b: $SAGE_LOCAL/lib/a belongs to a"* ]]
    [[ $output = *"sage-spkg: c: $SAGE_LOCAL/lib/mine is there already"* ]]
    [ "$(cat "$SAGE_LOCAL/lib/a" "$SAGE_LOCAL/lib/mine")" = "1.0
mine" ]
    run kit list
    [[ $output = *'b '*' -'* ]]
}

@test "a package cannot reach out of the tree" {
    setup_kit
    mkdir outside
    package a <<<'echo >"$SAGE_DESTDIR/escaped"'
    package b <<<'mkdir -p "$P/var/lock"; echo >"$P/var/lock/pip.lock"'
    package c <<<'mkdir "$P/link"; echo >"$P/link/file"'
    mkdir -p "$SAGE_LOCAL"
    ln -s ../outside "$SAGE_LOCAL/link"
    run kit -k
    [[ $output = *"a: outside of $SAGE_LOCAL: /escaped"* ]]
    [[ $output = *"b: $SAGE_LOCAL/var is where the kit keeps its own files"* ]]
    [[ $output = *"c: $SAGE_LOCAL/link is there already"* ]]
    [ "$(ls outside)" = '' ]
    [ "$(tree)" = ./link ]
}

@test "a failure shows the log's end and its place, and leaves the older version" {
    setup_kit
    simple a
    kit
    echo 'echo the reason; exit 3' >>pkgs/a/spkg-install
    echo 2.0 >pkgs/a/version
    newer pkgs/a/version
    run kit
    [ "$status" = 2 ]
    [[ $output = *"a 2.0: FAILED after "*", the end of tree.[x]/var/log/a.log:"*"the reason"* ]]
    [ "$(cat "$SAGE_LOCAL/lib/a")" = 1.0 ]
    run kit list
    [[ $output = *'a '*2.0*default*1.0* ]]
}

@test "a file that another package is about to bring is not brought a second time" {
    setup_kit
    package_of_two_files
    package b <<<'echo b >"$P/lib/two"'
    stand_in_the_middle a
    kit b
    open_gate halt
    hears '* a 1.0: FAILED *'
    expect '    sage-spkg: a: */lib/two belongs to b'
    ends M 2
    [ "$(tree)" = './lib
./lib/two' ]
    [ "$(cat "$SAGE_LOCAL/lib/two")" = b ]
    [ ! -e "$SAGE_LOCAL/var/installed/a" ]
}

@test "killed in the middle of an install, or of its undoing, a package takes out no file that has become another's" {
    setup_kit
    package_of_two_files
    package b <<<'echo b >"$P/lib/two"'
    stand_in_the_middle a
    kill -KILL -- "-$(pid M)"
    kit b
    kit a-uninstall
    [ "$(cat "$SAGE_LOCAL/lib/two")" = b ]
    kit b-uninstall
    kit a
    # As a kill leaves it when one of the two has gone.
    state=$SAGE_LOCAL/var/installed/a
    rm "$state/version"
    mkdir -p "$state/out/lib"
    mv "$SAGE_LOCAL/lib/two" "$state/out/lib"
    kit b
    kit a-uninstall
    [ "$(tree)" = './lib
./lib/two' ]
    [ "$(cat "$SAGE_LOCAL/lib/two")" = b ]
}

@test "a new version that brings another package's file does not cost the old one" {
    setup_kit
    simple a
    simple b
    kit
    echo 'echo >"$P/lib/a"' >>pkgs/b/spkg-install
    newer pkgs/b/spkg-install
    run kit
    [ "$status" = 2 ]
    [[ $output = *"sage-spkg: b: $SAGE_LOCAL/lib/a belongs to a"* ]]
    [ "$(cat "$SAGE_LOCAL/lib/b" "$SAGE_LOCAL/var/installed/b/version")" = '1.0
1.0' ]
}

@test "killed in the middle of an install: the next make starts again" {
    setup_kit
    package_of_two_files
    stand_in_the_middle
    kill -KILL -- "-$(pid M)"
    [ "$(tree)" = './bin
./bin/one
./lib' ]
    run kit list
    [[ $output = *'a '*1.0*default*-* ]]
    run kit
    [ "$status" = 0 ]
    [[ $output = *'a: took out what an interrupted run had left'*'a 1.0: installed'* ]]
    [ "$(tree)" = './bin
./bin/one
./lib
./lib/two' ]
}

@test "killed in the middle of an install: an uninstall leaves nothing" {
    setup_kit
    package_of_two_files
    stand_in_the_middle
    kill -KILL -- "-$(pid M)"
    kit a-uninstall
    [ "$(tree)" = '' ]
}

@test "stopped in the middle of an install: nothing of it is left" {
    setup_kit
    package_of_two_files
    group=
    for signal in TERM INT HUP; do
        # Make passes on TERM, and leaves the others to the terminal, which sends them to all.
        [ "$signal" = TERM ] || group=-
        while true; do
            while IFS= read -r -t 0.01 -u 9 line; do echo "  $line"; done   # make's own words
            rm -rf bin "$STAGE/halt.gate"
            stand_in_the_middle
            kill -s "$signal" -- "$group$(pid M)"
            open_gate halt
            heard=$(hears '*a*: *')
            [[ $heard = *' a 1.0: installed in '* ]] || break
            # The gate was faster than the signal; then it is whole.
            fails wait "$(pid M)"
            [ "$(cat "$SAGE_LOCAL/var/installed/a/version")" = 1.0 ]
            kit a-uninstall
        done
        [[ $heard = *'a: took out what an interrupted run had left' ]]
        hears '* a 1.0: stopped after * s, nothing of it is left'
        fails wait "$(pid M)"
        [ "$(tree)" = '' ]
    done
}

@test "stopped while it compiles: the compiler goes, too" {
    setup_kit
    make_gate never
    package a <<<'sh -c "echo \$\$ >compiler; echo compiling >$STAGE/events; read -r _ <$STAGE/never.gate"; true'
    launch M kit_itself
    hears 'a 1.0: building, log in *'
    expect 'compiling'
    compiler=$(cat "$SAGE_LOCAL"/var/build/a/*/work/compiler)
    kill -TERM "$(pid M)"
    hears '* a 1.0: stopped after *'
    # It has been asked to stop, and is gone as soon as it gets around to it.
    for _ in $(seq 200); do
        kill -0 "$compiler" 2>/dev/null || return 0
        sleep 0.1
    done
    false
}

@test "each thing that can be wrong with a package is one line, before anything is done" {
    setup_kit
    simple a
    simple b
    export MAKE_KIT="$MAKE --no-print-directory -f build/make/Makefile"

    mkdir pkgs/c;                           says_once $MAKE_KIT; [[ $output = *'/pkgs/c: has no version'* ]]
    echo 1.0 >pkgs/c/version
    echo default >pkgs/c/type;              says_once $MAKE_KIT
    [[ $output = *'/pkgs/c: has neither spkg-install nor requirements.txt'* ]]
    echo true >pkgs/c/spkg-install
    echo nosuch >pkgs/c/dependencies;       says_once $MAKE_KIT
    [[ $output = *'/pkgs/c: depends on nosuch, which is no package'* ]]
    echo a >pkgs/c/dependencies
    echo b >pkgs/a/dependencies
    echo c >pkgs/b/dependencies;            says_once $MAKE_KIT
    [[ $output = *': depends on itself: '*' -> '*' -> '*' -> '* ]]
    rm pkgs/b/dependencies
    echo maybe >pkgs/c/type;                says_once $MAKE_KIT; [[ $output = *"/pkgs/c: its type is 'maybe'"* ]]
    rm -r pkgs/c
    cp -R pkgs/a 'pkgs/a b';                says_once $MAKE_KIT; [[ $output = *'/pkgs/a b: a package name is'* ]]
    mv 'pkgs/a b' pkgs/all;                 says_once $MAKE_KIT; [[ $output = *'/pkgs/all: is a goal of make'* ]]
    rm -r pkgs/all
    kit
}

@test "a requirements.txt that does not pin its version, and a folder with a blank" {
    setup_kit
    simple pip
    simple a
    rm pkgs/a/spkg-install
    echo 'a>=1.0' >pkgs/a/requirements.txt
    says_once "$MAKE" -f build/make/Makefile
    [[ $output = *'/pkgs/a: requirements.txt does not pin its version'* ]]
    run kit SAGE_LOCAL="$PWD/two words"
    [ "$status" = 2 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output = *'may have a blank in its name'* ]]
    [ ! -e 'two words' ]
}

@test "a package that no package is" {
    setup_kit
    simple a
    run kit nosuch
    [ "$status" = 2 ]
    [[ $output = *'sage-flock: make nosuch: no such goal or package'* ]]
    run kit nosuch-uninstall
    [ "$status" = 2 ]
}

@test "an install script has the compiler, the tree's commands, job slots and the lock" {
    setup_kit
    package a <<<'echo "echo found" >"$P/tool"; chmod +x "$P/tool"; mkdir "$P/bin"; mv "$P/tool" "$P/bin"'
    package b a <<'EOF'
tool
printf 'all: left right\nleft right:; @echo $@\n' >below
$MAKE -f below
$CC --version >/dev/null
$(SAGE_FLOCK) rebase.lock sh -c 'echo "locked: $SAGE_FLOCK_HELD"'
echo "$SAGE_PKG $SAGE_PKG_VERSION" >"$P/lib/b"
EOF
    kit -j3
    run cat "$SAGE_LOCAL/var/log/b.log"
    echo "$output"
    for said in found left right 'locked: */rebase.lock/'; do
        [[ $output = *$said* ]]
    done
    [[ $output != *jobserver* ]]
    [ "$(cat "$SAGE_LOCAL/lib/b")" = 'b 1.0' ]
}

# Package a notes each time that it is built and waits at its gate; b reads its header, notes that and waits.
two_with_gates() {
    make_gate a
    make_gate b
    package a <<EOF
echo \$SAGE_PKG_VERSION >>$STAGE/built-a; echo 'a at work' >$STAGE/events; read -r _ <$STAGE/a.gate
mkdir "\$P/include"; echo \$SAGE_PKG_VERSION >"\$P/include/a.h"
EOF
    package b a <<EOF
echo \$SAGE_PKG_VERSION >>$STAGE/built-b; echo 'b at work' >$STAGE/events; read -r _ <$STAGE/b.gate
cat "\$SAGE_LOCAL/include/a.h" >"\$P/lib/b"
EOF
}

@test "two makes in one tree: each package is built once, and the later make goes on where the first is" {
    setup_kit
    two_with_gates
    launch M kit_itself
    hears 'a 1.0: building, log in *'
    expect 'a at work'
    launch N kit_itself
    expect 'a 1.0: waiting: another make*'
    expect "a: waiting for exclusive package-a.lock, 1st in line: held by * 'sage-spkg a'"
    open_gate a
    # One has b in hand, and the other waits for that.
    heard=
    while [[ $heard != *'|b at work'* || $heard != *'|b: waiting for exclusive package-b.lock, '* ]]; do
        IFS= read -r -t "$PATIENCE" -u 9 line
        echo "  $line"
        heard="$heard|$line"
    done
    [[ $heard = *'|[1/2] a 1.0: installed in '* ]]
    [[ $heard = *'|[1/2] a 1.0: is installed already'* ]]
    [[ $heard = *'|b 1.0: waiting: another make'* ]]
    open_gate b
    ends M 0
    ends N 0
    [ "$(cat "$STAGE/built-a" "$STAGE/built-b")" = '1.0
1.0' ]
    [ "$(cat "$SAGE_LOCAL/lib/b")" = 1.0 ]
}

@test "what a killed make left running counts: the next make waits for it and builds nothing twice" {
    setup_kit
    two_with_gates
    launch M kit_itself a
    hears 'a 1.0: building, log in *'
    expect 'a at work'
    kill -KILL "$(pid M)"
    launch N kit_itself a
    expect 'a 1.0: waiting: another make*'
    expect "a: waiting for exclusive package-a.lock, 1st in line: held by * 'sage-spkg a'"
    open_gate a
    hears '*a 1.0: installed in *'
    hears 'a: got package-a.lock after *'
    hears '* a 1.0: is installed already'
    ends N 0
    [ "$(cat "$STAGE/built-a")" = 1.0 ]
}

@test "a package that another make builds with is neither replaced nor uninstalled meanwhile" {
    setup_kit
    two_with_gates
    for what in a a-uninstall; do
        rm -f "$STAGE/built-b"
        open_gate a
        kit a
        hears 'a at work'
        launch M kit_itself
        hears 'b 1.0: building, log in *'
        expect 'b at work'
        [ $what = a-uninstall ] || newer pkgs/a/version
        launch N kit_itself $what
        [ $what = a-uninstall ] || expect 'a 1.0: waiting: another make*'
        expect 'a: waiting for exclusive package-a.lock, *'
        [ -e "$SAGE_LOCAL/include/a.h" ]
        open_gate b
        hears '* b 1.0: installed in *'
        ends M 0
        hears 'a: got package-a.lock after *'
        if [ $what = a ]; then
            hears 'a 1.0: building, log in *'
            hears 'a at work'
            open_gate a
            hears 'a 1.0: uninstalled'
            hears '* a 1.0: installed in *'
        else
            hears 'a 1.0: uninstalled'
            hears 'a: still needed by b'
        fi
        ends N 0
        kit b-uninstall a-uninstall
    done
}

@test "a build that asks for itself, or uninstalls what it builds with, fails and does not wait for itself" {
    setup_kit
    simple a
    package b a <<<'for goal in b a-uninstall; do ! $MAKE -f "$KIT" $goal || exit 1; done; $MAKE -f "$KIT" a; echo >"$P/lib/b"'
    export KIT=$PWD/build/make/Makefile
    kit -j2
    [ "$(grep -c 'sage-spkg: [ab]: the build that asks for it' "$SAGE_LOCAL/var/log/b.log")" = 2 ]
    [ -e "$SAGE_LOCAL/lib/a" ]
}

@test "two makes at random offsets, the first one killed or not: each package is built once" {
    run "$PYTHON" "$ROOT/tests/drivers/pairs.py" --rounds="${ROUNDS:-4}"
    echo "$output"
    [ "$status" = 0 ]
}

@test "any change in a package's folder is seen, whatever the file is called and however old it is" {
    setup_kit
    simple a
    echo 1 >'pkgs/a/a file.c'
    echo 1 >'pkgs/a/lt~x.m4'
    ln -s ../../elsewhere pkgs/a/link
    kit
    for change in "echo 22 >'pkgs/a/a file.c'" "echo 22 >pkgs/a/lt~x.m4" "touch -t 200001010000 pkgs/a/lt~x.m4" \
            "rm 'pkgs/a/a file.c'" "echo 1 >elsewhere" "mkdir pkgs/a/more" "chmod +x pkgs/a/spkg-install"; do
        kit -q
        eval "$change"
        fails kit -q
        kit
    done
    mkdir pkgs/a/__pycache__
    kit -q
}

@test "a tool that merely must be there first: it comes first, and a new one rebuilds nothing" {
    setup_kit
    package a <<<'cat "$SAGE_LOCAL/lib/tool" >"$P/lib/a"'
    echo ' | tool   # to make it with' >pkgs/a/dependencies
    simple tool
    kit -j2 a
    echo 2.0 >pkgs/tool/version
    run kit -j2
    [ "$status" = 0 ]
    [[ $output = *'tool 2.0: installed'* ]]
    [[ $output != *'a 1.0'* ]]
    run kit tool-uninstall
    [ "$output" = 'tool 2.0: uninstalled
tool: still needed by a' ]
}

@test "spkg-install is run by what its first line names, else by a shell that stops at a failure" {
    setup_kit
    simple a
    simple b
    printf 'mkdir -p "$SAGE_DESTDIR$SAGE_LOCAL"\nfalse\necho >"$SAGE_DESTDIR$SAGE_LOCAL/a"\n' >pkgs/a/spkg-install
    printf '#!%s -e\na=(one two)\nmkdir -p "$SAGE_DESTDIR$SAGE_LOCAL"\necho ${a[1]} >"$SAGE_DESTDIR$SAGE_LOCAL/b"\n' \
        "$BASH" >pkgs/b/spkg-install
    run kit -k
    [ "$status" = 2 ]
    [[ $output = *'a 1.0: FAILED'* ]]
    [ "$(tree)" = ./b ]
    [ "$(cat "$SAGE_LOCAL/b")" = two ]
}

@test "a package whose folder has gone is listed, and can be uninstalled" {
    setup_kit
    simple a
    simple b
    kit
    rm -r pkgs/b
    run kit list
    [[ $output = *'
b '*' - '*' gone '*' 1.0' ]]
    kit
    run kit b-uninstall
    [ "$output" = 'b 1.0: uninstalled' ]
    [ "$(tree)" = './lib
./lib/a' ]
    run kit list
    [[ $output != *b* ]]
}

@test "what is stopped or refused says what stays, and leaves no work behind unless that is wanted" {
    setup_kit
    two_with_gates
    open_gate a
    kit a
    IFS= read -r -u 9 _
    echo 2.0 >pkgs/a/version
    launch M kit_itself a
    hears 'a 2.0: building, log in *'
    expect 'a at work'
    kill -TERM "$(pid M)"
    hears '* a 2.0: stopped after * s, 1.0 stays'
    fails wait "$(pid M)"
    [ "$(ls "$SAGE_LOCAL/var/build")" = '' ]
    echo 'echo >"$P/lib/mine"; touch "$P/../big"' >pkgs/a/spkg-install
    run kit a
    [ "$status" = 2 ]
    [[ $output != *'took out'* ]]
    [[ $output = *'a 2.0: FAILED after 0 s, 1.0 stays, the end of '* ]]
    [ "$(ls "$SAGE_LOCAL/var/build")" = '' ]
    run kit a KEEP=yes
    [ -n "$(find "$SAGE_LOCAL/var/build/a" -name spkg-install)" ]
    [ "$(cat "$SAGE_LOCAL/include/a.h")" = 1.0 ]
}

@test "what cannot come in after the older version has gone: that is put back" {
    setup_kit
    package_of_two_files
    kit
    echo 2.0 >pkgs/a/version
    echo 'echo >"$P/lib/more"' >>pkgs/a/spkg-install
    package b <<<'echo b >"$P/lib/more"'
    halt_at lib
    SAGE_FLOCK_PYTHON=$PWD/bin/python launch M kit_itself a
    hears 'a 2.0: building, log in *'
    hears 'a 1.0: uninstalled'
    expect 'in the middle'
    kit b
    open_gate halt
    hears '* a 2.0: FAILED after * s, 1.0 stays, *'
    expect '    sage-spkg: a: */lib/more belongs to b'
    ends M 2
    [ "$(tree)" = './bin
./bin/one
./lib
./lib/more
./lib/two' ]
    [ "$(cat "$SAGE_LOCAL/lib/more" "$SAGE_LOCAL/var/installed/a/version")" = 'b
1.0' ]
    kit a-uninstall b-uninstall
    [ "$(tree)" = '' ]
}

@test "who waits for a lock is shown on the screen, not in the log" {
    setup_kit
    simple a
    held_by A "$SAGE_LOCAL/var/lock/rebase.lock"
    launch M kit_itself
    hears 'a 1.0: building, log in *'
    expect "a: waiting for shared rebase.lock, 1st in line: held by $(pid A) 'actor A' for *"
    [ "$(tree)" = '' ]
    leaves A
    hears 'a: got rebase.lock after *'
    hears '* a 1.0: installed in * s'
}

@test "an install is in the log of locks, though it has to wait for nobody" {
    setup_kit
    simple a
    kit
    run "$PYTHON" - "$SAGE_LOCAL/var/log/locks.jsonl" <<'EOF'
import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    print('%s %s %s %s' % (event['event'], event['lock'].split('/')[-1], event['mode'], event['package']))
EOF
    [ "$output" = 'asked rebase.lock shared a
got rebase.lock shared a
asked pip.lock shared a
got pip.lock shared a
released pip.lock shared a
released rebase.lock shared a' ]
}

@test "an install waits for pip.lock, which an uninstall has" {
    setup_kit
    simple a
    held_by A "$SAGE_LOCAL/var/lock/pip.lock"
    launch M kit_itself
    hears 'a 1.0: building, log in *'
    expect "a: waiting for shared pip.lock, 1st in line: held by $(pid A) 'actor A' for *"
    [ "$(tree)" = '' ]
    leaves A
    hears 'a: got pip.lock after *'
    hears '* a 1.0: installed in * s'
    ends M 0
}

# The stand-in for Cygwin's rebase fails when another touches a DLL meanwhile. Package b comes while it sweeps for a.
rebase_while_b_comes() {
    for name in a b; do
        package $name <<<"echo >\"\$P/lib/$name.dll\""
    done
    make_gate sweep
    export SAGE_REBASE="$PYTHON $ROOT/tests/drivers/rebase-stand-in.py"
    export REBASE_STAND_IN="echo sweeping >$STAGE/events; read -r _ <$STAGE/sweep.gate"
    launch A kit_itself a
    hears 'a 1.0: building, log in *'
    hears '* a 1.0: installed *'
    hears 'sweeping'
    launch B kit_itself b
    hears 'b 1.0: building, log in *'
}

@test "a rebase and an install keep out of each other's way" {
    setup_kit
    rebase_while_b_comes
    expect 'b: waiting for shared rebase.lock, 1st in line: held by * a for *'
    open_gate sweep
    ends A 0
    hears 'b: got rebase.lock after *'
    hears '* b 1.0: installed *'
    hears 'sweeping'
    open_gate sweep
    ends B 0
}

@test "and without locks they do not" {
    setup_kit
    cp "$ROOT/tests/drivers/stand-in.py" build/bin/sage-flock
    rebase_while_b_comes
    hears '* b 1.0: installed *'
    hears 'sweeping'
    open_gate sweep
    open_gate sweep
    ends A 2
}

# ---- What the screen shows of a build

@test "each package that is done has its number, and the last line says what it was in all" {
    setup_kit
    package a b c <<<'echo >"$P/lib/a"'
    simple b c
    simple c
    run kit
    echo "$output"
    [ "${lines[0]}" = 'c 1.0: building, log in tree.[x]/var/log/c.log' ]
    [[ ${lines[1]} = '[1/3] c 1.0: installed in '*' s' ]]
    [[ ${lines[3]} = '[2/3] b 1.0: installed in '*' s' ]]
    [[ ${lines[5]} = '[3/3] a 1.0: installed in '*' s' ]]
    [[ ${lines[6]} = '3 packages in '*' s; nobody waited' ]]
    [ "${#lines[@]}" = 7 ]
    [ "$(ls "$SAGE_LOCAL/var/plans")" = '' ]
    # Only what is due counts, whichever way it was asked for; and a check is counted, too.
    newer pkgs/b/version
    run kit b
    [[ $output = *'[1/1] b 1.0: installed in '*'
1 package in '*' s; nobody waited' ]]
    run kit check-c a
    echo "$output"
    [[ $output = *'/2] c 1.0: checked in '* ]]
    [[ $output = *'2 packages in '*' s; nobody waited' ]]
    # From elsewhere a log has its whole path.
    run "$MAKE" --no-print-directory -C / -f "$PWD/build/make/Makefile" check-c
    echo "$output"
    [[ $output = "c 1.0: building, log in $SAGE_LOCAL/var/log/c.log"* ]]
}

@test "the last line adds up who waited" {
    setup_kit
    simple a
    held_by A "$SAGE_LOCAL/var/lock/rebase.lock"
    launch M kit_itself
    hears 'a 1.0: building, log in *'
    expect 'a: waiting for shared rebase.lock, *'
    leaves A
    expect 'a: got rebase.lock after *'
    expect '[[]1/1[]] a 1.0: installed in * s'
    expect '1 package in * s; locks: [0-9]* s waited, [0-9]* s of job slots lost'
    ends M 0
}

@test "a build that fails says at its end what failed and what is left undone" {
    setup_kit
    package a <<<'exit 1'
    simple b a
    simple c b
    simple d
    simple e a
    touch pkgs/e/spkg-install
    run kit -k
    echo "$output"
    [ "$status" = 2 ]
    [[ $output = *'/5] a 1.0: FAILED after '* ]]
    [[ $output = *'
failed: a
left undone: b, c, e
1 of 5 packages in '*' s; nobody waited'* ]]
    [ "$(grep -c ' packages in ' <<<"$output")" = 1 ]
    [ "$(ls "$SAGE_LOCAL/var/plans")" = '' ]
    run kit
    [ "$status" = 2 ]
    [[ $output = *'
failed: a
left undone: b, c, e
0 of 4 packages in '* ]]
    # What make goes on with in spite of it is no less counted.
    run kit -i
    [ "$status" = 0 ]
    [ "$(grep -c ' of 4 packages in ' <<<"$output")" = 1 ]
    [[ $output = *' of 4 packages in '*'; nobody waited' ]]
}

@test "without -k the last line comes when what was begun has ended" {
    setup_kit
    make_gate a
    make_gate b
    package a <<<"echo a at work >$STAGE/events; read -r _ <$STAGE/a.gate; exit 1"
    package b <<<"echo b at work >$STAGE/events; read -r _ <$STAGE/b.gate; echo >\"\$P/lib/b\""
    simple c a
    launch M kit_itself -j2
    for _ in 1 2 3 4; do IFS= read -r -t "$PATIENCE" -u 9 line; echo "  $line"; done
    open_gate a
    hears '[[]1/3[]] a 1.0: FAILED *'
    hears '    sage-spkg: a: spkg-install failed'
    open_gate b
    while [[ $line != *'b 1.0: installed'* ]]; do IFS= read -r -t "$PATIENCE" -u 9 line; echo "  $line"; done
    [[ $line = '[2/3] '* ]]
    expect 'failed: a'
    expect 'left undone: c'
    expect '1 of 3 packages in *; nobody waited'
    ends M 2
}

@test "who is killed is missed: the last line comes all the same" {
    setup_kit
    make_gate a
    package a <<<"echo \$PPID >$STAGE/spkg; echo a at work >$STAGE/events; read -r _ <$STAGE/a.gate"
    simple b a
    make_gate c
    package c <<<"echo c at work >$STAGE/events; read -r _ <$STAGE/c.gate; echo >\"\$P/lib/c\""
    launch M kit_itself -k -j2
    for _ in 1 2 3 4; do IFS= read -r -t "$PATIENCE" -u 9 line; echo "  $line"; done
    kill -KILL "$(cat "$STAGE/spkg")"
    hears 'make: [*][*][*] *'
    open_gate a
    open_gate c
    hears '[[]1/3[]] c 1.0: installed in *'
    expect 'killed: a'
    expect 'left undone: b'
    expect '1 of 3 packages in *'
    ends M 2
}

@test "each of two makes in one tree has its own numbers and its last line; the plan of a killed one goes" {
    setup_kit
    two_with_gates
    mkdir -p "$SAGE_LOCAL/var/plans"
    touch "$SAGE_LOCAL/var/plans/$(bash -c 'echo $$')"
    launch M kit_itself a
    hears 'a 1.0: building, log in *'
    expect 'a at work'
    [ "$(ls "$SAGE_LOCAL/var/plans")" = "$(pid M)" ]
    echo mine >"$SAGE_LOCAL/var/log/locks.jsonl"
    launch N kit_itself
    expect 'a 1.0: waiting: another make*'
    expect 'a: waiting for exclusive package-a.lock, *'
    open_gate b
    open_gate a
    said=
    for _ in 1 2 3 4 5 6 7 8; do
        IFS= read -r -t "$PATIENCE" -u 9 line
        echo "  $line"
        said="$said
$line"
    done
    ends M 0
    ends N 0
    [[ $said = *'
[1/1] a 1.0: installed in '* && $said = *'
1 package in '* ]]
    [[ $said = *'
[1/2] a 1.0: is installed already'*'
[2/2] b 1.0: installed in '*'
2 packages in '*'; locks: '* ]]
    # They have one log, which the next one puts aside.
    grep mine "$SAGE_LOCAL/var/log/locks.jsonl"
    simple c
    kit c
    grep mine "$SAGE_LOCAL/var/log/locks.1.jsonl"
}

@test "a make with nothing to do says so in one line" {
    setup_kit
    simple a
    simple b
    kit
    for words in all optional; do
        run kit "$words"
        [ "$status" = 0 ]
        echo "$output"
    done
    run kit a
    [ "$output" = 'nothing to do: a is installed' ]
    run kit b a
    [ "$output" = 'nothing to do: all 2 packages are installed' ]
    rm -r pkgs/b
    run kit
    [ "$output" = 'nothing to do: a is installed' ]
    [ "$(kit -q)$(kit -s)$(kit --silent)" = '' ]
    [[ $(kit -n) = *'Nothing to be done'* ]]
    # It leaves the log of the last build that did something.
    [ -s "$SAGE_LOCAL/var/log/locks.jsonl" ]
}

@test "a goal that there is not: what there is instead" {
    setup_kit
    simple numpy
    simple scipy
    kit
    instead() {
        run kit "$1"
        echo "$output"
        [ "$status" = 2 ]
        [ "${lines[0]}" = "sage-flock: make $1: no such goal or package$2" ]
        [[ ${lines[1]} = "    'make list' shows the packages"* ]]
        [[ ${lines[2]} = *'nothing done'* ]]
    }
    instead numpi ': did you mean numpy?'
    instead scipy-unistall ': did you mean scipy-uninstall or numpy-uninstall?'
    instead check-numpi ': did you mean check-numpy?'
    instead repotr ': did you mean report?'
    instead xyzzy ''
    instead test ": 'make check-NAME'"
    instead uninstall ": 'make NAME-uninstall'"
    instead "it's" ''
    # From the top, folders that have the name of a goal notwithstanding.
    for goal in test build tests numpi; do
        mkdir -p "$goal"
        run "$MAKE" "$goal"
        echo "$output"
        [ "$status" = 2 ]
        [[ $output = *"sage-flock: make $goal: no such goal or package: "*"'make help' the goals"* ]]
    done
    run "$MAKE" test
    [[ $output = *": 'make check' or 'make check-NAME'
"* ]]
}

@test "a list of names is folded at 80 columns, and a long one cut" {
    run "$PYTHON" - "$ROOT/build" <<'EOF'
import sys
sys.path.insert(0, sys.argv[1])
from sage_spkg import plan
print(plan.listed('failed', ['a', 'b']))
print(plan.listed('left undone', ['package-%d' % number for number in range(100)]))
EOF
    [ "${lines[0]}" = 'failed: a, b' ]
    [[ ${lines[1]} = 'left undone: package-0, package-1, '*, ]]
    [[ ${lines[2]} = '    package-'* ]]
    [[ $output = *' package-39, and 60 more' ]]
    for line in "${lines[@]}"; do
        [ "${#line}" -le 80 ]
    done
}

# sdist NAME VERSION: its archive in dist, and a package x of it as pip-compile pins one, by the archive's hash.
pinned() {
    mkdir -p "source/$1" dist
    echo "version = '$2'" >"source/$1/$1.py"
    printf 'Metadata-Version: 2.1\nName: %s\nVersion: %s\n' "$1" "$2" >"source/$1/METADATA"
    printf '[build-system]\nrequires = []\nbuild-backend = "plainwheel"\n' >"source/$1/pyproject.toml"
    (cd "source/$1" && "$SAGE_LOCAL/bin/python" -c "import plainwheel; plainwheel.build_sdist('../../dist')")
    mkdir -p "pkgs/${3:-$1}"
    echo "$2" >"pkgs/${3:-$1}/version"
    echo optional >"pkgs/${3:-$1}/type"
    echo plainwheel >"pkgs/${3:-$1}/dependencies"
    printf -- '--no-index\n--no-binary %s\n--find-links %s/dist\n%s==%s \\\n    --hash=sha256:%s\n' "$1" "$PWD" "$1" "$2" \
        "$(sha256sum "dist/$1-$2.tar.gz" | cut -d ' ' -f 1)" >"pkgs/${3:-$1}/requirements.txt"
}

version_of_x() {
    "$SAGE_LOCAL/bin/python" -c 'import x; print(x.version)'
}

@test "Python packages: pinned by hashes, one owner each, and no failure costs the older version" {
    setup_kit
    cp -R "$ROOT"/build/pkgs/venv "$ROOT"/build/pkgs/pip "$ROOT"/build/pkgs/plainwheel pkgs
    export PIP_NO_BUILD_ISOLATION=false PIP_NO_CACHE_DIR=1 SAGE_VENV_PYTHON=$PYTHON
    kit
    tree >before

    pinned x 1.0
    kit x
    [ "$(version_of_x)" = 1.0 ]
    "$SAGE_LOCAL/bin/python" -m pip check

    # Another package with the same distribution, and nobody's.
    pinned x 2.0 y
    run kit y
    [ "$status" = 2 ]
    [[ $output = *'sage-spkg: y: the Python distribution x belongs to x'* ]]
    pinned pip 99.0 z
    run kit z
    [[ $output = *'sage-spkg: z: the Python distribution pip belongs to pip'* ]]
    [ "$(version_of_x)" = 1.0 ]

    # Two wheels with one program: pip would overwrite it.
    for name in v w; do
        mkdir -p source/$name
        printf '[console_scripts]\nshared = %s:main\n[others]\nx = %s:x\n' $name $name >source/$name/entry_points.txt
        pinned $name 1.0
    done
    kit v
    run kit w
    [ "$status" = 2 ]
    [[ $output = *"sage-spkg: w: $SAGE_LOCAL/bin/shared belongs to v"* ]]
    grep 'from v import main' "$SAGE_LOCAL/bin/shared"
    pinned v 2.0
    kit v
    kit v-uninstall
    echo mine >"$SAGE_LOCAL/bin/shared"
    run kit w
    [[ $output = *"sage-spkg: w: $SAGE_LOCAL/bin/shared is there already, and no package's"* ]]
    rm "$SAGE_LOCAL/bin/shared"
    kit w
    grep 'from w import main' "$SAGE_LOCAL/bin/shared"
    kit w-uninstall
    [ ! -e "$SAGE_LOCAL/bin/shared" ]

    # An archive that is not the pinned one, and a pip that makes a wheel and does not install it.
    pinned x 2.0
    echo changed >>dist/x-2.0.tar.gz
    run kit x
    [ "$status" = 2 ]
    [[ $output = *'x 2.0: FAILED after '*', 1.0 stays, '*'DO NOT MATCH'* ]]
    pinned x 2.0
    cat >picky <<'EOF'
#!/bin/sh
case $* in *x-2.0-*) echo 'not this one'; exit 1 ;; esac
exec "$SAGE_LOCAL/bin/python" -m pip install --no-deps --no-input "$@"
EOF
    chmod +x picky
    run kit x PIP_INSTALL="$PWD/picky"
    echo "$output"
    [ "$status" = 2 ]
    [[ $output = *'x 2.0: FAILED after '*', 1.0 stays, '* ]]
    [ "$(version_of_x)" = 1.0 ]
    run kit list
    [[ $output = *'x '*' 2.0 '*' 1.0
'* ]]

    # A new pip rebuilds nothing but itself, a new environment all that is in it.
    kit x
    [ "$(version_of_x)" = 2.0 ]
    newer pkgs/pip/version
    run kit all x
    [[ $output = *'pip 1.0: installed'* ]]
    [[ $output != *'x 2.0'* ]]
    run kit x-uninstall
    [ "$output" = 'x 2.0: uninstalled' ]
    tree | grep -v __pycache__ | diff <(grep -v __pycache__ before) -
}

@test "the default packages at -j8, from the top: real ones, at work" {
    copy_kit
    "$MAKE" -j8 </dev/null
    run "$MAKE" -j8
    [[ $output = 'nothing to do: all '*' packages are installed' ]]
    [ "$("$MAKE" -s list | awk '$3 == "default" && $4 != $2')" = '' ]

    echo 'some words' >text
    local/bin/tiny pack text.tiny text
    mkdir out
    (cd out && ../local/bin/tiny unpack ../text.tiny)
    cmp text out/text
    [ "$(local/bin/tinygrep words text.tiny)" = 'text.tiny: text: 1' ]
    [ "$(wc -l <local/share/dll-list.txt)" -eq 3 ]
    local/bin/python -m pip check

    "$MAKE" tinyio-uninstall
    fails local/bin/python -c 'import tinyio'
    "$MAKE" clean
    [ ! -e local ]
}

@test "make install puts sage-flock where nothing of the checkout is needed" {
    copy_kit
    "$MAKE" install PREFIX=/opt/it DESTDIR="$PWD/dest"
    rm -rf build
    [ "$(cd / && "$OLDPWD/dest/opt/it/bin/sage-flock" "$OLDPWD/x.lock" echo hello)" = hello ]
    [ -n "$(find dest -name '*.pyc')" ]
}

@test "make uninstall takes away what make install put there, and nothing else" {
    copy_kit
    mkdir -p dest/opt/it/bin dest/opt/it/lib/other
    echo mine | tee dest/opt/it/bin/mine dest/opt/it/lib/other/mine >/dev/null
    find dest ! -type d | sort >before
    "$MAKE" install PREFIX=/opt/it DESTDIR="$PWD/dest"
    [ "$(find dest ! -type d -name 'sage-flock*' | grep -c -e /bin/ -e /man1/ -e /completions/)" -ge 6 ]
    # Whoever has put a command of that name there meanwhile keeps it.
    rm dest/opt/it/bin/sage-flock-report
    echo mine >dest/opt/it/bin/sage-flock-report
    "$MAKE" uninstall PREFIX=/opt/it DESTDIR="$PWD/dest"
    [ "$(cat dest/opt/it/bin/sage-flock-report)" = mine ]
    rm dest/opt/it/bin/sage-flock-report
    find dest ! -type d | sort | diff before -
    run "$MAKE" uninstall PREFIX=/opt/it DESTDIR="$PWD/dest"
    echo "$output"
    [ "$status" = 2 ]
    [[ $output = *"sage-flock: uninstall: nothing in $PWD/dest/opt/it"* ]]
}

@test "make install where nothing is called python: it runs on the one that there is" {
    copy_kit
    mkdir bin
    printf '#!/bin/sh\nexit 127\n' >bin/python
    chmod +x bin/python
    PATH=$PWD/bin:$PATH
    fails python -c ''
    "$MAKE" install PREFIX=/opt/it DESTDIR="$PWD/dest"
    [ "$(dest/opt/it/bin/sage-flock x.lock echo hello)" = hello ]
    dest/opt/it/bin/sage-flock-report --version
}

@test "make install goes where PREFIX says, or nowhere" {
    mkdir -p p 'p q'
    echo mine >p/keep
    for prefix in "$PWD/p q" relative; do
        for goal in install uninstall; do
            run "$MAKE" -C "$ROOT" "$goal" PREFIX="$prefix"
            echo "$output"
            [ "$status" = 2 ]
            [[ $output = *"sage-flock: $goal: "* ]]
        done
    done
    [ "$(cat p/keep)" = mine ]
    [ ! -e "$ROOT/relative" ]
    ln -s "$ROOT/Makefile" Makefile
    run "$MAKE" clean
    [ "$status" = 2 ]
    [[ $output = *'not through a link'* ]]
}
