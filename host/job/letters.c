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
    const struct ph_partition *partition; /* the pipeline's */
    int64_t offset;
    char code[CODE_SIZE];
    char reason[REASON_SIZE];
    bool has_value;
    uint32_t value_length;
    uint8_t value[];
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

static int32_t keep(struct letters *l, const struct ph_partition *partition, int64_t offset,
                    const char *code, const char *reason, struct ph_bytes value,
                    struct ph_error *err)
{
    uint64_t size = sizeof(struct waiting_letter) + value.length;
    if (l->bytes + size > WAITING_MAX_BYTES) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "more than %llu MiB of dead letters wait for their file",
                            (unsigned long long)(WAITING_MAX_BYTES >> 20));
    }
    struct waiting_letter *w = calloc(1, size);
    if (w == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for a dead letter");
    }
    w->partition = partition;
    w->offset = offset;
    (void)snprintf(w->code, sizeof w->code, "%s", code);
    (void)snprintf(w->reason, sizeof w->reason, "%s", reason);
    w->has_value = value.data != NULL;
    w->value_length = value.length;
    if (value.data != NULL && value.length > 0) {
        memcpy(w->value, value.data, value.length);
    }
    if (l->last != NULL) {
        l->last->next = w;
    } else {
        l->first = w;
    }
    l->last = w;
    l->bytes += size;
    return PH_OK;
}

int32_t letters_add(struct task *t, struct letters *l, const struct ph_partition *partition,
                    int64_t offset, const char *code, const char *reason, struct ph_bytes value,
                    struct ph_error *err)
{
    struct ph_error own;
    ph_error_clear(&own);
    if (!letters_are_waiting(l)) {
        if (task_set_aside(t, partition, offset, code, reason, value, &own) == PH_OK) {
            return PH_OK;
        }
        if ((own.flags & PH_ERR_RETRIABLE) == 0) {
            return ph_error_set(err, own.flags, "%s", own.text);
        }
        trouble_begin(t, &l->trouble, &own);
    }
    return keep(l, partition, offset, code, reason, value, err);
}

int32_t letters_add_row(struct task *t, struct letters *l, const struct ph_batch *batch,
                        uint32_t row, const char *code, const char *reason, struct ph_error *err)
{
    struct task_row r = task_row_of(t, batch, row);
    return letters_add(t, l, r.partition, r.offset, code, reason, r.value, err);
}

int32_t letters_flush(struct task *t, struct letters *l, struct ph_error *err)
{
    while (l->first != NULL) {
        struct waiting_letter *w = l->first;
        struct ph_bytes value = {.data = w->has_value ? w->value : NULL, .length = w->value_length};
        struct ph_error own;
        ph_error_clear(&own);
        if (clock_monotonic_ns() < l->trouble.retry_ns) {
            return PH_MORE;
        }
        if (task_set_aside(t, w->partition, w->offset, w->code, w->reason, value, &own) != PH_OK) {
            if ((own.flags & PH_ERR_RETRIABLE) == 0) {
                return ph_error_set(err, own.flags, "%s", own.text);
            }
            trouble_begin(t, &l->trouble, &own);
            return PH_MORE;
        }
        l->first = w->next;
        l->last = l->first == NULL ? NULL : l->last;
        l->bytes -= sizeof *w + w->value_length;
        free(w);
    }
    trouble_end(t, &l->trouble);
    return PH_OK;
}
