/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming the one owner of partitions' positions. */
#include "errors.h"
#include "sink.h"

#include <pipehost/failpoint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* How long a claim waits for a lock before it looks who holds it. An owner holds its rows for no
 * longer than a COMMIT takes, and no claim for longer than a few round trips. */
#define PATIENCE_MS 1000
/* Backends of earlier owners that one claim ends. */
#define ENDED_MAX 3

void claim_set_owner(struct sink_task *t)
{
    char machine[64] = "";
    (void)gethostname(machine, sizeof machine - 1);
    uint64_t nonce = 0;
    if (getrandom(&nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        nonce = (uint64_t)t->sink->clock->monotonic_ns(t->sink->host);
    }
    (void)snprintf(t->owner, sizeof t->owner, "%s pid %ld lane %u (%016llx)", machine,
                   (long)getpid(), t->task->lane, (unsigned long long)nonce);
}

static void held_fini(struct held *h)
{
    free((void *)(uintptr_t)h->partition.source);
    free((void *)(uintptr_t)h->partition.topic);
    free((void *)(uintptr_t)h->partition.cluster);
}

void claim_forget(struct sink_task *t)
{
    for (uint32_t i = 0; i < t->held_count; i++) {
        held_fini(&t->held[i]);
    }
    free(t->held);
    t->held = NULL;
    t->held_count = 0;
    t->held_capacity = 0;
}

static int32_t hold(struct sink_task *t, const struct ph_partition *p, struct ph_error *err)
{
    struct held h = {.partition = *p, .fence = -1, .next_offset = -1};
    if (positions_find(t, p->id) != NULL) {
        return PH_OK;
    }
    if (t->held_count == t->held_capacity) {
        uint32_t capacity = t->held_capacity == 0 ? 16 : t->held_capacity * 2;
        struct held *grown = realloc(t->held, capacity * sizeof *grown);
        if (grown == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "no memory for partitions");
        }
        t->held = grown;
        t->held_capacity = capacity;
    }
    h.partition.source = strdup(p->source);
    h.partition.topic = strdup(p->topic);
    h.partition.cluster = strdup(p->cluster == NULL ? "" : p->cluster);
    if (h.partition.source == NULL || h.partition.topic == NULL || h.partition.cluster == NULL) {
        held_fini(&h);
        return ph_error_set(err, PH_ERR_FATAL, "no memory for partitions");
    }
    uint32_t place = positions_place(t, p->id);
    memmove(&t->held[place + 1], &t->held[place], (t->held_count - place) * sizeof h);
    t->held[place] = h;
    t->held_count++;
    return PH_OK;
}

void claim_add_wanted(struct sql *sql, const struct sink_task *t,
                      const struct ph_partition *partitions, uint32_t count)
{
    sql_add(sql, "WITH wanted(id, source, topic, partition, cluster_id) AS (VALUES ");
    for (uint32_t i = 0; i < count; i++) {
        const struct held *h = positions_find(t, partitions[i].id);
        sql_add(sql, "%s(%lld, ", i == 0 ? "" : ", ", (long long)h->partition.id);
        sql_add_literal(sql, h->partition.source);
        sql_add(sql, "::text, ");
        sql_add_literal(sql, h->partition.topic);
        sql_add(sql, "::text, %d, ", h->partition.partition);
        sql_add_literal(sql, h->partition.cluster);
        sql_add(sql, "::text)");
    }
    sql_add(sql, ") ");
}

void claim_add_owner_key(struct sql *sql, const struct sink_task *t)
{
    sql_add_literal(sql, t->sink->host->pipeline_name);
    sql_add(sql, ", ");
    sql_add_literal(sql, t->sink->host->operator_name);
}

void claim_add_match(struct sql *sql, const struct sink_task *t)
{
    sql_add(sql, "(p.pipeline, p.sink) = (");
    claim_add_owner_key(sql, t);
    sql_add(sql, ") AND p.source = w.source AND p.topic = w.topic AND p.partition = w.partition");
}

/* Missing rows, then a lock on all of them in the key's order: the lock waits for a transaction of
 * an earlier owner that is still about to commit, and the next statement sees what it left. */
static void add_lock(struct sql *sql, const struct sink_task *t,
                     const struct ph_partition *partitions, uint32_t count)
{
    const char *table = sql_text(&t->sink->positions_table);
    int64_t limit_ms = t->sink->lock_timeout_ms;
    limit_ms = limit_ms == 0 || limit_ms > PATIENCE_MS ? PATIENCE_MS : limit_ms;
    sql_add(sql, "BEGIN; SET LOCAL lock_timeout = %lld; ", (long long)limit_ms);
    claim_add_wanted(sql, t, partitions, count);
    sql_add(sql,
            "INSERT INTO %s (pipeline, sink, source, topic, partition, next_offset, fence, owner, "
            "backend_pid, cluster_id, updated_at, target) SELECT ",
            table);
    claim_add_owner_key(sql, t);
    sql_add(sql, ", source, topic, partition, -1, 0, '', 0, cluster_id, now(), ");
    other_name_add_target(sql, t);
    sql_add(sql, " FROM wanted ORDER BY source, topic, partition ON CONFLICT DO NOTHING; ");
    claim_add_wanted(sql, t, partitions, count);
    sql_add(sql, "SELECT w.id, p.fence, p.next_offset, p.owner, p.cluster_id, p.target, ");
    other_name_add_target(sql, t);
    sql_add(sql, " FROM %s p JOIN wanted w ON ", table);
    claim_add_match(sql, t);
    sql_add(sql, " ORDER BY p.source, p.topic, p.partition FOR UPDATE OF p");
}

static void add_take(struct sql *sql, const struct sink_task *t,
                     const struct ph_partition *partitions, uint32_t count)
{
    claim_add_wanted(sql, t, partitions, count);
    sql_add(sql,
            "UPDATE %s p SET fence = p.fence + 1, backend_pid = pg_backend_pid(), updated_at "
            "= now(), cluster_id = CASE WHEN w.cluster_id = '' THEN p.cluster_id ELSE "
            "w.cluster_id END, target = ",
            sql_text(&t->sink->positions_table));
    other_name_add_target(sql, t);
    sql_add(sql, ", owner = ");
    sql_add_literal(sql, t->owner);
    sql_add(sql, " FROM wanted w WHERE ");
    claim_add_match(sql, t);
    sql_add(sql, " RETURNING w.id, p.fence, p.next_offset, p.fingerprint");
}

/* May this task have the row? One that it holds must still be its own. */
static int32_t check_row(struct sink_task *t, const PGresult *r, int row, struct ph_error *err)
{
    uint32_t id = (uint32_t)strtoul(PQgetvalue(r, row, 0), NULL, 10);
    const struct held *h = positions_find(t, id);
    long long fence = strtoll(PQgetvalue(r, row, 1), NULL, 10);
    const char *owner = PQgetvalue(r, row, 3);
    const char *cluster = PQgetvalue(r, row, 4);
    const struct ph_partition *p = &h->partition;
    if (h->fence >= 0 && fence == 0) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "the position of %s[%d] was removed from %s while this process held it",
                            p->topic, p->partition, sql_text(&t->sink->positions_table));
    }
    if (h->fence >= 0 && positions_check_owner(t, h, fence, owner, err) != PH_OK) {
        return PH_ERROR;
    }
    if (cluster[0] != '\0' && p->cluster[0] != '\0' && strcmp(cluster, p->cluster) != 0) {
        return ph_error_set(
            err, PH_ERR_CONFIG,
            "the position of %s[%d] in %s is of cluster %s, but the topic is read "
            "from cluster %s; pipehost positions set MANIFEST --sink %s --to earliest "
            "(or latest, or an offset) goes on in that one",
            p->topic, p->partition, sql_text(&t->sink->positions_table), cluster, p->cluster,
            t->sink->host->operator_name);
    }
    if (h->fence < 0 && owner[0] != '\0' && strcmp(owner, t->owner) != 0) {
        session_log(&t->session, PH_LOG_DEBUG, "%s[%d] goes on at %s, where %s left it", p->topic,
                    p->partition, PQgetvalue(r, row, 2), owner);
    }
    return PH_OK;
}

/* Said once: the setting is right as it is, or nobody meant it so. */
static void warn_of_other_table(const struct sink_task *t, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        const char *former = PQgetvalue(r, i, 5);
        const struct held *h = positions_find(t, (uint32_t)strtoul(PQgetvalue(r, i, 0), NULL, 10));
        if (h->fence < 0 && PQgetvalue(r, i, 2)[0] != '-' && former[0] != '\0' &&
            strcmp(former, PQgetvalue(r, i, 6)) != 0) {
            session_log(&t->session, PH_LOG_WARNING,
                        "the rows before these positions are in table %s, those from here on come "
                        "into %s; pipehost positions set MANIFEST --sink %s --to earliest writes "
                        "all of them there",
                        former, PQgetvalue(r, i, 6), t->sink->host->operator_name);
            return;
        }
    }
}

static int32_t check_rows(struct sink_task *t, const PGresult *r, uint32_t count,
                          struct ph_error *err)
{
    if (PQntuples(r) != (int)count) {
        return ph_error_set(err, PH_ERR_FATAL, "locked %d rows of %s instead of %u", PQntuples(r),
                            sql_text(&t->sink->positions_table), count);
    }
    for (int i = 0; i < PQntuples(r); i++) {
        if (check_row(t, r, i, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    warn_of_other_table(t, r);
    return PH_OK;
}

/* Runs a string of statements and answers the rows of the last one that has some. */
static int32_t run_rows(struct sink_task *t, struct sql *sql, PGresult **rows, struct ph_error *err)
{
    static const char doing[] = "claiming the positions";
    struct session *s = &t->session;
    int64_t at_ns = session_deadline(s);
    *rows = NULL;
    if (session_send(s, sql_text(sql), doing, err) != PH_OK) {
        return PH_ERROR;
    }
    int32_t result = PH_OK;
    for (;;) {
        PGresult *r;
        if (session_result(s, at_ns, &r, err) != PH_OK) {
            result = PH_ERROR;
            break;
        }
        if (r == NULL) {
            break;
        }
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_TUPLES_OK) {
            PQclear(*rows);
            *rows = r;
            continue;
        }
        if (status != PGRES_COMMAND_OK) {
            result = errors_set(err, s->conn, r, doing);
        }
        PQclear(r);
    }
    if (result == PH_OK && *rows == NULL) {
        result = errors_set(err, s->conn, NULL, doing);
    }
    return result;
}

/* The server's answers count only after COMMIT. */
static int32_t take_rows(struct sink_task *t, struct sql *sql, uint32_t count, PGresult **rows,
                         struct ph_error *err)
{
    if (run_rows(t, sql, rows, err) != PH_OK) {
        return PH_ERROR;
    }
    if (PQntuples(*rows) != (int)count) {
        return ph_error_set(err, PH_ERR_FATAL, "claimed %d rows instead of %u", PQntuples(*rows),
                            count);
    }
    PH_FAILPOINT("postgres.claim.taken");
    return session_run(&t->session, "COMMIT", "claiming the positions", err);
}

static void remember(struct sink_task *t, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct held *h = positions_find(t, (uint32_t)strtoul(PQgetvalue(r, i, 0), NULL, 10));
        h->fence = strtoll(PQgetvalue(r, i, 1), NULL, 10);
        h->next_offset = strtoll(PQgetvalue(r, i, 2), NULL, 10);
        h->fingerprint = positions_unpack(PQgetvalue(r, i, 3), h->next_offset);
    }
}

/* Until the rows are locked: ends earlier owners that hold them and do not go on. */
static int32_t lock_rows(struct sink_task *t, const struct ph_partition *partitions, uint32_t count,
                         PGresult **rows, struct ph_error *err)
{
    struct sql sql = {0};
    add_lock(&sql, t, partitions, count);
    int32_t result = run_rows(t, &sql, rows, err);
    for (int ended = 0; result != PH_OK && ended < ENDED_MAX; ended++) {
        if (err == NULL || strcmp(err->foreign_code, SQLSTATE_LOCK_TIMEOUT) != 0 ||
            !blocker_end(t, partitions, count, err)) {
            break;
        }
        PQclear(*rows);
        result = run_rows(t, &sql, rows, err);
    }
    sql_fini(&sql);
    return result;
}

/* What a task holds already is its own. */
static int32_t refuse_other_name(struct sink_task *t, const struct ph_partition *partitions,
                                 uint32_t count, struct ph_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (positions_find(t, partitions[i].id)->fence >= 0) {
            return PH_OK;
        }
    }
    return other_name_refuse(t, partitions, count, err);
}

static int32_t claim_held(struct sink_task *t, const struct ph_partition *partitions,
                          uint32_t count, struct ph_error *err)
{
    struct sql sql = {0};
    PGresult *rows = NULL;
    int32_t result = lock_rows(t, partitions, count, &rows, err);
    if (result == PH_OK) {
        result = check_rows(t, rows, count, err);
    }
    if (result == PH_OK) {
        result = refuse_other_name(t, partitions, count, err);
    }
    PQclear(rows);
    rows = NULL;
    if (result == PH_OK) {
        PH_FAILPOINT("postgres.claim.locked");
        blocker_add_end_of_former(&sql, t, partitions, count);
        add_take(&sql, t, partitions, count);
        result = take_rows(t, &sql, count, &rows, err);
    }
    if (result == PH_OK) {
        PH_FAILPOINT("postgres.claim.done");
        remember(t, rows);
    }
    PQclear(rows);
    sql_fini(&sql);
    return result == PH_OK ? positions_prepare(t, err) : PH_ERROR;
}

/* Of a query whose failure matters to nobody: false. */
static bool ask(struct sink_task *t, const struct sql *sql)
{
    struct ph_error err;
    PGresult *r = NULL;
    ph_error_clear(&err);
    const char *text = sql_text(sql);
    bool is_true = text != NULL &&
                   session_query(&t->session, text, 0, NULL, "asking", &r, &err) == PH_OK &&
                   PQntuples(r) == 1 && PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    return is_true;
}

/* Rows without any position are another pipeline's, or the positions are gone. */
static bool is_first_start_over_rows(struct sink_task *t)
{
    struct sql sql = {0};
    sql_add(&sql, "SELECT has_table_privilege(to_regclass(");
    sql_add_literal(&sql, sql_text(&t->sink->table));
    sql_add(&sql, "), 'SELECT') AND NOT EXISTS (SELECT 1 FROM %s WHERE (pipeline, sink) = (",
            sql_text(&t->sink->positions_table));
    claim_add_owner_key(&sql, t);
    sql_add(&sql, ") AND next_offset >= 0)");
    bool is_true = ask(t, &sql);
    if (is_true) {
        sql_clear(&sql);
        sql_add(&sql, "SELECT EXISTS (SELECT 1 FROM %s)", sql_text(&t->sink->table));
        is_true = ask(t, &sql);
    }
    sql_fini(&sql);
    return is_true;
}

static void warn_of_rows(struct sink_task *t, const struct ph_position *positions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i].next_offset >= 0) {
            return;
        }
    }
    if (count > 0 && is_first_start_over_rows(t) &&
        !atomic_exchange(&t->sink->has_warned_of_rows, true)) {
        session_log(&t->session, PH_LOG_WARNING,
                    "table %s has rows, but %s has no position of this pipeline: this is its first "
                    "start, and what the rows hold already may come again",
                    sql_text(&t->sink->table), sql_text(&t->sink->positions_table));
    }
}

int32_t claim_partitions(struct sink_task *t, const struct ph_partition *partitions, uint32_t count,
                         struct ph_position *positions, struct ph_error *err)
{
    epoch_settle(t);
    if (!session_is_alive(&t->session) && connect_open(t, err) != PH_OK) {
        return PH_ERROR;
    }
    if (!t->sink->keeps_positions) {
        return positions_prepare(t, err);
    }
    if (positions_ensure_table(t, err) != PH_OK) {
        connect_close(t);
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (hold(t, &partitions[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (count > 0 && claim_held(t, partitions, count, err) != PH_OK) {
        /* It may be in the middle of a transaction. */
        connect_close(t);
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct held *h = positions_find(t, partitions[i].id);
        positions[i] = (struct ph_position){.partition_id = partitions[i].id,
                                            .fingerprint = h->fingerprint,
                                            .next_offset = h->next_offset};
    }
    warn_of_rows(t, positions, count);
    return PH_OK;
}
