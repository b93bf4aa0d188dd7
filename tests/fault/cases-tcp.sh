# shellcheck shell=bash disable=SC2034,SC2153 # lib.sh has the variables
# Connections that go wrong on the way: to PostgreSQL, to Kafka, to the API. A pipeline reads a topic to its end through a proxy
# that was told what shall happen when. It must end with 0, without being started again, and with every row once.

# shellcheck source=proxy.sh
. "$ROOT/tests/fault/proxy.sh"

TCP_COUNT=6000
TCP_FEW=200 # where each byte costs two system calls
TCP_FAULTS=(latency slice stall reset close blackhole)

# Connections are given up for silent in seconds instead of minutes, but where they are only slow.
tcp_limits() {
    case $1 in
    latency | slice) ;;
    *) ARGS+=(--set rows/config/statement_timeout=6s --set rows/config/connect_timeout=6s --set locate/config/timeout_ms=3s
        --set events/config/rdkafka/socket.timeout.ms=6000) ;;
    esac
}

# tcp_way postgres|kafka|api: leads the pipeline through the proxy.
tcp_way() {
    case $1 in
    postgres)
        must 'a proxy' proxy_start 0 "$POSTGRES_PORT"
        PIPELINE_POSTGRES=postgresql://127.0.0.1:$PROXY_PORT/postgres
        ;;
    kafka)
        must 'a proxy' proxy_start "$KAFKA_PROXY_PORT" "$KAFKA_PROXIED_PORT"
        PIPELINE_BROKERS=127.0.0.1:$KAFKA_PROXY_PORT
        ;;
    api)
        must 'a proxy' proxy_start 0 "$API_PORT"
        # All over one connection, on which the moment then surely comes.
        ARGS+=(--set "locate/config/endpoint=http://127.0.0.1:$PROXY_PORT/" --set locate/config/max_in_flight=1)
        ;;
    esac
}

# tcp_moment WAY: when it comes: inside the rows of a COPY, inside what Kafka sends, inside a look-up.
tcp_moment() {
    case $1 in
    postgres) echo "behind COPY after $((RANDOM * 10))" ;;
    kafka) echo "from server after $((1000 + RANDOM * 40))" ;;
    api) echo "from $([ $((RANDOM % 2)) = 0 ] && echo client || echo server) after $((RANDOM % 500))" ;;
    esac
}

tcp_command() {
    case $1 in
    latency) echo "latency $((5 + RANDOM % 40))" ;;
    slice) echo "slice 1" ;;
    close) echo "close $([ $((RANDOM % 2)) = 0 ] && echo client || echo server) $(tcp_moment "$2")" ;;
    *) echo "$1 $(tcp_moment "$2")" ;;
    esac
}

# tcp_job SEED FAULT.WAY
tcp_job() {
    local fault=${2%.*} way=${2#*.} command
    job_random "$1" "$2"
    if [ "$fault" = slice ]; then
        pipeline_begin "tcp-$2-$1" "$FEED_FEW" "$TCP_FEW"
    else
        pipeline_begin "tcp-$2-$1" "$FEED" "$TCP_COUNT"
    fi
    command=$(tcp_command "$fault" "$way")
    tcp_limits "$fault"
    tcp_way "$way"
    must "it is told: $command" proxy_tell "$command"
    pipeline_watch_start
    must "$command: it ends with 0" ends_with 0 pipeline_run "$PATIENCE_S" --set events/config/bounded_mode=latest
    must 'no look saw what must not be' pipeline_watch_stop
    case $fault in
    latency | slice) ;;
    *) must "$command: it came" proxy_said "did $fault" ;;
    esac
    must "$command: the rows are exact" rows_are_exact
    proxy_stop
}

# tcp_jobs WAYS QUICK LONG: lines of so many runs, all faults in turn.
tcp_jobs() {
    local i count
    count=$(runs "$2" "$3")
    for ((i = 0; i < count; i++)); do
        printf '%s %s\n' $((SEED + i / ${#TCP_FAULTS[@]})) "${TCP_FAULTS[i % ${#TCP_FAULTS[@]}]}.$1"
    done
}

# Those to Kafka one at a time, as it knows one proxy.
fault_tcp() {
    FEED=fault-tcp FEED_FEW=fault-tcp-few
    { feed "$FEED" "$TCP_COUNT" && feed "$FEED_FEW" "$TCP_FEW"; } >/dev/null || { expect 'the feeds' false && return; }
    if [ -n "$ONLY" ]; then
        WIDTH=1 side_by_side tcp_job <<<"$SEED $ONLY"
    else
        WIDTH=6 side_by_side tcp_job < <(tcp_jobs postgres 6 30 && tcp_jobs api 0 18)
        WIDTH=1 side_by_side tcp_job < <(tcp_jobs kafka 0 12)
    fi
    tell "latency, 1-byte segments, stall, reset, half close, black hole: $(notes_sum looks) looks while they passed"
}
