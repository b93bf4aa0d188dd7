/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdlib.h>

static const struct {
    uint32_t input;
    const char *table;
    enum plan_op op;
} ways[] = {
    {PH_TYPE_BOOL, "bool", PLAN_BOOL},
    {PH_TYPE_INT32, "int2", PLAN_INT32_INT2},
    {PH_TYPE_INT32, "int4", PLAN_INT32_INT4},
    {PH_TYPE_INT32, "int8", PLAN_INT32_INT8},
    {PH_TYPE_INT32, "float8", PLAN_INT32_FLOAT8},
    {PH_TYPE_INT64, "int2", PLAN_INT64_INT2},
    {PH_TYPE_INT64, "int4", PLAN_INT64_INT4},
    {PH_TYPE_INT64, "int8", PLAN_INT64_INT8},
    {PH_TYPE_FLOAT64, "float4", PLAN_FLOAT64_FLOAT4},
    {PH_TYPE_FLOAT64, "float8", PLAN_FLOAT64_FLOAT8},
    {PH_TYPE_STRING, "varchar", PLAN_TEXT},
    {PH_TYPE_STRING, "text", PLAN_TEXT},
    {PH_TYPE_STRING, "bpchar", PLAN_TEXT},
    {PH_TYPE_STRING, "json", PLAN_TEXT},
    {PH_TYPE_STRING, "jsonb", PLAN_JSONB},
    {PH_TYPE_STRING, "uuid", PLAN_UUID},
    {PH_TYPE_JSON, "json", PLAN_TEXT},
    {PH_TYPE_JSON, "jsonb", PLAN_JSONB},
    {PH_TYPE_JSON, "text", PLAN_TEXT},
    {PH_TYPE_JSON, "varchar", PLAN_TEXT},
    {PH_TYPE_BYTES, "bytea", PLAN_TEXT},
    {PH_TYPE_TIMESTAMP_MS, "timestamp", PLAN_MS_TIMESTAMP},
    {PH_TYPE_TIMESTAMP_MS, "timestamptz", PLAN_MS_TIMESTAMP},
    {PH_TYPE_TIMESTAMP_MS, "date", PLAN_MS_DATE},
    {PH_TYPE_TIMESTAMP_US, "timestamp", PLAN_US_TIMESTAMP},
    {PH_TYPE_TIMESTAMP_US, "timestamptz", PLAN_US_TIMESTAMP},
    {PH_TYPE_TIMESTAMP_US, "date", PLAN_US_DATE},
};

int32_t plan_init(struct plan *p, uint32_t count, struct ph_error *err)
{
    p->count = 0;
    p->columns = calloc(count + 1, sizeof *p->columns);
    if (p->columns == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for %u columns", count);
    }
    p->count = count;
    return PH_OK;
}

void plan_fini(struct plan *p)
{
    free(p->columns);
    p->columns = NULL;
    p->count = 0;
}

bool plan_find_op(uint32_t input_type, const char *table_type, enum plan_op *op)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].input == input_type && strcmp(ways[i].table, table_type) == 0) {
            *op = ways[i].op;
            return true;
        }
    }
    return false;
}

const char *plan_natural_type(uint32_t input_type)
{
    switch (input_type) {
    case PH_TYPE_BOOL:
        return "boolean";
    case PH_TYPE_INT32:
        return "integer";
    case PH_TYPE_INT64:
        return "bigint";
    case PH_TYPE_FLOAT64:
        return "double precision";
    case PH_TYPE_BYTES:
        return "bytea";
    case PH_TYPE_TIMESTAMP_MS:
        return "timestamp(3)";
    case PH_TYPE_TIMESTAMP_US:
        return "timestamp(6)";
    case PH_TYPE_JSON:
        return "jsonb";
    default:
        return "varchar";
    }
}

bool plan_rounds(uint32_t input_type, const struct plan_target *target)
{
    int32_t digits = input_type == PH_TYPE_TIMESTAMP_MS ? 3 : 6;
    if (input_type != PH_TYPE_TIMESTAMP_MS && input_type != PH_TYPE_TIMESTAMP_US) {
        return false;
    }
    return strcmp(target->type, "date") == 0 ||
           (target->type_modifier >= 0 && target->type_modifier < digits);
}
