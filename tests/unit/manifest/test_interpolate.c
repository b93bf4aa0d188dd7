/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/interpolate.h"

#include "load.h"

#include <stdio.h>
#include <unistd.h>

#define OPERATORS "\"operators\":[{\"name\":\"a\",\"plugin\":\"p\"}]"

/* What the description becomes. */
static void assert_becomes(const char *value, const char *expected)
{
    char text[512];
    (void)snprintf(text, sizeof text, "{\"pipeline\":\"p\",\"description\":\"%s\"," OPERATORS "}",
                   value);
    struct manifest *m = load(text);
    ck_assert_str_eq(m->description, expected);
    manifest_destroy(m);
}

static void assert_fails(const char *value, const char *sentence)
{
    char text[512];
    char expected[1024];
    (void)snprintf(text, sizeof text,
                   "{\"pipeline\":\"p\",\n\"description\":\"%s\",\n" OPERATORS "}", value);
    (void)snprintf(expected, sizeof expected,
                   "m.json:2:15: /description: %s\n    \"description\":\"%s\",\n"
                   "                  ^",
                   sentence, value);
    assert_refused(text, expected);
}

START_TEST(variables_are_replaced)
{
    assert_becomes("${KAFKA_URL}", "localhost:9092");
    assert_becomes("a ${PORT}${ON} b", "a 9092true b");
    assert_becomes("[${EMPTY}]", "[]");
}
END_TEST

START_TEST(a_default_stands_in_for_unset_and_empty)
{
    assert_becomes("${NOBODY:-x y}", "x y");
    assert_becomes("${EMPTY:-x}", "x");
    assert_becomes("${PORT:-x}", "9092");
    assert_becomes("[${NOBODY:-}]", "[]");
    assert_becomes("${NOBODY:-a$$b}", "a$b");
}
END_TEST

START_TEST(a_dollar_is_a_dollar)
{
    assert_becomes("$$", "$");
    assert_becomes("$${PORT}", "${PORT}");
    assert_becomes("$x $", "$x $");
    assert_becomes("$$$${", "$${");
}
END_TEST

START_TEST(what_a_value_holds_is_not_looked_at_again)
{
    struct manifest_errors errs;
    struct manifest *m;
    const char *const environment[] = {"HOME=/h", "V=${W}\"}],$$", NULL};
    const struct manifest_options opts = {.environment = environment};
    const char *text = "{\"pipeline\":\"p\",\"description\":\"${V}\"," OPERATORS "}";
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", text, strlen(text), &opts, &m, &errs), PH_OK);
    ck_assert_str_eq(m->description, "${W}\"}],$$");
    manifest_destroy(m);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(keys_are_not_replaced)
{
    assert_refused("{\"pipeline\":\"p\",\"${ON}\":1," OPERATORS "}",
                   "m.json:1:17: /${ON}: unknown key \"${ON}\"\n"
                   "    {\"pipeline\":\"p\",\"${ON}\":1," OPERATORS "}\n"
                   "                    ^");
}
END_TEST

START_TEST(a_string_that_held_one_is_converted)
{
    struct manifest *m =
        load("{\"pipeline\":\"p\",\"linger_ms\":\"${PORT}\",\"exactly_once\":\"${ON}\""
             "," OPERATORS "}");
    ck_assert_int_eq(m->linger_ms, 9092);
    ck_assert_int_eq(m->exactly_once, MANIFEST_ONCE_REQUIRED);
    manifest_destroy(m);
}
END_TEST

START_TEST(a_value_that_does_not_convert_is_not_told)
{
    assert_refused("{\"pipeline\":\"p\",\"linger_ms\":\"${PW}\"," OPERATORS "}",
                   "m.json:1:29: /linger_ms: \"linger_ms\" must be a whole number from 0 to 60000\n"
                   "    {\"pipeline\":\"p\",\"linger_ms\":\"${PW}\"," OPERATORS "}\n"
                   "                                ^");
}
END_TEST

START_TEST(a_key_whose_variables_are_empty_is_absent)
{
    struct manifest *m = load("{\"pipeline\":\"p\",\"linger_ms\":\"${EMPTY}\",\"parallelism\":"
                              "\"${NOBODY:-}\"," OPERATORS "}");
    ck_assert_int_eq(m->linger_ms, 0);
    ck_assert_uint_eq(m->parallelism, 1);
    manifest_destroy(m);
}
END_TEST

START_TEST(an_unset_variable_is_an_error_with_the_nearest_name)
{
    assert_fails("${KAFKA_URI}",
                 "variable KAFKA_URI is not set, did you mean \"KAFKA_URL\"? Set it, put it into a "
                 "file for --env-file, or give a default: ${KAFKA_URI:-...}");
    assert_fails("${NOPE}", "variable NOPE is not set; set it, put it into a file for --env-file, "
                            "or give a default: ${NOPE:-...}");
    assert_fails(
        "${SOMETHING_ELSE}",
        "variable SOMETHING_ELSE is not set; set it, put it into a file for --env-file, or "
        "give a default: ${SOMETHING_ELSE:-...}");
}
END_TEST

START_TEST(a_message_of_its_own_is_told)
{
    assert_fails("${NOBODY:?ask the boss}", "variable NOBODY is not set: ask the boss");
    assert_fails("${EMPTY:?ask}", "variable EMPTY is not set: ask");
    assert_fails("${NOBODY:?}", "variable NOBODY is not set: it needs a value");
    assert_fails("${EMPTY:?}", "variable EMPTY is not set: it needs a value");
    assert_becomes("${PORT:?ask}", "9092");
}
END_TEST

START_TEST(a_value_that_could_not_be_made_is_one_error)
{
    static const char text[] =
        "{\"pipeline\":\"${A}\",\"description\":\"${A\",\"parallelism\":\"${A}\",\"memory\":\"${A}"
        "\","
        "\"checkpoint\":{\"interval_ms\":\"${A}\"},\"on_error\":\"${A}\",\"exactly_once\":\"${A}\","
        "\"dead_letter\":{\"operator\":\"${A}\"},\"state_dir\":\"${A:?}\",\"operators\":["
        "{\"name\":\"${A}\",\"plugin\":\"${A}:\"},{\"name\":\"b\",\"plugin\":\"p\",\"input\":"
        "[\"${A}\"],\"state\":\"${file:}\",\"format\":{\"json\":{\"fields\":{\"f\":\"${A}\","
        "\"g\":{\"type\":\"${A}\",\"from\":\"${A}\",\"parse\":\"${A}\"}}}}}]}";
    static const char *const failed[] = {"/pipeline",
                                         "/description",
                                         "/parallelism",
                                         "/memory",
                                         "/checkpoint/interval_ms",
                                         "/on_error",
                                         "/exactly_once",
                                         "/dead_letter/operator",
                                         "/state_dir",
                                         "/operators/0/name",
                                         "/operators/0/plugin",
                                         "/operators/1/input/0",
                                         "/operators/1/state",
                                         "/operators/1/format/json/fields/f",
                                         "/operators/1/format/json/fields/g/type",
                                         "/operators/1/format/json/fields/g/from",
                                         "/operators/1/format/json/fields/g/parse"};
    const uint32_t count = sizeof failed / sizeof failed[0];
    const struct manifest_options opts = {.environment = load_environment};
    struct manifest_errors errs;
    struct manifest *m;
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", text, sizeof text - 1, &opts, &m, &errs), PH_ERROR);
    for (uint32_t i = 0; i < errs.errors.count; i++) {
        char place[128];
        (void)snprintf(place, sizeof place, ": %s: ", i < count ? failed[i] : "none");
        ck_assert_msg(strstr(errs.errors.texts[i], place) != NULL, "%u: %s", i,
                      errs.errors.texts[i]);
    }
    ck_assert_uint_eq(errs.errors.count, count);
    ck_assert_uint_eq(errs.errors.dropped, 0);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(wrong_forms_are_told)
{
    const char *wrong = "${} must be ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:PATH}; "
                        "write $$ for a dollar sign";
    assert_fails("${PORT", "\"${\" has no closing brace; write $$ for a dollar sign");
    assert_fails("${}", wrong);
    assert_fails("${1A}", wrong);
    assert_fails("${A-B}", wrong);
    assert_fails("${A:=x}", wrong);
    assert_fails("${NOBODY:-${PORT}}", "a default must not hold another ${}");
}
END_TEST

START_TEST(a_file_is_read_from_the_manifests_folder)
{
    char folder[] = "/tmp/manifest-XXXXXX";
    char path[64];
    struct manifest_errors errs;
    struct manifest *m;
    const char *text = "{\"pipeline\":\"p\",\"description\":\"<${file:pw}>\"," OPERATORS "}";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/pw", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs("open sesame\n", file);
    (void)fclose(file);
    (void)snprintf(path, sizeof path, "%s/m.json", folder);
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text(path, text, strlen(text), NULL, &m, &errs), PH_OK);
    ck_assert_str_eq(m->description, "<open sesame>");
    manifest_destroy(m);
    manifest_errors_fini(&errs);
    (void)snprintf(path, sizeof path, "%s/pw", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told)
{
    assert_fails("${file:/nobody/pw}",
                 "cannot read the file \"/nobody/pw\": No such file or directory");
    assert_fails("${file:/dev/zero}",
                 "cannot read the file \"/dev/zero\": it is larger than 64 KiB");
    assert_fails("${file:/usr}", "cannot read the file \"/usr\": it is a folder");
    assert_fails("${file:}", "${file:...} needs the path of a file");
}
END_TEST

START_TEST(values_must_be_utf8)
{
    struct manifest_errors errs;
    struct manifest *m;
    const char *const environment[] = {"HOME=/h", "V=\xff", NULL};
    const struct manifest_options opts = {.environment = environment};
    const char *text = "{\"pipeline\":\"p\",\"description\":\"${V}\"," OPERATORS "}";
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", text, strlen(text), &opts, &m, &errs), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(errs.errors.texts[0], "m:1:31: /description: the text that a "
                                                       "variable or file gives is not UTF-8\n"));
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(what_values_may_become_is_bounded)
{
    struct manifest_errors errs;
    struct manifest *m;
    size_t size = 100000;
    char *variable = malloc(size);
    memset(variable, 'x', size);
    variable[0] = 'V';
    variable[1] = '=';
    variable[size - 1] = '\0';
    const char *const environment[] = {"HOME=/h", variable, NULL};
    const struct manifest_options opts = {.environment = environment};
    const char *text = "{\"pipeline\":\"p\",\"description\":\"${V}${V}\"," OPERATORS "}";
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", text, strlen(text), &opts, &m, &errs), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(errs.errors.texts[0],
                                 "m:1:31: /description: the text that variables and files give is "
                                 "too long (128 KiB for one value, 4 MiB for all)\n"));
    manifest_errors_fini(&errs);
    free(variable);
}
END_TEST

START_TEST(it_can_be_turned_off)
{
    struct manifest *m =
        load_with("{\"pipeline\":\"p\",\"description\":\"${NOBODY} $$\"," OPERATORS "}",
                  (struct manifest_options){.no_interpolation = true});
    ck_assert_str_eq(m->description, "${NOBODY} $$");
    manifest_destroy(m);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {variables_are_replaced,
                                  a_default_stands_in_for_unset_and_empty,
                                  a_dollar_is_a_dollar,
                                  what_a_value_holds_is_not_looked_at_again,
                                  keys_are_not_replaced,
                                  a_string_that_held_one_is_converted,
                                  a_value_that_does_not_convert_is_not_told,
                                  a_key_whose_variables_are_empty_is_absent,
                                  an_unset_variable_is_an_error_with_the_nearest_name,
                                  a_message_of_its_own_is_told,
                                  a_value_that_could_not_be_made_is_one_error,
                                  wrong_forms_are_told,
                                  a_file_is_read_from_the_manifests_folder,
                                  a_file_that_cannot_be_read_is_told,
                                  values_must_be_utf8,
                                  what_values_may_become_is_bounded,
                                  it_can_be_turned_off};
    return run_tests("interpolate", tests, sizeof tests / sizeof tests[0]);
}
