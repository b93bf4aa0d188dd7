/* SPDX-License-Identifier: Apache-2.0 */
#include "job/reasons.h"

#include "base/clock.h"
#include "base/log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct reasons *reasons;
static int log_pipe[2];
static char captured[65536];

static void open_log(void)
{
    reasons = reasons_create();
    ck_assert_ptr_nonnull(reasons);
    ck_assert_int_eq(pipe(log_pipe), 0);
    log_init(LOG_FORMAT_TEXT, PH_LOG_INFO, log_pipe[1]);
}

/* What was logged since, without the times; a test logs less than a pipe holds. */
static const char *close_log(void)
{
    size_t length = 0;
    ssize_t n = 1;
    log_init(LOG_FORMAT_TEXT, PH_LOG_INFO, STDERR_FILENO);
    (void)close(log_pipe[1]);
    while (n > 0) {
        n = read(log_pipe[0], captured + length, sizeof captured - 1 - length);
        ck_assert_int_ge(n, 0);
        length += (size_t)n;
    }
    captured[length] = '\0';
    (void)close(log_pipe[0]);
    reasons_destroy(reasons);
    char *to = captured;
    for (char *from = captured; *from != '\0';) {
        char *line = strstr(from, "Z ");
        char *end = strchr(from, '\n');
        ck_assert(line != NULL && end != NULL && line < end);
        memmove(to, line + 2, (size_t)(end + 1 - (line + 2)));
        to += end + 1 - (line + 2);
        from = end + 1;
    }
    *to = '\0';
    return captured;
}

#define SECOND CLOCK_NS_PER_S

static void count(const char *operator_name, const char *code, const char *example, bool skipped,
                  int64_t now_ns)
{
    struct reason reason = {.operator_name = operator_name,
                            .code = code,
                            .text = "does not fit",
                            .example = example,
                            .skipped = skipped};
    reasons_count(reasons, &reason, now_ns);
}

START_TEST(the_first_is_told_at_once_and_the_next_ones_every_ten_seconds)
{
    open_log();
    count("rows", "22001", "t/0 offset 1 \"a\"", false, 100 * SECOND);
    for (int64_t i = 0; i < 500; i++) {
        count("rows", "22001", "t/0 offset 2 \"b\"", false, 101 * SECOND);
    }
    reasons_tell(reasons, 109 * SECOND, false);
    count("rows", "22001", "t/0 offset 3 \"c\"", false, 110 * SECOND);
    reasons_tell(reasons, 119 * SECOND, false);
    count("rows", "22001", "t/0 offset 4 \"d\"", false, 119 * SECOND);
    reasons_tell(reasons, 121 * SECOND, false);
    reasons_tell(reasons, 200 * SECOND, false);
    ck_assert_str_eq(close_log(),
                     "warning: rows: 1 dead letter (22001): does not fit; t/0 offset 1 \"a\"\n"
                     "warning: rows: 501 dead letters in 10.0 s (22001): does not fit; the last: "
                     "t/0 offset 3 \"c\"\n"
                     "warning: rows: 1 dead letter (22001): does not fit; t/0 offset 4 \"d\"\n");
}
END_TEST

START_TEST(reasons_and_operators_are_told_apart)
{
    open_log();
    count("rows", "22001", "1", false, SECOND);
    count("rows", "23502", "2", false, SECOND);
    count("events", "22001", "3", true, SECOND);
    ck_assert_str_eq(close_log(), "warning: rows: 1 dead letter (22001): does not fit; 1\n"
                                  "warning: rows: 1 dead letter (23502): does not fit; 2\n"
                                  "warning: events: 1 record skipped (22001): does not fit; 3\n");
}
END_TEST

START_TEST(the_end_tells_what_is_left)
{
    open_log();
    for (int64_t i = 1; i <= 3; i++) {
        count("rows", "22001", "x", true, i * SECOND);
    }
    reasons_tell(reasons, 4 * SECOND, true);
    reasons_tell(reasons, 5 * SECOND, true);
    ck_assert_str_eq(close_log(),
                     "warning: rows: 1 record skipped (22001): does not fit; x\n"
                     "warning: rows: 2 records skipped in 3.0 s (22001): does not fit; the last: "
                     "x\n");
}
END_TEST

START_TEST(more_reasons_than_there_is_room_for_are_counted_all_the_same)
{
    char code[16];
    open_log();
    for (uint32_t i = 0; i < REASONS_MAX + 100; i++) {
        (void)snprintf(code, sizeof code, "%u", i);
        count("rows", code, "x", true, SECOND);
    }
    reasons_tell(reasons, 20 * SECOND, false);
    ck_assert_ptr_nonnull(strstr(close_log(), "warning: rows: 100 records skipped in 19.0 s ("));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reasons");
    TCase *tc = tcase_create("reasons");
    tcase_add_test(tc, the_first_is_told_at_once_and_the_next_ones_every_ten_seconds);
    tcase_add_test(tc, reasons_and_operators_are_told_apart);
    tcase_add_test(tc, the_end_tells_what_is_left);
    tcase_add_test(tc, more_reasons_than_there_is_room_for_are_counted_all_the_same);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
