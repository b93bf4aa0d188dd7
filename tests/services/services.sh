# shellcheck shell=bash
# Kafka and PostgreSQL for one run, started side by side. Source this file; it brings process.sh, kafka.sh and postgres.sh.
#
#   services_start [DIR] [OWNER_PID]   makes RUN_DIR, starts both, sets the variables of RUN_DIR/env; DIR gets a copy of it
#   services_load DIR                  takes up what another shell started
#   services_stop [--keep]             stops both, removes RUN_DIR
#   create_topic NAME PARTITIONS [KEY=VALUE...] · add_partitions NAME PARTITIONS · delete_topic NAME · psql_run SQL [DATABASE]
#   kafka_stop, kafka_start, kafka_kill9 · postgres_stop, postgres_start, postgres_kill9 (on the same data and ports)

# shellcheck source=process.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/process.sh"
# shellcheck source=kafka.sh
. "$SERVICES_SOURCE/kafka.sh"
# shellcheck source=postgres.sh
. "$SERVICES_SOURCE/postgres.sh"

KAFKA_VERSION=4.1.0
KAFKA_JARS=${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/pipehost/kafka-$KAFKA_VERSION}
# shellcheck disable=SC2034 # for the test of SCRAM, which Debian's librdkafka cannot do with Kafka 4
KAFKA_3_VERSION=3.9.1 KAFKA_3_JARS=${KAFKA_JARS%/*}/kafka-3.9.1

# services_up: starts both in a RUN_DIR that exists, and says which of them failed and why.
services_up() {
    local kafka postgres failed=0
    # A starter ends at once on a signal: what it started is recorded in RUN_DIR and stopped from there.
    (trap - EXIT INT TERM && kafka_create) &
    kafka=$!
    (trap - EXIT INT TERM && postgres_create) &
    postgres=$!
    STARTERS=("$kafka" "$postgres")
    wait "$kafka" || { services_blame kafka kafka-format kafka; failed=1; }
    wait "$postgres" || { services_blame PostgreSQL initdb postgres; failed=1; }
    STARTERS=()
    [ "$failed" = 0 ] || return 1
    {
        printf 'export RUN_DIR=%s\nexport KAFKA_JARS=%s\n' "$RUN_DIR" "$KAFKA_JARS"
        cat "$RUN_DIR/kafka.env" "$RUN_DIR/postgres.env"
    } >"$RUN_DIR/env"
    chmod 600 "$RUN_DIR/env"
    # shellcheck source=/dev/null
    . "$RUN_DIR/env"
}

# services_blame WHAT LOG...: one sentence and the ends of its logs.
services_blame() {
    local what=$1 name
    shift
    printf 'error: %s did not start; the end of its log:\n' "$what" >&2
    for name in "$@"; do
        tail -n 15 "$(process_log "$name")" 2>/dev/null | sed 's/^/    /' >&2
    done
}

services_start() {
    if [ $# -gt 1 ]; then
        run_open "$2" || return 1
    else
        run_open || return 1
    fi
    if ! services_up; then
        run_close
        return 1
    fi
    if [ -n "${1:-}" ]; then
        mkdir -p "$1" && install -m 600 "$RUN_DIR/env" "$1/env"
    fi
}

services_load() {
    # shellcheck source=/dev/null
    . "$1/env" && [ -d "$RUN_DIR/pids" ]
}

services_stop() { run_close "$@"; }
