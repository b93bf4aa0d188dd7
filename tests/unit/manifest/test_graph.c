/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/graph.h"

#include "load.h"

#include <stdio.h>

#define HEAD "{\"pipeline\":\"p\",\"operators\":[\n"

START_TEST(inputs_become_indices)
{
    struct manifest *m = load(HEAD "{\"name\":\"sink\",\"plugin\":\"p\",\"input\":[\"u\",\"s2\"]},"
                                   "{\"name\":\"s1\",\"plugin\":\"p\"},"
                                   "{\"name\":\"u\",\"plugin\":\"p\",\"input\":\"s1\"},"
                                   "{\"name\":\"s2\",\"plugin\":\"p\"}]}");
    ck_assert_uint_eq(m->operators[0].input_count, 2);
    ck_assert_uint_eq(m->operators[0].inputs[0], 2);
    ck_assert_uint_eq(m->operators[0].inputs[1], 3);
    ck_assert_uint_eq(m->operators[1].input_count, 0);
    ck_assert_uint_eq(m->operators[2].input_count, 1);
    ck_assert_uint_eq(m->operators[2].inputs[0], 1);
    manifest_destroy(m);
}
END_TEST

START_TEST(the_order_has_inputs_first)
{
    struct manifest *m = load(HEAD "{\"name\":\"sink\",\"plugin\":\"p\",\"input\":[\"u\",\"s2\"]},"
                                   "{\"name\":\"s1\",\"plugin\":\"p\"},"
                                   "{\"name\":\"u\",\"plugin\":\"p\",\"input\":\"s1\"},"
                                   "{\"name\":\"s2\",\"plugin\":\"p\"}]}");
    const uint32_t expected[] = {1, 2, 3, 0};
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(m->order[i], expected[i]);
    }
    manifest_destroy(m);
}
END_TEST

START_TEST(an_unknown_input_is_told_with_the_nearest_name)
{
    assert_refused(HEAD "{\"name\":\"events\",\"plugin\":\"p\"},\n"
                        "{\"name\":\"a\",\"plugin\":\"p\",\"input\":\"event\"},\n"
                        "{\"name\":\"b\",\"plugin\":\"p\",\"input\":[\"events\",\"rows\"]}]}",
                   "m.json:3:34: /operators/1/input: there is no operator \"event\", did you mean "
                   "\"events\"?\n"
                   "    {\"name\":\"a\",\"plugin\":\"p\",\"input\":\"event\"},\n"
                   "                                     ^\n"
                   "m.json:4:44: /operators/2/input/1: there is no operator \"rows\"\n"
                   "    {\"name\":\"b\",\"plugin\":\"p\",\"input\":[\"events\",\"rows\"]}]}\n"
                   "                                               ^");
}
END_TEST

START_TEST(an_input_is_a_name_or_names)
{
    assert_refused(
        HEAD "{\"name\":\"a\",\"plugin\":\"p\",\"input\":5},\n"
             "{\"name\":\"b\",\"plugin\":\"p\",\"input\":[\"a\",null,\"a\"]}]}",
        "m.json:2:34: /operators/0/input: \"input\" must be an operator's name or a list "
        "of names\n"
        "    {\"name\":\"a\",\"plugin\":\"p\",\"input\":5},\n"
        "                                     ^\n"
        "m.json:3:39: /operators/1/input/1: \"input\" must be an operator's name or a "
        "list of names\n"
        "    {\"name\":\"b\",\"plugin\":\"p\",\"input\":[\"a\",null,\"a\"]}]}\n"
        "                                          ^\n"
        "m.json:3:44: /operators/1/input/2: \"a\" is an input already\n"
        "    {\"name\":\"b\",\"plugin\":\"p\",\"input\":[\"a\",null,\"a\"]}]}\n"
        "                                               ^");
}
END_TEST

START_TEST(a_cycle_is_named_in_the_direction_of_the_records)
{
    assert_refused(HEAD "{\"name\":\"s\",\"plugin\":\"p\"},\n"
                        "{\"name\":\"a\",\"plugin\":\"p\",\"input\":[\"s\",\"c\"]},\n"
                        "{\"name\":\"b\",\"plugin\":\"p\",\"input\":\"a\"},\n"
                        "{\"name\":\"c\",\"plugin\":\"p\",\"input\":\"b\"}]}",
                   "m.json:4:34: /operators/2/input: the operators form a cycle: b -> c -> a -> b\n"
                   "    {\"name\":\"b\",\"plugin\":\"p\",\"input\":\"a\"},\n"
                   "                                     ^");
}
END_TEST

START_TEST(an_operator_that_reads_itself_is_a_cycle)
{
    assert_refused(HEAD "{\"name\":\"a\",\"plugin\":\"p\",\"input\":\"a\"}]}",
                   "m.json:2:34: /operators/0/input: the operators form a cycle: a -> a\n"
                   "    {\"name\":\"a\",\"plugin\":\"p\",\"input\":\"a\"}]}\n"
                   "                                     ^");
}
END_TEST

START_TEST(a_diamond_is_no_cycle)
{
    struct manifest *m = load(HEAD "{\"name\":\"s\",\"plugin\":\"p\"},"
                                   "{\"name\":\"a\",\"plugin\":\"p\",\"input\":\"s\"},"
                                   "{\"name\":\"b\",\"plugin\":\"p\",\"input\":\"s\"},"
                                   "{\"name\":\"t\",\"plugin\":\"p\",\"input\":[\"a\",\"b\"]}]}");
    ck_assert_uint_eq(m->order[3], 3);
    manifest_destroy(m);
}
END_TEST

START_TEST(a_chain_of_the_greatest_length_is_sorted)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_append_text(&b, HEAD);
    for (int i = MANIFEST_OPERATORS_MAX - 1; i >= 0; i--) {
        buf_append_format(&b, "{\"name\":\"n%d\",\"plugin\":\"p\"", i);
        if (i > 0) {
            buf_append_format(&b, ",\"input\":\"n%d\"", i - 1);
        }
        buf_append_text(&b, i > 0 ? "}," : "}]}");
    }
    struct manifest *m = load(b.data);
    ck_assert_uint_eq(m->operator_count, MANIFEST_OPERATORS_MAX);
    ck_assert_uint_eq(m->order[0], MANIFEST_OPERATORS_MAX - 1);
    ck_assert_uint_eq(m->order[MANIFEST_OPERATORS_MAX - 1], 0);
    manifest_destroy(m);
    buf_fini(&b);
}
END_TEST

START_TEST(operators_are_bounded)
{
    struct manifest_errors errs;
    struct manifest *m;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_append_text(&b, HEAD "0");
    for (int i = 0; i < MANIFEST_OPERATORS_MAX; i++) {
        buf_append_text(&b, ",0");
    }
    buf_append_text(&b, "]}");
    manifest_errors_init(&errs);
    ck_assert_int_eq(manifest_load_text("m", b.data, b.length, NULL, &m, &errs), PH_ERROR);
    ck_assert_uint_eq(errs.errors.count, 1);
    ck_assert_ptr_nonnull(
        strstr(errs.errors.texts[0], "m:1:29: /operators: there are more than 256 operators\n"));
    manifest_errors_fini(&errs);
    buf_fini(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {inputs_become_indices,
                                  the_order_has_inputs_first,
                                  an_unknown_input_is_told_with_the_nearest_name,
                                  an_input_is_a_name_or_names,
                                  a_cycle_is_named_in_the_direction_of_the_records,
                                  an_operator_that_reads_itself_is_a_cycle,
                                  a_diamond_is_no_cycle,
                                  a_chain_of_the_greatest_length_is_sorted,
                                  operators_are_bounded};
    return run_tests("graph", tests, sizeof tests / sizeof tests[0]);
}
