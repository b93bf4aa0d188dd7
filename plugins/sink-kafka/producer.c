/* SPDX-License-Identifier: Apache-2.0 */
#include "producer.h"

#include "batch_limit.h"
#include "conf.h"
#include "kafka/errors.h"
#include "kafka/properties.h"
#include "kafka/topic.h"

/* ---- what the producer says */

static void tell_away(const struct producer *p)
{
    const struct link *l = &p->link;
    if (l->is_connected) {
        link_log(l, PH_LOG_WARNING,
                 "Kafka at %s cannot be reached (%s): waiting for it with %lld records that "
                 "are not acknowledged, and going on from there",
                 l->brokers, l->trouble_text, (long long)p->unreported);
    }
}

static void set_failure(struct producer *p, rd_kafka_resp_err_t code, const char *text,
                        bool is_position)
{
    if (p->failure == RD_KAFKA_RESP_ERR_NO_ERROR) {
        p->failure = code;
        p->has_lost_position = is_position;
        (void)snprintf(p->failure_text, sizeof p->failure_text, "%s", text);
        properties_redact(p->settings->properties, p->failure_text);
    }
}

static void take_error(struct producer *p, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    char text[LINK_TEXT_SIZE];
    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event) != 0) {
        p->link.error_count++;
        code = rd_kafka_fatal_error(p->link.rk, text, sizeof text);
        set_failure(p, code, text, false);
    } else if (link_take_error(&p->link, code, rd_kafka_event_error_string(event))) {
        tell_away(p);
    }
}

/* A position's record has no chunk, and is none of the rows. */
static void take_report(struct producer *p, const rd_kafka_message_t *m)
{
    p->unreported--;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        /* rd_kafka_message_errstr would show the record. */
        set_failure(p, m->err, rd_kafka_err2str(m->err), m->_private == NULL);
    }
    if (m->_private != NULL) {
        int64_t bytes = (int64_t)(m->len + m->key_len);
        p->unreported_bytes -= bytes;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            p->totals.records++;
            p->totals.bytes += bytes;
        }
        arena_report(&p->arena, m->_private);
    }
}

static void take_reports(struct producer *p, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    bool is_written = false;
    while ((m = rd_kafka_event_message_next(event)) != NULL) {
        is_written = is_written || m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        take_report(p, m);
    }
    if (is_written && p->link.is_away) {
        link_set_back(&p->link);
    }
}

void producer_wake(struct producer *p)
{
    link_drain(p->link.events_fd);
    producer_serve(p);
}

static void serve(void *owner)
{
    producer_wake(owner);
}

void producer_serve(struct producer *p)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(p->link.events, 0)) != NULL) {
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

/* No row is to blame for what the broker finds bad in it. */
static int32_t refuse_position(const struct producer *p, struct ph_error *err)
{
    (void)errors_set(err, p->failure, ERRORS_AT_WORK,
                     "topic \"%s\" of Kafka at %s did not take a position: %s",
                     p->settings->positions_topic, p->settings->brokers, p->failure_text);
    if ((err->flags & (PH_ERR_POISON | PH_ERR_CONFIG)) != 0) {
        err->flags = PH_ERR_CONFIG;
        ph_error_set_key(err, "/positions_topic");
    }
    return PH_ERROR;
}

int32_t producer_check(const struct producer *p, struct ph_error *err)
{
    if (p->failure == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PH_OK;
    }
    if (p->has_lost_position) {
        return refuse_position(p, err);
    }
    return errors_set(err, p->failure, ERRORS_AT_WORK,
                      "topic \"%s\" of Kafka at %s did not take a record: %s", p->settings->topic,
                      p->settings->brokers, p->failure_text);
}

void producer_forgive(struct producer *p)
{
    p->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
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
        p->unreported_bytes += (int64_t)(message->len + message->key_len);
    } else {
        arena_report(&p->arena, message->_private);
    }
}

bool producer_may_linger(const struct producer *p)
{
    return p->unreported > 0 && p->unreported_bytes <= p->partitions * p->batch_bytes;
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
        p->link.rk, RD_KAFKA_V_RKT(p->topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
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
                           .link = {.brokers = settings->brokers,
                                    .properties = settings->properties,
                                    .task = task,
                                    .log = services->log,
                                    .clock = services->clock,
                                    .wait = services->wait,
                                    .serve = serve,
                                    .owner = p,
                                    .events_fd = -1},
                           .records_max = queue.records};
    if (settings->is_transactional) {
        conf_write_id(p->transactional_id, task->host->pipeline_name, task->host->operator_name,
                      NULL);
    }
    arena_init(&p->arena, (uint64_t)queue.value_bytes);
}

static int32_t create(struct producer *p, int64_t message_bytes, struct ph_error *err)
{
    rd_kafka_conf_t *conf =
        conf_create(p->settings, p->link.task, p->transactional_id, message_bytes, err);
    if (conf == NULL) {
        return PH_ERROR;
    }
    p->batch_bytes = conf_batch_bytes(conf, message_bytes);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    if (link_create(&p->link, RD_KAFKA_PRODUCER, conf, err) != PH_OK) {
        return PH_ERROR;
    }
    p->message_bytes = message_bytes;
    p->topic = link_create_topic(&p->link, p->settings->topic, err);
    return p->topic != NULL ? PH_OK : PH_ERROR;
}

/* Sees to it that the topic is there. */
static int32_t find_topic(struct producer *p, struct ph_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (topic_find(&p->link, p->topic, "/topic", &metadata, err) != PH_OK) {
        return PH_ERROR;
    }
    p->partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return PH_OK;
}

/* How large a message may be is a setting that a producer is made with: one that guessed wrong is
 * made again. */
int32_t producer_open(struct producer *p, struct ph_error *err)
{
    int64_t message_bytes =
        p->message_bytes > 0 ? p->message_bytes : conf_message_bytes(p->settings, CONF_TOPIC_BYTES);
    for (;;) {
        if (create(p, message_bytes, err) != PH_OK || find_topic(p, err) != PH_OK) {
            producer_close(p);
            return PH_ERROR;
        }
        int64_t batch_bytes = batch_limit_ask(p);
        int64_t wanted =
            batch_bytes > 0 ? conf_message_bytes(p->settings, batch_bytes) : message_bytes;
        if (wanted == message_bytes) {
            break;
        }
        message_bytes = wanted;
        producer_close(p);
    }
    link_connect(&p->link);
    return PH_OK;
}

void producer_close(struct producer *p)
{
    if (p->link.rk == NULL) {
        return;
    }
    (void)rd_kafka_purge(p->link.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                         RD_KAFKA_PURGE_F_NON_BLOCKING);
    if (p->topic != NULL) {
        rd_kafka_topic_destroy(p->topic);
        p->topic = NULL;
    }
    link_close(&p->link, 0);
    arena_fini(&p->arena); /* now nobody reads it any more */
    p->unreported = 0;
    p->unreported_bytes = 0;
    p->is_waiting_room = false;
    p->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
}
