/* SPDX-License-Identifier: Apache-2.0 */
/** Epochs of ids in a table, for the tests of what becomes of them. */
#ifndef SINK_POSTGRES_LIVE_TABLE_H
#define SINK_POSTGRES_LIVE_TABLE_H

#include "live.h"

/** Rows: so many that the epoch's COPY is open before commit. */
#define LIVE_LARGE 4000

/** Rows with ids from first on. */
struct ph_batch *live_rows(const struct rig *r, int64_t first, uint32_t count);
/** Settings for the sink on table live (id bigint, v text), which is made. */
void live_settings(struct rig *r);
/** rig_open with its fields. */
void live_start(struct rig *r);
/** Both, with one more setting. */
void live_open_with(struct rig *r, const char *key, const char *text);
/** The same; dsn null: the server itself. */
void live_open(struct rig *r, const char *dsn);
/** Claims the only partition; answers where it stands. */
int64_t live_claimed(struct rig *r);
/** The table has that many rows, each id once. */
void live_assert_exact(int64_t count);
/** Writes and commits. */
void live_write_epoch(struct rig *r, int64_t first, uint32_t count);
/** Ends the sink's server process; where: a condition on pg_stat_activity. */
void live_kill_backend(const char *where);
/** After a retriable error: abort, claim, and the same epoch from where the claim says. */
void live_recover(struct rig *r, const struct ph_batch *b, int64_t first, int64_t end);

#endif
