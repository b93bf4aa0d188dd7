/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The lines of a dead-letter file and of its older ones, PATH.n … PATH.1, PATH, the oldest first.
 * pipehost appends to PATH, and renames each to the next number when that is full. One thread.
 */
#ifndef SOURCE_DEAD_LETTERS_FILES_H
#define SOURCE_DEAD_LETTERS_FILES_H

#include "pipehost/error.h"

#define FILES_MAX 1000u /**< as many as dead_letter.files may be */

struct file_part {
    int fd;
    uint32_t number; /**< 0 = PATH itself, when it was opened */
    int64_t end;     /**< where to stop, -1 = with the file */
};

struct files {
    const char *path; /**< the caller's */
    bool follows;     /**< goes on to wait for more */
    struct file_part *parts;
    uint32_t count;
    uint32_t current;
    int64_t at;    /**< what was read of the current one */
    uint64_t line; /**< number of the line that was given last, from 1 */
    char *data;
    size_t capacity;
    size_t begin;    /**< of the next line */
    size_t searched; /**< no line break between begin and here */
    size_t end;
    bool is_begun;   /**< a line was given since the oldest file was opened */
    bool is_passing; /**< what follows is the rest of a line that is too long */
};

struct files_line {
    char *text; /**< may be changed; valid until the next call */
    size_t length;
    uint32_t file; /**< PATH.file, 0 = PATH */
    uint64_t number;
    bool is_again; /**< the first one: all files are read from the oldest on, perhaps once more */
    bool is_torn;  /**< it has no line break */
    bool is_too_long; /**< text is its beginning */
};

/** Opens what is there, which may be nothing. Without `follows` it ends where the files end now. */
__attribute__((warn_unused_result)) int32_t files_open(struct files *f, const char *path,
                                                       bool follows, struct ph_error *err);
void files_close(struct files *f); /**< accepts zeroes and closed ones */

/** PH_OK; PH_IDLE: there is no whole line more now, ask again; PH_END. After files were moved away
 * or written anew all lines come again. */
__attribute__((warn_unused_result)) int32_t files_next(struct files *f, struct files_line *line,
                                                       struct ph_error *err);

#endif
