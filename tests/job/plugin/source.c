/* SPDX-License-Identifier: Apache-2.0 */
/* A source of numbered records, {"n":OFFSET,"p":PARTITION,"t":"xxx"}, or of those in a file: each
 * an int32 length, -1 = none, and its bytes. */
#include "part.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct source {
    struct part part;
    int64_t partitions;
    int64_t records; /* of each partition */
    int64_t per_poll;
    int64_t pad;       /* bytes of t */
    int64_t bad_every; /* such an offset has no JSON */
    int64_t begin;     /* what resolve answers */
    bool ends;
    bool is_limited;
    bool is_noisy; /* watches a descriptor that is always ready */
    FILE *file;    /* of records; null = numbered ones */
    char *from_file;
};

struct lane {
    struct source *op;
    const struct ph_task *task;
    int64_t next[STAGE_PARTITIONS]; /* -1 = not of this lane */
    uint32_t ids[STAGE_PARTITIONS];
    bool is_started[STAGE_PARTITIONS];
    uint32_t turn;
    int64_t known; /* of lane 0: partitions that the host was told of */
    int noise_fd;
    char text[70000];
};

static void *create(const struct ph_host *host, struct ph_error *err)
{
    return part_create(sizeof(struct source), host, err);
}

/* The file's record at an offset that the file is at. */
static int32_t read_file(struct source *s, struct ph_record *record)
{
    int32_t length;
    if (fread(&length, sizeof length, 1, s->file) != 1) {
        return PH_ERROR;
    }
    free(s->from_file);
    s->from_file = (char *)malloc((size_t)(length > 0 ? length : 0) + 1);
    record->value = length < 0 ? NULL : s->from_file;
    record->value_length = length < 0 ? 0 : (uint32_t)length;
    return fread(s->from_file, 1, record->value_length, s->file) == record->value_length ? PH_OK
                                                                                         : PH_ERROR;
}

static int32_t init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct source *s = (struct source *)self;
    s->partitions = ph_config_integer(config, "partitions");
    s->records = ph_config_integer(config, "records");
    s->per_poll = ph_config_integer(config, "per_poll");
    s->pad = ph_config_integer(config, "pad");
    s->bad_every = ph_config_integer(config, "bad_every");
    s->begin = ph_config_integer(config, "begin");
    s->ends = ph_config_integer(config, "end") != 0;
    s->is_noisy = ph_config_integer(config, "noisy") != 0;
    s->is_limited = ph_config_integer(config, "limit") != 0;
    const char *path = ph_config_text(config, "file");
    if (path != NULL && (s->file = fopen(path, "r")) == NULL) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s cannot be opened", path);
    }
    if (s->file != NULL) {
        struct ph_record record;
        for (s->records = 0; read_file(s, &record) == PH_OK; s->records++) {
        }
        rewind(s->file);
    }
    return part_init(&s->part, config, err);
}

static void destroy(void *self)
{
    struct source *s = (struct source *)self;
    if (s->file != NULL) {
        (void)fclose(s->file);
    }
    free(s->from_file);
    part_destroy(self);
}

static void *task_create(void *op, const struct ph_task *task, struct ph_error *err)
{
    struct lane *l = (struct lane *)calloc(1, sizeof *l);
    l->op = (struct source *)op;
    l->task = task;
    l->noise_fd = -1;
    memset(l->next, 0xff, sizeof l->next);
    if (part_at(&l->op->part, AT_TASK_CREATE, task->lane, err) != PH_OK) {
        free(l);
        return NULL;
    }
    return l;
}

static void task_destroy(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_TASK_DESTROY, l->task->lane, NULL);
    free(l);
}

static int32_t activate(void *self, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    if (l->op->is_noisy && l->noise_fd < 0) {
        l->noise_fd = eventfd(1, EFD_CLOEXEC);
        if (l->op->part.wait->watch(l->task, l->noise_fd, PH_WAIT_READ, err) != PH_OK) {
            return PH_ERROR;
        }
    }
    return part_at(&l->op->part, AT_ACTIVATE, l->task->lane, err);
}

static void deactivate(void *self)
{
    struct lane *l = (struct lane *)self;
    (void)part_at(&l->op->part, AT_DEACTIVATE, l->task->lane, NULL);
    if (l->noise_fd >= 0) {
        (void)l->op->part.wait->watch(l->task, l->noise_fd, 0, NULL);
        (void)close(l->noise_fd);
        l->noise_fd = -1;
    }
}

static int32_t ready(void *self, int fd, uint32_t events, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    (void)fd;
    (void)events;
    return part_at(&l->op->part, AT_READY, l->task->lane, err);
}

static int64_t partition_count(const struct source *s)
{
    int64_t count = atomic_load(&s->part.stage->partitions[s->part.slot]);
    return count > s->partitions ? count : s->partitions;
}

static int32_t partitions(void *self, struct ph_partition_list *list, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    if (part_at(&l->op->part, AT_PARTITIONS, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    l->known = partition_count(l->op);
    for (int32_t i = 0; i < (int32_t)l->known; i++) {
        if (list->add(list, "topic", i, "cluster") != PH_OK) {
            return ph_error_set(err, PH_ERR_FATAL, "no partition more");
        }
    }
    return PH_OK;
}

static int32_t resolve(void *self, const struct ph_partition *list, uint32_t count,
                       int64_t *next_offsets, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    (void)list;
    for (uint32_t i = 0; i < count; i++) {
        next_offsets[i] = l->op->begin;
    }
    return part_at(&l->op->part, AT_RESOLVE, l->task->lane, err);
}

static int32_t start(void *self, const struct ph_partition *p, const struct ph_position *from,
                     struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    if (part_at(&l->op->part, AT_START, l->task->lane, err) != PH_OK) {
        return PH_ERROR;
    }
    if (p->partition < (int32_t)STAGE_PARTITIONS) {
        if (l->is_started[p->partition]) {
            return ph_error_set(err, PH_ERR_FATAL, "partition %d is started twice", p->partition);
        }
        l->is_started[p->partition] = true;
        l->next[p->partition] = from->next_offset - (from->fingerprint != 0 ? 1 : 0);
        l->ids[p->partition] = p->id;
    }
    return PH_OK;
}

static int32_t append(struct lane *l, uint32_t partition, struct ph_writer *writer)
{
    struct source *s = l->op;
    int64_t offset = l->next[partition];
    int length;
    if (s->bad_every > 0 && offset % s->bad_every == s->bad_every - 1) {
        length = snprintf(l->text, sizeof l->text, "{\"n\":broken %lld", (long long)offset);
    } else {
        length = snprintf(l->text, sizeof l->text, "{\"n\":%lld,\"p\":%u,\"t\":\"%0*d\"}",
                          (long long)offset, partition, (int)s->pad, 0);
    }
    struct ph_record record = {.size = (uint32_t)sizeof record,
                               .partition_id = l->ids[partition],
                               .offset = offset,
                               .timestamp_ms = offset,
                               .value = l->text,
                               .value_length = (uint32_t)length};
    long before = s->file != NULL ? ftell(s->file) : 0;
    if (s->file != NULL && read_file(s, &record) != PH_OK) {
        return PH_ERROR;
    }
    int32_t rc = writer->append(writer, &record);
    if (rc == PH_OK) {
        l->next[partition]++;
        atomic_store(&s->part.stage->read[s->part.slot][partition], l->next[partition]);
    } else if (s->file != NULL) {
        (void)fseek(s->file, before, SEEK_SET);
    }
    return rc;
}

/* Lane 0 looks at each poll, and says each more than once. */
static int32_t find_more(struct lane *l, struct ph_error *err)
{
    int64_t count = partition_count(l->op);
    const struct ph_partitions *service = (const struct ph_partitions *)l->task->host->get_service(
        l->task->host, PH_SERVICE_PARTITIONS);
    for (int64_t i = l->known; l->task->lane == 0 && i < count; i++) {
        if (service->found(l->task, "topic", (int32_t)i, "cluster", err) != PH_OK ||
            service->found(l->task, "topic", (int32_t)l->known, "cluster", err) != PH_OK) {
            return PH_ERROR;
        }
    }
    l->known = count;
    return PH_OK;
}

static int64_t last_of(const struct source *s)
{
    int64_t limit = s->is_limited ? atomic_load(&s->part.stage->limit[s->part.slot]) : s->records;
    return limit < s->records ? limit : s->records;
}

static int32_t poll_records(void *self, struct ph_writer *writer, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    struct source *s = l->op;
    int64_t left = s->per_poll;
    int64_t last = last_of(s); /* it may move meanwhile */
    uint32_t idle = 0;
    if (part_at(&s->part, AT_POLL, l->task->lane, err) != PH_OK || find_more(l, err) != PH_OK) {
        return PH_ERROR;
    }
    while (left > 0 && idle < STAGE_PARTITIONS) {
        uint32_t partition = l->turn++ % STAGE_PARTITIONS;
        if (l->next[partition] < 0 || l->next[partition] >= last) {
            idle++;
            continue;
        }
        int32_t rc = append(l, partition, writer);
        if (rc != PH_OK) {
            l->turn--;
            return rc == PH_MORE ? PH_OK : ph_error_set(err, PH_ERR_FATAL, "append failed");
        }
        idle = 0;
        left--;
    }
    if (idle < STAGE_PARTITIONS) {
        return PH_OK;
    }
    bool all = last == s->records;
    if (!all) { /* the limit may move */
        s->part.wait->deadline(l->task, s->part.clock->monotonic_ns(s->part.host) + 2000000);
    }
    return all && s->ends ? PH_END : PH_IDLE;
}

static int32_t serve(void *self, struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    return part_at(&l->op->part, AT_SERVE, l->task->lane, err);
}

static int32_t committed(void *self, const struct ph_position *positions, uint32_t count,
                         struct ph_error *err)
{
    struct lane *l = (struct lane *)self;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t p = 0; p < STAGE_PARTITIONS; p++) {
            if (l->next[p] >= 0 && l->ids[p] == positions[i].partition_id) {
                atomic_store(&l->op->part.stage->told[l->op->part.slot][p],
                             positions[i].next_offset);
            }
        }
    }
    return part_at(&l->op->part, AT_COMMITTED, l->task->lane, err);
}

static const struct ph_config_key keys[] = {
    PART_KEYS,
    PART_INT("partitions", "1"),
    PART_INT("records", "1000"),
    PART_INT("per_poll", "100"),
    PART_INT("pad", "3"),
    PART_INT("bad_every", "0"),
    PART_INT("begin", "0"),
    PART_KEY(.type = PH_CONFIG_PATH, .name = "file", .doc = "of records"),
    PART_KEY(.type = PH_CONFIG_BOOL, .name = "end", .doc = "ends after the records",
             .default_text = "true"),
    PART_KEY(.type = PH_CONFIG_BOOL, .name = "noisy", .doc = "a descriptor is always ready",
             .default_text = "false"),
    PART_KEY(.type = PH_CONFIG_BOOL, .name = "limit", .doc = "the test says how far",
             .default_text = "false")};

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = destroy,
                                           .init = init,
                                           .task_create = task_create,
                                           .task_destroy = task_destroy,
                                           .activate = activate,
                                           .deactivate = deactivate,
                                           .ready = ready};

static const struct ph_source_ops source_ops = {.size = sizeof source_ops,
                                                .partitions = partitions,
                                                .resolve = resolve,
                                                .start = start,
                                                .poll = poll_records,
                                                .serve = serve,
                                                .committed = committed};

const struct ph_descriptor source_descriptor = {.size = sizeof source_descriptor,
                                                .kind = PH_KIND_SOURCE,
                                                .id = "source",
                                                .version = "1",
                                                .summary = "numbered records",
                                                .config = keys,
                                                .config_count = sizeof keys / sizeof keys[0],
                                                .ops = &ops,
                                                .source = &source_ops};
