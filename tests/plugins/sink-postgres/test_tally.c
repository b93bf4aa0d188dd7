/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include "parts.h"

#include <stdio.h>

START_TEST(each_reason_is_counted_by_itself)
{
    struct tally t = {0};
    ck_assert_uint_eq(tally_refused(&t, "23514", 3), 3);
    ck_assert_uint_eq(tally_refused(&t, "22001", 1), 1);
    ck_assert_uint_eq(tally_refused(&t, "23514", 2), 5);
    ck_assert_uint_eq(t.refused, 6);
}
END_TEST

START_TEST(the_first_places_of_a_reason_are_kept_once)
{
    struct tally t = {0};
    const struct tally_reason *r = tally_find(&t, "23514");
    for (int64_t offset = 0; offset < 3 * (int64_t)TALLY_PLACES; offset++) {
        tally_place(tally_find(&t, "23514"), (struct tally_place){7, offset / 2});
    }
    tally_place(tally_find(&t, "22001"), (struct tally_place){8, 0});
    ck_assert_uint_eq(tally_refused(&t, "23514", 5), 5);
    ck_assert_uint_eq(r->place_count, TALLY_PLACES);
    for (uint32_t i = 0; i < TALLY_PLACES; i++) {
        ck_assert_uint_eq(r->places[i].partition_id, 7);
        ck_assert_int_eq(r->places[i].offset, i);
    }
    ck_assert_uint_eq(tally_find(&t, "22001")->place_count, 1);
}
END_TEST

START_TEST(reasons_without_room_share_the_last_place)
{
    struct tally t = {0};
    char code[6];
    for (int i = 0; i < (int)TALLY_REASONS; i++) {
        (void)snprintf(code, sizeof code, "230%02d", i);
        ck_assert_uint_eq(tally_refused(&t, code, 1), 1);
    }
    ck_assert_uint_eq(tally_refused(&t, "22000", 1), 2);
    ck_assert_uint_eq(tally_refused(&t, "23003", 1), 2);
    ck_assert_uint_eq(t.refused, TALLY_REASONS + 2);
}
END_TEST

START_TEST(a_count_ends_with_enough_rows_and_no_sooner)
{
    struct tally t = {0};
    (void)tally_refused(&t, "23514", 10);
    tally_taken(&t, TALLY_LEAST - 11);
    ck_assert_uint_eq(tally_refused(&t, "23514", 1), 11);
    tally_taken(&t, 0);
    ck_assert_uint_eq(t.refused, 0);
    ck_assert_uint_eq(t.taken, 0);
    ck_assert_uint_eq(tally_refused(&t, "23514", 1), 1);
}
END_TEST

START_TEST(what_was_not_set_aside_is_taken_back_from_its_reason_alone)
{
    struct tally t = {0};
    (void)tally_refused(&t, "22001", 4);
    for (int tries = 0; tries < 50; tries++) {
        ck_assert_uint_eq(tally_refused(&t, "23514", 20), tries < 25 ? 20 : 27);
        tally_take_back(&t, "23514", tries == 24 ? 13 : 20);
    }
    ck_assert_uint_eq(t.refused, 11);
    ck_assert_uint_eq(tally_refused(&t, "23514", 1), 8);
    ck_assert_uint_eq(tally_refused(&t, "22001", 1), 5);
    tally_begin(&t);
    ck_assert_uint_eq(tally_refused(&t, "23514", 1), 1);
}
END_TEST

START_TEST(a_share_of_few_rows_says_nothing)
{
    ck_assert(!tally_is_too_many(999, 999, 10));
    ck_assert(!tally_is_too_many(100, 1000, 10));
    ck_assert(tally_is_too_many(101, 1000, 10));
    ck_assert(tally_is_too_many(1, 1000, 0));
    ck_assert(!tally_is_too_many(1000, 1000, 100));
    ck_assert(!tally_is_too_many(5000, 50000, 10));
    ck_assert(tally_is_too_many(5001, 50000, 10));
}
END_TEST

TCase *tally_tests(void)
{
    TCase *c = tcase_create("tally");
    tcase_add_test(c, each_reason_is_counted_by_itself);
    tcase_add_test(c, the_first_places_of_a_reason_are_kept_once);
    tcase_add_test(c, reasons_without_room_share_the_last_place);
    tcase_add_test(c, a_count_ends_with_enough_rows_and_no_sooner);
    tcase_add_test(c, what_was_not_set_aside_is_taken_back_from_its_reason_alone);
    tcase_add_test(c, a_share_of_few_rows_says_nothing);
    return c;
}
