/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/dead_letter.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"

#include "delivery/letter_file.h"
#include "delivery/letter_memory.h"
#include "delivery/letter_time.h"
#include "pipehost/failpoint.h"

#include <pthread.h>
#include <stdlib.h>

/* Memory that is kept from one letter to the next. */
#define LINE_KEPT_BYTES ((size_t)1 << 20)

struct dead_letters {
    pthread_mutex_t mutex;
    char *pipeline;
    struct letter_file file;
    struct letter_memory memory;
    uint64_t count;
    int64_t last_us; /* the time of the last letter */
    struct buf line;
};

struct dead_letters *dead_letters_create(const char *pipeline,
                                         const struct dead_letter_settings *settings)
{
    struct dead_letters *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&d->mutex, NULL);
    letter_memory_init(&d->memory);
    d->pipeline = strdup(pipeline);
    /* A value grows at most sixfold when it is escaped. */
    buf_init(&d->line, LETTER_LINE_MAX_BYTES);
    if (!letter_file_init(&d->file, settings->path,
                          settings->max_bytes == 0 ? LETTER_FILE_MAX_BYTES : settings->max_bytes,
                          settings->file_count == 0 ? LETTER_FILE_COUNT : settings->file_count) ||
        d->pipeline == NULL) {
        dead_letters_destroy(d);
        return NULL;
    }
    return d;
}

void dead_letters_destroy(struct dead_letters *d)
{
    if (d == NULL) {
        return;
    }
    letter_file_fini(&d->file);
    letter_memory_fini(&d->memory);
    buf_fini(&d->line);
    free(d->pipeline);
    (void)pthread_mutex_destroy(&d->mutex);
    free(d);
}

static bool is_utf8(struct ph_bytes b)
{
    const char *at = (const char *)b.data;
    const char *end = at + b.length;
    while (at < end) {
        size_t length = escape_utf8_length(at, end);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

static void append_base64(struct buf *out, struct ph_bytes b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint32_t i = 0; i < b.length; i += 3) {
        uint32_t left = b.length - i;
        uint32_t word = (uint32_t)b.data[i] << 16;
        word |= left > 1 ? (uint32_t)b.data[i + 1] << 8 : 0u;
        word |= left > 2 ? (uint32_t)b.data[i + 2] : 0u;
        char text[4] = {digits[word >> 18], digits[(word >> 12) & 63u],
                        left > 1 ? digits[(word >> 6) & 63u] : '=',
                        left > 2 ? digits[word & 63u] : '='};
        buf_append(out, text, sizeof text);
    }
}

static void append_member(struct buf *out, const char *name, const char *value)
{
    buf_append_format(out, ",\"%s\":", name);
    buf_append_json_string(out, value, strlen(value));
}

/* As much of a value as a letter holds, without a part of a code point. */
static struct ph_bytes cut(struct ph_bytes value)
{
    uint32_t length = DEAD_LETTER_VALUE_MAX;
    if (value.length <= length) {
        return value;
    }
    while (length > DEAD_LETTER_VALUE_MAX - 3 && (value.data[length] & 0xC0u) == 0x80u) {
        length--;
    }
    return (struct ph_bytes){.data = value.data, .length = length};
}

static void append_bytes(struct buf *out, const char *name, struct ph_bytes bytes)
{
    if (is_utf8(bytes)) {
        buf_append_format(out, ",\"%s\":", name);
        buf_append_json_string(out, (const char *)bytes.data, bytes.length);
    } else {
        buf_append_format(out, ",\"%s_base64\":\"", name);
        append_base64(out, bytes);
        buf_append_text(out, "\"");
    }
}

static void append_value(struct buf *out, struct ph_bytes whole)
{
    struct ph_bytes value = cut(whole);
    if (value.data == NULL) {
        buf_append_text(out, ",\"value\":null");
    } else {
        append_bytes(out, "value", value);
    }
    if (value.length < whole.length) {
        buf_append_format(out, ",\"value_bytes\":%u", whole.length);
    }
}

/* What letter_memory_begin_at is told is this text. */
static void append_partition(struct buf *out, const struct ph_partition *partition)
{
    append_member(out, "source", partition->source);
    append_member(out, "topic", partition->topic);
    buf_append_format(out, ",\"partition\":%d", partition->partition);
}

/* Later than every letter before, also where the clock went back: see source-dead-letters. */
static void append_time(struct dead_letters *d)
{
    int64_t now_us = clock_wall_us();
    char text[LETTER_TIME_SIZE];
    d->last_us = now_us > d->last_us ? now_us : d->last_us + 1;
    letter_time_print(d->last_us, text);
    buf_append_format(&d->line, "{\"time\":\"%s\"", text);
}

static void append_record(struct buf *out, const struct dead_letter *letter)
{
    append_partition(out, letter->partition);
    buf_append_format(out, ",\"offset\":%lld", (long long)letter->offset);
    if (letter->has_sub_index) {
        buf_append_format(out, ",\"sub\":%u", letter->sub_index);
    }
    if (letter->timestamp_ms >= 0) {
        buf_append_format(out, ",\"timestamp_ms\":%lld", (long long)letter->timestamp_ms);
    }
    if (letter->key.data != NULL) {
        append_bytes(out, "key", letter->key);
    }
}

static void format_line(struct dead_letters *d, const struct dead_letter *letter)
{
    struct buf *out = &d->line;
    buf_clear(out);
    out->failed = false;
    append_time(d);
    append_member(out, "pipeline", d->pipeline);
    append_member(out, "operator", letter->operator_name);
    if (letter->partition != NULL) {
        append_record(out, letter);
    }
    append_member(out, "code", letter->code);
    append_member(out, "reason", letter->reason);
    append_value(out, letter->value);
    buf_append_text(out, "}\n");
}

int32_t dead_letters_check(struct dead_letters *d, struct ph_error *err)
{
    return letter_file_check(&d->file, err);
}

/* ---- what is written already ---- */

int32_t dead_letters_begin_at(struct dead_letters *d, const struct ph_partition *partition,
                              int64_t offset, struct ph_error *err)
{
    bool ok;
    (void)pthread_mutex_lock(&d->mutex);
    buf_clear(&d->line);
    d->line.failed = false;
    append_partition(&d->line, partition);
    ok =
        !d->line.failed && letter_memory_begin_at(&d->memory, d->line.data, d->line.length, offset);
    (void)pthread_mutex_unlock(&d->mutex);
    return ok ? PH_OK : ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for dead letters");
}

struct recall {
    struct dead_letters *letters;
    bool out_of_memory;
};

static void recall_line(void *arg, const char *text, size_t length)
{
    struct recall *r = arg;
    struct letter_id id;
    int64_t time_us = letter_time_of_line(text, length);
    r->letters->last_us = time_us > r->letters->last_us ? time_us : r->letters->last_us;
    if (letter_memory_read(&r->letters->memory, text, length, &id) &&
        !letter_memory_add_earlier(&r->letters->memory, &id)) {
        r->out_of_memory = true;
    }
}

int32_t dead_letters_recall(struct dead_letters *d, struct dead_letters_recalled *recalled,
                            struct ph_error *err)
{
    struct recall r = {.letters = d};
    (void)pthread_mutex_lock(&d->mutex);
    int32_t rc = letter_file_each(&d->file, recall_line, &r, err);
    *recalled = (struct dead_letters_recalled){.count = d->memory.earlier.count,
                                               .forgotten = d->memory.forgotten};
    (void)pthread_mutex_unlock(&d->mutex);
    if (rc == PH_OK && r.out_of_memory) {
        rc = ph_error_set(err, PH_ERR_RETRIABLE, "out of memory for dead letters");
    }
    return rc;
}

/* ---- write ---- */

static int32_t write_once(struct dead_letters *d, struct ph_error *err)
{
    struct letter_id id;
    bool has_id = letter_memory_read(&d->memory, d->line.data, d->line.length - 1, &id);
    if (has_id && letter_memory_has(&d->memory, &id)) {
        return PH_OK;
    }
    if (letter_file_append(&d->file, d->line.data, d->line.length, err) != PH_OK) {
        return PH_ERROR;
    }
    PH_FAILPOINT("letters.written");
    if (has_id) {
        letter_memory_add(&d->memory, &id);
    }
    d->count++;
    return PH_OK;
}

int32_t dead_letters_add(struct dead_letters *d, const struct dead_letter *letter,
                         struct ph_error *err)
{
    (void)pthread_mutex_lock(&d->mutex);
    format_line(d, letter);
    int32_t rc = d->line.failed ? ph_error_set(err, PH_ERR_FATAL,
                                               "out of memory for a dead letter of %u bytes",
                                               letter->value.length)
                                : write_once(d, err);
    if (d->line.capacity > LINE_KEPT_BYTES) {
        buf_fini(&d->line);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return rc;
}

int32_t dead_letters_sync(struct dead_letters *d, struct ph_error *err)
{
    (void)pthread_mutex_lock(&d->mutex);
    bool was_dirty = d->file.is_dirty;
    int32_t rc = letter_file_sync(&d->file, err);
    (void)pthread_mutex_unlock(&d->mutex);
    if (was_dirty && rc == PH_OK) {
        PH_FAILPOINT("letters.synced");
    }
    return rc;
}

uint64_t dead_letters_count(struct dead_letters *d)
{
    (void)pthread_mutex_lock(&d->mutex);
    uint64_t count = d->count;
    (void)pthread_mutex_unlock(&d->mutex);
    return count;
}
