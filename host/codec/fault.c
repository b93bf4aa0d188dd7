/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/fault.h"

#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>

#define REASON_MAX 200u

int32_t fault_set(struct row_fault *fault, const char *code, const char *format, ...)
{
    va_list args;
    (void)snprintf(fault->code, sizeof fault->code, "%s", code);
    va_start(args, format);
    int written = vsnprintf(fault->reason, REASON_MAX + 1, format, args);
    va_end(args);
    if (written > (int)REASON_MAX) {
        size_t end = REASON_MAX;
        while (end > 0 && ((uint8_t)fault->reason[end - 1] & 0xC0) == 0x80) {
            end--;
        }
        if (end > 0 && (uint8_t)fault->reason[end - 1] >= 0xC0) {
            end--;
        }
        fault->reason[end] = '\0';
    }
    return PH_ERROR;
}

const char *fault_excerpt(char out[FAULT_EXCERPT_SIZE], const void *text, size_t length)
{
    const char *at = text;
    const char *end = at + length;
    size_t used = 0;
    out[used++] = '"';
    while (at < end) {
        if (used + ESCAPE_JSON_MAX + sizeof "...\"" > FAULT_EXCERPT_SIZE) {
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        used += escape_json(&at, end, out + used);
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}
