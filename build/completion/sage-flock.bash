# shellcheck shell=bash
# Completion for bash: options, the locks of the lock folder, and behind LOCK the command as if it stood alone.
# Loaded by name from a completions folder, or with `. sage-flock.bash`. Needs no bash-completion, uses it if it is there.

# _sage_flock_locks: the bare names that are locks already, in the folder that sage-flock would take them from.
_sage_flock_locks() {
    local folder=${SAGE_LOCK_DIR:-${SAGE_LOCAL:+$SAGE_LOCAL/var/lock}} path
    case $folder in *://*) return ;; esac
    for path in "${folder:-.}"/*.lock "${folder:-.}"/.sage-flock/*/; do
        [ -e "$path" ] || continue
        path=${path%/}
        printf '%s\n' "${path##*/}"
    done | LC_ALL=C sort -u
}

# _sage_flock_reply WORD <LINES: those of the lines that begin with the word, quoted where a shell needs it.
_sage_flock_reply() {
    local line
    while IFS= read -r line; do
        if [[ $line == "$1"* ]]; then
            printf -v line %q "$line"
            COMPREPLY+=("$line")
        fi
    done
}

# _sage_flock_generated WORD COMPGEN-OPTION...: what compgen knows.
_sage_flock_generated() {
    _sage_flock_reply "$1" < <(compgen "${@:2}" -- "$1")
}

_sage_flock_files() {
    compopt -o filenames 2>/dev/null
    _sage_flock_generated "${COMP_WORDS[COMP_CWORD]}" -f
}

_sage_flock_folders() {
    compopt -o filenames 2>/dev/null
    _sage_flock_generated "${COMP_WORDS[COMP_CWORD]}" -d
}

# _sage_flock_descriptors: what the shell has open, but for 0, 1, 2 and what it keeps for itself.
_sage_flock_descriptors() {
    local path
    for path in /proc/$$/fd/*; do
        case ${path##*/} in 0 | 1 | 2 | 63 | 255 | '*') ;; *) printf '%s\n' "${path##*/}" ;; esac
    done
}

# _sage_flock_command INDEX: completes the command that begins at that word.
_sage_flock_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif [ "$COMP_CWORD" = "$1" ]; then
        _sage_flock_generated "${COMP_WORDS[COMP_CWORD]}" -c
    else
        _sage_flock_files
    fi
}

_sage_flock_options() {
    printf '%s\n' -s --shared -x -e --exclusive -u --unlock --pool --also --also-shared --fcntl --start --length \
        -n --nb --nonblock --nonblocking -w --wait --timeout -E --conflict-exit-code -o --close -F --no-fork --fd \
        --coalesce --key --mark --status --json --all --self-test -q --quiet \
        --verbose -h --help -V --version
}

_sage_flock() {
    local word=${COMP_WORDS[COMP_CWORD]} i=1 status='' folder='' option
    COMPREPLY=()
    # Up to the word that is asked for: options and their arguments, then LOCK, then the command.
    while [ "$i" -lt "$COMP_CWORD" ]; do
        option=${COMP_WORDS[i]}
        case $option in
            --status) status=yes ;;
            --self-test) folder=yes ;;
            -w | --wait | --timeout | -E | --conflict-exit-code | --pool | --also | --also-shared | --start | --length | --key | --mark | --fd | -[!-]*[wE])
                i=$((i + 1))
                [ "${COMP_WORDS[i]}" != '=' ] || i=$((i + 1))       # bash makes three words of --wait=5
                [ "$i" -lt "$COMP_CWORD" ] || { _sage_flock_argument "$option"; return 0; }
                [ "$option" != --fd ] || { _sage_flock_behind_lock $((i + 1)); return; } ;;
            -?*) ;;
            *) [ -n "$status$folder" ] || { _sage_flock_behind_lock $((i + 1)); return; } ;;
        esac
        i=$((i + 1))
    done
    case $word in
        -*) _sage_flock_reply "$word" < <(_sage_flock_options) ;;
        *) if [ -n "$folder" ]; then
               _sage_flock_folders
           elif [[ $word == */* ]]; then
               _sage_flock_files
           else
               _sage_flock_reply "$word" < <(_sage_flock_locks)
           fi ;;
    esac
}

# _sage_flock_argument OPTION: what an option wants, where that is a file or a lock.
_sage_flock_argument() {
    case $1:${COMP_WORDS[COMP_CWORD]} in
        --mark:* | --also*:*/*) _sage_flock_files ;;
        --fd:*) _sage_flock_reply "${COMP_WORDS[COMP_CWORD]}" < <(_sage_flock_descriptors) ;;
        --also*) _sage_flock_reply "${COMP_WORDS[COMP_CWORD]}" < <(_sage_flock_locks) ;;
    esac
}

# _sage_flock_behind_lock INDEX: -c is sage-flock's still; all else is the command's.
_sage_flock_behind_lock() {
    case ${COMP_WORDS[$1]-} in
        -c | --command) [ "$COMP_CWORD" = "$1" ] && COMPREPLY=("${COMP_WORDS[$1]}") ;;
        -*) [ "$COMP_CWORD" = "$1" ] && _sage_flock_reply "${COMP_WORDS[$1]}" < <(printf '%s\n' -c --command) ;;
        *) _sage_flock_command "$1" ;;
    esac
}

_sage_flock_report() {
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD]} in
        -*) _sage_flock_reply "${COMP_WORDS[COMP_CWORD]}" < <(
                printf '%s\n' --html --trace --last -q --quiet -h --help -V --version) ;;
        *) _sage_flock_files ;;
    esac
}

complete -F _sage_flock sage-flock
complete -F _sage_flock_report sage-flock-report
