/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/cover.h"

#include "batch/gather.h"

static struct batch *owned(struct ph_batch *pub)
{
    return (struct batch *)(void *)pub;
}

void cover_input(struct ph_batch *b, const struct ph_batch *in)
{
    struct batch *own = owned(b);
    if (own->parent == NULL) {
        batch_retain(in);
        own->parent = (struct batch *)(uintptr_t)(const void *)in;
    }
    batch_cover(own, in);
}

static bool is_listed(const struct ph_position *positions, uint32_t count, uint32_t partition_id)
{
    for (uint32_t i = count; i-- > 0;) {
        if (positions[i].partition_id == partition_id) {
            return true;
        }
    }
    return false;
}

bool cover_rows(struct ph_batch *b)
{
    struct batch *own = owned(b);
    struct block block;
    if (b->offsets == NULL || own->block_count == BATCH_MAX_BLOCKS ||
        !reserve_alloc(own->reserve, POOL_BLOCK_MIN, &block)) {
        return false;
    }
    struct ph_position *positions = (struct ph_position *)(void *)block.data;
    uint32_t count = 0;
    /* From the last row back, so that the first row seen of a partition is its last. */
    for (uint32_t row = b->row_count; row-- > 0;) {
        uint32_t id = b->partition_ids[row];
        if (is_listed(positions, count, id)) {
            continue;
        }
        if (count == block.size / sizeof *positions) {
            reserve_free(own->reserve, block);
            return false;
        }
        positions[count++] =
            (struct ph_position){.partition_id = id, .next_offset = b->offsets[row] + 1};
    }
    own->blocks[own->block_count++] = block;
    b->positions = positions;
    b->position_count = count;
    return true;
}

bool cover_stems_from(const struct ph_batch *b, const struct ph_batch *in)
{
    return batch_of(b)->parent == batch_of(in);
}

bool cover_is_rootless(const struct ph_batch *b)
{
    return batch_of(b)->parent == NULL;
}

uint64_t cover_bytes(const struct ph_batch *b)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < batch_of(b)->block_count; i++) {
        bytes += batch_of(b)->blocks[i].size;
    }
    return bytes;
}
