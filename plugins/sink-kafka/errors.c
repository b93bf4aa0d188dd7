/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/errors.h"

/* At work librdkafka has given a record up. Retriable: the epoch is written again by a new
 * producer; so is what means that the broker forgot this one. */
static const struct errors_rule rules[] = {
    /* The topic, and the right to write to it. */
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_CONFIG, "/brokers"},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, PH_ERR_CONFIG, PH_ERR_CONFIG, "/topic"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, PH_ERR_CONFIG, PH_ERR_CONFIG, "/compression"},

    /* The record: the broker refuses all records of a request for one of them. */
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, PH_ERR_POISON, PH_ERR_POISON, NULL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, PH_ERR_FATAL, PH_ERR_FATAL, "/compression"},

    /* A transactional producer: what it may, and that it was shut out, by another one or by the
     * broker when its transaction took too long. */
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_CONFIG, NULL},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_CONFIG, NULL},
    {RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, PH_ERR_CONFIG, PH_ERR_CONFIG, "/brokers"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, PH_ERR_CONFIG, PH_ERR_CONFIG,
     "/rdkafka/transaction.timeout.ms"},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, PH_ERR_FENCED, PH_ERR_FENCED, NULL},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, PH_ERR_FENCED, PH_ERR_FENCED, NULL},
    {RD_KAFKA_RESP_ERR__FENCED, PH_ERR_FENCED, PH_ERR_FENCED, NULL},

    /* The library itself. __FATAL means this producer only. */
    {RD_KAFKA_RESP_ERR__FATAL, PH_ERR_FATAL, PH_ERR_RETRIABLE, NULL},
};

const struct errors_rules errors_rules = {rules, sizeof rules / sizeof rules[0]};
