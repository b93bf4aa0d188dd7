/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A batch: a run of records in columns. Published batches are read-only, reference-counted by the
 * host, and hold no pointer into any plugin. Memory layout of a column is Arrow's (validity bitmap,
 * fixed-width values, 16-byte views: https://arrow.apache.org/docs/format/Columnar.html), so a
 * batch exports through the Arrow C Data Interface without a copy. Plugins read columns through the
 * inline accessors only.
 */
#ifndef PIPEHOST_BATCH_H
#define PIPEHOST_BATCH_H

#include "pipehost/schema.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_VIEW_INLINE 12

/** Rows of the largest batch that a plugin is given or may make. */
#define PH_BATCH_ROWS_MAX 4096u

/** Text or bytes: up to 12 bytes stand in the view itself, longer ones in one of the column's
 * buffers. */
struct ph_view {
    int32_t length; /**< bytes, >= 0 */
    union {
        uint8_t inlined[PH_VIEW_INLINE]; /**< zero-padded */
        struct {
            uint8_t prefix[4]; /**< the first four bytes */
            int32_t buffer_index;
            int32_t offset;
        } ref;
    } u;
};

/** A run of bytes owned by somebody else; never NUL-terminated. */
struct ph_bytes {
    const uint8_t *data;
    uint32_t length;
};

struct ph_column {
    uint32_t type;                 /**< enum ph_type */
    uint32_t null_count;           /**< exact */
    const uint8_t *validity;       /**< bit set = value present; null = no nulls */
    const void *values;            /**< see enum ph_type; 64-byte aligned */
    const uint8_t *const *buffers; /**< what views refer to */
    const int64_t *buffer_sizes;   /**< bytes of each */
    uint32_t buffer_count;
    uint32_t reserved;
};

/** A source's partition as the host numbers it. */
struct ph_partition {
    uint32_t size;
    uint32_t id; /**< the number that rows and positions carry; constant while the process lives */
    const char *source;  /**< the source operator's name */
    const char *topic;   /**< "" where the source knows no topics */
    const char *cluster; /**< the id of the cluster the topic lives in, "" = unknown */
    int32_t partition;
    uint32_t reserved;
};

/** Everything of a partition below next_offset is done with. */
struct ph_position {
    uint32_t partition_id;
    /** Of the record at next_offset - 1: the host's hash of its timestamp and value, or that none
     * is there, so that another record in its place is noticed. 0 = unknown. A sink keeps it with
     * next_offset; nobody but the host reads meaning into it. */
    uint32_t fingerprint;
    int64_t next_offset; /**< -1 = no position is known */
};

/** Set in a sub-index on the last row that stems from one source record. */
#define PH_SUB_LAST UINT32_C(0x80000000)

enum ph_batch_flags {
    PH_BATCH_MORE = 1u << 0 /**< closed because it was full: its source had more at once */
};

struct ph_batch {
    uint32_t size;
    uint32_t flags; /**< enum ph_batch_flags */
    uint32_t row_count;
    uint32_t column_count; /**< = schema->field_count */
    const struct ph_schema *schema;
    const struct ph_column *columns;
    /* System columns, owned by the host; null in a batch that stems from no source record (a
     * window's result). */
    const uint32_t *partition_ids; /**< ph_partition.id of each row */
    const int64_t *offsets;        /**< the source record's offset of each row */
    const uint32_t *sub_indexes;   /**< null: each row is the only one of its record */
    /** What this batch covers, also when all its rows were filtered: one entry for each partition
     * it touches. */
    const struct ph_position *positions;
    uint32_t position_count;
    uint32_t reserved;
};

static inline const struct ph_column *ph_batch_column(const struct ph_batch *b, uint32_t column)
{
    return &b->columns[column];
}

static inline bool ph_column_is_null(const struct ph_column *c, uint32_t row)
{
    return c->validity != NULL && (((unsigned)c->validity[row >> 3] >> (row & 7u)) & 1u) == 0;
}

/** A string, bytes or json value; valid as long as the batch. The value of a null row is
 * unspecified. */
static inline struct ph_bytes ph_column_bytes(const struct ph_column *c, uint32_t row)
{
    const struct ph_view *v = (const struct ph_view *)c->values + row;
    struct ph_bytes b;
    b.length = (uint32_t)v->length;
    b.data = v->length <= PH_VIEW_INLINE ? v->u.inlined
                                         : c->buffers[v->u.ref.buffer_index] + v->u.ref.offset;
    return b;
}

static inline bool ph_column_bool(const struct ph_column *c, uint32_t row)
{
    return (((unsigned)((const uint8_t *)c->values)[row >> 3] >> (row & 7u)) & 1u) != 0;
}

static inline int32_t ph_column_int32(const struct ph_column *c, uint32_t row)
{
    return ((const int32_t *)c->values)[row];
}

/** An int64 or either timestamp. */
static inline int64_t ph_column_int64(const struct ph_column *c, uint32_t row)
{
    return ((const int64_t *)c->values)[row];
}

static inline double ph_column_float64(const struct ph_column *c, uint32_t row)
{
    return ((const double *)c->values)[row];
}

#ifdef __cplusplus
}
#endif
#endif
