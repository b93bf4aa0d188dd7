/* SPDX-License-Identifier: Apache-2.0 */
/** The time of a dead letter, in microseconds since 1970: no two letters of a file have the same,
 * so that it also says which one it is. */
#ifndef DELIVERY_LETTER_TIME_H
#define DELIVERY_LETTER_TIME_H

#include "pipehost/abi.h"

#define LETTER_TIME_SIZE 40 /**< "2024-05-01T00:00:00.123456Z" and its end */

void letter_time_print(int64_t time_us, char out[LETTER_TIME_SIZE]);
/** As print writes it, or with fewer digits behind the point or none; -1: it is no such time. */
int64_t letter_time_read(const char *text, size_t length);
/** Of a letter's line, which begins with its time. -1: this one does not. */
int64_t letter_time_of_line(const char *line, size_t length);

#endif
