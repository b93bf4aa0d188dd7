/* SPDX-License-Identifier: Apache-2.0 */
#include "job/kept.h"

#include "job/reach.h"

#include <stdlib.h>

/* ---- reading ---- */

void kept_fini(struct kept *k)
{
    for (uint32_t i = 0; i < k->count; i++) {
        free(k->items[i].owner);
    }
    free(k->items);
    *k = (struct kept){.items = NULL};
}

const struct kept_position *kept_find(const struct kept *k, uint32_t id)
{
    for (uint32_t i = 0; i < k->count; i++) {
        if (k->items[i].id == id) {
            return &k->items[i];
        }
    }
    return NULL;
}

struct reading {
    struct ph_kept_positions pub;
    struct job *job;
    struct kept *kept;
    struct ph_error *err;
};

static int32_t add(struct ph_kept_positions *list, const struct ph_kept_position *p)
{
    struct reading *r = list->host_data;
    struct kept *k = r->kept;
    if (k->count == k->capacity) {
        uint32_t capacity = k->capacity == 0 ? 16 : k->capacity * 2;
        struct kept_position *items = realloc(k->items, capacity * sizeof *items);
        if (items == NULL) {
            return ph_error_set(r->err, PH_ERR_FATAL, "out of memory for positions");
        }
        k->items = items;
        k->capacity = capacity;
    }
    struct kept_position *item = &k->items[k->count];
    *item = (struct kept_position){.fingerprint = p->fingerprint,
                                   .next_offset = p->next_offset,
                                   .fence = p->fence,
                                   .moved_ms = p->moved_ms,
                                   .owner = strdup(p->owner)};
    if (item->owner == NULL) {
        return ph_error_set(r->err, PH_ERR_FATAL, "out of memory for positions");
    }
    k->count++;
    return partitions_add(&r->job->partitions, p->source, p->topic, p->partition, p->cluster,
                          &item->id, r->err);
}

static int32_t add_of_ledger(void *arg, const char *source, const char *topic, int32_t partition,
                             const struct ph_position *position)
{
    struct reading *r = arg;
    struct ph_kept_position p = {.size = (uint32_t)sizeof p,
                                 .fingerprint = position->fingerprint,
                                 .source = source,
                                 .topic = topic,
                                 .cluster = "",
                                 .partition = partition,
                                 .next_offset = position->next_offset,
                                 .fence = -1,
                                 .owner = "",
                                 .moved_ms = -1};
    return add(&r->pub, &p);
}

/* ---- the sink's own ---- */

static const struct ph_positions_ops *ops_of(const struct node *sink, struct ph_error *err)
{
    const struct ph_positions_ops *ops =
        sink->plugin->ops.get_extension(sink->op, PH_EXTENSION_POSITIONS);
    if (ops == NULL || ops->list == NULL || ops->set == NULL || ops->rename == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL,
                           "the plugin keeps its positions itself and does not show them");
        return NULL;
    }
    return ops;
}

static int32_t connect(struct node *n, struct ph_error *err)
{
    struct task *t = n->tasks[0];
    t->active = true;
    if (n->plugin->ops.activate(t->object, err) == PH_OK) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_FATAL, "activate failed without saying why");
}

static void disconnect(struct node *n)
{
    struct task *t = n->tasks[0];
    n->plugin->ops.deactivate(t->object);
    t->active = false;
}

static int32_t failed(int32_t rc, struct ph_error *err)
{
    return rc == PH_OK ? PH_OK : ph_error_set(err, PH_ERR_FATAL, "failed without saying why");
}

int32_t kept_read(struct node *sink, struct kept *k, struct ph_error *err)
{
    struct reading r = {.pub = {.size = (uint32_t)sizeof r.pub, .add = add},
                        .job = sink->job,
                        .kept = k,
                        .err = err};
    r.pub.host_data = &r;
    if (sink->ledger != NULL) {
        return failed(ledger_look(sink->ledger, add_of_ledger, &r, err), err);
    }
    const struct ph_positions_ops *ops = ops_of(sink, err);
    if (ops == NULL) {
        return PH_ERROR;
    }
    int32_t rc = connect(sink, err);
    if (rc == PH_OK) {
        rc = ops->list(sink->tasks[0]->object, sink->job->manifest->pipeline, &r.pub, err);
    }
    disconnect(sink);
    return failed(rc, err);
}

/* ---- the source ---- */

struct found {
    struct ph_partition_list pub;
    struct node *source;
    struct ph_error *err;
};

static int32_t add_found(struct ph_partition_list *list, const char *topic, int32_t partition,
                         const char *cluster)
{
    struct found *f = list->host_data;
    struct partitions *table = &f->source->job->partitions;
    uint32_t id;
    return partitions_add(table, f->source->manifest->name, topic, partition, cluster, &id, f->err);
}

static int32_t resolve_listed(struct node *source, struct ph_partition *own, int64_t *offsets,
                              struct ph_error *err)
{
    struct job *job = source->job;
    uint32_t count = 0;
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        if (strcmp(job->partitions.items[id]->source, source->manifest->name) == 0) {
            own[count++] = *job->partitions.items[id];
        }
    }
    int32_t rc = PH_OK;
    if (count > 0) {
        rc = source->plugin->source.resolve(source->tasks[0]->object, own, count, offsets, err);
    }
    for (uint32_t i = 0; rc == PH_OK && i < count; i++) {
        job->resolved[own[i].id] = offsets[i];
    }
    return rc;
}

static int32_t resolve_found(struct node *source, struct ph_error *err)
{
    uint32_t count = source->job->partitions.count;
    struct ph_partition *own = calloc(count + 1u, sizeof *own);
    int64_t *offsets = calloc(count + 1u, sizeof *offsets);
    int32_t rc = own != NULL && offsets != NULL
                     ? resolve_listed(source, own, offsets, err)
                     : ph_error_set(err, PH_ERR_FATAL, "out of memory for partitions");
    free(own);
    free(offsets);
    return rc;
}

int32_t kept_resolve(struct node *source, struct ph_error *err)
{
    struct found f = {
        .pub = {.size = (uint32_t)sizeof f.pub, .add = add_found}, .source = source, .err = err};
    f.pub.host_data = &f;
    int32_t rc = connect(source, err);
    if (rc == PH_OK) {
        rc = source->plugin->source.partitions(source->tasks[0]->object, &f.pub, err);
    }
    if (rc == PH_OK) {
        rc = resolve_found(source, err);
    }
    disconnect(source);
    return failed(rc, err);
}

bool kept_feeds(const struct node *sink, const struct ph_partition *p)
{
    const struct node *source = job_find_node(sink->job, p->source);
    return source != NULL && reach_has(sink->job, source, sink);
}

/* ---- changing ---- */

/* Either all are forgotten or none is: nobody asks for both at once. */
static int32_t set_in_ledger(struct node *sink, const struct ph_partition *partitions,
                             const struct ph_position *positions, uint32_t count,
                             struct ph_error *err)
{
    struct ph_position now = {.next_offset = -1};
    if (count > 0 && positions[0].next_offset < 0) {
        return ledger_forget(sink->ledger, partitions, count, err);
    }
    if (count == 0 || ledger_read(sink->ledger, partitions, 1, &now, err) != PH_OK) {
        return count == 0 ? PH_OK : PH_ERROR;
    }
    return ledger_write(sink->ledger, &sink->job->partitions, positions, count, err);
}

static int32_t set_in_sink(struct node *sink, const struct ph_partition *partitions,
                           const struct ph_position *positions, uint32_t count,
                           struct ph_error *err)
{
    const struct ph_positions_ops *ops = ops_of(sink, err);
    if (ops == NULL) {
        return PH_ERROR;
    }
    int32_t rc = connect(sink, err);
    if (rc == PH_OK) {
        rc = ops->set(sink->tasks[0]->object, partitions, positions, count, err);
    }
    disconnect(sink);
    return rc;
}

int32_t kept_set(struct node *sink, const struct ph_position *positions, uint32_t count,
                 struct ph_error *err)
{
    struct ph_partition *partitions = calloc(count + 1u, sizeof *partitions);
    if (partitions == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for partitions");
    }
    for (uint32_t i = 0; i < count; i++) {
        partitions[i] = *sink->job->partitions.items[positions[i].partition_id];
    }
    int32_t rc = sink->ledger != NULL ? set_in_ledger(sink, partitions, positions, count, err)
                                      : set_in_sink(sink, partitions, positions, count, err);
    free(partitions);
    return failed(rc, err);
}

int32_t kept_rename(struct node *sink, const char *from, struct ph_error *err)
{
    const struct job *job = sink->job;
    if (sink->ledger != NULL) {
        return ph_error_set(
            err, PH_ERR_CONFIG,
            "its positions are in the file %s.positions of the state_dir of \"%s\": "
            "move that file to %s",
            sink->manifest->name, from, job->manifest->state_dir);
    }
    const struct ph_positions_ops *ops = ops_of(sink, err);
    if (ops == NULL) {
        return PH_ERROR;
    }
    int32_t rc = connect(sink, err);
    if (rc == PH_OK) {
        rc = ops->rename(sink->tasks[0]->object, from, err);
    }
    disconnect(sink);
    return failed(rc, err);
}
