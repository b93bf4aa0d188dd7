/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C11's threads over POSIX' for a process under ThreadSanitizer. gcc 12's runtime sees
 * pthread_create only: a thread that librdkafka makes with thrd_create has no state of it and
 * crashes at its first access. Preloaded, this makes such threads known. For tests only.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)start.function(start.argument);
}

__attribute__((visibility("default"))) int thrd_create(thrd_t *thread, thrd_start_t function,
                                                       void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL) {
        return thrd_nomem;
    }
    *start = (struct start){.function = function, .argument = argument};
    if (pthread_create(thread, NULL, run, start) != 0) {
        free(start);
        return thrd_error;
    }
    return thrd_success;
}

__attribute__((visibility("default"))) int thrd_join(thrd_t thread, int *result)
{
    void *value;
    if (pthread_join(thread, &value) != 0) {
        return thrd_error;
    }
    if (result != NULL) {
        *result = (int)(intptr_t)value;
    }
    return thrd_success;
}
