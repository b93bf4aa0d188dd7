/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/sizes.h"
#include "job/plan.h"

#define MIB (UINT64_C(1024) * 1024)
/* Long text that a UDF's new columns hold for each row, on average over a batch; a plugin that
 * needs more gets fewer batches. */
#define TEXT_BYTES_PER_ROW 96u
/* What a row costs in a batch beside its columns: positions, offsets, origins. */
#define ROW_SYSTEM_BYTES 48u

static bool reads(const struct node *reader, const struct node *n)
{
    for (uint32_t i = 0; i < reader->manifest->input_count; i++) {
        if (node_input(reader, i) == n) {
            return true;
        }
    }
    return false;
}

/* Batches that one lane of an operator and everything behind it can hold at once. The graph has no
 * cycle. */
static uint64_t held_behind(const struct node *n)
{
    uint64_t sum = 2;
    for (uint32_t i = 0; i < n->job->node_count; i++) {
        const struct node *d = &n->job->nodes[i];
        if (!reads(d, n)) {
            continue;
        }
        sum += PLAN_RING_SLOTS + held_behind(d);
        sum += node_kind(d) == PH_KIND_ASYNC_UDF ? PLAN_ASYNC_HELD : 0;
        sum += node_kind(d) == PH_KIND_SINK ? PLAN_SINK_BATCHES : 0;
    }
    return sum;
}

static uint64_t source_bytes(const struct node *n)
{
    struct batch_writer_options options = {.schema = n->outputs[0].schema,
                                           .record_max_bytes = n->job->manifest->record_max_bytes,
                                           .spare = 1};
    return held_behind(n) * sizes_source_batch(&options) + sizes_source_batch_largest(&options);
}

/* A sink needs room for the rows that it keeps when some are set aside: views and fixed values, no
 * text. */
static uint64_t sink_bytes(const struct node *n)
{
    uint64_t row = ROW_SYSTEM_BYTES;
    for (uint32_t i = 0; i < n->manifest->input_count; i++) {
        row += 16u * (uint64_t)node_input(n, i)->outputs[0].schema->field_count;
    }
    return PLAN_SINK_BATCHES * (row * BATCH_MAX_ROWS + POOL_BLOCK_MIN);
}

static uint64_t udf_bytes(const struct node *n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n->output_count; i++) {
        sum += held_behind(n) * sizes_draft(&n->outputs[i].draft, TEXT_BYTES_PER_ROW);
    }
    return sum;
}

static uint64_t node_bytes(const struct node *n)
{
    uint64_t bytes = 0;
    switch (node_kind(n)) {
    case PH_KIND_SOURCE:
        bytes = source_bytes(n);
        break;
    case PH_KIND_SINK:
        bytes = sink_bytes(n);
        break;
    default:
        bytes = udf_bytes(n);
        break;
    }
    return bytes * n->task_count;
}

/* Batches came back: whoever waits for memory looks again. */
static void on_freed(void *arg)
{
    struct node *n = arg;
    for (uint32_t i = 0; n->tasks != NULL && i < n->task_count; i++) {
        if (n->tasks[i] != NULL && n->tasks[i]->worker != NULL) {
            waiter_wake(&n->tasks[i]->worker->waiter);
        }
    }
}

int32_t plan_memory(struct job *job, struct ph_error *err)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < job->node_count; i++) {
        sum += node_bytes(&job->nodes[i]);
    }
    uint64_t limit = (uint64_t)job->manifest->memory_limit_mib * MIB;
    if (limit != 0 && limit < sum) {
        ph_error_set_key(err, "/memory/limit_mib");
        return ph_error_set(err, PH_ERR_CONFIG,
                            "this graph needs %llu MiB for its batches; raise memory.limit_mib, "
                            "lower parallelism or leave "
                            "the limit out",
                            (unsigned long long)((sum + MIB - 1) / MIB));
    }
    job->pool = pool_create(limit > sum ? limit : sum + sum / 4);
    for (uint32_t i = 0; job->pool != NULL && i < job->node_count; i++) {
        struct node *n = &job->nodes[i];
        n->reserve = reserve_create(job->pool, n->manifest->name, node_bytes(n), on_freed, n);
        if (n->reserve == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for reserves");
        }
        for (uint32_t o = 0; o < n->output_count; o++) {
            n->outputs[o].draft.reserve = n->reserve;
        }
    }
    return job->pool != NULL
               ? PH_OK
               : ph_error_set(err, PH_ERR_FATAL, "out of memory for the pool of batches");
}
