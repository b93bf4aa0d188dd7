/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

#include <ctype.h>

#define MESSAGE_SIZE 512

/* The longest prefix of a SQLSTATE decides (PostgreSQL manual, appendix A). */
static const struct {
    const char *prefix;
    uint32_t flags;
} rules[] = {
    {"08", PH_ERR_RETRIABLE}, /* connection */
    {"22", PH_ERR_POISON},    /* data */
    {"22P03", PH_ERR_FATAL},  /* binary format: the table is no longer what it was at the start */
    {"22P04", PH_ERR_FATAL},  /* COPY format: the same */
    {"23", PH_ERR_POISON},    /* constraint */
    {"25006", PH_ERR_RETRIABLE}, /* read-only: a standby, or a fail-over under way */
    {"25P03", PH_ERR_RETRIABLE}, /* idle in transaction for too long */
    {"28", PH_ERR_CONFIG},       /* password, role, pg_hba.conf */
    {"3D", PH_ERR_CONFIG},       /* no such database */
    {"3F", PH_ERR_CONFIG},       /* no such schema */
    {"40", PH_ERR_RETRIABLE},    /* serialization, deadlock */
    {"40002", PH_ERR_POISON},    /* constraint at the end of a transaction */
    {"42", PH_ERR_CONFIG},       /* no such table or column, no right */
    {"44", PH_ERR_POISON},       /* check option of a view */
    {"53", PH_ERR_RETRIABLE},    /* disk, memory, connections */
    {"54", PH_ERR_POISON},       /* a value too large for an index, … */
    {"55006", PH_ERR_RETRIABLE}, /* object in use */
    {"55P03", PH_ERR_RETRIABLE}, /* lock not available */
    {"57", PH_ERR_RETRIABLE},    /* operator intervention: shutdown, start-up, cancel */
    {"57P04", PH_ERR_CONFIG},    /* database dropped */
    {"58", PH_ERR_RETRIABLE},    /* system error outside of PostgreSQL */
    {"72", PH_ERR_RETRIABLE},    /* snapshot too old */
    {"P0", PH_ERR_POISON},       /* a trigger's RAISE */
};

uint32_t errors_classify(const char *sqlstate)
{
    uint32_t flags = PH_ERR_FATAL;
    size_t longest = 0;
    for (size_t i = 0; sqlstate != NULL && i < sizeof rules / sizeof rules[0]; i++) {
        size_t length = strlen(rules[i].prefix);
        if (length > longest && strncmp(sqlstate, rules[i].prefix, length) == 0) {
            longest = length;
            flags = rules[i].flags;
        }
    }
    return flags;
}

static bool is_sqlstate(const char *text)
{
    for (int i = 0; i < 5; i++) {
        if (!isupper((unsigned char)text[i]) && !isdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return text[5] == ':' || text[5] == '\0' || text[5] == '\n';
}

/* Severity and code stand behind the address: `…failed: FATAL:  28P01: password …`. */
static const char *find_code(const char *message)
{
    for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 3, ":  ")) {
        if (is_sqlstate(at + 3)) {
            return at + 3;
        }
    }
    return NULL;
}

void errors_find_sqlstate(const char *message, char sqlstate[6])
{
    const char *code = find_code(message);
    (void)snprintf(sqlstate, 6, "%.5s", code == NULL ? "" : code);
}

/* Up to where libpq begins to guess, and servers name their source files. */
static size_t useful_length(const char *message)
{
    static const char *const ends[] = {"\nLOCATION:", "\nCONTEXT:", "\n\tThis probably means",
                                       "\n\tIs the server running"};
    size_t length = strlen(message);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *end = strstr(message, ends[i]);
        if (end != NULL && (size_t)(end - message) < length) {
            length = (size_t)(end - message);
        }
    }
    return length;
}

void errors_one_line(char *out, size_t capacity, const char *message)
{
    const char *code = find_code(message);
    const char *at = code == NULL ? message : code + 5 + strspn(code + 5, ": ");
    size_t length = useful_length(at);
    size_t used = 0;
    for (size_t i = 0; i < length && used + 2 < capacity; i++) {
        bool is_gap = isspace((unsigned char)at[i]) != 0;
        if (!is_gap) {
            out[used++] = at[i];
        } else if (used > 0 && out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    while (used > 0 && (out[used - 1] == ' ' || out[used - 1] == '.')) {
        used--;
    }
    out[used] = '\0';
}

static int32_t set_lost(struct ph_error *err, const PGconn *conn, const char *doing)
{
    char message[MESSAGE_SIZE];
    errors_one_line(message, sizeof message, conn == NULL ? "" : PQerrorMessage(conn));
    return ph_error_set(err, PH_ERR_RETRIABLE, "%s: %s", doing,
                        message[0] == '\0' ? "the connection to PostgreSQL is gone" : message);
}

int32_t errors_set(struct ph_error *err, const PGconn *conn, const PGresult *result,
                   const char *doing)
{
    const char *sqlstate = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate == NULL) {
        return set_lost(err, conn, doing);
    }
    char message[MESSAGE_SIZE];
    char more[MESSAGE_SIZE] = "";
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    errors_one_line(message, sizeof message, primary == NULL ? "" : primary);
    errors_one_line(more, sizeof more, detail != NULL ? detail : hint != NULL ? hint : "");
    if (!ph_error_is_set(err)) {
        (void)ph_error_set(err, errors_classify(sqlstate), "%s: %s%s%s (SQLSTATE %s)", doing,
                           message, more[0] == '\0' ? "" : "; ", more, sqlstate);
        ph_error_set_foreign(err, sqlstate);
    }
    return PH_ERROR;
}

bool errors_is_setting(const char *message)
{
    static const char *const phrases[] = {
        "server does not support SSL, but SSL was required",
        "SSL error: certificate verify failed",
        "root certificate file \"",
        "to locate root certificate file",
        "does not match host name \"",
        "could not load private key file \"",
        "could not load private key \"",
        "private key file \"",
        "could not open certificate file \"",
        "could not read certificate file \"",
        "invalid SSL protocol version range",
        "invalid port number: \"",
        "invalid integer value \"",
        "invalid connection option \"",
        "invalid sslmode value: \"",
        "invalid ssl_min_protocol_version value: \"",
        "invalid ssl_max_protocol_version value: \"",
        "invalid channel_binding value: \"",
        "invalid gssencmode value: \"",
        "invalid target_session_attrs value: \"",
    };
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (strstr(message, phrases[i]) != NULL) {
            return true;
        }
    }
    return false;
}

int32_t errors_set_connect(struct ph_error *err, const PGconn *conn, const char *address,
                           bool was_connected)
{
    char message[MESSAGE_SIZE];
    char sqlstate[6];
    const char *text = conn == NULL ? "out of memory" : PQerrorMessage(conn);
    errors_find_sqlstate(text, sqlstate);
    errors_one_line(message, sizeof message, text);
    uint32_t flags = PH_ERR_RETRIABLE;
    if (sqlstate[0] != '\0') {
        flags = errors_classify(sqlstate);
    } else if (!was_connected &&
               ((conn != NULL && PQconnectionNeedsPassword(conn)) || errors_is_setting(text))) {
        flags = PH_ERR_CONFIG;
    }
    if (!ph_error_is_set(err)) {
        (void)ph_error_set(err, flags, "cannot connect to PostgreSQL at %s: %s%s%s%s", address,
                           message, sqlstate[0] == '\0' ? "" : " (SQLSTATE ", sqlstate,
                           sqlstate[0] == '\0' ? "" : ")");
        ph_error_set_foreign(err, sqlstate);
    }
    return PH_ERROR;
}
