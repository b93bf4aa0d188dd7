/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"

#include "kafka/preset.h"
#include "kafka/properties.h"

/* What a record costs beside its value: librdkafka's message and the record's frame in the answer,
 * which is kept whole as long as one of its records. */
#define RECORD_OVERHEAD_BYTES 512

/* A manifest may override these. */
static const struct preset defaults[] = {
    /* A megabyte of each of four partitions: half the broker's time of answers that hold one. */
    {"fetch.max.bytes", "4000000"},
    /* While a broker waits for records it answers nothing else: not the group's offsets at the end.
     */
    {"fetch.wait.max.ms", "100"},
    {"fetch.error.backoff.ms", "100"},
    /* Records of aborted and open transactions are not for anybody. */
    {"isolation.level", "read_committed"},
};

/* And these not. */
static const struct preset rules[] = {
    {"auto.offset.reset", "error"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    /* The end of a bounded run, and the only word about a hole that no record follows. */
    {"enable.partition.eof", "true"},
};

struct conf_prefetch conf_prefetch(const struct settings *s, uint32_t lane_count)
{
    int64_t lane_bytes = s->prefetch_bytes / (lane_count > 0 ? lane_count : 1);
    /* Half for the values, half for what stands around them, so that the sum holds for records of
     * any size. librdkafka knows nothing but whole KiB and up to ten million records. */
    struct conf_prefetch p = {lane_bytes / 2, lane_bytes / 2 / RECORD_OVERHEAD_BYTES};
    p.value_bytes = p.value_bytes < 1024 ? 1024 : p.value_bytes;
    p.records = p.records < 1 ? 1 : p.records;
    p.records = p.records > 10000000 ? 10000000 : p.records;
    return p;
}

/* librdkafka assigns partitions only to a client that names a group. Nobody ever joins it. */
static int32_t set_group(rd_kafka_conf_t *conf, const struct settings *s,
                         const struct ph_task *task, struct ph_error *err)
{
    char name[512];
    (void)snprintf(name, sizeof name, "pipehost-%s-%s", task->host->pipeline_name,
                   task->host->operator_name);
    return preset_set_key(conf, "group.id", s->group != NULL ? s->group : name, "/group", err);
}

static int32_t fill(rd_kafka_conf_t *conf, const struct settings *s, const struct ph_task *task,
                    struct ph_error *err)
{
    struct conf_prefetch prefetch = conf_prefetch(s, task->host->lane_count);
    if (preset_connection(conf, err) != PH_OK ||
        preset_set_all(conf, defaults, sizeof defaults / sizeof defaults[0], err) != PH_OK ||
        properties_apply(s->properties, conf, err) != PH_OK ||
        preset_set_all(conf, rules, sizeof rules / sizeof rules[0], err) != PH_OK ||
        preset_client(conf, s->brokers, task, err) != PH_OK ||
        set_group(conf, s, task, err) != PH_OK) {
        return PH_ERROR;
    }
    if (preset_set_integer(conf, "queued.max.messages.kbytes", prefetch.value_bytes / 1024, err) !=
        PH_OK) {
        return PH_ERROR;
    }
    return preset_set_integer(conf, "queued.min.messages", prefetch.records, err);
}

rd_kafka_conf_t *conf_create(const struct settings *s, const struct ph_task *task,
                             struct ph_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (fill(conf, s, task, err) != PH_OK) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}
