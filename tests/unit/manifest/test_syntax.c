/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/syntax.h"

#include "load.h"

START_TEST(faults_of_json_are_told_in_words_for_its_author)
{
    static const struct {
        const char *text;
        const char *sentence;
    } cases[] = {
        {"{\"a\":\"\\u0000\"}", "a text cannot hold \\u0000"},
        {"{\"\\u0000\":1}", "a key cannot hold \\u0000"},
        {"{\"a\":99999999999999999999}", "this whole number does not fit 64 bits"},
        {"{\"a\":1e999}", "this number is too large"},
        {"{} x", "there is text behind the last brace"},
        {"{\"a\":\"\\ud800\"}", "half of a character stands alone"},
        {"{\"a\":\"\xff\"}", "the text is not UTF-8"},
        {"{\"a\":\"\\x\"}", "behind a backslash stands one of"},
        {"{\"a\":\"b\nc\"}", "the text has no closing quote on its line"},
        {"{\"a\":\"b\001c\"}", "the text holds a control character"},
        {"{\"a\":}", "a value is missing here"},
        {"{\"a\":\"", "the file ends within a value"},
        {"{\"a\":1,b}", "a key in double quotes expected, or '}'"},
        {"{\"a\":1,\n}", "2:1: this is not JSON: there is a comma too many before this"},
        {"{\"a\":[1,\r\n\t ]}", "2:3: this is not JSON: there is a comma too many before this"},
        {"{\"a\":[1 2,]}", "',' or ']' expected"},
        {"{\"a\":[1, }", "there is a comma too many before this"},
        {"// no\n{}", "there are no comments"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct manifest_errors errs;
        struct manifest *m;
        manifest_errors_init(&errs);
        ck_assert_int_eq(
            manifest_load_text("m", cases[i].text, strlen(cases[i].text), NULL, &m, &errs),
            PH_ERROR);
        ck_assert_uint_eq(errs.errors.count, 1);
        ck_assert_msg(strstr(errs.errors.texts[0], cases[i].sentence) != NULL, "%s",
                      errs.errors.texts[0]);
        manifest_errors_fini(&errs);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {faults_of_json_are_told_in_words_for_its_author};
    return run_tests("syntax", tests, sizeof tests / sizeof tests[0]);
}
