/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The pipeline's table of source partitions: the one place that numbers them. Entries are appended
 * only and never move, so a pointer to one stays good while the table lives. One thread at a time
 * appends; others may read meanwhile, because `count` comes after the entry.
 */
#ifndef DELIVERY_PARTITIONS_H
#define DELIVERY_PARTITIONS_H

#include "pipehost/host.h"

#include <stdatomic.h>

#define PARTITIONS_MAX 4096

struct partitions {
    struct ph_partition *items[PARTITIONS_MAX];
    _Atomic uint32_t count;
};

/** Accepts any zeroed table; frees the entries. [control] */
void partitions_fini(struct partitions *t);
/** Null: it is not in the table. [any] */
const struct ph_partition *partitions_find(const struct partitions *t, const char *source,
                                           const char *topic, int32_t partition);
/** The entry's index is its id. Strings are copied; duplicates are answered with the entry that is
 * there. [control] */
__attribute__((warn_unused_result)) int32_t partitions_add(struct partitions *t, const char *source,
                                                           const char *topic, int32_t partition,
                                                           const char *cluster, uint32_t *id,
                                                           struct ph_error *err);

#endif
