/* SPDX-License-Identifier: Apache-2.0 */
/* `pipehost plugin list`. */
#include "cli/commands.h"

#include "base/buf.h"
#include "module/finder.h"
#include "module/module.h"
#include "module/name.h"
#include "module/trust.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (4u << 20)

/* Found plugins and refused files go to the lists of their own, since each is printed in one piece.
 */
struct listing {
    bool json;
    struct buf found;
    struct buf refused;
};

static void append_member(struct buf *b, const char *before, const char *name, const char *value)
{
    buf_append_format(b, "%s\"%s\":", before, name);
    buf_append_json_string(b, value, strlen(value));
}

static void refuse(struct listing *l, const char *path, const char *why)
{
    if (!l->json) {
        buf_append_format(&l->refused, "refused: %s\n", why);
        return;
    }
    append_member(&l->refused, l->refused.length > 0 ? ",{" : "{", "path", path);
    append_member(&l->refused, ",", "reason", why);
    buf_append_text(&l->refused, "}");
}

static void add_plugin(struct listing *l, const struct module *m, const char *name,
                       const struct ph_descriptor *d)
{
    char named[NAME_FILE_MAX + NAME_ID_MAX + 2];
    (void)snprintf(named, sizeof named, "%s%s%s", name, m->plugin_count > 1 ? ":" : "",
                   m->plugin_count > 1 ? d->id : "");
    if (!l->json) {
        buf_append_format(&l->found, "%-16s %-9s %-8s %s (%s)\n", named, name_of_kind(d->kind),
                          d->version, d->summary, m->path);
        return;
    }
    append_member(&l->found, l->found.length > 0 ? ",{" : "{", "name", named);
    append_member(&l->found, ",", "kind", name_of_kind(d->kind));
    append_member(&l->found, ",", "version", d->version);
    append_member(&l->found, ",", "summary", d->summary);
    append_member(&l->found, ",", "path", m->path);
    buf_append_text(&l->found, "}");
}

static int32_t open_trusted(const char *path, struct module **module, struct ph_error *err)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s: leads nowhere", path);
    }
    return trust_check(real, err) == PH_OK ? module_open(real, module, err) : PH_ERROR;
}

static void add_file(void *context, const char *path, const char *name, bool is_hidden)
{
    struct listing *l = context;
    struct ph_error err;
    struct module *module = NULL;
    ph_error_clear(&err);
    if (is_hidden) {
        char why[PATH_MAX + 96];
        (void)snprintf(why, sizeof why, "%s: not used: an earlier folder has a %s.so", path, name);
        refuse(l, path, why);
        return;
    }
    if (open_trusted(path, &module, &err) != PH_OK || module == NULL) {
        refuse(l, path, err.text);
        return;
    }
    for (uint32_t i = 0; i < module->plugin_count; i++) {
        add_plugin(l, module, name, &module->plugins[i].descriptor);
    }
    module_destroy(module);
}

static bool print(const struct listing *l)
{
    const char *found = l->found.data == NULL ? "" : l->found.data;
    const char *refused = l->refused.data == NULL ? "" : l->refused.data;
    if (l->found.failed || l->refused.failed) {
        (void)fprintf(stderr, "pipehost: out of memory\n");
        return false;
    }
    if (l->json) {
        (void)printf("{\"plugins\":[%s],\"refused\":[%s]}\n", found, refused);
    } else {
        (void)printf("%s%s", found, refused);
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int command_plugin(const struct options *o)
{
    struct listing l = {.json = o->json};
    struct finder finder;
    struct ph_error err;
    ph_error_clear(&err);
    if (finder_init(&finder, o->plugin_dirs, o->plugin_dir_count, NULL, &err) != PH_OK) {
        (void)fprintf(stderr, "pipehost: %s\n", err.text);
        return EXIT_STATUS_FAILURE;
    }
    buf_init(&l.found, TEXT_MAX);
    buf_init(&l.refused, TEXT_MAX);
    bool ok = finder_list(&finder, add_file, &l, &err) == PH_OK;
    if (!ok) {
        (void)fprintf(stderr, "pipehost: %s\n", err.text);
    }
    ok = ok && print(&l);
    buf_fini(&l.found);
    buf_fini(&l.refused);
    finder_fini(&finder);
    return ok ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}
