/* SPDX-License-Identifier: Apache-2.0 */
/* sink-postgres: the descriptor and the lifecycle. */
#include "sink.h"

#include "pipehost/check.h"

#include <stdlib.h>

#define KEY(type, flags, name, text, fallback, minimum, maximum)                                   \
    {                                                                                              \
        sizeof(struct ph_config_key), type, flags, 0, name, text, NULL, fallback, NULL, minimum,   \
            maximum                                                                                \
    }
#define COUNTER(name, text)                                                                        \
    {                                                                                              \
        sizeof(struct ph_counter), PH_COUNTER, name, text                                          \
    }

/* A manifest's "24h" is as long as a timeout may be. */
#define DAY_MS (24 * 3600 * 1000)

static const struct ph_config_key keys[] = {
    KEY(PH_CONFIG_STRING, PH_CONFIG_REQUIRED | PH_CONFIG_URL, "dsn",
        "postgresql:// URI, key=value list or jdbc:postgresql:// URL of the database", NULL, 0, 0),
    KEY(PH_CONFIG_STRING, 0, "user", "user; beats the dsn's, empty = the dsn's", NULL, 0, 0),
    KEY(PH_CONFIG_SECRET, 0, "password", "password; beats the dsn's, empty = the dsn's", NULL, 0,
        0),
    KEY(PH_CONFIG_STRING, PH_CONFIG_REQUIRED, "table",
        "table or schema.table, letter by letter as in the catalog", NULL, 0, 0),
    KEY(PH_CONFIG_LIST, 0, "columns",
        "columns to write, by the names they have in the input and in the table; default: all of "
        "the input",
        NULL, 0, 0),
    KEY(PH_CONFIG_STRING, 0, "positions_table",
        "table that keeps the positions, in the transaction of the rows; made if it is absent",
        "pipehost_positions", 0, 0),
    KEY(PH_CONFIG_DURATION, 0, "connect_timeout", "longest attempt to connect", "10s", 100, DAY_MS),
    KEY(PH_CONFIG_DURATION, 0, "statement_timeout",
        "longest statement, COPY of an epoch included; 0 = no limit", "2m", 0, DAY_MS),
    KEY(PH_CONFIG_DURATION, 0, "lock_timeout", "longest wait for a lock; 0 = no limit", "10s", 0,
        DAY_MS),
    KEY(PH_CONFIG_DURATION, 0, "idle_in_transaction_session_timeout",
        "after which the server ends a stalled transaction; 0 = never", "1m", 0, DAY_MS),
    KEY(PH_CONFIG_DURATION, 0, "tcp_user_timeout",
        "after which a silent peer's connection breaks, at both ends; 0 = the system's", "30s", 0,
        DAY_MS),
    KEY(PH_CONFIG_INT, 0, "poison_max_rows",
        "rows of an epoch refused for one reason (SQLSTATE) above which the pipeline stops",
        "10000", 1, INT32_MAX),
    KEY(PH_CONFIG_INT, 0, "poison_max_percent",
        "the same as a share of an epoch, or of the last 1,000 rows where epochs are smaller; 100 "
        "= "
        "never",
        "10", 0, 100),
};

static const struct ph_counter counters[SINK_COUNTERS] = {
    [SINK_ROWS] = COUNTER("rows", "rows made durable"),
    [SINK_BYTES] = COUNTER("copy_bytes", "bytes of COPY streams sent"),
    [SINK_EPOCHS] = COUNTER("epochs", "epochs made durable"),
    [SINK_COMMIT_NS] = COUNTER("commit_ns", "time spent in ending epochs"),
    [SINK_CONNECTS] = COUNTER("connects", "connections opened"),
    [SINK_REFUSED_ROWS] = COUNTER("refused_rows", "rows set aside, here or by the server"),
    [SINK_COPIES] = COUNTER("copies", "COPYs begun, those that look for bad rows included"),
};

static void *create(const struct ph_host *host, struct ph_error *err)
{
    struct sink *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "no memory for a sink");
        return NULL;
    }
    s->host = host;
    s->keeps_positions = host->delivery != PH_DELIVERY_DURABLE;
    s->wait = (const struct ph_wait *)host->get_service(host, PH_SERVICE_WAIT);
    s->clock = (const struct ph_clock *)host->get_service(host, PH_SERVICE_CLOCK);
    s->log = (const struct ph_log *)host->get_service(host, PH_SERVICE_LOG);
    s->metrics = (const struct ph_metrics *)host->get_service(host, PH_SERVICE_METRICS);
    if (s->wait == NULL || s->clock == NULL || s->metrics == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "the host lacks %s, %s or %s", PH_SERVICE_WAIT,
                           PH_SERVICE_CLOCK, PH_SERVICE_METRICS);
        free(s);
        return NULL;
    }
    return s;
}

static void destroy(void *op)
{
    struct sink *s = (struct sink *)op;
    if (s != NULL) {
        options_fini(s);
        free(s);
    }
}

static int32_t init(void *op, const struct ph_config *config, struct ph_error *err)
{
    return options_init((struct sink *)op, config, err);
}

static int32_t bind(void *op, struct ph_binding *binding, struct ph_error *err)
{
    return options_bind((struct sink *)op, binding, err);
}

static void task_destroy(void *task)
{
    struct sink_task *t = (struct sink_task *)task;
    if (t == NULL) {
        return;
    }
    connect_close(t);
    claim_forget(t);
    encoder_fini(&t->epoch.encoder);
    free(t->epoch.segments);
    free(t->epoch.skipped);
    sql_fini(&t->epoch.sql);
    sql_fini(&t->copy);
    free(t);
}

/* A statement's own limit plus time for its answer. */
static int64_t answer_limit_ns(const struct sink *s)
{
    return s->statement_timeout_ms == 0 ? 0 : (s->statement_timeout_ms + 5000) * 1000000;
}

static void *task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct sink *s = (struct sink *)op;
    struct sink_task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "no memory for a task");
        return NULL;
    }
    t->sink = s;
    t->task = task;
    t->session.task = task;
    t->session.wait = s->wait;
    t->session.clock = s->clock;
    t->session.log = s->log;
    t->session.answer_limit_ns = answer_limit_ns(s);
    (void)snprintf(t->session.address, sizeof t->session.address, "%s", s->address);
    for (uint32_t i = 0; i < SINK_COUNTERS; i++) {
        t->cells[i] = s->metrics->cell(task, i);
    }
    claim_set_owner(t);
    if (encoder_init(&t->epoch.encoder, s->column_count, err) != PH_OK) {
        task_destroy(t);
        return NULL;
    }
    return t;
}

static int32_t activate(void *task, struct ph_error *err)
{
    return connect_open((struct sink_task *)task, err);
}

static void deactivate(void *task)
{
    struct sink_task *t = (struct sink_task *)task;
    connect_close(t);
    epoch_clear(t);
}

static int32_t claim(void *task, const struct ph_partition *partitions, uint32_t count,
                     struct ph_position *positions, struct ph_error *err)
{
    return claim_partitions((struct sink_task *)task, partitions, count, positions, err);
}

static int32_t release(void *task, struct ph_error *err)
{
    (void)err;
    claim_forget((struct sink_task *)task);
    return PH_OK;
}

static int32_t write_batch(void *task, const struct ph_batch *batch, struct ph_error *err)
{
    return epoch_write((struct sink_task *)task, batch, err);
}

static int32_t commit(void *task, const struct ph_epoch *epoch, struct ph_error *err)
{
    return commit_epoch((struct sink_task *)task, epoch, err);
}

static void abort_epoch(void *task)
{
    epoch_abort((struct sink_task *)task);
}

static const struct ph_check_ops check_ops = {.size = sizeof check_ops, .check = connect_check};

static int32_t list_kept(void *task, const char *pipeline, struct ph_kept_positions *list,
                         struct ph_error *err)
{
    return kept_list((struct sink_task *)task, pipeline, list, err);
}

static int32_t set_kept(void *task, const struct ph_partition *partitions,
                        const struct ph_position *positions, uint32_t count, struct ph_error *err)
{
    return kept_set((struct sink_task *)task, partitions, positions, count, err);
}

static int32_t rename_kept(void *task, const char *from_pipeline, struct ph_error *err)
{
    return other_name_take((struct sink_task *)task, from_pipeline, err);
}

static const struct ph_positions_ops positions_ops = {
    .size = sizeof positions_ops, .list = list_kept, .set = set_kept, .rename = rename_kept};

static const void *get_extension(void *op, const char *id)
{
    (void)op;
    if (strcmp(id, PH_EXTENSION_POSITIONS) == 0) {
        return &positions_ops;
    }
    return strcmp(id, PH_EXTENSION_CHECK) == 0 ? &check_ops : NULL;
}

static const struct ph_operator_ops ops = {
    .size = sizeof ops,
    .create = create,
    .destroy = destroy,
    .init = init,
    .bind = bind,
    .task_create = task_create,
    .task_destroy = task_destroy,
    .activate = activate,
    .deactivate = deactivate,
    .get_extension = get_extension,
};

static const struct ph_sink_ops sink_ops = {
    .size = sizeof sink_ops,
    .claim = claim,
    .release = release,
    .write = write_batch,
    .commit = commit,
    .abort = abort_epoch,
};

static const struct ph_descriptor descriptor = {
    .size = sizeof descriptor,
    .kind = PH_KIND_SINK,
    .flags = PH_PLUGIN_WAITS,
    .delivery = PH_DELIVERY_TRANSACTIONAL,
    .id = "sink-postgres",
    .version = PH_SDK_VERSION,
    .summary = "Writes rows to a PostgreSQL table, positions in the same transaction: exactly once",
    .config = keys,
    .counters = counters,
    .config_count = sizeof keys / sizeof keys[0],
    .counter_count = SINK_COUNTERS,
    .ops = &ops,
    .sink = &sink_ops,
};

PH_ENTRY(&descriptor);
