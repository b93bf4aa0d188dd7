/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the cluster before the first record. */
#include "kafka/errors.h"
#include "kafka/nearest.h"
#include "producer.h"

#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
/* A start gives up after OPEN_MS, or AWAY_MS after the last known address refused: by then each
 * address of each name had its turn. */
#define OPEN_MS 10000
#define AWAY_MS 2000
/* One request waits at least and at most this long. Short at first, so that errors of the
 * connection are seen soon; longer where an answer is on its way. */
#define SLICE_MIN_MS 100
#define SLICE_MAX_MS 2000
/* A topic made a moment ago is not known to all brokers yet. */
#define UNKNOWN_TOPIC_MS 600
/* Its settings are asked for once; where they are not told the sink works too. */
#define CONFIG_MS 1000

static int64_t now_ns(const struct producer *p)
{
    return p->services->clock->monotonic_ns(p->task->host);
}

/* The peer hung up during the TLS handshake: a listener without TLS, or a broker that shuts down.
 */
static bool was_hung_up_on(const struct producer *p)
{
    return p->trouble == RD_KAFKA_RESP_ERR__SSL &&
           (strstr(p->trouble_text, "Disconnected") != NULL ||
            strstr(p->trouble_text, "unexpected eof") != NULL);
}

/* An error of the connection that waiting does not cure. */
static bool is_refused(const struct producer *p)
{
    return errors_flags(p->trouble, ERRORS_AT_START) == PH_ERR_CONFIG && !was_hung_up_on(p);
}

static int32_t refused(const struct producer *p, struct ph_error *err)
{
    if (was_hung_up_on(p)) {
        (void)errors_set(err, p->trouble, ERRORS_AT_START,
                         "Kafka at %s ends the connection when TLS begins: is this a listener "
                         "without TLS? (%s)",
                         p->settings->brokers, p->trouble_text);
        ph_error_set_key(err, "/rdkafka/security.protocol");
        return PH_ERROR;
    }
    return errors_set(err, p->trouble, ERRORS_AT_START, "Kafka at %s refuses the connection: %s",
                      p->settings->brokers, p->trouble_text);
}

static int32_t unreachable(const struct producer *p, struct ph_error *err)
{
    rd_kafka_resp_err_t code = p->trouble != 0 ? p->trouble : RD_KAFKA_RESP_ERR__TIMED_OUT;
    return errors_set(
        err, code, ERRORS_AT_START, "Kafka at %s cannot be reached: %s", p->settings->brokers,
        p->trouble_text[0] != '\0' ? p->trouble_text : "no answer within the time-out");
}

static bool gives_up(const struct producer *p, int64_t began_ns)
{
    int64_t now = now_ns(p);
    return now - began_ns >= OPEN_MS * NS_PER_MS ||
           (p->is_away && now - p->away_since_ns >= AWAY_MS * NS_PER_MS);
}

/* Lets the host cancel a start that waits. */
static int32_t pause_until(struct producer *p, int64_t at_ns, struct ph_error *err)
{
    if (p->services->wait->block(p->task, p->events_fd, PH_WAIT_READ, at_ns) == PH_CANCELLED) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while connecting to Kafka at %s",
                            p->settings->brokers);
    }
    return PH_OK;
}

/* Asks for the topic's metadata until there is an answer, whatever it says. */
static int32_t ask(struct producer *p, const struct rd_kafka_metadata **metadata,
                   struct ph_error *err)
{
    int64_t began_ns = now_ns(p);
    int slice_ms = SLICE_MIN_MS;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(p->rk, 0, p->topic, metadata, slice_ms);
        producer_wake(p);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PH_OK;
        }
        if (is_refused(p)) {
            return refused(p, err);
        }
        if (gives_up(p, began_ns)) {
            return was_hung_up_on(p) ? refused(p, err) : unreachable(p, err);
        }
        if (pause_until(p, now_ns(p), err) != PH_OK) {
            return PH_ERROR;
        }
        if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && slice_ms < SLICE_MAX_MS) {
            slice_ms *= 2;
        }
    }
}

static int32_t no_topic(struct producer *p, rd_kafka_resp_err_t code, struct ph_error *err)
{
    const struct rd_kafka_metadata *all = NULL;
    struct nearest near;
    nearest_init(&near, p->settings->topic);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
        rd_kafka_metadata(p->rk, 1, NULL, &all, SLICE_MAX_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int i = 0; i < all->topic_cnt; i++) {
            if (all->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                strcmp(all->topics[i].topic, p->settings->topic) != 0) {
                nearest_offer(&near, all->topics[i].topic);
            }
        }
    }
    if (near.best != NULL) {
        (void)errors_set(err, code, ERRORS_AT_START,
                         "Kafka at %s has no topic \"%s\", did you mean \"%s\"?",
                         p->settings->brokers, p->settings->topic, near.best);
    } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        (void)errors_set(err, code, ERRORS_AT_START, "Kafka at %s has no topic \"%s\"",
                         p->settings->brokers, p->settings->topic);
    } else {
        (void)errors_set(err, code, ERRORS_AT_START, "topic \"%s\" of Kafka at %s: %s",
                         p->settings->topic, p->settings->brokers, rd_kafka_err2str(code));
    }
    if (all != NULL) {
        rd_kafka_metadata_destroy(all);
    }
    return PH_ERROR;
}

static int32_t find_topic(struct producer *p, struct ph_error *err)
{
    int64_t began_ns = now_ns(p);
    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        if (ask(p, &metadata, err) != PH_OK) {
            return PH_ERROR;
        }
        rd_kafka_resp_err_t code = metadata->topic_cnt == 1
                                       ? metadata->topics[0].err
                                       : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PH_OK;
        }
        if (now_ns(p) - began_ns >= UNKNOWN_TOPIC_MS * NS_PER_MS) {
            return no_topic(p, code, err);
        }
        if (pause_until(p, now_ns(p) + SLICE_MIN_MS * NS_PER_MS, err) != PH_OK) {
            return PH_ERROR;
        }
    }
}

/* ---- how large a batch it takes */

static int64_t read_limit(rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_DescribeConfigs_result_t *result =
        event == NULL ? NULL : rd_kafka_event_DescribeConfigs_result(event);
    rd_kafka_ConfigResource_t **topics =
        result == NULL ? NULL
                       : (rd_kafka_ConfigResource_t **)rd_kafka_DescribeConfigs_result_resources(
                             result, &count);
    if (count != 1 || rd_kafka_ConfigResource_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topics[0], &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0 &&
            value != NULL) {
            return strtoll(value, NULL, 10);
        }
    }
    return 0;
}

static int64_t ask_limit(struct producer *p)
{
    char reason[PRODUCER_TEXT_SIZE];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(p->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, p->settings->topic);
    int64_t limit = 0;
    if (queue != NULL && options != NULL && topic != NULL &&
        rd_kafka_AdminOptions_set_request_timeout(options, CONFIG_MS, reason, sizeof reason) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_DescribeConfigs(p->rk, &topic, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CONFIG_MS + SLICE_MAX_MS);
        limit = read_limit(event);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    if (topic != NULL) {
        rd_kafka_ConfigResource_destroy(topic);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    if (queue != NULL) {
        rd_kafka_queue_destroy(queue);
    }
    return limit;
}

int32_t topic_check(struct producer *p, int64_t *batch_bytes, struct ph_error *err)
{
    if (find_topic(p, err) != PH_OK) {
        return PH_ERROR;
    }
    *batch_bytes = ask_limit(p);
    if (*batch_bytes == 0) {
        producer_log(p, PH_LOG_DEBUG,
                     "topic \"%s\" does not tell its max.message.bytes: taken to be %lld",
                     p->settings->topic, (long long)p->message_bytes);
    }
    return PH_OK;
}
