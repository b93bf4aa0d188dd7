/* SPDX-License-Identifier: Apache-2.0 */
/** The letters of a dead-letter file and its older ones, the oldest first. */
#ifndef CLI_LETTERS_H
#define CLI_LETTERS_H

#include "pipehost/error.h"

struct json_t;

/** Lives for the call that gets it. Texts are "" where the letter lacks them. */
struct letter_view {
    int64_t place; /**< the time in microseconds since 1970, unique in the file */
    const char *line;
    size_t length;
    const struct json_t *json;
    const char *pipeline;
    const char *operator_name;
    const char *source;
    const char *code;
    const char *reason;
    int64_t sub_index; /**< -1 = none */
    bool is_cut;       /**< the letter has a part of its record only */
};

struct letters_reading {
    const char *path;
    const char *operator_name; /**< only letters of this one; null = all */
    int64_t until_us;          /**< none behind; 0 = all */
    bool (*take)(void *arg, const struct letter_view *letter); /**< false: enough */
    void *arg;
    uint64_t bad;        /**< lines that are no letter */
    char first_bad[300]; /**< "FILE:LINE" of the first of them */
};

/** Whether reading->operator_name and until_us let a letter through. */
bool letters_has(const struct letters_reading *reading, const struct letter_view *letter);
/** Reads one line. False: it is no whole letter. *json is for json_decref. */
__attribute__((warn_unused_result)) bool letters_parse(const char *line, size_t length,
                                                       struct json_t **json,
                                                       struct letter_view *out);
/** PH_ERROR: a file cannot be read, or there is none. */
__attribute__((warn_unused_result)) int32_t letters_each(struct letters_reading *reading,
                                                         struct ph_error *err);

/** As many older files as there can be, and the file. */
#define LETTERS_FILES_MAX 1000u

#endif
