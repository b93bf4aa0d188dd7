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
        forget(r, id); /* no record has the fingerprint of a hole */
        r->is_other = fingerprint_of(record->timestamp_ms, record->value, record->value_length) !=
                      from->fingerprint;
        r->partition_id = id;
    }
    return PH_OK;
}

/* Nothing is to come from below next_offset. */
static void pass(struct resumption *r, uint32_t partition_id, int64_t next_offset)
{
    if (is_waiting(r, partition_id) && next_offset >= r->starts[partition_id].next_offset) {
        forget(r, partition_id);
    }
}

static void advance(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset)
{
    struct resumption *r = pub->host_data;
    if (!r->is_other) {
        pass(r, partition_id, next_offset);
        r->to->advance(r->to, partition_id, next_offset);
    }
}

static void pass_hole(struct ph_writer *pub, uint32_t partition_id, int64_t next_offset)
{
    struct resumption *r = pub->host_data;
    if (!r->is_other) {
        pass(r, partition_id, next_offset);
        r->to->pass_hole(r->to, partition_id, next_offset);
    }
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
    r->pub.pass_hole = pass_hole;
}

void resumption_expect(struct resumption *r, uint32_t partition_id)
{
    if (r->starts[partition_id].fingerprint != 0 && !r->waits[partition_id]) {
        r->waits[partition_id] = true;
        r->waiting++;
    }
}

void resumption_refuse(const struct resumption *r, const struct ph_partition *p,
                       const char *manifest, struct ph_error *err)
{
    const struct ph_position *from = &r->starts[r->partition_id];
    long long next = (long long)from->next_offset;
    (void)ph_error_set(
        err, PH_ERR_CONFIG,
        from->fingerprint == FINGERPRINT_HOLE
            ? "%s/%d: there is a record at offset %lld, where none was before: the topic was "
              "deleted and made again, is another one, or is read with another isolation.level; "
              "pipehost positions set %s --partition %s/%d --to earliest reads what is there now "
              "from its beginning, --to %lld goes on from there"
            : "%s/%d: the record at offset %lld is not the one that was read there before: the "
              "topic was deleted and made again, or is another one; pipehost positions set %s "
              "--partition %s/%d --to earliest reads what is there now from its beginning, --to "
              "%lld goes on from there",
        p->topic, p->partition, next - 1, manifest, p->topic, p->partition, next);
}
