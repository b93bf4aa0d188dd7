/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of the host in turn fails while a small pipeline is prepared and run, in a
 * process of its own: it ends with success or an error, never with a crash, a hang or a leak, and
 * what it committed is right. */
#include "../chaos/fail_alloc.h"
#include "base/log.h"
#include "job/prepare.h"
#include "job/run.h"
#include "run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEAKED   90
#define DEADLINE 180000 /* ms */

static struct run r;

static const char manifest[] = PIPELINE(
    "", SOURCE(0, ",'partitions':3,'records':100,'bad_every':50") "," UDF(
            "f", 2, "s0",
            ",'mode':'flat','times':3,'draft_rows':10") "," ASYNC("a", 3, "f",
                                                                  ",'mode':'reject','every':"
                                                                  "40") "," SINK("k", 1, "a",
                                                                                 ",'mode':'"
                                                                                 "named','"
                                                                                 "every':40"));

struct outcome {
    int status;
    bool reached; /* the allocation was asked for */
};

/* In the child: nothing of the test framework may run here. */
static int run_once_failing(uint64_t nth, enum fail_alloc_mode mode, bool only_prepare,
                            bool *reached)
{
    static const char *const dirs[] = {STAGE_DIR};
    const struct job_options options = {.plugin_dirs = dirs, .plugin_dir_count = 1};
    char path[128];
    struct manifest_errors errs;
    struct manifest *m = NULL;
    struct job *job = NULL;
    int status = JOB_EXIT_OK;
    (void)snprintf(path, sizeof path, "%s/p.json", r.dir);
    manifest_errors_init(&errs);
    if (manifest_load(path, NULL, &m, &errs) != PH_OK) {
        return 91;
    }
    size_t live = fail_alloc_live();
    fail_alloc_arm(nth, mode);
    enum job_prepared prepared = job_prepare(m, &options, &job, &errs);
    bool consistent = (prepared == JOB_PREPARED) == (job != NULL) &&
                      (prepared != JOB_PREPARED) == manifest_errors_any(&errs);
    if (job == NULL) {
        status = JOB_EXIT_FAILURE;
    } else if (!only_prepare) {
        status = job_run(job, NULL);
    }
    job_destroy(job);
    *reached = fail_alloc_disarm();
    manifest_errors_fini(&errs);
    if (!consistent) {
        return 92;
    }
    return fail_alloc_live() <= live ? status : LEAKED;
}

static struct outcome fork_failing(uint64_t nth, enum fail_alloc_mode mode, bool only_prepare)
{
    char log[128];
    int status;
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    (void)snprintf(log, sizeof log, "%s/log", r.dir);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        bool reached = false;
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        (void)dup2(fd, 2);
        (void)close(fd);
        int rc = run_once_failing(nth, mode, only_prepare, &reached);
        ssize_t put = write(fds[1], &reached, 1);
        _exit(put == 1 ? rc : 93);
    }
    (void)close(fds[1]);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    bool ended = poll(&p, 1, DEADLINE) == 1;
    if (!ended) {
        (void)kill(pid, SIGKILL);
    }
    (void)close(pidfd);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    run_read_log(&r);
    ck_assert_msg(ended, "allocation %lu: it hangs; log:\n%s", (unsigned long)nth, r.log);
    ck_assert_msg(WIFEXITED(status), "allocation %lu: signal %d; log:\n%s", (unsigned long)nth,
                  WTERMSIG(status), r.log);
    struct outcome o = {.status = WEXITSTATUS(status)};
    ck_assert_int_eq(read(fds[0], &o.reached, 1), 1);
    (void)close(fds[0]);
    ck_assert_msg(o.status <= 1 || o.status == 78, "allocation %lu: status %d; log:\n%s",
                  (unsigned long)nth, o.status, r.log);
    return o;
}

static void set_up(void)
{
    run_init(&r);
    run_write_manifest(&r, manifest);
}

static void tear_down(void)
{
    run_fini(&r);
}

START_TEST(preparing_survives_each_failed_allocation)
{
    enum fail_alloc_mode mode = _i == 0 ? FAIL_ALLOC_ONCE : FAIL_ALLOC_FROM;
    uint64_t nth = 1;
    for (bool reached = true; reached; nth++) {
        struct outcome o = fork_failing(nth, mode, true);
        reached = o.reached;
        ck_assert_msg(reached == (o.status != 0), "allocation %lu: status %d; log:\n%s",
                      (unsigned long)nth, o.status, r.log);
    }
    ck_assert_uint_gt(nth, 100);
}
END_TEST

/* Refused by the sink: n % 40 == 3; by the async UDF: n % 40 == 0; no JSON: n % 50 == 49. */
static uint32_t expected(int64_t offset)
{
    return offset % 40 == 3 || offset % 40 == 0 || offset % 50 == 49 ? 0 : 3;
}

START_TEST(running_survives_each_failed_allocation)
{
    uint64_t nth = 1;
    uint32_t whole = 0;
    for (bool reached = true; reached; nth++) {
        struct outcome o = fork_failing(nth, FAIL_ALLOC_ONCE, false);
        reached = o.reached;
        if (o.status == 0) {
            run_check(&r, 1, 0, 3, 100, expected);
            whole++;
        }
        run_fini(&r);
        set_up();
    }
    ck_assert_uint_gt(nth, 200);
    ck_assert_uint_gt(whole, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chaos");
    TCase *tc = tcase_create("chaos");
    tcase_set_timeout(tc, 580);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, preparing_survives_each_failed_allocation, 0, 2);
    tcase_add_test(tc, running_survives_each_failed_allocation);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
