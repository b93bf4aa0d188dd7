/* SPDX-License-Identifier: Apache-2.0 */
/** The line of statistics every ten seconds, and the one at the end. [control] */
#ifndef JOB_REPORT_H
#define JOB_REPORT_H

#include "job/job.h"

#define REPORT_INTERVAL_NS (10 * CLOCK_NS_PER_S)

struct report {
    int64_t started_ns;
    int64_t last_ns;
    uint64_t last_in;
    uint64_t last_out;
};

void report_init(struct report *r);
/** Rates since the last line. */
void report_write(struct report *r, struct job *job);
/** Totals since the start. */
void report_write_end(struct report *r, struct job *job, bool drained);

#endif
