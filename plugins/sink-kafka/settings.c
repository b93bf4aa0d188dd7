/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "kafka/place.h"
#include "properties.h"

#include <stdlib.h>

#define KEY_SIZE        ((uint32_t)sizeof(struct ph_config_key))
#define MIB             (INT64_C(1) << 20)
#define INTERVAL_MIN_MS 100
#define INTERVAL_MAX_MS 60000
/* librdkafka's property. The broker holds back what follows a transaction that nobody ends for so
 * long. */
#define TIMEOUT_MS     30000
#define TIMEOUT_MIN_MS 5000
#define TIMEOUT_MAX_MS 900000

const struct ph_config_key settings_keys[SETTINGS_KEY_COUNT] = {
    {KEY_SIZE, PH_CONFIG_STRING, PH_CONFIG_REQUIRED, 0, "brokers",
     "Where to find the cluster: host:port, several separated by commas", NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_STRING, PH_CONFIG_REQUIRED, 0, "topic",
     "The topic to write to; it must be there", NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_STRING, 0, 0, "key",
     "The column whose text is the record's key; records of one key stay in order. Default: no key",
     NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_ENUM, 0, 0, "value",
     "json: an object of the columns; splice: the source's record as it came, with the columns "
     "that the pipeline added before its last brace; a name that the record has already is there "
     "twice then",
     NULL, "json", "json|splice", 0, 0},
    {KEY_SIZE, PH_CONFIG_LIST, 0, 0, "columns",
     "The columns to write, in this order. Default: with value json all, with splice those that do "
     "not come from the source",
     NULL, NULL, NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_BOOL, 0, 0, "headers",
     "Adds the headers source.topic, source.partition and source.offset; about doubles the CPU of "
     "writing",
     NULL, "false", NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_ENUM, 0, 0, "partitioner",
     "How a key chooses its partition; murmur2_random does as Java's clients do", NULL,
     "murmur2_random",
     "murmur2_random|murmur2|consistent_random|consistent|fnv1a_random|fnv1a|random", 0, 0},
    {KEY_SIZE, PH_CONFIG_ENUM, 0, 0, "compression", "Of the record batches sent", NULL, "none",
     "none|lz4|zstd|snappy|gzip", 0, 0},
    {KEY_SIZE, PH_CONFIG_INT, 0, 0, "queue_mib",
     "Memory for values that are written but not yet acknowledged, all lanes together; librdkafka "
     "takes up to about twice as much beside it where records are small",
     "MiB", "32", NULL, 1, 1024},
    {KEY_SIZE, PH_CONFIG_INT, 0, 0, "transaction_interval_ms",
     "Transactions are committed no sooner after each other; read-committed readers see records "
     "about that late",
     "ms", "250", NULL, INTERVAL_MIN_MS, INTERVAL_MAX_MS},
    {KEY_SIZE, PH_CONFIG_ENUM, 0, 0, "positions",
     "Where positions are kept. auto: as offsets of a consumer group where source and sink are one "
     "cluster, else in positions_topic; topic: always there",
     NULL, "auto", "auto|topic", 0, 0},
    {KEY_SIZE, PH_CONFIG_STRING, 0, 0, "positions_topic",
     "The compacted topic for positions, on the sink's cluster; pipelines may share it. Made where "
     "it is missing",
     NULL, "pipehost-positions", NULL, 0, 0},
    {KEY_SIZE, PH_CONFIG_MAP, PH_CONFIG_SECRET_VALUES, 0, "rdkafka",
     "Properties of librdkafka, for the connection, TLS, SASL and batching", NULL, NULL,
     PROPERTIES_SHOWN(PROPERTIES), 0, 0},
};

static int64_t read_timeout_ms(const struct ph_value *properties)
{
    const char *text =
        properties_find(properties, "transaction.timeout.ms", "transaction.timeout.ms");
    return text == NULL ? TIMEOUT_MS : strtoll(text, NULL, 10);
}

/* What is written between two commits must have ended before the broker ends it. */
static int32_t check_times(const struct settings *s, struct ph_error *err)
{
    if (s->transaction_timeout_ms < TIMEOUT_MIN_MS || s->transaction_timeout_ms > TIMEOUT_MAX_MS) {
        return place_refuse(err, "/rdkafka/transaction.timeout.ms",
                            "transaction.timeout.ms must be from 5000 to 900000");
    }
    if (s->transaction_interval_ms > s->transaction_timeout_ms / 2) {
        return place_refuse(
            err, "/transaction_interval_ms",
            "transaction_interval_ms may be half of transaction.timeout.ms at most");
    }
    return PH_OK;
}

int32_t settings_read(struct settings *s, const struct ph_config *config, struct ph_error *err)
{
    *s = (struct settings){.topic = place_text(config, "topic"),
                           .key = place_text(config, "key"),
                           .is_splice = ph_config_integer(config, "value") == 1,
                           .has_headers = ph_config_integer(config, "headers") != 0,
                           .partitioner = ph_config_text(config, "partitioner"),
                           .compression = ph_config_text(config, "compression"),
                           .queue_bytes = ph_config_integer(config, "queue_mib") * MIB,
                           .transaction_interval_ms =
                               ph_config_integer(config, "transaction_interval_ms"),
                           .is_always_topic = ph_config_integer(config, "positions") == 1,
                           .positions_topic = place_text(config, "positions_topic"),
                           .columns = config->get(config, "columns"),
                           .properties = config->get(config, "rdkafka")};
    if (place_brokers(config, &s->brokers, err) != PH_OK) {
        return PH_ERROR;
    }
    if (s->topic == NULL) {
        return place_refuse(err, "/topic",
                            "topic is empty: write the name of the topic to write to");
    }
    if (place_check_topic(s->topic, "/topic", err) != PH_OK) {
        return PH_ERROR;
    }
    if (s->positions_topic == NULL || strcmp(s->positions_topic, s->topic) == 0) {
        return place_refuse(err, "/positions_topic",
                            "positions_topic must be the name of a topic for positions alone");
    }
    if (place_check_topic(s->positions_topic, "/positions_topic", err) != PH_OK) {
        return PH_ERROR;
    }
    if (properties_check(s->properties, err) != PH_OK) {
        return PH_ERROR;
    }
    s->transaction_timeout_ms = read_timeout_ms(s->properties);
    return check_times(s, err);
}
