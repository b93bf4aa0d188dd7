# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # what lib.sh reads, and its SEED
# Two processes that believe to own the same pipeline: each has a state folder of its own, as on two machines. A job is a line
# "SEED both" or "SEED kafka", the sinks.

OWNERS_PIECE=2000 # events at a time, within a second

# owners_begin KIND SEED SINKS PIECES
owners_begin() {
    local kind=$1 seed=$2 name=$1-$3-$2
    job_random "$seed" "$kind"
    # No dead letters here: each machine has a file of its own, and both may hold the same record.
    BAD_PERCENT=0
    make_topic "$name" "$PARTITIONS"
    pipeline_begin "$name" "$name" $((OWNERS_PIECE * $4)) "$3.json"
    FED=0
    ARGS=(--set "/parallelism=$((1 + RANDOM % 2))")
    pipeline_watch_start
}

# The next piece of the events, from now on.
owner_feed() {
    feed_more "$TOPIC" "$OWNERS_PIECE" "$OWNERS_PIECE" "$FED"
    FED=$((FED + OWNERS_PIECE))
}

# owner_start NAME: its process becomes PIPELINE_PID, its log LOG.
owner_start() {
    PIPELINE_STATE=$STATE/$1
    LOG=$RUN_DIR/logs/fault-$PIPELINE-$1.log
    mkdir -p "$PIPELINE_STATE"
    DEAD=$PIPELINE_STATE/dead.jsonl pipeline_start
}

# must_write WHO: the next piece.
must_write() {
    must 'the feed ends' feed_has_ended "$TOPIC"
    handled_now
    owner_feed
    must "$1 writes" wait_until "$PATIENCE_S" handled_more "$HANDLED"
}

# The earlier owner, with its log, ends as one that was taken over.
must_end_fenced() {
    local started
    started=$(now_us)
    LOG=$2
    must 'the earlier owner ends with 77' ends_with 77 pipeline_wait "$PATIENCE_S" "$1"
    job_note fenced $((($(now_us) - started) / 1000))
    must 'and says by whom' log_says 'taken over by'
}

owners_end() {
    must 'the feed ends' feed_has_ended "$TOPIC"
    kill -TERM "$PIPELINE_PID"
    must 'the last owner drains' ends_with 0 pipeline_wait "$PATIENCE_S"
    DEAD=$STATE/none.jsonl
    must 'the last run ends with 0' ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'no look saw what must not be' pipeline_watch_stop
    must 'the output is exact' output_is_exact
    [ "$SINKS" = kafka.json ] || must 'the rows are exact' rows_are_exact
}

# A, then B beside it, then A again: each time the earlier one ends.
two_owners() {
    local first first_log second_log name
    owners_begin owners "$1" "$2" 5
    owner_start a
    must_write 'the first owner'
    for name in b a; do
        first=$PIPELINE_PID first_log=$LOG
        owner_feed
        pause_ms $((RANDOM % 600))
        owner_start "$name"
        second_log=$LOG
        # Who has nothing to commit does not notice, so that events come when both are there.
        must 'the next owner claims' wait_until "$PATIENCE_S" log_says 'go on where their sinks stand'
        must_write 'the next owner'
        must_end_fenced "$first" "$first_log"
        LOG=$second_log
    done
    owners_end
}

# A is stopped at any moment, perhaps inside a transaction; B takes over and writes; then A wakes.
zombie() {
    local first first_log second_log
    owners_begin zombie "$1" "$2" 3
    owner_start a
    must_write 'the first owner'
    first=$PIPELINE_PID first_log=$LOG
    owner_feed
    pause_ms $((RANDOM % 900))
    kill -STOP "$first"
    owner_start b
    second_log=$LOG
    must_write 'the second owner, while the first one is stopped,'
    pause_ms $((RANDOM % 300))
    kill -CONT "$first"
    must_end_fenced "$first" "$first_log"
    LOG=$second_log
    owners_end
}

# B has shut A out, and needs longer than a moment to read the positions and to sign them: A waits for the name instead of
# shutting B out again.
slow_owner() {
    local first first_log second_log
    owners_begin slow_owner "$1" "$2" 3
    owner_start a
    must_write 'the first owner'
    first=$PIPELINE_PID first_log=$LOG
    # A commit under way while it is shut out may fail for another reason, and is begun anew: what comes next meets the fence.
    must 'the feed ends' feed_has_ended "$TOPIC"
    must 'the first owner has written all' wait_until "$PATIENCE_S" handled_more $((FED - 1))
    FAILPOINT=kafka.claim.initialized:1:stop owner_start b
    second_log=$LOG
    must 'the second owner stops in its claim' wait_until "$PATIENCE_S" is_stopped "$PIPELINE_PID"
    LOG=$first_log
    must 'the feed ends' feed_has_ended "$TOPIC"
    owner_feed
    must 'the first owner waits for a name' wait_until "$PATIENCE_S" log_says 'shut out: waiting up to'
    pause_ms $((2500 + RANDOM % 4000))
    kill -CONT "$PIPELINE_PID"
    must_end_fenced "$first" "$first_log"
    must 'and did not take the pipeline back' fails log_says 'going on with a new one'
    LOG=$second_log
    must_write 'the second owner'
    owners_end
}
fails() { ! "$@"; }

# Every second with Kafka alone: where there are rows, it is PostgreSQL that may end the earlier owner first.
owner_jobs() {
    local i
    for ((i = 0; i < $(runs 2 26); i++)); do
        printf '%s %s\n' $((SEED + i)) "${ONLY:-$([ $((i % 2)) = 0 ] && echo both || echo kafka)}"
    done
}

fault_two_owners() {
    side_by_side two_owners < <(owner_jobs)
    tell "$(tell_looks); ms until the earlier owner had ended: $(notes_spread fenced)"
}

fault_zombie() {
    side_by_side zombie < <(owner_jobs)
    tell "$(tell_looks); ms until the one that woke had ended: $(notes_spread fenced)"
}

fault_slow_owner() {
    side_by_side slow_owner < <(ONLY=kafka owner_jobs)
    tell "$(tell_looks); ms until the earlier owner had ended: $(notes_spread fenced)"
}
