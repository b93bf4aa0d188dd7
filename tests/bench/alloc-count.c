/*
 * alloc-count.so: preloaded, counts calls of malloc, calloc, realloc and aligned_alloc by the
 * object that called, and writes "COUNT OBJECT" lines to $ALLOC_COUNT_FILE at the end. Memory that
 * libc takes is counted as that of whoever called libc.
 */
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX    256
#define NAME_MAX_BYTES 256
#define FRAMES_MAX     24

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

struct object {
    uintptr_t from;
    uintptr_t to;
    char name[NAME_MAX_BYTES];
    bool is_libc;
    atomic_ulong calls;
};

/* Only ever grows: readers need no lock. */
static struct object objects[OBJECTS_MAX];
static atomic_size_t object_count;
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong unknown_calls;
/* backtrace() allocates when it is first called. */
static _Thread_local bool is_tracing;

static struct object *find(uintptr_t address)
{
    size_t n = atomic_load_explicit(&object_count, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        if (address >= objects[i].from && address < objects[i].to) {
            return &objects[i];
        }
    }
    return NULL;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *opaque)
{
    uintptr_t address = *(uintptr_t *)opaque;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + segment->p_vaddr;
        size_t n = atomic_load(&object_count);
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && address >= from &&
            address < from + segment->p_memsz && n < OBJECTS_MAX) {
            objects[n].from = from;
            objects[n].to = from + segment->p_memsz;
            snprintf(objects[n].name, sizeof objects[n].name, "%s",
                     info->dlpi_name[0] ? info->dlpi_name : program_invocation_name);
            objects[n].is_libc = strstr(objects[n].name, "/libc.so") != NULL;
            atomic_store_explicit(&object_count, n + 1, memory_order_release);
            return 1;
        }
    }
    return 0;
}

static struct object *object_of(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;
    struct object *object = find(address);
    if (!object) {
        pthread_mutex_lock(&growing);
        object = find(address);
        if (!object && dl_iterate_phdr(add_object, &address)) {
            object = find(address);
        }
        pthread_mutex_unlock(&growing);
    }
    return object;
}

/* Whoever called libc, where libc called; frames 0 to 2 are in here. */
static struct object *behind_libc(struct object *libc)
{
    void *frames[FRAMES_MAX];
    struct object *object = libc;
    is_tracing = true;
    int n = backtrace(frames, FRAMES_MAX);
    for (int i = 3; i < n && object == libc; i++) {
        object = object_of(frames[i]);
    }
    is_tracing = false;
    return object;
}

static void count(const void *caller)
{
    struct object *object = object_of(caller);
    if (object && object->is_libc && !is_tracing) {
        object = behind_libc(object);
    }
    atomic_fetch_add_explicit(object ? &object->calls : &unknown_calls, 1, memory_order_relaxed);
}

#define EXPORT __attribute__((visibility("default")))

EXPORT void *malloc(size_t size)
{
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

EXPORT void *realloc(void *at, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_realloc(at, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **at, size_t alignment, size_t size)
{
    count(__builtin_return_address(0));
    *at = __libc_memalign(alignment, size);
    return *at ? 0 : 12;
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("ALLOC_COUNT_FILE");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) {
        return;
    }
    size_t n = atomic_load(&object_count);
    for (size_t i = 0; i < n; i++) {
        fprintf(file, "%lu %s\n", atomic_load(&objects[i].calls), objects[i].name);
    }
    fprintf(file, "%lu unknown\n", atomic_load(&unknown_calls));
    fclose(file);
}
