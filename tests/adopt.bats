#!/usr/bin/env bats
# `make adopt`: the kit in a tree that is not ours. It works there, and no file of the tree's own is lost.
# every make

load lib

adopt() {
    run "$MAKE" -s -f "$ROOT/Makefile" adopt "$@"
    echo "$output"
}

# looks FOLDER: every name below it, with what it holds; bytecode comes and goes.
looks() {
    (cd "$1" && find . -name __pycache__ -prune -o ! -name '*.pyc' -print | LC_ALL=C sort | while IFS= read -r name; do
        if [ -f "$name" ]; then cksum "$name"; else echo "$name"; fi
        ls -ld "$name" | cut -c 1-10
    done)
}

# works_in FOLDER: a makefile with all four fragments of the kit there, and a script below it, run locked commands.
works_in() {
    # shellcheck disable=SC2016 # make's, and the script's
    printf '%s\n' 'export SAGE_LOCAL := $(CURDIR)/local' "include $1/make/uninstall.mk" \
        'all: ; @$(SAGE_FLOCK) x.lock echo recipe; sh ./script; $(NO_REBASE) true && $(REBASE); $(UNINSTALL) zlib' \
        'PIP = echo pip' 'UNINSTALLER = echo without' 'six: ; @$(PIP_INSTALL) six; $(PIP_UNINSTALL) six' >Makefile
    # shellcheck disable=SC2016
    printf '%s\n' '$(SAGE_FLOCK) x.lock sh -c "! tool rival local/var/lock/x.lock && echo script"' \
        '$(SAGE_FLOCK_SHARED) x.lock echo shared' '$(SAGE_FLOCK_COALESCE) x.lock echo swept' \
        '$(SAGE_FLOCK_POOL) link.lock echo linked' 'command -v sage-flock' >script
    run "$MAKE" -s
    echo "$output"
    [ "$output" = "recipe
script
shared
swept
linked
$(cd "$1" && pwd -P)/bin/sage-flock
without zlib" ]
    run "$MAKE" -s six
    echo "$output"
    [ "${lines[0]}" = 'pip install --no-deps --no-input --disable-pip-version-check six' ]
    : >local/zlib.dll
    run "$MAKE" -s SAGE_REBASE='echo rebased'
    [[ $output = *'rebased -O -T '*/local/var/rebase.list$'\n'* ]]
    "$PYTHON" -S -E "$1/bin/sage-flock-report" --version
}

# sages_tree FOLDER: Sage's names with other things in them, but for sage-flock, and a program that needs them.
sages_tree() {
    mkdir -p "$1/bin" "$1/sage_bootstrap/compat"
    echo "open('$PWD/sage.log', 'a').write('imported\\n')" >"$1/sage_bootstrap/__init__.py"
    echo 'def main(): print("a package")' >"$1/sage_bootstrap/cmdline.py"
    echo 'from sage_bootstrap.compat.other import Parser; urllib = "of Sage"' >"$1/sage_bootstrap/compat/__init__.py"
    echo 'Parser = "Parser of Sage"' >"$1/sage_bootstrap/compat/other.py"
    cat >"$1/bin/sage-package" <<'END'
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
from sage_bootstrap import compat, cmdline
print("%s, %s" % (compat.urllib, compat.Parser))
cmdline.main()
END
}

sages_program_runs() {
    [ "$("$PYTHON" "$1/bin/sage-package")" = 'of Sage, Parser of Sage
a package' ]
}

@test "into an empty folder: the lock kit and nothing else, and it works" {
    adopt INTO=new/kit
    [ "$status" = 0 ]
    [ "$(cd new/kit && ls -A)" = 'bin
make
sage_bootstrap
sage_flock' ]
    [ "$(ls new/kit/bin new/kit/make)" = 'new/kit/bin:
SAGE_FLOCK
SAGE_FLOCK_COALESCE
SAGE_FLOCK_POOL
SAGE_FLOCK_SHARED
sage-flock
sage-flock-report
sage-rebase

new/kit/make:
flock.mk
pip.mk
rebase.mk
uninstall.mk' ]
    works_in new/kit
}

@test "the README's Makefile, to the letter" {
    adopt INTO=yourtree/build
    cd yourtree
    sed -n '/^    export SAGE_LOCAL/,/^    zlib:/s/^    //p' "$ROOT/README.md" >Makefile
    grep -q '^numpy:' Makefile
    mkdir -p zlib local/bin
    printf '#!/bin/sh\necho "python $*"\n' >local/bin/python
    chmod +x local/bin/python
    # shellcheck disable=SC2016 # make's
    printf '%s\n' 'all: ; @echo built' \
        'install: ; @mkdir $(SAGE_LOCAL)/lib && echo "$(SAGE_LOCAL)" >$(SAGE_LOCAL)/lib/z.dll' >zlib/Makefile
    run "$MAKE" -s -j2 numpy zlib
    echo "$output"
    [ "$status" = 0 ]
    [[ $output = *built* ]]
    [[ $output = *'python -m pip install --no-deps --no-input --disable-pip-version-check numpy==2.0.0'* ]]
    [ "$(cat local/lib/z.dll)" = "$PWD/local" ]
    [ "$(ls local/var/lock)" = 'pip.lock
rebase.lock' ]
}

@test "twice: the second time nothing is touched" {
    adopt INTO="$PWD/kit"
    looks kit >before
    find kit -exec touch -t 200001010000 {} +
    touch -t 200001010001 since
    adopt INTO="$PWD/kit"
    [ "$status" = 0 ]
    [[ $output = *"$PWD/kit: nothing to do" ]]
    looks kit | diff before -
    [ -z "$(find kit ! -type l -newer since)" ]
}

@test "two at once: both succeed, and what they leave is whole" {
    adopt INTO=one
    launch A "$MAKE" -s -f "$ROOT/Makefile" adopt INTO=two
    launch B "$MAKE" -s -f "$ROOT/Makefile" adopt INTO=two
    ends A 0; ends B 0
    looks one >expected
    looks two | diff expected -
}

@test "beside Sage's names: its package stays as it is, and both sides' programs run" {
    sages_tree tree
    looks tree/sage_bootstrap >before
    adopt INTO=tree
    [ "$status" = 0 ]
    sages_program_runs tree
    [ "$(cat sage.log)" = imported ]
    works_in tree
    [ "$(grep -c imported sage.log)" -gt 1 ]        # the kit ran with Sage's package, not with one of its own
    rm tree/sage_bootstrap/compat/argparse*.py
    looks tree/sage_bootstrap | diff before -
    adopt INTO=tree FORCE=1
    rm tree/sage_bootstrap/compat/argparse*.py
    looks tree/sage_bootstrap | diff before -
}

@test "over Sage's own sage-flock: refused, with FORCE=1 too, and nothing is copied" {
    sages_tree tree
    printf 'of Sage\n' | tee tree/bin/sage-flock >tree/sage_bootstrap/compat/argparse.py
    looks tree >before
    for force in '' 1; do
        adopt INTO=tree FORCE=$force
        [ "$status" = 2 ]
        [[ $output = *"tree/sage_bootstrap/compat/argparse.py: is in the way: not a file of the kit"* ]]
        [[ $output = *"tree/bin/sage-flock: is in the way: not a file of the kit"* ]]
        [[ $output = *"tree: nothing was copied"* ]]
        looks tree | diff before -
    done
}

@test "Sage's own tree: the kit in a folder of its own, and sage-flock two lines that become it" {
    mkdir -p sage/build
    sages_tree sage/build
    printf '#!/bin/sh\nexec "$PYTHON" "$@"\n' >sage/build/bin/sage-bootstrap-python
    adopt INTO=sage/build/flock
    # The README's two lines.
    sed -n '/^    #!\/bin\/sh$/{N;s/^    //;s/\n    /\n/p;}' "$ROOT/README.md" >sage/build/bin/sage-flock
    [ "$(wc -l <sage/build/bin/sage-flock)" -eq 2 ]
    chmod +x sage/build/bin/sage-flock sage/build/bin/sage-bootstrap-python
    PATH=$PWD/sage/build/bin:$PATH
    [ "$(command -v sage-flock)" = "$PWD/sage/build/bin/sage-flock" ]
    run sage-flock -x new/x.lock sh -c '! tool rival new/x.lock && echo "$0"; exit 7' 'a  b'
    echo "$output"
    [ "$status" = 7 ]
    [ "$output" = 'a  b' ]
    sages_program_runs sage/build
    [ "$(cat sage.log)" = imported ]                # the kit has a sage_bootstrap of its own
    works_in sage/build/flock
}

@test "a changed file: named, nothing is copied; FORCE=1 overwrites it, and nothing of the tree's" {
    adopt INTO=kit
    looks kit >whole
    echo changed >>kit/make/pip.mk
    chmod -x kit/bin/sage-flock
    rm kit/bin/SAGE_FLOCK kit/sage_flock/files/locks.py
    looks kit >changed
    adopt INTO=kit
    [ "$status" = 2 ]
    [[ $output = *"kit/make/pip.mk: differs from the kit; FORCE=1 overwrites it"* ]]
    [[ $output = *"kit/bin/sage-flock: differs from the kit; FORCE=1 overwrites it"* ]]
    [ "$(grep -c 'sage-flock: adopt: ' <<<"$output")" = 3 ]
    looks kit | diff changed -

    echo 'of the tree' >kit/make/Makefile
    adopt INTO=kit RULES=1 FORCE=1
    [ "$status" = 2 ]
    [[ $output = *"kit/make/Makefile: is in the way: not a file of the kit"* ]]
    rm kit/make/Makefile
    looks kit | diff changed -

    adopt INTO=kit FORCE=1
    [ "$status" = 0 ]
    looks kit | diff whole -
}

@test "what is a folder here and a file there, or a link, is not followed and not lost" {
    mkdir -p kit/bin kit/make/pip.mk elsewhere
    echo mine | tee kit/sage_flock >elsewhere/file
    ln -s ../../elsewhere/none kit/bin/sage-flock
    ln -s ../../elsewhere/file kit/bin/sage-rebase
    looks kit >before
    adopt INTO=kit FORCE=1
    [ "$status" = 2 ]
    [[ $output = *'kit/sage_flock: is not a folder'* ]]
    [[ $output = *'kit/make/pip.mk: is a folder'* ]]
    [[ $output = *'kit/bin/sage-flock: is in the way'* ]]
    [[ $output = *'kit/bin/sage-rebase: is in the way'* ]]
    looks kit | diff before -
    [ "$(ls elsewhere)" = file ]
}

@test "a disk that is full: nothing is put in its place by halves, and the next call goes on" {
    # cp is killed, or finds no room, at the fortieth file; then mv at the fortieth.
    mkdir bin
    for broken in cp mv; do
        printf '#!/bin/sh\necho >>%s/calls\n[ $(wc -l <%s/calls) -lt 40 ] || exit 1\nexec %s "$@"\n' \
            "$PWD" "$PWD" "$(command -v "$broken")" >"bin/$broken"
        chmod +x "bin/$broken"
        rm -rf kit calls
        PATH=$PWD/bin:$PATH adopt INTO=kit
        [ "$status" = 2 ]
        [ "$broken" = mv ] || [ -z "$(find kit ! -type d)" ]
        find kit ! -type d | while IFS= read -r file; do
            [ "$file" = kit/sage_flock/adopted ] || cmp "$file" "$ROOT/build/${file#kit/}"
        done
        [ -z "$(find kit -name '.sage*')" ]
        rm "bin/$broken"
        adopt INTO=kit
        [ "$status" = 0 ]
    done
    works_in kit
}

@test "RULES=1: the package rules build the tree's packages" {
    adopt INTO=yours/build
    adopt INTO=yours/build RULES=1
    [ "$status" = 0 ]
    mkdir -p yours/build/pkgs/hello
    cd yours/build/pkgs/hello
    echo 1.0 >version
    echo default >./type
    echo 'mkdir -p "$SAGE_DESTDIR$SAGE_LOCAL/bin" && echo hello >"$SAGE_DESTDIR$SAGE_LOCAL/bin/hello"' >spkg-install
    cd "$OLDPWD"
    run "$MAKE" -f yours/build/make/Makefile
    echo "$output"
    [ "$status" = 0 ]
    [ "$(cat yours/local/bin/hello)" = hello ]
    "$MAKE" -f yours/build/make/Makefile hello-uninstall
    [ ! -e yours/local/bin/hello ]
    # What RULES=1 once copied stays ours without it.
    adopt INTO=yours/build
    [[ $output = *'nothing to do' ]]
    echo changed >>yours/build/make/Makefile
    adopt INTO=yours/build RULES=1 FORCE=1
    [ "$status" = 0 ]
    cmp "$ROOT/build/make/Makefile" yours/build/make/Makefile
}

@test "a wrong folder is refused in one line" {
    for into in '' 'a b' "$ROOT/build" "$ROOT/tests/../build/"; do
        adopt INTO="$into"
        [ "$status" = 2 ]
        [ "$(grep -c '^sage-flock: adopt: ' <<<"$output")" = 1 ]
    done
    [ ! -e a ]
    [ ! -e "$ROOT/build/sage_flock/adopted" ]
}
