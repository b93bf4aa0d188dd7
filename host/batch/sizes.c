/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/sizes.h"

#include "batch/layout.h"
#include "batch/tier.h"

static uint32_t rows_of(const struct batch_writer_options *o)
{
    return o->max_rows == 0 || o->max_rows > BATCH_MAX_ROWS ? BATCH_MAX_ROWS : o->max_rows;
}

uint64_t sizes_source_batch(const struct batch_writer_options *o)
{
    size_t arena = o->max_bytes == 0 ? (size_t)1 << 20 : o->max_bytes;
    return pool_block_size(tier_head_bytes(o->schema, rows_of(o))) + pool_block_size(arena);
}

uint64_t sizes_source_batch_largest(const struct batch_writer_options *o)
{
    struct batch_writer_options with = *o;
    with.record_max_bytes = o->record_max_bytes == 0 ? 1u << 20 : o->record_max_bytes;
    uint64_t head = pool_block_size(tier_head_bytes(o->schema, rows_of(o)));
    uint64_t alone = head + pool_block_size(tier_largest_bytes(&with));
    uint64_t usual = sizes_source_batch(o);
    return alone > usual ? alone : usual;
}

/* Text grows by doubling: less than twice what is used, and one block at least for each column. */
uint64_t sizes_draft(const struct draft_output *output, uint32_t text_bytes_per_row)
{
    uint64_t head = draft_head_bytes(output, BATCH_MAX_ROWS);
    uint64_t text = 0;
    for (uint32_t i = output->inherited; i < output->schema->field_count; i++) {
        text += ph_type_is_view(output->schema->fields[i].type) ? POOL_BLOCK_MIN : 0;
    }
    return pool_block_size(head) + text + UINT64_C(2) * BATCH_MAX_ROWS * text_bytes_per_row;
}
