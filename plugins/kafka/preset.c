/* SPDX-License-Identifier: Apache-2.0 */
#include "preset.h"

static const struct preset connection[] = {
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "30000"},
    {"reconnect.backoff.max.ms", "2000"},
};

static const struct preset rules[] = {
    {"allow.auto.create.topics", "false"},
    {"log.connection.close", "false"},
};

int32_t preset_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct ph_error *err)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        return ph_error_set(err, PH_ERR_CONFIG, "librdkafka refuses %s: %s", name, reason);
    }
    return PH_OK;
}

int32_t preset_set_key(rd_kafka_conf_t *conf, const char *name, const char *value, const char *key,
                       struct ph_error *err)
{
    if (preset_set(conf, name, value, err) != PH_OK) {
        ph_error_set_key(err, key);
        return PH_ERROR;
    }
    return PH_OK;
}

int32_t preset_set_integer(rd_kafka_conf_t *conf, const char *name, int64_t value,
                           struct ph_error *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return preset_set(conf, name, text, err);
}

int32_t preset_set_all(rd_kafka_conf_t *conf, const struct preset *presets, size_t count,
                       struct ph_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (preset_set(conf, presets[i].name, presets[i].value, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t preset_connection(rd_kafka_conf_t *conf, struct ph_error *err)
{
    return preset_set_all(conf, connection, sizeof connection / sizeof connection[0], err);
}

int32_t preset_client(rd_kafka_conf_t *conf, const char *brokers, const struct ph_task *task,
                      struct ph_error *err)
{
    char name[512];
    (void)snprintf(name, sizeof name, "pipehost-%s-%s-%u", task->host->pipeline_name,
                   task->host->operator_name, task->lane);
    if (preset_set_all(conf, rules, sizeof rules / sizeof rules[0], err) != PH_OK ||
        preset_set(conf, "client.id", name, err) != PH_OK) {
        return PH_ERROR;
    }
    return preset_set_key(conf, "bootstrap.servers", brokers, "/brokers", err);
}
