/* SPDX-License-Identifier: Apache-2.0 */
/** What a plugin's binary relies on: layouts in layout.c, values in layout_constants.c. */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include "pipehost/pipehost.h"

void layout_print_constants(void);

#endif
