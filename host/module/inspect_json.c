/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"
#include "module/inspect.h"
#include "module/name.h"

#include <inttypes.h>

static void print_string(FILE *out, const char *text, size_t length)
{
    const char *end = text + length;
    (void)fputc('"', out);
    while (text < end) {
        char piece[ESCAPE_JSON_MAX];
        size_t bytes = escape_json(&text, end, piece);
        (void)fwrite(piece, 1, bytes, out);
    }
    (void)fputc('"', out);
}

/* ,"name":"text", or null where there is none. */
static void print_member(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, ",\"%s\":", name);
    if (text == NULL) {
        (void)fputs("null", out);
    } else {
        print_string(out, text, strlen(text));
    }
}

/* "a|b|c" → ["a","b","c"] */
static void print_values(FILE *out, const char *values)
{
    const char *between = "";
    (void)fputs(",\"values\":[", out);
    while (values != NULL && *values != '\0') {
        size_t length = strcspn(values, "|");
        (void)fputs(between, out);
        print_string(out, values, length);
        between = ",";
        values += length + (values[length] == '|');
    }
    (void)fputc(']', out);
}

static void print_key(FILE *out, const struct ph_config_key *k)
{
    (void)fputs("{\"name\":", out);
    print_string(out, k->name, strlen(k->name));
    print_member(out, "type", name_of_config_type(k->type));
    print_member(out, "unit", k->unit);
    print_member(out, "default", k->default_text);
    (void)fprintf(out, ",\"required\":%s,\"secret_values\":%s",
                  (k->flags & PH_CONFIG_REQUIRED) != 0 ? "true" : "false",
                  (k->flags & PH_CONFIG_SECRET_VALUES) != 0 ? "true" : "false");
    print_values(out, k->values);
    if (k->minimum != 0 || k->maximum != 0) {
        (void)fprintf(out, ",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64, k->minimum, k->maximum);
    }
    print_member(out, "doc", k->doc);
    (void)fputc('}', out);
}

static void print_flags(FILE *out, uint32_t flags)
{
    const char *between = "";
    (void)fputs(",\"flags\":[", out);
    for (uint32_t i = 0; name_of_flag(i) != NULL; i++) {
        if ((flags & (1u << i)) != 0) {
            (void)fprintf(out, "%s\"%s\"", between, name_of_flag(i));
            between = ",";
        }
    }
    (void)fputc(']', out);
}

static void print_plugin(FILE *out, const struct ph_descriptor *d)
{
    (void)fputs("{\"id\":", out);
    print_string(out, d->id, strlen(d->id));
    print_member(out, "version", d->version);
    print_member(out, "summary", d->summary);
    print_member(out, "kind", name_of_kind(d->kind));
    print_member(out, "delivery",
                 d->delivery == PH_DELIVERY_NONE ? NULL : name_of_delivery(d->delivery));
    print_flags(out, d->flags);
    (void)fputs(",\"config\":[", out);
    for (uint32_t i = 0; i < d->config_count; i++) {
        (void)fputs(i > 0 ? "," : "", out);
        print_key(out, &d->config[i]);
    }
    (void)fputs("],\"counters\":[", out);
    for (uint32_t i = 0; i < d->counter_count; i++) {
        const struct ph_counter *c = &d->counters[i];
        (void)fputs(i > 0 ? ",{\"name\":" : "{\"name\":", out);
        print_string(out, c->name, strlen(c->name));
        print_member(out, "kind", c->kind == PH_GAUGE ? "gauge" : "counter");
        print_member(out, "doc", c->doc);
        (void)fputc('}', out);
    }
    (void)fputs("]}", out);
}

void inspect_print_json(FILE *out, const struct module *m)
{
    (void)fputs("{\"file\":", out);
    print_string(out, m->path, strlen(m->path));
    print_member(out, "sdk_version", m->sdk_version);
    (void)fprintf(out,
                  ",\"abi\":{\"major\":%u,\"minor\":%u},\"host_abi\":{\"major\":%u,\"minor\":%u}"
                  ",\"plugins\":[",
                  m->abi_major, m->abi_minor, PH_ABI_MAJOR, PH_ABI_MINOR);
    for (uint32_t i = 0; i < m->plugin_count; i++) {
        (void)fputs(i > 0 ? "," : "", out);
        print_plugin(out, &m->plugins[i].descriptor);
    }
    (void)fputs("]}\n", out);
}
