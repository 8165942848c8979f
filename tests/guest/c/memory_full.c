/* A program that has mapped all there is to map runs on: code that it never ran before, a signal,
 * a child; more threads it may be refused. Full is the address space, or the kernel's list of mappings (where that is short enough
 * to fill). Alone: rivet memory_full. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

enum { PAGE = 4096, FUNCTIONS = 30000, COUNT_MAX = 200000 };

typedef struct Function {
    uint32_t first, last;           /* addi a0, a0, 1; ret */
} Function;

static Function *functions;
static volatile sig_atomic_t seen;
static long mappings;               /* that fill the list */

static void handler(int sig)
{
    seen = sig;
}

static void fill_space(void)
{
    for (size_t size = (size_t)1 << 46; size >= PAGE; size /= 2) {
        while (mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) !=
               MAP_FAILED) {
        }
        CHECK(errno == ENOMEM);
    }
}

static void fill_list(void)
{
    long most = COUNT_MAX;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    if (f) {
        CHECK(fscanf(f, "%ld", &most) == 1);
        fclose(f);
    }
    for (mappings = 0; most < COUNT_MAX && mappings <= most; mappings++) {  /* no two are one */
        int prot = mappings & 1 ? PROT_READ : PROT_NONE;
        if (mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
            CHECK(errno == ENOMEM);
            return;
        }
    }
    CHECK(most >= COUNT_MAX);
    mappings = 0;
}

static int run_all(int x)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        x = ((int (*)(int))(uintptr_t)&functions[i])(x);
    }
    return x;
}

static void *thread_main(void *arg)
{
    return arg;
}

static void start_threads(void)
{
    enum { THREADS = 40 };          /* a refusal costs nothing that one of the next needs */
    static char stack[64 << 10] __attribute__((aligned(PAGE)));
    for (int i = 0; i < THREADS; i++) {
        pthread_attr_t attr;
        pthread_t thread;
        void *result = NULL;
        CHECK(pthread_attr_init(&attr) == 0);
        CHECK(pthread_attr_setstack(&attr, stack, sizeof(stack)) == 0);
        int err = pthread_create(&thread, &attr, thread_main, stack);
        CHECK(err == 0 || err == EAGAIN);
        CHECK(err || (pthread_join(thread, &result) == 0 && result == stack));
    }
}

/* Its own list, with all that it has filled, may be read. */
static void read_list(const char *path, long bytes)
{
    static char buf[64 << 10];
    long total = 0;
    FILE *f = fopen(path, "r");
    CHECK(f);
    for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;) {
        total += n;
    }
    CHECK(total >= bytes && !ferror(f));
    fclose(f);
}

static void full(void (*fill)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        fill();
        start_threads();
        read_list("/proc/self/maps", mappings * 40);
        read_list("/proc/self/smaps", mappings * 500);
        CHECK(run_all(1) == FUNCTIONS + 1);
        CHECK(signal(SIGUSR1, handler) != SIG_ERR && raise(SIGUSR1) == 0 && seen == SIGUSR1);
        if ((pid = fork()) == 0) {
            _exit(run_all(0) == FUNCTIONS ? 0 : 1);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
}

int main(void)
{
    functions = mmap(NULL, FUNCTIONS * sizeof(Function), PROT_READ | PROT_WRITE | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(functions != MAP_FAILED);
    for (int i = 0; i < FUNCTIONS; i++) {
        functions[i] = (Function){ 0x00150513, 0x00008067 };
    }
    __builtin___clear_cache((char *)functions, (char *)(functions + FUNCTIONS));
    full(fill_space);
    full(fill_list);
    return 0;
}
