/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline says of itself: the summary, its shares of time, exit codes by what was set
 * aside. */
#include "run.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
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

/* The JSON log's only line with a member "done"; every line must be an object. */
static json_t *summary_of_log(void)
{
    json_t *found = NULL;
    for (char *line = r.log; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        json_error_t err;
        json_t *o = json_loadb(line, length, 0, &err);
        ck_assert_msg(json_is_object(o), "%s: %.*s", err.text, (int)length, line);
        if (json_object_get(o, "done") != NULL) {
            ck_assert_msg(found == NULL, "two summaries:\n%s", r.log);
            found = json_incref(o);
        }
        json_decref(o);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    ck_assert_msg(found != NULL, "no summary:\n%s", r.log);
    return found;
}

static const json_t *operator_of(const json_t *summary, size_t index, const char *name)
{
    const json_t *o = json_array_get(json_object_get(summary, "operators"), index);
    ck_assert_str_eq(json_string_value(json_object_get(o, "name")), name);
    return o;
}

static json_int_t integer(const json_t *o, const char *name)
{
    ck_assert_msg(json_is_integer(json_object_get(o, name)), "no integer %s", name);
    return json_integer_value(json_object_get(o, name));
}

static double number(const json_t *o, const char *name)
{
    ck_assert_msg(json_is_number(json_object_get(o, name)), "no number %s", name);
    return json_number_value(json_object_get(o, name));
}

static const char *const as_json[] = {"--log-format", "json", NULL};

static const char with_bad_records[] =
    PIPELINE("'dead_letter':{'stop_above_percent':100},",
             SOURCE(0, ",'partitions':2,'records':1000,'bad_every':50") "," UDF(
                 "u", 2, "s0", "") "," SINK("k", 1, "u", ""));

START_TEST(a_bounded_run_ends_with_one_summary_object)
{
    run_write_manifest(&r, with_bad_records);
    run_start(&r, as_json);
    run_ends(&r, 0);
    json_t *s = summary_of_log();
    json_int_t bad = integer(s, "set_aside");
    ck_assert(json_is_true(json_object_get(s, "done")));
    ck_assert_int_gt(bad, 0);
    ck_assert_int_eq(integer(s, "in"), 2000);
    ck_assert_int_eq(integer(s, "committed"), 2000 - bad);
    const json_t *source = operator_of(s, 0, "s0");
    ck_assert_int_eq(integer(source, "in"), 2000);
    ck_assert_int_eq(integer(source, "out"), 2000 - bad);
    ck_assert_int_eq(integer(source, "set_aside"), bad);
    ck_assert_int_eq(integer(operator_of(s, 1, "u"), "in"), 2000 - bad);
    const json_t *sink = operator_of(s, 2, "k");
    ck_assert_int_eq(integer(sink, "out"), 2000 - bad);
    const json_t *counters = json_object_get(sink, "counters");
    ck_assert_int_ge(integer(counters, "epochs"), 1);
    ck_assert_ptr_null(json_object_get(counters, "open_rows")); /* only what is not 0 */
    json_decref(s);
}
END_TEST

START_TEST(the_text_log_has_a_line_for_each_operator_and_one_for_the_pipeline)
{
    run_expect(&r, with_bad_records, 0);
    ck_assert_ptr_nonnull(strstr(r.log, " info: s0: 2000 in, 19"));
    ck_assert_ptr_nonnull(strstr(r.log, " info: u: 19"));
    ck_assert_ptr_nonnull(strstr(r.log, " committed; busy "));
    ck_assert_ptr_nonnull(strstr(r.log, "; epochs "));
    ck_assert_ptr_nonnull(strstr(r.log, " info: p: done after "));
}
END_TEST

START_TEST(fail_on_dead_letter_fails_a_run_that_set_something_aside)
{
    static const char *const args[] = {"--fail-on-dead-letter", NULL};
    run_write_manifest(&r, with_bad_records);
    run_start(&r, args);
    run_ends(&r, 1);
    ck_assert_ptr_nonnull(strstr(r.log, "error: p: failed, because "));
    ck_assert_ptr_nonnull(strstr(r.log, "info: p: done after "));
}
END_TEST

START_TEST(fail_on_dead_letter_passes_a_run_without)
{
    static const char *const args[] = {"--fail-on-dead-letter", NULL};
    run_write_manifest(&r, PIPELINE("", SOURCE(0, ",'records':1000") "," SINK("k", 1, "s0", "")));
    run_start(&r, args);
    run_ends(&r, 0);
}
END_TEST

static bool is_committing(struct run *run, void *arg)
{
    (void)run;
    return atomic_load(&r.stage->calls[1][AT_COMMIT]) >= *(uint64_t *)arg;
}

static bool has_served(struct run *run, void *arg)
{
    (void)run;
    return atomic_load(&r.stage->calls[0][AT_SERVE]) >= *(uint64_t *)arg;
}

static bool has_polled(struct run *run, void *arg)
{
    (void)run;
    return atomic_load(&r.stage->calls[0][AT_POLL]) >= *(uint64_t *)arg;
}

START_TEST(a_stalled_sink_makes_itself_and_all_before_it_backpressured)
{
    uint64_t first = 1;
    run_write_manifest(
        &r, PIPELINE(
                "", SOURCE(0, ",'partitions':2,'records':200000,'pad':40,"
                              "'limit':true") "," UDF("u", 2, "s0", "") "," SINK("k", 1, "u", "")));
    run_start(&r, as_json);
    run_until(&r, is_committing, &first, "first positions");
    atomic_store(&r.stage->gate[1], true);
    atomic_store(&r.stage->limit[0], 200000);
    int64_t read;
    do {
        read = atomic_load(&r.stage->read[0][0]) + atomic_load(&r.stage->read[0][1]);
        uint64_t served = atomic_load(&r.stage->calls[0][AT_SERVE]) + 10; /* 100 ms each */
        run_until(&r, has_served, &served, "a second of waiting");
    } while (read != atomic_load(&r.stage->read[0][0]) + atomic_load(&r.stage->read[0][1]));
    atomic_store(&r.stage->gate[1], false);
    run_ends(&r, 0);
    json_t *s = summary_of_log();
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"s0", "u", "k"};
        const json_t *o = operator_of(s, i, names[i]);
        ck_assert_double_ge(number(o, "backpressured_s"), 0.7);
        ck_assert_double_le(number(o, "backpressured_s") + number(o, "busy_s"),
                            number(s, "seconds") + 0.01);
    }
    ck_assert_double_gt(number(operator_of(s, 0, "s0"), "busy_s"), 0.0);
    json_decref(s);
}
END_TEST

/* ---- status ---- */

static const char running[] =
    PIPELINE("", SOURCE(0, ",'partitions':2,'records':1000,'end':false") "," UDF(
                     "u", 2, "s0", "") "," SINK("k", 1, "u", ""));

/* Runs `pipehost COMMAND` with these arguments; what it printed. */
static const char *output_of(const char *command, const char *const *args, int expected)
{
    static char out[65536];
    const char *argv[16] = {PIPEHOST, command};
    char path[128];
    int argc = 2;
    int status;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    while (*args != NULL && argc < 15) {
        argv[argc++] = *args++;
    }
    (void)snprintf(path, sizeof path, "%s/out", r.dir);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    ck_assert_int_eq(
        posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, 1, 2), 0);
    ck_assert_int_eq(posix_spawn(&pid, PIPEHOST, &actions, NULL, (char **)(uintptr_t)argv, environ),
                     0);
    (void)posix_spawn_file_actions_destroy(&actions);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    out[fread(out, 1, sizeof out - 1, f)] = '\0';
    (void)fclose(f);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected, "status %d: %s", status,
                  out);
    return out;
}

static const char *status_of(const char *const *args, int expected)
{
    return output_of("status", args, expected);
}

struct wanted {
    const char *args[8];
    json_t *status; /* the last one */
    bool (*is_it)(const json_t *status);
};

static bool has_status(struct run *run, void *arg)
{
    struct wanted *w = arg;
    (void)run;
    json_decref(w->status);
    w->status = json_loads(status_of(w->args, 0), 0, NULL);
    ck_assert(json_is_object(w->status));
    return w->is_it(w->status);
}

static bool has_committed_all(const json_t *status)
{
    return integer(status, "committed") == 2000;
}

START_TEST(status_tells_every_number_of_a_running_pipeline)
{
    char state[96];
    struct wanted w = {.args = {"--json", "--state-dir", state}, .is_it = has_committed_all};
    uint64_t commits = 2;
    (void)snprintf(state, sizeof state, "%s/state", r.dir);
    run_write_manifest(&r, running);
    run_start(&r, NULL);
    run_until(&r, is_committing, &commits, "rows"); /* then the socket is there */
    run_until(&r, has_status, &w, "a status with all rows");
    ck_assert_str_eq(json_string_value(json_object_get(w.status, "pipeline")), "p");
    ck_assert_str_eq(json_string_value(json_object_get(w.status, "state")), "running");
    ck_assert_int_eq(integer(w.status, "pid"), r.pid);
    const json_t *sink = operator_of(w.status, 2, "k");
    ck_assert_str_eq(json_string_value(json_object_get(sink, "kind")), "sink");
    ck_assert_str_eq(json_string_value(json_object_get(sink, "plugin")), "sink");
    ck_assert_int_ge(integer(json_object_get(sink, "counters"), "epochs"), 1);
    ck_assert_int_eq(integer(json_object_get(sink, "counters"), "open_rows"), 0);
    double shares = number(sink, "busy") + number(sink, "idle") + number(sink, "backpressured");
    ck_assert_double_eq_tol(shares, 1.0, 0.002);
    json_decref(w.status);

    char manifest[96];
    (void)snprintf(manifest, sizeof manifest, "%s/p.json", r.dir);
    const char *const by_manifest[] = {manifest, NULL};
    const char *table = status_of(by_manifest, 0);
    ck_assert_ptr_nonnull(strstr(table, "p: running 0:0"));
    ck_assert_ptr_nonnull(strstr(table, "2,000 committed, 0 set aside\noperator "));
    ck_assert_ptr_nonnull(strstr(table, "\nk "));
    ck_assert_ptr_nonnull(strstr(table, "\n    epochs "));
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    const char *none = status_of(by_manifest, 1);
    ck_assert_ptr_nonnull(strstr(none, "pipehost: p does not run: nobody answers in "));
}
END_TEST

/* The shares are those of the last second. */
static bool is_idle(const json_t *status)
{
    for (size_t i = 0; i < 3; i++) {
        const json_t *o = json_array_get(json_object_get(status, "operators"), i);
        if (number(o, "backpressured") + number(o, "busy") > 1.0 / 3) {
            return false;
        }
    }
    return true;
}

START_TEST(a_pipeline_without_input_is_idle)
{
    char state[96];
    struct wanted w = {.args = {"--json", "--state-dir", state}, .is_it = is_idle};
    uint64_t commits = 2;
    run_write_manifest(&r, PIPELINE("", SOURCE(0, ",'records':100,'end':false") "," UDF(
                                            "u", 2, "s0", "") "," SINK("k", 1, "u", "")));
    run_start(&r, as_json);
    run_until(&r, is_committing, &commits, "rows");
    uint64_t polls = atomic_load(&r.stage->calls[0][AT_POLL]) + 5; /* about one a second */
    run_until(&r, has_polled, &polls, "polls");
    (void)snprintf(state, sizeof state, "%s/state", r.dir);
    run_until(&r, has_status, &w, "a second in which nobody works");
    json_decref(w.status);
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
    json_t *s = summary_of_log();
    ck_assert_double_gt(number(s, "seconds"), 0.5);
    json_decref(s);
}
END_TEST

START_TEST(a_preview_beside_the_pipeline_leaves_its_socket_alone)
{
    char manifest[96];
    uint64_t commits = 2;
    const char *const preview[] = {manifest,       "--to-terminal", "--limit", "1",
                                   "--plugin-dir", STAGE_DIR,       NULL};
    const char *const by_manifest[] = {manifest, NULL};
    (void)snprintf(manifest, sizeof manifest, "%s/p.json", r.dir);
    run_write_manifest(&r, running);
    run_start(&r, NULL);
    run_until(&r, is_committing, &commits, "rows");
    ck_assert_ptr_nonnull(strstr(output_of("run", preview, 0), "\"n\""));
    ck_assert_ptr_nonnull(strstr(status_of(by_manifest, 0), "p: running "));
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
}
END_TEST

static bool waits_for_something(const json_t *status)
{
    const json_t *source = operator_of(status, 0, "s0");
    return json_object_get(source, "waiting") != NULL;
}

START_TEST(status_tells_what_an_operator_waits_for)
{
    char state[96];
    struct wanted w = {.args = {"--json", "--state-dir", state}, .is_it = waits_for_something};
    (void)snprintf(state, sizeof state, "%s/state", r.dir);
    run_write_manifest(&r,
                       PIPELINE("", SOURCE(0, ",'records':1000,'end':false,'fail':['poll:"
                                              "retriable:1:100000']") "," SINK("k", 1, "s0", "")));
    run_start(&r, NULL);
    run_until_logged(&r, "waiting: ");
    run_until(&r, has_status, &w, "a status that waits");
    const char *text =
        json_string_value(json_object_get(operator_of(w.status, 0, "s0"), "waiting"));
    ck_assert_msg(run_has_logged(&r, text), "%s is not in:\n%s", text, r.log);
    ck_assert_ptr_nonnull(json_object_get(operator_of(w.status, 0, "s0"), "waiting_s"));
    ck_assert_ptr_nonnull(json_object_get(operator_of(w.status, 0, "s0"), "retry_in_s"));
    json_decref(w.status);
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
}
END_TEST

static bool sink_waits(const json_t *status)
{
    return json_object_get(operator_of(status, 1, "k"), "waiting") != NULL;
}

START_TEST(status_tells_why_a_plugin_paused)
{
    char state[96];
    uint64_t commits = 1;
    struct wanted w = {.args = {"--json", "--state-dir", state}, .is_it = sink_waits};
    (void)snprintf(state, sizeof state, "%s/state", r.dir);
    run_write_manifest(
        &r, PIPELINE("", SOURCE(0, ",'records':1000,'limit':true") "," SINK("k", 1, "s0", "")));
    run_start(&r, NULL);
    run_until(&r, is_committing, &commits, "first positions");
    atomic_store(&r.stage->gate[1], true);
    atomic_store(&r.stage->limit[0], 1000);
    run_until(&r, has_status, &w, "a status that waits");
    ck_assert_str_eq(json_string_value(json_object_get(operator_of(w.status, 1, "k"), "waiting")),
                     "the gate of the stage is closed");
    json_decref(w.status);
    atomic_store(&r.stage->gate[1], false);
    run_ends(&r, 0);
}
END_TEST

START_TEST(a_request_that_is_none_is_refused_in_a_sentence)
{
    static const char *const cases[][2] = {
        {"{\"request\":\"dance\"}\n", "this pipehost knows no request dance"},
        {"{\"status\":1}\n", "the request needs a"},
        {"status\n", "the request is not JSON"}};
    uint64_t commits = 2;
    run_write_manifest(&r, running);
    run_start(&r, NULL);
    run_until(&r, is_committing, &commits, "rows");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        struct timeval timeout = {.tv_sec = RUN_WAIT_S};
        char text[512] = "";
        size_t got = 0;
        ssize_t n;
        (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/state/control", r.dir);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
        ck_assert_int_gt(send(fd, cases[i][0], strlen(cases[i][0]), MSG_NOSIGNAL), 0);
        while ((n = recv(fd, text + got, sizeof text - 1 - got, 0)) > 0) {
            got += (size_t)n;
        }
        (void)close(fd);
        json_t *o = json_loads(text, 0, NULL);
        ck_assert_msg(json_is_false(json_object_get(o, "ok")), "%s", text);
        ck_assert_msg(strstr(text, cases[i][1]) != NULL, "%s", text);
        json_decref(o);
    }
    run_signal(&r, SIGTERM);
    run_ends(&r, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 500);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, a_bounded_run_ends_with_one_summary_object);
    tcase_add_test(all, the_text_log_has_a_line_for_each_operator_and_one_for_the_pipeline);
    tcase_add_test(all, fail_on_dead_letter_fails_a_run_that_set_something_aside);
    tcase_add_test(all, fail_on_dead_letter_passes_a_run_without);
    tcase_add_test(all, a_stalled_sink_makes_itself_and_all_before_it_backpressured);
    tcase_add_test(all, a_pipeline_without_input_is_idle);
    tcase_add_test(all, status_tells_every_number_of_a_running_pipeline);
    tcase_add_test(all, a_preview_beside_the_pipeline_leaves_its_socket_alone);
    tcase_add_test(all, status_tells_what_an_operator_waits_for);
    tcase_add_test(all, status_tells_why_a_plugin_paused);
    tcase_add_test(all, a_request_that_is_none_is_refused_in_a_sentence);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
