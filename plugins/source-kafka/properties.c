/* SPDX-License-Identifier: Apache-2.0 */
#include "properties.h"

static const struct property allowed[] = {PROPERTIES(PROPERTIES_AS_OPEN, PROPERTIES_AS_HIDDEN)};

static const struct property_refusal refusals[] = {
    {"group.id", "use the key group"},
    {"auto.offset.reset", "use the key startup_mode"},
    {"enable.partition.eof", "use the key bounded_mode"},
    {"queued.min.messages", "use the key prefetch_mib"},
    {"queued.max.messages.kbytes", "use the key prefetch_mib"},
    {"enable.auto.commit", "pipehost keeps the positions, with the sinks' output"},
    {"enable.auto.offset.store", "pipehost keeps the positions, with the sinks' output"},
    {"auto.commit.*", "pipehost keeps the positions, with the sinks' output"},
    {"offset.store.*", "pipehost keeps the positions, with the sinks' output"},
    {"group.*", "pipehost assigns the partitions, without a consumer group"},
    {"partition.assignment.strategy", "pipehost assigns the partitions, without a consumer group"},
    {"session.timeout.ms", "pipehost assigns the partitions, without a consumer group"},
    {"heartbeat.interval.ms", "pipehost assigns the partitions, without a consumer group"},
    {"max.poll.interval.ms", "pipehost assigns the partitions, without a consumer group"},
};

const struct properties_rules properties_rules = {
    .kind = "source",
    .allowed = allowed,
    .allowed_count = sizeof allowed / sizeof allowed[0],
    .refusals = refusals,
    .refusal_count = sizeof refusals / sizeof refusals[0],
};
