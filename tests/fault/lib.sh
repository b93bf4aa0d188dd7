# shellcheck shell=bash
# shellcheck disable=SC2034 # what the cases read
# What the fault cases share, on top of tests/integration/lib.sh (services, event-gen, the checkers, expect).
#
# A case is a function fault_NAME in cases-*.sh. It runs its jobs with `side_by_side` and ends with one line by `tell`. A job is
# a function in a subshell of its own: it owns one pipeline (pipeline_begin) with a table, an output topic and a state folder,
# and ends at the first `must` that fails. LONG is 1 in long runs; `runs QUICK LONG` answers how often something is to be done;
# SEED is where the case's random numbers begin: job number i draws its own from SEED + i (job_random).

PIPEHOST_BIN=${PIPEHOST_BIN:-$ROOT/build-fault/bin} # a build with -DPIPEHOST_FAILPOINTS=ON
# shellcheck source=../integration/lib.sh
. "$ROOT/tests/integration/lib.sh"

LOG=/dev/null # until a job has its own
PATIENCE_S=180 # for what must come: on a machine at load 20 everything does, but late
LONG=0
RUNS=
WIDTH=4           # pipelines side by side
SEED=1 # the command line may say so
ONLY=
BAD_PERCENT=2     # of the fed records cannot be decoded
DISTINCT=50       # addresses
REFUSED=1000:777  # offsets whose rows the table refuses, where a job asks for it
PARTITIONS=4
FEED_SEED=7

# runs QUICK LONG: how many, unless --runs says.
runs() {
    if [ -n "$RUNS" ]; then
        printf '%s\n' "$RUNS"
    else
        printf '%s\n' "$((LONG ? $2 : $1))"
    fi
}

tell() { printf '  %s\n' "$*"; }

# job_random SEED WORD...: RANDOM of this shell follows from these alone.
job_random() { RANDOM=$(($(cksum <<<"$*" | cut -d ' ' -f 1) & 32767)); }

# ---- jobs ----

# must WHAT COMMAND...: ends the job where the command fails.
must() {
    local what=$1
    shift
    if ! "$@" >"$STATE/must.out" 2>&1; then
        printf 'FAILED %s: %s\n  command: %s\n' "$PIPELINE" "$what" "$*"
        head -n 20 "$STATE/must.out" | sed 's/^/  > /'
        tail -n 25 "$LOG" | sed 's/^/  log: /'
        exit 1
    fi
}

# side_by_side FUNCTION: FUNCTION SEED WORD... for each line "SEED WORD..." of the standard input, WIDTH at once.
# Every job counts; what a failed one said is shown with the command that repeats it.
side_by_side() {
    local function=$1 line number=0 pids=()
    JOBS=$RUN_DIR/jobs-$CASE
    rm -f -- "$JOBS"/*.ok
    mkdir -p "$JOBS"
    while read -r line; do
        if [ ${#pids[@]} -ge "$WIDTH" ]; then
            wait -n "${pids[@]}"
            mapfile -t pids < <(jobs_running "${pids[@]}")
        fi
        number=$((number + 1))
        # shellcheck disable=SC2086
        (trap - EXIT HUP INT TERM && job_main "$number" "$function" $line) </dev/null >"$JOBS/$number.log" 2>&1 &
        pids+=($!)
    done
    [ ${#pids[@]} = 0 ] || wait "${pids[@]}"
    jobs_count "$number"
}

# Those of the processes that run.
jobs_running() {
    local pid
    for pid in "$@"; do
        ! kill -0 "$pid" 2>/dev/null || printf '%s\n' "$pid"
    done
}

job_main() {
    local number=$1 function=$2
    shift 2
    printf '%s\n' "$*" >"$JOBS/$number.line"
    "$function" "$@" && : >"$JOBS/$number.ok"
}

jobs_count() {
    local i seed word
    for ((i = 1; i <= $1; i++)); do
        if [ -e "$JOBS/$i.ok" ]; then
            PASSED=$((PASSED + 1))
            continue
        fi
        FAILED=$((FAILED + 1))
        read -r seed word <"$JOBS/$i.line"
        cat "$JOBS/$i.log"
        printf '  again: tests/fault/run%s --seed %s --runs 1%s %s\n' "$([ "$LONG" = 0 ] || echo ' --long')" "$seed" \
            "${word:+ --only $word}" "$CASE"
    done
}

# job_note NAME VALUE: a figure of the case; job_notes NAME prints all of them.
job_note() { printf '%s\n' "$2" >>"$JOBS/note-$1.$BASHPID"; }
job_notes() { cat "$JOBS/note-$1".* 2>/dev/null; }
notes_sum() { job_notes "$1" | awk '{ sum += $1 } END { print sum + 0 }'; }
# notes_spread NAME: "p50 A, p99 B, most C of N".
notes_spread() {
    job_notes "$1" | sort -n | awk '
        { v[NR] = $1 }
        END {
            if (NR == 0) { print "none"; exit }
            printf "p50 %s, p99 %s, most %s of %d\n", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.999)], v[NR], NR
        }'
}

# ---- one pipeline ----

# feed TOPIC COUNT [OPTION...]: a topic with so many events, some of them bad.
feed() {
    local topic=$1 count=$2
    shift 2
    "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$topic" --create --partitions "$PARTITIONS" --seed "$FEED_SEED" \
        --distinct "$DISTINCT" --bad-percent "$BAD_PERCENT" --count "$count" -X batch.num.messages=60 "$@"
}

# feed_more TOPIC COUNT RATE FIRST: so many more, behind the FIRST that were fed already.
feed_more() {
    must 'the feed before it ends' feed_has_ended "$1"
    process_start "feed-$1" "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$1" --partitions "$PARTITIONS" \
        --seed "$FEED_SEED" --distinct "$DISTINCT" --bad-percent "$BAD_PERCENT" --count "$2" --rate "$3" \
        --start-offset $(($4 / PARTITIONS))
}

feed_has_ended() { wait_until "$PATIENCE_S" process_gone "feed-$1"; }

make_topic() { "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$1" --create --empty --partitions "$2"; }

# pipeline_begin NAME TOPIC COUNT [MANIFEST]: PIPELINE with its table, its output topic and its folder, to read COUNT events of
# TOPIC. MANIFEST is rows.json (default), both.json or kafka.json of tests/fault.
pipeline_begin() {
    PIPELINE=$1 TOPIC=$2 COUNT=$3
    PIPELINE_MANIFEST=$ROOT/tests/fault/${4:-rows.json} # its name is SINKS
    TABLE=fault_${1//[-.]/_}
    SINKS=${4:-rows.json}
    OUTPUT=out-$1
    STATE=$RUN_DIR/state/$1
    DEAD=$STATE/dead.jsonl
    LOG=$RUN_DIR/logs/fault-$1.log
    WATCH_OPTIONS=()
    ARGS=()
    mkdir -p "$STATE" && : >"$LOG" || return 1
    psql_run "CREATE TABLE $TABLE (n bigserial, source_partition int, source_offset bigint, payload text, ip text,
        event_timestamp timestamp(3), url text, geodata text)"
    [ "$SINKS" = rows.json ] || make_topic "$OUTPUT" 2
}

# The table refuses some rows from now on: dead letters of the sink.
pipeline_refuse() {
    psql_run "ALTER TABLE $TABLE ADD CHECK (source_offset % ${REFUSED%:*} <> ${REFUSED#*:})"
    WATCH_OPTIONS=(--refused "$REFUSED")
}

# What the manifests name, and nothing else of ours. FAILPOINT is NAME:N or empty.
pipeline_environment() {
    ENVIRONMENT=(env -i PATH="$PATH" HOME="$HOME" FAULT_PIPELINE="$PIPELINE" FAULT_STATE="${PIPELINE_STATE:-$STATE}"
        FAULT_LETTERS="$DEAD" FAULT_BROKERS="${PIPELINE_BROKERS:-$KAFKA_URL}" FAULT_TOPIC="$TOPIC" FAULT_OUTPUT="$OUTPUT"
        FAULT_API="http://127.0.0.1:$API_PORT/" FAULT_POSTGRES="${PIPELINE_POSTGRES:-$POSTGRES_URL}" FAULT_TABLE="$TABLE"
        POSTGRES_USER="$POSTGRES_USER" POSTGRES_PASSWORD="$POSTGRES_PASSWORD"
        ${FAILPOINT:+"PIPEHOST_FAILPOINT=$FAILPOINT"}
        ${TSAN_OPTIONS:+"TSAN_OPTIONS=$TSAN_OPTIONS"} ${UBSAN_OPTIONS:+"UBSAN_OPTIONS=$UBSAN_OPTIONS"})
}

# pipeline_run SECONDS ARG...: to its end; answers its exit status, 137 when it was killed, 124 when it takes longer.
pipeline_run() {
    local seconds=$1
    shift
    pipeline_environment
    setpriv --pdeathsig TERM -- "${ENVIRONMENT[@]}" timeout -k 10 "$seconds" "$BIN/pipehost" "$PIPELINE_MANIFEST" \
        "${ARGS[@]}" "$@" >>"$LOG" 2>&1
}

# pipeline_start ARG...: in the background of this job, with which it dies. Its process is PIPELINE_PID.
pipeline_start() {
    pipeline_environment
    setpriv --pdeathsig KILL -- "${ENVIRONMENT[@]}" "$BIN/pipehost" "$PIPELINE_MANIFEST" "${ARGS[@]}" "$@" >>"$LOG" 2>&1 &
    PIPELINE_PID=$!
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }

# child_signal SIGNAL PID: to a process of this shell that has not ended; what has may have left its number to somebody else.
child_signal() {
    local pid
    while read -r pid; do
        [ "$pid" != "$2" ] || kill -s "$1" "$pid"
    done < <(jobs -rp)
}

# pipeline_wait SECONDS [PID]: its exit status; 124 when it has to be killed after that time.
pipeline_wait() {
    local pid=${2:-$PIPELINE_PID} status=0
    if ! wait_until "$1" is_gone "$pid"; then
        child_signal KILL "$pid"
        wait "$pid" 2>/dev/null
        return 124
    fi
    wait "$pid" 2>/dev/null || status=$?
    return "$status"
}

# ends_with STATUS COMMAND...
ends_with() {
    local wanted=$1 status=0
    shift
    "$@" || status=$?
    printf 'exit %s\n' "$status"
    [ "$status" = "$wanted" ]
}

pipeline_dsn() { printf 'host=%s port=%s user=postgres dbname=postgres' "$RUN_DIR/postgres/socket" "$POSTGRES_PORT"; }

# pipeline_watch_start, pipeline_watch_stop: a look at each exact output, its positions and the dead letters every 100 ms in
# between; the second fails where one saw what must never be, or none saw anything.
feed_options() {
    printf '%s\n' --letters "$DEAD" --count "$COUNT" --seed "$FEED_SEED" --partitions "$PARTITIONS" --distinct "$DISTINCT" \
        --bad-percent "$BAD_PERCENT"
}
watch_options() {
    printf '%s\n' --dsn "$(pipeline_dsn)" --table "$TABLE" --pipeline "$PIPELINE" "${WATCH_OPTIONS[@]}"
    feed_options
}
watch_kafka_options() {
    printf '%s\n' --brokers "$KAFKA_URL" --topic "$OUTPUT" --source "$TOPIC" --group "pipehost/$PIPELINE/located/events"
    feed_options
}
# watch_begin NAME PROGRAM: with NAME_options; what it says is in $STATE/NAME.out.
watch_begin() {
    local options
    mapfile -t options < <("$1_options")
    : >"$STATE/$1.out"
    setpriv --pdeathsig TERM -- "$TOOLS/$2" "${options[@]}" >"$STATE/$1.out" 2>&1 &
    WATCHES+=("$! $1")
    must 'somebody looks' wait_until "$PATIENCE_S" grep -qx looking "$STATE/$1.out"
}
pipeline_watch_start() {
    WATCHES=()
    [ "$SINKS" = kafka.json ] || watch_begin watch fault-watch
    [ "$SINKS" = rows.json ] || ! kafka_is_exact || watch_begin watch_kafka fault-watch-kafka
}
# watch_end PID NAME
watch_end() {
    local status=0
    child_signal TERM "$1"
    wait "$1" || status=$?
    job_note "${2/watch/looks}" "$(sed -n 's/^\([0-9]*\) looks.*/\1/p' "$STATE/$2.out")"
    if [ "$2" = watch ] && [ "$(pipeline_rows)" -gt 0 ] && grep -q 'looks, 0 at new positions' "$STATE/$2.out"; then
        status=1
        printf 'rows came, but no look saw a position of them\n' >>"$STATE/$2.out"
    fi
    cat "$STATE/$2.out"
    [ "$status" = 0 ]
}
pipeline_watch_stop() {
    local watch status=0
    for watch in "${WATCHES[@]}"; do
        # shellcheck disable=SC2086
        watch_end $watch || status=1
    done
    [ "$status" = 0 ]
}
tell_looks() { printf '%s looks at rows, %s at the output topic' "$(notes_sum looks)" "$(notes_sum looks_kafka)"; }

# rows_are_exact: the pipeline is done; every record of it is a row, once, in order and to the byte, or a dead letter, once.
rows_are_exact() {
    local options
    mapfile -t options < <(watch_options)
    "$TOOLS/fault-watch" "${options[@]}" --final
}

# How many of the events cannot be decoded.
bad_count() {
    "$TOOLS/fault-watch" --dsn "$(pipeline_dsn)" --table "$TABLE" --pipeline none --letters none --count "$COUNT" --seed "$FEED_SEED" \
        --partitions "$PARTITIONS" --bad-percent "$BAD_PERCENT" --count-bad
}

# output_is_exact [OPTION...]: the same of the output topic, as a read_committed reader sees it. Where the sink is no
# transactional one it may hold records twice.
output_is_exact() {
    local options=(--ordered)
    kafka_is_exact || options=(--duplicates "$((COUNT * 100))")
    output_check "${options[@]}" "$@"
}
output_check() {
    "$TOOLS/topic-check" --brokers "$KAFKA_URL" --topic "$OUTPUT" --seed "$FEED_SEED" --count "$COUNT" --partitions "$PARTITIONS" \
        --distinct "$DISTINCT" --keys --headers "$TOPIC" --absent "$(bad_count)" "$@"
}
output_duplicates() { output_check --duplicates "$((COUNT * 100))" "$@" | sed -n 's/^[0-9]* records for.* duplicate \([0-9]*\) .*/\1/p'; }
# letters_are_exact: where no table is looked at: each bad record has one dead letter.
letters_are_exact() {
    local places
    places=$(sed -n '/,"value.*}$/s/.*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1 \2/p' "$DEAD")
    equals "$(wc -l <<<"$places")" "$(bad_count)" && equals "$(sort -u <<<"$places" | wc -l)" "$(bad_count)"
}
# The host keeps the positions of every sink.
pipeline_at_least_once() {
    AT_LEAST_ONCE=1
    ARGS+=(--set /exactly_once=false)
}
# Not so where positions are the host's: then records may come twice.
kafka_is_exact() { [ -z "${AT_LEAST_ONCE:-}" ] && sink_kafka_keeps_positions; }
sink_kafka_keeps_positions() { "$BIN/pipehost" inspect "$BIN/../lib/pipehost/plugins/sink-kafka.so" | grep -qi transactional; }

pipeline_rows() { psql_run "SELECT count(*) FROM $TABLE"; }

# How many rows or records are in the output; of both sinks, rows. Nothing, where nobody answers.
handled() {
    if [ "$SINKS" = kafka.json ]; then
        output_check | sed -n 's/^\([0-9]*\) records for.*/\1/p'
    else
        pipeline_rows
    fi
}
handled_more() { [ "$(handled)" -gt "$1" ]; }
# handled_now: HANDLED.
handled_now() { must 'the output can be counted' wait_until "$PATIENCE_S" handled_is_known; }
handled_is_known() { HANDLED=$(handled) && [ -n "$HANDLED" ]; }
more_rows_than() { [ "$(pipeline_rows)" -gt "$1" ]; }
now_us() { printf '%s\n' "${EPOCHREALTIME/[.,]/}"; }

# listen_output US: in the background until listen_end: how long after this time a read_committed reader has the next record.
listen_output() {
    (setpriv --pdeathsig TERM -- timeout "$PATIENCE_S" kcat -C -q -b "$KAFKA_URL" -t "$OUTPUT" -o end -c 1 -X isolation.level=read_committed >/dev/null 2>&1 &&
        job_note recovery_kafka $((($(now_us) - $1) / 1000))) &
    LISTEN_PID=$!
}
listen_end() {
    child_signal TERM "$LISTEN_PID"
    wait "$LISTEN_PID" 2>/dev/null
}

# note_recovery US: how long after this time the next rows were committed, by the server's own commit times.
note_recovery() {
    local ms
    ms=$(psql_run "SELECT round(extract(epoch FROM min(pg_xact_commit_timestamp(x)) - to_timestamp($1 / 1000000.0)) * 1000)
        FROM (SELECT DISTINCT xmin AS x FROM $TABLE) t WHERE pg_xact_commit_timestamp(x) > to_timestamp($1 / 1000000.0)")
    [ -z "$ms" ] || job_note recovery "$ms"
}
