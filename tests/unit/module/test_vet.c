/* SPDX-License-Identifier: Apache-2.0 */
/** One fault a test: a right descriptor with one member changed. */
#include "module/vet.h"

#include <check.h>
#include <stdlib.h>

static struct ph_config_key keys[2];
static struct ph_counter counters[2];
static const struct ph_operator_ops ops = {.size = sizeof ops};
static const struct ph_udf_ops udf = {.size = sizeof udf};
static const struct ph_sink_ops sink = {.size = sizeof sink};
static const struct ph_udf_ops udf_without_size = {.size = 0};
static struct ph_descriptor d;
static struct ph_descriptor other;
static const struct ph_descriptor *list[2];
static struct ph_entry entry;
static struct ph_error err;

static void setup(void)
{
    for (uint32_t i = 0; i < 2; i++) {
        keys[i] = (struct ph_config_key){.size = sizeof keys[i],
                                         .type = PH_CONFIG_INT,
                                         .name = i == 0 ? "first" : "second",
                                         .doc = "a number"};
        counters[i] = (struct ph_counter){sizeof counters[i], PH_COUNTER,
                                          i == 0 ? "rows" : "answers", "what came"};
    }
    d = (struct ph_descriptor){.size = sizeof d,
                               .kind = PH_KIND_UDF,
                               .flags = PH_PLUGIN_PURE,
                               .id = "plug-1",
                               .version = "1",
                               .summary = "does it",
                               .config = keys,
                               .counters = counters,
                               .config_count = 2,
                               .counter_count = 2,
                               .ops = &ops,
                               .udf = &udf};
    other = d;
    other.id = "plug-2";
    list[0] = &d;
    list[1] = &other;
    entry = (struct ph_entry){PH_ABI_MAGIC, PH_ABI_MAJOR, PH_ABI_MINOR, sizeof entry, 2, "1", list};
    ph_error_clear(&err);
}

static void refused(const char *sentence)
{
    ck_assert_int_eq(vet_entry(&entry, "x.so", &err), PH_ERROR);
    ck_assert_str_eq(err.text, sentence);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
    setup();
}

START_TEST(a_right_descriptor_passes)
{
    ck_assert_msg(vet_entry(&entry, "x.so", &err) == PH_OK, "%s", err.text);
    d.config_count = 0;
    d.config = NULL;
    d.counter_count = 0;
    d.counters = NULL;
    d.ops = NULL;
    ck_assert_msg(vet_entry(&entry, "x.so", &err) == PH_OK, "%s", err.text);
}
END_TEST

START_TEST(an_entry_must_list_plugins)
{
    entry.descriptor_count = 65;
    refused("x.so: its entry lists 65 plugins: at most 64 are possible");
    list[1] = NULL;
    refused("x.so: descriptor 1 of PH_ENTRY is null");
    entry.descriptors = NULL;
    refused("x.so: its entry lists no plugin: give PH_ENTRY the address of a descriptor");
}
END_TEST

START_TEST(ids_are_legal_and_unique)
{
    d.id = "Plug";
    refused("x.so: descriptor 0 has the id \"Plug\": only [a-z][a-z0-9-]* up to 64 bytes");
    d.id = NULL;
    refused("x.so: descriptor 0 has the id \"\": only [a-z][a-z0-9-]* up to 64 bytes");
    other.id = "plug-1";
    refused("x.so: plugin \"plug-1\": two descriptors of PH_ENTRY have this id: rename one");
    d.summary = NULL;
    refused("x.so: plugin \"plug-1\": its descriptor needs a .version and a .summary");
}
END_TEST

START_TEST(sizes_are_needed)
{
    d.size = 0;
    refused("x.so: its descriptor has size 0: set .size = sizeof of it");
    d.size = 64;
    refused("x.so: its descriptor has 64 bytes, ABI 0.0 needs 104: rebuild it against the SDK "
            "(pipehost " PH_SDK_VERSION ")");
    d.udf = &udf_without_size;
    refused("x.so: plugin \"plug-1\": its udf has size 0: set .size = sizeof of it");
    keys[0].size = 0;
    refused("x.so: plugin \"plug-1\": its first config key has size 0: set .size = sizeof of it");
    keys[1].size = 8;
    refused("x.so: plugin \"plug-1\": config key 1 has 8 bytes, the first one 72: they must agree");
    counters[0].size = 0;
    refused("x.so: plugin \"plug-1\": its first counter has size 0: set .size = sizeof of it");
}
END_TEST

START_TEST(kind_tables_and_delivery_agree)
{
    d.kind = 9;
    refused("x.so: plugin \"plug-1\": its kind is 9: no kind of ABI 0.0");
    d.kind = PH_KIND_SOURCE;
    refused("x.so: plugin \"plug-1\": it is of kind source, but its table .source is not set");
    d.sink = &sink;
    refused("x.so: plugin \"plug-1\": it is of kind udf, but its table .sink is set too");
    d.delivery = PH_DELIVERY_DURABLE;
    refused("x.so: plugin \"plug-1\": it says how it delivers, but only a sink does: remove "
            ".delivery");
    d.kind = PH_KIND_SINK;
    refused("x.so: plugin \"plug-1\": it is a sink and must say how it delivers: set .delivery to "
            "PH_DELIVERY_TRANSACTIONAL, _DURABLE or _EPHEMERAL");
    d.flags = 0x140;
    refused("x.so: plugin \"plug-1\": it sets the unknown flags 0x140");
}
END_TEST

START_TEST(config_keys_are_declared_right)
{
    keys[1].name = "Second";
    refused("x.so: plugin \"plug-1\": config key 1 is named \"Second\": only [a-z][a-z0-9_]* up to "
            "62 bytes");
    keys[1].name = "first";
    refused("x.so: plugin \"plug-1\": config key \"first\" is declared twice");
    keys[0].type = 12;
    refused("x.so: plugin \"plug-1\": config key \"first\" has the unknown type 12");
    keys[0].doc = "";
    refused("x.so: plugin \"plug-1\": config key \"first\" has no doc: say in one line what it "
            "does");
    keys[0].type = PH_CONFIG_ENUM;
    refused(
        "x.so: plugin \"plug-1\": config key \"first\" is an enum without values: set them like "
        "\"a|b|c\"");
    keys[0].minimum = 2;
    keys[0].maximum = 1;
    refused("x.so: plugin \"plug-1\": config key \"first\" has a minimum above its maximum");
    d.config = NULL;
    refused("x.so: plugin \"plug-1\": it declares 2 config keys without a table: at most 256 are "
            "possible");
}
END_TEST

START_TEST(counters_are_declared_right)
{
    counters[1].name = "a b";
    refused("x.so: plugin \"plug-1\": counter 1 is named \"a b\": only [a-z][a-z0-9_]* up to 62 "
            "bytes");
    counters[1].name = "rows";
    refused("x.so: plugin \"plug-1\": counter \"rows\" is declared twice");
    counters[1].kind = 3;
    refused("x.so: plugin \"plug-1\": counter 1 needs the size of the first one, a kind and a doc");
    d.counter_count = 100;
    refused("x.so: plugin \"plug-1\": it declares 100 counters: at most 64 are possible");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vet");
    TCase *t = tcase_create("entry");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, a_right_descriptor_passes);
    tcase_add_test(t, an_entry_must_list_plugins);
    tcase_add_test(t, ids_are_legal_and_unique);
    tcase_add_test(t, sizes_are_needed);
    tcase_add_test(t, kind_tables_and_delivery_agree);
    tcase_add_test(t, config_keys_are_declared_right);
    tcase_add_test(t, counters_are_declared_right);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
