/* SPDX-License-Identifier: Apache-2.0 */
#include "exposition.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES_MAX 500

struct family {
    char name[200];
    char type[16];
};

struct parser {
    struct exposition *e;
    struct family families[FAMILIES_MAX];
    size_t family_count;
    bool has_help; /* the last family's HELP was seen, its TYPE is due */
    int line;
};

/* The one that is open; without a name before the first. */
static struct family *last_family(struct parser *p)
{
    return &p->families[p->family_count > 0 ? p->family_count - 1 : 0];
}

static bool fail(struct parser *p, const char *why, const char *at)
{
    (void)snprintf(p->e->error, sizeof p->e->error, "line %d: %s: %.120s", p->line, why, at);
    return false;
}

static bool is_first(char c, bool is_label)
{
    return isalpha((unsigned char)c) || c == '_' || (c == ':' && !is_label);
}

/* Copies a metric or label name; null = there is none or it is too long. */
static const char *take_name(const char *at, char *out, size_t size, bool is_label)
{
    size_t n = 0;
    if (!is_first(*at, is_label)) {
        return NULL;
    }
    while (is_first(*at, is_label) || isdigit((unsigned char)*at)) {
        if (n + 1 >= size) {
            return NULL;
        }
        out[n++] = *at++;
    }
    out[n] = '\0';
    return at;
}

/* Behind the closing quote; null = an escape that the format lacks, or no end. */
static const char *skip_quoted(const char *at)
{
    if (*at++ != '"') {
        return NULL;
    }
    for (; *at != '"'; at++) {
        if (*at == '\0' || (*at == '\\' && strchr("\\\"n", *++at) == NULL) || *at == '\0') {
            return NULL;
        }
    }
    return at + 1;
}

static bool take_labels(struct parser *p, const char **at, char *out, size_t size)
{
    char seen[20][64];
    size_t count = 0;
    const char *begin = *at + 1;
    const char *s = begin;
    do {
        s = take_name(s, seen[count], sizeof seen[count], true);
        if (s == NULL || *s != '=') {
            return fail(p, "no label name", begin);
        }
        for (size_t i = 0; i < count; i++) {
            if (strcmp(seen[i], seen[count]) == 0) {
                return fail(p, "a label stands twice", begin);
            }
        }
        s = skip_quoted(s + 1);
        if (s == NULL) {
            return fail(p, "no label value", begin);
        }
        count++;
    } while (*s == ',' && s++ != NULL && count < 20);
    if (*s != '}' || (size_t)(s - begin) >= size) {
        return fail(p, "no end of the labels", begin);
    }
    memcpy(out, begin, (size_t)(s - begin));
    out[s - begin] = '\0';
    *at = s + 1;
    return true;
}

static bool take_comment(struct parser *p, const char *line)
{
    struct family *last = last_family(p);
    char name[200];
    bool is_help = strncmp(line, "# HELP ", 7) == 0;
    if (!is_help && strncmp(line, "# TYPE ", 7) != 0) {
        return fail(p, "neither HELP nor TYPE", line);
    }
    const char *at = take_name(line + 7, name, sizeof name, false);
    if (at == NULL || *at != ' ') {
        return fail(p, "no metric name", line);
    }
    if (!is_help) {
        if (!p->has_help || strcmp(last->name, name) != 0) {
            return fail(p, "TYPE without its HELP before", line);
        }
        if (strcmp(at + 1, "counter") != 0 && strcmp(at + 1, "gauge") != 0) {
            return fail(p, "no type", line);
        }
        size_t length = strlen(name);
        bool total = length > 6 && strcmp(name + length - 6, "_total") == 0;
        if ((at[1] == 'c') != total) {
            return fail(p, "counters, and only they, end in _total", line);
        }
        (void)snprintf(last->type, sizeof last->type, "%s", at + 1);
        p->has_help = false;
        return true;
    }
    for (size_t i = 0; i < p->family_count; i++) {
        if (strcmp(p->families[i].name, name) == 0) {
            return fail(p, "a second HELP", line);
        }
    }
    if (p->has_help || p->family_count == FAMILIES_MAX || at[1] == '\0') {
        return fail(p, "HELP without text, or two in a row", line);
    }
    memcpy(p->families[p->family_count++].name, name, sizeof name);
    p->has_help = true;
    return true;
}

static bool take_sample(struct parser *p, const char *line)
{
    const struct family *last = last_family(p);
    if (p->e->count == EXPOSITION_SAMPLES_MAX) {
        return fail(p, "too many samples", line);
    }
    struct exposition_sample *s = &p->e->samples[p->e->count];
    const char *at = take_name(line, s->name, sizeof s->name, false);
    s->labels[0] = '\0';
    if (at == NULL || (*at == '{' && !take_labels(p, &at, s->labels, sizeof s->labels))) {
        return p->e->error[0] == '\0' ? fail(p, "no metric name", line) : false;
    }
    if (p->family_count == 0 || p->has_help || strcmp(last->name, s->name) != 0) {
        return fail(p, "a sample that is not in its family", line);
    }
    char *end;
    s->value = strtod(at + 1, &end);
    if (*at != ' ' || end == at + 1 || *end != '\0' || isspace((unsigned char)at[1])) {
        return fail(p, "no value", line);
    }
    if (last->type[0] == 'c' && !(s->value >= 0)) {
        return fail(p, "a counter below 0", line);
    }
    for (size_t i = 0; i < p->e->count; i++) {
        if (strcmp(p->e->samples[i].name, s->name) == 0 &&
            strcmp(p->e->samples[i].labels, s->labels) == 0) {
            return fail(p, "a sample twice", line);
        }
    }
    memcpy(s->type, last->type, sizeof s->type);
    p->e->count++;
    return true;
}

bool exposition_parse(struct exposition *e, const char *text)
{
    static struct parser p;
    static char line[4096];
    memset(&p, 0, sizeof p);
    p.e = e;
    e->count = 0;
    e->error[0] = '\0';
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        p.line++;
        if (text[length] != '\n' || length >= sizeof line || length == 0) {
            return fail(&p, "a line that is empty, too long or has no end", text);
        }
        memcpy(line, text, length);
        line[length] = '\0';
        if (line[0] == '#' ? !take_comment(&p, line) : !take_sample(&p, line)) {
            return false;
        }
        text += length + 1;
    }
    return !p.has_help || fail(&p, "HELP without TYPE", "");
}

const struct exposition_sample *exposition_find(const struct exposition *e, const char *name,
                                                const char *label)
{
    const struct exposition_sample *found = NULL;
    for (size_t i = 0; i < e->count; i++) {
        const struct exposition_sample *s = &e->samples[i];
        if (strcmp(s->name, name) == 0 && strstr(s->labels, label) != NULL) {
            if (found != NULL) {
                return NULL;
            }
            found = s;
        }
    }
    return found;
}
