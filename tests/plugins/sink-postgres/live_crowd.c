/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that look like the one that the server named: only those that it would refuse too go out. */
#include "live.h"

#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 2500 };

static const struct ph_field fields[] = {{"id", PH_TYPE_INT64, 0}, {"v", PH_TYPE_STRING, 0}};
static struct harness_cell cells[2 * ROWS_MAX];
static uint32_t numbers[ROWS_MAX]; /* of the rows that are still to be written, before any went */
static uint32_t row_count;
static struct ph_batch *batch;

#define CELL(...) ((struct harness_cell)__VA_ARGS__)

static const char filling_function[] =
    "CREATE OR REPLACE FUNCTION live_fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.v "
    "IS NULL AND NEW.id % 2 = 0 THEN NEW.v := 'filled'; END IF; NEW.v := left(NEW.v, 6); RETURN "
    "NEW; END $$";

/* trigger_on: the table that gets a trigger that fills in nulls of even ids, or null. */
static void open_live(struct rig *r, const char *tables, const char *trigger_on)
{
    struct ph_position p;
    rig_sql("DROP TABLE IF EXISTS live, pipehost_positions, kinds; %s", tables);
    if (trigger_on != NULL) {
        rig_sql(
            "%s; CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION live_fill()",
            filling_function, trigger_on);
    }
    rig_settings(r, "live");
    rig_open(r, fields, 2);
    assert_ok(r, rig_claim(r, 1, &p));
}

/* Ids from 0 on, all with that text. */
static void fill(uint32_t count, const char *text)
{
    for (uint32_t i = 0; i < count; i++) {
        cells[2 * i] = CELL(CELL_INT(i));
        cells[2 * i + 1] = CELL(CELL_BYTES(text, (uint32_t)strlen(text)));
        numbers[i] = i;
    }
    row_count = count;
}

static int32_t write_rows(struct rig *r)
{
    batch = harness_batch(&r->schema, cells, row_count);
    int32_t result = rig_write(r, batch);
    return result == PH_OK ? rig_commit(r, 0, ROWS_MAX) : result;
}

static void drop_rejected(struct rig *r)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        bool is_out = false;
        for (uint32_t k = 0; k < r->task->reject_count; k++) {
            is_out = is_out || r->task->rejects[k].row == i;
        }
        if (!is_out) {
            cells[2 * kept] = cells[2 * i];
            cells[2 * kept + 1] = cells[2 * i + 1];
            numbers[kept++] = numbers[i];
        }
    }
    row_count = kept;
    harness_rejects_clear(r->task);
    harness_batch_release(batch);
    rig_abort(r);
}

/* The epoch fails, and these rows go out, by the number that they had at first. */
static void assert_refused(struct rig *r, const char *sqlstate, const uint32_t *rows,
                           uint32_t count)
{
    ck_assert_int_eq(write_rows(r), PH_ERROR);
    assert_error(r, PH_ERR_POISON, "PostgreSQL refused");
    ck_assert_str_eq(rig_error(r)->foreign_code, sqlstate);
    ck_assert_uint_eq(r->task->reject_count, count);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(numbers[r->task->rejects[i].row], rows[i]);
        ck_assert_str_eq(r->task->rejects[i].code, sqlstate);
    }
    drop_rejected(r);
}

static void assert_whole(struct rig *r)
{
    assert_ok(r, write_rows(r));
    ck_assert_int_eq(harness_counter(r->task, "connects"), 1);
    harness_batch_release(batch);
}

START_TEST(a_row_is_no_duplicate_of_one_that_a_check_refuses_later)
{
    struct rig r;
    fill(ROWS_MAX, "ok");
    cells[0] = CELL(CELL_INT(-1));
    cells[2 * 2000] = CELL(CELL_INT(2001)); /* far behind: the server checks in blocks of 1,000 */
    cells[2 * 2000 + 1] = CELL(CELL_TEXT("bad"));
    open_live(&r,
              "CREATE TABLE live (id int PRIMARY KEY, v text CHECK (v <> 'bad')); INSERT INTO "
              "live VALUES (-1, 'before')",
              NULL);
    assert_refused(&r, "23505", (const uint32_t[]){0}, 1);
    assert_refused(&r, "23514", (const uint32_t[]){2000}, 1);
    assert_whole(&r);
    ck_assert_str_eq(rig_value("SELECT v FROM live WHERE id = 2001"), "ok");
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live WHERE v = 'ok'"), "2498");
    rig_close(&r);
}
END_TEST

START_TEST(a_row_is_no_duplicate_of_one_without_what_it_refers_to)
{
    struct rig r;
    fill(9, "known");
    cells[0] = CELL(CELL_INT(-1));
    cells[2 * 3] = CELL(CELL_INT(4));
    cells[2 * 3 + 1] = CELL(CELL_TEXT("unknown"));
    open_live(&r,
              "CREATE TABLE kinds (v text PRIMARY KEY); INSERT INTO kinds VALUES ('known'); "
              "CREATE TABLE live (id int PRIMARY KEY, v text REFERENCES kinds); INSERT INTO "
              "live VALUES (-1, 'known')",
              NULL);
    assert_refused(&r, "23505", (const uint32_t[]){0}, 1);
    rig_close(&r);
    rig_sql("DROP TABLE live, kinds");
}
END_TEST

START_TEST(duplicates_behind_the_failing_row_go_out_with_it_where_the_rest_is_taken)
{
    struct rig r;
    fill(9, "known");
    cells[0] = CELL(CELL_INT(-1));
    cells[2 * 5] = CELL(CELL_INT(4));
    cells[2 * 7] = CELL(CELL_INT(4));
    open_live(&r,
              "CREATE TABLE kinds (v text PRIMARY KEY); INSERT INTO kinds VALUES ('known'); "
              "CREATE TABLE live (id int PRIMARY KEY, v text REFERENCES kinds); INSERT INTO "
              "live VALUES (-1, 'known')",
              NULL);
    assert_refused(&r, "23505", (const uint32_t[]){0, 5, 7}, 3);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "1");
    assert_whole(&r);
    ck_assert_str_eq(rig_value("SELECT string_agg(id::text, ',' ORDER BY id) FROM live"),
                     "-1,1,2,3,4,6,8");
    rig_close(&r);
    rig_sql("DROP TABLE live, kinds");
}
END_TEST

/* Nulls in the rows 1 to 5, of which the trigger fills 2 and 4. */
static void assert_unfilled_refused(const char *tables, const char *table)
{
    struct rig r;
    fill(9, "ok");
    for (uint32_t i = 1; i <= 5; i++) {
        cells[2 * i + 1] = CELL(CELL_NULL);
    }
    open_live(&r, tables, table);
    assert_refused(&r, "23502", (const uint32_t[]){1}, 1);
    assert_refused(&r, "23502", (const uint32_t[]){3}, 1);
    assert_refused(&r, "23502", (const uint32_t[]){5}, 1);
    assert_whole(&r);
    ck_assert_str_eq(rig_value("SELECT string_agg(id || v, ',' ORDER BY id) FROM live"),
                     "0ok,2filled,4filled,6ok,7ok,8ok");
    rig_close(&r);
    rig_sql("DROP TABLE live CASCADE");
}

START_TEST(nulls_that_a_trigger_fills_are_none)
{
    assert_unfilled_refused("CREATE TABLE live (id int, v text NOT NULL)", "live");
}
END_TEST

START_TEST(nulls_that_a_partition_s_trigger_fills_are_none)
{
    assert_unfilled_refused("CREATE TABLE live (id int, v text NOT NULL) PARTITION BY RANGE (id); "
                            "CREATE TABLE live_all PARTITION OF live DEFAULT",
                            "live_all");
}
END_TEST

START_TEST(without_a_trigger_all_nulls_are_named_at_once)
{
    struct rig r;
    fill(9, "ok");
    cells[2 * 2 + 1] = CELL(CELL_NULL);
    cells[2 * 6 + 1] = CELL(CELL_NULL);
    open_live(&r, "CREATE TABLE live (id int, v text NOT NULL)", NULL);
    assert_refused(&r, "23502", (const uint32_t[]){2, 6}, 2);
    assert_whole(&r);
    rig_close(&r);
}
END_TEST

/* The server reads each value, with its length, before any trigger sees it. */
START_TEST(texts_too_long_are_named_at_once_though_a_trigger_would_cut_them)
{
    struct rig r;
    fill(9, "ok");
    cells[2 * 2 + 1] = CELL(CELL_TEXT("too long"));
    cells[2 * 6 + 1] = CELL(CELL_TEXT("too long"));
    open_live(&r, "CREATE TABLE live (id int, v varchar(6))", "live");
    assert_refused(&r, "22001", (const uint32_t[]){2, 6}, 2);
    assert_whole(&r);
    rig_close(&r);
}
END_TEST

/* Partition a has the ids below 5, b the others. */
#define PARTITIONS                                                                                 \
    " PARTITION BY RANGE (id); CREATE TABLE live_a PARTITION OF live FOR VALUES FROM (-9) TO "     \
    "(5); CREATE TABLE live_b PARTITION OF live DEFAULT; "

/* Nulls in rows 1, 3, 6 and 7: these go out, round by round. */
static void assert_nulls_refused(const char *tables, const uint32_t *first, uint32_t first_count,
                                 const uint32_t *second, const char *left)
{
    struct rig r;
    fill(9, "ok");
    static const uint32_t nulls[] = {1, 3, 6, 7};
    for (uint32_t i = 0; i < 4; i++) {
        cells[2 * nulls[i] + 1] = CELL(CELL_NULL);
    }
    open_live(&r, tables, NULL);
    assert_refused(&r, "23502", first, first_count);
    if (second != NULL) {
        assert_refused(&r, "23502", second, 1);
    }
    assert_whole(&r);
    ck_assert_str_eq(rig_value("SELECT string_agg(id || coalesce(v, ''), ',' ORDER BY id) FROM "
                               "live"),
                     left);
    rig_close(&r);
}

START_TEST(a_rule_of_one_partition_refuses_no_null_of_another)
{
    assert_nulls_refused(
        "CREATE TABLE live (id int, v text)" PARTITIONS "ALTER TABLE live_a ALTER v SET NOT NULL",
        (const uint32_t[]){1}, 1, (const uint32_t[]){3}, "0ok,2ok,4ok,5ok,6,7,8ok");
}
END_TEST

START_TEST(a_rule_of_the_whole_table_refuses_the_nulls_of_all_partitions_at_once)
{
    assert_nulls_refused("CREATE TABLE live (id int, v text NOT NULL)" PARTITIONS,
                         (const uint32_t[]){1, 3, 6, 7}, 4, NULL, "0ok,2ok,4ok,5ok,8ok");
}
END_TEST

/* Keys 2 and 7 are there, in one partition each: these go out. */
static void assert_keys_refused(const char *tables, const char *trigger_on, const uint32_t *rows,
                                uint32_t count, const char *left)
{
    struct rig r;
    fill(9, "as before");
    open_live(&r, tables, trigger_on);
    assert_refused(&r, "23505", rows, count);
    assert_whole(&r);
    ck_assert_str_eq(rig_value("SELECT string_agg(id || v, ',' ORDER BY id, v) FROM live WHERE id "
                               "IN (2, 7)"),
                     left);
    rig_close(&r);
}

#define KEYS_2_AND_7 "INSERT INTO live VALUES (2, 'as before'), (7, 'as before')"

START_TEST(a_key_of_one_partition_is_no_key_of_another)
{
    assert_keys_refused("CREATE TABLE live (id int, v text)" PARTITIONS
                        "CREATE UNIQUE INDEX ON live_a (id); " KEYS_2_AND_7,
                        NULL, (const uint32_t[]){2}, 1, "2as before,7as before,7as before");
}
END_TEST

START_TEST(a_key_that_not_all_partitions_have_yet_is_not_the_tables)
{
    assert_keys_refused("CREATE TABLE live (id int, v text)" PARTITIONS
                        "CREATE UNIQUE INDEX live_key ON ONLY live (id); CREATE UNIQUE INDEX "
                        "live_a_key ON live_a (id); ALTER INDEX live_key ATTACH PARTITION "
                        "live_a_key; " KEYS_2_AND_7,
                        NULL, (const uint32_t[]){2}, 1, "2as before,7as before,7as before");
}
END_TEST

START_TEST(a_key_of_the_whole_table_refuses_the_rows_of_all_partitions_at_once)
{
    assert_keys_refused("CREATE TABLE live (id int PRIMARY KEY, v text)" PARTITIONS KEYS_2_AND_7,
                        NULL, (const uint32_t[]){2, 7}, 2, "2as before,7as before");
}
END_TEST

START_TEST(a_key_that_another_partition_s_trigger_changes_is_not_there_before)
{
    assert_keys_refused(
        "CREATE TABLE live (id int, v text, UNIQUE (id, v))" PARTITIONS KEYS_2_AND_7, "live_b",
        (const uint32_t[]){2}, 1, "2as before,7as bef,7as before");
}
END_TEST

/* An existing "c" and nine letters, among them "c" and "C": which of them go out. */
static void assert_letters_refused(const char *column, const char *index, const uint32_t *rows,
                                   uint32_t count)
{
    static const char letters[] = "abcdefCgh";
    char tables[512];
    struct rig r;
    fill(9, "");
    for (uint32_t i = 0; i < 9; i++) {
        cells[2 * i + 1] = CELL(CELL_BYTES(&letters[i], 1));
    }
    (void)snprintf(tables, sizeof tables,
                   "CREATE COLLATION IF NOT EXISTS live_any_case (provider = icu, locale = "
                   "'und-u-ks-level2', deterministic = false); CREATE TABLE live (id int, v text "
                   "COLLATE \"%s\"); CREATE UNIQUE INDEX ON live (v COLLATE \"%s\"); INSERT INTO "
                   "live VALUES (-1, 'c')",
                   column, index);
    open_live(&r, tables, NULL);
    assert_refused(&r, "23505", rows, count);
    assert_whole(&r);
    rig_close(&r);
    rig_sql("DROP TABLE live; DROP COLLATION live_any_case");
}

START_TEST(a_key_is_equal_as_the_index_says_and_not_as_the_column_does)
{
    assert_letters_refused("live_any_case", "C", (const uint32_t[]){2}, 1);
}
END_TEST

START_TEST(a_key_is_equal_by_the_collation_of_both)
{
    assert_letters_refused("live_any_case", "live_any_case", (const uint32_t[]){2, 6}, 2);
}
END_TEST

TCase *crowd_tests(void)
{
    TCase *c = tcase_create("crowd");
    tcase_add_test(c, a_row_is_no_duplicate_of_one_that_a_check_refuses_later);
    tcase_add_test(c, a_row_is_no_duplicate_of_one_without_what_it_refers_to);
    tcase_add_test(c, duplicates_behind_the_failing_row_go_out_with_it_where_the_rest_is_taken);
    tcase_add_test(c, nulls_that_a_trigger_fills_are_none);
    tcase_add_test(c, nulls_that_a_partition_s_trigger_fills_are_none);
    tcase_add_test(c, without_a_trigger_all_nulls_are_named_at_once);
    tcase_add_test(c, texts_too_long_are_named_at_once_though_a_trigger_would_cut_them);
    tcase_add_test(c, a_rule_of_one_partition_refuses_no_null_of_another);
    tcase_add_test(c, a_rule_of_the_whole_table_refuses_the_nulls_of_all_partitions_at_once);
    tcase_add_test(c, a_key_of_one_partition_is_no_key_of_another);
    tcase_add_test(c, a_key_that_not_all_partitions_have_yet_is_not_the_tables);
    tcase_add_test(c, a_key_of_the_whole_table_refuses_the_rows_of_all_partitions_at_once);
    tcase_add_test(c, a_key_that_another_partition_s_trigger_changes_is_not_there_before);
    tcase_add_test(c, a_key_is_equal_as_the_index_says_and_not_as_the_column_does);
    tcase_add_test(c, a_key_is_equal_by_the_collation_of_both);
    return c;
}
