/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
        "", "-", ".5", "1.", "0x1", "1 ", "99999999999999999999", "253402300800"};
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

START_TEST(unix_time_with_an_exponent_is_read_exactly)
{
    static const struct {
        const char *text;
        int64_t scale;
        int64_t us;
    } goods_unix[] = {
        {"1.7145216e12", TIMESTAMP_US_PER_MS, 1714521600000000},
        {"1.714521600123456E+9", TIMESTAMP_US_PER_S, 1714521600123456},
        {"1.7145216001234569e9", TIMESTAMP_US_PER_S, 1714521600123456},
        {"-1.5e-3", TIMESTAMP_US_PER_S, -1500},
        {"1714521600123456789000000000000e-21", TIMESTAMP_US_PER_S, 1714521600123456},
        {"0.00000000000000000000000000000001e41", TIMESTAMP_US_PER_S, 1000000000000000},
        {"1e3", TIMESTAMP_US_PER_S, 1000000000},
        {"0e99999999999999999999", TIMESTAMP_US_PER_S, 0},
        {"9e-99999999999999999999", TIMESTAMP_US_PER_S, 0},
        {"2.53402300799999999e11", TIMESTAMP_US_PER_S, TIMESTAMP_MAX_US},
        {"-6.21355968e10", TIMESTAMP_US_PER_S, TIMESTAMP_MIN_US},
    };
    static const char *const refused[] = {"e3",
                                          "1e",
                                          "1e+",
                                          "1e-",
                                          "1.e3",
                                          ".5e3",
                                          "1e3.5",
                                          "1ee3",
                                          "1.2.3e4",
                                          "1e3 ",
                                          " 1e3",
                                          "--1e3",
                                          "1e+-3",
                                          "1e12",
                                          "1e99999999999999999999",
                                          "-6.2135596801e10",
                                          "2.534023008e11"};
    int64_t us;
    for (size_t i = 0; i < sizeof goods_unix / sizeof goods_unix[0]; i++) {
        ck_assert_msg(read_unix(goods_unix[i].text, goods_unix[i].scale, &us), "%s",
                      goods_unix[i].text);
        ck_assert_msg(us == goods_unix[i].us, "%s: %lld", goods_unix[i].text, (long long)us);
    }
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

struct pattern_case {
    const char *pattern;
    const char *text;
    const char *iso; /* null: refused */
};

/* A fraction anywhere, beside conversions that strptime works out at its end. */
static const struct pattern_case pattern_cases[] = {
    {"%m/%d/%Y %I:%M:%S.%f %p", "05/01/2024 08:30:00.250 PM", "2024-05-01T20:30:00.250000Z"},
    {"%m/%d/%Y %I:%M:%S.%f %p", "05/01/2024 12:30:00.250 PM", "2024-05-01T12:30:00.250000Z"},
    {"%m/%d/%Y %I:%M:%S.%f %p", "05/01/2024 12:30:00.250 AM", "2024-05-01T00:30:00.250000Z"},
    {"%m/%d/%Y %I:%M:%S.%f %p", "05/01/2024 08:30:00.250 am", "2024-05-01T08:30:00.250000Z"},
    {"%p %I:%M:%S.%f %F", "PM 08:30:00.5 2024-05-01", "2024-05-01T20:30:00.500000Z"},
    {"%p %f %I:%M:%S %F", "PM 5 08:30:00 2024-05-01", "2024-05-01T20:30:00.500000Z"},
    {"%f %I:%M:%S %p %D", "000001 08:30:00 PM 05/01/24", "2024-05-01T20:30:00.000001Z"},
    {"%jT%H:%M:%S.%f %Y", "122T05:06:07.5 2024", "2024-05-01T05:06:07.500000Z"},
    {"%Y-%jT%H:%M:%S,%f", "2023-365T05:06:07,999999999", "2023-12-31T05:06:07.999999Z"},
    {"%j %y %a", "122 24 Wed", "2024-05-01T00:00:00.000000Z"},
    {"%j %Y", "366 2024", "2024-12-31T00:00:00.000000Z"},
    {"%j %Y", "366 2023", NULL},
    {"%Y-%m-%d (%j)", "2024-05-01 (001)", "2024-05-01T00:00:00.000000Z"},
    {"%y.%H:%M.%f %C%m%d", "24.01:02.3 200501", "2024-05-01T01:02:00.300000Z"},
    {"%d.%m.%Y %H:%M:%S.%f", "01.05.2024 05:06:07.25", "2024-05-01T05:06:07.250000Z"},
    {"%d,%m.%Y %H:%M:%S,%f", "01,05.2024 05:06:07,25", "2024-05-01T05:06:07.250000Z"},
    {"%Y%m%d%H%M%S%f", "20240501050607250", "2024-05-01T05:06:07.250000Z"},
    {"%Y%m%d%H%M%S%f", "20240501050607", NULL},
    {"%H%M%S%f%Y", "050607250 2024", "2024-01-01T05:06:07.250000Z"},
    {"%H%M%S%f%Y", "0506072502024", NULL},
    {"%F %T%f", "2024-05-01 05:06:072", "2024-05-01T05:06:07.200000Z"},
    {"%F %T.%f%z", "2024-05-01 00:00:00.25-0100", "2024-05-01T01:00:00.250000Z"},
    {"%F %T.%f%z", "2024-05-01 00:00:00.25Z", "2024-05-01T00:00:00.250000Z"},
    {"%F %T.%f%z", "2024-05-01 00:00:00.25 +05:30", "2024-04-30T18:30:00.250000Z"},
    {"%z %F %I:%M:%S.%f%p", "-0100 2024-05-01 11:00:00.25PM", "2024-05-02T00:00:00.250000Z"},
    {"%z%f %F", "+0200123 2024-05-01", "2024-04-30T22:00:00.123000Z"},
    {"%b%f %Y", "May7 2024", "2024-05-01T00:00:00.700000Z"},
    {"%b%fust", "Aug7ust", "1970-08-01T00:00:00.700000Z"},
    {"%%.%f %Y", "%.5 2024", "2024-01-01T00:00:00.500000Z"},
    {"%F \x01.%f\x01", "2024-05-01 \x01.5\x01", "2024-05-01T00:00:00.500000Z"},
    {"%T.%f", "00:00:00.", NULL},
    {"%T.%f", "00:00:00.\x01", NULL},
    {"%T.%f", "00:00:00", NULL},
    {"%T.%f", "00:00:00.1234567890", NULL},
    {"%T.%f", "00:00:00.-5", NULL},
    {"%T.%f", "00:00:00. 5", NULL},
    {"%T.%f", "00:00.00.5", NULL},
    {"%T.%f", "00:00:00.5x", NULL},
    {"%T%f", "00:00:00", NULL},
    {"%T%f", "00:0x:005", NULL},
    {"%F %T.%f", "2023-02-29 00:00:00.5", NULL},
    {"%T.%f", "00:00:61.5", NULL},
};

START_TEST(a_pattern_with_a_fraction_is_read_as_one)
{
    const struct pattern_case *c = &pattern_cases[_i];
    int64_t us = 0;
    char text[TIMESTAMP_TEXT_SIZE];
    bool is_read = read_pattern(c->pattern, c->text, &us);
    ck_assert_msg(is_read == (c->iso != NULL), "%s: %s", c->pattern, c->text);
    if (is_read) {
        (void)timestamp_format(us, TIMESTAMP_ISO8601, 6, text);
        ck_assert_msg(strcmp(text, c->iso) == 0, "%s: %s: %s", c->pattern, c->text, text);
    }
}
END_TEST

/* Without %f, which stands where strftime shall put the digits. */
static void write_by(const char *pattern, const char *digits, const struct tm *tm, char *out)
{
    char whole[160];
    const char *cut = strstr(pattern, "%f");
    (void)snprintf(whole, sizeof whole, "%.*s%s%s", (int)(cut - pattern), pattern, digits, cut + 2);
    ck_assert_uint_gt(strftime(out, 200, whole, tm), 0);
}

static const char *const written[] = {
    "%m/%d/%Y %I:%M:%S.%f %p",    "%p %f|%I:%M:%S %F",       "%f %D %I:%M:%S %p",
    "%jT%H:%M:%S.%f %Y",          "%Y.%j %l.%M.%S.%f%p",     "%A %d. %B %Y, %T,%f %z",
    "%a %b %e %H:%M:%S.%f %z %Y", "%z %I:%M:%S%f %p %j %Y",  "%Y%m%d%H%M%S%f",
    "%y.%m.%d %k:%M:%S.%f %C",    "%h %e %Y %n%R%t:%S.%f%z", "%S.%f|%M %I %p%%|%C %d %y %m",
};

/* What strftime wrote is the time that it was given, and without the fraction the same time. */
START_TEST(what_strftime_writes_is_read_back)
{
    static const char *const digits[] = {"0", "5", "25", "250", "000001", "123456", "999999999"};
    static const int64_t fractions[] = {0, 500000, 250000, 250000, 1, 123456, 999999};
    const char *pattern = written[_i];
    uint64_t random = 42;
    for (uint32_t i = 0; i < 2000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t at = (uint32_t)(random >> 33) % 7;
        /* 1970 to 2067, where %y is of one century. */
        time_t seconds = (time_t)((random >> 20) % (UINT64_C(97) * 365 * 86400));
        int32_t offset_min = strstr(pattern, "%z") != NULL ? (int32_t)(i % 1439) - 719 : 0;
        time_t local = seconds + offset_min * 60;
        int64_t us = -1;
        int64_t plain_us = -1;
        struct tm tm;
        char text[200];
        char plain[200];
        ck_assert_ptr_nonnull(gmtime_r(&local, &tm));
        if (tm.tm_year < 70) {
            continue;
        }
        tm.tm_gmtoff = offset_min * 60;
        write_by(pattern, digits[at], &tm, text);
        ck_assert_msg(read_pattern(pattern, text, &us), "%s: %s", pattern, text);
        ck_assert_msg(us == seconds * TIMESTAMP_US_PER_S + fractions[at], "%s: %s: %lld", pattern,
                      text, (long long)us);
        char without[160];
        const char *cut = strstr(pattern, "%f");
        (void)snprintf(without, sizeof without, "%.*s%s", (int)(cut - pattern), pattern, cut + 2);
        write_by(pattern, "", &tm, plain);
        ck_assert_msg(read_pattern(without, plain, &plain_us), "%s: %s", without, plain);
        ck_assert_msg(us - fractions[at] == plain_us, "%s: %s: %lld", pattern, text, (long long)us);
    }
}
END_TEST

START_TEST(a_text_longer_than_a_pattern_may_read_is_refused)
{
    char text[TIMESTAMP_PATTERN_TEXT + 3];
    int64_t us;
    memset(text, ' ', sizeof text);
    memcpy(text + TIMESTAMP_PATTERN_TEXT - 6, "2024.5", 7);
    ck_assert(read_pattern(" %Y.%f", text, &us));
    ck_assert_int_eq(us, 1704067200500000);
    memcpy(text + TIMESTAMP_PATTERN_TEXT - 6, "2024.50", 8);
    ck_assert(!read_pattern(" %Y.%f", text, &us));
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
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, iso_8601_is_read, 0, (int)(sizeof goods / sizeof goods[0]));
    tcase_add_loop_test(c, what_is_not_iso_8601_is_refused_at_its_byte, 0,
                        (int)(sizeof bads / sizeof bads[0]));
    tcase_add_test(c, the_fixed_form_is_read_as_any_other);
    tcase_add_test(c, days_and_text_agree_over_all_years);
    tcase_add_test(c, text_is_written_in_both_styles);
    tcase_add_test(c, unix_time_is_read);
    tcase_add_test(c, unix_time_with_an_exponent_is_read_exactly);
    tcase_add_test(c, patterns_are_read);
    tcase_add_loop_test(c, a_pattern_with_a_fraction_is_read_as_one, 0,
                        (int)(sizeof pattern_cases / sizeof pattern_cases[0]));
    tcase_add_loop_test(c, what_strftime_writes_is_read_back, 0,
                        (int)(sizeof written / sizeof written[0]));
    tcase_add_test(c, a_text_longer_than_a_pattern_may_read_is_refused);
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
