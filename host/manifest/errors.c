/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/errors.h"

#include "base/buf.h"
#include "base/escape.h"
#include "manifest/manifest.h"
#include "manifest/origin.h"
#include "manifest/place.h"
#include "manifest/secret.h"
#include "manifest/snippet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_SIZE 1024u
#define MESSAGE_LIMIT 8192u

void manifest_errors_init(struct manifest_errors *errs)
{
    *errs = (struct manifest_errors){.out_of_memory = false};
}

static void messages_fini(struct manifest_messages *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        free(m->texts[i]);
    }
    *m = (struct manifest_messages){.count = 0};
}

void manifest_errors_fini(struct manifest_errors *errs)
{
    messages_fini(&errs->errors);
    messages_fini(&errs->warnings);
}

bool manifest_errors_any(const struct manifest_errors *errs)
{
    return errs->errors.count > 0 || errs->out_of_memory;
}

/* Appends text without control bytes and without what is not UTF-8: parts of it come from outside.
 */
static void append_clean(struct buf *b, const char *text)
{
    const char *end = text + strlen(text);
    while (text < end) {
        size_t length = escape_utf8_length(text, end);
        if (length == 0 || (unsigned char)*text < 0x20u || *text == 0x7f) {
            buf_append(b, "?", 1);
            text++;
        } else {
            buf_append(b, text, length);
            text += length;
        }
    }
}

/* Takes the text. */
static void add_message(struct manifest_errors *errs, struct manifest_messages *list,
                        struct buf *text)
{
    if (text->failed || text->data == NULL) {
        errs->out_of_memory = true;
        buf_fini(text);
        return;
    }
    secret_redact(text->data);
    list->texts[list->count++] = text->data;
}

static bool list_is_full(struct manifest_messages *list)
{
    if (list->count < MANIFEST_ERRORS_MAX) {
        return false;
    }
    list->dropped++;
    return true;
}

static void format_sentence(char *out, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void format_sentence(char *out, const char *format, va_list args)
{
    int length = vsnprintf(out, SENTENCE_SIZE, format, args);
    if (length >= (int)SENTENCE_SIZE) {
        memcpy(out + SENTENCE_SIZE - 4, "...", 4);
    }
    secret_redact(out);
}

static void append_pointer(struct buf *b, const char *pointer)
{
    if (pointer[0] != '\0') {
        append_clean(b, pointer);
        buf_append_text(b, ": ");
    }
}

static void add_at_offset(struct buf *b, const struct manifest *m, const char *pointer,
                          size_t offset, const char *sentence)
{
    uint32_t line;
    uint32_t column;
    place_line_column(m->text, offset, &line, &column);
    buf_append_format(b, ":%u:%u: ", line, column);
    append_pointer(b, pointer);
    append_clean(b, sentence);
    snippet_append(b, m->text, m->text_length, offset);
}

static void add_at(struct manifest_errors *errs, struct manifest_messages *list,
                   const struct manifest *m, const char *pointer, enum manifest_spot spot,
                   const char *sentence)
{
    if (list_is_full(list)) {
        return;
    }
    struct buf b;
    buf_init(&b, MESSAGE_LIMIT);
    append_clean(&b, m->path);
    const char *set = pointer == NULL ? NULL : origin_find_set(m->origin, pointer);
    if (set != NULL || pointer == NULL || m->text == NULL) {
        buf_append_text(&b, set == NULL ? ": " : ": --set ");
        append_clean(&b, set == NULL ? "" : set);
        buf_append_text(&b, set == NULL ? "" : ": ");
        append_clean(&b, sentence);
    } else {
        struct place place = place_find(m->text, m->text_length, pointer);
        size_t offset = spot == MANIFEST_AT_KEY ? place.key_offset : place.value_offset;
        add_at_offset(&b, m, pointer, offset, sentence);
    }
    add_message(errs, list, &b);
}

void manifest_errors_add(struct manifest_errors *errs, const struct manifest *m,
                         const char *pointer, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    add_at(errs, &errs->errors, m, pointer, MANIFEST_AT_VALUE, sentence);
}

void manifest_errors_add_at(struct manifest_errors *errs, const struct manifest *m,
                            const char *pointer, enum manifest_spot spot, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    add_at(errs, &errs->errors, m, pointer, spot, sentence);
}

void manifest_errors_add_offset(struct manifest_errors *errs, const struct manifest *m,
                                const char *pointer, size_t offset, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    if (list_is_full(&errs->errors)) {
        return;
    }
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    struct buf b;
    buf_init(&b, MESSAGE_LIMIT);
    append_clean(&b, m->path);
    add_at_offset(&b, m, pointer, offset, sentence);
    add_message(errs, &errs->errors, &b);
}

void manifest_errors_add_plain(struct manifest_errors *errs, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    if (list_is_full(&errs->errors)) {
        return;
    }
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    struct buf b;
    buf_init(&b, MESSAGE_LIMIT);
    append_clean(&b, sentence);
    add_message(errs, &errs->errors, &b);
}

void manifest_warnings_add(struct manifest_errors *errs, const struct manifest *m,
                           const char *pointer, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    add_at(errs, &errs->warnings, m, pointer, MANIFEST_AT_VALUE, sentence);
}
