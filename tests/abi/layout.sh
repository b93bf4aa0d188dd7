#!/bin/bash
# layout.sh PROGRAM GOLDEN INCLUDE_DIR: sizes, offsets and constants of the ABI are those of the golden file, and the file
# knows every public struct.
set -u -o pipefail

program=$1 golden=$2 include=$3

if ! diff -u "$golden" <("$program"); then
    cat <<END
The layout of the ABI is not that of $golden.
A plugin that was built before would be misread. If that is meant: raise PH_ABI_MAJOR (while it is 0: say why in the
commit), then renew the file with
  $program >$golden
END
    exit 1
fi

declared=$(sed -nE 's/^struct (ph_[a-z0-9_]+) \{.*/\1/p' "$include"/pipehost/*.h | sort)
known=$(sed -nE 's/^(ph_[a-z0-9_]+) .*/\1/p' "$golden" | sort)
if ! diff <(printf '%s\n' "$declared") <(printf '%s\n' "$known"); then
    echo 'These public structs are missing in tests/abi/layout.c (<) or no longer declared (>).'
    exit 1
fi
