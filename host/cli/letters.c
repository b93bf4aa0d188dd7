/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/letters.h"

#include "delivery/letter_file.h"
#include "delivery/letter_time.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct pass {
    struct letters_reading *reading;
    uint32_t file;
    uint64_t line;
    int64_t last; /* place of the letter before */
    bool is_over;
};

static const char *text_of(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));
    return value != NULL ? value : "";
}

bool letters_parse(const char *line, size_t length, json_t **json, struct letter_view *out)
{
    int64_t time_us = letter_time_of_line(line, length);
    *json = time_us < 0 ? NULL : json_loadb(line, length, JSON_ALLOW_NUL, NULL);
    if (json_object_get(*json, "operator") == NULL ||
        (json_object_get(*json, "value") == NULL &&
         json_object_get(*json, "value_base64") == NULL)) {
        json_decref(*json);
        *json = NULL;
        return false;
    }
    const json_t *sub = json_object_get(*json, "sub");
    *out = (struct letter_view){.place = time_us,
                                .line = line,
                                .length = length,
                                .json = *json,
                                .pipeline = text_of(*json, "pipeline"),
                                .operator_name = text_of(*json, "operator"),
                                .source = text_of(*json, "source"),
                                .code = text_of(*json, "code"),
                                .reason = text_of(*json, "reason"),
                                .sub_index = sub != NULL ? json_integer_value(sub) : -1,
                                .is_cut = json_object_get(*json, "value_bytes") != NULL};
    return true;
}

bool letters_has(const struct letters_reading *r, const struct letter_view *l)
{
    return (r->operator_name == NULL || strcmp(r->operator_name, l->operator_name) == 0) &&
           (r->until_us == 0 || l->place <= r->until_us);
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            return false;
        }
    }
    return true;
}

static void count_bad(struct pass *p)
{
    char number[16] = "";
    if (p->reading->bad++ > 0) {
        return;
    }
    if (p->file > 0) {
        (void)snprintf(number, sizeof number, ".%u", p->file);
    }
    (void)snprintf(p->reading->first_bad, sizeof p->reading->first_bad, "%.250s%s:%llu",
                   p->reading->path, number, (unsigned long long)p->line);
}

static void take_line(void *arg, const char *text, size_t length)
{
    struct pass *p = arg;
    struct letter_view letter;
    json_t *json = NULL;
    p->line++;
    if (p->is_over || is_blank(text, length)) {
        return;
    }
    if (!letters_parse(text, length, &json, &letter)) {
        count_bad(p);
        /* Where source-dead-letters counts it, so that both number the ones behind alike. */
        int64_t time_us = letter_time_of_line(text, length);
        p->last = time_us < 0 ? p->last : time_us > p->last ? time_us : p->last + 1;
        return;
    }
    p->last = letter.place > p->last ? letter.place : p->last + 1;
    letter.place = p->last;
    if (letters_has(p->reading, &letter)) {
        p->is_over = !p->reading->take(p->reading->arg, &letter);
    }
    json_decref(json);
}

static bool is_there(const char *path, uint32_t n)
{
    char name[PATH_MAX];
    (void)snprintf(name, sizeof name, n == 0 ? "%s" : "%s.%u", path, n);
    return access(name, F_OK) == 0;
}

int32_t letters_each(struct letters_reading *reading, struct ph_error *err)
{
    struct pass p = {.reading = reading, .last = -1};
    struct letter_file f;
    bool any = false;
    if (!letter_file_init(&f, reading->path, LETTER_FILE_MAX_BYTES, LETTERS_FILES_MAX)) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    int32_t rc = PH_OK;
    for (uint32_t n = LETTERS_FILES_MAX; rc == PH_OK && n-- > 0;) {
        if (!is_there(reading->path, n)) {
            continue;
        }
        any = true;
        p.file = n;
        p.line = 0;
        rc = letter_file_each_of(&f, n, take_line, &p, err);
    }
    letter_file_fini(&f);
    if (rc == PH_OK && !any) {
        return ph_error_set(err, PH_ERR_CONFIG, "there is no file %s, nor %s.1", reading->path,
                            reading->path);
    }
    return rc;
}
