/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/dead_letter.h"
#include "delivery/letter_time.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[96];

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/dead-letter-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/dead.jsonl", folder);
}

static void tear_down(void)
{
    (void)unlink(path);
    (void)rmdir(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static char content[65536];

static size_t read_back(void)
{
    FILE *f = fopen(path, "r");
    size_t length = 0;
    if (f != NULL) {
        length = fread(content, 1, sizeof content - 1, f);
        ck_assert_int_eq(fclose(f), 0);
    }
    content[length] = '\0';
    return length;
}

static const struct ph_partition partition = {
    .size = sizeof partition, .source = "events", .topic = "t", .cluster = "", .partition = 3};

static struct dead_letters *create(const char *file)
{
    struct dead_letter_settings settings = {.path = file};
    struct dead_letters *d = dead_letters_create("p", &settings);
    ck_assert_ptr_nonnull(d);
    return d;
}

static int32_t add(struct dead_letters *d, int64_t offset, const void *value, uint32_t length,
                   struct ph_error *err)
{
    struct dead_letter letter = {
        .operator_name = "rows",
        .partition = &partition,
        .offset = offset,
        .timestamp_ms = offset == 12 ? INT64_C(1714521600000) : -1,
        .key = {.data = offset == 12 ? "k\n" : NULL, .length = offset == 12 ? 2 : 0},
        .code = "22001",
        .reason = "too \"long\"",
        .value = {.data = value, .length = length}};
    ph_error_clear(err);
    return dead_letters_add(d, &letter, err);
}

START_TEST(a_letter_is_a_line_of_json)
{
    struct ph_error err;
    struct dead_letters *d = create(path);
    ck_assert_int_eq(add(d, 12, "{\"a\":1}", 7, &err), PH_OK);
    ck_assert_int_eq(dead_letters_sync(d, &err), PH_OK);
    (void)read_back();
    ck_assert_ptr_nonnull(
        strstr(content, "Z\",\"pipeline\":\"p\",\"operator\":\"rows\",\"source\":\"events\","
                        "\"topic\":\"t\",\"partition\":3,\"offset\":12,\"timestamp_ms\":"
                        "1714521600000,\"key\":\"k\\n\",\"code\":\"22001\","
                        "\"reason\":\"too \\\"long\\\"\",\"value\":\"{\\\"a\\\":1}\"}\n"));
    ck_assert_uint_eq(dead_letters_count(d), 1);
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777u, 0600);
    dead_letters_destroy(d);
}
END_TEST

/* Also those that another process wrote, in a time that the clock has not reached. */
START_TEST(each_letter_is_later_than_the_one_before)
{
    struct ph_error err;
    struct dead_letters_recalled recalled;
    int64_t last = INT64_C(4102444800123456); /* 2100 */
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs("{\"time\":\"2100-01-01T00:00:00.123456Z\",\"pipeline\":\"p\"}\n", f),
                     0);
    ck_assert_int_eq(fclose(f), 0);
    struct dead_letters *d = create(path);
    ck_assert_int_eq(dead_letters_recall(d, &recalled, &err), PH_OK);
    for (int64_t offset = 0; offset < 50; offset++) {
        ck_assert_int_eq(add(d, offset, "x", 1, &err), PH_OK);
    }
    dead_letters_destroy(d);
    (void)read_back();
    char *line = strchr(content, '\n') + 1;
    for (int64_t offset = 0; offset < 50; offset++) {
        char *stop = strchr(line, '\n');
        ck_assert_int_eq(letter_time_of_line(line, (size_t)(stop - line)), last + 1 + offset);
        line = stop + 1;
    }
    ck_assert_int_eq(*line, '\0');
}
END_TEST

START_TEST(bytes_that_are_no_text_stand_as_base64)
{
    struct ph_error err;
    struct dead_letters *d = create(path);
    ck_assert_int_eq(add(d, 1, "\xff\x00\x01\x02", 4, &err), PH_OK);
    ck_assert_int_eq(add(d, 2, NULL, 0, &err), PH_OK);
    (void)read_back();
    ck_assert_ptr_nonnull(strstr(content, ",\"value_base64\":\"/wABAg==\"}\n"));
    ck_assert_ptr_nonnull(strstr(content, "\"offset\":2,"));
    ck_assert_ptr_nonnull(strstr(content, ",\"value\":null}\n"));
    dead_letters_destroy(d);
}
END_TEST

START_TEST(a_value_beyond_all_limits_is_cut_between_code_points)
{
    static const char e_acute[] = "\xc3\xa9";
    struct ph_error err;
    uint32_t length = DEAD_LETTER_VALUE_MAX + 9;
    char *value = malloc(length);
    ck_assert_ptr_nonnull(value);
    memset(value, 'x', length);
    memcpy(value + DEAD_LETTER_VALUE_MAX - 1, e_acute, 2);
    struct dead_letter_settings settings = {.path = path, .max_bytes = UINT64_C(1) << 30};
    struct dead_letters *d = dead_letters_create("p", &settings);
    ck_assert_ptr_nonnull(d);
    ck_assert_int_eq(add(d, 1, value, length, &err), PH_OK);
    ck_assert_int_eq(add(d, 2, "next", 4, &err), PH_OK);
    dead_letters_destroy(d);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, DEAD_LETTER_VALUE_MAX, SEEK_SET), 0);
    content[fread(content, 1, sizeof content - 1, f)] = '\0';
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_ptr_nonnull(strstr(content, "xxx\",\"value_bytes\":67108873}\n{\"time\""));
    ck_assert_ptr_nonnull(strstr(content, ",\"value\":\"next\"}\n"));
    free(value);
}
END_TEST

START_TEST(a_full_disk_leaves_no_half_line_and_passes)
{
    struct ph_error err;
    struct rlimit before;
    static char value[1500];
    memset(value, 'x', sizeof value);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    struct dead_letters *d = create(path);
    ck_assert_int_eq(add(d, 1, value, sizeof value, &err), PH_OK);
    size_t whole = read_back();
    struct rlimit small = {.rlim_cur = 2000, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(add(d, 2, value, sizeof value, &err), PH_ERROR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_uint_eq(err.flags, PH_ERR_RETRIABLE);
    char expected[256];
    (void)snprintf(expected, sizeof expected,
                   "the dead-letter file %s cannot be written: File too large", path);
    ck_assert_str_eq(err.text, expected);
    ck_assert_uint_eq(read_back(), whole);
    ck_assert_int_eq(add(d, 2, value, sizeof value, &err), PH_OK);
    ck_assert_uint_eq(read_back(), 2 * whole);
    ck_assert_uint_eq(dead_letters_count(d), 2);
    dead_letters_destroy(d);
}
END_TEST

START_TEST(half_a_line_of_a_killed_process_does_not_spoil_the_next)
{
    struct ph_error err;
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs("{\"time\":\"2024", f);
    ck_assert_int_eq(fclose(f), 0);
    struct dead_letters *d = create(path);
    ck_assert_int_eq(add(d, 1, "v", 1, &err), PH_OK);
    ck_assert_int_eq(add(d, 2, "v", 1, &err), PH_OK);
    (void)read_back();
    ck_assert_int_eq(strncmp(content, "{\"time\":\"2024\n{\"time\":\"2", 24), 0);
    int lines = 0;
    for (const char *at = content; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    ck_assert_int_eq(lines, 3);
    dead_letters_destroy(d);
}
END_TEST

START_TEST(a_missing_folder_is_retriable_and_told_by_check)
{
    struct ph_error err;
    char missing[128];
    char expected[256];
    (void)snprintf(missing, sizeof missing, "%s/none/dead.jsonl", folder);
    struct dead_letters *d = create(missing);
    ck_assert_int_eq(add(d, 1, "v", 1, &err), PH_ERROR);
    ck_assert_uint_eq(err.flags, PH_ERR_RETRIABLE);
    ph_error_clear(&err);
    ck_assert_int_eq(dead_letters_check(d, &err), PH_ERROR);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
    (void)snprintf(expected, sizeof expected,
                   "the dead-letter file %s cannot be written: No such file or directory", missing);
    ck_assert_str_eq(err.text, expected);
    dead_letters_destroy(d);
}
END_TEST

START_TEST(check_makes_no_file_and_refuses_a_folder)
{
    struct ph_error err;
    struct dead_letters *d = create(path);
    ph_error_clear(&err);
    ck_assert_int_eq(dead_letters_check(d, &err), PH_OK);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(dead_letters_check(d, &err), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot be written: Is a directory"));
    dead_letters_destroy(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead letters");
    TCase *tc = tcase_create("file");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, a_letter_is_a_line_of_json);
    tcase_add_test(tc, each_letter_is_later_than_the_one_before);
    tcase_add_test(tc, bytes_that_are_no_text_stand_as_base64);
    tcase_add_test(tc, a_value_beyond_all_limits_is_cut_between_code_points);
    tcase_add_test(tc, a_full_disk_leaves_no_half_line_and_passes);
    tcase_add_test(tc, half_a_line_of_a_killed_process_does_not_spoil_the_next);
    tcase_add_test(tc, a_missing_folder_is_retriable_and_told_by_check);
    tcase_add_test(tc, check_makes_no_file_and_refuses_a_folder);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
