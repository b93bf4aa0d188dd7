/* SPDX-License-Identifier: Apache-2.0 */
/** What stands in for a function that a plugin does not have. A pointer that is null here is one
 * that a plugin must bring. */
#ifndef MODULE_DEFAULTS_H
#define MODULE_DEFAULTS_H

#include "pipehost/pipehost.h"

/** create answers the host object, task_create the operator object. */
extern const struct ph_operator_ops defaults_ops;
/** partitions adds none, resolve answers 0 for each. */
extern const struct ph_source_ops defaults_source;
extern const struct ph_udf_ops defaults_udf;
extern const struct ph_async_udf_ops defaults_async_udf;
/** claim answers -1 for each: no position is known. */
extern const struct ph_sink_ops defaults_sink;

/** A UDF's output 0 is its input 0. */
int32_t defaults_bind_udf(void *op, struct ph_binding *binding, struct ph_error *err);

#endif
