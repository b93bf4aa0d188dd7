/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the scalar helper costs: hands batches of 64 rows and more to same-int64 and same-string of
 * scalars.c, loaded as a module, and prints nanoseconds of CPU a row beside those of the bare loop
 * that the function's author would write by hand. Run by hand; nothing is asserted.
 *
 *   sdk_scalar_loop
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROWS_OF_A_RUN (UINT32_C(1) << 22)

struct loop {
    struct harness *harness;
    struct harness_task *task;
    struct harness_out out; /* one draft that is filled again and again */
    struct ph_batch *batch;
    struct ph_draft *draft;
};

static struct ph_draft *again_derive(struct ph_out *out, uint32_t output, const struct ph_batch *in)
{
    struct loop *l = (struct loop *)((char *)out - offsetof(struct loop, out.out));
    (void)output;
    (void)in;
    l->draft->builders[0].text_used = 0;
    return l->draft;
}

static int32_t again_emit(struct ph_out *out, struct ph_draft *draft)
{
    (void)out;
    (void)draft;
    return PH_OK;
}

static struct harness_cell *make_cells(uint32_t type, uint32_t rows)
{
    struct harness_cell *cells = calloc(rows, sizeof *cells);
    if (cells == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < rows; i++) {
        cells[i] = type == PH_TYPE_STRING
                       ? (struct harness_cell)CELL_TEXT("a text of thirty-four bytes, thus.")
                       : (struct harness_cell)CELL_INT(i);
    }
    return cells;
}

static void loop_open(struct loop *l, const char *id, const struct ph_schema *schema, uint32_t rows)
{
    const struct harness_setting settings[] = {{"column", "v", NULL, 0}, {"as", "r", NULL, 0}};
    struct harness_cell *cells = make_cells(schema->fields[0].type, rows);
    memset(l, 0, sizeof *l);
    l->harness = harness_open(SCALARS_SO, id, "pipeline", "loop");
    if (l->harness == NULL || harness_init(l->harness, settings, 2) != PH_OK ||
        harness_bind(l->harness, &schema, 1) != PH_OK ||
        (l->task = harness_task_create(l->harness, 0)) == NULL) {
        abort();
    }
    harness_out_init(&l->out, l->harness);
    l->batch = harness_batch(schema, cells, rows);
    l->draft = l->out.out.derive(&l->out.out, 0, l->batch);
    l->out.out.derive = again_derive;
    l->out.out.emit = again_emit;
    free(cells);
}

static void loop_close(struct loop *l)
{
    l->out.out.discard(&l->out.out, l->draft);
    harness_batch_release(l->batch);
    harness_out_clear(&l->out);
    harness_task_destroy(l->task);
    harness_close(l->harness);
}

/* CPU time: the machine may have other work. */
static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double helper_ns(struct loop *l)
{
    uint32_t rounds = ROWS_OF_A_RUN / l->batch->row_count;
    int64_t started_ns = cpu_ns();
    for (uint32_t i = 0; i < rounds; i++) {
        if (l->harness->descriptor->udf->process(l->task->self, 0, l->batch, &l->out.out,
                                                 &l->harness->error) != PH_OK) {
            abort();
        }
    }
    return (double)(cpu_ns() - started_ns) / ((double)rounds * l->batch->row_count);
}

static void bare_rows(const struct ph_column *c, struct ph_builder *b, uint32_t rows)
{
    for (uint32_t row = 0; row < rows; row++) {
        if (ph_column_is_null(c, row)) {
            continue;
        }
        if (c->type == PH_TYPE_STRING) {
            struct ph_bytes text = ph_column_bytes(c, row);
            if (ph_builder_set_bytes(b, row, text.data, text.length) != PH_OK) {
                abort();
            }
        } else {
            ph_builder_set_int64(b, row, ph_column_int64(c, row));
        }
    }
}

static double bare_ns(struct loop *l)
{
    uint32_t rounds = ROWS_OF_A_RUN / l->batch->row_count;
    int64_t started_ns = cpu_ns();
    for (uint32_t i = 0; i < rounds; i++) {
        l->draft->builders[0].text_used = 0;
        bare_rows(ph_batch_column(l->batch, 0), &l->draft->builders[0], l->batch->row_count);
    }
    return (double)(cpu_ns() - started_ns) / ((double)rounds * l->batch->row_count);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *id, const struct ph_schema *schema, uint32_t rows)
{
    double helper[9];
    double bare[9];
    struct loop l;
    loop_open(&l, id, schema, rows);
    for (int i = 0; i < 9; i++) {
        helper[i] = helper_ns(&l);
        bare[i] = bare_ns(&l);
    }
    qsort(helper, 9, sizeof helper[0], compare);
    qsort(bare, 9, sizeof bare[0], compare);
    (void)printf("%-12s %5u rows: helper %5.2f ns, bare loop %5.2f ns, overhead %5.2f ns a row\n",
                 id, rows, helper[4], bare[4], helper[4] - bare[4]);
    loop_close(&l);
}

int main(void)
{
    static const struct ph_field number[] = {{"v", PH_TYPE_INT64, 0}};
    static const struct ph_field text[] = {{"v", PH_TYPE_STRING, 0}};
    struct ph_schema numbers = harness_schema_of(number, 1);
    struct ph_schema texts = harness_schema_of(text, 1);
    for (uint32_t rows = 64; rows <= PH_BATCH_ROWS_MAX; rows *= 8) {
        measure("same-int64", &numbers, rows);
        measure("same-string", &texts, rows);
    }
    return EXIT_SUCCESS;
}
