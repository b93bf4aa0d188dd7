# shellcheck shell=bash
# shellcheck disable=SC2153 # SEED is lib.sh's
# A PostgreSQL in trouble under a pipeline at full load: it is waited for, or the pipeline stops with the right sentence and goes
# on after the repair. Every time the rows are exact. The pipeline is stopped (SIGSTOP) in the midst of its rows until the fault
# is there, so that none comes too late.

PG_COUNT=40000 # events of a run
PG_SERVER=(restart_fast restart_immediate read_only)
PG_SESSION=(killed_in_copy killed_before_commit disk_full table_lock position_lock statement_timeout
    dropped_table altered_column renamed_column)

# A line "SEED FAULT" for each of them and each run.
pg_jobs() {
    local i name
    for ((i = 0; i < $(runs 1 5); i++)); do
        for name in "$@"; do
            [ -n "$ONLY" ] && [ "$ONLY" != "$name" ] || printf '%s %s\n' $((SEED + i)) "$name"
        done
    done
}

# Those that trouble every session, one after the other; the others side by side.
fault_postgres_server() {
    pg_feed && WIDTH=1 side_by_side pg_job < <(pg_jobs "${PG_SERVER[@]}")
    tell "$(notes_sum faults) faults of the server, $(notes_sum looks) looks; ms to the next commit: $(notes_spread recovery)"
}
fault_postgres_session() {
    pg_feed && WIDTH=3 side_by_side pg_job < <(pg_jobs "${PG_SESSION[@]}")
    tell "$(notes_sum faults) faults of session, disk and table, $(notes_sum looks) looks; ms to the next commit: $(notes_spread recovery)$(notes_list skipped)"
}
notes_list() { job_notes "$1" | sort -u | sed "s/^/; $1: /" | tr -d '\n'; }

# Both cases read one topic.
pg_feed() {
    PG_FEED=fault-postgres
    [ -e "$RUN_DIR/$PG_FEED" ] || feed "$PG_FEED" "$PG_COUNT" >"$RUN_DIR/$PG_FEED" && return
    rm -f -- "$RUN_DIR/$PG_FEED"
    expect 'the feed' false
    return 1
}

# pg_job SEED FAULT: to some rows, the fault, to the end.
pg_job() {
    local seed=$1 name=$2
    job_random "$seed" "$name"
    pipeline_begin "pg-${name//_/-}-$seed" "$PG_FEED" "$PG_COUNT"
    ARGS=(--set "/parallelism=$((1 + RANDOM % 2))")
    # Each of these is passed in every epoch, which has 500 rows, or a batch of 4,096 where the source is ahead: more are to come.
    PG_POINTS=(postgres.copy.sent postgres.positions.answered postgres.commit.sent postgres.commit.answered)
    PG_POINT=${PG_POINTS[RANDOM % 4]} PG_PASS=$((2 + RANDOM % 6))
    PG_IS_WATCHED=1
    REPAIRED_US='' PG_CLEANUP=''
    "pg_$name" || return 0 # it cannot be had here
    pg_settle
    [ -z "$PG_CLEANUP" ] || "$PG_CLEANUP"
}

# ARGS are set: stopped in the midst of its rows. pg_goes_on lets it go.
pg_begin() {
    [ "$PG_IS_WATCHED" = 0 ] || pipeline_watch_start
    FAILPOINT=$PG_POINT:$PG_PASS:stop pipeline_start
    must "it stops at $PG_POINT, pass $PG_PASS" wait_until "$PATIENCE_S" is_stopped "$PIPELINE_PID"
    must 'and more is to come' pg_has_more
    job_note faults 1
}
pg_goes_on() { kill -CONT "$PIPELINE_PID"; }
pg_has_more() { [ "$(pg_position)" -lt "$PG_COUNT" ]; }
pg_position() { psql_run "SELECT coalesce(sum(next_offset), 0) FROM pipehost_positions WHERE pipeline = '$PIPELINE' AND next_offset > 0"; }
pg_is_done() { [ "$(pg_position)" = "$PG_COUNT" ]; }

# To the end, and every record in its place.
pg_settle() {
    must 'everything is committed' wait_until "$PATIENCE_S" pg_is_done
    kill -TERM "$PIPELINE_PID"
    must 'it ends with 0' ends_with 0 pipeline_wait "$PATIENCE_S"
    [ -z "$REPAIRED_US" ] || note_recovery "$REPAIRED_US"
    [ "$PG_IS_WATCHED" = 0 ] || must 'no look saw what must not be' pipeline_watch_stop
    must 'the rows are exact' rows_are_exact
}

# pg_waits TEXT: the sink says what it waits for, and runs.
pg_waits() {
    must "it waits for: $1" wait_until "$PATIENCE_S" log_says "rows: waiting: .*$1"
    must 'and runs' kill -0 "$PIPELINE_PID"
}
pg_repaired() { REPAIRED_US=$(now_us); }
pg_works_again() { must 'it goes on by itself' wait_until "$PATIENCE_S" log_says 'rows: works again'; }
# pg_stops TEXT: with the code of a wrong configuration.
pg_stops() {
    must 'it stops with 78' ends_with 78 pipeline_wait "$PATIENCE_S"
    must "and says: $1" log_says "$1"
}

PG_SESSIONS="FROM pg_stat_activity WHERE application_name = 'pipehost/%s/rows'"
# pg_end CONDITION: ends the sessions of the pipeline of which it is true; false where there is none.
pg_end() {
    # shellcheck disable=SC2059
    [ "$(psql_run "SELECT count(nullif(pg_terminate_backend(pid, 60000), false)) $(printf "$PG_SESSIONS" "$PIPELINE") AND $1")" -gt 0 ]
}

# pg_session NAME SQL: somebody else's, in the background; PG_SESSION_PID.
pg_session() {
    PGAPPNAME=$1-$TABLE "$POSTGRES_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h "$RUN_DIR/postgres/socket" -p "$POSTGRES_PORT" -U postgres \
        -d postgres -c "$2" >"$STATE/$1.out" 2>&1 &
    PG_SESSION_PID=$!
}
# pg_session_is NAME CONDITION
pg_session_is() { [ "$(psql_run "SELECT count(*) FROM pg_stat_activity WHERE application_name = '$1-$TABLE' AND $2")" = 1 ]; }

# pg_change SQL: what is changed may be locked by the stopped pipeline; that goes on when nothing can overtake the change.
pg_change() {
    pg_session change "$1"
    must 'the change is made, or next' wait_until "$PATIENCE_S" pg_is_changing
    pg_goes_on
    must 'the change is made' wait "$PG_SESSION_PID"
}
pg_is_changing() { is_gone "$PG_SESSION_PID" || pg_session_is change "wait_event_type = 'Lock'"; }

# pg_hold SQL: a session that keeps its locks, or is the next to have them, until pg_let_go; then the pipeline goes on.
pg_hold() {
    pg_session hold "BEGIN; $1; SELECT pg_sleep(600)"
    must 'somebody has the lock, or is next' wait_until "$PATIENCE_S" pg_session_is hold "(wait_event_type = 'Lock' OR wait_event = 'PgSleep')"
    pg_goes_on
}
pg_let_go() { [ "$(psql_run "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE application_name = 'hold-$TABLE'")" = 1 ]; }

# ---- the server ----

pg_restart_fast() {
    pg_begin
    must 'the server stops' postgres_stop
    pg_goes_on
    pg_waits ''
    must 'the server starts' postgres_start
    pg_repaired
    pg_works_again
}

pg_restart_immediate() {
    pg_begin
    process_signal postgres QUIT
    must 'the server is gone' wait_until "$PATIENCE_S" process_gone postgres
    rm -f -- "$RUN_DIR/pids/postgres"
    pg_goes_on
    pg_waits ''
    must 'the server starts' postgres_start
    pg_repaired
    pg_works_again
}

pg_read_only() {
    pg_begin
    trap 'psql_run "ALTER SYSTEM RESET default_transaction_read_only" && psql_run "SELECT pg_reload_conf()" >/dev/null' EXIT
    psql_run 'ALTER SYSTEM SET default_transaction_read_only = on' && psql_run 'SELECT pg_reload_conf()' >/dev/null
    must 'the server knows' wait_until "$PATIENCE_S" pg_is_read_only
    pg_goes_on
    pg_waits 'SQLSTATE 25006'
    psql_run 'ALTER SYSTEM RESET default_transaction_read_only' && psql_run 'SELECT pg_reload_conf()' >/dev/null
    trap - EXIT
    pg_repaired
    pg_works_again
}
pg_is_read_only() { [ "$(psql_run 'SHOW default_transaction_read_only')" = on ]; }

# ---- one session ----

# A backend that waits for its client in the middle of a statement is in COPY.
pg_killed_in_copy() {
    pipeline_refuse
    PG_POINT=postgres.copy.sent
    pg_begin
    must 'a session is ended in COPY' wait_until "$PATIENCE_S" pg_end "state = 'active' AND wait_event = 'ClientRead'"
    pg_repaired
    pg_goes_on
    pg_works_again
    ! pg_has_more || pg_end "state = 'active' AND wait_event = 'ClientRead'" || true
}

# A trigger at the end of the transaction holds COMMIT, behind the UPDATE of the positions.
pg_killed_before_commit() {
    local trigger="hold_${TABLE}"
    pg_begin
    pg_change "CREATE FUNCTION $trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER $trigger AFTER UPDATE ON pipehost_positions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.pipeline = '$PIPELINE' AND NEW.next_offset > OLD.next_offset) EXECUTE FUNCTION $trigger()"
    must 'a session is ended before COMMIT' wait_until "$PATIENCE_S" pg_end "wait_event = 'PgSleep'"
    must 'and the next one' wait_until "$PATIENCE_S" pg_end "wait_event = 'PgSleep'"
    must 'the way is free again' wait_until "$PATIENCE_S" pg_drop_hold "$trigger"
    pg_repaired
    pg_works_again
}
# The held session has the lock that dropping wants.
pg_drop_hold() {
    pg_end "wait_event = 'PgSleep'"
    psql_run "SET lock_timeout = '500ms'; DROP FUNCTION $1 CASCADE"
}

# ---- the disk ----

# A tablespace of its own, small, in which something else takes most of the room.
pg_disk_full() {
    local small=$RUN_DIR/small-$TABLE
    mkdir "$small"
    if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=96m tmpfs "$small" 2>/dev/null; then
        job_note skipped 'disk_full (a small file system wants root)'
        rmdir "$small"
        return 1
    fi
    PG_CLEANUP=pg_disk_away
    trap pg_disk_away EXIT
    mkdir "$small/rows" && chown postgres:postgres "$small/rows"
    psql_run "CREATE TABLESPACE $TABLE LOCATION '$small/rows'" && psql_run "ALTER TABLE $TABLE SET TABLESPACE $TABLE"
    head -c 93M /dev/zero >"$small/ballast"
    pipeline_refuse
    PG_PASS=1
    pg_begin
    pg_goes_on
    pg_waits 'No space left on device.*SQLSTATE 53100'
    must 'nothing was set aside for it' pg_sets_aside 23514
    rm "$small/ballast"
    pg_repaired
    pg_works_again
}
# pg_sets_aside CODE: the sink has, nothing of another one.
pg_sets_aside() { ! grep '"operator":"rows"' "$DEAD" | grep -qv "\"code\":\"$1\""; }
pg_disk_away() {
    local small=$RUN_DIR/small-$TABLE
    trap - EXIT
    is_gone "$PIPELINE_PID" || kill -KILL "$PIPELINE_PID"
    rm -f -- "$small/ballast"
    psql_run "DROP TABLE $TABLE" && psql_run 'CHECKPOINT' && psql_run "DROP TABLESPACE $TABLE"
    umount "$small" || umount -l "$small"
    rmdir "$small"
}

# ---- locks and limits ----

pg_table_lock() {
    ARGS+=(--set rows/config/lock_timeout=300ms)
    pg_begin
    pg_hold "LOCK TABLE $TABLE IN ACCESS EXCLUSIVE MODE"
    pg_waits 'lock timeout (SQLSTATE 55P03)'
    must 'the lock goes' pg_let_go
    pg_repaired
    pg_works_again
}

pg_position_lock() {
    ARGS+=(--set rows/config/lock_timeout=300ms)
    pg_begin
    pg_hold "SELECT 1 FROM pipehost_positions WHERE pipeline = '$PIPELINE' FOR UPDATE"
    pg_waits "application .hold-$TABLE.*ended by SELECT pg_terminate_backend([0-9]*) (SQLSTATE 55P03)"
    must 'the lock goes' pg_let_go
    pg_repaired
    pg_works_again
}

pg_statement_timeout() {
    ARGS+=(--set rows/config/statement_timeout=3s)
    pg_begin
    pg_change "CREATE FUNCTION slow_$TABLE() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NULL; END';
        CREATE TRIGGER slow BEFORE INSERT ON $TABLE FOR EACH STATEMENT EXECUTE FUNCTION slow_$TABLE()"
    pg_waits 'statement timeout (SQLSTATE 57014)'
    psql_run "DROP FUNCTION slow_$TABLE CASCADE"
    pg_repaired
    pg_works_again
}

# ---- the table ----

# Nobody looks meanwhile, and the rows of before are put back: they are in no other place.
pg_dropped_table() {
    PG_IS_WATCHED=0
    pg_begin
    pg_change "LOCK TABLE $TABLE; CREATE TABLE saved_$TABLE AS TABLE $TABLE; DROP TABLE $TABLE"
    pg_stops "rows: .*\"$TABLE\" does not exist"
    must 'a start says how to make it' ends_with 78 pipeline_run "$PATIENCE_S"
    must 'in one statement' log_says "rows: no table \"$TABLE\" at .*; make it: CREATE TABLE"
    psql_run "CREATE TABLE $TABLE AS TABLE saved_$TABLE; CREATE SEQUENCE again_$TABLE; ALTER TABLE $TABLE ALTER n SET DEFAULT
        nextval('again_$TABLE'); SELECT setval('again_$TABLE', (SELECT max(n) FROM $TABLE))" >/dev/null
    pg_repaired
    pipeline_start
}

# What still fits is gone on with.
pg_altered_column() {
    PG_IS_WATCHED=0
    pg_begin
    pg_change "ALTER TABLE $TABLE ALTER url TYPE varchar(4000)"
    pg_repaired
    pg_waits 'was altered since it was looked up'
    pg_works_again
}

# What does not stops it.
pg_renamed_column() {
    PG_IS_WATCHED=0
    pg_begin
    pg_change "ALTER TABLE $TABLE RENAME url TO uri"
    pg_stops 'rows: .*column \\*"url\\*" of relation'
    must 'a start names the column' ends_with 78 pipeline_run "$PATIENCE_S"
    must 'and how to add it' log_says 'rows: table .* has no column'
    psql_run "ALTER TABLE $TABLE RENAME uri TO url"
    pg_repaired
    pipeline_start
}
