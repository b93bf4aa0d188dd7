/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Records through the decoder: what it accepts must be inside the arena and UTF-8, what it takes as
 * json must be JSON to another parser, and what it refuses as no JSON must be refused there too.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/escape.h"
#include "codec/decode.h"

#define FIELDS     11u
#define MAX_LENGTH 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const deep[] = {"o", "m", "1"};
static const char *const same[] = {"s"};
static const struct decode_field fields[FIELDS] = {
    {.name = "s", .type = PH_TYPE_STRING},
    {.name = "again", .type = PH_TYPE_STRING, .path = same, .path_length = 1},
    {.name = "y", .type = PH_TYPE_BYTES},
    {.name = "j", .type = PH_TYPE_JSON},
    {.name = "b", .type = PH_TYPE_BOOL},
    {.name = "i", .type = PH_TYPE_INT32},
    {.name = "l", .type = PH_TYPE_INT64},
    {.name = "f", .type = PH_TYPE_FLOAT64},
    {.name = "t", .type = PH_TYPE_TIMESTAMP_MS},
    {.name = "u", .type = PH_TYPE_TIMESTAMP_US, .parse = DECODE_UNIX_S},
    {.name = "deep", .type = PH_TYPE_STRING, .path = deep, .path_length = 3}};

static struct decoder *decoder;
static struct target_column columns[FIELDS];
static const uint8_t *arena;

static void check(bool good)
{
    if (!good) {
        abort();
    }
}

static void init(void)
{
    decoder = decoder_create(fields, FIELDS, NULL);
    check(decoder != NULL);
    for (uint32_t i = 0; i < FIELDS; i++) {
        columns[i].type = fields[i].type;
        columns[i].values = calloc(1, 16);
        columns[i].validity = calloc(1, 8);
    }
}

static json_t *parse(const uint8_t *text, uint32_t length)
{
    return json_loadb((const char *)text, length,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

/* The other parser is stricter about lone surrogates and the size of numbers. */
static bool may_differ(const uint8_t *text, uint32_t length)
{
    return memmem(text, length, "\\u", 2) != NULL || memchr(text, 'e', length) != NULL ||
           memchr(text, 'E', length) != NULL || length > 300;
}

static void check_view(uint32_t column, uint32_t used)
{
    const struct ph_column view = {
        .type = columns[column].type, .values = columns[column].values, .buffers = &arena};
    struct ph_bytes b = ph_column_bytes(&view, 0);
    const char *at = (const char *)b.data;
    const char *end = at + b.length;
    if (b.length > PH_VIEW_INLINE) {
        check(b.data >= arena && b.length <= used && b.data + b.length <= arena + used);
        check(memcmp(b.data, ((const struct ph_view *)columns[column].values)->u.ref.prefix, 4) ==
              0);
    }
    while (at < end) {
        size_t step = escape_utf8_length(at, end);
        check(step > 0);
        at += step;
    }
    if (columns[column].type == PH_TYPE_JSON) {
        json_t *json = parse(b.data, b.length);
        check(json != NULL || may_differ(b.data, b.length));
        json_decref(json);
    }
}

static void check_accepted(const struct row_target *target)
{
    for (uint32_t i = 0; i < FIELDS; i++) {
        if ((columns[i].validity[0] & 1u) != 0 && ph_type_is_view(columns[i].type)) {
            check_view(i, target->text_used);
        }
    }
}

static void check_refused(const uint8_t *json, uint32_t length, const struct row_fault *fault)
{
    size_t reason = strnlen(fault->reason, sizeof fault->reason);
    check(reason > 0 && reason <= 200);
    check(strnlen(fault->code, sizeof fault->code) < sizeof fault->code);
    /* The other parser does not see a NUL behind a number. */
    if (strcmp(fault->code, "json") == 0 && memchr(json, '\0', length) == NULL) {
        json_t *other = parse(json, length);
        check(!json_is_object(other));
        json_decref(other);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row_fault fault;
    if (size > MAX_LENGTH) {
        return 0;
    }
    if (decoder == NULL) {
        init();
    }
    uint32_t length = (uint32_t)size;
    uint32_t capacity = length * (1 + decoder_spare(decoder)) + 1;
    uint8_t *record = malloc(capacity + TARGET_PADDING);
    check(record != NULL);
    memcpy(record, data, size);
    memset(record + size, '"', capacity + TARGET_PADDING - size);
    record[size] = 0;
    arena = record;
    for (uint32_t i = 0; i < FIELDS; i++) {
        columns[i].validity[0] = 0xff;
    }
    struct row_target target = {
        .columns = columns, .arena = record, .text_used = length + 1, .text_capacity = capacity};
    if (decoder_row(decoder, &target, record, length, &fault) == PH_OK) {
        check(target.text_used <= capacity);
        check_accepted(&target);
    } else {
        check_refused(record, length, &fault);
    }
    free(record);
    return 0;
}
