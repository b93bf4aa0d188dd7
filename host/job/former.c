/* SPDX-License-Identifier: Apache-2.0 */
#include "job/former.h"

#include "base/log.h"
#include "job/begun.h"
#include "job/kept.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

const char *former_source(const struct node *sink, const char *topic)
{
    for (uint32_t i = 0; i < sink->former_count; i++) {
        if (strcmp(sink->formers[i].topic, topic) == 0) {
            return sink->formers[i].source;
        }
    }
    return NULL;
}

void former_fini(struct node *sink)
{
    for (uint32_t i = 0; i < sink->former_count; i++) {
        free(sink->formers[i].source);
        free(sink->formers[i].topic);
    }
    free(sink->formers);
    sink->formers = NULL;
    sink->former_count = 0;
}

struct look {
    struct node *sink;
    struct ph_error *err;
};

/* One for each topic is enough: it is named, and counts by that. */
static int32_t note_former(void *arg, const char *source, const char *topic, int32_t partition,
                           const struct ph_position *position)
{
    const struct look *look = arg;
    struct node *sink = look->sink;
    (void)partition;
    if (position->next_offset < 0 || job_find_node(sink->job, source) != NULL ||
        former_source(sink, topic) != NULL) {
        return PH_OK;
    }
    struct former *formers =
        realloc(sink->formers, (sink->former_count + 1u) * sizeof *sink->formers);
    if (formers == NULL) {
        return ph_error_set(look->err, PH_ERR_FATAL, "out of memory for sources");
    }
    struct former *f = &formers[sink->former_count++];
    sink->formers = formers;
    *f = (struct former){strdup(source), strdup(topic)};
    return f->source != NULL && f->topic != NULL
               ? PH_OK
               : ph_error_set(look->err, PH_ERR_FATAL, "out of memory for sources");
}

int32_t former_find(struct node *sink, struct ledger *begun, struct ph_error *err)
{
    struct look look = {.sink = sink, .err = err};
    former_fini(sink);
    return ledger_look(begun, note_former, &look, err);
}

static bool has_any(const struct node *sink)
{
    for (uint32_t id = 0; id < sink->job->partitions.count; id++) {
        if (sink->has_begun[id]) {
            return true;
        }
    }
    return false;
}

/* PH_ERROR, without a word: there is one, and it is enough. */
static int32_t find_shared(void *arg, const char *source, const char *topic, int32_t partition,
                           const struct ph_position *position)
{
    const struct look *look = arg;
    const struct job *job = look->sink->job;
    (void)partition;
    for (uint32_t id = 0; position->next_offset >= 0 && id < job->partitions.count; id++) {
        const struct ph_partition *p = job->partitions.items[id];
        if (strcmp(p->source, source) == 0 && strcmp(p->topic, topic) == 0 &&
            kept_feeds(look->sink, p)) {
            return PH_ERROR;
        }
    }
    return PH_OK;
}

/* A sink without positions beside the file of one that is gone may be the same under a new name.
 * Or another one that took its place, so that this is no more than a warning. */
static void warn_of(struct node *sink, const char *gone)
{
    char path[PATH_MAX];
    struct ph_error ignored;
    ph_error_clear(&ignored);
    struct ledger *l =
        begun_path(sink->job, gone, path, &ignored) == PH_OK ? ledger_create(path) : NULL;
    struct look look = {.sink = sink};
    if (l != NULL && ledger_look(l, find_shared, &look, &ignored) != PH_OK &&
        ignored.text[0] == '\0') {
        log_write(PH_LOG_WARNING, sink->manifest->name,
                  "it has no position here, and sink \"%s\", which read the same topics, is not in "
                  "the manifest any more: if that is its former name, what it wrote comes twice: "
                  "stop, and name it \"%s\" again",
                  gone, gone);
    }
    ledger_destroy(l);
}

/* The sink whose file that is, into NAME_MAX + 1 bytes; false: it is no sink's. */
static bool sink_of_file(const char *file, char *sink)
{
    size_t length = strlen(file);
    size_t suffix = strlen(BEGUN_SUFFIX);
    if (length <= suffix || strcmp(file + length - suffix, BEGUN_SUFFIX) != 0) {
        return false;
    }
    (void)snprintf(sink, NAME_MAX + 1, "%.*s", (int)(length - suffix), file);
    return true;
}

void former_warn(struct job *job)
{
    DIR *dir = opendir(job->manifest->state_dir);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char gone[NAME_MAX + 1];
        if (!sink_of_file(entry->d_name, gone) || job_find_node(job, gone) != NULL) {
            continue;
        }
        for (uint32_t i = 0; i < job->node_count; i++) {
            struct node *n = &job->nodes[i];
            if (n->keeps_positions && n->has_begun != NULL && !has_any(n)) {
                warn_of(n, gone);
            }
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}
