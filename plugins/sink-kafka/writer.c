/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include "kafka/errors.h"

static void refuse_row(struct writer *w, uint32_t row, const char *code, const char *reason)
{
    w->refused++;
    w->task->reject(w->task, w->batch, row, code, reason);
}

static void refuse_large(struct writer *w, uint32_t row, const rd_kafka_message_t *m)
{
    char reason[256];
    (void)snprintf(reason, sizeof reason,
                   "the record's key and value have %zu bytes, more than the %lld that topic "
                   "\"%.100s\" takes (max.message.bytes)",
                   m->len + m->key_len, (long long)w->producer->message_bytes,
                   w->producer->settings->topic);
    refuse_row(w, row, rd_kafka_err2name(m->err), reason);
}

static void send_group(struct writer *w)
{
    if (!w->has_headers) {
        producer_send(w->producer, w->messages, w->count);
        return;
    }
    for (int i = 0; i < w->count; i++) {
        rd_kafka_headers_t *headers = places_headers(&w->places, w->batch, w->message_rows[i]);
        if (headers == NULL) {
            w->messages[i].err = RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
            arena_report(&w->producer->arena, w->messages[i]._private);
            continue;
        }
        producer_send_with(w->producer, &w->messages[i], headers);
    }
}

/* Gives the group to the producer. PH_MORE: from next_row on it was not taken. */
static int32_t flush(struct writer *w, struct ph_error *err)
{
    int count = w->count;
    send_group(w);
    w->count = 0;
    for (int i = 0; i < count; i++) {
        const rd_kafka_message_t *m = &w->messages[i];
        switch (m->err) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            break;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            refuse_large(w, w->message_rows[i], m);
            break;
        case RD_KAFKA_RESP_ERR__QUEUE_FULL: /* and so were those behind it */
            w->next_row = w->message_rows[i];
            return PH_MORE;
        default:
            return errors_set(err, m->err, ERRORS_AT_WORK,
                              "a record cannot be given to topic \"%s\": %s",
                              w->producer->settings->topic, rd_kafka_err2str(m->err));
        }
    }
    return PH_OK;
}

static int32_t wait_for_room(struct writer *w, struct ph_error *err)
{
    int32_t result = flush(w, err);
    w->producer->is_waiting_room = true;
    return result == PH_OK ? PH_MORE : result;
}

/* Makes a row a message of the group. PH_MORE: no room. */
static int32_t add_row(struct writer *w, const struct rows_input *input, uint32_t row,
                       struct ph_error *err)
{
    struct arena *arena = &w->producer->arena;
    rd_kafka_message_t *m = &w->messages[w->count];
    uint32_t capacity;
    char *room = arena_room(arena, &capacity);
    uint32_t length = rows_write(w->rows, input, w->batch, row, room, capacity, m);
    if (length > capacity) {
        int32_t result = arena_open(arena, length);
        if (result != PH_OK) {
            return result == PH_MORE ? PH_MORE
                                     : ph_error_set(err, PH_ERR_FATAL, "out of memory for values");
        }
        room = arena_room(arena, &capacity);
        length = rows_write(w->rows, input, w->batch, row, room, capacity, m);
    }
    if (length == 0) {
        refuse_row(w, row, "no_object",
                   "value is \"splice\", and the row stems from no record that is a JSON object");
        return PH_OK;
    }
    m->_private = arena_take(arena, length);
    w->message_rows[w->count++] = row;
    return PH_OK;
}

/* A group is of one batch: its rows can be refused by their numbers. */
int32_t writer_write(struct writer *w, const struct ph_batch *batch, struct ph_error *err)
{
    const struct rows_input *input = rows_find(w->rows, batch);
    if (w->batch != batch) {
        w->batch = batch;
        w->next_row = 0;
    }
    while (w->next_row < batch->row_count) {
        if (!producer_has_room(w->producer)) {
            return wait_for_room(w, err);
        }
        int32_t result = add_row(w, input, w->next_row, err);
        if (result != PH_OK) {
            return result == PH_MORE ? wait_for_room(w, err) : PH_ERROR;
        }
        w->next_row++;
        if (w->count == WRITER_GROUP && (result = flush(w, err)) != PH_OK) {
            return result;
        }
    }
    int32_t result = flush(w, err);
    w->batch = result == PH_OK ? NULL : w->batch;
    return result;
}

void writer_reset(struct writer *w)
{
    for (int i = 0; i < w->count; i++) {
        arena_report(&w->producer->arena, w->messages[i]._private);
    }
    w->count = 0;
    w->batch = NULL;
}
