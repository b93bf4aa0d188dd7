/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the host gives to an operator and to its tasks, and the services it offers by name. A
 * service id ends in its version; get_service answers null for what this host lacks, and the same
 * constant table each time otherwise.
 */
#ifndef PIPEHOST_HOST_H
#define PIPEHOST_HOST_H

#include "pipehost/batch.h"
#include "pipehost/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One for each operator; lives as long as the operator. */
struct ph_host {
    uint32_t size;
    uint32_t lane_count; /**< tasks of this operator */
    const char *pipeline_name;
    const char *operator_name;
    const char *host_version;
    void *host_data;
    /** [any] */
    const void *(*get_service)(const struct ph_host *host, const char *id);
    /**
     * What the pipeline asks of its sinks, enum ph_delivery: PH_DELIVERY_TRANSACTIONAL as a rule;
     * PH_DELIVERY_DURABLE where its author gave exactly-once up: the host keeps the positions of
     * every sink after the commit, and a sink whose own delivery is transactional need not keep
     * them: its claim then may leave what it is given as it is.
     */
    uint32_t delivery;
    uint32_t reserved;
};

/** One for each task; lives from task_create to task_destroy. */
struct ph_task {
    uint32_t size;
    uint32_t lane; /**< 0 .. host->lane_count - 1 */
    const struct ph_host *host;
    void *host_data;
    /**
     * Sets one row of a batch aside: the host takes it out of whatever becomes of the batch and
     * dead-letters it with the reason. code is the operator's own word for the kind of fault
     * ("22001", "bad_address"). Batch is one that was passed to the running call, or, in a sink,
     * any written one of the open epoch. Where a sink's row cannot be set aside, as on a full disk,
     * the err of the running call is set on return: the call ends then, and the row comes again.
     * [worker]
     */
    void (*reject)(const struct ph_task *task, const struct ph_batch *batch, uint32_t row,
                   const char *code, const char *reason);
};

/* ---- "pipehost.log/1"
 * --------------------------------------------------------------------------------------------- */

#define PH_SERVICE_LOG "pipehost.log/1"

enum ph_log_level { PH_LOG_ERROR = 0, PH_LOG_WARNING = 1, PH_LOG_INFO = 2, PH_LOG_DEBUG = 3 };

struct ph_log {
    uint32_t size;
    uint32_t reserved;
    /** One sentence for an operator, without a line break; the host adds time and operator.
     * Bounded, never blocks long. [any] [io] */
    void (*write)(const struct ph_host *host, int32_t level, const char *text);
};

/* ---- "pipehost.clock/1"
 * ------------------------------------------------------------------------------------------- */

#define PH_SERVICE_CLOCK "pipehost.clock/1"

struct ph_clock {
    uint32_t size;
    uint32_t reserved;
    int64_t (*monotonic_ns)(const struct ph_host *host); /**< [any] */
    int64_t (*wall_ms)(const struct ph_host *host);      /**< milliseconds since 1970 [any] */
    uint64_t (*random)(const struct ph_host *host);      /**< for jitter, not for keys [any] */
};

/* ---- "pipehost.wait/1"
 * -------------------------------------------------------------------------------------------- */

#define PH_SERVICE_WAIT "pipehost.wait/1"

enum ph_wait_events { PH_WAIT_READ = 1u << 0, PH_WAIT_WRITE = 1u << 1, PH_WAIT_ERROR = 1u << 2 };

/**
 * How a task waits without a thread of its own. A watched fd that becomes ready, or the deadline,
 * ends the worker's sleep and is told to the task by `ready`. Fds are level-triggered; at most
 * 1,024 for a task.
 */
struct ph_wait {
    uint32_t size;
    uint32_t reserved;
    /** Adds fd or changes its events; 0 = forget it. The fd must stay open until forgotten.
     * [worker] */
    int32_t (*watch)(const struct ph_task *task, int fd, uint32_t events, struct ph_error *err);
    /** The task's one deadline, monotonic ns; 0 = none. [worker] */
    void (*deadline)(const struct ph_task *task, int64_t at_ns);
    /** Ends the task's present or next sleep: its `ready` is called with fd -1, then its work goes
     * on. [any] [io] */
    void (*wake)(const struct ph_task *task);
    /**
     * Sleeps until fd has one of the events, at_ns (0 = for ever) is reached, or the host stops at
     * once. PH_OK: ready; PH_IDLE: the time is up; PH_CANCELLED: give up and return an error.
     * Sources of the same pipeline go on meanwhile. [worker]
     */
    int32_t (*block)(const struct ph_task *task, int fd, uint32_t events, int64_t at_ns);
};

/* ---- "pipehost.batches/1"
 * ----------------------------------------------------------------------------------------- */

#define PH_SERVICE_BATCHES "pipehost.batches/1"

struct ph_batches {
    uint32_t size;
    uint32_t reserved;
    void (*retain)(const struct ph_batch *batch);  /**< [any] */
    void (*release)(const struct ph_batch *batch); /**< the last one frees it [any] */
};

/* ---- "pipehost.metrics/1"
 * ----------------------------------------------------------------------------------------- */

#define PH_SERVICE_METRICS "pipehost.metrics/1"

enum ph_counter_kind { PH_COUNTER = 1, PH_GAUGE = 2 };

/** One row of a descriptor's counters table. */
struct ph_counter {
    uint32_t size;
    uint32_t kind;    /**< enum ph_counter_kind */
    const char *name; /**< [a-z][a-z0-9_]*, unit last: "answer_bytes" */
    const char *doc;
};

struct ph_metrics {
    uint32_t size;
    uint32_t reserved;
    /** The cell of counters[index] for this task; lives as long as the task. One thread writes it
     * at a time. [control] [worker] */
    int64_t *(*cell)(const struct ph_task *task, uint32_t index);
};

/** Adds to a cell so that another thread may read it at any time. [worker] */
static inline void ph_counter_add(int64_t *cell, int64_t n)
{
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void ph_gauge_set(int64_t *cell, int64_t value)
{
    __atomic_store_n(cell, value, __ATOMIC_RELAXED);
}

#ifdef __cplusplus
}
#endif
#endif
