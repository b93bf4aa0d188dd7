/* SPDX-License-Identifier: Apache-2.0 */
/** The control thread's look at its job: a snapshot each second, and who gets to see it. [control]
 */
#ifndef JOB_OVERVIEW_H
#define JOB_OVERVIEW_H

#include "job/measure.h"
#include "job/run.h"

struct overview {
    struct job *job;
    const struct job_run_options *options;
    struct stats *stats;
    struct stats_base second; /**< of the last second, which the live view and status show */
    struct stats_base lines;  /**< of the last lines in the log */
    int64_t next_second_ns;
    int64_t next_lines_ns;
};

/** False = out of memory; fini is due in both cases. */
__attribute__((warn_unused_result)) bool overview_init(struct overview *o, struct job *job,
                                                       const struct job_run_options *options);
void overview_fini(struct overview *o);

/** When overview_serve has something to do at the latest, monotonic. */
int64_t overview_due_ns(const struct overview *o);
void overview_serve(struct overview *o, bool started);
/** The summary, when no worker runs any more. */
void overview_end(struct overview *o, bool drained);

#endif
