/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include "answer.h"
#include "learn.h"

#include <stdlib.h>

/* In host order: the state never leaves its machine. A header, the endpoint's text, then places to
 * the end, each followed by its text. */
#define STATE_MAGIC UINT64_C(0x31736563616c7067) /* "gplaces1" with its first byte lowest */

struct header {
    uint64_t magic;
    uint64_t endpoint_length;
};

struct saved_place {
    struct address address;
    int64_t expires_wall_ms; /* monotonic time means nothing to another process */
    uint64_t text_length;    /* 0 = the empty object */
};

struct saving {
    struct ph_state_writer *writer;
    int64_t now_ns;
    int64_t now_wall_ms;
};

static bool save_place(void *context, const struct place *place)
{
    const struct saving *saving = context;
    struct saved_place saved = {.address = place->address};
    saved.expires_wall_ms =
        saving->now_wall_ms + (place->expires_ns - saving->now_ns) / INT64_C(1000000);
    saved.text_length = place->text == place_empty_text ? 0 : place->text_length;
    return saving->writer->write(saving->writer, &saved, sizeof saved) == PH_OK &&
           saving->writer->write(saving->writer, place->text, saved.text_length) == PH_OK;
}

int32_t state_save(void *self, struct ph_state_writer *writer, struct ph_error *err)
{
    struct geolocate *op = self;
    const struct ph_clock *clock = op->services.clock;
    const char *endpoint = op->settings.url_start;
    struct header header = {STATE_MAGIC, strlen(endpoint)};
    struct saving saving = {writer, clock->monotonic_ns(op->host), clock->wall_ms(op->host)};
    if (writer->write(writer, &header, sizeof header) != PH_OK ||
        writer->write(writer, endpoint, header.endpoint_length) != PH_OK ||
        (!geolocate_is_offline(op) &&
         !places_visit(&op->places, saving.now_ns, save_place, &saving))) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "the cache of places could not be saved");
    }
    return PH_OK;
}

/* PH_END: the state is not for this operator. */
static int32_t check_header(const struct geolocate *op, struct ph_state_reader *reader)
{
    const char *endpoint = op->settings.url_start;
    size_t length = strlen(endpoint);
    struct header header;
    int32_t result = ph_state_read(reader, &header, sizeof header);
    char *text;
    if (result != PH_OK) {
        return result;
    }
    if (header.magic != STATE_MAGIC || header.endpoint_length != length) {
        return PH_END;
    }
    text = malloc(length);
    if (text == NULL) {
        return PH_ERROR;
    }
    result = ph_state_read(reader, text, length);
    if (result == PH_OK && memcmp(text, endpoint, length) != 0) {
        result = PH_END;
    }
    free(text);
    return result;
}

static int32_t read_place(struct geolocate *op, struct ph_state_reader *reader, int64_t now_ns,
                          int64_t now_wall_ms)
{
    struct saved_place saved;
    char *text = NULL;
    int64_t left_ms;
    int32_t result = ph_state_read(reader, &saved, sizeof saved);
    if (result != PH_OK) {
        return result;
    }
    if (saved.text_length > ANSWER_TEXT_MAX) {
        return PH_ERROR;
    }
    if (saved.text_length > 0) {
        text = malloc(saved.text_length);
        if (text == NULL || ph_state_read(reader, text, saved.text_length) != PH_OK) {
            free(text);
            return PH_ERROR;
        }
    }
    left_ms = saved.expires_wall_ms - now_wall_ms;
    /* A clock that was set must not keep an answer for longer than it may be kept. */
    if (left_ms > op->settings.ttl_ns / 1000000) {
        left_ms = op->settings.ttl_ns / 1000000;
    }
    (void)learn_place(&op->places, &saved.address, text, (uint32_t)saved.text_length,
                      left_ms > 0 ? now_ns + left_ms * 1000000 : 0, now_ns);
    return PH_OK;
}

int32_t state_restore(void *self, struct ph_state_reader *reader, struct ph_error *err)
{
    struct geolocate *op = self;
    const struct ph_clock *clock = op->services.clock;
    int64_t now_ns = clock->monotonic_ns(op->host);
    int64_t now_wall_ms = clock->wall_ms(op->host);
    int32_t result = geolocate_is_offline(op) ? PH_END : check_header(op, reader);
    while (result == PH_OK) {
        result = read_place(op, reader, now_ns, now_wall_ms);
    }
    if (result == PH_END) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_RETRIABLE,
                        "the saved cache of places is damaged, or there is no memory for it");
}
