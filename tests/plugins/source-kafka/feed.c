/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)

static int32_t append(struct ph_writer *w, const struct ph_record *record)
{
    struct feed *f = w->host_data;
    uint32_t id = record->partition_id;
    if (f->room == 0) {
        return PH_MORE;
    }
    if (id >= f->partitions.count || record->offset < f->next[id] ||
        (f->check != NULL && !f->check(f->partitions.items[id].partition, record, f->check_data))) {
        (void)fprintf(stderr, "record out of place: partition id %u, offset %lld, expected %lld\n",
                      id, (long long)record->offset, (long long)f->next[id]);
        abort();
    }
    f->room -= f->room > 0 ? 1 : 0;
    f->next[id] = record->offset + 1;
    f->records[id]++;
    f->total++;
    return PH_OK;
}

static void pass_hole(struct ph_writer *w, uint32_t id, int64_t next_offset)
{
    struct feed *f = w->host_data;
    if (id >= f->partitions.count || next_offset < f->next[id]) {
        abort();
    }
    f->next[id] = next_offset;
}

bool feed_open(struct feed *f, const struct harness_setting *settings)
{
    uint32_t count = 0;
    *f = (struct feed){.room = -1};
    f->writer = (struct ph_writer){
        .size = sizeof f->writer, .host_data = f, .append = append, .pass_hole = pass_hole};
    f->harness = harness_open(SOURCE_KAFKA_SO, NULL, "pipeline", "events");
    if (f->harness == NULL) {
        abort();
    }
    while (settings[count].key != NULL) {
        count++;
    }
    harness_partitions_init(&f->partitions);
    if (harness_init(f->harness, settings, count) != PH_OK) {
        return false;
    }
    f->task = harness_task_create(f->harness, 0);
    return f->task != NULL;
}

static const struct ph_source_ops *ops_of(const struct feed *f)
{
    return f->harness->descriptor->source;
}

static int32_t list_partitions(struct feed *f)
{
    if (harness_activate(f->task) != PH_OK) {
        return PH_ERROR;
    }
    harness_partitions_fini(&f->partitions);
    harness_partitions_init(&f->partitions);
    if (ops_of(f)->partitions(f->task->self, &f->partitions.list, harness_error(f->harness)) !=
        PH_OK) {
        return PH_ERROR;
    }
    if (f->partitions.count > FEED_PARTITIONS) {
        abort();
    }
    return PH_OK;
}

static int32_t start_all(struct feed *f, const int64_t *offsets)
{
    for (uint32_t i = 0; i < f->partitions.count; i++) {
        f->next[i] = offsets[i];
        struct ph_position from = {.partition_id = f->partitions.items[i].id,
                                   .next_offset = offsets[i]};
        if (ops_of(f)->start(f->task->self, &f->partitions.items[i], &from,
                             harness_error(f->harness)) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t feed_start(struct feed *f)
{
    if (list_partitions(f) != PH_OK ||
        ops_of(f)->resolve(f->task->self, f->partitions.items, f->partitions.count, f->starts,
                           harness_error(f->harness)) != PH_OK) {
        return PH_ERROR;
    }
    return start_all(f, f->starts);
}

int32_t feed_start_at(struct feed *f, const int64_t *offsets)
{
    return list_partitions(f) == PH_OK ? start_all(f, offsets) : PH_ERROR;
}

int32_t feed_poll(struct feed *f)
{
    return ops_of(f)->poll(f->task->self, &f->writer, harness_error(f->harness));
}

int32_t feed_until(struct feed *f, int64_t records, int timeout_ms)
{
    int64_t until_ns = harness_now_ns() + timeout_ms * NS_PER_MS;
    for (;;) {
        int32_t result = feed_poll(f);
        if (result < 0 || result == PH_END || f->total >= records) {
            return result == PH_IDLE ? PH_OK : result;
        }
        int64_t left_ms = (until_ns - harness_now_ns()) / NS_PER_MS;
        if (left_ms <= 0) {
            return PH_IDLE;
        }
        if (result == PH_IDLE && harness_pump(f->task, (int)left_ms) < 0) {
            return PH_ERROR;
        }
    }
}

bool feed_until_logged(struct feed *f, const char *text, int timeout_ms)
{
    int64_t until_ns = harness_now_ns() + timeout_ms * NS_PER_MS;
    while (!harness_logged(f->harness, text)) {
        int64_t left_ms = (until_ns - harness_now_ns()) / NS_PER_MS;
        if (left_ms <= 0 || feed_poll(f) < 0 || harness_pump(f->task, (int)left_ms) < 0) {
            return false;
        }
    }
    return true;
}

const char *feed_error(const struct feed *f)
{
    return f->harness->error.text;
}

void feed_close(struct feed *f)
{
    harness_task_destroy(f->task);
    harness_partitions_fini(&f->partitions);
    harness_close(f->harness);
}
