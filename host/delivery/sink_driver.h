/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Drives one sink task: claims positions, writes batches, ends epochs, retries, sets rows aside. A
 * state machine without a thread, a clock or memory of its own, so that it runs under simulation as
 * it runs in a worker.
 *
 *          +--------------------------------------------------+
 *          v                                                  | retriable error: abort, back off
 *   --> CLAIM --positions--> OPEN --epoch ends--> COMMITTING -+-> OPEN (durable)
 *                             ^  |                    |
 *                             |  +-- end of input --> RELEASE --> DONE
 *                             +---- poison: abort, write again without the rows
 *
 * Whatever fails, the truth is read again from the sink by the next claim: an epoch whose commit
 * answer got lost is then dropped or written again as the positions say.
 *
 * Poison without a named row is searched by halving: `window` says how many source records are
 * tried at once. A failure halves it, a commit doubles it until it holds all that is left; a single
 * record that fails is set aside. Rows that the sink names are left out at once; after some rounds
 * of that the window shrinks as well, so that a bad run of rows does not have the good ones written
 * again and again.
 */
#ifndef DELIVERY_SINK_DRIVER_H
#define DELIVERY_SINK_DRIVER_H

#include "delivery/backoff.h"
#include "delivery/epoch.h"
#include "pipehost/sink.h"

enum sink_state {
    SINK_STATE_CLAIM,
    SINK_STATE_OPEN,
    SINK_STATE_COMMITTING,
    SINK_STATE_RELEASE,
    SINK_STATE_DONE,
    SINK_STATE_FAILED
};

enum sink_step {
    SINK_FAILED = -1,  /**< driver->error says why; stays so */
    SINK_IDLE = 0,     /**< nothing to do before more input or driver->deadline_ns (0 = none) */
    SINK_PROGRESS = 1, /**< step again */
    SINK_DONE = 2      /**< the input ended and everything is durable */
};

/** What surrounds the driver. All functions are called by the thread that steps. */
struct sink_env {
    void *arg;
    struct epoch_memory memory;
    int64_t (*now_ns)(void *arg);
    uint64_t (*random)(void *arg);
    /** The next batch (with its reference) or, with *batch null, the end of input; false: nothing
     * there now. */
    bool (*next)(void *arg, const struct ph_batch **batch);
    /** Sets a row aside by the operator's policy. A retriable error: the row is written again
     * later; any other stops the pipeline. */
    int32_t (*set_aside)(void *arg, const struct ph_batch *batch, uint32_t row, const char *code,
                         const char *reason, struct ph_error *err);
    /** Makes durable what set_aside was given; before each commit. */
    int32_t (*sync)(void *arg, struct ph_error *err);
    /** These positions and this many rows are durable. */
    void (*committed)(void *arg, const struct ph_position *positions, uint32_t count,
                      uint64_t row_count);
    /** For a sink that cannot keep positions with its rows, else null: reads where the partitions
     * stand, and makes durable, after each commit, where they stand now. */
    int32_t (*load)(void *arg, const struct ph_partition *partitions, uint32_t count,
                    struct ph_position *positions, struct ph_error *err);
    int32_t (*store)(void *arg, const struct ph_position *positions, uint32_t count,
                     struct ph_error *err);
    /** A retriable error, and when the next try comes; err null: it works again. */
    void (*trouble)(void *arg, const struct ph_error *err, int64_t retry_in_ns);
};

struct sink_settings {
    bool keeps_positions; /**< claim reads the truth, or env.load does */
    int64_t min_delay_ns; /**< between two commits; 0 = as soon as the sink is free */
    int64_t interval_ns;  /**< longest time from a row's arrival to its commit */
    uint64_t max_rows;    /**< ends an epoch */
    uint32_t max_batches; /**< ends an epoch: what the memory reserve holds */
    int64_t refresh_ns;   /**< how often positions that do not move are committed; 0 = never */
};

/** What is known of a commit that was called. */
enum sink_answer { SINK_ANSWER_NONE, SINK_ANSWER_DURABLE, SINK_ANSWER_FAILED };

struct sink_driver {
    const struct ph_sink_ops *ops;
    void *task;
    struct sink_env env;
    struct sink_settings settings;
    enum sink_state state;
    struct epoch *epoch;
    uint32_t written; /**< entries of the epoch that the sink has */
    bool input_ended;
    bool end_now;      /**< end the epoch without waiting for more */
    uint64_t window;   /**< source records tried at once, 0 = all */
    uint32_t rounds;   /**< times in a row that the sink named bad rows of this epoch */
    uint32_t rejected; /**< rows set aside by the running call of write or commit */
    uint64_t epoch_id;
    enum sink_answer answer;
    bool has_announced; /**< PH_EPOCH_MORE, and no row was written since */
    bool in_doubt;      /**< a commit of `reach` failed or its answer got lost */
    int64_t opened_ns;  /**< when the epoch got its first batch */
    int64_t ended_ns;   /**< when the last commit was done */
    int64_t commit_ns;  /**< when the running commit was called */
    int64_t cost_ns;    /**< smoothed duration of a commit */
    int64_t full_ns;    /**< how long to wait for a sink that has no room */
    int64_t deadline_ns;
    int64_t retry_ns;
    int64_t refresh_ns; /**< when unmoved positions are next committed again; 0 = not known yet */
    bool is_refreshing; /**< the running commit has them */
    struct backoff backoff;
    struct ph_error error;
    const struct ph_partition **partitions;
    uint32_t partition_count;
    const struct ph_partition *newcomer; /**< owned, not claimed yet; null = none */
    uint32_t skip_count;             /**< partitions whose input may hold rows that the sink has */
    bool skips[PARTITIONS_MAX];      /**< by partition id */
    int64_t durable[PARTITIONS_MAX]; /**< by partition id, -1 = none */
    uint32_t fingerprints[PARTITIONS_MAX];    /**< of the durable positions, by partition id */
    struct ph_position reach[PARTITIONS_MAX]; /**< of the running commit */
    uint32_t reach_count;
};

__attribute__((warn_unused_result)) struct sink_driver *sink_driver_create(
    const struct ph_sink_ops *ops, void *task, const struct sink_env *env,
    const struct sink_settings *settings);
void sink_driver_destroy(struct sink_driver *d);

/** The partitions whose positions this task keeps; before the first step. Entries must outlive the
 * driver. */
__attribute__((warn_unused_result)) bool sink_driver_own(struct sink_driver *d,
                                                         const struct ph_partition *partition);
/** A partition that was found while running, one after the other: it is claimed as soon as nothing
 * is written, and where the sink has no position of it, 0 becomes durable at once. False: too many.
 */
__attribute__((warn_unused_result)) bool sink_driver_adopt(struct sink_driver *d,
                                                           const struct ph_partition *partition);
/** Positions to make durable before any row: the resolved start of partitions that had none. State
 * must be OPEN. */
void sink_driver_seed(struct sink_driver *d, const struct ph_position *positions, uint32_t count);
enum sink_step sink_driver_step(struct sink_driver *d);
/** ph_task.reject of a sink: batch is an entry of the epoch. */
void sink_driver_reject(struct sink_driver *d, const struct ph_batch *batch, uint32_t row,
                        const char *code, const char *reason);
/** ph_epochs.done; the next step acts on it. */
void sink_driver_epoch_done(struct sink_driver *d, uint64_t epoch_id, const struct ph_error *err);
/** Nothing is staged, written or in flight. */
bool sink_driver_is_clean(const struct sink_driver *d);

/* ---- between the files of this room ---- */

/** CLAIM: reads the positions and drops what is durable. sink_claim.c */
enum sink_step sink_claim_step(struct sink_driver *d);
/** After the sink refused rows: the same epoch without those it named, or a smaller part of it.
 * sink_poison.c */
enum sink_step sink_poison_handle(struct sink_driver *d);
/** A part of the epoch is durable: what comes next may be larger. sink_poison.c */
void sink_poison_committed(struct sink_driver *d);
/** The flags of the epoch that is to be committed. sink_more.c */
uint32_t sink_more_flags(const struct sink_driver *d);
/** Nothing to take: waits for the rows that the last commit announced, but not for long.
 * sink_more.c */
enum sink_step sink_more_rest(struct sink_driver *d);
/** They did not come: nothing stays begun for them. sink_more.c */
enum sink_step sink_more_take_back(struct sink_driver *d);
/** The positions that did not move are to be committed, too. sink_refresh.c */
bool sink_refresh_is_due(struct sink_driver *d);
/** The driver rests no longer than until then. */
void sink_refresh_rest(struct sink_driver *d);
/** Adds them to the reach of a commit, if it is time. */
void sink_refresh_add(struct sink_driver *d);
/** That commit is durable. */
void sink_refresh_done(struct sink_driver *d);
/** What to do after an operation of the sink has put d->error. */
enum sink_step sink_recover(struct sink_driver *d);
enum sink_step sink_fail(struct sink_driver *d);
/** The ready part of the epoch is durable up to d->reach. */
enum sink_step sink_committed(struct sink_driver *d);
/** Ends a time of trouble, if there was one. */
void sink_works_again(struct sink_driver *d);

#endif
