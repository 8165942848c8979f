/*
 * linux-user/core_name.h: what the core file is called.
 */
#ifndef LINUX_USER_CORE_NAME_H
#define LINUX_USER_CORE_NAME_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* What a name may tell of the process. */
typedef struct CoreNameFacts {
    int sig;
    uint64_t limit;
    long pid, tid, host_pid, host_tid, uid, gid, dumpable, time, cpu;
    const char *comm, *exe, *host;
    bool uses_pid;                  /* core_uses_pid */
} CoreNameFacts;

/* The name that core_pattern makes of them. False: it is not to be a file. */
bool core_name(const char *pattern, const CoreNameFacts *f, char name[PATH_MAX]);

#endif
