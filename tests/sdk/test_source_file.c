/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct reading {
    char path[64];
    struct harness *harness;
    struct harness_task *task;
    struct harness_partitions partitions;
    struct harness_writer writer;
};

static void open_file(struct reading *r, const char *text, size_t length)
{
    struct harness_setting settings[] = {{"path", r->path, NULL, 0}};
    memset(r, 0, sizeof *r);
    (void)snprintf(r->path, sizeof r->path, "/tmp/pipehost-source-file-XXXXXX");
    int fd = mkstemp(r->path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, length), (ssize_t)length);
    (void)close(fd);
    r->harness = harness_open(SOURCE_FILE_SO, NULL, "pipeline", "lines");
    ck_assert_ptr_nonnull(r->harness);
    ck_assert_int_eq(harness_init(r->harness, settings, 1), PH_OK);
    r->task = harness_task_create(r->harness, 0);
    ck_assert_ptr_nonnull(r->task);
    harness_writer_init(&r->writer);
    harness_partitions_init(&r->partitions);
}

static void close_file(struct reading *r)
{
    harness_writer_clear(&r->writer);
    harness_partitions_fini(&r->partitions);
    harness_task_destroy(r->task);
    harness_close(r->harness);
    (void)unlink(r->path);
}

static int32_t start_at(struct reading *r, int64_t offset)
{
    const struct ph_source_ops *ops = r->harness->descriptor->source;
    ck_assert_msg(harness_activate(r->task) == PH_OK, "%s", r->harness->error.text);
    ck_assert_int_eq(ops->partitions(r->task->self, &r->partitions.list, harness_error(r->harness)),
                     PH_OK);
    ck_assert_uint_eq(r->partitions.count, 1);
    struct ph_position from = {.next_offset = offset};
    return ops->start(r->task->self, &r->partitions.items[0], &from, harness_error(r->harness));
}

static int32_t poll_file(struct reading *r)
{
    return r->harness->descriptor->source->poll(r->task->self, &r->writer.writer,
                                                harness_error(r->harness));
}

/* "offset:line offset:line … |end" of all records from a position on. */
static const char *read_from(const char *text, int64_t offset)
{
    static char said[1024];
    struct reading r;
    size_t used = 0;
    open_file(&r, text, strlen(text));
    ck_assert_int_eq(start_at(&r, offset), PH_OK);
    ck_assert_int_eq(poll_file(&r), PH_END);
    for (uint32_t i = 0; i < r.writer.count; i++) {
        const struct ph_record *record = &r.writer.records[i].record;
        used += (size_t)snprintf(said + used, sizeof said - used, "%lld:%.*s ",
                                 (long long)record->offset, (int)record->value_length,
                                 (const char *)record->value);
    }
    ck_assert_uint_eq(r.writer.advance_count, 1);
    (void)snprintf(said + used, sizeof said - used, "|%lld",
                   (long long)r.writer.advances[0].next_offset);
    close_file(&r);
    return said;
}

START_TEST(each_line_is_a_record_at_its_byte_offset)
{
    ck_assert_str_eq(read_from("ab\ncde\nf\n", 0), "0:ab 3:cde 7:f |9");
}
END_TEST

START_TEST(the_last_line_needs_no_line_break)
{
    ck_assert_str_eq(read_from("ab\ncde", 0), "0:ab 3:cde |6");
}
END_TEST

START_TEST(blank_lines_are_passed_over)
{
    ck_assert_str_eq(read_from("\n\nab\n \t\r\ncd\n\n", 0), "2:ab 9:cd |13");
    ck_assert_str_eq(read_from("", 0), "|0");
    ck_assert_str_eq(read_from("\n", 0), "|1");
}
END_TEST

/* What the host knows after record n is n's offset + 1: from there the next line follows. */
START_TEST(a_start_goes_on_with_the_first_line_from_there_on)
{
    static const char text[] = "ab\ncde\n\nf";
    static const char *const expected[] = {"0:ab 3:cde 8:f |9",
                                           "3:cde 8:f |9",
                                           "3:cde 8:f |9",
                                           "3:cde 8:f |9",
                                           "8:f |9",
                                           "8:f |9",
                                           "8:f |9",
                                           "8:f |9",
                                           "8:f |9",
                                           "|9"};
    for (int64_t at = 0; at < 10; at++) {
        ck_assert_str_eq(read_from(text, at), expected[at]);
    }
}
END_TEST

START_TEST(a_position_behind_the_file_is_refused)
{
    struct reading r;
    open_file(&r, "ab\n", 3);
    ck_assert_int_eq(start_at(&r, 50), PH_ERROR);
    ck_assert_ptr_nonnull(strstr(r.harness->error.text,
                                 ": the position to go on from is byte 50, but the file has 3: it "
                                 "is not the file that was read before"));
    close_file(&r);
}
END_TEST

START_TEST(a_full_batch_is_gone_on_from)
{
    struct reading r;
    open_file(&r, "a\nb\nc\n", 6);
    ck_assert_int_eq(start_at(&r, 0), PH_OK);
    r.writer.capacity = 2;
    ck_assert_int_eq(poll_file(&r), PH_OK);
    ck_assert_uint_eq(r.writer.count, 2);
    ck_assert_int_eq(poll_file(&r), PH_OK);
    harness_writer_clear(&r.writer);
    ck_assert_int_eq(poll_file(&r), PH_END);
    ck_assert_uint_eq(r.writer.count, 1);
    ck_assert_int_eq(r.writer.records[0].record.offset, 4);
    ck_assert_int_eq(*(const char *)r.writer.records[0].record.value, 'c');
    close_file(&r);
}
END_TEST

/* Lines of many lengths, so that breaks fall on every place of the buffer. */
START_TEST(lines_longer_than_the_buffer_stay_whole)
{
    enum { LINES = 40 };
    static const size_t unit = 20011;
    size_t lengths[LINES];
    size_t total = 0;
    struct reading r;
    for (size_t i = 0; i < LINES; i++) {
        lengths[i] = i * unit + 1;
        total += lengths[i] + 1;
    }
    char *text = malloc(total);
    ck_assert_ptr_nonnull(text);
    char *at = text;
    for (size_t i = 0; i < LINES; i++) {
        memset(at, 'a' + (int)(i % 26), lengths[i]);
        at[lengths[i]] = '\n';
        at += lengths[i] + 1;
    }
    open_file(&r, text, total);
    ck_assert_int_eq(start_at(&r, 0), PH_OK);
    ck_assert_int_eq(poll_file(&r), PH_END);
    ck_assert_uint_eq(r.writer.count, LINES);
    int64_t offset = 0;
    for (size_t i = 0; i < LINES; i++) {
        const struct ph_record *record = &r.writer.records[i].record;
        ck_assert_int_eq(record->offset, offset);
        ck_assert_uint_eq(record->value_length, lengths[i]);
        ck_assert_int_eq(memcmp(record->value, text + offset, lengths[i]), 0);
        offset += (int64_t)lengths[i] + 1;
    }
    close_file(&r);
    free(text);
}
END_TEST

/* Above the longest record that a manifest can allow (64 MiB). */
START_TEST(a_line_beyond_all_limits_is_cut_and_the_next_one_read)
{
    const size_t length = (size_t)100 << 20;
    struct reading r;
    char *text = malloc(length + 4);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', length);
    memcpy(text + length, "\nok\n", 4);
    open_file(&r, text, length + 4);
    free(text);
    ck_assert_int_eq(start_at(&r, 0), PH_OK);
    ck_assert_int_eq(poll_file(&r), PH_END);
    ck_assert_uint_eq(r.writer.count, 2);
    ck_assert_uint_gt(r.writer.records[0].record.value_length, 64u << 20);
    ck_assert_uint_eq(r.writer.records[1].record.value_length, 2);
    ck_assert_int_eq(r.writer.records[1].record.offset, (int64_t)length + 1);
    close_file(&r);
}
END_TEST

START_TEST(a_lane_without_the_partition_is_at_its_end)
{
    struct reading r;
    open_file(&r, "a\n", 2);
    ck_assert_int_eq(harness_activate(r.task), PH_OK);
    ck_assert_int_eq(poll_file(&r), PH_END);
    ck_assert_uint_eq(r.writer.count, 0);
    close_file(&r);
}
END_TEST

static void check_refused(const char *path, const char *sentence)
{
    struct harness_setting settings[] = {{"path", path, NULL, 0}};
    struct harness *h = harness_open(SOURCE_FILE_SO, NULL, "pipeline", "lines");
    ck_assert_int_eq(harness_init(h, settings, 1), PH_OK);
    struct harness_task *t = harness_task_create(h, 0);
    ck_assert_int_eq(harness_activate(t), PH_ERROR);
    ck_assert_str_eq(h->error.text, sentence);
    ck_assert_str_eq(h->error.config_key, "/path");
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    harness_task_destroy(t);
    harness_close(h);
}

START_TEST(what_cannot_be_read_is_refused_with_its_name)
{
    check_refused("/nowhere/try.jsonl",
                  "/nowhere/try.jsonl cannot be opened: No such file or directory");
    check_refused("/tmp", "/tmp is no regular file");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source-file");
    TCase *c = tcase_create("lines");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, each_line_is_a_record_at_its_byte_offset);
    tcase_add_test(c, the_last_line_needs_no_line_break);
    tcase_add_test(c, blank_lines_are_passed_over);
    tcase_add_test(c, a_start_goes_on_with_the_first_line_from_there_on);
    tcase_add_test(c, a_position_behind_the_file_is_refused);
    tcase_add_test(c, a_full_batch_is_gone_on_from);
    tcase_add_test(c, lines_longer_than_the_buffer_stay_whole);
    tcase_add_test(c, a_line_beyond_all_limits_is_cut_and_the_next_one_read);
    tcase_add_test(c, a_lane_without_the_partition_is_at_its_end);
    tcase_add_test(c, what_cannot_be_read_is_refused_with_its_name);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
