# shellcheck shell=bash
# What becomes of the addresses: a quota that ends, an API that is away, a cache that outlives the process.

api_refill() {
    exec 3<>"/dev/tcp/127.0.0.1/$API_PORT"
    printf 'GET /refill HTTP/1.0\r\n\r\n' >&3
    cat <&3 >/dev/null
    exec 3>&-
}

case_quota() {
    api_stop && api_start --quota 600
    case_begin quota
    produce --count 20000 --distinct 1000
    pipehost_start --set events/config/bounded_mode=latest --set locate/config/quota_retry=200ms
    expect 'the end of the quota is said' wait_until 180 log_says 'locate: .* refuses look-ups with status 401: .*on_quota'
    api_refill
    expect 'and its end, and the run ends' wait_until 180 process_gone "pipehost-$CASE"
    expect 'the refill is said' log_says 'locate: the API answers again'
    expect 'no row got an empty place' rows_exact 20000 --distinct 1000
    expect 'no secret is in the log' no_secret_in_log
    expect 'where that is wanted the pipeline stops' api_is_refused
    api_stop && api_start
}

api_is_refused() {
    api_stop && api_start --quota 0
    ARGS+=(--set /pipeline=quota-fail --set rows/config/positions_table=fail_positions --set "/state_dir=$STATE/fail" --set "locate/config/endpoint=http://127.0.0.1:$API_PORT/")
    exits_with 1 300 --set locate/config/on_quota=fail && log_says 'locate: .*(on_quota: fail); correct the key'
}

# api_is_back OPTION...: at the port that it had. Should somebody use that just now, it is tried again.
api_is_back() {
    process_alive geo-api || process_start geo-api "$TOOLS/geo-api" --port "$API_PORT" "$@"
    (api_was_asked 0)
}
api_was_asked() { [ "$(api_stat requests)" -ge "$1" ]; }

case_api_away() {
    api_stop
    case_begin api-away
    produce --count 20000 --distinct 1000
    pipehost_start --set events/config/bounded_mode=latest --set /parallelism=3 --set locate/config/max_in_flight=8
    expect 'what is waited for is said' wait_until 180 log_says 'locate: waiting: 127.0.0.1 does not answer: .*; rows wait for it (on_failure) (next try in'
    expect 'and shown' wait_until 180 waits_for locate '127.0.0.1 does not answer: '
    expect 'it comes back' wait_until 180 api_is_back --delay-ms 100
    expect 'look-ups begin' wait_until 180 api_was_asked 200
    process_kill9 geo-api
    expect 'before they end the API is killed, which is shown' wait_until 180 waits_for locate '127.0.0.1 does not answer: '
    expect 'it comes back again' wait_until 180 api_is_back
    expect 'and the run ends' wait_until 180 process_gone "pipehost-$CASE"
    expect 'that it works again is said' log_says 'locate: works again after'
    expect 'no row got an empty place' rows_exact 20000 --distinct 1000
    expect 'nor does any sentence say so' equals "$(grep -c 'got {}' "$LOG")" 0
    api_stop
    rm -f -- "$LOG" && mkdir -p "$STATE/stopped"
    pipehost_start --set /pipeline=api-away-stopped --set rows/config/positions_table=stopped_positions --set "/state_dir=$STATE/stopped" --set /drain/timeout_ms=1000
    expect 'it waits' wait_until 180 log_says 'locate: waiting: 127.0.0.1 does not answer'
    expect 'until it is stopped' process_stop "pipehost-$CASE" 180
    expect 'which is no end of its work' log_says 'not drained within drain.timeout_ms'
    expect 'and no row is written' rows_exact 20000 --distinct 1000
    api_start
}

# The second run is another pipeline, so that it reads and writes everything again.
case_cache_file() {
    local asked
    api_stop && api_start
    case_begin cache-file
    produce --count 20000 --distinct 1000
    ARGS+=(--set "locate/config/cache_file=$STATE/places")
    pipehost_start --set /parallelism=2
    expect 'all rows are durable' wait_until 180 has_rows 20000
    expect 'and all places are in the file' wait_until 180 is_now locate cache_file_written == 1000
    process_kill9 "pipehost-$CASE"
    asked=$(api_stat requests)
    expect 'each address was asked for once' equals "$asked" "$(api_stat distinct)"
    psql_run "TRUNCATE $TABLE"
    mkdir -p "$STATE/again"
    expect 'another run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest --set /pipeline=cache-file-again \
        --set rows/config/positions_table=again_positions --set "/state_dir=$STATE/again"
    expect 'its rows have the same places' rows_exact 20000 --distinct 1000
    expect 'and no address was asked for again' equals "$(api_stat requests)" "$asked"
    expect 'only the owner may read the file' equals "$(stat -c %a "$STATE/places")" 600
}
