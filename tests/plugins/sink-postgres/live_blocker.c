/* SPDX-License-Identifier: Apache-2.0 */
/* A claim that has to wait for somebody's lock. */
#include "live_table.h"

#include <stdlib.h>

/* A session beside the sink's that runs this and then stalls, in its transaction. */
static PGconn *stall(const char *application, const char *sql)
{
    PGconn *own = rig_connect();
    const char *const values[] = {application};
    PQclear(PQexecParams(own, "SELECT set_config('application_name', $1, false)", 1, NULL, values,
                         NULL, NULL, 0));
    PGresult *r = PQexec(own, sql);
    ck_assert_msg(PQresultStatus(r) == PGRES_COMMAND_OK, "%s", PQresultErrorMessage(r));
    PQclear(r);
    return own;
}

static bool still_works(PGconn *own)
{
    PGresult *r = PQexec(own, "SELECT 1");
    bool works = PQresultStatus(r) == PGRES_TUPLES_OK;
    PQclear(r);
    return works;
}

static uint32_t ended_backends(const struct rig *r)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->host->log_count; i++) {
        count += strstr(r->host->log_lines[i], "an earlier owner that held the positions") != NULL;
    }
    return count;
}

#define OUR_APPLICATION "pipehost/pipe/rows"
#define LOCK_ROW        "BEGIN; UPDATE pipehost_positions SET updated_at = now() WHERE partition = 0"

/* The rows are there, as an earlier process left them. */
static void leave_positions(void)
{
    struct rig r;
    struct ph_position p[2];
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 2, p));
    live_write_epoch(&r, 0, 10);
    rig_close(&r);
}

START_TEST(an_earlier_owner_that_stalled_with_the_rows_locked_is_ended)
{
    struct rig r;
    leave_positions();
    PGconn *old = stall(OUR_APPLICATION, LOCK_ROW);
    live_open(&r, NULL);
    int64_t begin_ns = harness_now_ns();
    ck_assert_int_eq(live_claimed(&r), 10);
    ck_assert_int_lt(harness_now_ns() - begin_ns, INT64_C(120000000000));
    ck_assert_uint_eq(ended_backends(&r), 1);
    ck_assert(!still_works(old));
    live_write_epoch(&r, 10, 5);
    live_assert_exact(15);
    PQfinish(old);
    rig_close(&r);
}
END_TEST

START_TEST(an_earlier_owner_that_stalled_in_its_first_claim_is_ended)
{
    struct rig r;
    leave_positions();
    rig_sql("DELETE FROM pipehost_positions");
    PGconn *old = stall(OUR_APPLICATION,
                        "BEGIN; INSERT INTO pipehost_positions VALUES ('pipe', 'rows', 'kafka', "
                        "'it''s an \"event\"', 0, -1, 0, '', 0, 'cluster-1', now())");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_uint_eq(ended_backends(&r), 1);
    ck_assert(!still_works(old));
    PQfinish(old);
    rig_close(&r);
}
END_TEST

/* Ending a session of the same user wants no more rights than the sink has anyway. */
START_TEST(an_ordinary_user_ends_an_earlier_owner_too)
{
    struct rig r;
    leave_positions();
    rig_sql("DO $$ BEGIN CREATE ROLE live_guest LOGIN PASSWORD 'guest'; EXCEPTION WHEN "
            "duplicate_object THEN NULL; END $$; GRANT SELECT, INSERT, UPDATE ON "
            "pipehost_positions, live TO live_guest");
    const char *const keywords[] = {"dbname", "user", "password", "application_name", NULL};
    const char *const values[] = {getenv("POSTGRES_URL"), "live_guest", "guest", OUR_APPLICATION,
                                  NULL};
    PGconn *old = PQconnectdbParams(keywords, values, 1);
    ck_assert_msg(PQstatus(old) == CONNECTION_OK, "%s", PQerrorMessage(old));
    PQclear(PQexec(old, LOCK_ROW));
    ck_assert_int_eq(PQtransactionStatus(old), PQTRANS_INTRANS);
    live_settings(&r);
    rig_set(&r, "user", "live_guest");
    rig_set(&r, "password", "guest");
    live_start(&r);
    ck_assert_int_eq(live_claimed(&r), 10);
    ck_assert_uint_eq(ended_backends(&r), 1);
    ck_assert(!still_works(old));
    live_write_epoch(&r, 10, 5);
    PQfinish(old);
    rig_close(&r);
}
END_TEST

static void assert_named(const char *sql)
{
    struct rig r;
    struct ph_position p;
    char pid[64];
    leave_positions();
    PGconn *other = stall("somebody's psql", sql);
    live_open(&r, NULL);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    (void)snprintf(pid, sizeof pid, "ended by SELECT pg_terminate_backend(%d) (SQLSTATE 55P03)",
                   PQbackendPID(other));
    assert_error(&r, PH_ERR_RETRIABLE, pid);
    assert_error(&r, PH_ERR_RETRIABLE, "application \"somebody's psql\", idle in transaction for ");
    ck_assert_str_eq(rig_error(&r)->foreign_code, "55P03");
    ck_assert_uint_eq(ended_backends(&r), 0);
    ck_assert(still_works(other));
    PQclear(PQexec(other, "COMMIT"));
    rig_abort(&r);
    ck_assert_int_eq(live_claimed(&r), 10);
    PQfinish(other);
    rig_close(&r);
}

START_TEST(a_stranger_that_locks_a_row_is_named_and_left_alone)
{
    assert_named(LOCK_ROW);
}
END_TEST

START_TEST(a_stranger_that_locks_the_table_is_named_and_left_alone)
{
    assert_named("BEGIN; LOCK TABLE pipehost_positions IN ACCESS EXCLUSIVE MODE");
}
END_TEST

START_TEST(another_lanes_transaction_is_nobodys_obstacle)
{
    struct rig r;
    leave_positions();
    PGconn *other = stall(OUR_APPLICATION, "BEGIN; UPDATE pipehost_positions SET updated_at = "
                                           "now() WHERE partition = 1");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), 10);
    ck_assert_uint_eq(ended_backends(&r), 0);
    ck_assert(still_works(other));
    PQfinish(other);
    rig_close(&r);
}
END_TEST

START_TEST(only_the_sessions_that_hold_this_lanes_rows_are_ended)
{
    struct rig r;
    leave_positions();
    PGconn *lane = stall(OUR_APPLICATION, "BEGIN; UPDATE pipehost_positions SET updated_at = "
                                          "now() WHERE partition = 1");
    PGconn *old = stall(OUR_APPLICATION, LOCK_ROW);
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), 10);
    ck_assert_uint_eq(ended_backends(&r), 1);
    ck_assert(still_works(lane));
    ck_assert(!still_works(old));
    PQfinish(lane);
    PQfinish(old);
    rig_close(&r);
}
END_TEST

/* A trigger writes down what the sink's session has. */
static const char tell[] =
    "CREATE TABLE live (id bigint, v text); CREATE OR REPLACE FUNCTION live_tell() RETURNS trigger "
    "LANGUAGE plpgsql AS $$ BEGIN NEW.v = (SELECT string_agg(current_setting(s), ' ' ORDER BY n) "
    "FROM unnest(ARRAY['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', "
    "'tcp_user_timeout', 'tcp_keepalives_idle']) WITH ORDINALITY AS u(s, n)); RETURN NEW; END $$; "
    "CREATE TRIGGER t BEFORE INSERT ON live FOR EACH ROW EXECUTE FUNCTION live_tell()";

START_TEST(the_limits_of_a_session_are_set_at_the_server)
{
    struct rig r;
    rig_sql("%s", tell);
    live_settings(&r);
    rig_set(&r, "statement_timeout", "7s");
    rig_set(&r, "lock_timeout", "3s");
    rig_set(&r, "idle_in_transaction_session_timeout", "4s");
    rig_set(&r, "tcp_user_timeout", "21s");
    live_start(&r);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 1);
    ck_assert_str_eq(rig_value("SELECT v FROM live"), "7s 3s 4s 21000 7");
    rig_close(&r);
}
END_TEST

/* Its rows are in the index, uncommitted, and no time-out of the server ends a COPY whose client is
 * silent. */
START_TEST(an_earlier_owner_that_stalled_in_copy_is_ended_by_the_next)
{
    struct rig a;
    struct rig b;
    struct ph_position p;
    rig_sql("CREATE TABLE live (id bigint PRIMARY KEY, v text)");
    live_open(&a, NULL);
    ck_assert_int_eq(live_claimed(&a), -1);
    struct ph_batch *batch = live_rows(&a, 0, LIVE_LARGE);
    assert_ok(&a, rig_write(&a, batch));
    live_open_with(&b, "lock_timeout", "2s");
    ck_assert_int_eq(live_claimed(&b), -1);
    live_write_epoch(&b, 0, LIVE_LARGE);
    live_assert_exact(LIVE_LARGE);
    ck_assert_int_eq(rig_commit(&a, 0, LIVE_LARGE), PH_ERROR);
    assert_error(&a, PH_ERR_RETRIABLE, "terminating connection due to administrator command");
    rig_abort(&a);
    ck_assert_int_eq(rig_claim(&a, 1, &p), PH_ERROR);
    assert_error(&a, PH_ERR_FENCED, "was taken over by ");
    live_write_epoch(&b, LIVE_LARGE, 1);
    harness_batch_release(batch);
    rig_close(&a);
    rig_close(&b);
}
END_TEST

START_TEST(an_earlier_owner_between_epochs_is_left_to_find_out)
{
    struct rig a;
    struct rig b;
    live_open(&a, NULL);
    ck_assert_int_eq(live_claimed(&a), -1);
    live_write_epoch(&a, 0, 5);
    live_open(&b, NULL);
    ck_assert_int_eq(live_claimed(&b), 5);
    ck_assert_str_eq(rig_value("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                               "'" OUR_APPLICATION "'"),
                     "2");
    ck_assert_int_eq(rig_commit(&a, 0, 6), PH_ERROR);
    assert_error(&a, PH_ERR_FENCED, "was taken over by ");
    rig_close(&a);
    rig_close(&b);
}
END_TEST

TCase *blocker_tests(void)
{
    TCase *c = tcase_create("blocker");
    tcase_add_test(c, an_earlier_owner_that_stalled_with_the_rows_locked_is_ended);
    tcase_add_test(c, an_earlier_owner_that_stalled_in_its_first_claim_is_ended);
    tcase_add_test(c, an_ordinary_user_ends_an_earlier_owner_too);
    tcase_add_test(c, a_stranger_that_locks_a_row_is_named_and_left_alone);
    tcase_add_test(c, a_stranger_that_locks_the_table_is_named_and_left_alone);
    tcase_add_test(c, another_lanes_transaction_is_nobodys_obstacle);
    tcase_add_test(c, only_the_sessions_that_hold_this_lanes_rows_are_ended);
    tcase_add_test(c, the_limits_of_a_session_are_set_at_the_server);
    tcase_add_test(c, an_earlier_owner_that_stalled_in_copy_is_ended_by_the_next);
    tcase_add_test(c, an_earlier_owner_between_epochs_is_left_to_find_out);
    return c;
}
