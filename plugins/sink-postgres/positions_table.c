/* SPDX-License-Identifier: Apache-2.0 */
/* The positions table: made, brought up to date, or refused. */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

/* What all starts of pipehost agree on, so that two do not make the table at once: "pipehost". */
#define ADVISORY_KEY "8100962130432126832"

static const char table_columns[] =
    "(pipeline text, sink text, source text, topic text, partition int, next_offset bigint NOT "
    "NULL, fence bigint NOT NULL, owner text NOT NULL, backend_pid int NOT NULL, cluster_id text "
    "NOT NULL, updated_at timestamptz NOT NULL, fingerprint bigint NOT NULL DEFAULT 0, target text "
    "NOT NULL DEFAULT '', PRIMARY KEY (pipeline, sink, source, topic, partition)) WITH (fillfactor "
    "= 20)";

/* What tables of earlier versions lack; those versions go on with them. */
static const char later_columns[] =
    "ADD COLUMN IF NOT EXISTS fingerprint bigint NOT NULL DEFAULT 0, ADD COLUMN IF NOT EXISTS "
    "target text NOT NULL DEFAULT ''";

#define FIRST_COLUMNS 11
#define LATER_COLUMNS 2

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

static int32_t fail_not_owner(struct sink_task *t, struct ph_error *err)
{
    const char *table = sql_text(&t->sink->positions_table);
    (void)ph_error_set(err, PH_ERR_CONFIG,
                       "the positions table %s was made by an earlier version and user \"%s\" may "
                       "not alter it; let its owner run: ALTER TABLE %s %s",
                       table, PQuser(t->session.conn), table, later_columns);
    ph_error_set_key(err, "/positions_table");
    return PH_ERROR;
}

/* Makes the table, or brings one of an earlier version up to date. */
static int32_t change_table(struct sink_task *t, bool is_there, struct ph_error *err)
{
    const char *table = sql_text(&t->sink->positions_table);
    struct ph_error own;
    struct sql sql = {0};
    ph_error_clear(&own);
    sql_add(&sql, "BEGIN; SELECT pg_advisory_xact_lock(" ADVISORY_KEY "); ");
    if (is_there) {
        sql_add(&sql, "ALTER TABLE %s %s; COMMIT", table, later_columns);
    } else {
        sql_add(&sql, "CREATE TABLE IF NOT EXISTS %s %s; COMMIT", table, table_columns);
    }
    int32_t result = session_run(
        &t->session, sql_text(&sql),
        is_there ? "adding columns to the positions table" : "making the positions table", &own);
    sql_fini(&sql);
    if (result == PH_OK) {
        session_log(&t->session, PH_LOG_INFO,
                    is_there ? "added the columns fingerprint and target to %s at %s"
                             : "made the positions table %s at %s",
                    table, t->session.address);
        return PH_OK;
    }
    if (strcmp(own.foreign_code, SQLSTATE_INSUFFICIENT_PRIVILEGE) == 0) {
        return is_there ? fail_not_owner(t, err) : fail_no_right(t, err);
    }
    if (strcmp(own.foreign_code, SQLSTATE_NO_SCHEMA) == 0) {
        ph_error_set_key(&own, "/positions_table");
    }
    if (err != NULL && !ph_error_is_set(err)) {
        *err = own;
    }
    return PH_ERROR;
}

/* What is there of the table, and whether we may use it. */
static int32_t inspect_table(struct sink_task *t, struct ph_error *err)
{
    static const char query[] =
        "SELECT count(*) FILTER (WHERE a.attname NOT IN ('fingerprint', 'target')), count(*) "
        "FILTER (WHERE a.attname IN ('fingerprint', 'target')), "
        "coalesce(bool_and(has_table_privilege(a.attrelid, 'SELECT') AND "
        "has_table_privilege(a.attrelid, 'INSERT') AND has_table_privilege(a.attrelid, "
        "'UPDATE')), false), coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), false) FROM "
        "pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attrelid = to_regclass($1) "
        "AND a.attnum > "
        "0 AND NOT a.attisdropped AND a.attname IN ('pipeline', 'sink', 'source', 'topic', "
        "'partition', 'next_offset', 'fence', 'owner', 'backend_pid', 'cluster_id', 'updated_at', "
        "'fingerprint', 'target')";
    const char *table = sql_text(&t->sink->positions_table);
    const char *values[] = {table};
    PGresult *r = NULL;
    t->has_positions_table = false;
    if (session_query(&t->session, query, 1, values, "looking up the positions table", &r, err) !=
        PH_OK) {
        return PH_ERROR;
    }
    long found = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    long later = strtol(PQgetvalue(r, 0, 1), NULL, 10);
    bool is_ours = PQgetvalue(r, 0, 2)[0] == 't';
    bool is_owner = PQgetvalue(r, 0, 3)[0] == 't';
    PQclear(r);
    t->has_positions_table = found != 0;
    t->has_old_positions_table = found != 0 && later < LATER_COLUMNS;
    if (found != 0 && found != FIRST_COLUMNS) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "table %s is no positions table: it lacks columns of %s", table,
                           table_columns);
        ph_error_set_key(err, "/positions_table");
        return PH_ERROR;
    }
    if (found != 0 && !is_ours) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "user \"%s\" may not use the positions table; let its owner run: GRANT "
                           "SELECT, INSERT, UPDATE ON %s TO \"%s\"",
                           PQuser(t->session.conn), table, PQuser(t->session.conn));
        ph_error_set_key(err, "/positions_table");
        return PH_ERROR;
    }
    return t->has_old_positions_table && !is_owner ? fail_not_owner(t, err) : PH_OK;
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
    if (inspect_table(t, err) != PH_OK) {
        return PH_ERROR;
    }
    return t->has_positions_table ? PH_OK : check_schema(t, err);
}

int32_t positions_ensure_table(struct sink_task *t, struct ph_error *err)
{
    if ((!t->has_positions_table || t->has_old_positions_table) &&
        change_table(t, t->has_positions_table, err) != PH_OK) {
        return PH_ERROR;
    }
    t->has_positions_table = true;
    t->has_old_positions_table = false;
    return PH_OK;
}
