/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/format.h"

#include "load.h"

#include <stdio.h>

#define HEAD "{\"pipeline\":\"p\",\"operators\":[{\"name\":\"a\",\"plugin\":\"p\",\"format\":\n"
#define TAIL "\n}]}"

static struct manifest *load_format(const char *format)
{
    char text[2048];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, format);
    return load(text);
}

static struct manifest *load_fields(const char *fields)
{
    char text[2048];
    (void)snprintf(text, sizeof text, "{\"json\":{\"fields\":%s}}", fields);
    return load_format(text);
}

/* The column is that of the fault within format, which stands on a line of its own. */
static void assert_format_refused(const char *format, uint32_t column, const char *sentence)
{
    char text[2048];
    char expected[4096];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, format);
    (void)snprintf(expected, sizeof expected,
                   "m.json:2:%u: /operators/0/format%s\n    %s\n    %*s^", column, sentence, format,
                   (int)column - 1, "");
    assert_refused(text, expected);
}

static void assert_fields_refused(const char *fields, uint32_t column, const char *sentence)
{
    char format[2048];
    char where[1024];
    (void)snprintf(format, sizeof format, "{\"json\":{\"fields\":%s}}", fields);
    (void)snprintf(where, sizeof where, "/json/fields%s", sentence);
    assert_format_refused(format, column + 18, where);
}

START_TEST(fields_keep_their_order_and_types)
{
    static const struct {
        const char *name;
        uint32_t type;
    } expected[] = {{"z", PH_TYPE_BOOL},         {"b", PH_TYPE_INT32},
                    {"c", PH_TYPE_INT64},        {"d", PH_TYPE_FLOAT64},
                    {"e", PH_TYPE_STRING},       {"f", PH_TYPE_BYTES},
                    {"g", PH_TYPE_TIMESTAMP_MS}, {"h", PH_TYPE_TIMESTAMP_MS},
                    {"i", PH_TYPE_TIMESTAMP_US}, {"a", PH_TYPE_JSON}};
    struct manifest *m = load_fields(
        "{\"z\":\"bool\",\"b\":\"int32\",\"c\":\"int64\",\"d\":\"float64\",\"e\":\"string\","
        "\"f\":\"bytes\",\"g\":\"timestamp\",\"h\":\"timestamp(3)\",\"i\":\"timestamp(6)\","
        "\"a\":\"json\"}");
    const struct manifest_format *format = m->operators[0].format;
    ck_assert_uint_eq(format->field_count, 10);
    ck_assert(!format->has_output);
    for (uint32_t i = 0; i < 10; i++) {
        const struct manifest_field *field = &format->fields[i];
        ck_assert_str_eq(field->name, expected[i].name);
        ck_assert_uint_eq(field->type, expected[i].type);
        ck_assert(!field->required);
        ck_assert_uint_eq(field->path_count, 1);
        ck_assert_str_eq(field->path[0], expected[i].name);
        ck_assert_int_eq(field->parse, MANIFEST_PARSE_ISO8601);
    }
    manifest_destroy(m);
}
END_TEST

START_TEST(a_field_may_say_more)
{
    struct manifest *m =
        load_fields("{\"a\":{\"type\":\"timestamp(6)\",\"required\":true,\"from\":\"/x/y~1z/~01/\","
                    "\"parse\":\"unix_ms\"},\"b\":{\"type\":\"string\",\"required\":false}}");
    const struct manifest_field *a = &m->operators[0].format->fields[0];
    const struct manifest_field *b = &m->operators[0].format->fields[1];
    ck_assert(a->required);
    ck_assert_int_eq(a->parse, MANIFEST_PARSE_UNIX_MS);
    ck_assert_uint_eq(a->path_count, 4);
    ck_assert_str_eq(a->path[0], "x");
    ck_assert_str_eq(a->path[1], "y/z");
    ck_assert_str_eq(a->path[2], "~1");
    ck_assert_str_eq(a->path[3], "");
    ck_assert(!b->required);
    ck_assert_str_eq(b->path[0], "b");
    manifest_destroy(m);
}
END_TEST

START_TEST(times_are_parsed_in_one_of_four_ways)
{
    struct manifest *m =
        load_fields("{\"a\":{\"type\":\"timestamp\",\"parse\":\"iso8601\"},"
                    "\"b\":{\"type\":\"timestamp\",\"parse\":\"unix_s\"},"
                    "\"c\":{\"type\":\"timestamp\",\"parse\":\"%d/%b/%Y:%H:%M:%S %z\"}}");
    const struct manifest_field *fields = m->operators[0].format->fields;
    ck_assert_int_eq(fields[0].parse, MANIFEST_PARSE_ISO8601);
    ck_assert_ptr_null(fields[0].parse_pattern);
    ck_assert_int_eq(fields[1].parse, MANIFEST_PARSE_UNIX_S);
    ck_assert_int_eq(fields[2].parse, MANIFEST_PARSE_STRPTIME);
    ck_assert_str_eq(fields[2].parse_pattern, "%d/%b/%Y:%H:%M:%S %z");
    manifest_destroy(m);
}
END_TEST

START_TEST(a_sinks_format_says_how_values_are_written)
{
    struct manifest *m =
        load_format("{\"json\":{\"timestamps\":\"sql\",\"json_columns\":\"string\"}}");
    const struct manifest_format *format = m->operators[0].format;
    ck_assert_int_eq(format->timestamps, MANIFEST_TIMESTAMPS_SQL);
    ck_assert_int_eq(format->json_columns, MANIFEST_JSON_STRING);
    ck_assert(format->has_output);
    ck_assert_uint_eq(format->field_count, 0);
    manifest_destroy(m);
    m = load_format("{\"json\":{}}");
    ck_assert_int_eq(m->operators[0].format->timestamps, MANIFEST_TIMESTAMPS_ISO8601);
    ck_assert_int_eq(m->operators[0].format->json_columns, MANIFEST_JSON_NESTED);
    ck_assert(!m->operators[0].format->has_output);
    manifest_destroy(m);
}
END_TEST

START_TEST(only_json_is_known)
{
    assert_format_refused("{\"json\":{},\"avro\":{}}", 12, "/avro: unknown key \"avro\"");
    assert_format_refused("{}", 1, ": a \"format\" needs a \"json\" object");
    assert_format_refused("{\"json\":5}", 9, "/json: \"json\" must be an object");
    assert_format_refused("5", 1, ": \"format\" must be an object");
    assert_format_refused("{\"json\":{\"field\":{}}}", 10,
                          "/json/field: unknown key \"field\", did you mean \"fields\"?");
    assert_format_refused("{\"json\":{\"timestamps\":\"iso\"}}", 23,
                          "/json/timestamps: \"timestamps\" must be \"iso8601\", \"sql\" or "
                          "\"unix_ms\"");
}
END_TEST

#define TYPES                                                                                      \
    "a type is one of bool, int32, int64, float64, string, bytes, timestamp(3), timestamp(6), "    \
    "json"

START_TEST(types_are_checked)
{
    assert_fields_refused("{\"a\":\"strin\"}", 6, "/a: " TYPES ", did you mean \"string\"?");
    assert_fields_refused("{\"a\":5}", 6, "/a: " TYPES);
    assert_fields_refused("{\"a\":{\"type\":\"timestamp(9)\"}}", 14,
                          "/a/type: " TYPES ", did you mean \"timestamp(3)\"?");
    assert_fields_refused("{\"a\":{}}", 6, "/a: a field needs a \"type\"");
    assert_fields_refused("{\"a\":{\"type\":\"json\",\"form\":\"/x\"}}", 21,
                          "/a/form: unknown key \"form\", did you mean \"from\"?");
}
END_TEST

START_TEST(from_with_a_dollar_names_what_stands_around_the_json)
{
    struct manifest *m = load_fields("{\"k\":{\"type\":\"bytes\",\"from\":\"$key\"},\"h\":{"
                                     "\"type\":\"json\",\"from\":\"$headers\"}}");
    const struct manifest_field *f = m->operators[0].format->fields;
    ck_assert_int_eq(f[0].metadata, MANIFEST_KEY);
    ck_assert_int_eq(f[1].metadata, MANIFEST_HEADERS);
    manifest_destroy(m);
    assert_fields_refused("{\"a\":{\"type\":\"json\",\"from\":\"$kye\"}}", 28,
                          "/a/from: \"from\" is one of $key, $value, $headers, $timestamp, "
                          "$offset, $partition, $topic, or a JSON pointer, did you mean \"$key\"?");
    assert_fields_refused("{\"a\":{\"type\":\"int32\",\"from\":\"$offset\"}}", 14,
                          "/a/type: a field from \"$offset\" is int64");
}
END_TEST

START_TEST(tombstones_have_three_ways)
{
    struct manifest *m =
        load_format("{\"json\":{\"fields\":{\"a\":\"json\"},\"tombstones\":\"null\"}}");
    ck_assert_int_eq(m->operators[0].format->tombstones, MANIFEST_TOMBSTONES_NULL);
    manifest_destroy(m);
}
END_TEST

START_TEST(from_is_a_bounded_pointer)
{
    assert_fields_refused("{\"a\":{\"type\":\"json\",\"from\":\"x\"}}", 28,
                          "/a/from: \"from\" must be a JSON pointer, such as \"/user/id\", or a "
                          "name such as \"$key\"");
    assert_fields_refused("{\"a\":{\"type\":\"json\",\"from\":\"\"}}", 28,
                          "/a/from: \"from\" must be a JSON pointer, such as \"/user/id\", or a "
                          "name such as \"$key\"");
    assert_fields_refused(
        "{\"a\":{\"type\":\"json\",\"from\":\"/////////////////////////////////\"}}", 28,
        "/a/from: \"from\" has more than 32 parts");
}
END_TEST

START_TEST(parse_is_for_timestamps)
{
    assert_fields_refused("{\"a\":{\"type\":\"int64\",\"parse\":\"unix_s\"}}", 30,
                          "/a/parse: \"parse\" is for timestamps, and this field is int64");
    assert_fields_refused("{\"a\":{\"type\":\"timestamp\",\"parse\":\"unix\"}}", 34,
                          "/a/parse: \"parse\" must be iso8601, unix_s, unix_ms or a pattern such "
                          "as \"%Y-%m-%d %H:%M:%S\", did you mean \"unix_s\"?");
}
END_TEST

START_TEST(fields_are_bounded)
{
    struct manifest_errors errs;
    struct manifest *m;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_append_text(&b, HEAD "{\"json\":{\"fields\":{\"f\":\"json\"");
    for (int i = 0; i < MANIFEST_FIELDS_MAX; i++) {
        buf_append_format(&b, ",\"f%d\":\"json\"", i);
    }
    buf_append_text(&b, "}}}" TAIL);
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", b.data, b.length, NULL, &m, &errs), PH_ERROR);
    ck_assert_uint_eq(errs.errors.count, 1);
    ck_assert_ptr_nonnull(strstr(errs.errors.texts[0],
                                 "m:2:19: /operators/0/format/json/fields: \"fields\" must hold 1 "
                                 "to 256 fields\n"));
    manifest_errors_fini(&errs);
    buf_fini(&b);
    assert_fields_refused("{}", 1, ": \"fields\" must hold 1 to 256 fields");
    assert_fields_refused("{\"\":\"json\"}", 5, "/: a field's name has 1 to 128 bytes");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {fields_keep_their_order_and_types,
                                  a_field_may_say_more,
                                  times_are_parsed_in_one_of_four_ways,
                                  a_sinks_format_says_how_values_are_written,
                                  only_json_is_known,
                                  types_are_checked,
                                  from_with_a_dollar_names_what_stands_around_the_json,
                                  tombstones_have_three_ways,
                                  from_is_a_bounded_pointer,
                                  parse_is_for_timestamps,
                                  fields_are_bounded};
    return run_tests("format", tests, sizeof tests / sizeof tests[0]);
}
