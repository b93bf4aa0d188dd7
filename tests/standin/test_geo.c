/* What the stand-in of the geolocation service answers, and how it counts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "geo.h"

#define ADDRESSES 10000

/* Writes the i-th public-looking address. */
static size_t write_address(char *text, size_t cap, int i)
{
    int len = snprintf(text, cap, "%d.%d.%d.7", 11 + i % 80, i / 256, i % 256);
    ck_assert_int_gt(len, 0);
    return (size_t)len;
}

START_TEST(an_address_has_the_same_place_in_every_run)
{
    struct geo_answer answer;
    geo_answer("8.8.8.8", 7, &answer);
    ck_assert_str_eq(answer.country_code, "US");
    ck_assert_str_eq(answer.region_name, "Texas");
    ck_assert_str_eq(answer.city_name, "Austin");
    geo_answer("1.1.1.1 and what follows", 7, &answer);
    ck_assert_str_eq(answer.country_code, "SG");
}
END_TEST

START_TEST(addresses_spread_over_the_countries)
{
    const char *countries[64] = {NULL};
    int known = 0;
    int american = 0;
    for (int i = 0; i < ADDRESSES; i++) {
        char text[32];
        struct geo_answer answer;
        geo_answer(text, write_address(text, sizeof text, i), &answer);
        american += strcmp(answer.country_code, "US") == 0;
        int at = 0;
        while (at < known && strcmp(countries[at], answer.country_code) != 0) {
            at++;
        }
        if (at == known) {
            countries[known++] = answer.country_code;
        }
    }
    ck_assert_int_eq(known, 13);
    ck_assert_int_gt(american, ADDRESSES / 5);
    ck_assert_int_lt(american, ADDRESSES / 3);
}
END_TEST

START_TEST(as_many_addresses_fail_as_asked_and_always_the_same)
{
    int failed = 0;
    for (int i = 0; i < ADDRESSES; i++) {
        char text[32];
        size_t len = write_address(text, sizeof text, i);
        ck_assert(!geo_fails(text, len, 0));
        ck_assert(geo_fails(text, len, 100));
        bool fails = geo_fails(text, len, 10);
        ck_assert(!fails || geo_fails(text, len, 20));
        failed += fails;
    }
    ck_assert_int_gt(failed, ADDRESSES / 10 * 8 / 10);
    ck_assert_int_lt(failed, ADDRESSES / 10 * 12 / 10);
}
END_TEST

START_TEST(requests_are_counted_by_address)
{
    struct counts counts;
    ck_assert(counts_init(&counts));
    const uint64_t hashes[] = {5, 0, 5, 7, 5, 0};
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        counts_add(&counts, hashes[i]);
    }
    ck_assert_uint_eq(counts.requests, 6);
    ck_assert_uint_eq(counts.distinct, 3);
    ck_assert_uint_eq(counts.most, 3);
    ck_assert(!counts.full);
    counts_fini(&counts);
}
END_TEST

START_TEST(a_full_table_says_so_and_goes_on_counting_requests)
{
    struct counts counts;
    ck_assert(counts_init(&counts));
    uint64_t asked = 0;
    while (!counts.full && asked < 1u << 24) {
        counts_add(&counts, ++asked);
    }
    ck_assert(counts.full);
    ck_assert_uint_eq(counts.distinct, asked - 1);
    ck_assert_uint_eq(counts.requests, asked);
    counts_add(&counts, 1);
    ck_assert_uint_eq(counts.most, 2);
    counts_fini(&counts);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stand-in");
    TCase *all = tcase_create("all");
    tcase_add_test(all, an_address_has_the_same_place_in_every_run);
    tcase_add_test(all, addresses_spread_over_the_countries);
    tcase_add_test(all, as_many_addresses_fail_as_asked_and_always_the_same);
    tcase_add_test(all, requests_are_counted_by_address);
    tcase_add_test(all, a_full_table_says_so_and_goes_on_counting_requests);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
