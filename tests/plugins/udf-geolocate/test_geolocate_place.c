/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <check.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static struct places places;

static struct address address_of(uint32_t number)
{
    struct address address = {{0}};
    memcpy(address.bytes + 12, &number, sizeof number);
    return address;
}

static enum place_state find(uint32_t number, int64_t now_ns, uint32_t lane, struct place **out)
{
    struct address address = address_of(number);
    return places_find(&places, &address, now_ns, lane, out);
}

/* What a look-up by lane 0 says; keeps no reference. */
static enum place_state state_of(uint32_t number, int64_t now_ns)
{
    struct place *place = NULL;
    enum place_state state = find(number, now_ns, 0, &place);
    place_release(place);
    return state;
}

static uint64_t answer(struct place *place, const char *text, int64_t expires_ns,
                       uint64_t *evictions)
{
    char *copy = strdup(text);
    ck_assert_ptr_nonnull(copy);
    return places_answer(&places, place, copy, (uint32_t)strlen(text), expires_ns, evictions);
}

static uint64_t learn(uint32_t number, int64_t expires_ns)
{
    struct place *place = NULL;
    uint64_t evictions = 0;
    ck_assert_int_eq(find(number, 0, 0, &place), PLACE_TO_ASK);
    ck_assert_uint_eq(answer(place, "{\"x\":1}", expires_ns, &evictions), 0);
    place_release(place);
    return evictions;
}

static void set_up(void)
{
    ck_assert(places_init(&places, 4, 12345));
}

static void tear_down(void)
{
    places_fini(&places);
}

START_TEST(the_first_to_look_asks_and_the_others_wait)
{
    struct place *a = NULL;
    struct place *b = NULL;
    uint64_t evictions = 0;
    ck_assert_int_eq(find(1, 0, 0, &a), PLACE_TO_ASK);
    ck_assert_int_eq(find(1, 0, 5, &b), PLACE_WAITING);
    ck_assert_ptr_eq(a, b);
    ck_assert(!place_is_answered(a));
    ck_assert_uint_eq(answer(a, "{\"x\":1}", 100, &evictions), 0);
    ck_assert(place_is_answered(b));
    ck_assert_uint_eq(b->text_length, 7);
    ck_assert_mem_eq(b->text, "{\"x\":1}", 7);
    place_release(a);
    place_release(b);
    ck_assert_int_eq(state_of(1, 99), PLACE_ANSWERED);
}
END_TEST

START_TEST(an_answer_tells_which_other_lanes_to_wake)
{
    struct place *place = NULL;
    uint64_t evictions = 0;
    ck_assert_int_eq(find(1, 0, 2, &place), PLACE_TO_ASK);
    ck_assert_int_eq(places_await(&places, place, 2), PLACE_WAITING);
    ck_assert_int_eq(places_await(&places, place, 0), PLACE_WAITING);
    ck_assert_int_eq(places_await(&places, place, 63), PLACE_WAITING);
    ck_assert_uint_eq(answer(place, "{\"x\":1}", 100, &evictions), UINT64_C(1) | UINT64_C(1) << 63);
    ck_assert_int_eq(places_await(&places, place, 0), PLACE_ANSWERED);
    place_release(place);
}
END_TEST

START_TEST(an_abandoned_place_is_asked_for_by_the_next_lane)
{
    struct place *place = NULL;
    ck_assert_int_eq(find(1, 0, 0, &place), PLACE_TO_ASK);
    ck_assert_int_eq(places_await(&places, place, 3), PLACE_WAITING);
    ck_assert_uint_eq(places_abandon(&places, place), UINT64_C(1) << 3);
    ck_assert_int_eq(places_await(&places, place, 3), PLACE_TO_ASK);
    ck_assert_int_eq(places_await(&places, place, 1), PLACE_WAITING);
    ck_assert_uint_eq(places_abandon(&places, place), UINT64_C(1) << 1);
    place_release(place);
    ck_assert_int_eq(state_of(1, 0), PLACE_TO_ASK);
}
END_TEST

START_TEST(an_expired_place_is_asked_for_anew_and_the_old_one_stays_readable)
{
    struct place *old = NULL;
    struct place *fresh = NULL;
    uint64_t evictions = 0;
    ck_assert_int_eq(find(1, 0, 0, &old), PLACE_TO_ASK);
    (void)answer(old, "{\"old\":1}", 100, &evictions);
    ck_assert_int_eq(state_of(1, 99), PLACE_ANSWERED);
    ck_assert_int_eq(find(1, 100, 0, &fresh), PLACE_TO_ASK);
    ck_assert_ptr_ne(old, fresh);
    ck_assert_mem_eq(old->text, "{\"old\":1}", 9);
    place_release(old);
    place_release(fresh);
}
END_TEST

START_TEST(no_more_places_than_the_capacity_are_kept)
{
    uint64_t evictions = 0;
    for (uint32_t i = 1; i <= 10; i++) {
        evictions += learn(i, 100);
        ck_assert_uint_le(places.answered, 4);
    }
    ck_assert_uint_eq(evictions, 6);
    for (uint32_t i = 7; i <= 10; i++) {
        ck_assert_int_eq(state_of(i, 1), PLACE_ANSWERED);
    }
    ck_assert_int_eq(state_of(6, 1), PLACE_TO_ASK);
}
END_TEST

START_TEST(a_place_that_is_looked_up_outlives_one_that_is_not)
{
    for (uint32_t i = 1; i <= 4; i++) {
        (void)learn(i, 100);
    }
    ck_assert_int_eq(state_of(1, 1), PLACE_ANSWERED);
    (void)learn(5, 100);
    ck_assert_int_eq(state_of(1, 1), PLACE_ANSWERED);
    ck_assert_int_eq(state_of(2, 1), PLACE_TO_ASK);
}
END_TEST

START_TEST(places_that_wait_for_an_answer_are_never_evicted)
{
    struct place *waiting = NULL;
    struct place *again = NULL;
    ck_assert_int_eq(find(100, 0, 0, &waiting), PLACE_TO_ASK);
    for (uint32_t i = 1; i <= 20; i++) {
        (void)learn(i, 100);
    }
    ck_assert_int_eq(find(100, 0, 1, &again), PLACE_WAITING);
    ck_assert_ptr_eq(waiting, again);
    place_release(waiting);
    place_release(again);
}
END_TEST

START_TEST(an_evicted_place_stays_readable_for_who_holds_it)
{
    struct place *held = NULL;
    uint64_t evictions = 0;
    ck_assert_int_eq(find(100, 0, 0, &held), PLACE_TO_ASK);
    (void)answer(held, "{\"held\":1}", 100, &evictions);
    for (uint32_t i = 1; i <= 20; i++) {
        (void)learn(i, 100);
    }
    ck_assert_mem_eq(held->text, "{\"held\":1}", held->text_length);
    place_release(held);
}
END_TEST

START_TEST(no_text_means_the_empty_object)
{
    struct place *place = NULL;
    uint64_t evictions = 0;
    ck_assert_int_eq(find(1, 0, 0, &place), PLACE_TO_ASK);
    (void)places_answer(&places, place, NULL, 0, 100, &evictions);
    ck_assert_uint_eq(place->text_length, 2);
    ck_assert_mem_eq(place->text, "{}", 2);
    place_release(place);
}
END_TEST

#define THREADS   4u
#define ADDRESSES 20000u

static _Atomic uint32_t asked;

/* Looks all addresses up as one lane would, in an order of its own. */
static void *look_all_up(void *context)
{
    uint32_t lane = *(const uint32_t *)context;
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        uint32_t number = (i ^ (lane * 7)) % ADDRESSES;
        struct place *place = NULL;
        uint64_t evictions = 0;
        enum place_state state = find(number, 0, lane, &place);
        while (state == PLACE_WAITING) {
            (void)sched_yield();
            state = places_await(&places, place, lane);
        }
        if (state == PLACE_TO_ASK && number % 16 == lane && i % 2 == 0) {
            (void)places_abandon(&places, place);
        } else if (state == PLACE_TO_ASK) {
            atomic_fetch_add(&asked, 1);
            (void)places_answer(&places, place, NULL, 0, 100, &evictions);
        } else {
            ck_assert_uint_eq(place->text_length, 2);
        }
        place_release(place);
    }
    return NULL;
}

START_TEST(threads_answer_each_address_once)
{
    pthread_t threads[THREADS];
    uint32_t lanes[THREADS];
    places_fini(&places);
    ck_assert(places_init(&places, ADDRESSES, 1));
    for (uint32_t i = 0; i < THREADS; i++) {
        lanes[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look_all_up, &lanes[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_eq(asked, ADDRESSES);
    ck_assert_uint_eq(places.answered, ADDRESSES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate place");
    TCase *tests = tcase_create("place");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_first_to_look_asks_and_the_others_wait);
    tcase_add_test(tests, an_answer_tells_which_other_lanes_to_wake);
    tcase_add_test(tests, an_abandoned_place_is_asked_for_by_the_next_lane);
    tcase_add_test(tests, an_expired_place_is_asked_for_anew_and_the_old_one_stays_readable);
    tcase_add_test(tests, no_more_places_than_the_capacity_are_kept);
    tcase_add_test(tests, a_place_that_is_looked_up_outlives_one_that_is_not);
    tcase_add_test(tests, places_that_wait_for_an_answer_are_never_evicted);
    tcase_add_test(tests, an_evicted_place_stays_readable_for_who_holds_it);
    tcase_add_test(tests, no_text_means_the_empty_object);
    tcase_add_test(tests, threads_answer_each_address_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
