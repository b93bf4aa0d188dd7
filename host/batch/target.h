/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where a decoder puts one row: the columns of a batch under construction and the arena that holds
 * the record. A decoder sets every column's value of the row, and marks the nulls of a row only
 * when the whole row is good: the row of a refused record is used again. [worker]
 */
#ifndef BATCH_TARGET_H
#define BATCH_TARGET_H

#include "pipehost/source.h"

/** Readable bytes behind every record. */
#define TARGET_PADDING 64u

struct target_column {
    void *values;
    uint8_t *validity; /**< all ones before the first row */
    uint32_t null_count;
    uint32_t type;
};

struct row_target {
    struct target_column *columns;
    uint8_t *arena; /**< buffer 0 of every view column */
    uint32_t row;
    uint32_t text_used; /**< bytes of the arena that are taken: text that is not in the record as
                           it should be goes behind */
    uint32_t text_capacity;         /**< bytes, without padding */
    const struct ph_record *record; /**< the one that is decoded; its key stands at record_key */
    const uint8_t *record_key;
    /** The table's entry of record->partition_id; null = there is none. */
    const struct ph_partition *(*partition_of)(void *arg, uint32_t partition_id);
    void *partition_arg;
};

/** Why a record is refused. */
struct row_fault {
    char code[24];    /**< the kind, for counting */
    char reason[208]; /**< one sentence of at most 200 bytes */
};

/**
 * Decodes value[length], which stands in the arena, into target's row. value[length] is 0 and
 * TARGET_PADDING bytes behind the end are readable. PH_OK, or PH_ERROR with the fault filled in.
 */
typedef int32_t (*target_decode_fn)(void *decoder, struct row_target *target, const uint8_t *value,
                                    uint32_t length, struct row_fault *fault);

/** Its value becomes zero or empty: later gathers copy it. */
static inline void target_set_null(struct row_target *t, uint32_t column)
{
    struct target_column *c = &t->columns[column];
    size_t width = ph_type_width(c->type);
    memset((uint8_t *)c->values + t->row * width, 0, width);
    c->validity[t->row >> 3] = (uint8_t)(c->validity[t->row >> 3] & ~(1u << (t->row & 7u)));
    c->null_count++;
}

#endif
