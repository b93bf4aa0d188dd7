/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTINGS_MAX 16u
#define ROWS_MAX     4096u

static const struct ph_field input_fields[] = {
    {"host", PH_TYPE_STRING, 0},
    {"ip", PH_TYPE_STRING, 0},
};
static struct ph_schema input_schema;

void fixture_answer(void *context, const char *target, uint32_t number, struct server_reply *reply)
{
    const char *ip = strstr(target, "ip=");
    (void)context;
    (void)number;
    ck_assert_ptr_nonnull(ip);
    (void)snprintf(reply->body, sizeof reply->body,
                   "{\"country_code\":\"C\",\"region_name\":\"R\",\"city_name\":\"%.*s\"}",
                   (int)strcspn(ip + 3, "&"), ip + 3);
}

static void make_operator(struct fixture *f, uint32_t lane_count)
{
    f->lane_count = lane_count;
    f->harness = harness_open(GEOLOCATE_SO, NULL, "pipeline", "locate");
    ck_assert_ptr_nonnull(f->harness);
    f->harness->host.lane_count = lane_count;
}

static void make_lanes(struct fixture *f, const struct harness_setting *settings, uint32_t count)
{
    const struct ph_schema *inputs[1] = {&input_schema};
    input_schema = harness_schema_of(input_fields, 2);
    ck_assert_msg(harness_init(f->harness, settings, count) == PH_OK, "%s", f->harness->error.text);
    ck_assert_msg(harness_bind(f->harness, inputs, 1) == PH_OK, "%s", f->harness->error.text);
    for (uint32_t i = 0; i < f->lane_count; i++) {
        f->lanes[i] = harness_task_create(f->harness, i);
        ck_assert_ptr_nonnull(f->lanes[i]);
        ck_assert_int_eq(harness_activate(f->lanes[i]), PH_OK);
        harness_out_init(&f->outs[i], f->harness);
    }
}

void fixture_open(struct fixture *f, uint32_t lane_count, server_script script, void *context,
                  const struct harness_setting *settings, uint32_t count)
{
    char endpoint[64];
    struct harness_setting all[SETTINGS_MAX] = {{"endpoint", endpoint, NULL, 0}};
    memset(f, 0, sizeof *f);
    f->server = server_start(script != NULL ? script : fixture_answer, context);
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/",
                   (unsigned int)server_port(f->server));
    ck_assert_uint_lt(count, SETTINGS_MAX);
    if (count > 0) {
        memcpy(all + 1, settings, count * sizeof *settings);
    }
    make_operator(f, lane_count);
    make_lanes(f, all, count + 1);
}

void fixture_open_alone(struct fixture *f, uint32_t lane_count,
                        const struct harness_setting *settings, uint32_t count)
{
    memset(f, 0, sizeof *f);
    make_operator(f, lane_count);
    make_lanes(f, settings, count);
}

void fixture_close(struct fixture *f)
{
    for (uint32_t i = 0; i < f->lane_count; i++) {
        harness_out_clear(&f->outs[i]);
        harness_deactivate(f->lanes[i]);
        ck_assert_uint_eq(f->lanes[i]->watch_count, 0);
        harness_task_destroy(f->lanes[i]);
    }
    harness_close(f->harness);
    server_stop(f->server);
    ck_assert_int_eq(harness_batches_alive(), 0);
}

int32_t fixture_offer(struct fixture *f, uint32_t lane, const char *const *addresses,
                      uint32_t count)
{
    struct harness_cell *cells = calloc(2 * (size_t)count + 1, sizeof *cells);
    ck_assert_ptr_nonnull(cells);
    ck_assert_uint_le(count, ROWS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct harness_cell host = CELL_TEXT("example.com");
        cells[2 * i] = host;
        if (addresses[i] != NULL) {
            struct harness_cell ip = CELL_BYTES(addresses[i], (uint32_t)strlen(addresses[i]));
            cells[2 * i + 1] = ip;
        }
    }
    struct ph_batch *batch = harness_batch(&input_schema, cells, count);
    int32_t result = f->harness->descriptor->async_udf->offer(f->lanes[lane]->self, batch,
                                                              harness_error(f->harness));
    harness_batch_release(batch);
    free(cells);
    return result;
}

int32_t fixture_next(struct fixture *f, uint32_t lane)
{
    return f->harness->descriptor->async_udf->next(f->lanes[lane]->self, &f->outs[lane].out,
                                                   harness_error(f->harness));
}

/* One round over all lanes. Negative where a call failed. */
static int32_t work(struct fixture *f)
{
    for (uint32_t i = 0; i < f->lane_count; i++) {
        int32_t result = harness_pump(f->lanes[i], f->lane_count == 1 ? 50 : 2);
        if (result < 0) {
            return result;
        }
        do {
            result = fixture_next(f, i);
        } while (result == PH_OK);
        if (result < 0) {
            return result;
        }
    }
    return PH_OK;
}

static void work_on(struct fixture *f, int64_t deadline_ns, const char *what)
{
    ck_assert_msg(work(f) == PH_OK, "%s", f->harness->error.text);
    ck_assert_msg(harness_now_ns() < deadline_ns, "waited too long for %s", what);
}

static int64_t deadline(void)
{
    return harness_now_ns() + FIXTURE_DEADLINE_MS * INT64_C(1000000);
}

void fixture_run_until(struct fixture *f, uint32_t lane, uint32_t emitted)
{
    int64_t deadline_ns = deadline();
    while (f->outs[lane].emitted_count < emitted) {
        work_on(f, deadline_ns, "a batch");
    }
    ck_assert_uint_eq(f->outs[lane].emitted_count, emitted);
}

void fixture_run_until_asked(struct fixture *f, uint32_t requests)
{
    int64_t deadline_ns = deadline();
    while (server_requests(f->server) < requests) {
        work_on(f, deadline_ns, "a request");
    }
}

uint32_t fixture_run_patiently(struct fixture *f, uint32_t lane, uint32_t emitted)
{
    int64_t deadline_ns = deadline();
    uint32_t tries = 0;
    while (f->outs[lane].emitted_count < emitted) {
        if (work(f) != PH_OK) {
            ck_assert_msg(f->harness->error.flags == PH_ERR_RETRIABLE, "%s",
                          f->harness->error.text);
            tries++;
        }
        ck_assert_msg(harness_now_ns() < deadline_ns, "waited too long for a batch");
    }
    ck_assert_uint_eq(f->outs[lane].emitted_count, emitted);
    return tries;
}

void fixture_run_until_error(struct fixture *f)
{
    int64_t deadline_ns = deadline();
    while (work(f) == PH_OK) {
        ck_assert_msg(harness_now_ns() < deadline_ns, "waited too long for an error");
    }
}

void fixture_expect(struct fixture *f, uint32_t lane, uint32_t batch, uint32_t row,
                    const char *text)
{
    const struct harness_out *out = &f->outs[lane];
    ck_assert_uint_lt(batch, out->emitted_count);
    const struct ph_batch *b = out->emitted[batch];
    ck_assert_uint_eq(b->column_count, 3);
    const struct ph_column *column = ph_batch_column(b, 2);
    ck_assert_uint_lt(row, b->row_count);
    if (text == NULL) {
        ck_assert(ph_column_is_null(column, row));
        return;
    }
    ck_assert(!ph_column_is_null(column, row));
    struct ph_bytes bytes = ph_column_bytes(column, row);
    ck_assert_msg(bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0,
                  "row %u is %.*s instead of %s", row, (int)bytes.length, (const char *)bytes.data,
                  text);
}

void fixture_expect_place(struct fixture *f, uint32_t lane, uint32_t batch, uint32_t row,
                          const char *address)
{
    char text[256];
    (void)snprintf(text, sizeof text, "{\"country\":\"C\",\"state\":\"R\",\"city\":\"%s\"}",
                   address);
    fixture_expect(f, lane, batch, row, text);
}

int64_t fixture_counter(const struct fixture *f, const char *name)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < f->lane_count; i++) {
        sum += harness_counter(f->lanes[i], name);
    }
    return sum;
}
