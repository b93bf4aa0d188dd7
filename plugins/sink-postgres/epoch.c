/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows on their way to the server. A small epoch stays in the encoder until commit, which sends
 * everything in two round trips; a larger one opens its transaction with the first full piece, so
 * that the server works while rows still come, or finds it open: the commit before has begun it.
 */
#include "errors.h"
#include "sink.h"

#include <pipehost/failpoint.h>
#include <stdlib.h>

#define ABORT_LIMIT_NS INT64_C(5000000000)
#define SEGMENTS_FIRST 64u
#define REASON_SIZE    192

static bool grow(void **array, uint32_t *capacity, uint32_t count, size_t element)
{
    if (count < *capacity) {
        return true;
    }
    uint32_t more = *capacity == 0 ? SEGMENTS_FIRST : *capacity * 2;
    void *grown = realloc(*array, more * element);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *capacity = more;
    return true;
}

static struct segment *add_segment(struct epoch *e, const struct ph_batch *batch)
{
    void *segments = e->segments;
    if (!grow(&segments, &e->segment_capacity, e->segment_count, sizeof *e->segments)) {
        return NULL;
    }
    e->segments = (struct segment *)segments;
    struct segment *s = &e->segments[e->segment_count++];
    *s = (struct segment){
        .batch = batch, .first_line = e->line_count + 1, .skipped_from = e->skipped_count};
    return s;
}

static int32_t skip_row(struct sink_task *t, struct segment *s, uint32_t row,
                        const struct encode_fault *fault, struct ph_error *err)
{
    struct epoch *e = &t->epoch;
    char reason[REASON_SIZE];
    void *skipped = e->skipped;
    (void)snprintf(reason, sizeof reason, "column \"%s\": the value %s",
                   t->plan.columns[fault->column].target.name, fault->reason);
    poison_place(t, fault->sqlstate, s->batch, row);
    if (poison_count(t, fault->sqlstate, 1, e->line_count + 1, reason, err) != PH_OK) {
        return PH_ERROR;
    }
    if (!grow(&skipped, &e->skipped_capacity, e->skipped_count, sizeof *e->skipped)) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for refused rows");
    }
    e->skipped = (uint32_t *)skipped;
    e->skipped[e->skipped_count++] = row;
    s->skipped_count++;
    if (!poison_set_aside(t, fault->sqlstate, reason, s->batch, row, err)) {
        tally_take_back(&t->tally, fault->sqlstate, 1);
        return PH_ERROR;
    }
    return PH_OK;
}

int32_t epoch_put(struct sink_task *t, struct ph_error *err)
{
    struct session *s = &t->session;
    struct encoder *e = &t->epoch.encoder;
    /* The piece before is still on its way: wait for it, so that libpq's own buffer stays small. */
    if (session_flush(s, session_deadline(s), err) != PH_OK) {
        return PH_ERROR;
    }
    if (PQputCopyData(s->conn, (const char *)e->data, (int)e->used) != 1) {
        return errors_set(err, s->conn, NULL, "sending rows");
    }
    ph_counter_add(t->cells[SINK_BYTES], (int64_t)e->used);
    encoder_sent(e);
    PH_FAILPOINT("postgres.copy.sent");
    return PH_OK;
}

static int32_t begin_copy(struct sink_task *t, struct ph_error *err)
{
    struct session *s = &t->session;
    int64_t at_ns = session_deadline(s);
    struct sql *sql = &t->epoch.sql;
    sql_clear(sql);
    sql_add(sql, "BEGIN; %s", sql_text(&t->copy));
    if (session_send(s, sql_text(sql), "beginning an epoch", err) != PH_OK) {
        return PH_ERROR;
    }
    for (;;) {
        PGresult *r;
        if (session_result(s, at_ns, &r, err) != PH_OK) {
            return PH_ERROR;
        }
        ExecStatusType status = PQresultStatus(r);
        int32_t result = PH_OK;
        if (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN) {
            result = errors_set(err, s->conn, r, "beginning an epoch");
        }
        PQclear(r);
        if (result != PH_OK || status == PGRES_COPY_IN) {
            t->epoch.is_copying = result == PH_OK;
            ph_counter_add(t->cells[SINK_COPIES], result == PH_OK);
            PH_FAILPOINT("postgres.copy.begun");
            return result;
        }
    }
}

int32_t epoch_send(struct sink_task *t, struct ph_error *err)
{
    if (!t->epoch.is_copying && begin_copy(t, err) != PH_OK) {
        return PH_ERROR;
    }
    return epoch_put(t, err);
}

static int32_t write_rows(struct sink_task *t, struct segment *s, struct ph_error *err)
{
    struct epoch *e = &t->epoch;
    uint32_t row = 0;
    for (;;) {
        struct encode_fault fault = {0};
        uint32_t from = row;
        enum encode_stop stop = encoder_rows(&e->encoder, &t->plan, s->batch, &row, &fault);
        s->line_count += row - from;
        e->line_count += row - from;
        int32_t result = PH_OK;
        switch (stop) {
        case ENCODE_END:
            return PH_OK;
        case ENCODE_FULL:
            result = epoch_send(t, err);
            break;
        case ENCODE_BAD:
            result = skip_row(t, s, row++, &fault, err);
            break;
        case ENCODE_MEMORY:
            result = ph_error_set(err, PH_ERR_FATAL, "no memory for a row of the COPY stream");
            break;
        }
        if (result != PH_OK) {
            return result;
        }
    }
}

int32_t epoch_write(struct sink_task *t, const struct ph_batch *batch, struct ph_error *err)
{
    struct epoch *e = &t->epoch;
    if (!session_is_alive(&t->session) || t->plan.count == 0) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "no connection to PostgreSQL at %s",
                            t->session.address);
    }
    if (batch->row_count == 0) {
        return PH_OK;
    }
    if (!e->is_begun) {
        encoder_begin(&e->encoder);
        e->is_begun = true;
    }
    struct segment *s = add_segment(e, batch);
    return s == NULL ? ph_error_set(err, PH_ERR_FATAL, "no memory for an epoch's batches")
                     : write_rows(t, s, err);
}

void epoch_clear(struct sink_task *t)
{
    struct epoch *e = &t->epoch;
    encoder_sent(&e->encoder);
    e->is_begun = false;
    e->is_copying = false;
    e->line_count = 0;
    e->segment_count = 0;
    e->skipped_count = 0;
}

/* Leaves the connection idle outside of a transaction, or fails. */
static int32_t rewind_session(struct sink_task *t)
{
    struct session *s = &t->session;
    int64_t at_ns = s->clock->monotonic_ns(t->task->host) + ABORT_LIMIT_NS;
    if (!session_is_alive(s)) {
        return PH_ERROR;
    }
    if (t->epoch.is_copying) {
        if (session_flush(s, at_ns, NULL) != PH_OK ||
            PQputCopyEnd(s->conn, "the epoch was aborted") != 1 ||
            session_drain(s, at_ns, NULL) != PH_OK) {
            return PH_ERROR;
        }
    }
    PGTransactionStatusType status = PQtransactionStatus(s->conn);
    if (status == PQTRANS_IDLE) {
        return PH_OK;
    }
    if (status == PQTRANS_ACTIVE || PQsendQuery(s->conn, "ROLLBACK") != 1 ||
        session_drain(s, at_ns, NULL) != PH_OK) {
        return PH_ERROR;
    }
    return PQtransactionStatus(s->conn) == PQTRANS_IDLE ? PH_OK : PH_ERROR;
}

void epoch_settle(struct sink_task *t)
{
    if (t->epoch.is_copying && t->epoch.line_count == 0) {
        epoch_abort(t);
    }
}

void epoch_abort(struct sink_task *t)
{
    if (rewind_session(t) != PH_OK) {
        connect_close(t);
    }
    epoch_clear(t);
}
