# shellcheck shell=bash
# shellcheck disable=SC2153 # SEED is lib.sh's
# A PostgreSQL in trouble under a pipeline at full load: it is waited for, or the pipeline stops with the right sentence and goes
# on after the repair. Every time the rows are exact.

PG_COUNT=40000 # events of a run
PG_SERVER=(restart_fast restart_immediate read_only)
PG_SESSION=(killed_in_copy killed_before_commit disk_full lock_timeout statement_timeout dropped_table altered_column)

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
    [ -e "$RUN_DIR/$PG_FEED" ] || feed "$PG_FEED" "$PG_COUNT" >"$RUN_DIR/$PG_FEED" || { expect 'the feed' false && return 1; }
    psql_run "CREATE OR REPLACE FUNCTION fault_pace() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(TG_ARGV[0]::float); RETURN NULL; END'"
}

# pg_pace S: each COPY of the pipeline takes so much longer, so that it is still at work when the fault comes.
pg_pace() { psql_run "CREATE TRIGGER pace BEFORE INSERT ON $TABLE FOR EACH STATEMENT EXECUTE FUNCTION fault_pace('$1')"; }

# pg_job SEED FAULT: to some rows, the fault, to the end.
pg_job() {
    local seed=$1 name=$2
    job_random "$seed" "$name"
    pipeline_begin "pg-${name//_/-}-$seed" "$PG_FEED" "$PG_COUNT"
    ARGS=(--set "/parallelism=$((1 + RANDOM % 2))")
    PG_AFTER=$((PG_COUNT / 10 + RANDOM % (PG_COUNT / 3)))
    PG_IS_WATCHED=1 PG_PACE_S=0.1
    REPAIRED_US='' PG_CLEANUP=''
    "pg_$name" || return 0 # it cannot be had here
    pg_settle
    [ -z "$PG_CLEANUP" ] || "$PG_CLEANUP"
}

# ARGS are set: to the first rows, and on.
pg_begin() {
    pg_pace "$PG_PACE_S"
    [ "$PG_IS_WATCHED" = 0 ] || pipeline_watch_start
    pipeline_start
    must 'rows come' wait_until 60 has_rows "$PG_AFTER"
    must 'and more would' pg_has_more
    job_note faults 1
}
pg_has_more() { [ "$(pg_position)" -lt "$PG_COUNT" ]; }
pg_position() { psql_run "SELECT coalesce(sum(next_offset), 0) FROM pipehost_positions WHERE pipeline = '$PIPELINE' AND next_offset > 0"; }
pg_is_done() { [ "$(pg_position)" = "$PG_COUNT" ]; }

# To the end, and every record in its place.
pg_settle() {
    must 'everything is committed' wait_until 60 pg_is_done
    kill -TERM "$PIPELINE_PID"
    must 'it ends with 0' ends_with 0 pipeline_wait 60
    [ -z "$REPAIRED_US" ] || note_recovery "$REPAIRED_US"
    [ "$PG_IS_WATCHED" = 0 ] || must 'no look saw what must not be' pipeline_watch_stop
    must 'the rows are exact' rows_are_exact
}

# pg_waits TEXT: the sink says what it waits for, and runs.
pg_waits() {
    must "it waits for: $1" wait_until 60 log_says "rows: waiting: .*$1"
    must 'and runs' kill -0 "$PIPELINE_PID"
}
pg_repaired() { REPAIRED_US=$(now_us); }
pg_works_again() { must 'it goes on by itself' wait_until 60 log_says 'rows: works again'; }
# pg_stops TEXT: with the code of a wrong configuration.
pg_stops() {
    must 'it stops with 78' ends_with 78 pipeline_wait 60
    must "and says: $1" log_says "$1"
}

PG_SESSIONS="FROM pg_stat_activity WHERE application_name = 'pipehost/%s/rows'"
# pg_end CONDITION: ends the sessions of the pipeline of which it is true; false where there is none.
pg_end() {
    # shellcheck disable=SC2059
    [ "$(psql_run "SELECT count(nullif(pg_terminate_backend(pid, 5000), false)) $(printf "$PG_SESSIONS" "$PIPELINE") AND $1")" -gt 0 ]
}

# ---- the server ----

pg_restart_fast() {
    pg_begin
    must 'the server stops' postgres_stop
    must 'the server starts' postgres_start
    pg_repaired
    pg_waits ''
    pg_works_again
}

pg_restart_immediate() {
    pg_begin
    process_signal postgres QUIT
    must 'the server is gone' wait_until 60 process_gone postgres
    rm -f -- "$RUN_DIR/pids/postgres"
    must 'the server starts' postgres_start
    pg_repaired
    pg_waits ''
    pg_works_again
}

pg_read_only() {
    pg_begin
    trap 'psql_run "ALTER SYSTEM RESET default_transaction_read_only" && psql_run "SELECT pg_reload_conf()" >/dev/null' EXIT
    psql_run 'ALTER SYSTEM SET default_transaction_read_only = on' && psql_run 'SELECT pg_reload_conf()' >/dev/null
    pg_waits 'SQLSTATE 25006'
    psql_run 'ALTER SYSTEM RESET default_transaction_read_only' && psql_run 'SELECT pg_reload_conf()' >/dev/null
    trap - EXIT
    pg_repaired
    pg_works_again
}

# ---- one session ----

# A backend that waits for its client in the middle of a statement is in COPY.
pg_killed_in_copy() {
    pipeline_refuse
    pg_begin
    must 'a session is ended in COPY' wait_until 60 pg_end "state = 'active' AND wait_event = 'ClientRead'"
    pg_repaired
    pg_works_again
    ! pg_has_more || pg_end "state = 'active' AND wait_event = 'ClientRead'" || true
}

# A trigger at the end of the transaction holds COMMIT, behind the UPDATE of the positions.
pg_killed_before_commit() {
    local trigger="hold_${TABLE}"
    pg_begin
    psql_run "CREATE FUNCTION $trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
    psql_run "CREATE CONSTRAINT TRIGGER $trigger AFTER UPDATE ON pipehost_positions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.pipeline = '$PIPELINE' AND NEW.next_offset > OLD.next_offset) EXECUTE FUNCTION $trigger()"
    must 'a session is ended before COMMIT' wait_until 60 pg_end "wait_event = 'PgSleep'"
    must 'and the next one' wait_until 60 pg_end "wait_event = 'PgSleep'"
    must 'the way is free again' wait_until 60 pg_drop_hold "$trigger"
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
    PG_AFTER=100
    pipeline_refuse
    pg_begin
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

# pg_hold SQL: somebody's session that keeps its locks until pg_let_go.
pg_hold() {
    PGAPPNAME=hold-$TABLE "$POSTGRES_BIN/psql" -X -q -h "$RUN_DIR/postgres/socket" -p "$POSTGRES_PORT" -U postgres -d postgres \
        -c "BEGIN; $1; SELECT pg_sleep(60)" >/dev/null 2>&1 &
}
pg_let_go() { [ "$(psql_run "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'hold-$TABLE'")" = 1 ]; }

pg_lock_timeout() {
    ARGS+=(--set rows/config/lock_timeout=300ms)
    PG_PACE_S=0.25
    pg_begin
    pg_hold "LOCK TABLE $TABLE IN ACCESS EXCLUSIVE MODE"
    pg_waits 'lock timeout (SQLSTATE 55P03)'
    must 'the lock goes' pg_let_go
    pg_repaired
    pg_works_again
    must 'and more is to come' pg_has_more
    : >"$LOG"
    pg_hold "SELECT 1 FROM pipehost_positions WHERE pipeline = '$PIPELINE' FOR UPDATE"
    pg_waits "application .hold-$TABLE.*ended by SELECT pg_terminate_backend([0-9]*) (SQLSTATE 55P03)"
    must 'the lock goes' pg_let_go
    pg_works_again
}

pg_statement_timeout() {
    ARGS+=(--set rows/config/statement_timeout=500ms)
    pg_begin
    psql_run "CREATE FUNCTION slow_$TABLE() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
    psql_run "CREATE TRIGGER slow BEFORE INSERT ON $TABLE FOR EACH STATEMENT EXECUTE FUNCTION slow_$TABLE()"
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
    psql_run "BEGIN; LOCK TABLE $TABLE; CREATE TABLE saved_$TABLE AS TABLE $TABLE; DROP TABLE $TABLE; COMMIT"
    pg_stops "rows: .*\"$TABLE\" does not exist"
    must 'a start says how to make it' ends_with 78 pipeline_run 90
    must 'in one statement' log_says "rows: no table \"$TABLE\" at .*; make it: CREATE TABLE"
    psql_run "CREATE TABLE $TABLE AS TABLE saved_$TABLE; CREATE SEQUENCE again_$TABLE; ALTER TABLE $TABLE ALTER n SET DEFAULT
        nextval('again_$TABLE'); SELECT setval('again_$TABLE', (SELECT max(n) FROM $TABLE))" >/dev/null
    pg_repaired
    pipeline_start
}

# What still fits is gone on with; what does not stops it.
pg_altered_column() {
    PG_IS_WATCHED=0 PG_PACE_S=0.25
    pg_begin
    psql_run "ALTER TABLE $TABLE ALTER url TYPE varchar(4000)"
    pg_waits 'was altered since it was looked up'
    pg_works_again
    must 'and more is to come' pg_has_more
    psql_run "ALTER TABLE $TABLE RENAME url TO uri"
    pg_stops 'rows: .*column \\*"url\\*" of relation'
    must 'a start names the column' ends_with 78 pipeline_run 90
    must 'and how to add it' log_says 'rows: table .* has no column'
    psql_run "ALTER TABLE $TABLE RENAME uri TO url"
    pg_repaired
    pipeline_start
}
