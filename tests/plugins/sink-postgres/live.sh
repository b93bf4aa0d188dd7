#!/bin/bash
# live.sh BIN_DIR PLUGIN.so: sink-postgres against a real server. Uses the one of $POSTGRES_URL where RUN_DIR says that it may
# be restarted; otherwise starts a private one and stops it at the end.
set -eu
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../services/process.sh
. "$here/../../services/process.sh"
# shellcheck source=../../services/postgres.sh
. "$here/../../services/postgres.sh"
bin=$1
plugin=$2

if [ -z "${POSTGRES_URL:-}" ] || [ ! -d "${RUN_DIR:-/nowhere}/pids" ]; then
    trap run_close EXIT
    run_open "$$"
    postgres_create
    # shellcheck source=/dev/null
    . "$RUN_DIR/postgres.env"
fi
drivers=$(mktemp -d)

# make_certificate NAME CA: for 127.0.0.1, by CA.pem, which is made if it is missing.
make_certificate() {
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    [ -e "$2.pem" ] || openssl req -x509 "${key[@]}" -keyout "$2.key" -out "$2.pem" -days 2 -subj "/CN=$2"
    openssl req -new "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -out "$1.pem" \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1\n')
}

make_certificates() {
    mkdir -p "$POSTGRES_TLS_DIR" && cd "$POSTGRES_TLS_DIR" && make_certificate server ca && make_certificate stranger other &&
        chmod 600 -- *.key
}

export POSTGRES_TLS_DIR=$RUN_DIR/postgres/tls
(make_certificates) >"$RUN_DIR/logs/certificates.log" 2>&1 || { cat "$RUN_DIR/logs/certificates.log" >&2; exit 1; }
[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$POSTGRES_TLS_DIR"

"$bin/live_sink_postgres" "$plugin"

# fresh_table: for a run whose ids must be exact at the end.
fresh_table() {
    psql_run 'SET client_min_messages = error; DROP TABLE IF EXISTS drive, pipehost_positions; CREATE TABLE drive (id bigint, v text)'
}

# rows_above N: the driver has made that many rows durable.
rows_above() { [ "$(psql_run 'SELECT count(*) FROM drive' 2>/dev/null || echo 0)" -gt "$1" ]; }

# expect_exact NAME ROWS
expect_exact() {
    local found
    found=$(psql_run 'SELECT count(*), count(DISTINCT id), min(id), max(id), (SELECT next_offset FROM pipehost_positions) FROM drive')
    if [ "$found" != "$2|$2|0|$(($2 - 1))|$2" ]; then
        printf 'not exact after %s: %s\n' "$1" "$found" >&2
        exit 1
    fi
    printf 'exact after %s: %d rows, %s\n' "$1" "$2" "$(<"$drivers/log")"
}

drive() { exec "$bin/drive_sink_postgres" "$plugin" exact "$1" "$2" >"$drivers/log" 2>&1; }

# with_server_fault NAME ROWS EPOCH COMMAND...: the fault hits twice while the driver writes.
with_server_fault() {
    local name=$1 rows=$2 epoch=$3 driver
    shift 3
    fresh_table
    (drive "$rows" "$epoch") &
    driver=$!
    wait_until 300 rows_above $((rows / 10))
    "$@"
    postgres_start
    wait_until 300 rows_above $((rows / 2))
    "$@"
    postgres_start
    wait "$driver" || { cat "$drivers/log" >&2; exit 1; }
    expect_exact "$name" "$rows"
}

# with_driver_killed ROWS EPOCH TIMES: kill -9 at random times; each next driver takes over from the one before.
with_driver_killed() {
    local kills=0 driver
    fresh_table
    while :; do
        (drive "$1" "$2") &
        driver=$!
        [ "$kills" -lt "$3" ] || break
        pause_ms $((50 + RANDOM % 250))
        kill -9 "$driver" 2>/dev/null || true
        wait "$driver" 2>/dev/null || true
        kills=$((kills + 1))
    done
    wait "$driver" || { cat "$drivers/log" >&2; exit 1; }
    expect_exact "$kills kills of the writer" "$1"
}

# Small epochs spend their time in COMMIT, large ones in COPY.
with_server_fault 'two restarts of the server' 400000 200 postgres_stop
with_server_fault 'two restarts of the server within COPY' 3000000 20000 postgres_stop
with_server_fault 'two kills of the server' 400000 200 postgres_kill9
with_server_fault 'two kills of the server within COPY' 3000000 20000 postgres_kill9
with_driver_killed 300000 37 10
with_driver_killed 3000000 15000 10
psql_run 'DROP TABLE drive, pipehost_positions'
rm -rf -- "$drivers"
