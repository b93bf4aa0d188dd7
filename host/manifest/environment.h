/* SPDX-License-Identifier: Apache-2.0 */
/** Where ${} looks: the environment, then the env file. */
#ifndef MANIFEST_ENVIRONMENT_H
#define MANIFEST_ENVIRONMENT_H

#include "manifest/errors.h"
#include "manifest/nearest.h"

#define ENVIRONMENT_FILE_MAX    (1u << 20)
#define ENVIRONMENT_ENTRIES_MAX 4096

struct memory_block;
struct environment_entry;

struct environment {
    const char *const *process;        /**< borrowed, like environ */
    struct environment_entry *entries; /**< of the env file */
    uint32_t entry_count;
    struct memory_block *memory;
};

/** A null process means the process's own. */
void environment_init(struct environment *e, const char *const *process);
void environment_fini(struct environment *e);

/**
 * Reads a file of KEY=VALUE lines: `export ` in front is skipped, # begins a comment, 'x' is
 * literal, "x" knows \n \t \\ \" \$. Values may not span lines. A name that comes twice has the
 * last value. Faults go to errs with the line, never with a value.
 */
void environment_load_file(struct environment *e, const char *path, struct manifest_errors *errs);

/** The same from memory; path is for messages. */
void environment_load_text(struct environment *e, const char *path, const char *text, size_t length,
                           struct manifest_errors *errs);

/** The value, or null where the name is not set. */
const char *environment_get(const struct environment *e, const char *name, size_t length);

/** Offers every name that is set. */
void environment_offer(const struct environment *e, struct nearest *n);

/** Bytes of the variable name that text begins with, 0 = none. */
size_t environment_name_length(const char *text, const char *end);

#endif
