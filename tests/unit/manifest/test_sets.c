/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/sets.h"

#include "load.h"

#define OPERATORS                                                                                  \
    "\"operators\":[{\"name\":\"events\",\"plugin\":\"p\"},"                                       \
    "{\"name\":\"rows\",\"plugin\":\"p\",\"input\":[\"events\"],\"config\":{\"a\":1}}]"
#define TEXT "{\"pipeline\":\"p\",\"linger_ms\":1," OPERATORS "}"

static struct manifest *load_set(const char *set)
{
    const char *const sets[] = {set};
    return load_with(TEXT, (struct manifest_options){.sets = sets, .set_count = 1});
}

static void assert_set_refused(const char *set, const char *expected)
{
    const char *const sets[] = {set};
    const struct manifest_options opts = {.sets = sets, .set_count = 1};
    assert_refused_with(TEXT, sizeof TEXT - 1, opts, expected);
}

static const char *config_text(const struct manifest *m, uint32_t index, const char *key)
{
    return json_string_value(json_object_get(m->operators[index].config, key));
}

START_TEST(a_slash_in_front_addresses_the_top_level)
{
    struct manifest *m = load_set("/parallelism=3");
    ck_assert_uint_eq(m->parallelism, 3);
    manifest_destroy(m);
    m = load_set("/drain/timeout_ms=5");
    ck_assert_int_eq(m->drain_timeout_ms, 5);
    manifest_destroy(m);
    m = load_set("/exactly_once=true");
    ck_assert(m->exactly_once);
    manifest_destroy(m);
    m = load_set("/linger_ms=2");
    ck_assert_int_eq(m->linger_ms, 2);
    manifest_destroy(m);
}
END_TEST

START_TEST(a_name_addresses_its_operator)
{
    struct manifest *m = load_set("rows/config/table=events=x");
    ck_assert_str_eq(config_text(m, 1, "table"), "events=x");
    manifest_destroy(m);
    m = load_set("rows/plugin=other");
    ck_assert_str_eq(m->operators[1].plugin_name, "other");
    manifest_destroy(m);
    m = load_set("rows/input/0=events");
    ck_assert_uint_eq(m->operators[1].inputs[0], 0);
    manifest_destroy(m);
}
END_TEST

START_TEST(objects_on_the_way_are_made)
{
    struct manifest *m = load_set("events/config/rdkafka/a~1b=5");
    const json_t *map = json_object_get(m->operators[0].config, "rdkafka");
    ck_assert_str_eq(json_string_value(json_object_get(map, "a/b")), "5");
    manifest_destroy(m);
}
END_TEST

START_TEST(json_is_taken_as_json)
{
    struct manifest *m = load_set("rows/config/columns=[\"a\", \"b\"]");
    ck_assert_uint_eq(json_array_size(json_object_get(m->operators[1].config, "columns")), 2);
    manifest_destroy(m);
    m = load_set("rows/config/table=\"a\\\"b\"");
    ck_assert_str_eq(config_text(m, 1, "table"), "a\"b");
    manifest_destroy(m);
    m = load_set("rows/config/table=");
    ck_assert_str_eq(config_text(m, 1, "table"), "");
    manifest_destroy(m);
}
END_TEST

START_TEST(variables_in_it_are_replaced)
{
    struct manifest *m = load_set("/linger_ms=${PORT}");
    ck_assert_int_eq(m->linger_ms, 9092);
    manifest_destroy(m);
}
END_TEST

START_TEST(the_last_one_counts)
{
    const char *const sets[] = {"/linger_ms=5", "/linger_ms=6"};
    struct manifest *m = load_with(TEXT, (struct manifest_options){.sets = sets, .set_count = 2});
    ck_assert_int_eq(m->linger_ms, 6);
    manifest_destroy(m);
}
END_TEST

START_TEST(a_fault_in_a_value_names_the_set)
{
    assert_set_refused("/parallelism=x",
                       "m.json: --set /parallelism: \"parallelism\" must be a whole number from 1 "
                       "to 64");
    assert_set_refused("rows/on_eror=skip",
                       "m.json: --set rows/on_eror: unknown key \"on_eror\", did you mean "
                       "\"on_error\"?");
}
END_TEST

START_TEST(a_fault_in_what_a_set_made_names_the_set)
{
    assert_set_refused(
        "/checkpont/interval_ms=1",
        "m.json: --set /checkpont/interval_ms: unknown key \"checkpont\", did you mean "
        "\"checkpoint\"?");
    assert_set_refused("rows/input/-=nobody",
                       "m.json: --set rows/input/-: there is no operator \"nobody\"");
}
END_TEST

START_TEST(a_dash_adds_an_item_to_a_list)
{
    static const char *const sets[] = {"rows/config/columns=[]", "rows/config/columns/-=a",
                                       "rows/config/columns/-=b", "rows/config/columns/0=c"};
    struct manifest *m = load_with(TEXT, (struct manifest_options){.sets = sets, .set_count = 4});
    const json_t *columns = json_object_get(m->operators[1].config, "columns");
    ck_assert_uint_eq(json_array_size(columns), 2);
    ck_assert_str_eq(json_string_value(json_array_get(columns, 0)), "c");
    ck_assert_str_eq(json_string_value(json_array_get(columns, 1)), "b");
    manifest_destroy(m);
}
END_TEST

START_TEST(wrong_addresses_are_told_without_the_value)
{
    const char *usage = "--set needs OPERATOR/pointer=value or /pointer=value, for example --set "
                        "events/config/startup_mode=earliest";
    assert_set_refused("sesame", usage);
    assert_set_refused("=sesame", usage);
    assert_set_refused("event/config/x=sesame",
                       "--set event/config/x: there is no operator \"event\", did you mean "
                       "\"events\"?");
    assert_set_refused("events=sesame", "--set events: an address is OPERATOR/pointer or /pointer");
    assert_set_refused("/=sesame", "--set /: an address is OPERATOR/pointer or /pointer");
    assert_set_refused("/operators/7/name=sesame",
                       "--set /operators/7/name: \"7\" leads nowhere: the list's items are 0 to 1, "
                       "and - adds one");
    assert_set_refused(
        "rows/config/a/b=sesame",
        "--set rows/config/a/b: \"b\" leads nowhere: there is no object or list above it");
    assert_set_refused(
        "rows/input/1=sesame",
        "--set rows/input/1: \"1\" leads nowhere: the list's items are 0 to 0, and - "
        "adds one");
    assert_set_refused(
        "/operators/00/name=sesame",
        "--set /operators/00/name: \"00\" leads nowhere: the list's items are 0 to 1, "
        "and - adds one");
}
END_TEST

START_TEST(wrong_values_are_told_without_the_value)
{
    assert_set_refused("/memory={\"limit_mib\":sesame}",
                       "--set /memory: the value begins like JSON and is not: fault at column 19; "
                       "texts in it stand in double quotes");
    assert_set_refused("/description=\xff", "--set /description: the value is not UTF-8");
    assert_set_refused("/descr\xffiption=a", "--set: an address is not UTF-8");
}
END_TEST

START_TEST(depth_is_bounded)
{
    char set[256] = "/a=";
    memset(set + 3, '[', MANIFEST_DEPTH_MAX + 1);
    assert_set_refused(set, "--set /a: the value nests deeper than 64");
    char deep[512] = "";
    for (size_t i = 0; i < MANIFEST_DEPTH_MAX + 2; i++) {
        memcpy(deep + 2 * i, "/a", 3);
    }
    memcpy(deep + 2 * (MANIFEST_DEPTH_MAX + 2), "=1", 3);
    char expected[1024];
    (void)snprintf(expected, sizeof expected, "--set %.*s: the address is deeper than 64",
                   (int)(2 * (MANIFEST_DEPTH_MAX + 2)), deep);
    assert_set_refused(deep, expected);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_slash_in_front_addresses_the_top_level,
                                  a_name_addresses_its_operator,
                                  objects_on_the_way_are_made,
                                  json_is_taken_as_json,
                                  variables_in_it_are_replaced,
                                  the_last_one_counts,
                                  a_fault_in_a_value_names_the_set,
                                  a_fault_in_what_a_set_made_names_the_set,
                                  a_dash_adds_an_item_to_a_list,
                                  wrong_addresses_are_told_without_the_value,
                                  wrong_values_are_told_without_the_value,
                                  depth_is_bounded};
    return run_tests("sets", tests, sizeof tests / sizeof tests[0]);
}
