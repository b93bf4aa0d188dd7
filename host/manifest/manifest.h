/* SPDX-License-Identifier: Apache-2.0 */
/** A pipeline's manifest: JSON text made into checked, typed values. Kinds of plugins and their
 * config are checked later, when the plugins are known. */
#ifndef MANIFEST_MANIFEST_H
#define MANIFEST_MANIFEST_H

#include "manifest/errors.h"
#include "manifest/format.h"

#define MANIFEST_TEXT_MAX      (1u << 20)
#define MANIFEST_DEPTH_MAX     64
#define MANIFEST_OPERATORS_MAX 256
#define MANIFEST_NAME_MAX      64

struct json_t;
struct manifest_origin;
struct memory_block;

enum manifest_on_error { MANIFEST_DEAD_LETTER, MANIFEST_SKIP, MANIFEST_FAIL };

enum manifest_exactly_once {
    MANIFEST_ONCE_WHERE_POSSIBLE, /**< the key is absent: every sink that can */
    MANIFEST_ONCE_REQUIRED,       /**< true: operators that cannot are refused */
    MANIFEST_ONCE_GIVEN_UP        /**< false: at least once, the host keeps all positions */
};

struct manifest_operator {
    const char *name;
    uint32_t place;          /**< index in the text's "operators" */
    const char *plugin_name; /**< NAME of "NAME:ID" */
    const char *plugin_id;   /**< ID of "NAME:ID", "" where it is not given */
    const char *description; /**< "" where absent */
    uint32_t *inputs;        /**< indices into operators, in the manifest's order */
    uint32_t input_count;    /**< 0 for a source */
    enum manifest_on_error on_error;
    bool is_state_volatile; /**< "state": its loss by a restart is meant */
    bool is_of_letters; /**< dead_letter.operator, or the source of it, which is not in the text */
    const struct json_t *config;    /**< opaque: for config_create; null where absent */
    struct manifest_format *format; /**< null where absent */
};

struct manifest {
    const char *path;     /**< as given */
    const char *dir;      /**< absolute; relative paths in the manifest begin here */
    const char *pipeline; /**< also a file name: no slash, not "." or ".." */
    const char *description;
    struct manifest_operator *operators;
    uint32_t operator_count;
    uint32_t *order; /**< indices of operators, inputs before what reads them */

    uint32_t parallelism;
    uint32_t record_max_bytes;
    int64_t linger_ms;
    int64_t memory_limit_mib; /**< 0 = computed from the graph */
    int64_t checkpoint_interval_ms;
    int64_t commit_min_delay_ms;
    int64_t commit_max_rows; /**< 0 = the sink decides */
    int64_t drain_timeout_ms;
    enum manifest_on_error on_error;
    const char *dead_letter_operator; /**< the sink that gets them too; null = none */
    const char *dead_letter_file;     /**< absolute; default: dead.jsonl in state_dir */
    int64_t dead_letter_max_mib;      /**< of that file and each older one */
    uint32_t dead_letter_files;       /**< with the older ones */
    uint32_t dead_letter_stop_above_percent;
    enum manifest_exactly_once exactly_once;
    const char *state_dir; /**< absolute; it may not exist yet */

    /* Only host/manifest looks below. */
    const char *text; /**< as read, NUL-terminated */
    size_t text_length;
    struct json_t *root;
    struct json_t *added; /**< configs that are not in the text; null = none */
    struct manifest_origin *origin;
    struct memory_block *memory;
};

struct manifest_options {
    const char *const *env_files; /**< of two with one variable the last counts */
    uint32_t env_file_count;
    const char *const *environment; /**< like environ; null = the process's */
    const char *const *sets;        /**< "OPERATOR/pointer=value" or "/pointer=value" */
    uint32_t set_count;
    bool no_interpolation; /**< ${} stays as it is written */
};

/**
 * PH_OK and a manifest for manifest_destroy, or PH_ERROR and *out null; errs says why, and may hold
 * warnings in both cases. A null opts means all zero. [control]
 */
__attribute__((warn_unused_result)) int32_t manifest_load(const char *path,
                                                          const struct manifest_options *opts,
                                                          struct manifest **out,
                                                          struct manifest_errors *errs);

/** The same from memory; path is what messages and relative paths go by. The text is copied. */
__attribute__((warn_unused_result)) int32_t manifest_load_text(const char *path, const char *text,
                                                               size_t length,
                                                               const struct manifest_options *opts,
                                                               struct manifest **out,
                                                               struct manifest_errors *errs);

void manifest_destroy(struct manifest *m);

/** The operator of that name, or -1. */
int32_t manifest_find_operator(const struct manifest *m, const char *name);

/** Line and column (in code points), from 1, of a pointer's value in the text; false where the text
 * lacks it: then they are those of its nearest parent. */
bool manifest_place(const struct manifest *m, const char *pointer, uint32_t *line,
                    uint32_t *column);

/** "dead_letter", "skip" or "fail". */
const char *manifest_on_error_name(enum manifest_on_error on_error);

#endif
