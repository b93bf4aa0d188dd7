/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wording.h"

#include <stdio.h>
#include <string.h>

#define FORMAT_MAX 1024u

/* A format, cut behind one conversion after the other. */
struct cutter {
    char format[FORMAT_MAX];
    size_t at; /* where the next run of own words begins */
};

/* The bytes that the format gives up to c->at. */
static int length_so_far(struct cutter *c, va_list args)
{
    va_list copy;
    char kept = c->format[c->at];
    c->format[c->at] = '\0';
    va_copy(copy, args);
    int length = vsnprintf(NULL, 0, c->format, copy); /* NOLINT: the caller's format, cut */
    va_end(copy);
    c->format[c->at] = kept;
    return length;
}

/* text has size bytes with its NUL. */
static void mark(struct cutter *c, unsigned char *own, size_t size, va_list args)
{
    static const char modifiers[] = "-+ #0123456789.*hljztL";
    unsigned char number = 0;
    while (c->format[c->at] != '\0') {
        size_t words = strcspn(c->format + c->at, "%");
        int start = length_so_far(c, args);
        if (start < 0 || (size_t)start >= size) {
            return;
        }
        size_t room = size - (size_t)start;
        number = number == 255 ? 1 : (unsigned char)(number + 1);
        memset(own + start, number, words < room ? words : room);
        c->at += words;
        if (c->format[c->at] == '%') {
            c->at += 1 + strspn(c->format + c->at + 1, modifiers);
            c->at += c->format[c->at] != '\0';
        }
    }
}

void wording_format(char *text, unsigned char *own, size_t size, const char *format, va_list args)
{
    struct cutter c = {.at = 0};
    size_t length = strlen(format);
    va_list copy;
    va_copy(copy, args);
    (void)vsnprintf(text, size, format, copy);
    va_end(copy);
    memset(own, 0, size);
    if (length < sizeof c.format) {
        memcpy(c.format, format, length + 1);
        mark(&c, own, size, args);
    }
}
