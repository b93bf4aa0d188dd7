/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

static const struct ph_field with_extra[] = {
    {.name = "text", .type = PH_TYPE_STRING, .flags = PH_FIELD_REQUIRED},
    {.name = "number", .type = PH_TYPE_INT64},
    {.name = "place", .type = PH_TYPE_STRING},
    {.name = "good", .type = PH_TYPE_BOOL, .flags = PH_FIELD_REQUIRED}};
static const char *const values[] = {"zero,0", "the first text that is long,1", "two",
                                     "the third text that is long,3", "four,4"};

static struct rig r;
static struct ph_schema *schema;
static struct draft_output output;
static struct ph_batch *in;

static void init(void)
{
    rig_init(&r);
    schema = schema_create(with_extra, 4);
    output = (struct draft_output){.reserve = r.reserve, .schema = schema, .inherited = 2};
    in = rig_batch(&r, values, 5);
}

static void fini(void)
{
    batch_release(in);
    rig_fini(&r);
    schema_destroy(schema);
}

static void fill(struct ph_draft *d)
{
    ck_assert_ptr_nonnull(d);
    ck_assert_uint_eq(d->builder_count, 2);
    for (uint32_t row = 0; row < d->row_count; row++) {
        char text[64];
        int length = snprintf(text, sizeof text, "place %u%s", row,
                              row % 2 == 0 ? "" : " with a name that is rather long");
        ck_assert_int_eq(ph_builder_set_bytes(&d->builders[0], row, text, (uint32_t)length), PH_OK);
        ph_builder_set_bool(&d->builders[1], row, row % 3 == 0);
    }
}

START_TEST(derive_shares_columns_and_adds_others)
{
    struct ph_draft *d = draft_derive(&output, in);
    fill(d);
    ph_builder_set_null(&d->builders[0], 4);
    struct ph_batch *b = draft_publish(d, true);
    batch_release(in);
    in = b;
    ck_assert_uint_eq(b->row_count, 5);
    ck_assert_uint_eq(b->column_count, 4);
    ck_assert_ptr_eq(b->schema, schema);
    rig_expect_text(b, 0, 1, "the first text that is long");
    rig_expect_text(b, 2, 0, "place 0");
    rig_expect_text(b, 2, 3, "place 3 with a name that is rather long");
    ck_assert(ph_column_is_null(&b->columns[2], 4));
    ck_assert_uint_eq(b->columns[2].null_count, 1);
    ck_assert_ptr_null(b->columns[3].validity);
    ck_assert(ph_column_bool(&b->columns[3], 3));
    ck_assert(!ph_column_bool(&b->columns[3], 4));
    ck_assert_int_eq(b->offsets[4], 4);
    ck_assert_uint_eq(b->position_count, 1);
    ck_assert_int_eq(b->positions[0].next_offset, 5);
    rig_expect_bytes(batch_raw(b, 3), values[3]);
    rig_expect_bytes(batch_key(b, 4), "key");
}
END_TEST

START_TEST(without_positions_a_batch_covers_nothing)
{
    struct ph_draft *d = draft_derive(&output, in);
    fill(d);
    struct ph_batch *b = draft_publish(d, false);
    ck_assert_uint_eq(b->position_count, 0);
    batch_release(b);
}
END_TEST

START_TEST(rows_that_are_not_set_are_null_and_told)
{
    struct ph_draft *d = draft_derive(&output, in);
    ck_assert_int_eq(draft_find_missing(d), 3);
    for (uint32_t row = 0; row < 5; row++) {
        ph_builder_set_bool(&d->builders[1], row, true);
    }
    ck_assert_int_eq(draft_find_missing(d), -1);
    struct ph_batch *b = draft_publish(d, true);
    ck_assert_uint_eq(b->columns[2].null_count, 5);
    ck_assert_uint_eq(ph_column_bytes(&b->columns[2], 4).length, 0);
    batch_release(b);
}
END_TEST

START_TEST(discard_gives_everything_back)
{
    uint64_t before = reserve_get_stats(r.reserve).used_bytes;
    struct ph_draft *d = draft_derive(&output, in);
    fill(d);
    ck_assert_uint_gt(reserve_get_stats(r.reserve).used_bytes, before);
    draft_discard(d);
    draft_discard(NULL);
    ck_assert_uint_eq(reserve_get_stats(r.reserve).used_bytes, before);
}
END_TEST

START_TEST(gather_filters_rows)
{
    static const uint32_t rows[] = {1, 2, 4};
    struct draft_run run = {0};
    struct ph_draft *d = draft_gather(&output, in, rows, 3, true, &run);
    fill(d);
    struct ph_batch *b = draft_publish(d, true);
    ck_assert_uint_eq(b->row_count, 3);
    rig_expect_text(b, 0, 0, "the first text that is long");
    rig_expect_text(b, 0, 2, "four");
    ck_assert_int_eq(ph_column_int64(&b->columns[1], 2), 4);
    ck_assert(ph_column_is_null(&b->columns[1], 1));
    ck_assert_uint_eq(b->columns[1].null_count, 1);
    rig_expect_text(b, 2, 1, "place 1 with a name that is rather long");
    ck_assert_int_eq(b->offsets[2], 4);
    ck_assert_ptr_null(b->sub_indexes);
    rig_expect_bytes(batch_raw(b, 1), values[2]);
    ck_assert_int_eq(batch_timestamp_ms(b, 2), 40);
    ck_assert_int_eq(b->positions[0].next_offset, 5);
    batch_release(b);
}
END_TEST

START_TEST(gather_may_keep_no_row)
{
    struct draft_run run = {0};
    struct ph_draft *d = draft_gather(&output, in, NULL, 0, true, &run);
    struct ph_batch *b = draft_publish(d, true);
    ck_assert_uint_eq(b->row_count, 0);
    ck_assert_uint_eq(b->position_count, 1);
    batch_release(b);
}
END_TEST

START_TEST(a_flat_map_numbers_sub_rows)
{
    static const uint32_t rows[] = {0, 0, 0, 2, 3, 3};
    static const uint32_t wanted[] = {0, 1, 2 | PH_SUB_LAST, PH_SUB_LAST, 0, 1 | PH_SUB_LAST};
    struct draft_run run = {0};
    struct ph_draft *d = draft_gather(&output, in, rows, 6, true, &run);
    fill(d);
    struct ph_batch *b = draft_publish(d, true);
    for (uint32_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(b->sub_indexes[i], wanted[i]);
        ck_assert_int_eq(b->offsets[i], rows[i]);
    }
    batch_release(b);
}
END_TEST

START_TEST(a_flat_map_goes_on_in_the_next_draft)
{
    static const uint32_t first[] = {0, 1, 1};
    static const uint32_t second[] = {1, 1, 2};
    struct draft_run run = {0};
    struct ph_draft *d = draft_gather(&output, in, first, 3, false, &run);
    fill(d);
    struct ph_batch *a = draft_publish(d, false);
    d = draft_gather(&output, in, second, 3, true, &run);
    fill(d);
    struct ph_batch *b = draft_publish(d, true);
    ck_assert_uint_eq(a->sub_indexes[0], PH_SUB_LAST);
    ck_assert_uint_eq(a->sub_indexes[1], 0);
    ck_assert_uint_eq(a->sub_indexes[2], 1);
    ck_assert_uint_eq(b->sub_indexes[0], 2);
    ck_assert_uint_eq(b->sub_indexes[1], 3 | PH_SUB_LAST);
    ck_assert_uint_eq(b->sub_indexes[2], PH_SUB_LAST);
    batch_release(a);
    batch_release(b);
}
END_TEST

START_TEST(a_filter_behind_a_flat_map_keeps_numbers_and_moves_the_last)
{
    static const uint32_t rows[] = {0, 0, 0, 1, 1};
    static const uint32_t kept[] = {1, 3};
    static const uint32_t twice[] = {1, 1, 2, 4};
    static const uint32_t wanted[] = {0, 1, 2 | PH_SUB_LAST, PH_SUB_LAST};
    struct draft_run run = {0};
    struct ph_draft *d = draft_gather(&output, in, rows, 5, true, &run);
    fill(d);
    struct ph_batch *flat = draft_publish(d, true);
    struct ph_batch *b = batch_gather(r.reserve, flat, kept, 2, true);
    ck_assert_uint_eq(b->sub_indexes[0], 1 | PH_SUB_LAST);
    ck_assert_uint_eq(b->sub_indexes[1], 0 | PH_SUB_LAST);
    batch_release(b);
    struct draft_output same = {.reserve = r.reserve, .schema = schema, .inherited = 4};
    struct draft_run again = {0};
    b = draft_publish(draft_gather(&same, flat, twice, 4, true, &again), true);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(b->sub_indexes[i], wanted[i]);
    }
    batch_release(b);
    batch_release(flat);
}
END_TEST

START_TEST(wrong_rows_are_refused)
{
    static const uint32_t descending[] = {2, 1};
    static const uint32_t outside[] = {5};
    static uint32_t many[BATCH_MAX_ROWS + 1];
    struct draft_run run = {0};
    ck_assert_ptr_null(draft_gather(&output, in, descending, 2, true, &run));
    ck_assert_ptr_null(draft_gather(&output, in, outside, 1, true, &run));
    ck_assert_ptr_null(draft_gather(&output, in, many, BATCH_MAX_ROWS + 1, true, &run));
    ck_assert_ptr_null(draft_create(&output, BATCH_MAX_ROWS + 1));
    struct ph_draft *d = draft_gather(&output, in, many, BATCH_MAX_ROWS, true, &run);
    ck_assert_ptr_nonnull(d);
    draft_discard(d);
}
END_TEST

START_TEST(created_rows_stem_from_no_record)
{
    struct draft_output all = {.reserve = r.reserve, .schema = r.schema, .inherited = 2};
    struct ph_draft *d = draft_create(&all, 3);
    ck_assert_uint_eq(d->builder_count, 2);
    for (uint32_t row = 0; row < 3; row++) {
        ck_assert_int_eq(ph_builder_set_bytes(&d->builders[0], row, "made", 4), PH_OK);
        ph_builder_set_int64(&d->builders[1], row, row);
    }
    struct ph_batch *b = draft_publish(d, true);
    ck_assert_ptr_null(b->partition_ids);
    ck_assert_ptr_null(b->offsets);
    ck_assert_uint_eq(b->position_count, 0);
    ck_assert_ptr_null(batch_raw(b, 0).data);
    ck_assert_ptr_null(batch_key(b, 0).data);
    ck_assert_int_eq(batch_timestamp_ms(b, 0), -1);
    static const uint32_t rows[] = {0, 2};
    struct ph_batch *g = batch_gather(r.reserve, b, rows, 2, true);
    ck_assert_int_eq(ph_column_int64(&g->columns[1], 1), 2);
    rig_expect_text(g, 0, 1, "made");
    ck_assert_ptr_null(g->partition_ids);
    batch_release(b);
    batch_release(g);
}
END_TEST

START_TEST(text_grows_over_many_buffers)
{
    struct draft_output all = {.reserve = r.reserve, .schema = r.schema, .inherited = 0};
    struct ph_draft *d = draft_create(&all, 2000);
    char text[3000];
    for (uint32_t row = 0; row < 2000; row++) {
        uint32_t length = row * 7 % 3000;
        memset(text, 'a' + (int)(row % 26), sizeof text);
        ck_assert_int_eq(ph_builder_set_bytes(&d->builders[0], row, text, length), PH_OK);
    }
    struct ph_batch *b = draft_publish(d, true);
    ck_assert_uint_gt(b->columns[0].buffer_count, 3);
    int64_t total = 0;
    for (uint32_t i = 0; i < b->columns[0].buffer_count; i++) {
        total += b->columns[0].buffer_sizes[i];
    }
    int64_t wanted = 0;
    for (uint32_t row = 0; row < 2000; row++) {
        struct ph_bytes bytes = ph_column_bytes(&b->columns[0], row);
        ck_assert_uint_eq(bytes.length, row * 7 % 3000);
        wanted += bytes.length > PH_VIEW_INLINE ? bytes.length : 0;
        memset(text, 'a' + (int)(row % 26), sizeof text);
        ck_assert_mem_eq(bytes.data, text, bytes.length);
    }
    ck_assert_int_eq(total, wanted);
    batch_release(b);
}
END_TEST

START_TEST(above_the_reserve_a_builder_says_no)
{
    struct pool *pool = pool_create(64 * RIG_MIB);
    struct reserve *small = reserve_create(pool, "small", 4 * POOL_BLOCK_MIN, NULL, NULL);
    struct draft_output out = {.reserve = small, .schema = schema, .inherited = 2};
    static const char text[1000] = "x";
    struct ph_draft *d = draft_derive(&out, in);
    ck_assert_ptr_nonnull(d);
    uint32_t set = 0;
    struct ph_builder *builder = &d->builders[0];
    while (ph_builder_set_bytes(builder, 0, text, sizeof text) == PH_OK) {
        set++;
    }
    ck_assert_uint_gt(set, 64 + 128);
    ck_assert_uint_lt(set, 4 * POOL_BLOCK_MIN / sizeof text);
    ck_assert_int_eq(d->builders[1].grow(&d->builders[1], 1), PH_ERROR);
    ck_assert_int_eq(builder->grow(builder, UINT32_MAX), PH_ERROR);
    struct ph_draft *other = draft_derive(&out, in);
    ck_assert_ptr_null(other);
    draft_discard(d);
    other = draft_derive(&out, in);
    ck_assert_ptr_nonnull(other);
    draft_discard(other);
    reserve_destroy(small);
    pool_destroy(pool);
}
END_TEST

START_TEST(sizes_bound_what_a_draft_takes)
{
    static const char text[200] = "x";
    struct draft_run run = {0};
    static uint32_t rows[BATCH_MAX_ROWS];
    uint64_t before = reserve_get_stats(r.reserve).used_bytes;
    struct ph_draft *d = draft_gather(&output, in, rows, BATCH_MAX_ROWS, true, &run);
    for (uint32_t row = 0; row < BATCH_MAX_ROWS; row++) {
        ck_assert_int_eq(ph_builder_set_bytes(&d->builders[0], row, text, sizeof text), PH_OK);
    }
    uint64_t used = reserve_get_stats(r.reserve).used_bytes - before;
    ck_assert_uint_le(used, sizes_draft(&output, sizeof text));
    ck_assert_uint_ge(used, (uint64_t)BATCH_MAX_ROWS * sizeof text);
    draft_discard(d);
}
END_TEST

START_TEST(rejected_rows_are_taken_out)
{
    struct row_set rejected;
    uint32_t rows[5];
    row_set_clear(&rejected);
    ck_assert(row_set_add(&rejected, 0));
    ck_assert(row_set_add(&rejected, 3));
    ck_assert(!row_set_add(&rejected, 3));
    ck_assert(!row_set_add(&rejected, BATCH_MAX_ROWS));
    ck_assert_uint_eq(rejected.count, 2);
    ck_assert(row_set_has(&rejected, 3));
    ck_assert(!row_set_has(&rejected, 4));
    uint32_t count = row_set_list_others(&rejected, in->row_count, rows);
    ck_assert_uint_eq(count, 3);
    struct ph_batch *b = batch_gather(r.reserve, in, rows, count, true);
    rig_expect_text(b, 0, 0, "the first text that is long");
    rig_expect_text(b, 0, 1, "two");
    rig_expect_text(b, 0, 2, "four");
    ck_assert_uint_eq(b->position_count, 1);
    batch_release(in);
    in = b;
    rig_expect_bytes(batch_raw(b, 2), values[4]);
}
END_TEST

START_TEST(all_other_rows_are_listed)
{
    static struct row_set set;
    static uint32_t rows[BATCH_MAX_ROWS];
    for (uint32_t count = 0; count <= BATCH_MAX_ROWS; count += 37) {
        row_set_clear(&set);
        uint32_t wanted = 0;
        for (uint32_t row = 0; row < count; row += 5) {
            ck_assert(row_set_add(&set, row));
        }
        uint32_t listed = row_set_list_others(&set, count, rows);
        for (uint32_t row = 0; row < count; row++) {
            if (row % 5 != 0) {
                ck_assert_uint_eq(rows[wanted], row);
                wanted++;
            }
        }
        ck_assert_uint_eq(listed, wanted);
    }
}
END_TEST

START_TEST(an_empty_batch_covers_positions)
{
    struct ph_batch *b = batch_create_empty(r.reserve, schema, in);
    batch_release(in);
    in = b;
    ck_assert_uint_eq(b->row_count, 0);
    ck_assert_uint_eq(b->column_count, 4);
    ck_assert_uint_eq(b->columns[3].type, PH_TYPE_BOOL);
    ck_assert_uint_eq(b->position_count, 1);
    ck_assert_int_eq(b->positions[0].next_offset, 5);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("draft");
    TCase *c = tcase_create("drafts");
    tcase_add_checked_fixture(c, init, fini);
    tcase_add_test(c, derive_shares_columns_and_adds_others);
    tcase_add_test(c, without_positions_a_batch_covers_nothing);
    tcase_add_test(c, rows_that_are_not_set_are_null_and_told);
    tcase_add_test(c, discard_gives_everything_back);
    tcase_add_test(c, gather_filters_rows);
    tcase_add_test(c, gather_may_keep_no_row);
    tcase_add_test(c, a_flat_map_numbers_sub_rows);
    tcase_add_test(c, a_flat_map_goes_on_in_the_next_draft);
    tcase_add_test(c, a_filter_behind_a_flat_map_keeps_numbers_and_moves_the_last);
    tcase_add_test(c, wrong_rows_are_refused);
    tcase_add_test(c, created_rows_stem_from_no_record);
    tcase_add_test(c, text_grows_over_many_buffers);
    tcase_add_test(c, above_the_reserve_a_builder_says_no);
    tcase_add_test(c, sizes_bound_what_a_draft_takes);
    tcase_add_test(c, rejected_rows_are_taken_out);
    tcase_add_test(c, all_other_rows_are_listed);
    tcase_add_test(c, an_empty_batch_covers_positions);
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
