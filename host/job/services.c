/* SPDX-License-Identifier: Apache-2.0 */
#include "job/services.h"

#include "base/clock.h"
#include "base/log.h"
#include "job/discovery.h"
#include "job/encoding.h"
#include "job/tasks.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>

static struct task *task_of(const struct ph_task *pub)
{
    return pub->host_data;
}

/* ---- log, clock ---- */

static void service_log(const struct ph_host *host, int32_t level, const char *text)
{
    log_write(level, host->operator_name, "%s", text);
}

static int64_t service_monotonic_ns(const struct ph_host *host)
{
    (void)host;
    return clock_monotonic_ns();
}

static int64_t service_wall_ms(const struct ph_host *host)
{
    (void)host;
    return clock_wall_ms();
}

static uint64_t service_random(const struct ph_host *host)
{
    uint64_t value = 0;
    (void)host;
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value) {
        value = (uint64_t)clock_monotonic_ns() * UINT64_C(0x9e3779b97f4a7c15);
    }
    return value;
}

static const struct ph_log log_service = {.size = sizeof log_service, .write = service_log};
static const struct ph_clock clock_service = {.size = sizeof clock_service,
                                              .monotonic_ns = service_monotonic_ns,
                                              .wall_ms = service_wall_ms,
                                              .random = service_random};

/* ---- wait ---- */

static int32_t service_watch(const struct ph_task *pub, int fd, uint32_t events,
                             struct ph_error *err)
{
    struct task *t = task_of(pub);
    return waiter_watch(&t->worker->waiter, fd, events, t, err);
}

static void service_deadline(const struct ph_task *pub, int64_t at_ns)
{
    task_of(pub)->deadline_ns = at_ns;
}

static void service_wake(const struct ph_task *pub)
{
    struct task *t = task_of(pub);
    atomic_store(&t->woken, true);
    waiter_wake(&t->worker->waiter);
}

static int poll_timeout_ms(int64_t at_ns)
{
    if (at_ns == 0) {
        return -1;
    }
    int64_t left = at_ns - clock_monotonic_ns();
    if (left <= 0) {
        return 0;
    }
    int64_t ms = (left + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    return ms > 3600000 ? 3600000 : (int)ms;
}

static int32_t block(const struct ph_task *pub, int fd, uint32_t events, int64_t at_ns)
{
    struct pollfd fds[2] = {{.fd = task_of(pub)->job->cancel_fd, .events = POLLIN}, {.fd = fd}};
    fds[1].events = (short)(((events & PH_WAIT_READ) != 0 ? POLLIN : 0) |
                            ((events & PH_WAIT_WRITE) != 0 ? POLLOUT : 0));
    for (;;) {
        int n = poll(fds, 2, poll_timeout_ms(at_ns));
        if (n > 0 && fds[0].revents != 0) {
            return PH_CANCELLED;
        }
        if (n > 0) {
            return PH_OK;
        }
        if (n < 0 && errno != EINTR) {
            return PH_OK; /* the caller's own read or write says what is wrong */
        }
        if (at_ns != 0 && clock_monotonic_ns() >= at_ns) {
            return PH_IDLE;
        }
    }
}

/* What a sink waits for here is behind it; for any other operator it is its own work. */
static int32_t service_block(const struct ph_task *pub, int fd, uint32_t events, int64_t at_ns)
{
    struct task *t = task_of(pub);
    if (t->sink == NULL) {
        return block(pub, fd, events, at_ns);
    }
    int64_t from_ns = clock_monotonic_ns();
    atomic_store_explicit(&t->counts.blocked_since_ns, from_ns, memory_order_relaxed);
    int32_t rc = block(pub, fd, events, at_ns);
    int64_t ns = clock_monotonic_ns() - from_ns;
    atomic_store_explicit(&t->counts.blocked_since_ns, 0, memory_order_relaxed);
    count_add(&t->counts.backpressured_ns, (uint64_t)ns);
    t->worker->blocked_ns += ns;
    return rc;
}

static const struct ph_wait wait_service = {.size = sizeof wait_service,
                                            .watch = service_watch,
                                            .deadline = service_deadline,
                                            .wake = service_wake,
                                            .block = service_block};

/* ---- metrics, epochs ---- */

static int64_t *service_cell(const struct ph_task *pub, uint32_t index)
{
    struct task *t = task_of(pub);
    /* An index that the descriptor does not have gets a cell that nobody reads. */
    uint32_t count = t->node->plugin->descriptor.counter_count;
    return &t->cells[index < count ? index : count];
}

static void service_epoch_done(const struct ph_task *pub, uint64_t epoch_id,
                               const struct ph_error *err)
{
    struct task *t = task_of(pub);
    if (t->sink != NULL) {
        sink_driver_epoch_done(sink_task_driver(t), epoch_id, err);
    }
}

static const struct ph_metrics metrics_service = {.size = sizeof metrics_service,
                                                  .cell = service_cell};
static const struct ph_epochs epochs_service = {.size = sizeof epochs_service,
                                                .done = service_epoch_done};

/* ---- partitions ---- */

static int32_t service_found(const struct ph_task *pub, const char *topic, int32_t partition,
                             const char *cluster, struct ph_error *err)
{
    return discovery_found(task_of(pub), topic, partition, cluster != NULL ? cluster : "", err);
}

static const struct ph_partitions partitions_service = {.size = sizeof partitions_service,
                                                        .found = service_found};

static const void *get_service(const struct ph_host *host, const char *id)
{
    static const struct {
        const char *id;
        const void *table;
    } services[] = {{PH_SERVICE_LOG, &log_service},
                    {PH_SERVICE_CLOCK, &clock_service},
                    {PH_SERVICE_WAIT, &wait_service},
                    {PH_SERVICE_BATCHES, &batch_service},
                    {PH_SERVICE_METRICS, &metrics_service},
                    {PH_SERVICE_EPOCHS, &epochs_service},
                    {PH_SERVICE_PARTITIONS, &partitions_service},
                    {PH_SERVICE_ENCODE, &encoding_service}};
    (void)host;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        if (strcmp(services[i].id, id) == 0) {
            return services[i].table;
        }
    }
    return NULL;
}

void services_init_host(struct node *n)
{
    n->host = (struct ph_host){.size = (uint32_t)sizeof n->host,
                               .lane_count = n->task_count,
                               .pipeline_name = n->job->manifest->pipeline,
                               .operator_name = n->manifest->name,
                               .host_version = PH_SDK_VERSION,
                               .host_data = n,
                               .get_service = get_service,
                               .delivery = n->job->manifest->exactly_once == MANIFEST_ONCE_GIVEN_UP
                                               ? PH_DELIVERY_DURABLE
                                               : PH_DELIVERY_TRANSACTIONAL};
}

void services_init_task(struct task *t, uint32_t lane)
{
    t->pub = (struct ph_task){.size = (uint32_t)sizeof t->pub,
                              .lane = lane,
                              .host = &t->node->host,
                              .host_data = t,
                              .reject = task_reject};
}
