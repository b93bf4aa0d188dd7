/* SPDX-License-Identifier: Apache-2.0 */
/** A point in time as a manifest writes it. */
#ifndef SOURCE_KAFKA_INSTANT_H
#define SOURCE_KAFKA_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Reads milliseconds since 1970 ("1714521600123") or ISO 8601: a date, or a date and a time to the
 * second or finer, with Z, an offset ("+02:00") or nothing, which is UTC. False where text is
 * neither. [any]
 */
__attribute__((warn_unused_result)) bool instant_parse(const char *text, int64_t *unix_ms);

#endif
