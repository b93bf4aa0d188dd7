/* SPDX-License-Identifier: Apache-2.0 */
/** Real files: which ones the host refuses, each with its exact sentence, and which ones it loads.
 */
#include "module/module.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_ABI "ABI 0.0"
#define SDK      "the SDK with ABI 0.0 (pipehost " PH_SDK_VERSION ")"

struct refusal {
    const char *file;
    const char *sentence; /* behind "FOLDER/FILE" */
};

static const struct refusal refusals[] = {
    {"not_elf.so", ": not an ELF file: a plugin is a shared object, made with "
                   "pipehost_add_plugin() or cc -shared -fPIC"},
    {"no_note.so", ": not a pipehost plugin: it has no ABI note: one of its source files must "
                   "contain PH_ENTRY(&descriptor)"},
    {"wrong_magic.so", ": its ABI note has the magic 1122334455667788, not 74736f6865706970: "
                       "rebuild it against " SDK},
    {"other_major.so",
     ": built for plugin ABI 7.0, this pipehost loads " HOST_ABI ": rebuild it against " SDK},
    {"newer_minor.so", ": built for plugin ABI 0.99, newer than this pipehost's " HOST_ABI
                       ": use a newer pipehost, or rebuild it against " SDK},
    {"short_entry.so", ": its entry of ABI 0.0 has 16 bytes, this pipehost's " HOST_ABI
                       " needs 40: rebuild it against the SDK (pipehost " PH_SDK_VERSION ")"},
    {"note_lies.so",
     ": its note says ABI 0.0 and 40 bytes, its entry ABI 0.5 and 40 bytes: rebuild "
     "it from clean"},
    {"no_symbol.so", ": exports no symbol pipehost_entry: undefined symbol: pipehost_entry: do not "
                     "hide it; pipehost_add_plugin() of the SDK links a plugin right"},
    {"unresolved.so", ": cannot be loaded: undefined symbol: pipehost_fixture_unknown: link the "
                      "plugin with every library that it calls, and install those"},
    {"no_descriptors.so", ": its entry lists no plugin: give PH_ENTRY the address of a descriptor"},
    {"duplicate_ids.so", ": plugin \"null\": two descriptors of PH_ENTRY have this id: rename one"},
    {"no_such_file.so", ": cannot be opened: No such file or directory"},
};

static const char *const papers[] = {"async_http", "filter",     "flat_map",       "group_source",
                                     "join",       "kafka_sink", "tumbling_window"};

START_TEST(refused_with_one_sentence)
{
    const struct refusal *r = &refusals[_i];
    struct module *m = NULL;
    struct ph_error err;
    char path[512];
    char expected[1024];
    (void)snprintf(path, sizeof path, "%s/%s", FIXTURE_DIR, r->file);
    (void)snprintf(expected, sizeof expected, "%s%s", path, r->sentence);
    ph_error_clear(&err);
    ck_assert_int_eq(module_open(path, &m, &err), PH_ERROR);
    ck_assert_ptr_null(m);
    ck_assert_str_eq(err.text, expected);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
}
END_TEST

START_TEST(a_folder_is_no_plugin)
{
    struct module *m = NULL;
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_int_eq(module_open(FIXTURE_DIR, &m, &err), PH_ERROR);
    ck_assert_str_eq(err.text, FIXTURE_DIR ": not a file: a plugin is a shared object");
}
END_TEST

/* Opens the fixture with a marker to leave; true where its constructor left it. */
static bool leaves_marker(const char *fixture, int32_t expected)
{
    char marker[] = "/tmp/pipehost_marker_XXXXXX";
    char path[512];
    struct module *m = NULL;
    struct ph_error err;
    bool is_left;
    int fd = mkstemp(marker);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ck_assert_int_eq(unlink(marker), 0);
    ck_assert_int_eq(setenv("PIPEHOST_FIXTURE_MARKER", marker, 1), 0);
    (void)snprintf(path, sizeof path, "%s/%s", FIXTURE_DIR, fixture);
    ph_error_clear(&err);
    ck_assert_int_eq(module_open(path, &m, &err), expected);
    module_destroy(m);
    is_left = unlink(marker) == 0;
    ck_assert_int_eq(unsetenv("PIPEHOST_FIXTURE_MARKER"), 0);
    return is_left;
}

START_TEST(nothing_of_a_module_runs_before_it_is_judged)
{
    ck_assert(leaves_marker("marker.so", PH_OK));
    ck_assert(!leaves_marker("other_major.so", PH_ERROR));
    ck_assert(!leaves_marker("newer_minor.so", PH_ERROR));
    ck_assert(!leaves_marker("wrong_magic.so", PH_ERROR));
    ck_assert(!leaves_marker("short_entry.so", PH_ERROR));
}
END_TEST

START_TEST(a_good_module_tells_its_plugins)
{
    struct module *m = NULL;
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_int_eq(module_open(FIXTURE_DIR "/../fixtures/two.so", &m, &err), PH_OK);
    ck_assert_str_eq(m->path, FIXTURE_DIR "/two.so");
    ck_assert_str_eq(m->sdk_version, PH_SDK_VERSION);
    ck_assert_uint_eq(m->plugin_count, 2);
    ck_assert_ptr_eq(module_plugin(m, "null-single"), &m->plugins[1]);
    ck_assert_ptr_null(module_plugin(m, "nul"));
    ck_assert_ptr_eq(m->plugins[0].module, m);
    module_destroy(m);
    module_destroy(NULL);
}
END_TEST

START_TEST(each_paper_skeleton_is_loaded)
{
    struct module *m = NULL;
    struct ph_error err;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.so", PAPER_DIR, papers[_i]);
    ph_error_clear(&err);
    ck_assert_msg(module_open(path, &m, &err) == PH_OK, "%s", err.text);
    ck_assert_uint_eq(m->plugin_count, 1);
    module_destroy(m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("refusals");
    TCase *t = tcase_create("files");
    tcase_add_loop_test(t, refused_with_one_sentence, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_test(t, a_folder_is_no_plugin);
    tcase_add_test(t, nothing_of_a_module_runs_before_it_is_judged);
    tcase_add_test(t, a_good_module_tells_its_plugins);
    tcase_add_loop_test(t, each_paper_skeleton_is_loaded, 0, sizeof papers / sizeof papers[0]);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
