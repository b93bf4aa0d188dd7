/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A connection that never blocks in libpq: each wait goes through the host, which can cancel it.
 * [worker] throughout.
 */
#ifndef SINK_POSTGRES_SESSION_H
#define SINK_POSTGRES_SESSION_H

#include "pipehost/pipehost.h"

#include <libpq-fe.h>

struct session {
    PGconn *conn; /**< null = not connected */
    const struct ph_task *task;
    const struct ph_wait *wait;
    const struct ph_clock *clock;
    const struct ph_log *log; /**< may be null */
    bool was_connected;       /**< once, with these settings */
    bool has_told_silence;    /**< that nobody answers; once until there is a connection */
    int64_t answer_limit_ns;  /**< longest wait for an answer; 0 = for ever */
    char address[256];        /**< for sentences: "host:port/database" */
};

/** Drops the connection, whatever it is doing. */
void session_drop(struct session *s);
bool session_is_alive(const struct session *s);

/** now + the answer limit, or 0. */
int64_t session_deadline(const struct session *s);
/** Waits for events on the socket. at_ns 0 = for ever; an end of time is an error. */
int32_t session_wait(struct session *s, uint32_t events, int64_t at_ns, struct ph_error *err);
/** Hands everything queued to the kernel. */
int32_t session_flush(struct session *s, int64_t at_ns, struct ph_error *err);
/** The next result into *result, null at the end of a query's results. Owned by the caller. */
int32_t session_result(struct session *s, int64_t at_ns, PGresult **result, struct ph_error *err);
/** Discards results up to the end of the query; the connection is idle then. */
int32_t session_drain(struct session *s, int64_t at_ns, struct ph_error *err);

/** Sends a string of statements. */
int32_t session_send(struct session *s, const char *sql, const char *doing, struct ph_error *err);
/** Runs one statement with text parameters and answers its result. A failed one is an error. */
int32_t session_query(struct session *s, const char *sql, int count, const char *const *values,
                      const char *doing, PGresult **result, struct ph_error *err);
/** Runs a string of statements and forgets their results. */
int32_t session_run(struct session *s, const char *sql, const char *doing, struct ph_error *err);

/** Writes a sentence to the host's log. */
__attribute__((format(printf, 3, 4))) void session_log(const struct session *s, int32_t level,
                                                       const char *format, ...);

#endif
