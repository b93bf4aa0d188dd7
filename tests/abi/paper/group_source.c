/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: a source whose partitions a consumer group hands out and takes back. struct
 * consumer stands for librdkafka with rebalance events on its queue. */
#include "pipehost/pipehost.h"

#include <stdlib.h>

#define PARTITIONS_HELD 256u

enum event_type { EVENT_NONE, EVENT_MESSAGE, EVENT_ASSIGN, EVENT_REVOKE };

struct event {
    enum event_type type;
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    const void *value;
    uint32_t length;
};

struct consumer {
    int fd; /**< readable when an event is queued */
};

static struct event consumer_poll(struct consumer *c)
{
    (void)c;
    return (struct event){.type = EVENT_NONE};
}

static void consumer_assign(struct consumer *c, int32_t partition, int64_t offset)
{
    (void)c;
    (void)partition;
    (void)offset;
}

struct group_task {
    const struct ph_task *task;
    const struct ph_rebalance *rebalance;
    const struct ph_wait *wait;
    struct consumer consumer;
    struct event kept;             /**< what the full batch refused */
    uint32_t ids[PARTITIONS_HELD]; /**< ph_partition.id of each partition held */
    bool is_held[PARTITIONS_HELD];
};

/** Partitions come and go as events: there is nothing to list at start. */
static int32_t group_rebalance(struct group_task *g, const struct event *e, struct ph_error *err)
{
    if (e->partition < 0 || (uint32_t)e->partition >= PARTITIONS_HELD) {
        return ph_error_set(err, PH_ERR_FATAL, "partition %d is above the limit", e->partition);
    }
    if (e->type == EVENT_ASSIGN) {
        return g->rebalance->assigned(g->task, e->topic, e->partition, "", err);
    }
    if (!g->is_held[e->partition]) {
        return PH_OK; /* taken back before the host answered with start */
    }
    g->is_held[e->partition] = false;
    return g->rebalance->revoked(g->task, g->ids[e->partition], err);
}

static int32_t group_start(void *self, const struct ph_partition *partition,
                           const struct ph_position *from, struct ph_error *err)
{
    struct group_task *g = (struct group_task *)self;
    (void)err;
    g->ids[partition->partition] = partition->id;
    g->is_held[partition->partition] = true;
    consumer_assign(&g->consumer, partition->partition, from->next_offset);
    return PH_OK;
}

/** Nothing is committed for this partition: the group's own answer would come here. */
static int32_t group_resolve(void *self, const struct ph_partition *partitions, uint32_t count,
                             int64_t *next_offsets, struct ph_error *err)
{
    (void)self;
    (void)partitions;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        next_offsets[i] = 0;
    }
    return PH_OK;
}

static int32_t group_poll(void *self, struct ph_writer *writer, struct ph_error *err)
{
    struct group_task *g = (struct group_task *)self;
    for (;;) {
        struct event e = g->kept.type != EVENT_NONE ? g->kept : consumer_poll(&g->consumer);
        struct ph_record record = {.size = sizeof record, .offset = e.offset};
        g->kept.type = EVENT_NONE;
        if (e.type == EVENT_NONE) {
            return PH_IDLE;
        }
        if (e.type != EVENT_MESSAGE) {
            return group_rebalance(g, &e, err);
        }
        if (!g->is_held[e.partition]) {
            continue;
        }
        record.partition_id = g->ids[e.partition];
        record.timestamp_ms = e.timestamp_ms;
        record.value = e.value;
        record.value_length = e.length;
        if (writer->append(writer, &record) != PH_OK) {
            g->kept = e;
            return PH_OK;
        }
    }
}

/** The group needs its heartbeat also while records are not wanted; a message that comes up is
 * kept. */
static int32_t group_serve(void *self, struct ph_error *err)
{
    struct group_task *g = (struct group_task *)self;
    if (g->kept.type == EVENT_NONE) {
        struct event e = consumer_poll(&g->consumer);
        if (e.type == EVENT_ASSIGN || e.type == EVENT_REVOKE) {
            return group_rebalance(g, &e, err);
        }
        g->kept = e;
    }
    return PH_OK;
}

static int32_t group_activate(void *self, struct ph_error *err)
{
    struct group_task *g = (struct group_task *)self;
    return g->wait->watch(g->task, g->consumer.fd, PH_WAIT_READ, err);
}

static void group_deactivate(void *self)
{
    struct group_task *g = (struct group_task *)self;
    (void)g->wait->watch(g->task, g->consumer.fd, 0, NULL);
}

static void *group_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    const struct ph_host *h = (const struct ph_host *)op;
    struct group_task *g = (struct group_task *)calloc(1, sizeof *g);
    if (g == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    g->task = task;
    g->rebalance = (const struct ph_rebalance *)h->get_service(h, PH_SERVICE_REBALANCE);
    g->wait = (const struct ph_wait *)h->get_service(h, PH_SERVICE_WAIT);
    return g;
}

static const struct ph_operator_ops group_ops = {
    .size = sizeof group_ops,
    .task_create = group_task_create,
    .task_destroy = free,
    .activate = group_activate,
    .deactivate = group_deactivate,
};

static const struct ph_source_ops group_source = {.size = sizeof group_source,
                                                  .resolve = group_resolve,
                                                  .start = group_start,
                                                  .poll = group_poll,
                                                  .serve = group_serve};

static const struct ph_descriptor group_descriptor = {
    .size = sizeof group_descriptor,
    .kind = PH_KIND_SOURCE,
    .flags = PH_PLUGIN_WAITS,
    .id = "group-source",
    .version = "1",
    .summary = "reads what a consumer group assigns",
    .ops = &group_ops,
    .source = &group_source,
};

PH_ENTRY(&group_descriptor);
