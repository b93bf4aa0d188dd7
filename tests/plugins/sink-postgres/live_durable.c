/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline that gave exactly-once up: the host keeps the positions, the database has none. */
#include "live_table.h"

#include <stdlib.h>

static void open_durable(struct rig *r)
{
    live_settings(r);
    r->is_durable = true;
    live_start(r);
}

static void claim_nothing(struct rig *r)
{
    struct ph_position p = {.partition_id = 0, .next_offset = 41};
    assert_ok(r, rig_claim(r, 1, &p));
    ck_assert_int_eq(p.next_offset, 41); /* as it was given */
}

START_TEST(rows_are_written_and_no_positions_table_is_made)
{
    struct rig r;
    open_durable(&r);
    claim_nothing(&r);
    live_write_epoch(&r, 0, 3);
    live_write_epoch(&r, 3, LIVE_LARGE);
    assert_ok(&r, rig_commit(&r, 0, 9 + LIVE_LARGE)); /* positions alone are none of its business */
    live_write_epoch(&r, 3 + LIVE_LARGE, 1);
    live_assert_exact(LIVE_LARGE + 4);
    ck_assert_int_eq(harness_counter(r.task, "epochs"), 3);
    ck_assert_str_eq(rig_value("SELECT to_regclass('pipehost_positions') IS NULL"), "t");
    rig_close(&r);
}
END_TEST

START_TEST(a_user_without_the_right_to_make_tables_can_write)
{
    struct rig r;
    rig_sql("CREATE TABLE live (id bigint, v text); DROP ROLE IF EXISTS only_rows; CREATE ROLE "
            "only_rows LOGIN PASSWORD 'secret'; GRANT INSERT ON live TO only_rows; REVOKE CREATE "
            "ON SCHEMA public FROM PUBLIC");
    live_settings(&r);
    rig_set(&r, "user", "only_rows");
    rig_set(&r, "password", "secret");
    r.is_durable = true;
    live_start(&r);
    claim_nothing(&r);
    live_write_epoch(&r, 0, 5);
    live_assert_exact(5);
    rig_close(&r);
    rig_sql("DROP TABLE live; DROP ROLE only_rows");
}
END_TEST

START_TEST(a_table_that_is_altered_is_noticed_before_the_commit)
{
    struct rig r;
    open_durable(&r);
    claim_nothing(&r);
    live_write_epoch(&r, 0, 2);
    rig_sql("ALTER TABLE live ALTER v TYPE varchar(200), ALTER id TYPE int");
    struct ph_batch *b = live_rows(&r, 2, 2);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 4), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "altered");
    live_assert_exact(2);
    rig_abort(&r);
    claim_nothing(&r);
    assert_ok(&r, rig_write(&r, b));
    assert_ok(&r, rig_commit(&r, 0, 4));
    live_assert_exact(4);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_connection_that_breaks_is_opened_again_by_the_next_claim)
{
    struct rig r;
    open_durable(&r);
    claim_nothing(&r);
    live_write_epoch(&r, 0, 2);
    struct ph_batch *b = live_rows(&r, 2, 2);
    assert_ok(&r, rig_write(&r, b));
    live_kill_backend("true");
    ck_assert_int_eq(rig_commit(&r, 0, 4), PH_ERROR);
    ck_assert_uint_eq(rig_error(&r)->flags, PH_ERR_RETRIABLE);
    rig_abort(&r);
    claim_nothing(&r);
    assert_ok(&r, rig_write(&r, b));
    assert_ok(&r, rig_commit(&r, 0, 4));
    live_assert_exact(4);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

TCase *durable_tests(void)
{
    TCase *tc = tcase_create("durable");
    tcase_add_test(tc, rows_are_written_and_no_positions_table_is_made);
    tcase_add_test(tc, a_user_without_the_right_to_make_tables_can_write);
    tcase_add_test(tc, a_table_that_is_altered_is_noticed_before_the_commit);
    tcase_add_test(tc, a_connection_that_breaks_is_opened_again_by_the_next_claim);
    return tc;
}
