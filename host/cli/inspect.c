/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "module/inspect.h"

#include <stdio.h>

int command_inspect(const struct options *o)
{
    struct ph_error err;
    struct module *module;
    ph_error_clear(&err);
    if (module_open(o->path, &module, &err) != PH_OK) {
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
