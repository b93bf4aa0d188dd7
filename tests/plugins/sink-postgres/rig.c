/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#define PARTITIONS_MAX 64

const char *rig_plugin;
static PGconn *connection;
static PGresult *last;

static _Noreturn void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "rig: %s: %s\n", what, why);
    abort();
}

PGconn *rig_connect(void)
{
    const char *const keywords[] = {"dbname", "user", "password", NULL};
    const char *const values[] = {getenv("POSTGRES_URL"), getenv("POSTGRES_USER"),
                                  getenv("POSTGRES_PASSWORD"), NULL};
    PGconn *own = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(own) != CONNECTION_OK) {
        give_up("connecting", PQerrorMessage(own));
    }
    return own;
}

PGconn *rig_connection(void)
{
    if (connection == NULL) {
        connection = rig_connect();
        rig_sql("SET client_min_messages = error; SET timezone = 'UTC'");
    }
    return connection;
}

void rig_disconnect(void)
{
    PQclear(last);
    last = NULL;
    PQfinish(connection);
    connection = NULL;
}

static PGresult *run(const char *sql)
{
    if (sql == NULL) {
        give_up("SQL", "no memory");
    }
    PGresult *r = PQexec(rig_connection(), sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        give_up(sql, PQresultErrorMessage(r));
    }
    return r;
}

void rig_sql(const char *format, ...)
{
    char *sql = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&sql, format, args);
    va_end(args);
    PQclear(run(length < 0 ? NULL : sql));
    free(sql);
}

const char *rig_value(const char *format, ...)
{
    char *sql = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&sql, format, args);
    va_end(args);
    PGresult *r = run(length < 0 ? NULL : sql);
    free(sql);
    PQclear(last);
    last = r;
    return PQntuples(r) == 0 ? "(no row)" : PQgetvalue(r, 0, 0);
}

void rig_set(struct rig *r, const char *key, const char *text)
{
    struct harness_setting s = {key, text, NULL, 0};
    for (uint32_t i = 0; i < r->setting_count; i++) {
        if (strcmp(r->settings[i].key, key) == 0) {
            r->settings[i] = s;
            return;
        }
    }
    if (r->setting_count == RIG_SETTINGS) {
        give_up(key, "too many settings");
    }
    r->settings[r->setting_count++] = s;
}

void rig_settings(struct rig *r, const char *table)
{
    memset(r, 0, sizeof *r);
    rig_set(r, "dsn", getenv("POSTGRES_URL"));
    rig_set(r, "user", getenv("POSTGRES_USER"));
    rig_set(r, "password", getenv("POSTGRES_PASSWORD"));
    rig_set(r, "table", table);
}

void rig_open(struct rig *r, const struct ph_field *fields, uint32_t count)
{
    r->schema = harness_schema_of(fields, count);
    r->inputs[0] = &r->schema;
    r->host = harness_open(rig_plugin, NULL, r->pipeline != NULL ? r->pipeline : "pipe", "rows");
    if (r->host == NULL) {
        give_up(rig_plugin, "cannot be opened");
    }
    if (r->is_durable) {
        r->host->host.delivery = PH_DELIVERY_DURABLE;
    }
    if (harness_init(r->host, r->settings, r->setting_count) != PH_OK ||
        harness_bind(r->host, r->inputs, 1) != PH_OK) {
        give_up("opening the sink", r->host->error.text);
    }
    r->task = harness_task_create(r->host, 0);
    if (r->task == NULL) {
        give_up("making a task", r->host->error.text);
    }
}

void rig_close(struct rig *r)
{
    harness_task_destroy(r->task);
    harness_close(r->host);
}

static const struct ph_sink_ops *sink_of(const struct rig *r)
{
    return r->host->descriptor->sink;
}

struct ph_partition rig_partition(uint32_t i)
{
    return (struct ph_partition){.size = (uint32_t)sizeof(struct ph_partition),
                                 .id = i,
                                 .source = "kafka",
                                 .topic = "it's an \"event\"",
                                 .cluster = "cluster-1",
                                 .partition = (int32_t)i};
}

int32_t rig_claim(struct rig *r, uint32_t count, struct ph_position *positions)
{
    struct ph_partition partitions[PARTITIONS_MAX] = {{0}};
    if (count > PARTITIONS_MAX) {
        give_up("claim", "too many partitions");
    }
    for (uint32_t i = 0; i < count; i++) {
        partitions[i] = rig_partition(i);
    }
    if (!r->task->is_active && harness_activate(r->task) != PH_OK) {
        r->task->is_active = false;
        return PH_ERROR;
    }
    return sink_of(r)->claim(r->task->self, partitions, count, positions, harness_error(r->host));
}

int32_t rig_write(struct rig *r, const struct ph_batch *b)
{
    return sink_of(r)->write(r->task->self, b, harness_error(r->host));
}

int32_t rig_commit_many(struct rig *r, const struct ph_position *positions, uint32_t count)
{
    static uint64_t id;
    struct ph_epoch e = {.size = (uint32_t)sizeof e,
                         .flags = r->epoch_flags,
                         .id = ++id,
                         .positions = positions,
                         .position_count = count};
    return sink_of(r)->commit(r->task->self, &e, harness_error(r->host));
}

int32_t rig_commit(struct rig *r, uint32_t partition_id, int64_t next_offset)
{
    struct ph_position p = {partition_id, 0, next_offset};
    return rig_commit_many(r, &p, 1);
}

void rig_abort(struct rig *r)
{
    sink_of(r)->abort(r->task->self);
}

const struct ph_error *rig_error(const struct rig *r)
{
    return &r->host->error;
}
