/* SPDX-License-Identifier: Apache-2.0 */
#include "properties.h"

#include "nearest.h"

#include <strings.h>

/* Shorter values than this stay: they would blot out half of a sentence and hide nothing. */
#define REDACT_MIN 3

/* What every client is refused. */
static const struct property_refusal refusals[] = {
    {"bootstrap.servers", "use the key brokers"},
    {"metadata.broker.list", "use the key brokers"},
    {"client.id", "it is made of the pipeline's, the operator's and the lane's name"},
    {"statistics.interval.ms", "the operator's counters tell what it would"},
    {"log.queue", "pipehost collects librdkafka's log"},
    {"plugin.library.paths", "it loads code"},
    {"ssl.engine.*", "it loads code"},
    {"ssl.providers", "it loads code"},
    {"interceptors", "it loads code"},
    {"sasl.kerberos.*", "Kerberos runs a command for its tickets"},
    {"enable.sasl.oauthbearer.unsecure.jwt", "it turns off the token's check"},
    {"test.mock.*", "it would replace the cluster by a make-believe one"},
};

static const struct property *find_property(const char *name)
{
    for (size_t i = 0; i < properties_rules.allowed_count; i++) {
        if (strcmp(properties_rules.allowed[i].name, name) == 0) {
            return &properties_rules.allowed[i];
        }
    }
    return NULL;
}

static const char *find_refusal(const struct property_refusal *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const char *pattern = list[i].name;
        size_t length = strlen(pattern);
        bool is_prefix = pattern[length - 1] == '*';
        if (is_prefix ? strncmp(pattern, name, length - 1) == 0 : strcmp(pattern, name) == 0) {
            return list[i].reason;
        }
    }
    return NULL;
}

static const char *find_reason(const char *name)
{
    const char *own = find_refusal(properties_rules.refusals, properties_rules.refusal_count, name);
    return own != NULL ? own : find_refusal(refusals, sizeof refusals / sizeof refusals[0], name);
}

static void blame(struct ph_error *err, const char *name)
{
    char pointer[PH_ERROR_KEY_SIZE];
    (void)snprintf(pointer, sizeof pointer, "/rdkafka/%s", name);
    ph_error_set_key(err, pointer);
}

static int32_t refuse_name(const char *name, struct ph_error *err)
{
    const char *reason = find_reason(name);
    struct nearest near;
    nearest_init(&near, name);
    for (size_t i = 0; i < properties_rules.allowed_count; i++) {
        nearest_offer(&near, properties_rules.allowed[i].name);
    }
    if (reason != NULL) {
        (void)ph_error_set(err, PH_ERR_CONFIG, "rdkafka property \"%s\" cannot be set: %s", name,
                           reason);
    } else if (near.best != NULL) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "rdkafka property \"%s\" is not one that a %s may set, did you "
                           "mean \"%s\"?",
                           name, properties_rules.kind, near.best);
    } else {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "rdkafka property \"%s\" is not one that a %s may set", name,
                           properties_rules.kind);
    }
    blame(err, name);
    return PH_ERROR;
}

static const char *find_value(const struct ph_value *map, const char *name)
{
    for (uint32_t i = 0; map != NULL && i < map->item_count; i++) {
        if (strcmp(map->items[i].name, name) == 0) {
            return map->items[i].text;
        }
    }
    return NULL;
}

const char *properties_find(const struct ph_value *map, const char *name, const char *other)
{
    const char *text = find_value(map, name);
    return text != NULL ? text : find_value(map, other);
}

/* librdkafka's own default mechanism is GSSAPI, which runs kinit through a shell. */
static int32_t check_sasl(const struct ph_value *map, struct ph_error *err)
{
    const char *protocol = find_value(map, "security.protocol");
    const char *mechanism = properties_find(map, "sasl.mechanism", "sasl.mechanisms");
    if (mechanism != NULL && strcasecmp(mechanism, "GSSAPI") == 0) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "sasl.mechanism GSSAPI cannot be used: it runs a command for its "
                           "tickets; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER");
        blame(err, "sasl.mechanism");
        return PH_ERROR;
    }
    if (protocol != NULL && strncasecmp(protocol, "sasl", 4) == 0 && mechanism == NULL) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "security.protocol %s needs sasl.mechanism: PLAIN, SCRAM-SHA-256, "
                           "SCRAM-SHA-512 or OAUTHBEARER",
                           protocol);
        blame(err, "security.protocol");
        return PH_ERROR;
    }
    return PH_OK;
}

static int32_t apply_one(const struct ph_value *item, rd_kafka_conf_t *conf, struct ph_error *err)
{
    char reason[512];
    const struct property *p = find_property(item->name);
    if (p == NULL) {
        return refuse_name(item->name, err);
    }
    if (rd_kafka_conf_set(conf, item->name, item->text, reason, sizeof reason) ==
        RD_KAFKA_CONF_OK) {
        return PH_OK;
    }
    if (p->is_hidden) {
        /* librdkafka's reason repeats the value. */
        (void)ph_error_set(err, PH_ERR_CONFIG, "librdkafka refuses the value of \"%s\"",
                           item->name);
    } else {
        (void)ph_error_set(err, PH_ERR_CONFIG, "librdkafka refuses \"%s\": %s", item->name, reason);
    }
    blame(err, item->name);
    return PH_ERROR;
}

int32_t properties_apply(const struct ph_value *map, rd_kafka_conf_t *conf, struct ph_error *err)
{
    if (map == NULL || !map->is_set) {
        return PH_OK;
    }
    for (uint32_t i = 0; i < map->item_count; i++) {
        if (apply_one(&map->items[i], conf, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return check_sasl(map, err);
}

static bool is_of_connection(const char *name)
{
    static const struct property names[] = {
        PROPERTIES_CONNECTION(PROPERTIES_AS_OPEN, PROPERTIES_AS_HIDDEN)};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int32_t properties_apply_connection(const struct ph_value *map, rd_kafka_conf_t *conf,
                                    struct ph_error *err)
{
    for (uint32_t i = 0; map != NULL && map->is_set && i < map->item_count; i++) {
        if (is_of_connection(map->items[i].name) && apply_one(&map->items[i], conf, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t properties_check(const struct ph_value *map, struct ph_error *err)
{
    rd_kafka_conf_t *scratch = rd_kafka_conf_new();
    int32_t result = properties_apply(map, scratch, err);
    rd_kafka_conf_destroy(scratch);
    return result;
}

static void replace_all(char *text, const char *secret, size_t length)
{
    static const char stars[] = {'*', '*', '*'};
    _Static_assert(sizeof stars <= REDACT_MIN,
                   "a replacement must not be longer than what it hides");
    for (char *at = strstr(text, secret); at != NULL; at = strstr(at, secret)) {
        memcpy(at, stars, sizeof stars);
        at += sizeof stars;
        memmove(at, at + length - sizeof stars, strlen(at + length - sizeof stars) + 1);
    }
}

void properties_redact(const struct ph_value *map, char *text)
{
    for (uint32_t i = 0; map != NULL && map->is_set && i < map->item_count; i++) {
        const struct ph_value *item = &map->items[i];
        const struct property *p = find_property(item->name);
        if (item->text_length >= REDACT_MIN && (p == NULL || p->is_hidden)) {
            replace_all(text, item->text, item->text_length);
        }
    }
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            *at = ' ';
        }
    }
}
