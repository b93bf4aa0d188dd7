/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of the same sink under another pipeline's name: refused, or taken over on request. */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

void other_name_add_target(struct sql *sql, const struct sink_task *t)
{
    sql_add(sql, "(SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c "
                 "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(");
    sql_add_literal(sql, sql_text(&t->sink->table));
    sql_add(sql, "))");
}

/* The other name in the first column, then source, topic and table. Rows that the claim itself has
 * just made do not count. */
static void add_search(struct sql *sql, const struct sink_task *t,
                       const struct ph_partition *partitions, uint32_t count)
{
    const struct ph_host *host = t->sink->host;
    const char *table = sql_text(&t->sink->positions_table);
    claim_add_wanted(sql, t, partitions, count);
    sql_add(sql,
            "SELECT o.pipeline, o.source, o.topic, o.target FROM %s o WHERE o.next_offset >= 0 AND "
            "o.target = ",
            table);
    other_name_add_target(sql, t);
    sql_add(sql, " AND o.sink = ");
    sql_add_literal(sql, host->operator_name);
    sql_add(sql, " AND o.pipeline <> ");
    sql_add_literal(sql, host->pipeline_name);
    sql_add(sql,
            " AND EXISTS (SELECT 1 FROM wanted w WHERE (w.source, w.topic) = (o.source, o.topic)) "
            "AND NOT EXISTS (SELECT 1 FROM %s m WHERE (m.source, m.topic) = (o.source, o.topic) "
            "AND (m.pipeline, m.sink) = (",
            table);
    claim_add_owner_key(sql, t);
    sql_add(sql, ") AND m.xmin::text <> (txid_current() %% 4294967296)::text) ORDER BY o.pipeline, "
                 "o.source, o.topic LIMIT 1");
}

int32_t other_name_refuse(struct sink_task *t, const struct ph_partition *partitions,
                          uint32_t count, struct ph_error *err)
{
    const struct ph_host *host = t->sink->host;
    PGresult *r = NULL;
    struct sql sql = {0};
    add_search(&sql, t, partitions, count);
    const char *text = sql_text(&sql);
    int32_t result = text == NULL
                         ? ph_error_set(err, PH_ERR_FATAL, "no memory")
                         : session_query(&t->session, text, 0, NULL,
                                         "looking for other pipelines' positions", &r, err);
    if (result == PH_OK && PQntuples(r) > 0) {
        const char *name = PQgetvalue(r, 0, 0);
        result = ph_error_set(
            err, PH_ERR_CONFIG,
            "%s has positions of sink %s, source %s, topic %s in table %s under the pipeline name "
            "\"%s\" and none under \"%s\": if this is that pipeline, pipehost positions rename "
            "MANIFEST --from %s goes on from them; if both are to write that table, pipehost "
            "positions set MANIFEST --to earliest (or latest) begins anew beside it",
            sql_text(&t->sink->positions_table), host->operator_name, PQgetvalue(r, 0, 1),
            PQgetvalue(r, 0, 2), PQgetvalue(r, 0, 3), name, host->pipeline_name, name);
    }
    PQclear(r);
    sql_fini(&sql);
    return result;
}

/* ---- taking over */

static int32_t check_counts(const struct sink_task *t, const char *from, const PGresult *r,
                            struct ph_error *err)
{
    const char *table = sql_text(&t->sink->positions_table);
    const struct ph_host *host = t->sink->host;
    if (strcmp(PQgetvalue(r, 0, 0), "0") != 0) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s has %s positions of sink %s under \"%s\" already; pipehost "
                            "positions reset MANIFEST --sink %s forgets them",
                            table, PQgetvalue(r, 0, 0), host->operator_name, host->pipeline_name,
                            host->operator_name);
    }
    if (strcmp(PQgetvalue(r, 0, 1), "0") == 0) {
        const char *others = PQgetvalue(r, 0, 2);
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s has no position of sink %s under the pipeline name \"%s\"; it has "
                            "some under %s",
                            table, host->operator_name, from, others[0] != '\0' ? others : "none");
    }
    return PH_OK;
}

static int32_t check_names(struct sink_task *t, const char *from, struct ph_error *err)
{
    const struct ph_host *host = t->sink->host;
    const char *values[] = {host->pipeline_name, host->operator_name, from};
    struct sql sql = {0};
    PGresult *r = NULL;
    sql_add(&sql,
            "SELECT count(*) FILTER (WHERE pipeline = $1), count(*) FILTER (WHERE pipeline = $3), "
            "string_agg(DISTINCT pipeline, ', ') FROM %s WHERE sink = $2 AND next_offset >= 0",
            sql_text(&t->sink->positions_table));
    int32_t result = session_query(&t->session, sql_text(&sql), 3, values,
                                   "looking up the pipelines' names", &r, err);
    if (result == PH_OK) {
        result = check_counts(t, from, r, err);
    }
    PQclear(r);
    sql_fini(&sql);
    return result;
}

/* The other name's rows stay, without a position: no right to delete is asked for. */
static void add_move(struct sql *sql, const struct sink_task *t, const char *from)
{
    const struct ph_host *host = t->sink->host;
    const char *table = sql_text(&t->sink->positions_table);
    sql_add(sql, "BEGIN; WITH former AS (SELECT * FROM %s WHERE pipeline = ", table);
    sql_add_literal(sql, from);
    sql_add(sql, " AND sink = ");
    sql_add_literal(sql, host->operator_name);
    sql_add(sql,
            " ORDER BY source, topic, partition FOR UPDATE), left_alone AS (UPDATE %s p SET fence "
            "= p.fence + 1, next_offset = -1, updated_at = now(), owner = ",
            table);
    sql_add_literal(sql, t->owner);
    sql_add(sql,
            " FROM former f WHERE (p.pipeline, p.sink, p.source, p.topic, p.partition) = "
            "(f.pipeline, f.sink, f.source, f.topic, f.partition)) INSERT INTO %s AS p (pipeline, "
            "sink, source, topic, partition, next_offset, fence, owner, backend_pid, cluster_id, "
            "updated_at, fingerprint, target) SELECT ",
            table);
    claim_add_owner_key(sql, t);
    sql_add(sql, ", source, topic, partition, next_offset, fence + 1, ");
    sql_add_literal(sql, t->owner);
    sql_add(sql, ", pg_backend_pid(), cluster_id, now(), fingerprint, ");
    other_name_add_target(sql, t);
    sql_add(sql,
            " FROM former ON CONFLICT (pipeline, sink, source, topic, partition) DO UPDATE SET "
            "next_offset = EXCLUDED.next_offset, fence = greatest(p.fence + 1, "
            "EXCLUDED.fence), owner = EXCLUDED.owner, backend_pid = EXCLUDED.backend_pid, "
            "cluster_id = EXCLUDED.cluster_id, updated_at = now(), fingerprint = "
            "EXCLUDED.fingerprint, target = EXCLUDED.target; COMMIT");
}

int32_t other_name_take(struct sink_task *t, const char *from, struct ph_error *err)
{
    struct sql sql = {0};
    if (positions_ensure_table(t, err) != PH_OK || check_names(t, from, err) != PH_OK) {
        return PH_ERROR;
    }
    add_move(&sql, t, from);
    int32_t result = session_run(&t->session, sql_text(&sql), "renaming the positions", err);
    sql_fini(&sql);
    return result;
}
