/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers as the job room has them: each sleeps without a deadline when it has nothing to do, so a
 * wake-up that gets lost is a hang, which the test's time-out tells.
 *
 *   producers --edges--> relays --edges--> consumer, whose descriptors are written to meanwhile
 */
#include "base/clock.h"
#include "flow/edge.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PRODUCERS 3u
#define RELAYS    2u
#define FDS       4u
#define PASSED    UINT64_C(30000) /* slots of each producer to each relay */
#define SIGNALS   UINT64_C(3000)  /* writes to each descriptor */

static const struct ph_batch *as_batch(uint64_t value)
{
    return (const struct ph_batch *)(uintptr_t)(value << 4);
}

static uint64_t from_batch(const struct ph_batch *batch)
{
    return (uint64_t)(uintptr_t)batch >> 4;
}

struct node {
    struct waiter waiter;
    struct edge *in[PRODUCERS];
    uint64_t seen[PRODUCERS];
    uint32_t in_count;
    struct edge *out[RELAYS];
    uint64_t sent[RELAYS];
    uint32_t out_count;
    uint64_t random;
    pthread_t thread;
    int fds[FDS];
    uint64_t heard;
    atomic_bool *stop_waking;
};

static uint64_t draw(struct node *n)
{
    n->random ^= n->random << 13;
    n->random ^= n->random >> 7;
    n->random ^= n->random << 17;
    return n->random;
}

static void on_ready(void *arg, void *tag, int fd, uint32_t events)
{
    struct node *n = arg;
    uint64_t count = 0;
    ck_assert_ptr_eq(tag, n);
    ck_assert_uint_ne(events & PH_WAIT_READ, 0);
    ck_assert_int_eq(read(fd, &count, sizeof count), (ssize_t)sizeof count);
    n->heard += count;
}

/* As worker.c rests: look once more behind prepare, then sleep for as long as it takes. */
static void rest(struct node *n, bool (*step)(struct node *n))
{
    waiter_prepare(&n->waiter);
    if (step(n)) {
        waiter_cancel(&n->waiter);
        return;
    }
    waiter_sleep(&n->waiter, 0, on_ready, n);
}

static void work(struct node *n, bool (*step)(struct node *n), bool (*done)(const struct node *n))
{
    while (!done(n)) {
        if (!step(n)) {
            rest(n, step);
        } else if (draw(n) % 8 == 0) {
            waiter_check(&n->waiter, on_ready, n);
        }
    }
}

/* An assertion that holds costs a write to a pipe, which would keep the threads apart. */
static void expect_next(struct node *n, uint32_t input, struct slot slot)
{
    if (from_batch(slot.batch) != ++n->seen[input]) {
        ck_abort_msg("input %u: slot %llu, not %llu", input,
                     (unsigned long long)from_batch(slot.batch),
                     (unsigned long long)n->seen[input]);
    }
}

/* ---- producers ---- */

static bool produce_step(struct node *n)
{
    bool progress = false;
    for (uint32_t i = 0; i < n->out_count; i++) {
        if (n->sent[i] < PASSED && edge_has_room(n->out[i])) {
            edge_push(n->out[i],
                      (struct slot){.kind = SLOT_BATCH, .batch = as_batch(++n->sent[i])});
            progress = true;
        }
    }
    return progress;
}

static bool produce_done(const struct node *n)
{
    for (uint32_t i = 0; i < n->out_count; i++) {
        if (n->sent[i] < PASSED) {
            return false;
        }
    }
    return true;
}

static void *produce(void *arg)
{
    work(arg, produce_step, produce_done);
    return NULL;
}

/* ---- relays: several inputs, one output ---- */

static bool relay_step(struct node *n)
{
    bool progress = false;
    for (uint32_t i = 0; i < n->in_count; i++) {
        struct slot slot;
        if (!edge_has_room(n->out[0]) || !edge_pop(n->in[i], &slot)) {
            continue;
        }
        expect_next(n, i, slot);
        edge_push(n->out[0], (struct slot){.kind = SLOT_BATCH, .batch = as_batch(++n->sent[0])});
        progress = true;
    }
    return progress;
}

static bool relay_done(const struct node *n)
{
    return n->sent[0] == PASSED * n->in_count;
}

static void *relay(void *arg)
{
    work(arg, relay_step, relay_done);
    return NULL;
}

/* ---- the consumer: slow now and then, so that the rings fill ---- */

static bool consume_step(struct node *n)
{
    bool progress = false;
    for (uint32_t i = 0; i < n->in_count; i++) {
        struct slot slot;
        if (!edge_pop(n->in[i], &slot)) {
            continue;
        }
        expect_next(n, i, slot);
        progress = true;
        if (draw(n) % 64 == 0) {
            sched_yield();
        }
    }
    return progress;
}

static bool consume_done(const struct node *n)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < n->in_count; i++) {
        seen += n->seen[i];
    }
    return seen == PASSED * PRODUCERS * RELAYS && n->heard == SIGNALS * FDS;
}

static void *consume(void *arg)
{
    work(arg, consume_step, consume_done);
    return NULL;
}

static void *signal_fds(void *arg)
{
    struct node *n = arg;
    for (uint64_t i = 0; i < SIGNALS; i++) {
        for (uint32_t f = 0; f < FDS; f++) {
            uint64_t one = 1;
            ck_assert_int_eq(write(n->fds[f], &one, sizeof one), (ssize_t)sizeof one);
        }
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void *wake_for_nothing(void *arg)
{
    struct node *n = arg;
    while (!atomic_load(n->stop_waking)) {
        waiter_wake(&n->waiter);
        sched_yield();
    }
    return NULL;
}

/* ---- */

static void node_init(struct node *n, uint64_t seed)
{
    struct ph_error err;
    memset(n, 0, sizeof *n);
    n->random = seed * 2654435761u + 1;
    ph_error_clear(&err);
    ck_assert_int_eq(waiter_init(&n->waiter, &err), PH_OK);
}

static struct edge *connect(struct node *from, struct node *to)
{
    struct edge *e = aligned_alloc(RING_LINE, sizeof *e);
    ck_assert_ptr_nonnull(e);
    memset(e, 0, sizeof *e);
    e->producer = &from->waiter;
    e->consumer = &to->waiter;
    ck_assert(ring_init(&e->ring, 8));
    from->out[from->out_count++] = e;
    to->in[to->in_count++] = e;
    return e;
}

static void watch_fds(struct node *n)
{
    struct ph_error err;
    ph_error_clear(&err);
    for (uint32_t f = 0; f < FDS; f++) {
        n->fds[f] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ck_assert_int_eq(waiter_watch(&n->waiter, n->fds[f], PH_WAIT_READ, n, &err), PH_OK);
    }
}

START_TEST(nothing_is_lost_between_workers_and_nobody_sleeps_for_ever)
{
    static struct node producers[PRODUCERS];
    static struct node relays[RELAYS];
    static struct node consumer;
    struct edge *edges[PRODUCERS * RELAYS + RELAYS];
    uint32_t edge_count = 0;
    atomic_bool stop_waking = false;
    pthread_t signaller;
    pthread_t waker;
    node_init(&consumer, (uint64_t)_i + 99);
    watch_fds(&consumer);
    consumer.stop_waking = &stop_waking;
    for (uint32_t i = 0; i < RELAYS; i++) {
        node_init(&relays[i], (uint64_t)_i + 7 + i);
        edges[edge_count++] = connect(&relays[i], &consumer);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        node_init(&producers[i], (uint64_t)_i + i);
        for (uint32_t k = 0; k < RELAYS; k++) {
            edges[edge_count++] = connect(&producers[i], &relays[k]);
        }
    }
    ck_assert_int_eq(pthread_create(&consumer.thread, NULL, consume, &consumer), 0);
    for (uint32_t i = 0; i < RELAYS; i++) {
        ck_assert_int_eq(pthread_create(&relays[i].thread, NULL, relay, &relays[i]), 0);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        ck_assert_int_eq(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    ck_assert_int_eq(pthread_create(&signaller, NULL, signal_fds, &consumer), 0);
    if (_i % 2 == 1) {
        ck_assert_int_eq(pthread_create(&waker, NULL, wake_for_nothing, &consumer), 0);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    for (uint32_t i = 0; i < RELAYS; i++) {
        pthread_join(relays[i].thread, NULL);
    }
    pthread_join(signaller, NULL);
    pthread_join(consumer.thread, NULL);
    atomic_store(&stop_waking, true);
    if (_i % 2 == 1) {
        pthread_join(waker, NULL);
    }
    for (uint32_t i = 0; i < RELAYS; i++) {
        waiter_fini(&relays[i].waiter);
    }
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        waiter_fini(&producers[i].waiter);
    }
    waiter_fini(&consumer.waiter);
    for (uint32_t f = 0; f < FDS; f++) {
        close(consumer.fds[f]);
    }
    for (uint32_t i = 0; i < edge_count; i++) {
        ring_fini(&edges[i]->ring);
        free(edges[i]);
    }
}
END_TEST

/* A waiter whose descriptors come and go while others wake it. */
struct changing {
    struct waiter waiter;
    atomic_uint posted;
    atomic_uint taken;
};

#define POSTS 20000u

static void *post(void *arg)
{
    struct changing *c = arg;
    for (uint32_t i = 0; i < POSTS; i++) {
        while (atomic_load(&c->posted) - atomic_load(&c->taken) > 2) {
            sched_yield();
        }
        atomic_fetch_add(&c->posted, 1);
        waiter_wake_if_dozing(&c->waiter);
    }
    return NULL;
}

static void no_ready(void *arg, void *tag, int fd, uint32_t events)
{
    (void)arg;
    (void)tag;
    (void)fd;
    (void)events;
}

START_TEST(descriptors_that_come_and_go_around_a_sleep_lose_no_wake)
{
    static struct changing c;
    struct ph_error err;
    pthread_t thread;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    memset(&c, 0, sizeof c);
    ph_error_clear(&err);
    ck_assert_int_eq(waiter_init(&c.waiter, &err), PH_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, post, &c), 0);
    bool watched = false;
    while (atomic_load(&c.taken) < POSTS) {
        waiter_prepare(&c.waiter);
        if (atomic_load(&c.taken) % 3 == 0) {
            watched = !watched;
            ck_assert_int_eq(waiter_watch(&c.waiter, fd, watched ? PH_WAIT_READ : 0u, &c, &err),
                             PH_OK);
        }
        if (atomic_load(&c.posted) != atomic_load(&c.taken)) {
            waiter_cancel(&c.waiter);
            atomic_fetch_add(&c.taken, 1);
            continue;
        }
        waiter_sleep(&c.waiter, 0, no_ready, NULL);
    }
    pthread_join(thread, NULL);
    waiter_fini(&c.waiter);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edges");
    TCase *tc = tcase_create("stress");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, nothing_is_lost_between_workers_and_nobody_sleeps_for_ever, 0, 4);
    tcase_add_loop_test(tc, descriptors_that_come_and_go_around_a_sleep_lose_no_wake, 0, 2);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
