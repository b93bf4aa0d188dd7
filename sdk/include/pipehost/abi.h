/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ABI's version, result codes and calling rules. Every other SDK header includes this one.
 *
 * Thread tags stand in front of each function of a table:
 * - [control]  the host's control thread; no two calls at once for one operator
 * - [worker]   the one worker thread that runs this task at the time; never two at once for one
 * task
 * - [io]       a thread that a library inside the plugin owns: it may only log and wake
 * - [any]      any thread, at any time while the object lives
 *
 * A pointer argument is borrowed until the call returns unless its comment says otherwise.
 */
#ifndef PIPEHOST_ABI_H
#define PIPEHOST_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** "pipehost" as eight ASCII bytes, first byte lowest: what an entry and its ELF note begin with.
 */
#define PH_ABI_MAGIC UINT64_C(0x74736f6865706970)
/** A change of meaning or layout. A host loads only its own major. While it is 0 the layout may
 * still change. */
#define PH_ABI_MAJOR 0u
/** A compatible growth. A host loads every minor up to its own. */
#define PH_ABI_MINOR 0u
/** The version of these headers as people say it; informative, never compared. */
#define PH_SDK_VERSION "0.1.0"

/** What a call answers. Negative is a failure, described in the caller's ph_error. */
enum ph_result {
    PH_ERROR = -1,   /**< failed; the ph_error says why and what kind */
    PH_OK = 0,       /**< done, or progress was made */
    PH_MORE = 1,     /**< no room or not finished: call again with the same arguments */
    PH_IDLE = 2,     /**< nothing to do now: a watched fd, a deadline or wake() says when */
    PH_END = 3,      /**< the input is exhausted for good */
    PH_PENDING = 4,  /**< accepted; the answer comes later through the named callback */
    PH_NULL = 5,     /**< a scalar UDF's value is null */
    PH_DROP = 6,     /**< a scalar UDF filters the row out */
    PH_REJECT = 7,   /**< a scalar UDF set the row aside as a dead letter */
    PH_CANCELLED = 8 /**< a wait ended because the host stops now */
};

/** Marks the one symbol that a module exports. */
#define PH_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif
#endif
