/* SPDX-License-Identifier: Apache-2.0 */
/** Reads a small file as a whole. */
#ifndef MANIFEST_FILE_H
#define MANIFEST_FILE_H

#include "base/buf.h"

#include <fcntl.h>

#define FILE_WHY_SIZE 160

/** Appends the content of a file, relative to the folder dir_fd. False where it cannot be read or
 * is larger than the buffer's limit; why is then the reason, for behind a colon. An empty file
 * leaves an empty text, not null. */
__attribute__((warn_unused_result)) bool file_read(int dir_fd, const char *path, struct buf *out,
                                                   char why[FILE_WHY_SIZE]);

#endif
