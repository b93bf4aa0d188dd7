/* SPDX-License-Identifier: Apache-2.0 */
#include "job/begun.h"

#include "delivery/ledger.h"
#include "job/former.h"
#include "job/kept.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int32_t begun_path(const struct job *job, const char *sink, char *path, struct ph_error *err)
{
    const char *dir = job->manifest->state_dir;
    int length = sink == NULL ? snprintf(path, PATH_MAX, "%s/begun", dir)
                              : snprintf(path, PATH_MAX, "%s/%s" BEGUN_SUFFIX, dir, sink);
    return length > 0 && length < PATH_MAX
               ? PH_OK
               : ph_error_set(err, PH_ERR_CONFIG, "the path of state_dir is too long");
}

static const char *name_of(const struct node *sink)
{
    return sink == NULL ? NULL : sink->manifest->name;
}

static bool keeps(const struct node *n)
{
    return node_kind(n) == PH_KIND_SINK && n->keeps_positions;
}

static int32_t load(struct job *job, struct ledger *l, bool *has_begun, struct ph_error *err)
{
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        struct ph_position position = {.partition_id = id, .next_offset = -1};
        if (ledger_read(l, job->partitions.items[id], 1, &position, err) != PH_OK) {
            return PH_ERROR;
        }
        has_begun[id] = position.next_offset >= 0;
    }
    return PH_OK;
}

static int32_t store(struct job *job, const struct node *sink, struct ledger *l, bool *has_begun,
                     struct ph_error *err)
{
    uint32_t count = 0;
    struct ph_position *fresh = calloc(job->partitions.count + 1u, sizeof *fresh);
    if (fresh == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    int32_t rc = load(job, l, has_begun, err);
    for (uint32_t id = 0; rc == PH_OK && id < job->partitions.count; id++) {
        bool is_kept = sink == NULL || kept_feeds(sink, job->partitions.items[id]);
        if (is_kept && !has_begun[id]) {
            fresh[count++] = (struct ph_position){.partition_id = id,
                                                  .next_offset = job->starts[id].next_offset};
        }
    }
    if (rc == PH_OK) {
        rc = ledger_write(l, &job->partitions, fresh, count, err);
    }
    for (uint32_t i = 0; rc == PH_OK && i < count; i++) {
        has_begun[fresh[i].partition_id] = true;
    }
    free(fresh);
    return rc;
}

/* One file: that of a sink, or of the pipeline where sink is null. */
static int32_t work_on(struct job *job, struct node *sink, bool stores, struct ph_error *err)
{
    char path[PATH_MAX];
    bool *has_begun = sink != NULL ? sink->has_begun : job->has_begun;
    if (begun_path(job, name_of(sink), path, err) != PH_OK) {
        return PH_ERROR;
    }
    struct ledger *l = ledger_create(path);
    if (l == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for the partitions that have begun");
    }
    int32_t rc = stores ? store(job, sink, l, has_begun, err) : load(job, l, has_begun, err);
    if (rc == PH_OK && !stores && sink != NULL) {
        rc = former_find(sink, l, err);
    }
    ledger_destroy(l);
    return rc;
}

static int32_t work_on_all(struct job *job, bool stores, struct ph_error *err)
{
    int32_t rc = work_on(job, NULL, stores, err);
    for (uint32_t i = 0; rc == PH_OK && i < job->node_count; i++) {
        rc = keeps(&job->nodes[i]) ? work_on(job, &job->nodes[i], stores, err) : PH_OK;
    }
    return rc;
}

int32_t begun_load(struct job *job, struct ph_error *err)
{
    int32_t rc = work_on_all(job, false, err);
    if (rc == PH_OK) {
        former_warn(job);
    }
    return rc;
}

int32_t begun_store(struct job *job, struct ph_error *err)
{
    return work_on_all(job, true, err);
}

static bool has_topic(const struct job *job, const bool *has_begun, const struct ph_partition *p)
{
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        const struct ph_partition *o = job->partitions.items[id];
        if (has_begun[id] && strcmp(o->source, p->source) == 0 && strcmp(o->topic, p->topic) == 0) {
            return true;
        }
    }
    return false;
}

bool begun_has_topic(const struct job *job, const struct ph_partition *p)
{
    return has_topic(job, job->has_begun, p);
}

bool begun_has_topic_in(const struct node *sink, const struct ph_partition *p)
{
    return has_topic(sink->job, sink->has_begun, p);
}

int32_t begun_forget(const struct job *job, const struct node *sink, struct ph_error *err)
{
    char path[PATH_MAX];
    if (begun_path(job, name_of(sink), path, err) != PH_OK) {
        return PH_ERROR;
    }
    if (unlink(path) == 0 || errno == ENOENT) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_FATAL, "%s cannot be removed: %s", path, strerror(errno));
}
