/* SPDX-License-Identifier: Apache-2.0 */
/** sink-kafka in the fake host, before librdkafka's mock cluster. */
#ifndef TEST_SINK_KAFKA_RIG_H
#define TEST_SINK_KAFKA_RIG_H

#include "harness.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define RIG_TOPIC   "located"
#define RIG_WAIT_MS 200000

struct rig {
    bool is_exact;  /**< exactly-once; before rig_bind */
    rd_kafka_t *rk; /**< owns the cluster; null = none */
    rd_kafka_mock_cluster_t *cluster;
    const char *brokers;
    struct harness *harness;
    struct harness_task *task; /**< null = not activated */
    struct ph_schema schema;
    struct ph_batch *batches[64]; /**< written in the open epoch */
    uint32_t batch_count;
    uint64_t epoch_id;
    int64_t
        next_offset; /**< of the partition with id 0, at the next commit; 0 = it does not move */
};

/** A cluster with RIG_TOPIC. */
void rig_cluster(struct rig *r, int partitions);
/** create, init and bind; settings end with a key that is null. False: the harness has the error.
 */
bool rig_bind(struct rig *r, const struct harness_setting *settings);
/** The task, connected to the cluster. */
bool rig_activate(struct rig *r);
void rig_close(struct rig *r);

/** One call of write with rows of "text" (and "raw") from cells. */
int32_t rig_write(struct rig *r, const struct harness_cell *cells, uint32_t rows);
/** Calls commit; where it is pending, waits for the answer: PH_OK, or PH_ERROR with the error. */
int32_t rig_commit(struct rig *r);
int32_t rig_call_commit(struct rig *r);
/** Pumps until the epoch is answered; false after RIG_WAIT_MS. */
bool rig_wait_done(struct rig *r);
void rig_abort(struct rig *r);
const struct ph_error *rig_error(const struct rig *r);

/** How many records with that value the topic holds. */
int rig_count(const struct rig *r, const char *value);

#endif
