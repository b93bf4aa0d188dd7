/* SPDX-License-Identifier: Apache-2.0 */
/** The operator, its tasks, and the steps that the files beside this one are made of. */
#ifndef SINK_POSTGRES_SINK_H
#define SINK_POSTGRES_SINK_H

#include "dsn.h"
#include "encode.h"
#include "session.h"
#include "tally.h"

#include <stdatomic.h>

/** One for each node of the graph. */
struct sink {
    const struct ph_host *host;
    const struct ph_wait *wait;
    const struct ph_clock *clock;
    const struct ph_log *log;
    const struct ph_metrics *metrics;
    const struct ph_config *config; /**< only while init runs */

    struct dsn dsn;
    char address[256];
    struct sql table;           /**< quoted, as SQL takes it */
    struct sql positions_table; /**< the same */
    int64_t connect_timeout_ms;
    int64_t statement_timeout_ms;
    int64_t lock_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t tcp_user_timeout_ms;
    int64_t poison_max_rows;
    int64_t poison_max_percent;
    char **columns; /**< as configured; null until bind = all of the input */
    uint32_t column_count;
    uint32_t *inputs; /**< the input column of each, after bind */
    const struct ph_schema *schema;
    bool keeps_positions;            /**< else the host does, after the commit */
    _Atomic bool has_warned_of_rows; /**< that a first start finds the table filled */
};

/** A partition whose position this task owns. */
struct held {
    struct ph_partition partition; /**< its texts are copies */
    int64_t fence;                 /**< -1 = not claimed yet */
    int64_t next_offset;           /**< what the last claim or epoch left */
    uint32_t fingerprint;          /**< the same */
};

/** A run of COPY lines that stem from one batch. */
struct segment {
    const struct ph_batch *batch;
    uint64_t first_line;   /**< counted from 1, as the server does */
    uint32_t line_count;   /**< rows sent */
    uint32_t skipped_from; /**< index in epoch.skipped of the rows that were not sent */
    uint32_t skipped_count;
};

struct epoch {
    struct encoder encoder;
    bool is_begun;   /**< the stream's head is staged */
    bool is_copying; /**< the server is in COPY */
    uint64_t line_count;
    struct segment *segments;
    uint32_t segment_count;
    uint32_t segment_capacity;
    uint32_t *skipped; /**< rows, ascending within a segment */
    uint32_t skipped_count;
    uint32_t skipped_capacity;
    struct sql sql; /**< the commit's text, kept for its memory */
};

/** Indexes of the counters table. */
enum sink_counter {
    SINK_ROWS,
    SINK_BYTES,
    SINK_EPOCHS,
    SINK_COMMIT_NS,
    SINK_CONNECTS,
    SINK_REFUSED_ROWS,
    SINK_COPIES,
    SINK_COUNTERS
};

struct sink_task {
    struct sink *sink;
    const struct ph_task *task;
    struct session session;
    struct plan plan;     /**< of the present connection */
    bool has_row_trigger; /**< one may change a row before the table's rules see it; the same */
    struct sql copy;      /**< COPY … FROM STDIN, made with the plan */
    char relation[64];    /**< the table's bare name, as error contexts say it */
    char owner[128];      /**< unique among all processes and tasks */
    struct held *held;    /**< ascending by partition id */
    uint32_t held_count;
    uint32_t held_capacity;
    bool has_positions_table;     /**< as far as the present connection knows */
    bool has_old_positions_table; /**< and it lacks what earlier versions had not */
    bool is_prepared;             /**< the session knows the statement that moves positions */
    bool has_warned_of_fewer;     /**< that a trigger swallows rows */
    uint32_t passing_refusals;    /**< in a row, that a second try did not confirm */
    struct tally tally;
    struct epoch epoch;
    int64_t *cells[SINK_COUNTERS];
};

/* options.c [control] */
int32_t options_init(struct sink *s, const struct ph_config *config, struct ph_error *err);
int32_t options_bind(struct sink *s, struct ph_binding *binding, struct ph_error *err);
void options_fini(struct sink *s);

/* connect.c: a session with its settings, both tables checked; changes nothing in the database */
int32_t connect_open(struct sink_task *t, struct ph_error *err);
void connect_close(struct sink_task *t);
/** pipehost.check/1: says what connect_open found. */
int32_t connect_check(void *task, char *text, uint64_t capacity, struct ph_error *err);

/* catalog.c: makes t->plan and t->copy from what the table is now */
int32_t catalog_check(struct sink_task *t, struct ph_error *err);
/** Adds an expression that is true where the table has the columns written, of the planned types.
 */
void catalog_add_match(const struct sink_task *t, struct sql *sql);
/** Fails, retriable and without a connection, where that is no longer true. Outside of a
 * transaction. */
int32_t catalog_check_same(struct sink_task *t, struct ph_error *err);

/* positions_table.c */
/** Whether the positions table is there and ours, or could be made or brought up to date. */
int32_t positions_check_table(struct sink_task *t, struct ph_error *err);
/** Makes it, or adds what it lacks, if the check saw that there is need. */
int32_t positions_ensure_table(struct sink_task *t, struct ph_error *err);

/* other_name.c: the same sink's positions under another pipeline's name */
/** Adds an expression of the target table's full name: which rows a position is about. */
void other_name_add_target(struct sql *sql, const struct sink_task *t);
/** Fails where another name has positions of what is being claimed, and this one had none. In the
 * claim's transaction. */
int32_t other_name_refuse(struct sink_task *t, const struct ph_partition *partitions,
                          uint32_t count, struct ph_error *err);
int32_t other_name_take(struct sink_task *t, const char *from, struct ph_error *err);

/* kept.c */
int32_t kept_list(struct sink_task *t, const char *pipeline, struct ph_kept_positions *list,
                  struct ph_error *err);
int32_t kept_set(struct sink_task *t, const struct ph_partition *partitions,
                 const struct ph_position *positions, uint32_t count, struct ph_error *err);

/* positions.c */
/** How a fingerprint stands in its column: with the low bits of its offset, so that one left behind
 * by an earlier version or by hand, which move next_offset alone, is known as such. 0 = none. */
int64_t positions_pack(const struct ph_position *p);
/** Of the column's value and next_offset as a result has them; 0 = unknown. */
uint32_t positions_unpack(const char *packed, int64_t next_offset);
int32_t positions_prepare(struct sink_task *t, struct ph_error *err);
/** Adds the statement that moves the epoch's positions to sql. */
int32_t positions_add_move(struct sink_task *t, const struct ph_epoch *e, struct sql *sql,
                           struct ph_error *err);
/** The same for an epoch of rows without positions: one row moves to where it is, so that only its
 * owner can. False: this task holds none. */
bool positions_add_stay(const struct sink_task *t, struct sql *sql);
/** The epoch is durable: remembers where its partitions stand. */
void positions_moved(struct sink_task *t, const struct ph_epoch *e);
/** The move did not hit every row: finds out why and sets err. */
int32_t positions_blame(struct sink_task *t, struct ph_error *err);
/** Whether a row that this task holds is still its own, by the row's fence and owner. */
int32_t positions_check_owner(const struct sink_task *t, const struct held *h, int64_t fence,
                              const char *owner, struct ph_error *err);
struct held *positions_find(const struct sink_task *t, uint32_t partition_id);
/** The index of the first held partition whose id is not below. */
uint32_t positions_place(const struct sink_task *t, uint32_t partition_id);

/* claim.c */
int32_t claim_partitions(struct sink_task *t, const struct ph_partition *partitions, uint32_t count,
                         struct ph_position *positions, struct ph_error *err);
void claim_forget(struct sink_task *t);
void claim_set_owner(struct sink_task *t);
/** Adds "WITH wanted(id, source, topic, partition, cluster_id) AS (…) ". */
void claim_add_wanted(struct sql *sql, const struct sink_task *t,
                      const struct ph_partition *partitions, uint32_t count);
/** Adds the literals of this pipeline and sink. */
void claim_add_owner_key(struct sql *sql, const struct sink_task *t);
/** Adds the condition that row p of the positions table is row w of wanted. */
void claim_add_match(struct sql *sql, const struct sink_task *t);

/* blocker.c */
/** Adds a statement that ends the session which the rows name, where it is in a transaction. */
void blocker_add_end_of_former(struct sql *sql, const struct sink_task *t,
                               const struct ph_partition *partitions, uint32_t count);
/** After a claim that ran into its lock's time limit, err: ends the session of an earlier owner
 * that holds the lock and answers true; of anybody else, err says who it is. */
bool blocker_end(struct sink_task *t, const struct ph_partition *partitions, uint32_t count,
                 struct ph_error *err);

/* epoch.c */
int32_t epoch_write(struct sink_task *t, const struct ph_batch *batch, struct ph_error *err);
/** Sends BEGIN and COPY if that is still to do, then what is staged. */
int32_t epoch_send(struct sink_task *t, struct ph_error *err);
/** Queues bytes for the server. */
int32_t epoch_put(struct sink_task *t, struct ph_error *err);
void epoch_abort(struct sink_task *t);
/** Ends a COPY that the commit before has begun and that got no rows. */
void epoch_settle(struct sink_task *t);
void epoch_clear(struct sink_task *t);

/* commit.c */
int32_t commit_epoch(struct sink_task *t, const struct ph_epoch *e, struct ph_error *err);

/* resend.c: in a transaction beside the epoch's */
/** Runs statements of which the last is a COPY … FROM STDIN; the server then wants its rows. */
int32_t resend_open(struct sink_task *t, const char *sql);
/** Sends these lines of the epoch (both inclusive), as the plan writes them, and ends the COPY. */
int32_t resend_lines(struct sink_task *t, const struct plan *plan, uint64_t first, uint64_t last);
/** The same of all lines but those that a result names, ascending. */
int32_t resend_rest(struct sink_task *t, const struct plan *plan, const PGresult *without);

/* trial.c */
enum trial {
    TRIAL_REFUSED,
    TRIAL_TAKEN,
    TRIAL_UNKNOWN /**< something else came in between */
};
/** Tries a line again that the epoch's COPY failed at, with this SQLSTATE. Keeps nothing. Outside
 * of a transaction. */
enum trial trial_of_line(struct sink_task *t, uint64_t line, const char *sqlstate);

/** Whether the table takes the epoch without the lines that a result names, ascending. The same. */
bool trial_takes_rest(struct sink_task *t, const PGresult *without);

/* duplicates.c */
/** The lines of the epoch whose key a unique index has, or would have, already: one row of a result
 * for each, ascending; null: they cannot be known in one go. Outside of a transaction, after the
 * COPY that the index refused at that line. */
PGresult *duplicates_find(struct sink_task *t, const PGresult *refusal, uint64_t line);

/* poison.c: names the rows that a failed COPY blames */
int32_t poison_blame(struct sink_task *t, const PGresult *result, struct ph_error *err);
/** Counts rows that are about to be refused for a reason. Fails, as config, where they are too many
 * for the settings: then none of them should be. rows: of the epoch so far. */
int32_t poison_count(struct sink_task *t, const char *sqlstate, uint64_t count, uint64_t rows,
                     const char *reason, struct ph_error *err);
/** Hands a row to the host's dead letters, and counts it. False where err is set: they have no room
 * now, say, and the row comes again. */
bool poison_set_aside(struct sink_task *t, const char *sqlstate, const char *reason,
                      const struct ph_batch *batch, uint32_t row, const struct ph_error *err);
/** Keeps where a row came from that is about to be refused, as an example for poison_count. */
void poison_place(struct sink_task *t, const char *sqlstate, const struct ph_batch *batch,
                  uint32_t row);
/** The batch and row of a COPY line; false where there is none. */
bool poison_find(const struct epoch *e, uint64_t line, const struct ph_batch **batch,
                 uint32_t *row);
/** The line of "COPY relation, line N…" in an error's context in any language of the server, or 0.
 */
uint64_t poison_line(const char *context, const char *relation);
/** Whether text is UTF-8 without NUL. */
bool poison_is_utf8(const uint8_t *text, size_t length);

#endif
