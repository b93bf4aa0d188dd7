# shellcheck shell=bash disable=SC2034 # the jobs read PROXY_PORT
# The proxy between a job's pipeline and one of its services.

# proxy_start PORT TARGET_PORT: this job's; PROXY_PORT is where it listens.
proxy_start() {
    PROXY=proxy-$PIPELINE
    process_start "$PROXY" "$TOOLS/fault-proxy" "$1" "$2" "$RUN_DIR/$PROXY.fifo"
    wait_until "$PATIENCE_S" proxy_said 'listening on' || return 1
    PROXY_PORT=$(sed -n 's/^listening on //p' "$(process_log "$PROXY")")
}
proxy_stop() {
    process_stop "$PROXY"
    rm -f -- "$RUN_DIR/$PROXY.fifo"
}
proxy_said() { grep -q -- "^$1" "$(process_log "$PROXY")"; }

# proxy_tell COMMAND: answers when it holds.
proxy_tell() {
    local before
    before=$(proxy_heard)
    printf '%s\n' "$1" >"$RUN_DIR/$PROXY.fifo"
    wait_until "$PATIENCE_S" proxy_heard_after "$before"
}
proxy_heard() { grep -c '^now' "$(process_log "$PROXY")"; }
proxy_heard_after() { [ "$(proxy_heard)" -gt "$1" ]; }
