/* SPDX-License-Identifier: Apache-2.0 */
/* The file of answers while SQLite's allocations fail, each in turn. */
#include "store_file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROWS 40u
#define NOW  INT64_C(1000000)

static char folder[40];
static char path[64];
static sqlite3_mem_methods real;
static int64_t left; /* the allocation that fails, 1 = the next; 0 = none */
static struct store_file file;
static struct ph_error err;
static uint32_t visited;

static bool fails_now(void)
{
    return left > 0 && --left == 0;
}

static void *failing_malloc(int size)
{
    return fails_now() ? NULL : real.xMalloc(size);
}

static void *failing_realloc(void *old, int size)
{
    return fails_now() ? NULL : real.xRealloc(old, size);
}

static void set_up(void)
{
    sqlite3_mem_methods methods;
    ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real), SQLITE_OK);
    methods = real;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    ck_assert_int_eq(sqlite3_initialize(), SQLITE_OK);
    /* Hundreds of files are synced: in memory where there is such a folder. */
    (void)snprintf(folder, sizeof folder, "%s/geolocate-file-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/cache", folder);
}

static void remove_file(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (uint32_t i = 0; i < 4; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static void tear_down(void)
{
    remove_file();
    ck_assert_int_eq(rmdir(folder), 0);
}

static enum store_file_state open_file(void)
{
    char why[128];
    ph_error_clear(&err);
    return store_file_open(&file, path, "http://api/", 32, why, sizeof why, &err);
}

static int write_rows(void)
{
    struct store_row rows[ROWS];
    memset(rows, 0, sizeof rows);
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i].address.bytes[15] = (uint8_t)i;
        rows[i].expires_wall_ms = NOW + 1000 + i;
        rows[i].text = "{\"country\":\"US\"}";
        rows[i].text_length = 16;
    }
    return store_file_write(&file, rows, ROWS, NOW);
}

static void visit(void *context, const struct store_row *row)
{
    (void)context;
    ck_assert_uint_eq(row->text_length, 16);
    ck_assert_uint_ge(row->address.bytes[15], ROWS - 30);
    visited++;
}

/* True: nothing failed. */
static bool open_load_and_write(int64_t number)
{
    left = number;
    enum store_file_state state = open_file();
    ck_assert_int_ne(state, STORE_FILE_BAD);
    if (state == STORE_FILE_OPEN) {
        ck_assert(store_file_load(&file, NOW, visit, NULL));
        int code = write_rows();
        ck_assert(code == SQLITE_OK || left == 0);
    } else {
        ck_assert_uint_eq(err.flags, PH_ERR_RETRIABLE);
    }
    store_file_close(&file);
    bool has_failed = left == 0;
    left = 0;
    return !has_failed;
}

static void expect_whole(void)
{
    ck_assert_int_eq(open_file(), STORE_FILE_OPEN);
    ck_assert_int_eq(write_rows(), SQLITE_OK);
    visited = 0;
    ck_assert(store_file_load(&file, NOW, visit, NULL));
    ck_assert_uint_eq(visited, 30);
    store_file_close(&file);
}

START_TEST(a_new_file_stays_whole_whichever_allocation_fails)
{
    int64_t number = 1;
    while (!open_load_and_write(number)) {
        expect_whole();
        remove_file();
        number++;
    }
    ck_assert_int_gt(number, 50);
    ck_assert_int_eq(sqlite3_memory_used(), 0);
}
END_TEST

START_TEST(a_full_file_stays_whole_whichever_allocation_fails)
{
    int64_t number = 1;
    expect_whole();
    while (!open_load_and_write(number)) {
        expect_whole();
        number++;
    }
    ck_assert_int_gt(number, 50);
}
END_TEST

START_TEST(the_first_to_expire_go_when_there_are_too_many)
{
    expect_whole();
    expect_whole();
    ck_assert_int_eq(open_file(), STORE_FILE_OPEN);
    visited = 0;
    ck_assert(store_file_load(&file, NOW + 1000 + ROWS - 2, visit, NULL));
    ck_assert_uint_eq(visited, 1);
    store_file_close(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate store file");
    TCase *tests = tcase_create("store file");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_new_file_stays_whole_whichever_allocation_fails);
    tcase_add_test(tests, a_full_file_stays_whole_whichever_allocation_fails);
    tcase_add_test(tests, the_first_to_expire_go_when_there_are_too_many);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
