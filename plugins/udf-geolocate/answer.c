/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "json.h"

#include <string.h>
#include <strings.h>

struct member {
    const char *name;  /* in the API's answer */
    const char *label; /* what stands in front of it in the row's text */
};

#define MEMBER_COUNT 3u
static const struct member members[MEMBER_COUNT] = {
    {"country_code", "{\"country\":"},
    {"region_name", ",\"state\":"},
    {"city_name", ",\"city\":"},
};

struct member_value {
    bool is_null;
    struct json_string text; /* length 0 where the member is missing */
};

static bool read_member(struct json *json, const struct json_string *name,
                        struct member_value values[MEMBER_COUNT], bool *is_error)
{
    if (json_string_is(name, "error")) {
        if (json_take_null(json)) {
            return true;
        }
        *is_error = true;
    }
    for (uint32_t i = 0; i < MEMBER_COUNT; i++) {
        if (json_string_is(name, members[i].name)) {
            values[i].is_null = json_take_null(json);
            return values[i].is_null || json_take_string(json, &values[i].text);
        }
    }
    return json_skip_value(json, JSON_DEPTH_MAX);
}

static bool read_object(struct json *json, struct member_value values[MEMBER_COUNT], bool *is_error)
{
    struct json_string name;
    if (!json_take(json, '{')) {
        return false;
    }
    if (json_take(json, '}')) {
        return json_at_end(json);
    }
    do {
        if (!json_take_string(json, &name) || !json_take(json, ':') ||
            !read_member(json, &name, values, is_error)) {
            return false;
        }
    } while (json_take(json, ','));
    return json_take(json, '}') && json_at_end(json);
}

bool answer_read(const char *body, size_t length, struct answer *out)
{
    struct json json = {(const uint8_t *)body, (const uint8_t *)body + length};
    struct member_value values[MEMBER_COUNT];
    struct json_output text = {out->text, sizeof out->text, 0, false};
    memset(values, 0, sizeof values);
    out->is_error = false;
    if (length == 0 || !read_object(&json, values, &out->is_error) || out->is_error) {
        return false;
    }
    for (uint32_t i = 0; i < MEMBER_COUNT; i++) {
        json_write(&text, members[i].label, strlen(members[i].label));
        if (values[i].is_null) {
            json_write(&text, "null", 4);
        } else {
            json_write(&text, "\"", 1);
            json_write_string(&text, &values[i].text);
            json_write(&text, "\"", 1);
        }
    }
    json_write(&text, "}", 1);
    out->length = (uint32_t)text.used;
    return !text.too_long;
}

static bool holds_word(const char *body, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++) {
        if (strncasecmp(body + i, word, word_length) == 0) {
            return true;
        }
    }
    return false;
}

bool answer_blames_quota(const char *body, size_t length)
{
    return holds_word(body, length, "credit") || holds_word(body, length, "quota") ||
           holds_word(body, length, "limit exceeded") || holds_word(body, length, "daily limit") ||
           holds_word(body, length, "monthly limit");
}

bool answer_blames_key(const char *body, size_t length)
{
    return holds_word(body, length, "api key") || holds_word(body, length, "apikey") ||
           holds_word(body, length, "api_key") || holds_word(body, length, "access key");
}
