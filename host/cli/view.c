/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include "base/clock.h"
#include "base/paths.h"
#include "cli/table.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_LEFT_MIN 4u /* for the log */
#define COLUMNS_MIN   40u
#define OUTPUT_MAX    (256u * 1024u)
#define END_WAIT_MS   200

/* The scroll region is the whole screen again, the cursor where it was, below it nothing. */
#define RESTORE "\0337\033[r\0338\033[0m\033[J"

struct view {
    struct job_view job;
    int fd;
    bool ascii;
    bool is_shown;
    uint32_t rows; /* of the terminal when the region was set */
    uint32_t columns;
    uint32_t lines;
    struct buf out;
    size_t sent;
};

/* ---- signals: what puts the terminal in order when nobody else can ---- */

static atomic_int signal_fd = -1;      /* of the shown view, else -1 */
static atomic_bool signal_was_stopped; /* the view has to be set up again */

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT};

static void restore_now(void)
{
    int fd = atomic_load(&signal_fd);
    if (fd >= 0) {
        ssize_t put = write(fd, RESTORE, sizeof RESTORE - 1);
        (void)put;
    }
}

/* SA_RESETHAND: the second time is the default's. */
static void on_fatal(int number)
{
    restore_now();
    (void)raise(number);
}

static void on_stop(int number)
{
    int saved = errno;
    (void)number;
    restore_now();
    atomic_store(&signal_was_stopped, true);
    (void)kill(getpid(), SIGSTOP);
    errno = saved;
}

/* A handler that somebody has set already, a sanitizer's for one, stays. */
static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction now;
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        (void)sigaction(number, &action, NULL);
    }
}

static void handle_signals(void)
{
    for (size_t i = 0; i < sizeof fatal_signals / sizeof fatal_signals[0]; i++) {
        handle(fatal_signals[i], on_fatal, (int)SA_RESETHAND | SA_NODEFER);
    }
    handle(SIGTSTP, on_stop, SA_RESTART);
}

/* ---- output ---- */

/* True: all of it is with the terminal. */
static bool flush(struct view *v)
{
    while (v->sent < v->out.length) {
        ssize_t n = write(v->fd, v->out.data + v->sent, v->out.length - v->sent);
        if (n < 0 && errno == EAGAIN) {
            return false;
        }
        if (n < 0 && errno != EINTR) {
            break; /* the terminal is gone */
        }
        v->sent += n > 0 ? (size_t)n : 0;
    }
    buf_clear(&v->out);
    v->sent = 0;
    return true;
}

static void hide(struct view *v)
{
    if (v->is_shown) {
        buf_append_text(&v->out, RESTORE);
        v->is_shown = false;
        atomic_store(&signal_fd, -1);
    }
}

/* Makes room below the cursor, then keeps it out of the scrolling. */
static void set_up(struct view *v, uint32_t rows, uint32_t columns, uint32_t lines)
{
    for (uint32_t i = 0; i < lines; i++) {
        buf_append_text(&v->out, "\n");
    }
    buf_append_format(&v->out, "\033[%uA\0337\033[1;%ur\0338", lines, rows - lines);
    v->is_shown = true;
    v->rows = rows;
    v->columns = columns;
    v->lines = lines;
    atomic_store(&signal_fd, v->fd);
}

static void append_frame(struct view *v, const struct stats *s)
{
    const struct table_options o = {.columns = v->columns - 1, .ascii = v->ascii};
    buf_append_text(&v->out, "\0337");
    for (uint32_t line = 0; line < v->lines; line++) {
        const char *style = line == 0 ? "\033[1m" : line == 1 ? "\033[2m" : "";
        buf_append_format(&v->out, "\033[%u;1H\033[2K%s", v->rows - v->lines + line + 1, style);
        table_line(&v->out, s, line, &o);
        buf_append_text(&v->out, "\033[0m");
    }
    buf_append_text(&v->out, "\0338");
}

/* ---- what the job calls ---- */

static bool draw(void *arg, const struct stats *s)
{
    struct view *v = arg;
    struct winsize size;
    uint32_t lines = table_lines(s->operator_count);
    if (!flush(v) || ioctl(v->fd, TIOCGWINSZ, &size) != 0) {
        return v->is_shown;
    }
    if (atomic_exchange(&signal_was_stopped, false)) {
        v->is_shown = false;
    }
    if (v->is_shown && (v->rows != size.ws_row || v->columns != size.ws_col)) {
        hide(v);
    }
    if (size.ws_row < lines + ROWS_LEFT_MIN || size.ws_col < COLUMNS_MIN) {
        hide(v);
    } else {
        if (!v->is_shown) {
            set_up(v, size.ws_row, size.ws_col, lines);
        }
        append_frame(v, s);
    }
    (void)flush(v);
    return v->is_shown;
}

static void end(void *arg)
{
    struct view *v = arg;
    int64_t until_ns = clock_monotonic_ns() + END_WAIT_MS * CLOCK_NS_PER_MS;
    hide(v);
    while (!flush(v) && clock_monotonic_ns() < until_ns) {
        struct pollfd p = {.fd = v->fd, .events = POLLOUT};
        (void)poll(&p, 1, END_WAIT_MS);
    }
}

/* ---- the view ---- */

bool view_is_possible(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && term != NULL && term[0] != '\0' &&
           strcmp(term, "dumb") != 0;
}

struct view *view_create(void)
{
    char path[64];
    struct view *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return NULL;
    }
    (void)snprintf(path, sizeof path, PATHS_OWN_FD, STDERR_FILENO);
    v->fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (v->fd < 0) {
        free(v);
        return NULL;
    }
    v->job = (struct job_view){.arg = v, .draw = draw, .end = end};
    v->ascii = table_needs_ascii();
    buf_init(&v->out, OUTPUT_MAX);
    handle_signals();
    return v;
}

void view_destroy(struct view *v)
{
    if (v != NULL) {
        end(v);
        (void)close(v->fd);
        buf_fini(&v->out);
        free(v);
    }
}

const struct job_view *view_job(const struct view *v)
{
    return v != NULL ? &v->job : NULL;
}
