/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/reference.h"

#include "load.h"

static void assert_reduced(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    buf_append(&out, "", 0);
    reference_reduce(text, strlen(text), &out);
    ck_assert_str_eq(out.data, expected);
    buf_fini(&out);
}

START_TEST(a_reference_leaves_a_mark_or_its_default)
{
    assert_reduced("${A}", "\x01");
    assert_reduced("${A:-}", "\x01");
    assert_reduced("${A:?say why}", "\x01");
    assert_reduced("${file:/run/key}", "\x01");
    assert_reduced("${A:-sesame}", "sesame");
    assert_reduced("a${B}c${D:-d}", "a\x01"
                                    "cd");
}
END_TEST

START_TEST(dollars_without_a_brace_are_text)
{
    assert_reduced("a$$b$c$", "a$b$c$");
    assert_reduced("$${A}", "${A}");
    assert_reduced("${A", "${A");
    assert_reduced("", "");
}
END_TEST

START_TEST(only_references_without_default_give_nothing_themselves)
{
    ck_assert(reference_is_all("${A}", 4));
    ck_assert(reference_is_all("${A}${B:-}", 10));
    ck_assert(!reference_is_all("${A}x", 5));
    ck_assert(!reference_is_all("${A:-x}", 7));
    ck_assert(!reference_is_all("", 0));
    ck_assert(!reference_has_literal("\x01\x01", 2));
    ck_assert(reference_has_literal("\x01.", 2));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_reference_leaves_a_mark_or_its_default,
                                  dollars_without_a_brace_are_text,
                                  only_references_without_default_give_nothing_themselves};
    return run_tests("reference", tests, sizeof tests / sizeof tests[0]);
}
