# shellcheck shell=bash
# What ./dev demo runs once everything is built and Kafka and PostgreSQL are up. Needs services.sh.

DEMO_TOPIC=bootcamp-events-prod
DEMO_SHOW_EVERY_S=3
DEMO_QUERY="SELECT geodata::json->>'country', count(*) FROM processed_events GROUP BY 1 ORDER BY 2 DESC LIMIT 8"

# Nothing of the caller's environment reaches a component: a KAFKA_URL exported there must not lead the demo astray.
demo_start() {
    local name=$1
    shift
    process_start "$name" env -i PATH="$PATH" HOME="$RUN_DIR" LC_ALL=C.UTF-8 "$@"
}

# demo_blame NAME: says which component ended, and why, by the end of its log.
demo_blame() {
    printf 'error: %s ended by itself; the end of its log:\n' "$1" >&2
    tail -n 20 "$(process_log "$1")" | sed 's/^/    /' >&2
    return 1
}

demo_all_alive() {
    local name
    for name in "${DEMO_COMPONENTS[@]}"; do
        process_alive "$name" || demo_blame "$name" || return 1
    done
}

demo_api_port() { sed -n 's/^listening on \([0-9]*\)$/\1/p' "$(process_log geo-api)" | grep .; }

# demo_start_api: sets DEMO_ENDPOINT to the stand-in's address.
demo_start_api() {
    demo_start geo-api build/bin/geo-api --port 0
    DEMO_COMPONENTS+=(geo-api)
    wait_until 60 demo_api_port >/dev/null || demo_blame geo-api || return 1
    DEMO_ENDPOINT=http://127.0.0.1:$(demo_api_port)/
}

demo_start_pipehost() {
    demo_start pipehost KAFKA_URL="$KAFKA_SSL_URL" KAFKA_TOPIC="$DEMO_TOPIC" \
        KAFKA_WEB_TRAFFIC_KEY="$KAFKA_WEB_TRAFFIC_KEY" KAFKA_WEB_TRAFFIC_SECRET="$KAFKA_WEB_TRAFFIC_SECRET" \
        POSTGRES_URL="$POSTGRES_URL" POSTGRES_USER="$POSTGRES_USER" POSTGRES_PASSWORD="$POSTGRES_PASSWORD" \
        IP_CODING_KEY="$1" \
        build/bin/pipehost examples/process-events.json --set events/config/startup_mode=earliest \
        --set "events/config/rdkafka/ssl.ca.location=$KAFKA_CA_FILE" \
        --set "/state_dir=$RUN_DIR/state" --set "/dead_letter/file=$RUN_DIR/logs/dead.jsonl" \
        ${DEMO_ENDPOINT:+--set "locate/config/endpoint=$DEMO_ENDPOINT"}
    DEMO_COMPONENTS+=(pipehost)
}

# demo_show SINCE_S: the country query, the total, and the rate since the last time.
demo_show() {
    local total
    total=$(psql_run 'SELECT count(*) FROM processed_events') || return 1
    printf '\n%4d s   %d rows, %d rows/s\n' $((SECONDS - DEMO_STARTED)) "$total" \
        $(((total - DEMO_TOTAL) / ($1 > 0 ? $1 : 1)))
    DEMO_TOTAL=$total
    printf '%s\n' "$DEMO_QUERY"
    psql_run "$DEMO_QUERY" | awk -F '|' '{ printf "    %-4s %10d\n", $1 == "" ? "-" : $1, $2 }'
}

# demo_finish: stops the feed, lets the job commit what it has, and shows the end of it.
demo_finish() {
    process_stop event-gen 60
    process_signal pipehost TERM
    wait_until 60 process_gone pipehost || { printf 'error: pipehost did not drain within 60 s\n' >&2 && return 1; }
    demo_show 0 >"$RUN_DIR/last"
    sed 's/, [0-9]* rows.s$/ in the end/' "$RUN_DIR/last"
    cat <<'EOF'

Three things to try next:
  ./dev demo --rate 20000 --seconds 30       the same job with twenty times the events
  build/bin/pipehost examples/try.json       a pipeline that needs no service: a file, a UDF, the terminal
  sdk/docs/first-plugin.md                   a UDF of your own, in ten minutes
EOF
}

# demo_run SECONDS RATE KEY: SECONDS 0 is until Ctrl-C; an empty KEY means the stand-in of the geolocation service.
demo_run() {
    local seconds=$1 rate=$2 key=$3 shown stop=
    DEMO_COMPONENTS=(kafka postgres) DEMO_ENDPOINT='' DEMO_TOTAL=0
    create_topic "$DEMO_TOPIC" 4 || return 1
    psql_run "$(<examples/init.sql)" || return 1
    [ -n "$key" ] || demo_start_api || return 1
    demo_start event-gen build/bin/event-gen --brokers "$KAFKA_URL" --topic "$DEMO_TOPIC" --rate "$rate" --seed 1 \
        --partitions 4
    DEMO_COMPONENTS+=(event-gen)
    demo_start_pipehost "$key"
    DEMO_STARTED=$SECONDS shown=$SECONDS
    trap 'stop=1' INT TERM
    printf '%s events/s flow from Kafka through the UDF into PostgreSQL%s. Look for yourself:\n' "$rate" \
        "$([ "$seconds" -gt 0 ] && printf ', for %d s' "$seconds" || printf '; Ctrl-C ends it')"
    printf '    %s/psql -h %s -p %s -U postgres\n' "$POSTGRES_BIN" "$POSTGRES_SOCKET_DIR" "$POSTGRES_PORT"
    while [ -z "$stop" ] && { [ "$seconds" = 0 ] || [ $((SECONDS - DEMO_STARTED)) -lt "$seconds" ]; }; do
        demo_all_alive || return 1
        if [ $((SECONDS - shown)) -ge "$DEMO_SHOW_EVERY_S" ]; then
            # Ctrl-C reaches the query as well.
            demo_show $((SECONDS - shown)) || [ -n "$stop" ] || return 1
            shown=$SECONDS
        fi
        read -rt 0.2 <> <(:) || true
    done
    demo_finish
}
