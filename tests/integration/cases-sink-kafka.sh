# shellcheck shell=bash
# Kafka as the output: alone, and beside PostgreSQL.

# kafka_case NAME EXAMPLE: a case with an output topic.
kafka_case() {
    case_begin "$1"
    OUTPUT=$TOPIC-out
    create_topic "$OUTPUT" "${OUTPUT_PARTITIONS:-4}" "${OUTPUT_CONFIG[@]}"
    ARGS[0]=$ROOT/examples/$2
    ARGS+=(--set "located/config/topic=$OUTPUT" --set "located/config/rdkafka/ssl.ca.location=$KAFKA_CA_FILE")
    if [ "$2" = to-kafka.json ]; then
        local i kept=()
        for ((i = 0; i < ${#ARGS[@]}; i++)); do
            case ${ARGS[i + 1]:-} in
            rows/*) i=$((i + 1)) ;;
            *) kept+=("${ARGS[i]}") ;;
            esac
        done
        ARGS=("${kept[@]}")
    fi
}
OUTPUT_CONFIG=()

# topic_has COUNT [OPTION...]: the output topic holds each of the first COUNT events.
topic_has() {
    local count=$1
    shift
    "$TOOLS/topic-check" --brokers "$KAFKA_URL" --topic "$OUTPUT" --seed 7 --count "$count" --partitions 4 "$@"
}

case_to_kafka() {
    kafka_case to-kafka to-kafka.json
    produce --count "$JOB_COUNT" --distinct 1000
    expect 'a bounded run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'every record is there once and right' topic_has "$JOB_COUNT" --distinct 1000 --keys
    expect 'no secret is in the log' no_secret_in_log
    expect 'a second run finds nothing to do' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and adds nothing' topic_has "$JOB_COUNT" --distinct 1000 --keys
}

case_to_kafka_spliced() {
    kafka_case to-kafka-spliced to-kafka.json
    produce --count "$JOB_COUNT" --distinct 1000
    expect 'a bounded run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest \
        --set located/config/value=splice --set located/config/compression=lz4 --set /parallelism=2
    expect 'every record is the source'\''s with geodata, once' topic_has "$JOB_COUNT" --distinct 1000 --value splice --keys
}

case_to_kafka_headers() {
    kafka_case to-kafka-headers to-kafka.json
    produce --count 20000
    expect 'a bounded run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest --set located/config/headers=true
    expect 'every record names its source' topic_has 20000 --keys --headers "$TOPIC"
}

case_to_kafka_linger() {
    kafka_case to-kafka-linger to-kafka.json
    produce --count 1000
    expect 'the end of a transaction has no record wait for company' exits_with 0 300 --set events/config/bounded_mode=latest \
        --set located/config/rdkafka/linger.ms=800000 --set located/config/rdkafka/transaction.timeout.ms=900000
    expect 'and all are there' topic_has 1000 --keys
}

case_both() {
    kafka_case both both.json
    produce --count 40000
    expect 'both sinks end with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'Postgres is exact' rows_exact 40000
    expect 'Kafka is exact' topic_has 40000 --keys
}

# uncommitted COUNT: shows what a reader sees that does not wait for commits.
uncommitted() {
    "$TOOLS/topic-check" --brokers "$KAFKA_URL" --topic "$OUTPUT" --seed 7 --count "$1" --partitions 4 --isolation read_uncommitted |
        sed -n 's/^\([0-9]* records for.*\)/  read_uncommitted: \1/p'
}

case_both_kill9() {
    local i
    kafka_case both-kill9 both.json
    process_start feed-both "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 --rate 20000 --count "$KILL_COUNT"
    for ((i = 0; i < BOTH_KILLS; i++)); do
        pipehost_start --set /checkpoint/interval_ms=1000 --set /commit/max_rows=5000
        pause_ms $((300 + RANDOM % 900))
        process_kill9 "pipehost-$CASE"
    done
    wait_until 180 process_gone feed-both
    expect 'the last run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect "$BOTH_KILLS kill -9: Postgres is exact" rows_exact "$KILL_COUNT"
    expect 'and so is Kafka' topic_has "$KILL_COUNT" --keys
    uncommitted "$KILL_COUNT"
}

# Kafka to Kafka, in two lanes that end in one transaction.
case_kafka_kill9() {
    local i
    kafka_case kafka-kill9 to-kafka.json
    process_start feed-kafka "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 --rate 20000 --count "$KILL_COUNT"
    for ((i = 0; i < KILLS; i++)); do
        pipehost_start --set /parallelism=2 --set located/config/transaction_interval_ms=100
        pause_ms $((200 + RANDOM % 800))
        process_kill9 "pipehost-$CASE"
    done
    wait_until 180 process_gone feed-kafka
    expect 'the last run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect "$KILLS kill -9: nothing is lost, and nothing doubled" topic_has "$KILL_COUNT" --keys
    uncommitted "$KILL_COUNT"
}

# As if the source were another cluster's: positions are records of a compacted topic.
case_kafka_positions_topic() {
    local i
    kafka_case kafka-positions to-kafka.json
    ARGS+=(--set located/config/positions=topic --set located/config/positions_topic=it-kafka-positions-kept)
    process_start feed-kept "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 --rate 20000 --count 100000
    for ((i = 0; i < BOTH_KILLS; i++)); do
        pipehost_start --set located/config/transaction_interval_ms=100
        pause_ms $((500 + RANDOM % 900))
        process_kill9 "pipehost-$CASE"
    done
    wait_until 180 process_gone feed-kept
    expect 'the last run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect "$BOTH_KILLS kill -9: nothing is lost, and nothing doubled" topic_has 100000 --keys
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error kafka.admin.ConfigCommand --bootstrap-server "$KAFKA_URL" \
        --describe --entity-type topics --entity-name it-kafka-positions-kept >"$RUN_DIR/kept.txt"
    expect 'the topic was made, and is compacted' grep -q 'cleanup.policy=compact' "$RUN_DIR/kept.txt"
    expect 'a topic that is not compacted is refused' exits_with 78 300 --set located/config/positions_topic="$TOPIC"
    expect 'with what to do' log_says 'has cleanup.policy delete, which would lose them: kafka-configs.sh'
}

# A second process of the same pipeline on another machine (another state_dir).
case_kafka_takeover() {
    local first status=0
    kafka_case kafka-takeover to-kafka.json
    process_start feed-takeover "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 --rate 5000 --count 40000
    pipehost_run 600 &
    first=$!
    expect 'the first writes' wait_until 180 output_has 1000
    set_environment
    process_start pipehost-second "${ENVIRONMENT[@]}" "$BIN/pipehost" "${ARGS[@]}" --set "/state_dir=$STATE-second"
    expect 'the second takes over' wait_until 180 grep -q 'go on where their sinks stand' "$(process_log pipehost-second)"
    # Who has nothing to write does not notice.
    wait_until 180 process_gone feed-takeover
    produce --count 10000 --start-offset 10000
    wait "$first" || status=$?
    expect 'the first ends with exit code 77' equals "$status" 77
    expect 'and says who took over' log_says 'was taken over by .* pid [0-9]*'
    # shellcheck disable=SC2034 # log_says and the report of a failure read it
    LOG=$(process_log pipehost-second)
    expect 'the second writes the rest' wait_until 180 output_has 50000
    process_stop pipehost-second 180
    expect 'nothing is lost, and nothing doubled' topic_has 50000 --keys
}

output_count() {
    "$TOOLS/topic-check" --brokers "$KAFKA_URL" --topic "$OUTPUT" --count 0 | sed -n 's/^\([0-9]*\) records for.*/\1/p'
}
output_has() { [ "$(output_count)" -ge "$1" ]; }
# handled COUNT: so many records are in the topic or among the dead letters.
handled() {
    local letters
    letters=$(dead_count)
    [ $(($(output_count) + ${letters:-0})) -ge "$1" ]
}

# produce_large COUNT: so many events of 5,000 bytes.
produce_large() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf '{"ip":"1.2.3.4","event_time":"2024-05-01T00:00:00Z","url":"%05000d"}\n' "$i"
    done | kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error org.apache.kafka.tools.ConsoleProducer \
        --bootstrap-server "$KAFKA_URL" --topic "$TOPIC" >/dev/null
}

case_output_away() {
    kafka_case output-away to-kafka.json
    produce --count 600000 --distinct 1000
    pipehost_start
    expect 'it writes' wait_until 180 output_has 1000
    kafka_kill9
    expect 'the broker is away: the sink says so' wait_until 180 log_says 'located: Kafka at .* cannot be reached'
    pause_ms 10000
    kafka_start
    # The sink may have had everything before: only what it has to write tells it that the broker is back.
    produce --count 4000 --start-offset 150000 --distinct 1000
    expect 'and goes on when it is back' wait_until 180 log_says 'located: .*\(is back after\|works again after\)'
    process_stop "pipehost-$CASE" 180
    expect 'SIGTERM drains' log_says 'output-away: done after'
    expect 'the next run goes on' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'nothing is lost, and nothing doubled' topic_has 604000 --keys --distinct 1000
}

case_too_large() {
    local i
    OUTPUT_CONFIG=(max.message.bytes=4000)
    kafka_case too-large to-kafka.json
    OUTPUT_CONFIG=()
    produce --count 20000
    produce_large 3
    expect 'records that the topic does not take do not stop it' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'each of them is a dead letter' equals "$(dead_count)" 3
    expect 'the reason is told' grep -q '"operator":"located".*"code":"MSG_SIZE_TOO_LARGE"' "$DEAD"
    expect 'all others are there once and right' topic_has 20000 --keys
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error kafka.admin.ConfigCommand --bootstrap-server "$KAFKA_URL" \
        --alter --entity-type topics --entity-name "$OUTPUT" --delete-config max.message.bytes >/dev/null
    for i in 1 2 3; do
        replay_and_kill
    done
    expect 'once the topic takes them, a replay that was killed goes on' deadletter 0 replay "${ARGS[@]}"
    expect 'nothing is dead again' has_said ' 0 of them dead again'
    expect 'they are there' output_has 20003
    expect 'a second replay' deadletter 0 replay "${ARGS[@]}"
    expect 'finds nothing to do' has_said '^0 letters replayed, 0 of them dead again; 3 were replayed before$'
    expect 'so each is there once' equals "$(output_count)" 20003
}

# A position needs more room beside its offset than such brokers give.
case_metadata_limit() {
    local properties=$RUN_DIR/kafka/server.properties
    kafka_case metadata-limit to-kafka.json
    produce --count 4000
    kafka_stop && printf 'offset.metadata.max.bytes=64\n' >>"$properties" && kafka_start
    expect 'a limit that is too low is refused' exits_with 78 300 --set events/config/bounded_mode=latest
    expect 'with its cure' log_says "located: .*OFFSET_METADATA_TOO_LARGE.*\|located: .*: set the brokers' offset.metadata.max.bytes to 640"
    kafka_stop && sed -i '/^offset.metadata.max.bytes=/d' "$properties" && kafka_start
    expect 'once it is high enough it goes on' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'every record is there once' topic_has 4000 --keys
}

# The limit is lowered behind the back of a running pipeline: the broker refuses whole batches for one record.
case_limit_lowered() {
    kafka_case limit-lowered to-kafka.json
    pipehost_start --set located/config/value=splice
    produce --count 4000
    expect 'it writes' wait_until 180 handled 4000
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error kafka.admin.ConfigCommand --bootstrap-server "$KAFKA_URL" \
        --alter --entity-type topics --entity-name "$OUTPUT" --add-config max.message.bytes=4000 >/dev/null
    produce --count 400 --start-offset 1000
    produce_large 2
    expect 'the large ones become dead letters' wait_until 180 handled 4402
    process_stop "pipehost-$CASE" 180
    expect 'and only they' equals "$(dead_count)" 2
    expect 'all others are there once, and right' topic_has 4400 --keys --value splice
}

case_output_settings() {
    kafka_case output-settings to-kafka.json
    create_topic located-events 1
    expect 'no such topic exits with 78' exits_with 78 300 --set located/config/topic=located-event
    expect 'and names the nearest' log_says 'located: .*has no topic "located-event", did you mean "located-events"'
    expect 'a wrong password exits with 78' exits_with 78 300 --set 'located/config/rdkafka/sasl.username=nobody'
    expect 'and says so' log_says 'located: .*[Aa]uthentication'
    expect 'a key that is no column exits with 78' exits_with 78 300 --set located/config/key=ipp
    expect 'and names the nearest' log_says 'did you mean "ip"'
    expect 'a property that is ruled is refused' exits_with 78 300 --set located/config/rdkafka/acks=1
    expect 'no secret is in the log' no_secret_in_log
}
