/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdio.h>
#include <string.h>

struct tally_reason *tally_find(struct tally *t, const char *sqlstate)
{
    struct tally_reason *reason = &t->reasons[TALLY_REASONS - 1];
    for (uint32_t i = 0; i < TALLY_REASONS; i++) {
        struct tally_reason *r = &t->reasons[i];
        if (r->sqlstate[0] == '\0' || strncmp(r->sqlstate, sqlstate, sizeof r->sqlstate - 1) == 0) {
            reason = r;
            break;
        }
    }
    (void)snprintf(reason->sqlstate, sizeof reason->sqlstate, "%s", sqlstate);
    return reason;
}

void tally_place(struct tally_reason *r, struct tally_place place)
{
    for (uint32_t i = 0; i < r->place_count; i++) {
        if (r->places[i].partition_id == place.partition_id &&
            r->places[i].offset == place.offset) {
            return; /* the epoch is written again */
        }
    }
    if (r->place_count < TALLY_PLACES) {
        r->places[r->place_count++] = place;
    }
}

uint64_t tally_refused(struct tally *t, const char *sqlstate, uint64_t count)
{
    struct tally_reason *reason = tally_find(t, sqlstate);
    t->refused += count;
    reason->count += count;
    return reason->count;
}

void tally_take_back(struct tally *t, const char *sqlstate, uint64_t count)
{
    t->refused -= count;
    tally_find(t, sqlstate)->count -= count;
}

void tally_begin(struct tally *t)
{
    memset(t, 0, sizeof *t);
}

void tally_taken(struct tally *t, uint64_t rows)
{
    t->taken += rows;
    if (t->taken + t->refused >= TALLY_LEAST) {
        tally_begin(t);
    }
}

bool tally_is_too_many(uint64_t count, uint64_t rows, int64_t percent)
{
    return rows >= TALLY_LEAST && count * 100 > rows * (uint64_t)percent;
}
