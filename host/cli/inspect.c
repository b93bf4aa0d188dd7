/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "module/finder.h"
#include "module/inspect.h"
#include "module/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUFFIX ".so"

/* A name as a manifest has it, with or without ".so", looked for as a manifest's are. */
static int32_t find_by_name(const struct options *o, char path[PATH_MAX], struct ph_error *err)
{
    char name[PATH_MAX];
    struct finder finder;
    size_t length = strlen(o->path);
    bool has_suffix =
        length > sizeof SUFFIX - 1 && strcmp(o->path + length - (sizeof SUFFIX - 1), SUFFIX) == 0;
    (void)snprintf(name, sizeof name, "%.*s", (int)(length - (has_suffix ? sizeof SUFFIX - 1 : 0)),
                   o->path);
    if (finder_init(&finder, o->plugin_dirs, o->plugin_dir_count, NULL, err) != PH_OK) {
        return PH_ERROR;
    }
    int32_t result = finder_find(&finder, name, path, err);
    finder_fini(&finder);
    return result;
}

/* Judged as for a run: to look at a plugin is to load it. */
static int32_t find(const struct options *o, char path[PATH_MAX], struct ph_error *err)
{
    if (strchr(o->path, '/') == NULL && access(o->path, F_OK) != 0) {
        return find_by_name(o, path, err);
    }
    if (realpath(o->path, path) == NULL) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s: cannot be opened: %s", o->path,
                            strerror(errno));
    }
    return trust_check(path, err);
}

int command_inspect(const struct options *o)
{
    char path[PATH_MAX];
    struct ph_error err;
    struct module *module;
    ph_error_clear(&err);
    if (find(o, path, &err) != PH_OK || module_open(path, &module, &err) != PH_OK) {
        (void)fprintf(stderr, "pipehost: %s\n", err.text);
        return EXIT_STATUS_FAILURE;
    }
    inspect_print(stdout, module,
                  o->json       ? INSPECT_JSON
                  : o->markdown ? INSPECT_MARKDOWN
                                : INSPECT_TEXT);
    module_destroy(module);
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}
