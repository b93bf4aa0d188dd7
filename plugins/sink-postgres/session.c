/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "errors.h"

void session_drop(struct session *s)
{
    if (s->conn != NULL) {
        PQfinish(s->conn);
        s->conn = NULL;
    }
}

bool session_is_alive(const struct session *s)
{
    return s->conn != NULL && PQstatus(s->conn) == CONNECTION_OK;
}

int64_t session_deadline(const struct session *s)
{
    const struct ph_host *host = s->task->host;
    return s->answer_limit_ns == 0 ? 0 : s->clock->monotonic_ns(host) + s->answer_limit_ns;
}

int32_t session_wait(struct session *s, uint32_t events, int64_t at_ns, struct ph_error *err)
{
    int32_t result = s->wait->block(s->task, PQsocket(s->conn), events, at_ns);
    if (result == PH_IDLE) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "PostgreSQL at %s does not answer", s->address);
    }
    if (result != PH_OK) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "gave up waiting for PostgreSQL at %s: stopping",
                            s->address);
    }
    return PH_OK;
}

static int32_t lost(struct session *s, struct ph_error *err)
{
    char doing[sizeof s->address + 32];
    (void)snprintf(doing, sizeof doing, "PostgreSQL at %s", s->address);
    return errors_set(err, s->conn, NULL, doing);
}

int32_t session_flush(struct session *s, int64_t at_ns, struct ph_error *err)
{
    int left;
    while ((left = PQflush(s->conn)) > 0) {
        if (session_wait(s, PH_WAIT_READ | PH_WAIT_WRITE, at_ns, err) != PH_OK) {
            return PH_ERROR;
        }
        /* The server may be unable to take more before it has told something. */
        if (PQconsumeInput(s->conn) == 0) {
            return lost(s, err);
        }
    }
    return left < 0 ? lost(s, err) : PH_OK;
}

int32_t session_result(struct session *s, int64_t at_ns, PGresult **result, struct ph_error *err)
{
    *result = NULL;
    /* Of a connection that broke, the results tell why. */
    if (session_is_alive(s) && session_flush(s, at_ns, err) != PH_OK) {
        return PH_ERROR;
    }
    while (PQisBusy(s->conn)) {
        if (session_wait(s, PH_WAIT_READ, at_ns, err) != PH_OK) {
            return PH_ERROR;
        }
        /* A failure here is told by the result that libpq then makes of it. */
        if (PQconsumeInput(s->conn) == 0) {
            break;
        }
    }
    *result = PQgetResult(s->conn);
    return PH_OK;
}

int32_t session_drain(struct session *s, int64_t at_ns, struct ph_error *err)
{
    for (;;) {
        PGresult *result;
        if (session_result(s, at_ns, &result, err) != PH_OK) {
            return PH_ERROR;
        }
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (result == NULL) {
            return PH_OK;
        }
        if (status == PGRES_COPY_IN || PQstatus(s->conn) != CONNECTION_OK) {
            return lost(s, err);
        }
    }
}

static int32_t not_connected(struct session *s, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_RETRIABLE, "no connection to PostgreSQL at %s", s->address);
}

int32_t session_send(struct session *s, const char *sql, const char *doing, struct ph_error *err)
{
    if (sql == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "%s: no memory", doing);
    }
    if (!session_is_alive(s)) {
        return not_connected(s, err);
    }
    return PQsendQuery(s->conn, sql) == 1 ? PH_OK : errors_set(err, s->conn, NULL, doing);
}

/* Keeps the first failure, or else the last result. */
static int32_t collect(struct session *s, const char *doing, PGresult **kept, struct ph_error *err)
{
    int64_t at_ns = session_deadline(s);
    bool has_failed = false;
    *kept = NULL;
    for (;;) {
        PGresult *result;
        if (session_result(s, at_ns, &result, err) != PH_OK) {
            PQclear(*kept);
            *kept = NULL;
            return PH_ERROR;
        }
        if (result == NULL) {
            break;
        }
        ExecStatusType status = PQresultStatus(result);
        if (has_failed) {
            PQclear(result);
            continue;
        }
        PQclear(*kept);
        *kept = result;
        has_failed = status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
    }
    if (!has_failed && *kept != NULL) {
        return PH_OK;
    }
    (void)errors_set(err, s->conn, *kept, doing);
    PQclear(*kept);
    *kept = NULL;
    return PH_ERROR;
}

int32_t session_query(struct session *s, const char *sql, int count, const char *const *values,
                      const char *doing, PGresult **result, struct ph_error *err)
{
    *result = NULL;
    if (!session_is_alive(s)) {
        return not_connected(s, err);
    }
    if (PQsendQueryParams(s->conn, sql, count, NULL, values, NULL, NULL, 0) != 1) {
        return errors_set(err, s->conn, NULL, doing);
    }
    return collect(s, doing, result, err);
}

int32_t session_run(struct session *s, const char *sql, const char *doing, struct ph_error *err)
{
    PGresult *result = NULL;
    if (session_send(s, sql, doing, err) != PH_OK || collect(s, doing, &result, err) != PH_OK) {
        return PH_ERROR;
    }
    PQclear(result);
    return PH_OK;
}

void session_log(const struct session *s, int32_t level, const char *format, ...)
{
    char text[PH_ERROR_TEXT_SIZE];
    va_list args;
    if (s->log == NULL) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->log->write(s->task->host, level, text);
}
