/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A job: one manifest made into operators, tasks, edges and workers. This header is the room's own
 * picture; the host's command line uses prepare.h and run.h.
 *
 *   manifest operator → node (operator object, schemas, reserve) → task (one for each lane) →
 * worker (a thread with chained tasks)
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "batch/draft.h"
#include "batch/pool.h"
#include "batch/writer.h"
#include "codec/decode.h"
#include "delivery/breaker.h"
#include "delivery/dead_letter.h"
#include "delivery/ledger.h"
#include "delivery/partitions.h"
#include "delivery/sink_driver.h"
#include "flow/edge.h"
#include "job/reasons.h"
#include "job/replay.h"
#include "manifest/config.h"
#include "manifest/manifest.h"
#include "module/registry.h"
#include "pipehost/pipehost.h"
#include "stats/snapshot.h"

#include <pthread.h>
#include <string.h>

#define JOB_OUTPUTS_MAX 8u

struct discovery;
struct job;
struct task;

/** An operator's output: its schema, and who reads it. */
struct output {
    struct draft_output draft; /**< reserve, schema and how many columns come from the input */
    struct ph_schema *schema;  /**< owned */
};

/** One operator of the manifest. Constant while workers run, but for the operator object's own
 * state. */
/** A topic that a sink had positions of, and its source, which the manifest does not have. */
struct former {
    char *source;
    char *topic;
};

struct node {
    struct job *job;
    const struct manifest_operator *manifest;
    uint32_t index; /**< in the manifest */
    const struct plugin *plugin;
    struct config *config;
    struct ph_host host;
    void *op; /**< the plugin's operator object */
    bool has_op;
    bool takes_format; /**< a sink that asked for an encoder */
    struct output outputs[JOB_OUTPUTS_MAX];
    uint32_t output_count;
    struct decode_field *fields; /**< of a source's format */
    bool **reads; /**< by input, then column: whether the plugin looks at it. Null = at all */
    bool *wanted; /**< by column of the output: whether anybody downstream looks at it */
    struct reserve *reserve;
    int64_t pace_ns;        /**< sink: what it says of its commits (ph_pace), 0 = nothing */
    uint32_t epoch_batches; /**< sink: that an epoch holds at most */
    bool fans_out;          /**< several operators read it, or what it is chained to */
    struct task **tasks;
    uint32_t task_count;
    _Atomic int64_t
        *committed;         /**< sink: by partition id, what is durable; -1 = nothing. Else null */
    bool *has_begun;        /**< sink: by partition id, it had a position here once. Else null */
    struct former *formers; /**< sink: former_find's */
    uint32_t former_count;
    bool keeps_positions;  /**< a sink that is asked where to begin */
    struct ledger *ledger; /**< of a durable sink: its positions; else null */
};

/** What a task does while its worker sleeps; see stats/snapshot.h. */
enum task_rest { TASK_RESTS_IDLE, TASK_RESTS_BACKPRESSURED, TASK_RESTS_BUSY };

/** What a task counts; written by its worker, read by anybody. */
struct task_counts {
    _Atomic uint64_t rows_in;
    _Atomic uint64_t rows_out;
    _Atomic uint64_t batches;
    _Atomic uint64_t set_aside;
    _Atomic uint64_t busy_ns;
    _Atomic uint64_t backpressured_ns;
    _Atomic int64_t blocked_since_ns; /**< it waits inside ph_wait.block; 0 = it does not */
    _Atomic int rest;                 /**< enum task_rest, of its worker's present sleep */
};

/** Why a task does not go on, for those who look at it; under job.error_mutex. */
struct task_waiting {
    const void *owner; /**< the trouble that it tells of, null = none */
    char text[STATS_WAITING_SIZE];
    char code[STATS_CODE_SIZE];
    int64_t since_ns;
    int64_t retry_ns;
};

static inline void count_add(_Atomic uint64_t *cell, uint64_t n)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t count_read(_Atomic uint64_t *cell)
{
    return atomic_load_explicit(cell, memory_order_relaxed);
}

/** From a task to one that reads it: a direct hand-over to a chained task, or an edge. */
struct link {
    struct task *to;
    struct edge *edge; /**< null where `to` is chained */
    uint32_t input;    /**< which of to's inputs */
};

struct source_part;
struct udf_part;
struct sink_part;

struct task {
    struct ph_task pub;
    struct node *node;
    struct job *job;
    struct worker *worker;
    bool is_muted; /**< some of its descriptors are */
    void *object;  /**< the plugin's task object */
    bool has_object;
    bool active;    /**< activate was called */
    bool connected; /**< and succeeded */
    bool done;      /**< nothing comes from it any more */
    int64_t deadline_ns;
    _Atomic bool woken;
    /** Of a source or sink: a partition that was found while running, until the task has it. */
    const struct ph_partition *_Atomic offered;
    uint32_t started_count; /* source: partitions that the start has begun with, in their order */
    int64_t *cells;         /**< pipehost.metrics/1 */
    struct task_counts counts;
    struct task_waiting waiting;
    struct ph_error *failure; /**< of a check: where its failure goes, and stops nobody else; else
                                 null */
    bool is_backpressured;    /**< its last step found no room behind it */
    struct breaker breaker;   /**< over what this task sets aside */

    /* Input. A chained task gets batches in `pending`, the head of a worker from its edges. */
    struct edge **edges;
    uint32_t *edge_inputs; /**< which input each edge feeds */
    uint32_t edge_count;
    uint32_t next_edge;
    uint32_t ended_edges;
    bool *edge_ended;
    const struct ph_batch *pending;
    bool pending_end;
    const struct ph_batch
        *unfiltered; /**< taken, but not looked at by replay_filter for want of memory */
    uint32_t unfiltered_input;

    struct link *links;
    uint32_t link_count;
    bool end_sent;

    struct source_part *source; /**< the one that the node's kind has */
    struct udf_part *udf;
    struct sink_part *sink;
};

/** A thread and its tasks, upstream first. */
struct worker {
    struct job *job;
    struct waiter waiter;
    struct task **tasks;
    uint32_t task_count;
    pthread_t thread;
    bool started;
    char name[16];
    struct task *_Atomic stepping; /**< the one whose plugin may be running */
    _Atomic int64_t since_ns;      /**< when its present step or sleep began, monotonic */
    _Atomic bool asleep;
    int64_t blocked_ns; /**< of the present step: spent in ph_wait.block, accounted already */
    _Atomic bool finished;
};

struct job {
    const struct manifest *manifest;
    struct finder finder;
    struct registry registry;
    bool has_finder;
    bool is_misconfigured; /**< while it is prepared: only settings were wrong so far */
    struct node *nodes;    /**< in the manifest's order */
    uint32_t node_count;
    /** By index of an operator: a bit for each one whose records it gets. */
    uint64_t reaches[MANIFEST_OPERATORS_MAX][MANIFEST_OPERATORS_MAX / 64];
    struct partitions partitions;
    struct discovery *discovery;
    bool seeding_was_interrupted;
    bool has_begun[PARTITIONS_MAX]; /**< by partition id: it had a position in the sinks once */
    /** By partition id: where the source begins. next_offset is for all; a fingerprint, only
     * where a sink knows the record before. */
    struct ph_position starts[PARTITIONS_MAX];
    int64_t resolved[PARTITIONS_MAX]; /**< what the startup mode said; 0 where it was not asked */
    struct pool *pool;
    struct dead_letters *dead_letters;
    const struct job_replay *replay; /**< of a run of dead letters; else null. Borrowed */
    struct reasons *reasons;         /**< why records are set aside: what the log says */
    struct worker **workers;
    uint32_t worker_count;
    struct edge **edges;
    uint32_t edge_count;
    uint32_t fan_slots; /**< of the rings behind operators that fan out */
    int lock_fd;        /**< the lock in state_dir, -1 = not held */
    int cancel_fd;      /**< becomes readable, for good, when everything stops at once */
    int event_fd;       /**< readable when a worker has something to tell */
    _Atomic bool cancelled;
    _Atomic bool draining;
    /* Of a run that only shows rows; see preview.h. */
    bool is_preview;                /**< no position, lock, dead letter or group offset */
    bool is_check;                  /**< of check.h: each task has a worker of its own */
    bool replaces_sinks;            /**< by sink-terminal */
    uint64_t row_limit;             /**< of each sink; 0 = none */
    _Atomic uint32_t sinks_to_fill; /**< that have not written so many */
    _Atomic bool is_satisfied;      /**< cancelled because all of them have */
    struct task *_Atomic starting;  /**< the one whose plugin the starter may be in */
    pthread_mutex_t error_mutex;    /**< guards error and every task's `waiting` */
    struct ph_error error;          /**< the first failure of a worker, with the operator's name */
    const struct node *error_node;  /**< whose it is, null = the host's */
};

/** The node that feeds input i of a node. */
static inline struct node *node_input(const struct node *n, uint32_t i)
{
    return &n->job->nodes[n->manifest->inputs[i]];
}

static inline uint32_t node_kind(const struct node *n)
{
    return n->plugin->descriptor.kind;
}

/** The operator of this name; null: the manifest has none. */
static inline struct node *job_find_node(const struct job *job, const char *name)
{
    for (uint32_t i = 0; i < job->node_count; i++) {
        if (strcmp(job->nodes[i].manifest->name, name) == 0) {
            return &job->nodes[i];
        }
    }
    return NULL;
}

/** Keeps the first failure, with the operator's name in front, and stops the job. [any] */
void job_fail(struct job *job, const struct task *task, const struct ph_error *err);
/** Everything stops at once: nothing is committed any more. [any] */
void job_cancel(struct job *job);

#endif
