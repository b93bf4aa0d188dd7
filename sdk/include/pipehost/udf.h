/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A UDF takes a batch and emits batches. A plain one answers within the call; an async one
 * (`ph_async_udf_ops`) takes batches in, works on many rows at once without blocking, and gives the
 * batches back in the order in which they came.
 */
#ifndef PIPEHOST_UDF_H
#define PIPEHOST_UDF_H

#include "pipehost/builder.h"
#include "pipehost/host.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A batch under construction; becomes the host's with emit or discard. One that emit had no room
 * for may be kept for the next call, which is then with the same batch; otherwise it lives no
 * longer than the call. */
struct ph_draft {
    uint32_t size;
    uint32_t row_count;
    uint32_t builder_count; /**< the columns to fill */
    uint32_t reserved;
    struct ph_builder *builders; /**< one for each column that the output's schema adds (all of them
                                    for `create`) */
    void *host_data;
};

/** Where a UDF's output goes. Lives for the call. [worker] throughout. Null answers: no memory in
 * the reserve; return PH_MORE. */
struct ph_out {
    uint32_t size;
    uint32_t reserved;
    void *host_data;
    /** Same rows, all columns of `in` by reference, plus the added columns to fill. */
    struct ph_draft *(*derive)(struct ph_out *out, uint32_t output, const struct ph_batch *in);
    /**
     * The rows of `in` named by rows[count], ascending, plus the added columns to fill. A row that
     * is left out is filtered; one that is named several times is a flat-map: the host numbers the
     * sub-rows. At most PH_BATCH_ROWS_MAX rows a draft; a plugin that needs more emits several
     * drafts for one batch. Each row's sub-rows are one run. `last` is false only where the run of
     * the final row named goes on at the head of the next draft.
     */
    struct ph_draft *(*gather)(struct ph_out *out, uint32_t output, const struct ph_batch *in,
                               const uint32_t *rows, uint32_t count, bool last);
    /** A batch of at most PH_BATCH_ROWS_MAX rows that stems from no single record (a window's
     * result): all columns to fill. */
    struct ph_draft *(*create)(struct ph_out *out, uint32_t output, uint32_t row_count);
    /**
     * Sends it downstream. The first emit of a call for each output is always PH_OK, so that a
     * plugin with one draft a call need not look. PH_MORE: no room; the draft is still the
     * caller's: discard it or keep it, return PH_MORE, emit it or a new one next time.
     */
    int32_t (*emit)(struct ph_out *out, struct ph_draft *draft);
    /** Drops a draft that will not be emitted. */
    void (*discard)(struct ph_out *out, struct ph_draft *draft);
};

struct ph_udf_ops {
    uint32_t size;
    uint32_t reserved;
    /**
     * Works on one batch of `input`. Rows that are in no emitted draft are filtered; the host sees
     * to positions. PH_OK: done with the batch; PH_MORE: call again with the same batch when there
     * is room. [worker]
     */
    int32_t (*process)(void *task, uint32_t input, const struct ph_batch *batch, struct ph_out *out,
                       struct ph_error *err);
    /** All inputs have ended: emit what is left. [worker] */
    int32_t (*finish)(void *task, struct ph_out *out, struct ph_error *err);
};

struct ph_async_udf_ops {
    uint32_t size;
    uint32_t reserved;
    /** Takes a batch (retain it through pipehost.batches/1). PH_MORE: no room now, offer it again.
     * Never blocks. [worker] */
    int32_t (*offer)(void *task, const struct ph_batch *batch, struct ph_error *err);
    /**
     * Emits the oldest batch if it is complete and releases it. PH_OK: emitted, ask again; PH_IDLE:
     * the oldest is not complete; PH_MORE: no room downstream; PH_END: nothing is held. [worker]
     */
    int32_t (*next)(void *task, struct ph_out *out, struct ph_error *err);
    /** Gives up waiting: hands the unfinished batches back, oldest first, with the references that
     * offer took, and forgets them; for a reload. PH_MORE: more than capacity, call again.
     * [worker] */
    int32_t (*hand_back)(void *task, const struct ph_batch **batches, uint32_t capacity,
                         uint32_t *count);
};

#ifdef __cplusplus
}
#endif
#endif
