/* SPDX-License-Identifier: Apache-2.0 */
/** Waiting times between tries: doubling from 100 ms to 30 s, each drawn between half and the whole
 * of the step. */
#ifndef DELIVERY_BACKOFF_H
#define DELIVERY_BACKOFF_H

#include "base/clock.h"

#define BACKOFF_FIRST_NS (100 * CLOCK_NS_PER_MS)
#define BACKOFF_LAST_NS  (30 * CLOCK_NS_PER_S)

struct backoff {
    uint32_t tries; /**< failures in a row */
};

static inline void backoff_reset(struct backoff *b)
{
    b->tries = 0;
}

/** Counts a failure; answers how long to wait before the next try. */
static inline int64_t backoff_next_ns(struct backoff *b, uint64_t random)
{
    int64_t step = BACKOFF_LAST_NS;
    if (b->tries < 9) {
        step = BACKOFF_FIRST_NS << b->tries;
    }
    if (step > BACKOFF_LAST_NS) {
        step = BACKOFF_LAST_NS;
    }
    b->tries++;
    return step / 2 + (int64_t)(random % (uint64_t)(step / 2 + 1));
}

#endif
