/* SPDX-License-Identifier: Apache-2.0 */
#include "job/resumption.h"

#include "batch/fingerprint.h"

#include <check.h>
#include <stdlib.h>

static int64_t taken[16];
static uint32_t taken_count;
static int64_t advanced;
static int64_t passed;
static struct ph_position starts[PARTITIONS_MAX];
static struct ph_writer to;
static struct resumption r;

static int32_t take(struct ph_writer *w, const struct ph_record *record)
{
    ck_assert_ptr_eq(w, &to);
    taken[taken_count++] = record->partition_id * 1000 + record->offset;
    return PH_OK;
}

static void pass(struct ph_writer *w, uint32_t partition_id, int64_t next_offset)
{
    ck_assert_ptr_eq(w, &to);
    advanced = partition_id * 1000 + next_offset;
}

static void pass_hole(struct ph_writer *w, uint32_t partition_id, int64_t next_offset)
{
    ck_assert_ptr_eq(w, &to);
    passed = partition_id * 1000 + next_offset;
}

static struct ph_record record_at(uint32_t partition_id, int64_t offset, const char *value)
{
    return (struct ph_record){.size = (uint32_t)sizeof(struct ph_record),
                              .partition_id = partition_id,
                              .offset = offset,
                              .timestamp_ms = 7,
                              .value = value,
                              .value_length = (uint32_t)strlen(value)};
}

static int32_t append(uint32_t partition_id, int64_t offset, const char *value)
{
    struct ph_record record = record_at(partition_id, offset, value);
    struct ph_writer *w = resumption_writer(&r);
    return w->append(w, &record);
}

static void expect(uint32_t partition_id, int64_t next_offset, const char *last)
{
    starts[partition_id] = (struct ph_position){
        .partition_id = partition_id,
        .next_offset = next_offset,
        .fingerprint = last == NULL ? 0 : fingerprint_of(7, last, (uint32_t)strlen(last))};
    resumption_expect(&r, partition_id);
}

static void expect_hole(uint32_t partition_id, int64_t next_offset)
{
    starts[partition_id] = (struct ph_position){
        .partition_id = partition_id, .next_offset = next_offset, .fingerprint = FINGERPRINT_HOLE};
    resumption_expect(&r, partition_id);
}

static const char *refusal(void)
{
    static struct ph_error err;
    ph_error_clear(&err);
    resumption_refuse(&r, &(struct ph_partition){.id = 1, .topic = "clicks", .partition = 3},
                      "m.json", &err);
    ck_assert_uint_eq(err.flags, PH_ERR_CONFIG);
    return err.text;
}

static void set_up(void)
{
    to = (struct ph_writer){.size = (uint32_t)sizeof to,
                            .wants = 1,
                            .append = take,
                            .advance = pass,
                            .pass_hole = pass_hole};
    taken_count = 0;
    advanced = -1;
    passed = -1;
    resumption_init(&r, &to, starts);
}

START_TEST(the_record_before_a_position_is_compared_and_dropped)
{
    expect(1, 10, "nine");
    expect(2, 5, NULL);
    ck_assert_ptr_eq(resumption_writer(&r), &r.pub);
    ck_assert_uint_eq(resumption_writer(&r)->wants, 1);
    ck_assert_int_eq(append(2, 5, "five"), PH_OK);
    ck_assert_int_eq(append(1, 9, "nine"), PH_OK);
    ck_assert_ptr_eq(resumption_writer(&r), &to);
    ck_assert_int_eq(append(1, 10, "ten"), PH_OK);
    ck_assert_uint_eq(taken_count, 2);
    ck_assert_int_eq(taken[0], 2005);
    ck_assert_int_eq(taken[1], 1010);
}
END_TEST

START_TEST(another_record_in_its_place_ends_all_reading)
{
    expect(1, 10, "nine");
    expect(2, 5, "four");
    ck_assert_int_eq(append(1, 9, "other"), PH_OK);
    ck_assert(r.is_other);
    ck_assert_uint_eq(r.partition_id, 1);
    ck_assert_int_eq(append(1, 10, "ten"), PH_MORE);
    ck_assert_int_eq(append(2, 4, "four"), PH_MORE);
    resumption_writer(&r)->advance(resumption_writer(&r), 2, 8);
    resumption_writer(&r)->pass_hole(resumption_writer(&r), 2, 9);
    ck_assert_uint_eq(taken_count, 0);
    ck_assert_int_eq(advanced, -1);
    ck_assert_int_eq(passed, -1);
    ck_assert_str_eq(
        refusal(),
        "clicks/3: the record at offset 9 is not the one that was read there before: the topic was "
        "deleted and made again, or is another one; pipehost positions set m.json --partition "
        "clicks/3 --to earliest reads what is there now from its beginning, --to 10 goes on from "
        "there");
}
END_TEST

START_TEST(a_record_where_none_was_ends_all_reading)
{
    expect_hole(1, 10);
    ck_assert_int_eq(append(1, 9, "nine"), PH_OK);
    ck_assert(r.is_other);
    ck_assert_uint_eq(r.partition_id, 1);
    ck_assert_int_eq(append(1, 10, "ten"), PH_MORE);
    ck_assert_uint_eq(taken_count, 0);
    ck_assert_str_eq(
        refusal(),
        "clicks/3: there is a record at offset 9, where none was before: the topic was deleted and "
        "made again, is another one, or is read with another isolation.level; pipehost positions "
        "set m.json --partition clicks/3 --to earliest reads what is there now from its beginning, "
        "--to 10 goes on from there");
}
END_TEST

START_TEST(a_hole_that_is_still_there_ends_the_waiting)
{
    expect_hole(1, 10);
    expect_hole(2, 20);
    ck_assert_int_eq(append(1, 10, "ten"), PH_OK);
    ck_assert_ptr_eq(resumption_writer(&r), &r.pub);
    r.pub.pass_hole(&r.pub, 2, 20);
    ck_assert_int_eq(passed, 2020);
    ck_assert_ptr_eq(resumption_writer(&r), &to);
    ck_assert_uint_eq(taken_count, 1);
    ck_assert_int_eq(taken[0], 1010);
    ck_assert_int_eq(advanced, -1);
}
END_TEST

START_TEST(a_source_that_begins_at_the_position_is_believed)
{
    expect(1, 10, "nine");
    ck_assert_int_eq(append(1, 12, "twelve"), PH_OK);
    ck_assert_ptr_eq(resumption_writer(&r), &to);
    ck_assert_int_eq(taken[0], 1012);
}
END_TEST

START_TEST(a_hole_over_the_position_ends_the_waiting)
{
    expect(1, 10, "nine");
    r.pub.advance(&r.pub, 1, 9);
    ck_assert_int_eq(advanced, 1009);
    ck_assert_ptr_eq(resumption_writer(&r), &r.pub);
    r.pub.advance(&r.pub, 1, 10);
    ck_assert_int_eq(advanced, 1010);
    ck_assert_ptr_eq(resumption_writer(&r), &to);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resumption");
    TCase *tc = tcase_create("first records");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, the_record_before_a_position_is_compared_and_dropped);
    tcase_add_test(tc, another_record_in_its_place_ends_all_reading);
    tcase_add_test(tc, a_source_that_begins_at_the_position_is_believed);
    tcase_add_test(tc, a_hole_over_the_position_ends_the_waiting);
    tcase_add_test(tc, a_record_where_none_was_ends_all_reading);
    tcase_add_test(tc, a_hole_that_is_still_there_ends_the_waiting);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
