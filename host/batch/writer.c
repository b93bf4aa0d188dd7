/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/writer.h"

#include "batch/fingerprint.h"
#include "batch/gather.h"
#include "batch/layout.h"
#include "batch/tier.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTITIONS   (1u << 20)
#define WRITER_MIN_BYTES 4096u

/* Where a partition's entry in the open batch's positions is; stale unless stamp is the batch's. */
struct place {
    uint32_t stamp;
    uint32_t index;
};

struct batch_writer {
    struct ph_writer pub; /* first, so that a ph_writer is a batch_writer */
    /* The way of each record. capacity is 0 while no batch is open. */
    uint32_t row;
    uint32_t used;      /* bytes of the arena */
    uint32_t capacity;  /* bytes, without padding */
    uint32_t row_limit; /* rows that the open batch may have */
    uint32_t position_count;
    uint32_t partition_id; /* of the record before, when position is set */
    uint32_t stamp;        /* of the open batch; never 0 */
    uint32_t headers_mask; /* all ones where headers need room */
    struct ph_position *position;
    struct tier tier;
    struct row_target target;
    struct batch_writer_options options;
    struct place *places; /* by partition id */
    uint32_t place_count;
    uint32_t bad;    /* records of the open batch that are not among its rows */
    bool full;       /* an append was refused since open */
    bool paused;     /* appends are refused whatever room there is */
    bool was_large;  /* the batch before outgrew the small tier */
    uint64_t wanted; /* bytes of a record that an empty batch had no room for */
};

static int32_t pub_append(struct ph_writer *pub, const struct ph_record *record);
static void pub_advance(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset);
static void pub_pass_hole(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset);

static void set_defaults(struct batch_writer_options *o)
{
    if (o->max_rows == 0 || o->max_rows > BATCH_MAX_ROWS) {
        o->max_rows = BATCH_MAX_ROWS;
    }
    if (o->max_bytes == 0) {
        o->max_bytes = 1u << 20;
    } else if (o->max_bytes < WRITER_MIN_BYTES) {
        o->max_bytes = WRITER_MIN_BYTES;
    }
    if (o->record_max_bytes == 0) {
        o->record_max_bytes = 1u << 20;
    }
}

struct batch_writer *batch_writer_create(const struct batch_writer_options *options)
{
    struct batch_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->options = *options;
    set_defaults(&w->options);
    w->headers_mask = options->keep_headers ? UINT32_MAX : 0;
    w->target.partition_of = options->partition_of;
    w->target.partition_arg = options->arg;
    w->pub = (struct ph_writer){.size = (uint32_t)sizeof w->pub,
                                .wants = options->keep_headers ? (uint32_t)PH_WANTS_HEADERS : 0u,
                                .host_data = w,
                                .append = pub_append,
                                .advance = pub_advance,
                                .pass_hole = pub_pass_hole};
    if (tier_largest_bytes(&w->options) > TIER_ARENA_MAX ||
        !tier_init(&w->tier, options->schema->field_count, options->wanted)) {
        batch_writer_destroy(w);
        return NULL;
    }
    return w;
}

void batch_writer_destroy(struct batch_writer *w)
{
    if (w != NULL) {
        tier_drop(&w->tier, w->options.reserve);
        tier_fini(&w->tier);
        free(w->places);
        free(w);
    }
}

struct ph_writer *batch_writer_pub(struct batch_writer *w)
{
    return &w->pub;
}

/* Bad records fill a batch as rows do: so many of them end a poll, and their positions go on. */
static uint32_t row_limit_of(const struct batch_writer *w)
{
    uint32_t left = w->options.max_rows - w->bad;
    return left < w->tier.max_rows ? left : w->tier.max_rows;
}

/* The per-record copies of what the tier says. */
static void use_tier(struct batch_writer *w)
{
    w->capacity = w->tier.capacity;
    w->row_limit = row_limit_of(w);
    w->target.columns = w->tier.columns;
    w->target.arena = w->tier.arena.data;
    w->target.text_capacity = w->tier.capacity;
}

static void begin_batch(struct batch_writer *w)
{
    w->row = 0;
    w->bad = 0;
    w->used = 0;
    w->row_limit = row_limit_of(w);
    w->position_count = 0;
    w->position = NULL;
    w->full = false;
    w->wanted = 0;
    if (++w->stamp == 0) {
        for (uint32_t i = 0; i < w->place_count; i++) {
            w->places[i].stamp = 0;
        }
        w->stamp = 1;
    }
}

int32_t batch_writer_open(struct batch_writer *w)
{
    bool open = w->tier.head.data != NULL;
    if (open && (w->wanted <= w->capacity || batch_writer_has_content(w))) {
        return PH_OK;
    }
    tier_drop(&w->tier, w->options.reserve);
    w->capacity = 0;
    w->used = 0;
    if (!tier_alloc(&w->tier, &w->options, w->was_large, w->wanted)) {
        return PH_MORE;
    }
    use_tier(w);
    begin_batch(w);
    return PH_OK;
}

void batch_writer_pause(struct batch_writer *w, bool paused)
{
    w->paused = paused;
    if (paused) {
        w->capacity = w->used; /* so that every append takes the rare way */
    } else if (w->tier.head.data != NULL) {
        use_tier(w);
    }
}

bool batch_writer_has_content(const struct batch_writer *w)
{
    return w->tier.head.data != NULL && (w->row > 0 || w->position_count > 0);
}

bool batch_writer_is_full(const struct batch_writer *w)
{
    return w->full && batch_writer_has_content(w);
}

uint32_t batch_writer_row_count(const struct batch_writer *w)
{
    return w->tier.head.data == NULL ? 0 : w->row;
}

/* The entry of a partition that is not the last one; null: the list is full or memory ran out. */
static struct ph_position *find_position(struct batch_writer *w, uint32_t id)
{
    if (id >= w->place_count) {
        uint32_t count = id < 64 ? 64 : id * 2;
        struct place *places =
            id >= MAX_PARTITIONS ? NULL : realloc(w->places, count * sizeof *places);
        if (places == NULL) {
            return NULL;
        }
        memset(places + w->place_count, 0, (count - w->place_count) * sizeof *places);
        w->places = places;
        w->place_count = count;
    }
    struct place *place = &w->places[id];
    if (place->stamp != w->stamp) {
        if (w->position_count == TIER_MAX_POSITIONS) {
            return NULL;
        }
        *place = (struct place){w->stamp, w->position_count};
        w->tier.positions[w->position_count++] =
            (struct ph_position){.partition_id = id, .next_offset = -1};
    }
    return &w->tier.positions[place->index];
}

static inline struct ph_position *get_position(struct batch_writer *w, uint32_t id)
{
    if (w->position == NULL || w->partition_id != id) {
        w->position = find_position(w, id);
        w->partition_id = id;
    }
    return w->position;
}

/* A full list makes a full batch; else the id is beyond all reason or memory ran out. */
static int32_t no_position(struct batch_writer *w)
{
    w->full = w->position_count == TIER_MAX_POSITIONS;
    return w->full ? PH_MORE : PH_ERROR;
}

/* Of a record that becomes no row: rows have theirs when the batch is closed. */
static void note_fingerprint(struct ph_position *position, const struct ph_record *r)
{
    position->fingerprint = fingerprint_of(r->timestamp_ms, r->value, r->value_length);
}

static void pass_bad(struct batch_writer *w, const struct ph_record *r,
                     const struct row_fault *fault)
{
    w->bad++;
    w->row_limit = row_limit_of(w);
    w->options.bad_record(w->options.arg, r, fault);
}

static int32_t refuse(struct batch_writer *w, const struct ph_record *r, const char *code,
                      const char *reason)
{
    struct row_fault fault;
    struct ph_position *position = get_position(w, r->partition_id);
    if (position == NULL) {
        return no_position(w);
    }
    position->next_offset = r->offset + 1;
    note_fingerprint(position, r);
    (void)snprintf(fault.code, sizeof fault.code, "%s", code);
    (void)snprintf(fault.reason, sizeof fault.reason, "%s", reason);
    pass_bad(w, r, &fault);
    return PH_OK;
}

static uint32_t key_length_of(const struct batch_writer *w, const struct ph_record *r)
{
    return r->key == NULL || !w->options.keep_keys ? 0 : r->key_length;
}

/* The value and the headers where they are wanted. */
static uint64_t text_of(const struct batch_writer *w, const struct ph_record *r)
{
    return (uint64_t)r->value_length + (r->headers_length & w->headers_mask);
}

/* What append needs room for: the key, the value, its end, and text that the decoder adds. */
static uint64_t need_of(const struct batch_writer *w, const struct ph_record *r)
{
    return text_of(w, r) * (1 + (uint64_t)w->options.spare) + key_length_of(w, r) + 1 +
           w->options.extra;
}

/* Skipped ones count as bad ones do: so that a run of them ends the poll. */
static int32_t skip(struct batch_writer *w, const struct ph_record *r)
{
    struct ph_position *position = get_position(w, r->partition_id);
    if (position == NULL) {
        return no_position(w);
    }
    position->next_offset = r->offset + 1;
    note_fingerprint(position, r);
    w->bad++;
    w->row_limit = row_limit_of(w);
    return PH_OK;
}

static int32_t take_tombstone(struct batch_writer *w, const struct ph_record *r)
{
    target_decode_fn decode = w->options.decode;
    struct ph_record empty = *r;
    if (w->options.skip_tombstones) {
        return skip(w, r);
    }
    if (w->options.decode_tombstone == NULL) {
        return refuse(w, r, "tombstone", "the record has no value");
    }
    empty.value = "";
    empty.value_length = 0;
    w->options.decode = w->options.decode_tombstone;
    int32_t result = pub_append(&w->pub, &empty);
    w->options.decode = decode;
    return result;
}

/* Everything that happens less than once a batch. *again: there is room now. */
static int32_t append_rarely(struct batch_writer *w, const struct ph_record *r, bool *again)
{
    if (w->tier.head.data == NULL || w->paused) {
        return PH_MORE;
    }
    if (w->row + w->bad >= w->options.max_rows) {
        w->full = true;
        return PH_MORE;
    }
    if (r->value == NULL) {
        return take_tombstone(w, r);
    }
    uint64_t bytes = text_of(w, r) + r->key_length;
    if (bytes > w->options.record_max_bytes) {
        char reason[120];
        (void)snprintf(reason, sizeof reason,
                       "the record has %llu bytes, more than record.max_bytes (%u) allows",
                       (unsigned long long)bytes, w->options.record_max_bytes);
        return refuse(w, r, "too_large", reason);
    }
    if (!w->tier.large && need_of(w, r) + w->used + TARGET_PADDING <= w->options.max_bytes &&
        tier_grow(&w->tier, &w->options, w->row, w->used, w->position_count)) {
        use_tier(w);
        w->position = NULL;
        *again = true;
        return PH_OK;
    }
    w->full = true;
    w->wanted = need_of(w, r);
    return PH_MORE;
}

static int32_t pub_append(struct ph_writer *pub, const struct ph_record *r)
{
    struct batch_writer *w = (struct batch_writer *)(void *)pub;
    struct row_fault fault;
    bool again = false;
    while (r->value == NULL || w->row >= w->row_limit || need_of(w, r) > w->capacity - w->used ||
           text_of(w, r) + r->key_length > w->options.record_max_bytes) {
        int32_t result = append_rarely(w, r, &again);
        if (!again) {
            return result;
        }
        again = false;
    }
    struct ph_position *position = get_position(w, r->partition_id);
    if (position == NULL) {
        return no_position(w);
    }
    uint32_t key_length = key_length_of(w, r);
    uint8_t *key = w->target.arena + w->used;
    uint8_t *value = key + key_length;
    if (key_length > 0) {
        memcpy(key, r->key, key_length);
    }
    memcpy(value, r->value, r->value_length);
    value[r->value_length] = 0;
    w->target.record = r;
    w->target.record_key = key;
    w->target.row = w->row;
    w->target.text_used = w->used + key_length + r->value_length + 1;
    position->next_offset = r->offset + 1;
    if (w->options.decode(w->options.decoder, &w->target, value, r->value_length, &fault) !=
        PH_OK) {
        note_fingerprint(position, r);
        pass_bad(w, r, &fault);
        return PH_OK;
    }
    w->tier.partition_ids[w->row] = r->partition_id;
    w->tier.offsets[w->row] = r->offset;
    w->tier.timestamps_ms[w->row] = r->timestamp_ms;
    w->tier.origins[w->row] = (struct batch_origin){
        .value_offset = w->used + key_length,
        .value_length = r->value_length,
        .key_offset = w->used,
        .key_length = r->key == NULL || !w->options.keep_keys ? BATCH_NO_KEY : key_length};
    w->used = w->target.text_used;
    w->row++;
    return PH_OK;
}

int32_t batch_writer_append(struct batch_writer *w, const struct ph_record *record)
{
    return w->pub.append(&w->pub, record);
}

static void move_position(struct batch_writer *w, uint32_t partition_id, int64_t next_offset,
                          uint32_t fingerprint)
{
    struct ph_position *position = w->tier.head.data == NULL ? NULL : get_position(w, partition_id);
    if (position != NULL && next_offset > position->next_offset) {
        position->next_offset = next_offset;
        position->fingerprint = fingerprint;
    }
}

void batch_writer_advance(struct batch_writer *w, uint32_t partition_id, int64_t next_offset)
{
    move_position(w, partition_id, next_offset, 0);
}

void batch_writer_pass_hole(struct batch_writer *w, uint32_t partition_id, int64_t next_offset)
{
    move_position(w, partition_id, next_offset, FINGERPRINT_HOLE);
}

static void pub_advance(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset)
{
    batch_writer_advance((struct batch_writer *)(void *)pub, partition_id, next_offset);
}

static void pub_pass_hole(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset)
{
    batch_writer_pass_hole((struct batch_writer *)(void *)pub, partition_id, next_offset);
}

/* The positions that end with a row learn which record that is: from the last row back, until each
 * has met its own. */
static void note_last_rows(struct batch_writer *w)
{
    const struct tier *t = &w->tier;
    uint32_t left = w->position_count;
    for (uint32_t row = w->row; row-- > 0 && left > 0;) {
        struct ph_position *p = &t->positions[w->places[t->partition_ids[row]].index];
        if (p->next_offset == t->offsets[row] + 1) {
            const struct batch_origin *origin = &t->origins[row];
            p->fingerprint = fingerprint_of(
                t->timestamps_ms[row], t->arena.data + origin->value_offset, origin->value_length);
            left--;
        }
    }
}

struct ph_batch *batch_writer_close(struct batch_writer *w)
{
    if (!batch_writer_has_content(w)) {
        return NULL;
    }
    note_last_rows(w);
    w->was_large = w->tier.large;
    struct batch *b = tier_publish(&w->tier, &w->options, w->row, w->used, w->position_count);
    b->pub.flags = w->full ? (uint32_t)PH_BATCH_MORE : 0;
    w->capacity = 0;
    w->used = 0;
    return &b->pub;
}
