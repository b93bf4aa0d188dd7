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

/** Whether a backslash stands in text[length], behind which 31 bytes are readable. Most texts are
 * too short for a call of memchr. */
static inline bool text_has_escape(const uint8_t *text, uint32_t length)
{
#if defined(__SSE2__)
    const __m128i backslash = _mm_set1_epi8('\\');
    for (;;) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)text);
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(text + 16));
        uint64_t found = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(low, backslash)) |
                         (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(high, backslash))
                             << 16;
        if (length <= 32) {
            return (found & ((UINT64_C(1) << length) - 1)) != 0;
        }
        if (found != 0) {
            return true;
        }
        text += 32;
        length -= 32;
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
