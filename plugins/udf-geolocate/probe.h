/* SPDX-License-Identifier: Apache-2.0 */
/** pipehost.check/1: whether the API can be reached, without a look-up. */
#ifndef GEOLOCATE_PROBE_H
#define GEOLOCATE_PROBE_H

#include "pipehost/check.h"

/** task is a lane. Connects, with TLS where the endpoint has it, and sends no request. [worker] */
int32_t probe_check(void *task, char *text, uint64_t capacity, struct ph_error *err);

#endif
