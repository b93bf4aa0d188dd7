/* SPDX-License-Identifier: Apache-2.0 */
#include "module/inspect.h"
#include "module/name.h"

#include <inttypes.h>

/* A declared text in a table's cell: a bar or a line break would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            (void)fputs("\\|", out);
        } else {
            (void)fputc(*text == '\n' ? ' ' : *text, out);
        }
    }
}

/* "a|b|c" → `a`, `b`, `c` */
static void print_values(FILE *out, const char *values)
{
    const char *between = "";
    while (*values != '\0') {
        size_t length = strcspn(values, "|");
        (void)fprintf(out, "%s`%.*s`", between, (int)length, values);
        between = ", ";
        values += length + (values[length] == '|');
    }
}

static void print_type(FILE *out, const struct ph_config_key *k)
{
    (void)fputs(name_of_config_type(k->type), out);
    if (k->type == PH_CONFIG_ENUM) {
        (void)fputs(": ", out);
        print_values(out, k->values);
    }
    if (k->minimum != 0 || k->maximum != 0) {
        (void)fprintf(out, ", %" PRId64 " to %" PRId64, k->minimum, k->maximum);
    }
}

static void print_key(FILE *out, const struct ph_config_key *k)
{
    (void)fprintf(out, "| `%s` | ", k->name);
    print_type(out, k);
    (void)fputs(" | ", out);
    print_cell(out, k->unit == NULL ? "" : k->unit);
    (void)fputs(" | ", out);
    if (k->default_text != NULL) {
        (void)fputc('`', out);
        print_cell(out, k->default_text[0] == '\0' ? "\"\"" : k->default_text);
        (void)fputc('`', out);
    }
    (void)fprintf(out, " | %s | ", (k->flags & PH_CONFIG_REQUIRED) != 0 ? "yes" : "");
    print_cell(out, k->doc);
    if ((k->flags & PH_CONFIG_SECRET_VALUES) != 0) {
        (void)fputs(" Values are secret", out);
        if (k->values != NULL && k->values[0] != '\0') {
            (void)fputs(", but for ", out);
            print_values(out, k->values);
        }
        (void)fputc('.', out);
    }
    (void)fputs(" |\n", out);
}

static void print_flags(FILE *out, uint32_t flags)
{
    const char *between = "* Flags: ";
    for (uint32_t i = 0; name_of_flag(i) != NULL; i++) {
        if ((flags & (1u << i)) != 0) {
            (void)fprintf(out, "%s%s", between, name_of_flag(i));
            between = ", ";
        }
    }
    if (flags != 0) {
        (void)fputs(".\n", out);
    }
}

static void print_delivery(FILE *out, uint32_t delivery)
{
    static const char *const meanings[] = {
        "", "transactional: rows and positions become durable in one transaction, exactly-once",
        "durable: the host keeps the positions after each commit, at-least-once",
        "ephemeral: nothing is kept"};
    if (delivery != PH_DELIVERY_NONE && delivery <= PH_DELIVERY_EPHEMERAL) {
        (void)fprintf(out, "* Delivery: %s.\n", meanings[delivery]);
    }
}

static void print_config(FILE *out, const struct ph_descriptor *d)
{
    (void)fputs("\n## Config\n\n", out);
    if (d->config_count == 0) {
        (void)fputs("None.\n", out);
        return;
    }
    (void)fputs("| key | type | unit | default | required | what it does |\n"
                "|---|---|---|---|---|---|\n",
                out);
    for (uint32_t i = 0; i < d->config_count; i++) {
        print_key(out, &d->config[i]);
    }
}

static void print_counters(FILE *out, const struct ph_descriptor *d)
{
    if (d->counter_count == 0) {
        return;
    }
    (void)fputs("\n## Counters\n\n| name | kind | what it counts |\n|---|---|---|\n", out);
    for (uint32_t i = 0; i < d->counter_count; i++) {
        const struct ph_counter *c = &d->counters[i];
        (void)fprintf(out, "| `%s` | %s | ", c->name, c->kind == PH_GAUGE ? "gauge" : "counter");
        print_cell(out, c->doc);
        (void)fputs(" |\n", out);
    }
}

static void print_plugin(FILE *out, const struct module *m, const struct ph_descriptor *d)
{
    const char *slash = strrchr(m->path, '/');
    (void)fprintf(out, "# %s\n\n%s\n\n* Kind: %s, version %s.\n", d->id, d->summary,
                  name_of_kind(d->kind), d->version);
    print_delivery(out, d->delivery);
    print_flags(out, d->flags);
    (void)fprintf(out, "* File: `%s`, built with SDK %s, ABI %u.%u.\n",
                  slash == NULL ? m->path : slash + 1, m->sdk_version, m->abi_major, m->abi_minor);
    print_config(out, d);
    print_counters(out, d);
}

void inspect_print_markdown(FILE *out, const struct module *m)
{
    for (uint32_t i = 0; i < m->plugin_count; i++) {
        if (i > 0) {
            (void)fputc('\n', out);
        }
        print_plugin(out, m, &m->plugins[i].descriptor);
    }
}
