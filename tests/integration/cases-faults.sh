# shellcheck shell=bash
# Bad records, wrong settings, services that go away.

# What a kill left of a line is no letter, though the next start gave it a line break.
whole_letters() { grep ',"value.*}$' "$DEAD" 2>/dev/null; }
# Each dead letter's "PARTITION OFFSET".
dead_places() { whole_letters | sed -n 's/.*"partition":\([0-9]*\),"offset":\([0-9]*\),.*/\1 \2/p'; }
dead_count() { whole_letters | wc -l; }

case_bad_records() {
    case_begin bad-records
    produce --count 20000 --bad-percent 3
    expect 'bad records do not stop it' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'the good neighbours are exact' rows_exact 20000 --bad-percent 3
    expect 'every bad record is a dead letter' equals "$(dead_count)" $((20000 - $(row_count)))
    expect 'a dead letter names operator, topic and offset' grep -q '"operator":"events".*"topic":"it-bad-records","partition":[0-3],"offset":[0-9]*,"timestamp_ms":[0-9]*,"code":"[a-z]*"' "$DEAD"
    expect 'only the owner may read it' equals "$(stat -c %a "$DEAD")" 600
}

case_bad_topic() {
    local first
    case_begin bad-topic
    produce --count 50000 --bad-percent 100
    expect 'a topic of bad records alone stops it' exits_with 1 300
    expect 'with the commonest reason and three of them' log_says 'error: events: [0-9]* of the last 1000 records were set aside.*most often (json): .*; such as it-bad-topic/[0-3] offset [0-9]* ".*; it-bad-topic/[0-3] offset [0-9]* ".*; it-bad-topic/[0-3] offset [0-9]* "'
    first=$(dead_count)
    expect 'within a batch' test "$first" -ge 501 -a "$first" -le 5096
    expect 'each start ends so' exits_with 1 300
    expect 'and no dead letter is there twice' equals "$(dead_places | sort -u | wc -l)" "$(dead_count)"
    expect 'nothing is committed' equals "$(psql_run "SELECT coalesce(max(next_offset), 0) FROM pipehost_positions WHERE pipeline = 'bad-topic'")" 0
    pipehost_start --set /on_error=skip --set /dead_letter/stop_above_percent=100
    expect 'skipped, they are passed' wait_until 180 log_says '[0-9]* records skipped'
    expect 'and SIGTERM is heard meanwhile' process_stop "pipehost-$CASE" 180
}

# The url of an event ends with its place, e=PARTITION-OFFSET: 20,000 events of 4 partitions hold 200 whose offset ends with 77.
refused_places() { psql_run "SELECT p || ' ' || o FROM generate_series(0, 3) p, generate_series(77, 4999, 100) o ORDER BY p, o"; }

case_refused_rows() {
    case_begin refused-rows
    produce --count 20000
    psql_run "ALTER TABLE $TABLE ADD CHECK (url NOT LIKE '%77')"
    expect 'rows that Postgres refuses do not stop it' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'exactly the refused ones are dead letters, each once' equals "$(dead_places | sort -k1,1n -k2,2n)" "$(refused_places)"
    expect 'all others are rows' equals "$(rows_exact 20000 | tail -n 1)" \
        '19800 rows for 20000 records, 0 of them undecodable: missing 200 duplicate 0 foreign 0 wrong 0'
    expect 'the SQLSTATE is told for each' equals "$(grep -c '"operator":"rows".*"code":"23514"' "$DEAD")" 200
}

# What Postgres alone can judge, each between two good lines: CODE LINE.
odd_lines() {
    cat <<'END'
22001 {"id":1,"name":"longer than eight"}
23502 {"id":2,"name":null}
23514 {"id":3,"name":"c","amount":-1}
23505 {"id":1000,"name":"d"}
22021 {"id":5,"name":"a\u0000b"}
22P05 {"id":6,"name":"f","doc":{"a":"\u0000"}}
22P02 {"id":7,"name":"g","doc":{"a":"\ud800"}}
22P02 {"id":8,"name":"h","token":"no uuid"}
json {"id":9,"name":"i"
type {"id":10,"name":{}}
missing {"name":"k"}
END
}

case_bad_values() {
    local n=0 code line
    case_begin bad-values 0
    psql_run "DROP TABLE $TABLE; CREATE TABLE $TABLE (id bigint UNIQUE, name varchar(8) NOT NULL, amount int CHECK (amount >= 0), doc jsonb, token uuid)"
    while read -r code line; do
        printf '{"id":%d,"name":"good","amount":1,"doc":{"a":[]}}\n%s\n' $((1000 + n)) "$line"
        printf '%s\n' "$code" >&3
        n=$((n + 1))
    done < <(odd_lines) >"$STATE/lines" 3>"$STATE/codes"
    cat >"$STATE/values.json" <<END
{ "pipeline": "bad-values", "state_dir": "$STATE", "dead_letter": { "stop_above_percent": 100 }, "operators": [
  { "name": "lines", "plugin": "source-file", "config": { "path": "$STATE/lines" },
    "format": { "json": { "fields": { "id": { "type": "int64", "required": true }, "name": "string", "amount": "int32", "doc": "json", "token": "string" } } } },
  { "name": "rows", "plugin": "sink-postgres", "input": "lines",
    "config": { "dsn": "\${POSTGRES_URL}", "user": "\${POSTGRES_USER}", "password": "\${POSTGRES_PASSWORD}", "table": "$TABLE" } } ] }
END
    # shellcheck disable=SC2034 # lib.sh reads it
    ARGS=("$STATE/values.json")
    expect 'values that Postgres refuses do not stop it' exits_with 0 300
    expect 'each has a dead letter with its code' equals "$(sed -n 's/.*"code":"\([^"]*\)".*/\1/p' "$DEAD" | sort | tr '\n' ' ')" \
        "$(sort "$STATE/codes" | tr '\n' ' ')"
    expect 'and the good neighbours are rows' equals "$(psql_run "SELECT string_agg(id::text, ' ' ORDER BY id) FROM $TABLE")" "$(seq -s ' ' 1000 $((999 + n)))"
    expect 'the log tells each reason' equals "$(sed -n 's/.* warning: .* dead letters\?[^(]*(\([0-9A-Za-z]*\)): .*/\1/p' "$LOG" | sort -u | tr '\n' ' ')" \
        "$(sort -u "$STATE/codes" | tr '\n' ' ')"
}

# 5,000 lines, of which 9 % have a text too long for the column; their letters are more than one file of 1 MiB holds.
case_full_letters() {
    local refusals
    case_begin full-letters 0
    psql_run "DROP TABLE $TABLE; CREATE TABLE $TABLE (id bigint, v varchar(8))"
    awk 'BEGIN { long = sprintf("%3000s", ""); gsub(" ", "x", long)
                 for (i = 0; i < 5000; i++) printf "{\"id\":%d,\"v\":\"%s\"}\n", i, i % 100 < 9 ? long : "short" }' >"$STATE/lines"
    cat >"$STATE/full.json" <<END
{ "pipeline": "full-letters", "state_dir": "$STATE",
  "dead_letter": { "file": "$DEAD", "stop_above_percent": 100, "max_mib": 1, "files": 1 }, "operators": [
  { "name": "lines", "plugin": "source-file", "config": { "path": "$STATE/lines" },
    "format": { "json": { "fields": { "id": "int64", "v": "string" } } } },
  { "name": "rows", "plugin": "sink-postgres", "input": "lines",
    "config": { "dsn": "\${POSTGRES_URL}", "user": "\${POSTGRES_USER}", "password": "\${POSTGRES_PASSWORD}", "table": "$TABLE" } } ] }
END
    # shellcheck disable=SC2034 # lib.sh reads it
    ARGS=("$STATE/full.json")
    pipehost_start
    expect 'rows whose letters find no room wait' wait_until 180 log_says 'rows: waiting: the dead letters are full'
    refusals=$(refusals_told)
    expect 'however often Postgres refuses them again' wait_until 180 has_refused $((refusals + 14))
    expect 'they stop nothing' process_alive "pipehost-$CASE"
    mv "$DEAD" "$STATE/away"
    expect 'once the file is moved away it goes on to the end' wait_until 180 process_gone "pipehost-$CASE"
    expect 'in order' log_says '5000 records in, 4550 rows committed, 450 set aside'
    expect 'each row that fits is there' equals "$(psql_run "SELECT count(*), count(DISTINCT id) FROM $TABLE WHERE v = 'short'")" '4550|4550'
    expect 'each other one is a letter, once' equals "$(cat "$DEAD" "$STATE/away" | sed -n 's/.*"offset":\([0-9]*\),.*/\1/p' | sort -u | wc -l) $(cat "$DEAD" "$STATE/away" | wc -l)" '450 450'
}
# How often Postgres has said so.
refusals_told() { grep -c 'ERROR:  value too long for type character varying(8)' "$POSTGRES_LOG"; }
has_refused() { [ "$(refusals_told)" -ge "$1" ]; }

case_wrong_settings() {
    case_begin wrong-settings
    KAFKA_SECRET=wrong expect 'a wrong Kafka password exits with 78 at once' exits_with 78 300
    expect 'and says so' log_says 'events: .*[Aa]uthentication'
    PG_PASSWORD=wrong expect 'a wrong Postgres password exits with 78 at once' exits_with 78 300
    expect 'and says so' log_says 'rows: .*password authentication failed'
    expect 'no such table exits with 78' exits_with 78 300 --set rows/config/table=no_such_table
    expect 'and names it' log_says 'rows: .*no_such_table'
    expect 'no such topic exits with 78' exits_with 78 300 --set events/config/topic=no-such-topic
    expect 'and names it' log_says 'events: .*no-such-topic'
    psql_run "ALTER TABLE $TABLE DROP COLUMN geodata"
    expect 'no such column exits with 78' exits_with 78 300
    expect 'and names it' log_says 'rows: .*geodata'
    expect 'an unknown key exits with 78' exits_with 78 300 --set events/config/topik=x
    expect 'and names the nearest' log_says 'did you mean "topic"'
    expect 'a usage error exits with 64' exits_with 64 300 --no-such-option
    expect 'no secret is in the log' no_secret_in_log
}

case_offline() {
    case_begin offline
    local example
    for example in process-events to-kafka both; do
        expect "validate of $example.json needs no service" env -i PATH="$PATH" HOME="$HOME" unshare -n env KAFKA_URL=127.0.0.1:1 \
            KAFKA_WEB_TRAFFIC_KEY=k KAFKA_WEB_TRAFFIC_SECRET=s POSTGRES_URL=postgresql://127.0.0.1:1/x \
            "$BIN/pipehost" validate "$ROOT/examples/$example.json"
    done
}

case_postgres_away() {
    case_begin postgres-away
    local before
    process_start feed-pg "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 4 --seed 7 --rate 5000 --count 30000
    postgres_stop
    pipehost_start
    expect 'Postgres away at start: it says so and waits' wait_until 180 log_says 'rows: waiting: '
    postgres_start
    expect 'and goes on when it is there' wait_until 180 has_rows 2000
    before=$(times_it_worked_again)
    postgres_kill9
    # All may have been written before: only what it has to write tells it that the server is away.
    wait_until 180 process_gone feed-pg
    produce --count 10000 --start-offset 7500
    postgres_start
    expect 'Postgres killed: it goes on' wait_until 180 works_once_more "$before"
    wait_until 180 has_rows 40000
    process_stop "pipehost-$CASE" 180
    expect 'nothing is lost or doubled' rows_exact 40000
}

times_it_worked_again() { grep -c 'rows: works again' "$LOG" || true; }
works_once_more() { [ "$(times_it_worked_again)" -gt "$1" ]; }

# As where a server takes over that lags behind: rows and positions are those of an earlier moment.
case_failed_over() {
    local running status=0
    case_begin failed-over
    produce --count 20000
    pipehost_run 600 &
    running=$!
    expect 'all is written' wait_until 180 has_rows 20000
    psql_run "UPDATE pipehost_positions SET next_offset = 3000 WHERE pipeline = '$CASE'; DELETE FROM $TABLE WHERE substring(url FROM '[0-9]+$')::bigint >= 3000"
    expect 'rows are gone' equals "$(row_count)" 12000
    psql_run "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pipehost/$CASE/rows'" >"$STATE/ended"
    produce --count 4000 --start-offset 5000
    wait "$running" || status=$?
    expect 'the running process ends with 1' equals "$status" 1
    expect 'and says why' log_says 'the position of .* went back from 5000 to 3000 in the sink'
    expect 'the next start ends' exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'and everything is there, once' rows_exact 24000
}

case_kafka_away() {
    case_begin kafka-away
    produce --count 10000
    kafka_stop
    pipehost_start
    expect 'Kafka away at start: it says so and waits' wait_until 180 log_says 'events: .*waiting'
    kafka_start
    expect 'and goes on when it is there' wait_until 180 has_rows 10000
    kafka_stop
    kafka_start
    produce --count 10000 --start-offset 2500
    expect 'a restarted broker is read again' wait_until 180 has_rows 20000
    process_stop "pipehost-$CASE" 180
    expect 'nothing is lost or doubled' rows_exact 20000
}
