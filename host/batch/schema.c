/* SPDX-License-Identifier: Apache-2.0 */
#include "batch/schema.h"

#include <stdlib.h>

/* One piece of memory: the schema, its fields, the names. */
struct ph_schema *schema_create(const struct ph_field *fields, uint32_t count)
{
    if (count > SCHEMA_MAX_FIELDS) {
        return NULL;
    }
    size_t bytes = sizeof(struct ph_schema) + count * sizeof(struct ph_field);
    for (uint32_t i = 0; i < count; i++) {
        bytes += strlen(fields[i].name) + 1;
    }
    struct ph_schema *schema = malloc(bytes);
    if (schema == NULL) {
        return NULL;
    }
    struct ph_field *copies = (struct ph_field *)(void *)(schema + 1);
    char *name = (char *)(copies + count);
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strlen(fields[i].name) + 1;
        memcpy(name, fields[i].name, length);
        copies[i] =
            (struct ph_field){.name = name, .type = fields[i].type, .flags = fields[i].flags};
        name += length;
    }
    *schema = (struct ph_schema){
        .size = (uint32_t)sizeof *schema, .field_count = count, .fields = copies};
    return schema;
}

void schema_destroy(struct ph_schema *schema)
{
    free(schema);
}
