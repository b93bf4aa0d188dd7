/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/number.h"
#include "codec/text.h"
#include "codec/walk.h"

/* The brackets that are open, one bit each: 1 = object. */
struct brackets {
    uint64_t words[DECODE_MAX_DEPTH / 64];
    uint32_t depth;
};

static bool push(struct brackets *b, bool object)
{
    if (b->depth == DECODE_MAX_DEPTH) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << (b->depth & 63u);
    uint64_t *word = &b->words[b->depth >> 6];
    *word = object ? *word | bit : *word & ~bit;
    b->depth++;
    return true;
}

static bool in_object(const struct brackets *b)
{
    return ((b->words[(b->depth - 1) >> 6] >> ((b->depth - 1) & 63u)) & 1u) != 0;
}

static bool is_literal(const uint8_t *text, uint32_t length)
{
    return (length == 4 && (memcmp(text, "true", 4) == 0 || memcmp(text, "null", 4) == 0)) ||
           (length == 5 && memcmp(text, "false", 5) == 0);
}

static int32_t check_scalar(struct walk *w)
{
    uint32_t start = *w->tok;
    uint32_t length = walk_token_end(w) - start;
    const uint8_t *text = w->json + start;
    uint32_t bad_at;
    if (*text == '"') {
        if (!text_check_escapes(text + 1, length - 2, &bad_at)) {
            return fault_set(w->fault, "json", "the record is not JSON: no such escape at byte %u",
                             start + 1 + bad_at);
        }
        return PH_OK;
    }
    if (!number_check(text, length) && !is_literal(text, length)) {
        char excerpt[FAULT_EXCERPT_SIZE];
        return fault_set(w->fault, "json", "the record is not JSON: %s at byte %u is no value",
                         fault_excerpt(excerpt, text, length), start);
    }
    return PH_OK;
}

/* A string, or what may begin a number or a literal. */
static int32_t skip_scalar(struct walk *w, bool exact)
{
    uint8_t c = walk_char(w);
    if (c != '"' && c != '-' && (uint8_t)(c - '0') > 9 && c != 't' && c != 'f' && c != 'n') {
        return walk_fault(w, "a value");
    }
    if (exact && check_scalar(w) != PH_OK) {
        return PH_ERROR;
    }
    w->tok++;
    return PH_OK;
}

/* A member's name and its colon. */
static int32_t skip_name(struct walk *w, bool exact)
{
    if (walk_char(w) != '"') {
        return walk_fault(w, "a member's name");
    }
    if (exact && check_scalar(w) != PH_OK) {
        return PH_ERROR;
    }
    w->tok++;
    if (walk_char(w) != ':') {
        return walk_fault(w, "':'");
    }
    w->tok++;
    return PH_OK;
}

/* Behind a value: what closes, and whether another value follows. */
static int32_t close_brackets(struct walk *w, struct brackets *b, bool exact)
{
    while (b->depth > 0) {
        bool object = in_object(b);
        uint8_t c = walk_char(w);
        if (c == ',') {
            w->tok++;
            return object ? skip_name(w, exact) : PH_OK;
        }
        if (c != (object ? '}' : ']')) {
            return walk_fault(w, object ? "',' or '}'" : "',' or ']'");
        }
        w->tok++;
        b->depth--;
    }
    return PH_OK;
}

/* An opening bracket. *value: a value comes next; else the bracket is closed already. */
static int32_t open_bracket(struct walk *w, struct brackets *b, bool exact, bool *value)
{
    bool object = walk_char(w) == '{';
    if (!push(b, object)) {
        return fault_set(w->fault, "depth", "the record is nested deeper than %u",
                         DECODE_MAX_DEPTH);
    }
    w->tok++;
    if (walk_char(w) == (object ? '}' : ']')) {
        w->tok++;
        b->depth--;
        *value = false;
        return PH_OK;
    }
    *value = true;
    return object ? skip_name(w, exact) : PH_OK;
}

int32_t walk_skip(struct walk *w, bool exact)
{
    struct brackets b = {.depth = 0};
    do {
        uint8_t c = walk_char(w);
        bool value = false;
        int32_t result =
            c == '{' || c == '[' ? open_bracket(w, &b, exact, &value) : skip_scalar(w, exact);
        if (result != PH_OK) {
            return result;
        }
        if (!value && close_brackets(w, &b, exact) != PH_OK) {
            return PH_ERROR;
        }
    } while (b.depth > 0);
    return PH_OK;
}

int32_t walk_fault(const struct walk *w, const char *expected)
{
    uint32_t at = *w->tok;
    if (at >= w->length) {
        return fault_set(w->fault, "json", "the record is not JSON: it ends where %s should stand",
                         expected);
    }
    return fault_set(w->fault, "json", "the record is not JSON: expected %s at byte %u", expected,
                     at);
}
