/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive_sink_postgres PLUGIN exact ROWS EPOCH: ids 0 … ROWS-1 into table drive (id bigint, v text),
 *     EPOCH rows at a time, as a host would: over every retriable error, and on from where an
 *     earlier run ended.
 * drive_sink_postgres PLUGIN rate EPOCH SECONDS: rows like those of the example job as fast as the
 *     sink takes them; prints rows/s and the mean of an epoch's commit.
 * drive_sink_postgres PLUGIN encode ROWS: that many of them in one aborted epoch, for counting
 *     instructions.
 */
#include "rig.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_ROWS    4096u
#define GIVE_UP_AFTER INT64_C(60000000000)

static void must(struct rig *r, int32_t result, const char *what)
{
    if (result != PH_OK) {
        (void)fprintf(stderr, "drive: %s: %s\n", what, rig_error(r)->text);
        exit(1);
    }
}

/* Claims until it works; answers where to go on. */
static int64_t claim_again(struct rig *r)
{
    int64_t give_up_ns = harness_now_ns() + GIVE_UP_AFTER;
    struct ph_position p;
    while (rig_claim(r, 1, &p) != PH_OK) {
        if ((rig_error(r)->flags & PH_ERR_RETRIABLE) == 0 || harness_now_ns() > give_up_ns) {
            must(r, PH_ERROR, "claim");
        }
        (void)poll(NULL, 0, 20); /* the host's back-off */
    }
    return p.next_offset < 0 ? 0 : p.next_offset;
}

static struct ph_batch *ids(struct rig *r, int64_t first, uint32_t count)
{
    struct harness_cell *cells = calloc(2 * (size_t)count, sizeof *cells);
    for (uint32_t i = 0; cells != NULL && i < count; i++) {
        cells[2 * i] = (struct harness_cell)CELL_INT(first + i);
        cells[2 * i + 1] = (struct harness_cell)CELL_TEXT("some text that fills a row a little");
    }
    struct ph_batch *b = harness_batch(&r->schema, cells, count);
    free(cells);
    return b;
}

static int32_t exact_epoch(struct rig *r, int64_t first, uint32_t count)
{
    struct ph_batch *b = ids(r, first, count);
    int32_t result = rig_write(r, b);
    if (result == PH_OK) {
        result = rig_commit(r, 0, first + count);
    }
    if (result != PH_OK) {
        rig_abort(r);
    }
    harness_batch_release(b);
    return result;
}

static void exact(struct rig *r, int64_t rows, int64_t epoch)
{
    static const struct ph_field fields[] = {{"id", PH_TYPE_INT64, 0}, {"v", PH_TYPE_STRING, 0}};
    int32_t retries = 0;
    rig_open(r, fields, 2);
    int64_t next = claim_again(r);
    while (next < rows) {
        uint32_t count = (uint32_t)(rows - next < epoch ? rows - next : epoch);
        r->epoch_flags = next + count < rows ? PH_EPOCH_MORE : PH_EPOCH_FINAL;
        if (exact_epoch(r, next, count) == PH_OK) {
            next += count;
            continue;
        }
        if ((rig_error(r)->flags & PH_ERR_RETRIABLE) == 0) {
            must(r, PH_ERROR, "epoch");
        }
        retries++;
        next = claim_again(r);
    }
    (void)printf("done after %d retries\n", retries);
}

static const struct ph_field job_fields[] = {
    {"ip", PH_TYPE_STRING, 0},       {"event_timestamp", PH_TYPE_TIMESTAMP_MS, 0},
    {"referrer", PH_TYPE_STRING, 0}, {"host", PH_TYPE_STRING, 0},
    {"url", PH_TYPE_STRING, 0},      {"geodata", PH_TYPE_STRING, 0}};

static struct ph_batch *job_rows(struct rig *r, uint32_t count)
{
    static const struct harness_cell row[] = {
        CELL_TEXT("203.0.113.17"),
        CELL_INT(1714521600123),
        CELL_TEXT("https://www.example.org/search?q=abc"),
        CELL_TEXT("www.example.com"),
        CELL_TEXT("/articles/2024/05/some-longer-title-of-a-page?id=12345"),
        CELL_TEXT("{\"country\":\"US\",\"state\":\"California\",\"city\":\"Mountain View\"}")};
    struct harness_cell *cells = calloc((size_t)count * 6, sizeof *cells);
    for (uint32_t i = 0; cells != NULL && i < count; i++) {
        memcpy(&cells[6 * i], row, sizeof row);
    }
    struct ph_batch *b = harness_batch(&r->schema, cells, count);
    free(cells);
    return b;
}

static void write_job_rows(struct rig *r, const struct ph_batch *full, int64_t rows)
{
    for (int64_t left = rows; left > 0; left -= full->row_count) {
        must(r, rig_write(r, full), "write");
    }
}

static void rate(struct rig *r, uint32_t epoch, int64_t seconds)
{
    rig_open(r, job_fields, 6);
    int64_t next = claim_again(r);
    uint32_t size = epoch < BATCH_ROWS ? epoch : BATCH_ROWS;
    struct ph_batch *b = job_rows(r, size);
    int64_t begin_ns = harness_now_ns();
    int64_t end_ns = begin_ns + seconds * 1000000000;
    int64_t epochs = 0;
    r->epoch_flags = PH_EPOCH_MORE;
    do {
        write_job_rows(r, b, epoch);
        must(r, rig_commit(r, 0, ++next), "commit");
        epochs++;
    } while (harness_now_ns() < end_ns);
    int64_t spent_ns = harness_now_ns() - begin_ns;
    int64_t rows = harness_counter(r->task, "rows");
    (void)printf("%lld rows/s, %lld us an epoch, %lld us of it commit\n",
                 (long long)(rows * 1000000 / (spent_ns / 1000)),
                 (long long)(spent_ns / 1000 / epochs),
                 (long long)(harness_counter(r->task, "commit_ns") / 1000 / epochs));
    harness_batch_release(b);
}

static void encode(struct rig *r, int64_t rows)
{
    rig_open(r, job_fields, 6);
    (void)claim_again(r);
    struct ph_batch *b = job_rows(r, BATCH_ROWS);
    write_job_rows(r, b, rows);
    rig_abort(r);
    harness_batch_release(b);
}

int main(int argc, char **argv)
{
    struct rig r;
    const char *mode = argc > 3 ? argv[2] : "";
    int64_t first = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
    int64_t second = argc > 4 ? strtoll(argv[4], NULL, 10) : 0;
    if (argc < 4 || getenv("POSTGRES_URL") == NULL) {
        (void)fprintf(stderr, "usage: POSTGRES_URL=… %s PLUGIN exact|rate|encode N [N]\n", argv[0]);
        return 64;
    }
    rig_plugin = argv[1];
    rig_settings(&r, strcmp(mode, "exact") == 0 ? "drive" : "drive_job");
    rig_set(&r, "connect_timeout", "2s");
    if (strcmp(mode, "exact") == 0) {
        exact(&r, first, second);
    } else if (strcmp(mode, "rate") == 0) {
        rate(&r, (uint32_t)first, second);
    } else {
        encode(&r, first);
    }
    rig_close(&r);
    return 0;
}
