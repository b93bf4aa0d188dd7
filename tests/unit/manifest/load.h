/* SPDX-License-Identifier: Apache-2.0 */
/** Loads manifests from texts, with an environment of the test's own. */
#ifndef TESTS_MANIFEST_LOAD_H
#define TESTS_MANIFEST_LOAD_H

#include "manifest/manifest.h"
#include "manifest/secret.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const load_environment[] = {
    "HOME=/h", "KAFKA_URL=localhost:9092", "PORT=9092", "ON=true",
    "EMPTY=",  "PW=hunter2hunter2",        NULL};

/** Loads text as m.json; a failed load prints why. */
static inline struct manifest *load_with(const char *text, struct manifest_options opts)
{
    struct manifest_errors errs;
    struct manifest *m;
    manifest_errors_init(&errs);
    opts.environment = load_environment;
    int32_t result = manifest_load_text("m.json", text, strlen(text), &opts, &m, &errs);
    ck_assert_msg(result == PH_OK, "%s", errs.errors.count > 0 ? errs.errors.texts[0] : "memory");
    ck_assert_ptr_nonnull(m);
    manifest_errors_fini(&errs);
    return m;
}

static inline struct manifest *load(const char *text)
{
    return load_with(text, (struct manifest_options){.env_file_count = 0});
}

/** The load fails with exactly these messages, one in a line that begins a message or shows its
 * place; they are joined with line breaks. */
static inline void assert_refused_with(const char *text, size_t length,
                                       struct manifest_options opts, const char *expected)
{
    struct manifest_errors errs;
    struct manifest *m;
    struct buf all;
    manifest_errors_init(&errs);
    buf_init(&all, 1u << 20);
    opts.environment = load_environment;
    ck_assert_int_eq(manifest_load_text("m.json", text, length, &opts, &m, &errs), PH_ERROR);
    ck_assert_ptr_null(m);
    for (uint32_t i = 0; i < errs.errors.count; i++) {
        buf_append_text(&all, i == 0 ? "" : "\n");
        buf_append_text(&all, errs.errors.texts[i]);
    }
    ck_assert_str_eq(all.data, expected);
    buf_fini(&all);
    manifest_errors_fini(&errs);
}

static inline void assert_refused(const char *text, const char *expected)
{
    assert_refused_with(text, strlen(text), (struct manifest_options){.env_file_count = 0},
                        expected);
}

/** Runs a suite of one case. */
static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *s = suite_create(name);
    TCase *t = tcase_create(name);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(t, tests[i]);
    }
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
