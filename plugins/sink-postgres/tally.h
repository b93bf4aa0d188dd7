/* SPDX-License-Identifier: Apache-2.0 */
/** Counts refused rows by their reason: many of one kind mean a wrong setting, not wrong rows. */
#ifndef SINK_POSTGRES_TALLY_H
#define SINK_POSTGRES_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/** Fewer rows than this say nothing of a share. */
#define TALLY_LEAST   1000u
#define TALLY_REASONS 16u
#define TALLY_PLACES  3u

/** Where a refused row came from. */
struct tally_place {
    uint32_t partition_id;
    int64_t offset;
};

struct tally_reason {
    char sqlstate[6];
    uint64_t count;
    struct tally_place places[TALLY_PLACES]; /**< of the first ones */
    uint32_t place_count;
};

struct tally {
    uint64_t taken;   /**< rows made durable since the count began */
    uint64_t refused; /**< and refused, for whatever reason */
    struct tally_reason reasons[TALLY_REASONS];
};

/** The entry of a reason; those that find no room share the last one. */
struct tally_reason *tally_find(struct tally *t, const char *sqlstate);
/** Keeps where a row came from that is refused for a reason, if it is one of the first. */
void tally_place(struct tally_reason *r, struct tally_place place);
/** Rows were refused for a reason; answers how many for this reason by now. */
uint64_t tally_refused(struct tally *t, const char *sqlstate, uint64_t count);
/** So many of these were not set aside after all: they come again. */
void tally_take_back(struct tally *t, const char *sqlstate, uint64_t count);
/** Counts from here on: of how many rows the refused ones were is not known. */
void tally_begin(struct tally *t);
/** An epoch is durable. Ends the count where it is of enough rows. */
void tally_taken(struct tally *t, uint64_t rows);
/** Whether count is more than percent of so many rows, and those are enough. */
bool tally_is_too_many(uint64_t count, uint64_t rows, int64_t percent);

#endif
