# shellcheck shell=bash
# A private Kafka broker (KRaft, one node) on loopback: a listener without and one with TLS and a password (PLAIN or SCRAM), and
# one at KAFKA_PROXIED_PORT that sends its clients to KAFKA_PROXY_PORT, where a test may start a proxy.
# Needs process.sh and KAFKA_JARS (the folder with the broker's jars). Its settings are in RUN_DIR/kafka.env. Under another
# KAFKA_NAME there is another broker beside it.

KAFKA_NAME=kafka
KAFKA_CLUSTER_ID=cGlwZWhvc3QtdGVzdHMtMQ

# Short-lived Java commands: a small heap, no second compiler.
kafka_tool() { java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$KAFKA_JARS/*" "$@"; }

kafka_write_properties() {
    cat >"$RUN_DIR/$KAFKA_NAME/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$3
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$1,SASL_SSL://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3,PROXIED://127.0.0.1:$4
advertised.listeners=PLAINTEXT://127.0.0.1:$1,SASL_SSL://127.0.0.1:$2,PROXIED://127.0.0.1:$5
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=${KAFKA_MECHANISMS:-PLAIN,SCRAM-SHA-256,SCRAM-SHA-512}
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_$KAFKA_WEB_TRAFFIC_KEY="$KAFKA_WEB_TRAFFIC_SECRET";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location=$RUN_DIR/$KAFKA_NAME/server.pem
log.dirs=$RUN_DIR/$KAFKA_NAME/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
message.max.bytes=4194304
log.cleaner.dedupe.buffer.size=16777216
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=${KAFKA_SESSION_TIMEOUT_MS:-6000}
EOF
}

# The certificate is its own authority: clients trust the file KAFKA_CA_FILE.
kafka_make_certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$RUN_DIR/$KAFKA_NAME/key.pem" -out "$RUN_DIR/$KAFKA_NAME/ca.pem" 2>/dev/null &&
        cat "$RUN_DIR/$KAFKA_NAME/key.pem" "$RUN_DIR/$KAFKA_NAME/ca.pem" >"$RUN_DIR/$KAFKA_NAME/server.pem"
}

# kafka_create: makes an empty broker and starts it.
kafka_create() {
    (umask 077 && mkdir "$RUN_DIR/$KAFKA_NAME") || return 1
    KAFKA_WEB_TRAFFIC_KEY=web_traffic
    KAFKA_WEB_TRAFFIC_SECRET=$(random_secret)
    kafka_make_certificate || return 1
    local try plain ssl controller proxied proxy
    for try in 1 2 3 4 5; do
        read -r plain ssl controller proxied proxy <<<"$(free_ports 5)"
        (umask 077 && kafka_write_properties "$plain" "$ssl" "$controller" "$proxied" "$proxy")
        if [ "$try" = 1 ]; then
            local user="[name=$KAFKA_WEB_TRAFFIC_KEY,password=$KAFKA_WEB_TRAFFIC_SECRET]"
            kafka_tool kafka.tools.StorageTool format -t "$KAFKA_CLUSTER_ID" \
                --add-scram "SCRAM-SHA-256=$user" --add-scram "SCRAM-SHA-512=$user" -c "$RUN_DIR/$KAFKA_NAME/server.properties" >"$RUN_DIR/logs/$KAFKA_NAME-format.log" 2>&1 || return 1
        fi
        if kafka_start; then
            (umask 077 && cat >"$RUN_DIR/$KAFKA_NAME.env") <<EOF
export KAFKA_URL=127.0.0.1:$plain
export KAFKA_SSL_URL=127.0.0.1:$ssl
export KAFKA_PROXIED_PORT=$proxied
export KAFKA_PROXY_PORT=$proxy
export KAFKA_CA_FILE=$RUN_DIR/$KAFKA_NAME/ca.pem
export KAFKA_CERT_FILE=$RUN_DIR/$KAFKA_NAME/ca.pem
export KAFKA_CERT_KEY_FILE=$RUN_DIR/$KAFKA_NAME/key.pem
export KAFKA_WEB_TRAFFIC_KEY=$KAFKA_WEB_TRAFFIC_KEY
export KAFKA_WEB_TRAFFIC_SECRET=$KAFKA_WEB_TRAFFIC_SECRET
export KAFKA_LOG=$(process_log "$KAFKA_NAME")
EOF
            return 0
        fi
        # Only a port that somebody else took is worth another try.
        grep -q 'Address already in use\|BindException' "$(process_log "$KAFKA_NAME")" || return 1
        rm -f -- "$(process_log "$KAFKA_NAME")"
    done
    return 1
}

kafka_is_up_or_dead() { process_gone "$KAFKA_NAME" || kafka_said_started; }
kafka_said_started() { tail -c "+$((${KAFKA_LOG_START:-0} + 1))" "$(process_log "$KAFKA_NAME")" | grep -q 'Kafka Server started'; }

# kafka_start: starts the broker (again, on the same data and ports) and waits until it serves.
kafka_start() {
    local log
    log=$(process_log "$KAFKA_NAME")
    [ -e "$log" ] || : >"$log"
    local KAFKA_LOG_START
    KAFKA_LOG_START=$(stat -c %s "$log")
    process_start "$KAFKA_NAME" java "-Xmx${KAFKA_HEAP:-1g}" -XX:+UseG1GC -XX:TieredStopAtLevel="${KAFKA_JIT_TIER:-4}" \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
        '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.server.KafkaRaftServer=info \
        -cp "$KAFKA_JARS/*" kafka.Kafka "$RUN_DIR/$KAFKA_NAME/server.properties"
    wait_until 180 kafka_is_up_or_dead && process_alive "$KAFKA_NAME"
}

kafka_stop() { process_stop "$KAFKA_NAME" 180; }
kafka_kill9() { process_kill9 "$KAFKA_NAME"; }

# add_partitions NAME PARTITIONS: how many the topic has from now on.
add_partitions() {
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error org.apache.kafka.tools.TopicCommand \
        --bootstrap-server "$KAFKA_URL" --alter --topic "$1" --partitions "$2" >/dev/null
}

# create_topic NAME PARTITIONS [KEY=VALUE...]
create_topic() {
    local topic=$1 partitions=$2 option options=()
    shift 2
    for option in "$@"; do
        options+=(--config "$option")
    done
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error org.apache.kafka.tools.TopicCommand \
        --bootstrap-server "$KAFKA_URL" --create --topic "$topic" --partitions "$partitions" \
        --replication-factor 1 "${options[@]}" >/dev/null
}

# delete_topic NAME: and waits until it is gone.
delete_topic() {
    kafka_tool -Dorg.slf4j.simpleLogger.defaultLogLevel=error org.apache.kafka.tools.TopicCommand \
        --bootstrap-server "$KAFKA_URL" --delete --topic "$1" >/dev/null
    wait_until 60 topic_is_gone "$1"
}
topic_is_gone() { ! kcat -L -b "$KAFKA_URL" 2>/dev/null | grep -qF "\"$1\" with"; }
