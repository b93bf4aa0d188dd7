/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The positions of a sink that cannot keep them with its rows: a file of the pipeline's state, to
 * which each commit appends where its partitions stand. A line is
 *
 *   NEXT_OFFSET[:FINGERPRINT] PARTITION SOURCE TOPIC
 *
 * and the last one of a partition counts. One for each operator, shared by its lanes. Thread-safe.
 */
#ifndef DELIVERY_LEDGER_H
#define DELIVERY_LEDGER_H

#include "delivery/partitions.h"

struct ledger;

/** path is copied. Null: out of memory. [control] */
__attribute__((warn_unused_result)) struct ledger *ledger_create(const char *path);
void ledger_destroy(struct ledger *l); /**< accepts null */

/**
 * Reads the file at the first call; positions[i] becomes where partitions[i] stands, -1 = nowhere.
 * Retriable where the file cannot be read, fatal where it is none of ours. [any]
 */
__attribute__((warn_unused_result)) int32_t ledger_read(struct ledger *l,
                                                        const struct ph_partition *partitions,
                                                        uint32_t count,
                                                        struct ph_position *positions,
                                                        struct ph_error *err);
/** Makes positions durable, all of them or none; after ledger_read. partitions: by id. Retriable
 * but where the disk lost what it had taken. [any] */
__attribute__((warn_unused_result)) int32_t ledger_write(struct ledger *l,
                                                         const struct partitions *partitions,
                                                         const struct ph_position *positions,
                                                         uint32_t count, struct ph_error *err);

typedef int32_t (*ledger_fn)(void *arg, const char *source, const char *topic, int32_t partition,
                             const struct ph_position *position);
/** Every position of the file, read anew and without a change to it: another process may be writing
 * it. fn's PH_ERROR ends it. [any] */
__attribute__((warn_unused_result)) int32_t ledger_look(struct ledger *l, ledger_fn fn, void *arg,
                                                        struct ph_error *err);
/** These partitions stand nowhere any more; durable, all or none. [any] */
__attribute__((warn_unused_result)) int32_t ledger_forget(struct ledger *l,
                                                          const struct ph_partition *partitions,
                                                          uint32_t count, struct ph_error *err);

#endif
