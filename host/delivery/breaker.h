/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Stops a task that sets most of its records aside: more than a share of the last BREAKER_WINDOW,
 * or of an input that ends before, means that the settings are wrong, not the records. Used by one
 * thread.
 */
#ifndef DELIVERY_BREAKER_H
#define DELIVERY_BREAKER_H

#include "pipehost/error.h"

#define BREAKER_WINDOW       1000u
#define BREAKER_LEAST        100u /**< an input that ends with fewer says nothing */
#define BREAKER_CODES        16u
#define BREAKER_EXAMPLES     3u
#define BREAKER_EXAMPLE_SIZE 144u

struct breaker_code {
    char code[24];
    char reason[256];                                      /**< the last one */
    uint32_t count;                                        /**< in the window */
    char examples[BREAKER_EXAMPLES][BREAKER_EXAMPLE_SIZE]; /**< the last ones */
    uint32_t example_count;
};

struct breaker {
    uint32_t percent;             /**< 100 = never trips */
    uint64_t seen;                /**< records of the units of work that are done, good and bad */
    uint64_t ahead;               /**< where the next bad record stands in the running unit */
    uint64_t bad[BREAKER_WINDOW]; /**< ring: the ordinal of each bad record in the window */
    uint8_t bad_codes[BREAKER_WINDOW]; /**< and its index in codes; BREAKER_CODES = not there */
    uint32_t oldest;
    uint32_t bad_count;
    struct breaker_code codes[BREAKER_CODES];
};

void breaker_init(struct breaker *b, uint32_t percent);
/**
 * Bad records are told while a unit of work (a poll, a batch, an epoch) is under way, before it is
 * known how many good ones stand between them: ahead says how many records of the unit stand before
 * the next one, so that the window sees them in their order. Ascending within a unit.
 */
void breaker_place(struct breaker *b, uint64_t ahead);
/** A unit of count records, good and bad, is done. */
void breaker_seen(struct breaker *b, uint64_t count);
/**
 * A record was set aside; example says which, and what it looks like. PH_ERROR: more than the share
 * of the last BREAKER_WINDOW were; err has the commonest reason and its last examples.
 */
__attribute__((warn_unused_result)) int32_t breaker_bad(struct breaker *b, const char *code,
                                                        const char *reason, const char *example,
                                                        struct ph_error *err);
/** The input ends; running: records of the unit that is not done. PH_ERROR: it was shorter than the
 * window, and more than the share of it was set aside. */
__attribute__((warn_unused_result)) int32_t breaker_end(const struct breaker *b, uint64_t running,
                                                        struct ph_error *err);

#endif
