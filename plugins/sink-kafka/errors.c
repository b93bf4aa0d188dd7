/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

struct rule {
    rd_kafka_resp_err_t code;
    uint32_t at_start;
    uint32_t while_writing;
    const char *key;
};

/*
 * A code that is not here is retriable: the epoch is written again by a new producer. So is what
 * means that the broker forgot this producer, and what a running pipeline is refused by a
 * connection, because an operator changes that on the other side.
 */
static const struct rule rules[] = {
    /* The way to the brokers. */
    {RD_KAFKA_RESP_ERR__TRANSPORT, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, "/brokers"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, "/brokers"},
    {RD_KAFKA_RESP_ERR__RESOLVE, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, "/brokers"},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, "/brokers"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/rdkafka/sasl.password"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, PH_ERR_CONFIG, PH_ERR_RETRIABLE,
     "/rdkafka/sasl.password"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, PH_ERR_CONFIG, PH_ERR_RETRIABLE,
     "/rdkafka/sasl.mechanism"},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, PH_ERR_CONFIG, PH_ERR_RETRIABLE,
     "/rdkafka/security.protocol"},
    {RD_KAFKA_RESP_ERR_SECURITY_DISABLED, PH_ERR_CONFIG, PH_ERR_RETRIABLE,
     "/rdkafka/security.protocol"},
    {RD_KAFKA_RESP_ERR__SSL, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/rdkafka/ssl.ca.location"},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, PH_ERR_CONFIG, PH_ERR_FATAL, "/rdkafka"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, PH_ERR_CONFIG, PH_ERR_FATAL, "/brokers"},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, PH_ERR_CONFIG, PH_ERR_FATAL, "/brokers"},

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

    /* Only a transactional producer is shut out by another. */
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, PH_ERR_FENCED, PH_ERR_FENCED, NULL},
    {RD_KAFKA_RESP_ERR__FENCED, PH_ERR_FENCED, PH_ERR_FENCED, NULL},

    /* The library itself. __FATAL means this producer only. */
    {RD_KAFKA_RESP_ERR__FATAL, PH_ERR_FATAL, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__DESTROY, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
};
static const struct rule *find_rule(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].code == code) {
            return &rules[i];
        }
    }
    return NULL;
}

uint32_t errors_flags(rd_kafka_resp_err_t code, enum errors_phase phase)
{
    const struct rule *r = find_rule(code);
    if (r == NULL) {
        return PH_ERR_RETRIABLE;
    }
    return phase == ERRORS_AT_START ? r->at_start : r->while_writing;
}

const char *errors_key(rd_kafka_resp_err_t code)
{
    const struct rule *r = find_rule(code);
    return r == NULL ? NULL : r->key;
}

int32_t errors_set(struct ph_error *err, rd_kafka_resp_err_t code, enum errors_phase phase,
                   const char *format, ...)
{
    char text[PH_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (ph_error_is_set(err)) {
        return PH_ERROR;
    }
    (void)ph_error_set(err, errors_flags(code, phase), "%s", text);
    ph_error_set_foreign(err, rd_kafka_err2name(code));
    ph_error_set_key(err, errors_key(code));
    return PH_ERROR;
}
