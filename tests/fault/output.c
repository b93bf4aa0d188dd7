#include "output.h"

#include <stdio.h>

#define ASK_MS    60000
#define LOOK_MS   2000
#define STABLE_MS 1000

static rd_kafka_t *open_client(const char *brokers, const char *group, const char *isolation)
{
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"group.id", group},
                                       {"enable.auto.commit", "false"},
                                       {"enable.auto.offset.store", "false"},
                                       {"enable.partition.eof", "true"},
                                       {"auto.offset.reset", "error"},
                                       {"fetch.wait.max.ms", "50"},
                                       {"isolation.level", isolation},
                                       {"topic.metadata.refresh.sparse", "true"}};
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof settings / sizeof settings[0]; i++) {
        ok = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof reason) ==
             RD_KAFKA_CONF_OK;
    }
    rd_kafka_t *rk = ok ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason) : NULL;
    if (rk == NULL) {
        fprintf(stderr, "fault-watch-kafka: %s\n", reason);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static bool assign(struct output *o)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(o->reader, o->topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code = rd_kafka_metadata(o->reader, 0, topic, &metadata, ASK_MS);
    o->count = code == 0 && metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    for (int32_t p = 0; p < o->count; p++) {
        rd_kafka_topic_partition_list_add(list, o->topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    bool ok = o->count > 0 && o->count <= OUTPUT_PARTITIONS_MAX &&
              rd_kafka_assign(o->reader, list) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!ok) {
        fprintf(stderr, "fault-watch-kafka: %s: %d partitions, %s\n", o->topic, (int)o->count,
                rd_kafka_err2str(code));
    }
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_destroy(topic);
    return ok;
}

bool output_open(struct output *o, const char *brokers, const char *group, const char *topic)
{
    *o = (struct output){.topic = topic};
    o->reader = open_client(brokers, group, "read_committed");
    o->asker = open_client(brokers, group, "read_uncommitted");
    return o->reader != NULL && o->asker != NULL && assign(o);
}

void output_close(struct output *o)
{
    if (o->reader != NULL) {
        rd_kafka_destroy(o->reader);
    }
    if (o->asker != NULL) {
        rd_kafka_destroy(o->asker);
    }
}

static void have_read(struct output *o, const rd_kafka_message_t *m, int64_t offset)
{
    if (m->partition >= 0 && m->partition < o->count && offset > o->read_to[m->partition]) {
        o->read_to[m->partition] = offset;
    }
}

rd_kafka_message_t *output_next(struct output *o, int timeout_ms)
{
    rd_kafka_message_t *m;
    while ((m = rd_kafka_consumer_poll(o->reader, timeout_ms)) != NULL) {
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            have_read(o, m, m->offset + 1);
            return m;
        }
        /* Markers and what was aborted are told by no more than that. A broker that is away
         * belongs to some tests: what is not read then is missed at the end. */
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            have_read(o, m, m->offset);
        }
        rd_kafka_message_destroy(m);
        timeout_ms = 0;
    }
    return NULL;
}

bool output_ends(struct output *o, int64_t *ends)
{
    for (int32_t p = 0; p < o->count; p++) {
        int64_t low;
        if (rd_kafka_query_watermark_offsets(o->asker, o->topic, p, &low, &ends[p], LOOK_MS) !=
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            return false;
        }
    }
    return true;
}

bool output_positions(struct output *o, bool is_stable, const char *source, int32_t count,
                      int64_t *next_offsets)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t p = 0; p < count; p++) {
        rd_kafka_topic_partition_list_add(list, source, p);
    }
    bool ok = rd_kafka_committed(is_stable ? o->reader : o->asker, list,
                                 is_stable ? STABLE_MS : LOOK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt; i++) {
        ok = ok && list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    for (int i = 0; ok && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *e = &list->elems[i];
        next_offsets[e->partition] = e->offset >= 0 ? e->offset : 0;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}
