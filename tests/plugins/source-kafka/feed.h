/* SPDX-License-Identifier: Apache-2.0 */
/** source-kafka in the fake host, for its tests: one operator with one lane, and a writer that
 * counts. */
#ifndef TEST_SOURCE_KAFKA_FEED_H
#define TEST_SOURCE_KAFKA_FEED_H

#include "harness.h"

#define FEED_PARTITIONS 64

/** Judges a record; false ends the test. */
typedef bool (*feed_check_fn)(int32_t partition, const struct ph_record *record, void *data);

struct feed {
    struct harness *harness;
    struct harness_task *task;
    struct harness_partitions partitions;
    int64_t starts[FEED_PARTITIONS];  /**< what resolve answered */
    int64_t next[FEED_PARTITIONS];    /**< one past the last record or hole, by partition id */
    int64_t records[FEED_PARTITIONS]; /**< by partition id */
    int64_t total;
    struct ph_writer writer;
    int64_t room; /**< records that append still takes; negative = no limit */
    feed_check_fn check;
    void *check_data;
};

/** The operator, configured; false with f->harness->error set where it is refused. Settings end
 * with a key of null. */
bool feed_open(struct feed *f, const struct harness_setting *settings);
/** Activate, partitions, resolve, start of all from where resolve says. */
int32_t feed_start(struct feed *f);
/** Activate, partitions; the offsets are the caller's. */
int32_t feed_start_at(struct feed *f, const int64_t *offsets);
int32_t feed_poll(struct feed *f);
/**
 * Polls, and sleeps as the host would, until total reaches at least `records` or the source ends;
 * then PH_OK or PH_END. PH_IDLE: the time was up. Negative: poll failed.
 */
int32_t feed_until(struct feed *f, int64_t records, int timeout_ms);
/** Sleeps as the host would until the log has text; false when the time is up. */
bool feed_until_logged(struct feed *f, const char *text, int timeout_ms);
const char *feed_error(const struct feed *f);
void feed_close(struct feed *f);

#endif
