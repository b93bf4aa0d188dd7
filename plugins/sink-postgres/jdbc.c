/* SPDX-License-Identifier: Apache-2.0 */
/* The connection URL of pgJDBC (https://jdbc.postgresql.org/documentation/use/) in libpq's words.
 */
#include "dsn.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define JDBC_HEAD "jdbc:postgresql:"
/* From this version on libpq tells a primary server from a standby. */
#define LIBPQ_KNOWS_STANDBY 140000

enum meaning {
    MEANS_SAME,    /* libpq has it under the name in `libpq` */
    MEANS_SSL,     /* ssl=true: pgJDBC verifies fully */
    MEANS_SCHEMA,  /* currentSchema: a search_path */
    MEANS_ON_OFF,  /* true and false as 1 and 0 */
    MEANS_SERVER,  /* which of several */
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
    {"targetServerType", "target_session_attrs", MEANS_SERVER},
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

/* Null: libpq has no word for it. */
static const char *find_server(const char *value, size_t length)
{
    /* A sink must write, so the primary that is preferred is the only one of use. */
    static const char *const servers[][2] = {
        {"any", "any"},
        {"primary", "primary"},
        {"master", "primary"},
        {"preferPrimary", "primary"},
        {"secondary", "standby"},
        {"slave", "standby"},
        {"preferSecondary", "prefer-standby"},
        {"preferSlave", "prefer-standby"},
    };
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        if (is_text(value, length, servers[i][0])) {
            const char *server = servers[i][1];
            bool is_known = i == 0 || PQlibVersion() >= LIBPQ_KNOWS_STANDBY;
            return is_known ? server : strcmp(server, "primary") == 0 ? "read-write" : NULL;
        }
    }
    return NULL;
}

/* Where one name is given several times libpq takes the last. */
static void begin_parameter(struct sql *uri, const char *name)
{
    char mark = strchr(uri->text == NULL ? "" : uri->text, '?') == NULL ? '?' : '&';
    sql_add(uri, "%c%s=", mark, name);
}

/* pgJDBC takes '=' as it is, and a plus for a blank; libpq wants both percent-encoded. */
static void add_value(struct sql *uri, const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (value[i] == '=') {
            sql_add(uri, "%%3D");
        } else if (value[i] == ' ' || value[i] == '+') {
            sql_add(uri, "%%20");
        } else {
            sql_add(uri, "%c", value[i]);
        }
    }
}

/* The server takes options apart at blanks that have no backslash before them. */
static void add_schemas(struct sql *options, const char *value, size_t length)
{
    sql_add(options, "-csearch_path%%3D");
    for (size_t i = 0; i < length; i++) {
        bool is_encoded = length - i >= 3 && value[i] == '%';
        bool is_blank =
            value[i] == ' ' || value[i] == '+' || (is_encoded && strncmp(value + i, "%20", 3) == 0);
        bool is_backslash =
            value[i] == '\\' || (is_encoded && strncasecmp(value + i, "%5c", 3) == 0);
        if (is_blank || is_backslash) {
            sql_add(options, "%%5C%s", is_blank ? "%20" : "%5C");
            i += is_encoded ? 2 : 0;
        } else {
            add_value(options, value + i, 1);
        }
    }
}

/* Those of libpq's name options come together at the end. */
static void add_options(struct sql *options, const struct parameter *p, const char *value,
                        size_t length)
{
    sql_add(options, "%s", options->used > 0 ? "%20" : "");
    if (p->meaning == MEANS_SCHEMA) {
        add_schemas(options, value, length);
    } else {
        add_value(options, value, length);
    }
}

static int32_t add_switch(struct sql *uri, const struct parameter *p, const char *value,
                          size_t length, struct ph_error *err)
{
    bool is_true = length == 0 || is_text(value, length, "true");
    if (!is_true && !is_text(value, length, "false")) {
        return fail(err, "JDBC parameter ", p->jdbc, strlen(p->jdbc), " must be true or false");
    }
    const char *word =
        p->meaning == MEANS_SSL ? (is_true ? "verify-full" : "prefer") : (is_true ? "1" : "0");
    begin_parameter(uri, p->libpq);
    sql_add(uri, "%s", word);
    return PH_OK;
}

static int32_t add_server(struct sql *uri, const struct parameter *p, const char *value,
                          size_t length, struct ph_error *err)
{
    const char *server = find_server(value, length);
    if (server == NULL) {
        return fail(err, "JDBC parameter ", p->jdbc, strlen(p->jdbc),
                    PQlibVersion() >= LIBPQ_KNOWS_STANDBY
                        ? " must be any, primary, secondary, preferPrimary or preferSecondary"
                        : " must be any or primary, with this libpq");
    }
    begin_parameter(uri, p->libpq);
    sql_add(uri, "%s", server);
    return PH_OK;
}

static int32_t add_parameter(struct sql *uri, struct sql *options, const struct parameter *p,
                             const char *value, size_t length, struct ph_error *err)
{
    if (p->meaning == MEANS_SSL || p->meaning == MEANS_ON_OFF) {
        return add_switch(uri, p, value, length, err);
    }
    if (p->meaning == MEANS_SERVER) {
        return add_server(uri, p, value, length, err);
    }
    if (p->meaning == MEANS_NOTHING) {
        return PH_OK;
    }
    if (strcmp(p->libpq, "options") == 0) {
        add_options(options, p, value, length);
    } else {
        begin_parameter(uri, p->libpq);
        add_value(uri, value, length);
    }
    return PH_OK;
}

static int32_t take_parameters(struct sql *uri, struct sql *options, const char *query,
                               struct ph_error *err)
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
            add_parameter(uri, options, p, value, (size_t)(at + length - value), err) != PH_OK) {
            return PH_ERROR;
        }
        at += length + (at[length] == '&');
    }
    return PH_OK;
}

static int32_t add_parameters(struct sql *uri, const char *query, struct ph_error *err)
{
    struct sql options = {0};
    int32_t result = take_parameters(uri, &options, query, err);
    if (options.used > 0 || options.has_failed) {
        begin_parameter(uri, "options");
        sql_add(uri, "%s", options.has_failed ? "" : sql_text(&options));
        uri->has_failed = uri->has_failed || options.has_failed;
    }
    sql_fini(&options);
    return result;
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
