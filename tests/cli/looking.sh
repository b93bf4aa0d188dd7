#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What only looks and leaves no trace: run --to-terminal, and check. Usage: looking.sh PIPEHOST STAGE_PLUGINS
set -u

PIPEHOST=$1
PLUGINS=$2
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
cd "$DIR" || exit 1
FAILED=0

fail() {
    FAILED=$((FAILED + 1))
    printf 'FAILED %s\n--- stdout:\n%s\n--- stderr:\n%s\n' "$1" "$(head -n 20 out.txt)" "$(head -n 20 err.txt)"
}

# exits NAME STATUS ARG...
exits() {
    local name=$1 status=$2 got=0
    shift 2
    timeout 120 "$PIPEHOST" "$@" --plugin-dir "$PLUGINS" >out.txt 2>err.txt || got=$?
    [ "$got" = "$status" ] || fail "$name: exit status $got, expected $status"
}
prints() { [ "$(cat out.txt)" = "$2" ] || fail "$1: standard output is not: $2"; }
prints_lines() { [ "$(wc -l <out.txt)" = "$2" ] || fail "$1: not $2 lines but $(wc -l <out.txt)"; }
says() { grep -q -- "$2" err.txt || fail "$1: standard error does not say: $2"; }
leaves_nothing() {
    if [ "$(ls)" != "$FILES" ]; then
        fail "$1: files are left: $(ls)"
    fi
}

printf '%s\n' '{"n":1,"s":"one"}' '{"n":2}' 'no json' '{"n":"x"}' '{"n":5,"s":"five"}' >lines.jsonl
truncate -s 800M stage.bin
# The sinks are none that this machine could reach, so that nothing but the terminal can have taken the rows.
cat >file.json <<'END'
{ "pipeline": "file", "state_dir": "state", "dead_letter": { "file": "dead.jsonl", "stop_above_percent": 100 },
  "exactly_once": true, "operators": [
  { "name": "lines", "plugin": "source-file", "config": { "path": "lines.jsonl" },
    "format": { "json": { "fields": { "n": "int64", "s": "string" } } } },
  { "name": "rows", "plugin": "sink-postgres", "input": "lines",
    "config": { "dsn": "postgresql://127.0.0.1:1/none", "table": "none" } } ] }
END
cat >stage.json <<'END'
{ "pipeline": "stage", "state_dir": "state", "operators": [
  { "name": "s0", "plugin": "stage:source", "config": { "stage": "stage.bin", "slot": 0, "records": 20000, "partitions": 3 },
    "format": { "json": { "fields": { "n": "int64" } } } },
  { "name": "a", "plugin": "stage:sink", "input": "s0", "config": { "stage": "stage.bin", "slot": 1 } },
  { "name": "b", "plugin": "sink-null", "input": "s0" } ] }
END
: >out.txt && : >err.txt
FILES=$(ls)

exits terminal 0 file.json --to-terminal
prints terminal '{"n":1,"s":"one"}
{"n":2,"s":null}
{"n":5,"s":"five"}'
says 'a record that would be set aside' 'warning: lines: the record at .*lines.jsonl/0 offset .* would be set aside (json: '
says 'and another' 'would be set aside (type: '
says 'their number' '2 set aside'
! grep -q 'dead letter' err.txt || fail 'a letter that nobody writes is told'
exits 'skipped' 0 file.json --to-terminal --set /on_error=skip
says 'a record that is skipped' '1 record skipped (json): '
leaves_nothing terminal

exits limit 0 run file.json --to-terminal --limit 2
prints limit '{"n":1,"s":"one"}
{"n":2,"s":null}'
says 'a limit that is reached is no failure' 'file: done after'

exits 'all of many' 0 stage.json --to-terminal -q
prints_lines 'two sinks print all rows each' 120000
exits 'limit of two sinks' 0 stage.json --to-terminal --limit 7 -q
prints_lines 'each sink ends at its limit' 14
exits 'lanes' 0 stage.json --to-terminal --limit 5000 -q --set /parallelism=3
prints_lines 'the limit holds over lanes' 10000
exits 'above all' 0 stage.json --to-terminal --limit 70000 -q
prints_lines 'a limit above all rows' 120000
leaves_nothing 'sinks that hold positions'

# A pipeline that runs is not disturbed: its lock is not asked for.
exits real 0 stage.json
says real '120000 rows committed'
before=$(find state -type f -printf '%p %T@ %s\n' | sort)
(
    exec 9<state/lock
    flock 9 || exit 1
    exits 'beside a running pipeline' 0 stage.json --to-terminal --limit 3 -q
    prints_lines 'positions are not asked for' 6
    exits 'the lock is held' 75 stage.json
    exit "$FAILED"
) || FAILED=$((FAILED + $?))
[ "$(find state -type f -printf '%p %T@ %s\n' | sort)" = "$before" ] || fail 'state_dir was touched'
exits 'the next run finds nothing to do' 0 stage.json
says 'the next run' ' 0 records in'

exits usage 64 file.json --limit 3
says usage '[-]-limit goes with --to-terminal'
exits zero 64 file.json --to-terminal --limit 0
says zero 'a number of rows, 1 or more'

# ---- check

exits check 1 check file.json
prints check 'lines: ok: 1 partition, 3 records decoded
    {"n":1,"s":"one"}
    {"n":2,"s":null}
    {"n":5,"s":"five"}
rows: wrong: cannot connect to PostgreSQL at 127.0.0.1:1/none: connection to server at "127.0.0.1", port 1 failed: Connection refused
file: 1 of 2 operators can do their work'
says 'a record that would be set aside' 'would be set aside (json: '
leaves_after_state() { [ "$(ls)" = "$(printf '%s\n%s\n' "$FILES" state | sort)" ] || fail "$1: files are left: $(ls)"; }
leaves_after_state check

sed 's/lines.jsonl/none.jsonl/' file.json >none.json
exits 'no file to read' 78 check none.json
grep -q '^lines: wrong: .*none.jsonl.* (none.json:3:67: /operators/0/config/path)$' out.txt || fail 'the place of what is wrong'
rm none.json

printf '%s\n' 'no json' 'nor this' >bad.jsonl
sed -e 's/lines.jsonl/bad.jsonl/' -e 's/sink-postgres/sink-null/' -e '/"dsn"/s/.*/ "config": {} } ] }/' -e 's/"exactly_once": true,//' file.json >bad.json
exits 'no good record' 1 check bad.json
grep -q '^lines: wrong: none of the first 2 records can be decoded' out.txt || fail 'no good record'
says 'no good record' 'would be set aside (json: '
exits 'on_error fail' 1 check bad.json --set /on_error=fail
grep -q '^lines: wrong: the record at .*bad.jsonl/0 offset 0 was refused (json: ' out.txt || fail 'on_error fail'
grep -q '^rows: ok$' out.txt || fail 'the operators behind a failed one are looked at'
rm bad.json bad.jsonl

# Positions are neither asked for nor changed, and the lock of a running pipeline is not in the way.
rm -r state && truncate -s 0 stage.bin && truncate -s 800M stage.bin
exits 'first run' 0 stage.json -q
before=$(find state -type f -printf '%p %T@ %s\n' | sort)
exits 'check after a run' 0 check stage.json
prints 'check after a run' 's0: ok: 3 partitions, 5 records decoded
    {"n":0}
    {"n":0}
    {"n":0}
    {"n":1}
    {"n":1}
a: ok
b: ok
stage: 3 of 3 operators can do their work'
[ "$(find state -type f -printf '%p %T@ %s\n' | sort)" = "$before" ] || fail 'check touched state_dir'
exits 'run after a check' 0 stage.json
says 'run after a check' ' 0 records in'
leaves_after_state 'check of a pipeline that ran'

# Each waits until the other is there as well: one behind the other they would wait for ever.
truncate -s 0 stage.bin && truncate -s 800M stage.bin
export STAGE_MEET=2
exits 'side by side' 0 check stage.json
truncate -s 0 stage.bin && truncate -s 800M stage.bin
exits 'in the order of the graph' 1 check stage.json --set 's0/config/fail=["activate:retriable"]' --set 'a/config/fail=["activate:fatal"]'
prints 'in the order of the graph' 's0: wrong: stage activate failed
a: wrong: stage activate failed
b: ok
stage: 1 of 3 operators can do their work'
unset STAGE_MEET

exits 'a manifest that is not valid' 78 check file.json --set rows/config/nonsense=1
exits 'an option of run' 64 check file.json --limit 3

if [ "$FAILED" != 0 ]; then
    printf '%s cases failed\n' "$FAILED"
    exit 1
fi
