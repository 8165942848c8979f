/*
 * leaks.c: what a program does again and again for a day leaves nothing behind: mappings of all
 * kinds, as many as the kernel gives; code that comes and goes; threads; processes; signals. The
 * memory of the process, the emulator's part included, is what it was. The figures: leaks KIND
 * [ROUNDS]. Passes natively as well.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static int verbose;

/* Kilobytes in a line of /proc/self/status. */
static long status_of(const char *what)
{
    char line[200];
    long n = -1;
    FILE *f = fopen("/proc/self/status", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, what, strlen(what)) == 0) {
            n = atol(line + strlen(what));
        }
    }
    fclose(f);
    CHECK(n >= 0);
    return n;
}

/* Kernels from 6.2 to 6.15 tell VmRSS from a counter that may be off by so many kilobytes. */
static long noise(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_CONF), batch = cpus > 16 ? 2 * cpus : 32;
    return cpus * batch * PAGE / 1024;
}

/* ---- what is done ---- */

/* As many mappings as there may be: neighbours differ, so that none are joined. Then holes,
 * changes, moves, and all goes at once. */
static void mappings(long n)
{
    static const int prots[] = { PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
                                 PROT_NONE, PROT_READ | PROT_WRITE | PROT_EXEC };
    char *room = mmap(NULL, n * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    CHECK(room != MAP_FAILED);
    long made = 0;
    while (made < n && mprotect(room + made * PAGE, PAGE, prots[made % 5]) == 0) {
        made++;
    }
    CHECK(made == n || errno == ENOMEM);
    if (verbose) {
        printf("%ld mappings\n", made);
    }
    CHECK(munmap(room + made / 4 * PAGE, made / 4 * PAGE) == 0);    /* one call ends thousands */
    for (long i = 0; i < made / 4; i += 16) {
        CHECK(munmap(room + i * PAGE, PAGE) == 0);
        CHECK(mmap(room + i * PAGE, PAGE, prots[(i + 1) % 5], ANON | MAP_FIXED, -1, 0) ==
              room + i * PAGE);
        char *to = mremap(room + i * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
        CHECK(to != MAP_FAILED && munmap(to, 2 * PAGE) == 0);
    }
    CHECK(munmap(room, n * PAGE) == 0);
}

/* The ordinary day of an allocator. */
static void churn(long n)
{
    for (long i = 0; i < n; i++) {
        size_t size = (1 + i % 7) * PAGE;
        char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, ANON, -1, 0);
        CHECK(p != MAP_FAILED);
        *p = 1;
        if (i % 3 == 0) {
            CHECK(mprotect(p, PAGE, PROT_READ) == 0);
        } else if (i % 5 == 0) {
            CHECK((p = mremap(p, size, 3 * PAGE, MREMAP_MAYMOVE)) != MAP_FAILED);
            size = 3 * PAGE;
        }
        CHECK(munmap(p, size) == 0);
    }
}

/* Code is made, runs, and goes. */
static void code(long n)
{
#ifdef __riscv
    for (long i = 0; i < n; i++) {
        uint32_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
        CHECK(p != MAP_FAILED);
        uint32_t value = i & 0x7ff;
        p[0] = 0x00000513 | value << 20;            /* li a0, value */
        p[1] = 0x00008067;                          /* ret */
        CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
        __asm__ volatile("fence.i" ::: "memory");
        CHECK(((uint32_t(*)(void))p)() == value);
        CHECK(munmap(p, PAGE) == 0);
    }
#endif
}

static void *nothing(void *arg)
{
    return arg;
}

static void threads(long n)
{
    pthread_t t[4];
    for (long i = 0; i < n; i += 4) {
        for (int j = 0; j < 4; j++) {
            CHECK(pthread_create(&t[j], NULL, nothing, NULL) == 0);
        }
        for (int j = 0; j < 4; j++) {
            CHECK(pthread_join(t[j], NULL) == 0);
        }
    }
}

static void *meet(void *gate)
{
    pthread_barrier_wait(gate);
    return NULL;
}

/* More threads at once than anybody keeps the memory of: later ones that overlap, because the
 * machine is busy, need no more. */
static void crowd(long n)
{
    pthread_t t[64];
    pthread_barrier_t gate;
    CHECK(pthread_barrier_init(&gate, NULL, 64) == 0);
    for (int i = 0; i < 64; i++) {
        CHECK(pthread_create(&t[i], NULL, meet, &gate) == 0);
    }
    for (int i = 0; i < 64; i++) {
        CHECK(pthread_join(t[i], NULL) == 0);
    }
    threads(n);
}

static void processes(long n)
{
    for (long i = 0; i < n; i++) {
        int status;
        pid_t pid = i & 1 ? vfork() : fork();
        if (pid == 0) {
            _exit(3);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
    }
}

static volatile sig_atomic_t taken;

static void take(int sig, siginfo_t *info, void *context)
{
    taken++;
}

static void signals(long n)
{
    struct sigaction sa = { .sa_sigaction = take, .sa_flags = SA_SIGINFO };
    sigset_t set;
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGRTMIN, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    taken = 0;
    for (long i = 0; i < n; i += 4) {
        CHECK(raise(SIGUSR1) == 0 && raise(SIGUSR1) == 0);
        sigprocmask(SIG_BLOCK, &set, NULL);         /* two wait */
        CHECK(raise(SIGRTMIN) == 0 && raise(SIGRTMIN) == 0);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
    CHECK(taken == n);
}

/* ---- what is left ---- */

static const struct {
    const char *name;
    void (*first)(long n);          /* before: what is kept for the next time is there then */
    long n_first;
    void (*run)(long n);
    long n;
    long most;                      /* kilobytes more than before that are no leak */
} kinds[] = {
    { "mappings", mappings, 100000, mappings, 100000, 1024 },
    { "churn", churn, 2000, churn, 20000, 1024 },
    { "code", code, 400, code, 4000, 1280 },
    { "threads", crowd, 1000, threads, 10000, 2048 },
    { "processes", processes, 100, processes, 400, 1024 },
    { "signals", signals, 1000, signals, 10000, 1024 },
};

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 1;
    verbose = argc > 2;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (argc > 1 && strcmp(argv[1], kinds[i].name) != 0) {
            continue;
        }
        kinds[i].first(kinds[i].n_first);
        long rss = status_of("VmRSS:"), data = status_of("VmData:");
        for (int r = 0; r < rounds; r++) {
            kinds[i].run(kinds[i].n);
        }
        rss = status_of("VmRSS:") - rss;
        data = status_of("VmData:") - data;
        if (verbose) {
            printf("%-10s %7ld times: %ld KiB resident, %ld KiB of data more\n", kinds[i].name,
                   kinds[i].n * rounds, rss, data);
        }
        if (rss > kinds[i].most + noise() || data > kinds[i].most) {
            printf("%s: %ld KiB resident, %ld KiB of data more\n", kinds[i].name, rss, data);
            return 1;
        }
    }
    return 0;
}
