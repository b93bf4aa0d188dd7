/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink makes epochs durable: the rows of all batches written since the last commit, and the
 * positions that they reach, in one go. The host ends epochs; the plugin never decides when. Order
 * of calls of a task: activate → claim → (write* → commit)* → release → deactivate After any error,
 * or when it changes its mind, the host calls abort. Abort after a retriable error is followed by
 * claim again (the sink reconnects there), which says what of the aborted epoch is durable after
 * all; then by write of the rest.
 */
#ifndef PIPEHOST_SINK_H
#define PIPEHOST_SINK_H

#include "pipehost/host.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ph_epoch_flags {
    PH_EPOCH_FINAL = 1u << 0, /**< the last one before the pipeline ends */
    /** Rows of the next one come at once, most likely: the sink may begin it along with this
     * commit. The host calls write within 100 ms, or else abort, so that nothing stays begun. */
    PH_EPOCH_MORE = 1u << 1
};

struct ph_epoch {
    uint32_t size;
    uint32_t flags; /**< enum ph_epoch_flags */
    uint64_t id;    /**< grows by one in a process; says nothing after a restart */
    uint64_t row_count;
    /** Where each partition of this task stands after this epoch, ascending by partition id: those
     * that moved, and once a day all, so that a store that forgets old positions keeps them. */
    const struct ph_position *positions;
    uint32_t position_count;
    uint32_t reserved;
};

struct ph_sink_ops {
    uint32_t size;
    uint32_t reserved;
    /**
     * Becomes the owner of the partitions' positions for this pipeline and operator, shutting out
     * any earlier owner, and reads them: positions[i].next_offset = what is durable, or -1, and
     * positions[i].fingerprint = what came with it. Called again after abort to find out what
     * became of a commit whose answer never came: then it must fail with PH_ERR_FENCED if another
     * owner came between. Connects if it must. A sink whose delivery is not transactional need not
     * have it. [worker]
     */
    int32_t (*claim)(void *task, const struct ph_partition *partitions, uint32_t count,
                     struct ph_position *positions, struct ph_error *err);
    /** Gives the partitions up, after the last commit. [worker] */
    int32_t (*release)(void *task, struct ph_error *err);
    /**
     * Stages the batch's rows. The batch stays valid until the epoch's commit is done or abort was
     * called. PH_MORE: no room now, call again. A row that the sink itself finds bad: reject it and
     * go on. [worker]
     */
    int32_t (*write)(void *task, const struct ph_batch *batch, struct ph_error *err);
    /**
     * Makes everything written since the last commit durable, with the positions, in one go. PH_OK:
     * it is; PH_PENDING: pipehost.epochs/1 will say so, and until then neither write nor commit is
     * called. PH_ERROR with PH_ERR_POISON after the bad rows were rejected: the host aborts and
     * writes the epoch again without them; with PH_ERR_POISON and no row named: the host finds the
     * rows by halving. [worker]
     */
    int32_t (*commit)(void *task, const struct ph_epoch *epoch, struct ph_error *err);
    /** Forgets everything written since the last commit. Cannot fail: a connection in doubt is
     * dropped. [worker] */
    void (*abort)(void *task);
};

/** "pipehost.epochs/1": how a sink that answered PH_PENDING says that the epoch is durable, or
 * failed. */
#define PH_SERVICE_EPOCHS "pipehost.epochs/1"

struct ph_epochs {
    uint32_t size;
    uint32_t reserved;
    /** err null: durable. Copies err. [worker] */
    void (*done)(const struct ph_task *task, uint64_t epoch_id, const struct ph_error *err);
};

/** "pipehost.pace/1", an extension of a sink whose commits cost the service behind it much. */
#define PH_EXTENSION_PACE "pipehost.pace/1"

struct ph_pace {
    uint32_t size;
    uint32_t reserved;
    /** The least time between the end of a commit and the call of the next, in nanoseconds, as long
     * as the epoch is not full. Where it is above 0 the host lets an epoch hold more, if memory
     * allows. Asked once, after init. [control] */
    int64_t (*interval_ns)(void *op);
};

#ifdef __cplusplus
}
#endif
#endif
