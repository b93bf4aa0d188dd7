/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Typed access to the members of JSON objects. A fault becomes an error at its place and leaves the
 * value as it was, so that one pass finds everything. A string that held a ${} and came out empty
 * counts as absent; one that held a ${} or stands in a --set is converted where a number or bool is
 * wanted.
 */
#ifndef MANIFEST_READER_H
#define MANIFEST_READER_H

#include "manifest/manifest.h"
#include "manifest/pointer.h"

#include <jansson.h>

struct reader {
    struct manifest *m;
    struct manifest_errors *errs;
    struct pointer at; /**< the object that is being read */
};

/** An error at a member of the object at r->at, or at the object itself (key null); none where the
 * value is known to have failed already (origin_add_failed). */
__attribute__((format(printf, 3, 4))) void reader_fail(struct reader *r, const char *key,
                                                       const char *format, ...);

/** An error under the key of a member. */
__attribute__((format(printf, 3, 4))) void reader_fail_key(struct reader *r, const char *key,
                                                           const char *format, ...);

/** Remembers that memory ran out; answers false, for return. */
bool reader_no_memory(struct reader *r);

/** Refuses every member that is not among the known, with the nearest name. */
void reader_check_keys(struct reader *r, json_t *object, const char *const *known, size_t count);

/** The member, or null where it is absent. */
json_t *reader_get(struct reader *r, json_t *object, const char *key);

/** The member where it is an object; null where it is absent or (with an error) something else. */
json_t *reader_object(struct reader *r, json_t *object, const char *key);

/** True where node is a string that may stand for a number or bool. */
bool reader_is_convertible(struct reader *r, const json_t *node);

void reader_text(struct reader *r, json_t *object, const char *key, size_t max_length,
                 const char **out);
void reader_integer(struct reader *r, json_t *object, const char *key, int64_t minimum,
                    int64_t maximum, int64_t *out);
void reader_bool(struct reader *r, json_t *object, const char *key, bool *out);
/** *out becomes an index into names. */
void reader_enum(struct reader *r, json_t *object, const char *key, const char *const *names,
                 uint32_t count, uint32_t *out);

/** Takes a path, makes it absolute. */
void reader_path(struct reader *r, json_t *object, const char *key, const char **out);

/** A copy that lives as long as the manifest, or null with out_of_memory set. */
const char *reader_copy(struct reader *r, const char *text, size_t length);

/** path itself where it is absolute, else below dir; null when memory ran out. */
const char *reader_resolve(struct memory_block **memory, const char *dir, const char *path);

/** Strict decimal and bool texts: "-12", "true". */
bool reader_parse_integer(const char *text, int64_t *out);
bool reader_parse_bool(const char *text, bool *out);

/** [A-Za-z0-9_.-]{1,64}, not beginning with a dot. */
bool reader_is_name(const char *text);

#endif
