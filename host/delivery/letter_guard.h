/* SPDX-License-Identifier: Apache-2.0 */
/** Tells a file of dead letters from one that is somebody else's and must get none. */
#ifndef DELIVERY_LETTER_GUARD_H
#define DELIVERY_LETTER_GUARD_H

#include <stdbool.h>

/** True: it is a regular file that can be read and begins with something else than a letter. What
 * a process that died has left of one is a letter's. [any] */
bool letter_guard_is_foreign(const char *path);

#endif
