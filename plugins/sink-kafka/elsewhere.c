/* SPDX-License-Identifier: Apache-2.0 */
/* Positions that are not where they would be kept now: the settings, or the source's cluster, are
 * not what they were. */
#include "epochs.h"

#include <stdlib.h>

/* A file has no offsets in a group. */
static bool may_be_elsewhere(const struct held *h, const struct note *found)
{
    return !note_is_there(found) && h->cluster[0] != '\0';
}

static bool any_in_topic(const struct positions *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->items[i].in_topic) {
            return true;
        }
    }
    return false;
}

static int32_t read_other(struct epochs *e, const struct positions *others, struct note *notes,
                          struct ph_error *err)
{
    bool has_topic = false;
    if (group_offsets_read(e->producer, others, true, notes, err) != PH_OK ||
        (any_in_topic(others) && positions_topic_find(e->producer, &has_topic, err) != PH_OK)) {
        return PH_ERROR;
    }
    return has_topic ? positions_topic_read(e->producer, others, true, notes, err) : PH_OK;
}

/* Who may not read there never wrote there either, as far as this user can tell. */
static int32_t forgive(const struct epochs *e, struct ph_error *err)
{
    const struct producer *p = e->producer;
    if ((err->flags & PH_ERR_CONFIG) == 0) {
        return PH_ERROR;
    }
    link_log(&p->link, PH_LOG_WARNING,
             "positions that were kept in another place are not looked for: %s", err->text);
    ph_error_clear(err);
    return PH_OK;
}

/* To begin anew there would write again what is written. */
static int32_t refuse_lost(const struct epochs *e, const struct held *h, struct ph_error *err)
{
    const struct producer *p = e->producer;
    const struct ph_host *host = p->link.task->host;
    (void)ph_error_set(
        err, PH_ERR_CONFIG,
        "the position of %s[%d] was moved, and is not where it would be now (%s %s): "
        "set positions and positions_topic as they were; or pipehost positions set MANIFEST --sink "
        "%s --to earliest (or latest, or an offset) says where it goes on",
        h->topic, h->partition, h->in_topic ? "a group of Kafka at" : "positions_topic",
        h->in_topic ? p->settings->brokers : p->settings->positions_topic, host->operator_name);
    ph_error_set_key(err, "/positions_topic");
    return PH_ERROR;
}

static int32_t take(struct epochs *e, const struct positions *others, const struct note *notes,
                    struct note *found, struct ph_error *err)
{
    const struct producer *p = e->producer;
    uint32_t moved = 0;
    for (uint32_t i = 0, k = 0; k < others->count; i++) {
        struct held *h = &e->positions.items[i];
        if (h->id != others->items[k].id) {
            continue;
        }
        h->is_elsewhere = note_is_there(&notes[k]);
        if (!h->is_elsewhere && found[i].next_offset == NOTE_MOVED) {
            return refuse_lost(e, h, err);
        }
        found[i] = h->is_elsewhere ? notes[k] : (struct note){.next_offset = -1};
        moved += h->is_elsewhere;
        k++;
    }
    if (moved > 0) {
        link_log(&p->link, PH_LOG_INFO,
                 "positions of %u partitions were kept in another place (groups of the cluster, or "
                 "topic \"%s\"): they move to where they are kept now",
                 moved, p->settings->positions_topic);
    }
    return PH_OK;
}

/* Those that the place where they are kept now says nothing of. */
static void collect(struct epochs *e, const struct note *found, struct positions *others,
                    struct note *notes)
{
    for (uint32_t i = 0; i < e->positions.count; i++) {
        struct held *h = &e->positions.items[i];
        h->is_elsewhere = false;
        if (may_be_elsewhere(h, &found[i])) {
            struct held *other = &others->items[others->count];
            notes[others->count++] = (struct note){.next_offset = -1};
            *other = *h; /* its texts stay the other one's */
            other->in_topic = !h->in_topic;
        }
    }
}

static int32_t look(struct epochs *e, const struct positions *others, struct note *notes,
                    struct note *found, struct ph_error *err)
{
    if (others->count == 0) {
        return PH_OK;
    }
    if (read_other(e, others, notes, err) != PH_OK && forgive(e, err) != PH_OK) {
        return PH_ERROR;
    }
    return take(e, others, notes, found, err);
}

int32_t epochs_look_elsewhere(struct epochs *e, struct note *found, struct ph_error *err)
{
    size_t room = e->positions.count + 1u;
    struct positions others = {.pipeline = e->positions.pipeline,
                               .items = calloc(room, sizeof *others.items)};
    struct note *notes = calloc(room, sizeof *notes);
    int32_t result;
    if (others.items == NULL || notes == NULL) {
        result = ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    } else {
        collect(e, found, &others, notes);
        result = look(e, &others, notes, found, err);
    }
    free(notes);
    free(others.items);
    return result;
}

int32_t epochs_move_position(struct epochs *e, const struct held *h, struct ph_error *err)
{
    struct held left = *h;
    left.in_topic = !h->in_topic;
    left.note.next_offset = NOTE_MOVED;
    left.note.fingerprint = 0;
    return h->is_elsewhere ? epochs_add_position(e, &left, err) : PH_OK;
}
