/* SPDX-License-Identifier: Apache-2.0 */
/** A consumer of the whole of one topic: joins no group, commits nothing. */
#ifndef READER_H
#define READER_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#define READER_ASK_MS 60000 /**< the longest wait for a broker */

/** group: whose committed offsets it could ask for. Null: said on stderr. */
rd_kafka_t *reader_open(const char *brokers, const char *group, const char *isolation);
/** From the beginning of each partition, to be told of each end. Gives their number, or -1: said on
 * stderr. */
int32_t reader_assign(rd_kafka_t *rk, const char *topic);

#endif
