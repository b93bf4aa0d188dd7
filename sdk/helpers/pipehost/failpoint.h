/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Named places where a process of a test build dies as by kill -9. PIPEHOST_FAILPOINT=NAME:N in the
 * environment ends it at the N-th pass (NAME alone: the first), NAME:N:stop stops it there until
 * SIGCONT; PIPEHOST_FAILPOINT=? lists each name on stderr when it is first passed. Without
 * PIPEHOST_FAILPOINTS at compile time there is nothing of this in the code. [any]
 */
#ifndef PIPEHOST_FAILPOINT_H
#define PIPEHOST_FAILPOINT_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void ph_failpoint_pass(const char *name, long *passes)
{
    const char *wanted = getenv("PIPEHOST_FAILPOINT");
    size_t length = strlen(name);
    long pass = __atomic_add_fetch(passes, 1, __ATOMIC_RELAXED);
    if (wanted == NULL) {
        return;
    }
    if (strcmp(wanted, "?") == 0 && pass == 1) {
        (void)fprintf(stderr, "failpoint %s\n", name);
    }
    if (strncmp(wanted, name, length) == 0 && (wanted[length] == ':' || wanted[length] == '\0')) {
        char *rest = NULL;
        long which = wanted[length] == ':' ? strtol(wanted + length + 1, &rest, 10) : 1;
        if (pass == which) {
            (void)raise(rest != NULL && strcmp(rest, ":stop") == 0 ? SIGSTOP : SIGKILL);
        }
    }
}

#ifdef PIPEHOST_FAILPOINTS

/* Counts passes of one place in the code: a name should stand in one place only. */
#define PH_FAILPOINT(name)                                                                         \
    do {                                                                                           \
        static long ph_failpoint_passes;                                                           \
        ph_failpoint_pass((name), &ph_failpoint_passes);                                           \
    } while (0)

#else

#define PH_FAILPOINT(name) ((void)0)

#endif
#endif
