/* SPDX-License-Identifier: Apache-2.0 */
/** A strict reader of small JSON texts (RFC 8259) that allocates nothing. */
#ifndef GEOLOCATE_JSON_H
#define GEOLOCATE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Deepest nesting that is read. */
#define JSON_DEPTH_MAX 32u

struct json {
    const uint8_t *at;
    const uint8_t *end;
};

/** What stands between a string's quotes, checked: escapes are whole, the rest is UTF-8. */
struct json_string {
    const uint8_t *data;
    size_t length;
    bool has_escapes;
};

/** Where text is written; too_long once something did not fit. */
struct json_output {
    char *data;
    size_t capacity;
    size_t used;
    bool too_long;
};

void json_skip_space(struct json *json);
/** Steps over c, after white space; false: something else stands there. */
bool json_take(struct json *json, char c);
bool json_take_string(struct json *json, struct json_string *out);
bool json_take_null(struct json *json);
/** Steps over one value of any kind. */
bool json_skip_value(struct json *json, uint32_t depth);
/** True when only white space is left. */
bool json_at_end(struct json *json);

void json_write(struct json_output *out, const char *data, size_t length);
/** The string's text, with only those escapes that JSON demands. */
void json_write_string(struct json_output *out, const struct json_string *string);

bool json_string_is(const struct json_string *string, const char *text);

#endif
