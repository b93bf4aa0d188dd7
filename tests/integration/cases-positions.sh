# shellcheck shell=bash
# Positions that do not fit what is there are refused, and `pipehost positions` says what is meant instead.

# positions_begin NAME: a pipeline without look-ups, that reads what is there and ends.
positions_begin() {
    case_begin "$1" 2
    psql_run "CREATE TABLE $TABLE_PLAIN (p int, o bigint, ip text)"
    cat >"$STATE/plain.json" <<EOF
{ "pipeline": "$1", "state_dir": "$STATE", "dead_letter": { "file": "$STATE/dead.jsonl" },
  "operators": [
    { "name": "events", "plugin": "source-kafka",
      "config": { "brokers": "$KAFKA_URL", "topic": "$TOPIC", "startup_mode": "earliest", "bounded_mode": "latest" },
      "format": { "json": { "fields": { "p": { "type": "int32", "from": "\$partition" },
          "o": { "type": "int64", "from": "\$offset" }, "ip": "string" } } } },
    { "name": "rows", "plugin": "sink-postgres", "input": "events",
      "config": { "dsn": "\${POSTGRES_URL}", "user": "\${POSTGRES_USER}", "password": "\${POSTGRES_PASSWORD}", "table": "$TABLE_PLAIN" } }
  ] }
EOF
    ARGS=("$STATE/plain.json")
}

# plain_produce SEED COUNT [START]: into the topic's two partitions, which end at offset START.
plain_produce() {
    "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 2 --seed "$1" --count "$2" --start-offset "${3:-0}"
}

plain_rows() { psql_run "SELECT count(*), count(DISTINCT (p, o)) FROM $TABLE_PLAIN"; }

# positions STATUS ACTION ARG...: the command's answer is in $STATE/answer.
positions() {
    local wanted=$1 action=$2 status=0
    shift 2
    set_environment
    "${ENVIRONMENT[@]}" timeout 300 "$BIN/pipehost" positions "$action" "${ARGS[@]}" "$@" >"$STATE/answer" 2>>"$LOG" || status=$?
    printf 'exit %s\n' "$status"
    cat "$STATE/answer"
    [ "$status" = "$wanted" ]
}

answers() { grep -qxF -- "$1" "$STATE/answer" || { cat "$STATE/answer"; false; }; }

case_topic_made_again() {
    local TABLE_PLAIN=remade_plain
    positions_begin remade
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    plain_produce 7 1000 500
    expect 'a second run goes on' exits_with 0 300
    expect 'and is exact' equals "$(plain_rows)" '2000|2000'
    expect 'a third has nothing to do' exits_with 0 300
    expect 'and adds nothing' equals "$(plain_rows)" '2000|2000'
    delete_topic "$TOPIC"
    create_topic "$TOPIC" 2
    plain_produce 8 3000
    expect 'a topic that was made again and has grown beyond the position is refused' exits_with 78 300
    expect 'with what is wrong' log_says 'the record at offset 999 is not the one that was read there before'
    expect 'and what to do' log_says "pipehost positions set $STATE/plain.json --partition $TOPIC/[01] --to earliest"
    expect 'and wrote nothing' equals "$(plain_rows)" '2000|2000'
    expect 'the command accepts it' positions 0 set --to earliest
    expect 'and says what it does' answers "rows/events ${TOPIC}[1]: 1000 -> 0, at most 1000 records will be written again"
    expect 'then it is read' exits_with 0 300
    expect 'from its beginning' equals "$(plain_rows)" '5000|3000'
}

case_positions() {
    local TABLE_PLAIN=positions_plain
    positions_begin positions
    expect 'nothing is shown before the first run' positions 0 show
    expect 'and said so' answers 'rows: no position'
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    expect 'positions are shown' positions 0 show --json
    expect 'as JSON' equals "$(jq -c '[.[] | [.sink, .source, .topic, .partition, .next_offset]]' "$STATE/answer")" \
        "[[\"rows\",\"events\",\"$TOPIC\",0,500],[\"rows\",\"events\",\"$TOPIC\",1,500]]"
    expect 'a dry run' positions 0 set --partition "$TOPIC/1" --to 400 --dry-run
    expect 'says what would be' answers "rows/events ${TOPIC}[1]: 500 -> 400, at most 100 records will be written again"
    expect 'and that it is one' answers '1 position would be changed: this was a dry run'
    expect 'nothing comes again after it' exits_with 0 300
    expect 'so nothing was changed' equals "$(plain_rows)" '1000|1000'
    expect 'set' positions 0 set --partition 1 --to 400
    expect 'the next run ends' exits_with 0 300
    expect 'and wrote those records again' equals "$(plain_rows)" '1100|1000'
    plain_produce 7 1000 500
    expect 'set to the end' positions 0 set --to latest --sink rows
    expect 'skips' answers "rows/events ${TOPIC}[0]: 500 -> 1000, at most 500 records will be skipped"
    expect 'the next run ends' exits_with 0 300
    expect 'and has skipped them' equals "$(plain_rows)" '1100|1000'
    expect 'set to a time' positions 0 set --to 2001-01-01T00:00:00Z --dry-run
    expect 'finds its offset' answers "rows/events ${TOPIC}[0]: 1000 -> 0, at most 1000 records will be written again"
    expect 'reset' positions 0 reset
    expect 'forgets' answers "rows/events ${TOPIC}[0]: 1000 -> none, the next start begins by the startup mode"
    expect 'the next run ends' exits_with 0 300
    expect 'and begins by the startup mode' equals "$(plain_rows)" '3100|2000'
    expect 'an offset alone names no partition' positions 64 set --to 5
    expect 'a partition that is not there is refused' positions 78 set --to earliest --partition 7
    expect 'a sink that is not there too' positions 78 show --sink nobody
}

case_positions_running() {
    local TABLE_PLAIN=running_plain
    positions_begin running
    plain_produce 7 1000
    pipehost_start --set events/config/bounded_mode=none
    wait_until 180 log_says 'partitions begin anew'
    wait_until 180 plain_has 1000
    expect 'positions of a running pipeline are shown' positions 0 show
    expect 'with their offset' grep -q "rows/events ${TOPIC}\[0\]: 500, moved " "$STATE/answer"
    expect 'but not set' positions 75 set --to earliest
    expect 'nor forgotten' positions 75 reset
    process_stop "pipehost-$CASE" 180
    expect 'nothing came of that' equals "$(plain_rows)" '1000|1000'
}

plain_has() { [ "$(psql_run "SELECT count(*) FROM $TABLE_PLAIN")" -ge "$1" ]; }

case_renamed() {
    local TABLE_PLAIN=renamed_plain
    positions_begin renamed
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    sed -i 's/"pipeline": "renamed"/"pipeline": "new-name"/' "$STATE/plain.json"
    expect 'under another name it is refused' exits_with 78 300
    expect 'with both names' log_says 'under the pipeline name "renamed" and none under "new-name"'
    expect 'and the command' log_says 'pipehost positions rename MANIFEST --from renamed goes on from them'
    expect 'a name without positions is refused' positions 78 rename --from nobody
    expect 'renaming works' positions 0 rename --from renamed
    plain_produce 7 1000 500
    expect 'the next run goes on' exits_with 0 300
    expect 'and is exact' equals "$(plain_rows)" '2000|2000'
    psql_run 'CREATE TABLE renamed_other (LIKE renamed_plain)'
    sed -i 's/"name": "rows"/"name": "other-rows"/' "$STATE/plain.json"
    expect 'another name of the sink is told' exits_with 0 300 --set other-rows/config/table=renamed_other
    expect 'with the former one' log_says 'other-rows: .*sink "rows", which read the same topics, is not in the manifest any more'
    sed -i 's/"name": "other-rows"/"name": "rows"/; s/"events"/"clicks"/' "$STATE/plain.json"
    expect 'another name of the source is refused' exits_with 78 300
    expect 'with both names' log_says 'clicks: rows has positions of topic .* as source events read it, .* and none of source clicks'
    expect 'the command of the sentence works' positions 0 set --sink rows --to latest
    expect 'and is enough' exits_with 0 300
    expect 'nothing came twice' equals "$(plain_rows)" '2000|2000'
    expect 'another table is told' exits_with 0 300 --set rows/config/table=renamed_other
    expect 'with the former one' log_says 'rows: the rows before these positions are in table public.renamed_plain, those from here on come into public.renamed_other'
    expect 'a second start says it no more' exits_with 0 300 --set rows/config/table=renamed_other
    expect 'as the positions moved with it' equals "$(grep -c 'the rows before these positions' "$LOG")" 1
}

case_positions_of_the_host() {
    local TABLE_PLAIN=host_plain
    positions_begin host-kept
    ARGS+=(--set /exactly_once=false)
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    expect 'positions that the host keeps are shown' positions 0 show
    expect 'with their offset' answers "rows/events ${TOPIC}[0]: 500"
    expect 'set' positions 0 set --partition 0 --to 100
    expect 'the next run ends' exits_with 0 300
    expect 'and wrote those records again' equals "$(plain_rows)" '1400|1000'
    expect 'reset' positions 0 reset
    expect 'the next run ends' exits_with 0 300
    expect 'and begins by the startup mode' equals "$(plain_rows)" '2400|1000'
    delete_topic "$TOPIC"
    create_topic "$TOPIC" 2
    plain_produce 8 3000
    expect 'a topic that was made again is refused here too' exits_with 78 300
    expect 'with what is wrong' log_says 'the record at offset 499 is not the one that was read there before'
}

# kafka_positions_begin NAME: the same pipeline, with Kafka as a second sink; "only" as $2: as the one sink.
kafka_positions_begin() {
    TABLE_PLAIN=${1//-/_}_plain
    positions_begin "$1"
    OUTPUT=$TOPIC-out
    create_topic "$OUTPUT" 1
    jq --arg topic "$OUTPUT" --arg only "${2:-}" '.operators[0] as $source | .operators[1] as $rows |
        { name: "copies", plugin: "sink-kafka", input: "events", config: ($source.config | { brokers, topic: $topic } + (if .rdkafka then { rdkafka } else {} end)),
          format: { json: {} } } as $copies |
        .operators = if $only != "" then [$source, $copies] else [$source, $rows, $copies] end' "$STATE/plain.json" >"$STATE/with-kafka.json"
    mv "$STATE/with-kafka.json" "$STATE/plain.json"
}

# "RECORDS DISTINCT" of the output topic, as a reader sees them that waits for commits.
copies() {
    kcat -C -q -e -o beginning -b "$KAFKA_URL" -t "$OUTPUT" -X isolation.level=read_committed >"$STATE/copies"
    printf '%s|%s\n' "$(grep -c . "$STATE/copies")" "$(sort -u "$STATE/copies" | grep -c .)"
}

# positions_in_kafka NAME [ARG...]: show, set, reset and rename, wherever the cluster keeps them.
positions_in_kafka() {
    local TABLE_PLAIN
    kafka_positions_begin "$1" only
    shift
    ARGS+=("$@")
    expect 'nothing is shown before the first run' positions 0 show
    expect 'and said so' answers 'copies: no position'
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    expect 'positions are shown' positions 0 show --json
    expect 'as JSON' equals "$(jq -c '[.[] | [.sink, .source, .topic, .partition, .next_offset, .fence]] | sort' "$STATE/answer")" \
        "[[\"copies\",\"events\",\"$TOPIC\",0,500,null],[\"copies\",\"events\",\"$TOPIC\",1,500,null]]"
    expect 'a dry run' positions 0 set --partition "$TOPIC/1" --to 400 --dry-run
    expect 'says what would be' answers "copies/events ${TOPIC}[1]: 500 -> 400, at most 100 records will be written again"
    expect 'nothing comes again after it' exits_with 0 300
    expect 'so nothing was changed' equals "$(copies)" '1000|1000'
    expect 'set back' positions 0 set --partition 1 --to 400
    expect 'the next run ends' exits_with 0 300
    expect 'and wrote those records again' equals "$(copies)" '1100|1000'
    plain_produce 7 1000 500
    expect 'set to the end' positions 0 set --to latest --sink copies
    expect 'skips' answers "copies/events ${TOPIC}[0]: 500 -> 1000, at most 500 records will be skipped"
    expect 'the next run ends' exits_with 0 300
    expect 'and has skipped them' equals "$(copies)" '1100|1000'
    expect 'reset' positions 0 reset
    expect 'forgets' answers "copies/events ${TOPIC}[0]: 1000 -> none, the next start begins by the startup mode"
    expect 'none is shown' positions 0 show
    expect 'any more' grep -q "^copies/events ${TOPIC}\[0\]: none" "$STATE/answer"
    expect 'the next run ends' exits_with 0 300
    expect 'and begins by the startup mode' equals "$(copies)" '3100|2000'
    positions_renamed_in_kafka
}

positions_renamed_in_kafka() {
    sed -i 's/"pipeline": "[^"]*"/"pipeline": "'"$CASE"'-renamed"/' "$STATE/plain.json"
    expect 'a name without positions is refused' positions 78 rename --from nobody
    expect 'another name'\''s are taken' positions 0 rename --from "$CASE"
    expect 'and shown' grep -q "^copies/events ${TOPIC}\[1\]: 1000" "$STATE/answer"
    expect 'once' positions 78 rename --from "$CASE"
    plain_produce 7 1000 1000
    expect 'the next run goes on' exits_with 0 300
    expect 'from there' equals "$(copies)" '4100|3000'
    sed -i 's/"pipeline": "[^"]*"/"pipeline": "'"$CASE"'"/' "$STATE/plain.json"
    expect 'the other name has none any more' positions 0 show
    expect 'to go on from' equals "$(grep -vc ': none' "$STATE/answer")" 0
}

case_positions_group() { positions_in_kafka positions-group; }
case_positions_topic() { positions_in_kafka positions-topic --set copies/config/positions=topic --set copies/config/positions_topic=it-positions-topic-kept; }

# The setting changes where positions live, forth and back: they move there.
case_positions_moved() {
    local TABLE_PLAIN there=(--set copies/config/positions=topic)
    kafka_positions_begin positions-moved only
    ARGS+=(--set copies/config/positions_topic=it-positions-moved-kept)
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    expect 'an empty topic is no reason for a warning' equals "$(grep -c 'this is its first start' "$LOG")" 0
    expect 'a run with positions in a topic ends' exits_with 0 300 "${there[@]}"
    expect 'and says that they move' log_says 'positions of 2 partitions were kept in another place'
    expect 'nothing came again' equals "$(copies)" '1000|1000'
    plain_produce 7 1000 500
    expect 'the next one ends' exits_with 0 300 "${there[@]}"
    expect 'and went on' equals "$(copies)" '2000|2000'
    expect 'where the topic has another name, the start is refused' exits_with 78 300 --set copies/config/positions_topic=it-positions-moved-lost
    expect 'and not begun anew' log_says 'was moved, and is not where it would be now (positions_topic it-positions-moved-lost): set positions'
    expect 'a run with positions in a group ends' exits_with 0 300
    expect 'and took the newer ones' equals "$(copies)" '2000|2000'
    expect 'set says where it goes on all the same' positions 0 set --to latest --set copies/config/positions_topic=it-positions-moved-lost
    expect 'which leaves nothing older in the group' exits_with 0 300 --set copies/config/positions_topic=it-positions-moved-lost
    sed -i 's/"name": "copies"/"name": "copies-anew"/' "$STATE/plain.json"
    ARGS=("$STATE/plain.json")
    expect 'a sink without any position begins' exits_with 0 300
    expect 'and warns' log_says 'copies-anew: topic .* has records, but Kafka at .* has no position of this pipeline'
}

# The topic was moved: what is kept is of the cluster that it was in.
case_positions_cluster() {
    local TABLE_PLAIN kept=it-positions-cluster-kept
    kafka_positions_begin positions-cluster only
    ARGS+=(--set copies/config/positions=topic --set "copies/config/positions_topic=$kept")
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    kcat -C -q -e -o beginning -b "$KAFKA_URL" -t "$kept" -f '%k|%s\n' -X isolation.level=read_committed |
        sed 's/"cluster":"[^"]*"/"cluster":"former"/' | kcat -P -b "$KAFKA_URL" -t "$kept" -K '|'
    expect 'positions of another cluster are refused' exits_with 78 300
    expect 'with both clusters' log_says "the position of $TOPIC\[[01]\] in $kept is of cluster former, but the topic is read from cluster "
    expect 'and the command' log_says 'pipehost positions set MANIFEST --sink copies --to earliest (or latest, or an offset) goes on in that one'
    expect 'and nothing is written' equals "$(copies)" '1000|1000'
    expect 'the command of the sentence works' positions 0 set --sink copies --to latest
    plain_produce 7 1000 500
    expect 'and is enough' exits_with 0 300
    expect 'to go on' equals "$(copies)" '2000|2000'
}

# renamed_in_kafka NAME [ARG...]: the start of a pipeline that was renamed, wherever the cluster keeps its positions.
renamed_in_kafka() {
    local TABLE_PLAIN name=$1
    kafka_positions_begin "$1" only
    shift
    ARGS+=("$@")
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    sed -i "s/\"pipeline\": \"$name\"/\"pipeline\": \"$name-now\"/" "$STATE/plain.json"
    expect 'under another name it is refused' exits_with 78 300
    expect 'with both names' log_says "written to topic $OUTPUT under the pipeline name \"$name\" and none under \"$name-now\""
    expect 'and the command' log_says "pipehost positions rename MANIFEST --from $name goes on from them"
    expect 'nothing was written' equals "$(copies)" '1000|1000'
    create_topic "$OUTPUT-other" 1
    expect 'one that writes to another topic is another pipeline' exits_with 0 300 --set "copies/config/topic=$OUTPUT-other" --set "/pipeline=$name-other" --set "/state_dir=$STATE-other"
    expect 'one that reads another topic is too' reads_another "$name"
    expect 'renaming works' positions 0 rename --from "$name"
    plain_produce 7 1000 500
    expect 'the next run goes on' exits_with 0 300
    expect 'and is exact' equals "$(copies)" '2000|2000'
    expect 'a second writer of that topic' exits_with 78 300 --set "/pipeline=$name-second" --set "/state_dir=$STATE-second"
    expect 'is let in by set' positions 0 set --to latest --set "/pipeline=$name-second" --set "/state_dir=$STATE-second"
    expect 'and begins beside the first one' exits_with 0 300 --set "/pipeline=$name-second" --set "/state_dir=$STATE-second"
    expect 'where it was told to' equals "$(copies)" '2000|2000'
}
reads_another() {
    create_topic "$TOPIC-other" 1
    exits_with 0 300 --set "events/config/topic=$TOPIC-other" --set "/pipeline=$1-reader" --set "/state_dir=$STATE-reader"
}
case_renamed_group() { renamed_in_kafka renamed-group; }
case_renamed_topic() { renamed_in_kafka renamed-topic --set copies/config/positions=topic --set copies/config/positions_topic=it-renamed-topic-kept; }

# asks_until_shown COUNT: each answer but the last is a sentence that says why there is none, or has fewer positions, of a
# broker that does not know yet what it has; the command never dies.
asks_until_shown() {
    local status end=$((SECONDS + 240))
    set_environment
    while [ "$SECONDS" -lt "$end" ]; do
        status=0
        "${ENVIRONMENT[@]}" timeout 300 "$BIN/pipehost" positions show "${ARGS[@]}" >"$STATE/answer" 2>"$STATE/said" || status=$?
        printf 'exit %s\n' "$status"
        cat "$STATE/answer" "$STATE/said"
        if [ "$status" = 0 ]; then
            [ "$(grep -c '^copies/events .*: 500, ' "$STATE/answer")" != "$1" ] || return 0
            continue
        fi
        [ "$status" = 1 ] && grep -q 'error: copies: .*Kafka at' "$STATE/said" || return 1
        : >"$STATE/asked"
    done
    return 1
}

was_shown() { wait "$1" || { tail -n 5 "$STATE/shown"; false; }; }

# The broker that coordinates the group is away, and comes back while it is asked.
case_positions_away() {
    local asking
    kafka_positions_begin positions-away only
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    kafka_kill9
    asks_until_shown 2 >"$STATE/shown" 2>&1 &
    asking=$!
    expect 'without it that is said' wait_until 180 test -e "$STATE/asked"
    kafka_start
    expect 'and then positions are shown as they were' was_shown "$asking"
}

# Both sinks at once, and a process that is shut out.
case_positions_of_both() {
    local status=0 first TABLE_PLAIN
    kafka_positions_begin positions-both
    plain_produce 7 1000
    expect 'the first run ends' exits_with 0 300
    expect 'positions of both sinks are shown' positions 0 show
    expect 'four' equals "$(grep -c ': 500' "$STATE/answer")" 4
    expect 'one sink is set back' positions 0 set --sink copies --partition 0 --to 300
    expect 'the next run ends' exits_with 0 300
    expect 'Kafka got those again' equals "$(copies)" '1200|1000'
    expect 'and Postgres nothing' equals "$(plain_rows)" '1000|1000'
    expect 'both are set back' positions 0 set --partition 1 --to 450
    expect 'the next run ends' exits_with 0 300
    expect 'Kafka got them again' equals "$(copies)" '1250|1000'
    expect 'and so did Postgres' equals "$(plain_rows)" '1050|1000'
    expect 'both are reset' positions 0 reset
    expect 'the next run ends' exits_with 0 300
    expect 'Kafka has all of it twice' equals "$(copies)" '2250|1000'
    expect 'and so has Postgres' equals "$(plain_rows)" '2050|1000'
    pipehost_run 600 --set events/config/bounded_mode=none --set "/state_dir=$STATE-elsewhere" &
    first=$!
    plain_produce 7 100 500
    wait_until 180 copies_are 2350
    expect 'while it runs elsewhere they are shown' positions 0 show --sink copies
    expect 'set' positions 0 set --sink copies --to earliest
    plain_produce 7 100 550
    wait "$first" || status=$?
    expect 'shuts that one out' equals "$status" 77
}
copies_are() { [ "$(copies | cut -d'|' -f1)" -ge "$1" ]; }
