/* SPDX-License-Identifier: Apache-2.0 */
/** A source's records, read and decoded as a run would, with nobody behind them. [control] */
#ifndef JOB_SAMPLE_H
#define JOB_SAMPLE_H

#include "job/check.h"

/**
 * Reads from where the startup mode says, and from a little before where nothing comes. The task is
 * active. PH_ERROR: r->error says why the source cannot be read, or that no record can be decoded.
 */
__attribute__((warn_unused_result)) int32_t sample_source(struct task *source,
                                                          struct check_result *r);

#endif
