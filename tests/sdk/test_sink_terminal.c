/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct ph_field fields[] = {{"text", PH_TYPE_STRING, 0}};

struct terminal {
    struct harness *harness;
    struct harness_task *task;
    struct ph_schema schema;
    int stdout_fd; /* the test's own, put back at the end */
};

/* Each test runs in a process of its own: its standard output is replaced by fd before the sink
 * looks at it. */
static void open_on(struct terminal *t, int fd)
{
    (void)fflush(stdout);
    t->stdout_fd = dup(STDOUT_FILENO);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    t->schema = harness_schema_of(fields, 1);
    t->harness = harness_open(SINK_TERMINAL_SO, NULL, "pipeline", "terminal");
    ck_assert_ptr_nonnull(t->harness);
    ck_assert_int_eq(harness_init(t->harness, NULL, 0), PH_OK);
    ck_assert_int_eq(harness_bind(t->harness, (const struct ph_schema *const[]){&t->schema}, 1),
                     PH_OK);
    t->task = harness_task_create(t->harness, 0);
    ck_assert_ptr_nonnull(t->task);
}

static void close_on(struct terminal *t)
{
    (void)dup2(t->stdout_fd, STDOUT_FILENO);
    (void)close(t->stdout_fd);
    harness_task_destroy(t->task);
    harness_close(t->harness);
}

static struct ph_batch *write_rows(struct terminal *t, const struct harness_cell *cells,
                                   uint32_t rows)
{
    struct ph_batch *batch = harness_batch(&t->schema, cells, rows);
    ck_assert_int_eq(
        t->harness->descriptor->sink->write(t->task->self, batch, harness_error(t->harness)),
        PH_OK);
    return batch;
}

static int32_t commit(struct terminal *t)
{
    struct ph_epoch epoch = {.size = (uint32_t)sizeof epoch, .id = 1};
    return t->harness->descriptor->sink->commit(t->task->self, &epoch, harness_error(t->harness));
}

static int scratch_file(void)
{
    char path[] = "/tmp/pipehost-terminal-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)unlink(path);
    return fd;
}

static const char *content(int fd)
{
    static char text[1024];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

START_TEST(rows_appear_with_the_commit_and_not_before)
{
    struct harness_cell cells[] = {CELL_TEXT("a\n"), CELL_NULL};
    int fd = scratch_file();
    struct terminal t;
    open_on(&t, fd);
    struct ph_batch *first = write_rows(&t, cells, 2);
    struct ph_batch *second = write_rows(&t, cells, 1);
    ck_assert_str_eq(content(fd), "");
    ck_assert_int_eq(commit(&t), PH_OK);
    ck_assert_str_eq(content(fd), "{\"text\":\"a\\n\"}\n{\"text\":null}\n{\"text\":\"a\\n\"}\n");
    ck_assert_int_eq(commit(&t), PH_OK);
    ck_assert_uint_eq(strlen(content(fd)), 44);
    harness_batch_release(first);
    harness_batch_release(second);
    close_on(&t);
}
END_TEST

START_TEST(an_aborted_epoch_is_forgotten)
{
    struct harness_cell cells[] = {CELL_TEXT("a")};
    int fd = scratch_file();
    struct terminal t;
    open_on(&t, fd);
    struct ph_batch *batch = write_rows(&t, cells, 1);
    t.harness->descriptor->sink->abort(t.task->self);
    harness_batch_release(batch);
    ck_assert_int_eq(commit(&t), PH_OK);
    ck_assert_str_eq(content(fd), "");
    close_on(&t);
}
END_TEST

START_TEST(a_row_larger_than_the_buffer_stays_whole)
{
    enum { LENGTH = 300000 };
    static char text[LENGTH];
    struct harness_cell cells[] = {CELL_TEXT("a"), CELL_BYTES(text, LENGTH), CELL_TEXT("b")};
    int fd = scratch_file();
    struct terminal t;
    memset(text, 1, sizeof text); /* six bytes each once escaped */
    open_on(&t, fd);
    struct ph_batch *batch = write_rows(&t, cells, 3);
    ck_assert_int_eq(commit(&t), PH_OK);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 2 * 13 + 12 + 6 * LENGTH);
    harness_batch_release(batch);
    close_on(&t);
}
END_TEST

START_TEST(a_reader_that_is_gone_is_said)
{
    struct harness_cell cells[] = {CELL_TEXT("a")};
    struct terminal t;
    int fds[2];
    (void)signal(SIGPIPE, SIG_IGN); /* as in pipehost */
    ck_assert_int_eq(pipe(fds), 0);
    open_on(&t, fds[1]);
    (void)close(fds[0]);
    struct ph_batch *batch = write_rows(&t, cells, 1);
    ck_assert_int_eq(commit(&t), PH_ERROR);
    ck_assert_str_eq(t.harness->error.text,
                     "standard output was closed by the program that read it");
    ck_assert_uint_eq(t.harness->error.flags, PH_ERR_FATAL);
    harness_batch_release(batch);
    close_on(&t);
}
END_TEST

START_TEST(a_reader_that_stands_still_does_not_hold_up_a_stop)
{
    static char text[100000]; /* more than a pipe holds */
    struct harness_cell cells[] = {CELL_BYTES(text, sizeof text)};
    struct terminal t;
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    open_on(&t, fds[1]);
    memset(text, 'x', sizeof text);
    struct ph_batch *batch = write_rows(&t, cells, 1);
    t.task->is_cancelled = true;
    ck_assert_int_eq(commit(&t), PH_ERROR);
    ck_assert_str_eq(t.harness->error.text, "stopped while it waited for its reader");
    harness_batch_release(batch);
    close_on(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink-terminal");
    TCase *c = tcase_create("lines");
    tcase_add_test(c, rows_appear_with_the_commit_and_not_before);
    tcase_add_test(c, an_aborted_epoch_is_forgotten);
    tcase_add_test(c, a_row_larger_than_the_buffer_stays_whole);
    tcase_add_test(c, a_reader_that_is_gone_is_said);
    tcase_add_test(c, a_reader_that_stands_still_does_not_hold_up_a_stop);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
