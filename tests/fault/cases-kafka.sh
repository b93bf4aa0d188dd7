# shellcheck shell=bash disable=SC2034,SC2153 # lib.sh has the variables
# Kafka that goes away, comes back, and is no longer what it was.

KAFKA_COUNT=8000

# topic_tool TOOL ARG...: one of Kafka's own commands.
topic_tool() {
    local tool=$1
    shift
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error "org.apache.kafka.tools.$tool" --bootstrap-server "$KAFKA_URL" "$@" >/dev/null
}

# records_delete TOPIC PARTITION OFFSET: all below are gone, as retention takes them.
records_delete() {
    printf '{"partitions":[{"topic":"%s","partition":%s,"offset":%s}],"version":1}' "$1" "$2" "$3" >"$STATE/delete.json"
    topic_tool DeleteRecordsCommand --offset-json-file "$STATE/delete.json"
}

# more COUNT OPTION...: further records.
more() {
    local count=$1
    shift
    "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions "$PARTITIONS" --seed "$FEED_SEED" --distinct "$DISTINCT" \
        --bad-percent "$BAD_PERCENT" --count "$count" "$@"
}

# own_topic: this job's, with the records of the case; then it is read to its end.
own_topic() {
    pipeline_begin "kafka-$1" "fault-kafka-$1" "$KAFKA_COUNT"
    must 'a topic' feed "$TOPIC" "$KAFKA_COUNT"
}

read_all() {
    must 'it reads all' ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'the rows are exact' rows_are_exact
}

position_of() { psql_run "SELECT next_offset FROM pipehost_positions WHERE pipeline = '$PIPELINE' AND partition = $1"; }

# refused EXIT SENTENCE: it does not start, says so, and leaves the table as it was.
refused() {
    local rows
    rows=$(pipeline_rows)
    must "it is refused with $1" ends_with "$1" pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'it says why' log_says "$2"
    must 'no row came' equals "$(pipeline_rows)" "$rows"
}

# ---- what the topic was

kafka_retention() {
    own_topic "retention-$1"
    read_all
    must 'records come' more 4000 --start-offset $((KAFKA_COUNT / PARTITIONS))
    must 'records are deleted' records_delete "$TOPIC" 1 $(($(position_of 1) + 100))
    refused 78 "events: .*topic \"$TOPIC\", partition 1: offset $(position_of 1) is not there, .*deleted before they were read.*pipehost positions set"
}

kafka_anew_stopped() {
    own_topic "anew-stopped-$1"
    read_all
    must 'the topic is deleted' topic_tool TopicCommand --delete --topic "$TOPIC"
    must 'and made again, shorter' feed "$TOPIC" 400
    refused 78 "events: .*topic \"$TOPIC\", partition [0-3]: offset [0-9]* is not there, .*pipehost positions set"
}

kafka_anew_longer() {
    own_topic "anew-longer-$1"
    read_all
    must 'the topic is deleted' topic_tool TopicCommand --delete --topic "$TOPIC"
    FEED_SEED=8 must 'and made again, longer, of other records' feed "$TOPIC" $((KAFKA_COUNT * 2))
    refused 78 "pipehost positions set"
}

kafka_anew_running() {
    local status=0
    own_topic "anew-running-$1"
    pipeline_start
    must 'it reads all' wait_until "$PATIENCE_S" pipeline_is_through
    must 'the topic is deleted' topic_tool TopicCommand --delete --topic "$TOPIC"
    must 'and made again' feed "$TOPIC" 4000
    pipeline_wait "$PATIENCE_S" || status=$?
    must 'it ends by itself' test "$status" != 124 -a "$status" != 0
    must 'and says why' log_says "error: \(.*: \)\?events: topic \"\?$TOPIC\"\?.*: \(it was deleted while it was read\|the topic was made anew\)"
    must 'without a row of the new one' equals "$(pipeline_rows)" "$((COUNT - $(bad_count)))"
}
# Without a word it would look healthy for ever.
kafka_gone() {
    local status=0
    own_topic "gone-$1"
    pipeline_start
    must 'it reads all' wait_until "$PATIENCE_S" pipeline_is_through
    must 'the topic is deleted' topic_tool TopicCommand --delete --topic "$TOPIC"
    pipeline_wait "$PATIENCE_S" || status=$?
    must 'it ends by itself' equals "$status" 1
    must 'and says why' log_says "error: \(.*: \)\?events: topic $TOPIC \[[0-3]\]: .*: it was deleted while it was read"
    must 'the rows are exact' rows_are_exact
    must 'a start without it is refused' ends_with 78 pipeline_run "$PATIENCE_S"
}
has_begun() { [ "$(pipeline_rows)" -gt 0 ]; }
pipeline_is_through() { [ "$(pipeline_rows)" -ge "$((COUNT - $(bad_count)))" ]; }

# ---- a broker that goes, and partitions that come

# It runs through all of it: every row comes without a start.
runs_through() {
    must 'all rows come' wait_until "$PATIENCE_S" pipeline_is_through
    kill -TERM "$PIPELINE_PID"
    must 'it ends with 0' ends_with 0 pipeline_wait "$PATIENCE_S"
    must 'no look saw what must not be' pipeline_watch_stop
    must 'the rows are exact' rows_are_exact
}

# kafka_outage restart|kill9 SEED
kafka_outage() {
    local before=$OUTAGE_COUNT
    pipeline_begin "kafka-$1-$2" "fault-kafka-$1-$2" $((before + 4000))
    must 'a topic' feed "$TOPIC" "$before"
    pipeline_watch_start
    pipeline_start
    must 'it begins' wait_until "$PATIENCE_S" has_begun
    pause_ms $((RANDOM % 300))
    if [ "$1" = restart ]; then
        must 'the broker stops' kafka_stop
    else
        must 'the broker dies' kafka_kill9
    fi
    must 'the broker is there again' kafka_start
    must 'further records come' more 4000 --start-offset $((before / PARTITIONS))
    runs_through
}
OUTAGE_COUNT=40000

kafka_partitions() {
    local PARTITIONS=2
    pipeline_begin "kafka-partitions-$1" "fault-kafka-partitions-$1" $((KAFKA_COUNT * 3))
    must 'a topic' feed "$TOPIC" "$KAFKA_COUNT"
    PARTITIONS=6 pipeline_watch_start
    pipeline_start --set events/config/discovery_interval=300ms --set "/parallelism=$((1 + RANDOM % 2))"
    must 'it begins' wait_until "$PATIENCE_S" has_begun
    must 'partitions are added' add_partitions "$TOPIC" 6
    PARTITIONS=4 must 'and filled' more $((KAFKA_COUNT * 2)) --first-partition 2
    PARTITIONS=6
    runs_through
}

# ---- transactions

TIMED_OUT_COUNT=3000

# It wakes up to a transaction that the broker has aborted, and to a producer that is fenced for it: by nobody. It is stopped
# where the broker has all records of a transaction, but neither its offsets nor its end.
kafka_timed_out() {
    pipeline_begin "kafka-timed-out-$1" "fault-kafka-timed-out-$1" "$TIMED_OUT_COUNT" kafka.json
    must 'a topic' feed "$TOPIC" "$COUNT"
    # The first pass is that of the first positions, the second of the first records.
    FAILPOINT=kafka.flush:2:stop pipeline_start --set located/config/rdkafka/transaction.timeout.ms=15000 \
        --set located/config/rdkafka/socket.timeout.ms=4000
    must 'it stops in a transaction' wait_until "$PATIENCE_S" is_stopped "$PIPELINE_PID"
    must 'its records are in the topic' transaction_is_open
    must 'the broker aborts it' wait_until "$PATIENCE_S" transaction_is_over
    kill -CONT "$PIPELINE_PID"
    must 'it says so' wait_until "$PATIENCE_S" log_says 'the broker ended this producer'
    must 'all records come' wait_until "$PATIENCE_S" output_is_through
    kill -TERM "$PIPELINE_PID"
    must 'it ends with 0' ends_with 0 pipeline_wait "$PATIENCE_S"
    must 'the output is exact' output_is_exact
    must 'and so are the dead letters' letters_are_exact
}
# While a transaction is open, who reads only what is committed gets less far in the output than all others.
transaction_is_open() { ends_are '!='; }
transaction_is_over() { ends_are '='; }
ends_are() {
    local all
    all=$(output_ends read_uncommitted)
    [ -n "$all" ] && test "$(output_ends read_committed)" "$1" "$all"
}
output_ends() { kcat -Q -b "$KAFKA_URL" -X "isolation.level=$1" -t "$OUTPUT:0:-1" -t "$OUTPUT:1:-1"; }
output_is_through() { [ "$(handled)" -ge "$((COUNT - $(bad_count)))" ]; }

# The one broker is the coordinator of transactions as well.
kafka_coordinator() {
    pipeline_begin "kafka-coordinator-$1" "fault-kafka-coordinator-$1" 12000 kafka.json
    must 'a topic' make_topic "$TOPIC" "$PARTITIONS"
    pipeline_start --set located/config/rdkafka/socket.timeout.ms=4000
    feed_more "$TOPIC" "$COUNT" 2000 0
    must 'it writes' wait_until "$PATIENCE_S" output_begins
    pause_ms $((RANDOM % 400))
    process_signal kafka STOP
    pause_ms $((6000 + RANDOM % 3000))
    process_signal kafka CONT
    must 'all records come' wait_until "$PATIENCE_S" output_is_through
    kill -TERM "$PIPELINE_PID"
    must 'it ends with 0' ends_with 0 pipeline_wait "$PATIENCE_S"
    must 'the output is exact' output_is_exact
    must 'and so are the dead letters' letters_are_exact
}
output_begins() { [ "$(handled)" -gt 0 ]; }

# ---- cases

# kafka_job SEED NAME
kafka_job() {
    job_random "$1" "$2"
    case $2 in
    restart | kill9) kafka_outage "$2" "$1" ;;
    *) "kafka_$2" "$1" ;;
    esac
}

# kafka_jobs QUICK LONG NAME...
kafka_jobs() {
    local i name count
    count=$(runs "$1" "$2")
    shift 2
    for ((i = 0; i < count; i++)); do
        for name; do
            [ "${ONLY:-$name}" != "$name" ] || printf '%s %s\n' $((SEED + i)) "$name"
        done
    done
}

fault_kafka() {
    WIDTH=4 side_by_side kafka_job < <(kafka_jobs 1 6 retention anew_stopped anew_longer anew_running gone partitions timed_out)
    WIDTH=1 side_by_side kafka_job < <(kafka_jobs 1 6 restart kill9 coordinator)
    tell "a broker restarted and killed, partitions added; a topic deleted, made again, cut by retention: $(notes_sum looks) looks"
}
