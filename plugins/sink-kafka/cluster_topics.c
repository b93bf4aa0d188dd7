/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster_topics.h"

#include "kafka/errors.h"

#define LIST_MS 10000

int32_t cluster_topics_list(const struct producer *p, const struct rd_kafka_metadata **metadata,
                            struct ph_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_metadata(p->link.rk, 1, NULL, metadata, LIST_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? PH_OK
               : errors_set(err, code, ERRORS_AT_START, "Kafka at %s does not list its topics: %s",
                            p->settings->brokers, rd_kafka_err2str(code));
}
