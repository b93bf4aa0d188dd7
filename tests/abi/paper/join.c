/* SPDX-License-Identifier: Apache-2.0 */
/** Paper skeleton: a join of two inputs. Input 0 brings prices, the latest of each product is kept;
 * input 1 brings orders, each gets the price of its product or waits in no queue: it is dropped. */
#include "pipehost/pipehost.h"

#include <stdlib.h>

#define PRODUCT_LIMIT 65536

enum { INPUT_PRICES, INPUT_ORDERS };

struct join {
    uint32_t order_product; /**< column of the orders */
    uint32_t price_product; /**< columns of the prices */
    uint32_t price_amount;
};

struct join_task {
    const struct join *op;
    const struct ph_task *task;
    double prices[PRODUCT_LIMIT]; /**< 0 = unknown */
    uint32_t rows[PH_BATCH_ROWS_MAX];
};

static int32_t column_of(const struct ph_schema *s, const char *name, uint32_t type, uint32_t input,
                         uint32_t *column, struct ph_error *err)
{
    int32_t found = ph_schema_find(s, name);
    if (found < 0 || s->fields[found].type != type) {
        return ph_error_set(err, PH_ERR_CONFIG, "input %u has no %s column \"%s\"", input,
                            ph_type_name(type), name);
    }
    *column = (uint32_t)found;
    return PH_OK;
}

static int32_t join_bind(void *self, struct ph_binding *b, struct ph_error *err)
{
    struct join *op = (struct join *)self;
    const struct ph_schema *const *in = b->inputs;
    if (b->input_count != 2) {
        return ph_error_set(err, PH_ERR_CONFIG, "a join needs 2 inputs, this one has %u",
                            b->input_count);
    }
    if (column_of(in[0], "product", PH_TYPE_INT32, 0, &op->price_product, err) != PH_OK ||
        column_of(in[0], "price", PH_TYPE_FLOAT64, 0, &op->price_amount, err) != PH_OK ||
        column_of(in[1], "product", PH_TYPE_INT32, 1, &op->order_product, err) != PH_OK ||
        b->pass(b, 0, INPUT_ORDERS, err) != PH_OK) {
        return PH_ERROR;
    }
    return b->add(b, 0, "price", PH_TYPE_FLOAT64, PH_FIELD_REQUIRED, err);
}

static void join_learn(struct join_task *t, const struct ph_batch *batch)
{
    const struct ph_column *products = ph_batch_column(batch, t->op->price_product);
    const struct ph_column *amounts = ph_batch_column(batch, t->op->price_amount);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        int32_t product = ph_column_int32(products, row);
        if (product < 0 || product >= PRODUCT_LIMIT) {
            t->task->reject(t->task, batch, row, "product", "a product number above the limit");
            continue;
        }
        t->prices[product] = ph_column_float64(amounts, row);
    }
}

static int32_t join_process(void *self, uint32_t input, const struct ph_batch *batch,
                            struct ph_out *out, struct ph_error *err)
{
    struct join_task *t = (struct join_task *)self;
    const struct ph_column *products;
    struct ph_draft *draft;
    uint32_t count = 0;
    (void)err;
    if (input == INPUT_PRICES) {
        join_learn(t, batch);
        return PH_OK; /* no output: the host carries the positions on */
    }
    products = ph_batch_column(batch, t->op->order_product);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        int32_t product = ph_column_int32(products, row);
        if (product >= 0 && product < PRODUCT_LIMIT && t->prices[product] > 0) {
            t->rows[count++] = row;
        }
    }
    draft = count == 0 ? NULL : out->gather(out, 0, batch, t->rows, count, true);
    if (draft == NULL) {
        return count == 0 ? PH_OK : PH_MORE;
    }
    for (uint32_t i = 0; i < count; i++) {
        ph_builder_set_float64(&draft->builders[0], i,
                               t->prices[ph_column_int32(products, t->rows[i])]);
    }
    return out->emit(out, draft);
}

static int32_t join_save(void *self, struct ph_state_writer *w, struct ph_error *err)
{
    struct join_task *t = (struct join_task *)self;
    return w->write(w, t->prices, sizeof t->prices) == PH_OK
               ? PH_OK
               : ph_error_set(err, PH_ERR_FATAL, "the prices could not be saved");
}

static int32_t join_restore(void *self, struct ph_state_reader *r, struct ph_error *err)
{
    struct join_task *t = (struct join_task *)self;
    return ph_state_read(r, t->prices, sizeof t->prices) == PH_OK
               ? PH_OK
               : ph_error_set(err, PH_ERR_FATAL, "the saved prices are damaged");
}

static void *join_create(const struct ph_host *host, struct ph_error *err)
{
    void *op = calloc(1, sizeof(struct join));
    (void)host;
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    return op;
}

static void *join_task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct join_task *t = (struct join_task *)calloc(1, sizeof *t);
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    t->op = (const struct join *)op;
    t->task = task;
    return t;
}

static const struct ph_operator_ops join_ops = {
    .size = sizeof join_ops,
    .create = join_create,
    .destroy = free,
    .bind = join_bind,
    .task_create = join_task_create,
    .task_destroy = free,
    .save = join_save,
    .restore = join_restore,
};

static const struct ph_udf_ops join_udf = {.size = sizeof join_udf, .process = join_process};

static const struct ph_descriptor join_descriptor = {
    .size = sizeof join_descriptor,
    .kind = PH_KIND_UDF,
    .flags = PH_PLUGIN_STATEFUL | PH_PLUGIN_SINGLE,
    .id = "join",
    .version = "1",
    .summary = "gives each order the latest price of its product",
    .ops = &join_ops,
    .udf = &join_udf,
};

PH_ENTRY(&join_descriptor);
