/* SPDX-License-Identifier: Apache-2.0 */
#include "sink_sim.h"

/* ---- processes ---- */

static void process_start(struct sim *s)
{
    struct sink_env env = {.arg = s,
                           .memory = {.arg = s, .release = sim_release, .filter = sim_filter},
                           .now_ns = sim_now_ns,
                           .random = sim_random,
                           .next = sim_next,
                           .set_aside = sim_set_aside,
                           .sync = sim_sync,
                           .committed = sim_committed,
                           .trouble = sim_trouble};
    struct sink_settings settings = {.keeps_positions = true,
                                     .min_delay_ns = 10 * CLOCK_NS_PER_MS,
                                     .interval_ns = 10 * CLOCK_NS_PER_S,
                                     .max_rows = 100,
                                     .max_batches = 16};
    s->my_fence = 0;
    s->staged_count = 0;
    s->is_begun = false;
    s->end_given = false;
    s->waits_for_newcomer = false;
    memset(s->streams, 0, sizeof s->streams);
    s->driver = sink_driver_create(&sim_ops, s, &env, &settings);
    ck_assert_ptr_nonnull(s->driver);
    for (uint32_t id = 0; id < SIM_PARTITIONS; id++) {
        s->partitions[id] = (struct ph_partition){.size = sizeof s->partitions[id],
                                                  .id = id,
                                                  .source = "s",
                                                  .topic = "t",
                                                  .cluster = "",
                                                  .partition = (int32_t)id};
        if (s->grows && id == SIM_PARTITIONS - 1 && s->positions[id] < 0) {
            s->waits_for_newcomer = true;
            s->next[id] = SIM_OFFSETS; /* nothing of it before it begins */
            continue;
        }
        ck_assert(sink_driver_own(s->driver, &s->partitions[id]));
        /* Another sink of the pipeline may stand lower: the source reads from there and this sink
         * must skip. */
        int64_t lower = s->positions[id] - (int64_t)draw(s, 30);
        s->next[id] = lower < 0 ? 0 : lower;
    }
}

static void process_end(struct sim *s)
{
    sink_driver_destroy(s->driver);
    s->driver = NULL;
    ck_assert_uint_eq(s->alive_batches, 0);
}

/* The last partition appears at some step, and is read once the sink has its beginning. */
static void grow(struct sim *s)
{
    uint32_t id = SIM_PARTITIONS - 1;
    struct sink_driver *d = s->driver;
    if (d->partition_count < SIM_PARTITIONS) {
        if (draw(s, 20) == 0) {
            ck_assert(sink_driver_adopt(d, &s->partitions[id]));
        }
    } else if (d->durable[id] >= 0) {
        ck_assert_int_eq(s->positions[id], d->durable[id]);
        ck_assert_uint_eq(s->fingerprints[id], d->fingerprints[id]);
        s->next[id] = d->durable[id];
        s->waits_for_newcomer = false;
    }
}

/* Steps until the input is through; false: the process was killed before. */
static bool process_run(struct sim *s, uint64_t steps_to_live)
{
    for (uint64_t step = 0; step < steps_to_live; step++) {
        if (s->waits_for_newcomer) {
            grow(s);
        }
        switch (sink_driver_step(s->driver)) {
        case SINK_DONE:
            ck_assert(!s->is_begun);
            return true;
        case SINK_IDLE:
            check_idle(s);
            s->now_ns += CLOCK_NS_PER_MS;
            if (s->driver->deadline_ns > s->now_ns) {
                s->now_ns = draw(s, 2) == 0 ? s->driver->deadline_ns : s->now_ns;
            }
            break;
        case SINK_PROGRESS:
            break;
        default:
            ck_abort_msg("the driver failed: %s", s->driver->error.text);
        }
    }
    return false;
}

static void check_outcome(const struct sim *s)
{
    for (uint32_t id = 0; id < SIM_PARTITIONS; id++) {
        ck_assert_int_eq(s->positions[id], SIM_OFFSETS);
        for (int64_t offset = 0; offset < SIM_OFFSETS; offset++) {
            bool bad = is_poison(offset) || is_unfit(offset);
            if (s->stored[id][offset] != (bad ? 0u : rows_of(offset)) ||
                (s->dead[id][offset] > 0) != bad) {
                ck_abort_msg("partition %u offset %lld stands %u times, with %u dead letters", id,
                             (long long)offset, s->stored[id][offset], s->dead[id][offset]);
            }
        }
    }
}

/* What a run of the simulation does beside storing rows. */
enum { FAULTS = 1, KILLS = 2, UNNAMED = 4, PENDING = 8, GROWS = 16 };

static void simulate(uint64_t seed, int with)
{
    bool kills = (with & KILLS) != 0;
    struct sim *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    s->faults = (with & FAULTS) != 0;
    s->unnamed = (with & UNNAMED) != 0;
    s->pending = (with & PENDING) != 0;
    s->grows = (with & GROWS) != 0;
    memset(s->positions, 0xff, sizeof s->positions);
    bool done = false;
    for (uint32_t lives = 0; !done; lives++) {
        ck_assert_uint_lt(lives, 100000);
        process_start(s);
        done = process_run(s, kills ? 1 + draw(s, 400) : 1000000);
        ck_assert(done || kills);
        process_end(s);
    }
    check_outcome(s);
    ck_assert_uint_gt(s->announced, 0);
    ck_assert_uint_gt(s->known_count, 0);
    if (with == UNNAMED) {
        /* 24 records are refused; one of at most 100 is found within seven halves and as many ends.
         */
        ck_assert_uint_lt(s->commits, 24 * 16 + 60);
    }
    free(s);
}

START_TEST(every_row_is_stored_once_and_bad_rows_are_set_aside)
{
    simulate((uint64_t)_i, 0);
}
END_TEST

START_TEST(failures_and_lost_answers_lose_and_double_nothing)
{
    simulate((uint64_t)_i, FAULTS | (_i % 2 == 0 ? PENDING : 0));
}
END_TEST

START_TEST(kills_at_any_step_lose_and_double_nothing)
{
    simulate((uint64_t)_i, FAULTS | KILLS | (_i % 2 == 0 ? PENDING : 0));
}
END_TEST

START_TEST(a_partition_found_while_running_is_stored_from_its_beginning)
{
    static const int with[] = {0, FAULTS, FAULTS | KILLS, UNNAMED, FAULTS | KILLS | PENDING};
    simulate((uint64_t)_i, GROWS | with[_i % 5]);
}
END_TEST

START_TEST(rows_that_are_refused_without_a_name_are_found_by_halving)
{
    simulate((uint64_t)_i, UNNAMED);
}
END_TEST

START_TEST(halving_survives_failures_and_kills)
{
    simulate((uint64_t)_i,
             UNNAMED | FAULTS | (_i % 2 == 0 ? PENDING : 0) | (_i % 3 == 0 ? KILLS : 0));
}
END_TEST

START_TEST(an_owner_that_was_taken_over_stops_as_fenced)
{
    struct sim *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->random = 7;
    memset(s->positions, 0xff, sizeof s->positions);
    process_start(s);
    for (int i = 0; i < 40; i++) {
        (void)sink_driver_step(s->driver);
    }
    s->fence += 1; /* somebody else claims */
    s->staged_count = 0;
    s->driver->state = SINK_STATE_CLAIM;
    s->driver->written = 0;
    ck_assert_int_eq(sink_driver_step(s->driver), SINK_FAILED);
    ck_assert_int_eq(s->driver->error.flags, PH_ERR_FENCED);
    process_end(s);
    free(s);
}
END_TEST

/* A driver that has written and claims again. */
static struct sim *claim_again(void)
{
    struct sim *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->random = 7;
    memset(s->positions, 0xff, sizeof s->positions);
    process_start(s);
    for (int i = 0; i < 1000 && s->positions[0] <= 0; i++) {
        ck_assert_int_ne(sink_driver_step(s->driver), SINK_FAILED);
    }
    ck_assert_int_gt(s->positions[0], 0);
    s->driver->ops->abort(s->driver->task);
    s->driver->has_announced = false;
    s->driver->state = SINK_STATE_CLAIM;
    s->driver->written = 0;
    return s;
}

/* By how much it is moved, and how far beyond that the commit in doubt reached; -1 = no doubt. */
static const struct {
    int64_t by;
    int64_t doubt;
    bool is_refused;
} changes[] = {{0, -1, false}, {-1, -1, true}, {1, -1, true}, {0, 5, false},
               {5, 0, false},  {4, 1, true},   {6, -1, true}};

START_TEST(a_position_that_somebody_else_moved_stops_the_sink)
{
    struct sim *s = claim_again();
    struct sink_driver *d = s->driver;
    int64_t before = s->positions[0];
    d->in_doubt = changes[_i].doubt >= 0;
    d->reach_count = 1;
    d->reach[0] = (struct ph_position){.partition_id = 0,
                                       .next_offset = before + changes[_i].by + changes[_i].doubt};
    s->positions[0] += changes[_i].by;
    enum sink_step step = sink_driver_step(d);
    if (changes[_i].is_refused) {
        ck_assert_int_eq(step, SINK_FAILED);
        ck_assert_int_eq(d->error.flags, PH_ERR_FATAL);
        ck_assert_ptr_nonnull(strstr(d->error.text, ": somebody else changed it; start again"));
        ck_assert_int_eq(d->durable[0], before);
    } else {
        ck_assert_int_ne(step, SINK_FAILED);
        ck_assert_int_eq(d->durable[0], s->positions[0]);
    }
    process_end(s);
    free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink driver");
    TCase *tc = tcase_create("simulation");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, every_row_is_stored_once_and_bad_rows_are_set_aside, 0, 20);
    tcase_add_loop_test(tc, failures_and_lost_answers_lose_and_double_nothing, 0, 100);
    tcase_add_loop_test(tc, kills_at_any_step_lose_and_double_nothing, 0, 200);
    tcase_add_loop_test(tc, a_partition_found_while_running_is_stored_from_its_beginning, 0, 200);
    tcase_add_loop_test(tc, rows_that_are_refused_without_a_name_are_found_by_halving, 0, 20);
    tcase_add_loop_test(tc, halving_survives_failures_and_kills, 0, 200);
    tcase_add_test(tc, an_owner_that_was_taken_over_stops_as_fenced);
    tcase_add_loop_test(tc, a_position_that_somebody_else_moved_stops_the_sink, 0,
                        (int)(sizeof changes / sizeof changes[0]));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
