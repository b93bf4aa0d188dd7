/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and records that cannot go on: policies, dead letters, the breaker. */
#include "run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct run r;

static void set_up(void)
{
    run_init(&r);
}

static void tear_down(void)
{
    run_fini(&r);
}

static void expect_logged(const char *text)
{
    ck_assert_msg(run_has_logged(&r, text), "not logged: %s; log:\n%s", text, r.log);
}

static uint32_t not_tenths(int64_t offset)
{
    return offset % 10 == 0 ? 0 : 1;
}

static uint32_t not_rest_3(int64_t offset)
{
    return offset % 10 == 3 ? 0 : 1;
}

static uint32_t not_rest_3_of_100(int64_t offset)
{
    return offset % 100 == 3 ? 0 : 1;
}

#define RECORDS ",'partitions':2,'records':1000"

/* ---- rows that are refused ---- */

struct refusal {
    const char *manifest;
    run_expected expected;
    const char *letter;
    uint32_t letters;
};

static const struct refusal refusals[] = {
    {PIPELINE("", SOURCE(0, RECORDS ",'bad_every':10") "," SINK("k", 1, "s0", "")), NULL,
     "\"operator\":\"s0\"", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," UDF("u", 2, "s0", ",'mode':'reject'") "," SINK("k", 1, "u",
                                                                                        "")),
     not_tenths, "\"operator\":\"u\",\"source\":\"s0\",\"topic\":\"topic\"", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," UDF("u", 2, "s0",
                                             ",'mode':'reject-keep'") "," SINK("k", 1, "u", "")),
     not_tenths,
     "\"code\":\"stage\",\"reason\":\"rejected by the UDF\",\"value\":\"{\\\"n\\\":", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," ASYNC("a", 2, "s0", ",'mode':'reject'") "," SINK("k", 1,
                                                                                          "a", "")),
     not_tenths, "\"reason\":\"rejected by the async UDF\"", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", ",'mode':'write'")), not_rest_3,
     "\"code\":\"stage\",\"reason\":\"refused by write\"", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", ",'mode':'named','every':100")),
     not_rest_3_of_100, "\"code\":\"22001\",\"reason\":\"value too long\"", 20},
    {PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", ",'mode':'unnamed','every':100")),
     not_rest_3_of_100, "\"code\":\"refused\",\"reason\":\"a value is too long\"", 20},
    {PIPELINE("", SOURCE(0, RECORDS) "," OPERATOR("u", "pure", 2, "'input':'s0',",
                                                  ",'mode':'poison'") "," SINK("k", 1, "u", "")),
     not_tenths, "\"code\":\"E42\",\"reason\":\"one of these rows is poison\"", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," SINK(
                      "k", 1, "s0", ",'mode':'unnamed','every':100,'lose_every':3,'more_every':4")),
     not_rest_3_of_100, "\"code\":\"refused\"", 20},
};

static uint32_t not_rest_9(int64_t offset)
{
    return offset % 10 == 9 ? 0 : 1;
}

START_TEST(a_refused_row_becomes_a_dead_letter_and_its_neighbours_go_on)
{
    const struct refusal *x = &refusals[_i];
    run_expect(&r, x->manifest, 0);
    run_check(&r, 1, 0, 2, 1000, x->expected != NULL ? x->expected : not_rest_9);
    ck_assert_uint_eq(run_letters(&r, x->letter), x->letters);
    ck_assert_uint_eq(run_letters(&r, "\"pipeline\":\"p\""), x->letters);
}
END_TEST

static uint32_t nine_of_ten(int64_t offset)
{
    (void)offset;
    return 9;
}

static uint64_t rows_with_sub(uint32_t sub)
{
    uint64_t rows = 0;
    const struct stage_log *log = &r.stage->logs[1][0];
    for (uint64_t i = 0; i < atomic_load(&log->durable); i++) {
        rows += log->rows[i].is_position == 0 && log->rows[i].sub == sub;
    }
    return rows;
}

START_TEST(a_rejected_sub_row_leaves_its_siblings_alone)
{
    run_expect(&r,
               PIPELINE("'dead_letter':{'stop_above_percent':100},",
                        SOURCE(0, ",'records':300") "," UDF("f", 2, "s0", ",'mode':'flat'") "," UDF(
                            "u", 3, "f", ",'mode':'reject-sub'") "," SINK("k", 1, "u", "")),
               0);
    ck_assert_uint_eq(run_rows(&r, 1), 300 * (uint64_t)nine_of_ten(0));
    ck_assert_uint_eq(rows_with_sub(1), 0);
    ck_assert_uint_eq(rows_with_sub(0), 300);
    ck_assert_uint_eq(rows_with_sub(9), 300);
    ck_assert_uint_eq(run_letters(&r, "\"operator\":\"u\""), 300);
}
END_TEST

/* ---- policies ---- */

START_TEST(on_error_skip_writes_no_letter)
{
    run_expect(&r,
               PIPELINE("'on_error':'skip',",
                        SOURCE(0, RECORDS ",'bad_every':10") "," SINK("k", 1, "s0", "")),
               0);
    run_check(&r, 1, 0, 2, 1000, not_rest_9);
    ck_assert_uint_eq(run_letters(&r, ""), 0);
    expect_logged("warning: s0: 1 record skipped (json): the record is not JSON: ");
    expect_logged("; topic/0 offset 9 \"{\\\"n\\\":broken 9\"\n");
    expect_logged("warning: s0: 199 records skipped in ");
    expect_logged("2000 records in, 1800 rows committed, 200 set aside");
}
END_TEST

START_TEST(on_error_fail_stops_with_the_place_and_goes_no_further)
{
    run_expect(&r,
               PIPELINE("'on_error':'fail',",
                        SOURCE(0, ",'records':1000,'bad_every':100") "," SINK("k", 1, "s0", "")),
               1);
    expect_logged("error: s0: the record at topic/0 offset 99 was refused (");
    expect_logged(") and on_error is \"fail\"");
    ck_assert_int_le(run_position(&r, 1, 0, 0), 99);
}
END_TEST

START_TEST(an_operator_has_a_policy_of_its_own)
{
    run_expect(
        &r,
        PIPELINE("'on_error':'fail',",
                 SOURCE(0, RECORDS) "," UDF(
                     "u", 2, "s0",
                     ",'mode':'reject'}, 'on_error':'dead_letter','description':{") "," SINK("k", 1,
                                                                                             "u",
                                                                                             "")),
        78);
    /* description is no object: the manifest above must be refused, the next one not. */
    run_expect(
        &r,
        PIPELINE(
            "'on_error':'fail',",
            SOURCE(
                0,
                RECORDS) ",{'name':'u','plugin':'stage:udf','input':'s0','on_error':'dead_letter',"
                         "'config':{'stage':'stage.bin','slot':2,'mode':'reject'}}," SINK("k", 1,
                                                                                          "u", "")),
        0);
    run_check(&r, 1, 0, 2, 1000, not_tenths);
    ck_assert_uint_eq(run_letters(&r, "\"operator\":\"u\""), 200);
}
END_TEST

/* The source, a UDF, an async UDF and the sink refuse a tenth of the records; POLICY is x's own,
 * ALL the pipeline's. */
#define OWN(POLICY) "'input':'s0','on_error':'" POLICY "',"
#define POLICIES(ALL, POLICY)                                                                      \
    PIPELINE(                                                                                      \
        "'on_error':'" ALL "',",                                                                   \
        "{'name':'x','plugin':'stage:source','on_error':'" POLICY                                  \
        "','config':{'stage':'stage.bin','slot':0" RECORDS                                         \
        ",'bad_every':10},'format':{'json':{'fields':{'n':'int64'}}}}," SINK("k", 1, "x", "")),    \
        PIPELINE("'on_error':'" ALL "',",                                                          \
                 SOURCE(0, RECORDS) "," OPERATOR("x", "udf", 2, OWN(POLICY),                       \
                                                 ",'mode':'reject'") "," SINK("k", 1, "x", "")),   \
        PIPELINE("'on_error':'" ALL "',",                                                          \
                 SOURCE(0, RECORDS) "," OPERATOR("x", "async", 2, OWN(POLICY),                     \
                                                 ",'mode':'reject'") "," SINK("k", 1, "x", "")),   \
        PIPELINE("'on_error':'" ALL "',",                                                          \
                 SOURCE(0, RECORDS) "," OPERATOR("x", "sink", 1, OWN(POLICY), ",'mode':'write'"))

static const char *const policies[] = {POLICIES("fail", "dead_letter"), POLICIES("fail", "skip"),
                                       POLICIES("skip", "fail")};

START_TEST(each_operator_follows_its_own_policy)
{
    int policy = _i / 4;
    run_expect(&r, policies[_i], policy == 2 ? 1 : 0);
    ck_assert_uint_eq(run_letters(&r, "\"operator\":\"x\""), policy == 0 ? 200 : 0);
    if (policy == 2) {
        expect_logged("error: x: the record at topic/");
        expect_logged(") and on_error is \"fail\"");
    } else {
        ck_assert_uint_eq(run_rows(&r, 1), 1800);
        expect_logged("2000 records in, 1800 rows committed, 200 set aside");
    }
}
END_TEST

START_TEST(most_of_the_records_set_aside_stop_the_pipeline)
{
    run_expect(
        &r,
        PIPELINE("", SOURCE(0, ",'records':5000") "," UDF(
                         "u", 2, "s0", ",'mode':'reject','every':1") "," SINK("k", 1, "u", "")),
        1);
    expect_logged("error: u: ");
    expect_logged(
        " of the last 1000 records were set aside, more than dead_letter.stop_above_percent "
        "(50) allows; most often (stage): rejected by the UDF");
}
END_TEST

/* ---- dead letters that cannot be written ---- */

/* Starts with a small limit on the size of files, which the test raises later. */
static void start_with_full_disk(void)
{
    struct rlimit all;
    struct rlimit small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &all), 0);
    small = (struct rlimit){.rlim_cur = 3000, .rlim_max = all.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    run_start(&r, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
}

static void give_room(void)
{
    struct rlimit all;
    ck_assert_int_eq(prlimit(r.pid, RLIMIT_FSIZE, NULL, &all), 0);
    all.rlim_cur = all.rlim_max;
    ck_assert_int_eq(prlimit(r.pid, RLIMIT_FSIZE, &all, NULL), 0);
}

static const struct refusal full_disk[] = {
    {PIPELINE("", SOURCE(0, RECORDS ",'bad_every':10") "," SINK("k", 1, "s0", "")), not_rest_9,
     "s0: waiting: the dead-letter file ", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," UDF("u", 2, "s0", ",'mode':'reject'") "," SINK("k", 1, "u",
                                                                                        "")),
     not_tenths, "u: waiting: the dead-letter file ", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," ASYNC("u", 2, "s0", ",'mode':'reject'") "," SINK("k", 1,
                                                                                          "u", "")),
     not_tenths, "u: waiting: the dead-letter file ", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", ",'mode':'write'")), not_rest_3,
     "k: waiting: the dead-letter file ", 200},
    {PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", ",'mode':'named','every':10")),
     not_rest_3, "k: waiting: the dead-letter file ", 200},
};

START_TEST(a_full_disk_pauses_and_loses_nothing)
{
    const struct refusal *x = &full_disk[_i];
    run_write_manifest(&r, x->manifest);
    start_with_full_disk();
    run_until_logged(&r, x->letter);
    ck_assert_int_lt(run_position(&r, 1, 0, 0), 1000);
    give_room();
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, 1000, x->expected);
    ck_assert_uint_eq(run_letters(&r, "}\n"), x->letters);
    expect_logged("works again after ");
}
END_TEST

START_TEST(no_position_passes_a_letter_that_waits)
{
    run_write_manifest(
        &r, PIPELINE("'drain':{'timeout_ms':5000},",
                     SOURCE(0, ",'records':1000") "," UDF(
                         "u", 2, "s0", ",'mode':'reject-each'") "," SINK("k", 1, "u", "")));
    start_with_full_disk();
    run_until_logged(&r, "u: waiting: the dead-letter file ");
    run_signal(&r, SIGTERM);
    (void)run_wait(&r); /* what is covered by now is committed */
    int64_t position = run_position(&r, 1, 0, 0);
    ck_assert_int_gt(position, 0);
    ck_assert_int_le(position, 10 * (int64_t)run_letters(&r, "}\n"));
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 1, 1000, not_tenths);
    ck_assert_uint_eq(run_letters(&r, "}\n"), 100);
}
END_TEST

static bool has_served(struct run *run, void *arg)
{
    (void)run;
    return atomic_load(&r.stage->calls[0][AT_SERVE]) >= *(uint64_t *)arg;
}

START_TEST(a_source_that_waits_for_its_dead_letter_is_served)
{
    uint64_t wanted = 5;
    run_write_manifest(&r, full_disk[0].manifest);
    start_with_full_disk();
    run_until_logged(&r, full_disk[0].letter);
    uint64_t polls = atomic_load(&r.stage->calls[0][AT_POLL]);
    run_until(&r, has_served, &wanted, "serve");
    ck_assert_uint_eq(atomic_load(&r.stage->calls[0][AT_POLL]), polls);
    give_room();
    run_ends(&r, 0);
}
END_TEST

START_TEST(the_folder_of_the_dead_letters_is_made)
{
    run_expect(&r,
               PIPELINE("'dead_letter':{'file':'state/dead.jsonl'},",
                        SOURCE(0, RECORDS ",'bad_every':10") "," SINK("k", 1, "s0", "")),
               0);
    ck_assert_uint_eq(run_letters(&r, ""), 200);
}
END_TEST

START_TEST(dead_letters_to_a_sink_of_the_records_are_refused)
{
    run_expect(
        &r,
        PIPELINE("'dead_letter':{'operator':'k'},", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")),
        78);
    expect_logged(
        ": /dead_letter/operator: \"k\" reads another operator: letters need a sink for them "
        "alone, without an \"input\"");
}
END_TEST

START_TEST(a_dead_letter_file_that_cannot_be_is_refused_at_start)
{
    char expected[256];
    run_expect(&r,
               PIPELINE("'dead_letter':{'file':'stage.bin/dead.jsonl'},",
                        SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")),
               78);
    (void)snprintf(expected, sizeof expected,
                   ": /dead_letter/file: the folder of the dead-letter file "
                   "%s/stage.bin/dead.jsonl cannot be made: "
                   "Not a directory",
                   r.dir);
    expect_logged(expected);
    ck_assert_uint_eq(atomic_load(&r.stage->calls[0][AT_ACTIVATE]), 0);
}
END_TEST

/* ---- each call fails ---- */

int main(void)
{
    Suite *suite = suite_create("set aside");
    TCase *tc = tcase_create("set aside");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, a_refused_row_becomes_a_dead_letter_and_its_neighbours_go_on, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(tc, a_rejected_sub_row_leaves_its_siblings_alone);
    tcase_add_test(tc, on_error_skip_writes_no_letter);
    tcase_add_test(tc, on_error_fail_stops_with_the_place_and_goes_no_further);
    tcase_add_test(tc, an_operator_has_a_policy_of_its_own);
    tcase_add_loop_test(tc, each_operator_follows_its_own_policy, 0,
                        (int)(sizeof policies / sizeof policies[0]));
    tcase_add_test(tc, most_of_the_records_set_aside_stop_the_pipeline);
    tcase_add_loop_test(tc, a_full_disk_pauses_and_loses_nothing, 0,
                        (int)(sizeof full_disk / sizeof full_disk[0]));
    tcase_add_test(tc, no_position_passes_a_letter_that_waits);
    tcase_add_test(tc, a_source_that_waits_for_its_dead_letter_is_served);
    tcase_add_test(tc, the_folder_of_the_dead_letters_is_made);
    tcase_add_test(tc, dead_letters_to_a_sink_of_the_records_are_refused);
    tcase_add_test(tc, a_dead_letter_file_that_cannot_be_is_refused_at_start);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
