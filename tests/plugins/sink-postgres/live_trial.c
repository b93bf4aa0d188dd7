/* SPDX-License-Identifier: Apache-2.0 */
/* A row that the server names is tried again before it is refused; too many of them are no row's
 * fault. */
#include "live_table.h"
#include "proxy.h"

#include <stdlib.h>

/* Rows 0 … count-1 of which those that `is_bad` says have a text that is too long for 35 letters,
 * without the rows that the sink has refused so far. */
static struct ph_batch *rows_left(const struct rig *r, uint32_t count, bool (*is_bad)(uint32_t),
                                  const bool *is_out)
{
    struct harness_cell *cells = calloc(2 * count, sizeof *cells);
    uint32_t used = 0;
    ck_assert_ptr_nonnull(cells);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_out[i]) {
            cells[2 * used] = (struct harness_cell)CELL_INT(i);
            cells[2 * used++ + 1] = is_bad(i) ? (struct harness_cell)CELL_TEXT("bad")
                                              : (struct harness_cell)CELL_TEXT("good");
        }
    }
    struct ph_batch *b = harness_batch(&r->schema, cells, used);
    free(cells);
    return b;
}

/* The rows that the last call rejected, by their id. */
static uint32_t take_out(struct rig *r, bool *is_out)
{
    uint32_t count = r->task->reject_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct ph_column *id = ph_batch_column(r->task->rejects[i].batch, 0);
        is_out[((const int64_t *)id->values)[r->task->rejects[i].row]] = true;
    }
    r->task->reject_count = 0;
    return count;
}

enum { COUNT = 1000 };
static bool is_out[COUNT];

/* As the host does: the epoch again without the rows that were named, until it is whole or fails in
 * another way. Answers how many were refused. */
static uint32_t write_rest(struct rig *r, bool (*is_bad)(uint32_t))
{
    uint32_t refused = 0;
    int32_t result = PH_ERROR;
    for (int tries = 0; result != PH_OK && tries < COUNT; tries++) {
        struct ph_batch *b = rows_left(r, COUNT, is_bad, is_out);
        result = rig_write(r, b);
        if (result == PH_OK) {
            result = rig_commit(r, 0, COUNT);
        }
        refused += take_out(r, is_out);
        if (result != PH_OK) {
            rig_abort(r);
        }
        harness_batch_release(b);
        if (result != PH_OK && rig_error(r)->flags != PH_ERR_POISON) {
            break;
        }
    }
    return refused;
}

static uint32_t write_until_whole(struct rig *r, bool (*is_bad)(uint32_t))
{
    memset(is_out, 0, sizeof is_out);
    return write_rest(r, is_bad);
}

static bool each_fiftieth(uint32_t row)
{
    return row % 50 == 49;
}

static bool all_but_each_fiftieth(uint32_t row)
{
    return !each_fiftieth(row);
}

static bool each_fifth(uint32_t row)
{
    return row % 5 == 3;
}

static void open_checked(struct rig *r)
{
    rig_sql("DROP TABLE IF EXISTS live; CREATE TABLE live (id bigint, v text CHECK (v <> 'bad'))");
    live_open(r, NULL);
    ck_assert_int_eq(live_claimed(r), -1);
}

START_TEST(each_bad_row_costs_three_copies_at_most)
{
    struct rig r;
    open_checked(&r);
    ck_assert_uint_eq(write_until_whole(&r, each_fiftieth), COUNT / 50);
    ck_assert_str_eq(rig_value("SELECT count(*) || ' ' || count(*) FILTER (WHERE v = 'good') FROM "
                               "live"),
                     "980 980");
    /* One that fails, one that tries the row; the last one succeeds. */
    ck_assert_int_eq(harness_counter(r.task, "copies"), 2 * COUNT / 50 + 1);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    rig_close(&r);
}
END_TEST

START_TEST(each_key_that_only_the_lines_before_refuse_costs_three)
{
    struct rig r;
    rig_sql(
        "CREATE TABLE live (id bigint, v text); CREATE UNIQUE INDEX ON live (id, abs(id)) WHERE "
        "v = 'bad'; CREATE UNIQUE INDEX ON live (v, abs(length(v))) WHERE v = 'bad'");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_uint_eq(write_until_whole(&r, each_fiftieth), COUNT / 50 - 1);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "981");
    ck_assert_int_eq(harness_counter(r.task, "copies"), 3 * (COUNT / 50 - 1) + 1);
    rig_close(&r);
}
END_TEST

/* A trigger that looks at row 4 alone, and at how often it was called for it. */
static void open_moody(struct rig *r, const char *condition, const char *code)
{
    rig_sql("DROP TABLE IF EXISTS live; DROP SEQUENCE IF EXISTS live_calls; CREATE SEQUENCE "
            "live_calls; CREATE TABLE live (id bigint, v text); CREATE OR REPLACE FUNCTION "
            "live_mood() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN IF NEW.id = 4 "
            "THEN n = nextval('live_calls'); IF %s THEN RAISE 'a bad moment' USING ERRCODE = %s; "
            "END IF; END IF; RETURN NEW; END $$; CREATE TRIGGER t BEFORE INSERT ON live FOR EACH "
            "ROW EXECUTE FUNCTION live_mood()",
            condition, code);
    live_open(r, NULL);
    ck_assert_int_eq(live_claimed(r), -1);
}

static void fail_to_write(struct rig *r, struct ph_batch *b)
{
    assert_ok(r, rig_write(r, b));
    ck_assert_int_eq(rig_commit(r, 0, 9), PH_ERROR);
    ck_assert_uint_eq(r->task->reject_count, 0);
}

START_TEST(a_bad_moment_is_no_rows_fault)
{
    struct rig r;
    open_moody(&r, "n = 1", "'P0001'");
    struct ph_batch *b = live_rows(&r, 0, 9);
    fail_to_write(&r, b);
    assert_error(&r, PH_ERR_RETRIABLE,
                 "refused a row of the epoch, but took it when it was tried again: a bad moment "
                 "(SQLSTATE P0001)");
    live_recover(&r, b, 0, 9);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_refusal_that_no_try_confirms_is_left_to_smaller_parts)
{
    struct rig r;
    open_moody(&r, "n % 3 = 1", "'P0001'");
    struct ph_batch *b = live_rows(&r, 0, 9);
    for (int i = 0; i < 3; i++) {
        fail_to_write(&r, b);
        assert_error(&r, PH_ERR_RETRIABLE, "but took it when it was tried again");
        rig_abort(&r);
        ck_assert_int_eq(live_claimed(&r), -1);
    }
    fail_to_write(&r, b);
    assert_error(&r, PH_ERR_POISON, "PostgreSQL refused rows: a bad moment");
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(what_comes_in_between_is_no_rows_fault)
{
    struct rig r;
    open_moody(&r, "n < 3", "CASE n WHEN 1 THEN '23514' ELSE '53100' END");
    struct ph_batch *b = live_rows(&r, 0, 9);
    fail_to_write(&r, b);
    assert_error(&r, PH_ERR_RETRIABLE, "which could not be tried again: a bad moment");
    live_recover(&r, b, 0, 9);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_full_disk_is_waited_for_whatever_line_it_names)
{
    struct rig r;
    open_moody(&r, "n < 3", "'53100'");
    struct ph_batch *b = live_rows(&r, 0, 9);
    for (int i = 0; i < 2; i++) {
        fail_to_write(&r, b);
        assert_error(&r, PH_ERR_RETRIABLE, "(SQLSTATE 53100)");
        rig_abort(&r);
        ck_assert_int_eq(live_claimed(&r), -1);
    }
    live_recover(&r, b, 0, 9);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(more_than_a_share_of_one_reason_stops_as_config)
{
    struct rig r;
    open_checked(&r);
    uint32_t refused = write_until_whole(&r, each_fifth);
    assert_error(&r, PH_ERR_CONFIG,
                 "rows were refused for one reason, more than poison_max_percent (10) allows: new "
                 "row for relation \"live\" violates check constraint");
    ck_assert_uint_eq(refused, COUNT / 10);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "0");
    rig_close(&r);
}
END_TEST

START_TEST(more_than_a_number_of_one_reason_stops_as_config)
{
    struct rig r;
    rig_sql("CREATE TABLE live (id bigint, v text CHECK (v <> 'bad'))");
    live_open_with(&r, "poison_max_rows", "7");
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_uint_eq(write_until_whole(&r, each_fiftieth), 7);
    assert_error(&r, PH_ERR_CONFIG,
                 "8 of 1000 rows were refused for one reason, more than "
                 "poison_max_rows (7) allows: ");
    assert_error(&r, PH_ERR_CONFIG,
                 "(SQLSTATE 23514), such as it's an \"event\"/0 offset 49, it's an \"event\"/0 "
                 "offset 98, it's an \"event\"/0 offset 147; correct the table");
    rig_close(&r);
}
END_TEST

/* Found in one sweep: none of them is set aside then. */
START_TEST(a_crowd_that_is_too_many_sets_nothing_aside)
{
    struct rig r;
    rig_sql("CREATE TABLE live (id bigint, v varchar(3))");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    struct ph_batch *b = live_rows(&r, 0, COUNT);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, COUNT), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG, "1000 of 1000 rows were refused for one reason");
    assert_error(&r, PH_ERR_CONFIG, "/0 offset 0, it's an \"event\"/0 offset 1, it's an");
    ck_assert_uint_eq(r.task->reject_count, 0);
    ck_assert_int_eq(harness_counter(r.task, "refused_rows"), 0);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_share_may_be_as_large_as_the_settings_say)
{
    struct rig r;
    rig_sql("CREATE TABLE live (id bigint, v text CHECK (v <> 'bad'))");
    live_open_with(&r, "poison_max_percent", "100");
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_uint_eq(write_until_whole(&r, each_fifth), COUNT / 5);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "800");
    rig_close(&r);
}
END_TEST

START_TEST(small_epochs_are_judged_together)
{
    struct rig r;
    int64_t next = 0;
    int32_t result = PH_OK;
    rig_sql("CREATE TABLE live (id smallint, v text)");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    /* Four rows that fit and one that does not, again and again. */
    while (result == PH_OK && next < 2 * COUNT) {
        struct ph_batch *good = live_rows(&r, 0, 4);
        struct ph_batch *bad = live_rows(&r, 40000, 1);
        assert_ok(&r, rig_write(&r, good));
        result = rig_write(&r, bad);
        next += 5;
        if (result == PH_OK) {
            assert_ok(&r, rig_commit(&r, 0, next));
        }
        harness_batch_release(good);
        harness_batch_release(bad);
    }
    assert_error(&r, PH_ERR_CONFIG, "200 of 1000 rows were refused for one reason");
    ck_assert_int_eq(next, COUNT);
    ck_assert_uint_eq(r.task->reject_count, 199);
    rig_close(&r);
}
END_TEST

static uint32_t room; /* letters that the host takes before its disk is full */

static void reject_without_room(const struct ph_task *task, const struct ph_batch *batch,
                                uint32_t row, const char *code, const char *reason)
{
    struct harness_task *t = (struct harness_task *)task->host_data;
    if (room > 0) {
        room--;
        harness_row_reject(task, batch, row, code, reason);
    } else {
        (void)ph_error_set(&t->owner->error, PH_ERR_RETRIABLE, "the dead letters are full");
    }
}

/* Writes what is left, for which no letter finds room beyond so many. */
static void write_without_room(struct rig *r, bool (*is_bad)(uint32_t), uint32_t letters)
{
    struct ph_batch *b = rows_left(r, COUNT, is_bad, is_out);
    room = letters;
    r->task->task.reject = reject_without_room;
    int32_t result = rig_write(r, b);
    ck_assert_int_eq(result == PH_OK ? rig_commit(r, 0, COUNT) : result, PH_ERROR);
    assert_error(r, PH_ERR_RETRIABLE, "the dead letters are full");
    ck_assert_str_eq(rig_error(r)->foreign_code, "");
    ck_assert_uint_eq(take_out(r, is_out), letters);
    r->task->task.reject = harness_row_reject;
    rig_abort(r);
    harness_batch_release(b);
    ck_assert_int_eq(live_claimed(r), -1);
}

/* table: takes "bad" and not "good". Every fiftieth of 1,000 rows is refused: 2 % */
static void wait_for_room(const char *table, uint32_t letters)
{
    struct rig r;
    rig_sql("%s", table);
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    memset(is_out, 0, sizeof is_out);
    for (int tries = 0; tries < 150; tries++) {
        write_without_room(&r, all_but_each_fiftieth, tries == 20 ? letters : 0);
    }
    ck_assert_int_eq(harness_counter(r.task, "refused_rows"), letters);
    ck_assert_uint_eq(write_rest(&r, all_but_each_fiftieth), COUNT / 50 - letters);
    ck_assert_int_eq(harness_counter(r.task, "refused_rows"), COUNT / 50);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "980");
    rig_close(&r);
}

START_TEST(a_crowd_that_finds_no_room_for_letters_is_counted_once)
{
    wait_for_room("CREATE TABLE live (id bigint, v varchar(3))", 0);
}
END_TEST

START_TEST(letters_that_found_room_are_counted_and_the_others_when_they_do)
{
    wait_for_room("CREATE TABLE live (id bigint, v varchar(3))", 7);
}
END_TEST

START_TEST(a_row_that_finds_no_room_for_its_letter_is_counted_once)
{
    wait_for_room("CREATE TABLE live (id bigint, v text CHECK (v <> 'good'))", 0);
}
END_TEST

/* Before any server sees them. */
START_TEST(a_value_that_finds_no_room_for_its_letter_is_counted_once)
{
    struct rig r;
    rig_sql("CREATE TABLE live (id smallint, v text)");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    struct ph_batch *good = live_rows(&r, 0, COUNT);
    struct ph_batch *bad = live_rows(&r, 40000, 20);
    r.task->task.reject = reject_without_room;
    for (int tries = 0; tries < 150; tries++) {
        assert_ok(&r, rig_write(&r, good));
        ck_assert_int_eq(rig_write(&r, bad), PH_ERROR);
        assert_error(&r, PH_ERR_RETRIABLE, "the dead letters are full");
        rig_abort(&r);
        ck_assert_int_eq(live_claimed(&r), -1);
    }
    ck_assert_int_eq(harness_counter(r.task, "refused_rows"), 0);
    r.task->task.reject = harness_row_reject;
    assert_ok(&r, rig_write(&r, good));
    assert_ok(&r, rig_write(&r, bad));
    assert_ok(&r, rig_commit(&r, 0, COUNT));
    ck_assert_uint_eq(r.task->reject_count, 20);
    live_assert_exact(COUNT);
    harness_batch_release(good);
    harness_batch_release(bad);
    rig_close(&r);
}
END_TEST

/* Of two epochs 8 % is refused; of what is known to be durable it would be more. */
START_TEST(rows_whose_commit_was_not_answered_count_in_no_share)
{
    struct proxy *proxy = proxy_create(getenv("POSTGRES_URL"));
    struct rig r;
    rig_sql("CREATE TABLE live (id smallint, v text)");
    live_open(&r, proxy_url(proxy));
    ck_assert_int_eq(live_claimed(&r), -1);
    for (int64_t next = 0; next < 20 * COUNT; next += COUNT) {
        struct ph_batch *good = live_rows(&r, next, COUNT - 80);
        struct ph_batch *bad = live_rows(&r, 40000, 80);
        assert_ok(&r, rig_write(&r, good));
        assert_ok(&r, rig_write(&r, bad));
        proxy_set(proxy, PROXY_LOSE_COMMIT_ANSWER);
        ck_assert_int_eq(rig_commit(&r, 0, next + COUNT), PH_ERROR);
        assert_error(&r, PH_ERR_RETRIABLE, "");
        rig_abort(&r);
        ck_assert_int_eq(live_claimed(&r), next + COUNT);
        harness_batch_release(good);
        harness_batch_release(bad);
    }
    ck_assert_uint_eq(r.task->reject_count, 20 * 80);
    rig_close(&r);
    proxy_destroy(proxy);
}
END_TEST

/* Rows that were set aside come no more, and the others were not refused. */
START_TEST(an_epoch_that_is_written_again_counts_nothing_twice)
{
    struct rig r;
    rig_sql("CREATE TABLE live (id bigint, v varchar(3))");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    memset(is_out, 0, sizeof is_out);
    for (int tries = 0; tries < 30; tries++) {
        struct ph_batch *b = rows_left(&r, COUNT, all_but_each_fiftieth, is_out);
        assert_ok(&r, rig_write(&r, b));
        if (tries > 0) {
            live_kill_backend("true");
        }
        ck_assert_int_eq(rig_commit(&r, 0, COUNT), PH_ERROR);
        assert_error(&r, tries > 0 ? PH_ERR_RETRIABLE : PH_ERR_POISON, "");
        ck_assert_uint_eq(take_out(&r, is_out), tries > 0 ? 0 : COUNT / 50);
        rig_abort(&r);
        ck_assert_int_eq(live_claimed(&r), -1);
        harness_batch_release(b);
    }
    ck_assert_uint_eq(write_rest(&r, all_but_each_fiftieth), 0);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM live"), "980");
    rig_close(&r);
}
END_TEST

TCase *trial_tests(void)
{
    TCase *c = tcase_create("trial");
    tcase_add_test(c, each_bad_row_costs_three_copies_at_most);
    tcase_add_test(c, each_key_that_only_the_lines_before_refuse_costs_three);
    tcase_add_test(c, a_bad_moment_is_no_rows_fault);
    tcase_add_test(c, a_refusal_that_no_try_confirms_is_left_to_smaller_parts);
    tcase_add_test(c, what_comes_in_between_is_no_rows_fault);
    tcase_add_test(c, a_full_disk_is_waited_for_whatever_line_it_names);
    tcase_add_test(c, more_than_a_share_of_one_reason_stops_as_config);
    tcase_add_test(c, more_than_a_number_of_one_reason_stops_as_config);
    tcase_add_test(c, a_crowd_that_is_too_many_sets_nothing_aside);
    tcase_add_test(c, a_share_may_be_as_large_as_the_settings_say);
    tcase_add_test(c, small_epochs_are_judged_together);
    tcase_add_test(c, a_crowd_that_finds_no_room_for_letters_is_counted_once);
    tcase_add_test(c, letters_that_found_room_are_counted_and_the_others_when_they_do);
    tcase_add_test(c, a_row_that_finds_no_room_for_its_letter_is_counted_once);
    tcase_add_test(c, a_value_that_finds_no_room_for_its_letter_is_counted_once);
    tcase_add_test(c, rows_whose_commit_was_not_answered_count_in_no_share);
    tcase_add_test(c, an_epoch_that_is_written_again_counts_nothing_twice);
    return c;
}
