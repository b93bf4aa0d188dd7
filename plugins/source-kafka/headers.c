/* SPDX-License-Identifier: Apache-2.0 */
#include "headers.h"

#include "pipehost/error.h"

#include <stdlib.h>
#include <string.h>

static int32_t reserve(struct headers *h, size_t more, size_t used, struct ph_error *err)
{
    if (used + more > h->capacity) {
        size_t capacity = (used + more) * 2;
        uint8_t *bytes = realloc(h->bytes, capacity);
        if (bytes == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for a record's headers");
        }
        h->bytes = bytes;
        h->capacity = capacity;
    }
    return PH_OK;
}

static size_t put_piece(uint8_t *to, const void *text, size_t length)
{
    uint32_t size = text != NULL ? (uint32_t)length : UINT32_MAX;
    memcpy(to, &size, sizeof size);
    if (text == NULL) {
        return sizeof size;
    }
    memcpy(to + sizeof size, text, length);
    return sizeof size + length;
}

int32_t headers_take(struct headers *h, const rd_kafka_message_t *m, struct ph_record *record,
                     struct ph_error *err)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t length;
    size_t used = 0;
    record->headers = NULL;
    record->headers_length = 0;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PH_OK;
    }
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        size_t name_length = strlen(name);
        if (reserve(h, 2 * sizeof(uint32_t) + name_length + length, used, err) != PH_OK) {
            return PH_ERROR;
        }
        used += put_piece(h->bytes + used, name, name_length);
        used += put_piece(h->bytes + used, value, length);
    }
    record->headers = h->bytes;
    record->headers_length = (uint32_t)used;
    return PH_OK;
}

void headers_fini(struct headers *h)
{
    free(h->bytes);
    *h = (struct headers){0};
}
