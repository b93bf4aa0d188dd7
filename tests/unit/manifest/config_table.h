/* SPDX-License-Identifier: Apache-2.0 */
/** A config table with a key of each type, and an operator's config checked against it. */
#ifndef TESTS_MANIFEST_CONFIG_TABLE_H
#define TESTS_MANIFEST_CONFIG_TABLE_H

#include "manifest/config.h"

#include "load.h"

#include <stdio.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define KEY(...)                                                                                   \
    {                                                                                              \
        .size = sizeof(struct ph_config_key), __VA_ARGS__                                          \
    }

static const struct ph_config_key keys[] = {
    KEY(.type = PH_CONFIG_STRING, .name = "topic", .doc = "the topic to read"),
    KEY(.type = PH_CONFIG_SECRET, .name = "password"),
    KEY(.type = PH_CONFIG_BOOL, .name = "insecure", .default_text = "false"),
    KEY(.type = PH_CONFIG_INT, .name = "port", .unit = "TCP port", .minimum = 1, .maximum = 65535),
    KEY(.type = PH_CONFIG_INT, .name = "any"),
    KEY(.type = PH_CONFIG_FLOAT, .name = "ratio", .default_text = "0.5"),
    KEY(.type = PH_CONFIG_ENUM, .name = "mode", .values = "latest|earliest|group",
        .default_text = "latest"),
    KEY(.type = PH_CONFIG_DURATION, .name = "timeout", .default_text = "10s", .minimum = 1,
        .maximum = 60000),
    KEY(.type = PH_CONFIG_SIZE, .name = "prefetch", .default_text = "64MiB", .minimum = 1024,
        .maximum = 1 << 30),
    KEY(.type = PH_CONFIG_PATH, .name = "file"),
    KEY(.type = PH_CONFIG_LIST, .name = "columns", .default_text = "[\"a\"]"),
    KEY(.type = PH_CONFIG_MAP, .name = "rdkafka", .flags = PH_CONFIG_SECRET_VALUES,
        .values = "security.protocol|linger.ms"),
    KEY(.type = PH_CONFIG_STRING, .name = "dsn", .flags = PH_CONFIG_URL),
    KEY(.type = PH_CONFIG_MAP, .name = "labels"),
};

#define HEAD "{\"pipeline\":\"p\",\"operators\":[{\"name\":\"rows\",\"plugin\":\"p\",\"config\":\n"
#define TAIL "\n}]}"

static struct manifest *manifest;
static struct manifest_errors errs;

static inline struct manifest *load_config(const char *config)
{
    char text[4096];
    (void)snprintf(text, sizeof text, HEAD "%s" TAIL, config);
    return load(text);
}

/* Checked against keys; finish ends what this begins. */
static inline struct config *create(const char *config)
{
    struct config *c;
    manifest = load_config(config);
    manifest_errors_init(&errs);
    int32_t result = config_create(manifest, 0, keys, COUNT(keys), &c, &errs);
    ck_assert_msg(result == PH_OK, "%s", errs.errors.texts[0]);
    return c;
}

static inline void finish(struct config *c)
{
    config_destroy(c);
    manifest_errors_fini(&errs);
    manifest_destroy(manifest);
    secret_clear();
}

static inline const struct ph_value *value_of(const struct config *c, const char *name)
{
    const struct ph_config *face = config_get(c);
    const struct ph_value *v = face->get(face, name);
    ck_assert_ptr_nonnull(v);
    ck_assert_uint_eq(v->size, sizeof *v);
    return v;
}

#endif
