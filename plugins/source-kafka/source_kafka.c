/* SPDX-License-Identifier: Apache-2.0 */
/** source-kafka: reads the partitions of topics that the host assigns. */
#include "pipehost/pipehost.h"

#include "client.h"
#include "commits.h"
#include "finder.h"
#include "offsets.h"
#include "reader.h"
#include "settings.h"

#include <stdlib.h>

#define NS_PER_S   INT64_C(1000000000)
#define CLUSTER_MS 1000

enum counter { RECORDS, BYTES, LAG, ERRORS, RECONNECTS, COUNTER_COUNT };

#define COUNTER_SIZE ((uint32_t)sizeof(struct ph_counter))

static const struct ph_counter counters[COUNTER_COUNT] = {
    [RECORDS] = {COUNTER_SIZE, PH_COUNTER, "records", "Records read"},
    [BYTES] = {COUNTER_SIZE, PH_COUNTER, "bytes", "Bytes of their keys and values"},
    [LAG] =
        {COUNTER_SIZE, PH_GAUGE, "lag_records",
         "Records between the position and the end of all partitions, at most a second old; not "
         "shown before Kafka has said where they end"},
    [ERRORS] = {COUNTER_SIZE, PH_COUNTER, "errors", "Errors that librdkafka reported"},
    [RECONNECTS] = {COUNTER_SIZE, PH_COUNTER, "reconnects",
                    "Times that Kafka was away and came back"},
};

struct operator_object {
    const struct ph_host *host;
    struct services services;
    struct settings settings;
};

struct task {
    struct operator_object *op;
    const struct ph_task *host_task;
    struct client client;
    struct reader reader;
    struct commits commits;
    struct finder finder;
    int64_t *cells[COUNTER_COUNT];
    int64_t next_lag_ns;
};

static int64_t now_ns(const struct task *t)
{
    return t->op->services.clock->monotonic_ns(t->op->host);
}

/* ---- the operator */

static void *operator_create(const struct ph_host *host, struct ph_error *err)
{
    struct operator_object *op = calloc(1, sizeof *op);
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    op->host = host;
    op->services = (struct services){
        host->get_service(host, PH_SERVICE_LOG), host->get_service(host, PH_SERVICE_CLOCK),
        host->get_service(host, PH_SERVICE_WAIT), host->get_service(host, PH_SERVICE_METRICS)};
    if (op->services.log == NULL || op->services.clock == NULL || op->services.wait == NULL ||
        op->services.metrics == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL,
                           "this host lacks a service that source-kafka needs: log, clock, wait or "
                           "metrics");
        free(op);
        return NULL;
    }
    return op;
}

static void operator_destroy(void *self)
{
    free(self);
}

static int32_t operator_init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct operator_object *op = self;
    return settings_read(&op->settings, config, err);
}

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
    ph_gauge_set(t->cells[LAG], -1);
    client_init(&t->client, &op->settings, &op->services, host_task);
    reader_init(&t->reader, &t->client);
    finder_init(&t->finder, &t->client, op->host->get_service(op->host, PH_SERVICE_PARTITIONS));
    return t;
}

static void task_deactivate(void *self)
{
    struct task *t = self;
    if (t->client.link.rk == NULL) {
        return;
    }
    t->op->services.wait->deadline(t->host_task, 0);
    finder_stop(&t->finder);
    commits_flush(&t->commits);
    commits_fini(&t->commits);
    reader_close(&t->reader);
    client_close(&t->client);
}

static void task_destroy(void *self)
{
    struct task *t = self;
    if (t != NULL) {
        task_deactivate(t);
        free(t);
    }
}

static int32_t task_activate(void *self, struct ph_error *err)
{
    struct task *t = self;
    task_deactivate(t);
    if (client_open(&t->client, err) != PH_OK) {
        return PH_ERROR;
    }
    commits_init(&t->commits, &t->client);
    if (reader_open(&t->reader, err) != PH_OK) {
        task_deactivate(t);
        return PH_ERROR;
    }
    return PH_OK;
}

static void publish(struct task *t)
{
    ph_gauge_set(t->cells[RECORDS], t->reader.totals.records);
    ph_gauge_set(t->cells[BYTES], t->reader.totals.bytes);
    ph_gauge_set(t->cells[ERRORS], t->client.link.error_count);
    ph_gauge_set(t->cells[RECONNECTS], t->client.link.reconnect_count);
}

static void publish_lag(struct task *t)
{
    int64_t now = now_ns(t);
    if (now >= t->next_lag_ns) {
        t->next_lag_ns = now + NS_PER_S;
        ph_gauge_set(t->cells[LAG], reader_lag(&t->reader));
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The host keeps one deadline for a task: the next commit, the next look whether Kafka is back or
 * has more partitions, the poll that passes holes. One that is late already waits for the poll. */
static void step_timers(struct task *t)
{
    int64_t at_ns = client_probe(&t->client);
    at_ns = earlier(at_ns, commits_step(&t->commits));
    at_ns = earlier(at_ns, finder_step(&t->finder));
    if (t->reader.holes_ns > now_ns(t)) {
        at_ns = earlier(at_ns, t->reader.holes_ns);
    }
    t->op->services.wait->deadline(t->host_task, at_ns);
}

static void serve_events(struct task *t)
{
    client_serve(&t->client);
    step_timers(t);
    publish(t);
    publish_lag(t);
}

static int32_t task_ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct task *t = self;
    (void)events;
    if (t->client.link.rk == NULL) {
        return PH_OK;
    }
    if (fd >= 0 && fd == t->reader.queue_fd) {
        link_drain(fd);
    } else {
        serve_events(t);
    }
    return client_check(&t->client, err);
}

/* ---- the source */

static int32_t list_topic(struct task *t, uint32_t index, const char *cluster,
                          struct ph_partition_list *list, struct ph_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    const char *topic = t->op->settings.topics[index];
    int32_t result = PH_OK;
    if (client_topic(&t->client, index, &metadata, err) != PH_OK) {
        return PH_ERROR;
    }
    for (int i = 0; result == PH_OK && i < metadata->topics[0].partition_cnt; i++) {
        result = list->add(list, topic, metadata->topics[0].partitions[i].id, cluster);
    }
    if (result == PH_OK) {
        finder_know(&t->finder, index, metadata->topics[0].partition_cnt);
    } else {
        (void)ph_error_set(err, PH_ERR_FATAL, "the host does not take all %d partitions of \"%s\"",
                           metadata->topics[0].partition_cnt, topic);
    }
    rd_kafka_metadata_destroy(metadata);
    return result;
}

static int32_t source_partitions(void *self, struct ph_partition_list *list, struct ph_error *err)
{
    struct task *t = self;
    char *cluster = rd_kafka_clusterid(t->client.link.rk, CLUSTER_MS);
    int32_t result = PH_OK;
    if (cluster == NULL) {
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "Kafka at %s does not tell the cluster's id, which is kept with each "
                            "position",
                            t->op->settings.brokers);
    }
    for (uint32_t i = 0; result == PH_OK && i < t->op->settings.topic_count; i++) {
        result = list_topic(t, i, cluster, list, err);
    }
    rd_kafka_mem_free(t->client.link.rk, cluster);
    step_timers(t);
    return result;
}

static int32_t source_resolve(void *self, const struct ph_partition *partitions, uint32_t count,
                              int64_t *next_offsets, struct ph_error *err)
{
    struct task *t = self;
    return offsets_resolve(&t->client, partitions, count, next_offsets, err);
}

static int32_t source_start(void *self, const struct ph_partition *partition,
                            const struct ph_position *from, struct ph_error *err)
{
    struct task *t = self;
    return reader_start(&t->reader, partition, from, err);
}

static int32_t source_poll(void *self, struct ph_writer *writer, struct ph_error *err)
{
    struct task *t = self;
    int64_t holes_ns = t->reader.holes_ns;
    int32_t result = reader_poll(&t->reader, writer, err);
    publish(t);
    if (t->reader.holes_ns > holes_ns) {
        step_timers(t);
    }
    if (result != PH_OK) {
        /* Nobody may call for long: do not leave an old lag behind. */
        t->next_lag_ns = 0;
    }
    if (result == PH_OK || __atomic_load_n(t->cells[LAG], __ATOMIC_RELAXED) != 0) {
        publish_lag(t);
    }
    return result;
}

static int32_t source_serve(void *self, struct ph_error *err)
{
    struct task *t = self;
    int32_t result = reader_check_ends(&t->reader, now_ns(t), err);
    serve_events(t);
    return result == PH_OK ? client_check(&t->client, err) : result;
}

static int32_t source_committed(void *self, const struct ph_position *positions, uint32_t count,
                                struct ph_error *err)
{
    struct task *t = self;
    uint32_t hint = 0;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        const struct slot *slot = slots_find(&t->reader.slots, positions[i].partition_id, &hint);
        if (slot != NULL && positions[i].next_offset >= 0) {
            commits_note(&t->commits, slot->topic, slot->partition, positions[i].next_offset);
        }
    }
    step_timers(t);
    return PH_OK;
}

static const struct ph_operator_ops operator_ops = {
    .size = sizeof operator_ops,
    .create = operator_create,
    .destroy = operator_destroy,
    .init = operator_init,
    .task_create = task_create,
    .task_destroy = task_destroy,
    .activate = task_activate,
    .deactivate = task_deactivate,
    .ready = task_ready,
};

static const struct ph_source_ops source_ops = {
    .size = sizeof source_ops,
    .partitions = source_partitions,
    .resolve = source_resolve,
    .start = source_start,
    .poll = source_poll,
    .serve = source_serve,
    .committed = source_committed,
};

static const struct ph_descriptor descriptor = {
    .size = sizeof descriptor,
    .kind = PH_KIND_SOURCE,
    .delivery = PH_DELIVERY_NONE,
    .id = "source-kafka",
    .version = PH_SDK_VERSION,
    .summary = "Reads the records of Kafka topics",
    .config = settings_keys,
    .counters = counters,
    .config_count = SETTINGS_KEY_COUNT,
    .counter_count = COUNTER_COUNT,
    .ops = &operator_ops,
    .source = &source_ops,
};

PH_ENTRY(&descriptor);
