# Real sources: fetched, checked, unpacked, patched, built and checked; and what a server, or an archive, may do to us.
# every python
load lib

setup_kit() {
    export SAGE_PKGS=$PWD/pkgs SAGE_LOCAL=$PWD/tree SAGE_DISTFILES=$PWD/distfiles SAGE_FETCH_TIMEOUT=20
    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    mkdir served
}

kit() {
    (kit_itself "$@")
}

kit_itself() {
    exec "$MAKE" --no-print-directory -f "$ROOT/build/make/Makefile" "$@"
}

# serve: a server of the folder `served` on $URL; the first part of a file's path says how it is served.
serve() {
    launch S "$PYTHON" "$ROOT/tests/drivers/server.py" served
    IFS= read -r -t "$PATIENCE" -u 9 line
    URL=http://127.0.0.1:${line#serving at }
}

sum_of() {
    sha256sum "$1" | cut -d ' ' -f 1
}

# greeting VERSION: the sources of a program in served/greeting-VERSION.tar.gz.
greeting() {
    mkdir -p "greeting-$1"
    printf '#include <stdio.h>\nint main(void) { puts("greeting %s"); return 0; }\n' "$1" >"greeting-$1/greeting.c"
    tar -czf "served/greeting-$1.tar.gz" "greeting-$1"
}

# package PLACE [FILE]: a package greeting of what the server has at PLACE.
package() {
    mkdir -p pkgs/greeting
    echo "${VERSION:-1.0}" >pkgs/greeting/version
    echo default >pkgs/greeting/type
    echo "$1 $(sum_of "served/${2:-greeting-1.0.tar.gz}")" >pkgs/greeting/source
    printf 'mkdir -p "$SAGE_DESTDIR$SAGE_LOCAL/bin"\n${CC:-cc} -o "$SAGE_DESTDIR$SAGE_LOCAL/bin/greeting" src/greeting.c\n' \
        >pkgs/greeting/spkg-install
}

# refused WORDS: the build fails, says so in one line, and costs nothing.
refused() {
    run kit
    echo "$output"
    [ "$status" = 2 ]
    [ "$(grep -c 'sage-spkg: greeting: ' <<<"$output")" = 1 ]
    # shellcheck disable=SC2053 # a pattern
    [[ $output = *"    sage-spkg: greeting: "$1* ]]
    [[ $output != *Traceback* ]]
    [ ! -e tree/bin ] || [ "$(tree/bin/greeting)" = 'greeting 0.9' ]
    [ -z "$(find distfiles -name '*.gz')" ]
}

@test "from a source archive to a running program, patched and checked; the second tree needs no network" {
    setup_kit
    greeting 1.0
    serve
    package "$URL/plain/greeting-1.0.tar.gz"
    mkdir pkgs/greeting/patches
    printf '%s\n' '--- a/greeting.c' '+++ b/greeting.c' '@@ -1,2 +1,2 @@' ' #include <stdio.h>' \
        '-int main(void) { puts("greeting 1.0"); return 0; }' '+int main(void) { puts("greeting, mended"); return 0; }' \
        >pkgs/greeting/patches/mended.patch
    printf '#!/bin/sh\n"$SAGE_DESTDIR$SAGE_LOCAL/bin/greeting" | grep -q mended\n' >pkgs/greeting/spkg-check
    kit CHECK=yes
    [ "$(tree/bin/greeting)" = 'greeting, mended' ]
    [ "$(ls distfiles)" = greeting-1.0.tar.gz ]
    kit -q

    kill "$(pid S)"
    SAGE_LOCAL=$PWD/other kit
    [ "$(other/bin/greeting)" = 'greeting, mended' ]

    printf '#!/bin/sh\necho no; exit 1\n' >pkgs/greeting/spkg-check
    kit
    run kit check-greeting
    [ "$status" = 2 ]
    [[ $output = *'FAILED after '*', 1.0 stays, '*'spkg-check failed'* ]]
    printf '#!/bin/sh\necho yes\n' >pkgs/greeting/spkg-check
    kit
    run kit check-greeting
    [ "$status" = 0 ]
    [[ $output = *'greeting 1.0: checked in '* ]]
}

@test "a server that breaks off, lies, serves another file or none: one line, nothing half done, the older version there" {
    setup_kit
    greeting 0.9
    greeting 1.0
    serve
    VERSION=0.9 package "$URL/plain/greeting-0.9.tar.gz" greeting-0.9.tar.gz
    kit
    rm distfiles/*
    package "$URL/short/greeting-1.0.tar.gz"
    refused "$URL/short/greeting-1.0.tar.gz: broke off after "*" of "*" bytes; "
    rm distfiles/*
    package "$URL/long/greeting-1.0.tar.gz"
    refused "$URL/long/greeting-1.0.tar.gz is not what \`source\` says: sha256 "*', not '
    package "$URL/other/greeting-1.0.tar.gz"
    refused "$URL/other/greeting-1.0.tar.gz is not what \`source\` says: sha256 "*", not $(sum_of served/greeting-1.0.tar.gz)"
    package "$URL/plain/nosuch.tar.gz"
    refused "$URL/plain/nosuch.tar.gz: the server says 404 Not Found"
    package "$URL/garbage/greeting-1.0.tar.gz"
    refused "$URL/garbage/greeting-1.0.tar.gz"
    export SAGE_FETCH_TIMEOUT=0.3
    package "$URL/silent/greeting-1.0.tar.gz"
    refused "$URL/silent/greeting-1.0.tar.gz: no answer within 0.3 s"
    package "$URL/stalls/greeting-1.0.tar.gz"
    refused "$URL/stalls/greeting-1.0.tar.gz: no byte for 0.3 s, after "
    rm distfiles/*
    package "http://127.0.0.1:1/greeting-1.0.tar.gz"
    refused "http://127.0.0.1:1/greeting-1.0.tar.gz: cannot be reached (offline?): "
    # And after all that, what is right is taken.
    export SAGE_FETCH_TIMEOUT=20
    package "$URL/plain/greeting-1.0.tar.gz"
    kit
    [ "$(tree/bin/greeting)" = 'greeting 1.0' ]
}

@test "what broke off is gone on with, or begun anew if it was something else" {
    setup_kit
    greeting 1.0
    serve
    package "$URL/halves/greeting-1.0.tar.gz"       # half of what is asked for, and then the end
    kit
    [ "$(grep -c 'bytes=' served/log)" -ge 1 ]
    [ "$(tree/bin/greeting)" = 'greeting 1.0' ]

    for place in plain norange; do
        rm -r tree distfiles
        mkdir distfiles
        sum=$(sum_of served/greeting-1.0.tar.gz)
        head -c 50 /dev/zero >"distfiles/greeting-1.0.tar.gz.${sum:0:8}.part"
        package "$URL/$place/greeting-1.0.tar.gz"
        kit
        [ "$(tree/bin/greeting)" = 'greeting 1.0' ]
        [ "$(ls distfiles)" = greeting-1.0.tar.gz ]
    done
}

@test "two trees that share the cache fetch a file once" {
    setup_kit
    greeting 1.0
    serve
    make_gate served
    package "$URL/gate/greeting-1.0.tar.gz"
    export SAGE_LOCAL=$PWD/one
    launch A kit_itself
    expect 'greeting 1.0: building, *'
    expect 'asked for'
    export SAGE_LOCAL=$PWD/two
    launch B kit_itself
    expect 'greeting 1.0: building, *'
    expect 'greeting: waiting for exclusive */distfiles/.greeting-1.0.tar.gz.lock, *'
    open_gate served
    ends A 0
    ends B 0
    [ "$(one/bin/greeting)$(two/bin/greeting)" = 'greeting 1.0greeting 1.0' ]
    [ "$(grep -c gate served/log)" = 1 ]
}

@test "every kind of archive; several sources, a plain file, a path" {
    setup_kit
    greeting 1.0
    cp served/greeting-1.0.tar.gz pkgs.tar.gz
    mkdir flat && cp greeting-1.0/greeting.c flat
    (cd flat && tar -cjf ../served/greeting.tar.bz2 ./greeting.c)
    tar -cJf served/greeting.tar.xz greeting-1.0
    tar -cf served/greeting.tar greeting-1.0
    "$PYTHON" -c 'import zipfile; z = zipfile.ZipFile("served/greeting.zip", "w"); z.write("greeting-1.0/greeting.c")'
    for archive in greeting.tar.bz2 greeting.tar.xz greeting.tar greeting.zip; do
        package "$PWD/served/$archive" "$archive"
        kit
        [ "$(tree/bin/greeting)" = 'greeting 1.0' ]
    done
    echo 'a plain file' >pkgs/greeting/plain.txt
    cp served/greeting.zip pkgs/greeting/more-2.0.zip
    for place in plain.txt more-2.0.zip; do
        echo "$place $(sum_of "pkgs/greeting/$place")" >>pkgs/greeting/source
    done
    echo 'cmp src/greeting.c more-2.0/greeting.c; cmp plain.txt "$SAGE_PKGS/greeting/plain.txt"' >>pkgs/greeting/spkg-install
    kit
    echo 'no sum' >pkgs/greeting/source
    run kit
    [ "$status" = 2 ]
    [[ $output = *'/pkgs/greeting: source: this is no line `URL-or-path sha256`: no sum'* ]]
}

@test "nothing lands outside, however an archive tries" {
    setup_kit
    greeting 1.0
    echo mine >victim
    for how in up absolute link linked-twice hard over device zip-up zip-link; do
        echo "$how"
        "$PYTHON" "$ROOT/tests/drivers/evil.py" "$how" served/evil "$PWD/victim"
        package "$PWD/served/evil" evil
        run kit
        echo "$output"
        [ "$status" = 2 ]
        [[ $output = *'sage-spkg: greeting: evil cannot be unpacked: '* ]]
        [ "$(cat victim)" = mine ]
        [ "$(find . -name landed)" = '' ]
    done
}

@test "a patch that does not apply, and one that would leave the sources" {
    setup_kit
    greeting 1.0
    package "$PWD/served/greeting-1.0.tar.gz"
    mkdir pkgs/greeting/patches
    printf '%s\n' '--- a/greeting.c' '+++ b/greeting.c' '@@ -1,1 +1,1 @@' '-nothing of the kind' '+else' >pkgs/greeting/patches/1.patch
    run kit
    [ "$status" = 2 ]
    [[ $output = *'sage-spkg: greeting: patches/1.patch does not apply'* ]]
    printf '%s\n' '--- /dev/null' '+++ b/../../landed' '@@ -0,0 +1,1 @@' '+landed' >pkgs/greeting/patches/1.patch
    run kit
    [ "$status" = 2 ]
    [ "$(find . -name landed)" = '' ]
}
