# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # ARGS and SEED are lib.sh's
# kill -9 of pipehost itself: at named points of the code, and at any time.

KILL_COUNT=12000 # events of a run: more than two epochs, also where each is of one batch of 4,096 rows

# Every name in the sources, so that a new one is tested without a word here.
fail_points() {
    grep -rhoE 'PH_FAILPOINT\("[a-z.]+"\)' host plugins | sed 's/.*"\(.*\)".*/\1/' | sort -u
}

# Which manifest passes the point: the sinks' own ones need theirs.
point_manifest() {
    case $1 in
    kafka.* | ledger.*) echo kafka.json ;;
    *) echo rows.json ;;
    esac
}

# A process may pass these only once (all letters may be there before the first commit), those of Kafka with each transaction, of which there are few, all others with each epoch or
# more often.
point_passes() {
    case $1 in
    start.* | drain.* | *.claim.* | postgres.copy.begun | letters.synced) echo 1 ;;
    kafka.* | ledger.*) echo $((1 + RANDOM % 2)) ;;
    *) echo $((1 + RANDOM % 2)) ;;
    esac
}

# How many processes of one pipeline die there, no fewer: where a start seeds once, or the first that is asked to stop leaves
# nothing to do, or all letters are written by the first, there is no second one.
point_kills() {
    case $1 in
    start.seeding | start.begun | letters.synced | drain.*) echo 1 ;;
    *) echo 2 ;;
    esac
}

# Runs until the point kills the process.
die_at() {
    case $1 in
    drain.*)
        handled_now
        FAILPOINT=$1 pipeline_start
        must 'it works before it is asked to stop' wait_until "$PATIENCE_S" handled_more "$HANDLED"
        kill -TERM "$PIPELINE_PID"
        must "it is killed at $1" ends_with 137 pipeline_wait "$PATIENCE_S"
        ;;
    *) FAILPOINT=$1:$2 must "it is killed at $1, pass $2" ends_with 137 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest ;;
    esac
    job_note kills 1
}

# finish: to the end, timed from the restart to the next committed row.
finish() {
    local started
    started=$(now_us)
    must 'the last run ends with 0' ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    [ "$SINKS" = kafka.json ] || note_recovery "$started"
}

# Dies at the point, at its N-th pass; then as often as it must, each time at the first; then goes on to the end.
kill_at_point() {
    local seed=$1 point=$2 passes i
    job_random "$seed" "$point"
    pipeline_begin "$point-$seed" "$FEED" "$KILL_COUNT" "$(point_manifest "$point")"
    ARGS=(--set "/parallelism=$((1 + RANDOM % 2))")
    case $point in ledger.*) pipeline_at_least_once ;; esac
    passes=$(point_passes "$point")
    if [ "$SINKS" = rows.json ]; then
        [ $((RANDOM % 2)) = 0 ] || pipeline_refuse
    fi
    pipeline_watch_start
    die_at "$point" "$passes"
    for ((i = 1; i < $(point_kills "$point"); i++)); do
        die_at "$point" 1
    done
    finish
    must 'no look saw what must not be' pipeline_watch_stop
    if [ "$SINKS" = rows.json ]; then
        must 'the rows are exact' rows_are_exact
    else
        must 'the output is exact' output_is_exact
        must 'and so are the dead letters' letters_are_exact
    fi
}

# A line for each point and run.
point_jobs() {
    local i point points
    mapfile -t points < <(fail_points)
    [ -z "$ONLY" ] || points=("$ONLY")
    for ((i = 0; i < $(runs 2 50); i++)); do
        for point in "${points[@]}"; do
            printf '%s %s\n' $((SEED + i)) "$point"
        done
    done
}

fault_kill_points() {
    FEED=fault-points
    feed "$FEED" "$KILL_COUNT" >/dev/null || { expect 'the feed' false && return; }
    side_by_side kill_at_point < <(point_jobs)
    tell "$(notes_sum kills) kills at $(fail_points | wc -l) points, $(tell_looks); ms to the next commit: $(notes_spread recovery)"
}

RANDOM_RATE=2000  # events a second
RANDOM_PIECE=2000 # of them for each start
RANDOM_KILLS=5    # of one pipeline

# So often killed at any time while events come and both sinks write; each restart timed to its first committed row.
kill_any_time() {
    local seed=$1 lanes=$2 i started rows topic=any-$1-$2
    job_random "$seed" "$lanes"
    make_topic "$topic" "$PARTITIONS"
    pipeline_begin "any-$seed-$lanes" "$topic" $((RANDOM_PIECE * RANDOM_KILLS)) both.json
    ARGS=(--set "/parallelism=$lanes")
    pipeline_watch_start
    for ((i = 0; i < RANDOM_KILLS; i++)); do
        feed_more "$topic" "$RANDOM_PIECE" "$RANDOM_RATE" $((i * RANDOM_PIECE))
        rows=$(pipeline_rows)
        started=$(now_us)
        listen_output "$started"
        pipeline_start
        # One in three while it starts, or whenever; the others after it has committed, wherever it then is.
        [ $((RANDOM % 3)) = 0 ] || wait_until "$PATIENCE_S" more_rows_than "$rows"
        pause_ms $((RANDOM % 400))
        kill -KILL "$PIPELINE_PID"
        must 'it runs until it is killed' ends_with 137 pipeline_wait "$PATIENCE_S"
        listen_end
        [ "$i" = 0 ] || note_recovery "$started"
        job_note kills 1
    done
    must 'the feed ends' feed_has_ended "$topic"
    must 'the last run ends with 0' ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'no look saw what must not be' pipeline_watch_stop
    must 'the rows are exact' rows_are_exact
    must 'the output is exact' output_is_exact
    job_note duplicates "$(output_duplicates)"
    job_note uncommitted "$(output_duplicates --isolation read_uncommitted)"
}

random_jobs() {
    local i
    for ((i = 0; i < $(runs 4 200); i++)); do
        printf '%s %s\n' $((SEED + i)) $((1 + (SEED + i) % 2))
    done
}

fault_random_kills() {
    side_by_side kill_any_time < <(random_jobs)
    tell "$(notes_sum kills) kills of both sinks, $(tell_looks); twice in Kafka: $(notes_sum duplicates) read_committed, $(notes_sum uncommitted) read_uncommitted"
    tell "ms from restart to the next row committed to Postgres: $(notes_spread recovery); in Kafka: $(notes_spread recovery_kafka)"
}
