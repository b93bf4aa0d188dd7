/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/ring.h"
#include "flow/waiter.h"

#include "base/clock.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct slot slot_of(uintptr_t n)
{
    return (struct slot){.kind = SLOT_BATCH, .batch = (const struct ph_batch *)n};
}

START_TEST(a_ring_gives_slots_back_in_order_and_refuses_when_full)
{
    struct ring r;
    struct slot s;
    ck_assert(ring_init(&r, 4));
    ck_assert(!ring_pop(&r, &s));
    for (uintptr_t round = 0; round < 10; round++) {
        for (uintptr_t i = 0; i < 4; i++) {
            ck_assert(ring_push(&r, slot_of(8 * (round * 4 + i + 1))));
        }
        ck_assert(!ring_has_room(&r));
        ck_assert(!ring_push(&r, slot_of(8)));
        ck_assert_uint_eq(ring_depth(&r), 4);
        for (uintptr_t i = 0; i < 4; i++) {
            ck_assert(ring_pop(&r, &s));
            ck_assert_uint_eq((uintptr_t)s.batch, 8 * (round * 4 + i + 1));
        }
        ck_assert(!ring_has_slot(&r));
    }
    ring_fini(&r);
}
END_TEST

static void count_ready(void *arg, void *tag, int fd, uint32_t events)
{
    (void)fd;
    ck_assert_ptr_eq(tag, arg);
    ck_assert_uint_eq(events, PH_WAIT_READ);
    ++*(int *)arg;
}

START_TEST(a_wake_before_the_sleep_ends_the_sleep)
{
    struct waiter w;
    ck_assert_int_eq(waiter_init(&w, NULL), PH_OK);
    waiter_wake(&w);
    waiter_prepare(&w);
    waiter_sleep(&w, 0, NULL, NULL); /* would hang */
    waiter_fini(&w);
}
END_TEST

START_TEST(a_sleep_ends_at_its_deadline)
{
    struct waiter w;
    ck_assert_int_eq(waiter_init(&w, NULL), PH_OK);
    int64_t until = clock_monotonic_ns() + 5 * CLOCK_NS_PER_MS;
    waiter_prepare(&w);
    waiter_sleep(&w, until, NULL, NULL);
    ck_assert_int_ge(clock_monotonic_ns(), until);
    waiter_fini(&w);
}
END_TEST

START_TEST(a_watched_descriptor_ends_the_sleep_and_is_told)
{
    struct waiter w;
    int seen = 0;
    int fd = eventfd(1, EFD_NONBLOCK);
    ck_assert_int_eq(waiter_init(&w, NULL), PH_OK);
    ck_assert_int_eq(waiter_watch(&w, fd, PH_WAIT_READ, &seen, NULL), PH_OK);
    waiter_prepare(&w);
    waiter_sleep(&w, 0, count_ready, &seen);
    ck_assert_int_eq(seen, 1);
    ck_assert_int_eq(waiter_watch(&w, fd, 0, NULL, NULL), PH_OK);
    waiter_check(&w, count_ready, &seen);
    ck_assert_int_eq(seen, 1);
    close(fd);
    waiter_fini(&w);
}
END_TEST

#define PASSED 50000u

struct pair {
    struct ring ring;
    struct waiter producer;
    struct waiter consumer;
    bool with_fd;
};

static void no_ready(void *arg, void *tag, int fd, uint32_t events)
{
    (void)arg;
    (void)tag;
    (void)fd;
    (void)events;
}

static void *produce(void *arg)
{
    struct pair *p = arg;
    for (uintptr_t i = 1; i <= PASSED; i++) {
        while (!ring_push(&p->ring, slot_of(8 * i))) {
            waiter_prepare(&p->producer);
            if (ring_has_room(&p->ring)) {
                waiter_cancel(&p->producer);
            } else {
                waiter_sleep(&p->producer, 0, no_ready, NULL);
            }
        }
        waiter_wake_if_dozing(&p->consumer);
    }
    return NULL;
}

/* Both sides sleep and wake all the time, since the ring is tiny: a lost wake-up hangs the test,
 * TSan watches it. */
START_TEST(a_ring_between_threads_loses_nothing_and_no_wake_up)
{
    struct pair p;
    pthread_t thread;
    int fd = eventfd(0, EFD_NONBLOCK);
    ck_assert(ring_init(&p.ring, 2));
    ck_assert_int_eq(waiter_init(&p.producer, NULL), PH_OK);
    ck_assert_int_eq(waiter_init(&p.consumer, NULL), PH_OK);
    if (_i == 1) {
        ck_assert_int_eq(waiter_watch(&p.consumer, fd, PH_WAIT_READ, NULL, NULL), PH_OK);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, produce, &p), 0);
    for (uintptr_t i = 1; i <= PASSED; i++) {
        struct slot s;
        while (!ring_pop(&p.ring, &s)) {
            waiter_prepare(&p.consumer);
            if (ring_has_slot(&p.ring)) {
                waiter_cancel(&p.consumer);
            } else {
                waiter_sleep(&p.consumer, 0, no_ready, NULL);
            }
        }
        if ((uintptr_t)s.batch != 8 * i) { /* an assertion that holds costs a write to a pipe */
            ck_abort_msg("slot %zu has %p", (size_t)i, (const void *)s.batch);
        }
        waiter_wake_if_dozing(&p.producer);
    }
    pthread_join(thread, NULL);
    waiter_fini(&p.producer);
    waiter_fini(&p.consumer);
    ring_fini(&p.ring);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring and waiter");
    TCase *tc = tcase_create("flow");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, a_ring_gives_slots_back_in_order_and_refuses_when_full);
    tcase_add_test(tc, a_wake_before_the_sleep_ends_the_sleep);
    tcase_add_test(tc, a_sleep_ends_at_its_deadline);
    tcase_add_test(tc, a_watched_descriptor_ends_the_sleep_and_is_told);
    tcase_add_loop_test(tc, a_ring_between_threads_loses_nothing_and_no_wake_up, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
