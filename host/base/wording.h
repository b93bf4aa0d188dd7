/* SPDX-License-Identifier: Apache-2.0 */
/** A formatted text, and which of its bytes are the format's own words: what is searched for in
 * text from outside need not be searched for in a sentence of the host itself. */
#ifndef BASE_WORDING_H
#define BASE_WORDING_H

#include "pipehost/abi.h"

#include <stdarg.h>

/**
 * Like vsnprintf. own has size bytes as well: 0 where the text's byte comes from an argument, else
 * the number of the run of own words that it belongs to, so that two runs with an empty argument
 * between them are told apart. In doubt a byte is an argument's. [any]
 */
__attribute__((format(printf, 4, 0))) void wording_format(char *text, unsigned char *own,
                                                          size_t size, const char *format,
                                                          va_list args);

#endif
