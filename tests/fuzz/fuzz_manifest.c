/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as a manifest, checked against a config table with every type: the answer is a
 * manifest or errors that can be printed. What follows a byte 0x1e is a --set, each. */
#include "base/escape.h"
#include "manifest/config.h"
#include "manifest/secret.h"

#include <stdlib.h>
#include <string.h>

#define KEY(...)                                                                                   \
    {                                                                                              \
        .size = sizeof(struct ph_config_key), __VA_ARGS__                                          \
    }
#define SETS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ph_config_key keys[] = {
    KEY(.type = PH_CONFIG_STRING, .name = "topic"),
    KEY(.type = PH_CONFIG_SECRET, .name = "password"),
    KEY(.type = PH_CONFIG_BOOL, .name = "insecure", .default_text = "false"),
    KEY(.type = PH_CONFIG_INT, .name = "port", .minimum = 1, .maximum = 65535),
    KEY(.type = PH_CONFIG_FLOAT, .name = "ratio"),
    KEY(.type = PH_CONFIG_ENUM, .name = "mode", .values = "latest|earliest"),
    KEY(.type = PH_CONFIG_DURATION, .name = "timeout", .default_text = "10s"),
    KEY(.type = PH_CONFIG_SIZE, .name = "prefetch"),
    KEY(.type = PH_CONFIG_PATH, .name = "file"),
    KEY(.type = PH_CONFIG_LIST, .name = "columns"),
    KEY(.type = PH_CONFIG_MAP, .name = "rdkafka", .flags = PH_CONFIG_SECRET_VALUES,
        .values = "a|b"),
    KEY(.type = PH_CONFIG_STRING, .name = "dsn", .flags = PH_CONFIG_URL),
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_messages(const struct manifest_messages *messages)
{
    for (uint32_t i = 0; i < messages->count; i++) {
        const char *at = messages->texts[i];
        const char *end = at + strlen(at);
        require(at < end);
        while (at < end) {
            size_t length = escape_utf8_length(at, end);
            require(length > 0 && ((unsigned char)*at >= 0x20u || *at == '\n') && *at != 0x7f);
            at += length;
        }
    }
}

static void check_configs(const struct manifest *m, struct manifest_errors *errs)
{
    for (uint32_t i = 0; i < m->operator_count; i++) {
        struct config *c;
        struct buf out;
        int32_t result = config_create(m, i, keys, sizeof keys / sizeof keys[0], &c, errs);
        require((result == PH_OK) == (c != NULL));
        buf_init(&out, 1u << 24);
        if (c != NULL) {
            config_print(c, &out);
            require(!out.failed);
        }
        buf_fini(&out);
        config_destroy(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const environment[] = {"HOME=/h", "A=1", "B=", "PW=hunter2", NULL};
    const char *sets[SETS];
    struct manifest_options opts = {.environment = environment, .sets = sets};
    struct manifest_errors errs;
    struct manifest *m;
    char *text = malloc(size + 1);
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t length = size;
    for (char *set = memchr(text, 0x1e, size); set != NULL && opts.set_count < SETS;
         set = strchr(set, 0x1e)) {
        length = opts.set_count == 0 ? (size_t)(set - text) : length;
        *set++ = '\0';
        sets[opts.set_count++] = set;
    }
    manifest_errors_init(&errs);
    int32_t result = manifest_load_text("m.json", text, length, &opts, &m, &errs);
    require((result == PH_OK) == (m != NULL) && (result == PH_OK) != manifest_errors_any(&errs));
    require(!errs.out_of_memory);
    if (m != NULL) {
        check_configs(m, &errs);
    }
    check_messages(&errs.errors);
    check_messages(&errs.warnings);
    manifest_destroy(m);
    manifest_errors_fini(&errs);
    secret_clear();
    free(text);
    return 0;
}
