/* SPDX-License-Identifier: Apache-2.0 */
/** A snapshot in Prometheus' text exposition format, version 0.0.4. */
#ifndef STATS_PROMETHEUS_H
#define STATS_PROMETHEUS_H

#include "base/buf.h"
#include "stats/snapshot.h"

/**
 * Host metrics are pipehost_pipeline_* and pipehost_operator_*; a plugin's are
 * pipehost_plugin_ID_NAME with "-" as "_", counters with "_total" behind. Labels: pipeline,
 * operator, plugin.
 */
void prometheus_text(struct buf *b, const struct stats *s);

#endif
