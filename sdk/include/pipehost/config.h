/* SPDX-License-Identifier: Apache-2.0 */
/** A plugin's declared configuration. The host checks the manifest against the table before any
 * code of the plugin runs. */
#ifndef PIPEHOST_CONFIG_H
#define PIPEHOST_CONFIG_H

#include "pipehost/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ph_config_type {
    PH_CONFIG_STRING = 1,
    PH_CONFIG_SECRET = 2,   /**< a string that never appears in a log, an error or a dump */
    PH_CONFIG_BOOL = 3,     /**< in `integer`: 0 or 1 */
    PH_CONFIG_INT = 4,      /**< in `integer` */
    PH_CONFIG_FLOAT = 5,    /**< in `real` */
    PH_CONFIG_ENUM = 6,     /**< one of `values`; its text in `text`, its index in `integer` */
    PH_CONFIG_DURATION = 7, /**< in `integer`, milliseconds; written as a number of ms or "500ms",
                               "10s", "5m", "2h", "7d" */
    PH_CONFIG_SIZE = 8, /**< in `integer`, bytes; written as a number or "64KiB", "64MiB", "1GiB" */
    PH_CONFIG_PATH =
        9, /**< in `text`, absolute: the host resolves it against the manifest's folder */
    PH_CONFIG_LIST = 10, /**< of strings, in `items` */
    PH_CONFIG_MAP = 11   /**< of names to strings, in `items`, in the manifest's order */
};

enum ph_config_flags {
    PH_CONFIG_REQUIRED = 1u << 0,
    PH_CONFIG_SECRET_VALUES =
        1u << 1,            /**< a map's values are secrets unless the name is in `values` */
    PH_CONFIG_URL = 1u << 2 /**< a password inside the text is cut out where it is shown */
};

struct ph_config_key {
    uint32_t size;
    uint32_t type;  /**< enum ph_config_type */
    uint32_t flags; /**< enum ph_config_flags */
    uint32_t reserved;
    const char *name;         /**< [a-z][a-z0-9_]* */
    const char *doc;          /**< one line for the reference page */
    const char *unit;         /**< "ms", "requests", ...; null = none */
    const char *default_text; /**< as a manifest would write it, without quotes; null = none */
    const char
        *values; /**< enum: the legal texts, map: the names allowed to be shown; separated by '|' */
    int64_t minimum; /**< of int, duration and size; both 0 = no limits */
    int64_t maximum;
};

/** A checked value, owned by the host until the operator is destroyed. */
struct ph_value {
    uint32_t size;
    uint32_t type; /**< enum ph_config_type */
    bool is_set;   /**< by the manifest or by a default; false: nothing below means anything */
    bool is_default;
    uint8_t reserved[2];
    uint32_t text_length; /**< bytes, without the NUL */
    const char *name;     /**< of a map's item; null otherwise */
    const char *text;     /**< NUL-terminated as well, holds no NUL */
    int64_t integer;
    double real;
    const struct ph_value *items;
    uint32_t item_count;
    uint32_t reserved2;
};

/** Borrowed for the call of init; the values live as long as the operator. */
struct ph_config {
    uint32_t size;
    uint32_t reserved;
    void *host_data;
    /** Never null for a declared key; null for one that the table lacks. [control] */
    const struct ph_value *(*get)(const struct ph_config *config, const char *name);
};

/** The text of a string, secret, enum or path, or null where it is not set. [control] */
static inline const char *ph_config_text(const struct ph_config *c, const char *name)
{
    const struct ph_value *v = c->get(c, name);
    return v != NULL && v->is_set ? v->text : NULL;
}

/** The number of a bool, int, enum (index), duration (ms) or size (bytes); 0 where it is not set.
 * [control] */
static inline int64_t ph_config_integer(const struct ph_config *c, const char *name)
{
    const struct ph_value *v = c->get(c, name);
    return v != NULL && v->is_set ? v->integer : 0;
}

#ifdef __cplusplus
}
#endif
#endif
