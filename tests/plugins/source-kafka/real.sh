#!/usr/bin/env bash
# Runs the tests of source-kafka that need a real broker, the one of the environment (see real_source.c). With RUN_DIR, the run of
# tests/services that the broker belongs to, the broker is also killed and started in the middle.
#
# usage: real.sh [BIN_DIR]     BIN_DIR: the build's bin, build/bin by default
set -u
ROOT=$(cd -- "$(dirname -- "$0")/../../.." && pwd)
BIN=${1:-$ROOT/build/bin}
: "${KAFKA_URL:?is the broker to test against}"

if [ -z "${RUN_DIR:-}" ]; then
    "$BIN/source_kafka_real_topics" && exec "$BIN/source_kafka_real_source"
    exit 1
fi

# shellcheck source=../../services/services.sh
. "$ROOT/tests/services/services.sh"
export KAFKA_RESTART=$RUN_DIR/source-kafka-restart
mkfifo "$KAFKA_RESTART" || exit 1

restarter() {
    while read -r <"$KAFKA_RESTART"; do
        kafka_kill9 && kafka_start || return 1
    done
}
restarter &
status=0
"$BIN/source_kafka_real_topics" || status=$?
"$BIN/source_kafka_real_source" || status=$?
kill $! 2>/dev/null
wait $! 2>/dev/null
rm -f -- "$KAFKA_RESTART"
exit "$status"
