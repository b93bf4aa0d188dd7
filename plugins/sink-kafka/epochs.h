/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Epochs as transactions: the records and the positions that they reach become visible together, or
 * not at all.
 *
 * One process owns the positions: it shuts out the one before with init_transactions, then reads
 * where that one left them, then writes its own name beside them. A producer that finds itself shut
 * out waits for that name: another one's means that this process was taken over; if none comes, the
 * broker ended a transaction that took too long, and the work goes on with a new producer.
 */
#ifndef SINK_KAFKA_EPOCHS_H
#define SINK_KAFKA_EPOCHS_H

#include "group_offsets.h"
#include "positions_topic.h"

#include "pipehost/positions.h"
#include "pipehost/sink.h"

struct epochs {
    struct producer *producer;
    struct transaction transaction;
    struct positions positions;
    struct group_offset_list offsets; /**< that the running commit sends */
    bool is_in_doubt;                 /**< only a new producer can go on */
    bool is_owner;                    /**< a claim succeeded once */
    bool is_fenced;                   /**< the last producer was shut out */
    bool was_overdue;                 /**< with a transaction that the broker may have ended */
    int64_t fenced_ns;                /**< when */
    bool has_told_wait;               /**< that it waits for a name */
    bool has_looked_for_records;      /**< in the topic, at a first start */
    bool is_committing;
    uint64_t epoch_id; /**< of the running commit */
};

/** [control] */
void epochs_init(struct epochs *e, struct producer *producer);
void epochs_fini(struct epochs *e);
/** Ends what is under way and closes the producer. [worker] */
void epochs_close(struct epochs *e);

/** As ph_sink_ops.claim. claim.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_claim(struct epochs *e,
                                                         const struct ph_partition *partitions,
                                                         uint32_t count, struct ph_position *found,
                                                         struct ph_error *err);
/** As ph_positions_ops: what is kept, shown and set from outside. kept.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_list_kept(struct epochs *e, const char *pipeline,
                                                             struct ph_kept_positions *list,
                                                             struct ph_error *err);
__attribute__((warn_unused_result)) int32_t epochs_set_kept(struct epochs *e,
                                                            const struct ph_partition *partitions,
                                                            const struct ph_position *positions,
                                                            uint32_t count, struct ph_error *err);
__attribute__((warn_unused_result)) int32_t epochs_rename_kept(struct epochs *e, const char *from,
                                                               struct ph_error *err);
/** Decides where each position is kept, and that there is such a place. claim.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_choose_places(struct epochs *e,
                                                                 struct ph_error *err);
/** The cluster's id; "" = it does not say. claim.c [worker] */
void epochs_name_cluster(const struct epochs *e, char cluster[NOTE_CLUSTER_SIZE]);
/** For what is not where it is kept now, reads the other place: notes of found[i] that say nothing
 * become those. elsewhere.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_look_elsewhere(struct epochs *e,
                                                                  struct note *found,
                                                                  struct ph_error *err);
/** Writes into the place that a position was found in elsewhere that it is kept there no more.
 * elsewhere.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_move_position(struct epochs *e,
                                                                 const struct held *h,
                                                                 struct ph_error *err);
/** Refuses where another pipeline's name has positions of the same sink, sources and topics,
 * written to the same topic, and this name has none. other_name.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_refuse_other_name(struct epochs *e,
                                                                     const struct note *found,
                                                                     struct ph_error *err);
/** One sentence at a first start over a topic that has records. first_start.c [worker] */
void epochs_warn_of_records(struct epochs *e);
/** Commits what is in the open transaction, and waits for that. claim.c [worker] */
__attribute__((warn_unused_result)) int32_t epochs_commit_positions(struct epochs *e,
                                                                    struct ph_error *err);
/** Before the first row of an epoch, and of each batch. [worker] */
__attribute__((warn_unused_result)) int32_t epochs_begin(struct epochs *e, struct ph_error *err);
/** As ph_sink_ops.commit. [worker] */
__attribute__((warn_unused_result)) int32_t epochs_commit(struct epochs *e,
                                                          const struct ph_epoch *epoch,
                                                          struct ph_error *err);
/** Goes on with the running commit, once the producer has something new: PH_PENDING, or how it
 * ended. [worker] */
__attribute__((warn_unused_result)) int32_t epochs_step(struct epochs *e, struct ph_error *err);
/** As ph_sink_ops.abort. [worker] */
void epochs_abort(struct epochs *e);

/** Puts a position into the open transaction. [worker] */
__attribute__((warn_unused_result)) int32_t epochs_add_position(struct epochs *e,
                                                                const struct held *h,
                                                                struct ph_error *err);
/** What is known after a failure: what the library says of the transaction beyond that; who was
 * shut out may try again, and only after that knows why. Answers PH_ERROR. [worker] */
int32_t epochs_judge(struct epochs *e, struct ph_error *err);

#endif
