/* SPDX-License-Identifier: Apache-2.0 */
/** A checker's counts, against events whose fate is known. */
#include "tally.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS 10

static struct tally tally;

static void begin(void)
{
    tally_init(&tally);
    tally.partitions = 3;
    tally.count = EVENTS;
    ck_assert(tally_begin(&tally));
}

static void end(void)
{
    tally_fini(&tally);
}

static bool take(int partition, int offset)
{
    char url[64];
    struct tally_event event;
    (void)snprintf(url, sizeof url, "https://x/?e=%d-%d", partition, offset);
    bool is_known = tally_take(&tally, url, strlen(url), &event);
    if (is_known) {
        ck_assert_int_eq(event.partition, partition);
        ck_assert_int_eq(event.offset, offset);
        tally_see(&tally, &event);
    }
    return is_known;
}

START_TEST(each_event_once_is_no_fault)
{
    for (int i = 0; i < EVENTS; i++) {
        ck_assert(take(i % 3, i / 3));
    }
    ck_assert_int_eq(tally_find_missing(&tally), 0);
    ck_assert_int_eq(tally.taken, EVENTS);
    for (int i = 0; i < TALLY_FAULTS; i++) {
        ck_assert_int_eq(tally.faults[i], 0);
    }
}
END_TEST

START_TEST(what_came_twice_and_what_never_came_are_counted)
{
    for (int i = 2; i < EVENTS; i++) {
        ck_assert(take(i % 3, i / 3));
    }
    ck_assert(take(2, 0));
    ck_assert_int_eq(tally_find_missing(&tally), 0);
    ck_assert_int_eq(tally.faults[TALLY_DUPLICATE], 1);
    ck_assert_int_eq(tally.faults[TALLY_MISSING], 2);
}
END_TEST

/* Ten events on three partitions: four on the first, three on each other. */
START_TEST(an_event_that_was_not_produced_is_none)
{
    struct tally_event event;
    ck_assert(!take(3, 0));
    ck_assert(!take(1, 3));
    ck_assert(!take(0, 4));
    ck_assert(take(0, 3));
    ck_assert(!tally_take(&tally, NULL, 0, &event));
    ck_assert(!tally_take(&tally, "https://x/", 10, &event));
    ck_assert_int_eq(tally.taken, 6);
}
END_TEST

START_TEST(an_undecodable_event_has_to_be_left_out)
{
    tally.bad_percent = 100;
    ck_assert(!take(0, 0));
    ck_assert_int_eq(tally_find_missing(&tally), EVENTS);
    ck_assert_int_eq(tally.faults[TALLY_MISSING], 0);
}
END_TEST

START_TEST(five_of_a_fault_are_shown_and_none_that_is_due)
{
    tally.is_due[TALLY_DUPLICATE] = true;
    for (int i = 0; i < 7; i++) {
        ck_assert(tally_fault(&tally, TALLY_WRONG) == (i < 5));
        ck_assert(!tally_fault(&tally, TALLY_DUPLICATE));
    }
    ck_assert_int_eq(tally.faults[TALLY_WRONG], 7);
    ck_assert_int_eq(tally.faults[TALLY_DUPLICATE], 7);
}
END_TEST

START_TEST(options_are_those_of_the_generator)
{
    char text[] = "7";
    ck_assert(tally_option(&tally, 's', text));
    ck_assert(tally_option(&tally, 'p', text));
    ck_assert(!tally_option(&tally, '?', NULL));
    ck_assert_uint_eq(tally.seed, 7);
    ck_assert_int_eq(tally.partitions, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tally");
    TCase *tcase = tcase_create("tally");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, each_event_once_is_no_fault);
    tcase_add_test(tcase, what_came_twice_and_what_never_came_are_counted);
    tcase_add_test(tcase, an_event_that_was_not_produced_is_none);
    tcase_add_test(tcase, an_undecodable_event_has_to_be_left_out);
    tcase_add_test(tcase, five_of_a_fault_are_shown_and_none_that_is_due);
    tcase_add_test(tcase, options_are_those_of_the_generator);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
