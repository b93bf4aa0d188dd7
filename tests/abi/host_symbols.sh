#!/bin/bash
# host_symbols.sh EXECUTABLE: nothing of the host can be reached from a plugin by name. What the executable defines for the
# dynamic linker stands first in every look-up of every plugin, RTLD_LOCAL or not; so does what its libraries define.
set -u -o pipefail

host=$1
status=0
if ! readelf -h -- "$host" | grep -q 'Type:.*DYN'; then
    printf '%s is no executable that could be looked at\n' "$host"
    exit 1
fi

# Objects of libc that the linker copies into an executable (stderr, environ) carry a version; the rest is ours.
if found=$(nm -D --defined-only -- "$host" | grep -vE '@|\b(_init|_fini|_edata|_end|__bss_start|__data_start|_IO_stdin_used)$|\b__asan_'); then
    printf '%s shows these names to plugins (link without -rdynamic, hide everything):\n%s\n' "$host" "$found"
    status=1
fi

# Of simdjson Debian has no archive: a plugin that brings another version must hide its names.
allowed='^(libsimdjson|libc|libm|libdl|libpthread|librt|libgcc_s|libstdc\+\+|libasan|libubsan|libtsan|libtsan_threads|ld-linux.*)\.so'
if found=$(readelf -dW -- "$host" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | grep -vE "$allowed"); then
    printf '%s needs these shared libraries, whose names a plugin would meet (link the archive):\n%s\n' "$host" "$found"
    status=1
fi
exit "$status"
