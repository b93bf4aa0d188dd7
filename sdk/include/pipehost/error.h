/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An error object, owned by the caller of the function that may fail. The first error wins: later
 * ones are ignored until the owner clears it, so that a clean-up that fails too does not hide the
 * cause.
 */
#ifndef PIPEHOST_ERROR_H
#define PIPEHOST_ERROR_H

#include "pipehost/abi.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the host does about an error. Exactly one of these is set. */
enum ph_error_flags {
    PH_ERR_RETRIABLE = 1u << 0, /**< may succeed later: the host backs off and tries again */
    PH_ERR_POISON = 1u << 1,    /**< caused by the data: the host sets rows aside */
    PH_ERR_CONFIG = 1u << 2,    /**< wrong settings: refused with exit code 78 */
    PH_ERR_FATAL = 1u << 3,     /**< cannot go on: the pipeline stops */
    PH_ERR_FENCED = 1u << 4     /**< another process owns these positions now: exit code 77 */
};

#define PH_ERROR_KEY_SIZE  64
#define PH_ERROR_CODE_SIZE 24
#define PH_ERROR_TEXT_SIZE 768

struct ph_error {
    uint32_t size;                         /**< sizeof(struct ph_error) of the owner */
    uint32_t flags;                        /**< enum ph_error_flags; 0 = no error is set */
    char foreign_code[PH_ERROR_CODE_SIZE]; /**< errno, SQLSTATE, HTTP status or Kafka name, "" =
                                              none */
    char config_key[PH_ERROR_KEY_SIZE];    /**< JSON pointer below the operator's config that is to
                                              blame, "" = none */
    char text[PH_ERROR_TEXT_SIZE];         /**< one sentence, UTF-8, no line break, no secret */
};

/** Makes *e empty. A null e is ignored, here and below. [any] */
static inline void ph_error_clear(struct ph_error *e)
{
    if (e != NULL) {
        memset(e, 0, sizeof *e);
        e->size = (uint32_t)sizeof *e;
    }
}

static inline bool ph_error_is_set(const struct ph_error *e)
{
    return e != NULL && e->flags != 0;
}

/** Sets flags and text unless an error is set already. Text that is too long is cut. Returns
 * PH_ERROR, for `return`. [any] */
__attribute__((format(printf, 3, 4))) static inline int32_t ph_error_set(struct ph_error *e,
                                                                         uint32_t flags,
                                                                         const char *format, ...)
{
    if (e != NULL && e->flags == 0) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(e->text, sizeof e->text, format, args);
        va_end(args);
        e->flags = flags;
    }
    return PH_ERROR;
}

/** Names the library's own code of the error just set. [any] */
static inline void ph_error_set_foreign(struct ph_error *e, const char *code)
{
    if (e != NULL && code != NULL) {
        (void)snprintf(e->foreign_code, sizeof e->foreign_code, "%s", code);
    }
}

/** Names the config key that is to blame, as a JSON pointer below `config`: "/table",
 * "/rdkafka/sasl.username". [any] */
static inline void ph_error_set_key(struct ph_error *e, const char *pointer)
{
    if (e != NULL && pointer != NULL) {
        (void)snprintf(e->config_key, sizeof e->config_key, "%s", pointer);
    }
}

#ifdef __cplusplus
}
#endif
#endif
