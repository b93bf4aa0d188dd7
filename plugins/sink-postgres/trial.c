/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a row that a failed COPY named is really refused: it is tried again, alone, and where
 * that says nothing behind the lines before it; in a transaction of its own, under a savepoint, of
 * which nothing is kept. What passes (a deadlock, a full disk, a trigger's bad moment) is no fault
 * of the row's.
 */
#include "errors.h"
#include "sink.h"

/* The failure of the COPY whose rows were sent, or null: it took them. *is_known false, before or
 * after: who knows. */
static PGresult *read_failure(struct sink_task *t, bool *is_known)
{
    struct session *s = &t->session;
    int64_t at_ns = session_deadline(s);
    PGresult *failure = NULL;
    while (*is_known) {
        PGresult *r;
        *is_known = session_result(s, at_ns, &r, NULL) == PH_OK;
        if (!*is_known || r == NULL) {
            break;
        }
        if (PQresultStatus(r) == PGRES_FATAL_ERROR && failure == NULL) {
            failure = r;
        } else {
            PQclear(r);
        }
    }
    return failure;
}

static PGresult *copy_lines(struct sink_task *t, uint64_t first, uint64_t last, bool *is_known)
{
    *is_known = resend_lines(t, &t->plan, first, last) == PH_OK;
    return read_failure(t, is_known);
}

static bool begin(struct sink_task *t, const char *before)
{
    struct sql sql = {0};
    sql_add(&sql, "%s; %s", before, sql_text(&t->copy));
    int32_t result = resend_open(t, sql_text(&sql));
    sql_fini(&sql);
    ph_counter_add(t->cells[SINK_COPIES], 1);
    return result == PH_OK;
}

static enum trial judge(const PGresult *failure, bool is_known)
{
    if (!is_known) {
        return TRIAL_UNKNOWN;
    }
    if (failure == NULL) {
        return TRIAL_TAKEN;
    }
    uint32_t flags = errors_classify(PQresultErrorField(failure, PG_DIAG_SQLSTATE));
    return flags == PH_ERR_POISON ? TRIAL_REFUSED : TRIAL_UNKNOWN;
}

static enum trial try_line(struct sink_task *t, uint64_t line, const char *before)
{
    bool is_known = false;
    if (!begin(t, before)) {
        return TRIAL_UNKNOWN;
    }
    PGresult *failure = copy_lines(t, line, line, &is_known);
    enum trial verdict = judge(failure, is_known);
    PQclear(failure);
    return verdict;
}

/* Behind the lines before it, which the failed COPY took. */
static enum trial try_behind(struct sink_task *t, uint64_t line, const char *before)
{
    bool is_known = false;
    if (!begin(t, before)) {
        return TRIAL_UNKNOWN;
    }
    PGresult *failure = copy_lines(t, 1, line - 1, &is_known);
    bool is_taken = is_known && failure == NULL;
    PQclear(failure);
    return is_taken ? try_line(t, line, "SAVEPOINT pipehost_trial") : TRIAL_UNKNOWN;
}

/* A key's equal may stand in a line before it. */
static bool depends_on_others(const char *sqlstate)
{
    return strcmp(sqlstate, SQLSTATE_DUPLICATE_KEY) == 0 ||
           strcmp(sqlstate, SQLSTATE_EXCLUSION) == 0;
}

/* Where something is left open, the host's abort mends the connection. */
static void end(struct sink_task *t)
{
    if (session_is_alive(&t->session) && PQtransactionStatus(t->session.conn) != PQTRANS_ACTIVE &&
        PQtransactionStatus(t->session.conn) != PQTRANS_IDLE) {
        (void)session_run(&t->session, "ROLLBACK", "trying a row", NULL);
    }
}

enum trial trial_of_line(struct sink_task *t, uint64_t line, const char *sqlstate)
{
    static const char begin_alone[] = "BEGIN; SAVEPOINT pipehost_trial";
    static const char begin_again[] = "ROLLBACK TO SAVEPOINT pipehost_trial";
    enum trial verdict = TRIAL_TAKEN;
    bool is_alone = line == 1 || !depends_on_others(sqlstate);
    if (is_alone) {
        verdict = try_line(t, line, begin_alone);
    }
    if (verdict == TRIAL_TAKEN && line > 1) {
        verdict = try_behind(t, line, is_alone ? begin_again : "BEGIN");
    }
    end(t);
    return verdict;
}

bool trial_takes_rest(struct sink_task *t, const PGresult *without)
{
    if (!begin(t, "BEGIN")) {
        return false;
    }
    bool is_known = resend_rest(t, &t->plan, without) == PH_OK;
    PGresult *failure = read_failure(t, &is_known);
    bool is_taken = is_known && failure == NULL;
    PQclear(failure);
    end(t);
    return is_taken;
}
