/* SPDX-License-Identifier: Apache-2.0 */
#include "mmdb.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NODES_MAX  4096u
#define BYTES_MAX  65536u
#define SEPARATOR  16u
#define TYPE_TEXT  2u
#define TYPE_U16   5u
#define TYPE_U32   6u
#define TYPE_MAP   7u
#define TYPE_U64   9u
#define TYPE_ARRAY 11u

/* In a node: 0 = nothing, n > 0 = node n, n < 0 = data at offset -n - 1. */
struct file {
    int32_t nodes[NODES_MAX][2];
    uint32_t node_count;
    uint8_t bytes[BYTES_MAX];
    uint32_t length;
};

static void put(struct file *file, const void *data, uint32_t length)
{
    ck_assert_uint_le(length, BYTES_MAX - file->length);
    memcpy(file->bytes + file->length, data, length);
    file->length += length;
}

static void put_byte(struct file *file, uint32_t byte)
{
    uint8_t value = (uint8_t)byte;
    put(file, &value, 1);
}

static void put_control(struct file *file, uint32_t type, uint32_t size)
{
    uint32_t shown = size < 29 ? size : 29;
    ck_assert_uint_lt(size, 29 + 256);
    put_byte(file, (type < 8 ? type << 5 : 0) | shown);
    if (type >= 8) {
        put_byte(file, type - 7);
    }
    if (size >= 29) {
        put_byte(file, size - 29);
    }
}

static void put_text(struct file *file, const char *text)
{
    put_control(file, TYPE_TEXT, (uint32_t)strlen(text));
    put(file, text, (uint32_t)strlen(text));
}

static void put_number(struct file *file, uint32_t type, uint64_t value)
{
    uint32_t size = 0;
    while (size < 8 && value >> (8 * size) != 0) {
        size++;
    }
    put_control(file, type, size);
    for (; size > 0; size--) {
        put_byte(file, (uint32_t)(value >> (8 * (size - 1))) & 0xff);
    }
}

static void put_names(struct file *file, const char *name)
{
    put_control(file, TYPE_MAP, 1);
    put_text(file, "names");
    put_control(file, TYPE_MAP, 1);
    put_text(file, "en");
    put_text(file, name);
}

static void put_geoip2(struct file *file, const struct mmdb_record *r)
{
    if (r->country != NULL) {
        put_text(file, "country");
        put_control(file, TYPE_MAP, 1);
        put_text(file, "iso_code");
        put_text(file, r->country);
    }
    if (r->state != NULL) {
        put_text(file, "subdivisions");
        put_control(file, TYPE_ARRAY, 1);
        put_names(file, r->state);
    }
    if (r->city != NULL) {
        put_text(file, "city");
        put_names(file, r->city);
    }
}

static void put_flat(struct file *file, const char *key, const char *value)
{
    if (value != NULL) {
        put_text(file, key);
        put_text(file, value);
    }
}

static void put_record(struct file *file, enum mmdb_layout layout, const struct mmdb_record *r)
{
    uint32_t members =
        (r->country != NULL ? 1u : 0u) + (r->state != NULL ? 1u : 0u) + (r->city != NULL ? 1u : 0u);
    put_control(file, TYPE_MAP, members);
    if (layout == MMDB_GEOIP2) {
        put_geoip2(file, r);
    } else {
        put_flat(file, "country_code", r->country);
        put_flat(file, "state1", r->state);
        put_flat(file, "city", r->city);
    }
}

/* IPv4 stands at ::/96. */
static void insert(struct file *file, const struct mmdb_record *r, uint32_t offset)
{
    uint8_t address[16] = {0};
    bool is_ipv4 = inet_pton(AF_INET, r->address, address + 12) == 1;
    uint32_t bits = r->prefix_bits + (is_ipv4 ? 96 : 0);
    uint32_t node = 0;
    ck_assert(is_ipv4 || inet_pton(AF_INET6, r->address, address) == 1);
    for (uint32_t bit = 0; bit + 1 < bits; bit++) {
        int32_t *next = &file->nodes[node][address[bit / 8] >> (7 - bit % 8) & 1];
        if (*next == 0) {
            ck_assert_uint_lt(file->node_count, NODES_MAX);
            *next = (int32_t)file->node_count++;
        }
        ck_assert_int_gt(*next, 0);
        node = (uint32_t)*next;
    }
    file->nodes[node][address[(bits - 1) / 8] >> (7 - (bits - 1) % 8) & 1] = -(int32_t)offset - 1;
}

static void put_metadata(struct file *file)
{
    put(file,
        "\xab\xcd\xef"
        "MaxMind.com",
        14);
    put_control(file, TYPE_MAP, 9);
    put_text(file, "node_count");
    put_number(file, TYPE_U32, file->node_count);
    put_text(file, "record_size");
    put_number(file, TYPE_U16, 32);
    put_text(file, "ip_version");
    put_number(file, TYPE_U16, 6);
    put_text(file, "database_type");
    put_text(file, "Test");
    put_text(file, "languages");
    put_control(file, TYPE_ARRAY, 1);
    put_text(file, "en");
    put_text(file, "binary_format_major_version");
    put_number(file, TYPE_U16, 2);
    put_text(file, "binary_format_minor_version");
    put_number(file, TYPE_U16, 0);
    put_text(file, "build_epoch");
    put_number(file, TYPE_U64, 1700000000);
    put_text(file, "description");
    put_control(file, TYPE_MAP, 0);
}

static void write_tree(const struct file *file, FILE *out)
{
    for (uint32_t i = 0; i < 2 * file->node_count; i++) {
        int32_t value = file->nodes[i / 2][i % 2];
        uint32_t record = value > 0    ? (uint32_t)value
                          : value == 0 ? file->node_count
                                       : file->node_count + SEPARATOR + (uint32_t)(-value - 1);
        record = htonl(record);
        ck_assert_uint_eq(fwrite(&record, sizeof record, 1, out), 1);
    }
}

void mmdb_write(const char *path, enum mmdb_layout layout, const struct mmdb_record *records,
                uint32_t count)
{
    static struct file file;
    const char separator[SEPARATOR] = {0};
    char fresh[512];
    memset(&file, 0, sizeof file);
    file.node_count = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = file.length;
        put_record(&file, layout, &records[i]);
        insert(&file, &records[i], offset);
    }
    put_metadata(&file);
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *out = fopen(fresh, "we");
    ck_assert_ptr_nonnull(out);
    write_tree(&file, out);
    ck_assert_uint_eq(fwrite(separator, sizeof separator, 1, out), 1);
    ck_assert_uint_eq(fwrite(file.bytes, file.length, 1, out), 1);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(rename(fresh, path), 0);
}
