/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that fail: the exit status, the sentence, and what becomes of the records. */
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

#define RECORDS ",'partitions':2,'records':1000"

#define ALL_OPERATORS(S, U, A, K)                                                                  \
    "{'pipeline':'p','state_dir':'state','operators':[" SOURCE(0, RECORDS "%s") "," UDF(           \
        "u", 2, "s0", "%s") "," ASYNC("a", 3, "u", "%s") "," SINK("k", 1, "a", "%s") "]}"

static const struct {
    uint32_t slot; /* of the operator that fails */
    enum stage_point point;
    const char *flags;
    int status;
    const char *sentence;
} failures[] = {
    {0, AT_INIT, "config", 78, "/operators/0/config: s0: stage init failed"},
    {2, AT_INIT, "fatal", 1, "/operators/1/config: u: stage init failed"},
    {1, AT_INIT, "silent", 1, "/operators/3/config: k: init failed without saying why"},
    {2, AT_BIND, "config", 78, "/operators/1/config: u: stage bind failed"},
    {1, AT_BIND, "silent", 1, "/operators/3/config: k: bind failed without saying why"},
    {3, AT_TASK_CREATE, "fatal", 1, "/operators/2/config: a: stage task_create failed"},
    {1, AT_TASK_CREATE, "silent", 1, "/operators/3/config: k: the plugin made no task"},
    {0, AT_ACTIVATE, "config", 78, "json:1:96: /operators/0/config: s0: stage activate failed"},
    {2, AT_ACTIVATE, "fatal", 1, "error: u: stage activate failed"},
    {1, AT_ACTIVATE, "silent", 1, "error: k: failed without saying why"},
    {0, AT_PARTITIONS, "config", 78, "json:1:96: /operators/0/config: s0: stage partitions failed"},
    {1, AT_CLAIM, "fatal", 1, "error: k: stage claim failed"},
    {1, AT_CLAIM, "fenced", 77, "error: k: stage claim failed"},
    {1, AT_CLAIM, "silent", 1, "error: k: claim failed without saying why"},
    {0, AT_RESOLVE, "fatal", 1, "error: s0: stage resolve failed"},
    {0, AT_START, "fatal", 1, "error: s0: stage start failed"},
    {0, AT_POLL, "fatal", 1, "error: s0: stage poll failed"},
    {0, AT_POLL, "silent", 1, "error: s0: the source failed without saying why"},
    {3, AT_READY, "fatal", 1, "error: a: stage ready failed"},
    {2, AT_PROCESS, "fatal", 1, "error: u: stage process failed"},
    {2, AT_PROCESS, "poison", 1, "error: u: stage process failed"},
    {2, AT_PROCESS, "silent", 1, "error: u: the UDF failed without saying why"},
    {2, AT_FINISH, "fatal", 1, "error: u: stage finish failed"},
    {3, AT_OFFER, "fatal", 1, "error: a: stage offer failed"},
    {3, AT_NEXT, "fatal", 1, "error: a: stage next failed"},
    {1, AT_WRITE, "fatal", 1, "error: k: stage write failed"},
    {1, AT_WRITE, "silent", 1, "error: k: write failed without saying why"},
    {1, AT_COMMIT, "fatal", 1, "error: k: stage commit failed"},
    {1, AT_COMMIT, "fenced", 77, "error: k: stage commit failed"},
    {1, AT_COMMIT, "silent", 1, "error: k: commit failed without saying why"},
};

static void write_failing(uint32_t slot, enum stage_point point, const char *flags,
                          const char *which)
{
    static const uint32_t slots[] = {0, 2, 3, 1};
    char text[4][128] = {"", "", "", ""};
    char manifest[4096];
    for (int i = 0; i < 4; i++) {
        if (slots[i] == slot) {
            (void)snprintf(text[i], sizeof text[i], ",'fail':['%s:%s%s']", stage_points[point],
                           flags, which);
        }
    }
    (void)snprintf(manifest, sizeof manifest, ALL_OPERATORS(, , , ), text[0], text[1], text[2],
                   text[3]);
    run_write_manifest(&r, manifest);
}

static uint64_t calls(uint32_t slot, enum stage_point point)
{
    return atomic_load(&r.stage->calls[slot][point]);
}

/* Each create has its destroy, each task_create that succeeded its task_destroy, each activate that
 * was called a deactivate; sinks are deactivated behind what feeds them, destroyed before it. */
static void check_lifecycle(bool task_create_failed)
{
    static const uint32_t slots[] = {0, 2, 3, 1};
    int last_deactivated = -1;
    int last_destroyed = 4;
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(calls(slots[i], AT_CREATE), calls(slots[i], AT_DESTROY));
        uint64_t destroyed = calls(slots[i], AT_TASK_DESTROY);
        ck_assert_uint_le(destroyed, calls(slots[i], AT_TASK_CREATE));
        if (!task_create_failed) {
            ck_assert_uint_eq(destroyed, calls(slots[i], AT_TASK_CREATE));
            ck_assert_uint_eq(calls(slots[i], AT_DEACTIVATE) > 0, calls(slots[i], AT_ACTIVATE) > 0);
        }
    }
    for (uint32_t i = 0; i < atomic_load(&r.stage->trace_count); i++) {
        const struct stage_call *c = &r.stage->trace[i];
        int at = c->slot == 0 ? 0 : c->slot == 2 ? 1 : c->slot == 3 ? 2 : 3;
        if (c->point == AT_DEACTIVATE) {
            ck_assert_int_ge(at, last_deactivated);
            last_deactivated = at;
        }
        if (c->point == AT_DESTROY) {
            ck_assert_int_le(at, last_destroyed);
            last_destroyed = at;
        }
    }
}

START_TEST(a_failing_call_ends_the_pipeline_with_its_sentence_and_everything_is_destroyed)
{
    write_failing(failures[_i].slot, failures[_i].point, failures[_i].flags, "");
    run_start(&r, NULL);
    run_ends(&r, failures[_i].status);
    expect_logged(failures[_i].sentence);
    check_lifecycle(failures[_i].point == AT_TASK_CREATE);
}
END_TEST

static const struct {
    uint32_t slot;
    enum stage_point point;
} retried[] = {{0, AT_ACTIVATE},  {1, AT_ACTIVATE}, {0, AT_PARTITIONS}, {1, AT_CLAIM},
               {0, AT_RESOLVE},   {0, AT_START},    {0, AT_POLL},       {2, AT_PROCESS},
               {3, AT_OFFER},     {3, AT_NEXT},     {1, AT_WRITE},      {1, AT_COMMIT},
               {0, AT_COMMITTED}, {0, AT_READY},    {3, AT_READY}};

START_TEST(a_retriable_failure_is_tried_again_until_it_passes)
{
    write_failing(retried[_i].slot, retried[_i].point, "retriable", ":1:2");
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, 1000, run_once);
    check_lifecycle(false);
    char text[128];
    (void)snprintf(text, sizeof text, "stage %s failed", stage_points[retried[_i].point]);
    if (calls(retried[_i].slot, retried[_i].point) > 0) {
        expect_logged(text);
    }
}
END_TEST

START_TEST(a_start_that_fails_half_way_goes_on_with_the_next_partition)
{
    write_failing(0, AT_START, "retriable", ":2:1");
    run_start(&r, NULL);
    run_ends(&r, 0);
    run_check(&r, 1, 0, 2, 1000, run_once);
    expect_logged("stage start failed");
}
END_TEST

START_TEST(a_plugin_that_makes_no_operator_is_told)
{
    write_failing(7, AT_INIT, "fatal", "");
    ck_assert_int_eq(setenv("STAGE_NO_CREATE", "u", 1), 0);
    run_start(&r, NULL);
    run_ends(&r, 1);
    ck_assert_int_eq(unsetenv("STAGE_NO_CREATE"), 0);
    expect_logged("/operators/1/config: u: stage create failed");
    ck_assert_uint_eq(calls(0, AT_DESTROY), 1);
    ck_assert_uint_eq(calls(2, AT_DESTROY), 0);
}
END_TEST

/* ---- what plugins must not do ---- */

static const struct {
    const char *mode;
    int status;
    const char *sentence;
} faulty[] = {
    {"missing", 1, "error: u: the UDF left its required column \"v\" null"},
    {"wrong-rows", 1,
     "error: u: the UDF gathered rows that are not ascending, not in the batch or more than 4096"},
    {"wrong-output", 1, "error: u: the UDF wrote to output 1, which its bind did not describe"},
    {"idle", 1, "error: u: process gave an answer that it does not have: 2"},
    {"two-outputs", 78,
     "/operators/1/config: u: the plugin has more than one output, and an \"input\" can name only "
     "an "
     "operator's first"},
};

START_TEST(a_faulty_udf_is_told_by_name)
{
    char manifest[4096];
    (void)snprintf(manifest, sizeof manifest,
                   PIPELINE("", SOURCE(0, RECORDS) "," UDF("u", 2, "s0", ",'mode':'%s'") "," SINK(
                                    "k", 1, "u", "")),
                   faulty[_i].mode);
    run_expect(&r, manifest, faulty[_i].status);
    expect_logged(faulty[_i].sentence);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
}
END_TEST

static const struct {
    const char *mode;
    const char *sentence;
} faulty_async[] = {
    {"odd-offer", "error: u: offer gave an answer that it does not have: 2"},
    {"odd-next", "error: u: next gave an answer that it does not have: 8"},
};

START_TEST(a_faulty_async_udf_is_told_by_name_and_loses_nothing)
{
    char manifest[4096];
    (void)snprintf(manifest, sizeof manifest,
                   PIPELINE("", SOURCE(0, RECORDS) "," ASYNC("u", 2, "s0", ",'mode':'%s'") "," SINK(
                                    "k", 1, "u", "")),
                   faulty_async[_i].mode);
    run_expect(&r, manifest, 1);
    expect_logged(faulty_async[_i].sentence);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
}
END_TEST

START_TEST(poison_of_a_udf_that_is_not_pure_stops)
{
    run_expect(&r,
               PIPELINE("", SOURCE(0, RECORDS) "," UDF("u", 2, "s0", ",'mode':'poison'") "," SINK(
                                "k", 1, "u", "")),
               1);
    expect_logged("error: u: one of these rows is poison");
}
END_TEST

START_TEST(what_a_failed_call_emitted_does_not_come_twice)
{
    run_expect(
        &r,
        PIPELINE(
            "", SOURCE(0, RECORDS) "," UDF(
                    "u", 2, "s0",
                    ",'mode':'stumble','fail':['finish:retriable:2:3']") "," SINK("k", 1, "u", "")),
        0);
    run_check(&r, 1, 0, 2, 1000, run_once);
}
END_TEST

/* ---- the graph ---- */

START_TEST(two_ways_of_the_same_records_into_one_operator_are_refused)
{
    run_expect(
        &r,
        PIPELINE("", SOURCE(0, RECORDS) "," UDF("u", 2, "s0", "") "," UDF(
                         "v", 3, "s0", "") "," OPERATOR("k", "sink", 1, "'input':['u','v'],", "")),
        78);
    expect_logged(
        "/operators/3/input: the records of s0 come to k by two ways, u and v: let one of "
        "them read the other");
}
END_TEST

/* ---- positions ---- */

static void store_position(uint8_t partition, int64_t offset)
{
    struct stage_log *log = &r.stage->logs[1][0];
    uint64_t count = atomic_load(&log->durable);
    log->rows[count] =
        (struct stage_row){.offset = offset, .partition = partition, .is_position = 1};
    atomic_store(&log->durable, count + 1);
}

START_TEST(a_new_partition_begins_at_its_beginning)
{
    store_position(0, 1000);
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS ",'begin':900") "," SINK("k", 1, "s0", "")), 0);
    ck_assert_uint_eq(run_rows(&r, 1), 1000);
    ck_assert_uint_eq(run_count(&r, 1, 0, 1, 0), 1);
    expect_logged("s0: 1 partition goes on where its sinks stand, 1 new partition begins at its "
                  "beginning\n");
}
END_TEST

START_TEST(a_partition_that_lost_its_position_is_refused)
{
    store_position(1, 1000);
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")), 78);
    expect_logged(
        ": /operators/0/config: s0: k has positions of topic up to partition 1, but that of "
        "partition 0 is lost: restore it; or pipehost positions set ");
    ck_assert_uint_eq(run_rows(&r, 1), 0);
}
END_TEST

/* The sink's log holds only what the test puts there: of a run before, nothing is left but what
 * state_dir has. */
START_TEST(the_last_partition_that_lost_its_position_is_refused_too)
{
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")), 0);
    atomic_store(&r.stage->logs[1][0].durable, 0);
    store_position(0, 1000);
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")), 78);
    expect_logged(
        ": /operators/0/config: s0: k has positions of topic up to partition 0, but that of "
        "partition 1 is lost: restore it; or pipehost positions set ");
}
END_TEST

static void remove_state(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/state/%s", r.dir, name);
    ck_assert_int_eq(unlink(path), 0);
}

#define TWO_SINKS                                                                                  \
    PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "") "," SINK("later", 2, "s0", ""))

START_TEST(a_sink_that_lost_all_positions_is_refused_and_one_that_is_added_is_new)
{
    static const char refused[] =
        ": /operators/0/config: s0: k has no position of topic any more, but "
        "had: restore them; or pipehost positions set ";
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS) "," SINK("k", 1, "s0", "")), 0);
    run_expect(&r, TWO_SINKS, 0);
    run_check(&r, 2, 0, 2, 1000, run_once);
    atomic_store(&r.stage->logs[1][0].durable, 0);
    run_expect(&r, TWO_SINKS, 78);
    expect_logged(refused);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
    remove_state("begun"); /* it is the sink's own that counts */
    run_expect(&r, TWO_SINKS, 78);
    expect_logged(refused);
    remove_state("k.begun");
    run_expect(&r, TWO_SINKS, 0);
    expect_logged("s0: 2 partitions begin anew\n");
    run_check(&r, 1, 0, 2, 1000, run_once);
}
END_TEST

#define DURABLE                                                                                    \
    PIPELINE("", SOURCE(0, ",'records':1000") "," OPERATOR("k", "durable", 1, "'input':'s0',", ""))

START_TEST(the_loss_of_all_positions_is_accepted_by_a_command)
{
    run_expect(&r, DURABLE, 0);
    remove_state("k.positions");
    run_expect(&r, DURABLE, 78);
    expect_logged(": /operators/0/config: s0: k has no position of topic any more, but had: ");
    char manifest[128];
    (void)snprintf(manifest, sizeof manifest, "%s/p.json", r.dir);
    const char *words[] = {
        "positions", _i == 0 ? "reset" : "set",      manifest, "--plugin-dir", STAGE_DIR, "--sink",
        "k",         _i == 0 ? NULL : "--partition", "0",      "--to",         "0",       NULL};
    run_start_command(&r, words);
    run_ends(&r, 0);
    run_expect(&r, DURABLE, 0);
    ck_assert_uint_eq(run_rows(&r, 1), 2000);
}
END_TEST

START_TEST(first_positions_that_a_crash_cut_short_are_asked_for_again)
{
    char path[128];
    store_position(1, 400);
    (void)snprintf(path, sizeof path, "%s/state", r.dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/state/seeding", r.dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    run_expect(&r, PIPELINE("", SOURCE(0, RECORDS ",'begin':400") "," SINK("k", 1, "s0", "")), 0);
    ck_assert_uint_eq(run_rows(&r, 1), 1200);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static bool has_rows(struct run *run, void *arg)
{
    (void)run;
    return run_rows(&r, 1) >= *(uint64_t *)arg;
}

START_TEST(an_owner_that_another_process_took_over_ends_with_77)
{
    uint64_t some = 100;
    atomic_store(&r.stage->limit[0], 100);
    run_write_manifest(
        &r, PIPELINE("", SOURCE(0, ",'records':1000,'limit':true") "," SINK("k", 1, "s0", "")));
    run_start(&r, NULL);
    run_until(&r, has_rows, &some, "rows");
    atomic_fetch_add(&r.stage->fences[1][0], 1);
    atomic_store(&r.stage->limit[0], 1000);
    run_ends(&r, 77);
    expect_logged("error: k: another process has taken the positions over");
    ck_assert_uint_eq(run_rows(&r, 1), 100);
}
END_TEST

/* ---- columns that nobody looks at ---- */

/* No record's t is a bool. */
#define WRONG_TYPE                                                                                 \
    "{'name':'s0','plugin':'stage:source','config':{'stage':'stage.bin','slot':0,"                 \
    "'records':500},'format':{'json':{'fields':{'n':{'type':'int64','required':true},"             \
    "'p':'int32','t':'bool'}}}}"

START_TEST(a_field_is_decoded_where_somebody_looks_at_it)
{
    run_expect(&r, PIPELINE("", WRONG_TYPE "," SINK("k", 1, "s0", ",'mode':'reads'")), 0);
    ck_assert_uint_eq(run_rows(&r, 1), 500);
    run_fini(&r);
    run_init(&r);
    run_expect(&r,
               PIPELINE("'on_error':'skip','dead_letter':{'stop_above_percent':100},",
                        WRONG_TYPE "," SINK("k", 1, "s0", ",'mode':'reads'") "," UDF(
                            "u", 2, "s0", "") "," SINK("all", 3, "u", "")),
               0);
    ck_assert_uint_eq(run_rows(&r, 1), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tc = tcase_create("faults");
    tcase_set_timeout(tc, 500);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(
        tc, a_failing_call_ends_the_pipeline_with_its_sentence_and_everything_is_destroyed, 0,
        (int)(sizeof failures / sizeof failures[0]));
    tcase_add_test(tc, a_start_that_fails_half_way_goes_on_with_the_next_partition);
    tcase_add_loop_test(tc, a_retriable_failure_is_tried_again_until_it_passes, 0,
                        (int)(sizeof retried / sizeof retried[0]));
    tcase_add_test(tc, a_plugin_that_makes_no_operator_is_told);
    tcase_add_loop_test(tc, a_faulty_udf_is_told_by_name, 0,
                        (int)(sizeof faulty / sizeof faulty[0]));
    tcase_add_loop_test(tc, a_faulty_async_udf_is_told_by_name_and_loses_nothing, 0,
                        (int)(sizeof faulty_async / sizeof faulty_async[0]));
    tcase_add_test(tc, poison_of_a_udf_that_is_not_pure_stops);
    tcase_add_test(tc, what_a_failed_call_emitted_does_not_come_twice);
    tcase_add_test(tc, two_ways_of_the_same_records_into_one_operator_are_refused);
    tcase_add_test(tc, a_new_partition_begins_at_its_beginning);
    tcase_add_test(tc, a_partition_that_lost_its_position_is_refused);
    tcase_add_test(tc, the_last_partition_that_lost_its_position_is_refused_too);
    tcase_add_test(tc, a_sink_that_lost_all_positions_is_refused_and_one_that_is_added_is_new);
    tcase_add_loop_test(tc, the_loss_of_all_positions_is_accepted_by_a_command, 0, 2);
    tcase_add_test(tc, first_positions_that_a_crash_cut_short_are_asked_for_again);
    tcase_add_test(tc, an_owner_that_another_process_took_over_ends_with_77);
    tcase_add_test(tc, a_field_is_decoded_where_somebody_looks_at_it);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
