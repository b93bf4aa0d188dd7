/* SPDX-License-Identifier: Apache-2.0 */
/** Which class each error of librdkafka has, written down: a change of a rule shows here. */
#ifndef ERROR_TABLE_H
#define ERROR_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct error_class {
    uint32_t at_start; /**< enum ph_error_flags */
    uint32_t at_work;
    const char *names; /**< of the codes, one blank between */
};

/** Fails unless each code of the library is in exactly one class, of `own` or of those that all
 * plugins share, the plugin's judge puts it there, and the classes name no other code. */
void error_table_check(const struct error_class *own, size_t count);

#endif
