/* SPDX-License-Identifier: Apache-2.0 */
#include "hold.h"

#include <stdlib.h>

#define PREFETCH 8u /* places from the one at hand */

void holds_fini(struct holds *holds)
{
    for (uint32_t i = 0; i < HOLDS_MAX; i++) {
        free(holds->ring[i].first_rows);
        free(holds->ring[i].places);
    }
    memset(holds, 0, sizeof *holds);
}

bool holds_are_full(const struct holds *holds, uint32_t row_count)
{
    return holds->count == HOLDS_MAX ||
           (holds->count > 0 && row_count > HOLDS_ROWS_MAX - holds->row_count);
}

static bool make_room(struct hold *hold, uint32_t row_count)
{
    uint32_t *first_rows;
    struct hold_place *places;
    if (row_count <= hold->row_capacity) {
        return true;
    }
    first_rows = realloc(hold->first_rows, row_count * sizeof *first_rows);
    if (first_rows == NULL) {
        return false;
    }
    hold->first_rows = first_rows;
    places = realloc(hold->places, row_count * sizeof *places);
    if (places == NULL) {
        return false;
    }
    hold->places = places;
    hold->row_capacity = row_count;
    return true;
}

struct hold *holds_claim(struct holds *holds, uint32_t row_count)
{
    struct hold *hold = &holds->ring[(holds->first + holds->count) % HOLDS_MAX];
    hold->place_count = 0;
    hold->kept_count = 0;
    hold->answered_count = 0;
    return make_room(hold, row_count) ? hold : NULL;
}

void holds_push(struct holds *holds, struct hold *hold, const struct ph_batch *batch)
{
    hold->batch = batch;
    holds->count++;
    holds->row_count += batch->row_count;
}

struct hold *holds_oldest(struct holds *holds)
{
    return holds->count == 0 ? NULL : &holds->ring[holds->first];
}

const struct ph_batch *holds_pop(struct holds *holds)
{
    struct hold *hold = &holds->ring[holds->first];
    const struct ph_batch *batch = hold->batch;
    hold_clear(hold);
    hold->batch = NULL;
    holds->first = (holds->first + 1) % HOLDS_MAX;
    holds->count--;
    holds->row_count -= batch->row_count;
    return batch;
}

void hold_keep(struct hold *hold)
{
    for (uint32_t i = hold->kept_count; i < hold->place_count; i++) {
        uint32_t later = i + PREFETCH < hold->place_count ? i + PREFETCH : i;
        __builtin_prefetch(hold->places[later].place);
        place_retain(hold->places[i].place);
    }
    hold->kept_count = hold->place_count;
}

void hold_clear(struct hold *hold)
{
    for (uint32_t i = 0; i < hold->kept_count; i++) {
        place_release(hold->places[i].place);
    }
    hold->place_count = 0;
    hold->kept_count = 0;
}

struct place *hold_unanswered(struct hold *hold)
{
    while (hold->answered_count < hold->place_count) {
        struct place *place = hold->places[hold->answered_count].place;
        if (!place_is_answered(place)) {
            return place;
        }
        hold->answered_count++;
    }
    return NULL;
}

bool hold_fill(const struct hold *hold, struct ph_builder *builder)
{
    const uint32_t *first_rows = hold->first_rows;
    uint32_t row_count = hold->batch->row_count;
    for (uint32_t i = 0; i < hold->place_count; i++) {
        uint32_t later = i + PREFETCH < hold->place_count ? i + PREFETCH : i;
        const struct place *place = hold->places[i].place;
        __builtin_prefetch(hold->places[later].place->text);
        if (ph_builder_set_bytes(builder, hold->places[i].row, place->text, place->text_length) !=
            PH_OK) {
            return false;
        }
    }
    for (uint32_t row = 0; row < row_count; row++) {
        uint32_t first_row = first_rows[row];
        if (first_row != row && first_row != HOLD_ROW_NULL) {
            ph_builder_set_same(builder, row, first_row);
        }
    }
    return true;
}
