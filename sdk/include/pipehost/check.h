/* SPDX-License-Identifier: Apache-2.0 */
/** What `pipehost check` asks a plugin: "pipehost.check/1", an extension of any plugin. */
#ifndef PIPEHOST_CHECK_H
#define PIPEHOST_CHECK_H

#include "pipehost/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_EXTENSION_CHECK "pipehost.check/1"

enum ph_check_flags {
    /** check needs no activate, which would write something: it is called without. */
    PH_CHECK_ALONE = 1u << 0
};

struct ph_check_ops {
    uint32_t size;
    uint32_t flags; /**< enum ph_check_flags */
    /**
     * Looks whether the task could do its work: changes nothing, and sends no request that somebody
     * counts. Into text[capacity], NUL-terminated: what was found, half a sentence for people; it
     * comes empty and may stay so. May block in pipehost.wait/1. [worker], after activate, unless
     * flags say otherwise, and instead of all work; deactivate follows.
     */
    int32_t (*check)(void *task, char *text, uint64_t capacity, struct ph_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
