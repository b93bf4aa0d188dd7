/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

/* What every client has in common. Of a connection's errors those that a running pipeline meets are
 * retriable, because an operator changes them on the other side. */
static const struct errors_rule rules[] = {
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

    /* The library itself. */
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
    {RD_KAFKA_RESP_ERR__DESTROY, PH_ERR_FATAL, PH_ERR_FATAL, NULL},
};

static const struct errors_rule *find_rule(const struct errors_rule *list, size_t count,
                                           rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].code == code) {
            return &list[i];
        }
    }
    return NULL;
}

static const struct errors_rule *judge(rd_kafka_resp_err_t code)
{
    const struct errors_rule *own = find_rule(errors_rules.rules, errors_rules.count, code);
    return own != NULL ? own : find_rule(rules, sizeof rules / sizeof rules[0], code);
}

uint32_t errors_flags(rd_kafka_resp_err_t code, enum errors_phase phase)
{
    const struct errors_rule *r = judge(code);
    if (r == NULL) {
        return PH_ERR_RETRIABLE;
    }
    return phase == ERRORS_AT_START ? r->at_start : r->at_work;
}

const char *errors_key(rd_kafka_resp_err_t code)
{
    const struct errors_rule *r = judge(code);
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
