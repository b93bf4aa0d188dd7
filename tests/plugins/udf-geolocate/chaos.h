/* SPDX-License-Identifier: Apache-2.0 */
/** Makes one allocation of the module fail. A test finds these by dlsym. */
#ifndef GEOLOCATE_TEST_CHAOS_H
#define GEOLOCATE_TEST_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#define CHAOS_EXPORT __attribute__((visibility("default")))

/** The allocation with that number from now on fails, 1 = the next; 0 = none. */
CHAOS_EXPORT void chaos_fail_at(int64_t number);
CHAOS_EXPORT bool chaos_has_failed(void);

#endif
