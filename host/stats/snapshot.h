/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A running pipeline as numbers: what log lines, the live view, `pipehost status` and the metrics
 * page all show. Plain data, taken and read by one thread; it is filled by job/measure.c.
 *
 * The time of an operator has three shares. Busy: its code ran. Backpressured: it had something and
 * could not go on, because of what lies behind it (an operator, memory that is held there, the
 * service that a sink writes to). Idle: the rest, mostly a wait for input.
 */
#ifndef STATS_SNAPSHOT_H
#define STATS_SNAPSHOT_H

#include "pipehost/abi.h"

#define STATS_WAITING_SIZE 256u
#define STATS_CODE_SIZE    24u

enum stats_kind { STATS_SOURCE, STATS_UDF, STATS_SINK };
enum stats_state { STATS_STARTING, STATS_RUNNING, STATS_DRAINING, STATS_STOPPING };

/** A counter or gauge that a plugin declares, summed over lanes. */
struct stats_counter {
    const char *name; /**< unit last */
    const char *doc;
    bool is_gauge;
    int64_t value;
};

/** A gauge below 0 says that its value is unknown: it is shown nowhere. */
static inline bool stats_counter_is_known(const struct stats_counter *c)
{
    return !c->is_gauge || c->value >= 0;
}

/** Since the start, summed over lanes; never goes back. */
struct stats_totals {
    uint64_t in;        /**< records that a source read, rows that others took */
    uint64_t out;       /**< rows passed on; of a sink: rows made durable */
    uint64_t batches;   /**< taken in; a source has none */
    uint64_t set_aside; /**< records and rows that did not go on, by on_error's policy */
    int64_t busy_ns;
    int64_t backpressured_ns;
};

struct stats_operator {
    const char *name;
    const char *plugin; /**< its id */
    enum stats_kind kind;
    uint32_t lanes;
    struct stats_totals totals;
    int64_t lag_records; /**< what a source says that it has still to read, -1 = unknown */
    char waiting[STATS_WAITING_SIZE];   /**< what it waits for, with the error; "" = for nothing */
    char waiting_code[STATS_CODE_SIZE]; /**< the service's own code for it, "" = none */
    int64_t waiting_since_ns;           /**< monotonic; 0 = not known */
    int64_t retry_ns;                   /**< when it tries again, monotonic */
    struct stats_counter *counters;
    uint32_t counter_count;
    double in_per_s; /**< these five: stats_rates */
    double out_per_s;
    double busy; /**< shares of the time, 0..1, their sum is 1 */
    double backpressured;
    double idle;
};

struct stats {
    const char *pipeline;
    enum stats_state state;
    int64_t pid;
    int64_t started_ns; /**< monotonic */
    int64_t taken_ns;
    uint64_t in;        /**< records that the sources read */
    uint64_t committed; /**< rows that the sinks made durable */
    uint64_t set_aside; /**< by all operators */
    double in_per_s;    /**< these two: stats_rates */
    double committed_per_s;
    struct stats_operator *operators;
    uint32_t operator_count;
};

/** What rates are reckoned from: the totals of an earlier moment. */
struct stats_base {
    int64_t taken_ns;
    struct stats_totals *totals; /**< of each operator */
};

/** Zeroed, with room for so many operators; null = out of memory. Names are borrowed. */
struct stats *stats_create(uint32_t operator_count);
void stats_destroy(struct stats *s);
/** Room for the counters of an operator; false = out of memory. */
__attribute__((warn_unused_result)) bool stats_add_counters(struct stats_operator *o,
                                                            uint32_t count);

/** Begins at s's start, with nothing counted; false = out of memory. */
__attribute__((warn_unused_result)) bool stats_base_init(struct stats_base *b,
                                                         const struct stats *s);
void stats_base_fini(struct stats_base *b);
void stats_base_set(struct stats_base *b, const struct stats *s);

/** Fills the sums of s, then its rates and shares since b. */
void stats_rates(struct stats *s, const struct stats_base *b);

#define STATS_WAITING_LINE_SIZE (STATS_WAITING_SIZE + STATS_CODE_SIZE + 64u)
/** What it waits for, as people read it: "57P03, 14 s, next try in 2 s: why". */
void stats_waiting_line(const struct stats_operator *o, int64_t now_ns,
                        char out[STATS_WAITING_LINE_SIZE]);

const char *stats_kind_name(enum stats_kind kind);
const char *stats_state_name(enum stats_state state);

#endif
