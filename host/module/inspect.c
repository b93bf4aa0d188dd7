/* SPDX-License-Identifier: Apache-2.0 */
#include "module/inspect.h"

#include "module/name.h"

#include <inttypes.h>

void inspect_print(FILE *out, const struct module *m, enum inspect_format format)
{
    switch (format) {
    case INSPECT_JSON:
        inspect_print_json(out, m);
        break;
    case INSPECT_MARKDOWN:
        inspect_print_markdown(out, m);
        break;
    case INSPECT_TEXT:
    default:
        inspect_print_text(out, m);
        break;
    }
}

static void print_flags(FILE *out, uint32_t flags)
{
    const char *between = "  flags: ";
    for (uint32_t i = 0; name_of_flag(i) != NULL; i++) {
        if ((flags & (1u << i)) != 0) {
            (void)fprintf(out, "%s%s", between, name_of_flag(i));
            between = ", ";
        }
    }
    if (flags != 0) {
        (void)fputc('\n', out);
    }
}

static void print_key(FILE *out, const struct ph_config_key *k)
{
    (void)fprintf(out, "    %-24s %s", k->name, name_of_config_type(k->type));
    if (k->type == PH_CONFIG_ENUM) {
        (void)fprintf(out, " %s", k->values);
    }
    if (k->unit != NULL) {
        (void)fprintf(out, ", %s", k->unit);
    }
    if (k->minimum != 0 || k->maximum != 0) {
        (void)fprintf(out, ", %" PRId64 " to %" PRId64, k->minimum, k->maximum);
    }
    if ((k->flags & PH_CONFIG_REQUIRED) != 0) {
        (void)fputs(", required", out);
    }
    if (k->default_text != NULL) {
        (void)fprintf(out, ", default %s", k->default_text[0] == '\0' ? "\"\"" : k->default_text);
    }
    (void)fprintf(out, "\n        %s\n", k->doc);
}

static void print_plugin(FILE *out, const struct ph_descriptor *d)
{
    (void)fprintf(out, "\n%s %s: %s", d->id, d->version, name_of_kind(d->kind));
    if (d->kind == PH_KIND_SINK) {
        (void)fprintf(out, ", %s", name_of_delivery(d->delivery));
    }
    (void)fprintf(out, "\n  %s\n", d->summary);
    print_flags(out, d->flags);
    if (d->config_count > 0) {
        (void)fputs("  config:\n", out);
    }
    for (uint32_t i = 0; i < d->config_count; i++) {
        print_key(out, &d->config[i]);
    }
    if (d->counter_count > 0) {
        (void)fputs("  counters:\n", out);
    }
    for (uint32_t i = 0; i < d->counter_count; i++) {
        const struct ph_counter *c = &d->counters[i];
        (void)fprintf(out, "    %-24s %s: %s\n", c->name, c->kind == PH_GAUGE ? "gauge" : "counter",
                      c->doc);
    }
}

void inspect_print_text(FILE *out, const struct module *m)
{
    (void)fprintf(out, "%s: built with SDK %s, ABI %u.%u (this pipehost loads ABI %u.%u)\n",
                  m->path, m->sdk_version, m->abi_major, m->abi_minor, PH_ABI_MAJOR, PH_ABI_MINOR);
    for (uint32_t i = 0; i < m->plugin_count; i++) {
        print_plugin(out, &m->plugins[i].descriptor);
    }
}
