#include "rows.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_MAX 8192

struct sql {
    char text[SQL_MAX];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void sql_add(struct sql *sql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(sql->text + sql->len, sizeof sql->text - sql->len, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof sql->text - sql->len) {
        fprintf(stderr, "statement too long\n");
        exit(1);
    }
    sql->len += (size_t)n;
}

static int blame(struct rows_sink *s, const char *what)
{
    fprintf(stderr, "%s: %s", what, PQerrorMessage(s->conn));
    return -1;
}

/* Runs it and gives the last result when its status is as expected, else null after printing why.
 */
static PGresult *run(struct rows_sink *s, const char *sql, ExecStatusType expected)
{
    PGresult *result = PQexec(s->conn, sql);
    if (PQresultStatus(result) == expected) {
        return result;
    }
    blame(s, sql);
    PQclear(result);
    return NULL;
}

static int run_quietly(struct rows_sink *s, const char *sql, ExecStatusType expected)
{
    PGresult *result = run(s, sql, expected);
    PQclear(result);
    return result ? 0 : -1;
}

/* Whoever had the positions before cannot move them any more once the fence is raised. */
static int claim(struct rows_sink *s)
{
    struct sql sql = {.len = 0};
    sql_add(&sql,
            "INSERT INTO handwritten_positions SELECT '%s', p, 0, 1 FROM generate_series(0, %d) p "
            "ON CONFLICT (topic, partition) DO UPDATE SET fence = handwritten_positions.fence + 1 "
            "RETURNING partition, next_offset, fence",
            s->topic, s->partitions - 1);
    PGresult *result = run(s, sql.text, PGRES_TUPLES_OK);
    if (!result) {
        return -1;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        int32_t partition = atoi(PQgetvalue(result, i, 0));
        s->committed[partition] = strtoll(PQgetvalue(result, i, 1), NULL, 10);
        s->next_offsets[partition] = s->committed[partition];
        s->fence = strtoll(PQgetvalue(result, i, 2), NULL, 10);
    }
    PQclear(result);
    return 0;
}

int rows_open(struct rows_sink *s, const char *dsn)
{
    s->conn = PQconnectdb(dsn);
    if (PQstatus(s->conn) != CONNECTION_OK) {
        return blame(s, "Postgres");
    }
    if (run_quietly(s,
                    "SET client_min_messages = warning;"
                    "CREATE TABLE IF NOT EXISTS handwritten_positions (topic text, partition int,"
                    " next_offset bigint NOT NULL, fence bigint NOT NULL,"
                    " PRIMARY KEY (topic, partition)) WITH (fillfactor = 20)",
                    PGRES_COMMAND_OK) < 0) {
        return -1;
    }
    return claim(s);
}

void rows_close(struct rows_sink *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
}

/* Moves the positions and commits, or fails as a whole where the fence or a position is not what
 * this process left. */
static void add_commit(struct rows_sink *s, struct sql *sql)
{
    int moved = 0;
    sql_add(sql,
            "WITH moved AS (UPDATE handwritten_positions h SET next_offset = v.next FROM (VALUES");
    for (int32_t p = 0; p < s->partitions; p++) {
        if (s->next_offsets[p] != s->committed[p]) {
            sql_add(sql, "%s(%" PRId32 ",%" PRId64 "::bigint,%" PRId64 "::bigint)",
                    moved++ > 0 ? "," : "", p, s->committed[p], s->next_offsets[p]);
        }
    }
    sql_add(sql,
            ") v(p, was, next) WHERE h.topic = '%s' AND h.partition = v.p AND h.fence = %" PRId64
            " AND h.next_offset = v.was RETURNING 1) SELECT 1 / (count(*) = %d)::int FROM moved;"
            "COMMIT",
            s->topic, s->fence, moved);
}

static void add_begin(struct rows_sink *s, struct sql *sql)
{
    sql_add(sql,
            "BEGIN;COPY %s (ip, event_timestamp, referrer, host, url, geodata) FROM STDIN (FORMAT "
            "binary);",
            s->table);
}

static int send_rows(struct rows_sink *s, const struct rows_block *block)
{
    if (block->len > 0 && PQputCopyData(s->conn, block->data, (int)block->len) != 1) {
        return blame(s, "COPY");
    }
    s->epoch_rows += block->rows;
    memcpy(s->next_offsets, block->next_offsets, sizeof s->next_offsets);
    return 0;
}

static int begin(struct rows_sink *s, const char *sql)
{
    static const char head[19] = "PGCOPY\n\377\r\n\0";
    if (run_quietly(s, sql, PGRES_COPY_IN) < 0) {
        return -1;
    }
    s->copying = true;
    return PQputCopyData(s->conn, head, sizeof head) == 1 ? 0 : blame(s, "COPY");
}

/* Ends the COPY and reads all that the server answers to the statements of its query. */
static int end_copy(struct rows_sink *s)
{
    static const char tail[2] = {'\377', '\377'};
    if (PQputCopyData(s->conn, tail, sizeof tail) != 1 || PQputCopyEnd(s->conn, NULL) != 1) {
        return blame(s, "COPY");
    }
    bool ok = true;
    PGresult *result;
    while ((result = PQgetResult(s->conn)) != NULL) {
        ExecStatusType status = PQresultStatus(result);
        if (ok && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            blame(s, "COPY");
            ok = false;
        }
        PQclear(result);
    }
    s->copying = false;
    return ok ? 0 : -1;
}

static int committed(struct rows_sink *s)
{
    memcpy(s->committed, s->next_offsets, sizeof s->committed);
    s->epoch_rows = 0;
    s->commits++;
    return 0;
}

/* An epoch that is one block goes out as one query: two round trips instead of four. */
static int take_whole_epoch(struct rows_sink *s, const struct rows_block *block)
{
    struct sql sql = {.len = 0};
    memcpy(s->next_offsets, block->next_offsets, sizeof s->next_offsets);
    add_begin(s, &sql);
    add_commit(s, &sql);
    if (begin(s, sql.text) < 0 || send_rows(s, block) < 0 || end_copy(s) < 0) {
        return -1;
    }
    return committed(s);
}

static int end_epoch(struct rows_sink *s)
{
    struct sql sql = {.len = 0};
    add_commit(s, &sql);
    if (end_copy(s) < 0 || run_quietly(s, sql.text, PGRES_COMMAND_OK) < 0) {
        return -1;
    }
    return committed(s);
}

int rows_take(struct rows_sink *s, const struct rows_block *block)
{
    bool nothing = memcmp(block->next_offsets, s->committed, sizeof s->committed) == 0;
    if (!s->copying && block->idle) {
        return nothing ? 0 : take_whole_epoch(s, block);
    }
    if (!s->copying && !nothing) {
        struct sql sql = {.len = 0};
        add_begin(s, &sql);
        if (begin(s, sql.text) < 0) {
            return -1;
        }
    }
    if (!s->copying) {
        return 0;
    }
    if (send_rows(s, block) < 0) {
        return -1;
    }
    bool full = s->epoch_rows >= s->epoch_rows_max;
    return block->idle || full ? end_epoch(s) : 0;
}
