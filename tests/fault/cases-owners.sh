# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # what lib.sh reads, and its SEED
# Two processes that believe to own the same pipeline: each has a state folder of its own, as on two machines.

OWNERS_RATE=2000
OWNERS_COUNT=12000

owners_begin() {
    local kind=$1 seed=$2 manifest=rows.json
    job_random "$seed" "$kind"
    # No dead letters here: each machine has a file of its own, and both may hold the same record.
    BAD_PERCENT=0
    ! sink_kafka_keeps_positions || manifest=both.json
    feed_slowly "$kind-$seed" "$OWNERS_COUNT" "$OWNERS_RATE"
    pipeline_begin "$kind-$seed" "$kind-$seed" "$OWNERS_COUNT" "$manifest"
    ARGS=(--set "/parallelism=$((1 + RANDOM % 2))")
    pipeline_watch_start
}

# owner_start NAME: its process becomes PIPELINE_PID, its log LOG.
owner_start() {
    PIPELINE_STATE=$STATE/$1
    LOG=$RUN_DIR/logs/fault-$PIPELINE-$1.log
    mkdir -p "$PIPELINE_STATE"
    DEAD=$PIPELINE_STATE/dead.jsonl pipeline_start
}

must_write() { must "$1 writes" wait_until 60 more_rows_than "$2"; }

# The earlier owner, with its log, ends as one that was taken over.
must_end_fenced() {
    local started
    started=$(now_us)
    LOG=$2
    must 'the earlier owner ends with 77' ends_with 77 pipeline_wait 60 "$1"
    job_note fenced $((($(now_us) - started) / 1000))
    must 'and says by whom' log_says 'taken over by'
}

owners_end() {
    must 'the feed ends' wait_until 60 process_gone "feed-$TOPIC"
    kill -TERM "$PIPELINE_PID"
    must 'the last owner drains' ends_with 0 pipeline_wait 90
    DEAD=$STATE/none.jsonl
    must 'the last run ends with 0' ends_with 0 pipeline_run 90 --set events/config/bounded_mode=latest
    must 'no look saw what must not be' pipeline_watch_stop
    must 'the rows are exact' rows_are_exact
    [ "$PIPELINE_MANIFEST" = "$ROOT/tests/fault/rows.json" ] || must 'the output is exact' output_is_exact
}

# A, then B beside it, then A again: each time the earlier one ends.
two_owners() {
    local first second first_log
    owners_begin owners "$1"
    owner_start a
    first=$PIPELINE_PID first_log=$LOG
    must_write 'the first owner' 0
    pause_ms $((RANDOM % 600))
    owner_start b
    second=$LOG
    must_end_fenced "$first" "$first_log"
    LOG=$second
    must_write 'the second owner' "$(pipeline_rows)"
    pause_ms $((RANDOM % 600))
    first=$PIPELINE_PID first_log=$LOG
    owner_start a
    second=$LOG
    must_end_fenced "$first" "$first_log"
    LOG=$second
    owners_end
}

# A is stopped at any moment, perhaps inside a transaction; B takes over and writes; then A wakes.
zombie() {
    local first first_log second
    owners_begin zombie "$1"
    owner_start a
    first=$PIPELINE_PID first_log=$LOG
    must_write 'the first owner' 0
    pause_ms $((RANDOM % 900))
    kill -STOP "$first"
    owner_start b
    second=$LOG
    must_write 'the second owner, while the first one is stopped,' "$(pipeline_rows)"
    pause_ms $((RANDOM % 300))
    kill -CONT "$first"
    must_end_fenced "$first" "$first_log"
    LOG=$second
    owners_end
}

owner_jobs() {
    local i
    for ((i = 0; i < $(runs 2 25); i++)); do
        printf '%s\n' $((SEED + i))
    done
}

fault_two_owners() {
    side_by_side two_owners < <(owner_jobs)
    tell "$(notes_sum looks) looks; ms until the earlier owner had ended: $(notes_spread fenced)"
}

fault_zombie() {
    side_by_side zombie < <(owner_jobs)
    tell "$(notes_sum looks) looks; ms until the one that woke had ended: $(notes_spread fenced)"
}
