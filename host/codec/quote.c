/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/quote.h"

#include <string.h>

#ifdef __x86_64__
#include <tmmintrin.h>
#endif

#define WORD sizeof(uint64_t)

/* How many of the eight bytes, from the first on, are ASCII that a JSON string holds as it is. */
static uint32_t plain_of(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;
    uint64_t quote = word ^ ones * '"';
    uint64_t slash = word ^ ones * '\\';
    uint64_t odd = (word - ones * 0x20) | (quote - ones) | (slash - ones) | word;
    odd &= tops;
    return odd == 0 ? WORD : (uint32_t)__builtin_ctzll(odd) / 8;
}

/* Up to the first byte that needs an escape, or that ends no whole word. */
static char *take_plain(const struct quote *q, char *at, const char **from, const char *end)
{
    (void)q;
    while ((size_t)(end - *from) >= WORD) {
        uint64_t word;
        memcpy(&word, *from, WORD);
        memcpy(at, &word, WORD); /* what is not plain is written over */
        uint32_t plain = plain_of(word);
        at += plain;
        *from += plain;
        if (plain < WORD) {
            break;
        }
    }
    return at;
}

#ifdef __x86_64__
/* Up to the first byte that is neither ASCII nor written with a backslash in front of itself. JSON
 * inside a string is half quotes: so the backslashes of a word are put in at once. */
__attribute__((target("ssse3"))) static char *take_spread(const struct quote *q, char *at,
                                                          const char **from, const char *end)
{
    const __m128i backslash = _mm_set1_epi8('\\');
    uint32_t count = WORD;
    while (count == WORD && *from < end) {
        uint64_t word = 0; /* the zeros of one that is not whole are no text */
        if ((size_t)(end - *from) >= WORD) {
            memcpy(&word, *from, WORD);
        } else {
            memcpy(&word, *from, (size_t)(end - *from));
        }
        __m128i v = _mm_cvtsi64_si128((long long)word);
        __m128i marked =
            _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, backslash));
        __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* signed: from 0x80 on as well */
        uint32_t bits = (uint32_t)_mm_movemask_epi8(_mm_unpacklo_epi64(marked, odd));
        count = (uint32_t)__builtin_ctz(bits >> WORD | 1u << WORD);
        uint32_t set = bits & ((1u << count) - 1);
        __m128i places = _mm_loadu_si128((const __m128i *)(const void *)q->spread[set]);
        v = _mm_shuffle_epi8(_mm_unpacklo_epi64(v, backslash), places);
        _mm_storeu_si128((__m128i *)(void *)at, v); /* what is behind count is written over */
        at += q->lengths[set] - (WORD - count);
        *from += count;
    }
    return at;
}

static void fill(struct quote *q)
{
    for (uint32_t set = 0; set < 256; set++) {
        uint8_t length = 0;
        for (uint32_t i = 0; i < WORD; i++) {
            if ((set >> i & 1) != 0) {
                q->spread[set][length++] = WORD;
            }
            q->spread[set][length++] = (uint8_t)i;
        }
        q->lengths[set] = length;
    }
}
#endif

void quote_init_plain(struct quote *q)
{
    memset(q, 0, sizeof *q);
    q->take = take_plain;
}

void quote_init(struct quote *q)
{
    quote_init_plain(q);
#ifdef __x86_64__
    if (__builtin_cpu_supports("ssse3")) {
        q->take = take_spread;
        fill(q);
    }
#endif
}

char *quote_put(const struct quote *q, char *at, const uint8_t *data, uint32_t length)
{
    const char *from = (const char *)data;
    const char *end = from + length;
    *at++ = '"';
    while (from < end) {
        at = q->take(q, at, &from, end);
        if (from < end) {
            at += escape_json(&from, end, at);
        }
    }
    *at++ = '"';
    return at;
}
