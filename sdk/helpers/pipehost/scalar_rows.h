/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How a scalar UDF works on a batch. Included by scalar.h.
 *
 * The rows of a batch are worked on in runs: at first all rows at once, as a draft that shares the
 * columns of the input. Where memory does not suffice for the results of a run, half of it is
 * tried; the next call goes on behind what was emitted. A run in which rows are dropped is made
 * again with the rows that are left, since a draft's rows are fixed when it is begun.
 */
#ifndef PIPEHOST_SCALAR_ROWS_H
#define PIPEHOST_SCALAR_ROWS_H

#include "pipehost/scalar_operator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What became of a run. */
enum ph_scalar_step {
    PH_SCALAR_DONE,      /**< emitted, or nothing was left of it */
    PH_SCALAR_DROPS,     /**< t->rows holds the rows that are left: make it with them */
    PH_SCALAR_NO_MEMORY, /**< try a shorter run */
    PH_SCALAR_NO_ROOM,   /**< downstream is full */
    PH_SCALAR_FAILED
};

/** Rows of the batch that are worked on together: all of first .. end, or t->rows[count] of them.
 */
struct ph_scalar_run {
    uint32_t first;
    uint32_t end;
    uint32_t count;
    bool is_listed;
};

static inline bool ph_scalar_is_rejected(const struct ph_scalar_task *t, uint32_t row)
{
    return t->has_rejects && ((unsigned)t->rejects[row >> 3] >> (row & 7u) & 1u) != 0;
}

static inline void ph_scalar_note_reject(struct ph_scalar_task *t, uint32_t row)
{
    t->rejects[row >> 3] = (uint8_t)(t->rejects[row >> 3] | (1u << (row & 7u)));
    t->has_rejects = true;
}

static inline bool ph_scalar_has_null(const struct ph_call *call)
{
    bool is_null = false;
    for (uint32_t i = 0; i < call->argument_count; i++) {
        is_null = is_null || ph_column_is_null(call->arguments[i], call->row);
    }
    return is_null;
}

/** False: no argument is null in any row of the batch. */
static inline bool ph_scalar_may_be_null(const struct ph_call *call)
{
    bool may_be = false;
    for (uint32_t i = 0; i < call->argument_count; i++) {
        may_be = may_be || call->arguments[i]->validity != NULL;
    }
    return may_be;
}

static inline struct ph_call ph_scalar_begin(struct ph_scalar_task *t, const struct ph_batch *batch,
                                             struct ph_draft *draft, struct ph_error *err)
{
    struct ph_call call;
    memset(&call, 0, sizeof call);
    call.argument_count = t->op->argument_count;
    for (uint32_t i = 0; i < call.argument_count; i++) {
        call.arguments[i] = ph_batch_column(batch, t->op->columns[i]);
    }
    call.builder = t->op->as != NULL ? &draft->builders[0] : NULL;
    call.batch = batch;
    call.task = t->task;
    call.state = t->op->state;
    call.err = err;
    return call;
}

/** Calls the function for call->row. PH_OK, PH_NULL, PH_DROP, PH_REJECT, PH_MORE or PH_ERROR. */
__attribute__((always_inline)) static inline int32_t ph_scalar_call(const struct ph_scalar *scalar,
                                                                    struct ph_scalar_task *t,
                                                                    struct ph_call *call)
{
    int32_t answer = scalar->function(call);
    if (call->is_wrong) {
        return PH_ERROR;
    }
    switch (answer) {
    case PH_OK:
        if (call->is_unsealed) {
            call->is_unsealed = false;
            ph_builder_seal(call->builder, call->result_row);
        }
        return PH_OK;
    case PH_REJECT:
        ph_scalar_note_reject(t, call->row);
        break;
    case PH_NULL:
    case PH_DROP:
    case PH_MORE:
        break;
    case PH_ERROR:
        return ph_error_set(call->err, PH_ERR_FATAL, "the function failed without saying why");
    default:
        return ph_error_set(call->err, PH_ERR_FATAL,
                            "the function answered %d: return ph_return_…, PH_NULL, PH_DROP or "
                            "ph_reject",
                            answer);
    }
    call->is_unsealed = false;
    if (call->builder != NULL) {
        ph_builder_set_null(call->builder, call->result_row);
    }
    return answer;
}

/** The function's answer for call->row; PH_NULL where it is not to be called. */
__attribute__((always_inline)) static inline int32_t ph_scalar_answer(
    const struct ph_scalar *scalar, struct ph_scalar_task *t, struct ph_call *call,
    bool looks_for_nulls)
{
    if (ph_scalar_is_rejected(t, call->row) || (looks_for_nulls && ph_scalar_has_null(call))) {
        return PH_NULL;
    }
    return ph_scalar_call(scalar, t, call);
}

/** Begins t->rows with the first `count` rows of a run. */
static inline void ph_scalar_list(struct ph_scalar_task *t, const struct ph_scalar_run *run,
                                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        t->rows[i] = run->first + i;
    }
}

/**
 * Calls the function for the rows of a run. PH_SCALAR_DROPS: those that are not dropped stand in
 * t->rows, *kept of them. A run that is listed already keeps them all. A rejected row is taken out
 * by the host.
 */
__attribute__((always_inline)) static inline enum ph_scalar_step ph_scalar_fill(
    const struct ph_scalar *scalar, struct ph_scalar_task *t, struct ph_call *call,
    const struct ph_scalar_run *run, uint32_t *kept)
{
    bool looks_for_nulls = (scalar->flags & PH_SCALAR_NULLS) == 0 && ph_scalar_may_be_null(call);
    bool has_drops = false;
    *kept = run->count;
    for (uint32_t i = 0; i < run->count; i++) {
        int32_t answer;
        call->row = run->is_listed ? t->rows[i] : run->first + i;
        call->result_row = i;
        answer = ph_scalar_answer(scalar, t, call, looks_for_nulls);
        if (answer == PH_ERROR) {
            return PH_SCALAR_FAILED;
        }
        if (answer == PH_MORE) {
            return PH_SCALAR_NO_MEMORY;
        }
        if (answer == PH_DROP && !run->is_listed && !has_drops) {
            has_drops = true;
            ph_scalar_list(t, run, i);
            *kept = i;
        }
        if (has_drops && answer != PH_DROP) {
            t->rows[(*kept)++] = call->row;
        }
    }
    return has_drops ? PH_SCALAR_DROPS : PH_SCALAR_DONE;
}

static inline enum ph_scalar_step ph_scalar_emit(struct ph_out *out, struct ph_draft *draft)
{
    if (out->emit(out, draft) == PH_OK) {
        return PH_SCALAR_DONE;
    }
    out->discard(out, draft);
    return PH_SCALAR_NO_ROOM;
}

static inline struct ph_draft *ph_scalar_draft(struct ph_scalar_task *t,
                                               const struct ph_scalar_run *run,
                                               const struct ph_batch *batch, struct ph_out *out)
{
    if (!run->is_listed && run->count == batch->row_count) {
        return out->derive(out, 0, batch);
    }
    if (!run->is_listed) {
        ph_scalar_list(t, run, run->count);
    }
    return out->gather(out, 0, batch, t->rows, run->count, true); /* a row has one draft */
}

/** Chooses rows first, then makes the draft. */
__attribute__((always_inline)) static inline enum ph_scalar_step ph_scalar_filter(
    const struct ph_scalar *scalar, struct ph_scalar_task *t, struct ph_scalar_run *run,
    const struct ph_batch *batch, struct ph_out *out, struct ph_error *err)
{
    struct ph_call call = ph_scalar_begin(t, batch, NULL, err);
    struct ph_draft *draft;
    uint32_t kept;
    enum ph_scalar_step step = ph_scalar_fill(scalar, t, &call, run, &kept);
    if (step != PH_SCALAR_DONE && step != PH_SCALAR_DROPS) {
        return step;
    }
    if (kept == 0) {
        return PH_SCALAR_DONE;
    }
    run->is_listed = kept < run->count;
    run->count = kept;
    draft = ph_scalar_draft(t, run, batch, out);
    return draft == NULL ? PH_SCALAR_NO_MEMORY : ph_scalar_emit(out, draft);
}

/** Makes the draft first, then the results in it; once more where rows were dropped. */
__attribute__((always_inline)) static inline enum ph_scalar_step ph_scalar_values(
    const struct ph_scalar *scalar, struct ph_scalar_task *t, struct ph_scalar_run *run,
    const struct ph_batch *batch, struct ph_out *out, struct ph_error *err)
{
    for (;;) {
        struct ph_draft *draft = ph_scalar_draft(t, run, batch, out);
        enum ph_scalar_step step;
        struct ph_call call;
        uint32_t kept;
        if (draft == NULL) {
            return PH_SCALAR_NO_MEMORY;
        }
        call = ph_scalar_begin(t, batch, draft, err);
        step = ph_scalar_fill(scalar, t, &call, run, &kept);
        if (step == PH_SCALAR_DONE) {
            return ph_scalar_emit(out, draft);
        }
        out->discard(out, draft);
        if (step != PH_SCALAR_DROPS) {
            return step;
        }
        if (kept == 0) {
            return PH_SCALAR_DONE;
        }
        run->is_listed = true;
        run->count = kept;
    }
}

static inline void ph_scalar_end(struct ph_scalar_task *t)
{
    t->next_row = 0;
    t->run_rows = 0;
    if (t->has_rejects) {
        memset(t->rejects, 0, sizeof t->rejects);
        t->has_rejects = false;
    }
}

/** The process of a UDF; inlined into each, so that the function can be inlined into it. */
__attribute__((always_inline)) static inline int32_t ph_scalar_process(
    const struct ph_scalar *scalar, struct ph_scalar_task *t, const struct ph_batch *batch,
    struct ph_out *out, struct ph_error *err)
{
    while (t->next_row < batch->row_count) {
        uint32_t left = batch->row_count - t->next_row;
        uint32_t count = t->run_rows != 0 && t->run_rows < left ? t->run_rows : left;
        struct ph_scalar_run run = {t->next_row, t->next_row + count, count, false};
        enum ph_scalar_step step = scalar->result == PH_TYPE_NONE
                                       ? ph_scalar_filter(scalar, t, &run, batch, out, err)
                                       : ph_scalar_values(scalar, t, &run, batch, out, err);
        if (step == PH_SCALAR_FAILED) {
            ph_scalar_end(t);
            return PH_ERROR;
        }
        if (step == PH_SCALAR_NO_MEMORY && count > 1) {
            t->run_rows = count / 2;
            continue;
        }
        if (step != PH_SCALAR_DONE) {
            return PH_MORE;
        }
        t->next_row = run.end;
    }
    ph_scalar_end(t);
    return PH_OK;
}

#ifdef __cplusplus
}
#endif
#endif
