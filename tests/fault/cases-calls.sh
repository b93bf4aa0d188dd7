# shellcheck shell=bash disable=SC2034,SC2153 # lib.sh has the variables
# One call of the C library fails, once: a file, a socket, a thread, an allocation. Either the run goes on and is exact, or it
# ends with a sentence and a status of its own, and the next run makes it exact. It never crashes, hangs or stays silent.

CALLS_COUNT=1500

# What each call may answer: NAME ERRNO... (EINTR 4, EIO 5, EAGAIN 11, ENOMEM 12, EMFILE 24, ENOSPC 28, ECONNRESET 104).
calls_errors() {
    cat <<'END'
open 24 5 4
read 5 4
write 28 5 4
fsync 5 28
rename 28 5
mkdir 28
ftruncate 5
socket 24
connect 4 24
send 104 4
recv 104 4
epoll_create 24
epoll_ctl 12 28
epoll_wait 4
eventfd 24
thread 11
malloc 12
END
}

# calls_bin CALLS_FAIL [CALLS_COUNT]: BIN becomes a folder in which pipehost is started with that.
calls_bin() {
    local real=$BIN
    BIN=$STATE/bin
    mkdir -p "$BIN"
    printf '#!/bin/sh\nexec env LD_PRELOAD=%s CALLS_FAIL=%s CALLS_COUNT=%s %s "$@"\n' "$TOOLS/fault-calls.so" "$1" "${2:-}" \
        "$real/pipehost" >"$BIN/pipehost"
    chmod +x "$BIN/pipehost"
}

calls_pipeline() {
    pipeline_begin "$1" "$FEED" "$CALLS_COUNT"
    pipeline_refuse
    ARGS+=(--set rows/config/statement_timeout=10s --set rows/config/connect_timeout=10s --set locate/config/timeout_ms=1s
        --set locate/config/cache_file="$STATE/places" --set events/config/rdkafka/socket.timeout.ms=3000)
}

calls_run() { pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest; }

# calls_job SEED NAME:N:ERRNO
calls_job() {
    local status=0 real=$BIN
    local BIN=$real
    calls_pipeline "calls-${2//[:_]/-}-$1"
    calls_bin "$2"
    calls_run || status=$?
    BIN=$real
    case $status in
    0) job_note went_on 1 ;;
    1 | 75 | 78)
        must 'an end has a sentence' calls_told
        job_note ended 1
        must 'the next run ends with 0' ends_with 0 calls_run
        ;;
    *) must "it neither crashes nor hangs (exit $status)" false ;;
    esac
    must 'the rows are exact' rows_are_exact
}

# An error in the log, or a fault of the manifest, which stands without a level.
calls_told() { grep -E "^[-0-9T:.]+Z error: |^${PIPELINE_MANIFEST}[: ]|^cannot read the manifest \"|^(pipehost: )?(out of memory|no descriptors are left)" "$LOG"; }
calls_told_nothing() { ! calls_told; }

# How often a run makes each call: lines "NAME COUNT".
calls_counted() {
    (
        calls_pipeline calls-counted
        calls_bin malloc:0:12 "$STATE/counts"
        must 'a run without a fault ends with 0' ends_with 0 calls_run
        must 'it tells no error' calls_told_nothing
        cat "$STATE/counts"
    )
}

# calls_jobs: in short runs two places of each call with each error, in long ones all, but no more than 400.
calls_jobs() {
    local name count error errors n
    while read -r name count; do
        read -ra errors <<<"$(calls_errors | sed -n "s/^$name //p")"
        for error in "${errors[@]}"; do
            for n in $(seq "$count" | shuf -n "$(runs 2 400)" --random-source=<(yes "$SEED $name $error")); do
                printf '%s %s:%s:%s\n' "$SEED" "$name" "$n" "$error"
            done
        done
    done
}

fault_calls() {
    local counts
    FEED=fault-calls
    feed "$FEED" "$CALLS_COUNT" >/dev/null || { expect 'the feed' false && return; }
    if [ -n "$ONLY" ]; then
        WIDTH=1 side_by_side calls_job <<<"$SEED $ONLY"
        return
    fi
    counts=$(calls_counted) || { printf '%s\n' "$counts" && expect 'a run without a fault' false && return; }
    WIDTH=4 side_by_side calls_job < <(calls_jobs <<<"$counts")
    tell "$(wc -w <<<"$(job_notes went_on)") runs went on, $(wc -w <<<"$(job_notes ended)") ended with a sentence and were started again; calls of a run: $(tr '\n' ',' <<<"$counts")"
}
