/* SPDX-License-Identifier: Apache-2.0 */
/** The lines of statistics every ten seconds, and the summary at the end. [control] */
#ifndef JOB_REPORT_H
#define JOB_REPORT_H

#include "stats/snapshot.h"

#define REPORT_INTERVAL_NS (10 * CLOCK_NS_PER_S)

/** Rates of `s`, which are those since the last report: one line for the pipeline, and one for each
 * operator that worked or waits for something. */
void report_write(const struct stats *s);

/** Totals since the start: one line for each operator and one for the pipeline, or, where the log
 * is JSON (`as_object`), all of it in one object. */
void report_write_end(const struct stats *s, bool drained, bool as_object);

#endif
