/* SPDX-License-Identifier: Apache-2.0 */
/** What a task counts, in the order of the descriptor's table. */
#ifndef GEOLOCATE_COUNTERS_H
#define GEOLOCATE_COUNTERS_H

#include "outcome.h"
#include "pipehost/pipehost.h"

enum counter {
    COUNTER_REQUESTS,
    COUNTER_RETRIES,
    COUNTER_IN_FLIGHT,
    COUNTER_CACHE_HITS,
    COUNTER_COALESCED,
    COUNTER_SKIPPED_PRIVATE,
    COUNTER_SKIPPED_NOT_ADDRESS,
    COUNTER_CACHE_EVICTIONS,
    COUNTER_QUOTA_PAUSES,
    COUNTER_RATE_PAUSES,
    COUNTER_PAUSED,
    COUNTER_QUOTA_LEFT,
    COUNTER_CACHE_FILE_LOADED,
    COUNTER_CACHE_FILE_WRITTEN,
    COUNTER_CACHE_FILE_LOST,
    COUNTER_FIRST_OUTCOME, /**< one for each enum outcome from here on */
    COUNTER_COUNT = COUNTER_FIRST_OUTCOME + OUTCOME_COUNT
};

extern const struct ph_counter counters_table[COUNTER_COUNT];

#endif
