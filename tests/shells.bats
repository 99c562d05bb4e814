#!/usr/bin/env bats
# What every shell must get right: locking a descriptor that it opened itself.

load lib

@test "every shell that these tests know is here" {
    for shell in dash bash ksh mksh zsh busybox; do
        needs "$shell"
    done
}

@test "a shell's own descriptor: locked, unlocked, locked again, in each shell there is" {
    found=0
    for shell in sh dash bash ksh mksh yash zsh 'busybox sh'; do
        command -v "${shell%% *}" >/dev/null || continue
        found=$((found + 1))
        echo "$shell"
        # ksh and mksh keep a descriptor from what they run unless asked to pass it: hence 7>&7. And when mksh closes one
        # it keeps a copy, as 10 if nothing else is: there the lock goes with -u, or with the shell.
        # shellcheck disable=SC2086 # two words
        $shell -c '
            exec 7>x.lock
            sage-flock 7 7>&7 && ! tool rival x.lock || exit 11
            sage-flock -u 7 7>&7 && tool released x.lock || exit 12
            sage-flock -s 7 7>&7 && ! tool rival x.lock || exit 13
            sage-flock -n -x 7 7>&7 && ! tool rival x.lock || exit 14
            case ${KSH_VERSION-} in *MIRBSD*) exit 0 ;; esac
            exec 7>&-
            tool released x.lock || exit 15'
        free x.lock
    done
    [ "$found" -gt 0 ]
}
