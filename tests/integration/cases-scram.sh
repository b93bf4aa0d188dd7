# shellcheck shell=bash
# shellcheck disable=SC2034 # lib.sh and tests/services read what a case sets
# A broker that takes SCRAM alone. Kafka 3, beside the other broker: Kafka 4 refuses the SCRAM of Debian's librdkafka.

# scram_both MECHANISM: the same job into PostgreSQL and a topic, signed in with it at both ends.
scram_both() {
    kafka_case "${1,,}" both.json
    ARGS+=(--set "events/config/rdkafka/sasl.mechanism=$1" --set "located/config/rdkafka/sasl.mechanism=$1")
    produce --count 20000
    KAFKA_SECRET=wrong expect "$1: a wrong password exits with 78" exits_with 78 300
    expect 'and says so' log_says 'events: Kafka at .* refuses the connection: .*[Aa]uthentication failed'
    expect "$1: a bounded run ends with 0" exits_with 0 300 --set events/config/bounded_mode=latest
    expect 'PostgreSQL is exact' rows_exact 20000
    expect 'Kafka is exact' topic_has 20000 --keys
    expect 'no secret is in the log' no_secret_in_log
}

case_scram() {
    # The settings of this broker are the case's alone.
    local KAFKA_NAME=kafka-3 KAFKA_URL KAFKA_SSL_URL KAFKA_PROXIED_PORT KAFKA_PROXY_PORT KAFKA_CA_FILE KAFKA_CERT_FILE \
        KAFKA_CERT_KEY_FILE KAFKA_WEB_TRAFFIC_KEY KAFKA_WEB_TRAFFIC_SECRET KAFKA_LOG
    CASE=scram LOG=$RUN_DIR/logs/kafka-3.log
    expect "./dev test has fetched Kafka $KAFKA_3_VERSION" test -d "$KAFKA_3_JARS"
    expect 'it starts' scram_broker
    [ -s "$RUN_DIR/kafka-3.env" ] || return
    # shellcheck source=/dev/null
    . "$RUN_DIR/kafka-3.env"
    scram_both SCRAM-SHA-256
    scram_both SCRAM-SHA-512
    expect 'PLAIN with the same password is refused' exits_with 78 300 --set events/config/rdkafka/sasl.mechanism=PLAIN
    expect 'and said so' log_says 'events: Kafka at .* refuses the connection: .*PLAIN'
    expect 'it stops' kafka_stop
}
scram_broker() { KAFKA_JARS=$KAFKA_3_JARS KAFKA_HEAP=512m KAFKA_MECHANISMS=SCRAM-SHA-256,SCRAM-SHA-512 kafka_create; }
