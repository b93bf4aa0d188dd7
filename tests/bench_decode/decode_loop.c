/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_loop COUNT [derive]: feeds COUNT web events through the writer and the decoder and drops
 * the batches; with "derive" each batch also gets a text column as the geolocating UDF adds it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch/draft.h"
#include "batch/schema.h"
#include "batch/writer.h"
#include "codec/decode.h"
#include "event.h"

#define EVENTS 1000

static const struct decode_field fields[] = {
    {.name = "ip", .type = PH_TYPE_STRING, .required = true},
    {.name = "host", .type = PH_TYPE_STRING},
    {.name = "url", .type = PH_TYPE_STRING},
    {.name = "referrer", .type = PH_TYPE_STRING},
    {.name = "headers", .type = PH_TYPE_JSON},
    {.name = "event_timestamp",
     .type = PH_TYPE_TIMESTAMP_MS,
     .path = (const char *const[]){"event_time"},
     .path_length = 1}};
#define FIELDS ((uint32_t)(sizeof fields / sizeof fields[0]))

struct bench {
    char (*events)[EVENT_MAX_BYTES];
    uint32_t *lengths;
    struct reserve *reserve;
    struct batch_writer *writer;
    struct draft_output located; /* the rows with geodata */
    bool derive;
    uint64_t rows;
    uint64_t batches;
};

static void on_bad(void *arg, const struct ph_record *record, const struct row_fault *fault)
{
    (void)arg;
    fprintf(stderr, "record %lld: %s\n", (long long)record->offset, fault->reason);
    abort();
}

static struct ph_batch *add_geodata(struct bench *b, struct ph_batch *in)
{
    static const char text[] =
        "{\"country\":\"US\",\"state\":\"California\",\"city\":\"Mountain View\"}";
    struct ph_draft *draft = draft_derive(&b->located, in);
    for (uint32_t row = 0; draft != NULL && row < draft->row_count; row++) {
        if (ph_builder_set_bytes(&draft->builders[0], row, text, sizeof text - 1) != PH_OK) {
            abort();
        }
    }
    if (draft == NULL) {
        abort();
    }
    batch_release(in);
    return draft_publish(draft, true);
}

static void close_batch(struct bench *b)
{
    struct ph_batch *batch = batch_writer_close(b->writer);
    if (batch == NULL) {
        return;
    }
    if (b->derive) {
        batch = add_geodata(b, batch);
    }
    b->rows += batch->row_count;
    b->batches++;
    batch_release(batch);
}

static void run(struct bench *b, long count)
{
    for (long i = 0; i < count; i++) {
        struct ph_record record = {.size = (uint32_t)sizeof record,
                                   .partition_id = (uint32_t)(i / 500 % 4),
                                   .offset = i,
                                   .timestamp_ms = i,
                                   .value = b->events[i % EVENTS],
                                   .value_length = b->lengths[i % EVENTS]};
        while (batch_writer_append(b->writer, &record) == PH_MORE) {
            close_batch(b);
            if (batch_writer_open(b->writer) != PH_OK) {
                abort();
            }
        }
    }
    close_batch(b);
}

static void make_events(struct bench *b)
{
    uint64_t bytes = 0;
    b->events = calloc(EVENTS, sizeof *b->events);
    b->lengths = calloc(EVENTS, sizeof *b->lengths);
    for (uint32_t i = 0; b->events != NULL && b->lengths != NULL && i < EVENTS; i++) {
        b->lengths[i] = (uint32_t)event_write(b->events[i], EVENT_MAX_BYTES, 1, 0, i,
                                              EVENT_DISTINCT_IPS_DEFAULT);
        bytes += b->lengths[i];
    }
    printf("event: %.*s\nmean length %.1f bytes\n", (int)b->lengths[0], b->events[0],
           (double)bytes / EVENTS);
}

int main(int argc, char **argv)
{
    struct bench b = {.derive = argc > 2 && strcmp(argv[2], "derive") == 0};
    struct ph_field columns[FIELDS + 1];
    struct ph_error err;
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    ph_error_clear(&err);
    make_events(&b);
    decoder_list_columns(fields, FIELDS, columns);
    columns[FIELDS] = (struct ph_field){.name = "geodata", .type = PH_TYPE_STRING};
    struct ph_schema *schema = schema_create(columns, FIELDS);
    struct ph_schema *located = schema_create(columns, FIELDS + 1);
    struct decoder *decoder = decoder_create(fields, FIELDS, &err);
    struct pool *pool = pool_create(UINT64_C(64) << 20);
    b.reserve = reserve_create(pool, "bench", UINT64_C(64) << 20, NULL, NULL);
    b.located = (struct draft_output){b.reserve, located, FIELDS};
    b.writer = batch_writer_create(&(struct batch_writer_options){.reserve = b.reserve,
                                                                  .schema = schema,
                                                                  .spare = decoder_spare(decoder),
                                                                  .keep_keys = true,
                                                                  .decode = decoder_row,
                                                                  .decoder = decoder,
                                                                  .bad_record = on_bad});
    clock_t begin = clock();
    run(&b, count);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    printf("%llu rows in %llu batches, %.1f ns a record\n", (unsigned long long)b.rows,
           (unsigned long long)b.batches, seconds * 1e9 / (double)count);
    batch_writer_destroy(b.writer);
    decoder_destroy(decoder);
    reserve_destroy(b.reserve);
    pool_destroy(pool);
    schema_destroy(schema);
    schema_destroy(located);
    free(b.events);
    free(b.lengths);
    return 0;
}
