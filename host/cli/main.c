/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "pipehost/abi.h"

#include <malloc.h>
#include <stdio.h>

/*
 * librdkafka allocates once for each message, on one thread, and frees on another. With glibc's
 * defaults the heap's top is given back and faulted in again all the time; these keep it.
 */
#define HEAP_KEEP_BYTES (64 * 1024 * 1024)

static void tune_heap(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_KEEP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEEP_BYTES);
    (void)mallopt(M_TOP_PAD, HEAP_KEEP_BYTES / 4);
}

int main(int argc, char **argv)
{
    struct options o;
    tune_heap();
    if (!options_parse(&o, argc, argv)) {
        return EXIT_STATUS_USAGE;
    }
    switch (o.command) {
    case COMMAND_HELP:
        options_print_help();
        return EXIT_STATUS_OK;
    case COMMAND_VERSION:
        (void)printf("pipehost %s (ABI %u.%u)\n", PH_SDK_VERSION, PH_ABI_MAJOR, PH_ABI_MINOR);
        return EXIT_STATUS_OK;
    case COMMAND_VALIDATE:
        return command_validate(&o);
    case COMMAND_CHECK:
        return command_check(&o);
    case COMMAND_INSPECT:
        return command_inspect(&o);
    case COMMAND_PLUGIN:
        return command_plugin(&o);
    case COMMAND_POSITIONS:
        return command_positions(&o);
    case COMMAND_STATUS:
        return command_status(&o);
    case COMMAND_DEADLETTER:
        return command_deadletter(&o);
    default:
        return command_run(&o);
    }
}
