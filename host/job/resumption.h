/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether a source goes on in the topic that it has read before. A position may know the record
 * before it by its fingerprint, or that there is none; a source that can begins with that record.
 * It goes no further than here: compared, and dropped. A topic that was deleted and made again has
 * another one there, or one where none was.
 * [worker]
 */
#ifndef JOB_RESUMPTION_H
#define JOB_RESUMPTION_H

#include "delivery/partitions.h"
#include "pipehost/source.h"

struct resumption {
    struct ph_writer pub; /**< stands before `to` while any partition waits */
    struct ph_writer *to;
    const struct ph_position *starts; /**< by partition id; borrowed */
    bool waits[PARTITIONS_MAX];       /**< by partition id: its first record has not come */
    uint32_t waiting;
    bool is_other;         /**< a record is not what was there: nothing is appended any more */
    uint32_t partition_id; /**< whose */
};

/** starts: where partitions begin, by their id, borrowed and constant once the partition is
 * expected. */
void resumption_init(struct resumption *r, struct ph_writer *to, const struct ph_position *starts);
/** The source was told to begin at starts[partition_id]. */
void resumption_expect(struct resumption *r, uint32_t partition_id);
/** What the next poll gets: `to` itself once all first records have come. */
static inline struct ph_writer *resumption_writer(struct resumption *r)
{
    return r->waiting > 0 || r->is_other ? &r->pub : r->to;
}

/** Where is_other: says so of the partition, and what can be done. */
void resumption_refuse(const struct resumption *r, const struct ph_partition *p,
                       const char *manifest, struct ph_error *err);

#endif
