# shellcheck shell=bash disable=SC2034,SC2153 # lib.sh has the variables
# What the API may answer, or not, each to a pipeline of its own that reads the same records. Where no place comes out of it the
# row has {} and the outcome is counted, once for each address; an API that answers nobody is waited for, unless on_failure says
# otherwise.

HTTP_COUNT=200
HTTP_NAMES=(400 401 404 429 500 503 slow-first slow-body truncated wrong-type huge redirect wrong-tls-name expired no-name away killed)

# http_certificate NAME SUBJECT_ALT_NAME START END: NAME.pem and NAME.key in RUN_DIR, its own authority.
http_certificate() {
    local at=$RUN_DIR/http-$1
    mkdir -p "$at.ca" && : >"$at.ca/index" && echo 01 >"$at.ca/serial"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout "$at.key" -out "$at.csr" 2>/dev/null
    printf '%s\n' '[ca]' 'default_ca=a' '[a]' "database=$at.ca/index" "serial=$at.ca/serial" "new_certs_dir=$at.ca" \
        default_md=sha256 policy=p x509_extensions=x '[p]' commonName=supplied '[x]' "subjectAltName=$2" \
        basicConstraints=CA:TRUE >"$at.cnf"
    openssl ca -batch -notext -selfsign -config "$at.cnf" -in "$at.csr" -keyfile "$at.key" -startdate "$3" -enddate "$4" \
        -out "$at.pem"
}

# http_serve NAME COMMAND...: a server that says where it listens; HTTP_PORT.
http_serve() {
    local name=$1
    shift
    process_start "$name" "$@"
    wait_until "$PATIENCE_S" http_listens "$name" >/dev/null
    HTTP_PORT=$(http_listens "$name")
}
http_listens() { sed -n 's/^listening on \([0-9]*\)$/\1/p' "$(process_log "$1")" | grep .; }

# http_run EXIT ENDPOINT ARG...: HTTP_TIMEOUT is short only where that is the fault: else a busy machine's answers came too late.
http_run() {
    local wanted=$1 endpoint=$2
    shift 2
    must "it ends with $wanted" ends_with "$wanted" pipeline_run "$PATIENCE_S" --set "locate/config/endpoint=$endpoint" \
        --set "locate/config/timeout_ms=$HTTP_TIMEOUT" --set locate/config/negative_ttl=1h --set locate/config/attempts=2 --set events/config/bounded_mode=latest "$@"
}

# http_empty COUNTER TRIES REASON: all rows are there, all with {}; the counter says as many as there are addresses. Without
# TRIES it is not known how often they are asked for.
http_empty() {
    local addresses
    addresses=$(psql_run "SELECT count(DISTINCT ip) FROM $TABLE")
    must 'each row is there once, with {}' equals "$HTTP_COUNT|$HTTP_COUNT|$HTTP_COUNT" "$(psql_run "SELECT count(*),
        count(DISTINCT (source_partition, source_offset)), count(*) FILTER (WHERE geodata = '{}') FROM $TABLE")"
    must "each address is counted as $1" log_says "locate: .* out; .*$1 $addresses\($\|,\)"
    [ -z "$2" ] || must "and asked for so often: $2" log_says "locate: .* out; .*requests $((addresses * $2)),"
    must 'the log says why' log_says "locate: [0-9]* addresses\? got {} instead of a place; the last reason: $3"
}

# http_odd PATH COUNTER TRIES REASON ARG...
http_odd() {
    local path=$1 counter=$2 tries=$3 reason=$4
    shift 4
    http_run 0 "$ODD_API/$path" "$@"
    http_empty "$counter" "$tries" "$reason"
}

# http_tls REASON: a certificate that is not trusted is a wrong setting, as long as the API has not answered once.
http_tls() {
    local certificate=$RUN_DIR/http-$1
    must 'a server' http_serve "api-$1" "$TOOLS/geo-api" --port 0 --cert "$certificate.pem" --key "$certificate.key"
    http_run 78 "https://127.0.0.1:$HTTP_PORT/" --set "locate/config/ca_file=$certificate.pem"
    must 'it says why' log_says "error: .*locate: the certificate of 127.0.0.1 is not trusted: $2"
    must 'no row is written' equals "$(pipeline_rows)" 0
    process_stop "api-$1"
}

http_patience() {
    must 'a server' http_serve api-429 "$TOOLS/geo-api" --port 0 --quota 8/s
    http_run 0 "http://127.0.0.1:$HTTP_PORT/"
    must 'the pause is told' log_says 'locate: 127.0.0.1 asks for patience with status 429: look-ups of all lanes pause for 1 s'
    must 'all rows have their place' rows_are_exact
    process_stop api-429
}

http_huge() {
    http_odd huge answers_empty_too_large 1 'a body above answer_max_bytes from 127.0.0.1'
    must 'nobody took 50 MiB' http_took_little
}
http_took_little() { ! grep -q 'took 50 MiB' "$(process_log odd-api)"; }

# http_begin COMMAND...: a pipeline in the background, which asks a server that is told later what to do.
http_begin() {
    HTTP_API=api-$1
    shift
    must 'a server' http_serve "$HTTP_API" "$TOOLS/geo-api" --port 0 "$@"
    HTTP_ARGS=(--set "locate/config/endpoint=http://127.0.0.1:$HTTP_PORT/" --set locate/config/max_in_flight=4
        --set locate/config/timeout_ms=60s --set locate/config/negative_ttl=1h --set events/config/bounded_mode=latest)
}
http_waits() { log_says 'locate: waiting: 127.0.0.1 does not answer: .*; rows wait for it (on_failure) (next try in'; }
# http_ends: the API is there again, where it was.
http_ends() {
    must 'a server at the same port' wait_until "$PATIENCE_S" http_is_back
    must 'it ends with 0' ends_with 0 pipeline_wait "$PATIENCE_S"
    must 'it works again' log_says 'locate: works again after'
    must 'all rows have their place' rows_are_exact
    process_stop "$HTTP_API"
}

http_away() {
    http_begin away
    process_stop "$HTTP_API"
    pipeline_start "${HTTP_ARGS[@]}"
    must 'it waits' wait_until "$PATIENCE_S" http_waits
    must 'no row is written' equals "$(pipeline_rows)" 0
    http_ends
}

# Four at a time, so that it is killed in between.
http_killed() {
    http_begin killed --delay-ms 1000
    pipeline_start "${HTTP_ARGS[@]}"
    must 'look-ups begin' wait_until "$PATIENCE_S" http_was_asked 5
    must 'the API is killed' process_kill9 "$HTTP_API"
    must 'it waits' wait_until "$PATIENCE_S" http_waits
    http_ends
}
# Should somebody use the port just now, it is tried again.
http_is_back() {
    process_alive "$HTTP_API" || process_start "$HTTP_API" "$TOOLS/geo-api" --port "$HTTP_PORT"
    (http_was_asked 0)
}
http_was_asked() { [ "$(API_PORT=$HTTP_PORT api_stat requests)" -ge "$1" ]; }

# http_job SEED NAME
http_job() {
    local late='after several tries' HTTP_TIMEOUT=60s
    pipeline_begin "http-$2" "$FEED" "$HTTP_COUNT"
    case $2 in
    400 | 404) http_odd "status/$2" answers_empty_4xx 1 "HTTP status $2 from 127.0.0.1" ;;
    401) http_odd status/401 answers_empty_key '' '\(HTTP status 401\|a refusal a moment ago\) from 127.0.0.1' --set locate/config/on_quota=empty ;;
    429) http_patience ;;
    500 | 503) http_odd "status/$2" answers_empty_5xx 2 "HTTP status $2 from 127.0.0.1, $late" ;;
    slow-*) HTTP_TIMEOUT=1s http_odd "$2" answers_empty_timeout 2 "no answer within timeout_ms from 127.0.0.1, $late" --set locate/config/on_failure=empty ;;
    truncated) http_odd truncated answers_empty_unreachable 2 "Transferred a partial file from 127.0.0.1, $late" ;;
    wrong-type) http_odd html answers_empty_bad_body 1 'a body that is no answer from 127.0.0.1' ;;
    huge) http_huge ;;
    redirect) http_odd redirect answers_empty_other_status 1 'HTTP status 302 from 127.0.0.1' ;;
    wrong-tls-name) http_tls "$2" '.*no alternative certificate subject name matches target host name' ;;
    expired) http_tls "$2" '.*expired' ;;
    no-name)
        http_run 0 "https://$(printf 'x%.0s' {1..64}).invalid/" --set locate/config/on_failure=empty
        http_empty answers_empty_unreachable 2 "Couldn't resolve host name from x*.invalid, $late"
        ;;
    away | killed) "http_$2" ;;
    *) must 'a known name' false ;;
    esac
}

fault_http() {
    local tomorrow BAD_PERCENT=0
    FEED=fault-http
    tomorrow=$(date -u -d tomorrow +%Y%m%d%H%M%SZ)
    feed "$FEED" "$HTTP_COUNT" >/dev/null || { expect 'the feed' false && return; }
    expect 'a certificate of another name' http_certificate wrong-tls-name DNS:elsewhere.example 20200101000000Z "$tomorrow"
    expect 'a certificate that has expired' http_certificate expired IP:127.0.0.1 20200101000000Z 20200201000000Z
    http_serve odd-api "$TOOLS/odd-api"
    ODD_API=http://127.0.0.1:$HTTP_PORT
    [ -z "$ONLY" ] || local HTTP_NAMES=("$ONLY")
    WIDTH=8 side_by_side http_job < <(printf "$SEED %s\n" "${HTTP_NAMES[@]}")
    process_stop odd-api
    tell "${#HTTP_NAMES[@]} ways of the API to answer wrong, late, or not at all, $HTTP_COUNT records to each"
}
