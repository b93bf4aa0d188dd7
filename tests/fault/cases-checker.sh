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

# Without its last bytes, and ended by the next start, as the host does it; the letter itself came again.
half_a_letter() {
    { head -n 1 "$DEAD" | head -c -20 && echo && cat "$DEAD"; } >"$STATE/half.jsonl"
    DEAD=$STATE/half.jsonl
}

checker() {
    local good='source_partition = 1 AND source_offset = (SELECT min(source_offset) FROM tampered WHERE source_partition = 1 AND source_offset > 500)'
    pipeline_begin "checker-$1" "$FEED" 4000
    pipeline_watch_start
    must 'a run ends with 0' ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'a watch finds nothing where nothing is wrong' pipeline_watch_stop
    must 'nothing is found where nothing is wrong' rows_are_exact
    half_a_letter
    must 'half a line that a kill left is no letter' rows_are_exact
    must 'nor for those that count without a table' letters_are_exact
    DEAD=$STATE/dead.jsonl
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

# ---- the same of an output topic

# tamper HEADER...: one record more, in a transaction of its own, that moves no position.
tamper() {
    local headers=() header
    for header in "$@"; do headers+=(-H "$header"); done
    printf '{}' | kcat -P -b "$KAFKA_URL" -t "$OUTPUT" -p 0 -X "transactional.id=tamper-$PIPELINE" "${headers[@]}"
}
tamper_with() { tamper "source.topic=$TOPIC" "source.partition=$1" "source.offset=$2"; }

# kafka_finds FAULT COMMAND...: this is done to the output while somebody looks.
kafka_finds() {
    local wanted=$1
    shift
    pipeline_watch_start
    must "$wanted: it can be done" "$@"
    must "$wanted is found" kafka_watch_says "$wanted"
}
kafka_watch_says() {
    ! pipeline_watch_stop && grep -qE "dead letters:.* $1( |$)" "$STATE/watch_kafka.out"
}
kafka_watch_is_blind() {
    must "a watch that sees nothing fails: $1" kafka_watch_fails "$1"
}
kafka_watch_fails() { ! pipeline_watch_stop && grep -q -- "$1" "$STATE/watch_kafka.out"; }

# The first offset of partition 1 from this one on that is no bad record.
is_good() { [ "$(COUNT=$(($1 * PARTITIONS + 1)) bad_count)" = "$(COUNT=$(($1 * PARTITIONS + 2)) bad_count)" ]; }
good_from() {
    local offset=$1
    until is_good "$offset"; do offset=$((offset + 1)); done
    printf '%s\n' "$offset"
}

positions_ahead() {
    pipeline_environment
    "${ENVIRONMENT[@]}" timeout 60 "$BIN/pipehost" positions set "$PIPELINE_MANIFEST" --sink located --partition "$TOPIC/1" --to "$1"
}

checker_kafka() {
    pipeline_begin "checker-kafka-$1" "$FEED" 4000 kafka.json
    pipeline_watch_start
    must 'a run ends with 0' ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'a watch finds nothing where nothing is wrong' pipeline_watch_stop
    must 'nothing is found where nothing is wrong' output_is_exact
    DEAD=$LOG/none pipeline_watch_start
    kafka_watch_is_blind 'dead letters could not be read'
    PIPELINE=nobody pipeline_watch_start
    kafka_watch_is_blind 'records, but no position'
    : >"$STATE/empty.jsonl"
    DEAD=$STATE/empty.jsonl kafka_finds "missing $(bad_count)" true
    kafka_finds 'duplicate 1' tamper_with 1 "$(good_from 500)"
    kafka_finds 'foreign 1' tamper "source.topic=$TOPIC"
    # As if there were more events than were fed: these come without an offset in their transaction.
    COUNT=4040 kafka_finds 'above the position 1' tamper_with 1 "$(good_from 1005)"
    COUNT=4040 kafka_finds 'out of order 1 above the position 2' tamper_with 1 "$(good_from 1000)"
    ahead "$1"
}

# A transaction of offsets alone: as far as they go, nothing is there.
ahead() {
    pipeline_begin "checker-ahead-$1" "$FEED" 4000 kafka.json
    kafka_finds 'lost [1-9][0-9]*' positions_ahead 600
}

fault_checker() {
    FEED=fault-checker
    feed "$FEED" 4000 >/dev/null
    side_by_side checker <<<"$SEED"
    side_by_side checker_kafka <<<"$SEED"
    tell 'lost, doubled, foreign, corrupt and disordered rows, wrong dead letters, a wrong position and a watch that sees nothing are found'
    tell 'in Kafka: records without offsets, offsets without records, doubled, foreign and disordered records, missing dead letters and a watch that sees nothing'
}
