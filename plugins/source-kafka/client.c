/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "conf.h"
#include "kafka/errors.h"
#include "kafka/nearest.h"
#include "kafka/properties.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* A start gives up after OPEN_MS, or AWAY_MS after the last known address refused: by then each
 * address of each name had its turn. */
#define OPEN_MS 10000
#define AWAY_MS 2000
/* One request for metadata waits at least and at most this long. Short at first, so that errors of
 * the connection are seen soon; longer where an answer is on its way. */
#define SLICE_MIN_MS 100
#define SLICE_MAX_MS 2000
/* How often to ask whether brokers that are away are back. */
#define PROBE_MS 300
/* A topic made a moment ago is not known to all brokers yet. */
#define UNKNOWN_TOPIC_MS 600

static int64_t now_ns(const struct client *c)
{
    return c->services->clock->monotonic_ns(c->task->host);
}

void client_log(const struct client *c, int32_t level, const char *format, ...)
{
    char text[2 * CLIENT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    properties_redact(c->settings->properties, text);
    c->services->log->write(c->task->host, level, text);
}

/* [io]: librdkafka's threads call this. Failed connections come as error events too, and those tell
 * the story once instead of at each attempt. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct client *c = rd_kafka_opaque(rk);
    int32_t as = PH_LOG_DEBUG;
    if (strcmp(facility, "FAIL") != 0 && strcmp(facility, "ERROR") != 0) {
        as = level <= LOG_WARNING ? PH_LOG_WARNING
                                  : (level <= LOG_NOTICE ? PH_LOG_INFO : PH_LOG_DEBUG);
    }
    client_log(c, as, "librdkafka: %s: %s", facility, text);
}

static void client_gone(struct client *c)
{
    if (c->is_away) {
        return;
    }
    c->is_away = true;
    c->away_since_ns = now_ns(c);
    c->probe_at_ns = c->away_since_ns + PROBE_MS * NS_PER_MS;
    if (c->is_connected) {
        client_log(c, PH_LOG_WARNING,
                   "Kafka at %s cannot be reached (%s): waiting for it, and going on from there",
                   c->settings->brokers, c->trouble_text);
    }
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct client *c = opaque;
    (void)rk;
    c->error_count++;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        client_gone(c);
        return;
    }
    c->trouble = (rd_kafka_resp_err_t)code;
    (void)snprintf(c->trouble_text, sizeof c->trouble_text, "%s", reason);
    properties_redact(c->settings->properties, c->trouble_text);
    if (c->is_connected) {
        client_log(c, PH_LOG_DEBUG, "%s: %s", rd_kafka_err2name(c->trouble), c->trouble_text);
    }
}

void client_serve(struct client *c)
{
    client_drain(c->events_fd);
    (void)rd_kafka_poll(c->rk, 0);
}

int64_t client_probe(struct client *c)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int64_t now = c->is_away ? now_ns(c) : 0;
    if (!c->is_away || now < c->probe_at_ns) {
        return c->is_away ? c->probe_at_ns : 0;
    }
    c->probe_at_ns = now + PROBE_MS * NS_PER_MS;
    /* With a time-out of 0 this sends the request and does not wait: what matters is whether there
     * was a broker to send it to. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(c->rk, 0, c->topics[0], &metadata, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
    } else if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) {
        return c->probe_at_ns;
    }
    c->is_away = false;
    c->reconnect_count++;
    client_log(c, PH_LOG_INFO, "Kafka at %s is back after %.1f s", c->settings->brokers,
               (double)(now - c->away_since_ns) / 1e9);
    return 0;
}

/* ---- queues that wake the worker */

void client_drain(int fd)
{
    uint64_t count;
    ssize_t n;
    do {
        n = read(fd, &count, sizeof count);
    } while (n < 0 && errno == EINTR);
}

int client_watch(struct client *c, rd_kafka_queue_t *queue, struct ph_error *err)
{
    uint64_t one = 1;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "cannot make an eventfd: %s", strerror(errno));
    }
    if (c->services->wait->watch(c->task, fd, PH_WAIT_READ, err) != PH_OK) {
        (void)close(fd);
        return -1;
    }
    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
    return fd;
}

void client_unwatch(struct client *c, rd_kafka_queue_t *queue, int fd)
{
    if (fd >= 0) {
        rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
        (void)c->services->wait->watch(c->task, fd, 0, NULL);
        (void)close(fd);
    }
}

/* ---- the start */

void client_init(struct client *c, const struct settings *settings, const struct services *services,
                 const struct ph_task *task)
{
    *c = (struct client){.settings = settings, .services = services, .task = task, .events_fd = -1};
}

static int32_t client_create(struct client *c, struct ph_error *err)
{
    char reason[512];
    rd_kafka_conf_t *conf = conf_create(c->settings, c->task, err);
    if (conf == NULL) {
        return PH_ERROR;
    }
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (c->rk == NULL) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        rd_kafka_conf_destroy(conf);
        properties_redact(c->settings->properties, reason);
        return errors_set(err, code, ERRORS_AT_START, "librdkafka refuses the settings: %s",
                          reason);
    }
    c->events = rd_kafka_queue_get_main(c->rk);
    for (uint32_t i = 0; i < c->settings->topic_count; i++) {
        c->topics[i] = rd_kafka_topic_new(c->rk, c->settings->topics[i], NULL);
        if (c->topics[i] == NULL) {
            return errors_set(err, rd_kafka_last_error(), ERRORS_AT_START, "topic \"%s\": %s",
                              c->settings->topics[i], rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    c->events_fd = client_watch(c, c->events, err);
    return c->events_fd < 0 ? PH_ERROR : PH_OK;
}

/* The peer hung up during the TLS handshake: a listener without TLS, or a broker that shuts down.
 */
static bool client_was_hung_up_on(const struct client *c)
{
    return (c->trouble == RD_KAFKA_RESP_ERR__SSL ||
            strstr(c->trouble_text, "SSL_HANDSHAKE") != NULL) &&
           (strstr(c->trouble_text, "Disconnected") != NULL ||
            strstr(c->trouble_text, "unexpected eof") != NULL);
}

/* An error of the connection that waiting does not cure. */
static bool client_is_refused(const struct client *c)
{
    return errors_flags(c->trouble, ERRORS_AT_START) == PH_ERR_CONFIG && !client_was_hung_up_on(c);
}

/* Before 2.6.1 librdkafka's last message of SCRAM repeats a nonce, which Kafka 4 refuses like a
 * wrong password (confluentinc/librdkafka pull request 4895). */
static const char *client_scram_advice(const struct client *c)
{
    const char *mechanism =
        properties_find(c->settings->properties, "sasl.mechanism", "sasl.mechanisms");
    return c->trouble == RD_KAFKA_RESP_ERR__AUTHENTICATION && mechanism != NULL &&
                   strncmp(mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < 0x020601ff
               ? "; is this Kafka 4? This librdkafka is older than 2.6.1, whose SCRAM Kafka 4 "
                 "refuses even with the right password: use PLAIN, or a newer librdkafka"
               : "";
}

static int32_t client_refused(const struct client *c, struct ph_error *err)
{
    if (client_was_hung_up_on(c)) {
        (void)errors_set(err, RD_KAFKA_RESP_ERR__SSL, ERRORS_AT_START,
                         "Kafka at %s ends the connection when TLS begins: is this a listener "
                         "without TLS? (%s)",
                         c->settings->brokers, c->trouble_text);
        ph_error_set_key(err, "/rdkafka/security.protocol");
        return PH_ERROR;
    }
    return errors_set(err, c->trouble, ERRORS_AT_START, "Kafka at %s refuses the connection: %s%s",
                      c->settings->brokers, c->trouble_text, client_scram_advice(c));
}

static bool client_gives_up(const struct client *c, int64_t began_ns)
{
    int64_t now = now_ns(c);
    return now - began_ns >= OPEN_MS * NS_PER_MS ||
           (c->is_away && now - c->away_since_ns >= AWAY_MS * NS_PER_MS);
}

static int32_t client_unreachable(const struct client *c, struct ph_error *err)
{
    rd_kafka_resp_err_t code = c->trouble != 0 ? c->trouble : RD_KAFKA_RESP_ERR__TIMED_OUT;
    return errors_set(
        err, code, ERRORS_AT_START, "Kafka at %s cannot be reached: %s", c->settings->brokers,
        c->trouble_text[0] != '\0' ? c->trouble_text : "no answer within the time-out");
}

/* Asks for a topic's metadata until there is an answer, whatever it says. */
static int32_t client_ask(struct client *c, rd_kafka_topic_t *topic,
                          const struct rd_kafka_metadata **metadata, struct ph_error *err)
{
    int64_t began_ns = now_ns(c);
    int slice_ms = SLICE_MIN_MS;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_metadata(c->rk, 0, topic, metadata, slice_ms);
        client_serve(c);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PH_OK;
        }
        if (client_is_refused(c)) {
            return client_refused(c, err);
        }
        if (client_gives_up(c, began_ns)) {
            return client_was_hung_up_on(c) ? client_refused(c, err) : client_unreachable(c, err);
        }
        if (c->services->wait->block(c->task, c->events_fd, PH_WAIT_READ, now_ns(c)) ==
            PH_CANCELLED) {
            return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while connecting to Kafka at %s",
                                c->settings->brokers);
        }
        if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && slice_ms < SLICE_MAX_MS) {
            slice_ms *= 2;
        }
    }
}

static int32_t client_no_topic(struct client *c, const char *topic, rd_kafka_resp_err_t code,
                               struct ph_error *err)
{
    const struct rd_kafka_metadata *all = NULL;
    struct nearest near;
    nearest_init(&near, topic);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
        rd_kafka_metadata(c->rk, 1, NULL, &all, SLICE_MAX_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int i = 0; i < all->topic_cnt; i++) {
            nearest_offer(&near, all->topics[i].topic);
        }
    }
    if (near.best != NULL) {
        (void)errors_set(err, code, ERRORS_AT_START,
                         "Kafka at %s has no topic \"%s\", did you mean \"%s\"?",
                         c->settings->brokers, topic, near.best);
    } else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        (void)errors_set(err, code, ERRORS_AT_START, "Kafka at %s has no topic \"%s\"",
                         c->settings->brokers, topic);
    } else {
        (void)errors_set(err, code, ERRORS_AT_START, "topic \"%s\" of Kafka at %s: %s", topic,
                         c->settings->brokers, rd_kafka_err2str(code));
    }
    ph_error_set_key(err, c->settings->topic_key);
    if (all != NULL) {
        rd_kafka_metadata_destroy(all);
    }
    return PH_ERROR;
}

int32_t client_topic(struct client *c, uint32_t index, const struct rd_kafka_metadata **metadata,
                     struct ph_error *err)
{
    int64_t began_ns = now_ns(c);
    for (;;) {
        if (client_ask(c, c->topics[index], metadata, err) != PH_OK) {
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
        if (now_ns(c) - began_ns >= UNKNOWN_TOPIC_MS * NS_PER_MS) {
            return client_no_topic(c, c->settings->topics[index], code, err);
        }
        if (c->services->wait->block(c->task, c->events_fd, PH_WAIT_READ,
                                     now_ns(c) + SLICE_MIN_MS * NS_PER_MS) == PH_CANCELLED) {
            return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while connecting to Kafka at %s",
                                c->settings->brokers);
        }
    }
}

int32_t client_open(struct client *c, struct ph_error *err)
{
    int32_t result = client_create(c, err);
    for (uint32_t i = 0; result == PH_OK && i < c->settings->topic_count; i++) {
        const struct rd_kafka_metadata *metadata = NULL;
        result = client_topic(c, i, &metadata, err);
        if (result == PH_OK) {
            rd_kafka_metadata_destroy(metadata);
        }
    }
    if (result != PH_OK) {
        client_close(c);
        return PH_ERROR;
    }
    c->is_away = false;
    c->is_connected = true;
    c->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    return PH_OK;
}

void client_close(struct client *c)
{
    if (c->rk == NULL) {
        return;
    }
    if (c->events != NULL) {
        client_unwatch(c, c->events, c->events_fd);
        rd_kafka_queue_destroy(c->events);
    }
    for (uint32_t i = 0; i < c->settings->topic_count; i++) {
        if (c->topics[i] != NULL) {
            rd_kafka_topic_destroy(c->topics[i]);
        }
    }
    /* Without leaving the group that nobody joined, which would wait for its coordinator. */
    rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    /* The counts go on over the next connection. */
    int64_t errors = c->error_count;
    int64_t reconnects = c->reconnect_count;
    client_init(c, c->settings, c->services, c->task);
    c->error_count = errors;
    c->reconnect_count = reconnects;
}
