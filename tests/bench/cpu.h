/* The CPU time of a process, its children that are alive and those that it has waited for. */
#ifndef TESTS_BENCH_CPU_H
#define TESTS_BENCH_CPU_H

#include <sys/types.h>

/* Seconds, user and system; 0 when there is no such process. */
double cpu_of_tree(pid_t pid);

#endif
