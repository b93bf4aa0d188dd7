#!/bin/bash
# lines.sh EXAMPLES TEMPLATE: a null sink stays within 60 lines, a scalar UDF with its registration within about 15.
set -u -o pipefail

examples=$1 template=$2
status=0

# at_most LIMIT WHAT: counts the lines on its input.
at_most() {
    local lines
    lines=$(wc -l)
    if [ "$lines" -eq 0 ] || [ "$lines" -gt "$1" ]; then
        printf '%s has %s lines, %s are promised\n' "$2" "$lines" "$1"
        status=1
    fi
}

# From the function to the end of the file, without blank lines.
scalar() { sed -n '/^static int32_t /,$p' "$1" | grep -v '^$'; }

at_most 60 sink_null.c <"$examples/sink_null.c"
for file in "$examples/udf_upper.c" "$template/udf_domain.c"; do
    at_most 15 "the function and registration of ${file##*/}" < <(scalar "$file")
    at_most 20 "${file##*/}" <"$file"
done
exit "$status"
