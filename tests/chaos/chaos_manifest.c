/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation in turn fails while a manifest is loaded, its config checked and printed: the
 * answer is success or an error, and nothing is left behind. */
#include "fail_alloc.h"
#include "manifest/config.h"
#include "manifest/print.h"
#include "manifest/secret.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define KEY(...)                                                                                   \
    {                                                                                              \
        .size = sizeof(struct ph_config_key), __VA_ARGS__                                          \
    }

static const struct ph_config_key keys[] = {
    KEY(.type = PH_CONFIG_STRING, .name = "topic", .flags = PH_CONFIG_REQUIRED),
    KEY(.type = PH_CONFIG_SECRET, .name = "password"),
    KEY(.type = PH_CONFIG_ENUM, .name = "mode", .values = "a|b", .default_text = "b"),
    KEY(.type = PH_CONFIG_DURATION, .name = "timeout", .default_text = "5s"),
    KEY(.type = PH_CONFIG_PATH, .name = "file"),
    KEY(.type = PH_CONFIG_LIST, .name = "columns"),
    KEY(.type = PH_CONFIG_MAP, .name = "rdkafka", .flags = PH_CONFIG_SECRET_VALUES, .values = "x"),
    KEY(.type = PH_CONFIG_STRING, .name = "dsn", .flags = PH_CONFIG_URL)};

static const char good[] =
    "{\"pipeline\":\"p\",\"description\":\"${A} ${B:-b}\",\"state_dir\":\"s\",\n"
    "\"dead_letter\":{\"file\":\"f\"},\"checkpoint\":{\"interval_ms\":5},\"operators\":[\n"
    "{\"name\":\"in\",\"plugin\":\"k:id\",\"config\":{\"topic\":\"${A}\",\"password\":\"literal\","
    "\n"
    "\"file\":\"x\",\"columns\":[\"a\",\"b\"],\"rdkafka\":{\"x\":\"${A}\",\"y\":\"hidden\"},\n"
    "\"dsn\":\"postgresql://"
    "u:pass%20word@h\"},\"format\":{\"json\":{\"fields\":{\"a\":\"string\",\n"
    "\"b\":{\"type\":\"timestamp\",\"from\":\"/x/y\",\"parse\":\"%Y\"}}}}},\n"
    "{\"name\":\"out\",\"plugin\":\"q\",\"input\":[\"in\"]}]}";

static const char bad[] =
    "{\"pipelin\":\"p\",\"pipelin\":1,\"linger_ms\":-1,\"description\":\"${C}\",\"operators\":[\n"
    "{\"name\":\"a\",\"plugin\":\"/"
    "\",\"input\":\"b\"},{\"name\":\"b\",\"plugin\":\"p\",\"input\":[\"a\","
    "\"c\"]}]}";

static const char wrong_config[] =
    "{\"pipeline\":\"p\",\"state_dir\":\"s\",\"operators\":[{\"name\":\"in\",\"plugin\":\"k\",\n"
    "\"config\":{\"topik\":1,\"mode\":\"c\",\"columns\":[1],\"rdkafka\":{\"a\":[]}}}]}";

static const char *const sets[] = {"in/config/rdkafka/z=1", "/memory={\"limit_mib\":7}"};
static const char *const environment[] = {"A=value", "HOME=/h", NULL};

struct outcome {
    bool ok;         /* nothing failed */
    bool consistent; /* objects come with success, messages with failure */
};

/* Nothing in here may come from the test framework, which allocates as well. */
static struct outcome run(const char *text, size_t length)
{
    const struct manifest_options opts = {
        .environment = environment, .sets = sets, .set_count = sizeof sets / sizeof sets[0]};
    struct manifest_errors errs;
    struct manifest *m;
    struct config *c = NULL;
    struct buf out;
    manifest_errors_init(&errs);
    buf_init(&out, 65536);
    int32_t result = manifest_load_text("m.json", text, length, &opts, &m, &errs);
    bool consistent = (result == PH_OK) == (m != NULL);
    if (result == PH_OK) {
        result = config_create(m, 0, keys, sizeof keys / sizeof keys[0], &c, &errs);
        consistent = consistent && (result == PH_OK) == (c != NULL);
    }
    bool printed = false;
    if (result == PH_OK) {
        const struct config *configs[MANIFEST_OPERATORS_MAX];
        for (uint32_t i = 0; i < m->operator_count; i++) {
            configs[i] = c; /* what is printed of the others is not looked at */
        }
        printed = manifest_print(m, configs, &out);
    }
    consistent = consistent && (result != PH_OK) == manifest_errors_any(&errs);
    bool ok = result == PH_OK && printed && !out.failed;
    buf_fini(&out);
    config_destroy(c);
    manifest_destroy(m);
    manifest_errors_fini(&errs);
    secret_clear();
    return (struct outcome){ok, consistent};
}

static void fail_each(const char *text, size_t length, bool expected, enum fail_alloc_mode mode)
{
    uint64_t nth = 1;
    for (bool reached = true; reached; nth++) {
        size_t live = fail_alloc_live();
        fail_alloc_arm(nth, mode);
        struct outcome outcome = run(text, length);
        reached = fail_alloc_disarm();
        size_t left = fail_alloc_live() - live;
        ck_assert_msg(outcome.consistent, "allocation %lu", (unsigned long)nth);
        ck_assert_msg(left == 0, "allocation %lu leaves %zu", (unsigned long)nth, left);
        ck_assert_msg(reached || outcome.ok == expected, "allocation %lu", (unsigned long)nth);
    }
    ck_assert_uint_gt(nth, 20);
}

START_TEST(a_good_manifest_survives_one_failed_allocation)
{
    fail_each(good, sizeof good - 1, true, FAIL_ALLOC_ONCE);
}
END_TEST

START_TEST(a_good_manifest_survives_the_end_of_memory)
{
    fail_each(good, sizeof good - 1, true, FAIL_ALLOC_FROM);
}
END_TEST

START_TEST(a_bad_manifest_survives_one_failed_allocation)
{
    fail_each(bad, sizeof bad - 1, false, FAIL_ALLOC_ONCE);
}
END_TEST

START_TEST(a_wrong_config_survives_one_failed_allocation)
{
    fail_each(wrong_config, sizeof wrong_config - 1, false, FAIL_ALLOC_ONCE);
}
END_TEST

START_TEST(a_syntax_error_survives_one_failed_allocation)
{
    fail_each("{\"pipeline\":\"p\",\"description\":\"a\",,}", 35, false, FAIL_ALLOC_ONCE);
}
END_TEST

START_TEST(a_failed_allocation_is_never_taken_for_success)
{
    /* The first allocation is the manifest itself. */
    fail_alloc_arm(1, FAIL_ALLOC_ONCE);
    struct outcome outcome = run(good, sizeof good - 1);
    ck_assert(fail_alloc_disarm());
    ck_assert(!outcome.ok);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("chaos_manifest");
    TCase *t = tcase_create("chaos_manifest");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, a_good_manifest_survives_one_failed_allocation);
    tcase_add_test(t, a_good_manifest_survives_the_end_of_memory);
    tcase_add_test(t, a_bad_manifest_survives_one_failed_allocation);
    tcase_add_test(t, a_wrong_config_survives_one_failed_allocation);
    tcase_add_test(t, a_syntax_error_survives_one_failed_allocation);
    tcase_add_test(t, a_failed_allocation_is_never_taken_for_success);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
