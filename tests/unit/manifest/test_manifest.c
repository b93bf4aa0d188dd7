/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifest.h"

#include "load.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define OPERATORS "\"operators\":[{\"name\":\"a\",\"plugin\":\"p\"}]"

START_TEST(the_least_manifest_has_every_default)
{
    struct manifest *m = load("{\"pipeline\":\"p1\"," OPERATORS "}");
    ck_assert_str_eq(m->pipeline, "p1");
    ck_assert_str_eq(m->description, "");
    ck_assert_uint_eq(m->parallelism, 1);
    ck_assert_int_eq(m->linger_ms, 0);
    ck_assert_int_eq(m->memory_limit_mib, 0);
    ck_assert_uint_eq(m->record_max_bytes, 1048576);
    ck_assert_int_eq(m->checkpoint_interval_ms, 10000);
    ck_assert_int_eq(m->commit_min_delay_ms, 10);
    ck_assert_int_eq(m->commit_max_rows, 0);
    ck_assert_int_eq(m->drain_timeout_ms, 30000);
    ck_assert_int_eq(m->on_error, MANIFEST_DEAD_LETTER);
    ck_assert_uint_eq(m->dead_letter_stop_above_percent, 50);
    ck_assert_int_eq(m->dead_letter_max_mib, 64);
    ck_assert_uint_eq(m->dead_letter_files, 4);
    ck_assert_int_eq(m->exactly_once, MANIFEST_ONCE_WHERE_POSSIBLE);
    ck_assert_uint_eq(m->operator_count, 1);
    ck_assert_str_eq(m->operators[0].name, "a");
    ck_assert_str_eq(m->operators[0].plugin_name, "p");
    ck_assert_str_eq(m->operators[0].plugin_id, "");
    ck_assert_uint_eq(m->operators[0].input_count, 0);
    ck_assert_ptr_null(m->operators[0].config);
    ck_assert_ptr_null(m->operators[0].format);
    ck_assert_int_eq(m->operators[0].on_error, MANIFEST_DEAD_LETTER);
    manifest_destroy(m);
}
END_TEST

START_TEST(every_top_level_key_is_read)
{
    struct manifest *m = load(
        "{\"$schema\":\"x\",\"pipeline\":\"p\",\"description\":\"d\",\"parallelism\":64,"
        "\"linger_ms\":5,\"memory\":{\"limit_mib\":512},\"record\":{\"max_bytes\":2048},"
        "\"checkpoint\":{\"interval_ms\":1000},\"commit\":{\"min_delay_ms\":0,\"max_rows\":7},"
        "\"drain\":{\"timeout_ms\":1},\"on_error\":\"skip\",\"dead_letter\":{\"file\":\"/d/l\","
        "\"max_mib\":3,\"files\":7,"
        "\"stop_above_percent\":100},\"exactly_once\":true,\"state_dir\":\"/s\"," OPERATORS "}");
    ck_assert_str_eq(m->description, "d");
    ck_assert_uint_eq(m->parallelism, 64);
    ck_assert_int_eq(m->linger_ms, 5);
    ck_assert_int_eq(m->memory_limit_mib, 512);
    ck_assert_uint_eq(m->record_max_bytes, 2048);
    ck_assert_int_eq(m->checkpoint_interval_ms, 1000);
    ck_assert_int_eq(m->commit_min_delay_ms, 0);
    ck_assert_int_eq(m->commit_max_rows, 7);
    ck_assert_int_eq(m->drain_timeout_ms, 1);
    ck_assert_str_eq(manifest_on_error_name(m->on_error), "skip");
    ck_assert_str_eq(m->dead_letter_file, "/d/l");
    ck_assert_uint_eq(m->dead_letter_stop_above_percent, 100);
    ck_assert_int_eq(m->dead_letter_max_mib, 3);
    ck_assert_uint_eq(m->dead_letter_files, 7);
    ck_assert_int_eq(m->exactly_once, MANIFEST_ONCE_REQUIRED);
    ck_assert_str_eq(m->state_dir, "/s");
    ck_assert_int_eq(m->operators[0].on_error, MANIFEST_SKIP);
    manifest_destroy(m);
}
END_TEST

START_TEST(an_operator_is_read_whole)
{
    struct manifest *m = load("{\"pipeline\":\"p\",\"on_error\":\"fail\",\"operators\":[{\"name\":"
                              "\"a.b_c-1\",\"plugin\":\"my_plugin:upper-2\",\"description\":\"x\","
                              "\"on_error\":\"dead_letter\",\"config\":{}}]}");
    const struct manifest_operator *op = &m->operators[0];
    ck_assert_str_eq(op->name, "a.b_c-1");
    ck_assert_str_eq(op->plugin_name, "my_plugin");
    ck_assert_str_eq(op->plugin_id, "upper-2");
    ck_assert_str_eq(op->description, "x");
    ck_assert_int_eq(op->on_error, MANIFEST_DEAD_LETTER);
    ck_assert_ptr_nonnull(op->config);
    ck_assert_int_eq(manifest_find_operator(m, "a.b_c-1"), 0);
    ck_assert_int_eq(manifest_find_operator(m, "b"), -1);
    manifest_destroy(m);
}
END_TEST

START_TEST(relative_paths_begin_at_the_manifest)
{
    struct manifest_errors errs;
    struct manifest *m;
    const char *text =
        "{\"pipeline\":\"p\",\"state_dir\":\"./s\",\"dead_letter\":{\"file\":\"d.l\"}"
        "," OPERATORS "}";
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("/usr/bin/../m.json", text, strlen(text), NULL, &m, &errs),
                     PH_OK);
    ck_assert_str_eq(m->path, "/usr/bin/../m.json");
    ck_assert_str_eq(m->dir, "/usr");
    ck_assert_str_eq(m->state_dir, "/usr/s");
    ck_assert_str_eq(m->dead_letter_file, "/usr/d.l");
    manifest_destroy(m);
    ck_assert_int_eq(manifest_load_text("/m.json", text, strlen(text), NULL, &m, &errs), PH_OK);
    ck_assert_str_eq(m->dir, "/");
    ck_assert_str_eq(m->state_dir, "/s");
    manifest_destroy(m);
    manifest_errors_fini(&errs);
}
END_TEST

static void assert_state_dir(const char *const *environment, const char *expected)
{
    struct manifest_errors errs;
    struct manifest *m;
    const struct manifest_options opts = {.environment = environment};
    const char *text = "{\"pipeline\":\"pi\"," OPERATORS "}";
    manifest_errors_init(&errs);
    int32_t result = manifest_load_text("m.json", text, strlen(text), &opts, &m, &errs);
    if (result == PH_OK) {
        ck_assert_str_eq(m->state_dir, expected);
        ck_assert_ptr_eq(strstr(m->dead_letter_file, "/dead.jsonl"),
                         m->dead_letter_file + strlen(expected));
    } else {
        ck_assert_ptr_nonnull(strstr(errs.errors.texts[0], expected));
    }
    manifest_destroy(m);
    manifest_errors_fini(&errs);
}

START_TEST(state_goes_where_the_user_keeps_state)
{
    const char *const both[] = {"HOME=/h", "XDG_STATE_HOME=/x", NULL};
    const char *const home[] = {"HOME=/h", "XDG_STATE_HOME=relative", NULL};
    const char *const none[] = {NULL};
    bool root = geteuid() == 0;
    if (root) {
        assert_state_dir(both, "/var/lib/pipehost/pi");
        ck_assert_int_eq(seteuid(65534), 0);
    }
    assert_state_dir(both, "/x/pipehost/pi");
    assert_state_dir(home, "/h/.local/state/pipehost/pi");
    assert_state_dir(none, "neither HOME nor XDG_STATE_HOME is set: give a \"state_dir\"");
    if (root) {
        /* The leak checker must be able to look at this process again. */
        ck_assert_int_eq(seteuid(0), 0);
        ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
    }
}
END_TEST

START_TEST(a_short_checkpoint_interval_is_a_warning)
{
    struct manifest_errors errs;
    struct manifest *m;
    const char *text = "{\"pipeline\":\"p\",\"checkpoint\":{\"interval_ms\":99}," OPERATORS "}";
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m.json", text, strlen(text), NULL, &m, &errs), PH_OK);
    ck_assert_uint_eq(errs.warnings.count, 1);
    ck_assert_str_eq(errs.warnings.texts[0],
                     "m.json:1:45: /checkpoint/interval_ms: committing every 99 ms costs the "
                     "database more than the rows do; 100 or more is usual\n"
                     "    {\"pipeline\":\"p\",\"checkpoint\":{\"interval_ms\":99}," OPERATORS "}\n"
                     "                                                ^");
    manifest_destroy(m);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(all_faults_are_told_in_one_pass)
{
    assert_refused(
        "{\n"
        "  \"pipelin\": \"p\",\n"
        "  \"parallelism\": 65,\n"
        "  \"commit\": { \"max_row\": 5 },\n"
        "  \"on_error\": \"skipp\"\n"
        "}\n",
        "m.json:2:3: /pipelin: unknown key \"pipelin\", did you mean \"pipeline\"?\n"
        "    \"pipelin\": \"p\",\n"
        "    ^\n"
        "m.json:1:1: a manifest needs a \"pipeline\", its name\n"
        "    {\n"
        "    ^\n"
        "m.json:3:18: /parallelism: \"parallelism\" must be a whole number from 1 to 64\n"
        "    \"parallelism\": 65,\n"
        "                   ^\n"
        "m.json:4:15: /commit/max_row: unknown key \"max_row\", did you mean "
        "\"max_rows\"?\n"
        "    \"commit\": { \"max_row\": 5 },\n"
        "                ^\n"
        "m.json:5:15: /on_error: \"on_error\" must be \"dead_letter\", \"skip\" or "
        "\"fail\", did you mean \"skip\"?\n"
        "    \"on_error\": \"skipp\"\n"
        "                ^\n"
        "m.json:1:1: a manifest needs \"operators\"\n"
        "    {\n"
        "    ^");
}
END_TEST

START_TEST(wrong_types_are_refused)
{
    assert_refused("{\"pipeline\":5,\"state_dir\":\"/s\"," OPERATORS "}",
                   "m.json:1:13: /pipeline: \"pipeline\" must be a text in quotes\n"
                   "    {\"pipeline\":5,\"state_dir\":\"/s\"," OPERATORS "}\n"
                   "                ^");
    assert_refused("{\"pipeline\":\"p\",\"linger_ms\":\"5\"," OPERATORS "}",
                   "m.json:1:29: /linger_ms: \"linger_ms\" must be a whole number from 0 to 60000\n"
                   "    {\"pipeline\":\"p\",\"linger_ms\":\"5\"," OPERATORS "}\n"
                   "                                ^");
    assert_refused("{\"pipeline\":\"p\",\"exactly_once\":1," OPERATORS "}",
                   "m.json:1:32: /exactly_once: \"exactly_once\" must be true or false\n"
                   "    {\"pipeline\":\"p\",\"exactly_once\":1," OPERATORS "}\n"
                   "                                   ^");
    assert_refused("{\"pipeline\":\"p\",\"drain\":[]," OPERATORS "}",
                   "m.json:1:25: /drain: \"drain\" must be an object\n"
                   "    {\"pipeline\":\"p\",\"drain\":[]," OPERATORS "}\n"
                   "                            ^");
    assert_refused(
        "{\"pipeline\":\"p\",\"operators\":[]}",
        "m.json:1:29: /operators: \"operators\" must be a list of at least one operator\n"
        "    {\"pipeline\":\"p\",\"operators\":[]}\n"
        "                                ^");
    assert_refused("[]", "m.json:1:1: a manifest is an object: { \"pipeline\": ..., \"operators\": "
                         "[...] }\n"
                         "    []\n"
                         "    ^");
}
END_TEST

START_TEST(a_pipeline_is_a_file_name)
{
    const char *const names[] = {
        "",        ".",
        "..",      ".x",
        "a/b",     "a b",
        "\\u00e4", "12345678901234567890123456789012345678901234567890123456789012345"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[256];
        char line[1024];
        (void)snprintf(text, sizeof text, "{\"pipeline\":\"%s\"," OPERATORS "}", names[i]);
        struct manifest_errors errs;
        struct manifest *m;
        manifest_errors_init(&errs);
        ck_assert_int_eq(manifest_load_text("m", text, strlen(text), NULL, &m, &errs), PH_ERROR);
        (void)snprintf(line, sizeof line,
                       "m:1:13: /pipeline: a name has 1 to 64 of the characters A-Z a-z 0-9 _ . - "
                       "and no dot first\n");
        ck_assert_uint_eq(errs.errors.count, 1);
        ck_assert_msg(strncmp(errs.errors.texts[0], line, strlen(line)) == 0, "%s",
                      errs.errors.texts[0]);
        manifest_errors_fini(&errs);
    }
}
END_TEST

START_TEST(an_operator_needs_a_name_and_a_plugin)
{
    assert_refused(
        "{\"pipeline\":\"p\",\"operators\":[\n"
        "{},\n"
        "7,\n"
        "{\"name\":\"a\",\"plugin\":\"/x\"},\n"
        "{\"name\":\"a\",\"plugin\":\"x:Y\"}]}",
        "m.json:2:1: /operators/0: an operator needs a \"name\"\n"
        "    {},\n"
        "    ^\n"
        "m.json:2:1: /operators/0: an operator needs a \"plugin\"\n"
        "    {},\n"
        "    ^\n"
        "m.json:3:1: /operators/1: an operator must be an object\n"
        "    7,\n"
        "    ^\n"
        "m.json:4:22: /operators/2/plugin: \"plugin\" is a name, not a path; name the "
        "folder with --plugin-dir\n"
        "    {\"name\":\"a\",\"plugin\":\"/x\"},\n"
        "                         ^\n"
        "m.json:5:9: /operators/3/name: the name \"a\" is taken by /operators/2\n"
        "    {\"name\":\"a\",\"plugin\":\"x:Y\"}]}\n"
        "            ^\n"
        "m.json:5:22: /operators/3/plugin: \"plugin\" must be NAME, for the file NAME.so, "
        "or NAME:ID\n"
        "    {\"name\":\"a\",\"plugin\":\"x:Y\"}]}\n"
        "                         ^");
}
END_TEST

START_TEST(duplicate_keys_are_told_with_both_places)
{
    assert_refused("{\"pipeline\":\"p\",\n"
                   " \"operators\":[{\"name\":\"a\",\"plugin\":\"p\",\n"
                   "   \"name\":\"b\"}]}",
                   "m.json:3:4: /operators/0/name: duplicate key \"name\", the first is at 2:16\n"
                   "    \"name\":\"b\"}]}\n"
                   "    ^");
}
END_TEST

START_TEST(syntax_errors_have_a_place)
{
    assert_refused("{\"pipeline\": \"p\"\n  \"operators\": []}",
                   "m.json:2:3: this is not JSON: ',' or '}' expected\n"
                   "    \"operators\": []}\n"
                   "    ^");
    assert_refused("{\"a\":tru}",
                   "m.json:1:6: this is not JSON: a value is a text in double quotes, a number, "
                   "true, false, null, [ or {; there are no comments\n"
                   "    {\"a\":tru}\n"
                   "         ^");
    assert_refused("{\"a\":[1,2", "m.json:1:9: this is not JSON: ',' or ']' expected\n"
                                  "    {\"a\":[1,2\n"
                                  "            ^");
}
END_TEST

START_TEST(a_syntax_error_does_not_show_a_secret)
{
    assert_refused("{\"password\": \"hunter2\" \"topic\": 1}",
                   "m.json:1:24: this is not JSON: ',' or '}' expected\n"
                   "    {\"password\": \"***\" \"topic\": 1}\n"
                   "                       ^");
    assert_refused("{\"password\" \"hunter2\"}", "m.json:1:13: this is not JSON: ':' expected\n"
                                                 "    {\"password\" \"***\"}\n"
                                                 "                ^");
    assert_refused("{\"password\": hunter2}",
                   "m.json:1:14: this is not JSON: a value is a text in double quotes, a number, "
                   "true, false, null, [ or {; there are no comments\n"
                   "    {\"password\": ***}\n"
                   "                 ^");
}
END_TEST

START_TEST(texts_that_are_no_json_files_get_clear_sentences)
{
    const struct manifest_options none = {.env_file_count = 0};
    assert_refused("", "m.json: the file is empty");
    assert_refused(" \n\t", "m.json: the file is empty");
    assert_refused("\xef\xbb\xbf{}",
                   "m.json: it begins with a byte order mark: save it as UTF-8 without one");
    assert_refused_with("\xff\xfe{\0}\0", 6, none, "m.json: it is UTF-16: save it as UTF-8");
    assert_refused_with("{}\0", 3, none, "m.json: it holds a NUL byte: this is not a text file");
}
END_TEST

START_TEST(size_and_depth_are_bounded)
{
    const struct manifest_options none = {.env_file_count = 0};
    size_t length = MANIFEST_TEXT_MAX + 1;
    char *text = malloc(length);
    memset(text, ' ', length);
    assert_refused_with(text, length, none, "m.json: a manifest is at most 1024 KiB long");
    memset(text, '[', length);
    assert_refused_with(text, MANIFEST_DEPTH_MAX + 1, none,
                        "m.json: it nests deeper than 64 levels");
    free(text);
}
END_TEST

START_TEST(no_more_than_twenty_errors_are_kept_and_the_others_counted)
{
    struct manifest_errors errs;
    struct manifest *m;
    char text[512] = "{\"pipeline\":\"p\"";
    for (int i = 0; i < 25; i++) {
        size_t length = strlen(text);
        (void)snprintf(text + length, sizeof text - length, ",\"zz%d\":0", i);
    }
    (void)strncat(text, "," OPERATORS "}", sizeof text - strlen(text) - 1);
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", text, strlen(text), NULL, &m, &errs), PH_ERROR);
    ck_assert_uint_eq(errs.errors.count, 20);
    ck_assert_uint_eq(errs.errors.dropped, 5);
    manifest_errors_fini(&errs);
}
END_TEST

static void assert_file_refused(const char *path, const char *expected)
{
    struct manifest_errors errs;
    struct manifest *m;
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load(path, NULL, &m, &errs), PH_ERROR);
    ck_assert_uint_eq(errs.errors.count, 1);
    ck_assert_str_eq(errs.errors.texts[0], expected);
    manifest_errors_fini(&errs);
}

START_TEST(files_that_cannot_be_read_are_told)
{
    assert_file_refused("/nobody/m.json",
                        "cannot read the manifest \"/nobody/m.json\": No such file or directory");
    assert_file_refused("/usr", "cannot read the manifest \"/usr\": it is a folder");
    assert_file_refused("/dev/zero",
                        "cannot read the manifest \"/dev/zero\": it is larger than 1024 KiB");
    assert_file_refused("/dev/null", "/dev/null: the file is empty");
}
END_TEST

START_TEST(a_file_is_read_with_the_path_as_given)
{
    char folder[] = "/tmp/manifest-XXXXXX";
    char path[64];
    struct manifest_errors errs;
    struct manifest *m;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/m.json", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs("{\"pipeline\":\"p\"," OPERATORS "}", file);
    (void)fclose(file);
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load(path, NULL, &m, &errs), PH_OK);
    ck_assert_str_eq(m->path, path);
    ck_assert_str_eq(m->dir, folder);
    manifest_destroy(m);
    manifest_errors_fini(&errs);
    (void)unlink(path);
    (void)rmdir(folder);
}
END_TEST

START_TEST(a_loaded_manifest_knows_the_places_of_its_values)
{
    uint32_t line;
    uint32_t column;
    struct manifest *m = load("{\"pipeline\":\"p\",\n" OPERATORS "}");
    ck_assert(manifest_place(m, "/operators/0/plugin", &line, &column));
    ck_assert_uint_eq(line, 2);
    ck_assert_uint_eq(column, 35);
    ck_assert(!manifest_place(m, "/operators/0/config/table", &line, &column));
    ck_assert_uint_eq(column, 14);
    manifest_destroy(m);
}
END_TEST

START_TEST(a_later_error_is_told_at_its_place)
{
    struct manifest_errors errs;
    manifest_errors_init(&errs);
    struct manifest *m = load("{\"pipeline\":\"p\",\n" OPERATORS "}");
    manifest_errors_add(&errs, m, "/operators/0/config/table", "there is no table \"%s\"", "x\ty");
    ck_assert_str_eq(errs.errors.texts[0],
                     "m.json:2:14: /operators/0/config/table: there is no table \"x?y\"\n"
                     "    " OPERATORS "}\n"
                     "                 ^");
    manifest_destroy(m);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(a_known_secret_never_stands_in_a_message)
{
    struct manifest_errors errs;
    manifest_errors_init(&errs);
    struct manifest *m = load("{\"pipeline\":\"sesame\"," OPERATORS "}");
    ck_assert(secret_register("sesame"));
    manifest_errors_add(&errs, m, "/pipeline", "it says %s", "sesame");
    ck_assert_str_eq(errs.errors.texts[0], "m.json:1:13: /pipeline: it says ***\n"
                                           "    {\"pipeline\":\"***\"," OPERATORS "}\n"
                                           "                ^");
    secret_clear();
    manifest_destroy(m);
    manifest_errors_fini(&errs);
}
END_TEST

START_TEST(destroy_accepts_null)
{
    manifest_destroy(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_least_manifest_has_every_default,
                                  every_top_level_key_is_read,
                                  an_operator_is_read_whole,
                                  relative_paths_begin_at_the_manifest,
                                  state_goes_where_the_user_keeps_state,
                                  a_short_checkpoint_interval_is_a_warning,
                                  all_faults_are_told_in_one_pass,
                                  wrong_types_are_refused,
                                  a_pipeline_is_a_file_name,
                                  an_operator_needs_a_name_and_a_plugin,
                                  duplicate_keys_are_told_with_both_places,
                                  syntax_errors_have_a_place,
                                  a_syntax_error_does_not_show_a_secret,
                                  texts_that_are_no_json_files_get_clear_sentences,
                                  size_and_depth_are_bounded,
                                  no_more_than_twenty_errors_are_kept_and_the_others_counted,
                                  files_that_cannot_be_read_are_told,
                                  a_file_is_read_with_the_path_as_given,
                                  a_loaded_manifest_knows_the_places_of_its_values,
                                  a_later_error_is_told_at_its_place,
                                  a_known_secret_never_stands_in_a_message,
                                  destroy_accepts_null};
    return run_tests("manifest", tests, sizeof tests / sizeof tests[0]);
}
