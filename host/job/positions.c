/* SPDX-License-Identifier: Apache-2.0 */
#include "job/positions.h"

#include "base/log.h"
#include "job/begun.h"
#include "job/former.h"
#include "job/reach.h"
#include "job/tasks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Every partition was added in the name of one of the job's sources. */
static struct node *source_of(const struct job *job, const struct ph_partition *p)
{
    struct node *n = job_find_node(job, p->source);
    assert(n != NULL);
    return n;
}

static uint32_t lane_of(const struct node *n, const struct ph_partition *p)
{
    return (uint32_t)p->partition % n->task_count;
}

static bool feeds(const struct ph_partition *p, const struct node *sink)
{
    return reach_has(sink->job, source_of(sink->job, p), sink);
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

/* The highest partition of the topic that the sink has a position of, or -1. */
static int32_t highest_known(const struct node *sink, const struct ph_partition *p)
{
    const struct partitions *table = &sink->job->partitions;
    int32_t highest = -1;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct ph_partition *o = table->items[i];
        if (o->partition > highest && position_in(sink, i) >= 0 &&
            strcmp(o->source, p->source) == 0 && strcmp(o->topic, p->topic) == 0) {
            highest = o->partition;
        }
    }
    return highest;
}

/* By what the first offset of a partition is known. */
enum place {
    PLACE_SINKS,  /* its positions */
    PLACE_NEW,    /* it appeared in a topic that the sinks know: its beginning */
    PLACE_STARTUP /* the startup mode */
};

static int32_t refuse_lost(const struct node *sink, const struct ph_partition *p, int32_t highest,
                           struct ph_error *err)
{
    const char *path = sink->job->manifest->path;
    return ph_error_set(
        err, PH_ERR_CONFIG,
        "%s has positions of %s up to partition %d, but that of partition %d is "
        "lost: restore it; or pipehost positions set %s --sink %s --partition %s/%d --to "
        "earliest (or latest, or an offset) says where it goes on, and pipehost "
        "positions reset %s --sink %s forgets all of them",
        sink->manifest->name, p->topic, highest, p->partition, path, sink->manifest->name, p->topic,
        p->partition, path, sink->manifest->name);
}

static int32_t refuse_all_lost(const struct node *sink, const struct ph_partition *p,
                               struct ph_error *err)
{
    const char *path = sink->job->manifest->path;
    const char *name = sink->manifest->name;
    return ph_error_set(
        err, PH_ERR_CONFIG,
        "%s has no position of %s any more, but had: restore them; or pipehost positions set %s "
        "--sink %s --to earliest (or latest; --partition %s/%d for one alone) says where it goes "
        "on, and pipehost positions reset %s --sink %s lets it begin by the startup mode",
        name, p->topic, path, name, p->topic, p->partition, path, name);
}

static int32_t refuse_former(const struct node *sink, const struct ph_partition *p,
                             const char *former, struct ph_error *err)
{
    const char *name = sink->manifest->name;
    return ph_error_set(
        err, PH_ERR_CONFIG,
        "%s has positions of topic %s as source %s read it, which the manifest does not have, and "
        "none of source %s: if that is its new name, name it %s again, else its records come "
        "twice; pipehost positions set %s --sink %s --to earliest (or latest) begins anew",
        name, p->topic, former, p->source, former, sink->job->manifest->path, name);
}

/*
 * Where the sink wants a partition to begin. Partitions are numbered upwards: one above all that
 * the sink knows, and that no earlier run began, is new and begins at its beginning; any other had
 * a position once. While the first positions were being made none is lost. A sink that has none at
 * all of the topic is new, if none were durable before.
 */
static int32_t find_place(const struct node *sink, const struct ph_partition *p, enum place *place,
                          int64_t *start, struct ph_error *err)
{
    const struct job *job = sink->job;
    int32_t highest = highest_known(sink, p);
    *start = position_in(sink, p->id);
    *place = PLACE_STARTUP;
    if (*start < 0 && highest < 0 && begun_has_topic_in(sink, p)) {
        return refuse_all_lost(sink, p, err);
    }
    const char *former = former_source(sink, p->topic);
    if (*start < 0 && highest < 0 && former != NULL) {
        return refuse_former(sink, p, former, err);
    }
    if (*start >= 0 || highest < 0) {
        *place = *start >= 0 ? PLACE_SINKS : PLACE_STARTUP;
        return PH_OK;
    }
    bool is_new = p->partition > highest && !job->has_begun[p->id];
    if (job->seeding_was_interrupted && !(is_new && begun_has_topic(job, p))) {
        *place = PLACE_STARTUP;
        return PH_OK;
    }
    *place = PLACE_NEW;
    *start = 0;
    return is_new ? PH_OK : refuse_lost(sink, p, highest, err);
}

/* The least of the sinks' positions. Of two that agree on the offset either knows the record. */
static void take_start(struct ph_position *start, const struct node *sink, int64_t at)
{
    const struct ph_partition *p = sink->job->partitions.items[start->partition_id];
    uint32_t fingerprint =
        sink_task_driver(sink->tasks[lane_of(sink, p)])->fingerprints[start->partition_id];
    if (at >= 0 && at < start->next_offset) {
        start->next_offset = at;
        start->fingerprint = fingerprint;
    } else if (at == start->next_offset && start->fingerprint == 0) {
        start->fingerprint = fingerprint;
    }
}

/* Fills job->starts for one partition as far as the sinks say. */
static int32_t start_from_sinks(struct job *job, const struct ph_partition *p, enum place *place,
                                struct ph_error *err)
{
    bool any = false;
    struct ph_position *start = &job->starts[p->id];
    *start = (struct ph_position){.partition_id = p->id, .next_offset = INT64_MAX};
    *place = PLACE_SINKS;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        enum place own;
        int64_t at;
        if (node_kind(n) != PH_KIND_SINK || !n->keeps_positions || !feeds(p, n)) {
            continue;
        }
        if (find_place(n, p, &own, &at, err) != PH_OK) {
            return PH_ERROR;
        }
        any = true;
        *place = own > *place ? own : *place;
        take_start(start, n, at);
    }
    *place = any ? *place : PLACE_STARTUP;
    return PH_OK;
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
        if (offsets[i] < job->starts[id].next_offset) {
            job->starts[id] = (struct ph_position){.partition_id = id, .next_offset = offsets[i]};
        }
    }
    free(offsets);
    return rc;
}

/* How many partitions of a source begin in each way. */
struct counts {
    uint32_t of[PLACE_STARTUP + 1];
};

/* The partitions that some sink knows nothing of, into unknown. */
static int32_t list_unknown(struct task *source, struct ph_partition *unknown,
                            struct counts *counts, struct ph_error *err)
{
    struct job *job = source->job;
    *counts = (struct counts){{0}};
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        const struct ph_partition *p = job->partitions.items[id];
        enum place place;
        if (source_of(job, p) != source->node) {
            continue;
        }
        job->resolved[id] = 0;
        if (start_from_sinks(job, p, &place, err) != PH_OK) {
            return PH_ERROR;
        }
        if (place == PLACE_STARTUP) {
            unknown[counts->of[PLACE_STARTUP]] = *p;
        }
        counts->of[place]++;
    }
    return PH_OK;
}

static void log_starts(const struct task *source, const struct counts *counts)
{
    static const char *const words[PLACE_STARTUP + 1][2] = {
        [PLACE_SINKS] = {"partition goes on where its sinks stand",
                         "partitions go on where their sinks stand"},
        [PLACE_NEW] = {"new partition begins at its beginning",
                       "new partitions begin at their beginning"},
        [PLACE_STARTUP] = {"partition begins anew", "partitions begin anew"},
    };
    char text[192] = "there are no partitions";
    size_t length = 0;
    for (uint32_t i = 0; i <= PLACE_STARTUP; i++) {
        uint32_t n = counts->of[i];
        if (n > 0) {
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%u %s",
                                       length > 0 ? ", " : "", n, words[i][n > 1]);
        }
    }
    log_write(PH_LOG_INFO, source->node->manifest->name, "%s", text);
}

int32_t positions_resolve(struct task *source, struct ph_error *err)
{
    struct ph_partition *unknown = calloc(source->job->partitions.count + 1u, sizeof *unknown);
    struct counts n;
    if (unknown == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for partitions");
    }
    int32_t rc = list_unknown(source, unknown, &n, err);
    if (rc == PH_OK && n.of[PLACE_STARTUP] > 0) {
        rc = ask_source(source, unknown, n.of[PLACE_STARTUP], err);
    }
    if (rc == PH_OK) {
        log_starts(source, &n);
    }
    free(unknown);
    return rc;
}

int32_t positions_seed(struct task *sink, uint32_t *count, struct ph_error *err)
{
    struct job *job = sink->job;
    struct sink_driver *d = sink_task_driver(sink);
    *count = 0;
    if (!sink->node->keeps_positions) {
        return PH_OK;
    }
    struct ph_position *seeds = calloc(d->partition_count + 1u, sizeof *seeds);
    if (seeds == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    for (uint32_t i = 0; i < d->partition_count; i++) {
        const struct ph_partition *p = d->partitions[i];
        if (position_in(sink->node, p->id) < 0) {
            seeds[(*count)++] =
                (struct ph_position){.partition_id = p->id, .next_offset = job->resolved[p->id]};
        }
    }
    if (*count > 0) {
        sink_driver_seed(d, seeds, *count);
    }
    free(seeds);
    return PH_OK;
}

/* Again after a failure: it goes on behind the partitions that were started, always in one order.
 */
int32_t positions_start(struct task *source, struct ph_error *err)
{
    struct job *job = source->job;
    uint32_t nth = 0;
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        const struct ph_partition *p = job->partitions.items[id];
        if (source_of(job, p) != source->node || lane_of(source->node, p) != source->pub.lane) {
            continue;
        }
        if (nth++ < source->started_count) {
            continue;
        }
        int32_t rc = source_task_start(source, p, err);
        if (rc != PH_OK) {
            return rc;
        }
        source->started_count++;
        log_write(PH_LOG_DEBUG, source->node->manifest->name, "%s/%d begins at offset %lld",
                  p->topic, p->partition, (long long)job->starts[id].next_offset);
    }
    return PH_OK;
}

/* ---- one partition that was found while running ---- */

static void offer(struct task *t, const struct ph_partition *p)
{
    atomic_store(&t->offered, p);
    waiter_wake(&t->worker->waiter);
}

void positions_offer_sinks(struct job *job, const struct ph_partition *p)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        if (node_kind(n) == PH_KIND_SINK && feeds(p, n)) {
            offer(n->tasks[lane_of(n, p)], p);
        }
    }
}

bool positions_are_durable(const struct job *job, const struct ph_partition *p)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        if (n->keeps_positions && feeds(p, n) && position_in(n, p->id) < 0) {
            return false;
        }
    }
    return true;
}

int64_t positions_least(const struct job *job, const struct ph_partition *p)
{
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < job->node_count; i++) {
        const struct node *n = &job->nodes[i];
        if (n->keeps_positions && feeds(p, n)) {
            int64_t at = position_in(n, p->id);
            least = at < least ? at : least;
        }
    }
    return least == INT64_MAX ? 0 : least;
}

static struct task *reader_of(const struct job *job, const struct ph_partition *p)
{
    const struct node *source = source_of(job, p);
    return source->tasks[lane_of(source, p)];
}

void positions_offer_source(struct job *job, const struct ph_partition *p)
{
    offer(reader_of(job, p), p);
}

bool positions_is_started(const struct job *job, const struct ph_partition *p)
{
    return atomic_load(&reader_of(job, p)->offered) == NULL;
}
