/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SINK_POSTGRES_PARTS_H
#define SINK_POSTGRES_PARTS_H

#include <check.h>

TCase *encode_tests(void);
TCase *errors_tests(void);
TCase *tally_tests(void);

#endif
