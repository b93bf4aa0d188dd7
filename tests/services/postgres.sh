# shellcheck shell=bash
# A private PostgreSQL 15 cluster on loopback with a password, and on a socket of its own without one.
# Needs process.sh. Its settings are in RUN_DIR/postgres.env.

POSTGRES_BIN=/usr/lib/postgresql/15/bin

# The server refuses to run as root: there it is the user that Debian's package made. An array and no function: the command
# must be exec'ed in place, so that its pid is the server's.
POSTGRES_AS=(env LC_ALL=C.UTF-8 TZ=UTC)
if [ "$(id -u)" = 0 ]; then
    POSTGRES_AS+=(setpriv --reuid=postgres --regid=postgres --init-groups --)
fi

postgres_initdb() {
    mkdir -m 700 "$RUN_DIR/postgres" "$RUN_DIR/postgres/socket" || return 1
    (umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >"$RUN_DIR/postgres/password")
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres:postgres "$RUN_DIR/postgres" || return 1
    fi
    (cd "$RUN_DIR" && "${POSTGRES_AS[@]}" "$POSTGRES_BIN/initdb" -D "$RUN_DIR/postgres/data" -U postgres \
        -E UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
        --pwfile="$RUN_DIR/postgres/password" --no-sync) >"$RUN_DIR/logs/initdb.log" 2>&1 || return 1
    rm -f -- "$RUN_DIR/postgres/password"
}

# postgres_create: makes an empty cluster and starts it.
postgres_create() {
    POSTGRES_PASSWORD=$(random_secret)
    postgres_initdb || return 1
    for _ in 1 2 3 4 5; do
        POSTGRES_PORT=$(free_port)
        if postgres_start; then
            (umask 077 && cat >"$RUN_DIR/postgres.env") <<EOF
export POSTGRES_URL=postgresql://127.0.0.1:$POSTGRES_PORT/postgres
export POSTGRES_USER=postgres
export POSTGRES_PASSWORD=$POSTGRES_PASSWORD
export POSTGRES_PORT=$POSTGRES_PORT
export POSTGRES_SOCKET_DIR=$RUN_DIR/postgres/socket
export POSTGRES_LOG=$(process_log postgres)
EOF
            return 0
        fi
        grep -q 'could not bind' "$(process_log postgres)" || return 1
        rm -f -- "$(process_log postgres)"
    done
    return 1
}

postgres_answers() {
    "$POSTGRES_BIN/pg_isready" -q -h "$RUN_DIR/postgres/socket" -p "$POSTGRES_PORT"
}
postgres_is_up_or_dead() { process_gone postgres || postgres_answers; }

# postgres_start: starts the server (again, on the same data and port) and waits until it serves. Sessions of a server that
# was killed take a moment to notice; until then a new one refuses to start.
postgres_start() {
    local deadline=$((SECONDS + 180))
    until postgres_start_once; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.5
    done
}

postgres_start_once() {
    # SIGINT is the server's fast shutdown: it ends sessions and does not wait for clients.
    STOP_SIGNAL=INT process_start postgres "${POSTGRES_AS[@]}" "$POSTGRES_BIN/postgres" -D "$RUN_DIR/postgres/data" -p "$POSTGRES_PORT" \
        -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$RUN_DIR/postgres/socket" \
        -c "shared_buffers=${POSTGRES_SHARED_BUFFERS:-256MB}" -c max_wal_size=4GB -c log_timezone=UTC -c timezone=UTC -c jit=off
    wait_until 60 postgres_is_up_or_dead && process_alive postgres
}

postgres_stop() { process_stop postgres 180; }
postgres_kill9() { process_kill9 postgres; }

# psql_run SQL [DATABASE]: runs it as the superuser and prints bare rows, fields separated by |.
psql_run() {
    "$POSTGRES_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$RUN_DIR/postgres/socket" -p "$POSTGRES_PORT" \
        -U postgres -d "${2:-postgres}" -c "$1"
}
