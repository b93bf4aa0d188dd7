/* SPDX-License-Identifier: Apache-2.0 */
/** Takes letters out of a dead-letter file and its older ones. They go to FILE.discarded first,
 * where a pipeline that reads their records again finds that they were written. */
#ifndef DELIVERY_LETTER_DISCARD_H
#define DELIVERY_LETTER_DISCARD_H

#include "delivery/letter_file.h"

struct letter_discard {
    const char *path;
    uint32_t file_count; /**< the most older ones to look for */
    bool (*takes)(void *arg, const char *line, size_t length);
    void *arg;
    uint64_t discarded; /**< lines taken out */
    uint64_t kept;
};

/** PH_PENDING: a process that writes letters has the file open; nothing was done. After PH_ERROR
 * or a crash each letter is in its file, or in FILE.discarded, or in both. */
__attribute__((warn_unused_result)) int32_t letter_discard(struct letter_discard *d,
                                                           struct ph_error *err);

#endif
