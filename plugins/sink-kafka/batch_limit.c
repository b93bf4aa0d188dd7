/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_limit.h"

#include <stdlib.h>

/* Asked for once; where it is not told the sink works too. */
#define REQUEST_MS 1000
#define ANSWER_MS  3000

static int64_t read_limit(rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_DescribeConfigs_result_t *result =
        event == NULL ? NULL : rd_kafka_event_DescribeConfigs_result(event);
    rd_kafka_ConfigResource_t **topics =
        result == NULL ? NULL
                       : (rd_kafka_ConfigResource_t **)rd_kafka_DescribeConfigs_result_resources(
                             result, &count);
    if (count != 1 || rd_kafka_ConfigResource_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topics[0], &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0 &&
            value != NULL) {
            return strtoll(value, NULL, 10);
        }
    }
    return 0;
}

static int64_t ask(struct producer *p)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->link.rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(p->link.rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, p->settings->topic);
    int64_t limit = 0;
    if (queue != NULL && options != NULL && topic != NULL &&
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, reason, sizeof reason) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_DescribeConfigs(p->link.rk, &topic, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
        limit = read_limit(event);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    if (topic != NULL) {
        rd_kafka_ConfigResource_destroy(topic);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    if (queue != NULL) {
        rd_kafka_queue_destroy(queue);
    }
    return limit;
}

int64_t batch_limit_ask(struct producer *p)
{
    int64_t limit = ask(p);
    if (limit == 0) {
        link_log(&p->link, PH_LOG_DEBUG,
                 "topic \"%s\" does not tell its max.message.bytes: taken to be %lld",
                 p->settings->topic, (long long)p->message_bytes);
    }
    return limit;
}
