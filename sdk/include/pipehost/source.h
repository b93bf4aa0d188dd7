/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A source reads records of numbered partitions from a position on. Order of calls for the tasks of
 * one operator: activate (all) → partitions (lane 0) → resolve (lane 0) → start for each partition
 * of the lane → poll, serve, committed The host decides from where to start: from what the sinks
 * hold, and from `resolve` where they hold nothing.
 */
#ifndef PIPEHOST_SOURCE_H
#define PIPEHOST_SOURCE_H

#include "pipehost/host.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One record as the source has it. All pointers are borrowed for the call of append: the host
 * copies. */
struct ph_record {
    uint32_t size;
    uint32_t partition_id;
    int64_t offset;       /**< grows within a partition; holes are fine */
    int64_t timestamp_ms; /**< -1 = none */
    const void *key;      /**< null = no key */
    const void *value;    /**< null = tombstone */
    uint32_t key_length;  /**< bytes */
    uint32_t value_length;
    const void *headers; /**< null = none; else n × (u32 name length, name, u32 value length or
                            UINT32_MAX, value), host order */
    uint32_t headers_length;
    uint32_t reserved;
};

/** What the host takes beside keys and values, which are always welcome. */
enum ph_wants {
    PH_WANTS_HEADERS = 1u << 0 /**< else a source need not look for them */
};

/** Where poll puts records. Lives for the call of poll. */
struct ph_writer {
    uint32_t size;
    uint32_t wants; /**< enum ph_wants; constant for the task */
    void *host_data;
    /** PH_MORE: the batch is full; keep the record, return PH_OK from poll and offer it first next
     * time. [worker] */
    int32_t (*append)(struct ph_writer *w, const struct ph_record *record);
    /** Everything below next_offset is done with, and the source does not say what is there.
     * [worker] */
    void (*advance)(struct ph_writer *w, uint32_t partition_id, int64_t next_offset);
    /** The same, where no record is at next_offset - 1 nor ever will be (a log that was compacted,
     * a control record): one that is appended there after a later `start` is of another log.
     * [worker] */
    void (*pass_hole)(struct ph_writer *w, uint32_t partition_id, int64_t next_offset);
};

/** Takes what `partitions` finds. */
struct ph_partition_list {
    uint32_t size;
    uint32_t reserved;
    void *host_data;
    /** topic and cluster as in ph_partition; copied. */
    int32_t (*add)(struct ph_partition_list *list, const char *topic, int32_t partition,
                   const char *cluster);
};

struct ph_source_ops {
    uint32_t size;
    uint32_t reserved;
    /** Lists all partitions of the operator. Asks the network. [worker] of lane 0, after activate.
     */
    int32_t (*partitions)(void *task, struct ph_partition_list *list, struct ph_error *err);
    /**
     * For partitions that no sink has a position of: the offset to begin at, by the startup mode,
     * into next_offsets[count]. Must be an absolute offset that stays right when it is used days
     * later. [worker] of lane 0.
     */
    int32_t (*resolve)(void *task, const struct ph_partition *partitions, uint32_t count,
                       int64_t *next_offsets, struct ph_error *err);
    /**
     * Begins to read a partition at from->next_offset. Where from->fingerprint is not 0, a source
     * that can begins with the record at next_offset - 1, if that is still there: the host compares
     * it with the fingerprint and drops it. Before the first poll, or later for a partition found
     * while running. [worker]
     */
    int32_t (*start)(void *task, const struct ph_partition *partition,
                     const struct ph_position *from, struct ph_error *err);
    /**
     * Appends what is there at once; never blocks. PH_OK: progress, ask again; PH_IDLE: nothing
     * there now (sleep until a watched fd, the deadline or wake); PH_END: all partitions are read
     * to their end. [worker]
     */
    int32_t (*poll)(void *task, struct ph_writer *writer, struct ph_error *err);
    /** Keeps the library alive while poll is not called because the output is full; at least every
     * 100 ms. [worker] */
    int32_t (*serve)(void *task, struct ph_error *err);
    /** All sinks are done with everything below. For monitors only: the host keeps the truth.
     * [worker] */
    int32_t (*committed)(void *task, const struct ph_position *positions, uint32_t count,
                         struct ph_error *err);
};

/** "pipehost.partitions/1": how a running source says that there is a partition more. */
#define PH_SERVICE_PARTITIONS "pipehost.partitions/1"

struct ph_partitions {
    uint32_t size;
    uint32_t reserved;
    /**
     * The host claims the partition in every sink, makes its beginning durable there, and then
     * calls `start` of the task of its lane, which may be another one than this. Later; nothing
     * else stops meanwhile. Its offsets begin at 0 or above. Say lower numbers first; one that the
     * host knows is passed over. Strings are copied. Not for a run that ends. [worker]
     */
    int32_t (*found)(const struct ph_task *task, const char *topic, int32_t partition,
                     const char *cluster, struct ph_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
