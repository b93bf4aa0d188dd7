#!/bin/bash
# exports.sh FOLDER...: every .so in the folders exports the one symbol pipehost_entry.
set -u -o pipefail

status=0
count=0

for folder in "$@"; do
    for file in "$folder"/*.so; do
        [ -e "$file" ] || continue
        count=$((count + 1))
        symbols=$(nm -D --defined-only --format=posix -- "$file" | cut -d ' ' -f 1 | sort | tr '\n' ' ')
        if [ "$symbols" != "pipehost_entry " ]; then
            printf '%s exports: %s(only pipehost_entry is right: build it with pipehost_add_plugin)\n' "$file" "$symbols"
            status=1
        fi
    done
done

if [ "$count" -eq 0 ]; then
    printf 'no .so in: %s\n' "$*"
    exit 1
fi
exit "$status"
