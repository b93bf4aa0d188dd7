/* SPDX-License-Identifier: Apache-2.0 */
#include "job/preview.h"

#include "base/log.h"
#include "job/tasks.h"

#define TERMINAL "sink-terminal"
#define TOLD_MAX 20u /* records, of each task */

int32_t preview_replace(struct node *sink, struct ph_error *err)
{
    if (registry_find(&sink->job->registry, TERMINAL, NULL, &sink->plugin, err) != PH_OK) {
        return PH_ERROR;
    }
    if (!sink->manifest->is_of_letters) {
        atomic_fetch_add(&sink->job->sinks_to_fill, 1);
    }
    return PH_OK;
}

/* The first `count` rows. Null: no memory now. */
static const struct ph_batch *cut(const struct task *t, const struct ph_batch *batch,
                                  uint32_t count)
{
    uint32_t rows[BATCH_MAX_ROWS];
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = i;
    }
    return batch_gather(t->node->reserve, batch, rows, count, true);
}

static bool take_held(struct task *t, struct preview_sink *p, uint32_t count,
                      const struct ph_batch **batch)
{
    *batch = cut(t, p->held, count);
    if (*batch == NULL) {
        return false;
    }
    batch_release(p->held);
    p->held = NULL;
    p->taken += count;
    return true;
}

bool preview_take(struct task *sink, struct preview_sink *p, const struct ph_batch **batch)
{
    uint32_t input;
    uint64_t left = sink->job->row_limit - p->taken;
    if (sink->job->row_limit == 0) {
        return task_take(sink, batch, &input);
    }
    while (p->held == NULL && task_take(sink, &p->held, &input)) {
        if (p->held != NULL && left > 0 && p->held->row_count > left) {
            break;
        }
        *batch = p->held;
        p->held = NULL;
        if (*batch == NULL || left > 0) {
            p->taken += *batch != NULL ? (*batch)->row_count : 0;
            return true;
        }
        batch_release(*batch);
    }
    return p->held != NULL && take_held(sink, p, (uint32_t)left, batch);
}

void preview_written(struct task *sink, struct preview_sink *p)
{
    struct job *job = sink->job;
    bool has_all = job->row_limit > 0 && !sink->node->manifest->is_of_letters &&
                   count_read(&sink->counts.rows_out) >= job->row_limit;
    if (has_all && !p->is_full) {
        p->is_full = true;
        if (atomic_fetch_sub(&job->sinks_to_fill, 1) == 1) {
            atomic_store(&job->is_satisfied, true);
            job_cancel(job);
        }
    }
}

void preview_fini(struct preview_sink *p)
{
    batch_release(p->held);
    p->held = NULL;
}

void preview_tell(struct task *t, const char *place, const char *code, const char *reason)
{
    uint64_t told = count_read(&t->counts.set_aside);
    if (told >= TOLD_MAX) {
        return; /* the last line has their number */
    }
    log_write(PH_LOG_WARNING, t->node->manifest->name,
              "the record at %s would be set aside (%s: %s)", place, code, reason);
}
