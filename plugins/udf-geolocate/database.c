/* SPDX-License-Identifier: Apache-2.0 */
#include "database.h"

#include "json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Longest name of a place, in bytes. */
#define NAME_MAX_BYTES 256u
#define KINDS          3u
#define SPELLINGS      3u

/* Where a file may keep what. */
static const char *const paths[KINDS][SPELLINGS][5] = {
    {{"country", "iso_code", NULL}, {"country_code", NULL}, {NULL}},
    {{"subdivisions", "0", "names", "en", NULL}, {"region_name", NULL}, {"state1", NULL}},
    {{"city", "names", "en", NULL}, {"city_name", NULL}, {"city", NULL}},
};

/* The members of an API's answer, so that both are read and written by the same code. */
static const char *const labels[KINDS] = {"country_code", "region_name", "city_name"};

/* ---- opening */

static int32_t refuse(struct ph_error *err, const char *path, const char *why)
{
    (void)ph_error_set(err, PH_ERR_CONFIG, "the database %s cannot be used: %s", path, why);
    ph_error_set_key(err, "/database");
    return PH_ERROR;
}

static bool identify(const char *path, struct database_identity *identity, const char **why)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        *why = strerror(errno);
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        *why = "it is no regular file";
        return false;
    }
    memset(identity, 0, sizeof *identity);
    identity->device = status.st_dev;
    identity->inode = status.st_ino;
    identity->modified = status.st_mtim;
    identity->size = status.st_size;
    return true;
}

static bool is_same(const struct database_identity *a, const struct database_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

static bool open_file(const char *path, MMDB_s *mmdb, const char **why)
{
    int code = MMDB_open(path, MMDB_MODE_MMAP, mmdb);
    *why = code == MMDB_SUCCESS ? NULL : MMDB_strerror(code);
    return code == MMDB_SUCCESS;
}

int32_t database_open(struct database *database, const char *path, struct ph_error *err)
{
    const char *why = "out of memory for a lock";
    MMDB_s mmdb;
    if (!database->is_made) {
        database->is_made = pthread_rwlock_init(&database->lock, NULL) == 0;
    }
    if (!database->is_made || !identify(path, &database->identity, &why) ||
        !open_file(path, &mmdb, &why)) {
        return refuse(err, path, why);
    }
    database->mmdb = mmdb;
    database->path = path;
    atomic_store(&database->generation, 1);
    return PH_OK;
}

void database_fini(struct database *database)
{
    if (database->path != NULL) {
        MMDB_close(&database->mmdb);
    }
    if (database->is_made) {
        (void)pthread_rwlock_destroy(&database->lock);
    }
    memset(database, 0, sizeof *database);
}

void database_lock(struct database *database)
{
    (void)pthread_rwlock_rdlock(&database->lock);
}

void database_unlock(struct database *database)
{
    (void)pthread_rwlock_unlock(&database->lock);
}

/* ---- reading */

static MMDB_lookup_result_s look_up(const struct database *database, const struct address *address,
                                    int *code)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } key;
    memset(&key, 0, sizeof key);
    if (memcmp(address->bytes, mapped, sizeof mapped) == 0) {
        key.ipv4.sin_family = AF_INET;
        memcpy(&key.ipv4.sin_addr, address->bytes + sizeof mapped, 4);
    } else {
        key.ipv6.sin6_family = AF_INET6;
        memcpy(&key.ipv6.sin6_addr, address->bytes, 16);
    }
    return MMDB_lookup_sockaddr(&database->mmdb, &key.any, code);
}

static void write_text(struct json_output *out, const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        char escaped[8];
        uint8_t c = (uint8_t)text[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            json_write(out, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c));
        } else {
            json_write(out, text + i, 1);
        }
    }
}

/* True where the file has it, as text. */
static bool write_member(struct json_output *out, MMDB_entry_s *entry, uint32_t kind)
{
    for (uint32_t i = 0; i < SPELLINGS && paths[kind][i][0] != NULL; i++) {
        MMDB_entry_data_s data;
        if (MMDB_aget_value(entry, &data, paths[kind][i]) != MMDB_SUCCESS || !data.has_data ||
            data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size > NAME_MAX_BYTES) {
            continue;
        }
        json_write(out, out->used == 0 ? "{\"" : ",\"", 2);
        json_write(out, labels[kind], strlen(labels[kind]));
        json_write(out, "\":\"", 3);
        write_text(out, data.utf8_string, data.data_size);
        json_write(out, "\"", 1);
        return true;
    }
    return false;
}

enum database_answer database_find(const struct database *database, const struct address *address,
                                   struct answer *out)
{
    char body[KINDS * (6 * NAME_MAX_BYTES + 32)];
    struct json_output text = {body, sizeof body, 0, false};
    int code = MMDB_SUCCESS;
    MMDB_lookup_result_s found = look_up(database, address, &code);
    bool has_any = false;
    if (code == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR) {
        return DATABASE_UNKNOWN;
    }
    if (code != MMDB_SUCCESS) {
        return DATABASE_DAMAGED;
    }
    for (uint32_t kind = 0; found.found_entry && kind < KINDS; kind++) {
        has_any = write_member(&text, &found.entry, kind) || has_any;
    }
    if (!has_any) {
        return DATABASE_UNKNOWN;
    }
    json_write(&text, "}", 1);
    return answer_read(body, text.used, out) ? DATABASE_PLACE : DATABASE_DAMAGED;
}

/* ---- a newer file */

static void swap(struct database *database, const MMDB_s *mmdb, struct places *places)
{
    MMDB_s old;
    (void)pthread_rwlock_wrlock(&database->lock);
    old = database->mmdb;
    database->mmdb = *mmdb;
    if (places != NULL) {
        places_forget(places);
    }
    (void)atomic_fetch_add(&database->generation, 1);
    (void)pthread_rwlock_unlock(&database->lock);
    MMDB_close(&old);
}

enum database_change database_refresh(struct database *database, struct places *places,
                                      int64_t now_ns, char *why, size_t size)
{
    int64_t next_ns = atomic_load_explicit(&database->next_check_ns, memory_order_relaxed);
    struct database_identity identity;
    const char *reason = NULL;
    MMDB_s mmdb;
    /* Nobody else comes past this before the check is over. */
    if (now_ns < next_ns ||
        !atomic_compare_exchange_strong(&database->next_check_ns, &next_ns, INT64_MAX)) {
        return DATABASE_SAME;
    }
    enum database_change change = DATABASE_SAME;
    if (!identify(database->path, &identity, &reason)) {
        change = database->is_missing ? DATABASE_SAME : DATABASE_TROUBLE;
        database->is_missing = true;
    } else if (!is_same(&identity, &database->identity)) {
        database->identity = identity;
        change = open_file(database->path, &mmdb, &reason) ? DATABASE_REPLACED : DATABASE_TROUBLE;
    }
    if (reason == NULL) {
        database->is_missing = false;
    }
    if (change == DATABASE_REPLACED) {
        swap(database, &mmdb, places);
    }
    (void)snprintf(why, size, "%s", reason != NULL ? reason : "");
    atomic_store(&database->next_check_ns, now_ns + DATABASE_CHECK_NS);
    return change;
}
