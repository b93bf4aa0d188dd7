/* SPDX-License-Identifier: Apache-2.0 */
/* The file in which answers outlive a restart. */
#include "fixture.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 100u

static struct fixture f;
static struct server *server;
static char endpoint[64];
static char folder[40];
static char path[64];
static char texts[MANY][24];
static const char *rows[MANY];

static void make_rows(void)
{
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "11.0.0.%u", i + 1);
        rows[i] = texts[i];
    }
}

static void set_up(void)
{
    make_rows();
    (void)snprintf(folder, sizeof folder, "/tmp/geolocate-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/cache", folder);
    server = server_start(fixture_answer, NULL);
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/",
                   (unsigned int)server_port(server));
}

static void tear_down(void)
{
    char command[64];
    server_stop(server);
    (void)snprintf(command, sizeof command, "%s", folder);
    pid_t pid = 0;
    const char *const arguments[] = {"rm", "-rf", command, NULL};
    ck_assert_int_eq(
        posix_spawnp(&pid, "rm", NULL, NULL, (char *const *)(uintptr_t)arguments, environ), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* ---- a life of the operator */

static void start(uint32_t lanes, const char *cache_entries, const char *ttl)
{
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"cache_file", path, NULL, 0},
                                               {"cache_entries", cache_entries, NULL, 0},
                                               {"ttl", ttl, NULL, 0}};
    fixture_open_alone(&f, lanes, settings, 4);
}

static void look_up(uint32_t lane, uint32_t count)
{
    ck_assert_int_eq(fixture_offer(&f, lane, rows, count), PH_OK);
    fixture_run_until(&f, lane, 1);
    for (uint32_t i = 0; i < count; i++) {
        fixture_expect_place(&f, lane, 0, i, rows[i]);
    }
}

/* One whole life; how many requests it took. */
static uint32_t live(uint32_t count)
{
    uint32_t before = server_requests(server);
    start(1, "100000", "24h");
    look_up(0, count);
    fixture_close(&f);
    return server_requests(server) - before;
}

static void run_until_counted(const char *counter, int64_t count)
{
    int64_t deadline_ns = harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
    while (fixture_counter(&f, counter) < count) {
        ck_assert_int_lt(harness_now_ns(), deadline_ns);
        ck_assert_int_ge(harness_pump(f.lanes[0], 20), 0);
    }
    ck_assert_int_eq(fixture_counter(&f, counter), count);
}

/* ---- the file */

static int64_t query(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    int code = sqlite3_step(statement);
    ck_assert(code == SQLITE_ROW || code == SQLITE_DONE);
    if (code == SQLITE_ROW) {
        value = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return value;
}

static void write_file(off_t from, const char *byte, uint32_t count)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(pwrite(fd, byte, 1, from + (off_t)i), 1);
    }
    (void)close(fd);
}

static void expect_aside(const char *why)
{
    start(1, "100000", "24h");
    ck_assert_msg(harness_logged(f.harness, why), "%s",
                  f.harness->log_count > 0 ? f.harness->log_lines[0] : "nothing was said");
    ck_assert(harness_logged(f.harness, "/cache.aside-"));
    look_up(0, 3);
    fixture_close(&f);
    ck_assert_uint_eq(live(3), 0);
}

/* A line of the log; the test ends where there is none. */
static const char *line_with(const char *text)
{
    for (uint32_t i = 0; i < f.harness->log_count; i++) {
        if (strstr(f.harness->log_lines[i], text) != NULL) {
            return f.harness->log_lines[i];
        }
    }
    ck_abort_msg("no line of the log has %s", text);
    return "";
}

/* ---- */

START_TEST(an_address_that_was_looked_up_before_a_restart_is_not_asked_again)
{
    ck_assert_uint_eq(live(MANY), MANY);
    start(2, "100000", "24h");
    ck_assert_int_eq(fixture_counter(&f, "cache_file_loaded"), MANY);
    look_up(0, MANY);
    look_up(1, MANY);
    ck_assert_int_eq(fixture_counter(&f, "cache_hits"), 2 * MANY);
    ck_assert_int_eq(fixture_counter(&f, "requests"), 0);
    fixture_close(&f);
}
END_TEST

START_TEST(the_file_is_for_its_owner_alone)
{
    struct stat status;
    char wal[80];
    write_file(0, "", 0);
    start(1, "100000", "24h");
    look_up(0, 3);
    run_until_counted("cache_file_written", 3);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    ck_assert_int_eq(stat(wal, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    fixture_close(&f);
}
END_TEST

START_TEST(answers_of_another_endpoint_are_dropped)
{
    ck_assert_uint_eq(live(3), 3);
    (void)snprintf(endpoint, sizeof endpoint, "http://localhost:%u/",
                   (unsigned int)server_port(server));
    ck_assert_uint_eq(live(3), 3);
    ck_assert_uint_eq(live(3), 0);
}
END_TEST

START_TEST(an_answer_that_has_expired_is_asked_for_again)
{
    start(1, "100000", "1");
    look_up(0, 1);
    int64_t expired_ns = harness_now_ns() + 10 * INT64_C(1000000);
    fixture_close(&f);
    while (harness_now_ns() < expired_ns) {
    }
    ck_assert_uint_eq(live(1), 1);
}
END_TEST

START_TEST(the_file_keeps_no_more_than_cache_entries)
{
    start(1, "64", "24h");
    look_up(0, MANY);
    fixture_close(&f);
    int64_t kept = query("SELECT count(*) FROM places");
    ck_assert_int_le(kept, 64);
    ck_assert_int_ge(kept, 60);
}
END_TEST

START_TEST(a_database_of_something_else_is_said_and_set_aside_unchanged)
{
    struct stat before;
    struct stat after;
    (void)query("CREATE TABLE accounts (name TEXT)");
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(stat(path, &before), 0);
    start(1, "100000", "24h");
    const char *said = line_with(".aside-");
    ck_assert_ptr_nonnull(strstr(said, "it is a database of something else; it is now /"));
    char aside[128];
    ck_assert_int_eq(sscanf(strstr(said, "it is now ") + 10, "%127[^,]", aside), 1);
    ck_assert_int_eq(stat(aside, &after), 0);
    ck_assert_uint_eq(after.st_ino, before.st_ino);
    ck_assert_uint_eq(after.st_mode, before.st_mode);
    ck_assert_int_eq(after.st_size, before.st_size);
    look_up(0, 3);
    fixture_close(&f);
}
END_TEST

START_TEST(a_file_of_another_version_is_said_and_set_aside)
{
    ck_assert_uint_eq(live(3), 3);
    (void)query("PRAGMA user_version = 2");
    expect_aside("its version is 2, not 1");
}
END_TEST

START_TEST(a_damaged_file_is_said_and_set_aside)
{
    struct stat status;
    ck_assert_uint_eq(live(MANY), MANY);
    ck_assert_int_eq(stat(path, &status), 0);
    write_file(4096, "\xff", (uint32_t)status.st_size - 4096);
    expect_aside("cannot be used");
}
END_TEST

START_TEST(a_file_whose_tables_were_changed_is_said_and_set_aside)
{
    ck_assert_uint_eq(live(3), 3);
    (void)query("DROP TABLE places");
    expect_aside("its tables are not as they should be");
}
END_TEST

START_TEST(rows_that_nobody_of_ours_wrote_are_passed_over)
{
    ck_assert_uint_eq(live(3), 3);
    (void)query("UPDATE places SET place = 'no object'");
    ck_assert_uint_eq(live(3), 3);
    (void)query("UPDATE places SET place = '{\"country\":}'");
    ck_assert_uint_eq(live(3), 3);
    (void)query("UPDATE places SET expires_ms = 9000000000000000000");
    ck_assert_uint_eq(live(3), 0);
    (void)query("UPDATE places SET place = zeroblob(10)");
    ck_assert_uint_eq(live(3), 3);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_costs_answers_and_one_sentence)
{
    sqlite3 *db = NULL;
    start(1, "100000", "24h");
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    look_up(0, 3);
    run_until_counted("cache_file_lost", 3);
    ck_assert(harness_logged(f.harness, "3 answers were not written to the cache file"));
    ck_assert(harness_logged(f.harness, "locked"));
    (void)sqlite3_close(db);
    fixture_close(&f);
}
END_TEST

static void expect_refused(const char *file, const char *why)
{
    const struct harness_setting settings[] = {{"endpoint", endpoint, NULL, 0},
                                               {"cache_file", file, NULL, 0}};
    const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, 0}};
    struct ph_schema schema = harness_schema_of(fields, 1);
    const struct ph_schema *inputs[1] = {&schema};
    struct harness *h = harness_open(GEOLOCATE_SO, NULL, "pipeline", "locate");
    ck_assert_int_eq(harness_init(h, settings, 2), PH_OK);
    ck_assert_int_eq(harness_bind(h, inputs, 1), PH_OK);
    struct harness_task *t = harness_task_create(h, 0);
    ck_assert_int_eq(harness_activate(t), PH_ERROR);
    ck_assert_uint_eq(h->error.flags, PH_ERR_CONFIG);
    ck_assert_str_eq(h->error.config_key, "/cache_file");
    ck_assert_msg(strstr(h->error.text, why) != NULL, "%s", h->error.text);
    harness_task_destroy(t);
    harness_close(h);
}

START_TEST(a_file_that_cannot_be_made_is_an_error_of_its_key)
{
    expect_refused("/nowhere/cache", "No such file");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused_and_stays_as_it_is)
{
    static const uint32_t sizes[] = {2, 15, 16, 10000}; /* one byte is none to SQLite */
    struct stat before;
    struct stat after;
    write_file(0, "x", sizes[_i]);
    ck_assert_int_eq(stat(path, &before), 0);
    expect_refused(path, " cannot be used: it is no SQLite file; name another one, or move that "
                         "one away");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(after.st_ino, before.st_ino);
    ck_assert_uint_eq(after.st_mode, before.st_mode);
    ck_assert_int_eq(after.st_size, sizes[_i]);
    ck_assert_int_eq(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}
END_TEST

START_TEST(a_database_whose_first_page_is_damaged_is_said_and_set_aside)
{
    ck_assert_uint_eq(live(3), 3);
    write_file(16, "\xff", 84); /* behind the name of its kind */
    expect_aside("file is not a database");
}
END_TEST

/* ---- kill -9 */

/* What the child process does: looks up, and dies without a word soon after the last answer. */
START_TEST(live_and_die)
{
    make_rows();
    start(1, "100000", "24h");
    look_up(0, MANY);
    int64_t answered_ns = harness_now_ns();
    run_until_counted("cache_file_written", MANY);
    /* A second is the promise; a machine that does much else gets more. */
    ck_assert_int_lt(harness_now_ns() - answered_ns, INT64_C(30000000000));
    (void)raise(SIGKILL);
}
END_TEST

static void run_child(const char *const *arguments)
{
    Suite *suite = suite_create("child");
    TCase *tests = tcase_create("child");
    (void)snprintf(endpoint, sizeof endpoint, "%s", arguments[0]);
    (void)snprintf(path, sizeof path, "%s", arguments[1]);
    tcase_add_test(tests, live_and_die);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    srunner_free(runner);
}

START_TEST(what_was_answered_before_a_kill_is_kept)
{
    const char *const arguments[] = {"/proc/self/exe", endpoint, path, NULL};
    pid_t pid = 0;
    int status = 0;
    ck_assert_int_eq(
        posix_spawn(&pid, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments, environ),
        0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ck_assert_uint_eq(server_requests(server), MANY);
    ck_assert_uint_eq(live(MANY), 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 3) {
        run_child((const char *const *)argv + 1);
        return 1;
    }
    Suite *suite = suite_create("geolocate store");
    TCase *tests = tcase_create("store");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_address_that_was_looked_up_before_a_restart_is_not_asked_again);
    tcase_add_test(tests, the_file_is_for_its_owner_alone);
    tcase_add_test(tests, answers_of_another_endpoint_are_dropped);
    tcase_add_test(tests, an_answer_that_has_expired_is_asked_for_again);
    tcase_add_test(tests, the_file_keeps_no_more_than_cache_entries);
    tcase_add_test(tests, a_database_of_something_else_is_said_and_set_aside_unchanged);
    tcase_add_test(tests, a_file_of_another_version_is_said_and_set_aside);
    tcase_add_test(tests, a_damaged_file_is_said_and_set_aside);
    tcase_add_test(tests, a_file_whose_tables_were_changed_is_said_and_set_aside);
    tcase_add_test(tests, rows_that_nobody_of_ours_wrote_are_passed_over);
    tcase_add_test(tests, a_file_that_cannot_be_written_costs_answers_and_one_sentence);
    tcase_add_test(tests, a_file_that_cannot_be_made_is_an_error_of_its_key);
    tcase_add_loop_test(tests, a_file_that_is_no_database_is_refused_and_stays_as_it_is, 0, 4);
    tcase_add_test(tests, a_database_whose_first_page_is_damaged_is_said_and_set_aside);
    tcase_add_test(tests, what_was_answered_before_a_kill_is_kept);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
