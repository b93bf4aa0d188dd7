/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Lets a chosen allocation fail, and counts what is still allocated. Works on all code that is
 * linked into the executable with FAIL_ALLOC_LINK_OPTIONS (see CMakeLists.txt), static libraries
 * too; not on what libc allocates for itself. Any thread may allocate; one arms and disarms.
 */
#ifndef TESTS_CHAOS_FAIL_ALLOC_H
#define TESTS_CHAOS_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fail_alloc_mode {
    FAIL_ALLOC_ONCE, /**< only the chosen allocation fails */
    FAIL_ALLOC_FROM  /**< and all after it */
};

/** The nth allocation from now on fails, counted from 1. */
void fail_alloc_arm(uint64_t nth, enum fail_alloc_mode mode);

/** No further allocation fails. True when one did since fail_alloc_arm. */
bool fail_alloc_disarm(void);

/** Allocations that were made and not freed. */
size_t fail_alloc_live(void);

#endif
