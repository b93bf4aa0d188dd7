/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/units.h"

#include "load.h"

static int64_t duration(const char *text)
{
    int64_t ms;
    return units_parse_duration(text, &ms) ? ms : -1;
}

static int64_t size(const char *text)
{
    int64_t bytes;
    return units_parse_size(text, &bytes) ? bytes : -1;
}

START_TEST(durations_are_milliseconds)
{
    ck_assert_int_eq(duration("0"), 0);
    ck_assert_int_eq(duration("250"), 250);
    ck_assert_int_eq(duration("500ms"), 500);
    ck_assert_int_eq(duration("10s"), 10000);
    ck_assert_int_eq(duration("5m"), 300000);
    ck_assert_int_eq(duration("2h"), 7200000);
    ck_assert_int_eq(duration("7d"), 604800000);
}
END_TEST

START_TEST(sizes_are_bytes)
{
    ck_assert_int_eq(size("17"), 17);
    ck_assert_int_eq(size("64KiB"), 65536);
    ck_assert_int_eq(size("64MiB"), 67108864);
    ck_assert_int_eq(size("1GiB"), 1073741824);
}
END_TEST

START_TEST(anything_else_is_refused)
{
    const char *const texts[] = {"", "s", "-1", "1.5s", "10 s", "10S", "10sec", " 1", "1 "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(duration(texts[i]) == -1, "%s", texts[i]);
    }
    ck_assert_int_eq(size("64MB"), -1);
    ck_assert_int_eq(size("64kib"), -1);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    ck_assert_int_eq(duration("9223372036854775807"), INT64_MAX);
    ck_assert_int_eq(duration("9223372036854775808"), -1);
    ck_assert_int_eq(duration("9223372036854775807s"), -1);
    ck_assert_int_eq(size("8589934592GiB"), -1);
}
END_TEST

START_TEST(texts_are_the_shortest)
{
    char out[UNITS_TEXT_SIZE];
    ck_assert_str_eq(units_format_duration(0, out), "0");
    ck_assert_str_eq(units_format_duration(1500, out), "1500ms");
    ck_assert_str_eq(units_format_duration(10000, out), "10s");
    ck_assert_str_eq(units_format_duration(172800000, out), "2d");
    ck_assert_str_eq(units_format_size(1023, out), "1023");
    ck_assert_str_eq(units_format_size(67108864, out), "64MiB");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {durations_are_milliseconds, sizes_are_bytes,
                                  anything_else_is_refused, what_does_not_fit_is_refused,
                                  texts_are_the_shortest};
    return run_tests("units", tests, sizeof tests / sizeof tests[0]);
}
