/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"
#include "sink.h"

/* After so long without an answer whoever watches the start is told what it waits for. */
#define SILENCE_NS INT64_C(1000000000)

static void on_notice(void *arg, const PGresult *result)
{
    const struct session *s = (const struct session *)arg;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    session_log(s, PH_LOG_DEBUG, "PostgreSQL says: %s", text == NULL ? "" : text);
}

static int32_t wait_for_answer(struct session *s, uint32_t events, int64_t began_ns,
                               int64_t timeout_ms)
{
    int64_t end_ns = began_ns + timeout_ms * 1000000;
    int64_t tell_ns = began_ns + SILENCE_NS;
    if (!s->has_told_silence && tell_ns < end_ns) {
        int32_t result = s->wait->block(s->task, PQsocket(s->conn), events, tell_ns);
        if (result != PH_IDLE) {
            return result;
        }
        s->has_told_silence = true;
        session_log(s, PH_LOG_WARNING,
                    "connecting to PostgreSQL at %s: no answer for 1.0 s, this try ends after "
                    "%.1f s",
                    s->address, (double)timeout_ms / 1000);
    }
    return s->wait->block(s->task, PQsocket(s->conn), events, end_ns);
}

/* One attempt for all hosts of the dsn within the time limit. */
static int32_t connect_poll(struct session *s, int64_t timeout_ms, struct ph_error *err)
{
    int64_t began_ns = s->clock->monotonic_ns(s->task->host);
    uint32_t events = PH_WAIT_WRITE;
    for (;;) {
        int32_t result = wait_for_answer(s, events, began_ns, timeout_ms);
        if (result == PH_IDLE) {
            return ph_error_set(err, PH_ERR_RETRIABLE,
                                "PostgreSQL at %s did not answer within %lld ms", s->address,
                                (long long)timeout_ms);
        }
        if (result != PH_OK) {
            return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while connecting to %s",
                                s->address);
        }
        switch (PQconnectPoll(s->conn)) {
        case PGRES_POLLING_OK:
            return PH_OK;
        case PGRES_POLLING_READING:
            events = PH_WAIT_READ;
            break;
        case PGRES_POLLING_WRITING:
            events = PH_WAIT_WRITE;
            break;
        default:
            return errors_set_connect(err, s->conn, s->address, s->was_connected);
        }
    }
}

static int32_t connect_start(struct sink_task *t, struct ph_error *err)
{
    struct session *s = &t->session;
    const struct dsn *d = &t->sink->dsn;
    s->conn =
        PQconnectStartParams((const char *const *)d->keywords, (const char *const *)d->values, 0);
    if (s->conn == NULL || PQstatus(s->conn) == CONNECTION_BAD) {
        return errors_set_connect(err, s->conn, s->address, s->was_connected);
    }
    (void)PQsetNoticeReceiver(s->conn, on_notice, s);
    /* Only the verbose form of a refusal shows its SQLSTATE. */
    (void)PQsetErrorVerbosity(s->conn, PQERRORS_VERBOSE);
    if (connect_poll(s, t->sink->connect_timeout_ms, err) != PH_OK) {
        return PH_ERROR;
    }
    s->was_connected = true;
    s->has_told_silence = false;
    (void)PQsetErrorVerbosity(s->conn, PQERRORS_DEFAULT);
    if (PQsetnonblocking(s->conn, 1) != 0) {
        return errors_set(err, s->conn, NULL, "setting up the connection");
    }
    return PH_OK;
}

/* How often the server asks a silent client whether it is there: three times within the limit. */
static void add_keepalives(struct sql *sql, int64_t limit_ms)
{
    long long third_s = (long long)(limit_ms / 3000);
    third_s = third_s < 1 ? 1 : third_s;
    sql_add(sql,
            "; SET tcp_user_timeout = %lld; SET tcp_keepalives_idle = %lld; SET "
            "tcp_keepalives_interval = %lld; SET tcp_keepalives_count = 2",
            (long long)limit_ms, third_s, third_s);
}

/* One round trip. A generic plan spares planning the same statement for each epoch. The limits end
 * a session whose process stalls, those of TCP one whose machine is gone without a word. */
static int32_t connect_settings(struct sink_task *t, struct ph_error *err)
{
    const struct sink *s = t->sink;
    struct sql sql = {0};
    sql_add(&sql,
            "SET standard_conforming_strings = on; SET plan_cache_mode = "
            "force_generic_plan; SET statement_timeout = %lld; SET lock_timeout = %lld; "
            "SET idle_in_transaction_session_timeout = %lld",
            (long long)s->statement_timeout_ms, (long long)s->lock_timeout_ms,
            (long long)s->idle_timeout_ms);
    if (s->tcp_user_timeout_ms > 0) {
        add_keepalives(&sql, s->tcp_user_timeout_ms);
    }
    int32_t result = session_run(&t->session, sql_text(&sql), "setting up the session", err);
    sql_fini(&sql);
    return result;
}

int32_t connect_open(struct sink_task *t, struct ph_error *err)
{
    connect_close(t);
    if (connect_start(t, err) != PH_OK || connect_settings(t, err) != PH_OK ||
        catalog_check(t, err) != PH_OK ||
        (t->sink->keeps_positions && positions_check_table(t, err) != PH_OK)) {
        connect_close(t);
        return PH_ERROR;
    }
    ph_counter_add(t->cells[SINK_CONNECTS], 1);
    session_log(&t->session, PH_LOG_DEBUG, "connected to PostgreSQL %d at %s, backend %d",
                PQserverVersion(t->session.conn), t->session.address,
                PQbackendPID(t->session.conn));
    return PH_OK;
}

void connect_close(struct sink_task *t)
{
    session_drop(&t->session);
    t->is_prepared = false;
    t->epoch.is_copying = false;
    plan_fini(&t->plan);
}

int32_t connect_check(void *task, char *text, uint64_t capacity, struct ph_error *err)
{
    const struct sink_task *t = (const struct sink_task *)task;
    int version = PQserverVersion(t->session.conn);
    (void)err;
    (void)snprintf(text, (size_t)capacity,
                   "PostgreSQL %d.%d at %s, table %s takes %u columns; %s %s", version / 10000,
                   version % 10000, t->session.address, sql_text(&t->sink->table),
                   t->sink->column_count,
                   t->sink->keeps_positions ? sql_text(&t->sink->positions_table) : "positions",
                   !t->sink->keeps_positions ? "are kept outside of it"
                   : t->has_positions_table  ? "is there"
                                             : "will be made by the first run");
    return PH_OK;
}
