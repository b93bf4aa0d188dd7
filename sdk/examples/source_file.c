/* SPDX-License-Identifier: Apache-2.0 */
/**
 * source-file: the lines of a file, each a record; lines of blanks are passed over. The file is one
 * partition whose offsets are where lines begin, in bytes, so that a start at any position goes on
 * with the first line that begins there or later. Ends with the file.
 */
#include "pipehost/pipehost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_FIRST ((size_t)256 * 1024)
/* The longest line that is read as a whole: above every record.max_bytes. Of a longer one this much
 * is passed on, which the host sets aside as too large. */
#define LINE_MAX_BYTES ((size_t)65 * 1024 * 1024)

struct settings {
    const char *path; /* the host's */
};

struct file {
    const struct settings *op;
    int fd; /* -1: closed */
    uint32_t partition_id;
    bool is_started;  /* this lane has the partition */
    bool is_at_end;   /* read answered 0 */
    bool is_skipping; /* what follows is the rest of a line that is done with */
    int64_t at;       /* where data[begin] stands in the file */
    uint8_t *data;
    size_t capacity;
    size_t begin;    /* of the next line */
    size_t searched; /* no line break between begin and here */
    size_t end;      /* of what was read */
};

static void *create(const struct ph_host *host, struct ph_error *err)
{
    struct settings *op = (struct settings *)calloc(1, sizeof *op);
    (void)host;
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
    }
    return op;
}

static int32_t init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct settings *op = (struct settings *)self;
    (void)err;
    op->path = ph_config_text(config, "path");
    return PH_OK;
}

static void *task_create(void *self, const struct ph_task *task, struct ph_error *err)
{
    struct file *f = (struct file *)calloc(1, sizeof *f);
    (void)task;
    if (f == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    f->op = (const struct settings *)self;
    f->fd = -1;
    return f;
}

static void task_destroy(void *self)
{
    struct file *f = (struct file *)self;
    free(f->data);
    free(f);
}

static void deactivate(void *self)
{
    struct file *f = (struct file *)self;
    if (f->fd >= 0) {
        (void)close(f->fd);
        f->fd = -1;
    }
}

static int32_t activate(void *self, struct ph_error *err)
{
    struct file *f = (struct file *)self;
    struct stat s;
    f->fd = open(f->op->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 || fstat(f->fd, &s) != 0) {
        ph_error_set_key(err, "/path");
        return ph_error_set(err, PH_ERR_CONFIG, "%s cannot be opened: %s", f->op->path,
                            strerror(errno));
    }
    if (!S_ISREG(s.st_mode)) {
        ph_error_set_key(err, "/path");
        return ph_error_set(err, PH_ERR_CONFIG, "%s is no regular file", f->op->path);
    }
    return PH_OK;
}

static int32_t list_partitions(void *self, struct ph_partition_list *list, struct ph_error *err)
{
    struct file *f = (struct file *)self;
    (void)err;
    return list->add(list, f->op->path, 0, "");
}

static int32_t start(void *self, const struct ph_partition *partition,
                     const struct ph_position *from, struct ph_error *err)
{
    int64_t next_offset = from->next_offset;
    struct file *f = (struct file *)self;
    int64_t size = lseek(f->fd, 0, SEEK_END);
    /* One byte earlier: where that is a line break, a line begins at next_offset itself. */
    f->at = next_offset > 0 ? next_offset - 1 : 0;
    if (size < 0 || f->at > size || lseek(f->fd, f->at, SEEK_SET) < 0) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: the position to go on from is byte %lld, but the file has %lld: "
                            "it is not the file that was read before",
                            f->op->path, (long long)next_offset, (long long)size);
    }
    f->partition_id = partition->id;
    f->is_started = true;
    f->is_at_end = false;
    /* The host wants to see the line that begins there, where it knows what that was. */
    f->is_skipping = next_offset > 0 && from->fingerprint == 0;
    f->begin = f->searched = f->end = 0;
    return PH_OK;
}

/* Makes room behind end: what is done with goes, then the buffer grows. */
static int32_t make_room(struct file *f, struct ph_error *err)
{
    if (f->data != NULL && f->begin > 0) {
        memmove(f->data, f->data + f->begin, f->end - f->begin);
        f->searched -= f->begin;
        f->end -= f->begin;
        f->begin = 0;
    }
    if (f->end == f->capacity) {
        size_t capacity = f->capacity == 0 ? BUFFER_FIRST : f->capacity * 2;
        uint8_t *data = (uint8_t *)realloc(f->data, capacity);
        if (data == NULL) {
            return ph_error_set(err, PH_ERR_FATAL, "out of memory for a line of %s", f->op->path);
        }
        f->data = data;
        f->capacity = capacity;
    }
    return PH_OK;
}

static int32_t read_more(struct file *f, struct ph_error *err)
{
    ssize_t n;
    if (make_room(f, err) != PH_OK) {
        return PH_ERROR;
    }
    do {
        n = read(f->fd, f->data + f->end, f->capacity - f->end);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return ph_error_set(err, PH_ERR_FATAL, "%s cannot be read: %s", f->op->path,
                            strerror(errno));
    }
    f->end += (size_t)n;
    f->is_at_end = n == 0;
    return PH_OK;
}

/* Forgets length bytes from begin on. */
static void pass(struct file *f, size_t length)
{
    f->begin += length;
    f->at += (int64_t)length;
    f->searched = f->begin;
}

/* The length of the line at begin without its break, and with it in *whole; PH_END: no line is
 * left. */
static int32_t find_line(struct file *f, size_t *length, size_t *whole, struct ph_error *err)
{
    for (;;) {
        const uint8_t *found =
            f->data == NULL
                ? NULL
                : (const uint8_t *)memchr(f->data + f->searched, '\n', f->end - f->searched);
        size_t held = f->end - f->begin;
        if (found != NULL) {
            *length = (size_t)(found - (f->data + f->begin));
            *whole = *length + 1;
            return PH_OK;
        }
        f->searched = f->end;
        if (f->is_skipping && held > 0) {
            pass(f, held);
            held = 0;
        }
        if (held >= LINE_MAX_BYTES || (f->is_at_end && held > 0)) {
            *length = *whole = held;
            return PH_OK;
        }
        if (f->is_at_end) {
            return PH_END;
        }
        if (read_more(f, err) != PH_OK) {
            return PH_ERROR;
        }
    }
}

static bool is_blank(const uint8_t *data, size_t length)
{
    size_t i = 0;
    while (i < length && (data[i] == ' ' || data[i] == '\t' || data[i] == '\r')) {
        i++;
    }
    return i == length;
}

static int32_t append_line(struct file *f, struct ph_writer *writer, size_t length,
                           struct ph_error *err)
{
    struct ph_record record = {.size = (uint32_t)sizeof record,
                               .partition_id = f->partition_id,
                               .offset = f->at,
                               .timestamp_ms = -1,
                               .value = f->data + f->begin,
                               .value_length = (uint32_t)length};
    int32_t result = writer->append(writer, &record);
    return result == PH_ERROR ? ph_error_set(err, PH_ERR_FATAL, "the host refused a record")
                              : result;
}

static int32_t poll_lines(void *self, struct ph_writer *writer, struct ph_error *err)
{
    struct file *f = (struct file *)self;
    if (!f->is_started) {
        return PH_END;
    }
    for (;;) {
        size_t length = 0;
        size_t whole = 0;
        int32_t result = find_line(f, &length, &whole, err);
        if (result == PH_END) {
            writer->advance(writer, f->partition_id, f->at);
        }
        if (result != PH_OK) {
            return result;
        }
        if (!f->is_skipping && !is_blank(f->data + f->begin, length)) {
            result = append_line(f, writer, length, err);
        }
        if (result != PH_OK) {
            return result == PH_MORE ? PH_OK : result;
        }
        /* A line that was cut goes on behind what was passed on of it. */
        f->is_skipping = whole == length && !f->is_at_end;
        pass(f, whole);
    }
}

static const struct ph_config_key keys[] = {{.size = sizeof keys[0],
                                             .type = PH_CONFIG_PATH,
                                             .flags = PH_CONFIG_REQUIRED,
                                             .name = "path",
                                             .doc = "the file to read, one record a line"}};

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = free,
                                           .init = init,
                                           .task_create = task_create,
                                           .task_destroy = task_destroy,
                                           .activate = activate,
                                           .deactivate = deactivate};

static const struct ph_source_ops source = {
    .size = sizeof source, .partitions = list_partitions, .start = start, .poll = poll_lines};

static const struct ph_descriptor source_file = {
    .size = sizeof source_file,
    .kind = PH_KIND_SOURCE,
    .id = "source-file",
    .version = PH_SDK_VERSION,
    .summary = "reads the lines of a file, each a record, and ends with it",
    .config = keys,
    .config_count = 1,
    .ops = &ops,
    .source = &source,
};

PH_ENTRY(&source_file);
