/* SPDX-License-Identifier: Apache-2.0 */
/** `dead_letter.operator`: the way from the dead-letter file to a sink. */
#ifndef MANIFEST_LETTERS_WAY_H
#define MANIFEST_LETTERS_WAY_H

#include "manifest/reader.h"

/** Once all inputs are read: gives the sink that dead_letter.operator names a source of its own,
 * behind all operators of the text, that follows the file. There is room for it. */
void letters_way_add(struct reader *r);

#endif
