/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include "brokers.h"
#include "properties.h"

#define TOPIC_MAX 249 /* Kafka's own limit for a topic's name */

int32_t place_refuse(struct ph_error *err, const char *pointer, const char *sentence)
{
    (void)ph_error_set(err, PH_ERR_CONFIG, "%s", sentence);
    ph_error_set_key(err, pointer);
    return PH_ERROR;
}

const char *place_text(const struct ph_config *config, const char *name)
{
    const char *text = ph_config_text(config, name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

int32_t place_brokers(const struct ph_config *config, const char **brokers, struct ph_error *err)
{
    const char *protocol = properties_find(config->get(config, "rdkafka"), "security.protocol", "");
    *brokers = ph_config_text(config, "brokers");
    return brokers_check(*brokers != NULL ? *brokers : "", protocol, err);
}

int32_t place_check_topic(const char *topic, const char *pointer, struct ph_error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(topic);
    bool is_dots = strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0;
    if (length > TOPIC_MAX || is_dots || strspn(topic, letters) != length) {
        return place_refuse(err, pointer,
                            "topic is no name that Kafka allows: up to 249 of a-z A-Z 0-9 . _ -");
    }
    return PH_OK;
}
