/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A plugin's descriptor, its lifecycle, and the one symbol that a module exports.
 *
 * An operator (one for each node of the graph) and its tasks (one for each lane) live like this:
 *
 *   operator: create → init → bind → …tasks… → destroy
 *   task:     task_create → restore → activate → work → quiesce → save → deactivate → task_destroy
 *
 * create, init and bind use no network and start no thread, so `pipehost validate` can call them.
 * activate is the first to connect. A quiesced task may be resumed by simply working on. destroy
 * matches each successful create, task_destroy each successful task_create, also after a failed
 * init. Any function may be null in a descriptor unless its comment says "needed": the host then
 * does the obvious nothing.
 */
#ifndef PIPEHOST_PLUGIN_H
#define PIPEHOST_PLUGIN_H

#include "pipehost/config.h"
#include "pipehost/host.h"
#include "pipehost/sink.h"
#include "pipehost/source.h"
#include "pipehost/udf.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What bind works with: the inputs' schemas in, the outputs' schemas out. Lives for the call.
 * [control] */
struct ph_binding {
    uint32_t size;
    uint32_t input_count;
    const struct ph_schema *const *inputs; /**< live as long as the operator */
    void *host_data;
    /** Output `output` (0, 1, …) begins with all columns of an input, by reference. First call for
     * an output, or left out. */
    int32_t (*pass)(struct ph_binding *b, uint32_t output, uint32_t input, struct ph_error *err);
    /** Appends a column to output; one that exists already is an error. The name is copied. */
    int32_t (*add)(struct ph_binding *b, uint32_t output, const char *name, uint32_t type,
                   uint32_t flags, struct ph_error *err);
    /**
     * The plugin looks at this column of an input. One that says so for a column of an input must
     * say it for all that it looks at there: the others are null unless somebody downstream looks
     * at them, and a source does not decode what nobody looks at. One that never says it is taken
     * to look at every column. A column that does not exist is ignored.
     */
    void (*reads)(struct ph_binding *b, uint32_t input, uint32_t column);
};

/** Where save puts state; bytes are opaque to the host. */
struct ph_state_writer {
    uint32_t size;
    uint32_t reserved;
    void *host_data;
    int32_t (*write)(struct ph_state_writer *w, const void *data, uint64_t length);
};

/** Where restore finds it. read answers the bytes read, 0 at the end, negative on failure. */
struct ph_state_reader {
    uint32_t size;
    uint32_t reserved;
    void *host_data;
    int64_t (*read)(struct ph_state_reader *r, void *data, uint64_t capacity);
};

/** Reads exactly length bytes. PH_END: the state ends before the first of them; PH_ERROR: in
 * between, or the host could not read it. */
static inline int32_t ph_state_read(struct ph_state_reader *r, void *data, uint64_t length)
{
    uint64_t done = 0;
    while (done < length) {
        int64_t n = r->read(r, (uint8_t *)data + done, length - done);
        if (n <= 0) {
            return n == 0 && done == 0 ? PH_END : PH_ERROR;
        }
        done += (uint64_t)n;
    }
    return PH_OK;
}

struct ph_operator_ops {
    uint32_t size;
    uint32_t reserved;
    /** A new operator object, or null with err set. A plugin without create has host as its
     * operator object. [control] */
    void *(*create)(const struct ph_host *host, struct ph_error *err);
    void (*destroy)(void *op); /**< needed where create is set [control] */
    int32_t (*init)(void *op, const struct ph_config *config,
                    struct ph_error *err);                                       /**< [control] */
    int32_t (*bind)(void *op, struct ph_binding *binding, struct ph_error *err); /**< [control] */
    /** A task object for task->lane, or null with err set. A plugin without task_create has its
     * operator object as the task object of every lane. [control] */
    void *(*task_create)(void *op, const struct ph_task *task, struct ph_error *err);
    void (*task_destroy)(void *task); /**< needed where task_create is set [control] */
    int32_t (*activate)(
        void *task,
        struct ph_error *err);      /**< connects; called again after a retriable error [worker] */
    void (*deactivate)(void *task); /**< also after a failed activate [worker] */
    int32_t (*quiesce)(void *task,
                       struct ph_error *err); /**< stands still at a batch boundary [worker] */
    int32_t (*save)(void *task, struct ph_state_writer *writer,
                    struct ph_error *err); /**< quiesced [worker] */
    int32_t (*restore)(void *task, struct ph_state_reader *reader,
                       struct ph_error *err); /**< before activate [control] */
    int32_t (*save_operator)(void *op, struct ph_state_writer *writer,
                             struct ph_error *err); /**< [control] */
    int32_t (*restore_operator)(void *op, struct ph_state_reader *reader,
                                struct ph_error *err); /**< [control] */
    /** A watched fd is ready, or (fd -1) the deadline has passed or the task was woken. PH_OK.
     * [worker] */
    int32_t (*ready)(void *task, int fd, uint32_t events, struct ph_error *err);
    /** A table named by id, "pipehost.watermark/1"; null = none. [control] */
    const void *(*get_extension)(void *op, const char *id);
};

enum ph_kind { PH_KIND_SOURCE = 1, PH_KIND_UDF = 2, PH_KIND_ASYNC_UDF = 3, PH_KIND_SINK = 4 };

enum ph_plugin_flags {
    PH_PLUGIN_PURE =
        1u << 0, /**< same input, same output, no effect: may be called again on half a batch */
    PH_PLUGIN_STATEFUL = 1u << 1,   /**< its answers depend on earlier records */
    PH_PLUGIN_RELOADABLE = 1u << 2, /**< can be swapped while the pipeline runs */
    PH_PLUGIN_WAITS = 1u << 3,      /**< blocks or waits for sockets: gets a worker of its own */
    PH_PLUGIN_SINGLE = 1u << 4      /**< one task for all lanes */
};

enum ph_delivery {
    PH_DELIVERY_NONE = 0, /**< not a sink */
    PH_DELIVERY_TRANSACTIONAL =
        1, /**< keeps the positions itself, in the transaction of the rows: exactly-once */
    PH_DELIVERY_DURABLE = 2,  /**< the host keeps the positions, after the commit: at-least-once */
    PH_DELIVERY_EPHEMERAL = 3 /**< nothing is kept */
};

/** Constant data of the module. Exactly one of the last four pointers is set, as kind says. */
struct ph_descriptor {
    uint32_t size;
    uint32_t kind;       /**< enum ph_kind */
    uint32_t flags;      /**< enum ph_plugin_flags */
    uint32_t delivery;   /**< enum ph_delivery */
    const char *id;      /**< [a-z][a-z0-9-]{0,63}, unique in the module */
    const char *version; /**< of the plugin, as people say it */
    const char *summary; /**< one line */
    const struct ph_config_key *config;
    const struct ph_counter *counters;
    uint32_t config_count;
    uint32_t counter_count;
    const struct ph_operator_ops *ops;
    const struct ph_source_ops *source;
    const struct ph_udf_ops *udf;
    const struct ph_async_udf_ops *async_udf;
    const struct ph_sink_ops *sink;
};

/** The exported object `pipehost_entry`. Its first three members stand in an ELF note as well, see
 * PH_ENTRY. */
struct ph_entry {
    uint64_t magic; /**< PH_ABI_MAGIC */
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t size; /**< sizeof(struct ph_entry) */
    uint32_t descriptor_count;
    const char *sdk_version;
    const struct ph_descriptor *const *descriptors;
};

#define PH_ENTRY_SYMBOL "pipehost_entry"
#define PH_NOTE_SECTION ".note.pipehost"
#define PH_NOTE_NAME    "pipehost"
#define PH_NOTE_TYPE    1u

/** The note's layout (ELF gABI, chapter "Note Section"): the host judges a file by it before dlopen
 * runs any constructor. */
struct ph_note {
    uint32_t name_size; /**< 9: "pipehost" and its NUL */
    uint32_t desc_size; /**< 24 */
    uint32_t type;      /**< PH_NOTE_TYPE */
    char name[12];      /**< padded to four bytes */
    uint32_t magic_low; /**< PH_ABI_MAGIC in two halves: a note is aligned to four bytes */
    uint32_t magic_high;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t entry_size;
    uint32_t reserved;
};

#ifdef __cplusplus
#define PH_ENTRY_LINKAGE extern "C"
#else
#define PH_ENTRY_LINKAGE extern
#endif

/** Exports a module's descriptors: `PH_ENTRY(&my_descriptor, &my_other_descriptor);` once, at file
 * level. */
#define PH_ENTRY(...)                                                                              \
    static const struct ph_descriptor *const ph_entry_descriptors[] = {__VA_ARGS__};               \
    __attribute__((section(PH_NOTE_SECTION), used,                                                 \
                   aligned(4))) static const struct ph_note ph_entry_note = {                      \
        9u,                                                                                        \
        24u,                                                                                       \
        PH_NOTE_TYPE,                                                                              \
        PH_NOTE_NAME,                                                                              \
        (uint32_t)(PH_ABI_MAGIC & UINT32_C(0xffffffff)),                                           \
        (uint32_t)(PH_ABI_MAGIC >> 32),                                                            \
        PH_ABI_MAJOR,                                                                              \
        PH_ABI_MINOR,                                                                              \
        (uint32_t)sizeof(struct ph_entry),                                                         \
        0u};                                                                                       \
    PH_ENTRY_LINKAGE PH_EXPORT const struct ph_entry pipehost_entry;                               \
    const struct ph_entry pipehost_entry = {                                                       \
        PH_ABI_MAGIC,                                                                              \
        PH_ABI_MAJOR,                                                                              \
        PH_ABI_MINOR,                                                                              \
        (uint32_t)sizeof(struct ph_entry),                                                         \
        (uint32_t)(sizeof ph_entry_descriptors / sizeof ph_entry_descriptors[0]),                  \
        PH_SDK_VERSION,                                                                            \
        ph_entry_descriptors}

#ifdef __cplusplus
}
#endif
#endif
