/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ph_out of a UDF's task, and what a plain and an async UDF have in common.
 *
 * The batch emitted last is held back until it is known whether it is the last one of its input:
 * that one carries the input's positions, so that no epoch ends in between. Where an input becomes
 * many batches, those that end between source records carry positions of their own, so that a
 * sink need not hold all of them at once. [worker]
 */
#ifndef JOB_UDF_OUT_H
#define JOB_UDF_OUT_H

#include "job/job.h"
#include "job/letters.h"
#include "job/rejects.h"
#include "job/tasks.h"

/** Input rows that a draft was gathered from. */
struct gathered {
    const void *draft; /**< null = not known */
    const struct ph_batch *in;
    uint32_t first_row;
    uint32_t last_row;
};

/** Batches that an async UDF was offered and is not done with, oldest first. Owns a reference of
 * each. */
struct offered {
    const struct ph_batch **items;
    uint32_t head;
    uint32_t count;
    uint32_t capacity; /**< a power of two, or 0 */
};

/** Where the rows of the held batch come from. */
enum held_root {
    HELD_OF_INPUT, /**< the input in work: it may carry its positions */
    HELD_ROOTLESS, /**< no batch: it may as well */
    HELD_OF_OTHER  /**< a batch that the UDF kept from before */
};

struct udf_part {
    struct ph_out out;
    const struct ph_schema *passable; /**< of an input, whose columns the output can begin with */
    const struct ph_batch *current;   /**< in work or to be offered, one reference */
    uint32_t input;                   /**< that it came from */
    struct ph_batch *held;            /**< emitted, not yet delivered, one reference */
    struct gathered gathered;         /**< the draft gathered last */
    struct gathered held_rows;        /**< of `held` */
    enum held_root held_root;
    struct draft_run run;
    uint32_t emitted;    /**< drafts of this input so far */
    uint32_t covered;    /**< rows of this input that batches already delivered cover */
    bool ascends;        /**< each of them went on behind the one before */
    bool passed_on;      /**< some of this input's rows were delivered: it cannot be begun again */
    uint64_t open_bytes; /**< delivered since the last batch that carried positions */
    bool processed;      /**< plain: the plugin is done with `current` */
    bool completing;     /**< async: the plugin is done with the oldest offered batch */
    bool ended;          /**< all inputs have ended */
    bool finished;       /**< finish is done */
    bool moved;          /**< the running call emitted something */
    bool starved;        /**< the running call was refused memory */
    struct rejects rejects;
    uint32_t cleaned; /**< rejects that were taken out of `held` already */
    struct letters letters;
    struct offered offered;
    /* A pure UDF refused the whole of an input: it gets parts of it. udf_poison.c */
    const struct ph_batch *whole; /**< one reference; null = `current` is as it came */
    uint32_t part_end;            /**< rows of whole that are in parts so far */
    uint32_t part_rows;           /**< of the next part */
    struct ph_error row_error;    /**< of reject and emit, whose caller cannot fail */
    struct trouble trouble;       /**< nothing is done before its retry_ns */
    int64_t look_ns;              /**< something may be done again, at the latest */
};

void udf_out_init(struct task *t);
void udf_out_fini(struct udf_part *u);
/** Before a call that may emit: what is held has no rejected rows. PH_MORE: no memory now. */
__attribute__((warn_unused_result)) int32_t udf_out_prepare(struct task *t);
/** Delivers what is held without positions. PH_MORE: no room or no memory now. */
__attribute__((warn_unused_result)) int32_t udf_out_flush(struct task *t);
/** The UDF is done with `in`: delivers what is held, or an empty batch, with its positions.
 * PH_MORE: no room or no memory now, call again. */
__attribute__((warn_unused_result)) int32_t udf_out_complete(struct task *t,
                                                             const struct ph_batch *in);
/** Drops what is held: the input is begun again. */
void udf_out_forget(struct task *t);
/** After a call that was refused memory: PH_ERROR where no memory can come back, because the rows
 * of one source record have taken it. */
__attribute__((warn_unused_result)) int32_t udf_out_check_memory(struct task *t,
                                                                 struct ph_error *err);

/* ---- common to plain and async: udf_task.c ---- */

/** A failed call: backs off where the error is retriable, fails the job otherwise. */
enum task_step udf_failed(struct task *t, struct ph_error *err);
/** Nothing can be done before memory, room or the plugin says so: looks again a little later at the
 * latest. */
enum task_step udf_wait(struct task *t);
/** Whether the task has to wait before it does anything, for its next try or for dead letters.
 * TASK_PROGRESS: it has not. */
enum task_step udf_may_step(struct task *t);

/* ---- a UDF that is pure and refused a batch: udf_poison.c ---- */

/** After process failed with poison: sets the next part up, or sets the one row aside. PH_MORE: no
 * memory now, PH_ERROR: err stays what it is. */
__attribute__((warn_unused_result)) int32_t udf_poison_narrow(struct task *t, struct ph_error *err);
/** The part in `current` is done: true where another one follows. */
bool udf_poison_has_more(const struct udf_part *u);
/** Makes the next part `current`. PH_MORE: no memory now. */
__attribute__((warn_unused_result)) int32_t udf_poison_next(struct task *t);

#endif
