/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A column under construction in memory of the host. Every row must be set exactly once, in any
 * order; a row that was not set is null. [worker] throughout.
 */
#ifndef PIPEHOST_BUILDER_H
#define PIPEHOST_BUILDER_H

#include "pipehost/batch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ph_builder {
    uint32_t size;
    uint32_t type; /**< enum ph_type */
    uint32_t row_count;
    int32_t buffer_index;   /**< of `text` among the column's buffers */
    uint8_t *validity;      /**< starts all zero: a set row is valid */
    void *values;           /**< zeroed for bool, otherwise unspecified */
    uint8_t *text;          /**< where long values go; changed by grow */
    uint32_t text_used;     /**< bytes */
    uint32_t text_capacity; /**< bytes */
    void *host_data;        /**< the host's */
    /** Gives text room for need more bytes. PH_ERROR: above the operator's memory reserve. */
    int32_t (*grow)(struct ph_builder *b, uint32_t need);
};

static inline void ph_builder_mark(struct ph_builder *b, uint32_t row)
{
    b->validity[row >> 3] = (uint8_t)(b->validity[row >> 3] | (1u << (row & 7u)));
}

/** Makes row null again; its value's room is not reused. */
static inline void ph_builder_set_null(struct ph_builder *b, uint32_t row)
{
    b->validity[row >> 3] = (uint8_t)(b->validity[row >> 3] & ~(1u << (row & 7u)));
}

static inline void ph_builder_set_bool(struct ph_builder *b, uint32_t row, bool value)
{
    uint8_t *bits = (uint8_t *)b->values;
    unsigned int bit = 1u << (row & 7u);
    bits[row >> 3] = (uint8_t)(value ? bits[row >> 3] | bit : bits[row >> 3] & ~bit);
    ph_builder_mark(b, row);
}

static inline void ph_builder_set_int32(struct ph_builder *b, uint32_t row, int32_t value)
{
    ((int32_t *)b->values)[row] = value;
    ph_builder_mark(b, row);
}

/** An int64 or either timestamp. */
static inline void ph_builder_set_int64(struct ph_builder *b, uint32_t row, int64_t value)
{
    ((int64_t *)b->values)[row] = value;
    ph_builder_mark(b, row);
}

static inline void ph_builder_set_float64(struct ph_builder *b, uint32_t row, double value)
{
    ((double *)b->values)[row] = value;
    ph_builder_mark(b, row);
}

/**
 * Room for length bytes of text for row, to be filled by the caller at once and then sealed; the
 * row becomes valid with that length. Null: above the operator's memory reserve.
 */
static inline uint8_t *ph_builder_reserve(struct ph_builder *b, uint32_t row, uint32_t length)
{
    struct ph_view *v = (struct ph_view *)b->values + row;
    uint8_t *room;
    if (length <= PH_VIEW_INLINE) {
        memset(v, 0, sizeof *v);
        v->length = (int32_t)length;
        ph_builder_mark(b, row);
        return v->u.inlined;
    }
    if (length > b->text_capacity - b->text_used && b->grow(b, length) != PH_OK) {
        return NULL;
    }
    room = b->text + b->text_used;
    v->length = (int32_t)length;
    v->u.ref.buffer_index = b->buffer_index;
    v->u.ref.offset = (int32_t)b->text_used;
    b->text_used += length;
    ph_builder_mark(b, row);
    return room;
}

/** Copies the first bytes of a row's filled room into its view, where Arrow wants them. */
static inline void ph_builder_seal(struct ph_builder *b, uint32_t row)
{
    struct ph_view *v = (struct ph_view *)b->values + row;
    if (v->length > PH_VIEW_INLINE) {
        memcpy(v->u.ref.prefix, b->text + v->u.ref.offset, 4);
    }
}

/** Copies a string, bytes or json value. PH_ERROR: above the operator's memory reserve; the row
 * stays null. */
static inline int32_t ph_builder_set_bytes(struct ph_builder *b, uint32_t row, const void *data,
                                           uint32_t length)
{
    uint8_t *room = ph_builder_reserve(b, row, length);
    if (room == NULL) {
        return PH_ERROR;
    }
    if (length > 0) {
        memcpy(room, data, length);
    }
    ph_builder_seal(b, row);
    return PH_OK;
}

/** Gives row the string, bytes or json value that from_row has been set to, without a copy of long
 * text. */
static inline void ph_builder_set_same(struct ph_builder *b, uint32_t row, uint32_t from_row)
{
    struct ph_view *views = (struct ph_view *)b->values;
    views[row] = views[from_row];
    ph_builder_mark(b, row);
}

#ifdef __cplusplus
}
#endif
#endif
