/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include "conf.h"
#include "kafka/errors.h"
#include "kafka/topic.h"

#define NS_PER_MS INT64_C(1000000)
/* How often to ask whether brokers that are away are back. */
#define PROBE_MS 300

static bool is_about_topic(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct link *l = opaque;
    struct client *c = l->owner;
    (void)rk;
    if (!link_take_error(l, (rd_kafka_resp_err_t)code, reason)) {
        if (l->is_connected && c->lost[0] == '\0' && is_about_topic((rd_kafka_resp_err_t)code)) {
            (void)snprintf(c->lost, sizeof c->lost, "%s", reason);
        }
        return;
    }
    c->probe_at_ns = l->away_since_ns + PROBE_MS * NS_PER_MS;
    if (l->is_connected) {
        link_log(l, PH_LOG_WARNING,
                 "Kafka at %s cannot be reached (%s): waiting for it, and going on from there",
                 l->brokers, l->trouble_text);
    }
}

void client_serve(struct client *c)
{
    link_drain(c->link.events_fd);
    (void)rd_kafka_poll(c->link.rk, 0);
}

static void serve(void *owner)
{
    client_serve(owner);
}

int32_t client_check(const struct client *c, struct ph_error *err)
{
    return c->lost[0] == '\0'
               ? PH_OK
               : errors_set(err, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERRORS_AT_WORK,
                            "topic %s: it was deleted while it was read, perhaps made anew; the "
                            "next start looks whether what is there goes on behind the positions",
                            c->lost);
}

int64_t client_probe(struct client *c)
{
    struct link *l = &c->link;
    const struct rd_kafka_metadata *metadata = NULL;
    int64_t now = l->is_away ? link_now_ns(l) : 0;
    if (!l->is_away || now < c->probe_at_ns) {
        return l->is_away ? c->probe_at_ns : 0;
    }
    c->probe_at_ns = now + PROBE_MS * NS_PER_MS;
    /* With a time-out of 0 this sends the request and does not wait: what matters is whether there
     * was a broker to send it to. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(l->rk, 0, c->topics[0], &metadata, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
    } else if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) {
        return c->probe_at_ns;
    }
    link_set_back(l);
    return 0;
}

void client_init(struct client *c, const struct settings *settings, const struct services *services,
                 const struct ph_task *task)
{
    *c = (struct client){.settings = settings,
                         .link = {.brokers = settings->brokers,
                                  .properties = settings->properties,
                                  .task = task,
                                  .log = services->log,
                                  .clock = services->clock,
                                  .wait = services->wait,
                                  .serve = serve,
                                  .owner = c,
                                  .events_fd = -1}};
}

static int32_t client_create(struct client *c, struct ph_error *err)
{
    rd_kafka_conf_t *conf = conf_create(c->settings, c->link.task, err);
    if (conf == NULL) {
        return PH_ERROR;
    }
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (link_create(&c->link, RD_KAFKA_CONSUMER, conf, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < c->settings->topic_count; i++) {
        c->topics[i] = link_create_topic(&c->link, c->settings->topics[i], err);
        if (c->topics[i] == NULL) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t client_topic(struct client *c, uint32_t index, const struct rd_kafka_metadata **metadata,
                     struct ph_error *err)
{
    return topic_find(&c->link, c->topics[index], c->settings->topic_key, metadata, err);
}

int32_t client_open(struct client *c, struct ph_error *err)
{
    int32_t result = client_create(c, err);
    for (uint32_t i = 0; result == PH_OK && i < c->settings->topic_count; i++) {
        const struct rd_kafka_metadata *metadata = NULL;
        result = client_topic(c, i, &metadata, err);
        if (result == PH_OK) {
            c->partition_counts[i] = metadata->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(metadata);
        }
    }
    if (result != PH_OK) {
        client_close(c);
        return PH_ERROR;
    }
    link_connect(&c->link);
    return PH_OK;
}

void client_close(struct client *c)
{
    if (c->link.rk != NULL) {
        client_serve(c);
    }
    bool is_lost = c->lost[0] != '\0';
    for (uint32_t i = 0; i < c->settings->topic_count; i++) {
        if (c->topics[i] != NULL) {
            rd_kafka_topic_destroy(c->topics[i]);
            c->topics[i] = NULL;
        }
    }
    if (is_lost) {
        link_abandon(&c->link);
    }
    c->lost[0] = '\0';
    /* Without leaving the group that nobody joined, which would wait for its coordinator. */
    link_close(&c->link, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}
