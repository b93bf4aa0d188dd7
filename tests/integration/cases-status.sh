# shellcheck shell=bash
# What a running pipeline shows of itself: pipehost status, the page for monitors.

pipeline_status() {
    set_environment
    "${ENVIRONMENT[@]}" "$BIN/pipehost" status --state-dir "$STATE" "$@"
}
status_says() { pipeline_status --json | grep -qE -- "$1"; }

# metrics PATH: the body of the page.
metrics() {
    local port
    port=$(sed -n 's|.*metrics are at http://127.0.0.1:\([0-9]*\)/metrics.*|\1|p' "$LOG")
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
    cat <&3
    exec 3>&-
}
metrics_say() { metrics /metrics | grep -qE -- "$1"; }
shows_no_secret() {
    ! { pipeline_status && pipeline_status --json && metrics /metrics; } |
        grep -e "$KAFKA_WEB_TRAFFIC_SECRET" -e "$POSTGRES_PASSWORD" -e secret-key-1234
}

case_status() {
    case_begin status
    produce --count 5000 >/dev/null
    pipehost_start --metrics-listen 0
    wait_until 180 has_rows 5000
    expect 'status counts what is committed' wait_until 180 status_says '"committed":5000'
    expect 'nothing is left to read' wait_until 180 status_says '"name":"events".*"lag_records":0'
    expect 'the look-ups are counted' status_says '"name":"locate".*"requests":[1-9]'
    expect 'the table has a line for each operator' equals "$(pipeline_status | grep -cE '^(events|locate|rows) ')" 3
    expect 'the page has the same number' wait_until 180 \
        metrics_say '^pipehost_operator_records_out_total\{pipeline="status",operator="rows",plugin="sink-postgres"\} 5000'
    expect 'and the plugins own' wait_until 180 metrics_say '^pipehost_plugin_sink_postgres_rows_total\{.*\} 5000'
    postgres_stop
    produce --start-offset 1250 --count 100 >/dev/null
    expect 'the sink says what it waits for' wait_until 180 status_says '"name":"rows".*"waiting":"[^"]+"'
    expect 'and so does the page' wait_until 180 metrics_say '^pipehost_operator_waiting\{.*operator="rows".*\} 1'
    expect 'no secret is shown' shows_no_secret
    postgres_start
    expect 'it waits no more' wait_until 180 status_says '"committed":5100'
    process_stop "pipehost-$CASE" 180
    expect 'after the end nobody answers' eval '! pipeline_status'
}
