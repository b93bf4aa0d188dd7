/* SPDX-License-Identifier: Apache-2.0 */
/** The inside of JSON strings. Inside this room only. */
#ifndef CODEC_TEXT_H
#define CODEC_TEXT_H

#include "pipehost/batch.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#else
#include <string.h>
#endif

#define TEXT_BAD UINT32_MAX

#if defined(__SSE2__)
/** Bit n is set where text[n] is a backslash, of 16 bytes. */
static inline uint64_t text_find_escapes(const uint8_t *text)
{
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)text);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
}
#endif

/** Whether a backslash stands in text[length], behind which 63 bytes are readable. Most texts are
 * too short for a call of memchr, and of so many lengths that a branch for each would be guessed
 * wrong. */
static inline bool text_has_escape(const uint8_t *text, uint32_t length)
{
#if defined(__SSE2__)
    for (;;) {
        uint64_t found = text_find_escapes(text) | text_find_escapes(text + 16) << 16 |
                         text_find_escapes(text + 32) << 32 | text_find_escapes(text + 48) << 48;
        if (length < 64) {
            return (found & ((UINT64_C(1) << length) - 1)) != 0;
        }
        if (found != 0) {
            return true;
        }
        text += 64;
        length -= 64;
    }
#else
    return memchr(text, '\\', length) != NULL;
#endif
}

/**
 * Unescapes in[length] into out, which has room for length bytes; returns the bytes written.
 * TEXT_BAD: *why is the reason, *bad_at the offset of the escape.
 */
__attribute__((warn_unused_result)) uint32_t text_unescape(const uint8_t *in, uint32_t length,
                                                           uint8_t *out, const char **why,
                                                           uint32_t *bad_at);

/** Checks that every backslash begins an escape that JSON has; lone surrogates pass. in ends before
 * a quote that is not escaped, with 63 readable bytes behind. */
__attribute__((warn_unused_result)) bool text_check_escapes(const uint8_t *in, uint32_t length,
                                                            uint32_t *bad_at);

/** Makes *v refer to text[length] in buffer 0, which begins at arena. 12 bytes from text on must be
 * readable. */
static inline void text_put_view(struct ph_view *v, const uint8_t *arena, const uint8_t *text,
                                 uint32_t length)
{
    static const uint8_t window[2 * PH_VIEW_INLINE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    v->length = (int32_t)length;
    if (length > PH_VIEW_INLINE) {
        memcpy(v->u.ref.prefix, text, 4);
        v->u.ref.buffer_index = 0;
        v->u.ref.offset = (int32_t)(text - arena);
        return;
    }
    uint64_t low;
    uint64_t low_mask;
    uint32_t high;
    uint32_t high_mask;
    memcpy(&low, text, 8);
    memcpy(&high, text + 8, 4);
    memcpy(&low_mask, window + PH_VIEW_INLINE - length, 8);
    memcpy(&high_mask, window + PH_VIEW_INLINE - length + 8, 4);
    low &= low_mask;
    high &= high_mask;
    memcpy(v->u.inlined, &low, 8);
    memcpy(v->u.inlined + 8, &high, 4);
}

#endif
