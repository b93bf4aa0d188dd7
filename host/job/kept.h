/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the sinks of a prepared job stand, looked at and changed from outside: by the sink's own
 * pipehost.positions/1, or in the host's ledger. The job does not run. Partitions become known to
 * job->partitions by what is kept and by what the source finds. [control]
 */
#ifndef JOB_KEPT_H
#define JOB_KEPT_H

#include "job/job.h"

/** One position of a sink, as `pipehost positions show` prints it. */
struct kept_position {
    uint32_t id; /**< in job->partitions */
    uint32_t fingerprint;
    int64_t next_offset; /**< -1 = none */
    int64_t fence;       /**< -1 = the sink has none */
    int64_t moved_ms;    /**< -1 = unknown */
    char *owner;
};

struct kept {
    struct kept_position *items;
    uint32_t count;
    uint32_t capacity;
};

/** Reads what the sink keeps into all-zero *k, for kept_fini also after an error. */
__attribute__((warn_unused_result)) int32_t kept_read(struct node *sink, struct kept *k,
                                                      struct ph_error *err);
void kept_fini(struct kept *k);
/** The position of a partition, or null. */
const struct kept_position *kept_find(const struct kept *k, uint32_t id);

/** Asks the source for its partitions, and where its startup mode begins each: job->resolved. */
__attribute__((warn_unused_result)) int32_t kept_resolve(struct node *source, struct ph_error *err);

/** All or none of these become the sink's: by partition id. next_offset -1 = forgotten, of all of
 * them or of none. */
__attribute__((warn_unused_result)) int32_t kept_set(struct node *sink,
                                                     const struct ph_position *positions,
                                                     uint32_t count, struct ph_error *err);
/** What the sink keeps under another pipeline's name becomes this one's. */
__attribute__((warn_unused_result)) int32_t kept_rename(struct node *sink, const char *from,
                                                        struct ph_error *err);
/** Whether the partition's records come to the sink. */
bool kept_feeds(const struct node *sink, const struct ph_partition *p);

#endif
