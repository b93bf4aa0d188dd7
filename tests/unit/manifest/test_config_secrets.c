/* SPDX-License-Identifier: Apache-2.0 */
#include "config_table.h"

static void assert_printed(const char *config, const char *expected)
{
    struct buf out;
    struct config *c = create(config);
    buf_init(&out, 4096);
    config_print(c, &out);
    ck_assert_str_eq(out.data, expected);
    buf_fini(&out);
    finish(c);
}

static void assert_warned(const char *config, const char *expected)
{
    struct config *c = create(config);
    ck_assert_uint_eq(errs.warnings.count, expected == NULL ? 0 : 1);
    if (expected != NULL) {
        ck_assert_str_eq(errs.warnings.texts[0], expected);
    }
    finish(c);
}

START_TEST(a_literal_secret_is_a_warning_that_does_not_show_it)
{
    assert_warned("{\"password\":\"sesame\",\"topic\":\"sesame\"}",
                  "m.json:2:13: /operators/0/config/password: a secret stands in the manifest "
                  "itself; write \"${ROWS_PASSWORD}\" and set that variable\n"
                  "    {\"password\":\"***\",\"topic\":\"***\"}\n"
                  "                ^");
    assert_warned("{\"dsn\":\"postgresql://u:sesame@h\"}",
                  "m.json:2:8: /operators/0/config/dsn: a secret stands in the manifest itself; "
                  "write \"${ROWS_DSN}\" and set that variable\n"
                  "    {\"dsn\":\"postgresql://u:***@h\"}\n"
                  "           ^");
    assert_warned("{\"rdkafka\":{\"sasl.password\":\"sesame\"}}",
                  "m.json:2:29: /operators/0/config/rdkafka/sasl.password: a secret stands in the "
                  "manifest itself; write \"${ROWS_SASL_PASSWORD}\" and set that variable\n"
                  "    {\"rdkafka\":{\"sasl.password\":\"***\"}}\n"
                  "                                ^");
}
END_TEST

START_TEST(secrets_from_outside_and_what_is_none_are_not_warned_about)
{
    assert_warned("{\"password\":\"${PW}\",\"dsn\":\"${KAFKA_URL}\"}", NULL);
    assert_warned("{\"password\":\"\",\"dsn\":\"postgresql://u@h\"}", NULL);
    assert_warned("{\"rdkafka\":{\"client.id\":\"x\",\"sasl.password\":\"${PW}\"}}", NULL);
}
END_TEST

START_TEST(what_stands_beside_a_reference_or_in_its_default_is_literal)
{
    static const char *const warned[] = {
        "{\"password\":\"sesame${EMPTY}\"}",
        "{\"password\":\"${PW:-sesame}\"}",
        "{\"rdkafka\":{\"sasl.password\":\"x${PW:-sesame}\"}}",
        "{\"dsn\":\"postgresql://u:sesame@${KAFKA_URL}\"}",
        "{\"dsn\":\"${NO:-postgresql://u:sesame@h}\"}",
        "{\"rdkafka\":{\"x.jaas\":\"m username=${PW} password=sesame\"}}"};
    for (size_t i = 0; i < COUNT(warned); i++) {
        struct config *c = create(warned[i]);
        ck_assert_msg(errs.warnings.count == 1, "%s", warned[i]);
        ck_assert_ptr_nonnull(strstr(errs.warnings.texts[0], "a secret stands in the manifest"));
        ck_assert_ptr_null(strstr(errs.warnings.texts[0], "sesame"));
        finish(c);
    }
    assert_warned("{\"password\":\"${PW}${PW:-}${PW:?no}\"}", NULL);
    assert_warned("{\"dsn\":\"postgresql://${USER:-me}:${PW}@h/db\"}", NULL);
    assert_warned("{\"rdkafka\":{\"x.jaas\":\"m username=me password='${PW}';\"}}", NULL);
}
END_TEST

static void assert_set_refused(const char *set)
{
    struct config *c;
    manifest = load_with(HEAD "{}" TAIL, (struct manifest_options){.sets = &set, .set_count = 1});
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, keys, COUNT(keys), &c, &errs), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(errs.errors.texts[0], "a secret on the command line is seen"));
    ck_assert_ptr_null(strstr(errs.errors.texts[0], "sesame"));
    finish(NULL);
}

START_TEST(a_secret_in_a_set_is_literal_beside_a_reference_too)
{
    assert_set_refused("rows/config/rdkafka/sasl.password=sesame${NO:-}");
    assert_set_refused("rows/config/rdkafka/sasl.password=x${PW:-sesame}");
    assert_set_refused("rows/config/dsn=postgresql://u:sesame${NO:-}@h");
}
END_TEST

START_TEST(a_literal_secret_in_a_set_is_refused)
{
    const char *const sets[] = {"rows/config/password=sesame"};
    struct config *c;
    manifest = load_with(HEAD "{}" TAIL, (struct manifest_options){.sets = sets, .set_count = 1});
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, keys, COUNT(keys), &c, &errs), PH_ERROR);
    ck_assert_str_eq(errs.errors.texts[0],
                     "m.json: --set rows/config/password: a secret on the command line is seen by "
                     "everybody on this machine; write \"${ROWS_PASSWORD}\" and set that variable");
    finish(NULL);
}
END_TEST

START_TEST(a_secret_in_a_set_may_come_from_a_variable)
{
    const char *const sets[] = {"rows/config/password=${PW}"};
    struct config *c;
    manifest = load_with(HEAD "{}" TAIL, (struct manifest_options){.sets = sets, .set_count = 1});
    manifest_errors_init(&errs);
    ck_assert_int_eq(config_create(manifest, 0, keys, COUNT(keys), &c, &errs), PH_OK);
    ck_assert_str_eq(ph_config_text(config_get(c), "password"), "hunter2hunter2");
    finish(c);
}
END_TEST

START_TEST(secrets_become_known_to_the_redactor)
{
    struct config *c = create("{\"password\":\"${PW}\",\"dsn\":\"postgresql://u:pass%20word@h\","
                              "\"rdkafka\":{\"linger.ms\":\"5000\",\"x\":\"hidden\","
                              "\"sasl.jaas.config\":\"m required password=\\\"in-jaas\\\";\"}}");
    char text[] = "hunter2hunter2 pass%20word pass word 5000 hidden in-jaas";
    secret_redact(text);
    ck_assert_str_eq(text, "*** *** *** 5000 *** ***");
    finish(c);
}
END_TEST

START_TEST(what_is_printed_is_complete_and_without_secrets)
{
    assert_printed(
        "{\"topic\":\"t\\\"\",\"password\":\"${PW}\",\"port\":1,\"timeout\":1500,\"file\":\"/f\","
        "\"rdkafka\":{\"security.protocol\":\"PLAIN\",\"x\":\"hunter3\"},"
        "\"dsn\":\"postgresql://u:${PW}@h/d\",\"labels\":{\"a\":\"b\"}}",
        "{\"topic\":\"t\\\"\",\"password\":\"***\",\"insecure\":false,\"port\":1,\"ratio\":0.5,"
        "\"mode\":\"latest\",\"timeout\":\"1500ms\",\"prefetch\":\"64MiB\",\"file\":\"/f\","
        "\"columns\":[\"a\"],\"rdkafka\":{\"security.protocol\":\"PLAIN\",\"x\":\"***\"},"
        "\"dsn\":\"postgresql://u:***@h/d\",\"labels\":{\"a\":\"b\"}}");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_literal_secret_is_a_warning_that_does_not_show_it,
                                  secrets_from_outside_and_what_is_none_are_not_warned_about,
                                  what_stands_beside_a_reference_or_in_its_default_is_literal,
                                  a_secret_in_a_set_is_literal_beside_a_reference_too,
                                  a_literal_secret_in_a_set_is_refused,
                                  a_secret_in_a_set_may_come_from_a_variable,
                                  secrets_become_known_to_the_redactor,
                                  what_is_printed_is_complete_and_without_secrets};
    return run_tests("config_secrets", tests, COUNT(tests));
}
