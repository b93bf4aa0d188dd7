/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Dead letters of one task that could not be written yet: the disk is full, the folder is away.
 * They are kept, in order, and tried again; until they are written the task hands nothing on that
 * covers their records. [worker]
 */
#ifndef JOB_LETTERS_H
#define JOB_LETTERS_H

#include "job/trouble.h"
#include "pipehost/batch.h"
#include "pipehost/error.h"

struct job;
struct task;
struct task_row;
struct waiting_letter;

struct letters {
    struct waiting_letter *first;
    struct waiting_letter *last;
    uint64_t bytes;
    struct trouble trouble; /**< says when they are tried again */
};

void letters_fini(struct letters *l);

/** Sets a record aside by the task's policy, now or later. PH_ERROR: the pipeline must stop. */
__attribute__((warn_unused_result)) int32_t letters_add(struct task *t, struct letters *l,
                                                        const struct task_row *row,
                                                        const char *code, const char *reason,
                                                        struct ph_error *err);
/** The same for a row of a batch. */
__attribute__((warn_unused_result)) int32_t letters_add_row(struct task *t, struct letters *l,
                                                            const struct ph_batch *batch,
                                                            uint32_t row, const char *code,
                                                            const char *reason,
                                                            struct ph_error *err);

static inline bool letters_are_waiting(const struct letters *l)
{
    return l->first != NULL;
}

/** Tries those that wait, if it is time. PH_OK: none is left; PH_MORE: not before
 * l->trouble.retry_ns; PH_ERROR: the pipeline must stop. */
__attribute__((warn_unused_result)) int32_t letters_flush(struct task *t, struct letters *l,
                                                          struct ph_error *err);
/** Everything has ended but what carries letters to the sink for them: no more are written. [any]
 */
bool letters_have_ended(const struct job *job);

#endif
