/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy: passes TCP connections on to a service on loopback, and lets them go wrong on command. One
 * thread; commands are lines of a fifo, what came of them are lines of its output.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELAYS_MAX 64
#define LINE_BYTES 256

static const char help[] =
    "usage: proxy PORT TARGET_PORT FIFO\n"
    "\n"
    "Listens at 127.0.0.1:PORT (0: a free one; \"listening on PORT\" is printed when it serves) "
    "and\n"
    "passes connections on to 127.0.0.1:TARGET_PORT. Reads commands, a line each, from FIFO, "
    "which\n"
    "it makes; prints \"now COMMAND\" when one holds and \"did FAULT\" when it has come.\n"
    "  pass                  nothing goes wrong; what is stalled goes on\n"
    "  latency MS            every byte comes so much later\n"
    "  slice BYTES           so many bytes in a segment\n"
    "  stall                 silence both ways, nothing is closed\n"
    "  reset                 RST to both sides\n"
    "  close client|server   FIN to that side alone\n"
    "  blackhole             bytes are taken and dropped, nothing is closed; not even `pass` "
    "helps\n"
    "The last four come to one connection, or with `each` to all; with `after BYTES` when so many\n"
    "have passed, with `behind TEXT` (no blank in it) counted from that text on, with `from "
    "server`\n"
    "of what the server sends.\n";

struct proxy {
    int listener;
    int fifo;
    struct sockaddr_in target;
    struct plan plan;
    struct relay relays[RELAYS_MAX];
    char line[LINE_BYTES];
    size_t line_length;
};

static struct proxy proxy;

__attribute__((noreturn)) static void fail(const char *what)
{
    (void)fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void say(const char *word, const char *text)
{
    (void)printf("%s %s\n", word, text);
    (void)fflush(stdout);
}

/* ---- commands */

static const char *const fault_names[] = {
    [FAULT_PASS] = "pass",           [FAULT_LATENCY] = "latency", [FAULT_SLICE] = "slice",
    [FAULT_STALL] = "stall",         [FAULT_RESET] = "reset",     [FAULT_CLOSE] = "close",
    [FAULT_BLACK_HOLE] = "blackhole"};

static int side_of(const char *word)
{
    return word != NULL && strcmp(word, "server") == 0 ? FROM_SERVER : FROM_CLIENT;
}

static uint64_t number_of(const char *word)
{
    return word != NULL ? strtoull(word, NULL, 10) : 0;
}

static void read_option(struct plan *plan, const char *word, char **rest)
{
    if (strcmp(word, "each") == 0) {
        plan->is_each = true;
    } else if (strcmp(word, "after") == 0) {
        plan->after = number_of(strtok_r(NULL, " ", rest));
    } else if (strcmp(word, "from") == 0) {
        plan->from = side_of(strtok_r(NULL, " ", rest));
    } else if (strcmp(word, "behind") == 0) {
        const char *text = strtok_r(NULL, " ", rest);
        (void)snprintf(plan->text, sizeof plan->text, "%s", text != NULL ? text : "");
        plan->text_length = strlen(plan->text);
    }
}

static bool read_plan(struct plan *plan, char *line)
{
    char *rest = NULL;
    const char *word = strtok_r(line, " ", &rest);
    *plan = (struct plan){.fault = FAULT_PASS};
    for (unsigned i = 0; word != NULL && i < sizeof fault_names / sizeof fault_names[0]; i++) {
        if (strcmp(word, fault_names[i]) == 0) {
            plan->fault = (enum fault)i;
            if (plan->fault == FAULT_LATENCY || plan->fault == FAULT_SLICE) {
                plan->amount = number_of(strtok_r(NULL, " ", &rest));
            } else if (plan->fault == FAULT_CLOSE) {
                plan->toward = side_of(strtok_r(NULL, " ", &rest));
            }
            while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
                read_option(plan, word, &rest);
            }
            return plan->fault != FAULT_SLICE || plan->amount > 0;
        }
    }
    return false;
}

static void obey(char *line)
{
    char said[LINE_BYTES];
    struct plan plan;
    (void)snprintf(said, sizeof said, "%s", line);
    if (!read_plan(&plan, line)) {
        say("cannot", said);
        return;
    }
    proxy.plan = plan;
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        relay_arm(&proxy.relays[i], &plan);
    }
    say("now", said);
}

static void read_commands(void)
{
    ssize_t n =
        read(proxy.fifo, proxy.line + proxy.line_length, sizeof proxy.line - 1 - proxy.line_length);
    char *end;
    proxy.line_length += n > 0 ? (size_t)n : 0;
    proxy.line[proxy.line_length] = '\0';
    while ((end = strchr(proxy.line, '\n')) != NULL) {
        *end = '\0';
        obey(proxy.line);
        proxy.line_length -= (size_t)(end + 1 - proxy.line);
        memmove(proxy.line, end + 1, proxy.line_length + 1);
    }
}

/* ---- connections */

static void take(void)
{
    int one = 1;
    int client = accept(proxy.listener, NULL, NULL);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct relay *r = proxy.relays;
    while (r < proxy.relays + RELAYS_MAX && relay_is_open(r)) {
        r++;
    }
    if (client < 0 || server < 0 || r == proxy.relays + RELAYS_MAX ||
        connect(server, (struct sockaddr *)&proxy.target, sizeof proxy.target) != 0) {
        (void)close(client);
        (void)close(server);
        return;
    }
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    relay_init(r, client, server, &proxy.plan);
}

static void step(struct relay *r, const struct pollfd fds[2])
{
    if (!relay_step(r, &proxy.plan, fds)) {
        return;
    }
    say("did", fault_names[proxy.plan.fault]);
    if (!proxy.plan.is_each) {
        /* What is stalled stays so: only a command changes that. */
        proxy.plan = (struct plan){.fault = FAULT_PASS};
        for (size_t i = 0; i < RELAYS_MAX; i++) {
            relay_disarm(&proxy.relays[i]);
        }
    }
}

static void serve(void)
{
    struct pollfd fds[2 + 2 * RELAYS_MAX];
    for (;;) {
        int64_t wait_ns = -1;
        fds[0] = (struct pollfd){.fd = proxy.listener, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = proxy.fifo, .events = POLLIN};
        for (size_t i = 0; i < RELAYS_MAX; i++) {
            int64_t its_ns = relay_wants(&proxy.relays[i], &proxy.plan, &fds[2 + 2 * i]);
            wait_ns = its_ns >= 0 && (wait_ns < 0 || its_ns < wait_ns) ? its_ns : wait_ns;
        }
        if (poll(fds, sizeof fds / sizeof fds[0], wait_ns < 0 ? -1 : (int)(wait_ns / 1000000 + 1)) <
                0 &&
            errno != EINTR) {
            fail("poll");
        }
        for (size_t i = 0; i < RELAYS_MAX; i++) {
            step(&proxy.relays[i], &fds[2 + 2 * i]);
        }
        if (fds[0].revents != 0) {
            take();
        }
        if (fds[1].revents != 0) {
            read_commands();
            for (size_t i = 0; i < RELAYS_MAX; i++) {
                step(&proxy.relays[i], &fds[2 + 2 * i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    int one = 1;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof own;
    char port[16];
    if (argc != 4) {
        (void)fputs(help, stderr);
        return 64;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    own.sin_port = htons((uint16_t)number_of(argv[1]));
    proxy.target = own;
    proxy.target.sin_port = htons((uint16_t)number_of(argv[2]));
    for (size_t i = 0; i < RELAYS_MAX; i++) {
        proxy.relays[i].fds[0] = -1;
    }
    if (mkfifo(argv[3], 0600) != 0 && errno != EEXIST) {
        fail(argv[3]);
    }
    /* For writing too, so that it never ends. */
    proxy.fifo = open(argv[3], O_RDWR | O_NONBLOCK | O_CLOEXEC);
    proxy.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy.fifo < 0 || proxy.listener < 0) {
        fail("open");
    }
    (void)setsockopt(proxy.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(proxy.listener, (struct sockaddr *)&own, sizeof own) != 0 ||
        listen(proxy.listener, RELAYS_MAX) != 0 ||
        getsockname(proxy.listener, (struct sockaddr *)&own, &length) != 0) {
        fail("listen");
    }
    (void)snprintf(port, sizeof port, "%u", ntohs(own.sin_port));
    say("listening on", port);
    serve();
}
