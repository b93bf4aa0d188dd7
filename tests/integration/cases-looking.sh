# shellcheck shell=bash
# Commands that only look: what they find on real services, and that they leave nothing there.

# output_of SECONDS STATUS WORD... : the words are pipehost's own arguments; standard output goes to $OUT.
output_of() {
    local seconds=$1 wanted=$2 status=0
    shift 2
    set_environment
    "${ENVIRONMENT[@]}" timeout -k 5 "$seconds" "$BIN/pipehost" "$@" "${ARGS[@]}" >"$OUT" 2>>"$LOG" || status=$?
    printf 'exit %s\n' "$status" && cat "$OUT"
    [ "$status" = "$wanted" ]
}
out_says() { grep -q -- "$1" "$OUT" || { cat "$OUT" && false; }; }
out_counts() { [ "$(grep -c -- "$2" "$OUT")" = "$1" ] || { cat "$OUT" && false; }; }
knows_no_group() {
    local groups
    groups=$(kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
        org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$KAFKA_URL" --list) || return 1
    ! grep -qxF "$1" <<<"$groups"
}

case_looking() {
    api_stop && api_start
    local before
    case_begin looking
    OUT=$RUN_DIR/looking.out
    produce --count 3000 --distinct 1000
    ARGS+=(--set rows/config/positions_table=looking_positions --set events/config/group=looking-group)
    expect 'check finds everything in order' output_of 300 0 check --set "locate/config/cache_file=$STATE/places"
    expect 'four partitions, five records' out_says '^events: ok: .*4 partitions, 5 records decoded$'
    expect 'shows the five' out_counts 5 '^    {"ip":"'
    expect 'the API accepts connections' out_says '^locate: ok: .*accepts connections'
    expect 'the table takes the columns' out_says \
        "^rows: ok: PostgreSQL 15.*table \"$TABLE\" takes [0-9]* columns; \"looking_positions\" will be made by the first run\$"
    expect 'where nothing new comes, the last records are shown' output_of 300 0 check --set events/config/startup_mode=latest
    expect 'they are' out_counts 5 '^    {"ip":"'

    ARGS+=(--set events/config/bounded_mode=latest)
    expect 'a run to the terminal ends at its limit' output_of 300 0 run --to-terminal --limit 10
    expect 'with so many rows' out_counts 10 '"geodata":'
    expect 'for which not everything was looked up' test "$(api_stat requests)" -lt 900
    before=$(api_stat requests)
    expect 'check looks up nothing' output_of 300 0 check
    expect 'it did not' equals "$(api_stat requests)" "$before"

    expect 'no row was written' equals "$(row_count)" 0
    expect 'no positions table was made' equals "$(psql_run "SELECT to_regclass('looking_positions')")" ''
    expect 'no group has offsets' knows_no_group looking-group
    expect 'state_dir is empty' test -z "$(ls -A "$STATE")"
    expect 'no secret is in the log' no_secret_in_log

    PG_PASSWORD=nonsense expect 'a wrong password is a wrong setting' output_of 300 78 check
    expect 'of one operator' out_says '^rows: wrong: .*password authentication failed'
    expect 'the others are in order' out_says '2 of 3 operators can do their work'
    expect 'no topic is a wrong setting' output_of 300 78 check --set events/config/topic=it-lookin
    expect 'with the nearest name' out_says "^events: wrong: .*no topic \"it-lookin\", did you mean \"$TOPIC\""
    api_stop
    expect 'an API that is away is a failure' output_of 300 1 check
    expect 'and told' out_says '^locate: wrong: .*cannot be reached'
    api_start
}

# The lab's two jobs are two processes: one manifest each, and names of their own.
case_side_by_side() {
    local second=$RUN_DIR/second.json one
    case_begin side-by-side
    psql_run "$(sed "s/processed_events/rows_second/" "$ROOT/examples/init.sql")"
    produce --count 20000
    sed 's/"pipeline": "process-events"/"pipeline": "second"/' "$MANIFEST" >"$second"
    one=("${ARGS[@]}")
    pipehost_start
    ARGS=("$second" --set "/state_dir=$RUN_DIR/state-second" --set "/dead_letter/file=$RUN_DIR/state-second/dead.jsonl"
        "${one[@]:7}" --set rows/config/table=rows_second)
    set_environment
    process_start pipehost-second "${ENVIRONMENT[@]}" "$BIN/pipehost" "${ARGS[@]}"
    expect 'the first job writes all rows' wait_until 180 has_rows 20000
    TABLE=rows_second expect 'the second writes them as well' wait_until 180 has_rows 20000
    expect 'both run' test "$(process_pid pipehost-side-by-side)" != "$(process_pid pipehost-second)"
    expect "a second start of the second is refused" exits_with 75 300
    process_kill9 pipehost-second
    produce --count 5000 --start-offset 5000
    expect 'the first goes on when the second is killed' wait_until 180 has_rows 25000
    process_start pipehost-second "${ENVIRONMENT[@]}" "$BIN/pipehost" "${ARGS[@]}"
    TABLE=rows_second expect 'the second goes on where it stood' wait_until 180 has_rows 25000
    process_stop pipehost-second 180
    process_stop pipehost-side-by-side 180
    expect 'the first is exact' rows_exact 25000
    TABLE=rows_second expect 'the second is exact' rows_exact 25000
    expect 'each has positions of its own' equals \
        "$(psql_run "SELECT string_agg(DISTINCT pipeline, ',' ORDER BY pipeline) FROM pipehost_positions WHERE pipeline IN ('second', 'side-by-side')")" \
        second,side-by-side
}
