/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/errors.h"

/* At work librdkafka goes on by itself after what is retriable. Fatal is what means that records
 * are skipped or never come. A position that the log has not got is config at any time: somebody
 * has to say where it goes on. */
static const struct errors_rule rules[] = {
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/brokers"},

    /* The topic and its partitions. */
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, PH_ERR_RETRIABLE, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, PH_ERR_CONFIG, PH_ERR_CONFIG, NULL},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, PH_ERR_CONFIG, PH_ERR_CONFIG, NULL},

    /* Records that librdkafka reports and then skips: going on would lose them. */
    {RD_KAFKA_RESP_ERR__BAD_MSG, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PH_ERR_FATAL, PH_ERR_FATAL,
     "/rdkafka/receive.message.max.bytes"},

    /* The group, which only monitors read. */
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/group"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/group"},

    /* The library itself. */
    {RD_KAFKA_RESP_ERR__FATAL, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
};

const struct errors_rules errors_rules = {rules, sizeof rules / sizeof rules[0]};
