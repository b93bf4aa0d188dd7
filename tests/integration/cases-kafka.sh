# shellcheck shell=bash
# What a Kafka topic may be beside the plain one.

NEW_EACH=15000 # records of each partition

# new_records FIRST COUNT: fills COUNT partitions from FIRST on.
new_records() { produce --first-partition "$1" --partitions "$2" --count $((NEW_EACH * $2)); }

case_new_partitions() {
    case_begin new-partitions 2
    process_start feed-new "$TOOLS/event-gen" --brokers "$KAFKA_URL" --topic "$TOPIC" --partitions 2 --seed 7 --rate 6000 --count $((NEW_EACH * 2))
    pipehost_start --set events/config/discovery_interval=300ms --set /parallelism=2
    wait_until 20 has_rows 1000
    add_partitions "$TOPIC" 6
    new_records 2 4
    wait_until 20 process_gone feed-new
    wait_until 30 has_rows $((NEW_EACH * 6))
    expect 'partitions found under load are exact' rows_exact $((NEW_EACH * 6)) --partitions 6
    expect 'the log names each of them' equals "$(grep -c 'is new: its records are read from offset 0 on' "$LOG")" 4
    add_partitions "$TOPIC" 9
    new_records 6 3
    process_kill9 "pipehost-$CASE"
    expect 'after a kill -9 in the middle of it the next run ends' exits_with 0 60 --set events/config/bounded_mode=latest
    expect 'and is exact' rows_exact $((NEW_EACH * 9)) --partitions 9
}
