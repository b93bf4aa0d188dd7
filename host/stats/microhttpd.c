/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/microhttpd.h"

#include <dlfcn.h>
#include <stddef.h>

#define LIBRARY "libmicrohttpd.so.12"

#define FUNCTION(member)                                                                           \
    {                                                                                              \
        "MHD_" #member, offsetof(struct microhttpd, member)                                        \
    }

static const struct {
    const char *name;
    size_t offset;
} functions[] = {FUNCTION(start_daemon),
                 FUNCTION(stop_daemon),
                 FUNCTION(get_daemon_info),
                 FUNCTION(get_timeout),
                 FUNCTION(run),
                 FUNCTION(create_response_from_buffer),
                 FUNCTION(add_response_header),
                 FUNCTION(queue_response),
                 FUNCTION(destroy_response)};

static void refuse(struct ph_error *err)
{
    const char *why = dlerror();
    (void)ph_error_set(err, PH_ERR_CONFIG,
                       "the metrics page needs " LIBRARY
                       " (Debian's package libmicrohttpd12), which cannot be loaded: %s",
                       why != NULL ? why : "no reason given");
}

const struct microhttpd *microhttpd_load(struct ph_error *err)
{
    static struct microhttpd table;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        refuse(err);
        return NULL;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(library, functions[i].name);
        if (function == NULL) {
            refuse(err);
            return NULL;
        }
        memcpy((char *)&table + functions[i].offset, &function, sizeof function);
    }
    return &table;
}
