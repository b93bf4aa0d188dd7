/* SPDX-License-Identifier: Apache-2.0 */
/** Event time: "pipehost.watermark/1" (extension of a UDF) and "pipehost.timers/1" (service of the
 * host). */
#ifndef PIPEHOST_WATERMARK_H
#define PIPEHOST_WATERMARK_H

#include "pipehost/udf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_EXTENSION_WATERMARK "pipehost.watermark/1"

struct ph_watermark_ops {
    uint32_t size;
    uint32_t reserved;
    /** No record of an earlier event time follows, over all inputs. Same rules as process. [worker]
     */
    int32_t (*watermark)(void *task, int64_t event_time_ms, struct ph_out *out,
                         struct ph_error *err);
    /** A timer set through pipehost.timers/1 is due: the watermark reached it. Before `watermark`
     * of the same time. [worker] */
    int32_t (*timer)(void *task, int64_t event_time_ms, uint64_t tag, struct ph_out *out,
                     struct ph_error *err);
};

#define PH_SERVICE_TIMERS "pipehost.timers/1"

struct ph_timers {
    uint32_t size;
    uint32_t reserved;
    /** One timer for each (event_time_ms, tag); kept in checkpoints. [worker] */
    int32_t (*set)(const struct ph_task *task, int64_t event_time_ms, uint64_t tag,
                   struct ph_error *err);
    void (*clear)(const struct ph_task *task, int64_t event_time_ms, uint64_t tag);
    /** The task's watermark, INT64_MIN before the first: what is older is late. [worker] */
    int64_t (*watermark_ms)(const struct ph_task *task);
};

#ifdef __cplusplus
}
#endif
#endif
