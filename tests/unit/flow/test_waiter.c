/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/waiter.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LONG_NS (200 * CLOCK_NS_PER_S)

struct heard {
    uint32_t count;
    int fd;
    void *tag;
};

static void on_ready(void *arg, void *tag, int fd, uint32_t events)
{
    struct heard *h = arg;
    ck_assert_uint_ne(events & PH_WAIT_READ, 0);
    h->count++;
    h->fd = fd;
    h->tag = tag;
}

static struct waiter w;
static struct ph_error err;

static void set_up(void)
{
    ph_error_clear(&err);
    ck_assert_int_eq(waiter_init(&w, &err), PH_OK);
}

static void tear_down(void)
{
    waiter_fini(&w);
}

static int readable_fd(void)
{
    int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(a_muted_descriptor_stays_silent_until_it_is_unmuted)
{
    int tag;
    int other;
    struct heard h = {0};
    int fd = readable_fd();
    ck_assert_int_eq(waiter_watch(&w, fd, PH_WAIT_READ, &tag, &err), PH_OK);
    waiter_check(&w, on_ready, &h);
    ck_assert_uint_eq(h.count, 1);
    waiter_mute(&w, fd);
    waiter_mute(&w, fd);
    waiter_check(&w, on_ready, &h);
    ck_assert_uint_eq(h.count, 1);
    waiter_unmute(&w, &other);
    waiter_check(&w, on_ready, &h);
    ck_assert_uint_eq(h.count, 1);
    waiter_unmute(&w, &tag);
    waiter_check(&w, on_ready, &h);
    ck_assert_uint_eq(h.count, 2);
    ck_assert_ptr_eq(h.tag, &tag);
    close(fd);
}
END_TEST

START_TEST(a_muted_descriptor_may_be_watched_anew_or_forgotten)
{
    int tag;
    struct heard h = {0};
    int fd = readable_fd();
    ck_assert_int_eq(waiter_watch(&w, fd, PH_WAIT_READ, &tag, &err), PH_OK);
    waiter_mute(&w, fd);
    ck_assert_int_eq(waiter_watch(&w, fd, PH_WAIT_READ, &tag, &err), PH_OK);
    waiter_check(&w, on_ready, &h);
    ck_assert_uint_eq(h.count, 1);
    waiter_mute(&w, fd);
    ck_assert_int_eq(waiter_watch(&w, fd, 0, NULL, &err), PH_OK);
    waiter_unmute(&w, &tag);
    waiter_check(&w, on_ready, &h);
    ck_assert_uint_eq(h.count, 1);
    ck_assert_uint_eq(w.watched, 0);
    ck_assert_uint_eq(w.muted, 0);
    close(fd);
}
END_TEST

START_TEST(more_than_1024_descriptors_are_refused)
{
    int tag;
    int fds[WAITER_FDS_MAX + 1];
    for (int i = 0; i < WAITER_FDS_MAX; i++) {
        fds[i] = readable_fd();
        ck_assert_int_eq(waiter_watch(&w, fds[i], PH_WAIT_READ, &tag, &err), PH_OK);
    }
    fds[WAITER_FDS_MAX] = readable_fd();
    ck_assert_int_eq(waiter_watch(&w, fds[WAITER_FDS_MAX], PH_WAIT_READ, &tag, &err), PH_ERROR);
    ck_assert_str_eq(err.text, "more than 1024 descriptors are watched");
    for (int i = 0; i <= WAITER_FDS_MAX; i++) {
        close(fds[i]);
    }
}
END_TEST

/* Wakes the owner once it really sleeps, or is as good as asleep. */
static void *wake_a_sleeper(void *arg)
{
    struct waiter *sleeper = arg;
    int64_t until_ns = clock_monotonic_ns() + LONG_NS;
    while (atomic_load(&sleeper->state) < 2 && clock_monotonic_ns() < until_ns) {
        sched_yield();
    }
    for (int i = 0; i < 50; i++) { /* let it go on from announcing to sleeping */
        sched_yield();
    }
    waiter_wake(sleeper);
    return NULL;
}

/* A task may watch its first descriptor, or forget its last, between prepare and sleep. */
static void check_wake_after_change(uint32_t events)
{
    int tag;
    pthread_t thread;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (events == 0) {
        ck_assert_int_eq(waiter_watch(&w, fd, PH_WAIT_READ, &tag, &err), PH_OK);
    }
    int64_t from_ns = clock_monotonic_ns();
    waiter_prepare(&w);
    ck_assert_int_eq(waiter_watch(&w, fd, events, &tag, &err), PH_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_a_sleeper, &w), 0);
    waiter_sleep(&w, from_ns + LONG_NS, on_ready, NULL);
    pthread_join(thread, NULL);
    ck_assert_int_lt(clock_monotonic_ns() - from_ns, LONG_NS);
    close(fd);
}

START_TEST(a_wake_is_heard_though_the_first_descriptor_came_after_prepare)
{
    check_wake_after_change(PH_WAIT_READ);
}
END_TEST

START_TEST(a_wake_is_heard_though_the_last_descriptor_went_after_prepare)
{
    check_wake_after_change(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiter");
    TCase *tc = tcase_create("waiter");
    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_muted_descriptor_stays_silent_until_it_is_unmuted);
    tcase_add_test(tc, a_muted_descriptor_may_be_watched_anew_or_forgotten);
    tcase_add_test(tc, more_than_1024_descriptors_are_refused);
    tcase_add_loop_test(tc, a_wake_is_heard_though_the_first_descriptor_came_after_prepare, 0, 20);
    tcase_add_loop_test(tc, a_wake_is_heard_though_the_last_descriptor_went_after_prepare, 0, 20);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
