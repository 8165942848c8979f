/* The first thread's stack grows when it is used, as far as RLIMIT_STACK allows at that moment;
 * what it has grown by shows in /proc/self/maps, and can be protected. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { FRAME = 4096 };

static __attribute__((noinline)) char *deep(size_t bytes)
{
    volatile char frame[FRAME];
    frame[0] = 1;
    char *lowest = bytes > FRAME ? deep(bytes - FRAME) : (char *)&frame[0];
    frame[1] = 2;
    return lowest;
}

static size_t stack_in_maps(void)
{
    char line[300];
    unsigned long start, end;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, "[stack]")) {
            CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
            CHECK(start <= (uintptr_t)line && (uintptr_t)line < end);
            fclose(f);
            return end - start;
        }
    }
    CHECK(!"no stack");
    return 0;
}

/* How a child ends that goes so deep. */
static int goes(size_t bytes)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        deep(bytes);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void limit(size_t soft)
{
    struct rlimit lim;
    CHECK(getrlimit(RLIMIT_STACK, &lim) == 0);
    lim.rlim_cur = soft;
    if (lim.rlim_max != RLIM_INFINITY && lim.rlim_max < soft) {
        exit(0);                        /* not to be tried here */
    }
    CHECK(setrlimit(RLIMIT_STACK, &lim) == 0);
}

int main(int argc, char **argv)
{
    const size_t MB = 1 << 20;
    if (argc == 1) {                    /* begin with a limit that is known */
        limit(8 * MB);
        execl("/proc/self/exe", argv[0], "again", NULL);
        CHECK(!"execl");
    }
    CHECK(stack_in_maps() < 2 * MB);
    char *lowest = deep(4 * MB);
    CHECK(stack_in_maps() >= 4 * MB && stack_in_maps() < 8 * MB);
    char *page = (char *)(((uintptr_t)lowest + 8192) & ~(uintptr_t)4095);
    CHECK(mprotect(page, 4096, PROT_READ) == 0 &&
          mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
    deep(4 * MB);

    CHECK(goes(7 * MB) == 0);
    CHECK(goes(9 * MB) == SIGSEGV || goes(9 * MB) == (SIGSEGV | 0x80));
    limit(32 * MB);                     /* as compilers do */
    CHECK(goes(24 * MB) == 0);
    limit(5 * MB);
    CHECK(goes(3 * MB) == 0 && goes(7 * MB) != 0);

    pthread_attr_t attr;
    void *base;
    size_t size;
    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
    CHECK(pthread_attr_getstack(&attr, &base, &size) == 0);
    CHECK((char *)base < lowest && (char *)base + size > (char *)&attr);
    return 0;
}
