/* MAP_GROWSDOWN: a mapping grows when what lies below it is touched, and what it has grown by is
 * as much the program's as the rest: it can be unmapped, replaced, protected, and is in
 * /proc/self/maps. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096, ROOM = 2048 * PAGE, PAGES = 64 };
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* Two pages at the upper end of a hole. */
static char *growing(void)
{
    char *room = mmap(NULL, ROOM, PROT_NONE, ANON, -1, 0);
    CHECK(room != MAP_FAILED && munmap(room, ROOM) == 0);
    char *top = room + ROOM;
    CHECK(mmap(top - 2 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) ==
          top - 2 * PAGE);
    return top;
}

static int dies(char *at)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)at = 1;
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static uintptr_t start_in_maps(char *end)
{
    char line[200];
    unsigned long start = 0, stop = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f) && stop != (unsigned long)end) {
        CHECK(sscanf(line, "%lx-%lx", &start, &stop) == 2);
    }
    fclose(f);
    return stop == (unsigned long)end ? start : 0;
}

int main(void)
{
    char *top = growing();
    for (int i = 1; i <= PAGES; i++) {
        top[-i * PAGE] = (char)i;
    }
    CHECK(start_in_maps(top) == (uintptr_t)(top - PAGES * PAGE));

    CHECK(mmap(top - 20 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
          errno == EEXIST);
    CHECK(mmap(top - 20 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == top - 20 * PAGE);
    CHECK(top[-20 * PAGE] == 0 && top[-21 * PAGE] == 21 && top[-19 * PAGE] == 19);
    CHECK(munmap(top - 20 * PAGE, PAGE) == 0);

    CHECK(mprotect(top - 40 * PAGE, PAGE, PROT_READ) == 0);
    CHECK(top[-40 * PAGE] == 40 && dies(top - 40 * PAGE));
    CHECK(mprotect(top - 39 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN) < 0 || dies(top - 39 * PAGE));

    CHECK(madvise(top - PAGES * PAGE, PAGE, MADV_DONTNEED) == 0 && top[-PAGES * PAGE] == 0);
    CHECK(munmap(top - PAGES * PAGE, (PAGES - 2) * PAGE) == 0);
    CHECK(msync(top - 30 * PAGE, PAGE, MS_ASYNC) < 0 && errno == ENOMEM);
    CHECK(msync(top - PAGE, PAGE, MS_ASYNC) == 0);

    /* where something else lies nearer than the guard gap it does not grow */
    top = growing();
    CHECK(mmap(top - 8 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == top - 8 * PAGE);
    CHECK(dies(top - 4 * PAGE));
    return 0;
}
