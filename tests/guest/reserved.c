/*
 * -R SIZE: nothing of the guest is at or above SIZE, wherever it comes from. argv: SIZE in hex, and
 * what the mmu line of /proc/cpuinfo says.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "c/check.h"

enum {
    RW = PROT_READ | PROT_WRITE,
    ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
    PAGE = 4096
};
static uintptr_t limit;

static int below(const void *p, size_t len)
{
    return p != MAP_FAILED && (uintptr_t)p <= limit - len;
}

static void *anywhere(size_t len)
{
    return mmap(NULL, len, RW, ANON, -1, 0);
}

static void maps_are_below(void)
{
    char line[512];
    uintptr_t start, end, last = 0;
    int stacks = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2 && start >= last && end <= limit);
        stacks += strstr(line, "[stack]") != NULL;
        last = end;
    }
    CHECK(stacks == 1 && last == limit);
    fclose(f);
}

static void identity(const char *mmu)
{
    char text[4096] = "", want[64];
    struct { int64_t key; uint64_t value; } pair = { 7 };       /* highest virtual address */
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(want, sizeof(want), "mmu\t\t: %s\n", mmu);
    CHECK(fread(text, 1, sizeof(text) - 1, f) > 0 && strstr(text, want));
    fclose(f);
    CHECK(syscall(258, &pair, 1L, 0L, NULL, 0L) == 0 && pair.value == limit);
    CHECK(getauxval(AT_SYSINFO_EHDR) < limit && getauxval(AT_BASE) < limit);
    CHECK((uintptr_t)&text < limit && (uintptr_t)identity < limit);
}

static void fixed_and_hints(void)
{
    int flags = ANON | MAP_FIXED;
    FAILS(ENOMEM, mmap((void *)limit, PAGE, RW, flags, -1, 0));
    FAILS(ENOMEM, mmap((void *)limit, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    FAILS(ENOMEM, mmap((void *)(limit - 4 * PAGE), 8 * PAGE, RW, flags, -1, 0));
    FAILS(ENOMEM, mmap(NULL, limit, PROT_NONE, ANON, -1, 0));
    CHECK(below(mmap((void *)limit, PAGE, RW, ANON, -1, 0), PAGE));
    CHECK(below(mmap((void *)(limit * 2), PAGE, RW, ANON, -1, 0), PAGE));
    char *p = anywhere(4 * PAGE);
    CHECK(munmap(p, 4 * PAGE) == 0);
    CHECK(mmap(p + PAGE, PAGE, RW, ANON, -1, 0) == p + PAGE);   /* a hint that can be had */
    CHECK(below(mmap(p + PAGE, PAGE, RW, ANON, -1, 0), PAGE));  /* and one that can not */
    FAILS(EINVAL, munmap((void *)limit, PAGE));
    FAILS(ENOMEM, mprotect((void *)limit, PAGE, RW));
}

/* As a kernel fills it: the highest room first, what was freed as well. */
static void from_the_top(void)
{
    enum { N = 64 };
    char *p[N];
    for (int i = 0; i < N; i++) {
        p[i] = anywhere(PAGE * (1 + i % 5));
        CHECK(below(p[i], PAGE * 5) && (i < 8 || p[i] < p[0]));
    }
    munmap(p[5], PAGE);
    CHECK(anywhere(PAGE) == p[5]);
    munmap(p[24], 5 * PAGE);
    munmap(p[39], 5 * PAGE);
    CHECK(anywhere(5 * PAGE) == p[24]);
    CHECK(anywhere(5 * PAGE) == p[39]);
    for (int i = 0; i < N; i++) {
        CHECK(munmap(p[i], PAGE * (1 + i % 5)) == 0);
    }
}

/* All of it, in pieces that become smaller; then it can be had again. */
static void to_the_last(void)
{
    enum { MAX = 4096 };
    static struct { char *p; size_t size; } piece[MAX];
    size_t total[2] = { 0 };
    for (int round = 0; round < 2; round++) {
        int n = 0;
        for (size_t size = limit / 2; size >= 1 << 20; size /= 2) {
            char *p;
            while (n < MAX && (p = mmap(NULL, size, PROT_NONE, ANON, -1, 0)) != MAP_FAILED) {
                CHECK(below(p, size));
                piece[n].p = p;
                piece[n++].size = size;
                total[round] += size;
            }
            CHECK(errno == ENOMEM);
        }
        while (n--) {
            CHECK(munmap(piece[n].p, piece[n].size) == 0);
        }
    }
    CHECK(total[0] > limit / 2 && total[0] == total[1]);
}

static void moves(void)
{
    char *p = anywhere(2 * PAGE), *q;
    p[0] = 'x';
    p[PAGE] = 'y';
    q = mremap(p, 2 * PAGE, 1 << 20, MREMAP_MAYMOVE);
    CHECK(below(q, 1 << 20) && q[0] == 'x' && q[PAGE] == 'y' && !q[(1 << 20) - 1]);
    p = mremap(q, 1 << 20, 1 << 20, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(below(p, 1 << 20) && p != q && p[0] == 'x' && !q[0]);
    munmap(q, 1 << 20);
    CHECK(mremap(p, 1 << 20, 1 << 19, 0) == p);
    CHECK(mremap(p, 1 << 19, 1 << 20, 0) == p);         /* grows where it is */
    FAILS(ENOMEM, mremap(p, 1 << 20, limit - (1 << 20), MREMAP_MAYMOVE));
    FAILS(EINVAL, mremap(p, 1 << 20, 1 << 20, MREMAP_MAYMOVE | MREMAP_FIXED, limit));
    CHECK(p[0] == 'x' && munmap(p, 1 << 20) == 0);
    p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    q = mremap(p, 0, PAGE, MREMAP_MAYMOVE);             /* a second view */
    CHECK(below(q, PAGE) && p != q);
    *p = 1;
    CHECK(*q == 1);
    int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    if (id >= 0) {
        p = shmat(id, NULL, 0);
        q = shmat(id, NULL, 0);
        FAILS(EINVAL, shmat(id, (void *)limit, 0));
        shmctl(id, IPC_RMID, NULL);
        CHECK(below(p, 3 * PAGE) && below(q, 3 * PAGE) && p != q);
        *p = 2;
        CHECK(*q == 2 && shmdt(p) == 0 && shmdt(q) == 0);
    }
}

static void *thread(void *arg)
{
    volatile char here[1 << 16];
    here[0] = 1;
    return (void *)(uintptr_t)here;
}

static void grow_stack(int n)
{
    volatile char page[1 << 16];
    page[0] = 1;
    CHECK((uintptr_t)page < limit);
    if (n) {
        grow_stack(n - 1);
    }
    page[1] = 1;
}

int main(int argc, char **argv)
{
    limit = strtoul(argv[1], NULL, 16);
    identity(argv[2]);
    maps_are_below();
    fixed_and_hints();
    from_the_top();
    to_the_last();
    moves();
    grow_stack(argc > 3 ? 0 : 32);
    pthread_t t;
    void *at;
    CHECK(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, &at) == 0);
    CHECK((uintptr_t)at < limit && (uintptr_t)sbrk(1 << 20) < limit - (1 << 20) &&
          below(malloc(1 << 20), 1 << 20));
    maps_are_below();
    if (argc == 3) {                            /* programs that it starts have it as well */
        pid_t pid = fork();
        int status;
        if (pid == 0) {
            execl("/proc/self/exe", argv[0], argv[1], argv[2], "child", NULL);
            _exit(127);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        puts("ok");
    }
    return 0;
}
