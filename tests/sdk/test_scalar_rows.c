/* SPDX-License-Identifier: Apache-2.0 */
#include "scalar.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const struct ph_field text_field[] = {{"text", PH_TYPE_STRING, 0}};

/* Runs same-TYPE over a null and a value; answers the value's column in *out, row 1. */
static const struct ph_column *same(struct scalar *s, const char *id, uint32_t type,
                                    struct harness_cell value)
{
    const struct ph_field field[] = {{"value", type, 0}};
    struct harness_cell cells[] = {CELL_NULL, value, CELL_NULL};
    scalar_open(s, id, field, 1, "result");
    ck_assert_int_eq(scalar_process(s, cells, 3), PH_OK);
    const struct ph_column *c = scalar_result(s);
    ck_assert_uint_eq(c->type, type);
    ck_assert(ph_column_is_null(c, 0));
    ck_assert(!ph_column_is_null(c, 1));
    ck_assert(ph_column_is_null(c, 2));
    return c;
}

START_TEST(whole_numbers_and_times_keep_their_type_and_value)
{
    static const struct {
        const char *id;
        uint32_t type;
    } types[] = {{"same-int64", PH_TYPE_INT64},
                 {"same-ms", PH_TYPE_TIMESTAMP_MS},
                 {"same-us", PH_TYPE_TIMESTAMP_US}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct scalar s;
        const struct ph_column *c =
            same(&s, types[i].id, types[i].type, (struct harness_cell)CELL_INT(INT64_MIN + 7));
        ck_assert_int_eq(ph_column_int64(c, 1), INT64_MIN + 7);
        scalar_close(&s);
    }
}
END_TEST

START_TEST(int32_keeps_its_value)
{
    struct scalar s;
    const struct ph_column *c =
        same(&s, "same-int32", PH_TYPE_INT32, (struct harness_cell)CELL_INT(-5));
    ck_assert_int_eq(ph_column_int32(c, 1), -5);
    scalar_close(&s);
}
END_TEST

START_TEST(bool_keeps_its_value)
{
    struct scalar s;
    const struct ph_column *c =
        same(&s, "same-bool", PH_TYPE_BOOL, (struct harness_cell)CELL_INT(1));
    ck_assert(ph_column_bool(c, 1));
    scalar_close(&s);
}
END_TEST

START_TEST(float64_keeps_its_value)
{
    struct scalar s;
    const struct ph_column *c =
        same(&s, "same-float64", PH_TYPE_FLOAT64, (struct harness_cell)CELL_REAL(0.25));
    ck_assert_double_eq(ph_column_float64(c, 1), 0.25);
    scalar_close(&s);
}
END_TEST

START_TEST(text_bytes_and_json_keep_their_type_and_value)
{
    static const struct {
        const char *id;
        uint32_t type;
    } types[] = {{"same-string", PH_TYPE_STRING},
                 {"same-bytes", PH_TYPE_BYTES},
                 {"same-json", PH_TYPE_JSON}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct scalar s;
        (void)same(&s, types[i].id, types[i].type,
                   (struct harness_cell)CELL_TEXT("[\"longer than a view holds itself\"]"));
        ck_assert_str_eq(scalar_texts(&s, "result"), "-,[\"longer than a view holds itself\"],-");
        ck_assert(memcmp(((const struct ph_view *)scalar_result(&s)->values)[1].u.ref.prefix,
                         "[\"lo", 4) == 0);
        scalar_close(&s);
    }
}
END_TEST

START_TEST(an_empty_text_is_not_null)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("")};
    scalar_open(&s, "same-string", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 1), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "");
    ck_assert(!ph_column_is_null(scalar_result(&s), 0));
    scalar_close(&s);
}
END_TEST

START_TEST(several_arguments_come_in_the_order_of_columns)
{
    static const struct ph_field fields[] = {{"name", PH_TYPE_STRING, 0},
                                             {"age", PH_TYPE_INT32, 0},
                                             {"size", PH_TYPE_FLOAT64, 0},
                                             {"open", PH_TYPE_BOOL, 0}};
    struct harness_cell cells[] = {
        CELL_TEXT("door"), CELL_INT(7), CELL_REAL(2.5), CELL_INT(1), /* all there */
        CELL_TEXT("door"), CELL_INT(7), CELL_REAL(2.5), CELL_NULL    /* one is missing */
    };
    struct scalar s;
    scalar_open(&s, "four", fields, 4, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 2), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "door is 7, 2.5 and open,-");
    scalar_close(&s);
}
END_TEST

START_TEST(the_input_s_columns_go_on_unchanged)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("a"), CELL_NULL};
    scalar_open(&s, "same-string", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 2), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "text"), "a,-");
    ck_assert_uint_eq(scalar_emitted(&s)->column_count, 2);
    ck_assert_int_eq(scalar_emitted(&s)->offsets[1], 1);
    scalar_close(&s);
}
END_TEST

START_TEST(a_function_that_asks_for_nulls_sees_them)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_NULL, CELL_TEXT("a")};
    scalar_open(&s, "is-null", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 2), PH_OK);
    ck_assert(ph_column_bool(scalar_result(&s), 0));
    ck_assert(!ph_column_bool(scalar_result(&s), 1));
    scalar_close(&s);
}
END_TEST

START_TEST(an_argument_of_any_type_says_its_type)
{
    static const struct ph_field field[] = {{"at", PH_TYPE_TIMESTAMP_US, 0}};
    struct scalar s;
    struct harness_cell cells[] = {CELL_INT(1)};
    scalar_open(&s, "type-of", field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 1), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "timestamp(6)");
    scalar_close(&s);
}
END_TEST

START_TEST(null_and_a_missing_result_are_null)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("nothing"), CELL_TEXT("a"), CELL_TEXT("unset")};
    scalar_open(&s, "judge", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 3), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "-,a,-");
    scalar_close(&s);
}
END_TEST

START_TEST(a_formatted_result_may_be_longer_than_a_buffer)
{
    static char value[3000];
    struct scalar s;
    struct harness_cell cells[] = {CELL_BYTES(value, sizeof value), CELL_TEXT("a")};
    memset(value, 'x', sizeof value);
    scalar_open(&s, "append", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 2), PH_OK);
    const char *texts = scalar_texts(&s, "result");
    ck_assert_uint_eq(strlen(texts), sizeof value + strlen("!,a!"));
    ck_assert_str_eq(texts + sizeof value, "!,a!");
    scalar_close(&s);
}
END_TEST

START_TEST(dropped_rows_go_no_further)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("d1"), CELL_TEXT("a"), CELL_TEXT("d2"), CELL_NULL,
                                   CELL_TEXT("b, a text that is not held in the view itself")};
    scalar_open(&s, "judge", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 5), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"),
                     "a,-,b, a text that is not held in the view itself");
    ck_assert_int_eq(scalar_emitted(&s)->offsets[0], 1);
    ck_assert_int_eq(scalar_emitted(&s)->offsets[2], 4);
    scalar_close(&s);
}
END_TEST

START_TEST(a_batch_whose_rows_are_all_dropped_emits_nothing)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("d1"), CELL_TEXT("d2")};
    scalar_open(&s, "judge", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, cells, 2), PH_OK);
    ck_assert_uint_eq(s.out.emitted_count, 0);
    scalar_close(&s);
}
END_TEST

START_TEST(a_filter_adds_no_column_and_keeps_rows_with_nulls)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("a"), CELL_TEXT("d"), CELL_NULL};
    struct harness_cell kept[] = {CELL_TEXT("a"), CELL_TEXT("b")};
    struct harness_cell dropped[] = {CELL_TEXT("d")};
    scalar_open(&s, "keep", text_field, 1, NULL);
    ck_assert_int_eq(scalar_process(&s, cells, 3), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "text"), "a,-");
    ck_assert_uint_eq(scalar_emitted(&s)->column_count, 1);
    harness_out_clear(&s.out);
    ck_assert_int_eq(scalar_process(&s, dropped, 1), PH_OK);
    ck_assert_uint_eq(s.out.emitted_count, 0);
    ck_assert_int_eq(scalar_process(&s, kept, 2), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "text"), "a,b");
    scalar_close(&s);
}
END_TEST

static void check_rejects(const struct scalar *s)
{
    ck_assert_uint_eq(s->task->reject_count, 2);
    ck_assert_uint_eq(s->task->rejects[0].row, 1);
    ck_assert_uint_eq(s->task->rejects[1].row, 3);
    ck_assert_str_eq(s->task->rejects[0].code, "bad_word");
    ck_assert_str_eq(s->task->rejects[0].reason, "begins with r");
}

START_TEST(rejected_rows_are_told_to_the_host_once)
{
    static const char *const ids[] = {"judge", "keep"};
    for (size_t i = 0; i < 2; i++) {
        struct scalar s;
        /* The dropped row makes the helper look at the batch twice. */
        struct harness_cell cells[] = {CELL_TEXT("a"), CELL_TEXT("r1"), CELL_TEXT("d"),
                                       CELL_TEXT("r2")};
        scalar_open(&s, ids[i], text_field, 1, i == 0 ? "result" : NULL);
        ck_assert_int_eq(scalar_process(&s, cells, 4), PH_OK);
        check_rejects(&s);
        scalar_close(&s);
    }
}
END_TEST

START_TEST(a_row_like_a_rejected_one_is_judged_anew_in_the_next_batch)
{
    struct scalar s;
    struct harness_cell bad[] = {CELL_TEXT("r")};
    struct harness_cell good[] = {CELL_TEXT("a")};
    scalar_open(&s, "judge", text_field, 1, "result");
    ck_assert_int_eq(scalar_process(&s, bad, 1), PH_OK);
    harness_out_clear(&s.out);
    ck_assert_int_eq(scalar_process(&s, good, 1), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "a");
    scalar_close(&s);
}
END_TEST

static void check_failure(const char *id, const char *text, const char *as, const char *sentence)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("a"), CELL_BYTES(text, (uint32_t)strlen(text))};
    scalar_open(&s, id, text_field, 1, as);
    ck_assert_int_eq(scalar_process(&s, cells, 2), PH_ERROR);
    ck_assert_str_eq(s.harness->error.text, sentence);
    ck_assert_uint_eq(s.harness->error.flags, PH_ERR_FATAL);
    ck_assert_uint_eq(s.out.emitted_count, 0);
    scalar_close(&s);
}

START_TEST(failures_say_what_happened)
{
    check_failure("judge", "f5", "result", "cannot go on at \"f5\"");
    check_failure("judge", "s", "result", "the function failed without saying why");
    check_failure("judge", "w", "result",
                  "the function answered 99: return ph_return_…, PH_NULL, PH_DROP or ph_reject");
    check_failure("reads-wrong", "a", "result",
                  "the function reads argument 0 as a whole number, but it is string");
    check_failure("reads-beyond", "a", "result",
                  "the function reads argument 1, but has 1 (the first is 0)");
    check_failure("returns-wrong", "a", "result",
                  "the function returns int64, but its result is string");
    check_failure("filter-returns", "a", NULL,
                  "the function returns int64, but its result is none: it is a filter");
}
END_TEST

/* ---- little memory and full outputs */

static struct ph_draft *(*inner_derive)(struct ph_out *, uint32_t, const struct ph_batch *);
static struct ph_draft *(*inner_gather)(struct ph_out *, uint32_t, const struct ph_batch *,
                                        const uint32_t *, uint32_t, bool);
static int32_t (*inner_grow)(struct ph_builder *, uint32_t);
static uint32_t text_limit; /* bytes of text that a draft has memory for */

static int32_t limited_grow(struct ph_builder *b, uint32_t need)
{
    return b->text_used + need > text_limit ? PH_ERROR : inner_grow(b, need);
}

static struct ph_draft *limit(struct ph_draft *draft)
{
    struct ph_builder *b = &draft->builders[0];
    inner_grow = b->grow;
    b->grow = limited_grow;
    b->text_capacity = b->text_capacity < text_limit ? b->text_capacity : text_limit;
    return draft;
}

static struct ph_draft *limited_derive(struct ph_out *out, uint32_t output,
                                       const struct ph_batch *in)
{
    return limit(inner_derive(out, output, in));
}

static struct ph_draft *limited_gather(struct ph_out *out, uint32_t output,
                                       const struct ph_batch *in, const uint32_t *rows,
                                       uint32_t count, bool last)
{
    return limit(inner_gather(out, output, in, rows, count, last));
}

static void limit_text(struct scalar *s, uint32_t bytes)
{
    text_limit = bytes;
    inner_derive = s->out.out.derive;
    inner_gather = s->out.out.gather;
    s->out.out.derive = limited_derive;
    s->out.out.gather = limited_gather;
}

/* Rows "rNNN" are rejected and "dNNN" dropped: every seventh and every fifth. */
static void fill(char (*texts)[100], struct harness_cell *cells, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++) {
        char kind = i % 7 == 0 ? 'r' : i % 5 == 0 ? 'd' : 'a';
        (void)snprintf(texts[i], sizeof texts[i], "%c%04u and so on, as long as a line", kind, i);
        cells[i] = (struct harness_cell)CELL_BYTES(texts[i], (uint32_t)strlen(texts[i]));
    }
}

/* All rows that are neither rejected nor dropped came once, in order, with their result. */
static void check_all(const struct scalar *s, uint32_t rows, char (*texts)[100])
{
    uint32_t next = 0;
    for (uint32_t b = 0; b < s->out.emitted_count; b++) {
        const struct ph_batch *batch = s->out.emitted[b];
        for (uint32_t row = 0; row < batch->row_count; row++, next++) {
            while (next % 7 != 0 && next % 5 == 0) {
                next++;
            }
            ck_assert_int_eq(batch->offsets[row], next);
            ck_assert(ph_column_is_null(&batch->columns[1], row) == (next % 7 == 0));
            if (next % 7 != 0) {
                ck_assert(harness_text_is(batch, "result", row, texts[next]));
            }
        }
    }
    ck_assert_uint_ge(next, rows - 1);
    ck_assert_uint_eq(s->task->reject_count, (rows + 6) / 7);
}

START_TEST(little_memory_makes_several_drafts_and_loses_nothing)
{
    enum { ROWS = 1000 };
    static char texts[ROWS][100];
    static struct harness_cell cells[ROWS];
    struct scalar s;
    fill(texts, cells, ROWS);
    scalar_open(&s, "judge", text_field, 1, "result");
    limit_text(&s, 1000);
    ck_assert_int_eq(scalar_process(&s, cells, ROWS), PH_OK);
    ck_assert_uint_gt(s.out.emitted_count, 10);
    check_all(&s, ROWS, texts);
    scalar_close(&s);
}
END_TEST

START_TEST(no_memory_for_one_row_waits)
{
    struct scalar s;
    struct harness_cell cells[] = {CELL_TEXT("a text that does not fit into the view")};
    scalar_open(&s, "judge", text_field, 1, "result");
    limit_text(&s, 10);
    ck_assert_int_eq(scalar_process(&s, cells, 1), PH_MORE);
    ck_assert_uint_eq(s.out.emitted_count, 0);
    text_limit = 1000;
    ck_assert_int_eq(scalar_process(&s, cells, 1), PH_OK);
    ck_assert_str_eq(scalar_texts(&s, "result"), "a text that does not fit into the view");
    scalar_close(&s);
}
END_TEST

static int32_t (*inner_emit)(struct ph_out *, struct ph_draft *);
static uint32_t emits;

static int32_t emit_two_of_three(struct ph_out *out, struct ph_draft *draft)
{
    return ++emits % 3 == 0 ? PH_MORE : inner_emit(out, draft);
}

START_TEST(a_full_output_goes_on_where_it_stopped)
{
    enum { ROWS = 500 };
    static char texts[ROWS][100];
    static struct harness_cell cells[ROWS];
    struct scalar s;
    uint32_t calls = 0;
    int32_t result = PH_MORE;
    fill(texts, cells, ROWS);
    scalar_open(&s, "judge", text_field, 1, "result");
    limit_text(&s, 1000);
    inner_emit = s.out.out.emit;
    s.out.out.emit = emit_two_of_three;
    emits = 0;
    while (result == PH_MORE && calls < 1000) {
        result = scalar_process(&s, cells, ROWS);
        calls++;
    }
    ck_assert_int_eq(result, PH_OK);
    ck_assert_uint_gt(calls, 2);
    check_all(&s, ROWS, texts);
    scalar_close(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scalar rows");
    TCase *c = tcase_create("rows");
    tcase_add_test(c, whole_numbers_and_times_keep_their_type_and_value);
    tcase_add_test(c, int32_keeps_its_value);
    tcase_add_test(c, bool_keeps_its_value);
    tcase_add_test(c, float64_keeps_its_value);
    tcase_add_test(c, text_bytes_and_json_keep_their_type_and_value);
    tcase_add_test(c, an_empty_text_is_not_null);
    tcase_add_test(c, several_arguments_come_in_the_order_of_columns);
    tcase_add_test(c, the_input_s_columns_go_on_unchanged);
    tcase_add_test(c, a_function_that_asks_for_nulls_sees_them);
    tcase_add_test(c, an_argument_of_any_type_says_its_type);
    tcase_add_test(c, null_and_a_missing_result_are_null);
    tcase_add_test(c, a_formatted_result_may_be_longer_than_a_buffer);
    tcase_add_test(c, dropped_rows_go_no_further);
    tcase_add_test(c, a_batch_whose_rows_are_all_dropped_emits_nothing);
    tcase_add_test(c, a_filter_adds_no_column_and_keeps_rows_with_nulls);
    tcase_add_test(c, rejected_rows_are_told_to_the_host_once);
    tcase_add_test(c, a_row_like_a_rejected_one_is_judged_anew_in_the_next_batch);
    tcase_add_test(c, failures_say_what_happened);
    tcase_add_test(c, little_memory_makes_several_drafts_and_loses_nothing);
    tcase_add_test(c, no_memory_for_one_row_waits);
    tcase_add_test(c, a_full_output_goes_on_where_it_stopped);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
