# The fragments: what $(SAGE_FLOCK) and the steps built on it mean in make and in each shell.
# every make
load lib

# makefile LINE...: writes a Makefile that includes the fragments named in `fragments`, and then has these lines.
makefile() {
    {
        for fragment in ${fragments:-flock}; do
            echo "include $ROOT/build/make/$fragment.mk"
        done
        printf '%s\n' "$@"
    } >Makefile
}

# in_each_shell COMMAND: runs it with $shell set to each shell in turn.
in_each_shell() {
    for shell in "${SHELL_UNDER_TEST:-sh}" dash bash mksh ksh zsh 'busybox sh'; do
        command -v "${shell%% *}" >/dev/null || continue
        echo "in $shell"
        "$@"
    done
}

gated_pip() {
    cat >pip <<'EOF'
#!/bin/sh
for package; do :; done
exec actor "$package"
EOF
    chmod +x pip
}

@test "a macro is the lock, in a recipe" {
    makefile 'A B:; @$(SAGE_FLOCK) x.lock actor $@'
    make_gate A; make_gate B
    launch A "$MAKE" A;         expect 'A in'
    launch B "$MAKE" B;         expect_waiting exclusive x.lock B
    leaves A
    expect 'sage-flock: got *'; expect 'B in'
    leaves B
    ends A 0; ends B 0
}

@test "shared ones are inside together, and an exclusive one is not" {
    makefile 'A B:; @$(SAGE_FLOCK_SHARED) x.lock actor $@' 'C:; @$(SAGE_FLOCK) x.lock actor $@'
    make_gate A; make_gate B; make_gate C
    launch AB "$MAKE" -j2 A B;  expect '[AB] in'; expect '[AB] in'
    launch C "$MAKE" C;         expect_waiting exclusive x.lock C
    leaves A
    leaves B
    expect 'sage-flock: got *'; expect 'C in'
}

@test "SAGE_FLOCK_POOL lets in as many as SAGE_FLOCK_POOL_DEPTH says, a target's own or everybody's" {
    makefile 'A B C D:; @$(SAGE_FLOCK_POOL) x.lock actor $@' 'C: SAGE_FLOCK_POOL_DEPTH = 1'
    make_gate A; make_gate B; make_gate C; make_gate D
    launch AB "$MAKE" -j2 SAGE_FLOCK_POOL_DEPTH= A C;   expect '* in';  expect 'sage-flock: waiting for pool *: 1 of 1 in use: *'
    kill -KILL -- "-$(pid AB)"
    launch AB env SAGE_FLOCK_POOL_DEPTH=2 "$MAKE" -j2 A B;  expect '[AB] in';  expect '[AB] in'
    launch D env SAGE_FLOCK_POOL_DEPTH=2 "$MAKE" D;         expect 'sage-flock: waiting for pool *: 2 of 2 in use: *'
    leaves A
    gets pool x.lock D
    leaves B
    launch C "$MAKE" C;                                     expect 'sage-flock: waiting for pool *: 1 of 1 in use: *'
    leaves D
    gets pool x.lock C
}

@test "by default SAGE_FLOCK_POOL lets in half as many as there are cores, in recipes and in scripts below them" {
    for cores in 1:1 2:1 3:1 8:4 2000:256; do
        mkdir -p bin
        printf '#!/bin/sh\necho %s\n' "${cores%:*}" >bin/nproc
        chmod +x bin/nproc
        printf 'echo $(SAGE_FLOCK_POOL)' >script
        makefile 'all:; @echo $(SAGE_FLOCK_POOL); $(SHELL) ./script' 'one: SAGE_FLOCK_POOL_DEPTH = 7' 'one: all'
        PATH=$PWD/bin:$PATH run "$MAKE" -s
        [ "${#lines[@]}" = 2 ]
        [[ ${lines[0]} == *"/sage-flock --pool ${cores#*:}" ]]
        [ "${lines[1]}" = "${lines[0]}" ]
        PATH=$PWD/bin:$PATH run "$MAKE" -s one
        [[ ${lines[0]} == *"/sage-flock --pool 7" ]]
        [ "${lines[1]}" = "${lines[0]}" ]
    done
}

@test "the same words mean the same in each shell, below make and without it" {
    export SAGE_LOCAL=$PWD
    echo '$(SAGE_FLOCK) x.lock sh -c "! tool rival var/lock/x.lock" && echo alone' >script
    echo '$(SAGE_FLOCK_SHARED) x.lock $(SAGE_FLOCK_SHARED) -n ./var/lock/x.lock echo shared' >>script
    makefile 'all:; @$(SHELL_FOR_IT) ./script'
    in_each_shell says_alone_and_shared
}

says_alone_and_shared() {
    [ "$("$MAKE" -s SHELL_FOR_IT="$shell")" = "alone
shared" ]
    [ "$(env -u SAGE_FLOCK_PYTHON PATH="$ROOT/build/bin:$PATH" $shell ./script)" = "alone
shared" ]
}

@test "in a shell without the kit, and without a Python, the command does not run" {
    echo '$(SAGE_FLOCK) x.lock touch ran' >script
    in_each_shell does_not_run
}

does_not_run() {
    local status=0
    $shell ./script || status=$?
    [ "$status" = 127 ]
    status=0
    env -u SAGE_FLOCK_PYTHON PYTHON=/nowhere/python PATH="$ROOT/build/bin:$PATH" $shell ./script || status=$?
    [ "$status" = 127 ]
    [ ! -e ran ]
}

@test "without a Python make says so in one line and runs nothing" {
    makefile 'all:; touch ran'
    run "$MAKE" PYTHON=/nowhere/python
    [ "$status" = 2 ]
    [ "${#lines[@]}" = 1 ]
    [[ $output = *'sage-flock: no Python: none of these works: /nowhere/python.'* ]]
    [ ! -e ran ]
}

@test "an empty macro is an error, not a step that is skipped" {
    makefile 'all:; $(SAGE_FLOCK_SHARED) x.lock touch ran'
    run "$MAKE" SAGE_FLOCK=
    [ "$status" = 2 ]
    [[ $output = *'SAGE_FLOCK is empty'* ]]
}

@test "the interpreter is looked for once, whatever runs below, and shims are left behind" {
    mkdir bin
    printf '#!/bin/sh\necho shim >>%s/calls\nexec %s "$@"\n' "$PWD" "$PYTHON" >bin/python
    chmod +x bin/python
    makefile 'all:; @$(SAGE_FLOCK) x.lock true; $(MAKE) below; printf "\$$(SAGE_FLOCK) x.lock true" >s; sh ./s' \
        'below:; @$(SAGE_FLOCK) x.lock true'
    env -u PYTHON PATH="$PWD/bin:$PATH" "$MAKE"
    [ "$(cat calls)" = shim ]
}

@test "-n, -q and -t run nothing of a line that hands over job slots, and all else runs it" {
    makefile '.PHONY: all' 'all:' '	$(SAGE_FLOCK_SLOTS)@$(SAGE_FLOCK) x.lock touch ran'
    for flags in -n -q -t --dry-run -nk '-n -j2' '-k -n -j2 X=1' '-t -j2' '-q -j2' '-n n=1'; do
        "$MAKE" $flags || :
        [ ! -e ran ] || { echo "with $flags it ran"; false; }
    done
    for flags in '' -k -j2 '-j2 -k' '-s -j2 n=1' 'q=n' '--no-print-directory -j2'; do
        "$MAKE" $flags
        [ -e ran ] || { echo "with $flags it did not run"; false; }
        rm ran
    done
}

@test "whichever way a make from 3.81 to 4.4.1 writes MAKEFLAGS, -n, -q and -t are seen, and nothing else is taken for them" {
    # The macro as it is, but for whose flags it looks at.
    mkdir make
    ln -s "$ROOT/build/bin" bin
    sed 's/[$](MAKEFLAGS)/$(FLAGS)/g' "$ROOT/build/make/flock.mk" >make/flock.mk
    # shellcheck disable=SC2016 # make's
    printf '%s\n' 'include make/flock.mk' '$(info <$(SAGE_FLOCK_SLOTS)>)' 'all:' >asks
    says() {        # says PREFIX FLAGS...: what SAGE_FLOCK_SLOTS is with each of FLAGS
        prefix=$1
        shift
        for flags; do
            run env -u MAKEFLAGS FLAGS="$flags" "$MAKE" -s -f asks
            [ "${lines[0]}" = "<$prefix>" ] || { echo "with '$flags': $output"; return 1; }
        done
    }
    says '' n q t kn knqs 'n --no-print-directory' ' --no-print-directory -n' ' --no-print-directory -sqnk' \
        ' --warn-undefined-variables -q' ' --no-print-directory -t --jobserver-fds=3,4 -j' 'n -j4' 'q -I/usr/n' 'n -Onone' \
        'n -j4 --jobserver-auth=fifo:/tmp/GMfifo1' 'n -- X=1' 'kn -l2 -- X=1' 'tnk --jobserver-fds=3,4 -j' \
        ' --no-print-directory -n -- X=1' ' --no-print-directory --jobserver-fds=3,4 -j -n'
    says + '' k ks w ' -j4' ' -Otarget' ' -j2 -Otarget' ' -Onone -j4' ' -I/usr/nqt' ' -Iinc/nqt --no-print-directory' \
        ' --no-print-directory' ' --no-print-directory -sk' ' --no-print-directory -k --jobserver-fds=3,4 -j' \
        'k --jobserver-fds=3,4 -j' 's -j4 --jobserver-auth=3,4' ' -j4 --jobserver-auth=fifo:/tmp/GMfifo-nqt' \
        ' -l2.5 --warn-undefined-variables' ' -- X=-n' 'k -- X=n' ' -- X=a\ -n' ' --no-print-directory -- X=1 Y=-q' \
        ' --no-print-directory -k -- n=1 X=a|-t'
}

@test "a make below such a line has the job slots" {
    makefile 'all:' '	$(SAGE_FLOCK_SLOTS)@$(SAGE_FLOCK) x.lock sh -c "$$M -f below"'
    echo 'all:; @echo below' >below
    export M=$MAKE
    run "$MAKE" -s -j2
    [ "$status" = 0 ]
    [[ $output != *jobserver* ]]
    [[ $output = *below* ]]
}

@test "fragments have no targets, and may be included from anywhere, any number of times" {
    fragments='uninstall flock pip uninstall rebase rebase' makefile 'mine:; @echo mine'
    [ "$("$MAKE" -s)" = mine ]
    [ "$(cd / && "$MAKE" -s -C "$OLDPWD")" = mine ]
    run "$MAKE" -p -n -f "$ROOT/build/make/uninstall.mk" none
    [[ $output = *'No rule to make target'* ]]
}

@test "the tree's lock folder holds the locks, and an unset tree is no tree" {
    makefile 'all:; @$(SAGE_FLOCK) x.lock true'
    "$MAKE" SAGE_LOCAL="$PWD/tree"
    [ -e tree/var/lock/x.lock ]
    "$MAKE"
    [ -e x.lock ]
}

@test "installs share pip.lock, and an uninstall has it alone" {
    gated_pip
    fragments=pip makefile 'A B:; @$(PIP_INSTALL) $@' 'C:; @$(PIP_UNINSTALL) $@'
    make_gate A; make_gate B; make_gate C
    launch AB "$MAKE" -j2 PIP=./pip A B;    expect '[AB] in'; expect '[AB] in'
    launch C "$MAKE" PIP=./pip C;           expect 'sage-flock: waiting for exclusive lock pip.lock *'
    leaves A
    leaves B
    expect 'sage-flock: got *';             expect 'C in'
    launch A "$MAKE" PIP=./pip A;           expect 'sage-flock: waiting for shared lock pip.lock *'
    leaves C
}

@test "while it waits for rebase.lock, an uninstall holds no pip.lock" {
    fragments=uninstall makefile 'C:; @$(UNINSTALL) C'
    held_by A rebase.lock
    launch C "$MAKE" C;         expect 'sage-flock: waiting for shared lock rebase.lock *'
    free pip.lock
    leaves A
    expect 'sage-flock: got *'
}

@test "while it waits for pip.lock, an uninstall holds rebase.lock shared" {
    fragments=uninstall makefile 'C:; @$(UNINSTALL) C'
    held_by B -s pip.lock
    launch C "$MAKE" C
    expect 'sage-flock: waiting for exclusive lock pip.lock *'
    taken rebase.lock
    held_by D -s rebase.lock
}

@test "where nothing needs a rebase it takes no lock" {
    [ "$(uname -s)" = Linux ] || skip 'not here'
    fragments=rebase makefile 'all:; @$(REBASE)'
    "$MAKE"
    [ ! -e rebase.lock ]
}

@test "a rebase has the tree to itself, and gets its DLLs, in order, on a list" {
    mkdir -p tree/lib tree/var/build
    touch tree/lib/b.dll tree/lib/a.dll tree/lib/c.txt tree/var/build/d.dll
    printf '#!/bin/sh\necho "$1 $2"\ncat "$3"\nexec actor R\n' >stand-in
    chmod +x stand-in
    fragments=rebase makefile 'all:; @$(REBASE)' 'W:; @$(NO_REBASE) actor W'
    make_gate R; make_gate W
    export SAGE_REBASE=$PWD/stand-in SAGE_LOCAL=$PWD/tree
    launch R "$MAKE";           expect '-O -T'
    expect "$PWD/tree/lib/a.dll"; expect "$PWD/tree/lib/b.dll"; expect 'R in'
    launch W "$MAKE" W;         expect_waiting shared rebase.lock W
    leaves R
    expect 'sage-flock: got *'; expect 'W in'
    ends R 0
}

# rebased: the arguments of the tree's rebase, if there was one.
rebased() {
    SAGE_LOCAL=$PWD/tree SAGE_REBASE="${1:-echo}" "$ROOT/build/bin/sage-rebase"
}

@test "a tree whose DLLs are as they were after the last rebase is not rebased again" {
    mkdir -p tree/lib
    echo one >'tree/lib/a b.dll'
    given="-O -T $PWD/tree/var/rebase.list"
    [ "$(rebased)" = "$given" ]
    [ "$(rebased)" = '' ]
    [ "$(rebased 'echo again')" = "again $given" ]
    fails rebased false
    [ "$(rebased)" = "$given" ]

    echo two >tree/lib/new.so
    [ "$(rebased)" = "$given" ]
    rm tree/lib/new.so
    [ "$(rebased)" = "$given" ]

    touch -r 'tree/lib/a b.dll' before
    echo two >new
    touch -r before new
    mv new 'tree/lib/a b.dll'
    [ "$(rebased)" = "$given" ]
    echo 333 >'tree/lib/a b.dll'
    touch -r before 'tree/lib/a b.dll'
    [ "$(rebased)" = "$given" ]
    [ "$(rebased)" = '' ]
}

@test "a library is one whatever version its name ends with, and once, not under each of its links" {
    mkdir -p tree/lib
    for name in libz.so.1.3.1 libpng16.so.16 plain.so mac.dylib cyg.dll; do
        echo >"tree/lib/$name"
    done
    ln -s libz.so.1.3.1 tree/lib/libz.so.1
    echo >tree/lib/notes.so.txt
    echo >tree/lib/libz.a
    rebased
    [ "$(sed 's|.*/||' tree/var/rebase.list)" = 'cyg.dll
libpng16.so.16
libz.so.1.3.1
mac.dylib
plain.so' ]
}

@test "without SAGE_REBASE it is the command of that name" {
    mkdir -p tree/lib bin
    echo >tree/lib/a.dll
    printf '#!/bin/sh\necho "$1 $2"\n' >bin/rebase
    chmod +x bin/rebase
    [ "$(unset SAGE_REBASE; SAGE_LOCAL=tree PATH=$PWD/bin:$PATH "$ROOT/build/bin/sage-rebase")" = '-O -T' ]
    [ "$(cat tree/var/rebase.list)" = tree/lib/a.dll ]
}

@test "a rebase that is not due takes no lock, and one that may be does" {
    mkdir -p tree/lib
    fragments=rebase makefile 'all:; @$(REBASE)'
    export SAGE_REBASE='echo rebased' SAGE_LOCAL=$PWD/tree
    held_by A "$PWD/tree/var/lock/rebase.lock"
    launch N "$MAKE"
    ends N 0
    echo >tree/lib/a.dll
    launch M "$MAKE"
    expect 'sage-flock: waiting for exclusive lock rebase.lock *'
    leaves A
    expect 'sage-flock: got *'
    expect 'rebased *'
    ends M 0
    held_by B "$PWD/tree/var/lock/rebase.lock"
    launch N "$MAKE"
    ends N 0
    expect_nothing_more
}

@test "a rebase, and a pip that uninstalls, ended by TERM: the lock is kept until they have ended" {
    mkdir -p tree/lib tree/var/installed/p
    echo >tree/lib/a.dll
    echo p >tree/var/installed/p/requirements.txt
    echo 1 >tree/var/installed/p/version
    printf "#!/bin/sh\ntrap '' HUP INT TERM\nexec actor R\n" >stubborn
    chmod +x stubborn
    make_gate R
    export SAGE_REBASE=$PWD/stubborn SAGE_PIP=$PWD/stubborn SAGE_LOCAL=$PWD/tree
    for step in sage-rebase 'sage-spkg-uninstall p'; do
        for signal in HUP TERM; do
            # shellcheck disable=SC2086 # two words
            launch S sage-flock x.lock "$ROOT/build/bin/"$step
            expect 'R in'
            kill -s "$signal" "$(pid S)"
            start W$signal -n x.lock
            ends W$signal 1
            taken "$PWD/tree/var/lock/x.lock"
            open_gate R
            expect 'R out'
            [ "$step" = sage-rebase ] || expect 'p 1: uninstalled'
            ends S 0
            rm -f tree/var/rebase.list.done "$STAGE/W$signal.gate"
            mkdir -p tree/var/installed/p
            echo p >tree/var/installed/p/requirements.txt
            echo 1 >tree/var/installed/p/version
        done
    done
}

@test "what two trees call by the same relative name is rebased for each" {
    fragments=rebase makefile '$(info $(REBASE_KEY))' 'all:; @true'
    mkdir other
    cp Makefile other
    here=$(SAGE_LOCAL=local "$MAKE")
    there=$(SAGE_LOCAL=local "$MAKE" -C other)
    [[ $here = *"$PWD/local"* ]]
    [[ $there = *"$PWD/other/local"* ]]
}

@test "with REBASE_MARK a rebase that began after a step is the step's, whenever it asks" {
    mkdir -p tree/lib
    touch tree/lib/a.dll
    fragments=rebase makefile 'REBASE_MARK = $@.mark' 'install:; @$(NO_REBASE) true' 'rebase:; @mv install.mark $@.mark' \
        '	@$(REBASE)' 'sweep:; @$(REBASE)'
    export SAGE_REBASE='echo swept' SAGE_LOCAL=$PWD/tree
    "$MAKE" install
    "$MAKE" sweep
    touch tree/lib/b.dll
    run "$MAKE" rebase
    echo "$output"
    [ "$status" = 0 ]
    [[ $output = "sage-flock: rebase.lock: a 'sage-rebase' that began after rebase.mark was written"* ]]
}

@test "a tree without DLLs is rebased by doing nothing" {
    mkdir tree
    SAGE_LOCAL=$PWD/tree SAGE_REBASE=false "$ROOT/build/bin/sage-rebase"
}

@test "a rebase that fails says which command did, and ends like it" {
    mkdir -p tree/lib
    echo >tree/lib/a.dll
    printf '#!/bin/sh\nexit 5\n' >fails-5
    chmod +x fails-5
    PATH=$PWD:$PATH run rebased 'fails-5 --now'
    [ "$status" = 5 ]
    [ "$output" = "sage-rebase: fails-5 --now -O -T $PWD/tree/var/rebase.list: failed with status 5" ]
    run rebased no-such-rebase
    [ "$status" = 127 ]
    [ "${lines[${#lines[@]} - 1]}" = "sage-rebase: no-such-rebase -O -T $PWD/tree/var/rebase.list: failed with status 127" ]
}

@test "a tree that cannot be read is named in one line" {
    mkdir -p tree/lib tree/var tree/shut
    echo >tree/lib/a.dll
    chmod 0 tree/shut
    SAGE_LOCAL=$PWD/tree SAGE_REBASE=echo run as_mere_mortal "$ROOT/build/bin/sage-rebase"
    chmod 700 tree/shut
    [ "$status" = 125 ]
    [ "$output" = "sage-rebase: $PWD/tree/shut: cannot be read: Permission denied" ]
}

@test "the executables know a wrong command line when they see it" {
    for tool in sage-rebase sage-spkg sage-spkg-uninstall; do
        for words in --what 'a b c'; do
            run env SAGE_LOCAL="$PWD" "$ROOT/build/bin/$tool" $words
            [ "$status" = 2 ]
            [[ $output = usage:* ]]
            [ "${#lines[@]}" = 1 ]
        done
    done
    run "$ROOT/build/bin/sage-log"
    [ "$status" = 2 ]
}

# Most of it would not fail on make 3.81, which takes `X != Y` for a variable called `X !`.
@test "nothing is used that GNU make 3.81 lacks" {
    for word in '^[[:space:]]*define [^ ]* *[:?+!]*=' '!=' '::=' '\.ONESHELL' '\.SHELLFLAGS' '\.RECIPEPREFIX' \
            '\.EXTRA_PREREQS' '\.SHELLSTATUS' '^ *private ' '^ *undefine ' '^ *-*load ' '&:' \
            '\$[({]\(file\|let\|intcmp\|guile\) '; do
        run grep -n -e "$word" "$ROOT"/build/make/*.mk "$ROOT/build/make/Makefile" "$ROOT/Makefile"
        [ "$status" = 1 ] || { echo "$output"; false; }
    done
}
