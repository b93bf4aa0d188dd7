# shellcheck shell=bash
# Long-running processes of one run. Each has a session of its own, a log and a pid file below RUN_DIR, so that any later
# shell that knows RUN_DIR can look after them, and none outlives the run. Uses only what a minimal Debian has (no ps).

SERVICES_SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
STARTERS=()

# run_open [OWNER_PID]: makes RUN_DIR. With an owner, a guard stops everything when that process is gone, even by kill -9.
run_open() {
    # Not below $TMPDIR or $HOME: the database's own user must be able to enter, and a socket's path has 107 bytes at most.
    RUN_DIR=$(mktemp -d /var/tmp/pipehost.XXXXXX) || return 1
    chmod 711 "$RUN_DIR"
    (umask 077 && mkdir "$RUN_DIR/pids" "$RUN_DIR/logs")
    if [ $# -gt 0 ]; then
        setsid bash "$SERVICES_SOURCE/guard.sh" "$RUN_DIR" "$1" </dev/null >/dev/null 2>&1 &
        printf '%s\n' $! >"$RUN_DIR/guard"
    fi
}

# run_close [--keep]: stops every process of the run, then removes RUN_DIR (or keeps it, for a look at the logs).
run_close() {
    [ -n "${RUN_DIR:-}" ] && [ -d "$RUN_DIR/pids" ] || return 0
    local starter name file
    for starter in "${STARTERS[@]}"; do
        kill "$starter" 2>/dev/null || true
    done
    STARTERS=()
    for file in "$RUN_DIR"/pids/*; do
        [ -e "$file" ] && process_signal "${file##*/}"
    done
    for file in "$RUN_DIR"/pids/*; do
        name=${file##*/}
        [ -e "$file" ] && process_stop "$name"
    done
    if [ -s "$RUN_DIR/guard" ] && [ "$(<"$RUN_DIR/guard")" != "$$" ]; then
        kill -- "-$(<"$RUN_DIR/guard")" 2>/dev/null || true
    fi
    if [ "${1:-}" = --keep ]; then
        printf 'kept: %s\n' "$RUN_DIR"
    else
        rm -rf -- "$RUN_DIR"
    fi
    unset RUN_DIR
}

# process_start NAME COMMAND...: starts it in the background. STOP_SIGNAL (TERM) is what it is later asked to stop with.
process_start() {
    local name=$1
    shift
    # What an earlier process of this name left would count as this one's.
    rm -f -- "$RUN_DIR/pids/$name"
    # The child writes its own pid file before it becomes the command: no moment in which it runs unrecorded.
    # shellcheck disable=SC2016
    setsid bash -c '
        read -ra stat <<<"$(sed "s/.*) //" "/proc/$$/stat")"
        echo "$$ ${stat[19]} $2" >"$1" || exit 1
        shift 2
        exec "$@"' process "$RUN_DIR/pids/$name" "${STOP_SIGNAL:-TERM}" "$@" \
        </dev/null >>"$RUN_DIR/logs/$name.log" 2>&1 &
    disown $!
    # A signal before that would hit the shell, which knows no order to end in.
    wait_until 60 test -s "$RUN_DIR/pids/$name" && wait_until 60 process_is_command "$name"
}

# process_is_command NAME: the shell that has its pid file among its words became the command, or is gone already.
process_is_command() {
    local pid
    read -r pid _ <"$RUN_DIR/pids/$1" && ! grep -qsaF "$RUN_DIR/pids/$1" "/proc/$pid/cmdline"
}

process_log() { printf '%s\n' "$RUN_DIR/logs/$1.log"; }

# process_pid NAME: prints the pid while the process runs, fails otherwise (a zombie or a reused pid does not count, but for one
# with threads: those of a killed process end after its first, and hold its locks and ports until then).
process_pid() {
    local pid started rest stat threads
    read -r pid started rest 2>/dev/null <"$RUN_DIR/pids/$1" || return 1
    read -ra stat 2>/dev/null <<<"$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" || return 1
    threads=("/proc/$pid/task"/*)
    [ "${stat[19]:-}" = "$started" ] && { [ "${stat[0]}" != Z ] || [ ${#threads[@]} -gt 1 ]; } || return 1
    printf '%s\n' "$pid"
}

process_alive() { process_pid "$1" >/dev/null; }
process_gone() { ! process_alive "$1"; }

# process_signal NAME [SIGNAL]: to the whole group; without a signal, the one that the process is to be stopped with.
process_signal() {
    local pid signal
    pid=$(process_pid "$1") || return 0
    read -r _ _ signal <"$RUN_DIR/pids/$1"
    kill -s "${2:-$signal}" -- "-$pid" 2>/dev/null || true
}

# process_stop NAME [SECONDS]: asks, waits, and kills what has not ended by then; false where it had to.
process_stop() {
    local status=0
    process_signal "$1"
    if ! wait_until "${2:-30}" process_gone "$1"; then
        status=1
        process_signal "$1" KILL
        wait_until 60 process_gone "$1" || return 1
    fi
    rm -f -- "$RUN_DIR/pids/$1"
    return "$status"
}

# process_kill9 NAME: ends it without a chance to tidy up.
process_kill9() {
    process_signal "$1" KILL
    wait_until 60 process_gone "$1" && rm -f -- "$RUN_DIR/pids/$1"
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; fails at the deadline.
wait_until() {
    local deadline=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# pause_ms MS: for a moment that is random by intention (when to kill something), never instead of waiting for a condition.
pause_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

# free_port: a port of 127.0.0.1 on which nobody listens, below the range from which the kernel serves clients. Somebody may
# take it before its user binds it: every caller starts its service, sees the bind fail and tries another one.
free_port() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
}

# free_ports COUNT: so many of them, each another one.
free_ports() {
    local -A ports=()
    while [ ${#ports[@]} -lt "$1" ]; do
        ports[$(free_port)]=1
    done
    printf '%s\n' "${!ports[*]}"
}

random_secret() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }
