/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a worker does with a task. step works on one piece (a poll, a batch, a commit) and never
 * blocks, but for a sink, which may block in the host's own wait. [worker] unless said otherwise.
 */
#ifndef JOB_TASKS_H
#define JOB_TASKS_H

#include "job/job.h"

enum task_step { TASK_FAILED = -1, TASK_IDLE = 0, TASK_PROGRESS = 1 };

/* ---- every kind: tasks.c ---- */

enum task_step task_step(struct task *t);
/** What a watched descriptor or a wake is told to the plugin by. False: the job has failed. */
bool task_ready(struct task *t, int fd, uint32_t events);
/** What the time of a sleep counts as, that follows a step without progress. */
enum task_rest task_rest(const struct task *t);
/** When step has something to do again without being woken; monotonic ns, 0 = never. */
int64_t task_deadline_ns(const struct task *t);

/** The next input batch with its reference, or, with *batch null, the end of all inputs. False:
 * nothing there now. */
bool task_take(struct task *t, const struct ph_batch **batch, uint32_t *input);
/** Whether deliver may be called. False: the worker is woken when that changes. */
bool task_has_room(struct task *t);
/** Hands a batch with its reference to all that read this task. There must be room. */
void task_deliver(struct task *t, const struct ph_batch *batch);
/** Says that nothing follows. There must be room. */
void task_end(struct task *t);

/** The source record that a row of a batch stems from. */
struct task_row {
    const struct ph_partition *partition; /**< null = none */
    int64_t offset;
    uint32_t sub_index;
    bool has_sub_index;    /**< the record became several rows */
    int64_t timestamp_ms;  /**< the record's, -1 = none */
    struct ph_bytes key;   /**< data null = none is known */
    struct ph_bytes value; /**< data null = none is known */
};

struct task_row task_row_of(const struct task *t, const struct ph_batch *batch, uint32_t row);
/** Sets a record or row aside by the operator's policy: dead letter, skip or failure. A retriable
 * error: it is not set aside, try again. */
__attribute__((warn_unused_result)) int32_t task_set_aside(struct task *t,
                                                           const struct task_row *row,
                                                           const char *code, const char *reason,
                                                           struct ph_error *err);
/** ph_task.reject. */
void task_reject(const struct ph_task *pub, const struct ph_batch *batch, uint32_t row,
                 const char *code, const char *reason);

/* ---- one file for each kind; init [control], fini accepts a task whose init failed ---- */

__attribute__((warn_unused_result)) int32_t source_task_init(struct task *t, struct ph_error *err);
void source_task_fini(struct task *t);
/** Has the plugin begin with a partition at job->starts. [worker] */
__attribute__((warn_unused_result)) int32_t source_task_start(struct task *t,
                                                              const struct ph_partition *p,
                                                              struct ph_error *err);
enum task_step source_task_step(struct task *t);
int64_t source_task_deadline_ns(const struct task *t);
/** True while the task may not take from its source: then its descriptors may stay ready. */
bool source_task_is_blocked(const struct task *t);
/** Keeps the library behind an activated source alive while the pipeline starts. */
void source_task_serve(struct task *t);
/** Tells what became durable last, when the pipeline has ended. */
void source_task_tell_end(struct task *t);

__attribute__((warn_unused_result)) int32_t udf_task_init(struct task *t, struct ph_error *err);
void udf_task_fini(struct task *t);
enum task_step udf_task_step(struct task *t);
enum task_step async_task_step(struct task *t); /**< async_task.c */
int64_t udf_task_deadline_ns(const struct task *t);
/** True while an async UDF waits for answers and takes no more input. */
bool udf_task_is_saturated(const struct task *t);
void udf_task_reject(struct task *t, const struct ph_batch *batch, uint32_t row, const char *code,
                     const char *reason);

__attribute__((warn_unused_result)) int32_t sink_task_init(struct task *t,
                                                           const struct sink_settings *settings,
                                                           struct ph_error *err);
void sink_task_fini(struct task *t);
enum task_step sink_task_step(struct task *t);
int64_t sink_task_deadline_ns(const struct task *t);
/** True while it waits for what it writes to: for room, an answer, the next try. */
bool sink_task_is_held(const struct task *t);
struct sink_driver *sink_task_driver(const struct task *t);

#endif
