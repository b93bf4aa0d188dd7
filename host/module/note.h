/* SPDX-License-Identifier: Apache-2.0 */
/** The ABI note of a plugin's file, read without loading it: a constructor must not run before the
 * host has judged the versions. Format: ELF gABI, "Program Header" and "Note Section". */
#ifndef MODULE_NOTE_H
#define MODULE_NOTE_H

#include "pipehost/error.h"

struct note {
    uint64_t magic;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t entry_size; /**< bytes of the module's struct ph_entry */
};

/**
 * Reads the note of the file open as fd; path only stands in errors. PH_ERROR with a sentence: not
 * an ELF file, one of another machine, damaged, or without a note of pipehost. Trusts nothing in
 * the file. [any]
 */
__attribute__((warn_unused_result)) int32_t note_read(int fd, const char *path, struct note *note,
                                                      struct ph_error *err);

/** PH_ERROR with a sentence unless this host may load a module with this note. [any] */
__attribute__((warn_unused_result)) int32_t note_judge(const struct note *note, const char *path,
                                                       struct ph_error *err);

#endif
