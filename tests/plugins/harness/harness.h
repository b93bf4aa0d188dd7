/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A fake host for driving one plugin's .so from a test, on the test's own thread.
 *
 *   struct harness *h = harness_open("/…/sink-x.so", NULL, "pipeline", "operator");
 *   harness_init(h, settings, count);                       create + init
 *   harness_bind(h, schemas, count);                        bind; outputs are in h->outputs
 *   struct harness_task *t = harness_task_create(h, 0);
 *   harness_activate(t);  h->descriptor->sink->write(t->self, batch, harness_error(h)); …
 *   harness_task_destroy(t);  harness_close(h);             deactivates what is active
 *
 * One harness is one operator; a test that needs two owners opens two. Calls that fail leave the
 * plugin's error in h->error. Running out of memory ends the test.
 */
#ifndef PLUGIN_HARNESS_H
#define PLUGIN_HARNESS_H

#include "pipehost/pipehost.h"

#include <pthread.h>

#define HARNESS_WATCHES 1024
#define HARNESS_OUTPUTS 8
#define HARNESS_FIELDS  64

/* ---- settings */

/** One item of a list (name null) or of a map. */
struct harness_item {
    const char *name;
    const char *text;
};

/** One key of an operator's config as a manifest would hold it: text, or items. */
struct harness_setting {
    const char *key;
    const char *text;
    const struct harness_item *items;
    uint32_t item_count;
};

/* ---- the operator and its tasks */

struct harness_schema {
    struct ph_schema schema;
    struct ph_field fields[HARNESS_FIELDS];
    uint32_t passed; /**< how many of the columns come by reference from input passed_input */
    uint32_t passed_input;
    bool has_pass;
};

struct harness_config;

struct harness {
    struct ph_host host;
    const struct ph_descriptor *descriptor;
    void *op; /**< null until harness_init succeeded in create */
    struct ph_error error;
    struct harness_schema outputs[HARNESS_OUTPUTS];
    uint32_t output_count;
    const struct ph_schema *inputs[HARNESS_OUTPUTS];
    uint32_t input_count;

    void *library;
    struct harness_config *config;
    pthread_mutex_t log_lock; /**< plugins log from their libraries' threads */
    char **log_lines;         /**< "level text", under log_lock */
    uint32_t log_count;
};

struct harness_reject {
    const struct ph_batch *batch;
    uint32_t row;
    char code[32];
    char reason[1024];
};

struct harness_watch {
    int fd;
    uint32_t events;
};

struct harness_task {
    struct ph_task task;
    struct harness *owner;
    void *self; /**< the plugin's task: first argument of its functions */
    bool is_active;
    struct harness_watch watches[HARNESS_WATCHES];
    uint32_t watch_count;
    int64_t deadline_ns;
    int wake_fd;
    bool is_cancelled; /**< set by the test: block answers PH_CANCELLED from then on */
    int64_t *cells;    /**< one for each of the descriptor's counters */
    struct harness_reject *rejects;
    uint32_t reject_count;
    uint64_t done_epoch_id; /**< the last one told through pipehost.epochs/1 */
    uint32_t done_count;
    struct ph_error done_error;
};

/** Loads path and takes the descriptor with that id (null = the first). Null, with the reason on
 * stderr, where it does not fit. */
struct harness *harness_open(const char *path, const char *id, const char *pipeline,
                             const char *operator_name);
void harness_close(struct harness *h);

/** Types the settings by the plugin's own table, then create and init. */
int32_t harness_init(struct harness *h, const struct harness_setting *settings, uint32_t count);
int32_t harness_bind(struct harness *h, const struct ph_schema *const *inputs, uint32_t count);

/** Null with h->error set where the plugin refuses. */
struct harness_task *harness_task_create(struct harness *h, uint32_t lane);
int32_t harness_activate(struct harness_task *t);
void harness_deactivate(struct harness_task *t);
void harness_task_destroy(struct harness_task *t);

/** h->error, emptied: to be passed to the next call of the plugin. */
struct ph_error *harness_error(struct harness *h);

/**
 * Sleeps until a watched fd, the deadline or wake(), at most timeout_ms, and tells the plugin by
 * ops->ready, the last two at once by fd -1. Answers how many times ready was called, 0 when the
 * time is up, negative when ready failed.
 */
int32_t harness_pump(struct harness_task *t, int timeout_ms);

/** The value of the counter with that name; the test ends where there is none. */
int64_t harness_counter(const struct harness_task *t, const char *name);
void harness_rejects_clear(struct harness_task *t);
/** True where a log line so far contains text. */
bool harness_logged(struct harness *h, const char *text);
int64_t harness_now_ns(void);

/* ---- rows */

enum harness_cell_kind { HARNESS_NULL = 0, HARNESS_INTEGER, HARNESS_REAL, HARNESS_BYTES };

struct harness_cell {
    uint32_t kind;   /**< enum harness_cell_kind */
    uint32_t length; /**< bytes of data */
    int64_t integer; /**< bool, int32, int64, timestamps */
    double real;
    const void *data;
};

#define CELL_NULL                                                                                  \
    {                                                                                              \
        HARNESS_NULL, 0, 0, 0, NULL                                                                \
    }
#define CELL_INT(n)                                                                                \
    {                                                                                              \
        HARNESS_INTEGER, 0, (n), 0, NULL                                                           \
    }
#define CELL_REAL(x)                                                                               \
    {                                                                                              \
        HARNESS_REAL, 0, 0, (x), NULL                                                              \
    }
#define CELL_BYTES(p, n)                                                                           \
    {                                                                                              \
        HARNESS_BYTES, (n), 0, 0, (p)                                                              \
    }
#define CELL_TEXT(literal)                                                                         \
    {                                                                                              \
        HARNESS_BYTES, (uint32_t)(sizeof(literal) - 1), 0, 0, (literal)                            \
    }

/** A schema over fields that the caller keeps. */
struct ph_schema harness_schema_of(const struct ph_field *fields, uint32_t count);

/**
 * A batch of row_count rows from cells, row by row. System columns: partition 0, offsets 0, 1, …
 * The caller has the one reference.
 */
struct ph_batch *harness_batch(const struct ph_schema *schema, const struct harness_cell *cells,
                               uint32_t row_count);
/** Says that all rows are of that partition, from first_offset on, one offset each. */
void harness_batch_place(struct ph_batch *b, uint32_t partition_id, int64_t first_offset);
void harness_batch_retain(const struct ph_batch *b);
void harness_batch_release(const struct ph_batch *b);
/** References to all batches that have not been freed. */
int64_t harness_batches_alive(void);

/** True where the text, bytes or json value of that row equals text. */
bool harness_text_is(const struct ph_batch *b, const char *column, uint32_t row, const char *text);

/* ---- capturers */

/** A ph_out that keeps what is emitted, in order. */
struct harness_out {
    struct ph_out out;
    struct harness *owner;
    struct ph_batch **emitted; /**< one reference each, dropped by harness_out_clear */
    uint32_t *outputs;         /**< the output of each */
    uint32_t emitted_count;
    uint32_t refusals; /**< set by the test: the next emits answer PH_MORE */
};

void harness_out_init(struct harness_out *o, struct harness *h);
void harness_out_clear(struct harness_out *o);

struct harness_partitions {
    struct ph_partition_list list;
    struct ph_partition *items; /**< id = index */
    uint32_t count;
};

void harness_partitions_init(struct harness_partitions *p);
void harness_partitions_fini(struct harness_partitions *p);

/** A record as the writer copied it. */
struct harness_record {
    struct ph_record record; /**< its pointers are into `copy` */
    uint8_t *copy;
};

struct harness_writer {
    struct ph_writer writer;
    struct harness_record *records;
    uint32_t count;
    uint32_t capacity; /**< set by the test: append answers PH_MORE at that many; 0 = no limit */
    struct ph_position *advances;
    uint32_t advance_count;
};

void harness_writer_init(struct harness_writer *w);
/** Forgets the records and advances so far; also the writer's fini. */
void harness_writer_clear(struct harness_writer *w);

/* ---- within the harness */

#define HARNESS_CALL   __attribute__((visibility("hidden")))
#define HARNESS_MEMORY __attribute__((visibility("hidden"), returns_nonnull))

HARNESS_MEMORY void *harness_alloc(size_t size);
/** Room for one more element in an array that doubles. */
HARNESS_MEMORY void *harness_grow(void *array, uint32_t count, size_t element);
HARNESS_MEMORY char *harness_copy(const char *text);
HARNESS_CALL struct harness_config *harness_config_create(const struct ph_descriptor *d,
                                                          const struct harness_setting *settings,
                                                          uint32_t count, struct ph_error *err);
HARNESS_CALL void harness_config_destroy(struct harness_config *c);
HARNESS_CALL const struct ph_config *harness_config_view(struct harness_config *c);
HARNESS_CALL const void *harness_service(const struct ph_host *host, const char *id);
extern HARNESS_CALL const struct ph_encode harness_encode;
HARNESS_CALL void harness_row_reject(const struct ph_task *task, const struct ph_batch *batch,
                                     uint32_t row, const char *code, const char *reason);
/** An all-null batch whose columns from `first` on are its own and to be filled. */
HARNESS_CALL struct ph_batch *harness_batch_blank(const struct ph_schema *schema, uint32_t first,
                                                  uint32_t row_count);
HARNESS_CALL void harness_batch_builder(struct ph_batch *b, uint32_t column,
                                        struct ph_builder *out);
/** Takes the builder's text into the column and counts its nulls. */
HARNESS_CALL void harness_batch_seal(struct ph_batch *b, uint32_t column, struct ph_builder *built);
HARNESS_CALL void harness_batch_share(struct ph_batch *b, const struct ph_batch *from,
                                      uint32_t columns);
HARNESS_CALL void harness_batch_gather(struct ph_batch *b, const struct ph_batch *from,
                                       uint32_t columns, const uint32_t *rows);
HARNESS_CALL void harness_batch_system(struct ph_batch *b, const struct ph_batch *from,
                                       const uint32_t *rows, bool last);

#endif
