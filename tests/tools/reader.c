/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdbool.h>
#include <stdio.h>

rd_kafka_t *reader_open(const char *brokers, const char *group, const char *isolation)
{
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"group.id", group},
                                       {"enable.auto.commit", "false"},
                                       {"enable.auto.offset.store", "false"},
                                       {"enable.partition.eof", "true"},
                                       {"auto.offset.reset", "error"},
                                       {"fetch.wait.max.ms", "50"},
                                       {"isolation.level", isolation},
                                       {"topic.metadata.refresh.sparse", "true"}};
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof settings / sizeof settings[0]; i++) {
        ok = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof reason) ==
             RD_KAFKA_CONF_OK;
    }
    rd_kafka_t *rk = ok ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason) : NULL;
    if (rk == NULL) {
        fprintf(stderr, "a consumer of %s: %s\n", brokers, reason);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

int32_t reader_assign(rd_kafka_t *rk, const char *name)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, topic, &metadata, READER_ASK_MS);
    int32_t count = code == 0 && metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    for (int32_t p = 0; p < count; p++) {
        rd_kafka_topic_partition_list_add(list, name, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    if (count == 0 || rd_kafka_assign(rk, list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "topic %s cannot be read: %d partitions, %s\n", name, (int)count,
                rd_kafka_err2str(code));
        count = -1;
    }
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_destroy(topic);
    return count;
}
