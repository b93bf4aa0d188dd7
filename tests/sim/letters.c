/* SPDX-License-Identifier: Apache-2.0 */
/* Dead-letter files that lose what was not synced, and the core's own memory of what is in them. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_SIZE 256

static size_t format_partition(char *out, size_t size, uint32_t partition)
{
    return (size_t)snprintf(out, size, ",\"source\":\"s\",\"topic\":\"t\",\"partition\":%u",
                            partition);
}

/* The line as delivery/dead_letter writes it. */
static size_t format_letter(char out[LINE_SIZE], const struct sim_letter *l)
{
    char partition[64];
    (void)format_partition(partition, sizeof partition, l->row.partition);
    return (size_t)snprintf(out, LINE_SIZE,
                            "{\"time\":\"t\",\"pipeline\":\"p\",\"operator\":\"k%u\"%s,\"offset\":"
                            "%lld,\"sub\":%u,\"code\":\"c\",\"reason\":\"r\",\"value\":null}",
                            l->sink, partition, (long long)l->row.offset, l->row.sub);
}

static struct letter_id id_of(const struct letter_memory *m, const struct sim_letter *l)
{
    char line[LINE_SIZE];
    struct letter_id id = {0};
    size_t length = format_letter(line, l);
    SIM_MUST(letter_memory_read(m, line, length, &id), "a letter is not known: %s", line);
    return id;
}

static void append(struct sim_box *box, const struct sim_letter *l)
{
    if (box->count == box->capacity) {
        box->capacity = box->capacity == 0 ? 64 : box->capacity * 2;
        box->letters = realloc(box->letters, box->capacity * sizeof *box->letters);
        SIM_MUST(box->letters != NULL, "out of memory");
    }
    box->letters[box->count++] = *l;
}

int32_t sim_letters_add(struct sim_task *t, const struct sim_row *row)
{
    struct sim_process *p = t->process;
    struct sim_letter letter = {*row, t->sink};
    struct letter_id id = id_of(&p->letters, &letter);
    if (!sim_process_call(p) || sim_chance(p->world, p->world->shape.fault_percent)) {
        return PH_ERROR;
    }
    if (!letter_memory_has(&p->letters, &id)) {
        append(&p->world->boxes[p->machine], &letter);
        letter_memory_add(&p->letters, &id);
        p->world->counts.letters++;
    }
    return PH_OK;
}

void sim_letters_sync(struct sim_process *p)
{
    struct sim_box *box = &p->world->boxes[p->machine];
    box->synced = box->count;
}

void sim_letters_crash(struct sim_process *p)
{
    struct sim_box *box = &p->world->boxes[p->machine];
    uint32_t open = box->count - box->synced;
    box->count = box->synced + (uint32_t)sim_draw(p->world, open + 1u);
    box->synced = box->count;
}

bool sim_letters_recall(struct sim_process *p)
{
    struct sim_world *w = p->world;
    const struct sim_box *box = &w->boxes[p->machine];
    bool ok = true;
    for (uint32_t id = 0; id < w->shape.partition_count; id++) {
        char text[64];
        size_t length = format_partition(text, sizeof text, id);
        if (p->next[id] >= 0) {
            ok = letter_memory_begin_at(&p->letters, text, length, p->next[id]) && ok;
        }
    }
    for (uint32_t i = 0; i < box->count; i++) {
        struct letter_id id = id_of(&p->letters, &box->letters[i]);
        ok = letter_memory_add_earlier(&p->letters, &id) && ok;
    }
    return ok;
}

static int64_t position_after(const struct sim_transaction *x, uint32_t partition)
{
    for (uint32_t i = 0; i < x->position_count; i++) {
        if (x->positions[i].partition_id == partition) {
            return x->positions[i].next_offset;
        }
    }
    return -1;
}

void sim_letters_check_synced(const struct sim_task *t, const struct sim_transaction *x)
{
    const struct sim_box *box = &t->process->world->boxes[t->process->machine];
    for (uint32_t i = box->synced; i < box->count; i++) {
        const struct sim_letter *l = &box->letters[i];
        SIM_MUST(l->sink != t->sink || l->row.offset >= position_after(x, l->row.partition),
                 "sink %u commits a position behind the letter of %u/%lld.%u, which is not synced",
                 t->sink, l->row.partition, (long long)l->row.offset, l->row.sub);
    }
}

uint32_t sim_letters_count(const struct sim_box *box, uint32_t sink, const struct sim_row *row)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < box->count; i++) {
        const struct sim_letter *l = &box->letters[i];
        count += l->sink == sink && l->row.partition == row->partition &&
                 l->row.offset == row->offset && l->row.sub == row->sub;
    }
    return count;
}
