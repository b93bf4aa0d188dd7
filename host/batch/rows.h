/* SPDX-License-Identifier: Apache-2.0 */
/** A set of rows of one batch, for the task that consumes it: what it has rejected, or what it
 * keeps. [worker] */
#ifndef BATCH_ROWS_H
#define BATCH_ROWS_H

#include "batch/batch.h"

#include <string.h>

struct row_set {
    uint32_t count;
    uint64_t words[BATCH_MAX_ROWS / 64];
};

static inline void row_set_clear(struct row_set *set)
{
    memset(set, 0, sizeof *set);
}

static inline bool row_set_has(const struct row_set *set, uint32_t row)
{
    return row < BATCH_MAX_ROWS && ((set->words[row >> 6] >> (row & 63u)) & 1u) != 0;
}

/** False: it was in the set already, or is no row. */
static inline bool row_set_add(struct row_set *set, uint32_t row)
{
    if (row >= BATCH_MAX_ROWS || row_set_has(set, row)) {
        return false;
    }
    set->words[row >> 6] |= UINT64_C(1) << (row & 63u);
    set->count++;
    return true;
}

/** Lists the rows below row_count that are not in the set, ascending; returns how many. rows has
 * room for row_count. */
uint32_t row_set_list_others(const struct row_set *set, uint32_t row_count, uint32_t *rows);

#endif
