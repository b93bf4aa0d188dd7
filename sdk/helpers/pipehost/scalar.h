/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The scalar helper: a UDF that is one function of a row, with its registration.
 *
 *   static int32_t add(struct ph_call *call)
 *   {
 *       return ph_return_int64(call, ph_arg_int64(call, 0) + ph_arg_int64(call, 1));
 *   }
 *
 *   PH_SCALAR_UDF("udf-add", "1.0.0", "the sum of two numbers", .function = add,
 *                 .result = PH_TYPE_INT64, .arguments = {PH_TYPE_INT64, PH_TYPE_INT64});
 *
 * The config keys `column` (or `columns`) and `as` come with it. The function is called for each
 * row whose arguments are all present; for the others the result is null. It must be pure: the host
 * may call it again for a row, and from several lanes at once. Its answer is one of
 *
 *   return ph_return_…(call, value)   the row's result
 *   return PH_NULL                    the result is null
 *   return PH_DROP                    the row goes no further (a filter has no .result)
 *   return ph_reject(call, …)         the row becomes a dead letter
 *   return ph_fail(call, …)           the pipeline stops
 */
#ifndef PIPEHOST_SCALAR_H
#define PIPEHOST_SCALAR_H

#include "pipehost/scalar_rows.h"

#define PH_SCALAR_KEY(TYPE, NAME, DOC)                                                             \
    {                                                                                              \
        (uint32_t)sizeof(struct ph_config_key), TYPE, 0, 0, NAME, DOC, NULL, NULL, NULL, 0, 0      \
    }

/** The config keys of every scalar UDF, to stand first in a table of more. */
#define PH_SCALAR_KEYS                                                                             \
    PH_SCALAR_KEY(PH_CONFIG_STRING, "column",                                                      \
                  "the column that the function reads, where it reads one"),                       \
        PH_SCALAR_KEY(PH_CONFIG_LIST, "columns",                                                   \
                      "the columns that the function reads, one for each argument, in order"),     \
        PH_SCALAR_KEY(PH_CONFIG_STRING, "as", "the new column that holds the result")

/**
 * Defines the descriptor NAME of a scalar UDF with a table of config keys that begins with
 * PH_SCALAR_KEYS; the rest are members of struct ph_scalar. For a module of several plugins: list
 * the descriptors in PH_ENTRY.
 */
#define PH_SCALAR_DEFINE(NAME, KEYS, ID, VERSION, SUMMARY, ...)                                    \
    static const struct ph_scalar NAME##_scalar = {__VA_ARGS__};                                   \
    static void *NAME##_create(const struct ph_host *host, struct ph_error *err)                   \
    {                                                                                              \
        return ph_scalar_create(&NAME##_scalar, host, err);                                        \
    }                                                                                              \
    /* The compiler sees which function is called: it needs no pointer, and may inline it. */      \
    static int32_t NAME##_process(void *task, uint32_t input, const struct ph_batch *batch,        \
                                  struct ph_out *out, struct ph_error *err)                        \
    {                                                                                              \
        (void)input;                                                                               \
        return ph_scalar_process(&NAME##_scalar, (struct ph_scalar_task *)task, batch, out, err);  \
    }                                                                                              \
    static const struct ph_operator_ops NAME##_ops = {(uint32_t)sizeof(struct ph_operator_ops),    \
                                                      0,                                           \
                                                      NAME##_create,                               \
                                                      ph_scalar_destroy,                           \
                                                      ph_scalar_init,                              \
                                                      ph_scalar_bind,                              \
                                                      ph_scalar_task_create,                       \
                                                      free,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL,                                        \
                                                      NULL};                                       \
    static const struct ph_udf_ops NAME##_udf = {(uint32_t)sizeof(struct ph_udf_ops), 0,           \
                                                 NAME##_process, NULL};                            \
    static const struct ph_descriptor NAME = {(uint32_t)sizeof(struct ph_descriptor),              \
                                              PH_KIND_UDF,                                         \
                                              PH_PLUGIN_PURE | PH_PLUGIN_RELOADABLE,               \
                                              PH_DELIVERY_NONE,                                    \
                                              ID,                                                  \
                                              VERSION,                                             \
                                              SUMMARY,                                             \
                                              KEYS,                                                \
                                              NULL,                                                \
                                              (uint32_t)(sizeof(KEYS) / sizeof((KEYS)[0])),        \
                                              0,                                                   \
                                              &NAME##_ops,                                         \
                                              NULL,                                                \
                                              &NAME##_udf,                                         \
                                              NULL,                                                \
                                              NULL}

/** A module whose one plugin is this scalar UDF with config keys of its own. */
#define PH_SCALAR_UDF_KEYS(KEYS, ID, VERSION, SUMMARY, ...)                                        \
    PH_SCALAR_DEFINE(ph_scalar_descriptor, KEYS, ID, VERSION, SUMMARY, __VA_ARGS__);               \
    PH_ENTRY(&ph_scalar_descriptor)

/** A module whose one plugin is this scalar UDF: `PH_SCALAR_UDF("udf-upper", "1.0.0", "capital
 * letters", .function = upper, .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});` */
#define PH_SCALAR_UDF(ID, VERSION, SUMMARY, ...)                                                   \
    static const struct ph_config_key ph_scalar_keys[] = {PH_SCALAR_KEYS};                         \
    PH_SCALAR_UDF_KEYS(ph_scalar_keys, ID, VERSION, SUMMARY, __VA_ARGS__)

#endif
