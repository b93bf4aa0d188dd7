# shellcheck shell=bash
# What the integration cases share. A case is a function case_NAME in cases-*.sh; it calls `expect` for each thing that must
# hold. Every case has a topic, a table and a pipeline name of its own, so that none sees another's positions.

# shellcheck source=../services/services.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../services/services.sh"

BIN=${PIPEHOST_BIN:-$ROOT/build/bin} # pipehost, perhaps built with a sanitizer
TOOLS=$ROOT/build/bin
MANIFEST=$ROOT/examples/process-events.json
PASSED=0
FAILED=0
CASE=none

# expect WHAT COMMAND...: counts the command's success; shows WHAT and the pipeline's log where it fails.
expect() {
    local what=$1
    shift
    if "$@" >"$RUN_DIR/expect.out" 2>&1; then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        printf 'FAILED %s: %s\n  command: %s\n' "$CASE" "$what" "$*"
        head -n 20 "$RUN_DIR/expect.out" | sed 's/^/  > /'
        tail -n 15 "$LOG" 2>/dev/null | sed 's/^/  log: /'
    fi
}

# case_begin NAME [PARTITIONS]: a topic and a table for the case.
case_begin() {
    CASE=$1
    TOPIC=it-$1
    TABLE=rows_${1//-/_}
    STATE=$RUN_DIR/state-$1
    DEAD=$STATE/dead.jsonl
    LOG=$RUN_DIR/logs/$1.log
    mkdir -p "$STATE"
    : >"$LOG"
    [ "${2:-4}" = 0 ] || create_topic "$TOPIC" "${2:-4}"
    psql_run "$(sed "s/processed_events/$TABLE/" "$ROOT/examples/init.sql")"
    ARGS=("$MANIFEST" --set "/pipeline=$1" --set "/state_dir=$STATE" --set "/dead_letter/file=$DEAD"
        --set events/config/startup_mode=earliest --set "events/config/rdkafka/ssl.ca.location=$KAFKA_CA_FILE"
        --set "locate/config/endpoint=http://127.0.0.1:$API_PORT/" --set "rows/config/table=$TABLE" --set /drain/timeout_ms=180000)
}

# ENVIRONMENT: the variables that the example's manifest names, what a sanitizer is told, and nothing else of ours.
set_environment() {
    ENVIRONMENT=(env -i PATH="$PATH" HOME="$HOME" KAFKA_URL="$KAFKA_SSL_URL" KAFKA_TOPIC="$TOPIC"
        ${KAFKA_GROUP:+"KAFKA_GROUP=$KAFKA_GROUP"}
        KAFKA_WEB_TRAFFIC_KEY="$KAFKA_WEB_TRAFFIC_KEY"
        KAFKA_WEB_TRAFFIC_SECRET="${KAFKA_SECRET:-$KAFKA_WEB_TRAFFIC_SECRET}" POSTGRES_URL="$POSTGRES_URL"
        POSTGRES_USER="$POSTGRES_USER" POSTGRES_PASSWORD="${PG_PASSWORD:-$POSTGRES_PASSWORD}" IP_CODING_KEY=secret-key-1234
        ${TSAN_OPTIONS:+"TSAN_OPTIONS=$TSAN_OPTIONS"} ${UBSAN_OPTIONS:+"UBSAN_OPTIONS=$UBSAN_OPTIONS"})
}

# pipehost_run SECONDS ARG...: to its end; answers its exit status, 124 when it takes longer.
pipehost_run() {
    local seconds=$1
    shift
    set_environment
    "${ENVIRONMENT[@]}" timeout -k 5 "$seconds" "$BIN/pipehost" "${ARGS[@]}" "$@" >>"$LOG" 2>&1
}

# exits_with STATUS SECONDS ARG...
exits_with() {
    local wanted=$1 status=0
    shift
    pipehost_run "$@" || status=$?
    printf 'exit %s\n' "$status"
    [ "$status" = "$wanted" ]
}

# pipehost_start ARG...: in the background, as process "pipehost-CASE".
pipehost_start() {
    set_environment
    process_start "pipehost-$CASE" "${ENVIRONMENT[@]}" "$BIN/pipehost" "${ARGS[@]}" "$@"
    LOG=$(process_log "pipehost-$CASE")
}

produce() { "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 "$@"; }

# rows_exact COUNT [OPTION...]: every row of the table is one of the first COUNT events, each there once.
rows_exact() {
    local count=$1
    shift
    "$TOOLS/rows-check" --dsn "host=$RUN_DIR/postgres/socket port=$POSTGRES_PORT user=postgres dbname=postgres" \
        --table "$TABLE" --seed 7 --count "$count" --partitions 4 "$@"
}

row_count() { psql_run "SELECT count(*) FROM $TABLE"; }
has_rows() { [ "$(row_count)" -ge "$1" ]; }
equals() { [ "$1" = "$2" ] || { printf '%s is not %s\n' "$1" "$2"; false; }; }
log_says() { grep -q -- "$1" "$LOG"; }
no_secret_in_log() { ! grep -q -e "$KAFKA_WEB_TRAFFIC_SECRET" -e "$POSTGRES_PASSWORD" -e secret-key-1234 "$LOG"; }
api_stat() {
    exec 3<>"/dev/tcp/127.0.0.1/$API_PORT"
    printf 'GET /stats HTTP/1.0\r\n\r\n' >&3
    sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" <&3
    exec 3>&-
}

api_port_said() { sed -n 's/^listening on \([0-9]*\)$/\1/p' "$(process_log geo-api)" | grep .; }
api_start() {
    process_start geo-api "$TOOLS/geo-api" --port 0 "$@"
    wait_until 180 api_port_said >/dev/null || return 1
    API_PORT=$(api_port_said | tail -n 1)
}
api_stop() { process_stop geo-api; rm -f -- "$(process_log geo-api)"; }
