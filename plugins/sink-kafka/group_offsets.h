/* SPDX-License-Identifier: Apache-2.0 */
/** Positions as offsets of groups without members: read at a claim, written by a transaction. */
#ifndef SINK_KAFKA_GROUP_OFFSETS_H
#define SINK_KAFKA_GROUP_OFFSETS_H

#include "positions.h"

/** What goes into one transaction, by group. */
struct group_offset_list {
    struct group_offsets *groups;
    uint32_t count;
};

/** Adds an offset, with its note as metadata. [worker] */
__attribute__((warn_unused_result)) int32_t group_offsets_add(struct group_offset_list *l,
                                                              const struct producer *p,
                                                              const struct held *h,
                                                              const struct note *note,
                                                              struct ph_error *err);
void group_offsets_fini(struct group_offset_list *l);
/**
 * Reads where the group of each source stands: found[i] for positions->items[i]. is_stable: waits
 * for transactions under way to end; without it, says what is committed by now. [worker]
 */
__attribute__((warn_unused_result)) int32_t group_offsets_read(struct producer *p,
                                                               const struct positions *positions,
                                                               bool is_stable, struct note *found,
                                                               struct ph_error *err);
/** Adds all that groups have of found->pipeline, which are of the cluster itself. [worker] */
__attribute__((warn_unused_result)) int32_t group_offsets_list(struct producer *p,
                                                               const char *cluster, bool is_stable,
                                                               struct positions *found,
                                                               struct ph_error *err);

#endif
