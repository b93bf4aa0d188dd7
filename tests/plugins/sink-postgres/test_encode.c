/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the COPY stream; what the server makes of them is seen in the live tests. */
#include "encode.h"
#include "harness.h"
#include "parts.h"

#include <check.h>
#include <stdlib.h>

struct bench {
    struct ph_field field;
    struct ph_schema schema;
    struct plan plan;
    struct encoder encoder;
    struct encode_fault fault;
    uint32_t row; /* where the encoder stopped */
};

static void bench_open(struct bench *b, uint32_t input_type, const char *table_type)
{
    struct ph_error err;
    memset(b, 0, sizeof *b);
    ph_error_clear(&err);
    b->field = (struct ph_field){"c", input_type, 0};
    b->schema = harness_schema_of(&b->field, 1);
    ck_assert_int_eq(plan_init(&b->plan, 1, &err), PH_OK);
    ck_assert(plan_find_op(input_type, table_type, &b->plan.columns[0].op));
    ck_assert_int_eq(encoder_init(&b->encoder, 1, &err), PH_OK);
}

static void bench_close(struct bench *b)
{
    plan_fini(&b->plan);
    encoder_fini(&b->encoder);
}

/* Encodes one cell; the row's bytes behind the count are then in encoder.data + 2. */
static enum encode_stop encode_one(struct bench *b, struct harness_cell cell)
{
    struct ph_batch *batch = harness_batch(&b->schema, &cell, 1);
    b->row = 0;
    b->encoder.used = 0;
    enum encode_stop stop = encoder_rows(&b->encoder, &b->plan, batch, &b->row, &b->fault);
    harness_batch_release(batch);
    return stop;
}

static void assert_field(const struct bench *b, const char *bytes, size_t length)
{
    ck_assert_uint_eq(b->encoder.used, 2 + length);
    ck_assert_mem_eq(b->encoder.data, "\0\1", 2);
    ck_assert_mem_eq(b->encoder.data + 2, bytes, length);
}

#define CELL(...) ((struct harness_cell)__VA_ARGS__)

START_TEST(numbers_are_in_network_order)
{
    struct bench b;
    bench_open(&b, PH_TYPE_INT64, "int8");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_INT(-2))), ENCODE_END);
    assert_field(&b, "\0\0\0\10\377\377\377\377\377\377\377\376", 12);
    bench_close(&b);
    bench_open(&b, PH_TYPE_FLOAT64, "float4");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_REAL(1.5))), ENCODE_END);
    assert_field(&b, "\0\0\0\4\x3f\xc0\0\0", 8);
    bench_close(&b);
    bench_open(&b, PH_TYPE_BOOL, "bool");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_INT(1))), ENCODE_END);
    assert_field(&b, "\0\0\0\1\1", 5);
    bench_close(&b);
}
END_TEST

START_TEST(time_counts_from_the_year_2000)
{
    struct bench b;
    bench_open(&b, PH_TYPE_TIMESTAMP_MS, "timestamp");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_INT(946684800001))), ENCODE_END);
    assert_field(&b, "\0\0\0\10\0\0\0\0\0\0\3\xe8", 12);
    bench_close(&b);
    bench_open(&b, PH_TYPE_TIMESTAMP_MS, "date");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_INT(946684799999))), ENCODE_END);
    assert_field(&b, "\0\0\0\4\377\377\377\377", 8);
    bench_close(&b);
}
END_TEST

START_TEST(null_is_a_length_of_minus_one)
{
    struct bench b;
    bench_open(&b, PH_TYPE_STRING, "text");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_NULL)), ENCODE_END);
    assert_field(&b, "\377\377\377\377", 4);
    bench_close(&b);
}
END_TEST

START_TEST(texts_of_every_length_are_copied_whole)
{
    struct bench b;
    char text[300];
    bench_open(&b, PH_TYPE_STRING, "text");
    for (uint32_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    for (uint32_t length = 0; length < sizeof text; length++) {
        ck_assert_int_eq(encode_one(&b, CELL(CELL_BYTES(text, length))), ENCODE_END);
        ck_assert_uint_eq(b.encoder.used, 6 + length);
        ck_assert_uint_eq(b.encoder.data[5] | (uint32_t)b.encoder.data[4] << 8, length);
        ck_assert_mem_eq(b.encoder.data + 6, text, length);
    }
    bench_close(&b);
}
END_TEST

START_TEST(jsonb_has_a_version_in_front)
{
    struct bench b;
    bench_open(&b, PH_TYPE_JSON, "jsonb");
    ck_assert_int_eq(encode_one(&b, CELL(CELL_TEXT("{}"))), ENCODE_END);
    assert_field(&b, "\0\0\0\3\1{}", 7);
    bench_close(&b);
}
END_TEST

START_TEST(a_uuid_is_read_in_the_forms_of_the_server)
{
    static const char *const fine[] = {"00112233-4455-6677-8899-AAbbccddeeff",
                                       "00112233445566778899aabbccddeeff",
                                       "{0011-2233-4455-6677-8899-aabb-ccdd-eeff}"};
    static const char *const wrong[] = {"",
                                        "00112233-4455-6677-8899-aabbccddeef",
                                        "00112233-4455-6677-8899-aabbccddeeff0",
                                        "0-0112233445566778899aabbccddeeff",
                                        "00112233-4455-6677-8899-aabbccddeefg",
                                        "00112233--4455-6677-8899-aabbccddeeff",
                                        "{00112233445566778899aabbccddeeff",
                                        "00112233445566778899aabbccddeeff-"};
    struct bench b;
    bench_open(&b, PH_TYPE_STRING, "uuid");
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        ck_assert_int_eq(encode_one(&b, CELL(CELL_BYTES(fine[i], (uint32_t)strlen(fine[i])))),
                         ENCODE_END);
        assert_field(
            &b, "\0\0\0\x10\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 20);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(encode_one(&b, CELL(CELL_BYTES(wrong[i], (uint32_t)strlen(wrong[i])))) ==
                          ENCODE_BAD,
                      "%s", wrong[i]);
        ck_assert_str_eq(b.fault.sqlstate, "22P02");
    }
    bench_close(&b);
}
END_TEST

START_TEST(a_value_out_of_range_stops_at_its_row)
{
    static const struct {
        uint32_t input;
        const char *table;
        struct harness_cell cell;
        const char *sqlstate;
    } cases[] = {
        {PH_TYPE_INT64, "int4", CELL_INT(INT64_C(2147483648)), "22003"},
        {PH_TYPE_INT64, "int4", CELL_INT(INT64_C(-2147483649)), "22003"},
        {PH_TYPE_INT64, "int2", CELL_INT(32768), "22003"},
        {PH_TYPE_INT32, "int2", CELL_INT(-32769), "22003"},
        {PH_TYPE_FLOAT64, "float4", CELL_REAL(1e39), "22003"},
        {PH_TYPE_TIMESTAMP_MS, "timestamp", CELL_INT(INT64_MAX), "22008"},
        {PH_TYPE_TIMESTAMP_US, "timestamp", CELL_INT(INT64_MIN), "22008"},
        {PH_TYPE_TIMESTAMP_MS, "date", CELL_INT(INT64_MAX), "22008"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench b;
        bench_open(&b, cases[i].input, cases[i].table);
        ck_assert_msg(encode_one(&b, cases[i].cell) == ENCODE_BAD, "case %zu", i);
        ck_assert_str_eq(b.fault.sqlstate, cases[i].sqlstate);
        ck_assert_uint_eq(b.encoder.used, 0);
        ck_assert_uint_eq(b.row, 0);
        bench_close(&b);
    }
}
END_TEST

START_TEST(rows_go_on_where_a_full_piece_was_sent)
{
    enum { ROWS = 1000, LENGTH = 500 };
    struct bench b;
    static struct harness_cell cells[ROWS];
    static char text[LENGTH];
    bench_open(&b, PH_TYPE_STRING, "text");
    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < ROWS; i++) {
        cells[i] = CELL(CELL_BYTES(text, LENGTH));
    }
    struct ph_batch *batch = harness_batch(&b.schema, cells, ROWS);
    size_t total = 0;
    uint32_t pieces = 0;
    enum encode_stop stop = ENCODE_FULL;
    while (stop == ENCODE_FULL) {
        stop = encoder_rows(&b.encoder, &b.plan, batch, &b.row, &b.fault);
        ck_assert(stop == ENCODE_END || b.encoder.used >= ENCODE_PIECE_BYTES);
        total += b.encoder.used;
        pieces++;
        encoder_sent(&b.encoder);
    }
    ck_assert_int_eq(stop, ENCODE_END);
    ck_assert_uint_eq(total, ROWS * (2 + 4 + LENGTH));
    ck_assert_uint_eq(pieces, 4);
    harness_batch_release(batch);
    bench_close(&b);
}
END_TEST

START_TEST(a_row_longer_than_a_piece_goes_through_and_its_room_is_given_back)
{
    enum { LENGTH = 3 << 20 };
    struct bench b;
    char *text = malloc(LENGTH);
    bench_open(&b, PH_TYPE_STRING, "text");
    ck_assert_ptr_nonnull(text);
    memset(text, 'y', LENGTH);
    size_t usual = b.encoder.capacity;
    ck_assert_int_eq(encode_one(&b, CELL(CELL_BYTES(text, LENGTH))), ENCODE_END);
    ck_assert_uint_eq(b.encoder.used, 6 + LENGTH);
    ck_assert_mem_eq(b.encoder.data + 6, text, LENGTH);
    encoder_sent(&b.encoder);
    ck_assert_uint_le(b.encoder.capacity, 2 * usual);
    free(text);
    bench_close(&b);
}
END_TEST

TCase *encode_tests(void)
{
    TCase *c = tcase_create("encode");
    tcase_add_test(c, numbers_are_in_network_order);
    tcase_add_test(c, time_counts_from_the_year_2000);
    tcase_add_test(c, null_is_a_length_of_minus_one);
    tcase_add_test(c, texts_of_every_length_are_copied_whole);
    tcase_add_test(c, jsonb_has_a_version_in_front);
    tcase_add_test(c, a_uuid_is_read_in_the_forms_of_the_server);
    tcase_add_test(c, a_value_out_of_range_stops_at_its_row);
    tcase_add_test(c, rows_go_on_where_a_full_piece_was_sent);
    tcase_add_test(c, a_row_longer_than_a_piece_goes_through_and_its_room_is_given_back);
    return c;
}
