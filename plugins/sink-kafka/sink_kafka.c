/* SPDX-License-Identifier: Apache-2.0 */
/** sink-kafka: writes rows to a Kafka topic. An epoch is a transaction with its records and
 * positions; where the pipeline gave exactly-once up it is durable when each of its records is
 * reported by all replicas in sync, and the host keeps the positions. */
#include "epochs.h"
#include "kafka/errors.h"
#include "loop.h"
#include "writer.h"

#include <stdlib.h>

enum counter { RECORDS, BYTES, UNREPORTED, REFUSED_ROWS, ERRORS, RECONNECTS, COUNTER_COUNT };

#define COUNTER_SIZE ((uint32_t)sizeof(struct ph_counter))

static const struct ph_counter counters[COUNTER_COUNT] = {
    [RECORDS] = {COUNTER_SIZE, PH_COUNTER, "records", "Records acknowledged"},
    [BYTES] = {COUNTER_SIZE, PH_COUNTER, "bytes", "Bytes of their keys and values"},
    [UNREPORTED] = {COUNTER_SIZE, PH_GAUGE, "unreported_records",
                    "Records written and not yet acknowledged"},
    [REFUSED_ROWS] = {COUNTER_SIZE, PH_COUNTER, "refused_rows",
                      "Rows set aside before they were sent"},
    [ERRORS] = {COUNTER_SIZE, PH_COUNTER, "errors", "Errors that librdkafka reported"},
    [RECONNECTS] = {COUNTER_SIZE, PH_COUNTER, "reconnects",
                    "Times that Kafka was away and came back"},
};

struct operator_object {
    const struct ph_host *host;
    struct services services;
    struct settings settings;
    struct rows rows;
};

struct task {
    struct operator_object *op;
    const struct ph_task *host_task;
    struct producer producer;
    struct epochs epochs; /**< of a pipeline that is exactly-once */
    struct writer writer;
    bool is_committing; /**< without transactions: epoch_id waits for its last report */
    uint64_t epoch_id;
    int64_t *cells[COUNTER_COUNT];
};

/* ---- the operator */

static bool find_services(struct services *s, const struct ph_host *host)
{
    *s = (struct services){
        host->get_service(host, PH_SERVICE_LOG),    host->get_service(host, PH_SERVICE_CLOCK),
        host->get_service(host, PH_SERVICE_WAIT),   host->get_service(host, PH_SERVICE_METRICS),
        host->get_service(host, PH_SERVICE_EPOCHS), host->get_service(host, PH_SERVICE_ENCODE)};
    return s->log != NULL && s->clock != NULL && s->wait != NULL && s->metrics != NULL &&
           s->epochs != NULL && s->encode != NULL;
}

static void *operator_create(const struct ph_host *host, struct ph_error *err)
{
    struct operator_object *op = calloc(1, sizeof *op);
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    op->host = host;
    if (!find_services(&op->services, host)) {
        (void)ph_error_set(err, PH_ERR_FATAL,
                           "this host lacks a service that sink-kafka needs: log, clock, wait, "
                           "metrics, epochs or encode");
        free(op);
        return NULL;
    }
    return op;
}

static void operator_destroy(void *self)
{
    struct operator_object *op = self;
    if (op != NULL) {
        rows_fini(&op->rows);
        free(op);
    }
}

static int32_t operator_init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct operator_object *op = self;
    int32_t result = settings_read(&op->settings, config, err);
    op->settings.is_transactional = op->host->delivery != PH_DELIVERY_DURABLE;
    return result;
}

static int32_t operator_bind(void *self, struct ph_binding *binding, struct ph_error *err)
{
    struct operator_object *op = self;
    return rows_bind(&op->rows, &op->settings, op->host, op->services.encode, binding, err);
}

static int64_t interval_ns(void *self)
{
    const struct operator_object *op = self;
    return op->settings.is_transactional ? op->settings.transaction_interval_ms * 1000000 : 0;
}

static const struct ph_pace pace = {.size = sizeof pace, .interval_ns = interval_ns};

/* ---- the task */

static void *task_create(void *self, const struct ph_task *host_task, struct ph_error *err)
{
    struct operator_object *op = self;
    struct task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    t->op = op;
    t->host_task = host_task;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        t->cells[i] = op->services.metrics->cell(host_task, i);
    }
    producer_init(&t->producer, &op->settings, &op->services, host_task);
    epochs_init(&t->epochs, &t->producer);
    t->writer.rows = &op->rows;
    t->writer.task = host_task;
    t->writer.producer = &t->producer;
    t->writer.has_headers = op->settings.has_headers;
    return t;
}

static void task_deactivate(void *self)
{
    struct task *t = self;
    writer_reset(&t->writer);
    epochs_close(&t->epochs);
    t->is_committing = false;
}

static void task_destroy(void *self)
{
    struct task *t = self;
    if (t != NULL) {
        task_deactivate(t);
        places_fini(&t->writer.places);
        epochs_fini(&t->epochs);
        arena_fini(&t->producer.arena);
        free(t);
    }
}

static int32_t ensure_open(struct task *t, struct ph_error *err)
{
    return t->producer.link.rk != NULL ? PH_OK : producer_open(&t->producer, err);
}

static bool is_transactional(const struct task *t)
{
    return t->op->settings.is_transactional;
}

static int32_t task_activate(void *self, struct ph_error *err)
{
    task_deactivate(self);
    return ensure_open(self, err);
}

static void publish(struct task *t)
{
    const struct producer *p = &t->producer;
    ph_gauge_set(t->cells[RECORDS], p->totals.records);
    ph_gauge_set(t->cells[BYTES], p->totals.bytes);
    ph_gauge_set(t->cells[UNREPORTED], p->unreported);
    ph_gauge_set(t->cells[REFUSED_ROWS], t->writer.refused);
    ph_gauge_set(t->cells[ERRORS], p->link.error_count);
    ph_gauge_set(t->cells[RECONNECTS], p->link.reconnect_count);
}

static void answer(struct task *t, int32_t result, const struct ph_error *err)
{
    uint64_t id = is_transactional(t) ? t->epochs.epoch_id : t->epoch_id;
    t->op->services.epochs->done(t->host_task, id, result == PH_OK ? NULL : err);
}

/* Answers the epoch that waits, once nothing of it is on its way. */
static void end_commit(struct task *t)
{
    struct ph_error err;
    ph_error_clear(&err);
    if (t->epochs.is_committing) {
        int32_t result = epochs_step(&t->epochs, &err);
        if (result != PH_PENDING) {
            answer(t, result, &err);
        }
    } else if (t->is_committing && t->producer.unreported == 0) {
        t->is_committing = false;
        answer(t, producer_check(&t->producer, &err), &err);
    }
}

static int32_t task_ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct task *t = self;
    (void)fd;
    (void)events;
    (void)err;
    if (t->producer.link.rk != NULL) {
        producer_wake(&t->producer);
        end_commit(t);
        publish(t);
    }
    return PH_OK;
}

/* ---- the sink */

static int32_t sink_claim(void *self, const struct ph_partition *partitions, uint32_t count,
                          struct ph_position *positions, struct ph_error *err)
{
    struct task *t = self;
    if (places_set(&t->writer.places, partitions, count, err) != PH_OK ||
        ensure_open(t, err) != PH_OK || loop_check(&t->producer, partitions, count, err) != PH_OK) {
        return PH_ERROR;
    }
    if (!is_transactional(t)) {
        return PH_OK; /* the host keeps the positions */
    }
    int32_t result = epochs_claim(&t->epochs, partitions, count, positions, err);
    publish(t);
    return result;
}

/* A record that was given up ends the epoch. Without transactions, one that the broker found bad
 * does so after the last report, so that the producer can go on. */
static int32_t check_reports(struct task *t, struct ph_error *err)
{
    const struct producer *p = &t->producer;
    bool can_wait = !is_transactional(t) && p->unreported > 0 &&
                    errors_flags(p->failure, ERRORS_AT_WORK) == PH_ERR_POISON;
    if (p->failure != RD_KAFKA_RESP_ERR_NO_ERROR && can_wait) {
        return PH_MORE;
    }
    return producer_check(p, err);
}

static int32_t sink_write(void *self, const struct ph_batch *batch, struct ph_error *err)
{
    struct task *t = self;
    int32_t begun = is_transactional(t) ? epochs_begin(&t->epochs, err) : ensure_open(t, err);
    if (begun != PH_OK) {
        return PH_ERROR;
    }
    producer_serve(&t->producer);
    int32_t result = check_reports(t, err);
    result = result == PH_OK ? writer_write(&t->writer, batch, err) : result;
    publish(t);
    return result == PH_ERROR && is_transactional(t) ? epochs_judge(&t->epochs, err) : result;
}

static int32_t sink_commit(void *self, const struct ph_epoch *epoch, struct ph_error *err)
{
    struct task *t = self;
    if (t->producer.link.rk != NULL) {
        producer_serve(&t->producer);
    }
    publish(t);
    if (is_transactional(t)) {
        return epochs_commit(&t->epochs, epoch, err);
    }
    if (t->producer.unreported == 0) {
        return producer_check(&t->producer, err);
    }
    t->is_committing = true;
    t->epoch_id = epoch->id;
    return PH_PENDING;
}

static void sink_abort(void *self)
{
    struct task *t = self;
    t->is_committing = false;
    writer_reset(&t->writer);
    if (is_transactional(t)) {
        epochs_abort(&t->epochs);
    } else {
        (void)producer_forget(&t->producer);
    }
    publish(t);
}

/* ---- its positions, from outside */

static int32_t list_kept(void *self, const char *pipeline, struct ph_kept_positions *list,
                         struct ph_error *err)
{
    struct task *t = self;
    return epochs_list_kept(&t->epochs, pipeline, list, err);
}

static int32_t set_kept(void *self, const struct ph_partition *partitions,
                        const struct ph_position *positions, uint32_t count, struct ph_error *err)
{
    struct task *t = self;
    return epochs_set_kept(&t->epochs, partitions, positions, count, err);
}

static int32_t rename_kept(void *self, const char *from, struct ph_error *err)
{
    struct task *t = self;
    return epochs_rename_kept(&t->epochs, from, err);
}

static const struct ph_positions_ops positions_ops = {
    .size = sizeof positions_ops, .list = list_kept, .set = set_kept, .rename = rename_kept};

static const void *get_extension(void *self, const char *id)
{
    (void)self;
    if (strcmp(id, PH_EXTENSION_POSITIONS) == 0) {
        return &positions_ops;
    }
    return strcmp(id, PH_EXTENSION_PACE) == 0 ? &pace : NULL;
}

static const struct ph_operator_ops operator_ops = {
    .size = sizeof operator_ops,
    .create = operator_create,
    .destroy = operator_destroy,
    .init = operator_init,
    .bind = operator_bind,
    .task_create = task_create,
    .task_destroy = task_destroy,
    .activate = task_activate,
    .deactivate = task_deactivate,
    .ready = task_ready,
    .get_extension = get_extension,
};

static const struct ph_sink_ops sink_ops = {
    .size = sizeof sink_ops,
    .claim = sink_claim,
    .write = sink_write,
    .commit = sink_commit,
    .abort = sink_abort,
};

static const struct ph_descriptor descriptor = {
    .size = sizeof descriptor,
    .kind = PH_KIND_SINK,
    .flags = PH_PLUGIN_WAITS | PH_PLUGIN_SINGLE,
    .delivery = PH_DELIVERY_TRANSACTIONAL,
    .id = "sink-kafka",
    .version = PH_SDK_VERSION,
    .summary = "Writes rows to a Kafka topic in transactions with their positions: exactly once",
    .config = settings_keys,
    .counters = counters,
    .config_count = SETTINGS_KEY_COUNT,
    .counter_count = COUNTER_COUNT,
    .ops = &operator_ops,
    .sink = &sink_ops,
};

PH_ENTRY(&descriptor);
