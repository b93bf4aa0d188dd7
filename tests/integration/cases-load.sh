# shellcheck shell=bash
# The job under load: bursts, outages, little memory, many records, one slow sink. LOAD_S is how long the hard part of a case
# lasts; what memory may be is reckoned from the manifest: memory.limit_mib + prefetch_mib + REST_MIB.

PREFETCH_MIB=8
REST_MIB=64 # the program, its libraries, buffers of librdkafka, libpq and libcurl, the cache of addresses

# number_of OPERATOR MEMBER: of the last answer that look got; MEMBER of the pipeline where OPERATOR is empty.
number_of() {
    if [ -z "$1" ]; then
        sed -n "s/.*\"state\":.*\"$2\":\([0-9.]*\).*\"operators\".*/\1/p" <<<"$SEEN" | grep .
    else
        tr '{' '\n' <<<"${SEEN//'"counters":{'/}" | sed -n "s/.*\"name\":\"$1\".*\"$2\":\([0-9.]*\).*/\1/p" | grep .
    fi
}
look() { SEEN=$(pipeline_status --json) && [ -n "$SEEN" ]; }
# is_now OPERATOR MEMBER COMPARISON NUMBER: of whole numbers.
is_now() {
    local value comparison
    look && value=$(number_of "$1" "$2") && comparison="${value%.*} $3 $4" && [ "$((comparison))" = 1 ]
}
# accounts_for COUNT: what was read and what is said to be left are all that the topic has.
accounts_for() { look && [ $(($(number_of events in) + $(number_of events lag_records))) = "$1" ]; }
is_ahead() { look && [ $(($(number_of rows out) - $(number_of slow out))) -ge "$1" ]; }
is_held() { look && [ "$(number_of "$1" backpressured)" != 0.000 ]; }
waits_for() { look && tr '{' '\n' <<<"$SEEN" | grep -qE -- "\"name\":\"$1\".*\"waiting\":\"[^\"]*$2"; }
# is_stalled: two looks, a second of the statistics apart, in which nothing was read.
is_stalled() {
    local before
    look && before=$(number_of events in) && pause_ms 1200 && is_now events in == "$before"
}

# memory_mib VmRSS|VmHWM: of the case's pipeline.
memory_mib() {
    local pid
    pid=$(process_pid "pipehost-$CASE") && echo $(($(sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$pid/status") / 1024))
}
memory_below() {
    local peak
    peak=$(memory_mib VmHWM) && printf 'the peak is %s MiB, the bound %s MiB\n' "$peak" "$1" && [ "$peak" -le "$1" ]
}
bound_mib() { echo $((LIMIT_MIB + PREFETCH_MIB + REST_MIB)); }
say_figure() { printf '  %s: %s\n' "$CASE" "$*"; }

# find_limit: LIMIT_MIB is the least that the graph of ARGS can work with, as the refusal of less tells it.
find_limit() {
    set_environment
    LIMIT_MIB=$("${ENVIRONMENT[@]}" "$BIN/pipehost" validate "${ARGS[@]}" --set /memory/limit_mib=1 2>&1 |
        sed -n 's/.*this graph needs \([0-9]*\) MiB.*/\1/p')
    [ -n "$LIMIT_MIB" ]
}

# load_case NAME [ARG...]: a case with the smallest legal memory.
load_case() {
    FED=0 FEED_ARGS=()
    case_begin "$1"
    shift
    ARGS+=(--set "events/config/prefetch_mib=$PREFETCH_MIB" "$@")
    expect 'the refusal of too little names the least memory' find_limit
    ARGS+=(--set "/memory/limit_mib=$LIMIT_MIB")
}

# feed RATE COUNT: in the background, after what was fed before.
feed() {
    process_start "feed-$CASE" "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 \
        --rate "$1" --count "$2" --start-offset $((FED / 4)) "${FEED_ARGS[@]}"
    FED=$((FED + $2))
}
feed_ends() { wait_until "$1" process_gone "feed-$CASE" && rm -f -- "$RUN_DIR/pids/feed-$CASE"; }

# ends_exact [OPTION...]: what was fed is in the table, the source has nothing left, and the end is in order.
ends_exact() {
    expect 'everything becomes rows' wait_until 180 is_now '' committed '>=' "$FED"
    expect 'the lag drains to 0' wait_until 180 is_now events lag_records == 0
    expect 'SIGTERM ends it in order' process_stop "pipehost-$CASE" 180
    expect 'and drained' log_says "$CASE: done after"
    expect 'every row is there once and right' rows_exact "$FED" "$@"
}

# commits_take SECONDS: each of them, from the next one on.
commits_take() {
    psql_run "CREATE OR REPLACE FUNCTION slow_$TABLE() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep($1); RETURN NULL; END'"
}

# A commit has 5,000 rows at most. During the burst it takes so long that a machine too slow to send the whole rate brings
# more than is written all the same.
case_burst() {
    load_case burst --set /commit/max_rows=5000
    commits_take 0.5
    psql_run "CREATE TRIGGER slow AFTER INSERT ON $TABLE EXECUTE FUNCTION slow_$TABLE()"
    feed 2000 4000
    pipehost_start
    expect 'the usual rate is kept up with' wait_until 180 is_now '' committed '>=' 4000
    feed_ends 180
    commits_take 4
    feed 20000 $((20000 * LOAD_S))
    expect 'ten times the rate: the lag rises' wait_until $((LOAD_S + 180)) is_now events lag_records '>=' 15000
    expect 'the source is held' wait_until 180 is_held events
    expect 'the burst ends' feed_ends $((LOAD_S * 2 + 180))
    look
    say_figure "lag at the end $(number_of events lag_records), memory $(memory_mib VmHWM) MiB of at most $(bound_mib)"
    expect 'memory stays within what the manifest says' memory_below "$(bound_mib)"
    commits_take 0.1
    ends_exact
}

case_outage() {
    load_case outage
    feed 5000 5000
    pipehost_start
    expect 'it writes' wait_until 180 is_now '' committed '>=' 2500
    feed_ends 180
    postgres_stop
    feed 5000 $((5000 * LOAD_S))
    expect 'the status says what is waited for' wait_until 180 waits_for rows 'connect'
    expect 'the feed ends, PostgreSQL still away' feed_ends $((LOAD_S * 2 + 180))
    expect 'the source is served: its lag tells what came meanwhile' wait_until 180 accounts_for "$FED"
    expect 'most of it is still to be read' is_now events lag_records '>' 0
    expect 'it still waits' waits_for rows .
    expect 'Kafka was not lost' is_now events reconnects == 0
    say_figure "lag $(number_of events lag_records), memory $(memory_mib VmHWM) MiB of at most $(bound_mib)"
    expect 'memory stays within what the manifest says' memory_below "$(bound_mib)"
    postgres_start
    expect 'PostgreSQL is back: it goes on' wait_until 180 log_says 'rows: works again'
    ends_exact
}

# hold_table NAME TABLE: another session locks it, until let_go NAME.
hold_table() {
    mkfifo -m 600 "$RUN_DIR/hold-$1"
    # shellcheck disable=SC2016 # for the inner shell
    process_start "hold-$1" bash -c '
        exec 3<>"$1"
        printf "BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE; SELECT 1234 + 4321;\n" "$2" >&3
        exec "${@:3}" <&3' hold "$RUN_DIR/hold-$1" "$2" "$POSTGRES_BIN/psql" -X -q -A -t -h "$RUN_DIR/postgres/socket" \
        -p "$POSTGRES_PORT" -U postgres -d postgres
    wait_until 180 grep -qx 5555 "$(process_log "hold-$1")"
}
let_go() { process_kill9 "hold-$1" && rm -f -- "$RUN_DIR/hold-$1"; }

# The backends of the pipeline, which then neither answer nor end.
backends() {
    psql_run "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
}
signal_backends() {
    local pids
    mapfile -t pids <<<"$1"
    kill -s "$2" "${pids[@]}"
}

# Each address is another one, each answer takes a while, each place for a batch is taken.
case_least_memory() {
    local stopped
    load_case least-memory --set /parallelism=2
    expect 'a MiB less is refused' exits_with 78 300 --set "/memory/limit_mib=$((LIMIT_MIB - 1))"
    FEED_ARGS=(--distinct 0)
    api_stop && api_start --delay-ms 5
    ARGS+=(--set "locate/config/endpoint=http://127.0.0.1:$API_PORT/")
    feed 4000 4000
    pipehost_start
    expect 'it writes' wait_until 180 is_now '' committed '>=' 1000
    feed_ends 180
    stopped=$(backends)
    expect 'PostgreSQL stands still' signal_backends "$stopped" STOP
    # What comes only now holds it, however fast it wrote before.
    feed 4000 $((4000 * (LOAD_S - 1)))
    expect 'the status says who holds the source' wait_until 180 is_now rows backpressured_s '>=' 1
    expect 'and everything stands still' wait_until 180 is_stalled
    say_figure "$(number_of events in) read, $(number_of '' committed) committed, memory $(memory_mib VmHWM) MiB of at most $(bound_mib)"
    expect 'memory stays within what the manifest says' memory_below "$(bound_mib)"
    expect 'PostgreSQL goes on' signal_backends "$stopped" CONT
    expect 'the feed ends' feed_ends $((LOAD_S * 2 + 180))
    ends_exact --distinct 0
    api_stop && api_start
}

# two_tables: the manifest with a second sink, slow, into SLOW_TABLE.
two_tables() {
    SLOW_TABLE=${TABLE}_slow
    psql_run "$(sed "s/processed_events/$SLOW_TABLE/" "$ROOT/examples/init.sql")"
    # shellcheck disable=SC2016 # for pipehost
    sed 's|^  \],$|, { "name": "slow", "plugin": "sink-postgres", "input": "locate", "config": { "dsn": "${POSTGRES_URL}", "user": "${POSTGRES_USER:-}",\
        "password": "${POSTGRES_PASSWORD:-}", "table": "'"$SLOW_TABLE"'", "columns": ["ip", "event_timestamp", "referrer", "host", "url", "geodata"] } }\n&|' \
        "$MANIFEST" >"$STATE/two.json"
    ARGS[0]=$STATE/two.json
}

# What waits is there before the start, and linger_ms lets batches become full however slow the machine is, with some 2,000
# records each: a sink whose table is locked holds one, and eight wait for it.
case_slow_sink() {
    local fast slow
    case_begin slow-sink
    two_tables
    FED=$((20000 * LOAD_S)) FEED_ARGS=()
    ARGS+=(--set "events/config/prefetch_mib=$PREFETCH_MIB")
    expect 'the refusal of too little names the least memory' find_limit
    ARGS+=(--set "/memory/limit_mib=$LIMIT_MIB" --set slow/config/lock_timeout=2s --set /linger_ms=10000)
    produce --count "$FED"
    hold_table slow "$SLOW_TABLE"
    pipehost_start
    expect 'the slow one says what it waits for' wait_until 180 waits_for slow 'lock'
    expect 'the fast one goes on until every place in front of the slow one is taken' wait_until 180 is_ahead 12000
    expect 'and is held then' wait_until 180 is_stalled
    fast=$(number_of rows out) slow=$(number_of slow out)
    say_figure "the fast sink was $((fast - slow)) rows ahead, memory $(memory_mib VmHWM) MiB of at most $(bound_mib)"
    expect 'there is more to read' is_now events lag_records '>' 0
    expect 'the slow sink shows as held' wait_until 180 is_now slow backpressured_s '>=' 1
    expect 'and so does the source' wait_until 180 is_now events backpressured_s '>=' 1
    expect 'memory stays within what the manifest says' memory_below "$(bound_mib)"
    let_go slow
    expect 'the slow one gets everything' wait_until 180 is_now slow out '>=' "$FED"
    ends_exact
    TABLE=$SLOW_TABLE expect 'the slow one is exact as well' rows_exact "$FED"
}

# Memory after a fifth of it is memory at the end, where that fifth is long enough.
case_many() {
    local early
    load_case many
    FEED_ARGS=(--lz4)
    pipehost_start
    feed 0 "$MANY"
    expect 'the first fifth is written' wait_until 300 is_now '' committed '>=' $((MANY / 5))
    early=$(memory_mib VmHWM)
    expect 'the feed ends' feed_ends 900
    expect 'everything becomes rows' wait_until 600 is_now '' committed '>=' "$FED"
    say_figure "$FED records, memory $early MiB after a fifth, $(memory_mib VmHWM) MiB in the end, of at most $(bound_mib)"
    # Before some million records the queues may not have been full yet.
    [ "$MANY" -lt 5000000 ] || expect 'memory is flat' memory_below $((early + 16))
    expect 'memory stays within what the manifest says' memory_below "$(bound_mib)"
    ends_exact
}
