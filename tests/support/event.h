/*
 * The web event that every test and bench feeds: a pure function of (seed, partition, offset), so
 * that whoever finds a row can say which record it came from and what that row must hold.
 *
 * The url carries `?e=PARTITION-OFFSET`. All functions are [any]: no state, no allocation.
 */
#ifndef TESTS_SUPPORT_EVENT_H
#define TESTS_SUPPORT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No event, good or bad, is longer. */
#define EVENT_MAX_BYTES 2048

/* `distinct_ips` 0 gives each record an address of its own (partition < 64, offset < 2^24). */
#define EVENT_DISTINCT_IPS_DEFAULT 1000

struct event_text {
    const char *at;
    size_t len;
};

/* What the record says, decoded. The texts point to constants or into the row itself: do not copy
 * the struct. */
struct event_row {
    int64_t event_timestamp_ms;
    bool has_referrer; /* false where the event has null or no such key */
    struct event_text ip;
    struct event_text host;
    struct event_text url;
    struct event_text referrer;
    struct event_text headers; /* the JSON text that the string holds */
    struct event_text
        headers_json; /* the string as the event spells it, quotes and escapes included */
    char ip_buf[48];
    char url_buf[256];
};

/* Writes the event as JSON and gives its length; 0 when `cap` is below EVENT_MAX_BYTES. Not
 * NUL-terminated. */
size_t event_write(char *buf, size_t cap, uint64_t seed, int32_t partition, int64_t offset,
                   uint32_t distinct_ips);

void event_expected(struct event_row *row, uint64_t seed, int32_t partition, int64_t offset,
                    uint32_t distinct_ips);

/* Whether the record at this place is one that no decoder may accept, when `bad_percent` (0..100)
 * of them are. */
bool event_is_bad(uint64_t seed, int32_t partition, int64_t offset, double bad_percent);

/* An undecodable record: cut off, not JSON, no ip, an ip that is an object, a time that is none,
 * text that is not UTF-8, bytes after the end, or nothing at all (length 0 with `cap` large
 * enough). */
size_t event_write_bad(char *buf, size_t cap, uint64_t seed, int32_t partition, int64_t offset,
                       uint32_t distinct_ips);

/* Reads the `e=PARTITION-OFFSET` of a decoded url; false when there is none. */
bool event_locate(const char *url, size_t url_len, int32_t *partition, int64_t *offset);

#ifdef __cplusplus
}
#endif

#endif
