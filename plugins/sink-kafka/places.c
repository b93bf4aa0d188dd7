/* SPDX-License-Identifier: Apache-2.0 */
#include "places.h"

#include <stdlib.h>

#define HEADERS 3

int32_t places_set(struct places *p, const struct ph_partition *partitions, uint32_t count,
                   struct ph_error *err)
{
    places_fini(p);
    p->items = calloc(count + 1u, sizeof *p->items);
    if (p->items == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    for (; p->count < count; p->count++) {
        struct place *place = &p->items[p->count];
        place->id = partitions[p->count].id;
        place->topic = strdup(partitions[p->count].topic);
        if (place->topic == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory");
        }
        (void)snprintf(place->partition, sizeof place->partition, "%d",
                       partitions[p->count].partition);
    }
    return PH_OK;
}

void places_fini(struct places *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->items[i].topic);
    }
    free(p->items);
    *p = (struct places){0};
}

static const struct place *find(struct places *p, uint32_t id)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->items[p->last].id == id) {
            return &p->items[p->last];
        }
        p->last = p->last + 1 < p->count ? p->last + 1 : 0;
    }
    return NULL;
}

static bool add(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    return rd_kafka_header_add(headers, name, -1, value, -1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_headers_t *places_headers(struct places *p, const struct ph_batch *batch, uint32_t row)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(HEADERS);
    if (headers == NULL || batch->offsets == NULL) {
        return headers; /* a row that stems from no record has none */
    }
    const struct place *place = find(p, batch->partition_ids[row]);
    char offset[24];
    (void)snprintf(offset, sizeof offset, "%lld", (long long)batch->offsets[row]);
    if ((place != NULL && (!add(headers, "source.topic", place->topic) ||
                           !add(headers, "source.partition", place->partition))) ||
        !add(headers, "source.offset", offset)) {
        rd_kafka_headers_destroy(headers);
        return NULL;
    }
    return headers;
}
