#!/bin/bash
# install.sh BUILD SOURCE GOLDEN SECTIONS...: installs a build into an empty prefix and uses it as an author of plugins would.
# Sections: `sdk` (the template builds by CMake and by one line), `run` (and runs in the installed pipehost; needs the
# host), `documents` (their snippets; needs the host).
set -u -o pipefail

build=$1 source=$2 golden=$3
shift 3
work=$(mktemp -d) || exit 1
trap 'rm -rf -- "$work"' EXIT
chmod 755 "$work"
prefix=$work/prefix

fail() {
    printf '%s\n' "$*"
    exit 1
}

install() { cmake --install "$build" --prefix "$prefix" --component "$1" >"$work/log" 2>&1 || fail "$(cat "$work/log")"; }

# Nothing of the caller's own installation may help.
export PATH="$prefix/bin:$PATH" PKG_CONFIG_PATH='' CMAKE_PREFIX_PATH=$prefix
unset PIPEHOST_PLUGIN_PATH CFLAGS LDFLAGS

use_sdk() {
    local version flags
    install sdk
    PKG_CONFIG_PATH=$(dirname -- "$(find "$prefix" -name pipehost-sdk.pc)") || fail "no pipehost-sdk.pc was installed"
    version=$(sed -n 's/^#define PH_SDK_VERSION "\(.*\)"$/\1/p' "$prefix/include/pipehost/abi.h")
    [ -n "$version" ] && [ "$(pkg-config --modversion pipehost-sdk)" = "$version" ] ||
        fail "pipehost-sdk.pc and abi.h (\"$version\") say different versions"
    cp -r "$prefix/share/pipehost/template" "$work/template" && cd "$work/template" || exit 1
    { cmake -S . -B build && cmake --build build; } >"$work/log" 2>&1 || fail "$(cat "$work/log")"
    mkdir line
    flags=$(pkg-config --cflags --libs pipehost-sdk) || fail "pkg-config does not know pipehost-sdk"
    # shellcheck disable=SC2086
    gcc -std=c11 -O2 -Wall -Wextra -Wpedantic -Werror udf_domain.c -o line/udf-domain.so $flags || exit 1
    "$source/tests/abi/exports.sh" build line "$prefix/lib/pipehost/plugins" || exit 1
    # Another version is refused, and the sentence names both.
    sed "s/find_package(PipehostSDK/& 99.0/" CMakeLists.txt >"$work/CMakeLists.txt"
    mkdir "$work/newer" && mv "$work/CMakeLists.txt" "$work/newer/" && cp udf_domain.c "$work/newer/"
    if cmake -S "$work/newer" -B "$work/newer/build" >"$work/log" 2>&1; then
        fail "an SDK of version 99 was found"
    fi
    grep -q "version: $version" "$work/log" || fail "the refusal of version 99 does not say $version: $(cat "$work/log")"
}

# same NAME: compares standard input with a golden file.
same() { diff -u "$golden/$1" - || fail "$1 differs"; }

use_host() {
    install host
    local folder
    cd "$work/template" || exit 1
    for folder in build line; do
        rm -rf state try.dead.jsonl
        pipehost -q try.json --plugin-dir "$folder" 2>"$work/err" | same template.out || fail "$(cat "$work/err")"
        [ "$(grep -c '"code":"no_address","reason":"there is no @ in it"' try.dead.jsonl)" = 1 ] ||
            fail "the row without an address is no dead letter: $(cat try.dead.jsonl)"
    done
    pipehost -q "$prefix/share/pipehost/examples/try.json" --set "/state_dir=$work/state" 2>"$work/err" | same try.out ||
        fail "$(cat "$work/err")"
    pipehost validate "$prefix/share/pipehost/examples/try.json" --set "/state_dir=$work/state" >/dev/null || exit 1
}

for section in "$@"; do
    case $section in
    sdk) use_sdk ;;
    run) use_host ;;
    documents)
        for document in README docs/from-pyflink sdk/docs/first-plugin sdk/docs/abi; do
            "$source/tests/sdk/run-snippets" "$source/$document.md" || fail "$document.md is not true"
        done
        ;;
    *) fail "there is no section $section" ;;
    esac
done
