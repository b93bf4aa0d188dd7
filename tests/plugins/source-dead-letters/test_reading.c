/* SPDX-License-Identifier: Apache-2.0 */
/* Letters in files that are renamed, moved away and written anew while they are read. */
#include "harness.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static char path[96];
static char said[4096];
static struct harness *harness;
static struct harness_task *task;
static struct harness_partitions partitions;
static struct harness_writer writer;

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/pipehost-letters-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/dead.jsonl", folder);
}

static void name_of(char out[128], const char *suffix)
{
    (void)snprintf(out, 128, "%s%s", path, suffix);
}

static void tear_down(void)
{
    static const char *const suffixes[] = {"", ".1", ".2", ".3", ".away"};
    char name[128];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        name_of(name, suffixes[i]);
        (void)unlink(name);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *suffix, const char *text)
{
    char name[128];
    name_of(name, suffix);
    FILE *f = fopen(name, "a");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* A letter of that many microseconds past 2024, of an operator. */
static void put_letter(const char *suffix, int us, const char *operator_name, const char *source)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "{\"time\":\"2024-01-01T00:00:00.%06dZ\",\"pipeline\":\"p\",\"operator\":\"%s\","
                   "\"source\":\"%s\",\"offset\":1,\"value\":\"v%d\"}\n",
                   us, operator_name, source, us);
    put(suffix, text);
}

static void put_plain(const char *suffix, int us)
{
    put_letter(suffix, us, "k", "s");
}

static void move(const char *from, const char *to)
{
    char a[128];
    char b[128];
    name_of(a, from);
    name_of(b, to);
    ck_assert_int_eq(rename(a, b), 0);
}

#define BASE_US INT64_C(1704067200000000)

static void open_at(int64_t offset, const struct harness_setting *more, uint32_t count)
{
    struct harness_setting settings[8] = {{"path", path, NULL, 0}};
    const struct ph_source_ops *ops;
    struct ph_position from = {.next_offset = offset};
    for (uint32_t i = 0; i < count; i++) {
        settings[i + 1] = more[i];
    }
    harness = harness_open(SOURCE_DEAD_LETTERS_SO, NULL, "p", "letters");
    ck_assert_ptr_nonnull(harness);
    ck_assert_int_eq(harness_init(harness, settings, count + 1), PH_OK);
    task = harness_task_create(harness, 0);
    harness_writer_init(&writer);
    harness_partitions_init(&partitions);
    ops = harness->descriptor->source;
    ck_assert_msg(harness_activate(task) == PH_OK, "%s", harness->error.text);
    ck_assert_int_eq(ops->partitions(task->self, &partitions.list, harness_error(harness)), PH_OK);
    ck_assert_uint_eq(partitions.count, 1);
    ck_assert_str_eq(partitions.items[0].topic, path);
    ck_assert_int_eq(ops->start(task->self, &partitions.items[0], &from, harness_error(harness)),
                     PH_OK);
}

static void close_all(void)
{
    harness_writer_clear(&writer);
    harness_partitions_fini(&partitions);
    harness_task_destroy(task);
    harness_close(harness);
}

/* One poll: "offset:value …" of what it gave, offsets from BASE_US. */
static const char *poll_once(int32_t wanted)
{
    size_t used = 0;
    uint32_t before = writer.count;
    ck_assert_int_eq(
        harness->descriptor->source->poll(task->self, &writer.writer, harness_error(harness)),
        wanted);
    said[0] = '\0';
    for (uint32_t i = before; i < writer.count; i++) {
        const struct ph_record *record = &writer.records[i].record;
        used += (size_t)snprintf(said + used, sizeof said - used, "%lld:%.*s ",
                                 (long long)(record->offset - BASE_US), (int)record->value_length,
                                 (const char *)record->value);
    }
    return said;
}

static const struct harness_setting follow[] = {{"follow", "true", NULL, 0}};

START_TEST(older_files_come_first_and_each_start_goes_on_behind_its_position)
{
    put_plain(".2", 1);
    put_plain(".1", 2);
    put_plain("", 3);
    put_plain("", 4);
    open_at(0, NULL, 0);
    ck_assert_str_eq(poll_once(PH_END), "1:v1 2:v2 3:v3 4:v4 ");
    ck_assert_int_eq(writer.advances[0].next_offset, BASE_US + 5);
    close_all();
    move(".1", ".away"); /* neither this nor a renaming changes a letter's place */
    move("", ".1");
    put_plain("", 5);
    open_at(BASE_US + 4, NULL, 0);
    ck_assert_str_eq(poll_once(PH_END), "4:v4 5:v5 ");
    close_all();
}
END_TEST

START_TEST(letters_of_one_time_count_on)
{
    put_plain("", 7);
    put_plain("", 7);
    put_plain("", 8);
    open_at(BASE_US + 8, NULL, 0);
    ck_assert_str_eq(poll_once(PH_END), "8:v7 9:v8 ");
    close_all();
}
END_TEST

START_TEST(only_letters_of_an_operator_and_of_their_replays_are_given)
{
    const struct harness_setting own[] = {
        {"operator", "k", NULL, 0}, {"source", "s", NULL, 0}, {"pipeline", "p", NULL, 0}};
    put_letter("", 1, "k", "s");
    put_letter("", 2, "j", "s");
    put_letter("", 3, "k", "t");
    put_letter("", 4, "u", "s:k");
    put_letter("", 5, "k", "s:j");
    put_letter("", 6, "k", "s");
    put_letter("", 7, "j", "s");
    open_at(0, own, 3);
    ck_assert_str_eq(poll_once(PH_END), "1:v1 4:v4 6:v6 ");
    ck_assert_int_eq(harness_counter(task, "others"), 4);
    ck_assert_int_eq(writer.advances[0].next_offset, BASE_US + 8);
    close_all();
}
END_TEST

START_TEST(what_is_no_letter_is_told_with_its_place_and_the_others_come)
{
    char text[256];
    put_plain(".1", 1);
    put(".1", "{\"time\":\"2024-01-01T00:00:00.000002Z\",\"pipe\n");
    put("", "\nhello\n");
    put_plain("", 3);
    put("", "{\"time\":\"2024-01-01T00:00:00.000004Z\",\"operator\":\"k\",\"value\":\"x\","
            "\"value_bytes\":9}\n{\"time\":\"2024-01");
    open_at(0, NULL, 0);
    ck_assert_str_eq(poll_once(PH_END), "1:v1 3:v3 ");
    ck_assert_int_eq(harness_counter(task, "bad_lines"), 4);
    (void)snprintf(text, sizeof text, "%s.1:2: this is no dead letter: passed over", path);
    ck_assert(harness_logged(harness, text));
    (void)snprintf(text, sizeof text, "%s:2: this is no dead letter: passed over", path);
    ck_assert(harness_logged(harness, text));
    (void)snprintf(text, sizeof text, "%s:4: the letter has only a part of its record's value",
                   path);
    ck_assert(harness_logged(harness, text));
    (void)snprintf(text, sizeof text, "%s:5: it ends within a letter: passed over", path);
    ck_assert(harness_logged(harness, text));
    close_all();
}
END_TEST

START_TEST(a_followed_file_is_waited_for_and_a_torn_line_until_it_is_whole)
{
    open_at(0, follow, 1);
    ck_assert_str_eq(poll_once(PH_IDLE), "");
    ck_assert_int_gt(task->deadline_ns, harness_now_ns());
    put_plain("", 1);
    ck_assert_str_eq(poll_once(PH_IDLE), "1:v1 ");
    put("", "{\"time\":\"2024-01-01T00:00:00.000002Z\",\"operator\":\"k\",");
    ck_assert_str_eq(poll_once(PH_IDLE), "");
    put("", "\"value\":\"v2\"}\n");
    ck_assert_str_eq(poll_once(PH_IDLE), "2:v2 ");
    ck_assert_int_eq(harness_counter(task, "bad_lines"), 0);
    close_all();
}
END_TEST

START_TEST(a_followed_file_is_followed_through_its_renamings)
{
    put_plain("", 1);
    open_at(0, follow, 1);
    ck_assert_str_eq(poll_once(PH_IDLE), "1:v1 ");
    put_plain("", 2); /* written just before it was full */
    move("", ".1");
    ck_assert_str_eq(poll_once(PH_IDLE), "2:v2 ");
    put_plain("", 3);
    move(".1", ".2"); /* two at once */
    move("", ".1");
    put_plain("", 4);
    ck_assert_str_eq(poll_once(PH_IDLE), "3:v3 4:v4 ");
    move("", ".away");
    ck_assert_str_eq(poll_once(PH_IDLE), "");
    put_plain("", 5);
    ck_assert_str_eq(poll_once(PH_IDLE), "5:v5 ");
    close_all();
}
END_TEST

START_TEST(a_file_that_is_written_anew_gives_no_letter_twice)
{
    put_plain("", 1);
    put_plain("", 2);
    open_at(0, follow, 1);
    ck_assert_str_eq(poll_once(PH_IDLE), "1:v1 2:v2 ");
    put_plain(".away", 2); /* 1 was discarded */
    move(".away", "");
    put_plain("", 3);
    ck_assert_str_eq(poll_once(PH_IDLE), "3:v3 ");
    close_all();
}
END_TEST

START_TEST(a_run_ends_with_what_was_there_when_it_began)
{
    put_plain("", 1);
    open_at(0, NULL, 0);
    put_plain("", 2);
    ck_assert_str_eq(poll_once(PH_END), "1:v1 ");
    close_all();
}
END_TEST

START_TEST(letters_themselves_come_as_they_are)
{
    const struct harness_setting letters[] = {{"records", "letters", NULL, 0}};
    put("",
        "{\"time\":\"2024-01-01T00:00:00.000002Z\",\"operator\":\"k\",\"value\":\"\\u0041\"}\n");
    open_at(0, letters, 1);
    ck_assert_str_eq(poll_once(PH_END), "2:{\"time\":\"2024-01-01T00:00:00.000002Z\",\"operator\":"
                                        "\"k\",\"value\":\"\\u0041\"} ");
    close_all();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reading");
    TCase *tc = tcase_create("reading");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, older_files_come_first_and_each_start_goes_on_behind_its_position);
    tcase_add_test(tc, letters_of_one_time_count_on);
    tcase_add_test(tc, only_letters_of_an_operator_and_of_their_replays_are_given);
    tcase_add_test(tc, what_is_no_letter_is_told_with_its_place_and_the_others_come);
    tcase_add_test(tc, a_followed_file_is_waited_for_and_a_torn_line_until_it_is_whole);
    tcase_add_test(tc, a_followed_file_is_followed_through_its_renamings);
    tcase_add_test(tc, a_file_that_is_written_anew_gives_no_letter_twice);
    tcase_add_test(tc, a_run_ends_with_what_was_there_when_it_began);
    tcase_add_test(tc, letters_themselves_come_as_they_are);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
