/* SPDX-License-Identifier: Apache-2.0 */
#include "delivery/ledger.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A longer file is written anew, with one line for each partition. */
#define COMPACT_ABOVE_BYTES ((off_t)1024 * 1024)
#define FILE_MAX_BYTES      ((size_t)64 * 1024 * 1024)
#define LINES_MAX_BYTES     ((size_t)8 * 1024 * 1024)

/* What stands behind the offset of a line: "PARTITION SOURCE TOPIC". */
struct entry {
    char *name;
    int64_t next_offset;
    uint32_t fingerprint; /* 0 = unknown */
};

struct ledger {
    pthread_mutex_t mutex;
    char *path;
    int fd; /* -1: not read yet */
    off_t length;
    struct entry *entries;
    uint32_t count;
    uint32_t capacity;
    int32_t index_of[PARTITIONS_MAX]; /* partition id → entry, -1 = not looked for yet */
    struct buf lines;
};

struct ledger *ledger_create(const char *path)
{
    struct ledger *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&l->mutex, NULL);
    l->fd = -1;
    memset(l->index_of, 0xff, sizeof l->index_of);
    buf_init(&l->lines, LINES_MAX_BYTES);
    l->path = strdup(path);
    if (l->path == NULL) {
        ledger_destroy(l);
        return NULL;
    }
    return l;
}

static void forget_entries(struct ledger *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        free(l->entries[i].name);
    }
    free(l->entries);
    l->entries = NULL;
    l->count = 0;
    l->capacity = 0;
    memset(l->index_of, 0xff, sizeof l->index_of);
}

void ledger_destroy(struct ledger *l)
{
    if (l == NULL) {
        return;
    }
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    forget_entries(l);
    buf_fini(&l->lines);
    free(l->path);
    (void)pthread_mutex_destroy(&l->mutex);
    free(l);
}

/* ---- entries ---- */

static struct entry *find_entry(struct ledger *l, const char *name, size_t length)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (strncmp(l->entries[i].name, name, length) == 0 && l->entries[i].name[length] == '\0') {
            return &l->entries[i];
        }
    }
    return NULL;
}

static int32_t set_entry(struct ledger *l, const char *name, size_t length,
                         const struct ph_position *position, struct ph_error *err)
{
    struct entry *e = find_entry(l, name, length);
    if (e == NULL && l->count == l->capacity) {
        uint32_t capacity = l->capacity == 0 ? 64 : l->capacity * 2;
        struct entry *entries = realloc(l->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
        }
        l->entries = entries;
        l->capacity = capacity;
    }
    if (e == NULL) {
        e = &l->entries[l->count];
        *e = (struct entry){.name = strndup(name, length)};
        if (e->name == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
        }
        l->count++;
    }
    e->next_offset = position->next_offset;
    e->fingerprint = position->fingerprint;
    return PH_OK;
}

/* ---- the file ---- */

static int32_t failed(const struct ledger *l, const char *what, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_RETRIABLE, "the positions in %s cannot be %s: %s", l->path,
                        what, strerror(errno));
}

static int32_t malformed(const struct ledger *l, uint32_t line, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_FATAL,
                        "%s line %u is no position: restore the file, or remove it: the next start "
                        "says how to begin without it",
                        l->path, line);
}

/* What stands before a line's name. Answers where that begins, or null. */
static const char *parse_position(const char *at, struct ph_position *position)
{
    char *end;
    errno = 0;
    *position = (struct ph_position){.next_offset = strtoll(at, &end, 10)};
    if (errno != 0 || end == at || position->next_offset < 0) {
        return NULL;
    }
    if (*end == ':') {
        unsigned long long fingerprint = strtoull(end + 1, &end, 16);
        if (errno != 0 || fingerprint > UINT32_MAX) {
            return NULL;
        }
        position->fingerprint = (uint32_t)fingerprint;
    }
    return *end == ' ' ? end + 1 : NULL;
}

static void append_line(struct ledger *l, const struct ph_position *position, const char *name)
{
    buf_append_format(&l->lines, "%lld", (long long)position->next_offset);
    if (position->fingerprint != 0) {
        buf_append_format(&l->lines, ":%08x", position->fingerprint);
    }
    buf_append_format(&l->lines, " %s\n", name);
}

/* What a process that died within a write has left behind the last line break does not count. */
static int32_t parse(struct ledger *l, const char *text, size_t length, struct ph_error *err)
{
    const char *at = text;
    const char *end = text + length;
    for (uint32_t line = 1;; line++) {
        const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        const char *name;
        if (stop == NULL) {
            l->length = at - text;
            return PH_OK;
        }
        struct ph_position position;
        name = parse_position(at, &position);
        if (name == NULL || name >= stop) {
            return malformed(l, line, err);
        }
        if (set_entry(l, name, (size_t)(stop - name), &position, err) != PH_OK) {
            return PH_ERROR;
        }
        at = stop + 1;
    }
}

static int32_t read_all(struct ledger *l, int fd, struct ph_error *err)
{
    struct stat s;
    if (fstat(fd, &s) != 0) {
        return failed(l, "read", err);
    }
    if (s.st_size < 0 || (size_t)s.st_size > FILE_MAX_BYTES) {
        return malformed(l, 1, err);
    }
    size_t size = (size_t)s.st_size;
    size_t done = 0;
    char *text = malloc(size + 1);
    if (text == NULL) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    text[size] = '\0'; /* where strtoll ends at the latest */
    while (done < size) {
        ssize_t n = pread(fd, text + done, size - done, (off_t)done);
        if (n <= 0) {
            free(text);
            return failed(l, "read", err);
        }
        done += (size_t)n;
    }
    int32_t rc = parse(l, text, size, err);
    free(text);
    return rc;
}

static int32_t write_all(struct ledger *l, int fd, off_t at, struct ph_error *err)
{
    size_t done = 0;
    while (done < l->lines.length) {
        ssize_t n = pwrite(fd, l->lines.data + done, l->lines.length - done, at + (off_t)done);
        if (n < 0 && errno != EINTR) {
            return failed(l, "written", err);
        }
        done += n > 0 ? (size_t)n : 0u;
    }
    return PH_OK;
}

/* The names in the file's folder are durable. */
static int32_t sync_folder(const struct ledger *l, struct ph_error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(l->path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - l->path + 1),
                   slash == NULL ? "." : l->path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (rc != 0) {
        (void)failed(l, "made durable", err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc == 0 ? PH_OK : PH_ERROR;
}

/* A new file beside the old one takes its place, with one line for each partition. */
static int32_t compact(struct ledger *l, struct ph_error *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s.new", l->path);
    buf_clear(&l->lines);
    l->lines.failed = false;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct entry *e = &l->entries[i];
        append_line(
            l, &(struct ph_position){.next_offset = e->next_offset, .fingerprint = e->fingerprint},
            e->name);
    }
    if (l->lines.failed) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(l, "written", err);
    }
    if (write_all(l, fd, 0, err) != PH_OK) {
        (void)close(fd);
        return PH_ERROR;
    }
    if (fsync(fd) != 0 || rename(path, l->path) != 0) {
        (void)failed(l, "made durable", err);
        (void)close(fd);
        return PH_ERROR;
    }
    (void)close(l->fd);
    l->fd = fd;
    l->length = (off_t)l->lines.length;
    return sync_folder(l, err);
}

/* So that no old end of a line can follow a shorter new one. */
static int32_t cut_rest(struct ledger *l, struct ph_error *err)
{
    return ftruncate(l->fd, l->length) == 0 ? PH_OK : failed(l, "written", err);
}

static int32_t open_file(struct ledger *l, struct ph_error *err)
{
    int fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(l, "opened", err);
    }
    forget_entries(l);
    l->fd = fd;
    if (read_all(l, fd, err) == PH_OK && cut_rest(l, err) == PH_OK &&
        sync_folder(l, err) == PH_OK &&
        (l->length <= COMPACT_ABOVE_BYTES || compact(l, err) == PH_OK)) {
        return PH_OK;
    }
    (void)close(l->fd);
    l->fd = -1;
    return PH_ERROR;
}

/* ---- reading and writing ---- */

static int name_of(const struct ph_partition *p, char *name, size_t size)
{
    return snprintf(name, size, "%d %s %s", p->partition, p->source, p->topic);
}

static int32_t read_locked(struct ledger *l, const struct ph_partition *partitions, uint32_t count,
                           struct ph_position *positions, struct ph_error *err)
{
    char name[PATH_MAX + 128];
    if (l->fd < 0 && open_file(l, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < count; i++) {
        int length = name_of(&partitions[i], name, sizeof name);
        if (length < 0 || (size_t)length >= sizeof name || strchr(name, '\n') != NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "the name of a topic of %s has no place in %s",
                                partitions[i].source, l->path);
        }
        const struct entry *e = find_entry(l, name, (size_t)length);
        positions[i].next_offset = e != NULL ? e->next_offset : -1;
        positions[i].fingerprint = e != NULL ? e->fingerprint : 0;
    }
    return PH_OK;
}

int32_t ledger_read(struct ledger *l, const struct ph_partition *partitions, uint32_t count,
                    struct ph_position *positions, struct ph_error *err)
{
    (void)pthread_mutex_lock(&l->mutex);
    int32_t rc = read_locked(l, partitions, count, positions, err);
    (void)pthread_mutex_unlock(&l->mutex);
    return rc;
}

/* What was just made durable, into the entries. */
static int32_t keep(struct ledger *l, const struct ph_partition *p,
                    const struct ph_position *position, struct ph_error *err)
{
    char name[PATH_MAX + 128];
    if (l->index_of[p->id] < 0) {
        int length = name_of(p, name, sizeof name);
        if (set_entry(l, name, (size_t)length, position, err) != PH_OK) {
            return PH_ERROR;
        }
        l->index_of[p->id] = (int32_t)(find_entry(l, name, (size_t)length) - l->entries);
    }
    struct entry *e = &l->entries[l->index_of[p->id]];
    e->next_offset = position->next_offset;
    e->fingerprint = position->fingerprint;
    return PH_OK;
}

static int32_t append(struct ledger *l, struct ph_error *err)
{
    if (l->lines.failed) {
        return ph_error_set(err, PH_ERR_FATAL, "out of memory for positions");
    }
    if (write_all(l, l->fd, l->length, err) != PH_OK) {
        struct ph_error second;
        ph_error_clear(&second);
        return cut_rest(l, &second) == PH_OK
                   ? PH_ERROR
                   : ph_error_set(err, PH_ERR_RETRIABLE, "the positions cannot be written");
    }
    if (fdatasync(l->fd) != 0) {
        /* What a failed sync has dropped a second one does not bring back. */
        return ph_error_set(err, PH_ERR_FATAL, "the positions in %s cannot be made durable: %s",
                            l->path, strerror(errno));
    }
    l->length += (off_t)l->lines.length;
    return PH_OK;
}

static int32_t write_locked(struct ledger *l, const struct partitions *partitions,
                            const struct ph_position *positions, uint32_t count,
                            struct ph_error *err)
{
    char name[PATH_MAX + 128];
    struct ph_error ignored;
    buf_clear(&l->lines);
    l->lines.failed = false;
    for (uint32_t i = 0; i < count; i++) {
        (void)name_of(partitions->items[positions[i].partition_id], name, sizeof name);
        append_line(l, &positions[i], name);
    }
    if (append(l, err) != PH_OK) {
        return PH_ERROR;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct ph_partition *p = partitions->items[positions[i].partition_id];
        if (keep(l, p, &positions[i], err) != PH_OK) {
            return PH_ERROR;
        }
    }
    ph_error_clear(&ignored);
    if (l->length > COMPACT_ABOVE_BYTES && compact(l, &ignored) != PH_OK) {
        return PH_OK; /* the long file is as good; the next write tries again */
    }
    return PH_OK;
}

int32_t ledger_write(struct ledger *l, const struct partitions *partitions,
                     const struct ph_position *positions, uint32_t count, struct ph_error *err)
{
    (void)pthread_mutex_lock(&l->mutex);
    int32_t rc = count == 0 ? PH_OK : write_locked(l, partitions, positions, count, err);
    (void)pthread_mutex_unlock(&l->mutex);
    return rc;
}

/* ---- from outside, while no pipeline runs ---- */

/* "PARTITION SOURCE TOPIC"; a topic may hold blanks. */
static int32_t tell_entry(const struct entry *e, ledger_fn fn, void *arg)
{
    char source[128];
    char *at;
    long partition = strtol(e->name, &at, 10);
    const char *topic = *at == ' ' ? strchr(at + 1, ' ') : NULL;
    size_t length = topic != NULL ? (size_t)(topic - at - 1) : sizeof source;
    if (length >= sizeof source) {
        return PH_OK; /* none of ours */
    }
    memcpy(source, at + 1, length);
    source[length] = '\0';
    return fn(arg, source, topic + 1, (int32_t)partition,
              &(struct ph_position){.next_offset = e->next_offset, .fingerprint = e->fingerprint});
}

static int32_t look_locked(struct ledger *l, ledger_fn fn, void *arg, struct ph_error *err)
{
    if (l->fd < 0) {
        int fd = open(l->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return errno == ENOENT ? PH_OK : failed(l, "opened", err);
        }
        forget_entries(l);
        int32_t rc = read_all(l, fd, err);
        (void)close(fd);
        if (rc != PH_OK) {
            return PH_ERROR;
        }
    }
    for (uint32_t i = 0; i < l->count; i++) {
        if (tell_entry(&l->entries[i], fn, arg) != PH_OK) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

int32_t ledger_look(struct ledger *l, ledger_fn fn, void *arg, struct ph_error *err)
{
    (void)pthread_mutex_lock(&l->mutex);
    int32_t rc = look_locked(l, fn, arg, err);
    (void)pthread_mutex_unlock(&l->mutex);
    return rc;
}

static void remove_entry(struct ledger *l, struct entry *e)
{
    free(e->name);
    *e = l->entries[--l->count];
    memset(l->index_of, 0xff, sizeof l->index_of);
}

int32_t ledger_forget(struct ledger *l, const struct ph_partition *partitions, uint32_t count,
                      struct ph_error *err)
{
    char name[PATH_MAX + 128];
    (void)pthread_mutex_lock(&l->mutex);
    int32_t rc = l->fd >= 0 ? PH_OK : open_file(l, err);
    for (uint32_t i = 0; rc == PH_OK && i < count; i++) {
        int length = name_of(&partitions[i], name, sizeof name);
        struct entry *e = find_entry(l, name, (size_t)length);
        if (e != NULL) {
            remove_entry(l, e);
        }
    }
    rc = rc == PH_OK ? compact(l, err) : rc;
    (void)pthread_mutex_unlock(&l->mutex);
    return rc;
}
