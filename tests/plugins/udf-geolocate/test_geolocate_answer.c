/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *body;
    const char *text; /* null = refused */
};

#define PLACE(country, state, city)                                                                \
    "{\"country\":" country ",\"state\":" state ",\"city\":" city "}"
#define EMPTY PLACE("\"\"", "\"\"", "\"\"")

static const struct line good[] = {
    {"{\"ip\":\"8.8.8.8\",\"country_code\":\"US\",\"country_name\":\"United States of America\","
     "\"region_name\":\"California\",\"city_name\":\"Mountain View\",\"latitude\":37.38605,"
     "\"longitude\":-122.08385,\"zip_code\":\"94035\",\"asn\":\"15169\",\"is_proxy\":false}",
     PLACE("\"US\"", "\"California\"", "\"Mountain View\"")},
    {" \t\r\n{ \"city_name\" : \"B\" , \"region_name\" : \"A\" , \"country_code\" : \"DE\" } \n",
     PLACE("\"DE\"", "\"A\"", "\"B\"")},
    {"{}", EMPTY},
    {"{\"country_code\":\"US\"}", PLACE("\"US\"", "\"\"", "\"\"")},
    {"{\"country_code\":null,\"region_name\":\"-\"}", PLACE("null", "\"-\"", "\"\"")},
    {"{\"country_code\":\"XX\",\"country_code\":\"YY\"}", PLACE("\"YY\"", "\"\"", "\"\"")},
    {"{\"country_code\":\"XX\",\"country_code\":null}", PLACE("null", "\"\"", "\"\"")},
    {"{\"country_code\":null,\"country_code\":\"XX\"}", PLACE("\"XX\"", "\"\"", "\"\"")},
    {"{\"country\\u005fcode\":\"US\"}", PLACE("\"US\"", "\"\"", "\"\"")},
    {"{\"x\":{\"city_name\":\"inner\"},\"a\":[1,-2.5e+3,0,true,false,null,\"\",[],{}]}", EMPTY},
    {"{\"city_name\":\"S\\u00e3o Paulo\"}", PLACE("\"\"", "\"\"", "\"S\xc3\xa3o Paulo\"")},
    {"{\"city_name\":\"S\xc3\xa3o Paulo\"}", PLACE("\"\"", "\"\"", "\"S\xc3\xa3o Paulo\"")},
    {"{\"city_name\":\"\\u6771\\u4EAC\"}", PLACE("\"\"", "\"\"", "\"\xe6\x9d\xb1\xe4\xba\xac\"")},
    {"{\"city_name\":\"\\ud83c\\uDFD9\"}", PLACE("\"\"", "\"\"", "\"\xf0\x9f\x8f\x99\"")},
    {"{\"city_name\":\"a\\/b \\\"c\\\" \\\\d\"}", PLACE("\"\"", "\"\"", "\"a/b \\\"c\\\" \\\\d\"")},
    {"{\"city_name\":\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0022\"}",
     PLACE("\"\"", "\"\"", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\\"\"")},
};

static const struct line bad[] = {
    {"", NULL},
    {" ", NULL},
    {"null", NULL},
    {"[]", NULL},
    {"\"US\"", NULL},
    {"<html><body>Bad gateway</body></html>", NULL},
    {"{", NULL},
    {"{\"country_code\"", NULL},
    {"{\"country_code\":", NULL},
    {"{\"country_code\":\"US", NULL},
    {"{\"country_code\":\"US\"", NULL},
    {"{\"country_code\":\"US\",", NULL},
    {"{\"country_code\":\"US\",}", NULL},
    {"{\"country_code\":\"US\"}}", NULL},
    {"{\"country_code\":\"US\"} x", NULL},
    {"{,}", NULL},
    {"{\"a\":1 \"b\":2}", NULL},
    {"{\"a\" 1}", NULL},
    {"{a:1}", NULL},
    {"{'a':1}", NULL},
    {"{\"country_code\":5}", NULL},
    {"{\"country_code\":true}", NULL},
    {"{\"country_code\":{}}", NULL},
    {"{\"city_name\":[\"x\"]}", NULL},
    {"{\"country_code\":nul}", NULL},
    {"{\"a\":01}", NULL},
    {"{\"a\":1.}", NULL},
    {"{\"a\":.5}", NULL},
    {"{\"a\":-}", NULL},
    {"{\"a\":+1}", NULL},
    {"{\"a\":1e}", NULL},
    {"{\"a\":NaN}", NULL},
    {"{\"a\":tru}", NULL},
    {"{\"a\":[1,]}", NULL},
    {"{\"a\":[1}", NULL},
    {"{\"a\":\"\\x\"}", NULL},
    {"{\"a\":\"\\u12\"}", NULL},
    {"{\"a\":\"\\u12g4\"}", NULL},
    {"{\"a\":\"\\", NULL},
    {"{\"city_name\":\"a\\u0000b\"}", NULL},
    {"{\"city_name\":\"\\ud83c\"}", NULL},
    {"{\"city_name\":\"\\ud83cx\"}", NULL},
    {"{\"city_name\":\"\\ud83c\\u0041\"}", NULL},
    {"{\"city_name\":\"\\udfd9\"}", NULL},
    {"{\"city_name\":\"a\nb\"}", NULL},
    {"{\"city_name\":\"\xff\"}", NULL},
    {"{\"city_name\":\"\xc0\xaf\"}", NULL},
    {"{\"city_name\":\"\xc3\"}", NULL},
    {"{\"city_name\":\"\xed\xa0\x80\"}", NULL},
    {"{\"city_name\":\"\xf4\x90\x80\x80\"}", NULL},
    {"{\"city_name\":\"\xe3\x80", NULL},
    {"\xef\xbb\xbf{}", NULL},
};

/* In memory of exactly that size, so that a read past the end is seen. */
static bool read_exactly(const char *body, size_t length, struct answer *out)
{
    char *copy = malloc(length == 0 ? 1 : length);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, body, length);
    bool result = answer_read(copy, length, out);
    free(copy);
    return result;
}

START_TEST(a_good_body_becomes_the_rows_text)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct answer answer;
        ck_assert_msg(read_exactly(good[i].body, strlen(good[i].body), &answer), "%s",
                      good[i].body);
        ck_assert_msg(answer.length == strlen(good[i].text) &&
                          memcmp(answer.text, good[i].text, answer.length) == 0,
                      "%s gave %.*s", good[i].body, (int)answer.length, answer.text);
    }
}
END_TEST

START_TEST(a_broken_body_is_refused)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct answer answer;
        ck_assert_msg(!read_exactly(bad[i].body, strlen(bad[i].body), &answer), "%s", bad[i].body);
    }
}
END_TEST

START_TEST(every_cut_of_a_good_body_is_refused)
{
    const char *body = good[0].body;
    for (size_t length = 0; length < strlen(body); length++) {
        struct answer answer;
        ck_assert_msg(!read_exactly(body, length, &answer), "cut at %zu", length);
    }
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
    struct answer answer;
    ck_assert(!read_exactly("{}\0", 3, &answer));
    ck_assert(!read_exactly("{\"a\":\"\0\"}", 9, &answer));
    ck_assert(!read_exactly("{\"a\":\0}", 7, &answer));
}
END_TEST

START_TEST(nesting_is_bounded)
{
    char body[4096];
    struct answer answer;
    for (size_t depth = 31; depth <= 34; depth++) {
        size_t length = 0;
        memcpy(body, "{\"a\":", 5);
        length = 5;
        memset(body + length, '[', depth);
        length += depth;
        memset(body + length, ']', depth);
        length += depth;
        body[length++] = '}';
        ck_assert_msg(read_exactly(body, length, &answer) == (depth <= 32), "depth %zu", depth);
    }
    memset(body, '[', sizeof body);
    ck_assert(!read_exactly(body, sizeof body, &answer));
}
END_TEST

static bool read_city_of(size_t name_length, struct answer *answer)
{
    char body[2 * ANSWER_TEXT_MAX];
    size_t length = sizeof "{\"city_name\":\"" - 1;
    memcpy(body, "{\"city_name\":\"", length);
    memset(body + length, 'x', name_length);
    memcpy(body + length + name_length, "\"}", 2);
    return read_exactly(body, length + name_length + 2, answer);
}

START_TEST(a_text_above_the_limit_is_refused)
{
    struct answer answer;
    size_t longest = ANSWER_TEXT_MAX - (sizeof(EMPTY) - 1);
    ck_assert(read_city_of(longest, &answer));
    ck_assert_uint_eq(answer.length, ANSWER_TEXT_MAX);
    ck_assert(!read_city_of(longest + 1, &answer));
}
END_TEST

static bool blames(const char *body)
{
    return answer_blames_quota(body, strlen(body));
}

START_TEST(refusals_that_speak_of_a_limit_are_known)
{
    ck_assert(blames("{\"error\":{\"error_code\":10001,\"error_message\":\"Invalid API key or "
                     "insufficient credit.\"}}"));
    ck_assert(blames("QUOTA exceeded"));
    ck_assert(blames("API limit exceeded"));
    ck_assert(!blames("{\"error\":{\"error_code\":10000,\"error_message\":\"Invalid IP.\"}}"));
    ck_assert(!blames("credi"));
    ck_assert(!blames(""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("geolocate answer");
    TCase *tests = tcase_create("answer");
    tcase_add_test(tests, a_good_body_becomes_the_rows_text);
    tcase_add_test(tests, a_broken_body_is_refused);
    tcase_add_test(tests, every_cut_of_a_good_body_is_refused);
    tcase_add_test(tests, a_nul_byte_is_refused);
    tcase_add_test(tests, nesting_is_bounded);
    tcase_add_test(tests, a_text_above_the_limit_is_refused);
    tcase_add_test(tests, refusals_that_speak_of_a_limit_are_known);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
