# shellcheck shell=bash
# shellcheck disable=SC2034 # lib.sh reads what a case sets
# What the documents show, run.

# The first file block of a document with that name.
snippet() { awk -v want="<!-- file: $2 -->" '$0 == want { found = 1; next } found && /^```/ { if (inside) { exit } inside = 1; next } inside' "$1"; }

case_from_pyflink() {
    api_stop && api_start
    case_begin from-pyflink
    snippet docs/from-pyflink.md process-events.json >"$STATE/process-events.json"
    ARGS[0]=$STATE/process-events.json
    KAFKA_GROUP=web-events-lab
    produce --count 20000 --distinct 500
    expect 'the page is the whole job' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'every row is there once and right' rows_exact 20000 --distinct 500
    unset KAFKA_GROUP
}

# Its folder and port may be somebody's on this machine: all else is to the letter.
case_tutorial() {
    CASE=tutorial LOG=$RUN_DIR/logs/tutorial.log
    sed "s|/tmp/pipehost-lab|$RUN_DIR/lab|g; s/18099/$(free_port)/g" docs/tutorial.md >"$RUN_DIR/tutorial.md"
    expect 'folder and port are those of the case' equals "$(grep -cE 'pipehost-lab|18099' "$RUN_DIR/tutorial.md")" 0
    expect 'the tutorial is true' env -i PATH="$PATH" HOME="$HOME" PIPEHOST="$ROOT" tests/sdk/run-snippets "$RUN_DIR/tutorial.md"
}
