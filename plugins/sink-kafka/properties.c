/* SPDX-License-Identifier: Apache-2.0 */
#include "properties.h"

static const struct property allowed[] = {PROPERTIES(PROPERTIES_AS_OPEN, PROPERTIES_AS_HIDDEN)};

static const struct property_refusal refusals[] = {
    {"partitioner", "use the key partitioner"},
    {"compression.codec", "use the key compression"},
    {"compression.type", "use the key compression"},
    {"queue.buffering.max.messages", "use the key queue_mib"},
    {"queue.buffering.max.kbytes", "use the key queue_mib"},
    {"enable.idempotence", "the producer is always idempotent"},
    {"acks", "a record counts as written when all replicas in sync have it"},
    {"request.required.acks", "a record counts as written when all replicas in sync have it"},
    {"message.timeout.ms",
     "a record waits as long as its transaction may (transaction.timeout.ms)"},
    {"delivery.timeout.ms",
     "a record waits as long as its transaction may (transaction.timeout.ms)"},
    {"retries", "an idempotent producer tries again until it succeeds"},
    {"message.send.max.retries", "an idempotent producer tries again until it succeeds"},
    {"delivery.report.only.error", "nothing counts as written before its report"},
    {"transactional.id", "it is made of the pipeline's and the sink's name"},
    {"allow.auto.create.topics", "a topic that is not there is refused"},
};

const struct properties_rules properties_rules = {
    .kind = "sink",
    .allowed = allowed,
    .allowed_count = sizeof allowed / sizeof allowed[0],
    .refusals = refusals,
    .refusal_count = sizeof refusals / sizeof refusals[0],
};
