/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an epoch. Whatever fails before COMMIT is answered leaves nothing behind; a COMMIT
 * without an answer is retriable, and the next claim learns from the positions what became of it.
 */
#include "errors.h"
#include "sink.h"

#include <pipehost/failpoint.h>
#include <stdlib.h>

/* How far the server's answers have come. */
struct answers {
    PGresult *failure; /* the first one, owned */
    bool is_copied;
    bool has_move; /* there is a statement that moves positions, or looks at the table */
    bool is_moved;
    bool is_committed;
    bool wants_rows; /* the server is in COPY now */
    bool is_ahead;   /* it is in the COPY of the next epoch */
    uint64_t copied_rows;
};

static void take_command(struct answers *a, PGresult *r)
{
    const char *tag = PQcmdStatus(r);
    if (strncmp(tag, "COPY", 4) == 0) {
        a->is_copied = true;
        a->copied_rows = strtoull(PQcmdTuples(r), NULL, 10);
    } else if (strcmp(tag, "COMMIT") == 0) {
        a->is_committed = true;
        PH_FAILPOINT("postgres.commit.answered");
    }
}

/* Up to the end of the query's answers, or until the server wants the rows. */
static int32_t read_answers(struct sink_task *t, struct answers *a, struct ph_error *err)
{
    struct session *s = &t->session;
    int64_t at_ns = session_deadline(s);
    a->wants_rows = false;
    for (;;) {
        PGresult *r;
        if (session_result(s, at_ns, &r, err) != PH_OK) {
            return PH_ERROR;
        }
        ExecStatusType status = PQresultStatus(r);
        if (r == NULL) {
            return PH_OK;
        }
        if (status == PGRES_COMMAND_OK) {
            take_command(a, r);
        } else if (status == PGRES_TUPLES_OK) {
            a->is_moved = true;
            PH_FAILPOINT("postgres.positions.answered");
        } else if (status == PGRES_COPY_IN) {
            a->is_ahead = a->is_committed;
            a->wants_rows = !a->is_ahead;
        } else if (a->failure == NULL && !a->is_committed) {
            a->failure = r;
            continue;
        } /* what fails behind COMMIT is the next epoch's: its first write tells */
        PQclear(r);
        if (status == PGRES_COPY_IN) {
            ph_counter_add(t->cells[SINK_COPIES], 1);
            return PH_OK;
        }
    }
}

static int32_t end_copy(struct sink_task *t, struct ph_error *err)
{
    struct session *s = &t->session;
    encoder_end(&t->epoch.encoder);
    t->epoch.is_copying = true;
    if (epoch_put(t, err) != PH_OK || session_flush(s, session_deadline(s), err) != PH_OK) {
        return PH_ERROR;
    }
    if (PQputCopyEnd(s->conn, NULL) != 1) {
        return errors_set(err, s->conn, NULL, "ending the rows of an epoch");
    }
    t->epoch.is_copying = false;
    PH_FAILPOINT("postgres.copy.ended");
    return PH_OK;
}

/* Fails where the table was altered: then it says nothing about the rows that it refused them. */
static int32_t check_table(struct sink_task *t, struct ph_error *err)
{
    struct session *s = &t->session;
    if (PQtransactionStatus(s->conn) != PQTRANS_IDLE &&
        session_run(s, "ROLLBACK", "rolling back", err) != PH_OK) {
        return PH_ERROR;
    }
    return catalog_check_same(t, err);
}

/* What a failure among the answers means depends on the statement that it hit. */
static int32_t judge(struct sink_task *t, const struct answers *a, struct ph_error *err)
{
    const PGresult *r = a->failure;
    const char *sqlstate = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    bool is_in_copy = t->epoch.line_count > 0 && !a->is_copied;
    if (!session_is_alive(&t->session) || sqlstate == NULL) {
        (void)errors_set(err, t->session.conn, r,
                         is_in_copy ? "writing an epoch" : "COMMIT was not answered");
        if (err != NULL && (err->flags & PH_ERR_FATAL) != 0) {
            err->flags = PH_ERR_RETRIABLE; /* the server's own breakdown */
        }
        return PH_ERROR;
    }
    uint32_t flags = errors_classify(sqlstate);
    if (is_in_copy) {
        if ((flags & (PH_ERR_POISON | PH_ERR_FATAL)) != 0 && check_table(t, err) != PH_OK) {
            return PH_ERROR;
        }
        return flags == PH_ERR_POISON ? poison_blame(t, r, err)
                                      : errors_set(err, t->session.conn, r, "writing an epoch");
    }
    if (!a->is_moved && strcmp(sqlstate, SQLSTATE_DIVISION_BY_ZERO) == 0) {
        return check_table(t, err) != PH_OK ? PH_ERROR : positions_blame(t, err);
    }
    (void)errors_set(err, t->session.conn, r, a->is_moved ? "at COMMIT" : "moving the positions");
    if (!a->is_moved && err != NULL && (err->flags & PH_ERR_POISON) != 0) {
        err->flags = PH_ERR_FATAL; /* not the rows' fault */
    }
    return PH_ERROR;
}

/* Sends the last text and reads its answers; sends the rows where the server asks for them. */
static int32_t send_end(struct sink_task *t, struct answers *a, struct ph_error *err)
{
    if (session_send(&t->session, sql_text(&t->epoch.sql), "ending an epoch", err) != PH_OK) {
        return PH_ERROR;
    }
    PH_FAILPOINT("postgres.commit.sent"); /* the positions in front of it */
    if (read_answers(t, a, err) != PH_OK) {
        return PH_ERROR;
    }
    if (!a->wants_rows) {
        return PH_OK;
    }
    return end_copy(t, err) != PH_OK ? PH_ERROR : read_answers(t, a, err);
}

/* Adds what must hold before COMMIT. *has_move: whether there is anything; rows without positions
 * have it too, as long as this task owns a position. */
static int32_t add_move(struct sink_task *t, const struct ph_epoch *e, bool *has_move,
                        struct ph_error *err)
{
    bool has_rows = t->epoch.line_count > 0;
    *has_move = t->sink->keeps_positions ? e->position_count > 0 : has_rows;
    if (*has_move) {
        return positions_add_move(t, e, &t->epoch.sql, err);
    }
    *has_move = has_rows && positions_add_stay(t, &t->epoch.sql);
    return PH_OK;
}

/*
 * Three shapes: positions only; all of a small epoch in one string, rows in its middle; the rest
 * of a large epoch, whose COPY must have succeeded first. Where more rows come, the last string
 * goes on with the next epoch's BEGIN and COPY: the server ends a string at the first failure, so
 * neither COMMIT nor these can follow a move that failed.
 */
static int32_t run_commit(struct sink_task *t, const struct ph_epoch *e, struct answers *a,
                          struct ph_error *err)
{
    struct sql *sql = &t->epoch.sql;
    bool has_rows = t->epoch.line_count > 0;
    bool begins_next = t->epoch.is_copying && (e->flags & PH_EPOCH_MORE) != 0;
    if (t->epoch.is_copying) {
        if (end_copy(t, err) != PH_OK || read_answers(t, a, err) != PH_OK) {
            return PH_ERROR;
        }
        if (a->failure != NULL || !a->is_copied) {
            return PH_OK;
        }
        PH_FAILPOINT("postgres.copy.answered");
        sql_clear(sql);
    } else {
        sql_clear(sql);
        if (has_rows) {
            sql_add(sql, "BEGIN; %s; ", sql_text(&t->copy));
        }
    }
    if (add_move(t, e, &a->has_move, err) != PH_OK) {
        return PH_ERROR;
    }
    if (has_rows) {
        sql_add(sql, "%sCOMMIT", a->has_move ? "; " : "");
    }
    if (begins_next) {
        sql_add(sql, "; BEGIN; %s", sql_text(&t->copy));
    }
    return send_end(t, a, err);
}

static bool is_complete(const struct sink_task *t, const struct answers *a)
{
    bool has_rows = t->epoch.line_count > 0;
    return a->failure == NULL && (!has_rows || (a->is_copied && a->is_committed)) &&
           (!a->has_move || a->is_moved);
}

static void note_commit(struct sink_task *t, const struct answers *a, int64_t begin_ns)
{
    int64_t now_ns = t->sink->clock->monotonic_ns(t->task->host);
    ph_counter_add(t->cells[SINK_ROWS], (int64_t)a->copied_rows);
    ph_counter_add(t->cells[SINK_EPOCHS], 1);
    tally_taken(&t->tally, a->copied_rows);
    t->passing_refusals = 0;
    ph_counter_add(t->cells[SINK_COMMIT_NS], now_ns - begin_ns);
    if (a->copied_rows < t->epoch.line_count && !t->has_warned_of_fewer) {
        t->has_warned_of_fewer = true;
        session_log(&t->session, PH_LOG_WARNING,
                    "table %s kept %llu of %llu rows: a trigger drops some; this is said once",
                    sql_text(&t->sink->table), (unsigned long long)a->copied_rows,
                    (unsigned long long)t->epoch.line_count);
    }
}

/* The epoch is durable. What its last string went on with may have failed, or the connection. */
static void pass_on(struct sink_task *t, const struct answers *a, bool is_whole)
{
    epoch_clear(t);
    t->epoch.is_copying = a->is_ahead;
    if (!is_whole) {
        connect_close(t);
    } else if (!a->is_ahead) {
        epoch_abort(t); /* nothing, where the connection is idle */
    }
}

int32_t commit_epoch(struct sink_task *t, const struct ph_epoch *e, struct ph_error *err)
{
    struct answers a = {0};
    int64_t begin_ns = t->sink->clock->monotonic_ns(t->task->host);
    epoch_settle(t);
    if (t->epoch.line_count == 0 && (!t->sink->keeps_positions || e->position_count == 0)) {
        epoch_clear(t);
        return PH_OK;
    }
    int32_t sent = run_commit(t, e, &a, err);
    int32_t result = sent;
    if (a.is_committed && sent != PH_OK) {
        ph_error_clear(err); /* it hit the next epoch */
        result = PH_OK;
    } else if (result == PH_OK && !is_complete(t, &a)) {
        result = judge(t, &a, err);
    }
    if (result == PH_OK) {
        note_commit(t, &a, begin_ns);
        positions_moved(t, e);
        pass_on(t, &a, sent == PH_OK);
        PH_FAILPOINT("postgres.epoch.done");
    } else if (sent != PH_OK || !session_is_alive(&t->session)) {
        tally_begin(&t->tally); /* the epoch may be durable */
    }
    PQclear(a.failure);
    return result;
}
