/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crowd of rows that a unique index refuses. The server names the first one only, so it is asked
 * for all of them: the epoch's keys go into a temporary table, and its own comparison says which
 * are there already, or stand in an earlier row of the epoch.
 */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

#define KEYS_MAX 32 /* INDEX_MAX_KEYS */

/*
 * The index's columns, as long as a row's values alone decide: not where it has an expression or a
 * predicate, nor where a trigger may change a row first. It must be the table's own, or of a
 * partition and a part of one that all partitions have: an index of a single partition says nothing
 * of the others. Its values are equal where the columns' are, by whatever collation.
 */
static const char index_query[] =
    "SELECT a.attname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n "
    "ON n.oid = i.relnamespace CROSS JOIN generate_series(0, x.indnkeyatts - 1) k JOIN "
    "pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k] WHERE n.nspname = $1 AND "
    "i.relname = $2 AND x.indisunique AND x.indexprs IS NULL AND x.indpred IS NULL AND EXISTS "
    "(SELECT 1 FROM pg_index y WHERE y.indrelid = to_regclass($3) AND y.indisvalid AND "
    "(y.indexrelid "
    "= x.indexrelid OR y.indexrelid IN (SELECT relid FROM pg_partition_ancestors(x.indexrelid)))) "
    "AND NOT EXISTS (SELECT 1 FROM generate_series(0, x.indnkeyatts - 1) m JOIN pg_attribute b ON "
    "b.attrelid = x.indrelid AND b.attnum = x.indkey[m] JOIN pg_collation c ON c.oid IN "
    "(b.attcollation, x.indcollation[m]) WHERE b.attcollation <> x.indcollation[m] AND NOT "
    "c.collisdeterministic) AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE (t.tgrelid = "
    "to_regclass($3) OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(to_regclass($3)))) AND "
    "t.tgtype & 7 = 7 AND t.tgenabled <> 'D') ORDER BY k";

static bool add_key(const struct plan *plan, const char *name, struct plan *keys)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->columns[i].target.name, name) == 0) {
            keys->columns[keys->count++] = plan->columns[i];
            return true;
        }
    }
    return false;
}

/* The index that refused a row, as the part of the plan that fills its columns. */
static int32_t find_keys(struct sink_task *t, const PGresult *refusal, struct plan *keys)
{
    const char *values[] = {PQresultErrorField(refusal, PG_DIAG_SCHEMA_NAME),
                            PQresultErrorField(refusal, PG_DIAG_CONSTRAINT_NAME),
                            sql_text(&t->sink->table)};
    PGresult *r = NULL;
    if (values[0] == NULL || values[1] == NULL ||
        session_query(&t->session, index_query, 3, values, "looking up an index", &r, NULL) !=
            PH_OK) {
        return PH_ERROR;
    }
    int count = PQntuples(r);
    int32_t result =
        count > 0 && count <= KEYS_MAX ? plan_init(keys, (uint32_t)count, NULL) : PH_ERROR;
    keys->count = 0;
    for (int i = 0; result == PH_OK && i < count; i++) {
        result = add_key(&t->plan, PQgetvalue(r, i, 0), keys) ? PH_OK : PH_ERROR;
    }
    PQclear(r);
    return result;
}

static void add_names(struct sql *sql, const struct plan *keys, const char *prefix)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        sql_add(sql, "%s%s", i == 0 ? "" : ", ", prefix);
        sql_add_identifier(sql, keys->columns[i].target.name);
    }
}

static void add_comparisons(struct sql *sql, const struct plan *keys, const char *how)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        struct sql name = {0};
        sql_add_identifier(&name, keys->columns[i].target.name);
        const char *text = sql_text(&name);
        sql_add(sql, how, i == 0 ? "" : " AND ", text == NULL ? "" : text,
                text == NULL ? "" : text);
        sql_fini(&name);
    }
}

/* The rows of a query, or null. */
static PGresult *run(struct sink_task *t, const struct sql *sql)
{
    PGresult *r = NULL;
    const char *text = sql_text(sql);
    if (text == NULL ||
        session_query(&t->session, text, 0, NULL, "looking for equal keys", &r, NULL) != PH_OK) {
        return NULL;
    }
    return r;
}

static int32_t copy_keys(struct sink_task *t, const struct plan *keys)
{
    struct sql sql = {0};
    sql_add(&sql, "BEGIN; CREATE TEMPORARY TABLE pipehost_keys ON COMMIT DROP AS SELECT ");
    add_names(&sql, keys, "");
    sql_add(&sql,
            " FROM %s WITH NO DATA; ALTER TABLE pg_temp.pipehost_keys ADD COLUMN \"pipehost line\" "
            "bigint GENERATED ALWAYS AS IDENTITY; COPY pg_temp.pipehost_keys (",
            sql_text(&t->sink->table));
    add_names(&sql, keys, "");
    sql_add(&sql, ") FROM STDIN (FORMAT binary)");
    int32_t result = resend_open(t, sql_text(&sql));
    sql_fini(&sql);
    ph_counter_add(t->cells[SINK_COPIES], 1);
    /* The keys of the rows that the failed COPY had, in its order. */
    if (result == PH_OK) {
        result = resend_lines(t, keys, 1, t->epoch.line_count);
    }
    return result == PH_OK ? session_drain(&t->session, session_deadline(&t->session), NULL)
                           : PH_ERROR;
}

/* Lines whose key the table has, or an earlier line, which must be below `limit`. A key with a null
 * is equal to none. */
static PGresult *query_lines(struct sink_task *t, const struct plan *keys, uint64_t limit)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT line FROM (SELECT \"pipehost line\" AS line, min(\"pipehost line\") OVER "
                  "(PARTITION BY ");
    add_names(&sql, keys, "k.");
    sql_add(&sql, ") AS first, EXISTS (SELECT 1 FROM %s t WHERE ", sql_text(&t->sink->table));
    add_comparisons(&sql, keys, "%st.%s = k.%s");
    sql_add(&sql, ") AS is_there FROM pg_temp.pipehost_keys k WHERE ");
    add_comparisons(&sql, keys, "%sk.%s IS NOT NULL");
    sql_add(&sql, ") AS seen WHERE is_there OR (first < line AND first < %llu) ORDER BY line",
            (unsigned long long)limit);
    PGresult *r = run(t, &sql);
    sql_fini(&sql);
    return r;
}

static void end(struct sink_task *t)
{
    /* Where something failed, the host's abort mends the connection. */
    if (session_is_alive(&t->session) && PQtransactionStatus(t->session.conn) != PQTRANS_ACTIVE &&
        PQtransactionStatus(t->session.conn) != PQTRANS_IDLE) {
        (void)session_run(&t->session, "ROLLBACK", "looking for equal keys", NULL);
    }
}

/*
 * Of the lines below the failing one the server took each. What stands behind it may be refused for
 * a reason of its own, and then its equals are no duplicates: they are only where the table takes
 * all the rest.
 */
PGresult *duplicates_find(struct sink_task *t, const PGresult *refusal, uint64_t line)
{
    struct plan keys = {0};
    PGresult *certain = NULL;
    PGresult *all = NULL;
    if (find_keys(t, refusal, &keys) == PH_OK && copy_keys(t, &keys) == PH_OK) {
        certain = query_lines(t, &keys, line);
        all = certain == NULL ? NULL : query_lines(t, &keys, t->epoch.line_count);
    }
    plan_fini(&keys);
    end(t);
    if (all != NULL && PQntuples(all) > PQntuples(certain) && trial_takes_rest(t, all)) {
        PQclear(certain);
        return all;
    }
    PQclear(all);
    return certain;
}
