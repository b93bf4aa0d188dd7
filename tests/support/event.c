#include "event.h"

#include <string.h>

/* A constant in both spellings, so that neither function has to escape or unescape anything. */
struct spelling {
    const char *json; /* between the quotes; headers have theirs */
    size_t json_len;
    const char *text;
    size_t text_len;
};

#define SPELLING(json, text)                                                                       \
    {                                                                                              \
        json, sizeof(json) - 1, text, sizeof(text) - 1                                             \
    }
#define SAME(text)   SPELLING(text, text)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct spelling paths[] = {
    SAME("/"),
    SAME("/signup"),
    SAME("/lessons/dimensional-data-modeling"),
    SAME("/lessons/streaming-pipelines"),
    SAME("/lessons/applying-analytical-patterns"),
    SAME("/assignments/fact-data-modeling/submissions"),
    SAME("/api/v1/login"),
    SAME("/blog/2024/05/what-is-event-time"),
    SPELLING("\\/blog\\/escaped\\/solidus", "/blog/escaped/solidus"),
    SPELLING("/search/\\\"quoted\\\"\\u0020words", "/search/\"quoted\" words"),
    SPELLING("/caf\xc3\xa9/men\\u00fc", "/caf\xc3\xa9/men\xc3\xbc"),
    SPELLING("/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\\ud83d\\ude80",
             "/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\xf0\x9f\x9a\x80"),
    SPELLING("/back\\\\slash\\ttab\\nline", "/back\\slash\ttab\nline"),
};
/* The first eight need no unescaping and make up all but a sixteenth of the events. */
#define PLAIN_PATHS 8

static const struct spelling referrers[] = {
    SAME("https://www.google.com/"),
    SAME("https://www.linkedin.com/feed/"),
    SAME("https://www.dataexpert.io/lessons"),
    SAME("https://techcreator.io/blog/streaming"),
    SAME("https://duckduckgo.com/?q=event+time+watermarks"),
    SAME(""),
    SPELLING("https:\\/\\/t.co\\/a\\u0026b", "https://t.co/a&b"),
    SPELLING("https://example.com/?q=\\\"na\xc3\xafve\\\"",
             "https://example.com/?q=\"na\xc3\xafve\""),
};
#define PLAIN_REFERRERS 6

static const struct spelling hosts[] = {
    SAME("www.dataexpert.io"), SAME("bootcamp.techcreator.io"), SAME("www.eczachly.com"),
    SAME("zachwilson.tech"),   SAME("learn.dataexpert.io"),     SAME("dataengineer.io"),
};

static const struct spelling user_agents[] = {
    SAME("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/124.0.0.0 Safari/537.36"),
    SAME("Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"),
    SAME("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 "
         "(KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"),
    SAME("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/124.0.0.0"),
};

static const struct spelling headers[] = {
    SPELLING("\"{\\\"accept\\\":\\\"text/html\\\",\\\"accept-encoding\\\":\\\"gzip, br\\\""
             ",\\\"accept-language\\\":\\\"en-US,en;q=0.9\\\",\\\"x-forwarded-proto\\\":\\"
             "\"https\\\",\\\"sec-fetch-site\\\":\\\"same-origin\\\",\\\"cache-control\\\""
             ":\\\"no-cache\\\",\\\"x-trace\\\":\\\"1-6632\\\"}\"",
             "{\"accept\":\"text/html\",\"accept-encoding\":\"gzip, br\",\"accept-language"
             "\":\"en-US,en;q=0.9\",\"x-forwarded-proto\":\"https\",\"sec-fetch-site\":\"s"
             "ame-origin\",\"cache-control\":\"no-cache\",\"x-trace\":\"1-6632\"}"),
    SPELLING("\"{\\\"accept\\\":\\\"*/*\\\",\\\"content-type\\\":\\\"application/json\\\","
             "\\\"content-length\\\":348,\\\"x-request-id\\\":\\\"7f1c2a90d3\\\",\\\"sec-f"
             "etch-mode\\\":\\\"cors\\\",\\\"connection\\\":\\\"keep-alive\\\",\\\"x-trace"
             "\\\":\\\"1-6632a1b2\\\"}\"",
             "{\"accept\":\"*/*\",\"content-type\":\"application/json\",\"content-length\""
             ":348,\"x-request-id\":\"7f1c2a90d3\",\"sec-fetch-mode\":\"cors\",\"connectio"
             "n\":\"keep-alive\",\"x-trace\":\"1-6632a1b2\"}"),
    SPELLING("\"{\\\"accept\\\":\\\"image/avif,image/webp\\\",\\\"dnt\\\":1,\\\"via\\\":\\"
             "\"1.1 edge-4.example\\\",\\\"sec-fetch-dest\\\":\\\"image\\\",\\\"priority\\"
             "\":\\\"u=5, i\\\",\\\"x-title\\\":\\\"\\\\\\\"\xc3\xa9t\\\\u00e9\\\\\\\"\\\""
             ",\\\"x-trace\\\":\\\"1-6632a1b2\\\"}\"",
             "{\"accept\":\"image/avif,image/webp\",\"dnt\":1,\"via\":\"1.1 edge-4.example"
             "\",\"sec-fetch-dest\":\"image\",\"priority\":\"u=5, i\",\"x-title\":\"\\\""
             "\xc3\xa9t\\u00e9\\\"\",\"x-trace\":\"1-6632a1b2\"}"),
};

/* The choices that make up one event. */
struct choice {
    const struct spelling *path;
    const struct spelling *referrer; /* null: the event has null or no such key */
    const struct spelling *host;
    const struct spelling *user_agent;
    const struct spelling *header;
    bool absent_referrer; /* no such key, rather than null */
    bool loose;           /* blanks, other order, a nested key that looks like ours */
    uint32_t ip_index;
    int64_t event_timestamp_ms;
};

/* The finaliser of SplitMix64. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static uint64_t event_hash(uint64_t seed, int32_t partition, int64_t offset)
{
    return mix(seed * 0x9e3779b97f4a7c15ULL +
               mix(((uint64_t)(uint32_t)partition << 44) ^ (uint64_t)offset));
}

/* A draw from 0..n-1 by a slice of the hash: exact enough for a choice. */
static size_t draw(uint64_t hash, unsigned shift, size_t n)
{
    return (size_t)((((hash >> shift) & 0xffff) * n) >> 16);
}

/* The square of a uniform draw: low indices are met far more often than high ones. */
static uint32_t draw_ip(uint64_t hash, int32_t partition, int64_t offset, uint32_t distinct_ips)
{
    if (distinct_ips == 0) {
        return (uint32_t)offset * 64 + (uint32_t)partition;
    }
    uint64_t u = mix(hash) >> 32;
    return (uint32_t)((((u * u) >> 32) * distinct_ips) >> 32);
}

static void choose(struct choice *c, uint64_t seed, int32_t partition, int64_t offset,
                   uint32_t distinct_ips)
{
    uint64_t hash = event_hash(seed, partition, offset);
    uint64_t more = mix(hash + 1);
    bool fancy_path = (more & 15) == 0;
    bool fancy_referrer = ((more >> 4) & 15) == 0;
    size_t no_referrer = (more >> 8) & 15;
    c->path = fancy_path ? &paths[PLAIN_PATHS + draw(hash, 0, COUNT(paths) - PLAIN_PATHS)]
                         : &paths[draw(hash, 0, PLAIN_PATHS)];
    c->referrer =
        fancy_referrer
            ? &referrers[PLAIN_REFERRERS + draw(hash, 16, COUNT(referrers) - PLAIN_REFERRERS)]
            : &referrers[draw(hash, 16, PLAIN_REFERRERS)];
    if (no_referrer < 2) {
        c->referrer = NULL;
    }
    c->absent_referrer = no_referrer == 1;
    c->host = &hosts[draw(hash, 32, COUNT(hosts))];
    c->user_agent = &user_agents[draw(hash, 48, COUNT(user_agents))];
    c->header = &headers[draw(more, 16, COUNT(headers))];
    c->loose = ((more >> 32) & 127) == 0;
    c->ip_index = draw_ip(hash, partition, offset, distinct_ips);
    /* From 2024-05-01T00:00:00.123Z on, 37 ms apart in a partition, out of order by up to 1 s. */
    c->event_timestamp_ms = 1714521600123LL + offset * 37 + (int64_t)draw(more, 40, 1000);
}

struct out {
    char *at;
};

static inline void put(struct out *out, const char *text, size_t len)
{
    memcpy(out->at, text, len);
    out->at += len;
}

#define PUT(out, literal) put(out, literal, sizeof(literal) - 1)

static void put_uint(struct out *out, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(out, digits + n, sizeof digits - n);
}

static void put_padded(struct out *out, uint64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out->at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    out->at += width;
}

/* Civil date of a day count since 1970, after Howard Hinnant's "chrono-compatible low-level date
 * algorithms". */
static void put_time(struct out *out, int64_t unix_ms)
{
    uint64_t ms = (uint64_t)unix_ms;
    uint64_t day = ms / 86400000 + 719468;
    uint64_t rest = ms % 86400000;
    uint64_t era = day / 146097;
    uint64_t doe = day % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9;
    put_padded(out, yoe + era * 400 + (month <= 2), 4);
    PUT(out, "-");
    put_padded(out, month, 2);
    PUT(out, "-");
    put_padded(out, doy - (153 * mp + 2) / 5 + 1, 2);
    PUT(out, "T");
    put_padded(out, rest / 3600000, 2);
    PUT(out, ":");
    put_padded(out, rest / 60000 % 60, 2);
    PUT(out, ":");
    put_padded(out, rest / 1000 % 60, 2);
    PUT(out, ".");
    put_padded(out, rest % 1000, 3);
    PUT(out, "Z");
}

/* One address for each index below 2^30, all of them public: IPv4 from 11.0.0.0 to 74.255.255.255
 * (the odd multiplier permutes the lower 24 bits), each 32nd IPv6. */
static void put_ip(struct out *out, uint32_t index)
{
    uint32_t low = ((index >> 6) * 2654435761u + 0x5bd1e9u) & 0xffffffu;
    if (index % 32 == 31) {
        static const char hex[] = "0123456789abcdef";
        PUT(out, "2600:1f18::");
        /* A fixed leading digit keeps each group in its canonical spelling. */
        put(out, index & 32 ? "a" : "b", 1);
        for (int shift = 20; shift >= 0; shift -= 4) {
            if (shift == 8) {
                PUT(out, ":c");
            }
            put(out, &hex[(low >> shift) & 15], 1);
        }
        return;
    }
    put_uint(out, 11 + index % 64);
    PUT(out, ".");
    put_uint(out, low >> 16);
    PUT(out, ".");
    put_uint(out, (low >> 8) & 255);
    PUT(out, ".");
    put_uint(out, low & 255);
}

static void put_place(struct out *out, int32_t partition, int64_t offset)
{
    PUT(out, "?e=");
    put_uint(out, (uint64_t)partition);
    PUT(out, "-");
    put_uint(out, (uint64_t)offset);
}

static void put_referrer(struct out *out, const struct choice *c)
{
    if (c->referrer) {
        PUT(out, "\"referrer\":\"");
        put(out, c->referrer->json, c->referrer->json_len);
        PUT(out, "\",");
    } else if (!c->absent_referrer) {
        PUT(out, "\"referrer\":null,");
    }
}

static void put_compact(struct out *out, const struct choice *c, int32_t partition, int64_t offset)
{
    PUT(out, "{\"url\":\"");
    put(out, c->path->json, c->path->json_len);
    put_place(out, partition, offset);
    PUT(out, "\",");
    put_referrer(out, c);
    PUT(out, "\"user_agent\":\"");
    put(out, c->user_agent->json, c->user_agent->json_len);
    PUT(out, "\",\"host\":\"");
    put(out, c->host->json, c->host->json_len);
    PUT(out, "\",\"ip\":\"");
    put_ip(out, c->ip_index);
    PUT(out, "\",\"headers\":");
    put(out, c->header->json, c->header->json_len);
    PUT(out, ",\"event_time\":\"");
    put_time(out, c->event_timestamp_ms);
    PUT(out, "\"}");
}

static void put_loose(struct out *out, const struct choice *c, int32_t partition, int64_t offset)
{
    PUT(out, "{ \"event_time\" : \"");
    put_time(out, c->event_timestamp_ms);
    PUT(out, "\" ,\n  \"extra\": {\"ip\": \"10.0.0.1\", \"url\": [1, {\"host\": null}], \"ok\": "
             "true},\n  ");
    put_referrer(out, c);
    PUT(out, " \"headers\" : ");
    put(out, c->header->json, c->header->json_len);
    PUT(out, " , \"ip\":\"");
    put_ip(out, c->ip_index);
    PUT(out, "\",\t\"host\": \"");
    put(out, c->host->json, c->host->json_len);
    PUT(out, "\", \"score\": -1.5e3, \"url\": \"");
    put(out, c->path->json, c->path->json_len);
    put_place(out, partition, offset);
    PUT(out, "\" }\n");
}

size_t event_write(char *buf, size_t cap, uint64_t seed, int32_t partition, int64_t offset,
                   uint32_t distinct_ips)
{
    if (cap < EVENT_MAX_BYTES) {
        return 0;
    }
    struct choice c;
    struct out out = {buf};
    choose(&c, seed, partition, offset, distinct_ips);
    if (c.loose) {
        put_loose(&out, &c, partition, offset);
    } else {
        put_compact(&out, &c, partition, offset);
    }
    return (size_t)(out.at - buf);
}

static struct event_text text_of(const struct spelling *s)
{
    return (struct event_text){s->text, s->text_len};
}

void event_expected(struct event_row *row, uint64_t seed, int32_t partition, int64_t offset,
                    uint32_t distinct_ips)
{
    struct choice c;
    choose(&c, seed, partition, offset, distinct_ips);
    struct out out = {row->ip_buf};
    put_ip(&out, c.ip_index);
    row->ip = (struct event_text){row->ip_buf, (size_t)(out.at - row->ip_buf)};
    out.at = row->url_buf;
    put(&out, c.path->text, c.path->text_len);
    put_place(&out, partition, offset);
    row->url = (struct event_text){row->url_buf, (size_t)(out.at - row->url_buf)};
    row->event_timestamp_ms = c.event_timestamp_ms;
    row->host = text_of(c.host);
    row->has_referrer = c.referrer != NULL;
    row->referrer = c.referrer ? text_of(c.referrer) : (struct event_text){"", 0};
    row->headers = text_of(c.header);
    row->headers_json = (struct event_text){c.header->json, c.header->json_len};
}

bool event_is_bad(uint64_t seed, int32_t partition, int64_t offset, double bad_percent)
{
    uint64_t hash = mix(event_hash(seed, partition, offset) + 2);
    return (double)(hash >> 11) * 0x1p-53 * 100.0 < bad_percent;
}

/* The event with the key `name`, which each event has once at its top, spelled as `other` of the
 * same length. */
static size_t write_renamed(char *buf, size_t len, const char *name, const char *other)
{
    size_t n = strlen(name);
    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(buf + i, name, n) == 0) {
            memcpy(buf + i, other, n);
        }
    }
    return len;
}

size_t event_write_bad(char *buf, size_t cap, uint64_t seed, int32_t partition, int64_t offset,
                       uint32_t distinct_ips)
{
    size_t len = event_write(buf, cap, seed, partition, offset, distinct_ips);
    struct out end = {buf + len};
    struct out start = {buf};
    if (len == 0) {
        return 0;
    }
    switch (mix(event_hash(seed, partition, offset) + 3) % 8) {
    case 0:
        return len / 2;
    case 1:
        PUT(&start, "<html>not JSON</html>");
        return (size_t)(start.at - buf);
    case 2:
        return write_renamed(buf, len, "\"ip\":\"", "\"pi\":\"");
    case 3:
        PUT(&start, "{\"ip\":{\"v4\":\"11.0.0.1\"},\"event_time\":\"2024-05-01T00:00:00.123Z\"}");
        return (size_t)(start.at - buf);
    case 4:
        return write_renamed(buf, len, "\"2024-", "\"zoz4-");
    case 5:
        return write_renamed(buf, len, "?e=", "?\xff=");
    case 6:
        PUT(&end, "}");
        return (size_t)(end.at - buf);
    default:
        return 0;
    }
}

static bool read_uint(const char **at, const char *end, uint64_t *value)
{
    const char *start = *at;
    *value = 0;
    while (*at < end && **at >= '0' && **at <= '9' && *at - start < 18) {
        *value = *value * 10 + (uint64_t)(**at - '0');
        (*at)++;
    }
    return *at > start;
}

bool event_locate(const char *url, size_t url_len, int32_t *partition, int64_t *offset)
{
    const char *end = url + url_len;
    const char *at = url_len > 0 ? memchr(url, '?', url_len) : NULL;
    uint64_t p;
    uint64_t o;
    if (!at || end - at < 6 || memcmp(at, "?e=", 3) != 0) {
        return false;
    }
    at += 3;
    if (!read_uint(&at, end, &p) || at == end || *at++ != '-' || !read_uint(&at, end, &o)) {
        return false;
    }
    if (at != end || p > INT32_MAX) {
        return false;
    }
    *partition = (int32_t)p;
    *offset = (int64_t)o;
    return true;
}
