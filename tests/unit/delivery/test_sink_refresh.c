/* SPDX-License-Identifier: Apache-2.0 */
/* Positions that do not move are committed again once a day, by an injected clock. */
#include "delivery/sink_driver.h"

#include <check.h>
#include <stdlib.h>

#define DAY_NS  (INT64_C(24) * 3600 * CLOCK_NS_PER_S)
#define HOUR_NS (INT64_C(3600) * CLOCK_NS_PER_S)

struct world {
    int64_t now_ns;
    uint32_t commits;
    uint32_t positions; /* of the last commit */
    int64_t last[3];    /* the offset of each partition in it, -1 = not in it */
    int64_t kept[3];
    uint32_t failures; /* of the next commits */
    const struct ph_batch *next;
};

static int64_t now_ns(void *arg)
{
    return ((struct world *)arg)->now_ns;
}

static uint64_t no_random(void *arg)
{
    (void)arg;
    return 0;
}

static bool next(void *arg, const struct ph_batch **batch)
{
    struct world *w = arg;
    *batch = w->next;
    w->next = NULL;
    return *batch != NULL;
}

static void release_batch(void *arg, const struct ph_batch *batch)
{
    (void)arg;
    (void)batch;
}

static int32_t sync_letters(void *arg, struct ph_error *err)
{
    (void)arg;
    (void)err;
    return PH_OK;
}

static void committed(void *arg, const struct ph_position *positions, uint32_t count, uint64_t rows)
{
    (void)arg;
    (void)positions;
    (void)count;
    (void)rows;
}

static void trouble(void *arg, const struct ph_error *err, int64_t retry_in_ns)
{
    (void)arg;
    (void)err;
    (void)retry_in_ns;
}

static int32_t claim(void *task, const struct ph_partition *partitions, uint32_t count,
                     struct ph_position *positions, struct ph_error *err)
{
    const struct world *w = task;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        positions[i].next_offset = w->kept[partitions[i].id];
        positions[i].fingerprint = 40 + partitions[i].id;
    }
    return PH_OK;
}

static int32_t commit(void *task, const struct ph_epoch *e, struct ph_error *err)
{
    struct world *w = task;
    if (w->failures > 0) {
        w->failures--;
        return ph_error_set(err, PH_ERR_RETRIABLE, "it broke");
    }
    w->commits++;
    w->positions = e->position_count;
    memset(w->last, 0xff, sizeof w->last);
    for (uint32_t i = 0; i < e->position_count; i++) {
        const struct ph_position *p = &e->positions[i];
        ck_assert(i == 0 || e->positions[i - 1].partition_id < p->partition_id);
        w->last[p->partition_id] = p->next_offset;
        w->kept[p->partition_id] = p->next_offset;
        ck_assert(p->fingerprint == 40 + p->partition_id || p->next_offset == 777);
    }
    return PH_OK;
}

static void abort_epoch(void *task)
{
    (void)task;
}

static const struct ph_sink_ops ops = {
    .size = sizeof ops, .claim = claim, .commit = commit, .abort = abort_epoch};

static struct world w;
static struct ph_partition partitions[3];
static struct sink_driver *d;

static void set_up(void)
{
    w = (struct world){.now_ns = 5 * DAY_NS, .kept = {10, -1, 30}};
    struct sink_env env = {.arg = &w,
                           .memory = {.arg = &w, .release = release_batch},
                           .now_ns = now_ns,
                           .random = no_random,
                           .next = next,
                           .sync = sync_letters,
                           .committed = committed,
                           .trouble = trouble};
    struct sink_settings settings = {.keeps_positions = true,
                                     .interval_ns = CLOCK_NS_PER_S,
                                     .max_rows = 100,
                                     .max_batches = 8,
                                     .refresh_ns = DAY_NS};
    d = sink_driver_create(&ops, &w, &env, &settings);
    ck_assert_ptr_nonnull(d);
    for (uint32_t id = 0; id < 3; id++) {
        partitions[id] = (struct ph_partition){.size = sizeof partitions[id],
                                               .id = id,
                                               .source = "s",
                                               .topic = "t",
                                               .cluster = "",
                                               .partition = (int32_t)id};
        ck_assert(sink_driver_own(d, &partitions[id]));
    }
}

static void tear_down(void)
{
    sink_driver_destroy(d);
}

/* Steps until the driver rests; it never asks to be woken later than the deadline that it says. */
static void settle(void)
{
    for (int i = 0; i < 100; i++) {
        if (sink_driver_step(d) == SINK_IDLE) {
            return;
        }
    }
    ck_abort_msg("the driver never rests");
}

/* Jumps from deadline to deadline for a time. */
static void live(int64_t ns)
{
    int64_t until_ns = w.now_ns + ns;
    settle();
    while (d->deadline_ns != 0 && d->deadline_ns <= until_ns) {
        w.now_ns = d->deadline_ns > w.now_ns ? d->deadline_ns : w.now_ns + 1;
        settle();
    }
    w.now_ns = until_ns;
    settle();
}

START_TEST(idle_partitions_are_committed_again_daily)
{
    live(HOUR_NS - 1);
    ck_assert_uint_eq(w.commits, 0);
    live(1);
    ck_assert_uint_eq(w.commits, 1);
    ck_assert_uint_eq(w.positions, 2); /* the one without a position has none to keep */
    ck_assert_int_eq(w.last[0], 10);
    ck_assert_int_eq(w.last[1], -1);
    ck_assert_int_eq(w.last[2], 30);
    live(3 * DAY_NS);
    ck_assert_uint_eq(w.commits, 4);
}
END_TEST

START_TEST(an_idle_partition_goes_with_the_commit_of_a_busy_one)
{
    static const struct ph_position moved = {0, 0, 777};
    static const struct ph_batch batch = {
        .size = sizeof batch, .positions = &moved, .position_count = 1};
    live(HOUR_NS - 1);
    w.now_ns++;
    w.next = &batch;
    settle();
    ck_assert_uint_eq(w.commits, 1);
    ck_assert_uint_eq(w.positions, 2);
    ck_assert_int_eq(w.last[0], 777);
    ck_assert_int_eq(w.last[2], 30);
}
END_TEST

START_TEST(one_that_fails_is_tried_again)
{
    w.failures = 3;
    live(HOUR_NS + 10 * CLOCK_NS_PER_S);
    ck_assert_uint_eq(w.failures, 0);
    ck_assert_uint_eq(w.commits, 1);
    ck_assert_uint_eq(w.positions, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refresh");
    TCase *tc = tcase_create("clock");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, idle_partitions_are_committed_again_daily);
    tcase_add_test(tc, an_idle_partition_goes_with_the_commit_of_a_busy_one);
    tcase_add_test(tc, one_that_fails_is_tried_again);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
