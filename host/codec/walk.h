/* SPDX-License-Identifier: Apache-2.0 */
/** The walk over one record's tokens, and the decoder that it works for. Inside this room only. */
#ifndef CODEC_WALK_H
#define CODEC_WALK_H

#include "codec/decode.h"
#include "codec/fault.h"
#include "codec/keys.h"
#include "codec/scan.h"
#include "codec/timestamp.h"

#define WALK_NONE      UINT32_MAX
#define WALK_MAX_SLOTS 2048u

/** What a column wants: the field's type and, for timestamps, how they are written. */
enum field_kind {
    FIELD_TEXT, /**< string */
    FIELD_BYTES,
    FIELD_JSON,
    FIELD_BOOL,
    FIELD_INT32,
    FIELD_INT64,
    FIELD_FLOAT64,
    FIELD_ISO8601,
    FIELD_UNIX_S,
    FIELD_UNIX_MS,
    FIELD_PATTERN,
    FIELD_UNREAD /**< nobody looks at it */
};

struct field {
    enum field_kind kind;
    bool required;
    bool milliseconds; /**< of timestamps: the column's unit, else microseconds */
    uint32_t column;
    uint32_t next; /**< another field of the same slot, WALK_NONE = no more */
    const char *name;
    const char *pattern; /**< "" = none */
};

/** One place in a document that is declared: fields that stand there, or deeper places. */
struct slot {
    uint32_t field; /**< WALK_NONE = none */
    uint32_t level; /**< WALK_NONE = none */
};

/** A field that does not stand in the JSON. */
struct metadata {
    enum decode_metadata kind;
    uint32_t type;
    uint32_t column;
    bool required;
    bool is_unread; /**< the column is left alone */
    const char *name;
};

#define METADATA_TOPIC_MAX     249u
#define METADATA_HEADERS_EXTRA 2u /* the braces */

struct decoder {
    struct metadata *metadata;
    uint32_t metadata_count;
    bool walks_value; /**< a field stands in the JSON, or wants it whole as json */
    bool is_exact;    /**< all of the value is checked, to the last digit */
    struct scan scan;
    struct field *fields;
    uint32_t field_count;
    struct slot *slots;
    uint32_t slot_count;
    struct keys *levels; /**< 0 is the document */
    uint32_t level_count;
    uint32_t spare;
    char **names; /**< everything that fields and levels refer to */
    uint32_t name_count;
    uint32_t word_count;                    /**< of the four sets below that are in use */
    uint64_t all[WALK_MAX_SLOTS / 64];      /**< slots that have fields */
    uint64_t required[WALK_MAX_SLOTS / 64]; /**< slots that have required fields */
    uint64_t seen[WALK_MAX_SLOTS / 64];     /**< slots that this record has */
    uint64_t nulls[WALK_MAX_SLOTS / 64];    /**< slots whose value was null in this record */
    struct timestamp_minute minute;
};

struct walk {
    const uint8_t *json;
    /** The token that comes next: where it begins. Behind the last one stands length twice, and
     * json[length] is 0. */
    const uint32_t *tok;
    uint32_t length;
    uint32_t next_escape; /**< no backslash stands between the place last looked at and this */
    struct row_target *target;
    struct row_fault *fault;
    struct decoder *decoder;
};

/** "expected X at byte N", or that the record ends too early. PH_ERROR. */
int32_t walk_fault(const struct walk *w, const char *expected);

/** Moves behind the value that begins at w->tok and checks the grammar of brackets. exact: also
 * every number, literal and escape in it. */
int32_t walk_skip(struct walk *w, bool exact);

/** Decodes the value at w->tok for a field and moves behind it; null values are not for it. */
int32_t walk_value(struct walk *w, const struct field *f);

static inline uint8_t walk_char(const struct walk *w)
{
    return w->json[*w->tok];
}

/** Other control characters are part of the number or literal that they follow. */
static inline bool walk_is_space(uint8_t c)
{
    return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

/** Behind the last byte of the token at w->tok: white space does not count. */
static inline uint32_t walk_token_end(const struct walk *w)
{
    uint32_t end = w->tok[1];
    while (walk_is_space(w->json[end - 1])) {
        end--;
    }
    return end;
}

/** Finds the first backslash at or behind start. */
static inline uint32_t walk_find_escape(struct walk *w, uint32_t start)
{
    if (w->next_escape < start) {
        const uint8_t *found = memchr(w->json + start, '\\', w->length - start);
        w->next_escape = found == NULL ? UINT32_MAX : (uint32_t)(found - w->json);
    }
    return w->next_escape;
}

#endif
