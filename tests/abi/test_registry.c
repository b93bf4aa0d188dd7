/* SPDX-License-Identifier: Apache-2.0 */
/** Plugins by name, out of the fixtures' folder. */
#include "module/registry.h"

#include <check.h>
#include <stdlib.h>

static struct finder finder;
static struct registry registry;
static struct ph_error err;

static void setup(void)
{
    const char *dirs[] = {FIXTURE_DIR};
    ph_error_clear(&err);
    ck_assert_int_eq(finder_init(&finder, dirs, 1, NULL, &err), PH_OK);
    registry_init(&registry, &finder);
}

static void teardown(void)
{
    registry_fini(&registry);
    finder_fini(&finder);
}

static const struct plugin *found(const char *name, const char *id)
{
    const struct plugin *p = NULL;
    ck_assert_msg(registry_find(&registry, name, id, &p, &err) == PH_OK, "%s", err.text);
    return p;
}

static void refused(const char *name, const char *id, const char *sentence)
{
    const struct plugin *p = NULL;
    ck_assert_int_eq(registry_find(&registry, name, id, &p, &err), PH_ERROR);
    ck_assert_ptr_null(p);
    ck_assert_str_eq(err.text, sentence);
    ph_error_clear(&err);
}

START_TEST(one_file_is_one_module)
{
    const struct plugin *good = found("good", "");
    ck_assert_str_eq(good->descriptor.id, "good");
    ck_assert_ptr_eq(found("good", "good"), good);
    ck_assert_ptr_eq(found("good", NULL), good);
    ck_assert_uint_eq(registry.module_count, 1);
}
END_TEST

START_TEST(an_id_picks_one_of_several)
{
    ck_assert_str_eq(found("two", "null")->descriptor.id, "null");
    ck_assert_str_eq(found("two", "null-single")->descriptor.id, "null-single");
    ck_assert_ptr_eq(found("two", "null")->module, found("two", "null-single")->module);
}
END_TEST

START_TEST(several_plugins_without_an_id_are_listed)
{
    refused("two", "",
            FIXTURE_DIR "/two.so: holds several plugins: write \"two:ID\" with one of "
                        "null, null-single");
}
END_TEST

START_TEST(an_unknown_id_names_the_nearest)
{
    refused("two", "nul",
            FIXTURE_DIR "/two.so: holds no plugin \"nul\", did you mean \"null\"?: it "
                        "has null, null-single");
    refused("good", "zebra", FIXTURE_DIR "/good.so: holds no plugin \"zebra\": it has good");
}
END_TEST

START_TEST(a_refused_module_stays_out)
{
    refused("no_descriptors", "",
            FIXTURE_DIR "/no_descriptors.so: its entry lists no plugin: give PH_ENTRY the address "
                        "of a descriptor");
    ck_assert_uint_eq(registry.module_count, 0);
    ck_assert_str_eq(found("good", "")->descriptor.id, "good");
}
END_TEST

START_TEST(code_stays_mapped_after_the_registry)
{
    const struct plugin *p = found("good", "");
    int32_t (*process)(void *, uint32_t, const struct ph_batch *, struct ph_out *,
                       struct ph_error *) = p->udf.process;
    registry_fini(&registry);
    registry_init(&registry, &finder);
    ck_assert(found("good", "")->udf.process == process);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("registry");
    TCase *t = tcase_create("find");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_file_is_one_module);
    tcase_add_test(t, an_id_picks_one_of_several);
    tcase_add_test(t, several_plugins_without_an_id_are_listed);
    tcase_add_test(t, an_unknown_id_names_the_nearest);
    tcase_add_test(t, a_refused_module_stays_out);
    tcase_add_test(t, code_stays_mapped_after_the_registry);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
