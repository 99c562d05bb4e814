#!/bin/sh
# Which interpreters and makes there are, for `run` and `bench/run`: lists of "VERSION<tab>PATH", each version once, the
# one that a user gets first.

all_pythons() {
    {
        on_path python3 python python2 'python3.[0-9]' 'python3.[0-9][0-9]' 'python2.[0-9]'
        for python in "${PYENV_ROOT:-${HOME-}/.pyenv}"/versions/*/bin/python; do
            echo "$python"
        done
    } | while IFS= read -r python; do
        version_of_python "$python"
    done | each_version_once
}

# A version manager's shim may lead nowhere, which is no error, or to a real interpreter, which is used in its place: the
# shim takes more time than everything measured here.
version_of_python() {
    "$1" -S -E -c 'import sys, fcntl; print("%d.%d.%d\t%s" % (sys.version_info[:3] + (sys.executable,)))' 2>/dev/null
}

# all_makes FILE: the one in MAKE, if that is set; else all on PATH, and FILE, if that is one.
all_makes() {
    if [ -n "${MAKE-}" ]; then
        version_of_make "$MAKE"
    else
        { on_path make gmake; echo "$1"; } | while IFS= read -r make; do
            version_of_make "$make"
        done | each_version_once
    fi
}

version_of_make() {
    make_path=$(command -v "$1") && version=$("$1" --version 2>/dev/null | sed -n '1s/^GNU Make //p') &&
        [ -n "$version" ] && printf '%s\t%s\n' "$version" "$make_path"
}

# on_path PATTERN...: prints every executable on PATH that matches the first pattern, then the second, and so on.
on_path() {
    for pattern; do
        echo "$PATH:" | tr : '\n' | while IFS= read -r folder; do
            for file in "$folder"/$pattern; do
                if [ -x "$file" ]; then echo "$file"; fi
            done
        done
    done
}

each_version_once() {
    awk -F '\t' '!seen[$1]++'
}
