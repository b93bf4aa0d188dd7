/* SPDX-License-Identifier: Apache-2.0 */
/* The statement that moves positions in the transaction of the rows. */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

#define OFFSET_BITS INT64_C(0x7fffffff)

int64_t positions_pack(const struct ph_position *p)
{
    return p->fingerprint == 0 ? 0 : (p->next_offset & OFFSET_BITS) << 32 | p->fingerprint;
}

uint32_t positions_unpack(const char *packed, int64_t next_offset)
{
    int64_t value = strtoll(packed, NULL, 10);
    return value >> 32 == (next_offset & OFFSET_BITS) ? (uint32_t)value : 0;
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
    sql_add(sql, "PREPARE pipehost_move(int[], bigint[], bigint[], bigint[]) AS WITH ");
    add_held(sql, t);
    sql_add(sql,
            ", moved AS MATERIALIZED (SELECT h.*, m.was, m.next, m.last FROM unnest($1, $2, "
            "$3, $4) AS m(slot, was, next, last) JOIN held h ON h.slot = m.slot), locked AS "
            "MATERIALIZED "
            "(SELECT 1 FROM %s p JOIN moved m ON ",
            table);
    add_key_match(sql, t, "m");
    sql_add(sql,
            " ORDER BY p.source, p.topic, p.partition FOR NO KEY UPDATE OF p), done AS "
            "(UPDATE %s p SET next_offset = m.next, fingerprint = m.last, updated_at = now() FROM "
            "moved m WHERE ",
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
    sql_add(sql, "}', '{");
    for (uint32_t i = 0; i < e->position_count; i++) {
        sql_add(sql, "%s%lld", i == 0 ? "" : ",", (long long)positions_pack(&e->positions[i]));
    }
    sql_add(sql, "}')");
    return PH_OK;
}

bool positions_add_stay(const struct sink_task *t, struct sql *sql)
{
    for (uint32_t i = 0; i < t->held_count; i++) {
        const struct held *h = &t->held[i];
        struct ph_position p = {.fingerprint = h->fingerprint, .next_offset = h->next_offset};
        if (h->fence >= 0) {
            sql_add(sql, "EXECUTE pipehost_move('{%u}', '{%lld}', '{%lld}', '{%lld}')", i,
                    (long long)h->next_offset, (long long)h->next_offset,
                    (long long)positions_pack(&p));
            return true;
        }
    }
    return false;
}

void positions_moved(struct sink_task *t, const struct ph_epoch *e)
{
    for (uint32_t i = 0; t->sink->keeps_positions && i < e->position_count; i++) {
        struct held *h = positions_find(t, e->positions[i].partition_id);
        h->next_offset = e->positions[i].next_offset;
        h->fingerprint = e->positions[i].fingerprint;
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

/*
 * Another fence of this very owner: the answer to its last claim was lost. A lower one of another
 * owner: nobody lowers a fence, so this is not the database that took the claim.
 */
int32_t positions_check_owner(const struct sink_task *t, const struct held *h, int64_t fence,
                              const char *owner, struct ph_error *err)
{
    const struct ph_partition *p = &h->partition;
    if (strcmp(owner, t->owner) == 0) {
        return PH_OK;
    }
    if (fence >= h->fence) {
        return ph_error_set(err, PH_ERR_FENCED,
                            "%s[%d] was taken over by %s: this process may write no more", p->topic,
                            p->partition, owner);
    }
    return ph_error_set(err, PH_ERR_FATAL,
                        "the row of %s[%d] in %s is one from before this process took it over: the "
                        "database went back, as where a server takes over that lags behind; start "
                        "again to go on from there",
                        p->topic, p->partition, sql_text(&t->sink->positions_table));
}

static int32_t blame_row(struct sink_task *t, const PGresult *r, int row, struct ph_error *err)
{
    long slot = strtol(PQgetvalue(r, row, 0), NULL, 10);
    const struct held *h = &t->held[slot];
    long long fence = strtoll(PQgetvalue(r, row, 1), NULL, 10);
    long long next_offset = strtoll(PQgetvalue(r, row, 2), NULL, 10);
    if (positions_check_owner(t, h, fence, PQgetvalue(r, row, 3), err) != PH_OK) {
        return PH_ERROR;
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
