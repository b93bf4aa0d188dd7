/* SPDX-License-Identifier: Apache-2.0 */
#include "positions_topic.h"

#include "answer.h"
#include "cluster_topics.h"
#include "kafka/errors.h"
#include "topic_setting.h"

#include <stdlib.h>

#define CREATE_MS 10000
#define LOOK_MS   2000
#define PARTITION 0
#define REPLICAS  (-1) /* what the cluster does by default */
#define SETTINGS  3

/* ---- the topic itself */

static const char *const settings[SETTINGS][2] = {
    {"cleanup.policy", "compact"},
    /* What a start reads is about this much: the last segment is not compacted. */
    {"segment.bytes", "16777216"},
    {"min.cleanable.dirty.ratio", "0.1"},
};

static rd_kafka_NewTopic_t *new_topic(const struct producer *p)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(p->settings->positions_topic, 1, REPLICAS, reason, sizeof reason);
    for (int i = 0; topic != NULL && i < SETTINGS; i++) {
        (void)rd_kafka_NewTopic_set_config(topic, settings[i][0], settings[i][1]);
    }
    return topic;
}

static rd_kafka_resp_err_t read_answer(rd_kafka_event_t *event)
{
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics =
        result == NULL ? NULL : rd_kafka_CreateTopics_result_topics(result, &count);
    return count == 1 ? rd_kafka_topic_result_error(topics[0]) : rd_kafka_event_error(event);
}

static int32_t ask(struct producer *p, rd_kafka_AdminOptions_t *options, rd_kafka_NewTopic_t *topic,
                   rd_kafka_queue_t *queue, rd_kafka_resp_err_t *code, struct ph_error *err)
{
    rd_kafka_event_t *event;
    rd_kafka_CreateTopics(p->link.rk, &topic, 1, options, queue);
    if (answer_wait(p, queue, 2 * CREATE_MS, &event, err) != PH_OK) {
        return PH_ERROR;
    }
    *code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : read_answer(event);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    return PH_OK;
}

static int32_t create(struct producer *p, rd_kafka_resp_err_t *code, struct ph_error *err)
{
    char reason[LINK_TEXT_SIZE];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(p->link.rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_NewTopic_t *topic = new_topic(p);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->link.rk);
    int32_t result = PH_ERROR;
    if (options == NULL || topic == NULL || queue == NULL ||
        rd_kafka_AdminOptions_set_request_timeout(options, CREATE_MS, reason, sizeof reason) != 0) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory for a request");
    } else {
        result = ask(p, options, topic, queue, code, err);
    }
    if (queue != NULL) {
        rd_kafka_queue_destroy(queue);
    }
    if (topic != NULL) {
        rd_kafka_NewTopic_destroy(topic);
    }
    if (options != NULL) {
        rd_kafka_AdminOptions_destroy(options);
    }
    return result;
}

static bool is_there(const struct producer *p)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(p->link.rk, p->settings->positions_topic, NULL);
    bool found = topic != NULL &&
                 rd_kafka_metadata(p->link.rk, 0, topic, &metadata, LOOK_MS) == 0 &&
                 metadata->topic_cnt == 1 && metadata->topics[0].err == 0;
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    if (topic != NULL) {
        rd_kafka_topic_destroy(topic);
    }
    return found;
}

int32_t positions_topic_find(const struct producer *p, bool *is_there, struct ph_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    *is_there = false;
    if (cluster_topics_list(p, &metadata, err) != PH_OK) {
        return PH_ERROR;
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        *is_there =
            *is_there || strcmp(metadata->topics[i].topic, p->settings->positions_topic) == 0;
    }
    rd_kafka_metadata_destroy(metadata);
    return PH_OK;
}

/* It stays away: who runs the cluster has to make it. */
static int32_t refuse_missing(const struct producer *p, rd_kafka_resp_err_t code,
                              struct ph_error *err)
{
    const struct settings *s = p->settings;
    bool is_retriable = errors_flags(code, ERRORS_AT_START) == PH_ERR_RETRIABLE;
    (void)ph_error_set(err, is_retriable ? PH_ERR_RETRIABLE : PH_ERR_CONFIG,
                       "topic \"%s\" for positions is not there and cannot be made (%s); make it: "
                       "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 1 "
                       "--config cleanup.policy=compact",
                       s->positions_topic, rd_kafka_err2str(code), s->brokers, s->positions_topic);
    ph_error_set_foreign(err, rd_kafka_err2name(code));
    ph_error_set_key(err, "/positions_topic");
    return PH_ERROR;
}

static int32_t make(struct producer *p, struct ph_error *err)
{
    rd_kafka_resp_err_t code;
    if (create(p, &code, err) != PH_OK) {
        return PH_ERROR;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        link_log(&p->link, PH_LOG_INFO, "made the compacted topic \"%s\" for positions",
                 p->settings->positions_topic);
        return PH_OK;
    }
    bool is_fine = code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS || is_there(p);
    return is_fine ? PH_OK : refuse_missing(p, code, err);
}

int32_t positions_topic_ensure(struct producer *p, struct ph_error *err)
{
    char policy[64];
    const char *name = p->settings->positions_topic;
    if (p->has_positions_topic) {
        return PH_OK;
    }
    if (!topic_setting_ask(&p->link, name, "cleanup.policy", policy, sizeof policy)) {
        if (make(p, err) != PH_OK) {
            return PH_ERROR;
        }
    } else if (strcmp(policy, "compact") != 0) {
        (void)ph_error_set(err, PH_ERR_CONFIG,
                           "topic \"%s\" for positions has cleanup.policy %s, which would lose "
                           "them: kafka-configs.sh --bootstrap-server %s --alter --topic %s "
                           "--add-config cleanup.policy=compact",
                           name, policy, p->settings->brokers, name);
        ph_error_set_key(err, "/positions_topic");
        return PH_ERROR;
    }
    p->has_positions_topic = true;
    return PH_OK;
}

/* ---- one record of it */

uint32_t positions_topic_key(char key[POSITIONS_KEY_SIZE], const struct ph_host *host,
                             const struct held *h)
{
    int length = snprintf(key, POSITIONS_KEY_SIZE, "%s/%s/%s/%s/%d", h->pipeline,
                          host->operator_name, h->source, h->topic, h->partition);
    return length < POSITIONS_KEY_SIZE ? (uint32_t)length : POSITIONS_KEY_SIZE - 1u;
}

/* No name has a slash but that of a file, which may stand for the topic. */
bool positions_topic_split_key(char *key, const struct ph_host *host, const char *pipeline,
                               struct ph_partition *partition)
{
    char prefix[POSITIONS_KEY_SIZE];
    int length = snprintf(prefix, sizeof prefix, "%s/%s/", pipeline, host->operator_name);
    if (length >= POSITIONS_KEY_SIZE || strncmp(key, prefix, (size_t)length) != 0) {
        return false;
    }
    char *source = key + length;
    char *topic = strchr(source, '/');
    char *number = strrchr(source, '/');
    if (topic == NULL || number == topic || number[1] < '0' || number[1] > '9') {
        return false;
    }
    *topic++ = '\0';
    *number++ = '\0';
    partition->source = source;
    partition->topic = topic;
    partition->partition = (int32_t)strtol(number, NULL, 10);
    return true;
}

int32_t positions_topic_add(struct producer *p, const struct held *h, struct ph_error *err)
{
    char key[POSITIONS_KEY_SIZE];
    char text[NOTE_TEXT_SIZE];
    size_t key_length = positions_topic_key(key, p->link.task->host, h);
    size_t length = note_write(&h->note, text);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        p->link.rk, RD_KAFKA_V_TOPIC(p->settings->positions_topic), RD_KAFKA_V_PARTITION(PARTITION),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(text, length),
        RD_KAFKA_V_KEY(key, key_length), RD_KAFKA_V_OPAQUE(NULL), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return errors_set(err, code, ERRORS_AT_WORK,
                          "a position cannot be given to topic \"%s\": %s",
                          p->settings->positions_topic, rd_kafka_err2str(code));
    }
    p->unreported++;
    return PH_OK;
}
