/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether an operator could do its work: it connects, looks, and disconnects. A source decodes some
 * records, a plugin with pipehost.check/1 says what it finds. Nothing is claimed, committed or
 * written, and state_dir is not touched. For a job prepared with keeps_nothing and row_limit =
 * CHECK_RECORDS. Operators are checked side by side, so that services that are away are waited for
 * once. [control]
 */
#ifndef JOB_CHECK_H
#define JOB_CHECK_H

#include "base/buf.h"
#include "job/job.h"

#define CHECK_RECORDS 5u

struct check_result {
    struct ph_error error; /**< set = what is wrong */
    char text[512];        /**< what was found */
    struct buf records;    /**< of a source: rows as JSON, each with a line break */
    uint32_t record_count;
    int32_t rc;
    struct node *node;
    pthread_t thread;
    bool has_thread;
};

void check_result_init(struct check_result *r);
void check_result_fini(struct check_result *r);

/** Begins to look at an operator, on a thread of its own. check_end must follow. */
void check_begin(struct check_result *r, struct node *n);
/** Waits for what was found. PH_ERROR: r->error is set, its key a pointer below the operator's
 * config. */
__attribute__((warn_unused_result)) int32_t check_end(struct check_result *r);

#endif
