/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/pointer.h"

#include <stdio.h>
#include <string.h>

void pointer_init(struct pointer *p)
{
    p->text[0] = '\0';
    p->length = 0;
    p->cut = 0;
}

void pointer_push(struct pointer *p, const char *key, size_t length)
{
    size_t at = p->length;
    if (p->cut > 0 || length > sizeof p->text / 2 - 2 || at + 2 * length + 2 > sizeof p->text) {
        p->cut++;
        return;
    }
    p->text[at++] = '/';
    for (size_t i = 0; i < length; i++) {
        if (key[i] == '~' || key[i] == '/') {
            p->text[at++] = '~';
            p->text[at++] = key[i] == '~' ? '0' : '1';
        } else {
            p->text[at++] = key[i];
        }
    }
    p->text[at] = '\0';
    p->length = at;
}

void pointer_push_text(struct pointer *p, const char *key)
{
    pointer_push(p, key, strlen(key));
}

void pointer_push_index(struct pointer *p, size_t index)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%zu", index);
    pointer_push(p, digits, (size_t)length);
}

void pointer_pop(struct pointer *p)
{
    if (p->cut > 0) {
        p->cut--;
        return;
    }
    char *slash = strrchr(p->text, '/');
    p->length = slash == NULL ? 0 : (size_t)(slash - p->text);
    p->text[p->length] = '\0';
}

int pointer_next_byte(const char **at)
{
    const char *p = *at;
    if (*p == '\0' || *p == '/') {
        return -1;
    }
    if (*p == '~' && (p[1] == '0' || p[1] == '1')) {
        *at = p + 2;
        return p[1] == '0' ? '~' : '/';
    }
    *at = p + 1;
    return (unsigned char)*p;
}
