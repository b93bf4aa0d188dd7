/* SPDX-License-Identifier: Apache-2.0 */
/* The live view, as a terminal shows it. */
#include "run.h"
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct run r;
static struct screen screen;
static int terminal; /* the master's side */
static size_t shown; /* bytes that came from it */

static void set_up(void)
{
    run_init(&r);
    shown = 0;
    ck_assert_int_eq(setenv("TERM", "xterm", 1), 0);
    ck_assert_int_eq(setenv("LC_ALL", "C.UTF-8", 1), 0);
}

static void tear_down(void)
{
    run_fini(&r);
    (void)close(terminal);
}

static void set_size(int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    ck_assert_int_eq(ioctl(terminal, TIOCSWINSZ, &size), 0);
}

/* Starts `pipehost p.json` in a folder's terminal of that size; args end with null. */
static void start(const char *manifest, int rows, int columns, const char *const *args)
{
    char path[96];
    const char *argv[16] = {PIPEHOST, path, "--plugin-dir", STAGE_DIR};
    int argc = 4;
    posix_spawn_file_actions_t actions;
    run_write_manifest(&r, manifest);
    (void)snprintf(path, sizeof path, "%s/p.json", r.dir);
    while (args != NULL && *args != NULL && argc < 15) {
        argv[argc++] = *args++;
    }
    terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(grantpt(terminal), 0);
    ck_assert_int_eq(unlockpt(terminal), 0);
    set_size(rows, columns);
    screen_init(&screen, rows, columns);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(
        posix_spawn_file_actions_addopen(&actions, 2, ptsname(terminal), O_RDWR | O_NOCTTY, 0), 0);
    ck_assert_int_eq(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0), 0);
    ck_assert_int_eq(
        posix_spawn(&r.pid, PIPEHOST, &actions, NULL, (char **)(uintptr_t)argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
}

/* Takes what there is; false: the other side is closed. */
static bool take(int timeout_ms)
{
    char data[4096];
    struct pollfd p = {.fd = terminal, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) == 0) {
        return true;
    }
    ssize_t n = read(terminal, data, sizeof data);
    if (n > 0) {
        screen_feed(&screen, data, (size_t)n);
        shown += (size_t)n;
    }
    ck_assert_str_eq(screen.unknown, "");
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void give_up(const char *what)
{
    static char text[SCREEN_ROWS_MAX * (SCREEN_COLUMNS_MAX + 1)];
    size_t at = 0;
    for (int row = 0; row < screen.rows; row++) {
        int n = snprintf(text + at, sizeof text - at, "|%s\n", screen_row(&screen, row));
        at += n > 0 && (size_t)n < sizeof text - at ? (size_t)n : 0;
    }
    ck_abort_msg("%s; the screen:\n%s", what, text);
}

/* Waits until the screen is as wanted. */
static void until(bool (*holds)(void), const char *what)
{
    for (int waited_ms = 0; !holds(); waited_ms += 20) {
        if (!take(20) || waited_ms > RUN_WAIT_S * 1000) {
            give_up(what);
        }
    }
}

/* Reads to the process's end. */
static void ends(int status)
{
    int ended;
    while (take(RUN_WAIT_S * 1000)) {
    }
    ck_assert_int_eq(waitpid(r.pid, &ended, 0), r.pid);
    r.pid = 0;
    ck_assert_int_eq(WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended), status);
}

static const char endless[] =
    PIPELINE("", SOURCE(0, ",'partitions':2,'records':1000,'bad_every':100,'end':false") "," UDF(
                     "u", 2, "s0", "") "," SINK("k", 1, "u", ""));

static const char *cells_of(int row, const char *text)
{
    return strstr(screen_row(&screen, row), text);
}

/* The table of `endless` stands in the last five lines, with its numbers. */
static bool is_complete(void)
{
    int last = screen.rows - 1;
    return strncmp(screen_row(&screen, last - 4), "p: running 0:0", 14) == 0 &&
           cells_of(last - 4, " committed, 20 set aside") != NULL &&
           strncmp(screen_row(&screen, last - 3), "operator ", 9) == 0 &&
           strncmp(screen_row(&screen, last - 2), "s0 ", 3) == 0 &&
           strncmp(screen_row(&screen, last - 1), "u ", 2) == 0 &&
           strncmp(screen_row(&screen, last), "k ", 2) == 0;
}

START_TEST(the_table_stands_below_the_log_and_goes_at_the_end)
{
    start(endless, 30, 120, NULL);
    until(is_complete, "a table with all rows");
    ck_assert(screen.has_wide);
    ck_assert_ptr_nonnull(cells_of(29, "·"));
    ck_assert_int_eq(screen.bottom, 24);
    int log = screen_find(&screen, "20");
    ck_assert_int_ge(log, 0);
    ck_assert_ptr_nonnull(cells_of(log, "Z info: s0: "));
    run_signal(&r, SIGTERM);
    ends(0);
    ck_assert_int_eq(screen.top, 0);
    ck_assert_int_eq(screen.bottom, 29);
    ck_assert_int_eq(screen_find(&screen, "p: "), -1);
    ck_assert_int_eq(screen_find(&screen, "operator "), -1);
    /* The summary is the last thing, and the prompt comes right below. */
    ck_assert_int_gt(screen.row, 0);
    ck_assert_int_eq(screen.column, 0);
    ck_assert_ptr_nonnull(cells_of(screen.row - 1, "info: p: done after "));
    ck_assert_str_eq(screen_row(&screen, screen.row), "");
}
END_TEST

START_TEST(log_lines_scroll_above_a_full_screen)
{
    start(endless, 12, 200, NULL);
    until(is_complete, "a table with all rows");
    run_signal(&r, SIGTERM);
    ends(0);
    ck_assert_int_le(screen.row, 11);
    ck_assert_ptr_nonnull(cells_of(screen.row - 1, "info: p: done after "));
    ck_assert_ptr_nonnull(cells_of(screen.row - 2, "info: k: "));
    ck_assert_ptr_nonnull(cells_of(screen.row - 3, "info: u: "));
}
END_TEST

START_TEST(a_locale_without_utf8_gets_ascii)
{
    ck_assert_int_eq(setenv("LC_ALL", "C", 1), 0);
    start(endless, 30, 120, NULL);
    until(is_complete, "a table with all rows");
    ck_assert(!screen.has_wide);
    ck_assert_ptr_nonnull(cells_of(29, "..."));
    run_signal(&r, SIGTERM);
    ends(0);
}
END_TEST

static bool is_cut(void)
{
    int last = screen.rows - 1;
    return strncmp(screen_row(&screen, last - 4), "p: running 0:0", 14) == 0 &&
           strlen(screen_row(&screen, last - 4)) == 49;
}

START_TEST(lines_are_cut_to_the_terminal)
{
    start(endless, 20, 50, NULL);
    until(is_cut, "a narrow table");
    run_signal(&r, SIGTERM);
    ends(0);
}
END_TEST

static bool tells_of_the_wait(void)
{
    int row = screen.rows - 2;
    return strncmp(screen_row(&screen, row), "s0 ", 3) == 0 && cells_of(row, "waiting: ") != NULL;
}

START_TEST(what_an_operator_waits_for_is_seen_in_80_columns)
{
    start(PIPELINE("", SOURCE(0, ",'records':1000,'end':false,'fail':['poll:retriable']") "," SINK(
                           "k", 1, "s0", "")),
          24, 80, NULL);
    until(tells_of_the_wait, "a wait");
    run_signal(&r, SIGTERM);
    ends(0);
}
END_TEST

START_TEST(a_terminal_of_another_size_gets_another_table)
{
    start(endless, 30, 120, NULL);
    until(is_complete, "a table with all rows");
    /* Smaller, as a terminal does it that cuts at the bottom and keeps the cursor's line. */
    set_size(20, 120);
    screen.rows = 20;
    screen.bottom = 19;
    screen.top = 0;
    screen.row = screen.row > 19 ? 19 : screen.row;
    until(is_complete, "a table in the smaller terminal");
    ck_assert_int_eq(screen.bottom, 14);
    run_signal(&r, SIGTERM);
    ends(0);
    ck_assert_int_eq(screen.bottom, 19);
}
END_TEST

static bool has_summary_line(void)
{
    return screen_find(&screen, "20") >= 0 && strstr(screen_row(&screen, 0), "info: s0: ") != NULL;
}

static void expect_no_view(const char *const *args, int rows)
{
    uint64_t commits = 2;
    start(endless, rows, 120, args);
    while (atomic_load(&r.stage->commits[1]) < commits) {
        ck_assert(take(20));
    }
    run_signal(&r, SIGTERM);
    ends(0);
    for (int row = 0; row < rows; row++) {
        ck_assert_ptr_null(cells_of(row, "p: running"));
    }
    ck_assert_int_eq(screen_find(&screen, "operator "), -1);
}

START_TEST(no_live_and_a_small_terminal_have_the_log_only)
{
    static const char *const no_live[] = {"--no-live", NULL};
    expect_no_view(_i == 0 ? no_live : NULL, _i == 0 ? 30 : 8);
    ck_assert(_i != 0 || has_summary_line());
}
END_TEST

START_TEST(a_crash_leaves_the_terminal_in_order)
{
    start(endless, 30, 120, NULL);
    until(is_complete, "a table with all rows");
    run_signal(&r, SIGABRT);
    ends(128 + SIGABRT);
    ck_assert_int_eq(screen.bottom, 29);
    ck_assert_int_eq(screen_find(&screen, "operator "), -1);
}
END_TEST

static bool is_gone(void)
{
    return screen.bottom == 29 && screen_find(&screen, "operator ") == -1;
}

START_TEST(a_stopped_process_gives_the_terminal_back_and_takes_it_again)
{
    int status;
    start(endless, 30, 120, NULL);
    until(is_complete, "a table with all rows");
    run_signal(&r, SIGTSTP);
    ck_assert_int_eq(waitpid(r.pid, &status, WUNTRACED), r.pid);
    ck_assert(WIFSTOPPED(status));
    until(is_gone, "no table");
    run_signal(&r, SIGCONT);
    until(is_complete, "the table again");
    run_signal(&r, SIGTERM);
    ends(0);
}
END_TEST

static bool has_gone_on(void)
{
    int minutes;
    int seconds;
    const char *time = cells_of(screen.rows - 5, "p: running 0:");
    return time != NULL && sscanf(time, "p: running 0:%d:%d", &minutes, &seconds) == 2 &&
           minutes * 60 + seconds >= 4;
}

/* Takes what comes while the source is polled so often, about once a second. */
static void take_while_polled(uint64_t times)
{
    uint64_t polls = atomic_load(&r.stage->calls[0][AT_POLL]) + times;
    while (atomic_load(&r.stage->calls[0][AT_POLL]) < polls) {
        ck_assert(take(20));
    }
}

START_TEST(a_terminal_that_nobody_reads_holds_nobody_up)
{
    start(endless, 30, 120, NULL);
    until(is_complete, "a table with all rows");
    int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(slave, 0);
    ck_assert_int_eq(tcflow(slave, TCOOFF), 0); /* what Ctrl-S does */
    take_while_polled(3);                       /* what was written before it */
    size_t before = shown;
    take_while_polled(4);
    ck_assert_uint_eq(shown, before);
    ck_assert_int_eq(tcflow(slave, TCOON), 0);
    until(has_gone_on, "a later table");
    (void)close(slave);
    run_signal(&r, SIGTERM);
    ends(0);
}
END_TEST

START_TEST(live_wants_a_terminal)
{
    static const char *const args[] = {"--live", NULL};
    run_write_manifest(&r, endless);
    run_start(&r, args);
    run_ends(&r, 64);
    ck_assert_ptr_nonnull(strstr(r.log, "pipehost: --live needs a terminal at stderr"));
    terminal = -1;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 500);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, the_table_stands_below_the_log_and_goes_at_the_end);
    tcase_add_test(all, log_lines_scroll_above_a_full_screen);
    tcase_add_test(all, a_locale_without_utf8_gets_ascii);
    tcase_add_test(all, lines_are_cut_to_the_terminal);
    tcase_add_test(all, what_an_operator_waits_for_is_seen_in_80_columns);
    tcase_add_test(all, a_terminal_of_another_size_gets_another_table);
    tcase_add_loop_test(all, no_live_and_a_small_terminal_have_the_log_only, 0, 2);
    tcase_add_test(all, a_crash_leaves_the_terminal_in_order);
    tcase_add_test(all, a_stopped_process_gives_the_terminal_back_and_takes_it_again);
    tcase_add_test(all, a_terminal_that_nobody_reads_holds_nobody_up);
    tcase_add_test(all, live_wants_a_terminal);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
