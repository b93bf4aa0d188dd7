/* SPDX-License-Identifier: Apache-2.0 */
/** What other processes may ask of a running job over its control socket. [control] */
#ifndef JOB_REQUESTS_H
#define JOB_REQUESTS_H

#include "base/buf.h"
#include "stats/snapshot.h"

/** Answers one request with an object: {"ok":true,"status":{...}}, or {"ok":false,"error":"..."}.
 */
void requests_answer(const struct stats *s, const char *request, size_t length, struct buf *out);

#endif
