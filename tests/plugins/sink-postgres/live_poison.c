/* SPDX-License-Identifier: Apache-2.0 */
/* Bad rows: named, with the reason, and their neighbours arrive. */
#include "live.h"

#define ROWS 9

static const struct ph_field fields[] = {{"id", PH_TYPE_INT64, 0}, {"v", PH_TYPE_STRING, 0}};

static void open_live(struct rig *r, const char *columns)
{
    struct ph_position p;
    rig_sql("DROP TABLE IF EXISTS live, pipehost_positions; CREATE TABLE live (%s)", columns);
    rig_settings(r, "live");
    rig_open(r, fields, 2);
    assert_ok(r, rig_claim(r, 1, &p));
}

/* Rows 0 … ROWS-1 with value "ok", but row 4 with the bad one; row 7 is set aside by the sink where
 * its id does not fit. */
static void fill(struct harness_cell *cells, struct harness_cell bad)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        cells[2 * i] = (struct harness_cell)CELL_INT(i);
        cells[2 * i + 1] = (struct harness_cell)CELL_TEXT("ok");
    }
    cells[2 * 4 + 1] = bad;
}

/* As the host does: abort, and the epoch again without the rows that were named. */
static void write_the_rest(struct rig *r, const struct harness_cell *cells, uint32_t bad_row)
{
    struct harness_cell rest[2 * ROWS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (i != bad_row) {
            rest[2 * count] = cells[2 * i];
            rest[2 * count++ + 1] = cells[2 * i + 1];
        }
    }
    struct ph_batch *b = harness_batch(&r->schema, rest, count);
    rig_abort(r);
    assert_ok(r, rig_write(r, b));
    assert_ok(r, rig_commit(r, 0, ROWS));
    harness_batch_release(b);
}

static void assert_refused(const char *columns, struct harness_cell bad, const char *sqlstate,
                           const char *reason)
{
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, bad);
    open_live(&r, columns);
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, ROWS), PH_ERROR);
    assert_error(&r, PH_ERR_POISON, "PostgreSQL refused 1 row of the epoch");
    ck_assert_str_eq(rig_error(&r)->foreign_code, sqlstate);
    ck_assert_uint_eq(r.task->reject_count, 1);
    ck_assert_ptr_eq(r.task->rejects[0].batch, b);
    ck_assert_uint_eq(r.task->rejects[0].row, 4);
    ck_assert_str_eq(r.task->rejects[0].code, sqlstate);
    ck_assert_msg(strstr(r.task->rejects[0].reason, reason) != NULL, "%s",
                  r.task->rejects[0].reason);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live WHERE v = 'ok'"), "0");
    write_the_rest(&r, cells, 4);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    ck_assert_str_eq(rig_value("SELECT string_agg(id::text, ',' ORDER BY id) FROM live"),
                     "0,1,2,3,5,6,7,8");
    ck_assert_str_eq(rig_value("SELECT next_offset FROM pipehost_positions"), "9");
    harness_batch_release(b);
    rig_close(&r);
}

#define CELL(...) ((struct harness_cell)__VA_ARGS__)

START_TEST(a_text_that_is_too_long_is_named)
{
    assert_refused("id int, v varchar(5)", CELL(CELL_TEXT("too long")), "22001",
                   "column \"v\": value too long for type character varying(5)");
}
END_TEST

START_TEST(a_nul_byte_is_named)
{
    assert_refused("id int, v text", CELL(CELL_BYTES("a\0b", 3)), "22021",
                   "column \"v\": invalid byte sequence for encoding \"UTF8\": 0x00");
}
END_TEST

START_TEST(text_that_is_not_utf8_is_named)
{
    assert_refused("id int, v text", CELL(CELL_BYTES("a\xff", 2)), "22021", "column \"v\": ");
}
END_TEST

START_TEST(null_where_none_may_be_is_named)
{
    assert_refused("id int, v text NOT NULL", CELL(CELL_NULL), "23502", "column \"v\": null value");
}
END_TEST

START_TEST(a_check_that_fails_is_named)
{
    assert_refused("id int, v text CHECK (v <> 'bad')", CELL(CELL_TEXT("bad")), "23514",
                   "violates check constraint");
}
END_TEST

START_TEST(json_that_is_none_is_named)
{
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, CELL(CELL_TEXT("{\"a\":")));
    for (uint32_t i = 0; i < ROWS; i++) {
        if (i != 4) {
            cells[2 * i + 1] = CELL(CELL_TEXT("{}"));
        }
    }
    open_live(&r, "id int, v jsonb");
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, ROWS), PH_ERROR);
    ck_assert_uint_eq(r.task->reject_count, 1);
    ck_assert_uint_eq(r.task->rejects[0].row, 4);
    ck_assert_str_eq(r.task->rejects[0].code, "22P02");
    write_the_rest(&r, cells, 4);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "8");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_nul_escape_in_jsonb_is_named)
{
    assert_refused("id int, v text, CHECK (true)", CELL(CELL_BYTES("\0", 1)), "22021", "0x00");
    struct rig r;
    struct harness_cell cells[] = {CELL_INT(0), CELL_TEXT("1"), CELL_INT(1),
                                   CELL_TEXT("\"\\u0000\"")};
    open_live(&r, "id int, v jsonb");
    struct ph_batch *b = harness_batch(&r.schema, cells, 2);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 2), PH_ERROR);
    ck_assert_uint_eq(r.task->reject_count, 1);
    ck_assert_uint_eq(r.task->rejects[0].row, 1);
    ck_assert_str_eq(r.task->rejects[0].code, "22P05");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_duplicate_key_is_named)
{
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, CELL(CELL_TEXT("ok")));
    cells[2 * 6] = CELL(CELL_INT(2));
    open_live(&r, "id int PRIMARY KEY, v text");
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, ROWS), PH_ERROR);
    ck_assert_uint_eq(r.task->reject_count, 1);
    ck_assert_uint_eq(r.task->rejects[0].row, 6);
    ck_assert_str_eq(r.task->rejects[0].code, "23505");
    ck_assert(strstr(r.task->rejects[0].reason, "Key (id)=(2) already exists") != NULL);
    write_the_rest(&r, cells, 6);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "8");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_triggers_refusal_is_named)
{
    rig_sql("CREATE OR REPLACE FUNCTION live_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF NEW.v = 'bad' THEN RAISE 'no %% here', NEW.v; END IF; RETURN NEW; END $$");
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, CELL(CELL_TEXT("bad")));
    open_live(&r, "id int, v text");
    rig_sql("CREATE TRIGGER t BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION live_refuse()");
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, ROWS), PH_ERROR);
    ck_assert_uint_eq(r.task->reject_count, 1);
    ck_assert_uint_eq(r.task->rejects[0].row, 4);
    ck_assert_str_eq(r.task->rejects[0].code, "P0001");
    ck_assert_str_eq(r.task->rejects[0].reason, "no bad here");
    write_the_rest(&r, cells, 4);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_constraint_at_the_end_of_the_transaction_names_no_row)
{
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, CELL(CELL_TEXT("ok")));
    cells[2 * 6] = CELL(CELL_INT(2));
    open_live(&r, "id int UNIQUE DEFERRABLE INITIALLY DEFERRED, v text");
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, ROWS), PH_ERROR);
    assert_error(&r, PH_ERR_POISON, "duplicate key value");
    ck_assert_uint_eq(r.task->reject_count, 0);
    write_the_rest(&r, cells, 6);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "8");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_number_out_of_range_is_set_aside_and_the_epoch_goes_on)
{
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, CELL(CELL_TEXT("ok")));
    cells[2 * 7] = CELL(CELL_INT(INT64_C(1) << 40));
    open_live(&r, "id int, v varchar(5)");
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_uint_eq(r.task->reject_count, 1);
    ck_assert_uint_eq(r.task->rejects[0].row, 7);
    ck_assert_str_eq(r.task->rejects[0].code, "22003");
    ck_assert_str_eq(r.task->rejects[0].reason,
                     "column \"id\": the value is out of range for integer");
    assert_ok(&r, rig_commit(&r, 0, ROWS));
    ck_assert_str_eq(rig_value("SELECT string_agg(id::text, ',' ORDER BY id) FROM live"),
                     "0,1,2,3,4,5,6,8");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(the_servers_line_is_counted_without_the_rows_set_aside_before_it)
{
    struct rig r;
    struct harness_cell cells[2 * ROWS];
    fill(cells, CELL(CELL_TEXT("too long")));
    cells[2 * 1] = CELL(CELL_INT(INT64_C(1) << 40));
    cells[2 * 3] = CELL(CELL_INT(INT64_C(1) << 40));
    open_live(&r, "id int, v varchar(5)");
    struct ph_batch *b = harness_batch(&r.schema, cells, ROWS);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, ROWS), PH_ERROR);
    ck_assert_uint_eq(r.task->reject_count, 3);
    ck_assert_uint_eq(r.task->rejects[0].row, 1);
    ck_assert_uint_eq(r.task->rejects[1].row, 3);
    ck_assert_uint_eq(r.task->rejects[2].row, 4);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_crowd_of_bad_rows_is_named_at_once)
{
    enum { COUNT = 3000 };
    static struct harness_cell cells[2 * COUNT];
    struct rig r;
    for (uint32_t i = 0; i < COUNT; i++) {
        cells[2 * i] = CELL(CELL_INT(i));
        cells[2 * i + 1] =
            i % 10 == 3 ? CELL(CELL_TEXT("h\xc3\xa9llo!")) : CELL(CELL_TEXT("h\xc3\xa9llo  "));
    }
    open_live(&r, "id int, v varchar(5)");
    struct ph_batch *first = harness_batch(&r.schema, cells, COUNT / 2);
    struct ph_batch *second = harness_batch(&r.schema, cells + COUNT, COUNT / 2);
    assert_ok(&r, rig_write(&r, first));
    assert_ok(&r, rig_write(&r, second));
    ck_assert_int_eq(rig_commit(&r, 0, COUNT), PH_ERROR);
    assert_error(&r, PH_ERR_POISON, "refused 300 rows");
    ck_assert_uint_eq(r.task->reject_count, 300);
    for (uint32_t i = 0; i < 300; i++) {
        ck_assert_ptr_eq(r.task->rejects[i].batch, i < 150 ? first : second);
        ck_assert_uint_eq(r.task->rejects[i].row, (i < 150 ? i : i - 150) * 10 + 3);
    }
    harness_batch_release(first);
    harness_batch_release(second);
    rig_close(&r);
}
END_TEST

/* 3,000 rows of which every tenth has the key of one before it, and every hundredth that of a row
 * that the table has. */
static void write_duplicates(struct rig *r, const char *columns, const char *before)
{
    enum { COUNT = 3000 };
    static struct harness_cell cells[2 * COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        cells[2 * i] = CELL(CELL_INT(i));
        cells[2 * i + 1] = CELL(CELL_NULL);
        if (i % 10 == 3) {
            cells[2 * i] = CELL(CELL_INT(i % 100 == 3 ? -1 : (int64_t)i - 2));
        }
    }
    open_live(r, columns);
    rig_sql("INSERT INTO live VALUES (-1, NULL); %s", before);
    struct ph_batch *first = harness_batch(&r->schema, cells, COUNT / 2);
    struct ph_batch *second = harness_batch(&r->schema, cells + COUNT, COUNT / 2);
    assert_ok(r, rig_write(r, first));
    assert_ok(r, rig_write(r, second));
    ck_assert_int_eq(rig_commit(r, 0, COUNT), PH_ERROR);
    assert_error(r, PH_ERR_POISON, "duplicate key value violates unique constraint");
    for (uint32_t i = 0; i < r->task->reject_count; i++) {
        ck_assert_ptr_eq(r->task->rejects[i].batch, i < 150 ? first : second);
        ck_assert_uint_eq(r->task->rejects[i].row, (i < 150 ? i : i - 150) * 10 + 3);
        ck_assert_str_eq(r->task->rejects[i].code, "23505");
    }
    rig_abort(r);
    ck_assert_int_eq(harness_counter(r->task, "connects"), 1);
    harness_batch_release(first);
    harness_batch_release(second);
}

START_TEST(a_crowd_of_duplicate_keys_is_named_at_once)
{
    struct rig r;
    write_duplicates(&r, "id int PRIMARY KEY, v text", "");
    ck_assert_uint_eq(r.task->reject_count, 300);
    ck_assert(strstr(r.task->rejects[0].reason, "Key (id)=(-1) already exists") != NULL);
    ck_assert_str_eq(r.task->rejects[299].reason,
                     "duplicate key value violates unique constraint \"live_pkey\"; an earlier row "
                     "has its key");
    rig_close(&r);
}
END_TEST

START_TEST(what_a_key_s_values_do_not_decide_is_named_row_by_row)
{
    static const char trigger[] =
        "CREATE OR REPLACE FUNCTION live_keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN "
        "NEW; END'; CREATE TRIGGER t BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION "
        "live_keep()";
    struct rig r;
    write_duplicates(&r, "id int, v text", "CREATE UNIQUE INDEX ON live (id) WHERE v IS NULL");
    ck_assert_uint_eq(r.task->reject_count, 1);
    rig_close(&r);
    write_duplicates(&r, "id int, v text", "CREATE UNIQUE INDEX ON live (abs(id), id)");
    ck_assert_uint_eq(r.task->reject_count, 1);
    rig_close(&r);
    write_duplicates(&r, "id int PRIMARY KEY, v text", trigger);
    ck_assert_uint_eq(r.task->reject_count, 1);
    rig_close(&r);
}
END_TEST

START_TEST(keys_with_a_null_are_no_duplicates)
{
    struct rig r;
    write_duplicates(&r, "id int, v text, UNIQUE (id, v)",
                     "ALTER TABLE live ADD UNIQUE (id); UPDATE live SET v = 'x'");
    ck_assert_uint_eq(r.task->reject_count, 300); /* by the second key only */
    rig_close(&r);
}
END_TEST

TCase *poison_tests(void)
{
    TCase *c = tcase_create("poison");
    tcase_add_test(c, a_text_that_is_too_long_is_named);
    tcase_add_test(c, a_nul_byte_is_named);
    tcase_add_test(c, text_that_is_not_utf8_is_named);
    tcase_add_test(c, null_where_none_may_be_is_named);
    tcase_add_test(c, a_check_that_fails_is_named);
    tcase_add_test(c, json_that_is_none_is_named);
    tcase_add_test(c, a_nul_escape_in_jsonb_is_named);
    tcase_add_test(c, a_duplicate_key_is_named);
    tcase_add_test(c, a_triggers_refusal_is_named);
    tcase_add_test(c, a_constraint_at_the_end_of_the_transaction_names_no_row);
    tcase_add_test(c, a_number_out_of_range_is_set_aside_and_the_epoch_goes_on);
    tcase_add_test(c, the_servers_line_is_counted_without_the_rows_set_aside_before_it);
    tcase_add_test(c, a_crowd_of_bad_rows_is_named_at_once);
    tcase_add_test(c, a_crowd_of_duplicate_keys_is_named_at_once);
    tcase_add_test(c, what_a_key_s_values_do_not_decide_is_named_row_by_row);
    tcase_add_test(c, keys_with_a_null_are_no_duplicates);
    return c;
}
