/* SPDX-License-Identifier: Apache-2.0 */
#include "lane.h"

/* Rows whose slots are asked for at once. */
#define AHEAD 16u

/* What the rows of one batch found, other than known answers. */
struct tally {
    int64_t nulls;
    int64_t asked;
    int64_t coalesced;
    int64_t reserved;
    int64_t invalid;
};

/* The place of an address that this lane's cache does not know; with a reference for the caller.
 * Null: no memory. */
static struct place *find_shared(struct lane *lane, struct tally *tally, struct ph_bytes text,
                                 int64_t now_ns)
{
    struct geolocate *op = lane->op;
    struct place *place = NULL;
    struct address address;
    enum address_kind kind = address_parse(text.data, text.length, &address);
    enum place_state state;
    if (kind != ADDRESS_PUBLIC) {
        place = kind == ADDRESS_RESERVED ? &op->reserved : &op->invalid;
        place_retain(place);
        return place;
    }
    state = places_find(&op->places, &address, now_ns, lane->task->lane, &place);
    if (state == PLACE_TO_ASK) {
        tally->asked++;
        if (geolocate_is_offline(op)) {
            lane_answer_offline(lane, place, now_ns);
        } else {
            calls_ask(&lane->calls, place);
        }
    }
    return place;
}

/* Counts a row whose place is no known answer from the API. */
static void count_row(const struct geolocate *op, struct tally *tally, const struct place *place,
                      int64_t asked_before)
{
    if (place == &op->reserved) {
        tally->reserved++;
    } else if (place == &op->invalid) {
        tally->invalid++;
    } else if (tally->asked == asked_before && !place_is_answered(place)) {
        tally->coalesced++;
    }
}

static bool is_fresh(const struct geolocate *op, const struct place *place, int64_t now_ns)
{
    return place == &op->reserved || place == &op->invalid || !place_is_answered(place) ||
           place->expires_ns > now_ns;
}

/* Puts the row's place into the slot, from the shared table where the slot's is missing or old. */
static bool refresh_slot(struct lane *lane, struct tally *tally, struct front_slot *slot,
                         struct ph_bytes text, int64_t now_ns)
{
    const struct geolocate *op = lane->op;
    if (slot->place == NULL || !is_fresh(op, slot->place, now_ns)) {
        struct place *place = find_shared(lane, tally, text, now_ns);
        if (place == NULL) {
            return false;
        }
        place_release(slot->place);
        slot->place = place;
        slot->good_ns = 0;
        slot->batch = lane->batch_number - 1;
    }
    /* The constant places stay without this, so that their rows come here and are counted. */
    if (slot->place != &op->reserved && slot->place != &op->invalid &&
        place_is_answered(slot->place)) {
        slot->good_ns = slot->place->expires_ns;
    }
    return true;
}

static uint32_t use_slot(struct lane *lane, struct hold *hold, struct front_slot *slot,
                         uint32_t row)
{
    if (slot->batch != lane->batch_number) {
        slot->batch = lane->batch_number;
        slot->row = row;
        hold_add(hold, slot->place, row);
    }
    return slot->row;
}

/* A row that the lane's cache cannot answer at once. Kept out of the loop over rows, whose
 * registers it would take. */
__attribute__((noinline)) static bool look_up_slowly(struct lane *lane, struct hold *hold,
                                                     struct tally *tally, struct ph_bytes text,
                                                     uint32_t row, int64_t now_ns)
{
    int64_t asked_before = tally->asked;
    struct place *place;
    hold_keep(hold); /* the cache may drop any of them here */
    if (text.length - 1 < FRONT_TEXT_MAX) {
        struct front_key key;
        struct front_slot *slot;
        front_key_make(&key, text.data, text.length);
        slot = front_find(&lane->front, &key);
        if (slot == NULL) {
            slot = front_claim(&lane->front, &key, lane->batch_number);
        }
        if (!refresh_slot(lane, tally, slot, text, now_ns)) {
            return false;
        }
        hold->first_rows[row] = use_slot(lane, hold, slot, row);
        count_row(lane->op, tally, slot->place, asked_before);
        return true;
    }
    place = find_shared(lane, tally, text, now_ns);
    if (place == NULL) {
        return false;
    }
    hold->first_rows[row] = row;
    hold_add(hold, place, row);
    hold_keep(hold);
    count_row(lane->op, tally, place, asked_before);
    place_release(place);
    return true;
}

__attribute__((noinline)) static struct front_slot *find_long(const struct front *front,
                                                              struct ph_bytes text)
{
    struct front_key key;
    if (text.length - 1 >= FRONT_TEXT_MAX) {
        return NULL;
    }
    front_key_make(&key, text.data, text.length);
    return front_find(front, &key);
}

/* The slots of the next rows, which lie all over a table that may be larger than the processor's
 * cache, and the texts of the rows behind those. Here and elsewhere always inline: gcc drops the
 * call of a function that only prefetches. */
__attribute__((always_inline)) static inline void prefetch_slots(const struct front *front,
                                                                 const struct ph_column *column,
                                                                 uint32_t row, uint32_t row_count)
{
    uint32_t end = row_count - row < AHEAD ? row_count : row + AHEAD;
    uint32_t last = row_count - 1;
    for (; row < end; row++) {
        struct ph_bytes text = ph_column_bytes(column, row);
        uint32_t later = last - row < AHEAD ? last : row + AHEAD;
        if (!ph_column_is_null(column, later)) {
            __builtin_prefetch(ph_column_bytes(column, later).data);
        }
        if (!ph_column_is_null(column, row) && front_is_short(text.length)) {
            front_prefetch_short(front, text.data, text.length);
        }
    }
}

static bool look_up_rows(struct lane *lane, struct hold *hold, struct tally *tally,
                         const struct ph_batch *batch, int64_t now_ns)
{
    /* Copies, so that the compiler knows that no store in the loop changes them. */
    const struct ph_column column = *ph_batch_column(batch, (uint32_t)lane->op->column);
    const struct front front = lane->front;
    uint32_t *first_rows = hold->first_rows;
    uint32_t number = lane->batch_number;
    uint32_t row_count = batch->row_count;
    for (uint32_t row = 0; row < row_count; row++) {
        struct ph_bytes text;
        struct front_slot *slot;
        if (row % AHEAD == 0) {
            prefetch_slots(&front, &column, row, row_count);
        }
        if (ph_column_is_null(&column, row)) {
            first_rows[row] = HOLD_ROW_NULL;
            tally->nulls++;
            continue;
        }
        text = ph_column_bytes(&column, row);
        slot = front_is_short(text.length) ? front_find_short(&front, text.data, text.length)
                                           : find_long(&front, text);
        if (slot != NULL && slot->good_ns > now_ns && slot->batch == number) {
            first_rows[row] = slot->row;
        } else if (slot != NULL && slot->good_ns > now_ns) {
            first_rows[row] = use_slot(lane, hold, slot, row);
        } else if (!look_up_slowly(lane, hold, tally, text, row, now_ns)) {
            return false;
        }
    }
    return true;
}

bool lane_look_up(struct lane *lane, struct hold *hold, const struct ph_batch *batch,
                  int64_t now_ns)
{
    struct tally tally = {0, 0, 0, 0, 0};
    front_grow(&lane->front);
    lane->batch_number++;
    if (!look_up_rows(lane, hold, &tally, batch, now_ns)) {
        hold_clear(hold);
        return false;
    }
    hold_keep(hold);
    ph_counter_add(lane->cells[COUNTER_CACHE_HITS], (int64_t)batch->row_count - tally.nulls -
                                                        tally.asked - tally.coalesced -
                                                        tally.reserved - tally.invalid);
    ph_counter_add(lane->cells[COUNTER_COALESCED], tally.coalesced);
    ph_counter_add(lane->cells[COUNTER_SKIPPED_PRIVATE], tally.reserved);
    ph_counter_add(lane->cells[COUNTER_SKIPPED_NOT_ADDRESS], tally.invalid);
    return true;
}
