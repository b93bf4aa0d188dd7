#include "cpu.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct times {
    pid_t parent;
    unsigned long user;
    unsigned long sys;
    long waited_user;
    long waited_sys;
};

static bool read_times(pid_t pid, struct times *t)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) {
        return false;
    }
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    /* The name in parentheses may hold anything. */
    const char *rest = strrchr(text, ')');
    return rest && sscanf(rest, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
                          &t->parent, &t->user, &t->sys, &t->waited_user, &t->waited_sys) == 5;
}

static unsigned long ticks_of_children(pid_t pid)
{
    struct times t;
    unsigned long ticks = 0;
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t child = (pid_t)atoi(entry->d_name);
        if (child > 0 && read_times(child, &t) && t.parent == pid) {
            ticks += t.user + t.sys;
        }
    }
    if (proc) {
        closedir(proc);
    }
    return ticks;
}

double cpu_of_tree(pid_t pid)
{
    struct times before;
    struct times after;
    unsigned long ticks;
    /* A child that ends while we look would be counted twice, or not at all. */
    do {
        if (!read_times(pid, &before)) {
            return 0;
        }
        ticks = ticks_of_children(pid);
        if (!read_times(pid, &after)) {
            return 0;
        }
    } while (before.waited_user != after.waited_user || before.waited_sys != after.waited_sys);
    ticks += after.user + after.sys + (unsigned long)(after.waited_user + after.waited_sys);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
