/*
 * tests/guest/c/stress.c: everything at once. 64 threads in eight roles, each checking its own
 * results, while signals arrive every millisecond: a process timer, a timer to each of eight
 * threads, and the main thread killing the others in turn. Prints the same lines every time.
 *
 *   riscv64-linux-gnu-gcc -O1 -static -pthread -o stress stress.c -lm && rivet ./stress [rounds]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/cachectl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 64, ROLES = 8, GROUPS = THREADS / ROLES, PAGE = 4096 };

static long rounds = 100;
static _Atomic long failures, handled, finished;
static pthread_t thread[THREADS];
static pid_t tid[THREADS];
static pthread_barrier_t start;
static __thread volatile int marker;            /* the handler must see its own thread's */

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond) && atomic_fetch_add(&failures, 1) < 5) {                                       \
            fprintf(stderr, "stress.c:%d: %s, errno %d\n", __LINE__, #cond, errno);                \
        }                                                                                          \
    } while (0)

/* Spoils what a bad frame would not restore: fp registers, flags and mode, most integer registers.
 * */
static void on_signal(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    fesetround(sig & 1 ? FE_UPWARD : FE_TOWARDZERO);
    volatile double x = sig, y = 3;
    for (int i = 0; i < 5; i++) {
        x = x / y + (double)(uintptr_t)info;
    }
    feraiseexcept(FE_DIVBYZERO | FE_OVERFLOW);
    marker = marker + 1 - 1;
    atomic_fetch_add(&handled, 1);
    errno = saved;
}

/* ---- code that writes code ---- */

typedef long Fn(long);

/* a0 = a0 + n * k, as n times addi, then ret. */
static void write_code(uint32_t *p, int n, int k)
{
    for (int i = 0; i < n; i++) {
        p[i] = (uint32_t)k << 20 | 10 << 15 | 10 << 7 | 0x13;
    }
    p[n] = 0x8067;
}

static void flush(void *p, size_t size, long how)
{
    switch (how % 3) {
    case 0:
        __asm__ volatile("fence.i" ::: "memory");
        break;
    case 1:
        __riscv_flush_icache(p, (char *)p + size, 0);
        break;
    case 2:
        syscall(SYS_riscv_flush_icache, p, (char *)p + size, 1);
        break;
    }
}

static void *map(size_t size, int prot)
{
    void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static void role_private_code(int group)
{
    uint32_t *p = map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (long r = 0; r < rounds * 4; r++) {
        int n = 1 + (int)(r % 40), k = (int)((r * 7 + group) % 1000);
        write_code(p + r % 8, n, k);
        flush(p, PAGE, r);
        Fn *fn = (Fn *)(p + r % 8);
        CHECK(fn(5) == 5 + n * k);
        CHECK(fn(fn(1)) == 1 + 2 * n * k);
    }
    munmap(p, PAGE);
}

/* Written through one mapping of a file, run through another. */
static void role_aliased_code(int group)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
    uint32_t *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    CHECK(w != MAP_FAILED && x != MAP_FAILED);
    for (long r = 0; r < rounds * 4; r++) {
        int n = 1 + (int)(r % 30), k = (int)((r * 13 + group) % 1500);
        if (r % 5 == 4) {               /* and by a system call */
            uint32_t code[64];
            write_code(code, n, k);
            CHECK(pwrite(fd, code, sizeof(code), 0) == sizeof(code));
        } else {
            write_code(w, n, k);
        }
        flush(r & 1 ? w : x, PAGE, r);
        CHECK(((Fn *)x)(2) == 2 + n * k);
    }
    munmap(w, PAGE);
    munmap(x, PAGE);
    close(fd);
}

/* Code comes, moves and goes with its mapping; what comes next is often at the same address. */
static void role_mapped_code(int group)
{
    char *base = map(4 * PAGE, PROT_NONE);
    for (long r = 0; r < rounds * 2; r++) {
        int n = 1 + (int)(r % 20), k = (int)((r * 3 + group) % 700);
        uint32_t *p = map(PAGE, PROT_READ | PROT_WRITE);
        write_code(p, n, k);
        CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
        flush(p, PAGE, r);
        CHECK(((Fn *)p)(3) == 3 + n * k);
        if (r % 3 == 0) {
            CHECK(munmap(p, PAGE) == 0);
            continue;
        }
        char *to = base + PAGE * (r % 4);
        p = mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        CHECK((char *)p == to);
        flush(p, PAGE, r);
        CHECK(((Fn *)p)(4) == 4 + n * k);
        p = mmap(to, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        CHECK((char *)p == to);
    }
    munmap(base, 4 * PAGE);
}

/* The first thread of the role writes code for the others: two pages in turn. */
static struct {
    uint32_t *page[2];
    _Atomic long published;
    _Atomic long seen[GROUPS];
} shop;

static void role_shared_code(int group)
{
    long last = rounds;
    if (group == 0) {
        for (long gen = 1; gen <= last; gen++) {
            for (int g = 1; g < GROUPS; g++) {      /* who may still run the page's old code? */
                while (atomic_load(&shop.seen[g]) < gen - 2) {
                    sched_yield();
                }
            }
            write_code(shop.page[gen & 1], 1 + (int)(gen % 9), (int)(gen % 2000));
            flush(shop.page[gen & 1], PAGE, 1);     /* for all threads */
            atomic_store(&shop.published, gen);
        }
        return;
    }
    for (long gen = 0; gen < last;) {
        long now = atomic_load(&shop.published);
        if (now == gen) {
            sched_yield();
            continue;
        }
        gen++;
        CHECK(((Fn *)shop.page[gen & 1])(gen) == gen + (1 + gen % 9) * (gen % 2000));
        atomic_store(&shop.seen[group], gen);
    }
}

/* ---- the rest of a program's life ---- */

static struct {
    _Atomic uint64_t sum64;
    _Atomic uint32_t sum32;
    _Atomic uint16_t sum16;
    _Atomic uint8_t sum8;
    _Atomic uint64_t bits, cas;
    _Atomic int64_t max;
    _Atomic uint32_t lock;
    uint64_t locked;
} shared;

static void role_atomics(int group)
{
    for (long r = 0; r < rounds * 100; r++) {
        atomic_fetch_add(&shared.sum64, 0x100000001u);
        atomic_fetch_sub(&shared.sum32, 3);
        atomic_fetch_add(&shared.sum16, 5);
        atomic_fetch_add(&shared.sum8, 7);
        atomic_fetch_xor(&shared.bits, 1ull << (group + r % 8 * 8));
        uint64_t old = atomic_load(&shared.cas);
        while (!atomic_compare_exchange_weak(&shared.cas, &old, old * 3 + 1 - old * 2)) {
        }
        int64_t m = group * 1000 + r, seen = atomic_load(&shared.max);
        while (m > seen && !atomic_compare_exchange_weak(&shared.max, &seen, m)) {
        }
        while (atomic_exchange(&shared.lock, 1)) {
            sched_yield();
        }
        shared.locked += 2;
        atomic_store_explicit(&shared.lock, 0, memory_order_release);
    }
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long guarded;

static void *short_life(void *arg)
{
    marker = 77;
    pthread_mutex_lock(&mutex);
    guarded++;
    pthread_mutex_unlock(&mutex);
    CHECK(marker == 77);
    return (char *)arg + 1;
}

static void role_threads(int group)
{
    for (long r = 0; r < rounds / 2; r++) {
        pthread_t t[3];
        for (long i = 0; i < 3; i++) {
            CHECK(pthread_create(&t[i], NULL, short_life, (void *)(r + i)) == 0);
        }
        for (long i = 0; i < 3; i++) {
            void *result;
            CHECK(pthread_join(t[i], &result) == 0 && result == (void *)(r + i + 1));
        }
    }
}

static void role_fp(int group)
{
    static const int modes[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
    for (long r = 0; r < rounds * 10; r++) {
        volatile double third = 3, a = 1 + group;
        volatile float f = 1.5f + (float)group, g = 0;
        double want = 0, x = a;
        for (int pass = 0; pass < 2; pass++) {
            fesetround(modes[r & 3]);
            feclearexcept(FE_ALL_EXCEPT);
            x = a;
            float h = f;
            for (int i = 0; i < 300; i++) {
                x = x / third + a * 1.0000001;
                h = h * 0.5f + g * 0.25f;
                g = h;
            }
            CHECK(fegetround() == modes[r & 3]);
            CHECK(fetestexcept(FE_DIVBYZERO | FE_OVERFLOW) == 0);
            CHECK(fetestexcept(FE_INEXACT) != 0);
            g = 0;
            x += h;
            CHECK(pass == 0 || memcmp(&want, &x, sizeof(x)) == 0);
            want = x;
        }
    }
    fesetround(FE_TONEAREST);
}

static void full_io(bool out, int fd, char *p, size_t n)
{
    while (n) {
        ssize_t k = out ? write(fd, p, n) : read(fd, p, n);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        CHECK(k > 0);
        if (k <= 0) {
            return;
        }
        p += k;
        n -= (size_t)k;
    }
}

static int pipes[GROUPS / 2][2];

static void role_pipes(int group)
{
    static const struct timespec nap = { .tv_nsec = 200000 };
    char buf[1000];
    for (long r = 0; r < rounds; r++) {
        size_t n = 1 + (size_t)(r * 37 % 1000);
        if (group & 1) {
            full_io(false, pipes[group / 2][0], buf, n);
            for (size_t i = 0; i < n; i++) {
                CHECK(buf[i] == (char)(r + (long)i));
            }
        } else {
            for (size_t i = 0; i < n; i++) {
                buf[i] = (char)(r + (long)i);
            }
            full_io(true, pipes[group / 2][1], buf, n);
            int err = nanosleep(&nap, NULL);
            CHECK(err == 0 || errno == EINTR);
        }
    }
}

static void (*const roles[ROLES])(int group) = {
    role_private_code, role_aliased_code, role_mapped_code, role_shared_code,
    role_atomics,      role_threads,      role_fp,          role_pipes,
};

static void *thread_main(void *arg)
{
    int i = (int)(intptr_t)arg;
    tid[i] = (pid_t)syscall(SYS_gettid);
    if (i & 1) {
        stack_t ss = { .ss_sp = malloc(32768), .ss_size = 32768 };
        CHECK(sigaltstack(&ss, NULL) == 0);
    }
    marker = i;
    pthread_barrier_wait(&start);
    roles[i % ROLES](i / ROLES);
    CHECK(marker == i);
    atomic_fetch_add(&finished, 1);
    pthread_barrier_wait(&start);           /* so that the killer below finds all threads alive */
    return NULL;
}

static void start_timers(timer_t timers[GROUPS])
{
    struct itimerval every = { .it_interval.tv_usec = 1000, .it_value.tv_usec = 1000 };
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (int i = 0; i < GROUPS; i++) {
        struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 3 };
        ev._sigev_un._tid = tid[i * ROLES + i];
        struct itimerspec spec = { { 0, 1000000 }, { 0, 1000000 } };
        CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timers[i]) == 0);
        CHECK(timer_settime(timers[i], 0, &spec, NULL) == 0);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = atol(argv[1]);
    }
    struct sigaction sa = { .sa_sigaction = on_signal,
                            .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
    sigaction(SIGALRM, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    sa.sa_flags &= ~SA_RESTART;
    sigaction(SIGRTMIN + 3, &sa, NULL);
    for (int i = 0; i < 2; i++) {
        shop.page[i] = map(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    }
    for (int i = 0; i < GROUPS / 2; i++) {
        CHECK(pipe(pipes[i]) == 0);
    }
    pthread_barrier_init(&start, NULL, THREADS + 1);
    for (intptr_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&thread[i], NULL, thread_main, (void *)i) == 0);
    }
    pthread_barrier_wait(&start);
    timer_t timers[GROUPS];
    start_timers(timers);
    long kills = 0;
    while (atomic_load(&finished) < THREADS) {
        CHECK(pthread_kill(thread[kills++ % THREADS], SIGUSR1) == 0);
        usleep(1000);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    for (int i = 0; i < GROUPS; i++) {
        timer_delete(timers[i]);
    }
    pthread_barrier_wait(&start);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(thread[i], NULL) == 0);
    }
    uint64_t n = (uint64_t)rounds * 100 * GROUPS;
    CHECK(shared.sum64 == n * 0x100000001u);
    CHECK(shared.sum32 == (uint32_t)(0 - n * 3));
    CHECK(shared.sum16 == (uint16_t)(n * 5));
    CHECK(shared.sum8 == (uint8_t)(n * 7));
    CHECK(shared.cas == n);
    CHECK(shared.max == (GROUPS - 1) * 1000 + rounds * 100 - 1);
    CHECK(shared.locked == n * 2);
    CHECK(guarded == rounds / 2 * 3 * GROUPS);
    CHECK(handled >= kills / 2);
    printf("%ld threads finished, %ld failures\n", finished, failures);
    return failures != 0;
}
