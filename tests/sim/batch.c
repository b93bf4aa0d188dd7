/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <stdlib.h>

#define MAGIC UINT32_C(0xba7c4e5)

struct sim_batch *sim_batch_create(uint64_t *alive)
{
    struct sim_batch *b = calloc(1, sizeof *b);
    SIM_MUST(b != NULL, "out of memory");
    b->pub.size = (uint32_t)sizeof b->pub;
    b->pub.partition_ids = b->partition_ids;
    b->pub.offsets = b->offsets;
    b->pub.sub_indexes = b->sub_indexes;
    b->pub.positions = b->positions;
    b->magic = MAGIC;
    b->references = 1;
    b->alive = alive;
    ++*alive;
    return b;
}

static struct sim_batch *own(const struct ph_batch *batch)
{
    struct sim_batch *b = (struct sim_batch *)(uintptr_t)batch;
    SIM_MUST(b->magic == MAGIC && b->references > 0, "a batch is used after it was freed");
    return b;
}

void sim_batch_retain(const struct ph_batch *batch)
{
    own(batch)->references++;
}

void sim_batch_release(const struct ph_batch *batch)
{
    struct sim_batch *b = own(batch);
    if (--b->references == 0) {
        --*b->alive;
        b->magic = 0;
        free(b);
    }
}

const struct ph_batch *sim_batch_filter(const struct ph_batch *in, const uint8_t *keep)
{
    struct sim_batch *b = sim_batch_create(own(in)->alive);
    for (uint32_t row = 0; row < in->row_count; row++) {
        if (keep[row] != 0) {
            b->partition_ids[b->pub.row_count] = in->partition_ids[row];
            b->sub_indexes[b->pub.row_count] = in->sub_indexes[row];
            b->offsets[b->pub.row_count++] = in->offsets[row];
        }
    }
    memcpy(b->positions, in->positions, in->position_count * sizeof b->positions[0]);
    b->pub.position_count = in->position_count;
    return &b->pub;
}
