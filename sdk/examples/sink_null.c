/* SPDX-License-Identifier: Apache-2.0 */
/** sink-null: takes everything and keeps nothing, but counts it. The least that a sink can be. */
#include "pipehost/pipehost.h"

enum { ROWS };

static void *create(void *op, const struct ph_task *task, struct ph_error *err)
{
    const struct ph_metrics *metrics =
        (const struct ph_metrics *)task->host->get_service(task->host, PH_SERVICE_METRICS);
    (void)op;
    if (metrics == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "this pipehost has no %s", PH_SERVICE_METRICS);
        return NULL;
    }
    return metrics->cell(task, ROWS);
}

static void destroy(void *task)
{
    (void)task; /* the cell is the host's */
}

static int32_t write_batch(void *task, const struct ph_batch *batch, struct ph_error *err)
{
    (void)err;
    ph_counter_add((int64_t *)task, batch->row_count);
    return PH_OK;
}

static const struct ph_operator_ops ops = {
    .size = sizeof ops, .task_create = create, .task_destroy = destroy};
static const struct ph_sink_ops sink = {.size = sizeof sink, .write = write_batch};
static const struct ph_counter counters[] = {
    [ROWS] = {sizeof counters[0], PH_COUNTER, "dropped_rows", "rows that were taken"}};

static const struct ph_descriptor sink_null = {
    .size = sizeof sink_null,
    .kind = PH_KIND_SINK,
    .flags = PH_PLUGIN_RELOADABLE,
    .delivery = PH_DELIVERY_EPHEMERAL,
    .id = "sink-null",
    .version = PH_SDK_VERSION,
    .summary = "takes everything and keeps nothing",
    .counters = counters,
    .counter_count = 1,
    .ops = &ops,
    .sink = &sink,
};

PH_ENTRY(&sink_null);
