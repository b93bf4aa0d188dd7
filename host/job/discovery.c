/* SPDX-License-Identifier: Apache-2.0 */
#include "job/discovery.h"

#include "base/clock.h"
#include "base/log.h"
#include "job/begun.h"
#include "job/positions.h"

#include <stdlib.h>
#include <unistd.h>

/* How often to look whether the sinks and the source have done their part. */
#define LOOK_NS (10 * CLOCK_NS_PER_MS)
/* After a file of state_dir could not be written. */
#define RETRY_NS (1 * CLOCK_NS_PER_S)

struct waiting {
    const struct node *source;
    char *topic;
    char *cluster;
    int32_t partition;
};

enum stage { STAGE_NONE, STAGE_SINKS, STAGE_BEGUN, STAGE_SOURCE };

struct discovery {
    struct job *job;
    pthread_mutex_t mutex;
    struct waiting waiting[PARTITIONS_MAX]; /**< guarded by the mutex */
    uint32_t waiting_count;                 /**< guarded by the mutex */

    /* The control thread's own: the partition on its way. */
    const struct ph_partition *partition;
    enum stage stage;
    bool was_told; /**< that state_dir cannot be written */
};

struct discovery *discovery_create(struct job *job)
{
    struct discovery *d = calloc(1, sizeof *d);
    if (d != NULL) {
        d->job = job;
        (void)pthread_mutex_init(&d->mutex, NULL);
    }
    return d;
}

static void waiting_fini(struct waiting *w)
{
    free(w->topic);
    free(w->cluster);
}

void discovery_destroy(struct discovery *d)
{
    if (d != NULL) {
        for (uint32_t i = 0; i < d->waiting_count; i++) {
            waiting_fini(&d->waiting[i]);
        }
        (void)pthread_mutex_destroy(&d->mutex);
        free(d);
    }
}

/* ---- the plugin's side ---- */

static bool is_waiting(const struct discovery *d, const struct node *source, const char *topic,
                       int32_t partition)
{
    for (uint32_t i = 0; i < d->waiting_count; i++) {
        const struct waiting *w = &d->waiting[i];
        if (w->source == source && w->partition == partition && strcmp(w->topic, topic) == 0) {
            return true;
        }
    }
    return false;
}

static int32_t add(struct discovery *d, const struct node *source, const char *topic,
                   int32_t partition, const char *cluster, struct ph_error *err)
{
    struct waiting w = {source, strdup(topic), strdup(cluster), partition};
    if (w.topic == NULL || w.cluster == NULL) {
        waiting_fini(&w);
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a partition");
    }
    d->waiting[d->waiting_count++] = w;
    uint64_t one = 1;
    ssize_t put = write(d->job->event_fd, &one, sizeof one);
    (void)put; /* full: it is readable already */
    return PH_OK;
}

int32_t discovery_found(struct task *source, const char *topic, int32_t partition,
                        const char *cluster, struct ph_error *err)
{
    struct discovery *d = source->job->discovery;
    const char *name = source->node->manifest->name;
    int32_t rc = PH_OK;
    (void)pthread_mutex_lock(&d->mutex);
    bool known = partitions_find(&d->job->partitions, name, topic, partition) != NULL ||
                 is_waiting(d, source->node, topic, partition);
    if (!known && d->job->partitions.count + d->waiting_count >= PARTITIONS_MAX) {
        rc = ph_error_set(err, PH_ERR_CONFIG,
                          "%s/%d is not read: a pipeline reads at most %d partitions", topic,
                          partition, PARTITIONS_MAX);
    } else if (!known) {
        rc = add(d, source->node, topic, partition, cluster, err);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return rc;
}

/* ---- the way of one ---- */

static void fail(struct discovery *d, const struct ph_error *err)
{
    d->stage = STAGE_NONE;
    job_fail(d->job, NULL, err);
}

/* The one with the lowest number, taken off the list; false: there is none. */
static bool take_next(struct discovery *d, struct waiting *out)
{
    uint32_t least = 0;
    (void)pthread_mutex_lock(&d->mutex);
    bool any = d->waiting_count > 0;
    for (uint32_t i = 1; i < d->waiting_count; i++) {
        least = d->waiting[i].partition < d->waiting[least].partition ? i : least;
    }
    if (any) {
        *out = d->waiting[least];
        d->waiting[least] = d->waiting[--d->waiting_count];
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return any;
}

/* The plugin may have said it once more while the first was on its way from the list to the table.
 */
static bool is_known(const struct discovery *d, struct waiting *w)
{
    bool known = partitions_find(&d->job->partitions, w->source->manifest->name, w->topic,
                                 w->partition) != NULL;
    if (known) {
        waiting_fini(w);
    }
    return known;
}

static bool begin_next(struct discovery *d)
{
    struct waiting next;
    struct ph_error err;
    uint32_t id;
    do {
        if (!take_next(d, &next)) {
            return false;
        }
    } while (is_known(d, &next));
    ph_error_clear(&err);
    int32_t rc = partitions_add(&d->job->partitions, next.source->manifest->name, next.topic,
                                next.partition, next.cluster, &id, &err);
    waiting_fini(&next);
    if (rc != PH_OK) {
        fail(d, &err);
        return false;
    }
    d->partition = d->job->partitions.items[id];
    d->stage = STAGE_SINKS;
    positions_offer_sinks(d->job, d->partition);
    return true;
}

/* Writes down that it has begun. A failure only delays it: state_dir's disk may be full. */
static int64_t begin_it(struct discovery *d)
{
    struct ph_error err;
    ph_error_clear(&err);
    int64_t start = positions_least(d->job, d->partition);
    d->job->starts[d->partition->id] =
        (struct ph_position){.partition_id = d->partition->id, .next_offset = start};
    if (begun_store(d->job, &err) != PH_OK) {
        if ((err.flags & PH_ERR_RETRIABLE) == 0) {
            fail(d, &err);
            return 0;
        }
        if (!d->was_told) {
            log_write(PH_LOG_WARNING, d->partition->source,
                      "%s/%d was found, but is not read yet: %s", d->partition->topic,
                      d->partition->partition, err.text);
            d->was_told = true;
        }
        return clock_monotonic_ns() + RETRY_NS;
    }
    log_write(PH_LOG_INFO, d->partition->source,
              "%s/%d is new: its records are read from offset %lld on", d->partition->topic,
              d->partition->partition, (long long)start);
    d->was_told = false;
    d->stage = STAGE_SOURCE;
    positions_offer_source(d->job, d->partition);
    return clock_monotonic_ns() + LOOK_NS;
}

int64_t discovery_step(struct discovery *d)
{
    if (atomic_load(&d->job->cancelled) || atomic_load(&d->job->draining)) {
        return 0; /* the next start finds it new, or as far as the sinks have it */
    }
    switch (d->stage) {
    case STAGE_NONE:
        return begin_next(d) ? clock_monotonic_ns() + LOOK_NS : 0;
    case STAGE_SINKS:
        if (!positions_are_durable(d->job, d->partition)) {
            return clock_monotonic_ns() + LOOK_NS;
        }
        d->stage = STAGE_BEGUN;
        return begin_it(d);
    case STAGE_BEGUN:
        return begin_it(d);
    default:
        d->stage = positions_is_started(d->job, d->partition) ? STAGE_NONE : STAGE_SOURCE;
        return clock_monotonic_ns() + LOOK_NS;
    }
}
