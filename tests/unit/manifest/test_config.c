/* SPDX-License-Identifier: Apache-2.0 */
#include "config_table.h"

#include <math.h>

static const struct ph_config_key required[] = {
    KEY(.type = PH_CONFIG_STRING, .name = "topic", .flags = PH_CONFIG_REQUIRED,
        .doc = "the topic to read"),
    KEY(.type = PH_CONFIG_STRING, .name = "group", .flags = PH_CONFIG_REQUIRED)};

/* One fault, at a column of config, which stands on a line of its own that is shown as it is. */
static void assert_refused_at(const char *config, uint32_t column, const char *sentence)
{
    char expected[2048];
    struct config *c;
    manifest = load_config(config);
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, keys, COUNT(keys), &c, &errs), PH_ERROR);
    ck_assert_ptr_null(c);
    ck_assert_uint_eq(errs.errors.count, 1);
    (void)snprintf(expected, sizeof expected,
                   "m.json:2:%u: /operators/0/config%s\n    %s\n    %*s^", column, sentence, config,
                   (int)column - 1, "");
    ck_assert_str_eq(errs.errors.texts[0], expected);
    finish(NULL);
}

START_TEST(values_have_their_types)
{
    struct config *c = create(
        "{\"topic\":\"t\",\"password\":\"${PW}\",\"insecure\":true,\"port\":80,\"any\":-5,"
        "\"ratio\":2,\"mode\":\"group\",\"timeout\":\"5s\",\"prefetch\":2048,\"file\":\"/f\"}");
    ck_assert_str_eq(value_of(c, "topic")->text, "t");
    ck_assert_uint_eq(value_of(c, "topic")->text_length, 1);
    ck_assert_uint_eq(value_of(c, "topic")->type, PH_CONFIG_STRING);
    ck_assert(!value_of(c, "topic")->is_default);
    ck_assert_str_eq(value_of(c, "password")->text, "hunter2hunter2");
    ck_assert_int_eq(value_of(c, "insecure")->integer, 1);
    ck_assert_int_eq(value_of(c, "port")->integer, 80);
    ck_assert_int_eq(value_of(c, "any")->integer, -5);
    ck_assert(fabs(value_of(c, "ratio")->real - 2.0) < 1e-9);
    ck_assert_int_eq(value_of(c, "mode")->integer, 2);
    ck_assert_str_eq(value_of(c, "mode")->text, "group");
    ck_assert_int_eq(value_of(c, "timeout")->integer, 5000);
    ck_assert_int_eq(value_of(c, "prefetch")->integer, 2048);
    ck_assert_str_eq(value_of(c, "file")->text, "/f");
    finish(c);
}
END_TEST

START_TEST(defaults_fill_what_is_absent)
{
    struct config *c = create("{}");
    ck_assert(value_of(c, "insecure")->is_set);
    ck_assert(value_of(c, "insecure")->is_default);
    ck_assert_int_eq(value_of(c, "insecure")->integer, 0);
    ck_assert(fabs(value_of(c, "ratio")->real - 0.5) < 1e-9);
    ck_assert_str_eq(value_of(c, "mode")->text, "latest");
    ck_assert_int_eq(value_of(c, "timeout")->integer, 10000);
    ck_assert_int_eq(value_of(c, "prefetch")->integer, 67108864);
    ck_assert_uint_eq(value_of(c, "columns")->item_count, 1);
    ck_assert_str_eq(value_of(c, "columns")->items[0].text, "a");
    ck_assert(!value_of(c, "topic")->is_set);
    ck_assert_ptr_null(ph_config_text(config_get(c), "topic"));
    ck_assert_ptr_null(config_get(c)->get(config_get(c), "nobody"));
    finish(c);
}
END_TEST

START_TEST(an_absent_config_is_an_empty_one)
{
    struct config *c;
    manifest = load("{\"pipeline\":\"p\",\"operators\":[{\"name\":\"a\",\"plugin\":\"p\"}]}");
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, keys, COUNT(keys), &c, &errs), PH_OK);
    ck_assert_str_eq(ph_config_text(config_get(c), "mode"), "latest");
    config_destroy(c);
    ck_assert_int_eq(config_create(manifest, 0, NULL, 0, &c, &errs), PH_OK);
    ck_assert_ptr_null(config_get(c)->get(config_get(c), "mode"));
    finish(c);
}
END_TEST

START_TEST(lists_and_maps_keep_their_order)
{
    struct config *c = create("{\"columns\":[\"z\",\"\",\"a\"],\"rdkafka\":{\"z\":\"x\","
                              "\"linger.ms\":5,\"b\":true,\"c\":0.25}}");
    const struct ph_value *columns = value_of(c, "columns");
    const struct ph_value *map = value_of(c, "rdkafka");
    ck_assert_uint_eq(columns->item_count, 3);
    ck_assert_str_eq(columns->items[0].text, "z");
    ck_assert_str_eq(columns->items[1].text, "");
    ck_assert_str_eq(columns->items[2].text, "a");
    ck_assert_ptr_null(columns->items[0].name);
    ck_assert_uint_eq(map->item_count, 4);
    ck_assert_str_eq(map->items[0].name, "z");
    ck_assert_str_eq(map->items[0].text, "x");
    ck_assert_str_eq(map->items[1].text, "5");
    ck_assert_str_eq(map->items[2].text, "true");
    ck_assert_str_eq(map->items[3].text, "0.25");
    ck_assert(map->items[3].is_set);
    finish(c);
}
END_TEST

START_TEST(paths_begin_at_the_manifest)
{
    struct config *c = create("{\"file\":\"./x/y\"}");
    char expected[4200];
    (void)snprintf(expected, sizeof expected, "%s/x/y", manifest->dir);
    ck_assert_str_eq(value_of(c, "file")->text, expected);
    ck_assert_uint_eq(value_of(c, "file")->text_length, strlen(expected));
    finish(c);
}
END_TEST

START_TEST(values_from_variables_are_converted)
{
    struct config *c =
        create("{\"port\":\"${PORT}\",\"insecure\":\"${ON}\",\"ratio\":\"${PORT}\"}");
    ck_assert_int_eq(value_of(c, "port")->integer, 9092);
    ck_assert_int_eq(value_of(c, "insecure")->integer, 1);
    ck_assert(fabs(value_of(c, "ratio")->real - 9092.0) < 1e-9);
    finish(c);
}
END_TEST

START_TEST(a_value_whose_variables_are_empty_is_absent)
{
    struct config *c =
        create("{\"topic\":\"${EMPTY}\",\"port\":\"${NOBODY:-}\","
               "\"mode\":\"${EMPTY}\",\"rdkafka\":{\"a\":\"${EMPTY}\",\"b\":\"c\"}}");
    ck_assert(!value_of(c, "topic")->is_set);
    ck_assert(!value_of(c, "port")->is_set);
    ck_assert_str_eq(value_of(c, "mode")->text, "latest");
    ck_assert_uint_eq(value_of(c, "rdkafka")->item_count, 1);
    ck_assert_str_eq(value_of(c, "rdkafka")->items[0].name, "b");
    finish(c);
}
END_TEST

START_TEST(unknown_keys_are_told_with_the_nearest_name)
{
    assert_refused_at("{\"topik\":\"x\"}", 2,
                      "/topik: unknown key \"topik\", did you mean \"topic\"?");
    assert_refused_at("{\"zzzzzz\":\"x\"}", 2, "/zzzzzz: unknown key \"zzzzzz\"");
}
END_TEST

START_TEST(wrong_types_are_told)
{
    assert_refused_at("{\"topic\":5}", 10, "/topic: \"topic\" must be a text in quotes");
    assert_refused_at("{\"topic\":null}", 10, "/topic: \"topic\" must be a text in quotes");
    assert_refused_at("{\"insecure\":\"true\"}", 13,
                      "/insecure: \"insecure\" must be true or false");
    assert_refused_at("{\"any\":1.5}", 8, "/any: \"any\" must be a whole number");
    assert_refused_at("{\"any\":\"1\"}", 8, "/any: \"any\" must be a whole number");
    assert_refused_at("{\"ratio\":\"1\"}", 10, "/ratio: \"ratio\" must be a number");
    assert_refused_at("{\"file\":\"\"}", 9, "/file: \"file\" must be a path in quotes");
    assert_refused_at(
        "{\"columns\":\"a\"}", 12,
        "/columns: \"columns\" must be a list of at most 1024 texts, such as [\"a\", \"b\"]");
    assert_refused_at("{\"columns\":[\"a\",5]}", 12,
                      "/columns: \"columns\" must be a list of texts in quotes, and item 2 is not "
                      "one");
    assert_refused_at("{\"labels\":[]}", 11,
                      "/labels: \"labels\" must be an object of at most 1024 names with texts");
    assert_refused_at("{\"labels\":{\"a\":{}}}", 16,
                      "/labels/a: \"a\" must be a text in quotes, a number, true or false");
}
END_TEST

START_TEST(limits_are_told_with_their_unit)
{
    assert_refused_at("{\"port\":0}", 9,
                      "/port: \"port\" must be a whole number from 1 to 65535 (TCP port)");
    assert_refused_at("{\"timeout\":0}", 12, "/timeout: \"timeout\" must be from 1ms to 1m");
    assert_refused_at("{\"timeout\":\"2m\"}", 12, "/timeout: \"timeout\" must be from 1ms to 1m");
    assert_refused_at(
        "{\"timeout\":-1}", 12,
        "/timeout: \"timeout\" must be a duration such as \"500ms\", \"10s\", \"5m\", "
        "\"2h\" or \"7d\", or a number of milliseconds");
    assert_refused_at("{\"prefetch\":\"2GiB\"}", 13,
                      "/prefetch: \"prefetch\" must be from 1KiB to 1GiB");
    assert_refused_at("{\"prefetch\":\"2GB\"}", 13,
                      "/prefetch: \"prefetch\" must be a size such as \"64KiB\", \"64MiB\" or "
                      "\"1GiB\", or a number of bytes");
}
END_TEST

START_TEST(enums_are_told_with_the_nearest_text)
{
    assert_refused_at("{\"mode\":\"newest\"}", 9,
                      "/mode: \"mode\" must be \"latest\", \"earliest\" or \"group\"");
    assert_refused_at("{\"mode\":\"earlyest\"}", 9,
                      "/mode: \"mode\" must be \"latest\", \"earliest\" or \"group\", did you mean "
                      "\"earliest\"?");
    assert_refused_at("{\"mode\":1}", 9,
                      "/mode: \"mode\" must be \"latest\", \"earliest\" or \"group\"");
}
END_TEST

START_TEST(required_keys_are_told_with_their_doc)
{
    struct config *c;
    manifest = load_config("{\"group\":\"${EMPTY}\"}");
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, required, COUNT(required), &c, &errs), PH_ERROR);
    ck_assert_uint_eq(errs.errors.count, 2);
    ck_assert_str_eq(errs.errors.texts[0],
                     "m.json:2:1: /operators/0/config: \"topic\" is required: the topic to read\n"
                     "    {\"group\":\"${EMPTY}\"}\n"
                     "    ^");
    ck_assert_str_eq(errs.errors.texts[1],
                     "m.json:2:10: /operators/0/config/group: \"group\" is required, and its "
                     "variable is empty\n"
                     "    {\"group\":\"${EMPTY}\"}\n"
                     "             ^");
    finish(NULL);
}
END_TEST

/* A table of an older SDK: its rows end behind `name`. */
struct old_key {
    uint32_t size;
    uint32_t type;
    uint32_t flags;
    uint32_t reserved;
    const char *name;
};

START_TEST(rows_of_an_older_sdk_are_read_to_their_own_end)
{
    struct config *c;
    const struct old_key old[] = {{sizeof(struct old_key), PH_CONFIG_INT, 0, 0, "a"},
                                  {sizeof(struct old_key), PH_CONFIG_STRING, 0, 0, "b"}};
    manifest = load_config("{\"a\":70000,\"b\":\"x\"}");
    manifest_errors_init(&errs);
    ck_assert_int_eq(
        config_create(manifest, 0, (const struct ph_config_key *)(const void *)old, 2, &c, &errs),
        PH_OK);
    ck_assert_int_eq(ph_config_integer(config_get(c), "a"), 70000);
    ck_assert_str_eq(ph_config_text(config_get(c), "b"), "x");
    finish(c);
}
END_TEST

struct new_key {
    struct ph_config_key key;
    uint64_t more[3];
};

START_TEST(rows_of_a_newer_sdk_are_stepped_over_whole)
{
    struct config *c;
    struct new_key new[] = {{KEY(.type = PH_CONFIG_INT, .name = "a"), {1, 2, 3}},
                            {KEY(.type = PH_CONFIG_STRING, .name = "b"), {1, 2, 3}}};
    new[0].key.size = sizeof new[0];
    new[1].key.size = sizeof new[0];
    manifest = load_config("{\"a\":7,\"b\":\"x\"}");
    manifest_errors_init(&errs);
    ck_assert_int_eq(
        config_create(manifest, 0, (const struct ph_config_key *)(const void *)new, 2, &c, &errs),
        PH_OK);
    ck_assert_int_eq(ph_config_integer(config_get(c), "a"), 7);
    ck_assert_str_eq(ph_config_text(config_get(c), "b"), "x");
    finish(c);
}
END_TEST

static void assert_table_refused(const struct ph_config_key *key, const char *config,
                                 const char *begin)
{
    struct config *c;
    manifest = load_config(config);
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, key, 1, &c, &errs), PH_ERROR);
    ck_assert_msg(strncmp(errs.errors.texts[0], begin, strlen(begin)) == 0, "%s",
                  errs.errors.texts[0]);
    finish(NULL);
}

START_TEST(a_table_that_makes_no_sense_is_refused)
{
    const struct ph_config_key small = {.size = 8, .type = PH_CONFIG_INT, .name = "a"};
    const struct ph_config_key type = KEY(.type = 99, .name = "a");
    const struct ph_config_key wrong =
        KEY(.type = PH_CONFIG_INT, .name = "a", .default_text = "often");
    assert_table_refused(&small, "{}",
                         "m.json:1:54: /operators/0/plugin: the plugin's table of config keys is "
                         "malformed\n");
    assert_table_refused(&type, "{\"a\":1}",
                         "m.json:2:6: /operators/0/config/a: the plugin gives \"a\" a type that "
                         "this pipehost does not know: 99\n");
    assert_table_refused(&wrong, "{}",
                         "m.json:2:1: /operators/0/config/a: the plugin's own default is wrong: "
                         "\"a\" must be a whole number\n");
}
END_TEST

START_TEST(faults_of_other_operators_do_not_matter)
{
    struct config *c;
    manifest = load_config("{\"topic\":\"t\"}");
    manifest_errors_init(&errs);
    manifest_errors_add_plain(&errs, "an earlier fault");
    ck_assert_int_eq(config_create(manifest, 0, keys, COUNT(keys), &c, &errs), PH_OK);
    finish(c);
    config_destroy(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {values_have_their_types,
                                  defaults_fill_what_is_absent,
                                  an_absent_config_is_an_empty_one,
                                  lists_and_maps_keep_their_order,
                                  paths_begin_at_the_manifest,
                                  values_from_variables_are_converted,
                                  a_value_whose_variables_are_empty_is_absent,
                                  unknown_keys_are_told_with_the_nearest_name,
                                  wrong_types_are_told,
                                  limits_are_told_with_their_unit,
                                  enums_are_told_with_the_nearest_text,
                                  required_keys_are_told_with_their_doc,
                                  rows_of_an_older_sdk_are_read_to_their_own_end,
                                  rows_of_a_newer_sdk_are_stepped_over_whole,
                                  a_table_that_makes_no_sense_is_refused,
                                  faults_of_other_operators_do_not_matter};
    return run_tests("config", tests, COUNT(tests));
}
