/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the epoch in another COPY than the one that failed. */
#include "sink.h"

#include <stdlib.h>

static int32_t send_piece(struct sink_task *t, struct encoder *e)
{
    struct session *s = &t->session;
    if (session_flush(s, session_deadline(s), NULL) != PH_OK ||
        PQputCopyData(s->conn, (const char *)e->data, (int)e->used) != 1) {
        return PH_ERROR;
    }
    encoder_sent(e);
    return PH_OK;
}

static int32_t send_rows(struct sink_task *t, struct encoder *e, const struct plan *plan,
                         const struct ph_batch *batch, uint32_t from, uint32_t end)
{
    struct ph_batch part = *batch;
    struct encode_fault fault;
    part.row_count = end;
    for (uint32_t row = from; row < end;) {
        enum encode_stop stop = encoder_rows(e, plan, &part, &row, &fault);
        if (stop != ENCODE_END && (stop != ENCODE_FULL || send_piece(t, e) != PH_OK)) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

/* What of a segment's run of rows without a skipped one lies within the lines. */
struct run {
    uint64_t first; /* lines, both inclusive */
    uint64_t last;
};

static int32_t send_run(struct sink_task *t, struct encoder *e, const struct plan *plan,
                        const struct ph_batch *batch, uint32_t row, struct run run,
                        struct run wanted)
{
    uint64_t first = run.first > wanted.first ? run.first : wanted.first;
    uint64_t last = run.last < wanted.last ? run.last : wanted.last;
    if (first > last) {
        return PH_OK;
    }
    uint32_t from = row + (uint32_t)(first - run.first);
    return send_rows(t, e, plan, batch, from, from + (uint32_t)(last - first + 1));
}

static int32_t send_segment(struct sink_task *t, struct encoder *e, const struct plan *plan,
                            const struct segment *s, struct run wanted)
{
    uint32_t row = 0;
    uint64_t line = s->first_line;
    for (uint32_t k = 0; k <= s->skipped_count; k++) {
        uint32_t end =
            k == s->skipped_count ? s->batch->row_count : t->epoch.skipped[s->skipped_from + k];
        if (end > row) {
            struct run run = {line, line + (end - row) - 1};
            if (send_run(t, e, plan, s->batch, row, run, wanted) != PH_OK) {
                return PH_ERROR;
            }
            line = run.last + 1;
        }
        row = end + 1;
    }
    return PH_OK;
}

/* *segment: where the lines before ended; where the next ones may begin. */
static int32_t send_lines(struct sink_task *t, struct encoder *e, const struct plan *plan,
                          struct run wanted, uint32_t *segment)
{
    for (; *segment < t->epoch.segment_count; (*segment)++) {
        const struct segment *s = &t->epoch.segments[*segment];
        if (send_segment(t, e, plan, s, wanted) != PH_OK) {
            return PH_ERROR;
        }
        if (s->first_line + s->line_count > wanted.last + 1) {
            break;
        }
    }
    return PH_OK;
}

/* without: the lines among the wanted ones that are not sent, or null. */
static int32_t send_all(struct sink_task *t, const struct plan *plan, struct run wanted,
                        const PGresult *without)
{
    struct encoder e = {0};
    uint32_t segment = 0;
    int32_t result = encoder_init(&e, plan->count, NULL);
    if (result != PH_OK) {
        return result;
    }
    encoder_begin(&e);
    for (int i = 0; without != NULL && i < PQntuples(without) && result == PH_OK; i++) {
        uint64_t line = strtoull(PQgetvalue(without, i, 0), NULL, 10);
        result = send_lines(t, &e, plan, (struct run){wanted.first, line - 1}, &segment);
        wanted.first = line + 1;
    }
    if (result == PH_OK) {
        result = send_lines(t, &e, plan, wanted, &segment);
    }
    encoder_end(&e);
    if (result == PH_OK) {
        result = send_piece(t, &e);
    }
    encoder_fini(&e);
    return result == PH_OK && PQputCopyEnd(t->session.conn, NULL) == 1 ? PH_OK : PH_ERROR;
}

int32_t resend_lines(struct sink_task *t, const struct plan *plan, uint64_t first, uint64_t last)
{
    return send_all(t, plan, (struct run){first, last}, NULL);
}

int32_t resend_rest(struct sink_task *t, const struct plan *plan, const PGresult *without)
{
    return send_all(t, plan, (struct run){1, t->epoch.line_count}, without);
}

int32_t resend_open(struct sink_task *t, const char *sql)
{
    struct session *s = &t->session;
    int64_t at_ns = session_deadline(s);
    if (session_send(s, sql, "beginning a COPY", NULL) != PH_OK) {
        return PH_ERROR;
    }
    for (;;) {
        PGresult *r;
        if (session_result(s, at_ns, &r, NULL) != PH_OK) {
            return PH_ERROR;
        }
        ExecStatusType status = PQresultStatus(r);
        PQclear(r);
        if (r == NULL || status == PGRES_COPY_IN) {
            return r == NULL ? PH_ERROR : PH_OK;
        }
    }
}
