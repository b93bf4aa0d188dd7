/* SPDX-License-Identifier: Apache-2.0 */
/** A sink task under a fake host, and a connection of the test's own to look at what it did. */
#ifndef SINK_POSTGRES_RIG_H
#define SINK_POSTGRES_RIG_H

#include "harness.h"

#include <libpq-fe.h>

#define RIG_SETTINGS 16

struct rig {
    struct harness *host;
    struct harness_task *task;
    struct ph_schema schema;
    const struct ph_schema *inputs[1];
    struct harness_setting settings[RIG_SETTINGS];
    uint32_t setting_count;
    uint32_t epoch_flags; /**< of the next commits */
    bool is_durable;      /**< the host keeps the positions; before rig_open */
    const char *pipeline; /**< its name; null = pipe */
};

/** The .so under test; set by main. */
extern const char *rig_plugin;

/** The test's own connection, made at first use. */
PGconn *rig_connection(void);
/** One more, for the caller to finish. */
PGconn *rig_connect(void);
void rig_disconnect(void);
/** Runs SQL; the test ends where it fails. */
__attribute__((format(printf, 1, 2))) void rig_sql(const char *format, ...);
/** The first value of a query's answer, or "" for null; valid until the next call. */
__attribute__((format(printf, 1, 2))) const char *rig_value(const char *format, ...);

/** Settings with the dsn, user and password of the environment. */
void rig_settings(struct rig *r, const char *table);
/** Adds or replaces a setting; key and text must live on. */
void rig_set(struct rig *r, const char *key, const char *text);
/** Opens, inits and binds operator `rows` of the pipeline, and makes its task. Ends the test on
 * failure. */
void rig_open(struct rig *r, const struct ph_field *fields, uint32_t count);
void rig_close(struct rig *r);

/** activate, and claim of partitions 0 … count-1 of topic "events". Answers claim's result. */
int32_t rig_claim(struct rig *r, uint32_t count, struct ph_position *positions);
/** One of those partitions, as a claim has it. */
struct ph_partition rig_partition(uint32_t i);
int32_t rig_write(struct rig *r, const struct ph_batch *b);
/** Commits the rows so far with one position. */
int32_t rig_commit(struct rig *r, uint32_t partition_id, int64_t next_offset);
int32_t rig_commit_many(struct rig *r, const struct ph_position *positions, uint32_t count);
void rig_abort(struct rig *r);
/** The error of the last call. */
const struct ph_error *rig_error(const struct rig *r);

#endif
