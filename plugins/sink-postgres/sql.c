/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_CAPACITY_FIRST 512
#define NAME_LENGTH_MAX    63

void sql_fini(struct sql *s)
{
    free(s->text);
    memset(s, 0, sizeof *s);
}

void sql_clear(struct sql *s)
{
    s->used = 0;
    s->has_failed = false;
    if (s->text != NULL) {
        s->text[0] = '\0';
    }
}

static bool sql_reserve(struct sql *s, size_t more)
{
    size_t need = s->used + more + 1;
    if (s->has_failed || need <= s->capacity) {
        return !s->has_failed;
    }
    size_t capacity = s->capacity == 0 ? SQL_CAPACITY_FIRST : s->capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    char *text = realloc(s->text, capacity);
    if (text == NULL) {
        s->has_failed = true;
        return false;
    }
    s->text = text;
    s->capacity = capacity;
    return true;
}

static void sql_add_bytes(struct sql *s, const char *bytes, size_t length)
{
    if (sql_reserve(s, length)) {
        memcpy(s->text + s->used, bytes, length);
        s->used += length;
        s->text[s->used] = '\0';
    }
}

void sql_add(struct sql *s, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        s->has_failed = true;
        return;
    }
    sql_add_bytes(s, text, (size_t)length);
    free(text);
}

static void sql_add_quoted(struct sql *s, const char *text, size_t length, char quote)
{
    sql_add_bytes(s, &quote, 1);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == quote) {
            sql_add_bytes(s, &quote, 1);
        }
        sql_add_bytes(s, text + i, 1);
    }
    sql_add_bytes(s, &quote, 1);
}

void sql_add_identifier(struct sql *s, const char *name)
{
    sql_add_quoted(s, name, strlen(name), '"');
}

void sql_add_literal(struct sql *s, const char *text)
{
    sql_add_quoted(s, text, strlen(text), '\'');
}

const char *sql_text(const struct sql *s)
{
    return s->has_failed ? NULL : s->text == NULL ? "" : s->text;
}

/* The end of a part in double quotes that begins at `at`, behind its last quote; null = none. */
static const char *quoted_end(const char *at)
{
    for (at++; *at != '\0'; at++) {
        if (*at == '"' && at[1] == '"') {
            at++;
        } else if (*at == '"') {
            return at + 1;
        }
    }
    return NULL;
}

static const char *add_part(struct sql *s, const char *at)
{
    const char *end = *at == '"' ? quoted_end(at) : at + strcspn(at, ".\"");
    if (end == NULL || end == at || (*at == '"' && end == at + 2)) {
        return NULL;
    }
    if (*at == '"') {
        sql_add_bytes(s, at, (size_t)(end - at));
    } else {
        sql_add_quoted(s, at, (size_t)(end - at), '"');
    }
    return end;
}

bool sql_add_table(struct sql *s, const char *name)
{
    const char *at = add_part(s, name);
    if (at != NULL && *at == '.') {
        sql_add_bytes(s, ".", 1);
        at = add_part(s, at + 1);
    }
    return at != NULL && *at == '\0';
}

static uint32_t least(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t m = a < b ? a : b;
    return m < c ? m : c;
}

uint32_t sql_distance(const char *a, const char *b)
{
    uint32_t row[NAME_LENGTH_MAX + 1];
    size_t length_a = strlen(a);
    size_t length_b = strlen(b);
    if (length_a > NAME_LENGTH_MAX || length_b > NAME_LENGTH_MAX) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= length_b; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= length_a; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= length_b; j++) {
            uint32_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[length_b];
}

bool sql_is_near(const char *name, uint32_t distance)
{
    return distance <= strlen(name) / 3 + 1;
}
