/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "codec/quote.h"

#define LENGTH_MAX 41u

static struct quote fast;
static struct quote plain;

static void init(void)
{
    quote_init(&fast);
    quote_init_plain(&plain);
}

/* Code point by code point. */
static size_t expect(const uint8_t *data, uint32_t length, char *out)
{
    const char *at = (const char *)data;
    const char *end = at + length;
    size_t used = 0;
    out[used++] = '"';
    while (at < end) {
        used += escape_json(&at, end, out + used);
    }
    out[used++] = '"';
    return used;
}

/* Neither a byte behind the text is read nor one behind the room written: both are blocks of their
 * own, for a sanitizer to see. */
static void check(const struct quote *q, const uint8_t *data, uint32_t length)
{
    char wanted[QUOTE_MAX(LENGTH_MAX)];
    size_t used = expect(data, length, wanted);
    uint8_t *copy = malloc(length + (length == 0));
    char *out = malloc(QUOTE_MAX(length));
    ck_assert_ptr_nonnull(copy);
    ck_assert_ptr_nonnull(out);
    memcpy(copy, data, length);
    const char *end = quote_put(q, out, copy, length);
    ck_assert_uint_eq((size_t)(end - out), used);
    ck_assert_mem_eq(out, wanted, used);
    free(out);
    free(copy);
}

static void check_both(const uint8_t *data, uint32_t length)
{
    check(&fast, data, length);
    check(&plain, data, length);
}

START_TEST(each_set_of_quotes_in_a_word_gets_its_backslashes)
{
    for (uint32_t set = 0; set < 256; set++) {
        uint8_t text[11] = "abcdefghij\"";
        for (uint32_t i = 0; i < 8; i++) {
            text[i] = (set >> i & 1) == 0 ? text[i] : i % 2 == 0 ? '"' : '\\';
        }
        for (uint32_t length = 0; length <= sizeof text; length++) {
            check_both(text, length);
        }
    }
}
END_TEST

START_TEST(each_byte_at_each_place_is_written_as_json_has_it)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (uint32_t place = 0; place < 17; place++) {
            uint8_t text[17];
            memset(text, '"', sizeof text);
            text[place] = (uint8_t)byte;
            check_both(text, sizeof text);
        }
    }
}
END_TEST

START_TEST(texts_of_any_mixture_are_written_alike_by_every_machine)
{
    static const char pieces[] = "ab \"\"\\\n\x01\x7f\xc3\xa9\xf0\x9f\x98\x80\xff";
    uint32_t state = 7;
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t text[LENGTH_MAX];
        uint32_t length = i % (LENGTH_MAX + 1);
        for (uint32_t k = 0; k < length; k++) {
            state = state * 1664525u + 1013904223u;
            text[k] = (uint8_t)pieces[(state >> 16) % (sizeof pieces - 1)];
        }
        check_both(text, length);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("quote");
    TCase *c = tcase_create("texts");
    tcase_add_unchecked_fixture(c, init, NULL);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, each_set_of_quotes_in_a_word_gets_its_backslashes);
    tcase_add_test(c, each_byte_at_each_place_is_written_as_json_has_it);
    tcase_add_test(c, texts_of_any_mixture_are_written_alike_by_every_machine);
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
