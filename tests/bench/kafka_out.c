#include "kafka_out.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 30000

static struct kafka_block *block_at(struct kafka_out *out, uint32_t index)
{
    return &out->blocks[index % KAFKA_OUT_BLOCKS];
}

static int save(struct kafka_out *out, const int64_t *next_offsets)
{
    size_t size = (size_t)out->partitions * sizeof *next_offsets;
    if (pwrite(out->file, next_offsets, size, 0) != (ssize_t)size || fdatasync(out->file) != 0) {
        perror(out->positions);
        return -1;
    }
    out->saved = out->reported;
    out->commits++;
    return 0;
}

/* Full blocks whose records are all reported are free again, in their order. */
static int free_blocks(struct kafka_out *out)
{
    const int64_t *reached = NULL;
    while (out->first != out->open && block_at(out, out->first)->unreported == 0) {
        reached = block_at(out, out->first)->next_offsets;
        out->first++;
    }
    return reached && out->reported - out->saved >= KAFKA_OUT_EPOCH ? save(out, reached) : 0;
}

static int take_reports(struct kafka_out *out, int wait_ms)
{
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(out->reports, wait_ms)) != NULL) {
        const rd_kafka_message_t *m;
        wait_ms = 0;
        while ((m = rd_kafka_event_message_next(event)) != NULL) {
            struct kafka_block *block = m->_private;
            block->unreported--;
            out->reported++;
            if (m->err) {
                fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(m->err));
                return -1;
            }
        }
        rd_kafka_event_destroy(event);
    }
    return free_blocks(out);
}

static int send_group(struct kafka_out *out)
{
    int sent =
        rd_kafka_produce_batch(out->rkt, RD_KAFKA_PARTITION_UA, 0, out->group, out->group_len);
    if (sent != out->group_len) {
        fprintf(stderr, "not taken: %s\n", rd_kafka_err2str(out->group[sent].err));
        return -1;
    }
    out->group_len = 0;
    return 0;
}

int kafka_out_step(struct kafka_out *out)
{
    return send_group(out) < 0 ? -1 : take_reports(out, 0);
}

static int next_block(struct kafka_out *out, const int64_t *next_offsets)
{
    memcpy(block_at(out, out->open)->next_offsets, next_offsets,
           sizeof block_at(out, 0)->next_offsets);
    if (kafka_out_step(out) < 0) {
        return -1;
    }
    while (out->open + 1 - out->first == KAFKA_OUT_BLOCKS) {
        if (take_reports(out, WAIT_MS) < 0) {
            return -1;
        }
    }
    out->open++;
    block_at(out, out->open)->len = 0;
    return 0;
}

int kafka_out_put(struct kafka_out *out, const rd_kafka_message_t *m, struct view key,
                  struct view fragment, const int64_t *next_offsets)
{
    const char *text = m->payload;
    size_t len = m->len;
    while (len > 0 && text[len - 1] != '}') {
        len--;
    }
    size_t total = len - 1 + fragment.len;
    if (total > KAFKA_OUT_BLOCK_BYTES - block_at(out, out->open)->len &&
        (total > KAFKA_OUT_BLOCK_BYTES || next_block(out, next_offsets) < 0)) {
        return -1;
    }
    struct kafka_block *block = block_at(out, out->open);
    char *to = block->data + block->len;
    memcpy(to, text, len - 1);
    memcpy(to + len - 1, fragment.at, fragment.len);
    block->len += total;
    block->unreported++;
    /* The key points into the consumed message or the parser, so a group is of one message's life
     * unless the key is copied: it stands in the value. */
    const char *copy = text <= key.at && key.at < text + len ? to + (key.at - text) : key.at;
    out->group[out->group_len++] = (rd_kafka_message_t){.payload = to,
                                                        .len = total,
                                                        .key = (void *)(uintptr_t)copy,
                                                        .key_len = key.len,
                                                        ._private = block};
    bool is_kept = copy != key.at;
    return out->group_len == KAFKA_OUT_GROUP || !is_kept ? kafka_out_step(out) : 0;
}

int kafka_out_end(struct kafka_out *out, const int64_t *next_offsets)
{
    if (send_group(out) < 0) {
        return -1;
    }
    while (out->first != out->open || block_at(out, out->open)->unreported > 0) {
        if (take_reports(out, WAIT_MS) < 0) {
            return -1;
        }
    }
    return save(out, next_offsets);
}

int kafka_out_open(struct kafka_out *out, int64_t *committed)
{
    static const char *const settings[][2] = {{"client.id", "handwritten"},
                                              {"enable.idempotence", "true"},
                                              {"linger.ms", "1"},
                                              {"partitioner", "murmur2_random"},
                                              {"socket.nagle.disable", "true"},
                                              {"queue.buffering.max.messages", "1000000"},
                                              {"queue.buffering.max.kbytes", "2097151"}};
    char text[512];
    rd_kafka_conf_t *conf = out->conf;
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof settings / sizeof settings[0]; i++) {
        ok = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text) == 0;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    out->rk = ok ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text) : NULL;
    if (!out->rk) {
        fprintf(stderr, "%s\n", text);
        return -1;
    }
    out->conf = NULL;
    out->reports = rd_kafka_queue_get_main(out->rk);
    out->rkt = rd_kafka_topic_new(out->rk, out->topic, NULL);
    for (uint32_t i = 0; i < KAFKA_OUT_BLOCKS; i++) {
        out->blocks[i].data = malloc(KAFKA_OUT_BLOCK_BYTES);
        if (!out->blocks[i].data) {
            fprintf(stderr, "out of memory\n");
            return -1;
        }
    }
    out->file = open(out->positions, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    size_t size = (size_t)out->partitions * sizeof *committed;
    if (out->file < 0 || pread(out->file, committed, size, 0) < 0) {
        perror(out->positions);
        return -1;
    }
    return 0;
}

void kafka_out_close(struct kafka_out *out)
{
    if (out->conf) {
        rd_kafka_conf_destroy(out->conf);
    }
    if (!out->rk) {
        return;
    }
    if (out->rkt) {
        rd_kafka_topic_destroy(out->rkt);
    }
    rd_kafka_queue_destroy(out->reports);
    rd_kafka_destroy(out->rk);
    for (uint32_t i = 0; i < KAFKA_OUT_BLOCKS; i++) {
        free(out->blocks[i].data);
    }
    if (out->file > 0) {
        close(out->file);
    }
}
