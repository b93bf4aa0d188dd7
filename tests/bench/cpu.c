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

double cpu_of_tree(pid_t pid)
{
    struct times t;
    unsigned long ticks = 0;
    if (!read_times(pid, &t)) {
        return 0;
    }
    ticks = t.user + t.sys + (unsigned long)(t.waited_user + t.waited_sys);
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
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
