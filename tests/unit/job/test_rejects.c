/* SPDX-License-Identifier: Apache-2.0 */
#include "job/rejects.h"

#include <check.h>
#include <stdlib.h>

#define ROWS 6u

static uint32_t partition_ids[ROWS];
static int64_t offsets[ROWS];
static uint32_t sub_indexes[ROWS];
static struct ph_batch batch;
static struct rejects r;

static void set_up(void)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        partition_ids[i] = 1;
        offsets[i] = 100 + i;
        sub_indexes[i] = i;
    }
    batch = (struct ph_batch){.size = sizeof batch,
                              .row_count = ROWS,
                              .partition_ids = partition_ids,
                              .offsets = offsets};
    r = (struct rejects){0};
}

static void tear_down(void)
{
    rejects_fini(&r);
}

static uint32_t rows[BATCH_MAX_ROWS];

START_TEST(a_rejected_record_is_taken_out_with_all_that_stems_from_it)
{
    uint32_t twice[] = {0, 1, 2, 3, 4, 5};
    ck_assert(rejects_add(&r, &batch, 4));
    ck_assert(rejects_add(&r, &batch, 1));
    ck_assert_uint_eq(rejects_list_kept(&r, &batch, false, rows), 4);
    ck_assert_uint_eq(rows[0], 0);
    ck_assert_uint_eq(rows[1], 2);
    ck_assert_uint_eq(rows[3], 5);
    /* A flat-map's output has the record's rows under numbers of its own. */
    offsets[0] = offsets[2] = 101;
    batch.sub_indexes = twice;
    ck_assert_uint_eq(rejects_list_kept(&r, &batch, true, rows), 2);
}
END_TEST

START_TEST(a_rejected_sub_row_leaves_its_siblings)
{
    batch.sub_indexes = sub_indexes;
    for (uint32_t i = 0; i < ROWS; i++) {
        offsets[i] = 100;
    }
    sub_indexes[5] = 5 | PH_SUB_LAST;
    ck_assert(rejects_add(&r, &batch, 2));
    ck_assert(rejects_add(&r, &batch, 5));
    ck_assert_uint_eq(rejects_list_kept(&r, &batch, false, rows), 4);
    ck_assert_uint_eq(rows[2], 3);
    /* Renumbered rows cannot be told apart: what was emitted stays. */
    ck_assert_uint_eq(rejects_list_kept(&r, &batch, true, rows), 6);
}
END_TEST

START_TEST(another_partition_is_another_record)
{
    ck_assert(rejects_add(&r, &batch, 3));
    partition_ids[3] = 2;
    ck_assert_uint_eq(rejects_list_kept(&r, &batch, false, rows), 6);
}
END_TEST

START_TEST(a_batch_that_is_done_with_is_forgotten_and_others_are_not)
{
    static uint32_t other_ids[1] = {1};
    static int64_t other_offsets[1] = {500};
    struct ph_batch other = {
        .size = sizeof other, .row_count = 1, .partition_ids = other_ids, .offsets = other_offsets};
    ck_assert(rejects_add(&r, &other, 0));
    for (uint32_t i = 0; i < 200; i++) {
        ck_assert(rejects_add(&r, &batch, i % ROWS));
    }
    rejects_forget(&r, &batch);
    ck_assert_uint_eq(r.count, 1);
    ck_assert_uint_eq(rejects_list_kept(&r, &other, false, rows), 0);
    rejects_forget(&r, &other);
    ck_assert_uint_eq(r.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rejects");
    TCase *tc = tcase_create("rows");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_rejected_record_is_taken_out_with_all_that_stems_from_it);
    tcase_add_test(tc, a_rejected_sub_row_leaves_its_siblings);
    tcase_add_test(tc, another_partition_is_another_record);
    tcase_add_test(tc, a_batch_that_is_done_with_is_forgotten_and_others_are_not);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
