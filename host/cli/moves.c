/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moves.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool moves_parse(const char *text, struct moves_filter *f)
{
    *f = (struct moves_filter){.partition = -1};
    if (text == NULL) {
        return true;
    }
    const char *slash = strrchr(text, '/');
    const char *number = slash != NULL ? slash + 1 : text;
    char *end;
    errno = 0;
    long partition = strtol(number, &end, 10);
    size_t length = slash != NULL ? (size_t)(slash - text) : 0;
    if (errno != 0 || end == number || *end != '\0' || partition < 0 || partition > INT32_MAX ||
        length >= sizeof f->topic || slash == text) {
        return false;
    }
    memcpy(f->topic, text, length);
    f->partition = (int32_t)partition;
    return true;
}

bool moves_match(const struct moves_filter *f, const struct ph_partition *p)
{
    return (f->partition < 0 || f->partition == p->partition) &&
           (f->topic[0] == '\0' || strcmp(f->topic, p->topic) == 0);
}

bool moves_init(struct moves *m, struct node *sink, uint32_t capacity)
{
    *m = (struct moves){.sink = sink, .items = calloc(capacity + 1u, sizeof *m->items)};
    return m->items != NULL;
}

void moves_fini(struct moves *m)
{
    free(m->items);
    m->items = NULL;
}

void moves_add(struct moves *m, uint32_t id, int64_t from, int64_t to)
{
    m->items[m->count++] = (struct move){.id = id, .from = from, .to = to};
}

static void tell_offset(int64_t offset, char *text, size_t size)
{
    if (offset < 0) {
        (void)snprintf(text, size, "none");
    } else {
        (void)snprintf(text, size, "%lld", (long long)offset);
    }
}

/* Offsets may have holes: so many at most. */
static void tell_effect(const struct move *move, char *text, size_t size)
{
    long long by = (long long)(move->to - move->from);
    if (move->to < 0) {
        (void)snprintf(text, size, "the next start begins by the startup mode");
    } else if (move->from < 0) {
        (void)snprintf(text, size, "it had no position");
    } else if (by == 0) {
        (void)snprintf(text, size, "accepted as it is");
    } else {
        by = by < 0 ? -by : by;
        (void)snprintf(text, size, "at most %lld record%s will be %s", by, by == 1 ? "" : "s",
                       move->to > move->from ? "skipped" : "written again");
    }
}

void moves_tell(const struct moves *m, const struct move *move, char *line)
{
    const struct ph_partition *p = m->sink->job->partitions.items[move->id];
    char from[32];
    char to[32];
    char effect[96];
    tell_offset(move->from, from, sizeof from);
    tell_offset(move->to, to, sizeof to);
    tell_effect(move, effect, sizeof effect);
    (void)snprintf(line, MOVES_LINE_SIZE, "%s/%s %s[%d]: %s -> %s, %s", m->sink->manifest->name,
                   p->source, p->topic, p->partition, from, to, effect);
}

int32_t moves_apply(const struct moves *m, struct ph_error *err)
{
    struct ph_position *positions = calloc(m->count + 1u, sizeof *positions);
    if (positions == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    for (uint32_t i = 0; i < m->count; i++) {
        positions[i] =
            (struct ph_position){.partition_id = m->items[i].id, .next_offset = m->items[i].to};
    }
    int32_t rc = m->count > 0 ? kept_set(m->sink, positions, m->count, err) : PH_OK;
    free(positions);
    return rc;
}
