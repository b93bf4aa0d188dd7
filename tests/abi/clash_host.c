/* SPDX-License-Identifier: Apache-2.0 */
/** A program like the host: hidden visibility, no -rdynamic, and functions with the names that
 * fixtures/clash.c calls. Exits 0 when the plugin reached its own ones. */
#include "module/module.h"

int json_loads(const char *text);

/* In the real host such names come with libraries that it links; here one stands for them. */
int json_loads(const char *text)
{
    return (int)strlen(text);
}

int main(int argc, char **argv)
{
    struct module *m = NULL;
    struct ph_error err;
    int (*volatile mine)(const char *) = json_loads;
    int32_t written;
    ph_error_clear(&err);
    if (argc != 2 || mine("four") != 4) {
        return 2;
    }
    if (module_open(argv[1], &m, &err) != PH_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    written = m->plugins[0].sink.write(NULL, NULL, &err);
    module_destroy(m);
    return written == PH_OK ? 0 : 3;
}
