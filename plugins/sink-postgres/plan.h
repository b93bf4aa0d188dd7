/* SPDX-License-Identifier: Apache-2.0 */
/** Which input column goes into which table column, and how its values are written. */
#ifndef SINK_POSTGRES_PLAN_H
#define SINK_POSTGRES_PLAN_H

#include "pipehost/pipehost.h"
#include "sql.h"

#define PLAN_NAME_SIZE 64 /* NAMEDATALEN */

/** A column of the table as the catalog has it. */
struct plan_target {
    char name[PLAN_NAME_SIZE];
    char type[PLAN_NAME_SIZE]; /**< pg_type.typname: "varchar", "int4", … */
    char sql_type[128];        /**< as format_type says it: "character varying(20)" */
    uint32_t type_id;          /**< its oid */
    int32_t type_modifier;     /**< -1 = none */
    bool is_not_null;
    bool has_default; /**< or is an identity */
    bool is_generated;
};

/** How a value is written into the stream. */
enum plan_op {
    PLAN_TEXT, /**< as it is: text, varchar, json, bytea */
    PLAN_JSONB,
    PLAN_UUID, /**< from its text */
    PLAN_BOOL,
    PLAN_INT32_INT2,
    PLAN_INT32_INT4,
    PLAN_INT32_INT8,
    PLAN_INT32_FLOAT8,
    PLAN_INT64_INT2,
    PLAN_INT64_INT4,
    PLAN_INT64_INT8,
    PLAN_FLOAT64_FLOAT4,
    PLAN_FLOAT64_FLOAT8,
    PLAN_MS_TIMESTAMP,
    PLAN_US_TIMESTAMP,
    PLAN_MS_DATE,
    PLAN_US_DATE
};

struct plan_column {
    uint32_t input; /**< index in the batch */
    enum plan_op op;
    struct plan_target target;
};

struct plan {
    struct plan_column *columns;
    uint32_t count;
};

/** Allocates room for count columns. */
int32_t plan_init(struct plan *p, uint32_t count, struct ph_error *err);
void plan_fini(struct plan *p);

/**
 * Finds how a value of an input's type gets into a column of that table type. False: it cannot.
 */
bool plan_find_op(uint32_t input_type, const char *table_type, enum plan_op *op);

/** The table type that a DDL hint proposes for an input's type. */
const char *plan_natural_type(uint32_t input_type);

/** True where writing may round: microseconds into timestamp(0..5), milliseconds into
 * timestamp(0..2), any time of day into a date. */
bool plan_rounds(uint32_t input_type, const struct plan_target *target);

#endif
