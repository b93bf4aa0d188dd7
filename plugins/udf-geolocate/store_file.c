/* SPDX-License-Identifier: Apache-2.0 */
#include "store_file.h"

#include "answer.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the file's header; by the first one file(1) and others know it. */
#define APPLICATION_ID  0x70684765
#define SCHEMA_VERSION  1
#define BUSY_TIMEOUT_MS 2000
#define PLACE_DEPTH_MAX 2u

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE source (endpoint TEXT NOT NULL);"
    "CREATE TABLE places (address BLOB PRIMARY KEY, expires_ms INTEGER NOT NULL,"
    " place TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX places_by_expiry ON places (expires_ms);"
    "PRAGMA application_id = 1885882213;"
    "PRAGMA user_version = 1;"
    "COMMIT";

static const char put_row[] = "INSERT INTO places (address, expires_ms, place) VALUES (?1, ?2, ?3)"
                              " ON CONFLICT (address) DO UPDATE SET expires_ms = ?2, place = ?3";

_Static_assert(APPLICATION_ID == 1885882213, "the schema's text says the same");

/* ---- statements */

static int prepare(struct store_file *file, const char *sql, sqlite3_stmt **out)
{
    return sqlite3_prepare_v2(file->db, sql, -1, out, NULL);
}

static int execute(struct store_file *file, const char *sql)
{
    return sqlite3_exec(file->db, sql, NULL, NULL, NULL);
}

/* Runs a statement with up to one parameter; its first column, or 0, in *out. */
static int ask(struct store_file *file, const char *sql, const int64_t *parameter, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int code = prepare(file, sql, &statement);
    *out = 0;
    if (code == SQLITE_OK && parameter != NULL) {
        code = sqlite3_bind_int64(statement, 1, *parameter);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            *out = sqlite3_column_int64(statement, 0);
        }
        code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* ---- opening */

static bool is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static void refuse(struct ph_error *err, const char *path, const char *why, uint32_t flags)
{
    (void)ph_error_set(err, flags, "the cache file %s cannot be used: %s", path, why);
    ph_error_set_key(err, "/cache_file");
}

/* Whoever named that file meant another one. Read by SQLite's own descriptor: closing a second one
 * would drop its locks. */
static bool is_foreign(const struct store_file *file)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof magic];
    sqlite3_file *handle = NULL;
    int code = sqlite3_file_control(file->db, "main", SQLITE_FCNTL_FILE_POINTER, &handle);
    if (code == SQLITE_OK && handle != NULL && handle->pMethods != NULL) {
        code = handle->pMethods->xRead(handle, head, sizeof head, 0);
        return code == SQLITE_IOERR_SHORT_READ ||
               (code == SQLITE_OK && memcmp(head, magic, sizeof magic) != 0);
    }
    return false;
}

/* Never opens a file that there is already: closing it would drop SQLite's locks on it. */
static bool make_file(const char *path, struct ph_error *err)
{
    struct stat status;
    int fd;
    if (lstat(path, &status) == 0) {
        if (!S_ISREG(status.st_mode)) {
            refuse(err, path, "it is no regular file", PH_ERR_CONFIG);
            return false;
        }
        return true;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        refuse(err, path, strerror(errno), PH_ERR_CONFIG);
        return false;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return true;
}

/* Before SQLite makes its other two files, which take the first one's mode. */
static int make_private(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && ((status.st_mode & 077) == 0 || chmod(path, 0600) == 0)
               ? SQLITE_OK
               : SQLITE_PERM;
}

/* SQLITE_MISMATCH: this is no file of ours. */
static int check_kind(struct store_file *file, char *why, size_t size)
{
    int64_t id = 0;
    int64_t version = 0;
    int64_t objects = 0;
    int code = ask(file, "PRAGMA application_id", NULL, &id);
    code = code == SQLITE_OK ? ask(file, "PRAGMA user_version", NULL, &version) : code;
    code =
        code == SQLITE_OK ? ask(file, "SELECT count(*) FROM sqlite_master", NULL, &objects) : code;
    if (code != SQLITE_OK) {
        return code;
    }
    if (id == 0 && version == 0 && objects == 0) {
        return execute(file, schema);
    }
    if (id != APPLICATION_ID) {
        (void)snprintf(why, size, "it is a database of something else");
        return SQLITE_MISMATCH;
    }
    if (version != SCHEMA_VERSION) {
        (void)snprintf(why, size, "its version is %" PRId64 ", not %d", version, SCHEMA_VERSION);
        return SQLITE_MISMATCH;
    }
    return SQLITE_OK;
}

static int set_endpoint(struct store_file *file, const char *endpoint)
{
    sqlite3_stmt *statement = NULL;
    int code = prepare(file, "INSERT INTO source (endpoint) VALUES (?1)", &statement);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 1, endpoint, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        code = code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

static int check_endpoint(struct store_file *file, const char *endpoint)
{
    sqlite3_stmt *statement = NULL;
    bool is_same = false;
    int code = prepare(file, "SELECT endpoint FROM source", &statement);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            const char *text = (const char *)sqlite3_column_text(statement, 0);
            is_same = text != NULL && strcmp(text, endpoint) == 0;
        }
        code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }
    (void)sqlite3_finalize(statement);
    if (code != SQLITE_OK || is_same) {
        return code;
    }
    code = execute(file, "BEGIN IMMEDIATE; DELETE FROM places; DELETE FROM source");
    code = code == SQLITE_OK ? set_endpoint(file, endpoint) : code;
    return code == SQLITE_OK ? execute(file, "COMMIT") : code;
}

static int set_up(struct store_file *file, const char *endpoint, char *why, size_t size)
{
    int64_t rows = 0;
    int code = sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
    code = code == SQLITE_OK ? check_kind(file, why, size) : code;
    code = code == SQLITE_OK ? make_private(file->path) : code;
    code = code == SQLITE_OK
               ? execute(file, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                               "PRAGMA journal_size_limit = 4194304")
               : code;
    code = code == SQLITE_OK ? check_endpoint(file, endpoint) : code;
    code = code == SQLITE_OK ? ask(file, "SELECT count(*) FROM places", NULL, &rows) : code;
    file->rows = (uint64_t)rows;
    return code == SQLITE_OK ? prepare(file, put_row, &file->put) : code;
}

enum store_file_state store_file_open(struct store_file *file, const char *path,
                                      const char *endpoint, uint32_t capacity, char *why,
                                      size_t size, struct ph_error *err)
{
    int code;
    memset(file, 0, sizeof *file);
    file->path = path;
    file->capacity = capacity;
    why[0] = '\0';
    if (!make_file(path, err)) {
        return STORE_FILE_ERROR;
    }
    code = sqlite3_open_v2(
        path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    code = code == SQLITE_OK ? set_up(file, endpoint, why, size) : code;
    if (code == SQLITE_OK) {
        return STORE_FILE_OPEN;
    }
    if ((code & 0xff) == SQLITE_NOTADB && is_foreign(file)) {
        store_file_close(file);
        refuse(err, path, "it is no SQLite file; name another one, or move that one away",
               PH_ERR_CONFIG);
        return STORE_FILE_ERROR;
    }
    if (is_damage(code)) {
        (void)snprintf(why, size, "%s", sqlite3_errstr(code));
    }
    store_file_close(file);
    /* Our id and version over other tables is a file of ours that somebody has changed. */
    if (is_damage(code) || code == SQLITE_MISMATCH || code == SQLITE_ERROR) {
        if (why[0] == '\0') {
            (void)snprintf(why, size, "its tables are not as they should be");
        }
        return STORE_FILE_BAD;
    }
    refuse(err, path, sqlite3_errstr(code),
           code == SQLITE_BUSY || code == SQLITE_NOMEM ? PH_ERR_RETRIABLE : PH_ERR_CONFIG);
    return STORE_FILE_ERROR;
}

void store_file_close(struct store_file *file)
{
    (void)sqlite3_finalize(file->put);
    (void)sqlite3_close(file->db);
    memset(file, 0, sizeof *file);
}

bool store_file_set_aside(const char *path, int64_t wall_ms)
{
    static const char *const suffixes[] = {"-wal", "-shm", ""};
    bool is_aside = false;
    for (uint32_t i = 0; i < 3; i++) {
        char from[4096];
        char to[4096 + 64];
        int length = snprintf(from, sizeof from, "%s%s", path, suffixes[i]);
        (void)snprintf(to, sizeof to, "%s.aside-%" PRId64 "%s", path, wall_ms, suffixes[i]);
        is_aside = length > 0 && (size_t)length < sizeof from && rename(from, to) == 0;
    }
    return is_aside;
}

/* ---- reading */

static bool is_object(const char *text, size_t length)
{
    struct json json = {(const uint8_t *)text, (const uint8_t *)text + length};
    return length > 0 && length <= ANSWER_TEXT_MAX && text[0] == '{' &&
           json_skip_value(&json, PLACE_DEPTH_MAX) && json_at_end(&json);
}

/* Somebody else may have put anything into it: a row that cannot be ours is passed over. */
static bool read_row(sqlite3_stmt *statement, struct store_row *row)
{
    if (sqlite3_column_type(statement, 0) != SQLITE_BLOB ||
        sqlite3_column_bytes(statement, 0) != (int)sizeof row->address.bytes ||
        sqlite3_column_type(statement, 2) != SQLITE_TEXT) {
        return false;
    }
    memcpy(row->address.bytes, sqlite3_column_blob(statement, 0), sizeof row->address.bytes);
    row->expires_wall_ms = sqlite3_column_int64(statement, 1);
    row->text = (const char *)sqlite3_column_text(statement, 2);
    row->text_length = (uint32_t)sqlite3_column_bytes(statement, 2);
    return row->text != NULL && is_object(row->text, row->text_length);
}

bool store_file_load(struct store_file *file, int64_t wall_ms,
                     void (*visit)(void *context, const struct store_row *row), void *context)
{
    sqlite3_stmt *statement = NULL;
    int code = prepare(file,
                       "SELECT address, expires_ms, place FROM places WHERE expires_ms > ?1"
                       " ORDER BY expires_ms",
                       &statement);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(statement, 1, wall_ms);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_row row;
        if (read_row(statement, &row)) {
            visit(context, &row);
        }
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return !is_damage(code);
}

/* ---- writing */

static int put(struct store_file *file, const struct store_row *row)
{
    int code = sqlite3_bind_blob(file->put, 1, row->address.bytes, (int)sizeof row->address.bytes,
                                 SQLITE_STATIC);
    code = code == SQLITE_OK ? sqlite3_bind_int64(file->put, 2, row->expires_wall_ms) : code;
    code = code == SQLITE_OK
               ? sqlite3_bind_text(file->put, 3, row->text, (int)row->text_length, SQLITE_STATIC)
               : code;
    code = code == SQLITE_OK ? sqlite3_step(file->put) : code;
    (void)sqlite3_reset(file->put);
    (void)sqlite3_clear_bindings(file->put);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Makes room for a sixteenth of the capacity, so that this is rare. */
static int trim(struct store_file *file, int64_t wall_ms)
{
    int64_t rows = 0;
    int64_t ignored;
    int64_t kept = (int64_t)file->capacity - (int64_t)(file->capacity / 16);
    int code;
    if (file->rows <= file->capacity) {
        return SQLITE_OK;
    }
    code = ask(file, "DELETE FROM places WHERE expires_ms <= ?1", &wall_ms, &ignored);
    code = code == SQLITE_OK ? ask(file, "SELECT count(*) FROM places", NULL, &rows) : code;
    if (code == SQLITE_OK && rows > (int64_t)file->capacity) {
        int64_t surplus = rows - kept;
        code = ask(file,
                   "DELETE FROM places WHERE address IN"
                   " (SELECT address FROM places ORDER BY expires_ms LIMIT ?1)",
                   &surplus, &ignored);
        rows = kept;
    }
    file->rows = code == SQLITE_OK ? (uint64_t)rows : file->rows;
    return code;
}

int store_file_write(struct store_file *file, const struct store_row *rows, uint32_t count,
                     int64_t wall_ms)
{
    int code = execute(file, "BEGIN IMMEDIATE");
    for (uint32_t i = 0; i < count && code == SQLITE_OK; i++) {
        code = put(file, &rows[i]);
        file->rows++;
    }
    code = code == SQLITE_OK ? trim(file, wall_ms) : code;
    code = code == SQLITE_OK ? execute(file, "COMMIT") : code;
    if (code != SQLITE_OK) {
        (void)execute(file, "ROLLBACK");
    }
    return code;
}
