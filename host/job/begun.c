/* SPDX-License-Identifier: Apache-2.0 */
#include "job/begun.h"

#include "delivery/ledger.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct ledger *open_ledger(const struct job *job, struct ph_error *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/begun", job->manifest->state_dir);
    struct ledger *l = ledger_create(path);
    if (l == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for the partitions that have begun");
    }
    return l;
}

static int32_t load(struct job *job, struct ledger *l, struct ph_error *err)
{
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        struct ph_position position = {.partition_id = id, .next_offset = -1};
        if (ledger_read(l, job->partitions.items[id], 1, &position, err) != PH_OK) {
            return PH_ERROR;
        }
        job->has_begun[id] = position.next_offset >= 0;
    }
    return PH_OK;
}

static int32_t store(struct job *job, struct ledger *l, struct ph_error *err)
{
    uint32_t count = 0;
    struct ph_position *fresh = calloc(job->partitions.count + 1u, sizeof *fresh);
    if (fresh == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    int32_t rc = load(job, l, err);
    for (uint32_t id = 0; rc == PH_OK && id < job->partitions.count; id++) {
        if (!job->has_begun[id]) {
            fresh[count++] = (struct ph_position){.partition_id = id,
                                                  .next_offset = job->starts[id].next_offset};
        }
    }
    if (rc == PH_OK) {
        rc = ledger_write(l, &job->partitions, fresh, count, err);
    }
    for (uint32_t i = 0; rc == PH_OK && i < count; i++) {
        job->has_begun[fresh[i].partition_id] = true;
    }
    free(fresh);
    return rc;
}

int32_t begun_load(struct job *job, struct ph_error *err)
{
    struct ledger *l = open_ledger(job, err);
    int32_t rc = l == NULL ? PH_ERROR : load(job, l, err);
    ledger_destroy(l);
    return rc;
}

int32_t begun_store(struct job *job, struct ph_error *err)
{
    struct ledger *l = open_ledger(job, err);
    int32_t rc = l == NULL ? PH_ERROR : store(job, l, err);
    ledger_destroy(l);
    return rc;
}

bool begun_has_topic(const struct job *job, const struct ph_partition *p)
{
    for (uint32_t id = 0; id < job->partitions.count; id++) {
        const struct ph_partition *o = job->partitions.items[id];
        if (job->has_begun[id] && strcmp(o->source, p->source) == 0 &&
            strcmp(o->topic, p->topic) == 0) {
            return true;
        }
    }
    return false;
}

int32_t begun_forget(const struct job *job, struct ph_error *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/begun", job->manifest->state_dir);
    if (unlink(path) == 0 || errno == ENOENT) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_FATAL, "%s cannot be removed: %s", path, strerror(errno));
}
