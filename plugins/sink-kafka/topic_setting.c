/* SPDX-License-Identifier: Apache-2.0 */
#include "topic_setting.h"

/* Asked for once; where it is not told the sink works too. */
#define REQUEST_MS 1000
#define ANSWER_MS  3000

static bool read_value(rd_kafka_event_t *event, const char *name, char *text, size_t size)
{
    size_t count = 0;
    const rd_kafka_DescribeConfigs_result_t *result =
        event == NULL ? NULL : rd_kafka_event_DescribeConfigs_result(event);
    rd_kafka_ConfigResource_t **topics =
        result == NULL ? NULL
                       : (rd_kafka_ConfigResource_t **)rd_kafka_DescribeConfigs_result_resources(
                             result, &count);
    if (count != 1 || rd_kafka_ConfigResource_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topics[0], &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0 && value != NULL) {
            (void)snprintf(text, size, "%s", value);
            return true;
        }
    }
    return false;
}

bool topic_setting_ask(const struct link *l, const char *topic, const char *name, char *text,
                       size_t size)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(l->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(l->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    bool is_told = false;
    if (queue != NULL && options != NULL && resource != NULL &&
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, reason, sizeof reason) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_DescribeConfigs(l->rk, &resource, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
        is_told = read_value(event, name, text, size);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    if (resource != NULL) {
        rd_kafka_ConfigResource_destroy(resource);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    if (queue != NULL) {
        rd_kafka_queue_destroy(queue);
    }
    return is_told;
}
