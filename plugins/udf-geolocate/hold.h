/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The batches that a lane holds until all their addresses are answered, oldest first. Rows with the
 * same address share the text of the first such row. [worker] throughout.
 */
#ifndef GEOLOCATE_HOLD_H
#define GEOLOCATE_HOLD_H

#include "pipehost/pipehost.h"
#include "place.h"

#define HOLDS_MAX      4u
#define HOLDS_ROWS_MAX 16384u

/** In first_rows: the address is null. */
#define HOLD_ROW_NULL UINT32_MAX

struct hold_place {
    struct place *place; /**< a reference from hold_keep() on */
    uint32_t row;        /**< the first row that has it */
};

struct hold {
    const struct ph_batch *batch; /**< a reference */
    uint32_t *first_rows;         /**< for each row, the first one with the same address */
    struct hold_place *places;    /**< one for each address, ascending by row */
    uint32_t place_count;
    uint32_t kept_count;     /**< how many of the places, from the front, are references */
    uint32_t answered_count; /**< how many of the places, from the front, are answered */
    uint32_t row_capacity;
};

struct holds {
    struct hold ring[HOLDS_MAX];
    uint32_t first;
    uint32_t count;
    uint32_t row_count; /**< of all held batches */
};

/** Also of a zeroed one. Must be empty. */
void holds_fini(struct holds *holds);

/** True where a batch of that many rows must wait. One batch always fits. */
bool holds_are_full(const struct holds *holds, uint32_t row_count);

/** Room for a batch, empty; it is held only after holds_push. Null: no memory. */
struct hold *holds_claim(struct holds *holds, uint32_t row_count);

/** Holds the claimed batch. Takes the reference that the caller has. */
void holds_push(struct holds *holds, struct hold *hold, const struct ph_batch *batch);

/** The oldest one, or null. */
struct hold *holds_oldest(struct holds *holds);

/** Forgets the oldest one. Its batch's reference becomes the caller's. */
const struct ph_batch *holds_pop(struct holds *holds);

/** Drops the places of one that was claimed but not pushed. */
void hold_clear(struct hold *hold);

/** The row is the first that has this place, which somebody holds until hold_keep(). */
static inline void hold_add(struct hold *hold, struct place *place, uint32_t row)
{
    hold->places[hold->place_count++] = (struct hold_place){place, row};
}

/** Takes a reference of each place that was added: of all at once, because they lie all over the
 * memory. */
void hold_keep(struct hold *hold);

/** The first place without an answer, or null. */
struct place *hold_unanswered(struct hold *hold);

/** Writes the text of each row. False: no room in the builder. All places must be answered. */
bool hold_fill(const struct hold *hold, struct ph_builder *builder)
    __attribute__((warn_unused_result));

#endif
