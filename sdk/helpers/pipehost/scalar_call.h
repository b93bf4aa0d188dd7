/* SPDX-License-Identifier: Apache-2.0 */
/** What a scalar UDF is and what its function works with: one row's arguments and result. Included
 * by scalar.h. */
#ifndef PIPEHOST_SCALAR_CALL_H
#define PIPEHOST_SCALAR_CALL_H

#include "pipehost/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_SCALAR_ARGUMENTS_MAX 16u

/** As an argument's type: any; ph_arg_type says which one the column has. */
#define PH_SCALAR_ANY 255u

enum ph_scalar_flags {
    PH_SCALAR_NULLS = 1u << 0 /**< called for nulls as well; see ph_arg_is_null */
};

struct ph_call;

/** What a scalar UDF is. Constant data of the module. */
struct ph_scalar {
    int32_t (*function)(struct ph_call *call);   /**< [worker] */
    uint32_t result;                             /**< enum ph_type; 0: a filter */
    uint32_t arguments[PH_SCALAR_ARGUMENTS_MAX]; /**< enum ph_type or PH_SCALAR_ANY; at least 1 */
    uint32_t flags;                              /**< enum ph_scalar_flags */
    /** Makes of the config what ph_state answers, null with err set on failure; may be null.
     * [control] */
    void *(*create)(const struct ph_config *config, struct ph_error *err);
    void (*destroy)(void *state); /**< needed where create is set [control] */
};

/** One row of one batch. Lives for the call of the function. */
struct ph_call {
    const struct ph_column *arguments[PH_SCALAR_ARGUMENTS_MAX];
    uint32_t argument_count;
    uint32_t row;               /**< of the batch */
    struct ph_builder *builder; /**< of the result; null in a filter and while rows are chosen */
    uint32_t result_row;        /**< of the builder */
    bool is_unsealed;           /**< ph_result_room was given */
    bool is_wrong;              /**< an accessor did not fit its column; err is set */
    const struct ph_batch *batch;
    const struct ph_task *task;
    void *state;
    struct ph_error *err;
};

/* ---- faults */

/** Stops the pipeline with a sentence. [worker] */
#define ph_fail(call, ...) ph_error_set((call)->err, PH_ERR_FATAL, __VA_ARGS__)

/** Sets the row aside as a dead letter. code is the plugin's own word for the kind of fault.
 * [worker] */
static inline int32_t ph_reject(struct ph_call *call, const char *code, const char *reason)
{
    call->task->reject(call->task, call->batch, call->row, code, reason);
    return PH_REJECT;
}

__attribute__((cold)) static inline void ph_call_wrong_argument(struct ph_call *call,
                                                                uint32_t index, const char *wanted)
{
    call->is_wrong = true;
    if (index >= call->argument_count) {
        (void)ph_error_set(call->err, PH_ERR_FATAL,
                           "the function reads argument %u, but has %u (the first is 0)", index,
                           call->argument_count);
        return;
    }
    (void)ph_error_set(call->err, PH_ERR_FATAL,
                       "the function reads argument %u as %s, but it is %s", index, wanted,
                       ph_type_name(call->arguments[index]->type));
}

__attribute__((cold)) static inline int32_t ph_call_wrong_result(struct ph_call *call,
                                                                 const char *given)
{
    call->is_wrong = true;
    return ph_error_set(
        call->err, PH_ERR_FATAL, "the function returns %s, but its result is %s", given,
        call->builder == NULL ? "none: it is a filter" : ph_type_name(call->builder->type));
}

/* ---- arguments; index is the argument's place, 0 the first */

static inline uint32_t ph_arg_type(const struct ph_call *call, uint32_t index)
{
    return index < call->argument_count ? call->arguments[index]->type : (uint32_t)PH_TYPE_NONE;
}

/** Only with PH_SCALAR_NULLS can it be true. */
static inline bool ph_arg_is_null(const struct ph_call *call, uint32_t index)
{
    return index < call->argument_count && ph_column_is_null(call->arguments[index], call->row);
}

/* The accessors below answer 0 or an empty text for a null. */

/** A string, bytes or json value, not NUL-terminated; lives as long as the call. */
static inline struct ph_bytes ph_arg_text(struct ph_call *call, uint32_t index)
{
    struct ph_bytes none = {(const uint8_t *)"", 0};
    if (!ph_type_is_view(ph_arg_type(call, index))) {
        ph_call_wrong_argument(call, index, "text");
        return none;
    }
    return ph_arg_is_null(call, index) ? none : ph_column_bytes(call->arguments[index], call->row);
}

static inline bool ph_arg_bool(struct ph_call *call, uint32_t index)
{
    if (ph_arg_type(call, index) != PH_TYPE_BOOL) {
        ph_call_wrong_argument(call, index, "bool");
        return false;
    }
    return !ph_arg_is_null(call, index) && ph_column_bool(call->arguments[index], call->row);
}

/** An int32, int64 or timestamp (in the unit of its type). */
static inline int64_t ph_arg_int64(struct ph_call *call, uint32_t index)
{
    uint32_t type = ph_arg_type(call, index);
    bool is_wide =
        type == PH_TYPE_INT64 || type == PH_TYPE_TIMESTAMP_MS || type == PH_TYPE_TIMESTAMP_US;
    if (!is_wide && type != PH_TYPE_INT32) {
        ph_call_wrong_argument(call, index, "a whole number");
        return 0;
    }
    if (ph_arg_is_null(call, index)) {
        return 0;
    }
    return is_wide ? ph_column_int64(call->arguments[index], call->row)
                   : ph_column_int32(call->arguments[index], call->row);
}

static inline int32_t ph_arg_int32(struct ph_call *call, uint32_t index)
{
    if (ph_arg_type(call, index) != PH_TYPE_INT32) {
        ph_call_wrong_argument(call, index, "int32");
        return 0;
    }
    return ph_arg_is_null(call, index) ? 0 : ph_column_int32(call->arguments[index], call->row);
}

static inline double ph_arg_float64(struct ph_call *call, uint32_t index)
{
    if (ph_arg_type(call, index) != PH_TYPE_FLOAT64) {
        ph_call_wrong_argument(call, index, "float64");
        return 0;
    }
    return ph_arg_is_null(call, index) ? 0 : ph_column_float64(call->arguments[index], call->row);
}

/** What .create made, the same for all lanes: read it only, or lock it. */
static inline void *ph_state(const struct ph_call *call)
{
    return call->state;
}

/* ---- results, to be returned by the function: `return ph_return_int64(call, 42);` */

static inline uint32_t ph_call_result_type(const struct ph_call *call)
{
    return call->builder == NULL ? (uint32_t)PH_TYPE_NONE : call->builder->type;
}

/**
 * Room in the host's memory for a string, bytes or json result of exactly length bytes: fill it and
 * return PH_OK. Null: return PH_MORE.
 */
static inline uint8_t *ph_result_room(struct ph_call *call, uint32_t length)
{
    if (!ph_type_is_view(ph_call_result_type(call))) {
        (void)ph_call_wrong_result(call, "text");
        return NULL;
    }
    call->is_unsealed = true;
    return ph_builder_reserve(call->builder, call->result_row, length);
}

/** A string, bytes or json result, copied. */
static inline int32_t ph_return_text(struct ph_call *call, const void *data, uint32_t length)
{
    uint8_t *room = ph_result_room(call, length);
    if (room == NULL) {
        return PH_MORE;
    }
    if (length > 0) {
        memcpy(room, data, length);
    }
    return PH_OK;
}

static inline int32_t ph_return_bool(struct ph_call *call, bool value)
{
    if (ph_call_result_type(call) != PH_TYPE_BOOL) {
        return ph_call_wrong_result(call, "bool");
    }
    ph_builder_set_bool(call->builder, call->result_row, value);
    return PH_OK;
}

/** An int64 or timestamp result. */
static inline int32_t ph_return_int64(struct ph_call *call, int64_t value)
{
    uint32_t type = ph_call_result_type(call);
    if (type != PH_TYPE_INT64 && type != PH_TYPE_TIMESTAMP_MS && type != PH_TYPE_TIMESTAMP_US) {
        return ph_call_wrong_result(call, "int64");
    }
    ph_builder_set_int64(call->builder, call->result_row, value);
    return PH_OK;
}

static inline int32_t ph_return_int32(struct ph_call *call, int32_t value)
{
    if (ph_call_result_type(call) != PH_TYPE_INT32) {
        return ph_call_wrong_result(call, "int32");
    }
    ph_builder_set_int32(call->builder, call->result_row, value);
    return PH_OK;
}

static inline int32_t ph_return_float64(struct ph_call *call, double value)
{
    if (ph_call_result_type(call) != PH_TYPE_FLOAT64) {
        return ph_call_wrong_result(call, "float64");
    }
    ph_builder_set_float64(call->builder, call->result_row, value);
    return PH_OK;
}

/** A text as printf writes it. A json result's values need escapes: see json_writer.h. */
__attribute__((format(printf, 2, 3))) static inline int32_t ph_return_format(struct ph_call *call,
                                                                             const char *format,
                                                                             ...)
{
    char text[512];
    va_list args;
    va_list again;
    int length;
    int32_t result;
    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(text, sizeof text, format, args);
    if (length < 0) {
        result = ph_fail(call, "ph_return_format: printf refuses the format \"%s\"", format);
    } else if ((size_t)length < sizeof text) {
        result = ph_return_text(call, text, (uint32_t)length);
    } else {
        /* printf ends its text with a NUL, which is not part of the result. */
        uint8_t *room = ph_result_room(call, (uint32_t)length + 1);
        result = room == NULL ? PH_MORE : PH_OK;
        if (room != NULL) {
            (void)vsnprintf((char *)room, (size_t)length + 1, format, again);
            ((struct ph_view *)call->builder->values)[call->result_row].length = length;
            call->builder->text_used--;
        }
    }
    va_end(again);
    va_end(args);
    return result;
}

#ifdef __cplusplus
}
#endif
#endif
