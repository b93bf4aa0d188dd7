/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into pipehost: lets one call of the C library fail, once, and counts them.
 *
 *   CALLS_FAIL=NAME:N:ERRNO   the Nth call of NAME fails with this error, a number
 *   CALLS_COUNT=FILE          at the end, a line "NAME COUNT" for each
 *
 * `read` and `write` are those of regular files but for the log, `recv` and `send` those of
 * sockets, however they are called; `malloc` is what pipehost or one of its plugins allocates
 * itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum call {
    CALL_OPEN,
    CALL_READ,
    CALL_WRITE,
    CALL_FSYNC,
    CALL_RENAME,
    CALL_MKDIR,
    CALL_FTRUNCATE,
    CALL_SOCKET,
    CALL_CONNECT,
    CALL_SEND,
    CALL_RECV,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CTL,
    CALL_EPOLL_WAIT,
    CALL_EVENTFD,
    CALL_THREAD,
    CALL_MALLOC,
    CALL_COUNT
};

static const char *const names[CALL_COUNT] = {
    [CALL_OPEN] = "open",           [CALL_READ] = "read",
    [CALL_WRITE] = "write",         [CALL_FSYNC] = "fsync",
    [CALL_RENAME] = "rename",       [CALL_MKDIR] = "mkdir",
    [CALL_FTRUNCATE] = "ftruncate", [CALL_SOCKET] = "socket",
    [CALL_CONNECT] = "connect",     [CALL_SEND] = "send",
    [CALL_RECV] = "recv",           [CALL_EPOLL_CREATE] = "epoll_create",
    [CALL_EPOLL_CTL] = "epoll_ctl", [CALL_EPOLL_WAIT] = "epoll_wait",
    [CALL_EVENTFD] = "eventfd",     [CALL_THREAD] = "thread",
    [CALL_MALLOC] = "malloc"};

static atomic_ulong counts[CALL_COUNT];
static enum call failing = CALL_COUNT;
static unsigned long failing_at;
static int failing_with;
static bool is_ready; /* what the environment says is read */

__attribute__((constructor)) static void read_plan(void)
{
    const char *plan = getenv("CALLS_FAIL");
    char name[32];
    if (plan != NULL && sscanf(plan, "%31[^:]:%lu:%d", name, &failing_at, &failing_with) == 3) {
        for (unsigned i = 0; i < CALL_COUNT; i++) {
            failing = strcmp(names[i], name) == 0 ? (enum call)i : failing;
        }
    }
    is_ready = true;
}

__attribute__((destructor)) static void write_counts(void)
{
    const char *path = getenv("CALLS_COUNT");
    is_ready = false;
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    for (unsigned i = 0; file != NULL && i < CALL_COUNT; i++) {
        (void)fprintf(file, "%s %lu\n", names[i], atomic_load(&counts[i]));
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* True, with errno set: this call is to fail. */
static bool fails(enum call call)
{
    if (!is_ready || atomic_fetch_add(&counts[call], 1) + 1 != failing_at || call != failing) {
        return false;
    }
    errno = failing_with;
    return true;
}

/* What there would be without this file. */
#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL) {                                                                            \
        *(void **)&next = dlsym(RTLD_NEXT, #name);                                                 \
    }

/* CALL_COUNT: neither a file nor a socket, or the log. */
static enum call kind_of(int fd, enum call of_file, enum call of_socket)
{
    int kept = errno;
    struct stat st;
    enum call call = CALL_COUNT;
    if (fd > 2 && fstat(fd, &st) == 0) {
        call = S_ISREG(st.st_mode) ? of_file : (S_ISSOCK(st.st_mode) ? of_socket : CALL_COUNT);
    }
    errno = kept;
    return call;
}

static bool fails_on(int fd, enum call of_file, enum call of_socket)
{
    enum call call = kind_of(fd, of_file, of_socket);
    return call != CALL_COUNT && fails(call);
}

/* ---- files */

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        NEXT(name)                                                                                 \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_of(flags, args);                                                        \
        va_end(args);                                                                              \
        return fails(CALL_OPEN) ? -1 : next(path, flags, mode);                                    \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    EXPORT int name(int at, const char *path, int flags, ...)                                      \
    {                                                                                              \
        NEXT(name)                                                                                 \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_of(flags, args);                                                        \
        va_end(args);                                                                              \
        return fails(CALL_OPEN) ? -1 : next(at, path, flags, mode);                                \
    }
OPENAT(openat)
OPENAT(openat64)

EXPORT FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen)
    return fails(CALL_OPEN) ? NULL : next(path, mode);
}

EXPORT ssize_t read(int fd, void *data, size_t size)
{
    NEXT(read)
    return fails_on(fd, CALL_READ, CALL_RECV) ? -1 : next(fd, data, size);
}

EXPORT ssize_t pread(int fd, void *data, size_t size, off_t at)
{
    NEXT(pread)
    return fails_on(fd, CALL_READ, CALL_RECV) ? -1 : next(fd, data, size, at);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
    NEXT(write)
    return fails_on(fd, CALL_WRITE, CALL_SEND) ? -1 : next(fd, data, size);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    NEXT(pwrite)
    return fails_on(fd, CALL_WRITE, CALL_SEND) ? -1 : next(fd, data, size, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *parts, int count)
{
    NEXT(writev)
    return fails_on(fd, CALL_WRITE, CALL_SEND) ? -1 : next(fd, parts, count);
}

EXPORT int fsync(int fd)
{
    NEXT(fsync)
    return fails(CALL_FSYNC) ? -1 : next(fd);
}

EXPORT int fdatasync(int fd)
{
    NEXT(fdatasync)
    return fails(CALL_FSYNC) ? -1 : next(fd);
}

EXPORT int rename(const char *from, const char *to)
{
    NEXT(rename)
    return fails(CALL_RENAME) ? -1 : next(from, to);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir)
    return fails(CALL_MKDIR) ? -1 : next(path, mode);
}

EXPORT int ftruncate(int fd, off_t size)
{
    NEXT(ftruncate)
    return fails(CALL_FTRUNCATE) ? -1 : next(fd, size);
}

/* ---- sockets and waiting */

EXPORT int socket(int domain, int type, int protocol)
{
    NEXT(socket)
    return fails(CALL_SOCKET) ? -1 : next(domain, type, protocol);
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    NEXT(connect)
    return fails(CALL_CONNECT) ? -1 : next(fd, address, length);
}

EXPORT ssize_t send(int fd, const void *data, size_t size, int flags)
{
    NEXT(send)
    return fails(CALL_SEND) ? -1 : next(fd, data, size, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    NEXT(sendmsg)
    return fails(CALL_SEND) ? -1 : next(fd, message, flags);
}

EXPORT ssize_t recv(int fd, void *data, size_t size, int flags)
{
    NEXT(recv)
    return fails(CALL_RECV) ? -1 : next(fd, data, size, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    NEXT(recvmsg)
    return fails(CALL_RECV) ? -1 : next(fd, message, flags);
}

EXPORT int epoll_create1(int flags)
{
    NEXT(epoll_create1)
    return fails(CALL_EPOLL_CREATE) ? -1 : next(flags);
}

EXPORT int epoll_ctl(int epoll, int action, int fd, struct epoll_event *event)
{
    NEXT(epoll_ctl)
    return fails(CALL_EPOLL_CTL) ? -1 : next(epoll, action, fd, event);
}

EXPORT int epoll_wait(int epoll, struct epoll_event *events, int count, int ms)
{
    NEXT(epoll_wait)
    return fails(CALL_EPOLL_WAIT) ? -1 : next(epoll, events, count, ms);
}

EXPORT int epoll_pwait2(int epoll, struct epoll_event *events, int count,
                        const struct timespec *time, const sigset_t *signals)
{
    NEXT(epoll_pwait2)
    return fails(CALL_EPOLL_WAIT) ? -1 : next(epoll, events, count, time, signals);
}

EXPORT int eventfd(unsigned value, int flags)
{
    NEXT(eventfd)
    return fails(CALL_EVENTFD) ? -1 : next(value, flags);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *arg)
{
    NEXT(pthread_create)
    return fails(CALL_THREAD) ? failing_with : next(thread, attributes, start, arg);
}

/* ---- memory: the C library's own entries, as dlsym allocates */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *data, size_t size);

/* Main programs have no name there. */
static bool fails_for(void *caller)
{
    struct dl_find_object module;
    return failing == CALL_MALLOC && is_ready && _dl_find_object(caller, &module) == 0 &&
           (module.dlfo_link_map->l_name[0] == '\0' ||
            strstr(module.dlfo_link_map->l_name, "/lib/pipehost/") != NULL ||
            strstr(module.dlfo_link_map->l_name, "/modules/") != NULL) &&
           fails(CALL_MALLOC);
}

EXPORT void *malloc(size_t size)
{
    return fails_for(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return fails_for(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *data, size_t size)
{
    return fails_for(__builtin_return_address(0)) ? NULL : __libc_realloc(data, size);
}
