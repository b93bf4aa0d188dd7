/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/ledger.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[96];
static struct partitions table;
static struct ph_error err;

static void set_up(void)
{
    static const char *const topics[] = {"t", "t", "other topic"};
    (void)snprintf(folder, sizeof folder, "/tmp/ledger-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/k.positions", folder);
    ph_error_clear(&err);
    for (int32_t i = 0; i < 3; i++) {
        uint32_t id;
        ck_assert_int_eq(partitions_add(&table, "events", topics[i], i % 2, "", &id, &err), PH_OK);
        ck_assert_uint_eq(id, (uint32_t)i);
    }
}

static void tear_down(void)
{
    partitions_fini(&table);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static int32_t read_three(struct ledger *l, int64_t *offsets)
{
    struct ph_partition list[3];
    struct ph_position positions[3];
    for (uint32_t i = 0; i < 3; i++) {
        list[i] = *table.items[i];
        positions[i] = (struct ph_position){.partition_id = i, .next_offset = 77};
    }
    ph_error_clear(&err);
    int32_t rc = ledger_read(l, list, 3, positions, &err);
    for (uint32_t i = 0; i < 3; i++) {
        offsets[i] = positions[i].next_offset;
    }
    return rc;
}

static void expect_three(struct ledger *l, int64_t a, int64_t b, int64_t c)
{
    int64_t offsets[3];
    ck_assert_msg(read_three(l, offsets) == PH_OK, "%s", err.text);
    ck_assert_int_eq(offsets[0], a);
    ck_assert_int_eq(offsets[1], b);
    ck_assert_int_eq(offsets[2], c);
}

static int32_t write_one(struct ledger *l, uint32_t id, int64_t next_offset)
{
    struct ph_position position = {.partition_id = id, .next_offset = next_offset};
    ph_error_clear(&err);
    return ledger_write(l, &table, &position, 1, &err);
}

static struct ledger *reopen(struct ledger *l)
{
    ledger_destroy(l);
    l = ledger_create(path);
    ck_assert_ptr_nonnull(l);
    return l;
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(positions_are_read_again)
{
    struct ledger *l = reopen(NULL);
    expect_three(l, -1, -1, -1);
    ck_assert_int_eq(write_one(l, 0, 5), PH_OK);
    ck_assert_int_eq(write_one(l, 2, 7), PH_OK);
    ck_assert_int_eq(write_one(l, 0, 6), PH_OK);
    expect_three(l, 6, -1, 7);
    l = reopen(l);
    expect_three(l, 6, -1, 7);
    ck_assert_int_eq(write_one(l, 1, 0), PH_OK);
    l = reopen(l);
    expect_three(l, 6, 0, 7);
    ledger_destroy(l);
}
END_TEST

/* The file of an earlier version has none. */
START_TEST(a_fingerprint_is_kept_with_its_position)
{
    struct ph_position kept = {.partition_id = 1, .fingerprint = 0xbeef, .next_offset = 8};
    struct ph_position found = {.partition_id = 1};
    write_file("12 0 events t\n7:deadbeef 1 events t\n");
    struct ledger *l = reopen(NULL);
    ck_assert_int_eq(ledger_read(l, table.items[1], 1, &found, &err), PH_OK);
    ck_assert_int_eq(found.next_offset, 7);
    ck_assert_uint_eq(found.fingerprint, 0xdeadbeef);
    ck_assert_int_eq(ledger_write(l, &table, &kept, 1, &err), PH_OK);
    l = reopen(l);
    ck_assert_int_eq(ledger_read(l, table.items[1], 1, &found, &err), PH_OK);
    ck_assert_int_eq(found.next_offset, 8);
    ck_assert_uint_eq(found.fingerprint, 0xbeef);
    ck_assert_int_eq(ledger_read(l, table.items[0], 1, &found, &err), PH_OK);
    ck_assert_int_eq(found.next_offset, 12);
    ck_assert_uint_eq(found.fingerprint, 0);
    ledger_destroy(l);
}
END_TEST

static char looked[128];

static int32_t look(void *arg, const char *source, const char *topic, int32_t partition,
                    const struct ph_position *position)
{
    size_t length = strlen(looked);
    ck_assert_ptr_eq(arg, looked);
    ck_assert_str_eq(source, "events");
    (void)snprintf(looked + length, sizeof looked - length, "%s/%d:%lld:%x ", topic, partition,
                   (long long)position->next_offset, position->fingerprint);
    return PH_OK;
}

static const char *look_at(struct ledger *l)
{
    looked[0] = '\0';
    ck_assert_int_eq(ledger_look(l, look, looked, &err), PH_OK);
    return looked;
}

/* A running pipeline may be in the middle of a line. */
START_TEST(looking_changes_nothing)
{
    struct stat before;
    struct stat after;
    struct ledger *l = reopen(NULL);
    ck_assert_str_eq(look_at(l), "");
    ck_assert_int_ne(access(path, F_OK), 0);
    write_file("12 0 events t\n7:ab 0 events other topic\n13 0 events t\n14 1 eve");
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_str_eq(look_at(l), "t/0:13:0 other topic/0:7:ab ");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_int_eq(after.st_size, before.st_size);
    ledger_destroy(l);
}
END_TEST

START_TEST(what_is_forgotten_stands_nowhere)
{
    write_file("12 0 events t\n13 1 events t\n14 0 events other topic\n");
    struct ledger *l = reopen(NULL);
    struct ph_partition gone[] = {*table.items[0], *table.items[2]};
    ck_assert_int_eq(ledger_forget(l, gone, 2, &err), PH_OK);
    expect_three(l, -1, 13, -1);
    l = reopen(l);
    expect_three(l, -1, 13, -1);
    ck_assert_int_eq(write_one(l, 0, 5), PH_OK);
    l = reopen(l);
    expect_three(l, 5, 13, -1);
    ledger_destroy(l);
}
END_TEST

START_TEST(half_a_line_does_not_count)
{
    write_file("12 0 events t\n13 1 events t\n9999 0 eve");
    struct ledger *l = reopen(NULL);
    expect_three(l, 12, 13, -1);
    ck_assert_int_eq(write_one(l, 2, 1), PH_OK);
    l = reopen(l);
    expect_three(l, 12, 13, 1);
    ledger_destroy(l);
}
END_TEST

START_TEST(a_line_that_is_no_position_is_refused)
{
    char expected[256];
    int64_t offsets[3];
    write_file("12 0 events t\nhello\n");
    struct ledger *l = reopen(NULL);
    ck_assert_int_eq(read_three(l, offsets), PH_ERROR);
    ck_assert_uint_eq(err.flags, PH_ERR_FATAL);
    (void)snprintf(
        expected, sizeof expected,
        "%s line 2 is no position: restore the file, or remove it: the next start says how "
        "to begin without it",
        path);
    ck_assert_str_eq(err.text, expected);
    ledger_destroy(l);
}
END_TEST

START_TEST(a_full_disk_changes_nothing_and_passes)
{
    struct rlimit before;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    struct ledger *l = reopen(NULL);
    expect_three(l, -1, -1, -1);
    ck_assert_int_eq(write_one(l, 0, 5), PH_OK);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 20, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(write_one(l, 0, 1234567), PH_ERROR);
    ck_assert_uint_eq(err.flags, PH_ERR_RETRIABLE);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_three(l, 5, -1, -1);
    ck_assert_int_eq(write_one(l, 0, 1234567), PH_OK);
    l = reopen(l);
    expect_three(l, 1234567, -1, -1);
    ledger_destroy(l);
}
END_TEST

START_TEST(a_long_file_is_written_anew)
{
    struct stat s;
    struct ledger *l = reopen(NULL);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 100000; i++) {
        (void)fprintf(f, "%d %d events t\n", i, i % 2);
    }
    ck_assert_int_eq(fclose(f), 0);
    expect_three(l, 99998, 99999, -1);
    ck_assert_int_eq(stat(path, &s), 0);
    ck_assert_int_lt(s.st_size, 100);
    ck_assert_int_eq(write_one(l, 2, 3), PH_OK);
    l = reopen(l);
    expect_three(l, 99998, 99999, 3);
    ledger_destroy(l);
}
END_TEST

START_TEST(a_missing_folder_is_retriable)
{
    int64_t offsets[3];
    struct ledger *l = ledger_create("/nowhere/at/all");
    ck_assert_int_eq(read_three(l, offsets), PH_ERROR);
    ck_assert_uint_eq(err.flags, PH_ERR_RETRIABLE);
    ck_assert_str_eq(
        err.text, "the positions in /nowhere/at/all cannot be opened: No such file or directory");
    ledger_destroy(l);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tc = tcase_create("file");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, positions_are_read_again);
    tcase_add_test(tc, a_fingerprint_is_kept_with_its_position);
    tcase_add_test(tc, looking_changes_nothing);
    tcase_add_test(tc, what_is_forgotten_stands_nowhere);
    tcase_add_test(tc, half_a_line_does_not_count);
    tcase_add_test(tc, a_line_that_is_no_position_is_refused);
    tcase_add_test(tc, a_full_disk_changes_nothing_and_passes);
    tcase_add_test(tc, a_long_file_is_written_anew);
    tcase_add_test(tc, a_missing_folder_is_retriable);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
