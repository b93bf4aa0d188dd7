/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that stands still beside one that works: the other goes on for as long as the memory
 * lasts, and what held it is told and lost nowhere. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORDS 16000
/* A record of some 16,000 bytes: a batch of 1 MiB holds more than 60 of them. */
#define FEED    ",'records':16000,'pad':16000,'limit':true"
#define A_BATCH 60u

static struct run r;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    run_fini(&r);
}

static const char *const manifests[] = {
    PIPELINE("", SOURCE(0, FEED) "," SINK("k", 1, "s0", "") "," SINK("slow", 3, "s0", "")),
    PIPELINE("", SOURCE(0, FEED) "," UDF("u", 2, "s0", ",'mode':'add'") "," SINK(
                     "k", 1, "u", "") "," SINK("slow", 3, "u", "")),
    PIPELINE("", SOURCE(0, FEED) "," OPERATOR("w", "waits", 2, "'input':'s0',", "") "," SINK(
                     "k", 1, "w", "") "," SINK("slow", 3, "s0", "")),
};

static void start_with(unsigned long mib)
{
    char set[64];
    (void)snprintf(set, sizeof set, "/memory={\"limit_mib\":%lu}", mib);
    const char *const args[] = {"--set", set, NULL};
    run_start(&r, args);
}

static bool both_are_seeded(struct run *run, void *arg)
{
    (void)arg;
    return atomic_load(&run->stage->commits[1]) >= 1 && atomic_load(&run->stage->commits[3]) >= 1;
}

static bool is_served_again(struct run *run, void *arg)
{
    return atomic_load(&run->stage->calls[0][AT_SERVE]) >= *(uint64_t *)arg;
}

static bool has_rows(struct run *run, void *arg)
{
    return run_rows(run, 1) >= *(uint64_t *)arg;
}

/* The sink that works gets so many rows at least while the other one has none, and is held then:
 * the source, served again and again, reads no further. Answers how many it has. */
static uint64_t rows_when_held(uint64_t least)
{
    run_until(&r, both_are_seeded, NULL, "first positions");
    atomic_store(&r.stage->gate[3], true);
    atomic_store(&r.stage->limit[0], RECORDS);
    run_until(&r, has_rows, &least, "rows beside a sink that stands still");
    uint64_t served = atomic_load(&r.stage->calls[0][AT_SERVE]) + 8;
    run_until(&r, is_served_again, &served, "calls of serve");
    ck_assert_int_lt(atomic_load(&r.stage->read[0][0]), RECORDS);
    ck_assert_uint_eq(run_rows(&r, 3), 0);
    return run_rows(&r, 1);
}

static void let_it_end(void)
{
    atomic_store(&r.stage->gate[3], false);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 1, RECORDS, run_once);
    run_check(&r, 3, 0, 1, RECORDS, run_once);
}

START_TEST(with_the_least_memory_a_sink_is_held_when_the_rings_beside_it_are_full)
{
    run_write_manifest(&r, manifests[_i]);
    start_with(run_needed_mib(&r));
    ck_assert_uint_lt(rows_when_held(8 * A_BATCH), 80 * A_BATCH);
    let_it_end();
}
END_TEST

START_TEST(with_more_memory_a_sink_goes_on_while_its_neighbour_takes_a_third_of_what_was_added)
{
    run_write_manifest(&r, manifests[_i]);
    start_with(run_needed_mib(&r) + 300);
    (void)rows_when_held(100 * A_BATCH);
    let_it_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fan out");
    TCase *tc = tcase_create("fan out");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, with_the_least_memory_a_sink_is_held_when_the_rings_beside_it_are_full,
                        0, (int)(sizeof manifests / sizeof manifests[0]));
    tcase_add_loop_test(
        tc, with_more_memory_a_sink_goes_on_while_its_neighbour_takes_a_third_of_what_was_added, 0,
        (int)(sizeof manifests / sizeof manifests[0]));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
