/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/dead_letter.h"
#include "delivery/letter_file.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[96];

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/letter-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/dead.jsonl", folder);
}

static void tear_down(void)
{
    DIR *d = opendir(folder);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char name[400];
        (void)snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
        (void)unlink(name);
    }
    (void)closedir(d);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* The content of PATH.n, 0 = PATH; null: it is not there. */
static const char *content_of(uint32_t n)
{
    static char content[8192];
    char name[128];
    (void)snprintf(name, sizeof name, n == 0 ? "%s" : "%s.%u", path, n);
    FILE *f = fopen(name, "r");
    if (f == NULL) {
        return NULL;
    }
    size_t length = fread(content, 1, sizeof content - 1, f);
    content[length] = '\0';
    ck_assert_int_eq(fclose(f), 0);
    return content;
}

static void expect_content(uint32_t n, const char *expected)
{
    const char *content = content_of(n);
    ck_assert_msg(content != NULL && strcmp(content, expected) == 0, "file %u has %s, not %s", n,
                  content == NULL ? "(nothing)" : content, expected);
}

static int32_t append(struct letter_file *f, const char *line, struct ph_error *err)
{
    ph_error_clear(err);
    return letter_file_append(f, line, strlen(line), err);
}

static void move_away(uint32_t n)
{
    char from[128];
    char to[128];
    (void)snprintf(from, sizeof from, n == 0 ? "%s" : "%s.%u", path, n);
    (void)snprintf(to, sizeof to, "%s/away.%u", folder, n);
    ck_assert_int_eq(rename(from, to), 0);
}

START_TEST(a_full_file_becomes_the_first_older_one)
{
    struct letter_file f;
    struct ph_error err;
    ck_assert(letter_file_init(&f, path, 10, 3));
    ck_assert_int_eq(append(&f, "1234\n", &err), PH_OK);
    ck_assert_int_eq(append(&f, "5678\n", &err), PH_OK);
    ck_assert_ptr_null(content_of(1));
    ck_assert_int_eq(append(&f, "9\n", &err), PH_OK);
    ck_assert_int_eq(append(&f, "longer than a file may be\n", &err), PH_OK);
    expect_content(2, "1234\n5678\n");
    expect_content(1, "9\n");
    expect_content(0, "longer than a file may be\n");
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777u, 0600);
    letter_file_fini(&f);
}
END_TEST

START_TEST(when_all_are_full_it_waits_for_room_and_removes_nothing)
{
    struct letter_file f;
    struct ph_error err;
    char expected[400];
    ck_assert(letter_file_init(&f, path, 4, 3));
    ck_assert_int_eq(append(&f, "one\n", &err), PH_OK);
    ck_assert_int_eq(append(&f, "two\n", &err), PH_OK);
    ck_assert_int_eq(append(&f, "three\n", &err), PH_OK);
    for (int tries = 0; tries < 3; tries++) {
        ck_assert_int_eq(append(&f, "four\n", &err), PH_ERROR);
        ck_assert_uint_eq(err.flags, PH_ERR_RETRIABLE);
    }
    (void)snprintf(expected, sizeof expected,
                   "the dead letters are full: %s and each older one has dead_letter.max_mib (0), "
                   "and there are dead_letter.files (3) already: once one is moved away this goes "
                   "on",
                   path);
    ck_assert_str_eq(err.text, expected);
    expect_content(2, "one\n");
    expect_content(1, "two\n");
    expect_content(0, "three\n");
    move_away((uint32_t)_i); /* whichever it is, also the one that is open */
    ck_assert_int_eq(append(&f, "four\n", &err), PH_OK);
    expect_content(0, "four\n");
    ck_assert_int_eq(append(&f, "five\n", &err), PH_ERROR);
    letter_file_fini(&f);
}
END_TEST

START_TEST(a_file_that_somebody_moved_or_removed_gets_nothing_more)
{
    struct letter_file f;
    struct ph_error err;
    ck_assert(letter_file_init(&f, path, 1000, 3));
    ck_assert_int_eq(append(&f, "one\n", &err), PH_OK);
    move_away(0);
    ck_assert_int_eq(append(&f, "two\n", &err), PH_OK);
    expect_content(0, "two\n");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(append(&f, "three\n", &err), PH_OK);
    expect_content(0, "three\n");
    ck_assert_int_eq(letter_file_sync(&f, &err), PH_OK);
    letter_file_fini(&f);
}
END_TEST

static void collect(void *arg, const char *text, size_t length)
{
    char *out = arg;
    size_t used = strlen(out);
    (void)snprintf(out + used, 256 - used, "[%.*s]", (int)length, text);
}

START_TEST(each_line_of_each_file_is_read_the_newest_file_first)
{
    struct letter_file f;
    struct ph_error err;
    char lines[256] = "";
    ck_assert(letter_file_init(&f, path, 8, 3));
    ck_assert_int_eq(letter_file_each(&f, collect, lines, &err), PH_OK);
    ck_assert_str_eq(lines, "");
    ck_assert_ptr_null(content_of(0)); /* reading makes no file */
    ck_assert_int_eq(append(&f, "one\n", &err), PH_OK);
    ck_assert_int_eq(append(&f, "two\n", &err), PH_OK);
    ck_assert_int_eq(append(&f, "three\n", &err), PH_OK);
    letter_file_fini(&f);
    FILE *half = fopen(path, "a");
    ck_assert_ptr_nonnull(half);
    (void)fputs("half", half);
    ck_assert_int_eq(fclose(half), 0);
    ck_assert(letter_file_init(&f, path, 8, 3));
    ck_assert_int_eq(letter_file_each(&f, collect, lines, &err), PH_OK);
    ck_assert_str_eq(lines, "[three][half][one][two]");
    ck_assert(f.is_dirty); /* nobody knows whether it is durable */
    letter_file_fini(&f);
}
END_TEST

/* ---- letters of a process before ---- */

static const struct ph_partition partitions[] = {
    {.size = sizeof partitions[0],
     .source = "events",
     .topic = "t\",\"offset\":7,\"code\":",
     .partition = 3},
    {.size = sizeof partitions[0], .source = "events", .topic = "t", .partition = 3}};

struct written {
    uint32_t partition;
    int64_t offset;
    int32_t sub; /* -1 = none */
    const char *operator_name;
    const char *reason;
    const char *value;
};

static struct dead_letters *start(int64_t begin, struct dead_letters_recalled *recalled)
{
    struct dead_letter_settings settings = {.path = path};
    struct dead_letters *d = dead_letters_create("p", &settings);
    struct ph_error err;
    ph_error_clear(&err);
    ck_assert_ptr_nonnull(d);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(dead_letters_begin_at(d, &partitions[i], begin, &err), PH_OK);
    }
    ck_assert_int_eq(dead_letters_recall(d, recalled, &err), PH_OK);
    return d;
}

/* True where the letter was not there yet. */
static bool is_written(struct dead_letters *d, const struct written *w)
{
    struct ph_error err;
    uint64_t before = dead_letters_count(d);
    struct dead_letter letter = {
        .operator_name = w->operator_name,
        .partition = &partitions[w->partition],
        .offset = w->offset,
        .sub_index = (uint32_t)w->sub,
        .has_sub_index = w->sub >= 0,
        .code = "22001",
        .reason = w->reason,
        .value = {.data = (const uint8_t *)w->value, .length = (uint32_t)strlen(w->value)}};
    ph_error_clear(&err);
    ck_assert_int_eq(dead_letters_add(d, &letter, &err), PH_OK);
    return dead_letters_count(d) > before;
}

static const struct written letters[] = {
    {0, 12, -1, "rows", "too long", "v"}, {1, 12, -1, "rows", "too long", "v"},
    {1, 13, -1, "rows", "too long", "v"}, {1, 12, -1, "udf", "too long", "v"},
    {1, 12, 0, "udf", "too long", "v"},   {1, 12, 1, "udf", "too long", "v"},
    {1, 12, -1, "rows", "too long", "w"}, {1, 12, -1, "rows", "too long", "\xff"}};

#define LETTER_COUNT (sizeof letters / sizeof letters[0])

START_TEST(a_letter_is_written_once_whatever_is_read_again)
{
    struct dead_letters_recalled recalled;
    struct dead_letters *d = start(0, &recalled);
    ck_assert_uint_eq(recalled.count, 0);
    for (int round = 0; round < 2; round++) { /* of one process, then of three more */
        for (uint32_t i = 0; i < LETTER_COUNT; i++) {
            ck_assert_msg(is_written(d, &letters[i]) == (round == 0), "letter %u", i);
        }
    }
    dead_letters_destroy(d);
    for (int process = 0; process < 3; process++) {
        struct written other = letters[1];
        d = start(12, &recalled);
        ck_assert_uint_eq(recalled.count, LETTER_COUNT);
        other.reason = "told otherwise";
        ck_assert(!is_written(d, &other));
        for (uint32_t i = 0; i < LETTER_COUNT; i++) {
            ck_assert_msg(!is_written(d, &letters[i]), "letter %u again", i);
        }
        dead_letters_destroy(d);
    }
}
END_TEST

START_TEST(what_is_not_read_again_is_not_remembered)
{
    struct dead_letters_recalled recalled;
    struct dead_letters *d = start(0, &recalled);
    for (uint32_t i = 0; i < LETTER_COUNT; i++) {
        ck_assert(is_written(d, &letters[i]));
    }
    dead_letters_destroy(d);
    d = start(13, &recalled);
    ck_assert_uint_eq(recalled.count, 1);
    dead_letters_destroy(d);
}
END_TEST

START_TEST(a_letter_of_which_only_a_part_was_written_is_written_again)
{
    struct dead_letters_recalled recalled;
    struct stat s;
    struct dead_letters *d = start(0, &recalled);
    ck_assert(is_written(d, &letters[0]));
    dead_letters_destroy(d);
    ck_assert_int_eq(stat(path, &s), 0);
    off_t whole = s.st_size;
    for (off_t length = whole - 1; length > 0; length--) {
        ck_assert_int_eq(truncate(path, length), 0);
        d = start(0, &recalled);
        ck_assert_msg(is_written(d, &letters[0]) == (length < whole - 1), "%d of %d bytes",
                      (int)length, (int)whole); /* only the line break was missing */
        dead_letters_destroy(d);
        d = start(0, &recalled); /* behind half a line */
        ck_assert_uint_eq(recalled.count, 1);
        dead_letters_destroy(d);
    }
}
END_TEST

START_TEST(many_letters_are_remembered)
{
    struct dead_letters_recalled recalled;
    struct dead_letters *d = start(0, &recalled);
    struct written w = letters[1];
    for (w.offset = 0; w.offset < 5000; w.offset++) {
        ck_assert(is_written(d, &w));
    }
    dead_letters_destroy(d);
    d = start(1000, &recalled);
    ck_assert_uint_eq(recalled.count, 4000);
    for (w.offset = 1000; w.offset < 5000; w.offset++) {
        ck_assert(!is_written(d, &w));
    }
    ck_assert(is_written(d, &w));
    dead_letters_destroy(d);
}
END_TEST

/* ---- somebody else's file ---- */

static void put_content(const char *text, size_t length)
{
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(text, 1, length, out), length);
    ck_assert_int_eq(fclose(out), 0);
}

static int32_t check(struct ph_error *err)
{
    struct letter_file f;
    ck_assert(letter_file_init(&f, path, 1000, 2));
    ph_error_clear(err);
    int32_t result = letter_file_check(&f, err);
    letter_file_fini(&f);
    return result;
}

static const char *const foreign[] = {"{\"url\":\"/a\",\"ip\":\"10.0.0.1\"}\n",
                                      "{\"time\":\"2024-05-01T00:00:00Z\",\"level\":\"info\"}\n",
                                      "{\n  \"pipeline\": \"p\",\n  \"operators\": {}\n}\n",
                                      "\"pipeline\": \"operator\":\n",
                                      "x",
                                      "\n#!/bin/sh\n"};

START_TEST(a_file_of_somebody_else_is_refused_and_stays_as_it_is)
{
    struct ph_error err;
    char expected[256];
    put_content(foreign[_i], strlen(foreign[_i]));
    ck_assert_int_eq(check(&err), PH_ERROR);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
    (void)snprintf(expected, sizeof expected,
                   "%s holds something else than dead letters, which would be spoilt: name another "
                   "file, or move that one away",
                   path);
    ck_assert_str_eq(err.text, expected);
    expect_content(0, foreign[_i]);
}
END_TEST

START_TEST(letters_and_whatever_a_crash_left_of_the_first_one_are_accepted)
{
    struct dead_letters_recalled recalled;
    struct ph_error err;
    struct written quoted = letters[0];
    quoted.value = "{\"pipeline\":1}\n";
    struct dead_letters *d = start(0, &recalled);
    ck_assert(is_written(d, &quoted));
    dead_letters_destroy(d);
    static char whole[4096];
    (void)snprintf(whole, sizeof whole, "%s", content_of(0));
    size_t length = strlen(whole);
    for (size_t cut = 0; cut <= length; cut++) {
        put_content(whole, cut);
        ck_assert_msg(check(&err) == PH_OK, "%zu bytes: %s", cut, err.text);
        d = start(0, &recalled);
        (void)is_written(d, &letters[1]); /* behind it, on its own line */
        dead_letters_destroy(d);
        ck_assert_msg(check(&err) == PH_OK, "%zu bytes and a letter: %s", cut, err.text);
    }
}
END_TEST

START_TEST(a_letter_that_was_written_down_again_is_accepted)
{
    static const char text[] = "{\"operator\": \"rows\", \"pipeline\": \"p\", \"value\": \"v\"}\n";
    struct ph_error err;
    put_content(text, strlen(text));
    ck_assert_int_eq(check(&err), PH_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("letter file");
    TCase *tc = tcase_create("file");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, a_full_file_becomes_the_first_older_one);
    tcase_add_loop_test(tc, when_all_are_full_it_waits_for_room_and_removes_nothing, 0, 3);
    tcase_add_test(tc, a_file_that_somebody_moved_or_removed_gets_nothing_more);
    tcase_add_test(tc, each_line_of_each_file_is_read_the_newest_file_first);
    tcase_add_test(tc, a_letter_is_written_once_whatever_is_read_again);
    tcase_add_test(tc, what_is_not_read_again_is_not_remembered);
    tcase_add_test(tc, a_letter_of_which_only_a_part_was_written_is_written_again);
    tcase_add_test(tc, many_letters_are_remembered);
    tcase_add_loop_test(tc, a_file_of_somebody_else_is_refused_and_stays_as_it_is, 0,
                        (int)(sizeof foreign / sizeof foreign[0]));
    tcase_add_test(tc, letters_and_whatever_a_crash_left_of_the_first_one_are_accepted);
    tcase_add_test(tc, a_letter_that_was_written_down_again_is_accepted);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
