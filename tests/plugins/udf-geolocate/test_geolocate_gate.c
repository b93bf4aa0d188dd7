/* SPDX-License-Identifier: Apache-2.0 */
/* Who may start a request, and who is woken. */
#include "gate.h"

#include <check.h>
#include <errno.h>
#include <semaphore.h>
#include <time.h>

#define MS INT64_C(1000000)

static struct gate gate;
static uint32_t epoch;
static int64_t until_ns;

static void set_up(void)
{
    ck_assert(gate_init(&gate, 4));
    epoch = 0;
    until_ns = 0;
}

static void tear_down(void)
{
    gate_fini(&gate);
}

static void enter(uint32_t lane, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(gate_enter(&gate, lane, 0, &epoch, &until_ns), GATE_IN);
    }
}

static void expect(uint32_t lane, int64_t now_ns, enum gate_answer answer)
{
    ck_assert_int_eq(gate_enter(&gate, lane, now_ns, &epoch, &until_ns), answer);
}

START_TEST(one_lane_may_use_all_room)
{
    enter(2, 4);
    expect(2, 0, GATE_FULL);
    expect(0, 0, GATE_FULL);
}
END_TEST

START_TEST(a_lane_gives_way_to_a_poorer_one_that_waits)
{
    enter(0, 4);
    expect(1, 0, GATE_FULL);
    ck_assert_uint_eq(gate_settle(&gate, 1, true), 0);
    gate_leave(&gate, 0);
    expect(0, 0, GATE_FULL);
    ck_assert_uint_eq(gate_settle(&gate, 0, true), 1u << 1);
    expect(1, 0, GATE_IN);
    ck_assert_uint_eq(gate_settle(&gate, 1, false), 0);
    gate_leave(&gate, 1);
    ck_assert_uint_eq(gate_settle(&gate, 1, false), 1u << 0);
    expect(0, 0, GATE_IN);
}
END_TEST

START_TEST(nobody_gives_way_to_a_lane_that_no_longer_waits)
{
    enter(0, 3);
    ck_assert_uint_eq(gate_settle(&gate, 1, true), 0);
    ck_assert_uint_eq(gate_settle(&gate, 1, false), 0);
    expect(0, 0, GATE_IN);
}
END_TEST

START_TEST(room_that_is_made_before_a_refused_lane_settles_wakes_it)
{
    enter(0, 4);
    expect(1, 0, GATE_FULL);
    gate_leave(&gate, 0);
    ck_assert_uint_eq(gate_settle(&gate, 0, false), 1u << 1);
}
END_TEST

START_TEST(a_plea_shuts_it_for_all_lanes_and_for_its_time)
{
    int64_t pause_ns = 100 * MS;
    enter(0, 2);
    ck_assert(gate_pause(&gate, epoch, GATE_PAUSE_ALL, 10 * MS, &pause_ns));
    expect(1, 109 * MS, GATE_SHUT);
    ck_assert_int_eq(until_ns, 110 * MS);
    ck_assert(gate_is_shut(&gate, 109 * MS));
    expect(1, 110 * MS, GATE_IN);
    expect(1, 110 * MS, GATE_IN);
    ck_assert(!gate_is_shut(&gate, 110 * MS));
}
END_TEST

START_TEST(what_was_under_way_neither_prolongs_a_pause_nor_ends_it)
{
    int64_t pause_ns = 100 * MS;
    int64_t other_ns = 500 * MS;
    enter(0, 2);
    uint32_t before = epoch;
    ck_assert(gate_pause(&gate, before, GATE_PAUSE_TRY, 0, &pause_ns));
    ck_assert(!gate_pause(&gate, before, GATE_PAUSE_TRY, 50 * MS, &other_ns));
    ck_assert(!gate_resume(&gate, before));
    expect(0, 99 * MS, GATE_SHUT);
    ck_assert_int_eq(until_ns, 100 * MS);
}
END_TEST

START_TEST(after_a_refusal_one_request_at_a_time_tries)
{
    int64_t pause_ns = 100 * MS;
    enter(0, 1);
    ck_assert(gate_pause(&gate, epoch, GATE_PAUSE_TRY, 0, &pause_ns));
    gate_leave(&gate, 0);
    expect(1, 100 * MS, GATE_IN);
    expect(0, 100 * MS, GATE_FULL);
    ck_assert_uint_eq(gate_settle(&gate, 0, true), 0);
    ck_assert(gate_is_trying(&gate));
    gate_leave(&gate, 1);
    ck_assert(gate_resume(&gate, epoch));
    ck_assert(!gate_is_trying(&gate));
    ck_assert_uint_eq(gate_settle(&gate, 1, false), 1u << 0);
    expect(0, 100 * MS, GATE_IN);
    expect(0, 100 * MS, GATE_IN);
}
END_TEST

START_TEST(tries_in_vain_wait_longer_each_up_to_a_bound)
{
    const int64_t expected_ms[] = {100, 200, 400, 800, 1600, 1600};
    int64_t now_ns = 0;
    for (uint32_t i = 0; i < 6; i++) {
        int64_t pause_ns = 100 * MS;
        expect(0, now_ns, GATE_IN);
        gate_leave(&gate, 0);
        ck_assert(gate_pause(&gate, epoch, GATE_PAUSE_TRY, now_ns, &pause_ns));
        ck_assert_int_eq(pause_ns, expected_ms[i] * MS);
        now_ns += pause_ns;
    }
    expect(0, now_ns, GATE_IN);
    ck_assert(gate_resume(&gate, epoch));
    int64_t pause_ns = 100 * MS;
    expect(0, now_ns, GATE_IN);
    ck_assert(gate_pause(&gate, epoch, GATE_PAUSE_TRY, now_ns, &pause_ns));
    ck_assert_int_eq(pause_ns, 100 * MS);
}
END_TEST

START_TEST(no_pause_is_longer_than_a_day)
{
    int64_t pause_ns = INT64_C(30) * 24 * 3600 * 1000 * MS;
    enter(0, 1);
    ck_assert(gate_pause(&gate, epoch, GATE_PAUSE_ALL, 0, &pause_ns));
    ck_assert_int_eq(pause_ns, INT64_C(24) * 3600 * 1000 * MS);
}
END_TEST

/* ---- lanes on threads of their own */

#define LANES    4u
#define REQUESTS 3000u

struct lane {
    pthread_t thread;
    uint32_t number;
    sem_t woken;
};

static struct lane lanes[LANES];
static _Atomic uint32_t inside;
static _Atomic uint32_t most_inside;
static _Atomic uint32_t stuck;

static void wake(uint64_t bits)
{
    for (uint32_t i = 0; i < LANES; i++) {
        if ((bits >> i & 1) != 0) {
            (void)sem_post(&lanes[i].woken);
        }
    }
}

/* False: nobody woke the lane although there must have been room. */
static bool wait_for_room(struct lane *lane)
{
    struct timespec until;
    int code;
    wake(gate_settle(&gate, lane->number, true));
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    do {
        code = sem_timedwait(&lane->woken, &until);
    } while (code != 0 && errno == EINTR);
    return code == 0;
}

static void note_inside(void)
{
    uint32_t now = atomic_fetch_add(&inside, 1) + 1;
    uint32_t most = atomic_load(&most_inside);
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now)) {
    }
}

/* Takes as many requests in as it may, then ends them all. */
static void *ask_much(void *context)
{
    struct lane *lane = context;
    uint32_t left = REQUESTS;
    while (left > 0) {
        uint32_t entered = 0;
        uint32_t its_epoch = 0;
        int64_t its_until_ns = 0;
        while (entered < left &&
               gate_enter(&gate, lane->number, 0, &its_epoch, &its_until_ns) == GATE_IN) {
            note_inside();
            entered++;
        }
        for (uint32_t i = 0; i < entered; i++) {
            (void)atomic_fetch_sub(&inside, 1);
            gate_leave(&gate, lane->number);
        }
        left -= entered;
        if (entered == 0 && !wait_for_room(lane)) {
            (void)atomic_fetch_add(&stuck, 1);
            break;
        }
        wake(gate_settle(&gate, lane->number, false));
    }
    return NULL;
}

START_TEST(lanes_on_threads_never_exceed_the_limit_and_none_is_forgotten)
{
    for (uint32_t i = 0; i < LANES; i++) {
        lanes[i].number = i;
        ck_assert_int_eq(sem_init(&lanes[i].woken, 0, 0), 0);
    }
    for (uint32_t i = 0; i < LANES; i++) {
        ck_assert_int_eq(pthread_create(&lanes[i].thread, NULL, ask_much, &lanes[i]), 0);
    }
    for (uint32_t i = 0; i < LANES; i++) {
        ck_assert_int_eq(pthread_join(lanes[i].thread, NULL), 0);
    }
    ck_assert_uint_eq(stuck, 0);
    ck_assert_uint_le(most_inside, 4);
    ck_assert_uint_eq(gate.in_flight, 0);
}
END_TEST

/* ---- an API that is away */

static const struct address heard_address = {{1}};
static const struct address own_address = {{9}};

START_TEST(few_may_start_while_an_api_is_away_that_has_not_answered)
{
    gate_fini(&gate);
    ck_assert(gate_init(&gate, 64));
    struct address address;
    ck_assert(!gate_is_away(&gate));
    gate_lose(&gate);
    ck_assert(gate_is_away(&gate));
    ck_assert(gate_is_shut(&gate, 0));
    ck_assert(!gate_probe(&gate, &own_address, &address));
    enter(0, 8);
    expect(0, 0, GATE_FULL);
}
END_TEST

START_TEST(one_may_start_while_an_api_is_away_that_has_answered)
{
    struct address address = {{0}};
    ck_assert(!gate_hear(&gate, &heard_address, 10));
    ck_assert(!gate_probe(&gate, &own_address, &address));
    gate_lose(&gate);
    ck_assert(gate_probe(&gate, &own_address, &address));
    ck_assert_mem_eq(&address, &heard_address, sizeof address);
    enter(0, 1);
    expect(0, 0, GATE_FULL);
    ck_assert(gate_hear(&gate, &heard_address, 20));
    ck_assert(!gate_is_away(&gate));
    ck_assert(!gate_is_shut(&gate, 0));
    enter(0, 3);
}
END_TEST

START_TEST(what_was_heard_is_known_by_its_latest_beginning)
{
    const struct address earlier = {{2}};
    struct address address;
    ck_assert_int_eq(gate_heard_ns(&gate, &own_address), 0);
    ck_assert(!gate_hear(&gate, &heard_address, 20));
    ck_assert(!gate_hear(&gate, &earlier, 10));
    ck_assert_int_eq(gate_heard_ns(&gate, &own_address), 20);
    gate_lose(&gate);
    ck_assert(gate_probe(&gate, &own_address, &address));
    ck_assert_mem_eq(&address, &heard_address, sizeof address);
    ck_assert(gate_probe(&gate, &own_address, &address));
    ck_assert_mem_eq(&address, &earlier, sizeof address);
}
END_TEST

START_TEST(what_an_address_itself_was_answered_does_not_count_for_it)
{
    const struct address other = {{2}};
    struct address address;
    ck_assert(!gate_hear(&gate, &own_address, 10));
    gate_lose(&gate);
    ck_assert_int_eq(gate_heard_ns(&gate, &own_address), 0);
    ck_assert(!gate_probe(&gate, &own_address, &address));
    ck_assert(gate_hear(&gate, &other, 20));
    ck_assert(!gate_hear(&gate, &own_address, 30));
    gate_lose(&gate);
    ck_assert_int_eq(gate_heard_ns(&gate, &own_address), 20);
    ck_assert_int_eq(gate_heard_ns(&gate, &other), 30);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert(gate_probe(&gate, &own_address, &address));
        ck_assert_mem_eq(&address, &other, sizeof address);
    }
    ck_assert(gate_hear(&gate, &other, 40));
    ck_assert_int_eq(gate_heard_ns(&gate, &other), 30);
    ck_assert_int_eq(gate_heard_ns(&gate, &own_address), 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate gate");
    TCase *tests = tcase_create("gate");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, one_lane_may_use_all_room);
    tcase_add_test(tests, a_lane_gives_way_to_a_poorer_one_that_waits);
    tcase_add_test(tests, nobody_gives_way_to_a_lane_that_no_longer_waits);
    tcase_add_test(tests, room_that_is_made_before_a_refused_lane_settles_wakes_it);
    tcase_add_test(tests, a_plea_shuts_it_for_all_lanes_and_for_its_time);
    tcase_add_test(tests, what_was_under_way_neither_prolongs_a_pause_nor_ends_it);
    tcase_add_test(tests, after_a_refusal_one_request_at_a_time_tries);
    tcase_add_test(tests, tries_in_vain_wait_longer_each_up_to_a_bound);
    tcase_add_test(tests, no_pause_is_longer_than_a_day);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, lanes_on_threads_never_exceed_the_limit_and_none_is_forgotten);
    tcase_add_test(tests, few_may_start_while_an_api_is_away_that_has_not_answered);
    tcase_add_test(tests, one_may_start_while_an_api_is_away_that_has_answered);
    tcase_add_test(tests, what_was_heard_is_known_by_its_latest_beginning);
    tcase_add_test(tests, what_an_address_itself_was_answered_does_not_count_for_it);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
