# shellcheck shell=bash
# What a Kafka topic may be beside the plain one.

NEW_EACH=15000 # records of each partition

# new_records FIRST COUNT: fills COUNT partitions from FIRST on.
new_records() { produce --first-partition "$1" --partitions "$2" --count $((NEW_EACH * $2)); }

case_new_partitions() {
    case_begin new-partitions 2
    process_start feed-new "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 2 --seed 7 --rate 6000 --count $((NEW_EACH * 2))
    pipehost_start --set events/config/discovery_interval=300ms --set /parallelism=2
    wait_until 180 has_rows 1000
    add_partitions "$TOPIC" 6
    new_records 2 4
    wait_until 180 process_gone feed-new
    wait_until 180 has_rows $((NEW_EACH * 6))
    expect 'partitions found under load are exact' rows_exact $((NEW_EACH * 6)) --partitions 6
    expect 'the log names each of them' equals "$(grep -c 'is new: its records are read from offset 0 on' "$LOG")" 4
    add_partitions "$TOPIC" 9
    new_records 6 3
    process_kill9 "pipehost-$CASE"
    expect 'after a kill -9 in the middle of it the next run ends' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and is exact' rows_exact $((NEW_EACH * 9)) --partitions 9
}

# read_metadata TOMBSTONES: a bounded run over the topic into the table metadata_rows.
read_metadata() {
    cat >"$STATE/metadata.json" <<EOF
{ "pipeline": "metadata-$1", "state_dir": "$STATE/$1", "dead_letter": { "file": "$STATE/$1.dead.jsonl" },
  "operators": [
    { "name": "events", "plugin": "source-kafka",
      "config": { "brokers": "$KAFKA_URL", "topic": "$TOPIC", "startup_mode": "earliest", "bounded_mode": "latest" },
      "format": { "json": { "tombstones": "$1", "fields": {
          "k": { "type": "string", "from": "\$key" }, "a": "string", "p": { "type": "int32", "from": "\$partition" },
          "o": { "type": "int64", "from": "\$offset" }, "t": { "type": "timestamp(3)", "from": "\$timestamp" },
          "h": { "type": "json", "from": "\$headers" }, "topic": { "type": "string", "from": "\$topic" },
          "v": { "type": "json", "from": "\$value" } } } } },
    { "name": "rows", "plugin": "sink-postgres", "input": "events",
      "config": { "dsn": "\${POSTGRES_URL}", "user": "\${POSTGRES_USER}", "password": "\${POSTGRES_PASSWORD}", "table": "metadata_rows",
                  "positions_table": "metadata_$1" } }
  ] }
EOF
    # shellcheck disable=SC2034 # exits_with runs it
    ARGS=("$STATE/metadata.json")
    psql_run 'TRUNCATE metadata_rows'
    exits_with 0 300
}

metadata_rows() {
    psql_run "SELECT coalesce(k, '-'), coalesce(a, '-'), p, o, t > now() - interval '1 hour', coalesce(h, '-'), topic, coalesce(v, '-')
        FROM metadata_rows ORDER BY o"
}

case_metadata() {
    local first second
    case_begin metadata 1
    psql_run 'CREATE TABLE metadata_rows (k text, a text, p int, o bigint, t timestamptz, h text, topic text, v text)'
    printf 'one|{"a":"x"}\n' | kcat -P -b "$KAFKA_URL" -t "$TOPIC" -p 0 -K '|' -H trace=abc -H 'say="hi"' -H trace=def
    printf '{"a":null}\n' | kcat -P -b "$KAFKA_URL" -t "$TOPIC" -p 0
    printf 'gone|\n' | kcat -P -b "$KAFKA_URL" -t "$TOPIC" -p 0 -K '|' -Z
    first='one|x|0|0|t|{"trace":"abc","say":"\"hi\"","trace":"def"}|it-metadata|{"a":"x"}'
    second='-|-|0|1|t|-|it-metadata|{"a":null}'
    expect 'tombstones that become rows end with 0' read_metadata null
    expect 'a row has all that stands around its JSON' equals "$(metadata_rows)" "$first"$'\n'"$second"$'\n''gone|-|0|2|t|-|it-metadata|-'
    expect 'tombstones that are skipped end with 0' read_metadata skip
    expect 'and leave nothing' equals "$(metadata_rows)" "$first"$'\n'"$second"
    expect 'tombstones are dead letters otherwise' read_metadata dead_letter
    expect 'which say why' grep -q tombstone "$STATE/dead_letter.dead.jsonl"
}

topics_rows() { psql_run 'SELECT topic, count(*), count(DISTINCT (p, o)), max(o) FROM topics_rows GROUP BY 1 ORDER BY 1'; }

case_topics() {
    local second=it-topics-too
    case_begin topics 3
    create_topic "$second" 5
    psql_run 'CREATE TABLE topics_rows (topic text, p int, o bigint)'
    produce --partitions 3 --count 6000
    "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$second" --partitions 5 --seed 7 --count 5000
    cat >"$STATE/topics.json" <<EOF
{ "pipeline": "topics", "state_dir": "$STATE", "parallelism": 2,
  "operators": [
    { "name": "events", "plugin": "source-kafka",
      "config": { "brokers": "$KAFKA_URL", "topics": ["$TOPIC", "$second"], "startup_mode": "earliest", "bounded_mode": "latest" },
      "format": { "json": { "fields": { "topic": { "type": "string", "from": "\$topic" },
          "p": { "type": "int32", "from": "\$partition" }, "o": { "type": "int64", "from": "\$offset" } } } } },
    { "name": "rows", "plugin": "sink-postgres", "input": "events",
      "config": { "dsn": "\${POSTGRES_URL}", "user": "\${POSTGRES_USER}", "password": "\${POSTGRES_PASSWORD}", "table": "topics_rows" } }
  ] }
EOF
    # shellcheck disable=SC2034 # exits_with runs it
    ARGS=("$STATE/topics.json")
    expect 'two topics end with 0' exits_with 0 300
    expect 'each record of both is there once' equals "$(topics_rows)" "$TOPIC|6000|6000|1999"$'\n'"$second|5000|5000|999"
    expect 'a second run finds nothing to do' exits_with 0 300
    expect 'and adds nothing' equals "$(topics_rows)" "$TOPIC|6000|6000|1999"$'\n'"$second|5000|5000|999"
}

# log_ends TOPIC: "PARTITION NEXT_OFFSET" of each of its four partitions.
log_ends() {
    kcat -Q -b "$KAFKA_URL" -X "isolation.level=${2:-read_committed}" -t "$1:0:-1" -t "$1:1:-1" -t "$1:2:-1" -t "$1:3:-1" | sed 's/.* \[\([0-9]*\)\] offset /\1 /' | sort
}
# No transaction is open, and there are more offsets than records.
ends_with_markers() {
    local ends
    ends=$(log_ends "$OUTPUT") && [ "$ends" = "$(log_ends "$OUTPUT" read_uncommitted)" ] &&
        [ "$(awk '{ n += $2 } END { print n + 0 }' <<<"$ends")" -ge 4004 ]
}
positions_are() { equals "$(psql_run "SELECT partition || ' ' || next_offset FROM pipehost_positions WHERE pipeline = '$1' ORDER BY 1")" "$2"; }

# records_delete TOPIC ENDS: all below are gone, as retention takes them.
records_delete() {
    awk -v topic="$1" '{ printf "%s{\"topic\":\"%s\",\"partition\":%s,\"offset\":%s}", NR > 1 ? "," : "", topic, $1, $2 }' <<<"$2" >"$STATE/parts"
    printf '{"partitions":[%s],"version":1}' "$(<"$STATE/parts")" >"$STATE/delete.json"
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$KAFKA_URL" \
        --offset-json-file "$STATE/delete.json"
}

# markers_rows TABLE COUNT: each of the records has been read once.
markers_rows() { equals "$(psql_run "SELECT count(*), count(DISTINCT (p, o)) FROM $1")" "$2|$2"; }

# markers_begin NAME: a topic written in transactions, past the last record of each partition stand markers, and a pipeline that
# reads it into the table NAME_rows. Sets ENDS to where its partitions end, and WRITER to what writes more into it.
markers_begin() {
    kafka_case "$1" to-kafka.json
    WRITER=("${ARGS[@]}")
    psql_run "CREATE TABLE ${1//-/_}_rows (p int, o bigint)"
    cat >"$STATE/markers.json" <<EOF
{ "pipeline": "$1-read", "state_dir": "$STATE/read",
  "operators": [
    { "name": "events", "plugin": "source-kafka", "config": { "brokers": "$KAFKA_URL", "topic": "$OUTPUT", "startup_mode": "earliest" },
      "format": { "json": { "fields": { "p": { "type": "int32", "from": "\$partition" }, "o": { "type": "int64", "from": "\$offset" } } } } },
    { "name": "rows", "plugin": "sink-postgres", "input": "events",
      "config": { "dsn": "\${POSTGRES_URL}", "user": "\${POSTGRES_USER}", "password": "\${POSTGRES_PASSWORD}", "table": "${1//-/_}_rows" } }
  ] }
EOF
    produce --count 4000
    expect 'the topic is written' exits_with 0 300 --set events/config/bounded_mode=latest
    # The broker writes them after it has answered.
    expect 'each partition ends with a marker' wait_until 180 ends_with_markers
    ENDS=$(log_ends "$OUTPUT")
    # shellcheck disable=SC2034 # exits_with runs it
    ARGS=("$STATE/markers.json")
    pipehost_start
    expect 'a run that goes on takes the positions past them' wait_until 180 positions_are "$1-read" "$ENDS"
    process_stop "pipehost-$CASE" 180
}

case_markers() {
    markers_begin markers
    expect 'retention takes all of it' records_delete "$OUTPUT" "$ENDS"
    expect 'the next run has lost nothing' exits_with 0 300 --set events/config/bounded_mode=latest
    markers_goes_on
}

# The same topic has more records, by and by.
markers_goes_on() {
    ARGS=("${WRITER[@]}")
    produce --count 400 --start-offset 1000
    expect 'more is written' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and ends with markers' wait_until 180 ends_with_markers
    # shellcheck disable=SC2034 # exits_with runs it
    ARGS=("$STATE/markers.json")
    expect 'and read' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'each record once' markers_rows "${CASE//-/_}_rows" 4400
}

# A position past a marker has no record before it to be known by: but that there is none.
case_markers_made_again() {
    local longer=12000
    markers_begin markers-again
    expect 'a run that finds the same topic ends' exits_with 0 300 --set events/config/bounded_mode=latest
    markers_goes_on
    ENDS=$(log_ends "$OUTPUT")
    pipehost_start
    expect 'the positions pass the last marker' wait_until 180 positions_are markers-again-read "$ENDS"
    process_stop "pipehost-$CASE" 180
    delete_topic "$OUTPUT"
    create_topic "$OUTPUT" 4
    "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$OUTPUT" --partitions 4 --seed 8 --count "$longer"
    expect 'a topic that was made again and has grown beyond the markers is refused' exits_with 78 300
    expect 'with what is wrong' log_says "$OUTPUT/[0-3]: there is a record at offset [0-9]*, where none was before: the topic was deleted"
    expect 'and what to do' log_says "pipehost positions set $STATE/markers.json --partition $OUTPUT/[0-3] --to earliest"
    expect 'and wrote nothing' markers_rows markers_again_rows 4400
    expect 'the command accepts it' positions 0 set --to earliest
    expect 'then it is read' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'from its beginning' equals "$(psql_run 'SELECT count(*) FROM markers_again_rows')" $((4400 + longer))
}
