/* SPDX-License-Identifier: Apache-2.0 */
/** A task's time of trouble: when to try again, and what the log says meanwhile. */
#ifndef JOB_TROUBLE_H
#define JOB_TROUBLE_H

#include "delivery/backoff.h"
#include "pipehost/error.h"

struct task;

struct trouble {
    struct backoff backoff;
    int64_t retry_ns; /**< when to try again, 0 = there is no trouble */
    int64_t since_ns;
    int64_t told_ns;
};

/** Counts a failure and sets retry_ns. [worker] */
void trouble_begin(struct task *t, struct trouble *r, const struct ph_error *why);
/** The same where the caller decides when to try again. [worker] */
void trouble_tell(struct task *t, struct trouble *r, const struct ph_error *why, int64_t wait_ns);
/** It works again; cheap where there was no trouble. [worker] */
void trouble_end(struct task *t, struct trouble *r);

#endif
