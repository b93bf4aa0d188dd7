/* SPDX-License-Identifier: Apache-2.0 */
#include "topic.h"

#include "errors.h"
#include "nearest.h"
#include "properties.h"

#define NS_PER_MS INT64_C(1000000)
/* A start gives up after OPEN_MS, or AWAY_MS after the last known address refused: by then each
 * address of each name had its turn. */
#define OPEN_MS 10000
#define AWAY_MS 2000
/* After so long without an answer whoever watches the start is told what it waits for. */
#define SILENCE_MS 1000
/* One request for metadata waits at least and at most this long. Short at first, so that errors of
 * the connection are seen soon; longer where an answer is on its way. */
#define REQUEST_MIN_MS 100
#define REQUEST_MAX_MS 2000
/* A topic made a moment ago is not known to all brokers yet. */
#define UNKNOWN_TOPIC_MS 600

/* ---- the way to the brokers */

/* The peer hung up during the TLS handshake: a listener without TLS, or a broker that shuts down.
 */
static bool was_hung_up_on(const struct link *l)
{
    return (l->trouble == RD_KAFKA_RESP_ERR__SSL ||
            strstr(l->trouble_text, "SSL_HANDSHAKE") != NULL) &&
           (strstr(l->trouble_text, "Disconnected") != NULL ||
            strstr(l->trouble_text, "unexpected eof") != NULL);
}

/* An error of the connection that waiting does not cure. */
static bool is_refused(const struct link *l)
{
    return errors_flags(l->trouble, ERRORS_AT_START) == PH_ERR_CONFIG && !was_hung_up_on(l);
}

/* Before 2.6.1 librdkafka's last message of SCRAM repeats a nonce, which Kafka 4 refuses like a
 * wrong password (confluentinc/librdkafka pull request 4895). */
static const char *scram_advice(const struct link *l)
{
    const char *mechanism = properties_find(l->properties, "sasl.mechanism", "sasl.mechanisms");
    return l->trouble == RD_KAFKA_RESP_ERR__AUTHENTICATION && mechanism != NULL &&
                   strncmp(mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < 0x020601ff
               ? "; is this Kafka 4? This librdkafka is older than 2.6.1, whose SCRAM Kafka 4 "
                 "refuses even with the right password: use PLAIN, or a newer librdkafka"
               : "";
}

static int32_t refused(const struct link *l, struct ph_error *err)
{
    if (was_hung_up_on(l)) {
        (void)errors_set(err, RD_KAFKA_RESP_ERR__SSL, ERRORS_AT_START,
                         "Kafka at %s ends the connection when TLS begins: is this a listener "
                         "without TLS? (%s)",
                         l->brokers, l->trouble_text);
        ph_error_set_key(err, "/rdkafka/security.protocol");
        return PH_ERROR;
    }
    return errors_set(err, l->trouble, ERRORS_AT_START, "Kafka at %s refuses the connection: %s%s",
                      l->brokers, l->trouble_text, scram_advice(l));
}

static int32_t unreachable(const struct link *l, struct ph_error *err)
{
    rd_kafka_resp_err_t code = l->trouble != 0 ? l->trouble : RD_KAFKA_RESP_ERR__TIMED_OUT;
    return errors_set(err, code, ERRORS_AT_START, "Kafka at %s cannot be reached: %s", l->brokers,
                      l->trouble_text[0] != '\0' ? l->trouble_text
                                                 : "no answer within the time-out");
}

static bool gives_up(const struct link *l, int64_t began_ns, int64_t now_ns)
{
    return now_ns - began_ns >= OPEN_MS * NS_PER_MS ||
           (l->is_away && now_ns - l->away_since_ns >= AWAY_MS * NS_PER_MS);
}

/* Brokers that are away are told of soon enough: the try ends. */
static void tell_silence(struct link *l, int64_t silent_ns)
{
    if (silent_ns >= SILENCE_MS * NS_PER_MS && !l->is_away && !l->has_told_silence) {
        l->has_told_silence = true;
        link_log(l, PH_LOG_WARNING,
                 "connecting to Kafka at %s: no answer for %.1f s, this try ends after %d s",
                 l->brokers, (double)silent_ns / 1e9, OPEN_MS / 1000);
    }
}

/* Asks for a topic's metadata until there is an answer, whatever it says. */
static int32_t ask(struct link *l, rd_kafka_topic_t *topic,
                   const struct rd_kafka_metadata **metadata, struct ph_error *err)
{
    int64_t began_ns = link_now_ns(l);
    int request_ms = REQUEST_MIN_MS;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(l->rk, 0, topic, metadata, request_ms);
        l->serve(l->owner);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PH_OK;
        }
        if (is_refused(l)) {
            return refused(l, err);
        }
        int64_t now_ns = link_now_ns(l);
        if (gives_up(l, began_ns, now_ns)) {
            return was_hung_up_on(l) ? refused(l, err) : unreachable(l, err);
        }
        tell_silence(l, now_ns - began_ns);
        if (link_pause_until(l, now_ns, err) != PH_OK) {
            return PH_ERROR;
        }
        if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && request_ms < REQUEST_MAX_MS) {
            request_ms *= 2;
        }
    }
}

/* ---- the topic */

static void offer_topics(struct nearest *near, const struct rd_kafka_metadata *all)
{
    for (int i = 0; i < all->topic_cnt; i++) {
        if (all->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            strcmp(all->topics[i].topic, near->wanted) != 0) {
            nearest_offer(near, all->topics[i].topic);
        }
    }
}

static int32_t no_topic(struct link *l, const char *topic, const char *key,
                        rd_kafka_resp_err_t code, struct ph_error *err)
{
    const struct rd_kafka_metadata *all = NULL;
    struct nearest near;
    nearest_init(&near, topic);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
        rd_kafka_metadata(l->rk, 1, NULL, &all, REQUEST_MAX_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        offer_topics(&near, all);
    }
    if (near.best != NULL) {
        (void)errors_set(err, code, ERRORS_AT_START,
                         "Kafka at %s has no topic \"%s\", did you mean \"%s\"?", l->brokers, topic,
                         near.best);
    } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        (void)errors_set(err, code, ERRORS_AT_START, "Kafka at %s has no topic \"%s\"", l->brokers,
                         topic);
    } else {
        (void)errors_set(err, code, ERRORS_AT_START, "topic \"%s\" of Kafka at %s: %s", topic,
                         l->brokers, rd_kafka_err2str(code));
    }
    ph_error_set_key(err, key);
    if (all != NULL) {
        rd_kafka_metadata_destroy(all);
    }
    return PH_ERROR;
}

int32_t topic_find(struct link *l, rd_kafka_topic_t *topic, const char *key,
                   const struct rd_kafka_metadata **metadata, struct ph_error *err)
{
    int64_t began_ns = link_now_ns(l);
    for (;;) {
        if (ask(l, topic, metadata, err) != PH_OK) {
            return PH_ERROR;
        }
        rd_kafka_resp_err_t code = (*metadata)->topic_cnt == 1
                                       ? (*metadata)->topics[0].err
                                       : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PH_OK;
        }
        rd_kafka_metadata_destroy(*metadata);
        *metadata = NULL;
        if (link_now_ns(l) - began_ns >= UNKNOWN_TOPIC_MS * NS_PER_MS) {
            return no_topic(l, rd_kafka_topic_name(topic), key, code, err);
        }
        if (link_pause_until(l, link_now_ns(l) + REQUEST_MIN_MS * NS_PER_MS, err) != PH_OK) {
            return PH_ERROR;
        }
    }
}
