#include "output.h"

#include "reader.h"

#define LOOK_MS   2000
#define STABLE_MS 1000

bool output_open(struct output *o, const char *brokers, const char *group, const char *topic)
{
    *o = (struct output){.topic = topic};
    o->reader = reader_open(brokers, group, "read_committed");
    o->asker = reader_open(brokers, group, "read_uncommitted");
    if (o->reader == NULL || o->asker == NULL) {
        return false;
    }
    o->count = reader_assign(o->reader, topic);
    return o->count > 0 && o->count <= OUTPUT_PARTITIONS_MAX;
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
