/* SPDX-License-Identifier: Apache-2.0 */
/* From the checked config and the input's schema to the operator. No network here. */
#include "sink.h"

#include <stdlib.h>

static int32_t fail(struct ph_error *err, const char *key, const char *text)
{
    (void)ph_error_set(err, PH_ERR_CONFIG, "%s", text);
    ph_error_set_key(err, key);
    return PH_ERROR;
}

static int32_t take_secret(struct sink *s, const struct ph_config *config, const char *name,
                           struct ph_error *err)
{
    const char *text = ph_config_text(config, name);
    return text == NULL || text[0] == '\0' ? PH_OK : dsn_set(&s->dsn, name, text, err);
}

/* What the connection itself carries; the rest is set once it stands. */
static int32_t take_dsn(struct sink *s, const struct ph_config *config, struct ph_error *err)
{
    char text[128];
    if (dsn_parse(&s->dsn, ph_config_text(config, "dsn"), err) != PH_OK ||
        take_secret(s, config, "user", err) != PH_OK ||
        take_secret(s, config, "password", err) != PH_OK) {
        return PH_ERROR;
    }
    (void)snprintf(text, sizeof text, "pipehost/%s/%s", s->host->pipeline_name,
                   s->host->operator_name);
    if (dsn_set(&s->dsn, "application_name", text, err) != PH_OK ||
        dsn_set(&s->dsn, "client_encoding", "UTF8", err) != PH_OK) {
        return PH_ERROR;
    }
    (void)snprintf(text, sizeof text, "%lld", (long long)s->tcp_user_timeout_ms);
    dsn_address(&s->dsn, s->address, sizeof s->address);
    return dsn_set_default(&s->dsn, "tcp_user_timeout", text, err);
}

static int32_t take_table(const struct ph_config *config, const char *key, struct sql *table,
                          struct ph_error *err)
{
    char pointer[PH_ERROR_KEY_SIZE];
    char text[256];
    if (sql_add_table(table, ph_config_text(config, key)) && sql_text(table) != NULL) {
        return PH_OK;
    }
    (void)snprintf(pointer, sizeof pointer, "/%s", key);
    (void)snprintf(text, sizeof text,
                   "\"%s\" is no table's name: write table or schema.table, a part with a dot or a "
                   "quote in double quotes",
                   ph_config_text(config, key));
    return fail(err, pointer, text);
}

static int32_t take_columns(struct sink *s, const struct ph_config *config, struct ph_error *err)
{
    const struct ph_value *v = config->get(config, "columns");
    if (v == NULL || !v->is_set) {
        return PH_OK;
    }
    if (v->item_count == 0) {
        return fail(err, "/columns", "no column to write: name some, or leave columns out for all");
    }
    s->columns = calloc(v->item_count, sizeof *s->columns);
    if (s->columns == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for the columns");
    }
    for (uint32_t i = 0; i < v->item_count; i++) {
        s->columns[i] = strdup(v->items[i].text);
        if (s->columns[i] == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "no memory for the columns");
        }
        s->column_count++;
    }
    return PH_OK;
}

int32_t options_init(struct sink *s, const struct ph_config *config, struct ph_error *err)
{
    s->connect_timeout_ms = ph_config_integer(config, "connect_timeout");
    s->statement_timeout_ms = ph_config_integer(config, "statement_timeout");
    s->lock_timeout_ms = ph_config_integer(config, "lock_timeout");
    s->idle_timeout_ms = ph_config_integer(config, "idle_in_transaction_session_timeout");
    s->tcp_user_timeout_ms = ph_config_integer(config, "tcp_user_timeout");
    s->poison_max_rows = ph_config_integer(config, "poison_max_rows");
    s->poison_max_percent = ph_config_integer(config, "poison_max_percent");
    if (take_dsn(s, config, err) != PH_OK || take_table(config, "table", &s->table, err) != PH_OK ||
        take_table(config, "positions_table", &s->positions_table, err) != PH_OK) {
        return PH_ERROR;
    }
    return take_columns(s, config, err);
}

static int32_t fail_no_input(const struct sink *s, uint32_t column, struct ph_error *err)
{
    const char *name = s->columns[column];
    const char *near = NULL;
    uint32_t least = UINT32_MAX;
    char key[32];
    for (uint32_t i = 0; i < s->schema->field_count; i++) {
        uint32_t distance = sql_distance(name, s->schema->fields[i].name);
        if (distance < least) {
            least = distance;
            near = s->schema->fields[i].name;
        }
    }
    (void)snprintf(key, sizeof key, "/columns/%u", column);
    if (near != NULL && sql_is_near(name, least)) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "the input has no column \"%s\", did you mean \"%s\"?", name, near);
    } else {
        (void)ph_error_set(err, PH_ERR_CONFIG, "the input has no column \"%s\"", name);
    }
    ph_error_set_key(err, key);
    return PH_ERROR;
}

static int32_t bind_column(struct sink *s, uint32_t column, struct ph_error *err)
{
    char key[32];
    int32_t input = ph_schema_find(s->schema, s->columns[column]);
    if (input < 0) {
        return fail_no_input(s, column, err);
    }
    s->inputs[column] = (uint32_t)input;
    for (uint32_t i = 0; i < column; i++) {
        if (s->inputs[i] == (uint32_t)input) {
            (void)ph_error_set(err, PH_ERR_CONFIG, "column \"%s\" is named twice",
                               s->columns[column]);
            (void)snprintf(key, sizeof key, "/columns/%u", column);
            ph_error_set_key(err, key);
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t options_bind(struct sink *s, struct ph_binding *binding, struct ph_error *err)
{
    if (binding->input_count != 1) {
        return ph_error_set(err, PH_ERR_CONFIG, "takes one input, not %u", binding->input_count);
    }
    s->schema = binding->inputs[0];
    if (s->columns == NULL) {
        s->column_count = s->schema->field_count;
    }
    if (s->column_count == 0 || s->column_count > 1600) {
        return ph_error_set(err, PH_ERR_CONFIG, "a table takes 1 to 1,600 columns, not %u",
                            s->column_count);
    }
    free(s->inputs);
    s->inputs = calloc(s->column_count, sizeof *s->inputs);
    if (s->inputs == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for the columns");
    }
    for (uint32_t i = 0; i < s->column_count; i++) {
        s->inputs[i] = i;
        if (s->columns != NULL && bind_column(s, i, err) != PH_OK) {
            return PH_ERROR;
        }
        binding->reads(binding, 0, s->inputs[i]);
    }
    return PH_OK;
}

void options_fini(struct sink *s)
{
    dsn_fini(&s->dsn);
    sql_fini(&s->table);
    sql_fini(&s->positions_table);
    for (uint32_t i = 0; s->columns != NULL && i < s->column_count; i++) {
        free(s->columns[i]);
    }
    free(s->columns);
    free(s->inputs);
}
