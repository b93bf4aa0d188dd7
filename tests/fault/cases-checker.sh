# shellcheck shell=bash
# shellcheck disable=SC2153 # SEED is lib.sh's
# The checkers themselves: what they are there to find, they find.

# finds FAULT SQL: fault-watch says so of the table once this has been done to it.
finds() {
    local wanted=$1
    psql_run "DROP TABLE IF EXISTS tampered; CREATE TABLE tampered AS TABLE $TABLE; $2"
    must "$wanted is found" watch_says "$wanted" tampered
}

# watch_says FAULT TABLE
watch_says() {
    local status=0 said
    said=$(TABLE=$2 rows_are_exact) || status=$?
    printf '%s\n' "$said"
    [ "$status" = 1 ] && grep -qE "dead letters:.* $1( |$)" <<<"$said"
}

# letters_find FAULT SED_SCRIPT: the same of the dead letters.
letters_find() {
    sed "$2" "$DEAD" >"$STATE/tampered.jsonl"
    DEAD=$STATE/tampered.jsonl must "$1 is found" watch_says "$1" "$TABLE"
}

# watch_is_blind SENTENCE: the one that was started last saw nothing, says so, and fails.
watch_is_blind() { must "a watch that sees nothing fails: $1" watch_fails "$1"; }
watch_fails() { ! pipeline_watch_stop && grep -q -- "$1" "$STATE/watch.out"; }

checker() {
    local good='source_partition = 1 AND source_offset = (SELECT min(source_offset) FROM tampered WHERE source_partition = 1 AND source_offset > 500)'
    pipeline_begin "checker-$1" "$FEED" 4000
    pipeline_watch_start
    must 'a run ends with 0' ends_with 0 pipeline_run 90 --set events/config/bounded_mode=latest
    must 'a watch finds nothing where nothing is wrong' pipeline_watch_stop
    must 'nothing is found where nothing is wrong' rows_are_exact
    TABLE=missing pipeline_watch_start
    watch_is_blind 'not one look was possible'
    DEAD=$LOG/none pipeline_watch_start
    watch_is_blind 'dead letters could not be read'
    psql_run "CREATE TABLE empty_$TABLE (LIKE $TABLE)"
    TABLE=empty_$TABLE PIPELINE=nobody pipeline_watch_start
    watch_is_blind 'no look saw a position'
    finds 'lost 1' "DELETE FROM tampered WHERE $good"
    finds 'duplicate 1' "INSERT INTO tampered SELECT * FROM tampered WHERE $good"
    finds 'corrupt 1' "UPDATE tampered SET payload = payload || ' ' WHERE $good"
    finds 'foreign 1' "UPDATE tampered SET source_offset = 4000 WHERE $good"
    finds 'out of order 1' "UPDATE tampered SET n = 0 WHERE $good"
    letters_find 'dead letters twice 1' '1{p}'
    letters_find 'missing 1' '1d'
    letters_find 'of no bad record 1' '1{p;s/"offset":[0-9]*/"offset":5000/}'
    psql_run "UPDATE pipehost_positions SET next_offset = 999 WHERE pipeline = '$PIPELINE' AND partition = 1"
    must 'a row above the position is found' watch_says 'above the position 1' "$TABLE"
}

fault_checker() {
    FEED=fault-checker
    feed "$FEED" 4000 >/dev/null
    side_by_side checker <<<"$SEED"
    tell 'lost, doubled, foreign, corrupt and disordered rows, wrong dead letters, a wrong position and a watch that sees nothing are found'
}
