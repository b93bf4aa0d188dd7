/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/number.h"
#include "codec/text.h"
#include "codec/walk.h"

/* Bytes that a text may have where it is no text in the column: a timestamp. */
#define SCRATCH_SIZE 256u

/* Kept out of walk_value, which would save the registers of all of them for each value. */
#define APART __attribute__((noinline))

static const char *kind_name(uint8_t first)
{
    switch (first) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a bool";
    default:
        return "a number";
    }
}

static const char *name_of(char excerpt[FAULT_EXCERPT_SIZE], const struct field *f)
{
    return fault_excerpt(excerpt, f->name, strlen(f->name));
}

/* A value of the wrong kind, unless it is no value at all. */
static int32_t type_fault(struct walk *w, const struct field *f, const char *wanted,
                          const char *advice)
{
    char name[FAULT_EXCERPT_SIZE];
    uint8_t first = walk_char(w);
    if (walk_skip(w, true) != PH_OK) {
        return PH_ERROR;
    }
    return fault_set(w->fault, "type", "field %s: expected %s, found %s%s", name_of(name, f),
                     wanted, kind_name(first), advice);
}

static int32_t text_fault(struct walk *w, const struct field *f, const char *code,
                          const uint8_t *text, uint32_t length, const char *problem)
{
    char name[FAULT_EXCERPT_SIZE];
    char excerpt[FAULT_EXCERPT_SIZE];
    return fault_set(w->fault, code, "field %s: %s %s", name_of(name, f),
                     fault_excerpt(excerpt, text, length), problem);
}

static int32_t escape_fault(struct walk *w, const struct field *f, const char *why, uint32_t at)
{
    char name[FAULT_EXCERPT_SIZE];
    return fault_set(w->fault, "json", "field %s: %s at byte %u", name_of(name, f), why, at);
}

static void put_view(struct walk *w, const struct field *f, const uint8_t *text, uint32_t length)
{
    struct row_target *t = w->target;
    struct ph_view *views = t->columns[f->column].values;
    text_put_view(&views[t->row], t->arena, text, length);
}

/* The string token at w->tok without its quotes. */
static uint32_t string_token(struct walk *w, uint32_t *start)
{
    *start = *w->tok + 1;
    return walk_token_end(w) - 1 - *start;
}

static int32_t put_escaped(struct walk *w, const struct field *f, uint32_t start, uint32_t length)
{
    struct row_target *t = w->target;
    const char *why = NULL;
    uint32_t bad_at = 0;
    if (length > t->text_capacity - t->text_used) {
        return fault_set(w->fault, "memory", "the record's text does not fit");
    }
    uint8_t *out = t->arena + t->text_used;
    uint32_t used = text_unescape(w->json + start, length, out, &why, &bad_at);
    if (used == TEXT_BAD) {
        return escape_fault(w, f, why, start + bad_at);
    }
    put_view(w, f, out, used);
    t->text_used += used > PH_VIEW_INLINE ? used : 0;
    w->tok++;
    return PH_OK;
}

/* A JSON string with its quotes, for json. */
static APART int32_t put_quoted(struct walk *w, const struct field *f)
{
    uint32_t start;
    uint32_t length = string_token(w, &start);
    uint32_t bad_at;
    if (walk_find_escape(w, start) < start + length &&
        !text_check_escapes(w->json + start, length, &bad_at)) {
        return escape_fault(w, f, "no such escape", start + bad_at);
    }
    put_view(w, f, w->json + start - 1, length + 2);
    w->tok++;
    return PH_OK;
}

/* The token as it is written, for a number or a bool in a text column and for json. */
static APART int32_t put_exact(struct walk *w, const struct field *f)
{
    uint32_t start = *w->tok;
    if (walk_skip(w, true) != PH_OK) {
        return PH_ERROR;
    }
    w->tok--;
    uint32_t end = walk_token_end(w);
    w->tok++;
    put_view(w, f, w->json + start, end - start);
    return PH_OK;
}

static APART int32_t take_text(struct walk *w, const struct field *f)
{
    uint8_t first = walk_char(w);
    if (first != '"') {
        if (first == '{' || first == '[') {
            return type_fault(w, f, "a string", ": declare it as json");
        }
        return f->kind == FIELD_BYTES ? type_fault(w, f, "a string", "") : put_exact(w, f);
    }
    uint32_t start;
    uint32_t length = string_token(w, &start);
    if (walk_find_escape(w, start) < start + length) {
        return put_escaped(w, f, start, length);
    }
    put_view(w, f, w->json + start, length);
    w->tok++;
    return PH_OK;
}

static APART int32_t take_bool(struct walk *w, const struct field *f)
{
    struct row_target *t = w->target;
    const uint8_t *text = w->json + *w->tok;
    uint32_t length = walk_token_end(w) - *w->tok;
    bool value = length == 4 && memcmp(text, "true", 4) == 0;
    if (!value && !(length == 5 && memcmp(text, "false", 5) == 0)) {
        return type_fault(w, f, "true or false", "");
    }
    uint8_t *byte = (uint8_t *)t->columns[f->column].values + (t->row >> 3);
    uint8_t bit = (uint8_t)(1u << (t->row & 7u));
    *byte = (uint8_t)(value ? *byte | bit : *byte & ~bit);
    w->tok++;
    return PH_OK;
}

static bool is_number(uint8_t first)
{
    return first == '-' || (uint8_t)(first - '0') <= 9;
}

static int32_t number_fault(struct walk *w, const struct field *f, enum number_result result,
                            const char *type)
{
    char problem[64];
    const uint8_t *text = w->json + *w->tok;
    uint32_t length = walk_token_end(w) - *w->tok;
    switch (result) {
    case NUMBER_FRACTION:
        return text_fault(w, f, "type", text, length, "is not a whole number");
    case NUMBER_RANGE:
        (void)snprintf(problem, sizeof problem, "does not fit %s", type);
        return text_fault(w, f, "range", text, length, problem);
    default:
        return text_fault(w, f, "json", text, length, "is not a number");
    }
}

static APART int32_t take_integer(struct walk *w, const struct field *f)
{
    struct row_target *t = w->target;
    const uint8_t *text = w->json + *w->tok;
    int64_t value = 0;
    if (!is_number(*text)) {
        return type_fault(w, f, "a number", "");
    }
    enum number_result result = number_read_int64(text, walk_token_end(w) - *w->tok, &value);
    if (f->kind == FIELD_INT32 && result == NUMBER_OK && (value < INT32_MIN || value > INT32_MAX)) {
        result = NUMBER_RANGE;
    }
    if (result != NUMBER_OK) {
        return number_fault(w, f, result, f->kind == FIELD_INT32 ? "int32" : "int64");
    }
    if (f->kind == FIELD_INT32) {
        ((int32_t *)t->columns[f->column].values)[t->row] = (int32_t)value;
    } else {
        ((int64_t *)t->columns[f->column].values)[t->row] = value;
    }
    w->tok++;
    return PH_OK;
}

static APART int32_t take_float(struct walk *w, const struct field *f)
{
    struct row_target *t = w->target;
    const uint8_t *text = w->json + *w->tok;
    if (!is_number(*text)) {
        return type_fault(w, f, "a number", "");
    }
    double *values = t->columns[f->column].values;
    enum number_result result =
        number_read_float64(text, walk_token_end(w) - *w->tok, &values[t->row]);
    if (result != NUMBER_OK) {
        return number_fault(w, f, result, "float64");
    }
    w->tok++;
    return PH_OK;
}

static void put_time(struct walk *w, const struct field *f, int64_t us)
{
    struct row_target *t = w->target;
    int64_t value = f->milliseconds ? timestamp_floor_ms(us) : us;
    ((int64_t *)t->columns[f->column].values)[t->row] = value;
    w->tok++;
}

static int32_t time_fault(struct walk *w, const struct field *f, const uint8_t *text,
                          uint32_t length, uint32_t bad_at)
{
    char problem[96];
    switch (f->kind) {
    case FIELD_ISO8601:
        (void)snprintf(problem, sizeof problem, "is not an ISO 8601 timestamp (byte %u)", bad_at);
        break;
    case FIELD_PATTERN:
        if (length > TIMESTAMP_PATTERN_TEXT) {
            (void)snprintf(problem, sizeof problem,
                           "is longer than the %u bytes of a time by a pattern",
                           TIMESTAMP_PATTERN_TEXT);
        } else {
            (void)snprintf(problem, sizeof problem, "does not match the pattern %.48s", f->pattern);
        }
        break;
    default:
        (void)snprintf(problem, sizeof problem, "is not a time in unix %s of years 1 to 9999",
                       f->kind == FIELD_UNIX_S ? "seconds" : "milliseconds");
        break;
    }
    return text_fault(w, f, "timestamp", text, length, problem);
}

static APART bool parse_time(struct walk *w, const struct field *f, const uint8_t *text,
                             uint32_t length, int64_t *us, uint32_t *bad_at)
{
    switch (f->kind) {
    case FIELD_ISO8601:
        if (!timestamp_parse_iso8601(text, length, us, bad_at)) {
            return false;
        }
        timestamp_remember(&w->decoder->minute, text, length, *us);
        return true;
    case FIELD_UNIX_S:
        return timestamp_parse_unix(text, length, TIMESTAMP_US_PER_S, us);
    case FIELD_UNIX_MS:
        return timestamp_parse_unix(text, length, TIMESTAMP_US_PER_MS, us);
    default:
        return timestamp_parse_pattern(f->pattern, text, length, us);
    }
}

/* A number where the field is in unix time, a string for all. */
static APART int32_t take_time(struct walk *w, const struct field *f)
{
    uint8_t scratch[SCRATCH_SIZE];
    uint8_t first = walk_char(w);
    bool unix_time = f->kind == FIELD_UNIX_S || f->kind == FIELD_UNIX_MS;
    uint32_t start = *w->tok;
    uint32_t length = walk_token_end(w) - start;
    const uint8_t *text = w->json + start;
    int64_t us = 0;
    uint32_t bad_at = 0;
    if (first == '"') {
        length = string_token(w, &start);
        text = w->json + start;
        if (walk_find_escape(w, start) < start + length && length <= sizeof scratch) {
            const char *why = NULL;
            length = text_unescape(text, length, scratch, &why, &bad_at);
            if (length == TEXT_BAD) {
                return escape_fault(w, f, why, start + bad_at);
            }
            text = scratch;
        }
    } else if (!unix_time || !is_number(first)) {
        return type_fault(w, f, unix_time ? "a number" : "a string",
                          is_number(first) ? ": say how it is written with \"parse\"" : "");
    }
    if (!parse_time(w, f, text, length, &us, &bad_at)) {
        return time_fault(w, f, text, length, bad_at);
    }
    put_time(w, f, us);
    return PH_OK;
}

int32_t walk_value(struct walk *w, const struct field *f)
{
    switch (f->kind) {
    case FIELD_TEXT:
    case FIELD_BYTES:
        return take_text(w, f);
    case FIELD_JSON:
        return walk_char(w) == '"' ? put_quoted(w, f) : put_exact(w, f);
    case FIELD_BOOL:
        return take_bool(w, f);
    case FIELD_INT32:
    case FIELD_INT64:
        return take_integer(w, f);
    case FIELD_FLOAT64:
        return take_float(w, f);
    case FIELD_UNREAD:
        return walk_skip(w, false);
    default:
        return take_time(w, f);
    }
}
