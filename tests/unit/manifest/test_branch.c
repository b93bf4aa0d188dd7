/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a graph for letters, and what is added to it for them. */
#include "manifest/branch.h"

#include "load.h"

#include <stdio.h>

/* s1, s2 → u → k; u → v → j; s1 → i */
static const char graph[] =
    "{\"pipeline\":\"p\",\"on_error\":\"fail\",\"operators\":["
    "{\"name\":\"j\",\"plugin\":\"x\",\"input\":\"v\"},"
    "{\"name\":\"s1\",\"plugin\":\"x\",\"format\":{\"json\":{\"fields\":{\"a\":\"string\"}}}},"
    "{\"name\":\"v\",\"plugin\":\"x\",\"input\":\"u\"},"
    "{\"name\":\"k\",\"plugin\":\"x\",\"input\":[\"u\"]},"
    "{\"name\":\"u\",\"plugin\":\"x\",\"input\":[\"s2\",\"s1\"]},"
    "{\"name\":\"s2\",\"plugin\":\"x\"},"
    "{\"name\":\"i\",\"plugin\":\"x\",\"input\":\"s1\"}]}";

static char said[512];

/* "name<input,input name<…" of the operators in the graph's order. */
static const char *left_for(const char *source, const char *operator_name)
{
    struct manifest *m = load(graph);
    const struct branch b = {source, operator_name, "/d/dead.jsonl"};
    size_t used = 0;
    said[0] = '\0';
    ck_assert(branch_is_possible(m, source, operator_name));
    ck_assert(branch_cut(m, &b));
    ck_assert_uint_eq(m->dead_letter_stop_above_percent, 100);
    for (uint32_t i = 0; i < m->operator_count; i++) {
        const struct manifest_operator *op = &m->operators[m->order[i]];
        ck_assert_int_eq(op->on_error, MANIFEST_DEAD_LETTER);
        ck_assert(op->input_count > 0 || strcmp(op->plugin_name, "source-dead-letters") == 0);
        used +=
            (size_t)snprintf(said + used, sizeof said - used, "%s%s", i > 0 ? " " : "", op->name);
        for (uint32_t k = 0; k < op->input_count; k++) {
            used += (size_t)snprintf(said + used, sizeof said - used, "%c%s", k == 0 ? '<' : ',',
                                     m->operators[op->inputs[k]].name);
        }
    }
    manifest_destroy(m);
    return said;
}

START_TEST(letters_go_over_their_operator_to_the_sinks_behind_it)
{
    ck_assert_str_eq(left_for("s1", "k"), "s1:k u<s1:k k<u");
    ck_assert_str_eq(left_for("s2", "j"), "s2:j u<s2:j v<u j<v");
    ck_assert_str_eq(left_for("s1", "v"), "s1:v u<s1:v v<u j<v");
    ck_assert_str_eq(left_for("s2", "u"), "s2:u u<s2:u v<u j<v k<u");
    ck_assert_str_eq(left_for("s1", "i"), "s1:i i<s1:i");
    ck_assert_str_eq(left_for("s1", "s1"), "s1:s1 u<s1:s1 v<u j<v k<u i<s1:s1");
}
END_TEST

START_TEST(the_source_keeps_its_format_and_each_operator_its_place)
{
    struct manifest *m = load(graph);
    const struct branch b = {"s1", "k", "/d/dead.jsonl"};
    ck_assert(branch_cut(m, &b));
    ck_assert_ptr_nonnull(m->operators[m->order[0]].format);
    ck_assert_uint_eq(m->operators[m->order[0]].place, 1);
    ck_assert_uint_eq(m->operators[m->order[2]].place, 3);
    manifest_destroy(m);
}
END_TEST

START_TEST(there_is_no_way_against_the_stream)
{
    struct manifest *m = load(graph);
    const struct branch b = {"s2", "i", "/d/dead.jsonl"};
    ck_assert(!branch_is_possible(m, "s2", "i"));
    ck_assert(!branch_is_possible(m, "u", "k"));
    ck_assert(!branch_is_possible(m, "s1", "nobody"));
    ck_assert(!branch_is_possible(m, "nobody", "k"));
    ck_assert(!branch_cut(m, &b));
    manifest_destroy(m);
}
END_TEST

#define TO(NAME)                                                                                   \
    "{\"pipeline\":\"p\",\n\"dead_letter\":{\"file\":\"/d/l\",\"operator\":\"" NAME                \
    "\"},\n\"operators\":["                                                                        \
    "{\"name\":\"s\",\"plugin\":\"x\"},{\"name\":\"k\",\"plugin\":\"x\",\"input\":\"s\"},"         \
    "{\"name\":\"dead\",\"plugin\":\"x\",\"on_error\":\"fail\"}]}"
#define REFUSED(NAME, SENTENCE)                                                                    \
    "m.json:2:41: /dead_letter/operator: " SENTENCE                                                \
    "\n    \"dead_letter\":{\"file\":\"/d/l\",\"operator\":\"" NAME "\"},\n"                       \
    "                                            ^"

START_TEST(a_sink_for_letters_gets_a_source_of_its_own)
{
    struct manifest *m = load(TO("dead"));
    ck_assert_uint_eq(m->operator_count, 4);
    const struct manifest_operator *source = &m->operators[3];
    const struct manifest_operator *sink = &m->operators[2];
    ck_assert_str_eq(source->name, "letters:dead");
    ck_assert_str_eq(source->plugin_name, "source-dead-letters");
    ck_assert_uint_eq(source->place, 2);
    ck_assert_uint_eq(source->format->field_count, 16);
    ck_assert_uint_eq(sink->input_count, 1);
    ck_assert_uint_eq(sink->inputs[0], 3);
    ck_assert(source->is_of_letters && sink->is_of_letters && !m->operators[1].is_of_letters);
    ck_assert_int_eq(source->on_error, MANIFEST_SKIP);
    ck_assert_int_eq(sink->on_error, MANIFEST_SKIP);
    manifest_destroy(m);
}
END_TEST

START_TEST(a_sink_for_letters_reads_nothing_else)
{
    assert_refused(TO("k"), REFUSED("k", "\"k\" reads another operator: letters need a sink for "
                                         "them alone, without an \"input\""));
    assert_refused(TO("s"), REFUSED("s", "\"s\" is read by another operator: letters need a sink"));
    assert_refused(TO("ded"),
                   REFUSED("ded", "there is no operator \"ded\", did you mean \"dead\"?"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("branch");
    TCase *tc = tcase_create("branch");
    tcase_add_test(tc, letters_go_over_their_operator_to_the_sinks_behind_it);
    tcase_add_test(tc, the_source_keeps_its_format_and_each_operator_its_place);
    tcase_add_test(tc, there_is_no_way_against_the_stream);
    tcase_add_test(tc, a_sink_for_letters_gets_a_source_of_its_own);
    tcase_add_test(tc, a_sink_for_letters_reads_nothing_else);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
