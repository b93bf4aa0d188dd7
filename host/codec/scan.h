/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The first stage of simdjson behind a C face: where the tokens of a JSON text begin, found with
 * the widest vector instructions of the machine. It checks UTF-8, that strings are closed and that
 * they hold no raw control character; the grammar is the caller's. Inside this room only.
 */
#ifndef CODEC_SCAN_H
#define CODEC_SCAN_H

#include "pipehost/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

enum scan_result {
    SCAN_OK = 0,
    SCAN_EMPTY,    /**< nothing but white space */
    SCAN_UTF8,     /**< not valid UTF-8 */
    SCAN_UNCLOSED, /**< ends inside a string */
    SCAN_CONTROL,  /**< a raw control character in a string */
    SCAN_MEMORY    /**< too long for the memory there is */
};

struct scan {
    void *parser;
    size_t capacity; /**< longest text so far, rounded up */
    /** Ascending; at[count] and at[count + 1] are the text's length. Valid until the next run. */
    uint32_t *at;
    uint32_t count; /**< > 0 after SCAN_OK */
};

/** False: no memory. */
__attribute__((warn_unused_result)) bool scan_init(struct scan *scan);
void scan_fini(struct scan *scan);

/** Allocates only for a text longer than any before. */
__attribute__((warn_unused_result)) enum scan_result scan_run(struct scan *scan,
                                                              const uint8_t *text, uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
