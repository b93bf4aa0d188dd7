/* SPDX-License-Identifier: Apache-2.0 */
/** Loading a plugin when memory runs out: each allocation of the module room fails in turn. The
 * linker sends the room's calls here (--wrap). */
#include "module/registry.h"

#include <check.h>
#include <stdlib.h>

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

static int left; /* allocations that succeed before one fails; -1 = all */

static bool may_allocate(void)
{
    if (left < 0) {
        return true;
    }
    return left-- != 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *p, size_t size)
{
    return may_allocate() ? __real_realloc(p, size) : NULL;
}

char *__wrap_strdup(const char *s)
{
    return may_allocate() ? __real_strdup(s) : NULL;
}

/* Finds the plugin with the allocation number fail_at failing. */
static int32_t find(int fail_at, struct ph_error *err)
{
    const char *dirs[] = {FIXTURE_DIR};
    const struct plugin *p = NULL;
    struct finder finder;
    struct registry registry;
    int32_t r;
    ph_error_clear(err);
    left = fail_at;
    r = finder_init(&finder, dirs, 1, NULL, err);
    if (r == PH_OK) {
        registry_init(&registry, &finder);
        r = registry_find(&registry, "good", "", &p, err);
        registry_fini(&registry);
        finder_fini(&finder);
    }
    left = -1;
    return r;
}

START_TEST(each_failed_allocation_is_one_sentence_and_no_leak)
{
    struct ph_error err;
    int fail_at = 0;
    for (; find(fail_at, &err) != PH_OK; fail_at++) {
        ck_assert_msg(strstr(err.text, "out of memory") != NULL, "%d: %s", fail_at, err.text);
        ck_assert_uint_eq(err.flags, PH_ERR_FATAL);
        ck_assert_int_lt(fail_at, 100);
    }
    /* Folders, the registry's list, module, path, version, plugins, config, counters. */
    ck_assert_int_eq(fail_at, 8);
}
END_TEST

int main(void)
{
    left = -1;
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("load");
    tcase_add_test(t, each_failed_allocation_is_one_sentence_and_no_leak);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
