/* SPDX-License-Identifier: Apache-2.0 */
#include "position_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void note_copy_text(char *to, size_t size, const char *text)
{
    size_t n = 0;
    for (; text != NULL && *text != '\0' && n + 1 < size; text++) {
        bool is_plain = *text >= ' ' && *text <= '~' && *text != '"' && *text != '\\';
        to[n++] = is_plain ? *text : '?';
    }
    to[n] = '\0';
}

uint32_t note_write(const struct note *n, char text[NOTE_TEXT_SIZE])
{
    int length =
        snprintf(text, NOTE_TEXT_SIZE,
                 "{\"next_offset\":%lld,\"fingerprint\":%u,\"cluster\":\"%s\","
                 "\"target\":\"%s\",\"owner\":\"%s\"}",
                 (long long)n->next_offset, n->fingerprint, n->cluster, n->target, n->owner);
    return (uint32_t)length;
}

/* Where the value of a member begins; null: it has none. */
static const char *find_value(const char *text, const char *name)
{
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = strstr(text, quoted);
    return at == NULL ? NULL : at + strlen(quoted);
}

static void read_text(const char *text, const char *name, char *to, size_t size)
{
    const char *value = find_value(text, name);
    const char *end = value != NULL && *value == '"' ? strchr(value + 1, '"') : NULL;
    to[0] = '\0';
    if (end != NULL && (size_t)(end - value) <= size) {
        memcpy(to, value + 1, (size_t)(end - value) - 1);
        to[end - value - 1] = '\0';
    }
}

void note_read(struct note *n, const char *text, size_t length)
{
    char copy[NOTE_TEXT_SIZE] = "";
    *n = (struct note){.next_offset = -1};
    if (text == NULL || length >= sizeof copy) {
        return;
    }
    memcpy(copy, text, length);
    const char *next_offset = find_value(copy, "next_offset");
    const char *fingerprint = find_value(copy, "fingerprint");
    n->next_offset = next_offset == NULL ? -1 : strtoll(next_offset, NULL, 10);
    n->fingerprint = fingerprint == NULL ? 0 : (uint32_t)strtoul(fingerprint, NULL, 10);
    read_text(copy, "cluster", n->cluster, sizeof n->cluster);
    read_text(copy, "target", n->target, sizeof n->target);
    read_text(copy, "owner", n->owner, sizeof n->owner);
}

bool note_is_reset(const struct note *n)
{
    return n->next_offset == -1 && n->owner[0] != '\0';
}

bool note_is_there(const struct note *n)
{
    return n->next_offset >= 0 || note_is_reset(n);
}
