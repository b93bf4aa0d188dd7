/* SPDX-License-Identifier: Apache-2.0 */
/** Where partitions end by now, and so what is still to be read. */
#ifndef SOURCE_KAFKA_ENDS_H
#define SOURCE_KAFKA_ENDS_H

#include "client.h"
#include "offsets.h"
#include "slots.h"

struct ends {
    struct client *client;
    struct slots *slots;
    int64_t ask_ns; /**< when ends_ask may ask again */
};

/** [control] */
void ends_init(struct ends *e, struct client *client, struct slots *slots);
/** Records between the slots' positions and the ends that the last answers named, of fetches and of
 * questions; -1: of a partition there was none yet. [worker] */
int64_t ends_lag(const struct ends *e);
/** For a reader that is not polled: asks the broker for the ends, at most once a second; waits for
 * the answer, but not long. Answers a slot whose partition ends below what was read of it already,
 * as two answers in a row said, and what the partition has; or null: nothing is fetched that would
 * tell. [worker] */
const struct slot *ends_ask(struct ends *e, int64_t now_ns, struct offsets_range *range);
/** Asks the same and waits for nothing: all that it is good for is to wake the broker's thread.
 * [worker] */
void ends_nudge(const struct ends *e);

#endif
