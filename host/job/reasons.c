/* SPDX-License-Identifier: Apache-2.0 */
#include "job/reasons.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CODE_SIZE    32
#define TEXT_SIZE    512
#define EXAMPLE_SIZE 160

struct counted {
    const char *operator_name;
    char code[CODE_SIZE];
    char text[TEXT_SIZE];       /* of the last one */
    char example[EXAMPLE_SIZE]; /* it */
    bool skipped;
    uint64_t count;   /* since it was told last */
    int64_t told_ns;  /* 0 = never */
    int64_t since_ns; /* when the first one came that is not told */
};

struct reasons {
    pthread_mutex_t mutex;
    struct counted items[REASONS_MAX];
    uint32_t item_count;
};

struct reasons *reasons_create(void)
{
    struct reasons *r = calloc(1, sizeof *r);
    if (r != NULL) {
        (void)pthread_mutex_init(&r->mutex, NULL);
    }
    return r;
}

void reasons_destroy(struct reasons *r)
{
    if (r != NULL) {
        (void)pthread_mutex_destroy(&r->mutex);
        free(r);
    }
}

static bool is_of(const struct counted *c, const struct reason *reason)
{
    return strcmp(c->operator_name, reason->operator_name) == 0 &&
           strncmp(c->code, reason->code, sizeof c->code - 1) == 0;
}

/* The last entry takes what has none. */
static struct counted *find(struct reasons *r, const struct reason *reason)
{
    uint32_t i = 0;
    while (i < r->item_count && !is_of(&r->items[i], reason)) {
        i++;
    }
    if (i < r->item_count) {
        return &r->items[i];
    }
    if (r->item_count == REASONS_MAX) {
        return &r->items[REASONS_MAX - 1];
    }
    struct counted *c = &r->items[r->item_count++];
    c->operator_name = reason->operator_name;
    (void)snprintf(c->code, sizeof c->code, "%s", reason->code);
    return c;
}

/* "1 dead letter", "7 records skipped in 10.0 s" */
static void describe(const struct counted *c, int64_t now_ns, char *out, size_t size)
{
    const char *what = c->skipped ? (c->count == 1 ? "record skipped" : "records skipped")
                                  : (c->count == 1 ? "dead letter" : "dead letters");
    int length = snprintf(out, size, "%llu %s", (unsigned long long)c->count, what);
    if (c->count > 1) {
        int64_t from_ns = c->told_ns != 0 ? c->told_ns : c->since_ns;
        (void)snprintf(out + length, size - (size_t)length, " in %.1f s",
                       (double)(now_ns - from_ns) / (double)CLOCK_NS_PER_S);
    }
}

static void tell(struct counted *c, int64_t now_ns)
{
    char what[96];
    char text[sizeof what + CODE_SIZE + TEXT_SIZE + EXAMPLE_SIZE + 32];
    struct buf fields;
    describe(c, now_ns, what, sizeof what);
    (void)snprintf(text, sizeof text, "%s (%s): %s; %s%s", what, c->code, c->text,
                   c->count > 1 ? "the last: " : "", c->example);
    buf_init(&fields, 512);
    buf_append_text(&fields, "\"code\":");
    buf_append_json_string(&fields, c->code, strlen(c->code));
    buf_append_format(&fields, ",\"skipped\":%s,\"count\":%llu", c->skipped ? "true" : "false",
                      (unsigned long long)c->count);
    log_event(PH_LOG_WARNING, c->operator_name, text, fields.data != NULL ? fields.data : "");
    buf_fini(&fields);
    c->told_ns = now_ns;
    c->count = 0;
}

static bool is_due(const struct counted *c, int64_t now_ns)
{
    return c->told_ns == 0 || now_ns - c->told_ns >= REASONS_INTERVAL_NS;
}

void reasons_count(struct reasons *r, const struct reason *reason, int64_t now_ns)
{
    (void)pthread_mutex_lock(&r->mutex);
    struct counted *c = find(r, reason);
    c->since_ns = c->count == 0 ? now_ns : c->since_ns;
    c->count++;
    c->skipped = reason->skipped;
    (void)snprintf(c->text, sizeof c->text, "%s", reason->text);
    (void)snprintf(c->example, sizeof c->example, "%s", reason->example);
    if (is_due(c, now_ns)) {
        tell(c, now_ns);
    }
    (void)pthread_mutex_unlock(&r->mutex);
}

void reasons_tell(struct reasons *r, int64_t now_ns, bool all)
{
    (void)pthread_mutex_lock(&r->mutex);
    for (uint32_t i = 0; i < r->item_count; i++) {
        struct counted *c = &r->items[i];
        if (c->count > 0 && (all || is_due(c, now_ns))) {
            tell(c, now_ns);
        }
    }
    (void)pthread_mutex_unlock(&r->mutex);
}
