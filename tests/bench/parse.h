/*
 * The six fields of one web event as views into its bytes: simdjson finds the tokens, a walk over
 * them the fields. thread per parser]
 */
#ifndef TESTS_BENCH_PARSE_H
#define TESTS_BENCH_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* This many bytes after the JSON text must be readable; their content does not matter. */
#define PARSE_PADDING 64

/* No longer record is read. */
#define PARSE_MAX_BYTES (4u * 1024 * 1024)

struct view {
    const char *at; /* null: the field is null or absent */
    size_t len;
};

/* Views live until the next call: they point into the message or, where there was an escape, into
 * the parser. */
struct parsed_event {
    struct view ip; /* never null */
    struct view host;
    struct view url;
    struct view referrer;
    struct view headers; /* exact JSON text */
    bool has_event_time;
    int64_t event_time_ms;
};

struct parser;
struct parser *parser_create(void);
void parser_destroy(struct parser *parser);

/* False for what no decoder may accept: not JSON, not UTF-8, bytes after the end, no ip, a field of
 * the wrong kind. */
bool parser_event(struct parser *parser, const char *json, size_t len, struct parsed_event *event);

/* The texts of a geolocation answer that are in `names` (at most 4), null where absent; copies in
 * the parser. */
bool parser_texts(struct parser *parser, const char *json, size_t len, const char *const *names,
                  struct view *texts, size_t n);

#ifdef __cplusplus
}
#endif

#endif
