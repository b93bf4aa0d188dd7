/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_queue.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_SIZE     (256u * 1024u) /* a power of two */
#define STALL_NS       (50 * CLOCK_NS_PER_MS)
#define FLUSH_STALL_NS (500 * CLOCK_NS_PER_MS)
#define FLUSH_NS       (5 * CLOCK_NS_PER_S)
#define STACK_SIZE     (256u * 1024u)

static struct {
    pthread_once_t once;
    pthread_mutex_t mutex;
    pthread_cond_t filled; /* a line came */
    pthread_cond_t moved;  /* a line went */
    size_t head;           /* both run freely; bytes [head, tail) are lines in front of which */
    size_t tail;           /* stands their length */
    uint64_t put_count;
    uint64_t done_count; /* lines that were written, or that no descriptor takes */
    uint64_t dropped;    /* since the last line that told it */
    int fd;
    bool has_thread;
    bool stalled; /* somebody waited in vain, and the queue has not been empty since */
    char bytes[QUEUE_SIZE];
} queue = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO};

static void copy_in(const void *data, size_t length)
{
    size_t at = queue.tail % QUEUE_SIZE;
    size_t first = length < QUEUE_SIZE - at ? length : QUEUE_SIZE - at;
    memcpy(queue.bytes + at, data, first);
    memcpy(queue.bytes, (const char *)data + first, length - first);
    queue.tail += length;
}

static void copy_out(void *data, size_t length)
{
    size_t at = queue.head % QUEUE_SIZE;
    size_t first = length < QUEUE_SIZE - at ? length : QUEUE_SIZE - at;
    memcpy(data, queue.bytes + at, first);
    memcpy((char *)data + first, queue.bytes, length - first);
    queue.head += length;
}

static bool has_room(size_t length)
{
    return QUEUE_SIZE - (queue.tail - queue.head) >= sizeof length + length;
}

static void push(const struct log_line *line)
{
    copy_in(&line->length, sizeof line->length);
    copy_in(line->data, line->length);
    queue.put_count++;
    (void)pthread_cond_signal(&queue.filled);
}

static void push_dropped(void)
{
    struct log_line note;
    log_queue_describe(&note, queue.dropped);
    if (has_room(note.length)) {
        queue.dropped = 0;
        push(&note);
    }
}

/* ---- the thread ---- */

static void write_line(int fd, const struct log_line *line)
{
    for (size_t done = 0; done < line->length;) {
        ssize_t n = write(fd, line->data + done, line->length - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd wanted = {.fd = fd, .events = POLLOUT};
            (void)poll(&wanted, 1, -1);
        } else if (n == 0 || errno != EINTR) {
            return; /* nobody is left to tell */
        }
    }
}

static void *write_lines(void *unused)
{
    struct log_line line;
    (void)pthread_mutex_lock(&queue.mutex);
    for (;;) {
        if (queue.head == queue.tail && queue.dropped > 0) {
            push_dropped();
        }
        while (queue.head == queue.tail) {
            queue.stalled = false;
            (void)pthread_cond_wait(&queue.filled, &queue.mutex);
        }
        copy_out(&line.length, sizeof line.length);
        copy_out(line.data, line.length);
        int fd = queue.fd;
        (void)pthread_mutex_unlock(&queue.mutex);
        write_line(fd, &line);
        (void)pthread_mutex_lock(&queue.mutex);
        queue.done_count++;
        (void)pthread_cond_broadcast(&queue.moved);
    }
    return unused;
}

static bool create_thread(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    /* A signal must find the thread that reads signals, and no other. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
              pthread_attr_setstacksize(&attr, STACK_SIZE) == 0 &&
              pthread_create(&thread, &attr, write_lines, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    if (ok) {
        (void)pthread_setname_np(thread, "ph-log");
    }
    return ok;
}

static void start(void)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&queue.filled, &attr);
    (void)pthread_cond_init(&queue.moved, &attr);
    (void)pthread_condattr_destroy(&attr);
    bool ok = create_thread() && atexit(log_queue_flush) == 0;
    (void)pthread_mutex_lock(&queue.mutex);
    queue.has_thread = ok;
    (void)pthread_mutex_unlock(&queue.mutex);
}

/* ---- those who log ---- */

/* One sleep until a line went. False: it is later than at_ns. Locked. */
static bool wait_moved(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / CLOCK_NS_PER_S, .tv_nsec = at_ns % CLOCK_NS_PER_S};
    return pthread_cond_timedwait(&queue.moved, &queue.mutex, &at) != ETIMEDOUT;
}

static bool wait_for_room(size_t length)
{
    int64_t until_ns = clock_monotonic_ns() + STALL_NS;
    while (!has_room(length) && !queue.stalled) {
        queue.stalled = !wait_moved(until_ns);
    }
    return has_room(length);
}

static void wait_for_line(uint64_t number)
{
    int64_t until_ns = clock_monotonic_ns() + STALL_NS;
    while (queue.done_count < number && !queue.stalled) {
        queue.stalled = !wait_moved(until_ns);
    }
}

/* The process can have no more threads: it writes itself what stderr takes at once. Locked. */
static void put_without_thread(const struct log_line *line)
{
    struct pollfd wanted = {.fd = queue.fd, .events = POLLOUT};
    if (poll(&wanted, 1, queue.stalled ? 0 : (int)(STALL_NS / CLOCK_NS_PER_MS)) <= 0) {
        queue.stalled = true;
        queue.dropped++;
        return;
    }
    queue.stalled = false;
    if (queue.dropped > 0) {
        struct log_line note;
        log_queue_describe(&note, queue.dropped);
        queue.dropped = 0;
        write_line(queue.fd, &note);
    }
    write_line(queue.fd, line);
}

void log_queue_put(const struct log_line *line, bool wait)
{
    (void)pthread_once(&queue.once, start);
    (void)pthread_mutex_lock(&queue.mutex);
    if (!queue.has_thread) {
        put_without_thread(line);
    } else if (!wait_for_room(line->length)) {
        queue.dropped++;
    } else {
        if (queue.dropped > 0) {
            push_dropped();
        }
        if (has_room(line->length)) {
            push(line);
        } else {
            queue.dropped++;
        }
        if (wait) {
            wait_for_line(queue.put_count);
        }
    }
    (void)pthread_mutex_unlock(&queue.mutex);
}

void log_queue_flush(void)
{
    (void)pthread_mutex_lock(&queue.mutex);
    int64_t now_ns = clock_monotonic_ns();
    int64_t end_ns = now_ns + FLUSH_NS;
    int64_t stall_ns = now_ns + FLUSH_STALL_NS;
    uint64_t done = queue.done_count;
    while (queue.has_thread && queue.done_count < queue.put_count && now_ns < end_ns) {
        if (!wait_moved(stall_ns < end_ns ? stall_ns : end_ns) && queue.done_count == done) {
            break;
        }
        done = queue.done_count;
        now_ns = clock_monotonic_ns();
        stall_ns = now_ns + FLUSH_STALL_NS;
    }
    (void)pthread_mutex_unlock(&queue.mutex);
}

void log_queue_set_fd(int fd)
{
    (void)pthread_mutex_lock(&queue.mutex);
    queue.fd = fd;
    (void)pthread_mutex_unlock(&queue.mutex);
}
