/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The delivery core in a simulated world: one thread, a clock that jumps, everything a pure
 * function of a seed. An episode is a pipeline with a few partitions and sinks that runs until all
 * its records are through, however often its process dies on the way. Where a start begins is
 * decided by host/job/positions.c, and between two processes somebody may set positions or lose
 * them.
 *
 *   world: records (computed, never stored) · databases · dead-letter files · ledgers
 *     └ process (up to two at a time): source lanes ──▶ queues ──▶ sink drivers, the code under
 * test
 */
#ifndef SIM_H
#define SIM_H

#include "delivery/letter_memory.h"
#include "delivery/sink_driver.h"
#include "pipehost/plugin.h"

#define SIM_PARTITIONS  4u
#define SIM_OFFSETS     300
#define SIM_BATCH_ROWS  12u
#define SIM_SUBS        36u /**< rows of the largest record: three batches */
#define SIM_SINKS       3u
#define SIM_LANES       2u
#define SIM_MACHINES    2u
#define SIM_QUEUE       8u
#define SIM_MAX_ROWS    64u
#define SIM_MAX_BATCHES 12u
#define SIM_TRANSACTION (2u * EPOCH_ENTRIES_MAX)
#define SIM_INTERVENTIONS                                                                          \
    6u /**< in an episode: its records become that many times more at most                         \
        */
#define SIM_REFRESH_NS (2 * CLOCK_NS_PER_S) /**< a day in this world */

/* ---- the world ---- */

struct sim_row {
    uint32_t partition;
    uint32_t sub;
    int64_t offset;
};

/** How a database refuses a row. */
enum sim_verdict { SIM_FINE, SIM_POISON, SIM_UNFIT };
enum sim_naming { SIM_NAMED, SIM_UNNAMED, SIM_NAMED_SOMETIMES };

struct sim_sink_shape {
    uint32_t delivery; /**< enum ph_delivery */
    bool is_single;    /**< one task for all lanes */
    bool is_leaky;     /**< rows may be seen before, and without, their commit */
    bool answers_later;
    bool has_bad_rows;
    enum sim_naming naming;
};

struct sim_shape {
    uint32_t partition_count;
    uint32_t lanes;
    uint32_t sink_count;
    int64_t begin; /**< where the startup mode begins */
    int64_t end;
    uint32_t fault_percent; /**< of calls that fail */
    bool kills;
    bool has_two_owners;
    bool is_late; /**< the last partition is found while the first process runs */
    struct sim_sink_shape sinks[SIM_SINKS];
};

/** A transaction whose answer nobody waits for any more, or not yet. */
struct sim_transaction {
    bool is_open;
    uint64_t process_id;
    struct sim_row rows[SIM_TRANSACTION];
    uint32_t row_count;
    struct ph_position positions[SIM_PARTITIONS];
    int64_t was[SIM_PARTITIONS];
    uint64_t fences[SIM_PARTITIONS];
    uint32_t position_count;
};

/** What outlives a process, for one sink. */
struct sim_store {
    uint8_t rows[SIM_PARTITIONS][SIM_OFFSETS][SIM_SUBS]; /**< how often each is there */
    int64_t positions[SIM_PARTITIONS];
    uint32_t fingerprints[SIM_PARTITIONS];
    uint64_t fences[SIM_PARTITIONS];
    uint64_t owners[SIM_PARTITIONS]; /**< the process of the last claim */
    int64_t last[SIM_PARTITIONS];    /**< offset and sub-index of the last row, for the order */
    struct sim_transaction transactions[SIM_MACHINES][SIM_LANES];
    int64_t ledgers[SIM_MACHINES][SIM_PARTITIONS];
    uint64_t unstored[SIM_LANES]; /**< rows that are there, of which the ledger does not know */
    uint64_t doubles_allowed;     /**< at-least-once: so many rows may be there too often */
    /** How often a record is to be there, once its position has passed it: once, unless somebody
     * set the position over it. */
    uint8_t due[SIM_PARTITIONS][SIM_OFFSETS];
    int64_t lost[SIM_PARTITIONS]; /**< positions that were there; -1 = not lost */
};

/** A machine's state_dir: which positions were there once, and whether the first are being made. */
struct sim_folder {
    bool is_seeding;
    bool has_begun[SIM_PARTITIONS];
    bool sink_has_begun[SIM_SINKS][SIM_PARTITIONS];
};

struct sim_letter {
    struct sim_row row;
    uint32_t sink;
};

/** A dead-letter file. */
struct sim_box {
    struct sim_letter *letters;
    uint32_t count;
    uint32_t synced; /**< the first ones; of the others a crash leaves some */
    uint32_t capacity;
};

struct sim_counts {
    uint64_t episodes, steps, epochs, rows, kills, faults, takeovers, letters, doubles, refreshes;
    uint64_t skipped, rewritten, refusals;
};

struct sim_world {
    uint64_t seed;
    uint64_t random;
    int64_t now_ns;
    struct sim_shape shape;
    struct sim_store stores[SIM_SINKS];
    struct sim_box boxes[SIM_MACHINES];
    struct sim_folder folders[SIM_MACHINES];
    bool late_exists;
    bool has_begun; /**< the first positions are all there */
    uint32_t interventions;
    uint64_t next_process_id;
    uint64_t takeovers; /**< of this episode */
    struct sim_counts counts;
};

/* world.c */
/** Anything from the seed: records, fates, times. */
uint64_t sim_draw(struct sim_world *w, uint64_t below);
bool sim_chance(struct sim_world *w, uint32_t percent);
/** A hash of the seed and two numbers: what is true of a record in every life. */
uint64_t sim_hash(const struct sim_world *w, uint64_t a, uint64_t b);
/** Where a partition begins that has no position. */
int64_t sim_begin_of(const struct sim_world *w, uint32_t partition);
bool sim_is_hole(const struct sim_world *w, uint32_t partition, int64_t offset);
/** Rows that a record becomes; 0 = it is filtered. */
uint32_t sim_rows_of(const struct sim_world *w, uint32_t partition, int64_t offset);
enum sim_verdict sim_judge(const struct sim_world *w, uint32_t sink, const struct sim_row *row);
/** Some row of the record is refused. */
bool sim_has_bad_row(const struct sim_world *w, uint32_t sink, const struct sim_row *row);
/** Of the record before an offset, 0 where that is a hole. */
uint32_t sim_fingerprint(const struct sim_world *w, uint32_t partition, int64_t next_offset);
void sim_world_begin(struct sim_world *w, uint64_t seed);
void sim_world_end(struct sim_world *w);

/** Says what must hold and does not, with what repeats it, and ends the program. */
__attribute__((noreturn, format(printf, 3, 4))) void sim_fail(const char *file, int line,
                                                              const char *format, ...);
extern struct sim_world *sim_current;
#define SIM_MUST(condition, ...)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim_fail(__FILE__, __LINE__, __VA_ARGS__);                                             \
        }                                                                                          \
    } while (0)

/* ---- batches: batch.c ---- */

struct sim_batch {
    struct ph_batch pub;
    uint32_t magic;
    uint32_t references;
    uint64_t *alive; /**< the process counts them */
    uint32_t partition_ids[SIM_BATCH_ROWS];
    int64_t offsets[SIM_BATCH_ROWS];
    uint32_t sub_indexes[SIM_BATCH_ROWS];
    struct ph_position positions[SIM_PARTITIONS];
};

struct sim_batch *sim_batch_create(uint64_t *alive);
void sim_batch_retain(const struct ph_batch *batch);
void sim_batch_release(const struct ph_batch *batch);
const struct ph_batch *sim_batch_filter(const struct ph_batch *in, const uint8_t *keep);
static inline struct sim_row sim_batch_row(const struct ph_batch *b, uint32_t row)
{
    return (struct sim_row){b->partition_ids[row], b->sub_indexes[row], b->offsets[row]};
}

/* ---- processes: process.c ---- */

struct sim_queue {
    const struct ph_batch *batches[SIM_QUEUE]; /**< null = end of input */
    uint32_t first;
    uint32_t count;
    bool has_ended;
};

struct sim_process;

/** One sink driver, and the plugin's task object behind it. */
struct sim_task {
    struct sim_process *process;
    uint32_t sink;
    uint32_t lane;
    struct sink_driver *driver;
    struct sim_queue queues[SIM_LANES];
    uint32_t queue_count;
    bool is_resting; /**< until a batch, an answer, a partition or the driver's deadline */
    bool is_done;
    bool is_fenced;
    /* the plugin */
    bool has_claimed;
    bool must_abort; /**< a call failed */
    bool is_begun;   /**< by the last commit, which announced more */
    int64_t begun_ns;
    uint64_t my_fences[SIM_PARTITIONS];
    bool holds[SIM_PARTITIONS];
    const struct ph_batch *staged[EPOCH_ENTRIES_MAX];
    uint32_t staged_count;
    uint64_t leaked_rows; /**< of what is staged: seen already */
    uint64_t epoch_id;
    bool waits_for_answer;
    int64_t answer_ns;
    struct ph_epoch pending;
    struct ph_position pending_positions[SIM_PARTITIONS];
    /* accounts, in rows: taken = known + aside + reported + in flight */
    uint64_t taken;
    uint64_t known;
    uint64_t aside;
    uint64_t reported;
    int64_t acknowledged[SIM_PARTITIONS];
};

struct sim_lane {
    bool is_open; /**< a record whose rows did not all fit the last batch */
    struct sim_row row;
    uint32_t left;
    struct ph_position positions[SIM_PARTITIONS]; /**< what was read since it began */
    uint32_t position_count;
    int64_t pause_until_ns;
    bool has_ended;
};

enum sim_phase { SIM_CLAIMS, SIM_SEEDS, SIM_RUNS };

struct sim_process {
    struct sim_world *world;
    uint64_t id;
    uint32_t machine;
    enum sim_phase phase;
    bool is_dead; /**< nothing that it does has an effect any more */
    uint64_t calls_to_live;
    int64_t frozen_until_ns;
    uint64_t alive_batches;
    struct letter_memory letters;
    struct ph_partition partitions[SIM_PARTITIONS];
    struct sim_lane lanes[SIM_LANES];
    struct ph_position starts[SIM_PARTITIONS]; /**< where host/job says that they begin */
    bool is_refused;                           /**< it says that a position is lost */
    int64_t next[SIM_PARTITIONS];              /**< what the source reads next; -1 = not begun */
    bool knows_all;                            /**< the late partition too */
    int64_t late_ns;                           /**< when it is found; 0 = not in this life */
    bool late_is_offered;
    struct sim_task tasks[SIM_SINKS * SIM_LANES];
    uint32_t task_count;
};

struct sim_process *sim_process_create(struct sim_world *w, uint32_t machine);
/** Its end in any way: what was not durable is lost. */
void sim_process_destroy(struct sim_process *p);
/** One step of something in it; false: nothing can go on before sim_process_due_ns. */
bool sim_process_step(struct sim_process *p);
int64_t sim_process_due_ns(const struct sim_process *p);
bool sim_process_is_done(const struct sim_process *p);
/** Another owner came: some task ended as fenced. */
bool sim_process_is_fenced(const struct sim_process *p);
/** The process makes a call that leaves something behind; false: it died before. */
bool sim_process_call(struct sim_process *p);
static inline bool sim_keeps(const struct sim_world *w, uint32_t sink)
{
    return w->shape.sinks[sink].delivery != PH_DELIVERY_EPHEMERAL;
}
static inline bool sim_task_reads(const struct sim_task *t, uint32_t partition)
{
    return t->queue_count > 1 || t->process->world->shape.lanes == 1 ||
           partition % SIM_LANES == t->lane;
}

/* start.c */
/** All sinks have claimed: where each partition begins, or is_refused. */
void sim_start_decide(struct sim_process *p);
/** The first positions are durable: the source starts. */
void sim_start_finish(struct sim_process *p);
/** The same for one that was found meanwhile; false: not yet. */
bool sim_start_late(struct sim_process *p, uint32_t id);

/* operator.c */
/** What somebody does to a pipeline of which no process lives. */
void sim_operator_work(struct sim_world *w, bool was_refused);
bool sim_operator_has_lost(const struct sim_world *w);

/* source.c */
/** A batch for all sinks of a lane, or the end of its input; false: not now. */
bool sim_source_step(struct sim_process *p, uint32_t lane);
int64_t sim_source_due_ns(const struct sim_process *p, uint32_t lane);
bool sim_queue_take(struct sim_task *t, const struct ph_batch **batch);

/* store.c */
void sim_store_begin(struct sim_store *s);
/** All of it or nothing. PH_ERROR: fenced. */
int32_t sim_store_apply(struct sim_world *w, uint32_t sink, struct sim_transaction *t);
/** What is in flight lands now, or never. */
void sim_store_settle(struct sim_world *w, uint32_t sink);
/** At-least-once: the rows that the ledger does not know may come again. */
void sim_store_allow_doubles(struct sim_task *t);
void sim_store_row(struct sim_world *w, uint32_t sink, const struct sim_row *row);

/* letters.c */
int32_t sim_letters_add(struct sim_task *t, const struct sim_row *row);
void sim_letters_sync(struct sim_process *p);
void sim_letters_crash(struct sim_process *p);
bool sim_letters_recall(struct sim_process *p);
/** No letter of a row below the transaction's positions may still be lost. */
void sim_letters_check_synced(const struct sim_task *t, const struct sim_transaction *x);
uint32_t sim_letters_count(const struct sim_box *box, uint32_t sink, const struct sim_row *row);

/* sink.c, env.c */
extern const struct ph_sink_ops sim_sink_ops;
struct sink_env sim_env_of(struct sim_task *t);
/** The process dies: a commit that was not answered may be under way all the same. */
void sim_sink_die(struct sim_task *t);
/** A commit that was answered PH_PENDING gets its answer, if it is time. */
void sim_sink_answer(struct sim_task *t);
/** taken = known + aside + reported + in flight. */
void sim_accounts_check(const struct sim_task *t);

/* episode.c */
void sim_episode(struct sim_world *w, uint64_t seed);

#endif
