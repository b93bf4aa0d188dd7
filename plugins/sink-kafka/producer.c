/* SPDX-License-Identifier: Apache-2.0 */
#include "producer.h"

#include "conf.h"
#include "kafka/errors.h"
#include "kafka/properties.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

static int64_t now_ns(const struct producer *p)
{
    return p->services->clock->monotonic_ns(p->task->host);
}

void producer_log(const struct producer *p, int32_t level, const char *format, ...)
{
    char text[2 * PRODUCER_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    properties_redact(p->settings->properties, text);
    p->services->log->write(p->task->host, level, text);
}

/* [io]: librdkafka's threads call this. Failed connections come as error events too, and those tell
 * the story once instead of at each attempt. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct producer *p = rd_kafka_opaque(rk);
    int32_t as = PH_LOG_DEBUG;
    if (strcmp(facility, "FAIL") != 0 && strcmp(facility, "ERROR") != 0) {
        as = level <= LOG_WARNING ? PH_LOG_WARNING
                                  : (level <= LOG_NOTICE ? PH_LOG_INFO : PH_LOG_DEBUG);
    }
    producer_log(p, as, "librdkafka: %s: %s", facility, text);
}

/* ---- what the producer says */

static void set_away(struct producer *p)
{
    if (p->is_away) {
        return;
    }
    p->is_away = true;
    p->away_since_ns = now_ns(p);
    if (p->is_connected) {
        producer_log(p, PH_LOG_WARNING,
                     "Kafka at %s cannot be reached (%s): waiting for it with %lld records that "
                     "are not acknowledged, and going on from there",
                     p->settings->brokers, p->trouble_text, (long long)p->unreported);
    }
}

static void set_back(struct producer *p)
{
    p->is_away = false;
    p->totals.reconnects++;
    producer_log(p, PH_LOG_INFO, "Kafka at %s is back after %.1f s", p->settings->brokers,
                 (double)(now_ns(p) - p->away_since_ns) / 1e9);
}

static void set_failure(struct producer *p, rd_kafka_resp_err_t code, const char *text)
{
    if (p->failure == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->failure = code;
        (void)snprintf(p->failure_text, sizeof p->failure_text, "%s", text);
        properties_redact(p->settings->properties, p->failure_text);
    }
}

static void take_error(struct producer *p, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    char text[PRODUCER_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s", rd_kafka_event_error_string(event));
    p->totals.errors++;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        set_away(p);
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event) != 0) {
        code = rd_kafka_fatal_error(p->rk, text, sizeof text);
        set_failure(p, code, text);
        return;
    }
    p->trouble = code;
    (void)snprintf(p->trouble_text, sizeof p->trouble_text, "%s", text);
    properties_redact(p->settings->properties, p->trouble_text);
    if (p->is_connected) {
        producer_log(p, PH_LOG_DEBUG, "%s: %s", rd_kafka_err2name(code), p->trouble_text);
    }
}

static void take_reports(struct producer *p, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    int64_t written = 0;
    while ((m = rd_kafka_event_message_next(event)) != NULL) {
        p->unreported--;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            written++;
            p->totals.bytes += (int64_t)(m->len + m->key_len);
        } else {
            set_failure(p, m->err, rd_kafka_message_errstr(m));
        }
        arena_report(&p->arena, m->_private);
    }
    p->totals.records += written;
    if (written > 0 && p->is_away) {
        set_back(p);
    }
}

void producer_wake(struct producer *p)
{
    uint64_t count;
    ssize_t n;
    do {
        n = read(p->events_fd, &count, sizeof count);
    } while (n < 0 && errno == EINTR);
    producer_serve(p);
}

void producer_serve(struct producer *p)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(p->events, 0)) != NULL) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            take_reports(p, event);
            break;
        case RD_KAFKA_EVENT_ERROR:
            take_error(p, event);
            break;
        default:
            break;
        }
        rd_kafka_event_destroy(event);
    }
}

int32_t producer_check(const struct producer *p, struct ph_error *err)
{
    if (p->failure == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PH_OK;
    }
    return errors_set(err, p->failure, ERRORS_AT_WORK,
                      "topic \"%s\" of Kafka at %s did not take a record: %s", p->settings->topic,
                      p->settings->brokers, p->failure_text);
}

bool producer_forget(struct producer *p)
{
    bool is_over = p->unreported > 0 || (p->failure != RD_KAFKA_RESP_ERR_NO_ERROR &&
                                         errors_flags(p->failure, ERRORS_AT_WORK) != PH_ERR_POISON);
    if (is_over) {
        producer_close(p);
    }
    p->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    return !is_over;
}

/* ---- what the producer is given */

bool producer_has_room(struct producer *p)
{
    int64_t limit = p->is_waiting_room ? p->records_max / 2 : p->records_max;
    uint64_t bytes =
        p->is_waiting_room ? p->arena.limit_bytes / 2 : p->arena.limit_bytes + ARENA_CHUNK_BYTES;
    bool has_room = p->unreported < limit && p->arena.held_bytes <= bytes;
    /* One large value alone may be more than half. */
    has_room = has_room || p->unreported == 0;
    p->is_waiting_room = p->is_waiting_room && !has_room;
    return has_room;
}

static void count_sent(struct producer *p, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->unreported++;
    } else {
        arena_report(&p->arena, message->_private);
    }
}

void producer_send(struct producer *p, rd_kafka_message_t *messages, int count)
{
    (void)rd_kafka_produce_batch(p->topic, RD_KAFKA_PARTITION_UA, 0, messages, count);
    for (int i = 0; i < count; i++) {
        count_sent(p, &messages[i]);
    }
}

void producer_send_with(struct producer *p, rd_kafka_message_t *message,
                        rd_kafka_headers_t *headers)
{
    message->err = rd_kafka_producev(
        p->rk, RD_KAFKA_V_RKT(p->topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
        RD_KAFKA_V_VALUE(message->payload, message->len),
        RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_OPAQUE(message->_private),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    count_sent(p, message);
}

/* ---- its life */

void producer_init(struct producer *p, const struct settings *settings,
                   const struct services *services, const struct ph_task *task)
{
    struct conf_queue queue = conf_queue(settings, task->host->lane_count);
    *p = (struct producer){.settings = settings,
                           .services = services,
                           .task = task,
                           .events_fd = -1,
                           .records_max = queue.records};
    arena_init(&p->arena, (uint64_t)queue.value_bytes);
}

static int32_t watch(struct producer *p, struct ph_error *err)
{
    uint64_t one = 1;
    p->events_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->events_fd < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "cannot make an eventfd: %s", strerror(errno));
    }
    if (p->services->wait->watch(p->task, p->events_fd, PH_WAIT_READ, err) != PH_OK) {
        (void)close(p->events_fd);
        p->events_fd = -1;
        return PH_ERROR;
    }
    rd_kafka_queue_io_event_enable(p->events, p->events_fd, &one, sizeof one);
    return PH_OK;
}

static int32_t create(struct producer *p, int64_t message_bytes, struct ph_error *err)
{
    char reason[PRODUCER_TEXT_SIZE];
    rd_kafka_conf_t *conf = conf_create(p->settings, p->task, message_bytes, err);
    if (conf == NULL) {
        return PH_ERROR;
    }
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (p->rk == NULL) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        rd_kafka_conf_destroy(conf);
        properties_redact(p->settings->properties, reason);
        return errors_set(err, code, ERRORS_AT_START, "librdkafka refuses the settings: %s",
                          reason);
    }
    p->message_bytes = message_bytes;
    p->events = rd_kafka_queue_get_main(p->rk);
    p->topic = rd_kafka_topic_new(p->rk, p->settings->topic, NULL);
    if (p->topic == NULL) {
        return errors_set(err, rd_kafka_last_error(), ERRORS_AT_START, "topic \"%s\": %s",
                          p->settings->topic, rd_kafka_err2str(rd_kafka_last_error()));
    }
    return watch(p, err);
}

/* How large a message may be is a setting that a producer is made with: one that guessed wrong is
 * made again. */
int32_t producer_open(struct producer *p, struct ph_error *err)
{
    int64_t message_bytes =
        p->message_bytes > 0 ? p->message_bytes : conf_message_bytes(p->settings, CONF_TOPIC_BYTES);
    for (;;) {
        int64_t batch_bytes = 0;
        if (create(p, message_bytes, err) != PH_OK || topic_check(p, &batch_bytes, err) != PH_OK) {
            producer_close(p);
            return PH_ERROR;
        }
        int64_t wanted =
            batch_bytes > 0 ? conf_message_bytes(p->settings, batch_bytes) : message_bytes;
        if (wanted == message_bytes) {
            break;
        }
        message_bytes = wanted;
        producer_close(p);
    }
    p->is_away = false;
    p->is_connected = true;
    p->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    return PH_OK;
}

void producer_close(struct producer *p)
{
    if (p->rk == NULL) {
        return;
    }
    (void)rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
    if (p->events_fd >= 0) {
        rd_kafka_queue_io_event_enable(p->events, -1, NULL, 0);
        (void)p->services->wait->watch(p->task, p->events_fd, 0, NULL);
        (void)close(p->events_fd);
        p->events_fd = -1;
    }
    if (p->topic != NULL) {
        rd_kafka_topic_destroy(p->topic);
        p->topic = NULL;
    }
    rd_kafka_queue_destroy(p->events);
    rd_kafka_destroy(p->rk);
    p->rk = NULL;
    arena_fini(&p->arena); /* now nobody reads it any more */
    p->unreported = 0;
    p->is_waiting_room = false;
    p->is_connected = false;
    p->is_away = false;
    p->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    p->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    p->trouble_text[0] = '\0';
}
