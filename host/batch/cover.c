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

/* What `in` covers of a partition at most; -1: nothing, its rows' record goes on in a later batch.
 */
static struct ph_position covered_of(const struct ph_batch *in, uint32_t partition_id)
{
    for (uint32_t i = 0; i < in->position_count; i++) {
        if (in->positions[i].partition_id == partition_id) {
            return in->positions[i];
        }
    }
    return (struct ph_position){.partition_id = partition_id, .next_offset = -1};
}

bool cover_rows(struct ph_batch *b, const struct ph_batch *in, uint32_t rows)
{
    struct batch *own = owned(b);
    struct block block;
    if (in->offsets == NULL || own->block_count == BATCH_MAX_BLOCKS ||
        !reserve_alloc(own->reserve, POOL_BLOCK_MIN, &block)) {
        return false;
    }
    struct ph_position *positions = (struct ph_position *)(void *)block.data;
    uint32_t count = 0;
    /* From the last row back, so that the first row seen of a partition is its last. */
    for (uint32_t row = rows; row-- > 0 && count < block.size / sizeof *positions;) {
        uint32_t id = in->partition_ids[row];
        if (is_listed(positions, count, id)) {
            continue;
        }
        struct ph_position most = covered_of(in, id);
        struct ph_position next = {.partition_id = id, .next_offset = in->offsets[row] + 1};
        positions[count++] = next.next_offset < most.next_offset ? next : most;
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
