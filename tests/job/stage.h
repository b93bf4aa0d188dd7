/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a test and the plugins of the pipeline under test share: a file that both map. It outlives
 * the pipeline's process, so it is also the "database" of the test's sinks: rows and positions are
 * appended to a log and become durable with one store of its length, as a transaction does,
 * whatever kills the process.
 */
#ifndef TESTS_JOB_STAGE_H
#define TESTS_JOB_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STAGE_SLOTS      8u /* operators, by their config key "slot" */
#define STAGE_LANES      4u
#define STAGE_PARTITIONS 128u
#define STAGE_LOG_ROWS   (UINT32_C(1) << 21)
#define STAGE_TRACE      4096u

/* Every function of a plugin's tables. */
enum stage_point {
    AT_CREATE,
    AT_INIT,
    AT_BIND,
    AT_TASK_CREATE,
    AT_ACTIVATE,
    AT_PARTITIONS,
    AT_CLAIM,
    AT_RESOLVE,
    AT_START,
    AT_POLL,
    AT_SERVE,
    AT_COMMITTED,
    AT_READY,
    AT_PROCESS,
    AT_FINISH,
    AT_OFFER,
    AT_NEXT,
    AT_WRITE,
    AT_COMMIT,
    AT_ABORT,
    AT_RELEASE,
    AT_DEACTIVATE,
    AT_TASK_DESTROY,
    AT_DESTROY,
    AT_COUNT
};

static const char *const stage_points[AT_COUNT] = {
    "create", "init",    "bind",    "task_create", "activate",     "partitions",
    "claim",  "resolve", "start",   "poll",        "serve",        "committed",
    "ready",  "process", "finish",  "offer",       "next",         "write",
    "commit", "abort",   "release", "deactivate",  "task_destroy", "destroy"};

/* A row or, where is_position, a partition's next offset. */
struct stage_row {
    int64_t offset;
    int64_t value;
    uint32_t sub;
    uint8_t source; /* slot */
    uint8_t partition;
    uint8_t is_position;
    uint8_t lane;
};

struct stage_log {
    _Atomic uint64_t durable; /* rows that are committed */
    struct stage_row rows[STAGE_LOG_ROWS];
};

struct stage_call {
    uint8_t point;
    uint8_t slot;
    uint8_t lane;
};

struct stage {
    /* What plugins count. */
    _Atomic uint64_t calls[STAGE_SLOTS][AT_COUNT];
    _Atomic uint32_t trace_count; /* of lifecycle calls, in order */
    struct stage_call trace[STAGE_TRACE];
    _Atomic uint64_t commits[STAGE_SLOTS];
    _Atomic int64_t told[STAGE_SLOTS][STAGE_PARTITIONS]; /* what committed was told, -1 = nothing */
    _Atomic int64_t read[STAGE_SLOTS][STAGE_PARTITIONS]; /* next offset of the source */
    _Atomic uint64_t fences[STAGE_SLOTS][STAGE_LANES];
    _Atomic uint32_t held; /* batches that an async UDF holds, at most at once */
    /* What tests say. */
    _Atomic int64_t limit[STAGE_SLOTS]; /* a source with "limit" stops here */
    _Atomic int64_t
        partitions[STAGE_SLOTS];    /* a source has so many, if more than its config says */
    _Atomic bool gate[STAGE_SLOTS]; /* closed: commits of the sink block */
    struct stage_log logs[STAGE_SLOTS][STAGE_LANES];
};

#endif
