/* SPDX-License-Identifier: Apache-2.0 */
/** The operator behind a scalar UDF: its config, columns and tasks. Included by scalar.h. */
#ifndef PIPEHOST_SCALAR_OPERATOR_H
#define PIPEHOST_SCALAR_OPERATOR_H

#include "pipehost/scalar_call.h"

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ph_scalar_op {
    const struct ph_scalar *scalar;
    uint32_t argument_count;
    const char *names[PH_SCALAR_ARGUMENTS_MAX]; /**< of the columns; the host's */
    uint32_t columns[PH_SCALAR_ARGUMENTS_MAX];
    const char *as; /**< the host's; null in a filter */
    bool is_list;   /**< the config said `columns` */
    void *state;
};

struct ph_scalar_task {
    const struct ph_scalar_op *op;
    const struct ph_task *task;
    /* Of the running batch: */
    uint32_t next_row;                      /**< rows before it are emitted */
    uint32_t run_rows;                      /**< the longest run to try; 0 = all */
    bool has_rejects;                       /**< a bit below is set */
    uint8_t rejects[PH_BATCH_ROWS_MAX / 8]; /**< told to the host, not to be called again */
    uint32_t rows[PH_BATCH_ROWS_MAX];       /**< of the run's draft */
};

/* ---- lifecycle */

static inline void *ph_scalar_create(const struct ph_scalar *scalar, const struct ph_host *host,
                                     struct ph_error *err)
{
    struct ph_scalar_op *op = (struct ph_scalar_op *)calloc(1, sizeof *op);
    (void)host;
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    op->scalar = scalar;
    while (op->argument_count < PH_SCALAR_ARGUMENTS_MAX &&
           scalar->arguments[op->argument_count] != PH_TYPE_NONE) {
        op->argument_count++;
    }
    return op;
}

static inline void ph_scalar_destroy(void *self)
{
    struct ph_scalar_op *op = (struct ph_scalar_op *)self;
    if (op != NULL && op->state != NULL && op->scalar->destroy != NULL) {
        op->scalar->destroy(op->state);
    }
    free(op);
}

static inline int32_t ph_scalar_refuse_count(const struct ph_scalar_op *op, struct ph_error *err)
{
    if (op->argument_count == 1) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "\"column\" is required: the column that the function reads");
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "\"columns\" is required: the %u columns that the function reads, in order",
                        op->argument_count);
}

static inline int32_t ph_scalar_read_columns(struct ph_scalar_op *op,
                                             const struct ph_config *config, struct ph_error *err)
{
    const struct ph_value *one = config->get(config, "column");
    const struct ph_value *list = config->get(config, "columns");
    if (one->is_set && list->is_set) {
        ph_error_set_key(err, "/column");
        return ph_error_set(err, PH_ERR_CONFIG, "set \"column\" or \"columns\", not both");
    }
    if (one->is_set && op->argument_count == 1) {
        op->names[0] = one->text;
        return PH_OK;
    }
    if (!list->is_set) {
        return ph_scalar_refuse_count(op, err);
    }
    if (list->item_count != op->argument_count) {
        ph_error_set_key(err, "/columns");
        return ph_error_set(err, PH_ERR_CONFIG, "the function reads %u columns, not %u",
                            op->argument_count, list->item_count);
    }
    op->is_list = true;
    for (uint32_t i = 0; i < list->item_count; i++) {
        op->names[i] = list->items[i].text;
    }
    return PH_OK;
}

static inline int32_t ph_scalar_init(void *self, const struct ph_config *config,
                                     struct ph_error *err)
{
    struct ph_scalar_op *op = (struct ph_scalar_op *)self;
    op->as = ph_config_text(config, "as");
    if (op->argument_count == 0 || op->scalar->function == NULL) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "the plugin registers no function with at least one argument");
    }
    if (ph_scalar_read_columns(op, config, err) != PH_OK) {
        return PH_ERROR;
    }
    if (op->as == NULL && op->scalar->result != PH_TYPE_NONE) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "\"as\" is required: the new column that holds the result");
    }
    if (op->as != NULL && op->scalar->result == PH_TYPE_NONE) {
        ph_error_set_key(err, "/as");
        return ph_error_set(err, PH_ERR_CONFIG, "a filter adds no column: remove \"as\"");
    }
    if (op->scalar->create != NULL) {
        op->state = op->scalar->create(config, err);
        return op->state != NULL ? PH_OK
                                 : ph_error_set(err, PH_ERR_FATAL, "the plugin made no state");
    }
    return PH_OK;
}

/* ---- bind */

/** Appends to text[*used] as far as it fits. */
__attribute__((format(printf, 4, 5))) static inline void ph_scalar_append(char *text, size_t size,
                                                                          size_t *used,
                                                                          const char *format, ...)
{
    va_list args;
    int n = 0;
    va_start(args, format);
    if (*used < size) {
        n = vsnprintf(text + *used, size - *used, format, args);
    }
    va_end(args);
    *used += n > 0 ? (size_t)n : 0;
}

static inline int32_t ph_scalar_no_column(const struct ph_schema *in, const char *name,
                                          struct ph_error *err)
{
    char has[400] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < in->field_count; i++) {
        ph_scalar_append(has, sizeof has, &used, "%s%s", i == 0 ? "" : ", ", in->fields[i].name);
    }
    return ph_error_set(err, PH_ERR_CONFIG, "the input has no column \"%s\"; it has %s", name, has);
}

/** Finds argument i in the input and checks its type. */
static inline int32_t ph_scalar_bind_argument(struct ph_scalar_op *op, uint32_t i,
                                              const struct ph_schema *in, struct ph_error *err)
{
    int32_t column = ph_schema_find(in, op->names[i]);
    uint32_t wanted = op->scalar->arguments[i];
    char key[24] = "/column";
    if (op->is_list) {
        (void)snprintf(key, sizeof key, "/columns/%u", i);
    }
    if (column < 0) {
        ph_error_set_key(err, key);
        return ph_scalar_no_column(in, op->names[i], err);
    }
    if (wanted != PH_SCALAR_ANY && in->fields[column].type != wanted) {
        ph_error_set_key(err, key);
        return ph_error_set(err, PH_ERR_CONFIG, "column \"%s\" is %s, but the function reads %s",
                            op->names[i], ph_type_name(in->fields[column].type),
                            ph_type_name(wanted));
    }
    op->columns[i] = (uint32_t)column;
    return PH_OK;
}

static inline bool ph_scalar_same(const struct ph_schema *a, const struct ph_schema *b)
{
    bool is_same = a->field_count == b->field_count;
    for (uint32_t i = 0; is_same && i < a->field_count; i++) {
        is_same = a->fields[i].type == b->fields[i].type &&
                  strcmp(a->fields[i].name, b->fields[i].name) == 0;
    }
    return is_same;
}

static inline int32_t ph_scalar_bind(void *self, struct ph_binding *binding, struct ph_error *err)
{
    struct ph_scalar_op *op = (struct ph_scalar_op *)self;
    for (uint32_t i = 1; i < binding->input_count; i++) {
        if (!ph_scalar_same(binding->inputs[0], binding->inputs[i])) {
            return ph_error_set(err, PH_ERR_CONFIG,
                                "input %u has other columns than the first one: the inputs of a "
                                "scalar function must be alike",
                                i + 1);
        }
    }
    for (uint32_t i = 0; i < op->argument_count; i++) {
        if (ph_scalar_bind_argument(op, i, binding->inputs[0], err) != PH_OK) {
            return PH_ERROR;
        }
        for (uint32_t input = 0; input < binding->input_count; input++) {
            binding->reads(binding, input, op->columns[i]);
        }
    }
    if (binding->pass(binding, 0, 0, err) != PH_OK) {
        return PH_ERROR;
    }
    if (op->scalar->result == PH_TYPE_NONE) {
        return PH_OK;
    }
    if (binding->add(binding, 0, op->as, op->scalar->result, 0, err) != PH_OK) {
        ph_error_set_key(err, "/as");
        return PH_ERROR;
    }
    return PH_OK;
}

static inline void *ph_scalar_task_create(void *self, const struct ph_task *task,
                                          struct ph_error *err)
{
    struct ph_scalar_task *t = (struct ph_scalar_task *)calloc(1, sizeof *t);
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    t->op = (const struct ph_scalar_op *)self;
    t->task = task;
    return t;
}

#ifdef __cplusplus
}
#endif
#endif
