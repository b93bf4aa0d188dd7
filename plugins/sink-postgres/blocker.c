/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that are in a claim's way. An earlier owner that stalled in a transaction, or whose
 * machine is gone without a word, is ended: its session is of the same user and says the same
 * application name, and its fence is about to be taken anyway. Anybody else is named.
 */
#include "errors.h"
#include "sink.h"

#include <stdlib.h>

struct blocker {
    char pid[16];
    char what[192]; /* user, application, what it does and for how long */
    bool is_ours;
    bool was_ended;
};

/* What ends a backend, where it may, and a sentence's part about it. The server waits up to two
 * seconds for it to be gone. */
static const char who[] =
    "SELECT a.pid, ours.it, CASE WHEN ours.it THEN pg_terminate_backend(a.pid, 2000) ELSE false "
    "END, format('user \"%s\", application \"%s\", %s%s', a.usename, a.application_name, "
    "coalesce(a.state, 'busy'), ' for ' || extract(epoch FROM clock_timestamp() - "
    "a.state_change)::int || ' s') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid CROSS "
    "JOIN LATERAL (SELECT a.usename IS NOT DISTINCT FROM current_user AND a.application_name = "
    "current_setting('application_name') AS it) AS ours WHERE l.granted AND l.pid <> "
    "pg_backend_pid() AND ";

static bool ask(struct sink_task *t, struct sql *sql, struct blocker *b)
{
    struct ph_error ignored;
    PGresult *r = NULL;
    ph_error_clear(&ignored);
    const char *text = sql_text(sql);
    if (text == NULL || session_query(&t->session, text, 0, NULL, "looking for a lock's holder", &r,
                                      &ignored) != PH_OK) {
        return false;
    }
    bool is_found = PQntuples(r) > 0;
    if (is_found) {
        (void)snprintf(b->pid, sizeof b->pid, "%s", PQgetvalue(r, 0, 0));
        b->is_ours = PQgetvalue(r, 0, 1)[0] == 't';
        b->was_ended = PQgetvalue(r, 0, 2)[0] == 't';
        (void)snprintf(b->what, sizeof b->what, "%s", PQgetvalue(r, 0, 3));
    }
    PQclear(r);
    return is_found;
}

/* Of a lock on the whole table: nothing may be read from it then. It is nobody's of ours. */
static bool find_on_table(struct sink_task *t, struct blocker *b)
{
    struct sql sql = {0};
    sql_add(&sql, "%sl.locktype = 'relation' AND l.relation = to_regclass(", who);
    sql_add_literal(&sql, sql_text(&t->sink->positions_table));
    sql_add(&sql, ") AND l.database = (SELECT oid FROM pg_database WHERE datname = "
                  "current_database()) AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', "
                  "'ExclusiveLock', 'AccessExclusiveLock') LIMIT 1");
    bool is_found = ask(t, &sql, b);
    sql_fini(&sql);
    return is_found;
}

/* A row that is locked says by whom: by the number of the transaction, which that one holds. */
static bool find_on_rows(struct sink_task *t, const struct ph_partition *partitions, uint32_t count,
                         struct blocker *b)
{
    struct sql sql = {0};
    claim_add_wanted(&sql, t, partitions, count);
    sql_add(&sql,
            ", holders AS MATERIALIZED (SELECT DISTINCT p.xmax::text FROM %s p JOIN wanted w ON ",
            sql_text(&t->sink->positions_table));
    claim_add_match(&sql, t);
    sql_add(&sql,
            ") %sl.locktype = 'transactionid' AND l.transactionid::text IN (SELECT xmax FROM "
            "holders) LIMIT 1",
            who);
    bool is_found = ask(t, &sql, b);
    sql_fini(&sql);
    return is_found;
}

/* A first claim's new rows are nobody else's to see, so not to be asked who made them. */
static bool find_stalled_claim(struct sink_task *t, struct blocker *b)
{
    struct sql sql = {0};
    sql_add(&sql, "%sours.it AND l.locktype = 'relation' AND l.relation = to_regclass(", who);
    sql_add_literal(&sql, sql_text(&t->sink->positions_table));
    sql_add(&sql, ") AND l.database = (SELECT oid FROM pg_database WHERE datname = "
                  "current_database()) AND l.mode = 'RowExclusiveLock' AND a.state = 'idle in "
                  "transaction' AND a.state_change < clock_timestamp() - interval '0.9 s' LIMIT 1");
    bool is_found = ask(t, &sql, b);
    sql_fini(&sql);
    return is_found;
}

/* No limit of the server ends a COPY whose client is silent, and its rows may stand in a unique
 * index. A session that began after the row's last change has only the same number. */
void blocker_add_end_of_former(struct sql *sql, const struct sink_task *t,
                               const struct ph_partition *partitions, uint32_t count)
{
    claim_add_wanted(sql, t, partitions, count);
    sql_add(sql,
            ", former AS MATERIALIZED (SELECT p.backend_pid AS pid, max(p.updated_at) AS seen FROM "
            "%s p JOIN wanted w ON ",
            sql_text(&t->sink->positions_table));
    claim_add_match(sql, t);
    sql_add(sql, " GROUP BY p.backend_pid) SELECT count(pg_terminate_backend(a.pid, 2000)) FROM "
                 "former f JOIN pg_stat_activity a ON a.pid = f.pid AND a.backend_start <= f.seen "
                 "WHERE a.pid <> pg_backend_pid() AND a.usename = current_user AND "
                 "a.application_name = current_setting('application_name') AND a.xact_start IS NOT "
                 "NULL; ");
}

bool blocker_end(struct sink_task *t, const struct ph_partition *partitions, uint32_t count,
                 struct ph_error *err)
{
    struct blocker b = {.is_ours = false};
    struct ph_error was = *err;
    if (session_run(&t->session, "ROLLBACK", "rolling back", NULL) != PH_OK ||
        (!find_on_table(t, &b) && !find_on_rows(t, partitions, count, &b) &&
         !find_stalled_claim(t, &b))) {
        return false;
    }
    if (b.was_ended) {
        session_log(&t->session, PH_LOG_WARNING,
                    "ended backend %s (%s), an earlier owner that held the positions", b.pid,
                    b.what);
        ph_error_clear(err);
        return true;
    }
    ph_error_clear(err);
    (void)ph_error_set(err, PH_ERR_RETRIABLE,
                       "backend %s (%s) holds a lock on %s: the positions cannot be claimed before "
                       "it is done, or ended by SELECT pg_terminate_backend(%s) (SQLSTATE %s)",
                       b.pid, b.what, sql_text(&t->sink->positions_table), b.pid, was.foreign_code);
    ph_error_set_foreign(err, was.foreign_code);
    return false;
}
