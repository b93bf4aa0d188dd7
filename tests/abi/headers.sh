#!/bin/bash
# headers.sh INCLUDE_DIR CC CXX [OTHER_INCLUDE_DIR...]: each public header compiles alone, without a warning, in C11, C17,
# C++11 and C++17.
set -u -o pipefail

include=$1 cc=$2 cxx=$3
shift 3
flags=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wsign-conversion -Werror -fsyntax-only "-I$include" "${@/#/-I}")
status=0
count=0

for header in "$include"/pipehost/*.h; do
    count=$((count + 1))
    for mode in "$cc c c11" "$cc c c17" "$cxx c++ c++11" "$cxx c++ c++17"; do
        read -r compiler language standard <<<"$mode"
        # The second include finds a header without a guard.
        if ! printf '#include "%s"\n#include "%s"\n' "pipehost/${header##*/}" "pipehost/${header##*/}" |
            "$compiler" -x "$language" "-std=$standard" "${flags[@]}" -; then
            printf '%s does not compile alone with %s -std=%s\n' "${header##*/}" "$compiler" "$standard"
            status=1
        fi
    done
done

if [ "$count" -eq 0 ]; then
    printf 'no header in %s/pipehost\n' "$include"
    exit 1
fi
exit "$status"
