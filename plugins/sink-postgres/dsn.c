/* SPDX-License-Identifier: Apache-2.0 */
#include "dsn.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define JDBC_PREFIX "jdbc:"

static int32_t fail(struct ph_error *err, const char *what)
{
    (void)ph_error_set(err, PH_ERR_CONFIG, "dsn: %s", what);
    ph_error_set_key(err, "/dsn");
    return PH_ERROR;
}

const char *dsn_get(const struct dsn *d, const char *keyword)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (strcmp(d->keywords[i], keyword) == 0) {
            return d->values[i];
        }
    }
    return NULL;
}

int32_t dsn_set(struct dsn *d, const char *keyword, const char *value, struct ph_error *err)
{
    char *copy = strdup(value);
    for (uint32_t i = 0; copy != NULL && i < d->count; i++) {
        if (strcmp(d->keywords[i], keyword) == 0) {
            free(d->values[i]);
            d->values[i] = copy;
            return PH_OK;
        }
    }
    char *key = d->count == DSN_SETTINGS ? NULL : strdup(keyword);
    if (copy == NULL || key == NULL) {
        free(copy);
        free(key);
        return ph_error_set(err, PH_ERR_FATAL, "no memory for the dsn");
    }
    d->keywords[d->count] = key;
    d->values[d->count] = copy;
    d->count++;
    return PH_OK;
}

int32_t dsn_set_default(struct dsn *d, const char *keyword, const char *value, struct ph_error *err)
{
    return dsn_get(d, keyword) != NULL ? PH_OK : dsn_set(d, keyword, value, err);
}

void dsn_fini(struct dsn *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        free(d->keywords[i]);
        if (d->values[i] != NULL) {
            explicit_bzero(d->values[i], strlen(d->values[i]));
        }
        free(d->values[i]);
    }
    memset(d, 0, sizeof *d);
}

/* libpq quotes the text it stumbles over, which may be a piece of the password: the sentence ends
 * before the first quote, and a first word alone says nothing. */
static int32_t fail_parse(struct ph_error *err, const char *message)
{
    char what[160];
    size_t length = message == NULL ? 0 : strcspn(message, "\"\n:");
    if (length != 0 && strcspn(message, " ") + 1 >= length) {
        length = 0;
    }
    (void)snprintf(what, sizeof what,
                   "is no postgresql:// URI, key=value list or jdbc:postgresql:// URL%s%.*s",
                   length == 0 ? "" : " (libpq: ", (int)(length > 80 ? 80 : length),
                   message == NULL ? "" : message);
    size_t used = strlen(what);
    while (used > 0 && what[used - 1] == ' ') {
        what[--used] = '\0';
    }
    if (length != 0) {
        (void)snprintf(what + used, sizeof what - used, ")");
    }
    return fail(err, what);
}

/* "engine:key" makes OpenSSL load a library that the manifest names. */
static bool is_engine(const char *keyword, const char *value)
{
    return strcmp(keyword, "sslkey") == 0 && strchr(value, ':') != NULL;
}

static int32_t take_options(struct dsn *d, const PQconninfoOption *options, struct ph_error *err)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (o->val == NULL) {
            continue;
        }
        if (is_engine(o->keyword, o->val)) {
            return fail(err, "sslkey must be a file, not an OpenSSL engine");
        }
        if (dsn_set(d, o->keyword, o->val, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static bool has_any(const struct dsn *d, const char *keyword, const char *bytes)
{
    const char *value = dsn_get(d, keyword);
    return value != NULL && strpbrk(value, bytes) != NULL;
}

/* A password that was not percent-encoded ends up in host, port or dbname, which are shown. */
static int32_t check_places(const struct dsn *d, const char *text, struct ph_error *err)
{
    const char *port = dsn_get(d, "port");
    bool is_uri = strncmp(text, "postgres", 8) == 0;
    if (port != NULL && port[strspn(port, "0123456789,")] != '\0') {
        return fail(err, "port is no number (is the password percent-encoded?)");
    }
    if (has_any(d, "host", "@") || (is_uri && has_any(d, "dbname", "@"))) {
        return fail(err, "host or database holds an @: percent-encode the password");
    }
    return PH_OK;
}

static int32_t parse_native(struct dsn *d, const char *text, struct ph_error *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &message);
    if (options == NULL) {
        int32_t result = fail_parse(err, message);
        PQfreemem(message);
        return result;
    }
    int32_t result = take_options(d, options, err);
    PQconninfoFree(options);
    return result != PH_OK ? result : check_places(d, text, err);
}

int32_t dsn_parse(struct dsn *d, const char *text, struct ph_error *err)
{
    if (strncmp(text, JDBC_PREFIX, sizeof JDBC_PREFIX - 1) != 0) {
        return text[0] == '\0' ? fail(err, "is empty") : parse_native(d, text, err);
    }
    struct sql uri = {0};
    int32_t result = jdbc_to_uri(text, &uri, err);
    if (result == PH_OK && sql_text(&uri) == NULL) {
        result = ph_error_set(err, PH_ERR_FATAL, "no memory for the dsn");
    }
    if (result == PH_OK) {
        result = parse_native(d, sql_text(&uri), err);
    }
    if (uri.text != NULL) {
        explicit_bzero(uri.text, uri.used);
    }
    sql_fini(&uri);
    return result;
}

void dsn_address(const struct dsn *d, char *out, size_t capacity)
{
    const char *host = dsn_get(d, "host");
    const char *port = dsn_get(d, "port");
    const char *database = dsn_get(d, "dbname");
    if (host == NULL || host[0] == '\0') {
        host = dsn_get(d, "hostaddr");
    }
    (void)snprintf(out, capacity, "%s:%s%s%s", host == NULL ? "localhost" : host,
                   port == NULL || port[0] == '\0' ? "5432" : port, database == NULL ? "" : "/",
                   database == NULL ? "" : database);
}
