/* SPDX-License-Identifier: Apache-2.0 */
/* pipehost.positions/1: what is kept, shown and set from outside. */
#include "sink.h"

#include <stdlib.h>

static struct ph_kept_position position_of(const PGresult *r, int row)
{
    int64_t next_offset = strtoll(PQgetvalue(r, row, 4), NULL, 10);
    return (struct ph_kept_position){.size = (uint32_t)sizeof(struct ph_kept_position),
                                     .fingerprint =
                                         positions_unpack(PQgetvalue(r, row, 8), next_offset),
                                     .source = PQgetvalue(r, row, 0),
                                     .topic = PQgetvalue(r, row, 1),
                                     .cluster = PQgetvalue(r, row, 3),
                                     .partition = (int32_t)strtol(PQgetvalue(r, row, 2), NULL, 10),
                                     .next_offset = next_offset,
                                     .fence = strtoll(PQgetvalue(r, row, 5), NULL, 10),
                                     .owner = PQgetvalue(r, row, 6),
                                     .moved_ms = strtoll(PQgetvalue(r, row, 7), NULL, 10)};
}

int32_t kept_list(struct sink_task *t, const char *pipeline, struct ph_kept_positions *list,
                  struct ph_error *err)
{
    const char *values[] = {pipeline, t->sink->host->operator_name};
    struct sql sql = {0};
    PGresult *r = NULL;
    if (!t->has_positions_table) {
        return PH_OK;
    }
    sql_add(&sql,
            "SELECT source, topic, partition, cluster_id, next_offset, fence, owner, "
            "(extract(epoch FROM updated_at) * 1000)::bigint, %s FROM %s WHERE (pipeline, sink) = "
            "($1, $2) ORDER BY source, topic, partition",
            t->has_old_positions_table ? "0" : "fingerprint", sql_text(&t->sink->positions_table));
    int32_t result =
        session_query(&t->session, sql_text(&sql), 2, values, "reading the positions", &r, err);
    for (int i = 0; result == PH_OK && i < PQntuples(r); i++) {
        struct ph_kept_position position = position_of(r, i);
        result = list->add(list, &position);
    }
    PQclear(r);
    sql_fini(&sql);
    return result;
}

static void add_rows(struct sql *sql, const struct ph_partition *partitions,
                     const struct ph_position *positions, uint32_t count)
{
    sql_add(sql, "(VALUES ");
    for (uint32_t i = 0; i < count; i++) {
        sql_add(sql, "%s(", i == 0 ? "" : ", ");
        sql_add_literal(sql, partitions[i].source);
        sql_add(sql, "::text, ");
        sql_add_literal(sql, partitions[i].topic);
        sql_add(sql, "::text, %d, ", partitions[i].partition);
        sql_add_literal(sql, partitions[i].cluster == NULL ? "" : partitions[i].cluster);
        sql_add(sql, "::text, %lld::bigint, %lld::bigint)", (long long)positions[i].next_offset,
                (long long)positions_pack(&positions[i]));
    }
    sql_add(sql, ") AS w(source, topic, partition, cluster_id, next_offset, fingerprint)");
}

int32_t kept_set(struct sink_task *t, const struct ph_partition *partitions,
                 const struct ph_position *positions, uint32_t count, struct ph_error *err)
{
    struct sql sql = {0};
    if (count == 0) {
        return PH_OK;
    }
    if (positions_ensure_table(t, err) != PH_OK) {
        return PH_ERROR;
    }
    sql_add(&sql,
            "BEGIN; INSERT INTO %s AS p (pipeline, sink, source, topic, partition, next_offset, "
            "fence, owner, backend_pid, cluster_id, updated_at, fingerprint, target) SELECT ",
            sql_text(&t->sink->positions_table));
    claim_add_owner_key(&sql, t);
    sql_add(&sql, ", source, topic, partition, next_offset, 1, ");
    sql_add_literal(&sql, t->owner);
    sql_add(&sql, ", pg_backend_pid(), cluster_id, now(), fingerprint, ");
    other_name_add_target(&sql, t);
    sql_add(&sql, " FROM ");
    add_rows(&sql, partitions, positions, count);
    sql_add(&sql,
            " ORDER BY source, topic, partition ON CONFLICT (pipeline, sink, source, topic, "
            "partition) DO UPDATE SET next_offset = EXCLUDED.next_offset, fence = p.fence + 1, "
            "owner = EXCLUDED.owner, backend_pid = EXCLUDED.backend_pid, cluster_id = CASE WHEN "
            "EXCLUDED.cluster_id = '' THEN p.cluster_id ELSE EXCLUDED.cluster_id END, updated_at = "
            "now(), fingerprint = EXCLUDED.fingerprint, target = EXCLUDED.target; COMMIT");
    int32_t result = session_run(&t->session, sql_text(&sql), "setting the positions", err);
    sql_fini(&sql);
    return result;
}
