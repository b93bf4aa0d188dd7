/* SPDX-License-Identifier: Apache-2.0 */
#include "letter.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[512];
static struct letter letter;

static bool reads(const char *text)
{
    (void)snprintf(line, sizeof line, "%s", text);
    return letter_read(line, strlen(line), &letter);
}

#define BEGIN                                                                                      \
    "{\"time\":\"2024-05-01T00:00:00.123456Z\",\"pipeline\":\"p\",\"operator\":\"rows\","          \
    "\"source\":\"events\",\"topic\":\"t\",\"partition\":0,\"offset\":12,"

START_TEST(a_letter_gives_its_record)
{
    ck_assert(reads(BEGIN "\"sub\":3,\"timestamp_ms\":1714521600000,\"key\":\"k\",\"code\":\"c\","
                          "\"reason\":\"r\",\"value\":\"{\\\"a\\\":\\\"\\u00e9\\n\\u0000\\ud83d"
                          "\\ude00\\\"}\"}"));
    ck_assert(letter_text_is(&letter.operator_name, "rows", 4));
    ck_assert(letter_text_is(&letter.source, "events", 6));
    ck_assert(letter_text_is(&letter.pipeline, "p", 1));
    ck_assert(letter_text_is(&letter.key, "k", 1));
    ck_assert(letter_text_is(&letter.value, "{\"a\":\"\xc3\xa9\n\0\xf0\x9f\x98\x80\"}", 16));
    ck_assert_int_eq(letter.timestamp_ms, INT64_C(1714521600000));
    ck_assert(!letter.is_cut);
}
END_TEST

START_TEST(bytes_and_nothing_are_told_apart)
{
    ck_assert(reads(BEGIN "\"value_base64\":\"/wABAg==\",\"key_base64\":\"/w==\"}"));
    ck_assert(letter_text_is(&letter.value, "\xff\x00\x01\x02", 4));
    ck_assert(letter_text_is(&letter.key, "\xff", 1));
    ck_assert_int_eq(letter.timestamp_ms, -1);
    ck_assert(reads(BEGIN "\"value\":null}"));
    ck_assert_ptr_null(letter.value.data);
    ck_assert(reads(BEGIN "\"value\":\"\"}"));
    ck_assert_ptr_nonnull(letter.value.data);
    ck_assert_uint_eq(letter.value.length, 0);
    ck_assert(reads(BEGIN "\"value\":\"x\",\"value_bytes\":99}"));
    ck_assert(letter.is_cut);
    ck_assert(reads(BEGIN "\"more\":{\"a\":[1,\"}]\",{}]},\"value\":\"x\"}"));
}
END_TEST

START_TEST(every_part_of_a_letter_is_no_letter)
{
    static const char whole[] = BEGIN "\"key\":\"\\ud83d\\ude00\",\"value\":\"a\\u0041\"}";
    ck_assert(reads(whole));
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        memcpy(line, whole, length);
        ck_assert_msg(!letter_read(line, length, &letter), "the first %zu bytes", length);
    }
    ck_assert(!reads(BEGIN "\"value\":\"x\"} "
                           "x"));
    ck_assert(!reads(BEGIN "\"value\":\"\\ud83d\"}"));
    ck_assert(!reads(BEGIN "\"value\":\"\\x\"}"));
    ck_assert(!reads(BEGIN "\"value_base64\":\"a\"}"));
    ck_assert(!reads(BEGIN "\"value_base64\":\"a===\"}"));
    ck_assert(!reads("{\"value\":\"x\"}"));
    ck_assert(!reads("{\"operator\":\"x\"}"));
    ck_assert(!reads("[]"));
}
END_TEST

static int64_t time_of(const char *text)
{
    return letter_time_us(text, strlen(text));
}

START_TEST(its_time_is_read_to_the_microsecond)
{
    const int64_t midnight_us = INT64_C(1714521600000000);
    ck_assert_int_eq(time_of(BEGIN), midnight_us + 123456);
    ck_assert_int_eq(time_of("{\"time\":\"2024-05-01T00:00:00.123Z\","), midnight_us + 123000);
    ck_assert_int_eq(time_of("{\"time\":\"2024-05-01T00:00:00Z\","), midnight_us);
    ck_assert_int_eq(time_of("{\"time\":\"2024-05-01T00:00:00.1"), -1);
    ck_assert_int_eq(time_of("{\"time\":\"2024-05-01 00:00:00.123Z\","), -1);
    ck_assert_int_eq(time_of("{\"time\":\"yesterday, when it rained\","), -1);
    ck_assert_int_eq(time_of("{\"operator\":\"2024-05-01T00:00:00.123Z\","), -1);
    ck_assert_int_eq(time_of(""), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("letter");
    TCase *tc = tcase_create("letter");
    tcase_add_test(tc, a_letter_gives_its_record);
    tcase_add_test(tc, bytes_and_nothing_are_told_apart);
    tcase_add_test(tc, every_part_of_a_letter_is_no_letter);
    tcase_add_test(tc, its_time_is_read_to_the_microsecond);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
