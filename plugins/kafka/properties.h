/* SPDX-License-Identifier: Apache-2.0 */
/** The properties of librdkafka that a manifest may set. Everything else is refused with a reason.
 */
#ifndef KAFKA_PROPERTIES_H
#define KAFKA_PROPERTIES_H

#include "pipehost/config.h"
#include "pipehost/error.h"

#include <librdkafka/rdkafka.h>

/**
 * What every client may set: OPEN values may be shown in a dump, HIDDEN ones never. What can load
 * or run code must not come in here, nor into the list of a plugin, which begins with this one.
 */
#define PROPERTIES_CONNECTION(OPEN, HIDDEN)                                                        \
    OPEN("security.protocol")                                                                      \
    OPEN("sasl.mechanism")                                                                         \
    OPEN("sasl.mechanisms")                                                                        \
    HIDDEN("sasl.username")                                                                        \
    HIDDEN("sasl.password")                                                                        \
    OPEN("sasl.oauthbearer.method")                                                                \
    HIDDEN("sasl.oauthbearer.client.id")                                                           \
    HIDDEN("sasl.oauthbearer.client.secret")                                                       \
    HIDDEN("sasl.oauthbearer.scope")                                                               \
    HIDDEN("sasl.oauthbearer.extensions")                                                          \
    HIDDEN("sasl.oauthbearer.token.endpoint.url")                                                  \
    OPEN("ssl.ca.location")                                                                        \
    HIDDEN("ssl.ca.pem")                                                                           \
    OPEN("ssl.crl.location")                                                                       \
    OPEN("ssl.certificate.location")                                                               \
    HIDDEN("ssl.certificate.pem")                                                                  \
    OPEN("ssl.key.location")                                                                       \
    HIDDEN("ssl.key.pem")                                                                          \
    HIDDEN("ssl.key.password")                                                                     \
    OPEN("ssl.keystore.location")                                                                  \
    HIDDEN("ssl.keystore.password")                                                                \
    OPEN("ssl.cipher.suites")                                                                      \
    OPEN("ssl.curves.list")                                                                        \
    OPEN("ssl.sigalgs.list")                                                                       \
    OPEN("ssl.endpoint.identification.algorithm")                                                  \
    OPEN("enable.ssl.certificate.verification")                                                    \
    OPEN("broker.address.family")                                                                  \
    OPEN("broker.address.ttl")                                                                     \
    OPEN("broker.version.fallback")                                                                \
    OPEN("api.version.request")                                                                    \
    OPEN("api.version.request.timeout.ms")                                                         \
    OPEN("api.version.fallback.ms")                                                                \
    OPEN("connections.max.idle.ms")                                                                \
    OPEN("reconnect.backoff.ms")                                                                   \
    OPEN("reconnect.backoff.max.ms")                                                               \
    OPEN("socket.connection.setup.timeout.ms")                                                     \
    OPEN("socket.keepalive.enable")                                                                \
    OPEN("socket.max.fails")                                                                       \
    OPEN("socket.nagle.disable")                                                                   \
    OPEN("socket.receive.buffer.bytes")                                                            \
    OPEN("socket.send.buffer.bytes")                                                               \
    OPEN("socket.timeout.ms")                                                                      \
    OPEN("metadata.max.age.ms")                                                                    \
    OPEN("topic.metadata.refresh.interval.ms")                                                     \
    OPEN("topic.metadata.refresh.fast.interval.ms")                                                \
    OPEN("topic.metadata.propagation.max.ms")                                                      \
    OPEN("log_level")                                                                              \
    OPEN("debug")

#define PROPERTIES_AS_OPEN(name)   {name, false},
#define PROPERTIES_AS_HIDDEN(name) {name, true},
#define PROPERTIES_AS_CHOICE(name) "|" name
#define PROPERTIES_AS_NOTHING(name)
/** The names of the open ones of a list, separated by '|', for ph_config_key.values. */
#define PROPERTIES_SHOWN(list) (&list(PROPERTIES_AS_CHOICE, PROPERTIES_AS_NOTHING) ""[1])

struct property {
    const char *name;
    bool is_hidden;
};

struct property_refusal {
    const char *name; /**< a trailing '*' stands for any rest */
    const char *reason;
};

struct properties_rules {
    const char *kind; /**< of the operator: "source" */
    const struct property *allowed;
    size_t allowed_count;
    /** Beside those of every client. */
    const struct property_refusal *refusals;
    size_t refusal_count;
};

/** Those of the plugin that this is compiled into, which defines them. */
extern const struct properties_rules properties_rules;

/** Checks names and values, without a network and without a thread. [control] */
__attribute__((warn_unused_result)) int32_t properties_check(const struct ph_value *map,
                                                             struct ph_error *err);
/** The value of a property of map, by either of two names; null = it is not set. [any] */
const char *properties_find(const struct ph_value *map, const char *name, const char *other);
/** Sets all of map in conf. [any] */
__attribute__((warn_unused_result)) int32_t properties_apply(const struct ph_value *map,
                                                             rd_kafka_conf_t *conf,
                                                             struct ph_error *err);
/** Sets those of map that every client may set: for a client of another kind beside the plugin's.
 * [any] */
__attribute__((warn_unused_result)) int32_t properties_apply_connection(const struct ph_value *map,
                                                                        rd_kafka_conf_t *conf,
                                                                        struct ph_error *err);
/** Makes text fit for a log: hidden values of map become "***", line breaks blanks. [any] [io] */
void properties_redact(const struct ph_value *map, char *text);

#endif
