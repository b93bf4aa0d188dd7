/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/text.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* 0..15, or 255. */
static uint32_t hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return (uint32_t)c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint32_t)c - 'a' + 10 : 255;
}

/* The four hexadecimal digits at in, or TEXT_BAD. */
static uint32_t read_hex(const uint8_t *in, const uint8_t *end)
{
    uint32_t value = 0;
    if (end - in < 4) {
        return TEXT_BAD;
    }
    for (int i = 0; i < 4; i++) {
        uint32_t digit = hex_value(in[i]);
        if (digit > 15) {
            return TEXT_BAD;
        }
        value = value << 4 | digit;
    }
    return value;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
    } else if (c < 0x800) {
        *out++ = (uint8_t)(0xC0 | c >> 6);
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (uint8_t)(0xE0 | c >> 12);
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    } else {
        *out++ = (uint8_t)(0xF0 | c >> 18);
        *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        *out++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    return out;
}

/* *in is behind "\u"; two escapes may make one character. Null: *why is set. */
static uint8_t *unescape_unicode(const uint8_t **in, const uint8_t *end, uint8_t *out,
                                 const char **why)
{
    uint32_t c = read_hex(*in, end);
    if (c == TEXT_BAD) {
        *why = "\\u wants four hexadecimal digits";
        return NULL;
    }
    *in += 4;
    if (c >= 0xD800 && c < 0xE000) {
        uint32_t low = c < 0xDC00 && end - *in >= 6 && (*in)[0] == '\\' && (*in)[1] == 'u'
                           ? read_hex(*in + 2, end)
                           : TEXT_BAD;
        if (low < 0xDC00 || low >= 0xE000) {
            *why = "lone surrogate";
            return NULL;
        }
        *in += 6;
        c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
    }
    return put_utf8(out, c);
}

/* What a one-letter escape stands for; 0 = no such escape. */
static uint8_t short_escape(uint8_t c)
{
    static const uint8_t meanings[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                          ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    return meanings[c];
}

uint32_t text_unescape(const uint8_t *in, uint32_t length, uint8_t *out, const char **why,
                       uint32_t *bad_at)
{
    const uint8_t *begin = in;
    const uint8_t *end = in + length;
    uint8_t *to = out;
    while (in < end) {
        const uint8_t *escape = memchr(in, '\\', (size_t)(end - in));
        size_t run = (size_t)((escape == NULL ? end : escape) - in);
        memcpy(to, in, run);
        to += run;
        in += run;
        if (escape == NULL) {
            break;
        }
        *bad_at = (uint32_t)(escape - begin);
        uint8_t kind = end - in < 2 ? 0 : in[1];
        in += 2;
        if (kind == 'u') {
            to = unescape_unicode(&in, end, to, why);
            if (to == NULL) {
                return TEXT_BAD;
            }
            continue;
        }
        *to = short_escape(kind);
        if (*to == 0) {
            *why = "no such escape";
            return TEXT_BAD;
        }
        to++;
    }
    return (uint32_t)(to - out);
}

/* Checks the escape whose backslash is at in[at - 1]. */
static bool check_escape(const uint8_t *in, uint32_t length, uint32_t at)
{
    return in[at] == 'u' ? read_hex(in + at + 1, in + length) != TEXT_BAD
                         : short_escape(in[at]) != 0;
}

static bool check_one_by_one(const uint8_t *in, uint32_t length, uint32_t *bad_at)
{
    for (uint32_t at = 0; at < length; at++) {
        if (in[at] == '\\') {
            *bad_at = at++;
            if (at == length || !check_escape(in, length, at)) {
                return false;
            }
        }
    }
    return true;
}

#if defined(__x86_64__)
#define BLOCK 64u

/* The bytes that an odd number of backslashes precedes: those that are escaped. *pending goes from
 * block to block. After simdjson's description, https://arxiv.org/abs/1902.08318, 3.1.1. */
static inline uint64_t find_escaped(uint64_t backslashes, uint64_t *pending)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    uint64_t sum;
    backslashes &= ~*pending;
    uint64_t follows = backslashes << 1 | *pending;
    uint64_t odd_starts = backslashes & ~even & ~follows;
    *pending = __builtin_add_overflow(odd_starts, backslashes, &sum) ? 1 : 0;
    return (even ^ sum << 1) & follows;
}

/* Bit n is set where byte n of the block is c. */
__attribute__((target("avx2"))) static inline uint64_t find_in_block(__m256i low, __m256i high,
                                                                     char c)
{
    const __m256i wanted = _mm256_set1_epi8(c);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)) << 32;
}

/* Whether a quote follows every backslash of the block. */
__attribute__((target("avx2"))) static inline bool only_quotes(const uint8_t *in)
{
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i *at = (const __m256i *)(const void *)in;
    const __m256i *behind = (const __m256i *)(const void *)(in + 1);
    __m256i low = _mm256_andnot_si256(_mm256_cmpeq_epi8(_mm256_loadu_si256(behind), quote),
                                      _mm256_cmpeq_epi8(_mm256_loadu_si256(at), backslash));
    __m256i high = _mm256_andnot_si256(_mm256_cmpeq_epi8(_mm256_loadu_si256(behind + 1), quote),
                                       _mm256_cmpeq_epi8(_mm256_loadu_si256(at + 1), backslash));
    __m256i others = _mm256_or_si256(low, high);
    return _mm256_testz_si256(others, others) != 0;
}

/* Most escapes are quotes or backslashes, as in JSON that stands inside a string; the others are
 * looked at one by one. */
__attribute__((target("avx2"))) static bool check_blocks(const uint8_t *in, uint32_t length,
                                                         uint32_t *bad_at)
{
    uint64_t pending = 0;
    for (uint32_t base = 0; base < length; base += BLOCK) {
        /* A quote inside the string is escaped, so a backslash before it is not. */
        if (pending == 0 && length - base > BLOCK && only_quotes(in + base)) {
            pending = in[base + BLOCK - 1] == '\\' ? 1 : 0;
            continue;
        }
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(in + base));
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(in + base + 32));
        uint64_t inside = length - base < BLOCK ? (UINT64_C(1) << (length - base)) - 1 : UINT64_MAX;
        uint64_t backslashes = find_in_block(low, high, '\\') & inside;
        uint64_t harmless = backslashes | find_in_block(low, high, '"') | ~inside;
        for (uint64_t others = find_escaped(backslashes, &pending) & ~harmless; others != 0;
             others &= others - 1) {
            uint32_t at = base + (uint32_t)__builtin_ctzll(others);
            if (!check_escape(in, length, at)) {
                *bad_at = at - 1;
                return false;
            }
        }
    }
    return true;
}

bool text_check_escapes(const uint8_t *in, uint32_t length, uint32_t *bad_at)
{
    return __builtin_cpu_supports("avx2") ? check_blocks(in, length, bad_at)
                                          : check_one_by_one(in, length, bad_at);
}
#else
bool text_check_escapes(const uint8_t *in, uint32_t length, uint32_t *bad_at)
{
    return check_one_by_one(in, length, bad_at);
}
#endif
