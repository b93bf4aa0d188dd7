/* SPDX-License-Identifier: Apache-2.0 */
/* The positions table, and the statement that moves positions in the transaction of the rows. */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

/* What all starts of pipehost agree on, so that two do not make the table at once: "pipehost". */
#define ADVISORY_KEY "8100962130432126832"

static const char table_columns[] =
    "(pipeline text, sink text, source text, topic text, partition int, next_offset bigint NOT "
    "NULL, fence bigint NOT NULL, owner text NOT NULL, backend_pid int NOT NULL, cluster_id text "
    "NOT NULL, updated_at timestamptz NOT NULL, PRIMARY KEY (pipeline, sink, source, topic, "
    "partition)) WITH (fillfactor = 20)";

/* Too long for one sentence with a DDL of its own words: says what to run, and who must. */
static int32_t fail_no_right(struct sink_task *t, struct ph_error *err)
{
    const char *table = sql_text(&t->sink->positions_table);
    (void)ph_error_set(err, PH_ERR_CONFIG,
                       "user \"%s\" may not make the positions table; let an owner run: CREATE "
                       "TABLE %s %s; GRANT SELECT, INSERT, UPDATE ON %s TO \"%s\"",
                       PQuser(t->session.conn), table, table_columns, table,
                       PQuser(t->session.conn));
    ph_error_set_key(err, "/positions_table");
    return PH_ERROR;
}

static int32_t create_table(struct sink_task *t, struct ph_error *err)
{
    struct ph_error own;
    struct sql sql = {0};
    ph_error_clear(&own);
    sql_add(&sql,
            "BEGIN; SELECT pg_advisory_xact_lock(" ADVISORY_KEY "); CREATE TABLE IF NOT "
            "EXISTS %s %s; COMMIT",
            sql_text(&t->sink->positions_table), table_columns);
    int32_t result = session_run(&t->session, sql_text(&sql), "making the positions table", &own);
    sql_fini(&sql);
    if (result == PH_OK) {
        session_log(&t->session, PH_LOG_INFO, "made the positions table %s at %s",
                    sql_text(&t->sink->positions_table), t->session.address);
        return PH_OK;
    }
    if (strcmp(own.foreign_code, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0) {
        return fail_no_right(t, err);
    }
    if (strcmp(own.foreign_code, SQLSTATE_NO_SCHEMA) == 0) {
        ph_error_set_key(&own, "/positions_table");
    }
    if (err != NULL && !ph_error_is_set(err)) {
        *err = own;
    }
    return PH_ERROR;
}

/* Answers how many of the table's columns are there, 0 = no table, and whether we may use it. */
static int32_t inspect_table(struct sink_task *t, bool *is_there, struct ph_error *err)
{
    static const char query[] =
        "SELECT count(*), coalesce(bool_and(has_table_privilege(a.attrelid, 'SELECT') AND "
        "has_table_privilege(a.attrelid, 'INSERT') AND has_table_privilege(a.attrelid, "
        "'UPDATE')), false) FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > "
        "0 AND NOT a.attisdropped AND a.attname IN ('pipeline', 'sink', 'source', 'topic', "
        "'partition', 'next_offset', 'fence', 'owner', 'backend_pid', 'cluster_id', 'updated_at')";
    const char *table = sql_text(&t->sink->positions_table);
    const char *values[] = {table};
    PGresult *r = NULL;
    *is_there = false;
    if (session_query(&t->session, query, 1, values, "looking up the positions table", &r, err) !=
        PH_OK) {
        return PH_ERROR;
    }
    long found = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    bool is_ours = PQgetvalue(r, 0, 1)[0] == 't';
    PQclear(r);
    *is_there = found != 0;
    if (found != 0 && found != 11) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "table %s is no positions table: it lacks columns of %s", table,
                           table_columns);
        ph_error_set_key(err, "/positions_table");
        return PH_ERROR;
    }
    if (found == 11 && !is_ours) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "user \"%s\" may not use the positions table; let its owner run: GRANT "
                           "SELECT, INSERT, UPDATE ON %s TO \"%s\"",
                           PQuser(t->session.conn), table, PQuser(t->session.conn));
        ph_error_set_key(err, "/positions_table");
        return PH_ERROR;
    }
    return PH_OK;
}

/* What a claim would need to make the table: a schema, and the right to make tables in it. */
static int32_t check_schema(struct sink_task *t, struct ph_error *err)
{
    static const char query[] =
        "SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'CREATE'), false) FROM "
        "(SELECT CASE WHEN cardinality(p) = 2 THEN p[1] ELSE current_schema()::text END AS name "
        "FROM parse_ident($1) AS p) AS wanted LEFT JOIN pg_namespace n ON n.nspname = wanted.name";
    const char *values[] = {sql_text(&t->sink->positions_table)};
    PGresult *r = NULL;
    if (session_query(&t->session, query, 1, values, "looking up the positions table's schema", &r,
                      err) != PH_OK) {
        return PH_ERROR;
    }
    bool is_there = PQgetvalue(r, 0, 0)[0] == 't';
    bool may_create = PQgetvalue(r, 0, 1)[0] == 't';
    PQclear(r);
    if (!is_there) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "the positions table %s cannot be made: there is no such schema",
                           values[0]);
        ph_error_set_key(err, "/positions_table");
        return PH_ERROR;
    }
    return may_create ? PH_OK : fail_no_right(t, err);
}

int32_t positions_check_table(struct sink_task *t, struct ph_error *err)
{
    if (inspect_table(t, &t->has_positions_table, err) != PH_OK) {
        return PH_ERROR;
    }
    return t->has_positions_table ? PH_OK : check_schema(t, err);
}

int32_t positions_ensure_table(struct sink_task *t, struct ph_error *err)
{
    if (!t->has_positions_table && create_table(t, err) != PH_OK) {
        return PH_ERROR;
    }
    t->has_positions_table = true;
    return PH_OK;
}

uint32_t positions_place(const struct sink_task *t, uint32_t partition_id)
{
    uint32_t from = 0;
    uint32_t end = t->held_count;
    while (from < end) {
        uint32_t middle = from + (end - from) / 2;
        if (t->held[middle].partition.id < partition_id) {
            from = middle + 1;
        } else {
            end = middle;
        }
    }
    return from;
}

struct held *positions_find(const struct sink_task *t, uint32_t partition_id)
{
    uint32_t place = positions_place(t, partition_id);
    bool is_there = place < t->held_count && t->held[place].partition.id == partition_id;
    return is_there ? &t->held[place] : NULL;
}

static void add_key_match(struct sql *sql, const struct sink_task *t, const char *other)
{
    const struct ph_host *host = t->sink->host;
    sql_add(sql, "p.pipeline = ");
    sql_add_literal(sql, host->pipeline_name);
    sql_add(sql, " AND p.sink = ");
    sql_add_literal(sql, host->operator_name);
    sql_add(sql, " AND p.source = %s.source AND p.topic = %s.topic AND p.partition = %s.partition",
            other, other, other);
}

static void add_held(struct sql *sql, const struct sink_task *t)
{
    sql_add(sql, "held(slot, source, topic, partition, fence) AS (VALUES ");
    for (uint32_t i = 0; i < t->held_count; i++) {
        const struct held *h = &t->held[i];
        sql_add(sql, "%s(%u, ", i == 0 ? "" : ", ", i);
        sql_add_literal(sql, h->partition.source);
        sql_add(sql, "::text, ");
        sql_add_literal(sql, h->partition.topic);
        sql_add(sql, "::text, %d, %lld::bigint)", h->partition.partition, (long long)h->fence);
    }
    sql_add(sql, ")");
}

/*
 * The statement fails (22012) unless it moves every row: the rows must have the fence of this
 * owner's claim and the offset that its last epoch left. They are locked in the key's order, as
 * the claim does, so that two owners cannot deadlock. It also fails where the table is no longer
 * the one that the rows were encoded for; the lock that COPY holds on it makes that exact.
 */
static void add_moving(struct sql *sql, const struct sink_task *t)
{
    const char *table = sql_text(&t->sink->positions_table);
    sql_add(sql, "PREPARE pipehost_move(int[], bigint[], bigint[]) AS WITH ");
    add_held(sql, t);
    sql_add(sql,
            ", moved AS MATERIALIZED (SELECT h.*, m.was, m.next FROM unnest($1, $2, $3) AS "
            "m(slot, was, next) JOIN held h ON h.slot = m.slot), locked AS MATERIALIZED "
            "(SELECT 1 FROM %s p JOIN moved m ON ",
            table);
    add_key_match(sql, t, "m");
    sql_add(sql,
            " ORDER BY p.source, p.topic, p.partition FOR NO KEY UPDATE OF p), done AS "
            "(UPDATE %s p SET next_offset = m.next, updated_at = now() FROM moved m WHERE ",
            table);
    add_key_match(sql, t, "m");
    sql_add(sql, " AND p.fence = m.fence AND p.next_offset = m.was AND (SELECT count(*) FROM "
                 "locked) > 0 RETURNING 1) SELECT 1 / (count(*) = cardinality($1) AND ");
    catalog_add_match(t, sql);
    sql_add(sql, ")::int FROM done");
}

/* Without positions, the same of the table alone. */
static void add_table_check(struct sql *sql, const struct sink_task *t)
{
    sql_add(sql, "PREPARE pipehost_move AS SELECT 1 / (true AND ");
    catalog_add_match(t, sql);
    sql_add(sql, ")::int");
}

int32_t positions_prepare(struct sink_task *t, struct ph_error *err)
{
    struct sql sql = {0};
    if (t->is_prepared) {
        sql_add(&sql, "DEALLOCATE pipehost_move; ");
        t->is_prepared = false;
    }
    if (!t->sink->keeps_positions) {
        add_table_check(&sql, t);
    } else {
        add_moving(&sql, t);
    }
    int32_t result = session_run(&t->session, sql_text(&sql), "preparing to move positions", err);
    sql_fini(&sql);
    t->is_prepared = result == PH_OK;
    return result;
}

int32_t positions_add_move(struct sink_task *t, const struct ph_epoch *e, struct sql *sql,
                           struct ph_error *err)
{
    if (!t->sink->keeps_positions) {
        sql_add(sql, "EXECUTE pipehost_move");
        return PH_OK;
    }
    for (uint32_t i = 0; i < e->position_count; i++) {
        if (positions_find(t, e->positions[i].partition_id) == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "partition %u was never claimed",
                                e->positions[i].partition_id);
        }
    }
    sql_add(sql, "EXECUTE pipehost_move('{");
    for (uint32_t i = 0; i < e->position_count; i++) {
        const struct held *h = positions_find(t, e->positions[i].partition_id);
        sql_add(sql, "%s%u", i == 0 ? "" : ",", (uint32_t)(h - t->held));
    }
    sql_add(sql, "}', '{");
    for (uint32_t i = 0; i < e->position_count; i++) {
        const struct held *h = positions_find(t, e->positions[i].partition_id);
        sql_add(sql, "%s%lld", i == 0 ? "" : ",", (long long)h->next_offset);
    }
    sql_add(sql, "}', '{");
    for (uint32_t i = 0; i < e->position_count; i++) {
        sql_add(sql, "%s%lld", i == 0 ? "" : ",", (long long)e->positions[i].next_offset);
    }
    sql_add(sql, "}')");
    return PH_OK;
}

void positions_moved(struct sink_task *t, const struct ph_epoch *e)
{
    for (uint32_t i = 0; t->sink->keeps_positions && i < e->position_count; i++) {
        positions_find(t, e->positions[i].partition_id)->next_offset = e->positions[i].next_offset;
    }
}

/* One row of (slot, fence, next_offset, owner) for each held partition whose row exists. */
static int32_t read_rows(struct sink_task *t, PGresult **r, struct ph_error *err)
{
    struct sql sql = {0};
    sql_add(&sql, "WITH ");
    add_held(&sql, t);
    sql_add(&sql, " SELECT h.slot, p.fence, p.next_offset, p.owner FROM held h JOIN %s p ON ",
            sql_text(&t->sink->positions_table));
    add_key_match(&sql, t, "h");
    const char *text = sql_text(&sql);
    int32_t result =
        text == NULL ? ph_error_set(err, PH_ERR_FATAL, "no memory")
                     : session_query(&t->session, text, 0, NULL, "reading the positions", r, err);
    sql_fini(&sql);
    return result;
}

static int32_t blame_row(struct sink_task *t, const PGresult *r, int row, struct ph_error *err)
{
    long slot = strtol(PQgetvalue(r, row, 0), NULL, 10);
    const struct held *h = &t->held[slot];
    long long fence = strtoll(PQgetvalue(r, row, 1), NULL, 10);
    long long next_offset = strtoll(PQgetvalue(r, row, 2), NULL, 10);
    if (fence != h->fence && strcmp(PQgetvalue(r, row, 3), t->owner) != 0) {
        return ph_error_set(err, PH_ERR_FENCED,
                            "%s[%d] was taken over by %s: this process may write no more",
                            h->partition.topic, h->partition.partition, PQgetvalue(r, row, 3));
    }
    if (next_offset != h->next_offset) {
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "the position of %s[%d] is %lld, where this process left %lld: it "
                            "claims the partition again",
                            h->partition.topic, h->partition.partition, next_offset,
                            (long long)h->next_offset);
    }
    return PH_OK;
}

int32_t positions_blame(struct sink_task *t, struct ph_error *err)
{
    if (!t->sink->keeps_positions) {
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "table %s was altered and altered back while an epoch was written",
                            sql_text(&t->sink->table));
    }
    PGresult *r = NULL;
    if (read_rows(t, &r, err) != PH_OK) {
        return PH_ERROR;
    }
    int32_t result = PH_OK;
    int found = PQntuples(r);
    for (int i = 0; i < found && result == PH_OK; i++) {
        result = blame_row(t, r, i, err);
    }
    PQclear(r);
    if (result == PH_OK) {
        (void)ph_error_set(err, PH_ERR_RETRIABLE, "%s lost a row of this sink, or moved: %d of %u",
                           sql_text(&t->sink->positions_table), found, t->held_count);
    }
    return PH_ERROR;
}
