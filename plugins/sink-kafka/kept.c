/* SPDX-License-Identifier: Apache-2.0 */
/* pipehost.positions/1: what is kept, shown and set from outside. */
#include "epochs.h"

#include <stdlib.h>

/* ---- reading */

static int32_t read_kept(struct epochs *e, bool is_stable, struct positions *found,
                         struct ph_error *err)
{
    const struct producer *p = e->producer;
    char cluster[NOTE_CLUSTER_SIZE] = "";
    if (!p->settings->is_always_topic) {
        epochs_name_cluster(e, cluster);
        if (group_offsets_list(e->producer, cluster, is_stable, found, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return positions_topic_list(e->producer, cluster, is_stable, found, err);
}

static struct ph_kept_position kept_of(const struct held *h)
{
    return (struct ph_kept_position){.size = (uint32_t)sizeof(struct ph_kept_position),
                                     .fingerprint = h->note.fingerprint,
                                     .source = h->source,
                                     .topic = h->topic,
                                     .cluster = h->cluster,
                                     .partition = h->partition,
                                     .next_offset = h->note.next_offset,
                                     .fence = -1,
                                     .owner = h->note.owner,
                                     .moved_ms = -1};
}

int32_t epochs_list_kept(struct epochs *e, const char *pipeline, struct ph_kept_positions *list,
                         struct ph_error *err)
{
    struct positions found = {.pipeline = pipeline};
    int32_t result = read_kept(e, false, &found, err);
    for (uint32_t i = 0; result == PH_OK && i < found.count; i++) {
        struct ph_kept_position position = kept_of(&found.items[i]);
        result = note_is_there(&found.items[i].note) ? list->add(list, &position) : PH_OK;
    }
    positions_fini(&found);
    return result;
}

/* ---- setting */

/* Shuts out who has the producer's transactional.id. */
static int32_t shut_out(struct epochs *e, struct ph_error *err)
{
    if (e->producer->link.rk == NULL && producer_open(e->producer, err) != PH_OK) {
        return PH_ERROR;
    }
    return transaction_run(&e->transaction, TRANSACTION_INIT, err);
}

static int32_t hold_all(struct epochs *e, const struct ph_partition *partitions,
                        const struct ph_position *positions, uint32_t count, struct ph_error *err)
{
    const struct producer *p = e->producer;
    for (uint32_t i = 0; i < count; i++) {
        if (positions_hold(&e->positions, &partitions[i], err) != PH_OK) {
            return PH_ERROR;
        }
        struct held *h = positions_find(&e->positions, partitions[i].id);
        h->note = (struct note){.next_offset = positions[i].next_offset,
                                .fingerprint = positions[i].fingerprint};
        note_copy_text(h->note.cluster, sizeof h->note.cluster, h->cluster);
        note_copy_text(h->note.target, sizeof h->note.target, p->settings->topic);
        note_copy_text(h->note.owner, sizeof h->note.owner, e->positions.owner);
    }
    return PH_OK;
}

/* Whatever the other place has of them is of no use any more. */
static int32_t look_elsewhere(struct epochs *e, struct ph_error *err)
{
    struct note *none = calloc(e->positions.count + 1u, sizeof *none);
    if (none == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    }
    for (uint32_t i = 0; i < e->positions.count; i++) {
        none[i].next_offset = -1;
    }
    int32_t result = epochs_look_elsewhere(e, none, err);
    free(none);
    return result;
}

static int32_t write_held(struct epochs *e, struct ph_error *err)
{
    if (epochs_choose_places(e, err) != PH_OK || shut_out(e, err) != PH_OK ||
        look_elsewhere(e, err) != PH_OK || transaction_begin(&e->transaction, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < e->positions.count; i++) {
        const struct held *h = &e->positions.items[i];
        if (epochs_add_position(e, h, err) != PH_OK || epochs_move_position(e, h, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return epochs_commit_positions(e, err);
}

int32_t epochs_set_kept(struct epochs *e, const struct ph_partition *partitions,
                        const struct ph_position *positions, uint32_t count, struct ph_error *err)
{
    if (count == 0) {
        return PH_OK;
    }
    return hold_all(e, partitions, positions, count, err) == PH_OK ? write_held(e, err) : PH_ERROR;
}

/* ---- another pipeline's */

static bool has_any(const struct positions *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->items[i].note.next_offset >= 0) {
            return true;
        }
    }
    return false;
}

static int32_t look_for_any(struct epochs *e, const char *pipeline, bool *any, struct ph_error *err)
{
    struct positions found = {.pipeline = pipeline};
    int32_t result = read_kept(e, false, &found, err);
    *any = has_any(&found);
    positions_fini(&found);
    return result;
}

static int32_t check_names(struct epochs *e, const char *from, struct ph_error *err)
{
    const struct producer *p = e->producer;
    const struct ph_host *host = p->link.task->host;
    bool has_own;
    bool has_other;
    if (look_for_any(e, host->pipeline_name, &has_own, err) != PH_OK ||
        look_for_any(e, from, &has_other, err) != PH_OK) {
        return PH_ERROR;
    }
    if (has_own) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "Kafka at %s has positions of sink %s under \"%s\" already; pipehost "
                            "positions reset MANIFEST --sink %s forgets them",
                            p->settings->brokers, host->operator_name, host->pipeline_name,
                            host->operator_name);
    }
    if (!has_other) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "Kafka at %s has no position of sink %s under the pipeline name \"%s\"",
                            p->settings->brokers, host->operator_name, from);
    }
    return PH_OK;
}

/* Written under this pipeline's name, taken away under the other. */
static int32_t move(struct epochs *e, struct held *h, struct ph_error *err)
{
    const struct producer *p = e->producer;
    const char *from = h->pipeline;
    note_copy_text(h->note.target, sizeof h->note.target, p->settings->topic);
    note_copy_text(h->note.owner, sizeof h->note.owner, e->positions.owner);
    h->pipeline = e->positions.pipeline;
    if (epochs_add_position(e, h, err) != PH_OK) {
        return PH_ERROR;
    }
    h->pipeline = from;
    h->note.next_offset = -1;
    return epochs_add_position(e, h, err);
}

static int32_t move_all(struct epochs *e, struct positions *found, struct ph_error *err)
{
    if (shut_out(e, err) != PH_OK || read_kept(e, true, found, err) != PH_OK ||
        transaction_begin(&e->transaction, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->items[i].note.next_offset >= 0 && move(e, &found->items[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return epochs_commit_positions(e, err);
}

/* In one transaction, which has the other's transactional.id: so that one is shut out by it. */
int32_t epochs_rename_kept(struct epochs *e, const char *from, struct ph_error *err)
{
    struct producer *p = e->producer;
    const struct ph_host *host = p->link.task->host;
    struct positions found = {.pipeline = from};
    if (check_names(e, from, err) != PH_OK) {
        return PH_ERROR;
    }
    epochs_close(e);
    conf_write_id(p->transactional_id, from, host->operator_name, NULL);
    int32_t result = move_all(e, &found, err);
    epochs_close(e);
    conf_write_id(p->transactional_id, host->pipeline_name, host->operator_name, NULL);
    positions_fini(&found);
    return result;
}
