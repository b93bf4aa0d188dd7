/* SPDX-License-Identifier: Apache-2.0 */
/* pipehost deadletter list, show and discard; replay is in deadletter_replay.c. */
#include "base/escape.h"
#include "cli/commands.h"
#include "cli/letters.h"
#include "delivery/letter_discard.h"
#include "delivery/letter_time.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 1000u /* more kinds of letters than that are told as one */

static int fail(const struct ph_error *err)
{
    (void)fprintf(stderr, "pipehost: %s\n", err->text);
    return (err->flags & PH_ERR_CONFIG) != 0 ? EXIT_STATUS_CONFIG : EXIT_STATUS_FAILURE;
}

static struct letters_reading reading_of(const struct options *o)
{
    return (struct letters_reading){
        .path = o->path, .operator_name = o->operator_name, .until_us = o->until_us};
}

static int end_output(const struct letters_reading *r)
{
    if (r->bad > 0) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "pipehost: %llu lines are no whole letter, the first at %s\n",
                      (unsigned long long)r->bad, r->first_bad);
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}

/* ---- list ---- */

#define PATTERN_SIZE 160

struct group {
    char *operator_name;
    char *code;
    char *reason;               /* of its first letter */
    char pattern[PATTERN_SIZE]; /* what the reasons of a group have in common */
    uint64_t count;
    int64_t first;
    int64_t last;
};

struct groups {
    struct group items[GROUPS_MAX + 1]; /* the last one: all other kinds */
    uint32_t count;
    uint64_t letters;
    bool out_of_memory;
};

/* With its quotes. */
static size_t quoted_length(const char *quote)
{
    size_t length = 1 + strcspn(quote + 1, "\"");
    return length + (quote[length] == '"');
}

/* Of a column, a table, a constraint: the same for many records. */
static bool is_name(const char *quoted, size_t length)
{
    static const char of_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.";
    return length > 2 && strspn(quoted + 1, of_names) == length - 2;
}

/* A reason without what is of one record only: numbers, values, and what follows a semicolon. */
static void make_pattern(const char *reason, char out[PATTERN_SIZE])
{
    size_t length = 0;
    const char *at = reason;
    while (*at != '\0' && *at != ';') {
        bool is_quoted = *at == '"';
        size_t digits = strspn(at, "0123456789");
        size_t run = is_quoted ? quoted_length(at) : digits > 0 ? digits : 1;
        bool stays = is_quoted ? is_name(at, run) : digits == 0;
        size_t size = stays ? run : 1;
        if (length + size >= PATTERN_SIZE) {
            break;
        }
        memcpy(out + length, stays ? at : "#", size);
        length += size;
        at += run;
    }
    out[length] = '\0';
}

static struct group *find_group(struct groups *g, const struct letter_view *l)
{
    uint32_t i = 0;
    char pattern[PATTERN_SIZE];
    make_pattern(l->reason, pattern);
    while (i < g->count &&
           (strcmp(g->items[i].pattern, pattern) != 0 || strcmp(g->items[i].code, l->code) != 0 ||
            strcmp(g->items[i].operator_name, l->operator_name) != 0)) {
        i++;
    }
    if (i < g->count) {
        return &g->items[i];
    }
    struct group *own = &g->items[i];
    bool is_rest = i >= GROUPS_MAX;
    if (is_rest && own->count > 0) {
        return own;
    }
    *own = (struct group){.operator_name = strdup(is_rest ? "" : l->operator_name),
                          .code = strdup(is_rest ? "" : l->code),
                          .reason = strdup(is_rest ? "other reasons" : l->reason),
                          .first = l->place};
    memcpy(own->pattern, pattern, sizeof pattern);
    g->out_of_memory = own->operator_name == NULL || own->code == NULL || own->reason == NULL;
    g->count += !is_rest;
    return own;
}

static bool count_letter(void *arg, const struct letter_view *l)
{
    struct groups *g = arg;
    struct group *own = find_group(g, l);
    own->count++;
    own->last = l->place;
    g->letters++;
    return !g->out_of_memory;
}

static int more_first(const void *a, const void *b)
{
    const struct group *x = a;
    const struct group *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : x->first < y->first ? -1 : 1;
}

/* Text of others on a terminal: nothing in it may be taken as a command. */
static void print_text(const char *text, size_t length)
{
    const char *at = text;
    const char *end = text + length;
    while (at < end) {
        char out[ESCAPE_JSON_MAX];
        bool is_plain = *at == '"' || *at == '\\' || *at == '/';
        size_t n = is_plain ? 1 : escape_json(&at, end, out);
        (void)fwrite(is_plain ? at : out, 1, n, stdout);
        at += is_plain;
    }
}

static void print_group(const struct group *g)
{
    char first[LETTER_TIME_SIZE];
    char last[LETTER_TIME_SIZE];
    letter_time_print(g->first, first);
    letter_time_print(g->last, last);
    (void)printf("%8llu  %-16s %-16s %s  %s  ", (unsigned long long)g->count, g->operator_name,
                 g->code, first, last);
    print_text(g->reason, strcspn(g->reason, ";"));
    (void)printf("\n");
}

static json_t *group_json(const struct group *g)
{
    char first[LETTER_TIME_SIZE];
    char last[LETTER_TIME_SIZE];
    letter_time_print(g->first, first);
    letter_time_print(g->last, last);
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "operator", g->operator_name, "code",
                     g->code, "reason", g->reason, "count", (json_int_t)g->count, "first", first,
                     "last", last);
}

static bool print_json(const struct groups *g, const struct letters_reading *r)
{
    json_t *list = json_array();
    uint32_t count = g->count + (g->items[GROUPS_MAX].count > 0 && g->count == GROUPS_MAX);
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        (void)json_array_append_new(list, group_json(&g->items[i]));
    }
    json_t *all =
        json_pack("{s:s, s:I, s:I, s:o}", "file", r->path, "letters", (json_int_t)g->letters,
                  "bad_lines", (json_int_t)r->bad, "groups", list);
    bool ok = all != NULL && json_dumpf(all, stdout, 0) == 0;
    json_decref(all);
    (void)printf("\n");
    return ok;
}

static int list(const struct options *o)
{
    struct letters_reading r = reading_of(o);
    struct ph_error err;
    struct groups *g = calloc(1, sizeof *g);
    int status = EXIT_STATUS_FAILURE;
    ph_error_clear(&err);
    r.take = count_letter;
    r.arg = g;
    if (g == NULL || letters_each(&r, &err) != PH_OK || g->out_of_memory) {
        (void)(ph_error_is_set(&err) || ph_error_set(&err, PH_ERR_FATAL, "out of memory"));
        status = fail(&err);
    } else {
        uint32_t count = g->count + (g->items[GROUPS_MAX].count > 0);
        qsort(g->items, g->count, sizeof g->items[0], more_first);
        if (!o->json) {
            (void)printf("%8s  %-16s %-16s %-27s  %-27s  %s\n", "letters", "operator", "code",
                         "first", "last", "reason");
        }
        for (uint32_t i = 0; !o->json && i < count; i++) {
            print_group(&g->items[i]);
        }
        status = o->json && !print_json(g, &r) ? EXIT_STATUS_FAILURE : end_output(&r);
    }
    for (uint32_t i = 0; g != NULL && i <= GROUPS_MAX; i++) {
        free(g->items[i].operator_name);
        free(g->items[i].code);
        free(g->items[i].reason);
    }
    free(g);
    return status;
}

/* ---- show ---- */

struct showing {
    uint64_t left; /* letters to print */
    bool json;
};

static void print_member(const json_t *letter, const char *name)
{
    const json_t *value = json_object_get(letter, name);
    if (value == NULL) {
        return;
    }
    (void)printf("  %s: ", name);
    if (json_is_string(value)) {
        print_text(json_string_value(value), json_string_length(value));
    } else {
        (void)json_dumpf(value, stdout, JSON_ENCODE_ANY);
    }
    (void)printf("\n");
}

static void print_letter(const struct letter_view *l)
{
    static const char *const members[] = {
        "code",         "reason", "source",     "topic", "partition",    "offset",     "sub",
        "timestamp_ms", "key",    "key_base64", "value", "value_base64", "value_bytes"};
    char time[LETTER_TIME_SIZE];
    letter_time_print(l->place, time);
    (void)printf("%s ", time);
    print_text(l->operator_name, strlen(l->operator_name));
    (void)printf("\n");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        print_member(l->json, members[i]);
    }
}

static bool show_letter(void *arg, const struct letter_view *l)
{
    struct showing *s = arg;
    if (s->json) {
        (void)fwrite(l->line, 1, l->length, stdout);
        (void)printf("\n");
    } else {
        print_letter(l);
    }
    return --s->left > 0 && ferror(stdout) == 0;
}

static int show(const struct options *o)
{
    struct letters_reading r = reading_of(o);
    struct showing s = {.left = o->limit > 0 ? o->limit : UINT64_MAX, .json = o->json};
    struct ph_error err;
    ph_error_clear(&err);
    r.take = show_letter;
    r.arg = &s;
    return letters_each(&r, &err) == PH_OK ? end_output(&r) : fail(&err);
}

/* ---- discard ---- */

/* Without an --operator or --until everything goes, also what is no letter. */
static bool is_taken(void *arg, const char *line, size_t length)
{
    const struct letters_reading *r = arg;
    struct letter_view letter;
    json_t *json = NULL;
    if (r->operator_name == NULL && r->until_us == 0) {
        return true;
    }
    bool taken = letters_parse(line, length, &json, &letter) && letters_has(r, &letter);
    json_decref(json);
    return taken;
}

static int discard(const struct options *o)
{
    struct letters_reading r = reading_of(o);
    struct letter_discard d = {
        .path = o->path, .file_count = LETTERS_FILES_MAX, .takes = is_taken, .arg = &r};
    struct ph_error err;
    ph_error_clear(&err);
    if (!o->yes) {
        (void)fprintf(stderr,
                      "pipehost: nothing was discarded: add --yes, or look first with deadletter "
                      "list %s\n",
                      o->path);
        return EXIT_STATUS_USAGE;
    }
    int32_t rc = letter_discard(&d, &err);
    if (rc == PH_PENDING) {
        (void)fprintf(stderr,
                      "pipehost: a running pipeline writes its dead letters to %s: stop it first\n",
                      o->path);
        return EXIT_STATUS_RUNNING;
    }
    if (rc != PH_OK) {
        return fail(&err);
    }
    (void)printf("%llu letters went to %s" LETTER_FILE_DISCARDED ", %llu stay\n",
                 (unsigned long long)d.discarded, o->path, (unsigned long long)d.kept);
    return EXIT_STATUS_OK;
}

int command_deadletter(const struct options *o)
{
    switch (o->verb) {
    case DEADLETTER_LIST:
        return list(o);
    case DEADLETTER_SHOW:
        return show(o);
    case DEADLETTER_DISCARD:
        return discard(o);
    default:
        return command_deadletter_replay(o);
    }
}
