/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "instant.h"
#include "kafka/place.h"
#include "properties.h"

#define KEY_SIZE ((uint32_t)sizeof(struct ph_config_key))
#define MIB      (INT64_C(1) << 20)

const struct ph_config_key settings_keys[SETTINGS_KEY_COUNT] = {
    {KEY_SIZE, PH_CONFIG_STRING, PH_CONFIG_REQUIRED, 0, "brokers",
     "Where to find the cluster: host:port, several separated by commas", NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_STRING, 0, 0, "topic", "The topic to read; this or topics", NULL, NULL,
     NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_LIST, 0, 0, "topics",
     "Several topics to read with the same format, at most 64; a lane reads the partitions of one "
     "number of all of them",
     NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_STRING, 0, 0, "group",
     "Consumer group whose offsets are written for lag monitors, about once a second; pipehost "
     "does not join it and does not start from it, except with startup_mode group",
     NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_ENUM, 0, 0, "startup_mode",
     "Where to begin in a partition of which no sink has a position", NULL, "latest",
     "latest|earliest|group|timestamp|latest-offset|earliest-offset|group-offsets", 0, 0},
    {KEY_SIZE, PH_CONFIG_STRING, 0, 0, "startup_timestamp",
     "With startup_mode timestamp: begin at the first record of this time or later; ISO 8601 (UTC "
     "without an offset) or milliseconds since 1970",
     NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_ENUM, 0, 0, "bounded_mode",
     "latest: end where each partition ends at the start; none: go on for ever", NULL, "none",
     "none|latest|unbounded|latest-offset", 0, 0},
    {KEY_SIZE, PH_CONFIG_DURATION, 0, 0, "discovery_interval",
     "How often to look for new partitions, which are read from their beginning; 0 = never, and a "
     "bounded run never does",
     "ms", "30s", NULL, 0, 86400000},
    {KEY_SIZE, PH_CONFIG_INT, 0, 0, "prefetch_mib",
     "Memory for records read ahead, all lanes together", "MiB", "64", NULL, 4, 4096},
    {KEY_SIZE, PH_CONFIG_MAP, PH_CONFIG_SECRET_VALUES, 0, "rdkafka",
     "Properties of librdkafka, for the connection, TLS, SASL and fetching; isolation.level is "
     "read_committed unless it is said here",
     NULL, NULL, PROPERTIES_SHOWN(PROPERTIES), 0, 0},
};

static int32_t add_topic(struct settings *s, const char *topic, const char *pointer,
                         struct ph_error *err)
{
    if (topic == NULL || topic[0] == '\0') {
        return place_refuse(err, pointer, "the name of a topic is empty: write the topic to read");
    }
    if (place_check_topic(topic, pointer, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < s->topic_count; i++) {
        if (strcmp(s->topics[i], topic) == 0) {
            return place_refuse(err, pointer, "the topic is named twice");
        }
    }
    s->topics[s->topic_count++] = topic;
    return PH_OK;
}

static int32_t read_topics(struct settings *s, const struct ph_config *config, struct ph_error *err)
{
    const struct ph_value *one = config->get(config, "topic");
    const struct ph_value *list = config->get(config, "topics");
    bool is_list = list->is_set;
    s->topic_key = is_list ? "/topics" : "/topic";
    if (one->is_set == is_list) {
        return place_refuse(err, s->topic_key,
                            is_list
                                ? "there is a topic and a list of topics: keep one of both"
                                : "topic is missing: write the topic to read, or a list of them as "
                                  "topics");
    }
    if (!is_list) {
        return add_topic(s, one->text, "/topic", err);
    }
    if (list->item_count == 0 || list->item_count > SETTINGS_TOPICS_MAX) {
        return place_refuse(err, "/topics", "topics must name 1 to 64 topics");
    }
    for (uint32_t i = 0; i < list->item_count; i++) {
        char pointer[24];
        (void)snprintf(pointer, sizeof pointer, "/topics/%u", i);
        if (add_topic(s, list->items[i].text, pointer, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static int32_t read_place(struct settings *s, const struct ph_config *config, struct ph_error *err)
{
    s->group = place_text(config, "group");
    if (place_brokers(config, &s->brokers, err) != PH_OK) {
        return PH_ERROR;
    }
    return read_topics(s, config, err);
}

static int32_t read_startup(struct settings *s, const struct ph_config *config,
                            struct ph_error *err)
{
    const char *timestamp = place_text(config, "startup_timestamp");
    /* The alternative spellings stand in the same order behind the four modes. */
    s->startup_mode = (enum startup_mode)(ph_config_integer(config, "startup_mode") % 4);
    s->is_bounded = ph_config_integer(config, "bounded_mode") % 2 == 1;
    if (s->startup_mode == STARTUP_GROUP && s->group == NULL) {
        return place_refuse(err, "/group",
                            "startup_mode group needs the group whose offsets to use");
    }
    if ((s->startup_mode == STARTUP_TIMESTAMP) != (timestamp != NULL)) {
        return place_refuse(err, "/startup_timestamp",
                            timestamp == NULL
                                ? "startup_mode timestamp needs startup_timestamp"
                                : "startup_timestamp is only used with startup_mode timestamp");
    }
    if (timestamp != NULL && !instant_parse(timestamp, &s->startup_timestamp_ms)) {
        return place_refuse(err, "/startup_timestamp",
                            "startup_timestamp is neither ISO 8601 (2024-05-01T00:00:00Z) nor "
                            "milliseconds since 1970");
    }
    return PH_OK;
}

int32_t settings_read(struct settings *s, const struct ph_config *config, struct ph_error *err)
{
    *s = (struct settings){0};
    if (read_place(s, config, err) != PH_OK || read_startup(s, config, err) != PH_OK) {
        return PH_ERROR;
    }
    s->discovery_interval_ms = ph_config_integer(config, "discovery_interval");
    s->prefetch_bytes = ph_config_integer(config, "prefetch_mib") * MIB;
    s->properties = config->get(config, "rdkafka");
    return properties_check(s->properties, err);
}
