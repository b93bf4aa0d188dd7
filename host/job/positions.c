/* SPDX-License-Identifier: Apache-2.0 */
#include "job/positions.h"

#include "base/log.h"
#include "job/tasks.h"

#include <stdlib.h>

static bool reaches(const struct node *from, const struct node *to)
{
    if (from == to) {
        return true;
    }
    for (uint32_t i = 0; i < to->manifest->input_count; i++) {
        if (reaches(from, node_input(to, i))) {
            return true;
        }
    }
    return false;
}

static struct node *source_of(const struct job *job, const struct ph_partition *p)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        if (strcmp(job->nodes[i].manifest->name, p->source) == 0) {
            return &job->nodes[i];
        }
    }
    return NULL;
}

static bool keeps_positions(const struct node *n)
{
    return n->committed != NULL;
}

static uint32_t lane_of(const struct node *n, const struct ph_partition *p)
{
    return (uint32_t)p->partition % n->task_count;
}

static bool feeds(const struct ph_partition *p, const struct node *sink)
{
    return reaches(source_of(sink->job, p), sink);
}

bool positions_own(struct task *sink)
{
    const struct partitions *table = &sink->job->partitions;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct ph_partition *p = table->items[i];
        if (!feeds(p, sink->node) || lane_of(sink->node, p) != sink->pub.lane) {
            continue;
        }
        if (!sink_driver_own(sink_task_driver(sink), p)) {
            struct ph_error err;
            ph_error_clear(&err);
            (void)ph_error_set(&err, PH_ERR_CONFIG, "a sink keeps at most %d partitions",
                               PARTITIONS_MAX);
            job_fail(sink->job, sink, &err);
            return false;
        }
    }
    return true;
}

static int64_t position_in(const struct node *sink, uint32_t id)
{
    return atomic_load_explicit(&sink->committed[id], memory_order_relaxed);
}

/* True where the sink has a position of another partition of the same topic. */
static bool knows_topic(const struct node *sink, const struct ph_partition *p)
{
    const struct partitions *table = &sink->job->partitions;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct ph_partition *o = table->items[i];
        if (position_in(sink, i) >= 0 && strcmp(o->source, p->source) == 0 &&
            strcmp(o->topic, p->topic) == 0) {
            return true;
        }
    }
    return false;
}

/* Fills job->starts for one partition as far as the sinks say; false: the startup mode must. */
static bool start_from_sinks(struct job *job, const struct ph_partition *p, int64_t *start)
{
    bool any = false;
    bool all = true;
    *start = INT64_MAX;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        if (node_kind(n) != PH_KIND_SINK || !keeps_positions(n) || !feeds(p, n)) {
            continue;
        }
        int64_t at = position_in(n, p->id);
        at = at < 0 && knows_topic(n, p) ? 0 : at;
        any = true;
        all = all && at >= 0;
        *start = at >= 0 && at < *start ? at : *start;
    }
    return any && all;
}

/* Asks the source for the partitions that some sink knows nothing of. */
static int32_t ask_source(struct task *source, struct ph_partition *unknown, uint32_t count,
                          struct ph_error *err)
{
    int64_t *offsets = calloc(count, sizeof *offsets);
    if (offsets == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for offsets");
    }
    int32_t rc = source->node->plugin->source.resolve(source->object, unknown, count, offsets, err);
    for (uint32_t i = 0; rc == PH_OK && i < count; i++) {
        struct job *job = source->job;
        uint32_t id = unknown[i].id;
        job->resolved[id] = offsets[i];
        if (offsets[i] < job->starts[id]) {
            job->starts[id] = offsets[i];
        }
    }
    free(offsets);
    return rc;
}

int32_t positions_resolve(struct task *source, struct ph_error *err)
{
    struct job *job = source->job;
    struct ph_partition *unknown = calloc(job->partitions.count + 1u, sizeof *unknown);
    uint32_t total = 0;
    uint32_t count = 0;
    int32_t rc = PH_OK;
    if (unknown == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for partitions");
    }
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        const struct ph_partition *p = job->partitions.items[id];
        if (source_of(job, p) != source->node) {
            continue;
        }
        total++;
        job->resolved[id] = 0;
        if (!start_from_sinks(job, p, &job->starts[id])) {
            unknown[count++] = *p;
        }
    }
    if (count > 0) {
        rc = ask_source(source, unknown, count, err);
    }
    if (rc == PH_OK) {
        log_write(PH_LOG_INFO, source->node->manifest->name,
                  "%u partitions: %u go on where their sinks stand, %u begin by the startup mode",
                  total, total - count, count);
    }
    free(unknown);
    return rc;
}

bool positions_seed(struct task *sink)
{
    struct job *job = sink->job;
    struct sink_driver *d = sink_task_driver(sink);
    uint32_t count = 0;
    if (!keeps_positions(sink->node)) {
        return false;
    }
    struct ph_position *seeds = calloc(d->partition_count + 1u, sizeof *seeds);
    for (uint32_t i = 0; seeds != NULL && i < d->partition_count; i++) {
        const struct ph_partition *p = d->partitions[i];
        if (position_in(sink->node, p->id) < 0) {
            seeds[count++] =
                (struct ph_position){.partition_id = p->id, .next_offset = job->resolved[p->id]};
        }
    }
    if (count > 0) {
        sink_driver_seed(d, seeds, count);
    }
    free(seeds);
    return count > 0;
}

int32_t positions_start(struct task *source, struct ph_error *err)
{
    struct job *job = source->job;
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        const struct ph_partition *p = job->partitions.items[id];
        if (source_of(job, p) != source->node || lane_of(source->node, p) != source->pub.lane) {
            continue;
        }
        int32_t rc = source->node->plugin->source.start(source->object, p, job->starts[id], err);
        if (rc != PH_OK) {
            return rc;
        }
        log_write(PH_LOG_DEBUG, source->node->manifest->name, "%s/%d begins at offset %lld",
                  p->topic, p->partition, (long long)job->starts[id]);
    }
    return PH_OK;
}
