# shellcheck shell=bash
# shellcheck disable=SC2154,SC2153,SC2004,SC2190 # RUNS, RECORDS, CONTENDERS, RATE … are those of run, which sources this
# Parts that compare with what else people run: rsyslog and the lab's own UDF; and both outputs at once.

# both_once CONTENDER: one bounded run into an empty table and an empty topic; sets RESULT and OUTPUT.
both_once() {
    bench_reset
    OUTPUT=bench-both-out-$((OUTPUTS += 1))
    create_topic "$OUTPUT" "$BENCH_PARTITIONS" || bench_fail "topic $OUTPUT could not be made"
    bench_both_command "$1" bench-both "$RECORDS" "$OUTPUT"
    RESULT=$("$BENCH_BIN/bench-run" -- "${COMMAND[@]}" 2>"$RUN_DIR/logs/$1.log") || {
        tail -n 20 "$RUN_DIR/logs/$1.log" >&2
        bench_fail "$1 failed: $RESULT"
    }
}

bench_fanout() {
    local round contender contenders=(hand-written)
    declare -A rates=() client_cpus=()
    is_in pipehost "${CONTENDERS[@]}" && contenders+=(pipehost)
    bench_topic bench-both "$RECORDS" "${GEN_OPTIONS[@]}"
    both_once hand-written
    for ((round = 1; round <= RUNS; round++)); do
        for contender in "${contenders[@]}"; do
            both_once "$contender"
            if [ "$round" = 1 ]; then check_rows "$RECORDS"; else count_rows "$RECORDS"; fi
            check_records "$OUTPUT"
            rates[$contender]+=" $(calculate "$RECORDS / $(field wall_s "$RESULT")" %.0f)"
            client_cpus[$contender]+=" $(calculate "($(field user_s "$RESULT") + $(field sys_s "$RESULT")) * 1e6 / $RECORDS" %.3f)"
        done
    done
    printf '\nKafka to PostgreSQL and Kafka at once, %s records of 500 bytes, median of %s (lowest to highest)\n' "$RECORDS" "$RUNS"
    # The contenders' numbers are lists of words.
    # shellcheck disable=SC2086
    for contender in "${contenders[@]}"; do
        RATE[$contender]=$(median ${rates[$contender]})
        CPU[$contender]=$(median ${client_cpus[$contender]})
        printf '%-14s %24s records/s %8s us CPU\n' "$contender" \
            "${RATE[$contender]} ($(lowest ${rates[$contender]})..$(highest ${rates[$contender]}))" "${CPU[$contender]}"
    done
    [ "${#contenders[@]}" = 1 ] || printf 'pipehost against hand-written: records/s %sx (bar 0.85), client CPU %sx\n' \
        "$(calculate "${RATE[pipehost]} / ${RATE[hand-written]}")" "$(calculate "${CPU[pipehost]} / ${CPU[hand-written]}")"
}

# need_rsyslog: its programs in a folder of their own, so that no system logger is installed. Sets RSYSLOG.
need_rsyslog() {
    RSYSLOG=${XDG_CACHE_HOME:-$HOME/.cache}/pipehost/rsyslog
    [ ! -x "$RSYSLOG/usr/sbin/rsyslogd" ] || return 0
    local work
    work=$(mktemp -d) &&
        (cd "$work" && apt-get -q download rsyslog rsyslog-kafka libestr0 libfastjson4 liblognorm5 >log 2>&1 &&
            for file in *.deb; do dpkg -x "$file" root; done) &&
        mkdir -p "${RSYSLOG%/*}" && mv -T "$work/root" "$RSYSLOG"
    rm -rf -- "$work"
    [ -x "$RSYSLOG/usr/sbin/rsyslogd" ]
}

rsyslog_config() {
    cat <<CONFIG
global(workDirectory="$RUN_DIR/rsyslog" maxMessageSize="64k")
module(load="imkafka")
module(load="omkafka")
template(name="record" type="string" string="%msg%")
input(type="imkafka" topic="bench-rsyslog" broker=["$KAFKA_URL"] consumergroup="$1" confParam=["auto.offset.reset=earliest"] ruleset="copy")
ruleset(name="copy") {
    action(type="omkafka" topic="$1" broker=["$KAFKA_URL"] template="record" partitions.auto="on" resubmitOnFailure="on"
        confParam=["linger.ms=5", "queue.buffering.max.messages=1000000"])
}
CONFIG
}

# rsyslog_once: it only copies: no parsing, no look-up, no table. Sets RESULT.
rsyslog_once() {
    OUTPUT=bench-rsyslog-out-$((OUTPUTS += 1))
    create_topic "$OUTPUT" "$BENCH_PARTITIONS" || bench_fail "topic $OUTPUT could not be made"
    mkdir -p "$RUN_DIR/rsyslog"
    rsyslog_config "$OUTPUT" >"$RUN_DIR/rsyslog/conf"
    local library=$RSYSLOG/usr/lib/x86_64-linux-gnu
    process_start rsyslog env LD_LIBRARY_PATH="$library" "$RSYSLOG/usr/sbin/rsyslogd" -n -f "$RUN_DIR/rsyslog/conf" \
        -i "$RUN_DIR/rsyslog/pid" -M "$library/rsyslog" || bench_fail 'rsyslog did not start'
    RESULT=$("$BENCH_PYTHON" tests/bench/topic_reaches.py "$KAFKA_URL" "$OUTPUT" "$BENCH_PARTITIONS" "$RECORDS")
    process_stop rsyslog 20 || bench_fail 'rsyslog did not end'
}

bench_rsyslog() {
    local round contender rates=() ours=()
    if ! need_rsyslog || ! bench_has script; then
        printf '\nrsyslog cannot be had here: left out\n'
        return 0
    fi
    bench_topic bench-rsyslog "$RECORDS" "${GEN_OPTIONS[@]}"
    bench_topic bench-kafka "$RECORDS" "${GEN_OPTIONS[@]}"
    for ((round = 1; round <= RUNS; round++)); do
        rsyslog_once
        [ "$(field records "$RESULT")" = "$RECORDS" ] || printf 'rsyslog copied %s of %s records\n' "$(field records "$RESULT")" "$RECORDS"
        rates+=("$(calculate "$(field records "$RESULT") / $(field seconds "$RESULT")" %.0f)")
        contender=pipehost
        kafka_once "$contender"
        check_records "$OUTPUT"
        ours+=("$(calculate "$RECORDS / $(field wall_s "$RESULT")" %.0f)")
    done
    printf '\nrsyslog (imkafka to omkafka, it only copies): %s records/s; pipehost, whole job: %s, %sx (bar 3), median of %s\n' \
        "$(median "${rates[@]}")" "$(median "${ours[@]}")" "$(calculate "$(median "${ours[@]}") / $(median "${rates[@]}")")" "$RUNS"
}

bench_requests() {
    local count=60000 line theirs ours
    if ! "$BENCH_PYTHON" -c 'import requests' 2>/dev/null; then
        printf '\nno requests for Python here: left out\n'
        return 0
    fi
    line=$("$BENCH_PYTHON" tests/bench/requests_get.py "$GEO_HTTPS" "$KAFKA_CA_FILE" 100) || bench_fail "requests.get failed: $line"
    theirs=$(field per_s "$line")
    bench_topic bench-requests "$count" --distinct 0
    measure pipehost bench-requests "$count" "$GEO_HTTPS"
    check_rows "$count" --distinct 0
    ours=$(calculate "$count / $(field wall_s "$RESULT")" %.0f)
    printf '\na new address in each record, over TLS: requests.get %s/s, pipehost %s/s, %sx (bar 500)\n' "$theirs" "$ours" \
        "$(calculate "$ours / $theirs" %.0f)"
}
