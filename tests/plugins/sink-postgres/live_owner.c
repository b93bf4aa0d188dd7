/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns a position, and what becomes of an epoch when a connection breaks. */
#include "live_table.h"
#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(positions_begin_unknown_and_outlive_the_task)
{
    struct rig r;
    struct ph_position p[3];
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 3, p));
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(p[i].partition_id, i);
        ck_assert_int_eq(p[i].next_offset, -1);
    }
    struct ph_position moved[] = {{0, 0, 70}, {2, 0, 90}};
    assert_ok(&r, rig_commit_many(&r, moved, 2));
    rig_close(&r);
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 3, p));
    ck_assert_int_eq(p[0].next_offset, 70);
    ck_assert_int_eq(p[1].next_offset, -1);
    ck_assert_int_eq(p[2].next_offset, 90);
    ck_assert_str_eq(rig_value("SELECT pipeline || sink || source || topic || cluster_id FROM "
                               "pipehost_positions WHERE partition = 2"),
                     "piperowskafkait's an \"event\"cluster-1");
    rig_close(&r);
}
END_TEST

START_TEST(an_epoch_is_rows_and_positions_at_once)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 1);
    live_write_epoch(&r, 1, LIVE_LARGE);
    live_write_epoch(&r, 1 + LIVE_LARGE, 3);
    live_assert_exact(LIVE_LARGE + 4);
    ck_assert_int_eq(harness_counter(r.task, "rows"), LIVE_LARGE + 4);
    ck_assert_int_eq(harness_counter(r.task, "epochs"), 3);
    assert_ok(&r, rig_commit_many(&r, NULL, 0));
    ck_assert_int_eq(harness_counter(r.task, "epochs"), 3);
    ck_assert_str_eq(rig_value("SELECT xmin::text = (SELECT max(xmin::text::bigint)::text FROM "
                               "live) FROM pipehost_positions"),
                     "t");
    rig_close(&r);
}
END_TEST

static uint32_t times_logged(const struct rig *r, const char *text)
{
    uint32_t times = 0;
    for (uint32_t i = 0; i < r->host->log_count; i++) {
        times += strstr(r->host->log_lines[i], text) != NULL;
    }
    return times;
}

START_TEST(a_first_start_over_rows_is_said_once)
{
    static const char says[] =
        "table \"live\" has rows, but \"pipehost_positions\" has no position "
        "of this pipeline: this is its first start";
    struct rig r;
    rig_sql("CREATE TABLE live (id bigint, v text)");
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_uint_eq(times_logged(&r, says), 0);
    rig_sql("INSERT INTO live VALUES (-1, 'from before')");
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_int_eq(live_claimed(&r), -1);
    ck_assert_uint_eq(times_logged(&r, says), 1);
    live_write_epoch(&r, 0, 1);
    rig_close(&r);
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), 1);
    ck_assert_uint_eq(times_logged(&r, says), 0);
    rig_close(&r);
}
END_TEST

/* A small epoch is refused by its fence; of a large one the transaction was ended. */
static void take_over(uint32_t count)
{
    struct rig a;
    struct rig b;
    live_open(&a, NULL);
    ck_assert_int_eq(live_claimed(&a), -1);
    live_write_epoch(&a, 0, 10);
    struct ph_batch *batch = live_rows(&a, 10, count);
    assert_ok(&a, rig_write(&a, batch));
    live_open(&b, NULL);
    ck_assert_int_eq(live_claimed(&b), 10);
    ck_assert_int_eq(rig_commit(&a, 0, 10 + count), PH_ERROR);
    assert_error(&a, count == LIVE_LARGE ? PH_ERR_RETRIABLE : PH_ERR_FENCED, "");
    live_assert_exact(10);
    rig_abort(&a);
    struct ph_position p;
    ck_assert_int_eq(rig_claim(&a, 1, &p), PH_ERROR);
    assert_error(&a, PH_ERR_FENCED, "was taken over by ");
    ck_assert(strstr(rig_error(&a)->text, " pid ") != NULL);
    live_write_epoch(&b, 10, count);
    live_assert_exact(10 + count);
    harness_batch_release(batch);
    rig_close(&a);
    rig_close(&b);
}

START_TEST(an_owner_that_was_replaced_writes_no_more)
{
    take_over(5);
}
END_TEST

START_TEST(an_owner_that_was_replaced_in_the_middle_of_copy_writes_no_more)
{
    take_over(LIVE_LARGE);
}
END_TEST

/* Rows that a UDF made of its own have no source record, and move no position. */
static int32_t write_rows_alone(struct rig *r, int64_t first, uint32_t count)
{
    struct ph_batch *b = live_rows(r, first, count);
    assert_ok(r, rig_write(r, b));
    int32_t result = rig_commit_many(r, NULL, 0);
    rig_abort(r);
    harness_batch_release(b);
    return result;
}

static void take_over_from_rows_alone(uint32_t count)
{
    struct rig a;
    struct rig b;
    struct ph_position p[2];
    live_open(&a, NULL);
    assert_ok(&a, rig_claim(&a, 2, p));
    live_write_epoch(&a, 0, 10);
    assert_ok(&a, write_rows_alone(&a, 10, count));
    live_assert_exact(10 + count);
    live_open(&b, NULL);
    assert_ok(&b, rig_claim(&b, 2, p));
    ck_assert_int_eq(write_rows_alone(&a, 10 + count, count), PH_ERROR);
    assert_error(&a, PH_ERR_FENCED, "was taken over by ");
    live_assert_exact(10 + count);
    assert_ok(&b, write_rows_alone(&b, 10 + count, count));
    live_assert_exact(10 + 2 * count);
    rig_close(&a);
    rig_close(&b);
}

START_TEST(an_owner_that_was_replaced_writes_no_rows_without_positions)
{
    take_over_from_rows_alone(5);
}
END_TEST

START_TEST(an_owner_that_was_replaced_writes_no_large_epoch_without_positions)
{
    take_over_from_rows_alone(LIVE_LARGE);
}
END_TEST

START_TEST(rows_without_positions_leave_the_positions_as_they_are)
{
    static const char kept[] =
        "SELECT string_agg(next_offset || ':' || fingerprint, ' ' ORDER BY partition) FROM "
        "pipehost_positions";
    struct rig r;
    char before[128];
    struct ph_position p[2];
    struct ph_position moved = {0, 0xfedcba98, 70};
    live_open(&r, NULL);
    assert_ok(&r, rig_claim(&r, 2, p));
    assert_ok(&r, write_rows_alone(&r, 0, 3));
    assert_ok(&r, rig_claim(&r, 2, p));
    ck_assert_int_eq(p[0].next_offset, -1);
    assert_ok(&r, rig_commit_many(&r, &moved, 1));
    (void)snprintf(before, sizeof before, "%s", rig_value(kept));
    assert_ok(&r, write_rows_alone(&r, 3, 3));
    ck_assert_str_eq(rig_value(kept), before);
    moved.next_offset = 90;
    assert_ok(&r, rig_commit_many(&r, &moved, 1));
    live_assert_exact(6);
    rig_close(&r);
}
END_TEST

START_TEST(a_position_that_somebody_moved_is_claimed_again)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 10);
    rig_sql("UPDATE pipehost_positions SET next_offset = 4");
    struct ph_batch *b = live_rows(&r, 10, 5);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 15), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "is 4, where this process left 10");
    live_assert_exact(10);
    rig_abort(&r);
    ck_assert_int_eq(live_claimed(&r), 4);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_position_that_somebody_deleted_is_not_made_up)
{
    struct rig r;
    struct ph_position p;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 10);
    rig_sql("DELETE FROM pipehost_positions");
    ck_assert_int_eq(rig_commit(&r, 0, 15), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "lost a row of this sink");
    rig_abort(&r);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_FATAL, "was removed from");
    rig_close(&r);
}
END_TEST

START_TEST(positions_of_another_cluster_are_refused)
{
    struct rig r;
    struct ph_position p;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    rig_sql("UPDATE pipehost_positions SET cluster_id = 'cluster-2'");
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_CONFIG,
                 "is of cluster cluster-2, but the topic is read from cluster "
                 "cluster-1");
    rig_close(&r);
}
END_TEST

START_TEST(a_backend_killed_in_copy_costs_nothing)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    struct ph_batch *b = live_rows(&r, 0, LIVE_LARGE);
    assert_ok(&r, rig_write(&r, b));
    live_kill_backend("query LIKE '%%COPY%%'");
    ck_assert_int_eq(rig_commit(&r, 0, LIVE_LARGE), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    live_recover(&r, b, 0, LIVE_LARGE);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 2);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_backend_killed_between_epochs_costs_nothing)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 5);
    struct ph_batch *b = live_rows(&r, 5, 5);
    live_kill_backend("true");
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 10), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    live_recover(&r, b, 5, 10);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

static void break_commit(enum proxy_mode mode, uint32_t count, bool is_durable)
{
    struct proxy *proxy = proxy_create(getenv("POSTGRES_URL"));
    struct rig r;
    live_open(&r, proxy_url(proxy));
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 3);
    struct ph_batch *b = live_rows(&r, 3, count);
    proxy_set(proxy, mode);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 3 + count), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    ck_assert_int_eq(proxy_breaks(proxy), 1);
    live_assert_exact(is_durable ? 3 + count : 3);
    live_recover(&r, b, 3, 3 + count);
    live_write_epoch(&r, 3 + count, 2);
    live_assert_exact(5 + count);
    harness_batch_release(b);
    rig_close(&r);
    proxy_destroy(proxy);
}

START_TEST(a_commit_that_never_left_is_written_again)
{
    break_commit(PROXY_LOSE_COMMIT, 5, false);
}
END_TEST

START_TEST(a_commit_of_a_large_epoch_that_never_left_is_written_again)
{
    break_commit(PROXY_LOSE_COMMIT, LIVE_LARGE, false);
}
END_TEST

START_TEST(a_commit_whose_answer_was_lost_is_not_written_again)
{
    break_commit(PROXY_LOSE_COMMIT_ANSWER, 5, true);
}
END_TEST

START_TEST(a_commit_of_a_large_epoch_whose_answer_was_lost_is_not_written_again)
{
    break_commit(PROXY_LOSE_COMMIT_ANSWER, LIVE_LARGE, true);
}
END_TEST

/* The network swallows everything: only the time limit of an answer ends the wait. */
static void silence_commit(enum proxy_mode mode, bool is_durable)
{
    struct proxy *proxy = proxy_create(getenv("POSTGRES_URL"));
    struct rig r;
    live_settings(&r);
    rig_set(&r, "dsn", proxy_url(proxy));
    rig_set(&r, "statement_timeout", "2s");
    live_start(&r);
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 3);
    struct ph_batch *b = live_rows(&r, 3, LIVE_LARGE);
    proxy_set(proxy, mode);
    assert_ok(&r, rig_write(&r, b));
    int64_t begin_ns = harness_now_ns();
    ck_assert_int_eq(rig_commit(&r, 0, 3 + LIVE_LARGE), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "does not answer");
    ck_assert_int_lt(harness_now_ns() - begin_ns, INT64_C(120000000000));
    live_assert_exact(is_durable ? 3 + LIVE_LARGE : 3);
    live_recover(&r, b, 3, 3 + LIVE_LARGE);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 2);
    harness_batch_release(b);
    rig_close(&r);
    proxy_destroy(proxy);
}

START_TEST(a_commit_into_silence_is_written_again)
{
    silence_commit(PROXY_SILENCE, false);
}
END_TEST

START_TEST(a_commit_answered_into_silence_is_not_written_again)
{
    silence_commit(PROXY_SILENCE_ANSWER, true);
}
END_TEST

START_TEST(a_claim_whose_answer_was_lost_is_no_take_over)
{
    struct proxy *proxy = proxy_create(getenv("POSTGRES_URL"));
    struct rig r;
    struct ph_position p;
    live_open(&r, proxy_url(proxy));
    ck_assert_int_eq(live_claimed(&r), -1);
    live_write_epoch(&r, 0, 3);
    proxy_set(proxy, PROXY_LOSE_COMMIT_ANSWER);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    ck_assert_int_eq(live_claimed(&r), 3);
    live_write_epoch(&r, 3, 3);
    live_assert_exact(6);
    rig_close(&r);
    proxy_destroy(proxy);
}
END_TEST

START_TEST(a_server_that_is_away_while_running_is_retriable_until_it_is_back)
{
    struct proxy *proxy = proxy_create(getenv("POSTGRES_URL"));
    struct rig r;
    struct ph_position p;
    live_open(&r, proxy_url(proxy));
    ck_assert_int_eq(live_claimed(&r), -1);
    struct ph_batch *b = live_rows(&r, 0, 5);
    proxy_set(proxy, PROXY_REFUSE);
    assert_ok(&r, rig_write(&r, b));
    ck_assert_int_eq(rig_commit(&r, 0, 5), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "");
    rig_abort(&r);
    ck_assert_int_eq(rig_claim(&r, 1, &p), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "cannot connect to PostgreSQL at 127.0.0.1:");
    ck_assert_int_eq(rig_write(&r, b), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "no connection to PostgreSQL");
    proxy_set(proxy, PROXY_PASS);
    live_recover(&r, b, 0, 5);
    harness_batch_release(b);
    rig_close(&r);
    proxy_destroy(proxy);
}
END_TEST

START_TEST(a_lock_that_somebody_holds_is_retriable)
{
    struct rig r;
    live_open_with(&r, "lock_timeout", "50ms");
    ck_assert_int_eq(live_claimed(&r), -1);
    rig_sql("BEGIN; UPDATE pipehost_positions SET updated_at = now()");
    ck_assert_int_eq(rig_commit(&r, 0, 5), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "lock timeout");
    ck_assert_str_eq(rig_error(&r)->foreign_code, "55P03");
    rig_sql("ROLLBACK");
    rig_abort(&r);
    ck_assert_int_eq(live_claimed(&r), -1);
    rig_close(&r);
}
END_TEST

START_TEST(an_aborted_epoch_leaves_nothing_and_keeps_the_connection)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    struct ph_batch *b = live_rows(&r, 0, LIVE_LARGE);
    assert_ok(&r, rig_write(&r, b));
    rig_abort(&r);
    live_write_epoch(&r, 0, 7);
    live_assert_exact(7);
    ck_assert_int_eq(harness_counter(r.task, "connects"), 1);
    harness_batch_release(b);
    rig_close(&r);
}
END_TEST

START_TEST(a_stopping_host_ends_a_wait)
{
    struct rig r;
    live_open(&r, NULL);
    ck_assert_int_eq(live_claimed(&r), -1);
    rig_sql("BEGIN; UPDATE pipehost_positions SET updated_at = now()");
    r.task->is_cancelled = true;
    ck_assert_int_eq(rig_commit(&r, 0, 5), PH_ERROR);
    assert_error(&r, PH_ERR_RETRIABLE, "stopping");
    rig_abort(&r);
    rig_sql("ROLLBACK");
    rig_close(&r);
}
END_TEST

TCase *owner_tests(void)
{
    TCase *c = tcase_create("owner");
    tcase_add_test(c, positions_begin_unknown_and_outlive_the_task);
    tcase_add_test(c, an_epoch_is_rows_and_positions_at_once);
    tcase_add_test(c, a_first_start_over_rows_is_said_once);
    tcase_add_test(c, an_owner_that_was_replaced_writes_no_more);
    tcase_add_test(c, an_owner_that_was_replaced_in_the_middle_of_copy_writes_no_more);
    tcase_add_test(c, an_owner_that_was_replaced_writes_no_rows_without_positions);
    tcase_add_test(c, an_owner_that_was_replaced_writes_no_large_epoch_without_positions);
    tcase_add_test(c, rows_without_positions_leave_the_positions_as_they_are);
    tcase_add_test(c, a_position_that_somebody_moved_is_claimed_again);
    tcase_add_test(c, a_position_that_somebody_deleted_is_not_made_up);
    tcase_add_test(c, positions_of_another_cluster_are_refused);
    tcase_add_test(c, a_backend_killed_in_copy_costs_nothing);
    tcase_add_test(c, a_backend_killed_between_epochs_costs_nothing);
    tcase_add_test(c, a_commit_that_never_left_is_written_again);
    tcase_add_test(c, a_commit_of_a_large_epoch_that_never_left_is_written_again);
    tcase_add_test(c, a_commit_whose_answer_was_lost_is_not_written_again);
    tcase_add_test(c, a_commit_of_a_large_epoch_whose_answer_was_lost_is_not_written_again);
    tcase_add_test(c, a_commit_into_silence_is_written_again);
    tcase_add_test(c, a_commit_answered_into_silence_is_not_written_again);
    tcase_add_test(c, a_claim_whose_answer_was_lost_is_no_take_over);
    tcase_add_test(c, a_server_that_is_away_while_running_is_retriable_until_it_is_back);
    tcase_add_test(c, a_lock_that_somebody_holds_is_retriable);
    tcase_add_test(c, an_aborted_epoch_leaves_nothing_and_keeps_the_connection);
    tcase_add_test(c, a_stopping_host_ends_a_wait);
    return c;
}
