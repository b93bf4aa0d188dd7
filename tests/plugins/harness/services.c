/* SPDX-License-Identifier: Apache-2.0 */
/* The services of the fake host. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int64_t harness_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct harness *host_of(const struct ph_host *host)
{
    return (struct harness *)host->host_data;
}

static struct harness_task *task_of(const struct ph_task *task)
{
    return (struct harness_task *)task->host_data;
}

static void log_write(const struct ph_host *host, int32_t level, const char *text)
{
    struct harness *h = host_of(host);
    size_t size = strlen(text) + 16;
    char *line = harness_alloc(size);
    (void)snprintf(line, size, "%d %s", level, text);
    (void)pthread_mutex_lock(&h->log_lock);
    h->log_lines = harness_grow(h->log_lines, h->log_count, sizeof *h->log_lines);
    h->log_lines[h->log_count++] = line;
    (void)pthread_mutex_unlock(&h->log_lock);
}

static int64_t clock_monotonic_ns(const struct ph_host *host)
{
    (void)host;
    return harness_now_ns();
}

static int64_t clock_wall_ms(const struct ph_host *host)
{
    struct timespec now;
    (void)host;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t clock_random(const struct ph_host *host)
{
    (void)host;
    return ((uint64_t)random() << 32) ^ (uint64_t)random();
}

static int32_t wait_watch(const struct ph_task *task, int fd, uint32_t events, struct ph_error *err)
{
    struct harness_task *t = task_of(task);
    for (uint32_t i = 0; i < t->watch_count; i++) {
        if (t->watches[i].fd == fd) {
            t->watches[i].events = events;
            if (events == 0) {
                t->watches[i] = t->watches[--t->watch_count];
            }
            return PH_OK;
        }
    }
    if (events == 0) {
        return PH_OK;
    }
    if (t->watch_count == HARNESS_WATCHES) {
        return ph_error_set(err, PH_ERR_FATAL, "more than %d watched fds", HARNESS_WATCHES);
    }
    t->watches[t->watch_count++] = (struct harness_watch){fd, events};
    return PH_OK;
}

static void wait_deadline(const struct ph_task *task, int64_t at_ns)
{
    task_of(task)->deadline_ns = at_ns;
}

static void wait_wake(const struct ph_task *task)
{
    uint64_t one = 1;
    if (write(task_of(task)->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        abort();
    }
}

static short poll_events(uint32_t events)
{
    return (short)(((events & PH_WAIT_READ) != 0 ? POLLIN : 0) |
                   ((events & PH_WAIT_WRITE) != 0 ? POLLOUT : 0));
}

static uint32_t wait_events(short revents)
{
    return ((revents & POLLIN) != 0 ? (uint32_t)PH_WAIT_READ : 0u) |
           ((revents & POLLOUT) != 0 ? (uint32_t)PH_WAIT_WRITE : 0u) |
           ((revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? (uint32_t)PH_WAIT_ERROR : 0u);
}

/* Milliseconds until at_ns, rounded up; at most limit_ms (negative = no limit). */
static int timeout_until(int64_t at_ns, int limit_ms)
{
    int64_t left_ms = (at_ns - harness_now_ns() + 999999) / 1000000;
    if (at_ns == 0) {
        return limit_ms;
    }
    left_ms = left_ms < 0 ? 0 : left_ms;
    return limit_ms >= 0 && left_ms > limit_ms ? limit_ms : (int)left_ms;
}

static bool is_cancelled(const struct harness_task *t)
{
    return __atomic_load_n(&t->is_cancelled, __ATOMIC_ACQUIRE);
}

static int32_t wait_block(const struct ph_task *task, int fd, uint32_t events, int64_t at_ns)
{
    struct harness_task *t = task_of(task);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = poll_events(events)};
        /* Short slices, so that a test's other thread can cancel. */
        int n = is_cancelled(t) ? 0 : poll(&p, 1, timeout_until(at_ns, 20));
        if (is_cancelled(t)) {
            return PH_CANCELLED;
        }
        if (n > 0) {
            return PH_OK;
        }
        if (n == 0 && at_ns != 0 && harness_now_ns() >= at_ns) {
            return PH_IDLE;
        }
        if (n < 0 && errno != EINTR) {
            abort();
        }
    }
}

static int32_t pump_ready(struct harness_task *t, int fd, uint32_t events)
{
    const struct ph_operator_ops *ops = t->owner->descriptor->ops;
    int32_t result =
        ops->ready == NULL ? PH_OK : ops->ready(t->self, fd, events, harness_error(t->owner));
    return result < 0 ? result : 1;
}

static bool watch_holds(const struct harness_task *t, int fd)
{
    for (uint32_t i = 0; i < t->watch_count; i++) {
        if (t->watches[i].fd == fd) {
            return true;
        }
    }
    return false;
}

static int32_t pump_fds(struct harness_task *t, const struct pollfd *fds, nfds_t count)
{
    int32_t calls = 0;
    for (nfds_t i = 1; i < count; i++) {
        /* An earlier ready may have forgotten this fd. */
        if (fds[i].revents == 0 || !watch_holds(t, fds[i].fd)) {
            continue;
        }
        int32_t result = pump_ready(t, fds[i].fd, wait_events(fds[i].revents));
        if (result < 0) {
            return result;
        }
        calls++;
    }
    return calls;
}

int32_t harness_pump(struct harness_task *t, int timeout_ms)
{
    struct pollfd fds[HARNESS_WATCHES + 1];
    nfds_t count = 0;
    uint64_t wakes = 0;
    fds[count++] = (struct pollfd){.fd = t->wake_fd, .events = POLLIN};
    for (uint32_t i = 0; i < t->watch_count; i++) {
        fds[count++] =
            (struct pollfd){.fd = t->watches[i].fd, .events = poll_events(t->watches[i].events)};
    }
    if (poll(fds, count, timeout_until(t->deadline_ns, timeout_ms)) < 0 && errno != EINTR) {
        abort();
    }
    bool is_woken = read(t->wake_fd, &wakes, sizeof wakes) == (ssize_t)sizeof wakes;
    int32_t calls = pump_fds(t, fds, count);
    bool is_due = t->deadline_ns != 0 && harness_now_ns() >= t->deadline_ns;
    if (calls >= 0 && (is_due || is_woken)) {
        t->deadline_ns = is_due ? 0 : t->deadline_ns;
        int32_t result = pump_ready(t, -1, 0);
        return result < 0 ? result : calls + 1;
    }
    return calls;
}

static int64_t *metrics_cell(const struct ph_task *task, uint32_t index)
{
    struct harness_task *t = task_of(task);
    if (index >= t->owner->descriptor->counter_count) {
        abort();
    }
    return &t->cells[index];
}

int64_t harness_counter(const struct harness_task *t, const char *name)
{
    const struct ph_descriptor *d = t->owner->descriptor;
    for (uint32_t i = 0; i < d->counter_count; i++) {
        if (strcmp(d->counters[i].name, name) == 0) {
            return __atomic_load_n(&t->cells[i], __ATOMIC_RELAXED);
        }
    }
    (void)fprintf(stderr, "harness: no counter named %s\n", name);
    abort();
}

static void epochs_done(const struct ph_task *task, uint64_t epoch_id, const struct ph_error *err)
{
    struct harness_task *t = task_of(task);
    t->done_epoch_id = epoch_id;
    t->done_count++;
    ph_error_clear(&t->done_error);
    if (err != NULL) {
        t->done_error = *err;
    }
}

void harness_row_reject(const struct ph_task *task, const struct ph_batch *batch, uint32_t row,
                        const char *code, const char *reason)
{
    struct harness_task *t = task_of(task);
    t->rejects = harness_grow(t->rejects, t->reject_count, sizeof *t->rejects);
    struct harness_reject *r = &t->rejects[t->reject_count++];
    r->batch = batch;
    r->row = row;
    (void)snprintf(r->code, sizeof r->code, "%s", code);
    (void)snprintf(r->reason, sizeof r->reason, "%s", reason);
}

const void *harness_service(const struct ph_host *host, const char *id)
{
    static const struct ph_log log = {sizeof log, 0, log_write};
    static const struct ph_clock clock = {sizeof clock, 0, clock_monotonic_ns, clock_wall_ms,
                                          clock_random};
    static const struct ph_wait wait = {sizeof wait,   0,         wait_watch,
                                        wait_deadline, wait_wake, wait_block};
    static const struct ph_batches batches = {sizeof batches, 0, harness_batch_retain,
                                              harness_batch_release};
    static const struct ph_metrics metrics = {sizeof metrics, 0, metrics_cell};
    static const struct ph_epochs epochs = {sizeof epochs, 0, epochs_done};
    static const struct {
        const char *id;
        const void *table;
    } services[] = {{PH_SERVICE_LOG, &log},
                    {PH_SERVICE_CLOCK, &clock},
                    {PH_SERVICE_WAIT, &wait},
                    {PH_SERVICE_BATCHES, &batches},
                    {PH_SERVICE_METRICS, &metrics},
                    {PH_SERVICE_EPOCHS, &epochs},
                    {PH_SERVICE_ENCODE, &harness_encode}};
    (void)host;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (strcmp(services[i].id, id) == 0) {
            return services[i].table;
        }
    }
    return NULL;
}
