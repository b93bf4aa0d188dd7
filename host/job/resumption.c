/* SPDX-License-Identifier: Apache-2.0 */
#include "job/resumption.h"

#include "batch/fingerprint.h"

static void forget(struct resumption *r, uint32_t partition_id)
{
    r->waits[partition_id] = false;
    r->waiting--;
}

static bool is_waiting(const struct resumption *r, uint32_t partition_id)
{
    return partition_id < PARTITIONS_MAX && r->waits[partition_id];
}

static int32_t append(struct ph_writer *pub, const struct ph_record *record)
{
    struct resumption *r = pub->host_data;
    uint32_t id = record->partition_id;
    if (r->is_other) {
        return PH_MORE;
    }
    if (!is_waiting(r, id)) {
        return r->to->append(r->to, record);
    }
    const struct ph_position *from = &r->starts[id];
    if (record->offset >= from->next_offset) {
        forget(r, id); /* the record before is there no more: nothing to compare */
        return r->to->append(r->to, record);
    }
    if (record->offset == from->next_offset - 1) {
        forget(r, id);
        r->is_other = fingerprint_of(record->timestamp_ms, record->value, record->value_length) !=
                      from->fingerprint;
        r->partition_id = id;
    }
    return PH_OK;
}

static void advance(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset)
{
    struct resumption *r = pub->host_data;
    if (r->is_other) {
        return;
    }
    if (is_waiting(r, partition_id) && next_offset >= r->starts[partition_id].next_offset) {
        forget(r, partition_id);
    }
    r->to->advance(r->to, partition_id, next_offset);
}

void resumption_init(struct resumption *r, struct ph_writer *to, const struct ph_position *starts)
{
    memset(r, 0, sizeof *r);
    r->to = to;
    r->starts = starts;
    r->pub = *to;
    r->pub.host_data = r;
    r->pub.append = append;
    r->pub.advance = advance;
}

void resumption_expect(struct resumption *r, uint32_t partition_id)
{
    if (r->starts[partition_id].fingerprint != 0 && !r->waits[partition_id]) {
        r->waits[partition_id] = true;
        r->waiting++;
    }
}
