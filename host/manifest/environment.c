/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/environment.h"

#include "base/buf.h"
#include "manifest/file.h"
#include "manifest/memory.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct environment_entry {
    const char *name;
    const char *value;
};

/* A line of the env file that is being read. */
struct line {
    const char *at;
    const char *end;
    const char *path;
    uint32_t number;
    struct manifest_errors *errs;
};

void environment_init(struct environment *e, const char *const *process)
{
    const char *const *own = (const char *const *)environ;
    *e = (struct environment){.process = process != NULL ? process : own};
}

void environment_fini(struct environment *e)
{
    memory_free(&e->memory);
    *e = (struct environment){.process = e->process};
}

size_t environment_name_length(const char *text, const char *end)
{
    const char *at = text;
    while (at < end && ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') || *at == '_' ||
                        (at > text && *at >= '0' && *at <= '9'))) {
        at++;
    }
    return (size_t)(at - text);
}

static bool name_is(const char *name, const char *wanted, size_t length)
{
    return strncmp(name, wanted, length) == 0 && name[length] == '\0';
}

const char *environment_get(const struct environment *e, const char *name, size_t length)
{
    for (const char *const *p = e->process; p != NULL && *p != NULL; p++) {
        if (strncmp(*p, name, length) == 0 && (*p)[length] == '=') {
            return *p + length + 1;
        }
    }
    for (uint32_t i = e->entry_count; i > 0; i--) {
        if (name_is(e->entries[i - 1].name, name, length)) {
            return e->entries[i - 1].value;
        }
    }
    return NULL;
}

void environment_offer(const struct environment *e, struct nearest *n)
{
    char name[NEAREST_LENGTH_MAX + 1];
    for (const char *const *p = e->process; p != NULL && *p != NULL; p++) {
        size_t length = environment_name_length(*p, *p + strlen(*p));
        if (length > 0 && length < sizeof name && (*p)[length] == '=') {
            memcpy(name, *p, length);
            name[length] = '\0';
            nearest_offer(n, name);
        }
    }
    for (uint32_t i = 0; i < e->entry_count; i++) {
        nearest_offer(n, e->entries[i].name);
    }
}

static void skip_blanks(struct line *l)
{
    while (l->at < l->end && (*l->at == ' ' || *l->at == '\t' || *l->at == '\r')) {
        l->at++;
    }
}

static bool at_end(const struct line *l)
{
    return l->at >= l->end || *l->at == '#';
}

static void line_fault(const struct line *l, const char *what)
{
    manifest_errors_add_plain(l->errs, "%s:%u: %s", l->path, l->number, what);
}

static void append_escaped(struct buf *value, char c)
{
    const char *plain = strchr("\\\"$", c);
    if (c == 'n' || c == 't') {
        buf_append(value, c == 'n' ? "\n" : "\t", 1);
        return;
    }
    if (plain == NULL) {
        buf_append(value, "\\", 1);
    }
    buf_append(value, &c, 1);
}

static bool read_quoted(struct line *l, struct buf *value)
{
    char quote = *l->at++;
    while (l->at < l->end && *l->at != quote) {
        if (quote == '"' && *l->at == '\\' && l->end - l->at > 1) {
            append_escaped(value, l->at[1]);
            l->at += 2;
            continue;
        }
        buf_append(value, l->at++, 1);
    }
    if (l->at >= l->end) {
        line_fault(l, quote == '"' ? "the value's \" is never closed on its line"
                                   : "the value's ' is never closed on its line");
        return false;
    }
    l->at++;
    skip_blanks(l);
    if (!at_end(l)) {
        line_fault(l,
                   "there is text behind the value's closing quote: only a # comment may follow");
        return false;
    }
    return true;
}

/* Up to the end of the line or a # behind a blank. */
static void read_bare(struct line *l, struct buf *value)
{
    const char *start = l->at;
    const char *end = l->at;
    bool blank = true;
    for (; l->at < l->end && !(*l->at == '#' && blank); l->at++) {
        blank = *l->at == ' ' || *l->at == '\t' || *l->at == '\r';
        end = blank ? end : l->at + 1;
    }
    buf_append(value, start, (size_t)(end - start));
}

static void add_entry(struct environment *e, const struct line *l, const char *name,
                      size_t name_length, const struct buf *value)
{
    if (e->entry_count == ENVIRONMENT_ENTRIES_MAX) {
        line_fault(l, "there are more than 4096 variables");
        return;
    }
    if (e->entries == NULL) {
        e->entries = memory_alloc(&e->memory, ENVIRONMENT_ENTRIES_MAX, sizeof *e->entries);
    }
    struct environment_entry entry = {
        .name = memory_copy(&e->memory, name, name_length),
        .value = memory_copy(&e->memory, value->data == NULL ? "" : value->data, value->length)};
    if (value->failed || e->entries == NULL || entry.name == NULL || entry.value == NULL) {
        l->errs->out_of_memory = true;
        return;
    }
    e->entries[e->entry_count++] = entry;
}

static void read_line(struct environment *e, struct line *l)
{
    skip_blanks(l);
    if (at_end(l)) {
        return;
    }
    if (l->end - l->at > 7 && memcmp(l->at, "export", 6) == 0 &&
        (l->at[6] == ' ' || l->at[6] == '\t')) {
        l->at += 7;
        skip_blanks(l);
    }
    const char *name = l->at;
    size_t name_length = environment_name_length(name, l->end);
    l->at += name_length;
    skip_blanks(l);
    if (name_length == 0 || l->at >= l->end || *l->at != '=') {
        line_fault(l, "this is not KEY=VALUE; a key has letters, digits and _, and no digit first");
        return;
    }
    l->at++;
    skip_blanks(l);
    struct buf value;
    buf_init(&value, ENVIRONMENT_FILE_MAX);
    bool ok = true;
    if (l->at < l->end && (*l->at == '"' || *l->at == '\'')) {
        ok = read_quoted(l, &value);
    } else {
        read_bare(l, &value);
    }
    if (ok) {
        add_entry(e, l, name, name_length, &value);
    }
    buf_fini(&value);
}

void environment_load_text(struct environment *e, const char *path, const char *text, size_t length,
                           struct manifest_errors *errs)
{
    const char *end = text + length;
    struct line l = {.path = path, .errs = errs};
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        l.number++;
        l.at = text;
        l.end = line_end == NULL ? end : line_end;
        if (memchr(text, '\0', (size_t)(l.end - text)) != NULL) {
            line_fault(&l, "there is a NUL byte: this is not a text file");
            return;
        }
        read_line(e, &l);
        text = line_end == NULL ? end : line_end + 1;
    }
}

/* A pipe or a file of another system has no mode that says anything. */
static void warn_of_readers(const char *path, struct manifest_errors *errs)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0) {
        manifest_warnings_add_plain(
            errs, "%s: everybody on this machine may read it (mode %04o): chmod 600 it", path,
            st.st_mode & 07777u);
    }
}

void environment_load_file(struct environment *e, const char *path, struct manifest_errors *errs)
{
    struct buf text;
    char why[FILE_WHY_SIZE];
    buf_init(&text, ENVIRONMENT_FILE_MAX);
    if (file_read(AT_FDCWD, path, &text, why)) {
        warn_of_readers(path, errs);
        environment_load_text(e, path, text.data, text.length, errs);
    } else {
        manifest_errors_add_plain(errs, "cannot read the env file \"%s\": %s", path, why);
    }
    buf_fini(&text);
}
