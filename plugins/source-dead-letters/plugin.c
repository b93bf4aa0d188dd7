/* SPDX-License-Identifier: Apache-2.0 */
/**
 * source-dead-letters: the records that dead letters hold, or the letters themselves. The file and
 * its older ones are one partition; a letter's offset is its time in microseconds since 1970, which
 * no other letter of the file has, so that it stays right when files are renamed or moved away and
 * when letters are taken out.
 */
#include "files.h"
#include "letter.h"
#include "pipehost/pipehost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS INT64_C(50000000) /* how often a followed file is looked at */
/* A poll ends after so many bytes of letters that are none of its own. */
#define POLL_BYTES ((size_t)4 << 20)
#define TOLD_MAX   20u /* bad lines, of each task */

enum records { RECORDS_ORIGINAL, RECORDS_LETTERS };
enum counter { COUNTER_BAD_LINES, COUNTER_OTHERS };

struct settings {
    const struct ph_host *host;
    const struct ph_log *log;
    const struct ph_clock *clock;
    const struct ph_wait *wait;
    const struct ph_metrics *metrics;
    const char *path; /* all texts are the host's; null = not set */
    const char *operator_name;
    const char *source;
    const char *pipeline;
    bool follows;
    enum records records;
};

struct reader {
    const struct settings *op;
    const struct ph_task *task;
    int64_t *bad_lines;
    int64_t *others;
    struct files files;
    uint32_t partition_id;
    bool is_started;  /* this lane has the partition */
    bool has_pending; /* a record that the host had no room for */
    struct ph_record pending;
    int64_t from; /* letters below are done with */
    int64_t last; /* offset of the last letter, -1 = none */
};

/* ---- settings ---- */

static void *create(const struct ph_host *host, struct ph_error *err)
{
    struct settings *op = calloc(1, sizeof *op);
    if (op == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    op->host = host;
    op->log = host->get_service(host, PH_SERVICE_LOG);
    op->clock = host->get_service(host, PH_SERVICE_CLOCK);
    op->wait = host->get_service(host, PH_SERVICE_WAIT);
    op->metrics = host->get_service(host, PH_SERVICE_METRICS);
    if (op->log == NULL || op->clock == NULL || op->wait == NULL || op->metrics == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "the host lacks a service");
        free(op);
        return NULL;
    }
    return op;
}

static int32_t init(void *self, const struct ph_config *config, struct ph_error *err)
{
    struct settings *op = self;
    (void)err;
    op->path = ph_config_text(config, "path");
    op->operator_name = ph_config_text(config, "operator");
    op->source = ph_config_text(config, "source");
    op->pipeline = ph_config_text(config, "pipeline");
    op->follows = ph_config_integer(config, "follow") != 0;
    op->records = (enum records)ph_config_integer(config, "records");
    return PH_OK;
}

/* ---- the task ---- */

static void *task_create(void *self, const struct ph_task *task, struct ph_error *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        (void)ph_error_set(err, PH_ERR_FATAL, "out of memory");
        return NULL;
    }
    r->op = self;
    r->task = task;
    r->bad_lines = r->op->metrics->cell(task, COUNTER_BAD_LINES);
    r->others = r->op->metrics->cell(task, COUNTER_OTHERS);
    return r;
}

static void deactivate(void *self)
{
    struct reader *r = self;
    files_close(&r->files);
}

static int32_t activate(void *self, struct ph_error *err)
{
    struct reader *r = self;
    r->last = -1;
    r->has_pending = false;
    r->is_started = false;
    files_close(&r->files);
    return files_open(&r->files, r->op->path, r->op->follows, err);
}

static int32_t list_partitions(void *self, struct ph_partition_list *list, struct ph_error *err)
{
    const struct reader *r = self;
    (void)err;
    return list->add(list, r->op->path, 0, "");
}

static int32_t start(void *self, const struct ph_partition *partition,
                     const struct ph_position *from, struct ph_error *err)
{
    struct reader *r = self;
    (void)err;
    r->partition_id = partition->id;
    r->from = from->next_offset;
    r->is_started = true;
    return PH_OK;
}

/* ---- letters ---- */

static void tell_bad(struct reader *r, const struct files_line *line, const char *what)
{
    char number[16] = "";
    char text[512];
    ph_counter_add(r->bad_lines, 1);
    if (*r->bad_lines > TOLD_MAX) {
        return; /* the counter has them */
    }
    if (line->file > 0) {
        (void)snprintf(number, sizeof number, ".%u", line->file);
    }
    (void)snprintf(text, sizeof text, "%s%s:%llu: %s: passed over", r->op->path, number,
                   (unsigned long long)line->number, what);
    r->op->log->write(r->op->host, PH_LOG_WARNING, text);
}

static bool is_text(const struct letter_text *t, const char *wanted)
{
    return wanted == NULL || letter_text_is(t, wanted, strlen(wanted));
}

/* The source of a replay is called SOURCE:OPERATOR, and what becomes a letter again on its way is
 * still a letter of that operator. */
static bool is_replayed(const struct settings *op, const struct letter_text *source)
{
    size_t length = op->source == NULL ? 0 : strlen(op->source);
    return op->source != NULL && op->operator_name != NULL &&
           source->length == length + 1 + strlen(op->operator_name) &&
           memcmp(source->data, op->source, length) == 0 && source->data[length] == ':' &&
           memcmp(source->data + length + 1, op->operator_name, source->length - length - 1) == 0;
}

static bool is_own(const struct settings *op, const struct letter *l)
{
    return is_text(&l->pipeline, op->pipeline) &&
           (is_replayed(op, &l->source) ||
            (is_text(&l->source, op->source) && is_text(&l->operator_name, op->operator_name)));
}

static void set_original(struct reader *r, const struct letter *l)
{
    r->pending.timestamp_ms = l->timestamp_ms;
    r->pending.key = l->key.data;
    r->pending.key_length = (uint32_t)l->key.length;
    r->pending.value = l->value.data;
    r->pending.value_length = (uint32_t)l->value.length;
    r->has_pending = true;
}

/* Sets the pending record where the letter is one to be given. */
static void judge_letter(struct reader *r, struct files_line *line, int64_t time_us)
{
    struct letter l;
    r->pending = (struct ph_record){
        .size = (uint32_t)sizeof r->pending, .partition_id = r->partition_id, .offset = r->last};
    if (r->op->records == RECORDS_LETTERS) {
        r->pending.timestamp_ms = time_us / 1000;
        r->pending.value = line->text;
        r->pending.value_length = (uint32_t)line->length;
        r->has_pending = true;
        return;
    }
    if (!letter_read(line->text, line->length, &l)) {
        tell_bad(r, line, line->is_torn ? "it ends within a letter" : "this is no dead letter");
    } else if (!is_own(r->op, &l)) {
        ph_counter_add(r->others, 1);
    } else if (l.is_cut) {
        tell_bad(r, line, "the letter has only a part of its record's value");
    } else {
        set_original(r, &l);
    }
}

static bool is_blank(const struct files_line *line)
{
    for (size_t i = 0; i < line->length; i++) {
        if (line->text[i] != ' ' && line->text[i] != '\t' && line->text[i] != '\r') {
            return false;
        }
    }
    return true;
}

static void judge_line(struct reader *r, struct files_line *line)
{
    if (is_blank(line)) {
        return;
    }
    int64_t time_us = letter_time_us(line->text, line->length);
    if (time_us < 0 || line->is_too_long ||
        (r->op->records == RECORDS_LETTERS && line->text[line->length - 1] != '}')) {
        tell_bad(r, line,
                 line->is_too_long ? "the line is too long"
                 : line->is_torn   ? "it ends within a letter"
                                   : "this is no dead letter");
        return;
    }
    /* Letters of times to the millisecond may share one: they count on. */
    r->last = time_us > r->last ? time_us : r->last + 1;
    if (r->last >= r->from) {
        judge_letter(r, line, time_us);
        r->from = r->last + !r->has_pending;
    }
}

/* PH_OK: it is done with. */
static int32_t append_pending(struct reader *r, struct ph_writer *writer, struct ph_error *err)
{
    int32_t rc = writer->append(writer, &r->pending);
    if (rc == PH_ERROR) {
        return ph_error_set(err, PH_ERR_FATAL, "the host refused a record");
    }
    if (rc == PH_OK) {
        r->has_pending = false;
        r->from = r->pending.offset + 1;
    }
    return rc;
}

static int32_t rest(struct reader *r)
{
    const struct settings *op = r->op;
    op->wait->deadline(r->task, op->clock->monotonic_ns(op->host) + LOOK_NS);
    return PH_IDLE;
}

/* Everything up to here is done with, letters of others as well. */
static void pass(struct reader *r, struct ph_writer *writer)
{
    writer->advance(writer, r->partition_id, r->from);
}

static int32_t poll_letters(void *self, struct ph_writer *writer, struct ph_error *err)
{
    struct reader *r = self;
    size_t bytes = 0;
    if (!r->is_started) {
        return PH_END;
    }
    while (bytes < POLL_BYTES) {
        struct files_line line;
        if (r->has_pending) {
            int32_t rc = append_pending(r, writer, err);
            if (rc != PH_OK) {
                return rc == PH_MORE ? PH_OK : rc;
            }
        }
        int32_t rc = files_next(&r->files, &line, err);
        switch (rc) {
        case PH_OK:
            bytes += line.length;
            r->last = line.is_again ? -1 : r->last;
            judge_line(r, &line);
            break;
        case PH_IDLE:
            return rest(r);
        case PH_END:
            pass(r, writer);
            return PH_END;
        default:
            return rc;
        }
    }
    return PH_OK;
}

/* ---- what the host sees ---- */

static const struct ph_config_key keys[] = {
    {.size = sizeof keys[0],
     .type = PH_CONFIG_PATH,
     .flags = PH_CONFIG_REQUIRED,
     .name = "path",
     .doc = "the dead-letter file; FILE.1, FILE.2 … beside it are read before it"},
    {.size = sizeof keys[0],
     .type = PH_CONFIG_ENUM,
     .name = "records",
     .default_text = "original",
     .values = "original|letters",
     .doc = "original: the records that were set aside, with their keys and times as far as the "
            "letters have them; letters: the letters, as the JSON objects that they are"},
    {.size = sizeof keys[0],
     .type = PH_CONFIG_BOOL,
     .name = "follow",
     .default_text = "false",
     .doc = "wait for more at the end of the file, through its renamings, instead of ending"},
    {.size = sizeof keys[0],
     .type = PH_CONFIG_STRING,
     .name = "operator",
     .doc = "only what this operator set aside (with records original)"},
    {.size = sizeof keys[0],
     .type = PH_CONFIG_STRING,
     .name = "source",
     .doc = "only records of this source operator; with operator also what a replay of them, whose "
            "source is called SOURCE:OPERATOR, set aside again (with records original)"},
    {.size = sizeof keys[0],
     .type = PH_CONFIG_STRING,
     .name = "pipeline",
     .doc = "only letters of this pipeline (with records original)"},
};

static const struct ph_counter counters[] = {
    {.size = sizeof counters[0],
     .kind = PH_COUNTER,
     .name = "bad_lines",
     .doc = "lines that are no whole letter, or have a part of the record only; the log has their "
            "places"},
    {.size = sizeof counters[0],
     .kind = PH_COUNTER,
     .name = "others",
     .doc = "letters that operator, source or pipeline leave out"},
};

static const struct ph_operator_ops ops = {.size = sizeof ops,
                                           .create = create,
                                           .destroy = free,
                                           .init = init,
                                           .task_create = task_create,
                                           .task_destroy = free,
                                           .activate = activate,
                                           .deactivate = deactivate};

static const struct ph_source_ops source = {
    .size = sizeof source, .partitions = list_partitions, .start = start, .poll = poll_letters};

static const struct ph_descriptor source_dead_letters = {
    .size = sizeof source_dead_letters,
    .kind = PH_KIND_SOURCE,
    .flags = PH_PLUGIN_SINGLE,
    .id = "source-dead-letters",
    .version = PH_SDK_VERSION,
    .summary = "reads a dead-letter file: the records that were set aside, or the letters",
    .config = keys,
    .config_count = sizeof keys / sizeof keys[0],
    .counters = counters,
    .counter_count = sizeof counters / sizeof counters[0],
    .ops = &ops,
    .source = &source,
};

PH_ENTRY(&source_dead_letters);
