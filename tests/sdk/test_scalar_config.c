/* SPDX-License-Identifier: Apache-2.0 */
#include "scalar.h"

#include <check.h>
#include <stdlib.h>

static const struct ph_field fields[] = {{"ip", PH_TYPE_STRING, PH_FIELD_REQUIRED},
                                         {"port", PH_TYPE_INT32, 0},
                                         {"share", PH_TYPE_FLOAT64, 0},
                                         {"open", PH_TYPE_BOOL, 0}};

/* Opens id with the settings and checks that it is refused with this sentence at this key. */
static void check_refusal(const char *id, const struct harness_setting *settings, uint32_t count,
                          const char *key, const char *sentence)
{
    struct scalar s;
    ck_assert_int_eq(scalar_try(&s, id, fields, 4, settings, count), PH_ERROR);
    ck_assert_str_eq(s.harness->error.text, sentence);
    ck_assert_str_eq(s.harness->error.config_key, key);
    ck_assert_uint_eq(s.harness->error.flags, PH_ERR_CONFIG);
    harness_close(s.harness);
}

START_TEST(the_columns_must_be_named_one_for_each_argument)
{
    static const struct harness_item two[] = {{NULL, "ip"}, {NULL, "port"}};
    const struct harness_setting as_only[] = {{"as", "result", NULL, 0}};
    const struct harness_setting both[] = {{"column", "ip", NULL, 0}, {"columns", NULL, two, 1}};
    const struct harness_setting many[] = {{"columns", NULL, two, 2}};
    const struct harness_setting one[] = {{"column", "ip", NULL, 0}};
    check_refusal("same-string", as_only, 1, "",
                  "\"column\" is required: the column that the function reads");
    check_refusal("four", as_only, 1, "",
                  "\"columns\" is required: the 4 columns that the function reads, in order");
    check_refusal("four", one, 1, "",
                  "\"columns\" is required: the 4 columns that the function reads, in order");
    check_refusal("same-string", both, 2, "/column", "set \"column\" or \"columns\", not both");
    check_refusal("same-string", many, 1, "/columns", "the function reads 1 columns, not 2");
}
END_TEST

START_TEST(the_result_needs_a_name_that_is_free)
{
    const struct harness_setting none[] = {{"column", "ip", NULL, 0}};
    const struct harness_setting taken[] = {{"column", "ip", NULL, 0}, {"as", "port", NULL, 0}};
    check_refusal("same-string", none, 1, "",
                  "\"as\" is required: the new column that holds the result");
    check_refusal("same-string", taken, 2, "/as", "column \"port\" exists already");
    check_refusal("keep", taken, 2, "/as", "a filter adds no column: remove \"as\"");
}
END_TEST

START_TEST(a_column_must_be_there_with_the_argument_s_type)
{
    static const struct harness_item items[] = {
        {NULL, "ip"}, {NULL, "port"}, {NULL, "open"}, {NULL, "open"}};
    const struct harness_setting missing[] = {{"column", "ipp", NULL, 0}, {"as", "r", NULL, 0}};
    const struct harness_setting wrong[] = {{"column", "port", NULL, 0}, {"as", "r", NULL, 0}};
    const struct harness_setting third[] = {{"columns", NULL, items, 4}, {"as", "r", NULL, 0}};
    check_refusal("same-string", missing, 2, "/column",
                  "the input has no column \"ipp\"; it has ip, port, share, open");
    check_refusal("same-string", wrong, 2, "/column",
                  "column \"port\" is int32, but the function reads string");
    check_refusal("four", third, 2, "/columns/2",
                  "column \"open\" is bool, but the function reads float64");
}
END_TEST

START_TEST(inputs_that_differ_are_refused)
{
    static const struct ph_field other[] = {{"ip", PH_TYPE_BYTES, 0}};
    const struct harness_setting settings[] = {{"column", "ip", NULL, 0}, {"as", "r", NULL, 0}};
    struct ph_schema first = harness_schema_of(fields, 1);
    struct ph_schema second = harness_schema_of(other, 1);
    const struct ph_schema *inputs[] = {&first, &second};
    struct harness *h = harness_open(SCALARS_SO, "same-string", "pipeline", "operator");
    ck_assert_ptr_nonnull(h);
    ck_assert_int_eq(harness_init(h, settings, 2), PH_OK);
    ck_assert_int_eq(harness_bind(h, inputs, 2), PH_ERROR);
    ck_assert_str_eq(h->error.text, "input 2 has other columns than the first one: the inputs of a "
                                    "scalar function must be alike");
    inputs[1] = &first;
    ck_assert_int_eq(harness_bind(h, inputs, 2), PH_OK);
    harness_close(h);
}
END_TEST

START_TEST(state_is_made_of_the_plugin_s_own_keys)
{
    const struct harness_setting bad[] = {
        {"column", "ip", NULL, 0}, {"as", "result", NULL, 0}, {"suffix", "?", NULL, 0}};
    const struct harness_setting good[] = {
        {"column", "ip", NULL, 0}, {"as", "result", NULL, 0}, {"suffix", "/32", NULL, 0}};
    struct harness_cell cells[] = {CELL_TEXT("10.0.0.1"), CELL_NULL, CELL_NULL, CELL_NULL};
    struct scalar s;
    check_refusal("append", bad, 3, "/suffix", "? is no suffix");
    ck_assert_int_eq(scalar_try(&s, "append", fields, 4, good, 3), PH_OK);
    s.task = harness_task_create(s.harness, 0);
    harness_out_init(&s.out, s.harness);
    ck_assert_int_eq(scalar_process(&s, cells, 1), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "10.0.0.1/32");
    scalar_close(&s);
}
END_TEST

START_TEST(a_scalar_udf_is_pure_and_can_be_reloaded)
{
    struct harness *h = harness_open(SCALARS_SO, "same-string", "pipeline", "operator");
    ck_assert_ptr_nonnull(h);
    ck_assert_uint_eq(h->descriptor->flags, PH_PLUGIN_PURE | PH_PLUGIN_RELOADABLE);
    ck_assert_uint_eq(h->descriptor->kind, PH_KIND_UDF);
    ck_assert_uint_eq(h->descriptor->config_count, 3);
    harness_close(h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scalar config");
    TCase *c = tcase_create("config");
    tcase_add_test(c, the_columns_must_be_named_one_for_each_argument);
    tcase_add_test(c, the_result_needs_a_name_that_is_free);
    tcase_add_test(c, a_column_must_be_there_with_the_argument_s_type);
    tcase_add_test(c, inputs_that_differ_are_refused);
    tcase_add_test(c, state_is_made_of_the_plugin_s_own_keys);
    tcase_add_test(c, a_scalar_udf_is_pure_and_can_be_reloaded);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
