#include "letters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values hold neither text unescaped, so that the first of each is the letter's own member. */
static bool find_number(const char *line, const char *name, int64_t *value)
{
    const char *at = strstr(line, name);
    char *end;
    if (at == NULL) {
        return false;
    }
    *value = strtoll(at + strlen(name), &end, 10);
    return end != at + strlen(name);
}

static void add_line(struct letters *l, const char *line)
{
    int64_t partition;
    int64_t offset;
    l->lines++;
    if (!find_number(line, "\"partition\":", &partition) ||
        !find_number(line, "\"offset\":", &offset) || partition < 0 || partition >= l->partitions ||
        offset < 0 || offset > l->count / l->partitions ||
        offset * l->partitions + partition >= l->count) {
        l->foreign++;
        return;
    }
    uint8_t *times = &l->times[offset * l->partitions + partition];
    *times = *times < UINT8_MAX ? (uint8_t)(*times + 1) : UINT8_MAX;
}

/* What a kill left of a line is no letter: it has no end yet, or the next start ended it with a
 * line break, as other processes may append to the file. */
static bool is_whole(const char *line, size_t length)
{
    return length > 2 && memcmp(line + length - 2, "}\n", 2) == 0 &&
           strstr(line, ",\"value") != NULL;
}

static bool read_file(struct letters *l, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t capacity = 0;
    if (file == NULL) {
        return false;
    }
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) > 0) {
        if (is_whole(line, (size_t)length)) {
            add_line(l, line);
        }
    }
    free(line);
    bool ok = ferror(file) == 0;
    (void)fclose(file);
    return ok;
}

bool letters_read(struct letters *l, const char *file)
{
    char path[4096];
    memset(l->times, 0, (size_t)l->count);
    l->lines = 0;
    l->foreign = 0;
    for (int i = 0;; i++) {
        int n = i == 0 ? snprintf(path, sizeof path, "%s", file)
                       : snprintf(path, sizeof path, "%s.%d", file, i);
        if (n < 0 || (size_t)n >= sizeof path) {
            return false;
        }
        if (!read_file(l, path)) {
            return errno == ENOENT;
        }
    }
}
