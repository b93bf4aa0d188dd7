/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "stats/control_socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 200000

static char dir[64];
static struct control_socket *server;
static char asked[CONTROL_REQUEST_MAX];
static uint32_t answers;
static size_t answer_size; /* 0 = the request itself */

static void answer(void *arg, const char *request, size_t length, struct buf *out)
{
    (void)arg;
    memcpy(asked, request, length);
    asked[length] = '\0';
    answers++;
    if (answer_size == 0) {
        buf_append(out, request, length);
    }
    for (size_t i = 0; i < answer_size; i++) {
        buf_append(out, "x", 1);
    }
}

static void set_up(void)
{
    struct ph_error err;
    ph_error_clear(&err);
    answers = 0;
    answer_size = 0;
    asked[0] = '\0';
    (void)snprintf(dir, sizeof dir, "/tmp/pipehost-control-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    server = control_socket_create(dir, answer, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
}

static void tear_down(void)
{
    control_socket_destroy(server);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing is left in it */
}

static int connect_raw(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", dir, CONTROL_SOCKET_NAME);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static bool is_ready(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

/* Serves while there is something to do, and not longer. */
static void serve(void)
{
    while (is_ready(control_socket_fd(server), 0)) {
        control_socket_serve(server);
    }
}

/* All that comes until the server closes. */
static size_t read_all(int fd, char *out, size_t size)
{
    size_t got = 0;
    int64_t until_ns = clock_monotonic_ns() + WAIT_MS * CLOCK_NS_PER_MS;
    for (;;) {
        ck_assert_int_lt(clock_monotonic_ns(), until_ns);
        serve();
        ssize_t n = recv(fd, out + got, size - 1 - got, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            out[got] = '\0';
            return got;
        }
        got += n > 0 ? (size_t)n : 0;
    }
}

START_TEST(a_request_gets_its_answer_and_the_connection_ends)
{
    char text[256];
    int fd = connect_raw();
    send_text(fd, "{\"request\":\"status\"}\n");
    (void)read_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "{\"request\":\"status\"}\n");
    ck_assert_str_eq(asked, "{\"request\":\"status\"}");
    (void)close(fd);
}
END_TEST

START_TEST(a_request_may_come_in_pieces)
{
    char text[256];
    int fd = connect_raw();
    send_text(fd, "{\"a\"");
    serve();
    ck_assert_uint_eq(answers, 0);
    send_text(fd, ":1}\n");
    (void)read_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "{\"a\":1}\n");
    (void)close(fd);
}
END_TEST

START_TEST(a_request_that_is_too_long_ends_the_connection_unanswered)
{
    char text[256];
    char piece[CONTROL_REQUEST_MAX];
    int fd = connect_raw();
    memset(piece, 'x', sizeof piece);
    ck_assert_int_eq(send(fd, piece, sizeof piece, MSG_NOSIGNAL), (ssize_t)sizeof piece);
    ck_assert_uint_eq(read_all(fd, text, sizeof text), 0);
    ck_assert_uint_eq(answers, 0);
    (void)close(fd);
}
END_TEST

START_TEST(an_answer_larger_than_the_sockets_room_arrives_whole)
{
    static char text[2000000];
    answer_size = 1500000;
    int fd = connect_raw();
    send_text(fd, "x\n");
    serve();
    ck_assert_uint_eq(answers, 1);
    ck_assert_uint_eq(read_all(fd, text, sizeof text), answer_size + 1);
    (void)close(fd);
}
END_TEST

START_TEST(silent_clients_are_bounded_and_hold_up_only_themselves)
{
    char text[256];
    int silent[CONTROL_CLIENTS_MAX];
    int64_t begin_ns = clock_monotonic_ns();
    ck_assert_int_eq(control_socket_due_ns(server), 0);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX - 1; i++) {
        silent[i] = connect_raw();
    }
    serve();
    ck_assert_int_ge(control_socket_due_ns(server),
                     begin_ns + CONTROL_SILENCE_MS * CLOCK_NS_PER_MS);
    int fd = connect_raw();
    send_text(fd, "x\n");
    (void)read_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "x\n");
    (void)close(fd);
    silent[CONTROL_CLIENTS_MAX - 1] = connect_raw();
    serve();
    fd = connect_raw();
    send_text(fd, "late\n");
    serve(); /* ends: a connection that must wait is no reason to turn in a loop */
    bool are_still_kept = clock_monotonic_ns() < begin_ns + CONTROL_SILENCE_MS * CLOCK_NS_PER_MS;
    ck_assert(answers == 1 || !are_still_kept);
    (void)close(silent[0]);
    (void)read_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "late\n");
    (void)close(fd);
    for (size_t i = 1; i < CONTROL_CLIENTS_MAX; i++) {
        (void)close(silent[i]);
    }
}
END_TEST

START_TEST(a_silent_client_is_left_when_its_time_is_up)
{
    char text[16];
    int fd = connect_raw();
    serve();
    int64_t due_ns = control_socket_due_ns(server);
    ck_assert_int_gt(due_ns, 0);
    ck_assert_int_le(due_ns, clock_monotonic_ns() + 2 * CLOCK_NS_PER_S);
    int64_t left_ms = (due_ns - clock_monotonic_ns()) / CLOCK_NS_PER_MS + 1;
    ck_assert(!is_ready(fd, left_ms > 0 ? (int)left_ms : 0));
    control_socket_serve(server);
    ck_assert_uint_eq(read_all(fd, text, sizeof text), 0);
    ck_assert_int_eq(control_socket_due_ns(server), 0);
    (void)close(fd);
}
END_TEST

START_TEST(as_many_as_fit_leave_room_for_one_who_asks_once_they_were_silent_for_2_s)
{
    char text[16];
    int silent[32];
    for (size_t i = 0; i < 32; i++) {
        silent[i] = connect_raw();
    }
    serve();
    int fd = connect_raw();
    send_text(fd, "x\n");
    int64_t until_ns = clock_monotonic_ns() + WAIT_MS * CLOCK_NS_PER_MS;
    while (answers == 0 && clock_monotonic_ns() < until_ns) {
        (void)is_ready(fd, 50);
        control_socket_serve(server);
    }
    (void)read_all(fd, text, sizeof text);
    ck_assert_str_eq(text, "x\n");
    (void)close(fd);
    for (size_t i = 0; i < 32; i++) {
        (void)close(silent[i]);
    }
}
END_TEST

START_TEST(only_the_owner_may_open_it)
{
    char path[128];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", dir, CONTROL_SOCKET_NAME);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_socket_that_a_dead_process_left_is_replaced)
{
    struct ph_error err;
    ph_error_clear(&err);
    struct control_socket *second = control_socket_create(dir, answer, NULL, &err);
    ck_assert_msg(second != NULL, "%s", err.text);
    control_socket_destroy(server);
    server = second;
    /* The first one's end took the name with it: a start holds the lock, so that this is no case.
     */
    control_socket_destroy(server);
    server = control_socket_create(dir, answer, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
    int fd = connect_raw();
    (void)close(fd);
}
END_TEST

struct asking {
    const char *folder;
    struct buf text;
    struct ph_error err;
    int32_t rc;
};

static void *ask(void *arg)
{
    struct asking *a = arg;
    a->rc = control_socket_ask(a->folder, "hello", &a->text, &a->err);
    return NULL;
}

static void ask_and_serve(struct asking *a)
{
    pthread_t thread;
    buf_init(&a->text, 10000000);
    ph_error_clear(&a->err);
    ck_assert_int_eq(pthread_create(&thread, NULL, ask, a), 0);
    int64_t until_ns = clock_monotonic_ns() + WAIT_MS * CLOCK_NS_PER_MS;
    while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
        ck_assert_int_lt(clock_monotonic_ns(), until_ns);
        (void)is_ready(control_socket_fd(server), 5);
        control_socket_serve(server);
    }
}

START_TEST(the_client_gets_the_answer_without_its_newline)
{
    struct asking a = {.folder = dir};
    answer_size = 1000000;
    ask_and_serve(&a);
    ck_assert_msg(a.rc == PH_OK, "%s", a.err.text);
    ck_assert_uint_eq(a.text.length, answer_size);
    ck_assert_str_eq(asked, "hello");
    buf_fini(&a.text);
}
END_TEST

START_TEST(a_folder_without_a_server_is_told_apart)
{
    struct asking a = {.folder = "/tmp/pipehost-nobody-here"};
    ask_and_serve(&a);
    ck_assert_int_eq(a.rc, PH_IDLE);
    buf_fini(&a.text);
}
END_TEST

START_TEST(a_path_longer_than_an_address_works)
{
    char path[512];
    struct ph_error err;
    ph_error_clear(&err);
    int length = snprintf(path, sizeof path, "%s/%0150d", dir, 1);
    ck_assert_int_gt(length, 150);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    control_socket_destroy(server);
    server = control_socket_create(path, answer, NULL, &err);
    ck_assert_msg(server != NULL, "%s", err.text);
    struct asking a = {.folder = path};
    ask_and_serve(&a);
    ck_assert_msg(a.rc == PH_OK, "%s", a.err.text);
    ck_assert_str_eq(a.text.data, "hello");
    buf_fini(&a.text);
    control_socket_destroy(server);
    server = NULL;
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control_socket");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, a_request_gets_its_answer_and_the_connection_ends);
    tcase_add_test(all, a_request_may_come_in_pieces);
    tcase_add_test(all, a_request_that_is_too_long_ends_the_connection_unanswered);
    tcase_add_test(all, an_answer_larger_than_the_sockets_room_arrives_whole);
    tcase_add_test(all, silent_clients_are_bounded_and_hold_up_only_themselves);
    tcase_add_test(all, a_silent_client_is_left_when_its_time_is_up);
    tcase_add_test(all, as_many_as_fit_leave_room_for_one_who_asks_once_they_were_silent_for_2_s);
    tcase_add_test(all, only_the_owner_may_open_it);
    tcase_add_test(all, a_socket_that_a_dead_process_left_is_replaced);
    tcase_add_test(all, the_client_gets_the_answer_without_its_newline);
    tcase_add_test(all, a_folder_without_a_server_is_told_apart);
    tcase_add_test(all, a_path_longer_than_an_address_works);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
