/* SPDX-License-Identifier: Apache-2.0 */
/* The connection URL of pgJDBC (https://jdbc.postgresql.org/documentation/use/) in libpq's words.
 */
#include "dsn.h"

#include <stdlib.h>

#define JDBC_HEAD "jdbc:postgresql:"

enum meaning {
    MEANS_SAME,    /* libpq has it under the name in `libpq` */
    MEANS_SSL,     /* ssl=true: pgJDBC verifies fully */
    MEANS_SCHEMA,  /* currentSchema: a search_path */
    MEANS_ON_OFF,  /* true and false as 1 and 0 */
    MEANS_NOTHING, /* tunes the JDBC driver itself */
};

static const struct parameter {
    const char *jdbc;
    const char *libpq;
    enum meaning meaning;
} parameters[] = {
    {"user", "user", MEANS_SAME},
    {"password", "password", MEANS_SAME},
    {"sslmode", "sslmode", MEANS_SAME},
    {"sslcert", "sslcert", MEANS_SAME},
    {"sslkey", "sslkey", MEANS_SAME},
    {"sslrootcert", "sslrootcert", MEANS_SAME},
    {"sslpassword", "sslpassword", MEANS_SAME},
    {"options", "options", MEANS_SAME},
    {"connectTimeout", "connect_timeout", MEANS_SAME},
    {"loginTimeout", "connect_timeout", MEANS_SAME},
    {"gssEncMode", "gssencmode", MEANS_SAME},
    {"channelBinding", "channel_binding", MEANS_SAME},
    {"ssl", "sslmode", MEANS_SSL},
    {"currentSchema", "options", MEANS_SCHEMA},
    {"tcpKeepAlive", "keepalives", MEANS_ON_OFF},
    {"ApplicationName", NULL, MEANS_NOTHING},
    {"reWriteBatchedInserts", NULL, MEANS_NOTHING},
    {"prepareThreshold", NULL, MEANS_NOTHING},
    {"preparedStatementCacheQueries", NULL, MEANS_NOTHING},
    {"preparedStatementCacheSizeMiB", NULL, MEANS_NOTHING},
    {"defaultRowFetchSize", NULL, MEANS_NOTHING},
    {"stringtype", NULL, MEANS_NOTHING},
    {"binaryTransfer", NULL, MEANS_NOTHING},
    {"loggerLevel", NULL, MEANS_NOTHING},
    {"tcpNoDelay", NULL, MEANS_NOTHING},
    {"autosave", NULL, MEANS_NOTHING},
    {"assumeMinServerVersion", NULL, MEANS_NOTHING},
};

static int32_t fail(struct ph_error *err, const char *before, const char *name, size_t length,
                    const char *after)
{
    (void)ph_error_set(err, PH_ERR_CONFIG, "dsn: %s\"%.*s\"%s", before,
                       (int)(length > 64 ? 64 : length), name, after);
    ph_error_set_key(err, "/dsn");
    return PH_ERROR;
}

static const struct parameter *find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        const struct parameter *p = &parameters[i];
        if (strlen(p->jdbc) == length && strncmp(p->jdbc, name, length) == 0) {
            return p;
        }
    }
    return NULL;
}

static bool is_text(const char *at, size_t length, const char *text)
{
    return strlen(text) == length && strncmp(at, text, length) == 0;
}

static int32_t add_parameter(struct sql *uri, const struct parameter *p, const char *value,
                             size_t length, struct ph_error *err)
{
    bool is_true = length == 0 || is_text(value, length, "true");
    bool is_switch = p->meaning == MEANS_SSL || p->meaning == MEANS_ON_OFF;
    char mark = strchr(uri->text == NULL ? "" : uri->text, '?') == NULL ? '?' : '&';
    if (p->meaning == MEANS_NOTHING) {
        return PH_OK;
    }
    if (is_switch && !is_true && !is_text(value, length, "false")) {
        return fail(err, "JDBC parameter ", p->jdbc, strlen(p->jdbc), " must be true or false");
    }
    sql_add(uri, "%c%s=", mark, p->libpq);
    if (p->meaning == MEANS_SSL) {
        sql_add(uri, "%s", is_true ? "verify-full" : "prefer");
    } else if (p->meaning == MEANS_ON_OFF) {
        sql_add(uri, "%d", is_true);
    } else {
        sql_add(uri, "%s%.*s", p->meaning == MEANS_SCHEMA ? "-csearch_path%3D" : "", (int)length,
                value);
    }
    return PH_OK;
}

static int32_t add_parameters(struct sql *uri, const char *query, struct ph_error *err)
{
    for (const char *at = query; *at != '\0';) {
        size_t length = strcspn(at, "&");
        size_t name_length = strcspn(at, "=&");
        bool has_value = name_length < length;
        const char *value = at + name_length + has_value;
        const struct parameter *p = find(at, name_length);
        if (length > 0 && p == NULL) {
            return fail(err, "JDBC parameter ", at, name_length,
                        " has no counterpart in libpq: remove it");
        }
        if (length > 0 &&
            add_parameter(uri, p, value, (size_t)(at + length - value), err) != PH_OK) {
            return PH_ERROR;
        }
        at += length + (at[length] == '&');
    }
    return PH_OK;
}

int32_t jdbc_to_uri(const char *text, struct sql *uri, struct ph_error *err)
{
    size_t head = sizeof JDBC_HEAD - 1;
    if (strncmp(text, JDBC_HEAD, head) != 0) {
        size_t scheme = strcspn(text, "/?@");
        return fail(err, "is a JDBC URL of another database: ", text, scheme,
                    ", jdbc:postgresql: is wanted");
    }
    const char *rest = text + head;
    size_t length = strcspn(rest, "?");
    /* jdbc:postgresql:DATABASE and jdbc:postgresql:/DATABASE mean localhost. */
    if (strncmp(rest, "//", 2) == 0) {
        sql_add(uri, "postgresql:%.*s", (int)length, rest);
    } else {
        size_t skip = rest[0] == '/';
        sql_add(uri, "postgresql://localhost/%.*s", (int)(length - skip), rest + skip);
    }
    return rest[length] == '?' ? add_parameters(uri, rest + length + 1, err) : PH_OK;
}
