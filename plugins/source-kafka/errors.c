/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

struct rule {
    rd_kafka_resp_err_t code;
    uint32_t at_start;
    uint32_t while_reading;
    const char *key;
};

/*
 * A code that is not here is retriable. Rules of the second column: fatal is what means that
 * records are gone, skipped or never come; a refused password or certificate of a running pipeline
 * is retriable, because an operator changes it on the other side.
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
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/brokers"},

    /* The topic and its partitions. */
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, PH_ERR_RETRIABLE, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_FATAL, "/topic"},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, PH_ERR_RETRIABLE, PH_ERR_RETRIABLE, NULL},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, PH_ERR_FATAL, PH_ERR_FATAL, NULL},

    /* Records that librdkafka reports and then skips: going on would lose them. */
    {RD_KAFKA_RESP_ERR__BAD_MSG, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PH_ERR_FATAL, PH_ERR_FATAL,
     "/rdkafka/receive.message.max.bytes"},

    /* The group, which only monitors read. */
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/group"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, PH_ERR_CONFIG, PH_ERR_RETRIABLE, "/group"},

    /* The library itself. */
    {RD_KAFKA_RESP_ERR__FATAL, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
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
    return phase == ERRORS_AT_START ? r->at_start : r->while_reading;
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
