/* SPDX-License-Identifier: Apache-2.0 */
/** A snapshot as JSON. */
#ifndef STATS_JSON_H
#define STATS_JSON_H

#include "base/buf.h"
#include "stats/snapshot.h"

/** The whole snapshot as one object: what `pipehost status --json` prints. */
void stats_json(struct buf *b, const struct stats *s);

/** The members of an operator's rates and totals, without braces and without its name. */
void stats_json_operator(struct buf *b, const struct stats_operator *o);

/** Members: what it waits for, the service's code, how long, and when it tries again. */
void stats_json_waiting(struct buf *b, const struct stats_operator *o, int64_t now_ns);
/** {"name":value,...} of the plugin's counters; with `only_counted`, of those that are not 0. */
void stats_json_counters(struct buf *b, const struct stats_operator *o, bool only_counted);

#endif
