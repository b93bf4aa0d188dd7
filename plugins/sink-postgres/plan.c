/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <stdlib.h>

static const struct {
    uint32_t input;
    enum plan_op op;
    const char *table;
} ways[] = {
    {PH_TYPE_BOOL, PLAN_BOOL, "bool"},
    {PH_TYPE_INT32, PLAN_INT32_INT2, "int2"},
    {PH_TYPE_INT32, PLAN_INT32_INT4, "int4"},
    {PH_TYPE_INT32, PLAN_INT32_INT8, "int8"},
    {PH_TYPE_INT32, PLAN_INT32_FLOAT8, "float8"},
    {PH_TYPE_INT64, PLAN_INT64_INT2, "int2"},
    {PH_TYPE_INT64, PLAN_INT64_INT4, "int4"},
    {PH_TYPE_INT64, PLAN_INT64_INT8, "int8"},
    {PH_TYPE_FLOAT64, PLAN_FLOAT64_FLOAT4, "float4"},
    {PH_TYPE_FLOAT64, PLAN_FLOAT64_FLOAT8, "float8"},
    {PH_TYPE_STRING, PLAN_TEXT, "varchar"},
    {PH_TYPE_STRING, PLAN_TEXT, "text"},
    {PH_TYPE_STRING, PLAN_TEXT, "bpchar"},
    {PH_TYPE_STRING, PLAN_TEXT, "json"},
    {PH_TYPE_STRING, PLAN_JSONB, "jsonb"},
    {PH_TYPE_STRING, PLAN_UUID, "uuid"},
    {PH_TYPE_JSON, PLAN_TEXT, "json"},
    {PH_TYPE_JSON, PLAN_JSONB, "jsonb"},
    {PH_TYPE_JSON, PLAN_TEXT, "text"},
    {PH_TYPE_JSON, PLAN_TEXT, "varchar"},
    {PH_TYPE_BYTES, PLAN_TEXT, "bytea"},
    {PH_TYPE_TIMESTAMP_MS, PLAN_MS_TIMESTAMP, "timestamp"},
    {PH_TYPE_TIMESTAMP_MS, PLAN_MS_TIMESTAMP, "timestamptz"},
    {PH_TYPE_TIMESTAMP_MS, PLAN_MS_DATE, "date"},
    {PH_TYPE_TIMESTAMP_US, PLAN_US_TIMESTAMP, "timestamp"},
    {PH_TYPE_TIMESTAMP_US, PLAN_US_TIMESTAMP, "timestamptz"},
    {PH_TYPE_TIMESTAMP_US, PLAN_US_DATE, "date"},
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
