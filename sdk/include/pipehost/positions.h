/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What `pipehost positions` asks a sink that keeps its positions itself: "pipehost.positions/1", an
 * extension of a plugin whose delivery is PH_DELIVERY_TRANSACTIONAL. A task that was activated and
 * will do no other work; deactivate follows. All functions may block in pipehost.wait/1.
 */
#ifndef PIPEHOST_POSITIONS_H
#define PIPEHOST_POSITIONS_H

#include "pipehost/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_EXTENSION_POSITIONS "pipehost.positions/1"

/** One position as the sink keeps it, of the operator's name. Strings are borrowed for the call. */
struct ph_kept_position {
    uint32_t size;
    uint32_t fingerprint; /**< see ph_position; 0 = unknown */
    const char *source;   /**< the source operator's name */
    const char *topic;
    const char *cluster; /**< "" = unknown */
    int32_t partition;
    uint32_t reserved;
    int64_t next_offset; /**< -1 = none: the row was reset */
    int64_t fence;       /**< times that it was taken over; -1 = the sink counts otherwise */
    const char *owner;   /**< for people: who took it last, "" = nobody or unknown */
    int64_t moved_ms;    /**< when it moved last, milliseconds since 1970; -1 = unknown */
};

/** Takes what `list` finds. */
struct ph_kept_positions {
    uint32_t size;
    uint32_t reserved;
    void *host_data;
    /** PH_ERROR: no more room; the plugin stops and answers PH_ERROR too. */
    int32_t (*add)(struct ph_kept_positions *list, const struct ph_kept_position *position);
};

struct ph_positions_ops {
    uint32_t size;
    uint32_t reserved;
    /**
     * All positions of this operator's name under a pipeline's name (host->pipeline_name for its
     * own). Takes nothing over and creates nothing: where nothing is kept yet the list stays empty.
     * A running owner notices nothing of it. [worker]
     */
    int32_t (*list)(void *task, const char *pipeline, struct ph_kept_positions *list,
                    struct ph_error *err);
    /**
     * All or none of these become what is kept for this pipeline and operator, whoever owns them:
     * a running owner is shut out, as by claim. partitions[i] belongs to positions[i]; next_offset
     * -1 resets: the next claim finds no position. One that is not there yet is made. [worker]
     */
    int32_t (*set)(void *task, const struct ph_partition *partitions,
                   const struct ph_position *positions, uint32_t count, struct ph_error *err);
    /**
     * What is kept of this operator's name under another pipeline's name becomes this pipeline's;
     * an owner under the other name is shut out. PH_ERR_CONFIG where this pipeline has positions
     * of its own, or the other has none. [worker]
     */
    int32_t (*rename)(void *task, const char *from_pipeline, struct ph_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
