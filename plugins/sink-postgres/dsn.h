/* SPDX-License-Identifier: Apache-2.0 */
/** Where the database is: a dsn in any of its forms as libpq's keywords and values. */
#ifndef SINK_POSTGRES_DSN_H
#define SINK_POSTGRES_DSN_H

#include "pipehost/pipehost.h"
#include "sql.h"

#define DSN_SETTINGS 48

/** Ends with a null keyword, as PQconnectStartParams wants it. Strings are owned. All zero is an
 * empty one. */
struct dsn {
    char *keywords[DSN_SETTINGS + 1];
    char *values[DSN_SETTINGS + 1];
    uint32_t count;
};

/** Reads postgresql://…, key=value or jdbc:postgresql://…; an error shows no part of the text. */
int32_t dsn_parse(struct dsn *d, const char *text, struct ph_error *err);
/** Sets or replaces one keyword. */
int32_t dsn_set(struct dsn *d, const char *keyword, const char *value, struct ph_error *err);
/** Sets it unless the dsn said it. */
int32_t dsn_set_default(struct dsn *d, const char *keyword, const char *value,
                        struct ph_error *err);
const char *dsn_get(const struct dsn *d, const char *keyword);
/** "db.example:5432/events": for sentences. */
void dsn_address(const struct dsn *d, char *out, size_t capacity);
void dsn_fini(struct dsn *d);

/** Rewrites a jdbc:postgresql: URL as a postgresql:// one, its parameters under libpq's names. */
int32_t jdbc_to_uri(const char *text, struct sql *uri, struct ph_error *err);

#endif
