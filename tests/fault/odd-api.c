/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd-api: an HTTP server on loopback whose answers are wrong in the way that the path of the
 * request names. One thread for each connection, one answer for each; then it closes.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES 4096
#define HUGE_BYTES    (UINT64_C(50) << 20)
#define FOREVER_MS    60000
#define DRIP_MS       100

static const char help[] =
    "usage: odd-api\n"
    "\n"
    "Listens at a free port of 127.0.0.1 (\"listening on PORT\") and answers GET of\n"
    "  /status/N    status N with an error as api.ip2location.io has it\n"
    "  /slow-first  nothing, as long as the client waits\n"
    "  /slow-body   a good header, then a byte each 100 ms\n"
    "  /truncated   20 of 500 announced bytes\n"
    "  /html        200 with a web page\n"
    "  /huge        50 MiB of JSON\n"
    "  /redirect    302 to /html\n";

static bool put(int fd, const void *data, size_t length)
{
    for (const char *at = data; length > 0;) {
        ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += n;
        length -= (size_t)n;
    }
    return true;
}

static bool put_text(int fd, const char *text)
{
    return put(fd, text, strlen(text));
}

/* False: the client is gone. */
static bool wait_ms(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, ms) == 0;
}

static void answer_status(int fd, int status)
{
    static const char body[] =
        "{\"error\":{\"error_code\":10000,\"error_message\":\"Something went wrong.\"}}";
    char text[512];
    (void)snprintf(text, sizeof text,
                   "HTTP/1.1 %d Odd\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n%s",
                   status, sizeof body - 1, body);
    (void)put_text(fd, text);
}

static void drip(int fd)
{
    bool goes_on = put_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 1000 && goes_on; i++) {
        goes_on = put(fd, " ", 1) && wait_ms(fd, DRIP_MS);
    }
}

static void answer_huge(int fd)
{
    char block[16384];
    uint64_t sent = 0;
    memset(block, 'A', sizeof block);
    bool goes_on = put_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "Connection: close\r\n\r\n{\"country_code\":\"");
    while (goes_on && sent < HUGE_BYTES) {
        goes_on = put(fd, block, sizeof block);
        sent += sizeof block;
    }
    if (sent >= HUGE_BYTES) {
        (void)printf("somebody took 50 MiB\n");
        (void)fflush(stdout);
    }
}

static void answer(int fd, const char *path)
{
    if (strncmp(path, "/status/", 8) == 0) {
        answer_status(fd, (int)strtol(path + 8, NULL, 10));
    } else if (strncmp(path, "/slow-first", 11) == 0) {
        (void)wait_ms(fd, FOREVER_MS);
    } else if (strncmp(path, "/slow-body", 10) == 0) {
        drip(fd);
    } else if (strncmp(path, "/truncated", 10) == 0) {
        (void)put_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           "Content-Length: 500\r\n\r\n{\"country_code\":\"DE\",");
    } else if (strncmp(path, "/huge", 5) == 0) {
        answer_huge(fd);
    } else if (strncmp(path, "/redirect", 9) == 0) {
        (void)put_text(fd, "HTTP/1.1 302 Found\r\nLocation: /html\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n\r\n");
    } else {
        (void)put_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 40\r\n"
                           "Connection: close\r\n\r\n<html><body>Under construction.</body>\r\n");
    }
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char request[REQUEST_BYTES];
    size_t length = 0;
    ssize_t n;
    request[0] = '\0';
    while (strstr(request, "\r\n\r\n") == NULL &&
           (n = recv(fd, request + length, sizeof request - 1 - length, 0)) > 0) {
        length += (size_t)n;
        request[length] = '\0';
    }
    if (strncmp(request, "GET ", 4) == 0) {
        answer(fd, request + 4);
    }
    (void)close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    (void)argv;
    if (argc != 1) {
        (void)fputs(help, stderr);
        return 64;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&own, sizeof own) != 0 ||
        listen(listener, 512) != 0 ||
        getsockname(listener, (struct sockaddr *)&own, &length) != 0) {
        perror("odd-api");
        return EXIT_FAILURE;
    }
    (void)printf("listening on %u\n", ntohs(own.sin_port));
    (void)fflush(stdout);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0) {
            (void)pthread_detach(thread);
        } else {
            (void)close(fd);
        }
    }
}
