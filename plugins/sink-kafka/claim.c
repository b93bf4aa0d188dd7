/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming the one owner of partitions' positions. */
#include "epochs.h"

#include "kafka/errors.h"

#include "pipehost/failpoint.h"

#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
/* Between shutting this process out and writing its name, a new owner reads the positions: that
 * needs a moment, or as long as slow brokers take for it. The short time is for a transaction that
 * the broker may well have ended by itself. */
#define OVERDUE_MS  2000
#define TAKEOVER_MS 120000
#define LOOK_MS     100
#define LOOK_MAX_MS 1000
#define CLUSTER_MS  1000

static int64_t now_ns(const struct epochs *e)
{
    const struct producer *p = e->producer;
    return link_now_ns(&p->link);
}

/* A position that was ours has another one's name. */
static int32_t check_owner(const struct epochs *e, const struct held *h, const struct note *found,
                           struct ph_error *err)
{
    if (!h->is_mine || found->owner[0] == '\0' || strcmp(found->owner, e->positions.owner) == 0) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_FENCED,
                        "%s[%d] was taken over by %s: this process may write no more", h->topic,
                        h->partition, found->owner);
}

static int32_t check_cluster(const struct epochs *e, const struct held *h, const struct note *found,
                             struct ph_error *err)
{
    const struct producer *p = e->producer;
    const struct settings *s = p->settings;
    bool is_in_topic = h->in_topic != h->is_elsewhere;
    if (found->cluster[0] == '\0' || h->cluster[0] == '\0' ||
        strcmp(found->cluster, h->cluster) == 0) {
        return PH_OK;
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "the position of %s[%d] in %s%s is of cluster %s, but the topic is read "
                        "from cluster %s; pipehost positions set MANIFEST --sink %s --to earliest "
                        "(or latest, or an offset) goes on in that one",
                        h->topic, h->partition, is_in_topic ? "" : "a group of Kafka at ",
                        is_in_topic ? s->positions_topic : s->brokers, found->cluster, h->cluster,
                        p->link.task->host->operator_name);
}

static int32_t check_found(const struct epochs *e, const struct note *found, struct ph_error *err)
{
    for (uint32_t i = 0; i < e->positions.count; i++) {
        const struct held *h = &e->positions.items[i];
        if (check_owner(e, h, &found[i], err) != PH_OK ||
            check_cluster(e, h, &found[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

static int32_t read_positions(struct epochs *e, bool is_stable, struct note *found,
                              struct ph_error *err)
{
    for (uint32_t i = 0; i < e->positions.count; i++) {
        found[i] = (struct note){.next_offset = -1};
    }
    if (group_offsets_read(e->producer, &e->positions, is_stable, found, err) != PH_OK ||
        positions_topic_read(e->producer, &e->positions, is_stable, found, err) != PH_OK) {
        return PH_ERROR;
    }
    return check_found(e, found, err);
}

/* How long somebody may take to say that it was him who shut this process out. */
static int64_t patience_ms(const struct epochs *e)
{
    return e->was_overdue ? OVERDUE_MS : TAKEOVER_MS;
}

static int32_t pause_looking(struct epochs *e, int64_t pause_ms, struct ph_error *err)
{
    const struct producer *p = e->producer;
    if (p->link.wait->block(p->link.task, p->link.events_fd, PH_WAIT_READ,
                            now_ns(e) + pause_ms * NS_PER_MS) == PH_CANCELLED) {
        return ph_error_set(err, PH_ERR_RETRIABLE, "stopped while claiming");
    }
    producer_wake(e->producer);
    return PH_OK;
}

/* Until the time is up, or whoever shut this process out has written its name. */
static int32_t look_for_owner(struct epochs *e, struct note *found, struct ph_error *err)
{
    const struct producer *p = e->producer;
    int64_t until_ns = e->fenced_ns + patience_ms(e) * NS_PER_MS;
    int64_t pause_ms = LOOK_MS;
    for (;;) {
        if (read_positions(e, false, found, err) != PH_OK) {
            return PH_ERROR;
        }
        if (!e->is_fenced || now_ns(e) >= until_ns) {
            return PH_OK;
        }
        if (!e->was_overdue && !e->has_told_wait) {
            e->has_told_wait = true;
            link_log(&p->link, PH_LOG_INFO,
                     "this producer was shut out: waiting up to %d s for the name of who took "
                     "over; a stop waits as well, up to drain.timeout_ms or until a second signal",
                     TAKEOVER_MS / 1000);
        }
        if (pause_looking(e, pause_ms, err) != PH_OK) {
            return PH_ERROR;
        }
        pause_ms = pause_ms * 2 < LOOK_MAX_MS ? pause_ms * 2 : LOOK_MAX_MS;
    }
}

static void tell_nobody(const struct epochs *e)
{
    const struct producer *p = e->producer;
    if (e->was_overdue) {
        link_log(&p->link, PH_LOG_WARNING,
                 "the broker ended this producer's transaction, but nobody else took over: "
                 "going on with a new one");
    } else {
        link_log(&p->link, PH_LOG_WARNING,
                 "this producer was shut out, but within %d s nobody wrote a name beside the "
                 "positions: going on with a new one",
                 TAKEOVER_MS / 1000);
    }
}

/* Before this process shuts anybody out again: is it still the owner? */
static int32_t look_before(struct epochs *e, struct note *found, struct ph_error *err)
{
    if (e->is_owner) {
        if (look_for_owner(e, found, err) != PH_OK) {
            return PH_ERROR;
        }
        if (e->is_fenced) {
            tell_nobody(e);
        }
    }
    e->is_fenced = false;
    e->has_told_wait = false;
    return PH_OK;
}

void epochs_name_cluster(const struct epochs *e, char cluster[NOTE_CLUSTER_SIZE])
{
    const struct producer *p = e->producer;
    char *name = rd_kafka_clusterid(p->link.rk, CLUSTER_MS);
    note_copy_text(cluster, NOTE_CLUSTER_SIZE, name);
    if (name != NULL) {
        rd_kafka_mem_free(p->link.rk, name);
    }
}

/* A topic of another cluster can have no offsets in this one. */
int32_t epochs_choose_places(struct epochs *e, struct ph_error *err)
{
    const struct producer *p = e->producer;
    char cluster[NOTE_CLUSTER_SIZE];
    bool any = false;
    epochs_name_cluster(e, cluster);
    if (cluster[0] == '\0' && !p->settings->is_always_topic) {
        return ph_error_set(
            err, PH_ERR_RETRIABLE,
            "Kafka at %s does not tell the cluster's id, which says where positions "
            "are kept",
            p->settings->brokers);
    }
    for (uint32_t i = 0; i < e->positions.count; i++) {
        struct held *h = &e->positions.items[i];
        h->in_topic = p->settings->is_always_topic || strcmp(cluster, h->cluster) != 0;
        any = any || h->in_topic;
    }
    return any ? positions_topic_ensure(e->producer, err) : PH_OK;
}

static int32_t become_producer(struct epochs *e, struct note *found, struct ph_error *err)
{
    if ((e->producer->link.rk == NULL && producer_open(e->producer, err) != PH_OK) ||
        epochs_choose_places(e, err) != PH_OK || look_before(e, found, err) != PH_OK) {
        return PH_ERROR;
    }
    if (transaction_run(&e->transaction, TRANSACTION_INIT, err) != PH_OK) {
        return epochs_judge(e, err);
    }
    PH_FAILPOINT("kafka.claim.initialized");
    return PH_OK;
}

static void adopt(const struct epochs *e, struct held *h, const struct note *found)
{
    const struct producer *p = e->producer;
    h->note = *found;
    (void)snprintf(h->note.owner, sizeof h->note.owner, "%s", e->positions.owner);
    (void)snprintf(h->note.cluster, sizeof h->note.cluster, "%s", h->cluster);
    note_copy_text(h->note.target, sizeof h->note.target, p->settings->topic);
}

int32_t epochs_commit_positions(struct epochs *e, struct ph_error *err)
{
    struct transaction *t = &e->transaction;
    if (!t->is_open) {
        return PH_OK;
    }
    t->offsets = e->offsets.groups;
    t->offset_count = e->offsets.count;
    return transaction_run(t, TRANSACTION_COMMIT, err);
}

/* Writes this process's name beside what is there, in a transaction of its own. */
static int32_t sign(struct epochs *e, const struct note *found, struct ph_error *err)
{
    group_offsets_fini(&e->offsets);
    for (uint32_t i = 0; i < e->positions.count; i++) {
        const struct held *h = &e->positions.items[i];
        bool is_signed = strcmp(found[i].owner, e->positions.owner) == 0;
        if (!note_is_there(&found[i]) || (is_signed && !h->is_elsewhere)) {
            continue;
        }
        if (transaction_begin(&e->transaction, err) != PH_OK ||
            epochs_add_position(e, h, err) != PH_OK || epochs_move_position(e, h, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return epochs_commit_positions(e, err);
}

/* What was found becomes ours. */
static int32_t take_over(struct epochs *e, const struct note *found, struct ph_error *err)
{
    for (uint32_t i = 0; i < e->positions.count; i++) {
        adopt(e, &e->positions.items[i], &found[i]);
    }
    if (sign(e, found, err) != PH_OK) {
        return epochs_judge(e, err);
    }
    for (uint32_t i = 0; i < e->positions.count; i++) {
        e->positions.items[i].is_mine = true;
    }
    e->is_owner = true;
    return PH_OK;
}

static int32_t claim(struct epochs *e, struct note *found, struct ph_error *err)
{
    int32_t result =
        e->transaction.is_ready ? epochs_choose_places(e, err) : become_producer(e, found, err);
    if (result != PH_OK) {
        return PH_ERROR;
    }
    if (read_positions(e, true, found, err) != PH_OK ||
        epochs_look_elsewhere(e, found, err) != PH_OK || check_found(e, found, err) != PH_OK ||
        epochs_refuse_other_name(e, found, err) != PH_OK || take_over(e, found, err) != PH_OK) {
        return PH_ERROR;
    }
    epochs_warn_of_records(e);
    return PH_OK;
}

int32_t epochs_claim(struct epochs *e, const struct ph_partition *partitions, uint32_t count,
                     struct ph_position *positions, struct ph_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (positions_hold(&e->positions, &partitions[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    struct note *found = calloc(e->positions.count + 1u, sizeof *found);
    int32_t result = found != NULL ? claim(e, found, err)
                                   : ph_error_set(err, PH_ERR_FATAL, "no memory for positions");
    free(found);
    if (result != PH_OK) {
        e->is_in_doubt = true;
        epochs_close(e);
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct note *note = &positions_find(&e->positions, partitions[i].id)->note;
        positions[i] = (struct ph_position){.partition_id = partitions[i].id,
                                            .fingerprint = note->fingerprint,
                                            .next_offset = note->next_offset};
    }
    return PH_OK;
}
