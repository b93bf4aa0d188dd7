# shellcheck shell=bash
# What the benches share: private services with commit time stamps, a stand-in of the geolocation service, topics with
# events, a clean database before each run, and the contenders as commands. Source this from the project's folder.

BENCH_BIN=${PIPEHOST_BUILD:-build}/bin
BENCH_PYTHON=${PIPEHOST_BENCH_PYTHON:-python3}
BENCH_PARTITIONS=4

# shellcheck source=../services/services.sh
. tests/services/services.sh

bench_fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

bench_api_port() { sed -n 's/^listening on \([0-9]*\)$/\1/p' "$(process_log "$1")" | grep .; }

# bench_api NAME [OPTION...]: starts a stand-in and prints its port.
bench_api() {
    local name=$1
    shift
    process_start "$name" "$BENCH_BIN/geo-api" --port 0 "$@" &&
        wait_until 60 bench_api_port "$name" >/dev/null || bench_fail "$name did not start: see $(process_log "$name")"
    bench_api_port "$name"
}

# bench_open: everything that the contenders talk to. Ends with this shell, however that ends.
bench_open() {
    # The table of one run fits.
    export POSTGRES_SHARED_BUFFERS=512MB
    services_start "" "$$" || exit 1
    trap services_stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # Latency is read from the time stamps of commits; no run pays for vacuuming the table of the one before.
    psql_run 'ALTER SYSTEM SET track_commit_timestamp = on' && psql_run 'ALTER SYSTEM SET autovacuum = off'
    postgres_stop && postgres_start || bench_fail "PostgreSQL did not start again"
    BENCH_DSN=postgresql://$POSTGRES_USER:$POSTGRES_PASSWORD@127.0.0.1:$POSTGRES_PORT/postgres
    GEO_HTTP=http://127.0.0.1:$(bench_api geo-http)/ || exit 1
    # shellcheck disable=SC2034 # run uses it
    GEO_HTTPS=https://127.0.0.1:$(bench_api geo-https --cert "$KAFKA_CERT_FILE" --key "$KAFKA_CERT_KEY_FILE")/ || exit 1
    export BENCH_STATE_DIR
}

# bench_topic NAME COUNT [OPTION of event-gen...]
bench_topic() {
    local topic=$1 count=$2
    shift 2
    create_topic "$topic" "$BENCH_PARTITIONS" &&
        "$BENCH_BIN/event-gen" --brokers "$KAFKA_URL" --topic "$topic" --count "$count" "$@" >/dev/null ||
        bench_fail "topic $topic could not be filled"
}

# bench_reset: an empty table, no positions of anybody, no state, and no checkpoint left over from the run before.
bench_reset() {
    psql_run "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public; $(cat examples/init.sql)" &&
        psql_run CHECKPOINT || bench_fail "the database could not be emptied"
    BENCH_STATE_DIR=$(mktemp -d "$RUN_DIR/state.XXXXXX")
}

bench_postgres_pid() { head -n 1 "$RUN_DIR/postgres/data/postmaster.pid"; }

# bench_command CONTENDER TOPIC COUNT [ENDPOINT]: sets COMMAND. COUNT 0 is until a signal.
bench_command() {
    local contender=$1 topic=$2 count=$3 endpoint=${4:-$GEO_HTTP}
    case $contender in
    hand-written)
        COMMAND=("$BENCH_BIN/handwritten" --brokers "$KAFKA_URL" --topic "$topic" --dsn "$BENCH_DSN"
            --partitions "$BENCH_PARTITIONS" --count "$count" --endpoint "$endpoint" --ca-file "$KAFKA_CA_FILE"
            "${TLS_HAND_WRITTEN[@]}")
        ;;
    pipehost)
        COMMAND=(env KAFKA_TOPIC="$topic" GEO_ENDPOINT="$endpoint")
        [ "$count" != 0 ] || COMMAND+=(BENCH_BOUNDED_MODE=none)
        COMMAND+=("$BENCH_BIN/pipehost" tests/bench/process-events.json "${TLS_PIPEHOST[@]}" "${WHOLE_EPOCHS[@]}")
        [[ $endpoint != https:* ]] || COMMAND+=(--set "locate/config/ca_file=$KAFKA_CA_FILE")
        ;;
    script)
        COMMAND=("$BENCH_PYTHON" tests/bench/plain_script.py "$KAFKA_URL" "$topic" "$BENCH_DSN" "$count" "$endpoint"
            "$KAFKA_CA_FILE")
        ;;
    esac
}

# bench_kafka_command CONTENDER TOPIC COUNT OUTPUT_TOPIC: the same with a topic as the output. Positions in Kafka outlive a run:
# each has a pipeline of its own.
bench_kafka_command() {
    local contender=$1 topic=$2 count=$3 output=$4
    case $contender in
    hand-written)
        COMMAND=("$BENCH_BIN/handwritten" --brokers "$KAFKA_URL" --topic "$topic" --output-topic "$output"
            --positions "$BENCH_STATE_DIR/positions" --partitions "$BENCH_PARTITIONS" --count "$count" --endpoint "$GEO_HTTP"
            "${TLS_HAND_WRITTEN[@]}")
        ;;
    pipehost)
        COMMAND=(env KAFKA_TOPIC="$topic" GEO_ENDPOINT="$GEO_HTTP" BENCH_OUTPUT_TOPIC="$output"
            "$BENCH_BIN/pipehost" tests/bench/to-kafka.json --set "/pipeline=$output" "${TLS_PIPEHOST[@]}")
        ;;
    esac
}

# bench_both_command CONTENDER TOPIC COUNT OUTPUT_TOPIC: rows and records at once.
bench_both_command() {
    local contender=$1 topic=$2 count=$3 output=$4
    bench_command "$contender" "$topic" "$count"
    case $contender in
    hand-written) COMMAND+=(--output-topic "$output" --positions "$BENCH_STATE_DIR/positions") ;;
    pipehost)
        COMMAND=(env KAFKA_TOPIC="$topic" GEO_ENDPOINT="$GEO_HTTP" BENCH_OUTPUT_TOPIC="$output"
            "$BENCH_BIN/pipehost" tests/bench/both.json --set "/pipeline=$output")
        ;;
    esac
}

# bench_use_tls: the contenders' way to Kafka is SASL_SSL from now on.
# shellcheck disable=SC2016 # pipehost replaces ${}
bench_use_tls() {
    local operator
    TLS_HAND_WRITTEN=(--brokers "$KAFKA_SSL_URL" -X security.protocol=SASL_SSL -X sasl.mechanism=PLAIN
        -X "sasl.username=$KAFKA_WEB_TRAFFIC_KEY" -X "sasl.password=$KAFKA_WEB_TRAFFIC_SECRET" -X "ssl.ca.location=$KAFKA_CA_FILE")
    for operator in "$@"; do
        TLS_PIPEHOST+=(--set "$operator/config/brokers=$KAFKA_SSL_URL" --set "$operator/config/rdkafka/security.protocol=SASL_SSL"
            --set "$operator/config/rdkafka/sasl.mechanism=PLAIN" --set "$operator/config/rdkafka/sasl.username=\${KAFKA_WEB_TRAFFIC_KEY}"
            --set "$operator/config/rdkafka/sasl.password=\${KAFKA_WEB_TRAFFIC_SECRET}" --set "$operator/config/rdkafka/ssl.ca.location=$KAFKA_CA_FILE")
    done
}
TLS_HAND_WRITTEN=()
TLS_PIPEHOST=()

# bench_has CONTENDER: whether it is there to be run.
bench_has() {
    case $1 in
    script) "$BENCH_PYTHON" -c 'import confluent_kafka, orjson, psycopg' 2>/dev/null ;;
    pipehost) [ -x "$BENCH_BIN/pipehost" ] ;;
    *) [ -x "$BENCH_BIN/handwritten" ] ;;
    esac
}

# field NAME TEXT: the value of NAME=value in the text.
field() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" <<<"$2"; }

# median NUMBER...: the lower one of two in the middle.
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }

calculate() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }

# ---- the cost of one record: two runs that differ in nothing but the number of records ----

BENCH_FEW=40000
BENCH_MANY=140000
WHOLE_EPOCHS=()

# bench_two_topics: the input of both runs. From now on batches and transactions of pipehost are as large as they may be: a
# machine that is busy would make more of them, and each costs something.
bench_two_topics() {
    WHOLE_EPOCHS=(--set /linger_ms=5000 --set /commit/min_delay_ms=60000 --set /checkpoint/interval_ms=600000)
    bench_topic "bench-$BENCH_FEW" "$BENCH_FEW"
    bench_topic "bench-$BENCH_MANY" "$BENCH_MANY"
}

# bench_a_record FEW_FILE MANY_FILE: "COUNT NAME" lines in both files become "PER_RECORD NAME", largest first. Nothing where
# either file is missing or empty.
bench_a_record() {
    [ -s "$1" ] && [ -s "$2" ] || return 1
    awk -v records=$((BENCH_MANY - BENCH_FEW)) '
        FNR == 1 { file++ }
        { count = $1; $1 = ""; sum[substr($0, 2)] += file == 1 ? -count : count }
        END { for (name in sum) { printf "%.4f %s\n", sum[name] / records, name } }' "$1" "$2" | sort -gr
}

# bench_gate WHAT LIMIT FOREIGN LINES: prints the lines whose name does not match FOREIGN, and their sum against the limit;
# fails above it, and where nothing was measured: some of the work is always somebody else's, and that more than none.
bench_gate() {
    awk -v what="$1" -v limit="$2" -v foreign="$3" '
        $2 ~ foreign { other += $1; next }
        NF > 1 { sum += $1; own++; if ($1 >= 0.0005) { print "    " $1 " " $2 } }
        END {
            printf "%s a record: %.4f (limit %s); of others: %.2f\n", what, sum, limit, other
            if (own == 0 || other <= 0) {
                print "error: nothing was measured"
                exit 1
            }
            exit sum > limit
        }' <<<"$4"
}
