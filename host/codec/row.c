/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"
#include "codec/text.h"
#include "codec/walk.h"

/* Longer names in a record are not declared ones, even if each byte is written as an escape. */
#define RAW_NAME_MAX (6u * DECODE_MAX_NAME)

static int32_t take_slot(struct walk *w, uint32_t number);

/* The name at w->tok, which is not the one that was expected. */
static struct key *find_key(struct walk *w, struct keys *keys)
{
    uint8_t plain[RAW_NAME_MAX];
    const uint8_t *name = w->json + *w->tok + 1;
    uint32_t length = walk_token_end(w) - *w->tok - 2;
    const char *why;
    uint32_t bad_at;
    if (length > RAW_NAME_MAX) {
        return keys->keys;
    }
    if (memchr(name, '\\', length) == NULL) {
        return keys_find(keys, name, length, true);
    }
    length = text_unescape(name, length, plain, &why, &bad_at);
    return length == TEXT_BAD ? keys->keys : keys_find(keys, plain, length, false);
}

/* Where the closing quote of the string at tok stands. */
static inline uint32_t closing_quote(const uint8_t *json, const uint32_t *tok)
{
    uint32_t end = tok[1] - 1;
    while (json[end] <= ' ') {
        end--;
    }
    return end;
}

static inline void *column_values(const struct walk *w, const struct key *key)
{
    const struct target_column *c =
        (const void *)((const uint8_t *)w->target->columns + key->column_bytes);
    return c->values;
}

/* The string at tok for one text column, where it needs no second look; false: it does. */
static inline bool take_plain_text(struct walk *w, const struct key *key, const uint32_t *tok)
{
    const uint8_t *json = w->json;
    uint32_t start = tok[0] + 1;
    uint32_t length = closing_quote(json, tok) - start;
    if ((*key->seen & key->bit) != 0 || text_has_escape(json + start, length)) {
        return false;
    }
    *key->seen |= key->bit;
    const struct row_target *t = w->target;
    struct ph_view *views = column_values(w, key);
    text_put_view(views + t->row, t->arena, json + start, length);
    return true;
}

/* A time of the usual form in the same minute as the last one; false: it needs a second look. */
static inline bool take_same_minute(const struct walk *w, const struct key *key,
                                    const uint32_t *tok)
{
    const struct field *f = key->field;
    uint32_t start = tok[0] + 1;
    int64_t ms;
    if ((*key->seen & key->bit) != 0 ||
        !timestamp_parse_again(&w->decoder->minute, w->json + start,
                               closing_quote(w->json, tok) - start, &ms)) {
        return false;
    }
    *key->seen |= key->bit;
    int64_t *values = column_values(w, key);
    values[w->target->row] = f->milliseconds ? ms : ms * TIMESTAMP_US_PER_MS;
    return true;
}

/* A string for a column that nobody looks at; false: the name is there twice. */
static inline bool take_unread(const struct key *key)
{
    bool is_first = (*key->seen & key->bit) == 0;
    *key->seen |= key->bit;
    return is_first;
}

/* A value that is no plain text and not skipped. */
static int32_t take_other(struct walk *w, const struct key *key)
{
    if (key->action == KEY_OTHER || (*key->seen & key->bit) != 0 || walk_char(w) == 'n') {
        return take_slot(w, key->slot);
    }
    *key->seen |= key->bit;
    return walk_value(w, key->field);
}

/* Behind the value at tok, or null where it is refused. */
static inline const uint32_t *take_member(struct walk *w, const struct key *key,
                                          const uint32_t *tok)
{
    if (w->json[*tok] == '"' &&
        (key->action == KEY_SKIP || (key->action == KEY_TEXT && take_plain_text(w, key, tok)) ||
         (key->action == KEY_TIME && take_same_minute(w, key, tok)) ||
         (key->action == KEY_UNREAD && take_unread(key)))) {
        return tok + 1;
    }
    w->tok = tok;
    int32_t result = key->action == KEY_SKIP ? walk_skip(w, false) : take_other(w, key);
    return result == PH_OK ? w->tok : NULL;
}

static int32_t member_fault(struct walk *w, const uint32_t *tok, const char *expected)
{
    w->tok = tok;
    return walk_fault(w, expected);
}

/* The members of the object whose brace is at w->tok. The position is kept in a register here. */
static int32_t take_object(struct walk *w, struct keys *keys)
{
    const uint8_t *const json = w->json;
    const uint32_t *tok = w->tok + 1;
    struct key **guess = &keys->first;
    if (json[*tok] == '}') {
        w->tok = tok + 1;
        return PH_OK;
    }
    for (;;) {
        struct key *key = *guess;
        if (!key_matches(key, json + tok[0], tok[1] - tok[0])) {
            w->tok = tok;
            if (json[*tok] != '"') {
                return walk_fault(w, "a member's name");
            }
            if (key_matches(key->next, json + tok[0], tok[1] - tok[0])) {
                key = key->next; /* this record lacks a member that others have */
            } else {
                key = find_key(w, keys);
                *guess = key;
            }
        }
        guess = &key->next;
        if (json[tok[1]] != ':') {
            return member_fault(w, tok + 1, "':'");
        }
        tok = take_member(w, key, tok + 2);
        if (tok == NULL) {
            return PH_ERROR;
        }
        uint8_t c = json[*tok];
        if (c != ',') {
            if (c != '}') {
                return member_fault(w, tok, "',' or '}'");
            }
            w->tok = tok + 1;
            return PH_OK;
        }
        tok++;
    }
}

/* The elements of the array whose bracket is at w->tok, where fields want some of them. */
static int32_t take_array(struct walk *w, struct keys *keys)
{
    int64_t index = 0;
    w->tok++;
    if (walk_char(w) == ']') {
        w->tok++;
        return PH_OK;
    }
    for (;; index++) {
        uint32_t slot = KEYS_SKIP;
        if (index <= keys->max_index) {
            char text[24];
            int length = snprintf(text, sizeof text, "%lld", (long long)index);
            slot = keys_find(keys, (const uint8_t *)text, (uint32_t)length, false)->slot;
        }
        int32_t result = slot == KEYS_SKIP ? walk_skip(w, false) : take_slot(w, slot);
        if (result != PH_OK) {
            return result;
        }
        uint8_t c = walk_char(w);
        if (c != ',' && c != ']') {
            return walk_fault(w, "',' or ']'");
        }
        w->tok++;
        if (c == ']') {
            return PH_OK;
        }
    }
}

/* Places below this one: a value that has none leaves them missing. */
static int32_t take_level(struct walk *w, uint32_t number)
{
    struct keys *keys = &w->decoder->levels[number];
    switch (walk_char(w)) {
    case '{':
        return take_object(w, keys);
    case '[':
        return take_array(w, keys);
    default:
        return walk_skip(w, false);
    }
}

static const char *slot_name(const struct decoder *d, uint32_t number, char out[FAULT_EXCERPT_SIZE])
{
    uint32_t field = d->slots[number].field;
    const char *name =
        field == WALK_NONE ? "a member on the way to a field" : d->fields[field].name;
    return fault_excerpt(out, name, strlen(name));
}

static int32_t duplicate_fault(struct walk *w, uint32_t number)
{
    char name[FAULT_EXCERPT_SIZE];
    return fault_set(w->fault, "duplicate", "field %s stands in the record twice",
                     slot_name(w->decoder, number, name));
}

static bool is_null(const struct walk *w)
{
    return walk_char(w) == 'n' && walk_token_end(w) - *w->tok == 4 &&
           memcmp(w->json + *w->tok, "null", 4) == 0;
}

static int32_t take_slot(struct walk *w, uint32_t number)
{
    struct decoder *d = w->decoder;
    const struct slot *slot = &d->slots[number];
    const uint32_t *begin = w->tok;
    uint64_t bit = UINT64_C(1) << (number % 64);
    if ((d->seen[number / 64] & bit) != 0) {
        return duplicate_fault(w, number);
    }
    d->seen[number / 64] |= bit;
    if (is_null(w)) {
        d->nulls[number / 64] |= bit;
        w->tok++;
        return PH_OK;
    }
    for (uint32_t f = slot->field; f != WALK_NONE; f = d->fields[f].next) {
        w->tok = begin;
        if (walk_value(w, &d->fields[f]) != PH_OK) {
            return PH_ERROR;
        }
    }
    if (slot->level != WALK_NONE) {
        w->tok = begin;
        return take_level(w, slot->level);
    }
    return PH_OK;
}

static uint32_t find_bad_utf8(const uint8_t *json, uint32_t length)
{
    const char *at = (const char *)json;
    const char *end = at + length;
    while (at < end) {
        size_t step = escape_utf8_length(at, end);
        if (step == 0) {
            break;
        }
        at += step;
    }
    return (uint32_t)(at - (const char *)json);
}

static int32_t scan_fault(struct row_fault *fault, enum scan_result result, const uint8_t *json,
                          uint32_t length)
{
    switch (result) {
    case SCAN_EMPTY:
        return fault_set(fault, "json", "the record is empty");
    case SCAN_UTF8:
        return fault_set(fault, "json", "the record is not valid UTF-8 at byte %u",
                         find_bad_utf8(json, length));
    case SCAN_UNCLOSED:
        return fault_set(fault, "json", "the record is not JSON: it ends inside a string");
    case SCAN_CONTROL:
        return fault_set(fault, "json",
                         "the record is not JSON: a raw control character stands in a string");
    default:
        return fault_set(fault, "memory", "there is no memory for a record of this length");
    }
}

static int32_t missing_fault(struct walk *w, uint32_t word, uint64_t slots)
{
    const struct decoder *d = w->decoder;
    uint32_t bit = (uint32_t)__builtin_ctzll(slots);
    const struct field *f = &d->fields[d->slots[word * 64 + bit].field];
    char name[FAULT_EXCERPT_SIZE];
    while (!f->required) {
        f = &d->fields[f->next];
    }
    return fault_set(w->fault, "missing", "field %s is %s",
                     fault_excerpt(name, f->name, strlen(f->name)),
                     (w->decoder->seen[word] >> bit & 1u) == 0 ? "missing" : "null, but required");
}

static void set_nulls(struct walk *w, uint32_t word, uint64_t slots)
{
    const struct decoder *d = w->decoder;
    for (; slots != 0; slots &= slots - 1) {
        uint32_t number = word * 64 + (uint32_t)__builtin_ctzll(slots);
        for (uint32_t f = d->slots[number].field; f != WALK_NONE; f = d->fields[f].next) {
            if (d->fields[f].kind != FIELD_UNREAD) {
                target_set_null(w->target, d->fields[f].column);
            }
        }
    }
}

/* Slots without a value: refused where one is required, else null. Kept out of decoder_row, whose
 * usual rows have them all. */
static __attribute__((noinline)) int32_t finish_incomplete(struct walk *w)
{
    const struct decoder *d = w->decoder;
    for (uint32_t i = 0; i < d->word_count; i++) {
        uint64_t empty = ((d->all[i] & ~d->seen[i]) | d->nulls[i]) & d->required[i];
        if (empty != 0) {
            return missing_fault(w, i, empty);
        }
    }
    for (uint32_t i = 0; i < d->word_count; i++) {
        set_nulls(w, i, (d->all[i] & ~d->seen[i]) | d->nulls[i]);
    }
    return PH_OK;
}

static inline int32_t finish_row(struct walk *w)
{
    const struct decoder *d = w->decoder;
    uint64_t any = (d->all[0] & ~d->seen[0]) | d->nulls[0];
    for (uint32_t i = 1; i < d->word_count; i++) {
        any |= (d->all[i] & ~d->seen[i]) | d->nulls[i];
    }
    return any == 0 ? PH_OK : finish_incomplete(w);
}

int32_t decoder_row(void *decoder, struct row_target *target, const uint8_t *json, uint32_t length,
                    struct row_fault *fault)
{
    struct decoder *d = decoder;
    struct walk w;
    enum scan_result scanned = scan_run(&d->scan, json, length);
    if (scanned != SCAN_OK) {
        return scan_fault(fault, scanned, json, length);
    }
    w.json = json;
    w.tok = d->scan.at;
    w.length = length;
    w.next_escape = 0;
    w.target = target;
    w.fault = fault;
    w.decoder = d;
    d->seen[0] = 0;
    d->nulls[0] = 0;
    for (uint32_t i = 1; i < d->word_count; i++) {
        d->seen[i] = 0;
        d->nulls[i] = 0;
    }
    if (walk_char(&w) != '{') {
        return walk_fault(&w, "'{'");
    }
    if (d->is_exact && walk_skip(&w, true) != PH_OK) {
        return PH_ERROR;
    }
    w.tok = d->scan.at;
    if (take_object(&w, &d->levels[0]) != PH_OK) {
        return PH_ERROR;
    }
    if (w.tok != d->scan.at + d->scan.count) {
        return fault_set(fault, "json",
                         "the record is not one JSON document: more stands at byte %u", *w.tok);
    }
    return finish_row(&w);
}
