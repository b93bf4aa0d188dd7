#include "job.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geodata.h"

#define BATCH_MAX         4096
#define IDLE_WAIT_MS      100
#define CACHE_ENTRIES     1000000
#define POSTGRES_EPOCH_MS 946684800000LL
#define COLUMNS           6
_Static_assert(PARSE_MAX_BYTES + GEODATA_MAX_BYTES + 256 <= ROWS_ROW_MAX,
               "any record fits a block");

/* What is below a record belongs to librdkafka's buffer or to nobody, but on the same page it can
 * be read. */
static bool is_padded(const char *end)
{
#ifdef __SANITIZE_ADDRESS__
    (void)end;
    return false;
#else
    return (((uintptr_t)end - 1) & 4095) < 4096 - PARSE_PADDING;
#endif
}

static bool parse(struct job *job, const rd_kafka_message_t *m, struct parsed_event *event)
{
    const char *json = m->payload;
    if (m->len == 0 || m->len > PARSE_MAX_BYTES) {
        return false;
    }
    if (!is_padded(json + m->len)) {
        memcpy(job->padded, json, m->len);
        json = job->padded;
    }
    return parser_event(job->parser, json, m->len, event);
}

/* One fixed copy for what is short: 64 bytes can be read behind every view, and written behind
 * every row. */
static inline char *put_text(char *to, struct view text)
{
    uint32_t len = htonl((uint32_t)text.len);
    if (!text.at) {
        memset(to, 0xff, 4);
        return to + 4;
    }
    memcpy(to, &len, 4);
    if (text.len <= 64) {
        memcpy(to + 4, text.at, 64);
    } else {
        memcpy(to + 4, text.at, text.len);
    }
    return to + 4 + text.len;
}

static inline char *put_timestamp(char *to, const struct parsed_event *event)
{
    uint64_t us = htobe64((uint64_t)((event->event_time_ms - POSTGRES_EPOCH_MS) * 1000));
    if (!event->has_event_time) {
        memset(to, 0xff, 4);
        return to + 4;
    }
    memcpy(to, &(uint32_t){htonl(8)}, 4);
    memcpy(to + 4, &us, 8);
    return to + 12;
}

static void put_row(struct rows_block *block, const struct parsed_event *event,
                    const struct geotext *geodata)
{
    char *to = block->data + block->len;
    memcpy(to, &(uint16_t){htons(COLUMNS)}, 2);
    to = put_text(to + 2, event->ip);
    to = put_timestamp(to, event);
    to = put_text(to, event->referrer);
    to = put_text(to, event->host);
    to = put_text(to, event->url);
    memcpy(to, geodata->wire, geodata->wire_len);
    block->len = (size_t)(to + geodata->wire_len - block->data);
    block->rows++;
}

/* What the cache keeps of an answer: the text, or what is spliced into a record for it. */
static const struct geotext *keep(struct job *job, struct view ip, const char *text, size_t len)
{
    char fragment[2 * GEODATA_MAX_BYTES + 32] = ",\"geodata\":\"";
    size_t at = strlen(fragment);
    const struct geotext *kept =
        job->dsn || len == 0 ? geocache_put(job->cache, ip, text, len) : NULL;
    if (!job->out.topic || len == 0) {
        return kept;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            fragment[at++] = '\\';
        }
        fragment[at++] = text[i];
    }
    memcpy(fragment + at, "\"}", 2);
    if (!job->dsn) {
        return geocache_put(job->cache, ip, fragment, at + 2);
    }
    return geocache_put(job->fragments, ip, fragment, at + 2) ? kept : NULL;
}

static int put_record(struct job *job, const rd_kafka_message_t *m,
                      const struct parsed_event *event, const struct geotext *geodata)
{
    struct view fragment = {geodata->wire + 4, geodata->wire_len - 4};
    return kafka_out_put(&job->out, m, event->ip, fragment, job->next_offsets);
}

static int next_block(struct job *job)
{
    job->block = handoff_room(&job->handoff);
    if (!job->block) {
        return -1;
    }
    job->block->len = 0;
    job->block->rows = 0;
    return 0;
}

/* Passes on what is in the block; `idle` says that the source has nothing more at the moment. */
static int send_block(struct job *job, bool idle)
{
    if (job->out.topic && idle && kafka_out_step(&job->out) < 0) {
        return -1;
    }
    if (!job->dsn) {
        return 0;
    }
    job->block->idle = idle;
    memcpy(job->block->next_offsets, job->next_offsets, sizeof job->next_offsets);
    handoff_give(&job->handoff);
    return next_block(job);
}

static void *sink_main(void *opaque)
{
    struct job *job = opaque;
    struct rows_block *block;
    while ((block = handoff_take(&job->handoff)) != NULL) {
        int failed = rows_take(&job->sink, block);
        handoff_done(&job->handoff, failed < 0);
        if (failed < 0) {
            break;
        }
    }
    return NULL;
}

struct lookup {
    struct job *job;
    const char *addresses[BATCH_MAX];
    size_t n;
};

static void on_answer(void *opaque, size_t index, long status, const char *body, size_t len)
{
    static const char *const names[] = {"country_code", "region_name", "city_name"};
    struct lookup *lookup = opaque;
    struct view t[3];
    char text[GEODATA_MAX_BYTES];
    size_t text_len = 0;
    if (status == 200 && parser_texts(lookup->job->parser, body, len, names, t, 3) && t[0].at &&
        t[1].at && t[2].at) {
        text_len = geodata_write(text, sizeof text, t[0].at, t[0].len, t[1].at, t[1].len, t[2].at,
                                 t[2].len);
    }
    struct view ip = {lookup->addresses[index], strlen(lookup->addresses[index])};
    /* The address is inside the entry that this replaces. */
    char copy[GEOCACHE_IP_MAX + 1] = {0};
    memcpy(copy, ip.at, ip.len);
    ip.at = copy;
    if (!keep(lookup->job, ip, text_len > 0 ? text : "{}", text_len > 0 ? text_len : 2)) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
}

/* Asks for all addresses of these records that are not known, all at once. */
static int look_up(struct job *job, rd_kafka_message_t **messages, ssize_t n)
{
    struct lookup lookup = {.job = job, .n = 0};
    for (ssize_t i = 0; i < n; i++) {
        struct parsed_event event;
        if (!messages[i]->err && parse(job, messages[i], &event) &&
            !geocache_find(job->cache, event.ip)) {
            const struct geotext *asked = geocache_put(job->cache, event.ip, "", 0);
            if (asked) {
                lookup.addresses[lookup.n++] = asked->ip;
            }
        }
    }
    return fetcher_run(job->fetcher, lookup.addresses, lookup.n, on_answer, &lookup);
}

/* Makes an entry for an address that has none. The address's own memory does not outlive the
 * look-up of others. */
static const struct geotext *locate(struct job *job, struct view ip, rd_kafka_message_t **messages,
                                    ssize_t n)
{
    char text[GEODATA_MAX_BYTES];
    char copy[GEOCACHE_IP_MAX + 1] = {0};
    if (ip.len > GEOCACHE_IP_MAX) {
        return NULL;
    }
    memcpy(copy, ip.at, ip.len);
    struct view kept = {copy, ip.len};
    if (!job->fetcher) {
        size_t len = geodata_of(kept.at, kept.len, text, sizeof text);
        return keep(job, kept, text, len);
    }
    return look_up(job, messages, n) < 0 ? NULL : geocache_find(job->cache, kept);
}

static int take_message(struct job *job, rd_kafka_message_t **messages, ssize_t n)
{
    const rd_kafka_message_t *m = messages[0];
    struct parsed_event event;
    if (m->err) {
        fprintf(stderr, "partition %" PRId32 ": %s\n", m->partition, rd_kafka_message_errstr(m));
        return -1;
    }
    if (parse(job, m, &event)) {
        const struct geotext *geodata = geocache_find(job->cache, event.ip);
        if (!geodata) {
            geodata = locate(job, event.ip, messages, n);
            /* A look-up uses the parser, and with it the views. */
            if (!geodata || !parse(job, m, &event)) {
                fprintf(stderr, "geolocation failed or the cache is full\n");
                return -1;
            }
        }
        if (job->dsn) {
            put_row(job->block, &event, geodata);
        }
        if (job->fragments) {
            geodata = geocache_find(job->fragments, event.ip);
        }
        if (job->out.topic && put_record(job, m, &event, geodata) < 0) {
            return -1;
        }
    } else {
        job->undecodable++;
    }
    job->next_offsets[m->partition] = m->offset + 1;
    job->records++;
    return job->dsn && job->block->len >= ROWS_BLOCK_BYTES ? send_block(job, false) : 0;
}

/* A broker thread of librdkafka that finds the queue full sleeps for a second, or until it has
 * something else to do: a question whose answer nobody waits for. So a small prefetch, whose memory
 * stays in use, is enough. */
static void nudge(struct job *job)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(job->sink.partitions);
    for (int32_t p = 0; p < job->sink.partitions; p++) {
        rd_kafka_topic_partition_list_add(list, job->topic, p)->offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_offsets_for_times(job->rk, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    job->bytes_since_nudge = 0;
}

static int take_batch(struct job *job, rd_kafka_message_t **messages, ssize_t n)
{
    int failed = 0;
    for (ssize_t i = 0; i < n; i++) {
        /* Beyond --count a record stays for the next start. */
        if (failed == 0 && (job->count == 0 || job->records < job->count)) {
            failed = take_message(job, messages + i, n - i);
        }
        job->bytes_since_nudge += messages[i]->len;
        rd_kafka_message_destroy(messages[i]);
    }
    if (job->bytes_since_nudge > JOB_PREFETCH_KIB * 1024 / 4) {
        nudge(job);
    }
    return failed;
}

/* Takes what is there; when that is nothing, ends the epoch and waits for one record. */
static int work(struct job *job, const volatile sig_atomic_t *stopped)
{
    static rd_kafka_message_t *messages[BATCH_MAX];
    while (!*stopped && (job->count == 0 || job->records < job->count)) {
        ssize_t n = rd_kafka_consume_batch_queue(job->queue, 0, messages, BATCH_MAX);
        if (n == 0) {
            if (send_block(job, true) < 0) {
                return -1;
            }
            rd_kafka_poll(job->rk, 0);
            n = rd_kafka_consume_batch_queue(job->queue, IDLE_WAIT_MS, messages, 1);
        }
        if (n < 0 || take_batch(job, messages, n) < 0) {
            return -1;
        }
    }
    return send_block(job, true) < 0 ? -1
           : job->out.topic          ? kafka_out_end(&job->out, job->next_offsets)
                                     : 0;
}

static int open_consumer(struct job *job)
{
    char text[512];
    job->rk = rd_kafka_new(RD_KAFKA_CONSUMER, job->conf, text, sizeof text);
    if (!job->rk) {
        fprintf(stderr, "%s\n", text);
        return -1;
    }
    job->conf = NULL;
    job->rkt = rd_kafka_topic_new(job->rk, job->topic, NULL);
    job->queue = rd_kafka_queue_new(job->rk);
    for (int32_t p = 0; p < job->sink.partitions; p++) {
        if (rd_kafka_consume_start_queue(job->rkt, p, job->sink.committed[p], job->queue) != 0) {
            fprintf(stderr, "%s: %s\n", job->topic, rd_kafka_err2str(rd_kafka_last_error()));
            return -1;
        }
    }
    return 0;
}

int job_run(struct job *job, const volatile sig_atomic_t *stopped)
{
    pthread_t thread;
    memcpy(job->next_offsets, job->sink.committed, sizeof job->next_offsets);
    if (!job->dsn) {
        return open_consumer(job) < 0 ? -1 : work(job, stopped);
    }
    if (open_consumer(job) < 0 || next_block(job) < 0 ||
        pthread_create(&thread, NULL, sink_main, job) != 0) {
        return -1;
    }
    int failed = work(job, stopped);
    handoff_close(&job->handoff);
    pthread_join(thread, NULL);
    return failed < 0 || job->handoff.broken ? -1 : 0;
}

/* Both outputs have to stand at the same place: a yardstick needs no more. */
static int open_outputs(struct job *job)
{
    int64_t reached[ROWS_PARTITIONS_MAX] = {0};
    job->out.partitions = job->sink.partitions;
    if (job->out.topic && kafka_out_open(&job->out, reached) < 0) {
        return -1;
    }
    if (!job->dsn) {
        memcpy(job->sink.committed, reached, sizeof reached);
        return 0;
    }
    if (rows_open(&job->sink, job->dsn) < 0) {
        return -1;
    }
    size_t size = (size_t)job->sink.partitions * sizeof reached[0];
    if (job->out.topic && memcmp(job->sink.committed, reached, size) != 0) {
        fprintf(stderr, "the rows and the records stand at different positions\n");
        return -1;
    }
    return 0;
}

int job_open(struct job *job)
{
    job->parser = parser_create();
    job->cache = geocache_create(CACHE_ENTRIES);
    job->fragments = job->dsn && job->out.topic ? geocache_create(CACHE_ENTRIES) : NULL;
    job->padded = malloc(PARSE_MAX_BYTES + PARSE_PADDING);
    if (job->fetch.endpoint) {
        job->fetcher = fetcher_create(&job->fetch);
    }
    if (!job->parser || !job->cache || !job->padded || (job->fetch.endpoint && !job->fetcher) ||
        handoff_init(&job->handoff) < 0) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    if (job->dsn && job->out.topic && !job->fragments) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    return open_outputs(job);
}

static void close_consumer(struct job *job)
{
    for (int32_t p = 0; p < job->sink.partitions; p++) {
        rd_kafka_consume_stop(job->rkt, p);
    }
    rd_kafka_queue_destroy(job->queue);
    rd_kafka_topic_destroy(job->rkt);
    rd_kafka_destroy(job->rk);
}

void job_close(struct job *job)
{
    if (job->rk) {
        close_consumer(job);
    } else if (job->conf) {
        rd_kafka_conf_destroy(job->conf);
    }
    kafka_out_close(&job->out);
    rows_close(&job->sink);
    fetcher_destroy(job->fetcher);
    handoff_fini(&job->handoff);
    geocache_destroy(job->cache);
    geocache_destroy(job->fragments);
    parser_destroy(job->parser);
    free(job->padded);
}
