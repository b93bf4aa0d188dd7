/* SPDX-License-Identifier: Apache-2.0 */
/* The next epoch begun along with a commit: it changes nothing in what is durable, whatever becomes
 * of it. */
#include "live_table.h"
#include "proxy.h"

#include <stdlib.h>

#define WAIT_NS INT64_C(200000000000)

/* What the sink's session is doing. */
static const char *state(void)
{
    return rig_value("SELECT state FROM pg_stat_activity WHERE application_name = "
                     "'pipehost/pipe/rows'");
}

/* LIVE_LARGE rows are durable, and the next epoch is begun. */
static void open_ahead(struct rig *r, const char *dsn)
{
    live_open(r, dsn);
    ck_assert_int_eq(live_claimed(r), -1);
    r->epoch_flags = PH_EPOCH_MORE;
    live_write_epoch(r, 0, LIVE_LARGE);
    live_assert_exact(LIVE_LARGE);
}

START_TEST(a_commit_begins_the_next_epoch_where_more_rows_come)
{
    struct rig r;
    open_ahead(&r, NULL);
    ck_assert_str_eq(state(), "active");
    live_write_epoch(&r, LIVE_LARGE, LIVE_LARGE);
    ck_assert_str_eq(state(), "active");
    r.epoch_flags = 0;
    live_write_epoch(&r, 2 * LIVE_LARGE, LIVE_LARGE);
    ck_assert_str_eq(state(), "idle");
    live_assert_exact(3 * LIVE_LARGE);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    ck_assert_int_eq(harness_counter(r.task, "epochs"), 3);
    rig_close(&r);
}
END_TEST

START_TEST(a_small_epoch_begins_none)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    r.epoch_flags = PH_EPOCH_MORE;
    live_write_epoch(&r, 0, 5);
    ck_assert_str_eq(state(), "idle");
    live_assert_exact(5);
    rig_close(&r);
}
END_TEST

START_TEST(rows_that_do_not_come_leave_no_transaction)
{
    struct rig r;
    open_ahead(&r, NULL);
    rig_abort(&r);
    ck_assert_str_eq(state(), "idle");
    live_write_epoch(&r, LIVE_LARGE, 5);
    live_assert_exact(LIVE_LARGE + 5);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    rig_close(&r);
}
END_TEST

START_TEST(any_kind_of_epoch_may_follow)
{
    struct rig r;
    open_ahead(&r, NULL);
    live_write_epoch(&r, LIVE_LARGE, 5);
    live_assert_exact(LIVE_LARGE + 5);
    live_write_epoch(&r, LIVE_LARGE + 5, LIVE_LARGE);
    assert_ok(&r, rig_commit(&r, 0, 3 * LIVE_LARGE)); /* positions alone */
    ck_assert_str_eq(rig_value("SELECT next_offset FROM pipehost_positions"), "12000");
    live_write_epoch(&r, 3 * LIVE_LARGE, LIVE_LARGE);
    assert_ok(&r, rig_commit_many(&r, NULL, 0)); /* nothing */
    live_write_epoch(&r, 4 * LIVE_LARGE, LIVE_LARGE);
    ck_assert_int_eq(live_claimed(&r), 5 * LIVE_LARGE); /* a claim in between */
    live_write_epoch(&r, 5 * LIVE_LARGE, 7);
    live_assert_exact(4 * LIVE_LARGE + 5 + 7);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    rig_close(&r);
}
END_TEST

START_TEST(an_owner_that_was_replaced_begins_none)
{
    struct rig a;
    struct rig b;
    struct ph_position p;
    open_ahead(&a, NULL);
    struct ph_batch *batch = live_rows(&a, LIVE_LARGE, LIVE_LARGE);
    assert_ok(&a, rig_write(&a, batch));
    live_open(&b, NULL);
    ck_assert_int_eq(live_claimed(&b), LIVE_LARGE);
    ck_assert_int_eq(rig_commit(&a, 0, 2 * LIVE_LARGE), PH_ERROR);
    assert_error(&a, PH_ERR_RETRIABLE, "terminating connection");
    rig_abort(&a);
    ck_assert_int_eq(rig_claim(&a, 1, &p), PH_ERROR);
    assert_error(&a, PH_ERR_FENCED, "was taken over by ");
    live_assert_exact(LIVE_LARGE);
    live_write_epoch(&b, LIVE_LARGE, LIVE_LARGE);
    live_assert_exact(2 * LIVE_LARGE);
    harness_batch_release(batch);
    rig_close(&a);
    rig_close(&b);
}
END_TEST

START_TEST(a_next_epoch_that_cannot_begin_takes_nothing_back)
{
    struct rig r;
    live_open_with(&r, "lock_timeout", "300ms");
    ck_assert_int_eq(live_claimed(&r), -1);
    r.epoch_flags = PH_EPOCH_MORE;
    struct ph_batch *b = live_rows(&r, 0, LIVE_LARGE);
    assert_ok(&r, rig_write(&r, b));
    /* It waits for this epoch's lock, and has the table when the next one wants it. */
    PGconn *other = rig_connect();
    ck_assert_int_eq(PQsendQuery(other, "BEGIN; LOCK TABLE live"), 1);
    int64_t end_ns = harness_now_ns() + WAIT_NS;
    while (strcmp(rig_value("SELECT count(*) FROM pg_locks WHERE relation = 'live'::regclass AND "
                            "NOT granted"),
                  "1") != 0) {
        ck_assert_int_lt(harness_now_ns(), end_ns);
    }
    assert_ok(&r, rig_commit(&r, 0, LIVE_LARGE));
    PQfinish(other);
    live_assert_exact(LIVE_LARGE);
    harness_batch_release(b);
    live_write_epoch(&r, LIVE_LARGE, LIVE_LARGE);
    live_assert_exact(2 * LIVE_LARGE);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    rig_close(&r);
}
END_TEST

START_TEST(a_backend_killed_in_an_epoch_begun_ahead_costs_nothing)
{
    struct rig r;
    open_ahead(&r, NULL);
    live_kill_backend("query LIKE '%%COPY%%'");
    struct ph_batch *b = live_rows(&r, LIVE_LARGE, LIVE_LARGE);
    if (rig_write(&r, b) == PH_OK) {
        ck_assert_int_eq(rig_commit(&r, 0, 2 * LIVE_LARGE), PH_ERROR);
    }
    assert_error(&r, PH_ERR_RETRIABLE, "");
    live_recover(&r, b, LIVE_LARGE, 2 * LIVE_LARGE);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

static void break_commit(enum proxy_mode mode, bool is_durable)
{
    struct proxy *proxy = proxy_create(getenv("POSTGRES_URL"));
    struct rig r;
    open_ahead(&r, proxy_url(proxy));
    struct ph_batch *b = live_rows(&r, LIVE_LARGE, LIVE_LARGE);
    proxy_set(proxy, mode);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 2 * LIVE_LARGE), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    ck_assert_int_eq(proxy_breaks(proxy), 1);
    live_assert_exact(is_durable ? 2 * LIVE_LARGE : LIVE_LARGE);
    live_recover(&r, b, LIVE_LARGE, 2 * LIVE_LARGE);
    live_write_epoch(&r, 2 * LIVE_LARGE, 2);
    live_assert_exact(2 * LIVE_LARGE + 2);
    harness_batch_release(b);
    rig_close(&r);
    proxy_destroy(proxy);
}

START_TEST(a_commit_that_never_left_with_the_next_epoch_is_written_again)
{
    break_commit(PROXY_LOSE_COMMIT, false);
}
END_TEST

START_TEST(a_commit_whose_answer_was_lost_with_the_next_epoch_is_not_written_again)
{
    break_commit(PROXY_LOSE_COMMIT_ANSWER, true);
}
END_TEST

TCase *ahead_tests(void)
{
    TCase *c = tcase_create("ahead");
    tcase_add_test(c, a_commit_begins_the_next_epoch_where_more_rows_come);
    tcase_add_test(c, a_small_epoch_begins_none);
    tcase_add_test(c, rows_that_do_not_come_leave_no_transaction);
    tcase_add_test(c, any_kind_of_epoch_may_follow);
    tcase_add_test(c, an_owner_that_was_replaced_begins_none);
    tcase_add_test(c, a_next_epoch_that_cannot_begin_takes_nothing_back);
    tcase_add_test(c, a_backend_killed_in_an_epoch_begun_ahead_costs_nothing);
    tcase_add_test(c, a_commit_that_never_left_with_the_next_epoch_is_written_again);
    tcase_add_test(c, a_commit_whose_answer_was_lost_with_the_next_epoch_is_not_written_again);
    return c;
}
