#include "parse.h"

#include <cstring>
#include <new>
#include <simdjson.h>

namespace od = simdjson::ondemand;

struct parser {
    od::parser simd;
    char minute[16] = {}; // the last YYYY-MM-DDTHH:MM
    int64_t minute_ms = 0;
};

namespace
{

enum class want { text, json };

view trimmed(std::string_view token)
{
    while (!token.empty() && (unsigned char)token.back() <= ' ') {
        token.remove_suffix(1);
    }
    return {token.data(), token.size()};
}

// A string without an escape is a view of the message; one with an escape is unescaped into the
// parser's buffer.
bool read_string(od::value &value, std::string_view token, want as, view *out)
{
    view quoted = trimmed(token);
    if (as == want::json) {
        *out = quoted;
        return true;
    }
    if (!std::memchr(quoted.at, '\\', quoted.len)) {
        *out = {quoted.at + 1, quoted.len - 2};
        return true;
    }
    std::string_view text;
    if (value.get_string().get(text)) {
        return false;
    }
    *out = {text.data(), text.size()};
    return true;
}

bool read_container(od::value &value, char first, view *out)
{
    std::string_view raw;
    if (first == '[') {
        od::array array;
        if (value.get_array().get(array) || array.raw_json().get(raw)) {
            return false;
        }
    } else {
        od::object object;
        if (value.get_object().get(object) || object.raw_json().get(raw)) {
            return false;
        }
    }
    *out = trimmed(raw);
    return true;
}

bool read_field(od::value &value, want as, view *out)
{
    std::string_view token = value.raw_json_token();
    switch (token[0]) {
    case '"':
        return read_string(value, token, as, out);
    case 'n':
        *out = {nullptr, 0};
        return value.is_null();
    case '{':
    case '[':
        return as == want::json && read_container(value, token[0], out);
    case 't':
    case 'f': {
        bool flag;
        *out = trimmed(token);
        return !value.get_bool().get(flag);
    }
    default: {
        od::number number;
        *out = trimmed(token);
        return !value.get_number().get(number);
    }
    }
}

bool digits(const char *at, int n, int64_t *value)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++) {
        unsigned digit = (unsigned)(at[i] - '0');
        if (digit > 9) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

// Days since 1970, after Howard Hinnant's "chrono-compatible low-level date algorithms".
int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool read_minute(const char *t, int64_t *ms)
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

// 2024-05-01T00:00:00.123Z and nothing else. Most events fall into the minute of the one before.
bool read_time(struct parser *parser, view text, int64_t *ms)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    const char *t = text.at;
    int64_t s;
    int64_t f;
    if (text.len != sizeof shape - 1 || t[16] != ':' || t[19] != '.' || t[23] != 'Z' ||
        !digits(t + 17, 2, &s) || !digits(t + 20, 3, &f) || s > 60) {
        return false;
    }
    if (std::memcmp(t, parser->minute, sizeof parser->minute) != 0) {
        if (!read_minute(t, &parser->minute_ms)) {
            return false;
        }
        std::memcpy(parser->minute, t, sizeof parser->minute);
    }
    *ms = parser->minute_ms + s * 1000 + f;
    return true;
}

template <size_t N>
bool is_key(const char *key, const char (&name)[N])
{
    return std::memcmp(key, name, N - 1) == 0 && key[N - 1] == '"';
}

// A key that spells one of ours with escapes is not recognised: no producer of this topic writes
// one.
bool read_member(struct parser *parser, const char *key, od::value &value, parsed_event *event)
{
    switch (key[0]) {
    case 'i':
        return !is_key(key, "ip") || read_field(value, want::text, &event->ip);
    case 'h':
        if (is_key(key, "host")) {
            return read_field(value, want::text, &event->host);
        }
        return !is_key(key, "headers") || read_field(value, want::json, &event->headers);
    case 'u':
        return !is_key(key, "url") || read_field(value, want::text, &event->url);
    case 'r':
        return !is_key(key, "referrer") || read_field(value, want::text, &event->referrer);
    case 'e': {
        if (!is_key(key, "event_time")) {
            return true;
        }
        view text;
        if (!read_field(value, want::text, &text)) {
            return false;
        }
        event->has_event_time = text.at != nullptr;
        return !text.at || read_time(parser, text, &event->event_time_ms);
    }
    default:
        return true;
    }
}

} // namespace

struct parser *parser_create(void)
{
    return new (std::nothrow) parser();
}

void parser_destroy(struct parser *parser)
{
    delete parser;
}

bool parser_event(struct parser *parser, const char *json, size_t len, struct parsed_event *event)
{
    od::document document;
    od::object object;
    *event = {};
    simdjson::padded_string_view text(json, len, len + PARSE_PADDING);
    if (parser->simd.iterate(text).get(document) || document.get_object().get(object)) {
        return false;
    }
    for (auto member : object) {
        od::raw_json_string key;
        od::value value;
        if (member.key().get(key) || member.value().get(value) ||
            !read_member(parser, key.raw(), value, event)) {
            return false;
        }
    }
    bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return at_end && event->ip.at != nullptr;
}

bool parser_texts(struct parser *parser, const char *json, size_t len, const char *const *names,
                  struct view *texts, size_t n)
{
    od::document document;
    od::object object;
    simdjson::padded_string_view text(json, len, len + PARSE_PADDING);
    if (parser->simd.iterate(text).get(document) || document.get_object().get(object)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        std::string_view found;
        texts[i] = {nullptr, 0};
        if (!object.find_field_unordered(names[i]).get_string().get(found)) {
            texts[i] = {found.data(), found.size()};
        }
    }
    return true;
}
