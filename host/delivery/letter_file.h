/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A file of lines that is appended to, followed by older ones: PATH, PATH.1, ... PATH.n, none of
 * them much larger than max_bytes and none ever removed. When the last name is taken the file is
 * full until somebody moves one away. Mode 0600. Used by one thread at a time.
 */
#ifndef DELIVERY_LETTER_FILE_H
#define DELIVERY_LETTER_FILE_H

#include "pipehost/error.h"

#define LETTER_FILE_MAX_BYTES (UINT64_C(64) << 20) /**< default of max_bytes */
#define LETTER_FILE_COUNT     4u                   /**< default of file_count */
/** Longer lines are passed over by each. */
#define LETTER_LINE_MAX_BYTES ((size_t)400 * 1024 * 1024)

/** The name of the file where letters go that `pipehost deadletter discard` takes out. */
#define LETTER_FILE_DISCARDED ".discarded"

struct letter_file {
    char *path;
    uint64_t max_bytes;
    uint32_t file_count; /**< PATH and the older ones */
    int fd;              /**< -1 = not open */
    bool is_new;         /**< its folder does not durably know it yet */
    bool is_regular;     /**< else a pipe or a terminal: it has no size and no older ones */
    bool needs_break;    /**< it ends within a line */
    bool is_dirty;
};

/** Opens nothing. False: out of memory. */
__attribute__((warn_unused_result)) bool letter_file_init(struct letter_file *f, const char *path,
                                                          uint64_t max_bytes, uint32_t file_count);
void letter_file_fini(struct letter_file *f);
/** Whether it can be written, as far as one can say without making it, and is not somebody else's.
 * PH_ERR_CONFIG where not. */
__attribute__((warn_unused_result)) int32_t letter_file_check(const struct letter_file *f,
                                                              struct ph_error *err);
/** All of the line, which ends in a line break, or nothing. The error is retriable but where the
 * disk lost what was written: room may be made. */
__attribute__((warn_unused_result)) int32_t letter_file_append(struct letter_file *f,
                                                               const char *line, size_t length,
                                                               struct ph_error *err);
/** Makes all lines durable. Cheap when there are none. */
__attribute__((warn_unused_result)) int32_t letter_file_sync(struct letter_file *f,
                                                             struct ph_error *err);
/** Every line of all files, without its break, the newest file first and then what was discarded;
 * the last of a file may be half a line.
 * What an earlier process wrote is made durable by the next sync. PH_ERROR: a file cannot be
 * read, PH_ERR_CONFIG where it may not be. */
__attribute__((warn_unused_result)) int32_t letter_file_each(
    struct letter_file *f, void (*line)(void *arg, const char *text, size_t length), void *arg,
    struct ph_error *err);
/** Every line of the n-th older file, 0 = the file itself; none where it is not there. */
__attribute__((warn_unused_result)) int32_t letter_file_each_of(
    const struct letter_file *f, uint32_t n,
    void (*line)(void *arg, const char *text, size_t length), void *arg, struct ph_error *err);

#endif
