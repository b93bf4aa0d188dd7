/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the log says of records that are set aside: one line for an operator's reason at once, then
 * one every ten seconds with how many there were. Thread-safe.
 */
#ifndef JOB_REASONS_H
#define JOB_REASONS_H

#include "pipehost/abi.h"

/** Operators' reasons that are told apart; what comes beyond is counted as one. */
#define REASONS_MAX         64u
#define REASONS_INTERVAL_NS (10 * CLOCK_NS_PER_S)

struct reasons;

/** A record that was set aside; all are borrowed for the call but `operator_name`, which outlives
 * the table. */
struct reason {
    const char *operator_name;
    const char *code;
    const char *text;
    const char *example; /**< which record, and what it looks like */
    bool skipped;        /**< else it became a dead letter */
};

__attribute__((warn_unused_result)) struct reasons *reasons_create(void); /**< null: no memory */
void reasons_destroy(struct reasons *r);
/** Counts a record and tells it, if it is time. [any] */
void reasons_count(struct reasons *r, const struct reason *reason, int64_t now_ns);
/** Tells what was counted and is due, or, with `all`, all of it. [any] */
void reasons_tell(struct reasons *r, int64_t now_ns, bool all);

#endif
