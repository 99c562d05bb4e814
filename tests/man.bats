#!/usr/bin/env bats
# The manuals: complete, and true as far as a test can check.

load lib

PAGE=$BATS_TEST_DIRNAME/../build/man/sage-flock.1
REPORT=$BATS_TEST_DIRNAME/../build/man/sage-flock-report.1

# Options as --help and a manual list them: -x or --long, one per line.
in_help() {
    "$@" --help | sed -n 's/^  \(-.*\)/\1/p' | sed 's/   .*//' | grep -o -E -e '--?[A-Za-z][a-z-]*' | sort -u
}

in_manual() {
    sed -n '/^\.Sh OPTIONS/,/^\.Sh [NE]/s/^\.It Fl/Fl/p' "$1" | grep -o -E 'Fl [^ ]+' | sed 's/^Fl /-/' | sort -u
}

@test "the manuals' options are those of --help" {
    in_help sage-flock >help
    in_manual "$PAGE" >manual
    [ "$(grep -c . help)" -gt 30 ]
    diff help manual
    in_help "$PYTHON" "$ROOT/build/bin/sage-flock-report" >help
    in_manual "$REPORT" >manual
    [ "$(grep -c . help)" -gt 6 ]
    diff help manual
}

@test "the manual's variables are those that the code looks at" {
    grep -h -o -E "(getenv\(|HELD = )'(SAGE|MAKEFLAGS)[A-Z_]*'" "$ROOT"/build/sage_flock/*.py "$ROOT"/build/sage_flock/*/*.py |
        grep -o -E '(SAGE|MAKEFLAGS)[A-Z_]*' | sort -u >code
    sed -n 's/^\.It Ev //p' "$PAGE" | sort -u >manual
    [ -s code ]
    # Variables that other tools of the kit read are not documented here.
    comm -23 code manual | grep -v -x -e SAGE_PKG >missing || :
    cat missing
    [ ! -s missing ]
}

@test "the manual's exit statuses are those of the code" {
    for status in 2 125 126 127; do
        sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/p' "$PAGE" | grep -q -x -F ".It $status"
    done
}

# renders PAGE WORD: without a warning, and WORD is in it.
renders() {
    if command -v mandoc >/dev/null; then
        tried=$((tried + 1))
        run mandoc -T lint -W warning "$1"
        [ -z "$output" ]
        mandoc -T ascii "$1" | sed $'s/.\b//g' >text
        grep -q "$2" text
    fi
    if command -v groff >/dev/null && groff -mdoc -Tascii "$1" >text 2>/dev/null; then
        tried=$((tried + 1))
        run sh -c 'groff -ww -mdoc -Tascii "$1" >/dev/null' sh "$1"
        [ -z "$output" ]
    fi
    if command -v man >/dev/null && man --warnings=all -l "$1" >text 2>said </dev/null; then
        tried=$((tried + 1))
        cat said
        [ ! -s said ]
        grep -q "$2" text
    fi
}

@test "the manuals render without a warning" {
    tried=0
    renders "$PAGE" DIFFERENCES
    renders "$REPORT" EXAMPLES
    [ "$tried" -gt 0 ] || skip 'not installed: mandoc, groff or man'
}
