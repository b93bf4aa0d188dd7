/* SPDX-License-Identifier: Apache-2.0 */
/** Parts of one block, one behind the other, each aligned to 64 bytes as Arrow wants it. Used twice
 * with the same calls: without memory to learn the size, then to place the parts. */
#ifndef BATCH_LAYOUT_H
#define BATCH_LAYOUT_H

#include "pipehost/abi.h"

#define LAYOUT_ALIGN 64u

struct layout {
    uint8_t *data; /**< null: only measure */
    size_t used;   /**< bytes */
};

static inline size_t layout_round(size_t bytes)
{
    return (bytes + LAYOUT_ALIGN - 1) & ~(size_t)(LAYOUT_ALIGN - 1);
}

/** Null while measuring. */
static inline void *layout_take(struct layout *layout, size_t bytes)
{
    void *part = layout->data == NULL ? NULL : layout->data + layout->used;
    layout->used += layout_round(bytes);
    return part;
}

/** Bytes of a bitmap of rows bits, in whole 64-bit words. */
static inline size_t layout_bitmap_bytes(uint32_t rows)
{
    return ((size_t)rows + 63) / 64 * 8;
}

/** Bytes of a column's values; width 0 = bitmap. */
static inline size_t layout_value_bytes(uint32_t width, uint32_t rows)
{
    return width == 0 ? layout_bitmap_bytes(rows) : (size_t)width * rows;
}

#endif
