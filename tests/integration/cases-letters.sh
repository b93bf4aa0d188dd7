# shellcheck shell=bash
# Dead letters: sent through the pipeline once more, and to a sink of their own.

# deadletter STATUS VERB ARG...: `pipehost deadletter` ends with STATUS; what it says goes to $STATE/said.
deadletter() {
    local wanted=$1 status=0
    shift
    set_environment
    "${ENVIRONMENT[@]}" timeout -k 5 300 "$BIN/pipehost" deadletter "$@" >"$STATE/said" 2>>"$LOG" || status=$?
    cat "$STATE/said"
    [ "$status" = "$wanted" ]
}
has_said() { grep -q -- "$1" "$STATE/said" || { cat "$STATE/said"; false; }; }

# The replay of the manifest, killed anywhere.
replay_and_kill() {
    set_environment
    process_start "replay-$CASE" "${ENVIRONMENT[@]}" "$BIN/pipehost" deadletter replay "${ARGS[@]}"
    pause_ms $((RANDOM % 300))
    process_kill9 "replay-$CASE"
}

# Both sinks of one record: Postgres refuses some rows, and its table is mended.
case_letters() {
    kafka_case letters both.json
    produce --count 20000
    psql_run "ALTER TABLE $TABLE ADD CONSTRAINT odd CHECK (url NOT LIKE '%77')"
    expect 'rows that Postgres refuses do not stop it' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'each of them is a letter' equals "$(dead_count) $(row_count)" '200 19800'
    expect 'list' deadletter 0 list "$DEAD"
    expect 'counts them by operator and reason' has_said '^     200  rows             23514 .*violates check constraint "odd"'
    expect 'list --json' deadletter 0 list "$DEAD" --json
    expect 'counts them too' has_said '"letters": 200, "bad_lines": 0, "groups": .{"operator": "rows", "code": "23514"'
    expect 'show' deadletter 0 show "$DEAD" --limit 2
    expect 'gives whole letters' equals "$(grep -c '^  topic: it-letters$' "$STATE/said") $(grep -c '^  value: {.*77' "$STATE/said")" '2 2'
    expect 'while the table is as it was, a replay ends' deadletter 0 replay "${ARGS[@]}"
    expect 'and says what became of it' has_said '^200 letters replayed, 200 of them dead again$'
    expect 'each of them is a letter once more' equals "$(dead_count) $(row_count)" '400 19800'
    psql_run "ALTER TABLE $TABLE DROP CONSTRAINT odd"
    replay_and_kill && replay_and_kill && replay_and_kill && replay_and_kill
    expect 'once the table is mended, a replay that was killed goes on' deadletter 0 replay "${ARGS[@]}"
    expect 'nothing is dead again' has_said ' 0 of them dead again'
    expect 'every row is there once and right' rows_exact 20000
    expect 'a second replay' deadletter 0 replay "${ARGS[@]}"
    expect 'finds nothing to do' has_said '^0 letters replayed, 0 of them dead again; 400 were replayed before$'
    expect 'and writes nothing' rows_exact 20000
    expect 'Kafka, beside it, got nothing twice' topic_has 20000 --keys
    expect 'discard wants a word more' deadletter 64 discard "$DEAD"
    expect 'discard' deadletter 0 discard "$DEAD" --yes
    expect 'takes them out' equals "$(cat "$DEAD" "$DEAD".[0-9] 2>/dev/null | wc -l) $(grep -c . "$DEAD.discarded")" '0 400'
    expect 'the pipeline itself goes on where it was' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and adds nothing' rows_exact 20000
}

# with_sink CONFIG: the case's manifest with an operator "dead" for letters.
with_sink() {
    sed "s|\"operators\": \[|&\n    { \"name\": \"dead\", $1 },|; s|\"dead_letter\": {|& \"operator\": \"dead\",|" "${ARGS[0]}" >"$STATE/with-sink.json"
    ARGS[0]=$STATE/with-sink.json
}

case_letters_to_postgres() {
    case_begin letters-to-postgres
    psql_run "CREATE TABLE ${TABLE}_dead (\"time\" timestamptz, operator text, source text, topic text, partition int, \"offset\" bigint, code text, reason text, value text, value_base64 text)"
    with_sink "\"plugin\": \"sink-postgres\", \"config\": { \"dsn\": \"\${POSTGRES_URL}\", \"user\": \"\${POSTGRES_USER}\", \"password\": \"\${POSTGRES_PASSWORD}\", \"table\": \"${TABLE}_dead\", \"columns\": [\"time\", \"operator\", \"source\", \"topic\", \"partition\", \"offset\", \"code\", \"reason\", \"value\", \"value_base64\"] }"
    produce --count 20000 --bad-percent 3
    pipehost_start --set events/config/bounded_mode=latest --set /checkpoint/interval_ms=1000
    pause_ms 700
    process_kill9 "pipehost-$CASE"
    expect 'after kill -9 it ends when all letters are delivered' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'the good rows are exact' rows_exact 20000 --bad-percent 3
    expect 'every bad record is a letter' equals "$(dead_count)" $((20000 - $(row_count)))
    expect 'and each letter a row, once' equals "$(psql_run "SELECT count(*) || ' ' || count(DISTINCT (operator, source, topic, partition, \"offset\")) FROM ${TABLE}_dead")" "$(dead_count) $(dead_count)"
    expect 'the same ones' equals "$(psql_run "SELECT partition || ' ' || \"offset\" FROM ${TABLE}_dead ORDER BY partition, \"offset\"")" "$(dead_places | sort -k1,1n -k2,2n)"
    expect 'with code, time and value' equals "$(psql_run "SELECT count(*) FROM ${TABLE}_dead WHERE code <> '' AND \"time\" > now() - interval '1 hour' AND (value IS NULL) <> (value_base64 IS NULL) AND operator = 'events'")" "$(dead_count)"
    expect 'a second run finds nothing to do' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and adds nothing' equals "$(psql_run "SELECT count(*) FROM ${TABLE}_dead")" "$(dead_count)"
}

case_letters_to_kafka() {
    case_begin letters-to-kafka
    create_topic "$TOPIC-dead" 1
    with_sink "\"plugin\": \"sink-kafka\", \"config\": { \"brokers\": \"\${KAFKA_URL}\", \"topic\": \"$TOPIC-dead\", \"rdkafka\": { \"security.protocol\": \"SASL_SSL\", \"sasl.mechanism\": \"PLAIN\", \"ssl.ca.location\": \"$KAFKA_CA_FILE\", \"sasl.username\": \"\${KAFKA_WEB_TRAFFIC_KEY}\", \"sasl.password\": \"\${KAFKA_WEB_TRAFFIC_SECRET}\" } }, \"format\": { \"json\": { \"timestamps\": \"iso8601\" } }"
    produce --count 20000
    psql_run "ALTER TABLE $TABLE ADD CHECK (url NOT LIKE '%77')"
    pipehost_start
    expect 'letters come while it runs' wait_until 180 has_dead_records 200
    expect 'SIGTERM drains' process_stop "pipehost-$CASE" 180
    expect 'each letter is a record, once' equals "$(dead_records)" "$(dead_places | sort -k1,1n -k2,2n)"
    expect 'those that Postgres refused' equals "$(dead_records)" "$(refused_places)"
    expect 'a second run finds nothing to do' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and adds nothing' equals "$(dead_records | wc -l)" 200
}
# "PARTITION OFFSET" of each letter in the topic.
dead_records() {
    kcat -C -q -e -o beginning -b "$KAFKA_URL" -t "$TOPIC-dead" -X isolation.level=read_committed |
        sed -n 's/.*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1 \2/p' | sort -k1,1n -k2,2n
}
has_dead_records() { [ "$(dead_records | wc -l)" -ge "$1" ]; }
