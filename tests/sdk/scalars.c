/* SPDX-License-Identifier: Apache-2.0 */
/** Scalar UDFs for the tests of the helper: each does one thing that the helper promises. */
#include "pipehost/scalar.h"

/* ---- one for each type: gives its argument back */

static int32_t same_bool(struct ph_call *call)
{
    return ph_return_bool(call, ph_arg_bool(call, 0));
}

static int32_t same_int32(struct ph_call *call)
{
    return ph_return_int32(call, ph_arg_int32(call, 0));
}

static int32_t same_int64(struct ph_call *call)
{
    return ph_return_int64(call, ph_arg_int64(call, 0));
}

static int32_t same_float64(struct ph_call *call)
{
    return ph_return_float64(call, ph_arg_float64(call, 0));
}

static int32_t same_text(struct ph_call *call)
{
    struct ph_bytes text = ph_arg_text(call, 0);
    return ph_return_text(call, text.data, text.length);
}

static const struct ph_config_key keys[] = {PH_SCALAR_KEYS};

PH_SCALAR_DEFINE(of_bool, keys, "same-bool", "1", "the same", .function = same_bool,
                 .result = PH_TYPE_BOOL, .arguments = {PH_TYPE_BOOL});
PH_SCALAR_DEFINE(of_int32, keys, "same-int32", "1", "the same", .function = same_int32,
                 .result = PH_TYPE_INT32, .arguments = {PH_TYPE_INT32});
PH_SCALAR_DEFINE(of_int64, keys, "same-int64", "1", "the same", .function = same_int64,
                 .result = PH_TYPE_INT64, .arguments = {PH_TYPE_INT64});
PH_SCALAR_DEFINE(of_float64, keys, "same-float64", "1", "the same", .function = same_float64,
                 .result = PH_TYPE_FLOAT64, .arguments = {PH_TYPE_FLOAT64});
PH_SCALAR_DEFINE(of_string, keys, "same-string", "1", "the same", .function = same_text,
                 .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});
PH_SCALAR_DEFINE(of_bytes, keys, "same-bytes", "1", "the same", .function = same_text,
                 .result = PH_TYPE_BYTES, .arguments = {PH_TYPE_BYTES});
PH_SCALAR_DEFINE(of_ms, keys, "same-ms", "1", "the same", .function = same_int64,
                 .result = PH_TYPE_TIMESTAMP_MS, .arguments = {PH_TYPE_TIMESTAMP_MS});
PH_SCALAR_DEFINE(of_us, keys, "same-us", "1", "the same", .function = same_int64,
                 .result = PH_TYPE_TIMESTAMP_US, .arguments = {PH_TYPE_TIMESTAMP_US});
PH_SCALAR_DEFINE(of_json, keys, "same-json", "1", "the same", .function = same_text,
                 .result = PH_TYPE_JSON, .arguments = {PH_TYPE_JSON});

/* ---- arguments */

static int32_t describe(struct ph_call *call)
{
    struct ph_bytes name = ph_arg_text(call, 0);
    return ph_return_format(call, "%.*s is %lld, %.1f and %s", (int)name.length,
                            (const char *)name.data, (long long)ph_arg_int64(call, 1),
                            ph_arg_float64(call, 2), ph_arg_bool(call, 3) ? "open" : "shut");
}

static int32_t is_null(struct ph_call *call)
{
    return ph_return_bool(call, ph_arg_is_null(call, 0));
}

static int32_t type_of(struct ph_call *call)
{
    return ph_return_format(call, "%s", ph_type_name(ph_arg_type(call, 0)));
}

PH_SCALAR_DEFINE(four, keys, "four", "1", "a sentence", .function = describe,
                 .result = PH_TYPE_STRING,
                 .arguments = {PH_TYPE_STRING, PH_TYPE_INT32, PH_TYPE_FLOAT64, PH_TYPE_BOOL});
PH_SCALAR_DEFINE(nulls, keys, "is-null", "1", "sees nulls", .function = is_null,
                 .result = PH_TYPE_BOOL, .arguments = {PH_TYPE_STRING}, .flags = PH_SCALAR_NULLS);
PH_SCALAR_DEFINE(any, keys, "type-of", "1", "the type's name", .function = type_of,
                 .result = PH_TYPE_STRING, .arguments = {PH_SCALAR_ANY});

/* ---- verdicts: told by the argument's text */

static int32_t judge(struct ph_call *call)
{
    struct ph_bytes text = ph_arg_text(call, 0);
    switch (text.length == 0 ? 0 : text.data[0]) {
    case 'n':
        (void)ph_return_text(call, "of no use", 9);
        return PH_NULL;
    case 'd':
        return PH_DROP;
    case 'r':
        return ph_reject(call, "bad_word", "begins with r");
    case 'f':
        return ph_fail(call, "cannot go on at \"%.*s\"", (int)text.length, (const char *)text.data);
    case 's':
        return PH_ERROR; /* without a sentence */
    case 'w':
        return 99;
    case 'u':
        return PH_OK; /* without a result */
    default:
        return ph_return_text(call, text.data, text.length);
    }
}

static int32_t keep(struct ph_call *call)
{
    struct ph_bytes text = ph_arg_text(call, 0);
    if (text.length > 0 && text.data[0] == 'r') {
        return ph_reject(call, "bad_word", "begins with r");
    }
    return text.length > 0 && text.data[0] == 'd' ? PH_DROP : PH_OK;
}

static int32_t reads_wrong(struct ph_call *call)
{
    return ph_return_int64(call, ph_arg_int64(call, 0));
}

static int32_t reads_beyond(struct ph_call *call)
{
    return ph_return_text(call, ph_arg_text(call, 1).data, 0);
}

static int32_t returns_wrong(struct ph_call *call)
{
    return ph_return_int64(call, 1);
}

PH_SCALAR_DEFINE(verdict, keys, "judge", "1", "judges", .function = judge, .result = PH_TYPE_STRING,
                 .arguments = {PH_TYPE_STRING});
PH_SCALAR_DEFINE(filter, keys, "keep", "1", "a filter", .function = keep,
                 .arguments = {PH_TYPE_STRING});
PH_SCALAR_DEFINE(wrong_argument, keys, "reads-wrong", "1", "a mistake", .function = reads_wrong,
                 .result = PH_TYPE_INT64, .arguments = {PH_TYPE_STRING});
PH_SCALAR_DEFINE(no_argument, keys, "reads-beyond", "1", "a mistake", .function = reads_beyond,
                 .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});
PH_SCALAR_DEFINE(wrong_result, keys, "returns-wrong", "1", "a mistake", .function = returns_wrong,
                 .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});
PH_SCALAR_DEFINE(filter_result, keys, "filter-returns", "1", "a mistake", .function = returns_wrong,
                 .arguments = {PH_TYPE_STRING});

/* ---- much more text than came in */

static int32_t blow_up(struct ph_call *call)
{
    uint8_t *room = ph_result_room(call, 2000);
    if (room == NULL) {
        return PH_MORE;
    }
    memset(room, 'x', 2000);
    return PH_OK;
}

PH_SCALAR_DEFINE(large, keys, "blow-up", "1", "2,000 bytes", .function = blow_up,
                 .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING});

/* ---- state and keys of its own */

static void *make_suffix(const struct ph_config *config, struct ph_error *err)
{
    const char *text = ph_config_text(config, "suffix");
    char *copy = strdup(text);
    if (copy == NULL || strcmp(text, "?") == 0) {
        free(copy);
        ph_error_set_key(err, "/suffix");
        (void)ph_error_set(err, PH_ERR_CONFIG, "? is no suffix");
        return NULL;
    }
    return copy;
}

static int32_t append(struct ph_call *call)
{
    struct ph_bytes text = ph_arg_text(call, 0);
    return ph_return_format(call, "%.*s%s", (int)text.length, (const char *)text.data,
                            (const char *)ph_state(call));
}

static const struct ph_config_key append_keys[] = {PH_SCALAR_KEYS,
                                                   {.size = sizeof append_keys[0],
                                                    .type = PH_CONFIG_STRING,
                                                    .name = "suffix",
                                                    .doc = "comes behind",
                                                    .default_text = "!"}};

PH_SCALAR_DEFINE(state, append_keys, "append", "1", "appends", .function = append,
                 .result = PH_TYPE_STRING, .arguments = {PH_TYPE_STRING}, .create = make_suffix,
                 .destroy = free);

PH_ENTRY(&of_bool, &of_int32, &of_int64, &of_float64, &of_string, &of_bytes, &of_ms, &of_us,
         &of_json, &four, &nulls, &any, &verdict, &filter, &wrong_argument, &no_argument,
         &wrong_result, &filter_result, &large, &state);
