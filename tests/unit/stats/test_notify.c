/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "stats/notify.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char dir[64];
static char path[128];
static int manager;
static struct stats *s;
static struct notify n;

static void listen_at(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(a.sun_path, name, length);
    if (name[0] == '@') {
        a.sun_path[0] = '\0';
    }
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(manager, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ck_assert_int_eq(bind(manager, (const struct sockaddr *)&a, size), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void set_up(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/pipehost-notify-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/s", dir);
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    listen_at(path);
    s = stats_create(1);
    ck_assert_ptr_nonnull(s);
    s->pipeline = "p";
    s->operators[0].name = "a";
}

static void tear_down(void)
{
    notify_fini(&n);
    stats_destroy(s);
    (void)close(manager);
    (void)unlink(path);
    (void)rmdir(dir);
}

/* The next message that is there; "" = none. */
static const char *next(void)
{
    static char text[2048];
    ssize_t length = recv(manager, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

START_TEST(a_start_asks_for_more_time_then_says_ready_once)
{
    notify_init(&n);
    s->state = STATS_STARTING;
    memcpy(s->operators[0].waiting, "Kafka is away", sizeof "Kafka is away");
    notify_tell(&n, s);
    ck_assert_str_eq(next(),
                     "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=starting, waiting: Kafka is away\n");
    s->operators[0].waiting[0] = '\0';
    s->state = STATS_RUNNING;
    s->in_per_s = 12;
    notify_tell(&n, s);
    ck_assert_str_eq(next(), "READY=1\n");
    ck_assert_str_eq(next(), "STATUS=running, 12 records/s in, 0 rows/s committed\n");
    notify_tell(&n, s);
    ck_assert_str_eq(next(), "");
}
END_TEST

START_TEST(the_end_is_said_once)
{
    notify_init(&n);
    s->state = STATS_RUNNING;
    notify_tell(&n, s);
    (void)next();
    (void)next();
    s->state = STATS_DRAINING;
    notify_tell(&n, s);
    ck_assert_str_eq(next(), "STOPPING=1\n");
    (void)next();
    s->state = STATS_STOPPING;
    notify_tell(&n, s);
    ck_assert_str_eq(next(), "STATUS=stopping, 0 records/s in, 0 rows/s committed\n");
}
END_TEST

START_TEST(signs_of_life_come_twice_as_often_as_asked)
{
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "200000", 1), 0);
    notify_init(&n);
    s->state = STATS_STARTING;
    int64_t begin_ns = clock_monotonic_ns();
    notify_tell(&n, s);
    ck_assert_ptr_nonnull(strstr(next(), "STATUS="));
    ck_assert_str_eq(next(), "WATCHDOG=1\n");
    int64_t due_ns = notify_due_ns(&n);
    ck_assert_int_ge(due_ns, begin_ns + 100 * CLOCK_NS_PER_MS);
    ck_assert_int_le(due_ns, clock_monotonic_ns() + 100 * CLOCK_NS_PER_MS);
    struct pollfd p = {.fd = manager, .events = POLLIN};
    int64_t left_ms = (due_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS + 1;
    ck_assert_int_eq(poll(&p, 1, left_ms > 0 ? (int)left_ms : 0), 0);
    notify_tell(&n, s);
    ck_assert_str_eq(next(), "WATCHDOG=1\n");
}
END_TEST

START_TEST(the_watchdog_of_another_process_is_not_ours)
{
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "200000", 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_PID", "1", 1), 0);
    notify_init(&n);
    notify_tell(&n, s);
    ck_assert_ptr_nonnull(strstr(next(), "STATUS="));
    ck_assert_str_eq(next(), "");
}
END_TEST

START_TEST(an_abstract_name_works)
{
    char name[64];
    (void)close(manager);
    (void)snprintf(name, sizeof name, "@pipehost-test-%ld", (long)getpid());
    listen_at(name);
    notify_init(&n);
    s->state = STATS_RUNNING;
    notify_tell(&n, s);
    ck_assert_str_eq(next(), "READY=1\n");
}
END_TEST

START_TEST(without_a_manager_nothing_is_due)
{
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    notify_init(&n);
    s->state = STATS_RUNNING;
    notify_tell(&n, s);
    ck_assert_int_eq(notify_due_ns(&n), 0);
    ck_assert_str_eq(next(), "");
}
END_TEST

START_TEST(a_manager_that_does_not_read_holds_nobody_up)
{
    notify_init(&n);
    for (int i = 0; i < 10000; i++) {
        s->state = i % 2 == 0 ? STATS_RUNNING : STATS_STARTING;
        notify_tell(&n, s);
    }
    ck_assert_str_eq(next(), "READY=1\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notify");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, a_start_asks_for_more_time_then_says_ready_once);
    tcase_add_test(all, the_end_is_said_once);
    tcase_add_test(all, signs_of_life_come_twice_as_often_as_asked);
    tcase_add_test(all, the_watchdog_of_another_process_is_not_ours);
    tcase_add_test(all, an_abstract_name_works);
    tcase_add_test(all, without_a_manager_nothing_is_due);
    tcase_add_test(all, a_manager_that_does_not_read_holds_nobody_up);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
