/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The answers of an API in an SQLite file of its own: `places`, one row for each address, and
 * `source`, the endpoint that they come from. Whoever has it open may write; one thread at a time.
 */
#ifndef GEOLOCATE_STORE_FILE_H
#define GEOLOCATE_STORE_FILE_H

#include "address.h"
#include "pipehost/pipehost.h"

#include <sqlite3.h>
#include <stdbool.h>

struct store_file {
    sqlite3 *db; /**< null = not open */
    sqlite3_stmt *put;
    const char *path; /**< borrowed */
    uint32_t capacity;
    uint64_t rows; /**< at most */
};

struct store_row {
    struct address address;
    int64_t expires_wall_ms;
    const char *text; /**< a JSON object */
    uint32_t text_length;
};

enum store_file_state {
    STORE_FILE_OPEN,
    STORE_FILE_BAD,   /**< another database, of another version, or damaged */
    STORE_FILE_ERROR, /**< err says why */
};

/** Opens or makes the file, readable by its owner alone. Answers of another endpoint are dropped.
 * Not open after anything but STORE_FILE_OPEN; why (always set) says what is bad. */
enum store_file_state store_file_open(struct store_file *file, const char *path,
                                      const char *endpoint, uint32_t capacity, char *why,
                                      size_t size, struct ph_error *err)
    __attribute__((warn_unused_result));

/** Also of a zeroed one. */
void store_file_close(struct store_file *file);

/** Renames the closed file to one with ".aside-" and wall_ms behind its name. */
bool store_file_set_aside(const char *path, int64_t wall_ms) __attribute__((warn_unused_result));

/** Visits all rows that have not expired, the first to expire first. False: it is damaged. */
bool store_file_load(struct store_file *file, int64_t wall_ms,
                     void (*visit)(void *context, const struct store_row *row), void *context)
    __attribute__((warn_unused_result));

/** Writes the rows in one transaction, and lets the oldest go where there are too many. An SQLite
 * code; none of them is written unless that is SQLITE_OK. */
int store_file_write(struct store_file *file, const struct store_row *rows, uint32_t count,
                     int64_t wall_ms) __attribute__((warn_unused_result));

#endif
