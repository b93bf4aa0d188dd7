/* SPDX-License-Identifier: Apache-2.0 */
/** Folders that a pipeline keeps files in. [control] */
#ifndef JOB_FOLDER_H
#define JOB_FOLDER_H

/** Makes a folder (0700) and those above it (0755) where they are missing. -1: errno says why. */
__attribute__((warn_unused_result)) int folder_make(const char *path);
/** The same for the folder that a file is to stand in. */
__attribute__((warn_unused_result)) int folder_make_for(const char *file);
/** Makes the names in a folder durable. -1: errno says why. */
__attribute__((warn_unused_result)) int folder_sync(const char *path);

#endif
