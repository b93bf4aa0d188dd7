/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/notify.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_INTERVAL_NS (10 * CLOCK_NS_PER_S)
#define MORE_TIME        "EXTEND_TIMEOUT_USEC=30000000\n"

/* A name that begins with "@" is one of the abstract namespace. */
static bool read_address(struct notify *n, const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;
    if (length < 2 || length >= sizeof n->address.sun_path || (name[0] != '/' && name[0] != '@')) {
        return false;
    }
    n->address.sun_family = AF_UNIX;
    memcpy(n->address.sun_path, name, length);
    if (name[0] == '@') {
        n->address.sun_path[0] = '\0';
    }
    n->address_size = (unsigned)(offsetof(struct sockaddr_un, sun_path) + length);
    return true;
}

/* Half of the time after which the manager gives the process up. */
static int64_t read_watchdog_ns(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) {
        return 0;
    }
    long long value = strtoll(usec, NULL, 10);
    return value > 0 && value < INT64_MAX / 1000 ? value * 1000 / 2 : 0;
}

void notify_init(struct notify *n)
{
    *n = (struct notify){.fd = -1, .told = STATS_STARTING};
    if (!read_address(n, getenv("NOTIFY_SOCKET"))) {
        return;
    }
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    n->watchdog_ns = n->fd >= 0 ? read_watchdog_ns() : 0;
    n->next_sign_ns = clock_monotonic_ns();
    n->next_text_ns = n->next_sign_ns;
}

void notify_fini(struct notify *n)
{
    if (n->fd >= 0) {
        (void)close(n->fd);
        n->fd = -1;
    }
}

int64_t notify_due_ns(const struct notify *n)
{
    if (n->fd < 0) {
        return 0;
    }
    bool sign_first = n->watchdog_ns > 0 && n->next_sign_ns < n->next_text_ns;
    return sign_first ? n->next_sign_ns : n->next_text_ns;
}

/* A manager that does not read is not waited for. */
static void send_text(struct notify *n, const char *text)
{
    (void)sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&n->address, (socklen_t)n->address_size);
}

static void tell_state(struct notify *n, enum stats_state state)
{
    bool was_ending = n->told >= STATS_DRAINING;
    n->told = state;
    if (state == STATS_RUNNING) {
        send_text(n, "READY=1\n");
    } else if (state >= STATS_DRAINING && !was_ending) {
        send_text(n, "STOPPING=1\n");
    }
}

/* False: nobody waits. */
static bool find_waiting(const struct stats *s, char out[STATS_WAITING_LINE_SIZE])
{
    for (uint32_t i = 0; i < s->operator_count; i++) {
        if (s->operators[i].waiting[0] != '\0') {
            stats_waiting_line(&s->operators[i], s->taken_ns, out);
            return true;
        }
    }
    return false;
}

static void tell_text(struct notify *n, const struct stats *s)
{
    char text[512];
    char waiting[STATS_WAITING_LINE_SIZE];
    int length = snprintf(text, sizeof text, "%sSTATUS=%s",
                          s->state == STATS_STARTING ? MORE_TIME : "", stats_state_name(s->state));
    size_t used = (size_t)length;
    if (find_waiting(s, waiting)) {
        (void)snprintf(text + used, sizeof text - used, ", waiting: %s\n", waiting);
    } else {
        (void)snprintf(text + used, sizeof text - used,
                       ", %.0f records/s in, %.0f rows/s committed\n", s->in_per_s,
                       s->committed_per_s);
    }
    send_text(n, text);
}

void notify_tell(struct notify *n, const struct stats *s)
{
    if (n->fd < 0) {
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    bool is_new = s->state != n->told;
    if (is_new) {
        tell_state(n, s->state);
    }
    if (is_new || now_ns >= n->next_text_ns) {
        tell_text(n, s);
        n->next_text_ns = now_ns + TEXT_INTERVAL_NS;
    }
    if (n->watchdog_ns > 0 && now_ns >= n->next_sign_ns) {
        send_text(n, "WATCHDOG=1\n");
        n->next_sign_ns = now_ns + n->watchdog_ns;
    }
}
