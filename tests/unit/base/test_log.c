/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int log_pipe[2];
static const char *seen; /* by read_pipe_until */
static char captured[65536];

static void open_log(enum log_format format, int32_t level)
{
    ck_assert_int_eq(pipe(log_pipe), 0);
    log_init(format, level, log_pipe[1]);
    log_set_redactor(NULL);
}

/* What was logged since open_log; a test logs less than a pipe holds. */
static const char *close_log(void)
{
    size_t length = 0;
    log_init(LOG_FORMAT_TEXT, PH_LOG_INFO, STDERR_FILENO);
    (void)close(log_pipe[1]);
    for (;;) {
        ssize_t n = read(log_pipe[0], captured + length, sizeof captured - 1 - length);
        ck_assert_int_ge(n, 0);
        if (n == 0) {
            break;
        }
        length += (size_t)n;
    }
    captured[length] = '\0';
    (void)close(log_pipe[0]);
    return captured;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t r;
    ck_assert_int_eq(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&r, text, 0, NULL, 0) == 0, "\"%s\" does not match %s", text, pattern);
    regfree(&r);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

START_TEST(a_text_line_has_time_level_operator_and_sentence)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_write(PH_LOG_WARNING, "events", "Kafka is away, %d s", 3);
    assert_matches(close_log(), "^" TIME " warning: events: Kafka is away, 3 s\n$");
}
END_TEST

START_TEST(the_host_itself_has_no_operator)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_write(PH_LOG_INFO, NULL, "ready");
    assert_matches(close_log(), "^" TIME " info: ready\n$");
}
END_TEST

START_TEST(lines_above_the_level_are_not_written)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_WARNING);
    ck_assert(log_enabled(PH_LOG_ERROR));
    ck_assert(!log_enabled(PH_LOG_INFO));
    log_write(PH_LOG_INFO, NULL, "not seen");
    log_event(PH_LOG_DEBUG, NULL, "not seen", "");
    ck_assert_str_eq(close_log(), "");
}
END_TEST

START_TEST(text_from_outside_cannot_forge_a_line)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_write(PH_LOG_INFO, NULL, "a\nb\x1b[0m\xff");
    assert_matches(close_log(), "^" TIME " info: a b \\[0m\\?\n$");
}
END_TEST

START_TEST(a_json_line_is_one_object)
{
    open_log(LOG_FORMAT_JSON, PH_LOG_INFO);
    log_event(PH_LOG_INFO, "rows", "wrote \"12\"\n", "\"rows\":12,\"ms\":3");
    assert_matches(close_log(), "^\\{\"time\":\"" TIME
                                "\",\"level\":\"info\",\"operator\":\"rows\",\"text\":\"wrote "
                                "\\\\\"12\\\\\"\\\\n\",\"rows\":12,\"ms\":3\\}\n$");
}
END_TEST

START_TEST(the_text_format_prints_the_sentence_of_an_event)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_event(PH_LOG_INFO, NULL, "12 rows", "\"rows\":12");
    assert_matches(close_log(), "^" TIME " info: 12 rows\n$");
}
END_TEST

START_TEST(a_long_line_is_cut_visibly_and_stays_below_4_kib)
{
    static char text[9000];
    memset(text, 'x', sizeof text - 1);
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_write(PH_LOG_INFO, NULL, "%s", text);
    const char *line = close_log();
    ck_assert_uint_le(strlen(line), 4096);
    ck_assert_uint_gt(strlen(line), 4000);
    assert_matches(line, "xxx\\.\\.\\.\n$");
}
END_TEST

START_TEST(a_long_json_line_is_still_an_object_with_its_fields)
{
    static char text[9000];
    memset(text, '"', sizeof text - 1);
    open_log(LOG_FORMAT_JSON, PH_LOG_INFO);
    log_event(PH_LOG_INFO, NULL, text, "\"rows\":12");
    const char *line = close_log();
    ck_assert_uint_le(strlen(line), 4096);
    assert_matches(line, "\\\\\"\\.\\.\\.\",\"rows\":12\\}\n$");
}
END_TEST

START_TEST(fields_that_do_not_fit_are_left_out_as_a_whole)
{
    static char fields[5000];
    memset(fields, '1', sizeof fields - 1);
    memcpy(fields, "\"n\":", 4);
    open_log(LOG_FORMAT_JSON, PH_LOG_INFO);
    log_event(PH_LOG_INFO, NULL, "much", fields);
    assert_matches(close_log(), "\"text\":\"much\"\\}\n$");
}
END_TEST

static void hide_hunter2(char *text, unsigned char *own)
{
    (void)own;
    for (char *at = text; (at = strstr(at, "hunter2")) != NULL;) {
        memset(at, '*', 7);
    }
}

START_TEST(the_redactor_sees_the_text_before_anybody_else)
{
    open_log(LOG_FORMAT_JSON, PH_LOG_INFO);
    log_set_redactor(hide_hunter2);
    log_event(PH_LOG_INFO, NULL, "password hunter2", "\"rows\":1");
    log_write(PH_LOG_INFO, NULL, "again %s", "hunter2");
    const char *lines = close_log();
    ck_assert_ptr_null(strstr(lines, "hunter2"));
    ck_assert_ptr_nonnull(strstr(lines, "\"text\":\"password *******\",\"rows\":1}"));
    ck_assert_ptr_nonnull(strstr(lines, "again *******"));
    log_set_redactor(NULL);
}
END_TEST

static void hide_2024(char *text, unsigned char *own)
{
    (void)own;
    char *at = strstr(text, "2024");
    if (at != NULL) {
        memset(at, '*', 4);
    }
}

static void hide_word(char *text, unsigned char *own)
{
    for (char *at = text; (at = strstr(at, "word")) != NULL; at += 4) {
        memset(at, own != NULL && own[at - text] != 0 ? '+' : '*', 4);
    }
}

START_TEST(the_redactor_is_told_the_hosts_own_words)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_set_redactor(hide_word);
    log_write(PH_LOG_INFO, "word", "my word, %s; %d words", "a word", 7);
    log_event(PH_LOG_INFO, NULL, "no word of the host", "");
    log_event_redacted(PH_LOG_INFO, NULL, "a word that may be seen", "");
    assert_matches(close_log(), "^[^ ]* info: word: my \\+{4}, a \\*{4}; 7 \\+{4}s\n"
                                "[^ ]* info: no \\*{4} of the host\n"
                                "[^ ]* info: a word that may be seen\n$");
    log_set_redactor(NULL);
}
END_TEST

START_TEST(a_secret_that_looks_like_a_number_leaves_the_fields_json)
{
    open_log(LOG_FORMAT_JSON, PH_LOG_INFO);
    log_set_redactor(hide_2024);
    log_event(PH_LOG_INFO, NULL, "2024 records", "\"in\":2024");
    assert_matches(close_log(), "\"text\":\"\\*\\*\\*\\* records\",\"in\":2024\\}\n$");
    log_set_redactor(NULL);
}
END_TEST

static void *log_lines(void *argument)
{
    for (int i = 0; i < 100; i++) {
        log_write(PH_LOG_INFO, argument, "one sentence of some length, number %d", i);
    }
    return NULL;
}

START_TEST(lines_of_several_threads_do_not_mix)
{
    pthread_t threads[4];
    char names[4][2] = {"a", "b", "c", "d"};
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_lines, names[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    int count = 0;
    char *rest = (char *)(uintptr_t)close_log();
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; count++) {
        assert_matches(line, "^" TIME " info: [a-d]: one sentence of some length, number [0-9]+$");
    }
    ck_assert_int_eq(count, 400);
}
END_TEST

/* ---- a stderr that nobody reads ---- */

/* Fills the pipe, so that the next write to it would wait. */
static void stall_pipe(void)
{
    static const char full[4096];
    int size = fcntl(log_pipe[1], F_SETPIPE_SZ, (int)sizeof full);
    ck_assert_int_ge(size, (int)sizeof full);
    for (int done = 0; done < size; done += (int)sizeof full) {
        ck_assert_int_eq(write(log_pipe[1], full, sizeof full), (ssize_t)sizeof full);
    }
}

static bool read_pipe_until(const char *wanted)
{
    size_t length = 0;
    struct pollfd readable = {.fd = log_pipe[0], .events = POLLIN};
    static char text[1u << 20];
    while (poll(&readable, 1, 200000) > 0 && length < sizeof text - 1) {
        ssize_t n = read(log_pipe[0], text + length, sizeof text - 1 - length);
        ck_assert_int_gt(n, 0);
        for (; n > 0; n--, length++) {
            text[length] = text[length] == '\0' ? ' ' : text[length];
        }
        text[length] = '\0';
        if (strstr(text, wanted) != NULL && text[length - 1] == '\n') {
            seen = text;
            return true;
        }
    }
    return false;
}

static unsigned int count_lines(const char *text, const char *with)
{
    unsigned int count = 0;
    for (; (text = strstr(text, with)) != NULL; text++) {
        count++;
    }
    return count;
}

#define STALLED_LINES 20000u

static void log_while_stalled(void)
{
    int64_t begin_ns = clock_monotonic_ns();
    stall_pipe();
    for (unsigned int i = 0; i < STALLED_LINES; i++) {
        log_write(i % 100 == 0 ? PH_LOG_ERROR : PH_LOG_INFO, NULL, "sentence number %u", i);
    }
    ck_assert_int_lt(clock_monotonic_ns() - begin_ns, 200 * CLOCK_NS_PER_S);
}

START_TEST(a_stalled_stderr_stops_nobody_who_logs)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_while_stalled();
    ck_assert(read_pipe_until("were dropped"));
}
END_TEST

START_TEST(lines_that_nobody_took_are_counted_where_they_are_missing)
{
    unsigned long dropped = 0;
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    log_while_stalled();
    ck_assert(read_pipe_until("were dropped"));
    const char *note = strstr(seen, "warning: ");
    ck_assert_ptr_nonnull(note);
    ck_assert_int_eq(sscanf(note, "warning: %lu lines of this log were dropped here", &dropped), 1);
    unsigned int kept = count_lines(seen, "sentence number ");
    ck_assert_uint_gt(kept, 1000);
    ck_assert_uint_eq(kept + dropped, STALLED_LINES);
    log_write(PH_LOG_INFO, NULL, "after it");
    ck_assert(read_pipe_until("after it"));
    ck_assert_uint_eq(count_lines(seen, "were dropped"), 0);
}
END_TEST

START_TEST(the_dropped_are_counted_in_json_too)
{
    open_log(LOG_FORMAT_JSON, PH_LOG_INFO);
    log_while_stalled();
    ck_assert(read_pipe_until("\"dropped_lines\":"));
    assert_matches(seen, "\"level\":\"warning\",[^{]*,\"dropped_lines\":[1-9][0-9]*\\}\n");
}
END_TEST

START_TEST(flushing_a_stalled_stderr_gives_up)
{
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    stall_pipe();
    log_write(PH_LOG_INFO, NULL, "one line");
    int64_t begin_ns = clock_monotonic_ns();
    log_flush();
    ck_assert_int_ge(clock_monotonic_ns() - begin_ns, 100 * CLOCK_NS_PER_MS);
    ck_assert_int_lt(clock_monotonic_ns() - begin_ns, 200 * CLOCK_NS_PER_S);
    ck_assert(read_pipe_until("one line"));
}
END_TEST

START_TEST(lines_before_an_exit_come_out)
{
    int status;
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 300; i++) {
            log_write(PH_LOG_INFO, NULL, "sentence number %d", i);
        }
        exit(7);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_uint_eq(count_lines(close_log(), "sentence number "), 300);
}
END_TEST

START_TEST(an_error_is_written_before_the_call_returns)
{
    char line[256] = "";
    open_log(LOG_FORMAT_TEXT, PH_LOG_INFO);
    ck_assert_int_eq(fcntl(log_pipe[0], F_SETFL, O_NONBLOCK), 0);
    log_write(PH_LOG_ERROR, NULL, "the last words");
    ck_assert_int_gt(read(log_pipe[0], line, sizeof line - 1), 0);
    assert_matches(line, "error: the last words\n$");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    tcase_add_test(t, a_text_line_has_time_level_operator_and_sentence);
    tcase_add_test(t, the_host_itself_has_no_operator);
    tcase_add_test(t, lines_above_the_level_are_not_written);
    tcase_add_test(t, text_from_outside_cannot_forge_a_line);
    tcase_add_test(t, a_json_line_is_one_object);
    tcase_add_test(t, the_text_format_prints_the_sentence_of_an_event);
    tcase_add_test(t, a_long_line_is_cut_visibly_and_stays_below_4_kib);
    tcase_add_test(t, a_long_json_line_is_still_an_object_with_its_fields);
    tcase_add_test(t, fields_that_do_not_fit_are_left_out_as_a_whole);
    tcase_add_test(t, the_redactor_sees_the_text_before_anybody_else);
    tcase_add_test(t, the_redactor_is_told_the_hosts_own_words);
    tcase_add_test(t, a_secret_that_looks_like_a_number_leaves_the_fields_json);
    tcase_add_test(t, lines_of_several_threads_do_not_mix);
    tcase_add_test(t, a_stalled_stderr_stops_nobody_who_logs);
    tcase_add_test(t, lines_that_nobody_took_are_counted_where_they_are_missing);
    tcase_add_test(t, the_dropped_are_counted_in_json_too);
    tcase_add_test(t, flushing_a_stalled_stderr_gives_up);
    tcase_add_test(t, lines_before_an_exit_come_out);
    tcase_add_test(t, an_error_is_written_before_the_call_returns);
    tcase_set_timeout(t, 300);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
