/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/fingerprint.h"
#include "rig.h"

static struct rig r;

static void init(void)
{
    rig_init(&r);
}

static void fini(void)
{
    rig_fini(&r);
}

START_TEST(a_batch_has_rows_system_columns_and_positions)
{
    static const char *const values[] = {"short,7", "a text that is too long for a view", ",-1"};
    struct ph_batch *b = rig_batch(&r, values, 3);
    ck_assert_uint_eq(b->row_count, 3);
    ck_assert_uint_eq(b->column_count, 2);
    ck_assert_ptr_eq(b->schema, r.schema);
    ck_assert_uint_eq(b->flags, 0);
    rig_expect_text(b, 0, 0, "short");
    rig_expect_text(b, 0, 1, "a text that is too long for a view");
    rig_expect_text(b, 0, 2, "");
    ck_assert_ptr_null(b->columns[0].validity);
    ck_assert_uint_eq(b->columns[1].null_count, 1);
    ck_assert_int_eq(ph_column_int64(&b->columns[1], 0), 7);
    ck_assert(ph_column_is_null(&b->columns[1], 1));
    ck_assert_int_eq(ph_column_int64(&b->columns[1], 2), -1);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(b->partition_ids[i], 1);
        ck_assert_int_eq(b->offsets[i], i);
        ck_assert_int_eq(batch_timestamp_ms(b, i), i * 10);
        rig_expect_bytes(batch_raw(b, i), values[i]);
    }
    ck_assert_ptr_null(b->sub_indexes);
    rig_expect_bytes(batch_key(b, 0), "key");
    ck_assert_ptr_null(batch_key(b, 1).data);
    ck_assert_uint_eq(b->position_count, 1);
    ck_assert_uint_eq(b->positions[0].partition_id, 1);
    ck_assert_int_eq(b->positions[0].next_offset, 3);
    batch_release(b);
}
END_TEST

START_TEST(each_partition_has_one_position)
{
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    for (int64_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(rig_append(&r, (uint32_t)(i * 7 % 100), 1000 + i, "x"), PH_OK);
    }
    batch_writer_advance(r.writer, 5, 5000);
    batch_writer_advance(r.writer, 6, 3);
    batch_writer_advance(r.writer, 70000, 1);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->position_count, 101);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < b->position_count; i++) {
        const struct ph_position *p = &b->positions[i];
        if (p->partition_id == 70000) {
            ck_assert_int_eq(p->next_offset, 1);
            continue;
        }
        int64_t last = 0;
        for (uint32_t row = 0; row < b->row_count; row++) {
            last = b->partition_ids[row] == p->partition_id ? b->offsets[row] : last;
        }
        ck_assert_int_eq(p->next_offset, p->partition_id == 5 ? 5000 : last + 1);
        seen++;
    }
    ck_assert_uint_eq(seen, 100);
    batch_release(b);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 5, 9, "x"), PH_OK);
    b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->position_count, 1);
    ck_assert_int_eq(b->positions[0].next_offset, 10);
    batch_release(b);
}
END_TEST

static uint32_t print_of(int64_t offset, const char *value)
{
    return fingerprint_of(offset * 10, value, (uint32_t)strlen(value));
}

START_TEST(a_position_knows_the_record_that_it_ends_with)
{
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 0, "a,1"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 2, 5, "b,2"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, "c,3"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 3, 7, "d,4"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 3, 8, "!bad"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 4, 9, "!bad"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 4, 10, "e,5"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 5, 11, "f,6"), PH_OK);
    batch_writer_advance(r.writer, 5, 20);
    ck_assert_int_eq(rig_append(&r, 6, 12, "g,7"), PH_OK);
    batch_writer_pub(r.writer)->pass_hole(batch_writer_pub(r.writer), 6, 20);
    ck_assert_int_eq(rig_append(&r, 7, 13, "h,8"), PH_OK);
    batch_writer_pass_hole(r.writer, 7, 14);
    batch_writer_pass_hole(r.writer, 8, 20);
    ck_assert_int_eq(rig_append(&r, 8, 20, "i,9"), PH_OK);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->position_count, 8);
    ck_assert_uint_eq(b->positions[0].fingerprint, print_of(1, "c,3"));
    ck_assert_uint_eq(b->positions[1].fingerprint, print_of(5, "b,2"));
    ck_assert_uint_eq(b->positions[2].fingerprint, print_of(8, "!bad"));
    ck_assert_uint_eq(b->positions[3].fingerprint, print_of(10, "e,5"));
    ck_assert_uint_eq(b->positions[4].fingerprint, 0);
    ck_assert_uint_eq(b->positions[5].fingerprint, FINGERPRINT_HOLE);
    ck_assert_int_eq(b->positions[5].next_offset, 20);
    ck_assert_uint_eq(b->positions[6].fingerprint, print_of(13, "h,8"));
    ck_assert_uint_eq(b->positions[7].fingerprint, print_of(20, "i,9"));
    batch_release(b);
}
END_TEST

/* Databases hold them: a record has the same one in every version. */
START_TEST(fingerprints_are_what_they_always_were)
{
    static const char text[] = "{\"ip\":\"192.0.2.7\",\"n\":12345}";
    ck_assert_uint_eq(fingerprint_of(1700000000123, text, sizeof text - 1), UINT32_C(1676355822));
    ck_assert_uint_eq(fingerprint_of(-1, NULL, 0), UINT32_C(2618244915));
    for (uint32_t i = 0; i < sizeof text - 1; i++) {
        char other[sizeof text];
        memcpy(other, text, sizeof other);
        other[i] ^= 1;
        ck_assert_uint_ne(fingerprint_of(5, other, sizeof text - 1),
                          fingerprint_of(5, text, sizeof text - 1));
        ck_assert_uint_ne(fingerprint_of(5, text, i), fingerprint_of(5, text, sizeof text - 1));
    }
    ck_assert_uint_ne(fingerprint_of(5, text, 4), fingerprint_of(6, text, 4));
}
END_TEST

/* What a sum folds to is 32 bits of which two numbers mean something else. */
START_TEST(no_record_has_the_fingerprint_of_a_hole_or_of_nothing)
{
    ck_assert_uint_eq(fingerprint_folded(0), 1);
    ck_assert_uint_eq(fingerprint_folded(UINT64_C(0x1234567812345678)), 1);
    ck_assert_uint_eq(fingerprint_folded(UINT64_C(0x00000001fffffffe)), FINGERPRINT_HOLE - 1);
    ck_assert_uint_eq(fingerprint_folded(UINT64_C(0x00000001fffffffd)), FINGERPRINT_HOLE - 3);
}
END_TEST

START_TEST(bad_records_are_told_and_passed)
{
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 0, "good,1"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, "!bad"), PH_OK);
    ck_assert_str_eq(r.bad_fault.code, "bang");
    ck_assert_int_eq(r.bad_offset, 1);
    ck_assert_int_eq(rig_append(&r, 1, 2, "good,2"), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 3, NULL), PH_OK);
    ck_assert_str_eq(r.bad_fault.code, "tombstone");
    ck_assert_str_eq(r.bad_fault.reason, "the record has no value");
    ck_assert_int_eq(rig_append(&r, 2, 9, "!bad"), PH_OK);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(r.bad_count, 3);
    ck_assert_uint_eq(b->row_count, 2);
    rig_expect_bytes(batch_raw(b, 1), "good,2");
    ck_assert_uint_eq(b->position_count, 2);
    ck_assert_int_eq(b->positions[0].next_offset, 4);
    ck_assert_int_eq(b->positions[1].next_offset, 10);
    batch_release(b);
}
END_TEST

START_TEST(a_batch_of_bad_records_travels_without_rows)
{
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_ptr_null(batch_writer_close(r.writer));
    ck_assert(!batch_writer_has_content(r.writer));
    ck_assert_int_eq(rig_append(&r, 1, 0, "!bad"), PH_OK);
    ck_assert(batch_writer_has_content(r.writer));
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->row_count, 0);
    ck_assert_int_eq(b->positions[0].next_offset, 1);
    batch_release(b);
}
END_TEST

START_TEST(bad_records_fill_a_batch_as_rows_do)
{
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    for (int64_t i = 0; i < BATCH_MAX_ROWS; i++) { /* good ones, two kinds of bad ones */
        ck_assert_int_eq(rig_append(&r, 1, i, i % 3 == 0 ? "x" : i % 3 == 1 ? "!" : NULL), PH_OK);
    }
    ck_assert_int_eq(rig_append(&r, 1, BATCH_MAX_ROWS, _i == 0 ? "x" : "!"), PH_MORE);
    ck_assert(batch_writer_is_full(r.writer));
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->row_count, (BATCH_MAX_ROWS + 2) / 3);
    ck_assert_uint_eq(r.bad_count, BATCH_MAX_ROWS - b->row_count);
    ck_assert_int_eq(b->positions[0].next_offset, BATCH_MAX_ROWS);
    batch_release(b);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, BATCH_MAX_ROWS, "x"), PH_OK);
}
END_TEST

START_TEST(a_full_batch_says_so_and_keeps_nothing_of_the_record)
{
    rig_fini(&r);
    rig_init_limits(&r, 64 * RIG_MIB, 3, 0, 0);
    ck_assert_int_eq(rig_append(&r, 1, 0, "no batch is open"), PH_MORE);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rig_append(&r, 1, i, "x"), PH_OK);
    }
    ck_assert_int_eq(rig_append(&r, 1, 3, "x"), PH_MORE);
    ck_assert_int_eq(rig_append(&r, 1, 3, "x"), PH_MORE);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->flags, PH_BATCH_MORE);
    ck_assert_uint_eq(b->row_count, 3);
    ck_assert_int_eq(b->positions[0].next_offset, 3);
    batch_release(b);
    ck_assert_int_eq(rig_append(&r, 1, 3, "x"), PH_MORE);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 3, "x"), PH_OK);
    b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->flags, 0);
    batch_release(b);
}
END_TEST

START_TEST(a_batch_grows_from_small_to_full_size)
{
    char value[64];
    uint32_t rows = 0;
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    uint64_t small = reserve_get_stats(r.reserve).used_bytes;
    for (;; rows++) {
        (void)snprintf(value, sizeof value, "record number %u%s%u", rows, rows % 3 == 0 ? "" : ",",
                       rows);
        if (rig_append(&r, rows % 5, rows, value) == PH_MORE) {
            break;
        }
    }
    ck_assert_uint_eq(rows, BATCH_MAX_ROWS);
    ck_assert_uint_le(small, 2 * POOL_BLOCK_MIN);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->position_count, 5);
    for (uint32_t i = 0; i < rows; i++) {
        (void)snprintf(value, sizeof value, "record number %u%s%u", i, i % 3 == 0 ? "" : ",", i);
        rig_expect_bytes(batch_raw(b, i), value);
        ck_assert_int_eq(ph_column_is_null(&b->columns[1], i), i % 3 == 0);
        if (i % 3 != 0) {
            ck_assert_int_eq(ph_column_int64(&b->columns[1], i), i);
        }
        ck_assert_int_eq(b->offsets[i], i);
        ck_assert_uint_eq(b->partition_ids[i], i % 5);
        ck_assert_int_eq(batch_timestamp_ms(b, i), (int64_t)i * 10);
    }
    ck_assert_uint_le(reserve_get_stats(r.reserve).used_bytes, sizes_source_batch(&r.options));
    batch_release(b);
}
END_TEST

static char *make_value(size_t length)
{
    char *value = malloc(length + 1);
    memset(value, 'v', length);
    value[length] = '\0';
    return value;
}

static int32_t decode_text_alone(void *arg, struct row_target *t, const uint8_t *value,
                                 uint32_t length, struct row_fault *fault)
{
    struct target_column numbers = t->columns[1];
    int64_t unwritten[BATCH_MAX_ROWS] = {0};
    uint8_t validity[BATCH_MAX_ROWS / 8] = {0};
    t->columns[1] = (struct target_column){.values = unwritten, .validity = validity};
    int32_t result = rig_decode(arg, t, value, length, fault);
    t->columns[1] = numbers;
    return result;
}

START_TEST(a_column_that_nobody_wants_is_null_in_every_row)
{
    static const bool wanted[] = {true, false};
    batch_writer_destroy(r.writer);
    r.options.wanted = wanted;
    r.options.decode = decode_text_alone;
    r.writer = batch_writer_create(&r.options);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    for (int64_t i = 0; i < 1000; i++) { /* more than the small tier holds */
        ck_assert_int_eq(rig_append(&r, 1, i, "x,7"), PH_OK);
    }
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->row_count, 1000);
    ck_assert_uint_eq(b->columns[0].null_count, 0);
    ck_assert_uint_eq(b->columns[1].null_count, 1000);
    for (uint32_t row = 0; row < 1000; row++) {
        rig_expect_text(b, 0, row, "x");
        ck_assert(ph_column_is_null(&b->columns[1], row));
        ck_assert_int_eq(ph_column_int64(&b->columns[1], row), 0);
    }
    batch_release(b);
}
END_TEST

START_TEST(records_have_a_largest_size)
{
    char *largest = make_value((1u << 20) - 1);
    char *larger = make_value((1u << 20) + 1);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, larger), PH_OK);
    ck_assert_str_eq(r.bad_fault.code, "too_large");
    ck_assert_str_eq(r.bad_fault.reason, "the record has 1048577 bytes, more than record.max_bytes "
                                         "(1048576) allows");
    ck_assert_int_eq(rig_append(&r, 1, 3, largest), PH_MORE);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->row_count, 0);
    batch_release(b);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 3, largest), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 5, "small"), PH_MORE);
    ck_assert_uint_le(reserve_get_stats(r.reserve).used_bytes,
                      sizes_source_batch_largest(&r.options));
    b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->row_count, 1);
    ck_assert_uint_eq(batch_raw(b, 0).length, (1u << 20) - 1);
    batch_release(b);
    free(largest);
    free(larger);
}
END_TEST

START_TEST(a_large_record_in_an_empty_batch_needs_only_another_open)
{
    char *value = make_value(900000);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, value), PH_OK);
    struct ph_batch *b = batch_writer_close(r.writer);
    batch_release(b);
    rig_fini(&r);
    rig_init_limits(&r, 64 * RIG_MIB, 0, 8192, 0);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, value), PH_MORE);
    ck_assert_ptr_null(batch_writer_close(r.writer));
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, value), PH_OK);
    b = batch_writer_close(r.writer);
    ck_assert_uint_eq(batch_raw(b, 0).length, 900000);
    batch_release(b);
    free(value);
}
END_TEST

START_TEST(without_room_open_waits_for_a_batch_to_return)
{
    static const char *const one[] = {"x"};
    rig_fini(&r);
    rig_init_limits(&r, 2 * POOL_BLOCK_MIN, 0, 0, 0);
    struct ph_batch *b = rig_batch(&r, one, 1);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_MORE);
    ck_assert_int_eq(rig_append(&r, 1, 1, "x"), PH_MORE);
    ck_assert(!batch_writer_has_content(r.writer));
    ck_assert_ptr_null(batch_writer_close(r.writer));
    ck_assert_int_eq(r.freed, 0);
    batch_retain(b);
    batch_release(b);
    ck_assert_int_eq(r.freed, 0);
    batch_release(b);
    ck_assert_int_eq(r.freed, 1);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, 1, 1, "x"), PH_OK);
    for (int i = 2; i < 300; i++) {
        (void)rig_append(&r, 1, i, "x");
    }
    b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->row_count, 256);
    ck_assert_uint_eq(b->flags, PH_BATCH_MORE);
    batch_release(b);
}
END_TEST

START_TEST(partitions_beyond_the_list_make_a_full_batch)
{
    uint32_t rows = 0;
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    while (rig_append(&r, rows, 1, "x") == PH_OK) {
        rows++;
    }
    ck_assert_uint_eq(rows, 1024);
    batch_writer_advance(r.writer, rows, 7);
    struct ph_batch *b = batch_writer_close(r.writer);
    ck_assert_uint_eq(b->position_count, 1024);
    batch_release(b);
    ck_assert_int_eq(batch_writer_open(r.writer), PH_OK);
    ck_assert_int_eq(rig_append(&r, rows, 1, "x"), PH_OK);
    ck_assert_int_eq(rig_append(&r, UINT32_MAX, 1, "x"), PH_ERROR);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("writer");
    TCase *c = tcase_create("batches");
    tcase_add_checked_fixture(c, init, fini);
    tcase_add_test(c, a_batch_has_rows_system_columns_and_positions);
    tcase_add_test(c, each_partition_has_one_position);
    tcase_add_test(c, a_position_knows_the_record_that_it_ends_with);
    tcase_add_test(c, fingerprints_are_what_they_always_were);
    tcase_add_test(c, no_record_has_the_fingerprint_of_a_hole_or_of_nothing);
    tcase_add_test(c, bad_records_are_told_and_passed);
    tcase_add_test(c, a_batch_of_bad_records_travels_without_rows);
    tcase_add_loop_test(c, bad_records_fill_a_batch_as_rows_do, 0, 2);
    tcase_add_test(c, a_full_batch_says_so_and_keeps_nothing_of_the_record);
    tcase_add_test(c, a_batch_grows_from_small_to_full_size);
    tcase_add_test(c, a_column_that_nobody_wants_is_null_in_every_row);
    tcase_add_test(c, records_have_a_largest_size);
    tcase_add_test(c, a_large_record_in_an_empty_batch_needs_only_another_open);
    tcase_add_test(c, without_room_open_waits_for_a_batch_to_return);
    tcase_add_test(c, partitions_beyond_the_list_make_a_full_batch);
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
