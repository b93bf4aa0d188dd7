/* SPDX-License-Identifier: Apache-2.0 */
/** The names that a plugin may have and may give, and the words for its kind and delivery. */
#ifndef MODULE_NAME_H
#define MODULE_NAME_H

#include "pipehost/abi.h"

#define NAME_ID_MAX   64u /**< bytes of a plugin's id */
#define NAME_KEY_MAX  62u /**< bytes of a config key or counter: "/key" fits ph_error.config_key */
#define NAME_FILE_MAX 128u

bool name_is_id(const char *s);   /**< [a-z][a-z0-9-]* */
bool name_is_key(const char *s);  /**< [a-z][a-z0-9_]* */
bool name_is_file(const char *s); /**< a plugin's file without folder and ".so":
                                     [A-Za-z0-9_][A-Za-z0-9_.-]* */

const char *name_of_kind(uint32_t kind);         /**< "source", "udf", "async udf", "sink" */
const char *name_of_delivery(uint32_t delivery); /**< "transactional", ...; "" = not a sink */
const char *name_of_flag(uint32_t index);        /**< of bit 1 << index: "pure", ...; null = none */
const char *name_of_config_type(uint32_t type);  /**< "string", ..., "map" */

#endif
