/* SPDX-License-Identifier: Apache-2.0 */
#include "job/letters.h"

#include "base/clock.h"
#include "job/tasks.h"

#include <stdlib.h>

#define CODE_SIZE   32
#define REASON_SIZE 512
/* What may wait of one task; more of it stops the pipeline, whose next start reads it again. */
#define WAITING_MAX_BYTES ((uint64_t)64 * 1024 * 1024)

struct waiting_letter {
    struct waiting_letter *next;
    struct task_row
        row; /* whose value and key stand below, and whose partition is the pipeline's */
    char code[CODE_SIZE];
    char reason[REASON_SIZE];
    uint8_t bytes[];
};

void letters_fini(struct letters *l)
{
    while (l->first != NULL) {
        struct waiting_letter *w = l->first;
        l->first = w->next;
        free(w);
    }
    *l = (struct letters){0};
}

static uint64_t size_of(const struct task_row *row)
{
    return sizeof(struct waiting_letter) + row->value.length + row->key.length;
}

/* Null for bytes that are not there. */
static const uint8_t *copy(uint8_t *to, struct ph_bytes from)
{
    if (from.data == NULL) {
        return NULL;
    }
    memcpy(to, from.data, from.length);
    return to;
}

static int32_t keep(struct letters *l, const struct task_row *row, const char *code,
                    const char *reason, struct ph_error *err)
{
    uint64_t size = size_of(row);
    if (l->bytes + size > WAITING_MAX_BYTES) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "more than %llu MiB of dead letters wait for their file",
                            (unsigned long long)(WAITING_MAX_BYTES >> 20));
    }
    struct waiting_letter *w = calloc(1, size);
    if (w == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a dead letter");
    }
    w->row = *row;
    (void)snprintf(w->code, sizeof w->code, "%s", code);
    (void)snprintf(w->reason, sizeof w->reason, "%s", reason);
    w->row.value.data = copy(w->bytes, row->value);
    w->row.key.data = copy(w->bytes + row->value.length, row->key);
    if (l->last != NULL) {
        l->last->next = w;
    } else {
        l->first = w;
    }
    l->last = w;
    l->bytes += size;
    return PH_OK;
}

int32_t letters_add(struct task *t, struct letters *l, const struct task_row *row, const char *code,
                    const char *reason, struct ph_error *err)
{
    struct ph_error own;
    ph_error_clear(&own);
    if (!letters_are_waiting(l)) {
        if (task_set_aside(t, row, code, reason, &own) == PH_OK) {
            return PH_OK;
        }
        if ((own.flags & PH_ERR_RETRIABLE) == 0) {
            return ph_error_set(err, own.flags, "%s", own.text);
        }
        trouble_begin(t, &l->trouble, &own);
    }
    return keep(l, row, code, reason, err);
}

int32_t letters_add_row(struct task *t, struct letters *l, const struct ph_batch *batch,
                        uint32_t row, const char *code, const char *reason, struct ph_error *err)
{
    struct task_row r = task_row_of(t, batch, row);
    return letters_add(t, l, &r, code, reason, err);
}

int32_t letters_flush(struct task *t, struct letters *l, struct ph_error *err)
{
    while (l->first != NULL) {
        struct waiting_letter *w = l->first;
        struct ph_error own;
        ph_error_clear(&own);
        if (clock_monotonic_ns() < l->trouble.retry_ns) {
            return PH_MORE;
        }
        if (task_set_aside(t, &w->row, w->code, w->reason, &own) != PH_OK) {
            if ((own.flags & PH_ERR_RETRIABLE) == 0) {
                return ph_error_set(err, own.flags, "%s", own.text);
            }
            trouble_begin(t, &l->trouble, &own);
            return PH_MORE;
        }
        l->first = w->next;
        l->last = l->first == NULL ? NULL : l->last;
        l->bytes -= size_of(&w->row);
        free(w);
    }
    trouble_end(t, &l->trouble);
    return PH_OK;
}

bool letters_have_ended(const struct job *job)
{
    for (uint32_t i = 0; i < job->worker_count; i++) {
        const struct worker *w = job->workers[i];
        if (!w->tasks[0]->node->manifest->is_of_letters && !atomic_load(&w->finished)) {
            return false;
        }
    }
    return true;
}
