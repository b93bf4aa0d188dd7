/* SPDX-License-Identifier: Apache-2.0 */
#include "offsets.h"

#include "kafka/errors.h"

#define QUERY_TIMEOUT_MS 5000

int32_t offsets_query(struct client *c, const char *topic, int32_t partition,
                      struct offsets_range *range, struct ph_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        c->link.rk, topic, partition, &range->low, &range->high, QUERY_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return errors_set(
            err, code, ERRORS_AT_START,
            "topic \"%s\", partition %d: cannot ask for its first and last offset: %s", topic,
            partition, rd_kafka_err2str(code));
    }
    return PH_OK;
}

static rd_kafka_topic_partition_list_t *ask_offsets(
    struct client *c, const rd_kafka_topic_partition_list_t *partitions, int64_t logical)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(partitions);
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = logical;
    }
    if (rd_kafka_offsets_for_times(c->link.rk, list, QUERY_TIMEOUT_MS) != 0) {
        rd_kafka_topic_partition_list_destroy(list);
        return NULL;
    }
    return list;
}

void offsets_ask_edges(struct client *c, const rd_kafka_topic_partition_list_t *partitions,
                       struct offsets_edges *e)
{
    e->is_asked = true;
    e->lows = ask_offsets(c, partitions, RD_KAFKA_OFFSET_BEGINNING);
    e->highs = e->lows == NULL ? NULL : ask_offsets(c, partitions, RD_KAFKA_OFFSET_END);
}

static void destroy_list(rd_kafka_topic_partition_list_t *list)
{
    if (list != NULL) {
        rd_kafka_topic_partition_list_destroy(list);
    }
}

void offsets_edges_fini(struct offsets_edges *e)
{
    destroy_list(e->lows);
    destroy_list(e->highs);
    *e = (struct offsets_edges){0};
}

/* -1: it was not answered. */
static int64_t answered(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition)
{
    const rd_kafka_topic_partition_t *answer =
        list == NULL ? NULL : rd_kafka_topic_partition_list_find(list, topic, partition);
    return answer != NULL && answer->err == 0 && answer->offset >= 0 ? answer->offset : -1;
}

int32_t offsets_edge(struct client *c, const struct offsets_edges *e, const char *topic,
                     int32_t partition, struct offsets_range *range, struct ph_error *err)
{
    range->low = answered(e->lows, topic, partition);
    range->high = answered(e->highs, topic, partition);
    return range->low >= 0 && range->high >= 0 ? PH_OK
                                               : offsets_query(c, topic, partition, range, err);
}

static rd_kafka_topic_partition_list_t *list_of(const struct ph_partition *partitions,
                                                uint32_t count, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, partitions[i].topic, partitions[i].partition)
            ->offset = offset;
    }
    return list;
}

static int32_t resolve_edges(struct client *c, const struct offsets_edges *edges,
                             const struct ph_partition *partitions, uint32_t count,
                             int64_t *next_offsets, struct ph_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ph_partition *p = &partitions[i];
        struct offsets_range range;
        if (offsets_edge(c, edges, p->topic, p->partition, &range, err) != PH_OK) {
            return PH_ERROR;
        }
        next_offsets[i] = c->settings->startup_mode == STARTUP_LATEST ? range.high : range.low;
    }
    return PH_OK;
}

/* The answer for a partition in an answered list. */
static const rd_kafka_topic_partition_t *answer_for(rd_kafka_topic_partition_list_t *list,
                                                    const struct ph_partition *p)
{
    return rd_kafka_topic_partition_list_find(list, p->topic, p->partition);
}

static int32_t partition_failed(const struct ph_partition *p, rd_kafka_resp_err_t code,
                                const char *what, struct ph_error *err)
{
    return errors_set(err, code, ERRORS_AT_START,
                      "topic \"%s\", partition %d: cannot ask for %s: %s", p->topic, p->partition,
                      what, rd_kafka_err2str(code));
}

static int32_t take_timestamps(struct client *c, rd_kafka_topic_partition_list_t *list,
                               const struct offsets_edges *edges,
                               const struct ph_partition *partitions, uint32_t count,
                               int64_t *next_offsets, struct ph_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ph_partition *p = &partitions[i];
        const rd_kafka_topic_partition_t *answer = answer_for(list, p);
        struct offsets_range range;
        if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return partition_failed(p, answer->err, "the offset of a time", err);
        }
        next_offsets[i] = answer->offset;
        if (answer->offset < 0) {
            /* Nothing is that young: begin with what comes next. */
            if (offsets_edge(c, edges, p->topic, p->partition, &range, err) != PH_OK) {
                return PH_ERROR;
            }
            next_offsets[i] = range.high;
        }
    }
    return PH_OK;
}

static int32_t resolve_timestamp(struct client *c, const struct offsets_edges *edges,
                                 const struct ph_partition *partitions, uint32_t count,
                                 int64_t *next_offsets, struct ph_error *err)
{
    rd_kafka_topic_partition_list_t *list =
        list_of(partitions, count, c->settings->startup_timestamp_ms);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(c->link.rk, list, QUERY_TIMEOUT_MS);
    int32_t result;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        result = errors_set(err, code, ERRORS_AT_START, "cannot ask for the offsets of a time: %s",
                            rd_kafka_err2str(code));
    } else {
        result = take_timestamps(c, list, edges, partitions, count, next_offsets, err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

static int32_t take_committed(struct client *c, rd_kafka_topic_partition_list_t *list,
                              const struct offsets_edges *edges,
                              const struct ph_partition *partitions, uint32_t count,
                              int64_t *next_offsets, struct ph_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ph_partition *p = &partitions[i];
        const rd_kafka_topic_partition_t *answer = answer_for(list, p);
        struct offsets_range range;
        if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return partition_failed(p, answer->err, "its committed offset", err);
        }
        if (offsets_edge(c, edges, p->topic, p->partition, &range, err) != PH_OK) {
            return PH_ERROR;
        }
        next_offsets[i] = answer->offset;
        if (answer->offset < range.low) {
            next_offsets[i] = range.low;
            link_log(&c->link, answer->offset < 0 ? PH_LOG_INFO : PH_LOG_WARNING,
                     "topic \"%s\", partition %d: group \"%s\" has %s: beginning at offset %lld, "
                     "the oldest",
                     p->topic, p->partition, c->settings->group,
                     answer->offset < 0 ? "no offset" : "an offset whose records Kafka has deleted",
                     (long long)range.low);
        }
    }
    return PH_OK;
}

static int32_t resolve_group(struct client *c, const struct offsets_edges *edges,
                             const struct ph_partition *partitions, uint32_t count,
                             int64_t *next_offsets, struct ph_error *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(c->link.rk, list, QUERY_TIMEOUT_MS);
    int32_t result;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        result =
            errors_set(err, code, ERRORS_AT_START, "cannot read the offsets of group \"%s\": %s",
                       c->settings->group, rd_kafka_err2str(code));
    } else {
        result = take_committed(c, list, edges, partitions, count, next_offsets, err);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

static int32_t resolve(struct client *c, const struct offsets_edges *edges,
                       const struct ph_partition *partitions, uint32_t count, int64_t *next_offsets,
                       struct ph_error *err)
{
    switch (c->settings->startup_mode) {
    case STARTUP_GROUP:
        return resolve_group(c, edges, partitions, count, next_offsets, err);
    case STARTUP_TIMESTAMP:
        return resolve_timestamp(c, edges, partitions, count, next_offsets, err);
    case STARTUP_LATEST:
    case STARTUP_EARLIEST:
    default:
        return resolve_edges(c, edges, partitions, count, next_offsets, err);
    }
}

int32_t offsets_resolve(struct client *c, const struct ph_partition *partitions, uint32_t count,
                        int64_t *next_offsets, struct ph_error *err)
{
    struct offsets_edges edges = {0};
    if (count == 0) {
        return PH_OK;
    }
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count, RD_KAFKA_OFFSET_INVALID);
    offsets_ask_edges(c, list, &edges);
    rd_kafka_topic_partition_list_destroy(list);
    int32_t result = resolve(c, &edges, partitions, count, next_offsets, err);
    offsets_edges_fini(&edges);
    return result;
}
