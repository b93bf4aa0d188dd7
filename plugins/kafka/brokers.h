/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a list of brokers is one that librdkafka can work with: of what it cannot, it says
 * nothing but that nobody answers. */
#ifndef KAFKA_BROKERS_H
#define KAFKA_BROKERS_H

#include "pipehost/error.h"

/** Without a network. protocol is the property security.protocol, null where it is not set; the
 * error is of the config key brokers. [control] */
__attribute__((warn_unused_result)) int32_t brokers_check(const char *list, const char *protocol,
                                                          struct ph_error *err);

#endif
