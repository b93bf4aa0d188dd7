/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: sums per key in tumbling windows of event time. Closed by timers, kept in
 * checkpoints by save and restore, emitted as batches that stem from no single record. */
#include "pipehost/pipehost.h"

#include <stdlib.h>

#define WINDOW_MS  INT64_C(60000)
#define CELL_LIMIT 1024u /**< open (key, window) pairs of a task */

struct cell {
    int64_t start_ms;
    int64_t key;
    double sum;
};

struct window_task {
    const struct ph_task *task;
    const struct ph_timers *timers;
    uint32_t cell_count;
    struct cell cells[CELL_LIMIT];
};

static struct cell *window_cell(struct window_task *w, int64_t start_ms, int64_t key)
{
    for (uint32_t i = 0; i < w->cell_count; i++) {
        if (w->cells[i].start_ms == start_ms && w->cells[i].key == key) {
            return &w->cells[i];
        }
    }
    if (w->cell_count == CELL_LIMIT) {
        return NULL;
    }
    w->cells[w->cell_count] = (struct cell){.start_ms = start_ms, .key = key};
    return &w->cells[w->cell_count++];
}

/** Emits nothing, so it never answers PH_MORE and sees each row once. */
static int32_t window_process(void *self, uint32_t input, const struct ph_batch *b,
                              struct ph_out *out, struct ph_error *err)
{
    struct window_task *w = (struct window_task *)self;
    (void)input;
    (void)out;
    for (uint32_t row = 0; row < b->row_count; row++) {
        int64_t at_ms = ph_column_int64(ph_batch_column(b, 1), row);
        int64_t start_ms = at_ms - at_ms % WINDOW_MS;
        int64_t end_ms = start_ms + WINDOW_MS;
        struct cell *c;
        if (end_ms <= w->timers->watermark_ms(w->task)) {
            w->task->reject(w->task, b, row, "late", "the window of this row is closed");
            continue;
        }
        c = window_cell(w, start_ms, ph_column_int64(ph_batch_column(b, 0), row));
        if (c == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "more than %u open windows", CELL_LIMIT);
        }
        c->sum += ph_column_float64(ph_batch_column(b, 2), row);
        if (w->timers->set(w->task, end_ms - 1, 0, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

/** The window that ends at event_time_ms is complete: a row for each key. */
static int32_t window_timer(void *self, int64_t event_time_ms, uint64_t tag, struct ph_out *out,
                            struct ph_error *err)
{
    struct window_task *w = (struct window_task *)self;
    uint32_t count = 0;
    uint32_t kept = 0;
    struct ph_draft *d = NULL;
    (void)tag;
    (void)err;
    for (uint32_t i = 0; i < w->cell_count; i++) {
        count += w->cells[i].start_ms == event_time_ms + 1 - WINDOW_MS;
    }
    d = count == 0 ? NULL : out->create(out, 0, count);
    if (d == NULL) {
        return count == 0 ? PH_OK : PH_MORE;
    }
    count = 0;
    for (uint32_t i = 0; i < w->cell_count; i++) {
        if (w->cells[i].start_ms == event_time_ms + 1 - WINDOW_MS) {
            ph_builder_set_int64(&d->builders[0], count, w->cells[i].key);
            ph_builder_set_int64(&d->builders[1], count, w->cells[i].start_ms);
            ph_builder_set_float64(&d->builders[2], count++, w->cells[i].sum);
        } else {
            w->cells[kept++] = w->cells[i];
        }
    }
    w->cell_count = kept;
    return out->emit(out, d); /* the first of a call is always taken: the cells may be gone */
}

static int32_t window_save(void *self, struct ph_state_writer *s, struct ph_error *err)
{
    struct window_task *w = (struct window_task *)self;
    if (s->write(s, &w->cell_count, sizeof w->cell_count) != PH_OK ||
        s->write(s, w->cells, w->cell_count * sizeof w->cells[0]) != PH_OK) {
        return ph_error_set(err, PH_ERR_FATAL, "the windows could not be saved");
    }
    return PH_OK;
}

static int32_t window_restore(void *self, struct ph_state_reader *s, struct ph_error *err)
{
    struct window_task *w = (struct window_task *)self;
    if (ph_state_read(s, &w->cell_count, sizeof w->cell_count) != PH_OK ||
        w->cell_count > CELL_LIMIT ||
        ph_state_read(s, w->cells, w->cell_count * sizeof w->cells[0]) != PH_OK) {
        return ph_error_set(err, PH_ERR_FATAL, "the saved windows are damaged");
    }
    return PH_OK;
}

static int32_t window_bind(void *op, struct ph_binding *b, struct ph_error *err)
{
    static const uint32_t wanted[] = {PH_TYPE_INT64, PH_TYPE_TIMESTAMP_MS, PH_TYPE_FLOAT64};
    (void)op;
    for (uint32_t i = 0; i < 3; i++) {
        if (b->inputs[0]->field_count < 3 || b->inputs[0]->fields[i].type != wanted[i]) {
            return ph_error_set(err, PH_ERR_CONFIG, "column %u must be %s", i,
                                ph_type_name(wanted[i]));
        }
    }
    if (b->add(b, 0, "key", PH_TYPE_INT64, 0, err) != PH_OK ||
        b->add(b, 0, "window_start", PH_TYPE_TIMESTAMP_MS, PH_FIELD_REQUIRED, err) != PH_OK) {
        return PH_ERROR;
    }
    return b->add(b, 0, "sum", PH_TYPE_FLOAT64, PH_FIELD_REQUIRED, err);
}

static void *window_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    const struct ph_host *host = (const struct ph_host *)op;
    const void *timers = host->get_service(host, PH_SERVICE_TIMERS);
    struct window_task *w = (struct window_task *)calloc(1, sizeof *w);
    if (timers == NULL || w == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory, or a pipehost without timers");
        free(w);
        return NULL;
    }
    w->task = task;
    w->timers = (const struct ph_timers *)timers;
    return w;
}

static const struct ph_watermark_ops window_watermark = {.size = sizeof window_watermark,
                                                         .timer = window_timer};

static const void *window_get_extension(void *op, const char *id)
{
    (void)op;
    return strcmp(id, PH_EXTENSION_WATERMARK) == 0 ? &window_watermark : NULL;
}

static const struct ph_operator_ops window_ops = {
    .size = sizeof window_ops,
    .bind = window_bind,
    .task_create = window_task_create,
    .task_destroy = free,
    .save = window_save,
    .restore = window_restore,
    .get_extension = window_get_extension,
};

static const struct ph_udf_ops window_udf = {.size = sizeof window_udf, .process = window_process};

static const struct ph_descriptor window_descriptor = {
    .size = sizeof window_descriptor,
    .kind = PH_KIND_UDF,
    .flags = PH_PLUGIN_STATEFUL | PH_PLUGIN_SINGLE | PH_PLUGIN_RELOADABLE,
    .id = "tumbling-window",
    .version = "1",
    .summary = "sums per key and minute of event time",
    .ops = &window_ops,
    .udf = &window_udf,
};

PH_ENTRY(&window_descriptor);
