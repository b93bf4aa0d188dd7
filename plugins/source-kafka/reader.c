/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include "kafka/errors.h"

/* Messages from the one at hand, and bytes. */
#define PREFETCH_FRAMES 12u
#define PREFETCH_BYTES  5u
#define PREFETCH_LENGTH 1024u

/* So long a position may stand before a hole: a topic of transactions has one after each of them,
 * and what is read next mostly passes it. */
#define HOLES_INTERVAL_NS INT64_C(1000000000)
#define HOLES_AT_ONCE     256u

void reader_init(struct reader *r, struct client *client)
{
    *r = (struct reader){.client = client, .queue_fd = -1};
    slots_init(&r->slots, client->settings);
    ends_init(&r->ends, client, &r->slots);
}

int32_t reader_open(struct reader *r, struct ph_error *err)
{
    struct client *client = r->client;
    r->prefetch = conf_prefetch(client->settings, client->link.task->host->lane_count);
    r->queue = rd_kafka_queue_get_consumer(client->link.rk);
    if (r->queue == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "librdkafka has no consumer queue");
    }
    r->queue_fd = link_watch(&client->link, r->queue, err);
    return r->queue_fd < 0 ? PH_ERROR : PH_OK;
}

void reader_close(struct reader *r)
{
    for (; r->at < r->count; r->at++) {
        rd_kafka_message_destroy(r->messages[r->at]);
    }
    if (r->queue != NULL) {
        link_unwatch(&r->client->link, r->queue, r->queue_fd);
        rd_kafka_queue_destroy(r->queue);
    }
    slots_fini(&r->slots);
    offsets_edges_fini(&r->edges);
    headers_fini(&r->headers);
    /* The totals go on counting over the next connection. */
    struct reader_totals totals = r->totals;
    reader_init(r, r->client);
    r->totals = totals;
    r->nudged = totals;
}

/* ---- partitions */

static int32_t assign(struct reader *r, const struct slot *slots, uint32_t count,
                      struct ph_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        if (!slots[i].is_done) {
            rd_kafka_topic_partition_list_add(list, slots[i].topic, slots[i].partition)->offset =
                slots[i].next_offset;
        }
    }
    rd_kafka_error_t *failure = rd_kafka_incremental_assign(r->client->link.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (failure == NULL) {
        return PH_OK;
    }
    (void)errors_set(err, rd_kafka_error_code(failure), ERRORS_AT_WORK,
                     "topic \"%s\", partition %d: cannot begin at offset %lld: %s", slots->topic,
                     slots->partition, (long long)slots->next_offset,
                     rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return PH_ERROR;
}

/* Once more, from the slot's next offset on. */
static int32_t assign_again(struct reader *r, const struct slot *slot, struct ph_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, slot->topic, slot->partition);
    rd_kafka_error_t *failure = rd_kafka_incremental_unassign(r->client->link.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_error_destroy(failure); /* assign says the same */
    return assign(r, slot, 1, err);
}

static int32_t assign_started(struct reader *r, struct ph_error *err)
{
    uint32_t first = r->assigned_count;
    offsets_edges_fini(&r->edges);
    r->assigned_count = r->slots.count;
    return assign(r, &r->slots.items[first], r->slots.count - first, err);
}

/* At a start for all partitions at once; one that is found later is asked for alone. */
static int32_t find_edges(struct reader *r, const struct slot *slot, struct offsets_range *range,
                          struct ph_error *err)
{
    struct client *client = r->client;
    if (!r->edges.is_asked && r->assigned_count == 0) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        for (uint32_t i = 0; i < client->settings->topic_count; i++) {
            for (int32_t p = 0; p < client->partition_counts[i]; p++) {
                rd_kafka_topic_partition_list_add(list, client->settings->topics[i], p);
            }
        }
        offsets_ask_edges(client, list, &r->edges);
        rd_kafka_topic_partition_list_destroy(list);
    }
    return offsets_edge(client, &r->edges, slot->topic, slot->partition, range, err);
}

static int32_t out_of_range(const char *topic, int32_t partition, int64_t wanted,
                            const struct offsets_range *range, struct ph_error *err)
{
    return errors_set(
        err, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ERRORS_AT_WORK,
        "topic \"%s\", partition %d: offset %lld is not there, Kafka has %lld to %lld: "
        "%s; pipehost positions set MANIFEST --partition %s/%d --to earliest (or latest, or an "
        "offset) goes on without what is missing",
        topic, partition, (long long)wanted, (long long)range->low, (long long)range->high,
        wanted < range->low ? "the records were deleted before they were read (see the topic's "
                              "retention)"
                            : "the topic was made anew or lost its end",
        topic, partition);
}

/* Where to begin, and where a bounded run ends. A position that is not in the log would end that
 * one at once, as if all had been read. The host wants to see the record before a position that it
 * knows the fingerprint of, or that there is none, where that is still in the log. */
static int32_t find_bounds(struct reader *r, struct slot *slot, bool is_known, struct ph_error *err)
{
    struct offsets_range range;
    slot->end_offset = INT64_MAX;
    if (!r->client->settings->is_bounded && !is_known) {
        return PH_OK;
    }
    if (find_edges(r, slot, &range, err) != PH_OK) {
        return PH_ERROR;
    }
    if (slot->first_offset < range.low || slot->first_offset > range.high) {
        return out_of_range(slot->topic, slot->partition, slot->first_offset, &range, err);
    }
    slot->asked_end = range.high;
    slot->next_offset -= is_known && slot->first_offset > range.low ? 1 : 0;
    if (r->client->settings->is_bounded) {
        slot->end_offset = range.high;
        slot->is_done = slot->next_offset >= range.high;
    }
    return PH_OK;
}

int32_t reader_start(struct reader *r, const struct ph_partition *partition,
                     const struct ph_position *from, struct ph_error *err)
{
    if (from->next_offset < 0) {
        return ph_error_set(err, PH_ERR_FATAL,
                            "topic \"%s\", partition %d: cannot begin at offset %lld",
                            partition->topic, partition->partition, (long long)from->next_offset);
    }
    struct slot *slot = slots_add(&r->slots, partition, err);
    if (slot == NULL) {
        return PH_ERROR;
    }
    slot->next_offset = from->next_offset;
    slot->first_offset = from->next_offset;
    if (find_bounds(r, slot, from->fingerprint != 0, err) != PH_OK) {
        slots_remove_last(&r->slots);
        return PH_ERROR;
    }
    r->done_count += slot->is_done ? 1 : 0;
    return PH_OK;
}

int64_t reader_lag(const struct reader *r)
{
    return r->is_polled || r->slots.count > 0 ? ends_lag(&r->ends) : -1;
}

int32_t reader_check_ends(struct reader *r, int64_t now_ns, struct ph_error *err)
{
    struct offsets_range range;
    const struct slot *beyond = ends_ask(&r->ends, now_ns, &range);
    return beyond == NULL
               ? PH_OK
               : out_of_range(beyond->topic, beyond->partition, beyond->next_offset, &range, err);
}

/* ---- the way of a record */

/* A fetch that waits for records would hold up all that the broker is asked afterwards. */
static void stop_fetching(struct reader *r, const struct slot *slot)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, slot->topic, slot->partition);
    (void)rd_kafka_pause_partitions(r->client->link.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void reach_end(struct reader *r, struct slot *slot)
{
    if (!slot->is_done && slot->next_offset >= slot->end_offset) {
        slot->is_done = true;
        r->done_count++;
        stop_fetching(r, slot);
    }
}

/* The position passes a hole: offsets of a compacted topic, or markers of transactions. */
static void pass_hole(struct reader *r, struct slot *slot, int64_t next_offset,
                      struct ph_writer *writer)
{
    int64_t to = next_offset < slot->end_offset ? next_offset : slot->end_offset;
    if (to > slot->next_offset) {
        slot->next_offset = to;
        writer->pass_hole(writer, slot->partition_id, to);
        reach_end(r, slot);
    }
}

/* No record is below next_offset, and none above it yet. A bounded run may end with that. Else the
 * position need not move at once, but before retention makes the hole's end the log's start: from
 * there a start could not tell the hole from records that were lost. */
static void note_end(struct reader *r, struct slot *slot, int64_t next_offset,
                     struct ph_writer *writer)
{
    if (r->client->settings->is_bounded) {
        pass_hole(r, slot, next_offset, writer);
    } else if (next_offset > slot->next_offset) {
        slot->hole_end = next_offset;
        r->holes_ns =
            r->holes_ns != 0 ? r->holes_ns : link_now_ns(&r->client->link) + HOLES_INTERVAL_NS;
    }
}

/* Some at a time: what a batch of the host has no place for would be lost. */
static void pass_holes(struct reader *r, struct ph_writer *writer)
{
    uint32_t left = HOLES_AT_ONCE;
    int64_t now_ns = r->holes_ns != 0 ? link_now_ns(&r->client->link) : 0;
    if (r->holes_ns == 0 || now_ns < r->holes_ns) {
        return;
    }
    r->holes_ns = 0;
    for (uint32_t i = 0; r->holes_ns == 0 && i < r->slots.count; i++) {
        struct slot *slot = &r->slots.items[i];
        if (slot->hole_end > slot->next_offset && left == 0) {
            r->holes_ns = now_ns + HOLES_INTERVAL_NS;
        } else if (slot->hole_end > slot->next_offset) {
            pass_hole(r, slot, slot->hole_end, writer);
            left--;
        }
    }
}

/* Kafka does not have the offset. Retention may take the record before a known position between
 * the question for it and the fetch: the position itself is then tried. */
static int32_t refuse_fetch(struct reader *r, const rd_kafka_message_t *m, struct ph_error *err)
{
    struct slot *slot = slots_of_message(&r->slots, m);
    const char *topic = rd_kafka_topic_name(m->rkt);
    struct offsets_range range;
    if (slot != NULL && slot->next_offset < slot->first_offset) {
        slot->next_offset = slot->first_offset;
        reach_end(r, slot);
        return slot->is_done ? PH_OK : assign_again(r, slot, err);
    }
    if (offsets_query(r->client, topic, m->partition, &range, NULL) != PH_OK) {
        range = (struct offsets_range){-1, -1};
    }
    return out_of_range(topic, m->partition, slot != NULL ? slot->next_offset : m->offset, &range,
                        err);
}

/* An error about one partition. Only what means that records are lost or never come ends the
 * reading; the rest librdkafka tries again. */
static int32_t partition_error(struct reader *r, const rd_kafka_message_t *m, struct ph_error *err)
{
    uint32_t flags = errors_flags(m->err, ERRORS_AT_WORK);
    char text[LINK_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s", rd_kafka_message_errstr(m));
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        return refuse_fetch(r, m, err);
    }
    r->client->link.error_count++;
    if (flags == PH_ERR_RETRIABLE) {
        link_log(&r->client->link, PH_LOG_INFO,
                 "topic \"%s\", partition %d, offset %lld: %s; trying again",
                 rd_kafka_topic_name(m->rkt), m->partition, (long long)m->offset, text);
        return PH_OK;
    }
    return errors_set(err, m->err, ERRORS_AT_WORK, "topic \"%s\", partition %d, offset %lld: %s",
                      rd_kafka_topic_name(m->rkt), m->partition, (long long)m->offset, text);
}

/* An error about no partition stems from the group's coordinator: of interest only where a group
 * was asked for. */
static int32_t client_error(struct reader *r, const rd_kafka_message_t *m, struct ph_error *err)
{
    const char *text = rd_kafka_message_errstr(m);
    if (errors_flags(m->err, ERRORS_AT_WORK) != PH_ERR_RETRIABLE) {
        return errors_set(err, m->err, ERRORS_AT_WORK, "librdkafka: %s", text);
    }
    link_log(&r->client->link, r->client->settings->group != NULL ? PH_LOG_WARNING : PH_LOG_DEBUG,
             "librdkafka: %s; the pipeline goes on", text);
    return PH_OK;
}

static int32_t take_event(struct reader *r, const rd_kafka_message_t *m, struct ph_writer *writer,
                          struct ph_error *err)
{
    if (m->rkt == NULL) {
        return client_error(r, m, err);
    }
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        struct slot *slot = slots_of_message(&r->slots, m);
        if (slot != NULL) {
            note_end(r, slot, m->offset, writer);
        }
        return PH_OK;
    }
    return partition_error(r, m, err);
}

/* PH_MORE: the writer is full. */
static int32_t take_record(struct reader *r, rd_kafka_message_t *m, struct ph_writer *writer,
                           struct ph_record *record, struct ph_error *err)
{
    rd_kafka_timestamp_type_t kind;
    struct slot *slot = slots_of_message(&r->slots, m);
    if (slot == NULL || m->offset < slot->next_offset) {
        return PH_OK;
    }
    if (m->offset >= slot->end_offset) {
        pass_hole(r, slot, m->offset, writer);
        return PH_OK;
    }
    record->partition_id = slot->partition_id;
    record->offset = m->offset;
    record->timestamp_ms = rd_kafka_message_timestamp(m, &kind);
    record->key = m->key;
    record->key_length = (uint32_t)m->key_len;
    record->value = m->payload;
    record->value_length = (uint32_t)m->len;
    if ((writer->wants & PH_WANTS_HEADERS) != 0 &&
        headers_take(&r->headers, m, record, err) != PH_OK) {
        return PH_ERROR;
    }
    if (writer->append(writer, record) != PH_OK) {
        return PH_MORE;
    }
    slot->next_offset = m->offset + 1;
    if (m->offset >= slot->first_offset) {
        r->totals.records++;
        r->totals.bytes += (int64_t)(m->len + m->key_len);
    }
    reach_end(r, slot);
    return PH_OK;
}

/* Another thread's cache has them: a message's frame is asked for well ahead, its bytes when the
 * frame has come. Always inline: gcc drops the call of a function that only prefetches. */
__attribute__((always_inline)) static inline void prefetch(const struct reader *r)
{
    uint32_t frame = r->at + PREFETCH_FRAMES;
    uint32_t bytes = r->at + PREFETCH_BYTES;
    if (frame < r->count) {
        __builtin_prefetch(r->messages[frame]);
    }
    if (bytes < r->count) {
        const rd_kafka_message_t *m = r->messages[bytes];
        const uint8_t *at = m->payload;
        size_t length = m->len < PREFETCH_LENGTH ? m->len : PREFETCH_LENGTH;
        for (size_t i = 0; i < length; i += 64) {
            __builtin_prefetch(at + i);
        }
    }
}

/* Offers the messages at hand. PH_OK: all taken; PH_MORE: the writer is full. */
static int32_t offer(struct reader *r, struct ph_writer *writer, struct ph_error *err)
{
    struct ph_record record = {.size = (uint32_t)sizeof record};
    while (r->at < r->count) {
        rd_kafka_message_t *m = r->messages[r->at];
        prefetch(r);
        int32_t result = m->err == RD_KAFKA_RESP_ERR_NO_ERROR
                             ? take_record(r, m, writer, &record, err)
                             : take_event(r, m, writer, err);
        if (result == PH_MORE) {
            return PH_MORE;
        }
        rd_kafka_message_destroy(m);
        r->at++;
        if (result < 0) {
            return result;
        }
    }
    return PH_OK;
}

/*
 * A broker thread that finds the queue at its bound sleeps for a second, or until it has something
 * else to do. So it is given something each time a quarter of the bound was consumed: a question
 * whose answer nobody waits for. Without it the bound would have to hold a second's records.
 */
static void nudge(struct reader *r)
{
    if (r->totals.bytes - r->nudged.bytes < r->prefetch.value_bytes / 4 &&
        r->totals.records - r->nudged.records < r->prefetch.records / 4) {
        return;
    }
    r->nudged = r->totals;
    ends_nudge(&r->ends);
}

/* True where the queue gave as many as there is room for: there may be more. */
static bool refill(struct reader *r)
{
    ssize_t n = rd_kafka_consume_batch_queue(r->queue, 0, r->messages, READER_BATCH);
    r->at = 0;
    r->count = n > 0 ? (uint32_t)n : 0;
    return r->count == READER_BATCH;
}

int32_t reader_poll(struct reader *r, struct ph_writer *writer, struct ph_error *err)
{
    bool has_taken = false;
    bool has_more = true;
    r->is_polled = true;
    if (client_check(r->client, err) != PH_OK ||
        (r->assigned_count < r->slots.count && assign_started(r, err) != PH_OK)) {
        return PH_ERROR;
    }
    if (r->client->settings->is_bounded && r->done_count == r->slots.count) {
        return PH_END;
    }
    pass_holes(r, writer);
    while (has_more || r->at < r->count) {
        if (r->at == r->count) {
            has_more = refill(r);
        }
        has_taken = has_taken || r->at < r->count;
        int32_t result = offer(r, writer, err);
        nudge(r);
        if (result < 0) {
            return result;
        }
        if (result == PH_MORE) {
            break;
        }
    }
    return has_taken ? PH_OK : PH_IDLE;
}
