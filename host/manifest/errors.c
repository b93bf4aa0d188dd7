/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/errors.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/wording.h"
#include "manifest/manifest.h"
#include "manifest/origin.h"
#include "manifest/place.h"
#include "manifest/secret.h"
#include "manifest/snippet.h"

#include <jansson.h>
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
        free(m->fields[i]);
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

/* A message while it is made. */
struct message {
    struct buf text;
    struct buf fields;
};

static void message_init(struct message *made)
{
    buf_init(&made->text, MESSAGE_LIMIT);
    buf_init(&made->fields, MESSAGE_LIMIT);
    buf_append(&made->fields, "", 0);
}

/* Takes the message. */
static void add_message(struct manifest_errors *errs, struct manifest_messages *list,
                        struct message *made)
{
    if (made->text.failed || made->text.data == NULL || made->fields.failed ||
        made->fields.data == NULL) {
        errs->out_of_memory = true;
        buf_fini(&made->text);
        buf_fini(&made->fields);
        return;
    }
    list->texts[list->count] = made->text.data;
    list->fields[list->count++] = made->fields.data;
}

static void append_field(struct buf *fields, const char *name, const char *value)
{
    char shown[SENTENCE_SIZE];
    (void)snprintf(shown, sizeof shown, "%s", value);
    buf_append_format(fields, "%s\"%s\":", fields->length > 0 ? "," : "", name);
    buf_append_json_string(fields, shown, strlen(shown));
}

/* A place as it is shown: a secret may stand below a config where a key should. */
static void show_place(char shown[SENTENCE_SIZE], const char *place)
{
    size_t done = 0;
    bool is_in_config = false;
    const char *at = place;
    shown[0] = '\0';
    while (*at != '\0' && done < SENTENCE_SIZE) {
        size_t length = strcspn(at, "/");
        bool is_secret = is_in_config && secret_is_known(at, length);
        is_in_config = is_in_config || (length == 6 && memcmp(at, "config", 6) == 0);
        done += (size_t)snprintf(shown + done, SENTENCE_SIZE - done, "%.*s%s",
                                 is_secret ? (int)strlen(SECRET_MASK) : (int)length,
                                 is_secret ? SECRET_MASK : at, at[length] == '/' ? "/" : "");
        at += length + (at[length] == '/');
    }
}

/* The pointer, and the name of the operator at or above it. */
static void append_pointer_fields(struct buf *fields, const struct manifest *m, const char *pointer)
{
    static const char above[] = "/operators/";
    char shown[SENTENCE_SIZE];
    char *end;
    if (pointer == NULL || pointer[0] == '\0') {
        return;
    }
    show_place(shown, pointer);
    append_field(fields, "pointer", shown);
    if (strncmp(pointer, above, sizeof above - 1) != 0) {
        return;
    }
    unsigned long index = strtoul(pointer + sizeof above - 1, &end, 10);
    const json_t *op = json_array_get(json_object_get(m->root, "operators"), index);
    const char *name = json_string_value(json_object_get(op, "name"));
    if ((*end == '\0' || *end == '/') && name != NULL) {
        append_field(fields, "operator", name);
    }
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
    unsigned char own[SENTENCE_SIZE];
    wording_format(out, own, SENTENCE_SIZE, format, args);
    bool is_cut = strlen(out) == SENTENCE_SIZE - 1;
    secret_redact_but(out, own);
    if (is_cut) {
        memcpy(out + strlen(out) - 3, "...", 4);
    }
}

static void append_pointer(struct buf *b, const char *pointer)
{
    char shown[SENTENCE_SIZE];
    if (pointer[0] != '\0') {
        show_place(shown, pointer);
        append_clean(b, shown);
        buf_append_text(b, ": ");
    }
}

static void add_at_offset(struct message *made, const struct manifest *m, const char *pointer,
                          size_t offset, const char *sentence)
{
    uint32_t line;
    uint32_t column;
    place_line_column(m->text, offset, &line, &column);
    buf_append_format(&made->text, ":%u:%u: ", line, column);
    append_pointer(&made->text, pointer);
    append_clean(&made->text, sentence);
    size_t told = made->text.length;
    snippet_append(&made->text, m->text, m->text_length, offset);
    if (!made->text.failed) {
        secret_redact(made->text.data + told); /* what is shown of the line is text from outside */
    }
    append_field(&made->fields, "file", m->path);
    buf_append_format(&made->fields, ",\"line\":%u,\"column\":%u", line, column);
    append_pointer_fields(&made->fields, m, pointer);
}

static void add_without_place(struct message *made, const struct manifest *m, const char *pointer,
                              const char *set, const char *sentence)
{
    char shown[SENTENCE_SIZE] = "";
    if (set != NULL) {
        show_place(shown, set);
    }
    buf_append_text(&made->text, set == NULL ? ": " : ": --set ");
    append_clean(&made->text, shown);
    buf_append_text(&made->text, set == NULL ? "" : ": ");
    append_clean(&made->text, sentence);
    append_field(&made->fields, "file", m->path);
    append_pointer_fields(&made->fields, m, pointer);
}

static void add_at(struct manifest_errors *errs, struct manifest_messages *list,
                   const struct manifest *m, const char *pointer, enum manifest_spot spot,
                   const char *sentence)
{
    if (list_is_full(list)) {
        return;
    }
    struct message made;
    message_init(&made);
    append_clean(&made.text, m->path);
    const char *set = pointer == NULL ? NULL : origin_find_set(m->origin, pointer);
    struct place place = {.found = true};
    if (set == NULL && pointer != NULL && m->text != NULL) {
        place = place_find(m->text, m->text_length, pointer);
        /* What the text lacks may be there because a --set made something in it. */
        set = place.found ? NULL : origin_find_set_below(m->origin, pointer);
    }
    if (set != NULL || pointer == NULL || m->text == NULL) {
        add_without_place(&made, m, pointer, set, sentence);
    } else {
        size_t offset = spot == MANIFEST_AT_KEY ? place.key_offset : place.value_offset;
        add_at_offset(&made, m, pointer, offset, sentence);
    }
    add_message(errs, list, &made);
}

void manifest_errors_add_va(struct manifest_errors *errs, const struct manifest *m,
                            const char *pointer, enum manifest_spot spot, const char *format,
                            va_list args)
{
    char sentence[SENTENCE_SIZE];
    format_sentence(sentence, format, args);
    add_at(errs, &errs->errors, m, pointer, spot, sentence);
}

void manifest_errors_add(struct manifest_errors *errs, const struct manifest *m,
                         const char *pointer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    manifest_errors_add_va(errs, m, pointer, MANIFEST_AT_VALUE, format, args);
    va_end(args);
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
    struct message made;
    message_init(&made);
    append_clean(&made.text, m->path);
    add_at_offset(&made, m, pointer, offset, sentence);
    add_message(errs, &errs->errors, &made);
}

static void add_plain(struct manifest_errors *errs, struct manifest_messages *list,
                      const char *sentence)
{
    struct message made;
    if (list_is_full(list)) {
        return;
    }
    message_init(&made);
    append_clean(&made.text, sentence);
    add_message(errs, list, &made);
}

void manifest_errors_add_plain(struct manifest_errors *errs, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    add_plain(errs, &errs->errors, sentence);
}

void manifest_warnings_add_plain(struct manifest_errors *errs, const char *format, ...)
{
    char sentence[SENTENCE_SIZE];
    va_list args;
    va_start(args, format);
    format_sentence(sentence, format, args);
    va_end(args);
    add_plain(errs, &errs->warnings, sentence);
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
