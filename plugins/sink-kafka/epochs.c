/* SPDX-License-Identifier: Apache-2.0 */
#include "epochs.h"

#include "pipehost/failpoint.h"

void epochs_init(struct epochs *e, struct producer *producer)
{
    *e = (struct epochs){.producer = producer};
    transaction_init(&e->transaction, producer);
    positions_init(&e->positions, &producer->link);
}

void epochs_fini(struct epochs *e)
{
    positions_fini(&e->positions);
    group_offsets_fini(&e->offsets);
}

void epochs_close(struct epochs *e)
{
    transaction_end_flush(&e->transaction);
    if (!e->is_in_doubt && e->producer->link.rk != NULL) {
        transaction_give_up(&e->transaction);
    }
    transaction_close(&e->transaction);
    producer_close(e->producer);
    group_offsets_fini(&e->offsets);
    e->is_committing = false;
    e->is_in_doubt = false;
}

/* What a report or a call says first may only follow from what gave the transaction up. */
static void find_cause(const struct epochs *e, struct ph_error *err)
{
    struct ph_error cause;
    ph_error_clear(&cause);
    if ((err->flags & PH_ERR_RETRIABLE) != 0 &&
        transaction_check(&e->transaction, &cause) != PH_OK) {
        *err = cause;
    }
}

int32_t epochs_judge(struct epochs *e, struct ph_error *err)
{
    const struct producer *p = e->producer;
    find_cause(e, err);
    if ((err->flags & PH_ERR_POISON) == 0) {
        e->is_in_doubt = true;
    }
    if ((err->flags & PH_ERR_FENCED) != 0) {
        err->flags = PH_ERR_RETRIABLE;
        if (!e->is_fenced) {
            e->is_fenced = true;
            e->was_overdue = transaction_is_overdue(&e->transaction);
            e->fenced_ns = link_now_ns(&p->link);
        }
    }
    return PH_ERROR;
}

int32_t epochs_begin(struct epochs *e, struct ph_error *err)
{
    if (e->producer->link.rk == NULL || !e->transaction.is_ready) {
        return ph_error_set(err, PH_ERR_RETRIABLE,
                            "the producer at %s is gone: positions are read again with a new one",
                            e->producer->settings->brokers);
    }
    return transaction_begin(&e->transaction, err) == PH_OK ? PH_OK : epochs_judge(e, err);
}

/* ---- commit */

int32_t epochs_add_position(struct epochs *e, const struct held *h, struct ph_error *err)
{
    return h->in_topic ? positions_topic_add(e->producer, h, err)
                       : group_offsets_add(&e->offsets, e->producer, h, &h->note, err);
}

static int32_t collect_offsets(struct epochs *e, const struct ph_epoch *epoch, struct ph_error *err)
{
    group_offsets_fini(&e->offsets);
    for (uint32_t i = 0; i < epoch->position_count; i++) {
        const struct ph_position *p = &epoch->positions[i];
        struct held *h = positions_find(&e->positions, p->partition_id);
        if (h == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "partition %u was never claimed",
                                p->partition_id);
        }
        h->note.next_offset = p->next_offset;
        h->note.fingerprint = p->fingerprint;
        if (epochs_add_position(e, h, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t epochs_commit(struct epochs *e, const struct ph_epoch *epoch, struct ph_error *err)
{
    if (epochs_begin(e, err) != PH_OK) {
        return PH_ERROR;
    }
    if (collect_offsets(e, epoch, err) != PH_OK) {
        return epochs_judge(e, err);
    }
    PH_FAILPOINT("kafka.produced");
    e->is_committing = true;
    e->epoch_id = epoch->id;
    return epochs_step(e, err);
}

/* All records are reported: now the offsets and the end of the transaction. */
static int32_t end_transaction(struct epochs *e, struct ph_error *err)
{
    transaction_end_flush(&e->transaction);
    if (producer_check(e->producer, err) != PH_OK) {
        return PH_ERROR;
    }
    PH_FAILPOINT("kafka.flush");
    e->transaction.offsets = e->offsets.groups;
    e->transaction.offset_count = e->offsets.count;
    return transaction_call(&e->transaction, TRANSACTION_COMMIT, err) == PH_OK ? PH_PENDING
                                                                               : PH_ERROR;
}

/* A flush has librdkafka turn without a pause: it is for the last batches only. */
static int32_t await_reports(struct epochs *e, struct ph_error *err)
{
    const struct producer *p = e->producer;
    /* Behind one that was given up others may wait for the abort. */
    if (p->unreported == 0 || p->failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return end_transaction(e, err);
    }
    if (e->transaction.call == TRANSACTION_NO_CALL && producer_may_linger(p) &&
        transaction_call(&e->transaction, TRANSACTION_FLUSH, err) != PH_OK) {
        return PH_ERROR;
    }
    return PH_PENDING;
}

int32_t epochs_step(struct epochs *e, struct ph_error *err)
{
    int32_t result = PH_PENDING;
    if (!e->is_committing) {
        return PH_PENDING;
    }
    if (e->transaction.call == TRANSACTION_NO_CALL || e->transaction.call == TRANSACTION_FLUSH) {
        result = await_reports(e, err);
    } else if (transaction_is_over(&e->transaction)) {
        result = transaction_take(&e->transaction, err);
    }
    if (result != PH_PENDING) {
        e->is_committing = false;
        group_offsets_fini(&e->offsets);
    }
    return result == PH_ERROR ? epochs_judge(e, err) : result;
}

/* ---- abort */

void epochs_abort(struct epochs *e)
{
    struct ph_error ignored;
    ph_error_clear(&ignored);
    e->is_committing = false;
    transaction_end_flush(&e->transaction);
    if (e->producer->link.rk == NULL) {
        return;
    }
    if (e->is_in_doubt || e->transaction.call != TRANSACTION_NO_CALL) {
        e->is_in_doubt = true;
        epochs_close(e);
        return;
    }
    group_offsets_fini(&e->offsets);
    if (e->transaction.is_open &&
        transaction_run(&e->transaction, TRANSACTION_ABORT, &ignored) != PH_OK) {
        (void)epochs_judge(e, &ignored);
        e->is_in_doubt = true;
        epochs_close(e);
        return;
    }
    producer_forgive(e->producer);
}
