/* SPDX-License-Identifier: Apache-2.0 */
/** What a failure of PostgreSQL or libpq means to the host: the one place that knows SQLSTATEs. */
#ifndef SINK_POSTGRES_ERRORS_H
#define SINK_POSTGRES_ERRORS_H

#include "pipehost/pipehost.h"

#include <libpq-fe.h>

#define SQLSTATE_DIVISION_BY_ZERO       "22012"
#define SQLSTATE_NOT_NULL               "23502"
#define SQLSTATE_DUPLICATE_KEY          "23505"
#define SQLSTATE_EXCLUSION              "23P01"
#define SQLSTATE_STRING_TOO_LONG        "22001"
#define SQLSTATE_BAD_ENCODING           "22021"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"
#define SQLSTATE_NO_SCHEMA              "3F000"
#define SQLSTATE_LOCK_TIMEOUT           "55P03"

/** One of enum ph_error_flags. An unknown or missing SQLSTATE is fatal. */
uint32_t errors_classify(const char *sqlstate);

/**
 * Sets err from a failed result, or, where there is none, from the connection, which is then gone
 * (retriable). The sentence is `doing`, a colon, what the server said. Always PH_ERROR.
 */
int32_t errors_set(struct ph_error *err, const PGconn *conn, const PGresult *result,
                   const char *doing);

/** The same for an attempt to connect to `address` that failed. was_connected: the same settings
 * have led to a connection before, so libpq's complaints about them will pass. */
int32_t errors_set_connect(struct ph_error *err, const PGconn *conn, const char *address,
                           bool was_connected);

/** Whether libpq itself (version 13 to 17) says that a setting or a certificate cannot do, which
 * is worth no retry. Its messages have no code: these are its words. */
bool errors_is_setting(const char *message);

/** The SQLSTATE of a failed attempt to connect, out of libpq's verbose message; "" = the server did
 * not say one. */
void errors_find_sqlstate(const char *message, char sqlstate[6]);

/** Copies a message of libpq or the server as one line: no line break, no "LOCATION", no prefix of
 * severity and code. */
void errors_one_line(char *out, size_t capacity, const char *message);

#endif
