#include "parse.h"

#include <stdlib.h>
#include <string.h>

#include "stage1.h"
#include "unescape.h"

/* A JSON text and its tokens. A string is one token, its opening quote. */
struct tokens {
    const char *json;
    const uint32_t *at;
    uint32_t count;
};

struct parser {
    struct stage1 *stage;
    char *unescaped; /* of one record; a text is never longer than its spelling */
    size_t unescaped_len;
    char minute[16]; /* the last YYYY-MM-DDTHH:MM */
    int64_t minute_ms;
};

struct parser *parser_create(void)
{
    struct parser *p = calloc(1, sizeof *p);
    if (p) {
        p->stage = stage1_create(PARSE_MAX_BYTES);
        p->unescaped = malloc(PARSE_MAX_BYTES + PARSE_PADDING);
    }
    if (p && (!p->stage || !p->unescaped)) {
        parser_destroy(p);
        return NULL;
    }
    return p;
}

void parser_destroy(struct parser *p)
{
    if (p) {
        stage1_destroy(p->stage);
        free(p->unescaped);
        free(p);
    }
}

static inline char token(const struct tokens *t, uint32_t i)
{
    return t->json[t->at[i]];
}

/* A value's own bytes: up to the next token, without the white space before that. */
static inline struct view spelling(const struct tokens *t, uint32_t value, uint32_t next)
{
    const char *end = t->json + t->at[next];
    while ((unsigned char)end[-1] <= ' ') {
        end--;
    }
    return (struct view){t->json + t->at[value], (size_t)(end - (t->json + t->at[value]))};
}

/* The token behind a value, or 0 where the text ends before. */
static inline uint32_t after(const struct tokens *t, uint32_t value)
{
    char first = token(t, value);
    if (first != '{' && first != '[') {
        return value + 1 < t->count ? value + 1 : 0;
    }
    uint32_t depth = 0;
    for (uint32_t i = value; i + 1 < t->count; i++) {
        char c = token(t, i);
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* A string without an escape is a view of the message. */
static bool read_string(struct parser *p, struct view quoted, struct view *out)
{
    if (quoted.len < 2 || quoted.at[quoted.len - 1] != '"') {
        return false;
    }
    *out = (struct view){quoted.at + 1, quoted.len - 2};
    if (!memchr(out->at, '\\', out->len)) {
        return true;
    }
    char *to = p->unescaped + p->unescaped_len;
    size_t len;
    if (!unescape(out->at, out->len, to, &len)) {
        return false;
    }
    *out = (struct view){to, len};
    p->unescaped_len += len;
    return true;
}

static bool is_literal(struct view text, const char *literal)
{
    return text.len == strlen(literal) && memcmp(text.at, literal, text.len) == 0;
}

static bool is_number(struct view text)
{
    char copy[64];
    char *end;
    if (text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return strspn(copy, "+-.0123456789eE") == text.len && (strtod(copy, &end), *end == '\0');
}

/* A string, or a number or a truth value as it is written; null is no text. */
static bool read_text(struct parser *p, struct view value, struct view *out)
{
    if (value.at[0] == '"') {
        return read_string(p, value, out);
    }
    if (is_literal(value, "null")) {
        *out = (struct view){NULL, 0};
        return true;
    }
    *out = value;
    return is_literal(value, "true") || is_literal(value, "false") || is_number(value);
}

/* Any value as its exact text. */
static bool read_json(struct view value, struct view *out)
{
    *out = value;
    if (is_literal(value, "null")) {
        *out = (struct view){NULL, 0};
    }
    return true;
}

static bool digits(const char *at, int n, int64_t *value)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++) {
        unsigned digit = (unsigned char)at[i] - (unsigned)'0';
        if (digit > 9) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

/* Days since 1970, after Howard Hinnant's "chrono-compatible low-level date algorithms". */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool read_minute(const char *t, int64_t *ms)
{
    int64_t y, mo, d, h, mi;
    if (t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' || !digits(t, 4, &y) ||
        !digits(t + 5, 2, &mo) || !digits(t + 8, 2, &d) || !digits(t + 11, 2, &h) ||
        !digits(t + 14, 2, &mi) || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59) {
        return false;
    }
    *ms = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi) * 60000;
    return true;
}

/* 2024-05-01T00:00:00.123Z and nothing else. Most events fall into the minute of the one before. */
static bool read_time(struct parser *p, struct view text, int64_t *ms)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    const char *t = text.at;
    int64_t s, f;
    if (text.len != sizeof shape - 1 || t[16] != ':' || t[19] != '.' || t[23] != 'Z' ||
        !digits(t + 17, 2, &s) || !digits(t + 20, 3, &f) || s > 60) {
        return false;
    }
    if (memcmp(t, p->minute, sizeof p->minute) != 0) {
        if (!read_minute(t, &p->minute_ms)) {
            return false;
        }
        memcpy(p->minute, t, sizeof p->minute);
    }
    *ms = p->minute_ms + s * 1000 + f;
    return true;
}

static bool read_event_time(struct parser *p, struct view value, struct parsed_event *event)
{
    struct view text;
    if (!read_text(p, value, &text)) {
        return false;
    }
    event->has_event_time = text.at != NULL;
    return !text.at || read_time(p, text, &event->event_time_ms);
}

#define IS_KEY(key, name) (memcmp(key, name "\"", sizeof(name)) == 0)

/* A key that spells one of ours with escapes is not recognised: no producer of this topic writes
 * one. */
static bool read_member(struct parser *p, const char *key, struct view value,
                        struct parsed_event *event)
{
    switch (key[0]) {
    case 'i':
        return !IS_KEY(key, "ip") || read_text(p, value, &event->ip);
    case 'h':
        if (IS_KEY(key, "host")) {
            return read_text(p, value, &event->host);
        }
        return !IS_KEY(key, "headers") || read_json(value, &event->headers);
    case 'u':
        return !IS_KEY(key, "url") || read_text(p, value, &event->url);
    case 'r':
        return !IS_KEY(key, "referrer") || read_text(p, value, &event->referrer);
    case 'e':
        return !IS_KEY(key, "event_time") || read_event_time(p, value, event);
    default:
        return true;
    }
}

/* What to do with each member; `key` is behind its opening quote. */
typedef bool member_fn(struct parser *p, const char *key, struct view value, void *opaque);

static inline bool each_member(struct parser *p, const char *json, size_t len, member_fn *member,
                               void *opaque)
{
    struct tokens t = {.json = json};
    t.count = stage1_run(p->stage, json, len, &t.at);
    p->unescaped_len = 0;
    if (t.count < 2 || token(&t, 0) != '{') {
        return false;
    }
    if (token(&t, 1) == '}') {
        return t.count == 2;
    }
    for (uint32_t i = 1; i + 3 < t.count;) {
        uint32_t next = after(&t, i + 2);
        if (next == 0 || token(&t, i) != '"' || token(&t, i + 1) != ':' ||
            !member(p, t.json + t.at[i] + 1, spelling(&t, i + 2, next), opaque)) {
            return false;
        }
        if (token(&t, next) != ',') {
            return token(&t, next) == '}' && next + 1 == t.count;
        }
        i = next + 1;
    }
    return false;
}

static inline bool event_member(struct parser *p, const char *key, struct view value, void *opaque)
{
    return read_member(p, key, value, opaque);
}

bool parser_event(struct parser *p, const char *json, size_t len, struct parsed_event *event)
{
    *event = (struct parsed_event){.has_event_time = false};
    return each_member(p, json, len, event_member, event) && event->ip.at != NULL;
}

struct wanted {
    const char *const *names;
    struct view *texts;
    size_t n;
};

static bool wanted_member(struct parser *p, const char *key, struct view value, void *opaque)
{
    const struct wanted *wanted = opaque;
    for (size_t i = 0; i < wanted->n; i++) {
        size_t len = strlen(wanted->names[i]);
        if (memcmp(key, wanted->names[i], len) == 0 && key[len] == '"') {
            return read_text(p, value, &wanted->texts[i]);
        }
    }
    return true;
}

bool parser_texts(struct parser *p, const char *json, size_t len, const char *const *names,
                  struct view *texts, size_t n)
{
    struct wanted wanted = {names, texts, n};
    for (size_t i = 0; i < n; i++) {
        texts[i] = (struct view){NULL, 0};
    }
    return each_member(p, json, len, wanted_member, &wanted);
}
