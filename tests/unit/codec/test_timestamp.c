/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/timestamp.h"

struct good {
    const char *text;
    int64_t us;
};

static const struct good goods[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2024-05-01T00:00:00.123Z", 1714521600123000},
    {"2024-05-01 00:00:00.123", 1714521600123000},
    {"2024-05-01t00:00:00.123456789z", 1714521600123456},
    {"2024-05-01T02:00:00,5+02:00", 1714521600500000},
    {"2024-04-30T18:30:00-0530", 1714521600000000},
    {"2024-05-01T01:00+01", 1714521600000000},
    {"2024-02-29T00:00:00Z", 1709164800000000},
    {"2000-02-29T00:00:00Z", 951782400000000},
    {"1969-12-31T23:59:59.999999Z", -1},
    {"2016-12-31T23:59:60Z", 1483228800000000},
    {"2016-12-31T23:59:60.5Z", 1483228800500000},
    {"0001-01-01T00:00:00Z", TIMESTAMP_MIN_US},
    {"9999-12-31T23:59:59.999999Z", TIMESTAMP_MAX_US},
};

START_TEST(iso_8601_is_read)
{
    int64_t us = -42;
    uint32_t bad_at;
    ck_assert_msg(timestamp_parse_iso8601((const uint8_t *)goods[_i].text,
                                          (uint32_t)strlen(goods[_i].text), &us, &bad_at),
                  "%s: byte %u", goods[_i].text, bad_at);
    ck_assert_int_eq(us, goods[_i].us);
}
END_TEST

struct bad {
    const char *text;
    uint32_t at;
};

static const struct bad bads[] = {
    {"", 0},
    {"2024", 4},
    {"2024-05-01", 10},
    {"2024-05-01T", 11},
    {"2024-05-01T00", 13},
    {"abc", 0},
    {"24-05-01T00:00:00Z", 2},
    {"2024/05/01T00:00:00Z", 4},
    {"2024-13-01T00:00:00Z", 5},
    {"2024-00-01T00:00:00Z", 5},
    {"2024-04-31T00:00:00Z", 8},
    {"2023-02-29T00:00:00Z", 8},
    {"1900-02-29T00:00:00Z", 8},
    {"2024-05-00T00:00:00Z", 8},
    {"2024-05-01X00:00:00Z", 10},
    {"2024-05-01T24:00:00Z", 11},
    {"2024-05-01T00:60:00Z", 14},
    {"2024-05-01T00:00:61Z", 17},
    {"2024-05-01T00:00:00.Z", 20},
    {"2024-05-01T00:00:00Zx", 20},
    {"2024-05-01T00:00:00+", 20},
    {"2024-05-01T00:00:00+1", 21},
    {"2024-05-01T00:00:00+24:00", 20},
    {"2024-05-01T00:00:00+01:60", 23},
    {"2024-05-01T00:00:00+01:00x", 25},
    {" 2024-05-01T00:00:00Z", 0},
    {"0000-01-01T00:00:00Z", 2},
    {"0001-01-01T00:00:00+01:00", 0},
    {"9999-12-31T23:59:59-01:00", 0},
    {"-2024-05-01T00:00:00Z", 0},
};

START_TEST(what_is_not_iso_8601_is_refused_at_its_byte)
{
    int64_t us;
    uint32_t bad_at = 999;
    ck_assert_msg(!timestamp_parse_iso8601((const uint8_t *)bads[_i].text,
                                           (uint32_t)strlen(bads[_i].text), &us, &bad_at),
                  "%s: accepted", bads[_i].text);
    ck_assert_msg(bad_at == bads[_i].at, "%s: byte %u", bads[_i].text, bad_at);
}
END_TEST

/* Each byte behind the minute takes each value. */
START_TEST(the_fixed_form_is_read_as_any_other)
{
    static const char form[] = "2024-05-01T00:07:39.481Z";
    struct timestamp_minute minute = {.ms = 0};
    uint8_t text[sizeof form];
    int64_t us;
    int64_t ms;
    uint32_t bad_at;
    uint32_t taken = 0;
    memcpy(text, form, sizeof form);
    ck_assert(timestamp_parse_iso8601(text, TIMESTAMP_FIXED_LENGTH, &us, &bad_at));
    timestamp_remember(&minute, text, TIMESTAMP_FIXED_LENGTH, us);
    for (uint32_t at = 16; at < TIMESTAMP_FIXED_LENGTH; at++) {
        for (uint32_t value = 0; value < 256; value++) {
            memcpy(text, form, sizeof form);
            text[at] = (uint8_t)value;
            if (timestamp_parse_again(&minute, text, TIMESTAMP_FIXED_LENGTH, &ms)) {
                ck_assert_msg(timestamp_parse_iso8601(text, TIMESTAMP_FIXED_LENGTH, &us, &bad_at),
                              "%s", (const char *)text);
                ck_assert_int_eq(ms, us / TIMESTAMP_US_PER_MS);
                taken++;
            }
        }
    }
    /* Five digits with ten values, of which the first goes to 5, and three bytes with one. */
    ck_assert_uint_eq(taken, 6 + 4 * 10 + 3);
    memcpy(text, form, sizeof form);
    text[15]++;
    ck_assert(!timestamp_parse_again(&minute, text, TIMESTAMP_FIXED_LENGTH, &ms));
}
END_TEST

START_TEST(days_and_text_agree_over_all_years)
{
    char text[TIMESTAMP_TEXT_SIZE];
    char wanted[TIMESTAMP_TEXT_SIZE];
    int64_t days = timestamp_days_from_civil(1, 1, 1);
    ck_assert_int_eq(days, TIMESTAMP_MIN_US / TIMESTAMP_US_PER_S / 86400);
    for (int32_t year = 1; year <= 9999; year++) {
        for (uint32_t month = 1; month <= 12; month++) {
            ck_assert_int_eq(timestamp_days_from_civil(year, month, 1), days);
            (void)snprintf(wanted, sizeof wanted, "%04d-%02u-01T23:59:58Z", year, month);
            ck_assert_uint_eq(timestamp_format((days * 86400 + 86398) * TIMESTAMP_US_PER_S,
                                               TIMESTAMP_ISO8601, 0, text),
                              20);
            ck_assert_str_eq(text, wanted);
            days += timestamp_month_days(year, month);
        }
    }
}
END_TEST

START_TEST(text_is_written_in_both_styles)
{
    char text[TIMESTAMP_TEXT_SIZE];
    ck_assert_uint_eq(timestamp_format(1714521600123456, TIMESTAMP_ISO8601, 3, text), 24);
    ck_assert_str_eq(text, "2024-05-01T00:00:00.123Z");
    ck_assert_uint_eq(timestamp_format(1714521600123456, TIMESTAMP_SQL, 6, text), 26);
    ck_assert_str_eq(text, "2024-05-01 00:00:00.123456");
    ck_assert_uint_eq(timestamp_format(-1, TIMESTAMP_SQL, 3, text), 23);
    ck_assert_str_eq(text, "1969-12-31 23:59:59.999");
    ck_assert_uint_eq(timestamp_format(TIMESTAMP_MIN_US - 1, TIMESTAMP_SQL, 3, text), 0);
    ck_assert_uint_eq(timestamp_format(TIMESTAMP_MAX_US + 1, TIMESTAMP_SQL, 3, text), 0);
    ck_assert_uint_eq(timestamp_format(INT64_MIN, TIMESTAMP_SQL, 3, text), 0);
}
END_TEST

static bool read_unix(const char *text, int64_t scale, int64_t *us)
{
    return timestamp_parse_unix((const uint8_t *)text, (uint32_t)strlen(text), scale, us);
}

START_TEST(unix_time_is_read)
{
    static const char *const refused[] = {
        "", "-", ".5", "1.", "1e3", "0x1", "1 ", "99999999999999999999", "253402300800"};
    int64_t us;
    ck_assert(read_unix("1714521600", TIMESTAMP_US_PER_S, &us));
    ck_assert_int_eq(us, 1714521600000000);
    ck_assert(read_unix("-0.5", TIMESTAMP_US_PER_S, &us));
    ck_assert_int_eq(us, -500000);
    ck_assert(read_unix("1714521600123.4567", TIMESTAMP_US_PER_MS, &us));
    ck_assert_int_eq(us, 1714521600123456);
    ck_assert(read_unix("253402300799.999999", TIMESTAMP_US_PER_S, &us));
    ck_assert_int_eq(us, TIMESTAMP_MAX_US);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ck_assert_msg(!read_unix(refused[i], TIMESTAMP_US_PER_S, &us), "%s", refused[i]);
    }
}
END_TEST

static bool read_pattern(const char *pattern, const char *text, int64_t *us)
{
    ck_assert_msg(timestamp_pattern_problem(pattern) == NULL, "%s", pattern);
    return timestamp_parse_pattern(pattern, (const uint8_t *)text, (uint32_t)strlen(text), us);
}

START_TEST(patterns_are_read)
{
    int64_t us;
    ck_assert(read_pattern("%d/%b/%Y:%H:%M:%S %z", "01/May/2024:02:00:00 +0200", &us));
    ck_assert_int_eq(us, 1714521600000000);
    ck_assert(read_pattern("%Y%m%d%H%M%S", "20240501000000", &us));
    ck_assert_int_eq(us, 1714521600000000);
    ck_assert(read_pattern("%Y-%m-%d %H:%M:%S.%f%z", "2024-05-01 00:00:00.25-0100", &us));
    ck_assert_int_eq(us, 1714525200250000);
    ck_assert(read_pattern("%F", "2024-05-01", &us));
    ck_assert_int_eq(us, 1714521600000000);
    ck_assert(!read_pattern("%Y-%m-%d", "2024-02-30", &us));
    ck_assert(!read_pattern("%Y-%m-%d", "2024-02-28x", &us));
    ck_assert(!read_pattern("%Y-%m-%d", "2024-02", &us));
    ck_assert(!read_pattern("%H:%M:%S.%f", "00:00:00.", &us));
    ck_assert(!timestamp_parse_pattern("%Y", (const uint8_t *)"2024\0", 5, &us));
}
END_TEST

START_TEST(patterns_that_depend_on_the_machine_are_refused)
{
    ck_assert_ptr_nonnull(timestamp_pattern_problem("%c"));
    ck_assert_ptr_nonnull(timestamp_pattern_problem("%s"));
    ck_assert_ptr_nonnull(timestamp_pattern_problem("%Z"));
    ck_assert_str_eq(timestamp_pattern_problem("%Y%"), "ends in a lone %");
    ck_assert_str_eq(timestamp_pattern_problem("%f%f"), "has %f twice");
    ck_assert_ptr_null(timestamp_pattern_problem("100%% %Y"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("timestamp");
    TCase *c = tcase_create("text");
    tcase_add_loop_test(c, iso_8601_is_read, 0, (int)(sizeof goods / sizeof goods[0]));
    tcase_add_loop_test(c, what_is_not_iso_8601_is_refused_at_its_byte, 0,
                        (int)(sizeof bads / sizeof bads[0]));
    tcase_add_test(c, the_fixed_form_is_read_as_any_other);
    tcase_add_test(c, days_and_text_agree_over_all_years);
    tcase_add_test(c, text_is_written_in_both_styles);
    tcase_add_test(c, unix_time_is_read);
    tcase_add_test(c, patterns_are_read);
    tcase_add_test(c, patterns_that_depend_on_the_machine_are_refused);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
