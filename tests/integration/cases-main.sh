# shellcheck shell=bash
# The job itself: exact, drained, restarted, killed.

case_main_job() {
    api_stop && api_start
    case_begin main-job
    produce --count "$JOB_COUNT" --distinct 1000
    expect 'a bounded run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'every row is there once and right' rows_exact "$JOB_COUNT" --distinct 1000
    expect 'the country query of the lab works' equals \
        "$(psql_run "SELECT sum(n) FROM (SELECT geodata::json->>'country', count(*) AS n FROM $TABLE GROUP BY 1) t")" "$JOB_COUNT"
    expect 'no address is asked for twice' equals "$(api_stat max_per_ip)" 1
    expect 'one request for each distinct address' equals "$(api_stat requests)" "$(api_stat distinct)"
    expect 'no secret is in the log' no_secret_in_log
    expect 'a second run finds nothing to do' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and adds nothing' equals "$(row_count)" "$JOB_COUNT"
}

case_lanes() {
    api_stop && api_start
    case_begin lanes
    produce --count 40000
    expect 'two lanes end with 0' exits_with 0 300 --set events/config/bounded_mode=latest --set /parallelism=2
    expect 'two lanes are exact' rows_exact 40000
    expect 'no address is asked for twice, whatever lane' equals "$(api_stat max_per_ip)" 1
    expect 'one request for each distinct address' equals "$(api_stat requests) $(api_stat distinct)" '1000 1000'
    produce --count 20000 --start-offset 10000
    expect 'three lanes go on where two ended' exits_with 0 300 --set events/config/bounded_mode=latest --set /parallelism=3
    expect 'and are exact' rows_exact 60000
}

case_drain() {
    case_begin drain
    process_start feed-drain "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 --rate 5000 --count 20000
    pipehost_start
    wait_until 180 has_rows 1000
    expect 'a second start of the pipeline exits with 75' exits_with 75 300
    expect 'and names the process' log_says "drain runs as PID $(process_pid "pipehost-$CASE")"
    process_stop "pipehost-$CASE" 180
    expect 'SIGTERM drains: the last line says done' log_says 'drain: done after'
    wait_until 180 process_gone feed-drain
    expect 'the next run goes on' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'drain and restart are exact' rows_exact 20000
}

# kill_round I: a run that is killed while records come, three of four after it made rows durable, the others anywhere. True
# where it made some.
kill_round() {
    local before count=$((KILL_COUNT / KILLS))
    before=$(row_count)
    process_start "feed-kill9-$1" "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 \
        --bad-percent 1 --rate "$count" --count "$count" --start-offset $(($1 * count / 4))
    pipehost_start --set /checkpoint/interval_ms=1000 --set /parallelism=2
    [ $(($1 % 4)) = 3 ] || wait_until 180 has_rows $((before + 1))
    pause_ms $((RANDOM % 700))
    process_kill9 "pipehost-$CASE"
    wait_until 180 process_gone "feed-kill9-$1"
    has_rows $((before + 1))
}

case_kill9() {
    local i grown=0
    case_begin kill9
    for ((i = 0; i < KILLS; i++)); do
        kill_round "$i" && grown=$((grown + 1))
    done
    expect "the killed runs made rows durable, $grown of $KILLS" test $((grown * 4)) -ge $((KILLS * 3))
    expect 'the last run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect "$KILLS kill -9 lose and double nothing" rows_exact "$KILL_COUNT" --bad-percent 1
    expect 'each bad record is a dead letter' equals "$(dead_places | sort -u | wc -l)" $((KILL_COUNT - $(row_count)))
}

# Without exactly-once: what a kill leaves committed and not yet written down is at most an epoch, max_rows and the batch that passed it.
case_at_least_once() {
    local i distinct doubles count=$((KILL_COUNT / 3)) rounds=$((KILLS / 2))
    case_begin at-least-once
    ARGS+=(--set /exactly_once=false --set /commit/max_rows=2000)
    process_start feed-at-least-once "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 \
        --rate 20000 --count "$count"
    for ((i = 0; i < rounds; i++)); do
        pipehost_start --set /checkpoint/interval_ms=1000
        pause_ms $((200 + RANDOM % 600))
        process_kill9 "pipehost-$CASE"
    done
    wait_until 180 process_gone feed-at-least-once
    expect 'the last run ends with 0' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'it says what is given up and saved' log_says '"exactly_once" is false: a crash may have the rows of one commit (about 2000 at most)'
    distinct=$(psql_run "SELECT count(DISTINCT url) FROM $TABLE")
    doubles=$(($(row_count) - distinct))
    expect "$rounds kill -9 lose nothing" equals "$distinct" "$count"
    expect "and write twice what one commit holds, at most: $doubles rows" test "$doubles" -le $((rounds * (2000 + 4096)))
    expect 'the only positions are in state_dir' test -s "$STATE/rows.positions"
    expect 'the database has none' \
        psql_run "SELECT 1 / (CASE WHEN to_regclass('pipehost_positions') IS NULL THEN 1 WHEN (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM pipehost_positions WHERE pipeline = ''at-least-once''', false, true, '')))[1]::text = '0' THEN 1 ELSE 0 END)"
    printf '  %s: %d of %d rows twice after %d kills\n' "$CASE" "$doubles" "$count" "$rounds"
}

# moved_to EXACTLY_ONCE: `positions set` gives the sink's positions of the other way to the new one; $POSITIONS has "PARTITION OFFSET" lines.
moved_to() {
    local partition offset
    set_environment
    while read -r partition offset; do
        "${ENVIRONMENT[@]}" "$BIN/pipehost" positions set "${ARGS[@]}" --set "/exactly_once=$1" --sink rows --partition "$TOPIC/$partition" --to "$offset" ||
            return 1
    done <<<"$POSITIONS"
}

# As docs/delivery.md has it: to the other way and back, with the positions set by hand.
case_other_way() {
    case_begin other-way
    produce --count 20000
    expect 'exactly once to the end' exits_with 0 300 --set events/config/bounded_mode=latest
    POSITIONS=$(psql_run "SELECT partition || ' ' || next_offset FROM pipehost_positions WHERE pipeline = 'other-way'")
    expect 'the positions go into state_dir' moved_to false
    produce --count 20000 --start-offset 5000
    expect 'at least once from there' exits_with 0 300 --set events/config/bounded_mode=latest --set /exactly_once=false
    expect 'nothing twice, nothing lost' rows_exact 40000
    POSITIONS=$(awk '{ sub(/:.*/, "", $1); at[$2] = $1 } END { for (p in at) print p, at[p] }' "$STATE/rows.positions")
    expect 'the positions go back into the database' moved_to true
    produce --count 20000 --start-offset 10000
    expect 'exactly once from there' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'nothing twice, nothing lost in all' rows_exact 60000
}
