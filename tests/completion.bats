#!/usr/bin/env bats
# Completion of sage-flock in bash and zsh.

load lib

# completed WORD...: what bash offers for the last word of this command line, one per line, sorted.
completed() {
    bash --norc -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sage_flock 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}" | sort' "$ROOT/build/completion/sage-flock.bash" "$@"
}

@test "bash: options" {
    [ "$(completed sage-flock --nonb)" = "$(printf -- '--nonblock\n--nonblocking')" ]
    [ "$(completed sage-flock -s --coa)" = --coalesce ]
    [ "$(completed sage-flock -w 5 --stat)" = --status ]
}

@test "bash: every option that sage-flock knows is offered, and no other" {
    sage-flock --help | grep '^  -' | sed 's/^  //; s/   *.*//' | tr , '\n' | awk '{ print $1 }' \
        | grep -v -x -e -c -e --command | sort >known       # those two go behind LOCK
    completed sage-flock - | diff known -
    grep -q -x -e --nonblocking known
}

@test "bash: the locks of the lock folder" {
    mkdir -p tree/var/lock/.sage-flock/held folder
    touch tree/var/lock/pip.lock tree/var/lock/rebase.lock tree/var/lock/data 'folder/a b.lock' here.lock
    [ "$(SAGE_LOCAL=$PWD/tree completed sage-flock -s '')" = "$(printf 'held\npip.lock\nrebase.lock')" ]
    [ "$(SAGE_LOCAL=$PWD/tree completed sage-flock p)" = pip.lock ]
    [ "$(SAGE_LOCK_DIR=$PWD/folder SAGE_LOCAL=$PWD/tree completed sage-flock '')" = 'a\ b.lock' ]
    [ "$(completed sage-flock '')" = here.lock ]
    [ "$(completed sage-flock --status here.lock h)" = here.lock ]
    [ "$(completed sage-flock ./h)" = ./here.lock ]
    [ "$(completed sage-flock --wait '=' 5 h)" = here.lock ]
    [ "$(SAGE_LOCK_DIR=etcd://host:1/x completed sage-flock '')" = '' ]
}

@test "bash: an option's argument is nobody's to guess" {
    touch here.lock
    [ "$(completed sage-flock -w '')" = '' ]
    [ "$(completed sage-flock --key '')" = '' ]
    [ "$(completed sage-flock --mark he)" = here.lock ]     # but a file's name is
    [ "$(completed sage-flock --also '')" = here.lock ]
    [ "$(completed sage-flock --also here.lock --also-shared h)" = here.lock ]
}

@test "bash: behind LOCK a command and its arguments" {
    printf '#!/bin/sh\n' >a-command-of-mine
    chmod +x a-command-of-mine
    touch a-file-of-mine
    export PATH=$PWD:$PATH
    [ "$(completed sage-flock x.lock a-command-of-m)" = a-command-of-mine ]
    [ "$(completed sage-flock -n x.lock a-command-of-mine a-file)" = a-file-of-mine ]
    [ "$(completed sage-flock --fd 9 a-command-of-m)" = a-command-of-mine ]
    [ "$(completed sage-flock x.lock --com)" = --command ]
    # Its options are its own.
    [ "$(completed sage-flock x.lock a-command-of-mine --nonb)" = '' ]
}

@test "zsh: the syntax, and the locks that it finds" {
    needs zsh
    zsh -n "$ROOT/build/completion/_sage-flock"
    mkdir -p .sage-flock/held
    touch 'a b.lock' pip.lock data
    run zsh -f -c 'service=none words=() CURRENT=0
        _alternative() { print -l -- $names }
        _arguments() { : }
        . "$1"
        _sage_flock_locks' zsh "$ROOT/build/completion/_sage-flock"
    echo "$output"
    [ "$(echo "$output" | sort)" = "$(printf 'a b.lock\nheld\npip.lock')" ]
}

# typed SHELL LINE...: what stands on the command line of a real shell after TAB, for each LINE in brackets.
typed() {
    if [ "$1" = zsh ]; then
        echo "fpath=('$ROOT/build/completion' \$fpath); autoload -Uz compinit; compinit -u -D
            _mine() { compadd only-mine }; compdef _mine a-command-of-mine"
    else
        echo ". '$ROOT/build/completion/sage-flock.bash'"
    fi >rc
    echo "exec 7>opened; cd '$PWD'" >>rc
    "$PYTHON" "$ROOT/tests/drivers/complete.py" "$1" rc "${@:2}" | tee typed
}

# What both shells are asked for.
a_place_to_type_in() {
    printf '#!/bin/sh\n' >a-command-of-mine
    chmod +x a-command-of-mine
    mkdir -p tree/var/lock folder-of-mine
    touch tree/var/lock/pip.lock tree/var/lock/rebase.lock a-file-of-mine folder-file
    export PATH=$PWD:$PATH SAGE_LOCAL=$PWD/tree
    LINES_TO_TYPE=('sage-flock --excl' 'sage-flock -s p' 'sage-flock -w 5 --coal' 'sage-flock pip.lock a-command-of-m'
        'sage-flock -n pip.lock a-command-of-mine a-fil' 'sage-flock pip.lock a-command-of-mine --nonbl'
        'sage-flock pip.lock --comm' 'sage-flock --fd 7 a-command-of-m' 'sage-flock --self-test fold'
        'sage-flock --status pip.lock reb' 'sage-flock --mark a-fil')
    LINES_DUE='[sage-flock --exclusive ]
[sage-flock -s pip.lock ]
[sage-flock -w 5 --coalesce ]
[sage-flock pip.lock a-command-of-mine ]
[sage-flock -n pip.lock a-command-of-mine a-file-of-mine ]
[sage-flock pip.lock a-command-of-mine --nonbl]
[sage-flock pip.lock --command ]
[sage-flock --fd 7 a-command-of-mine ]
[sage-flock --self-test folder-of-mine/]
[sage-flock --status pip.lock rebase.lock ]
[sage-flock --mark a-file-of-mine ]'
}

@test "bash, as it is typed" {
    a_place_to_type_in
    typed bash "${LINES_TO_TYPE[@]}" 'sage-flock --fd 7'
    [ "$(cat typed)" = "$LINES_DUE
[sage-flock --fd 7 ]" ]
}

@test "zsh, as it is typed" {
    needs zsh
    a_place_to_type_in
    LINES_DUE=${LINES_DUE/a-file-of-mine ]/a-fil]}      # its completion, in rc, knows of no files
    typed zsh "${LINES_TO_TYPE[@]}" 'sage-flock pip.lock a-command-of-mine only-m' \
        'sage-flock --fd 7 a-command-of-mine only-m' 'sage-flock pip.lock ls a-fil' 'sage-flock --fd 7'
    [ "$(cat typed)" = "$LINES_DUE
[sage-flock pip.lock a-command-of-mine only-mine ]
[sage-flock --fd 7 a-command-of-mine only-mine ]
[sage-flock pip.lock ls a-file-of-mine ]
[sage-flock --fd 7 ]" ]
}
