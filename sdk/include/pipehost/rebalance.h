/* SPDX-License-Identifier: Apache-2.0 */
/** Sources whose partitions come and go: "pipehost.rebalance/1", a service of the host. */
#ifndef PIPEHOST_REBALANCE_H
#define PIPEHOST_REBALANCE_H

#include "pipehost/source.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_SERVICE_REBALANCE "pipehost.rebalance/1"

struct ph_rebalance {
    uint32_t size;
    uint32_t reserved;
    /** The task now has this partition: the host claims it in every sink, asks this task's
     * `resolve` where none has a position, and answers with `start` after this call. Strings are
     * copied. [worker] */
    int32_t (*assigned)(const struct ph_task *task, const char *topic, int32_t partition,
                        const char *cluster, struct ph_error *err);
    /** The task must give it up: the host commits what is in flight, the records appended so far in
     * this call of poll among them, releases it in every sink, then returns. It calls nothing of
     * this task meanwhile. [worker] */
    int32_t (*revoked)(const struct ph_task *task, uint32_t partition_id, struct ph_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
