/* 64 threads, a signal every half millisecond to the process and to single threads, and each thread
 * writes code, runs it and changes it. Nothing may be lost, torn or stale. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 64, ROUNDS = 300 };

static _Atomic long alarms, usr1s, rts, wrong;
static _Atomic int done;
static pthread_barrier_t start;
static __thread volatile uint64_t canary[8];

/* A handler that uses every kind of register, so that a bad frame shows in the interrupted code. */
static void on_alarm(int sig, siginfo_t *info, void *context)
{
    double x = sig;
    for (int i = 0; i < 10; i++) {
        x = x * 1.25 + (double)(uintptr_t)context;
    }
    if (x < 0) {
        atomic_fetch_add(&wrong, 1);
    }
    atomic_fetch_add(sig == SIGALRM ? &alarms : sig == SIGUSR1 ? &usr1s : &rts, 1);
}

static uint32_t addi(unsigned rd, unsigned rs, int imm)
{
    return (uint32_t)imm << 20 | rs << 15 | rd << 7 | 0x13;
}

/* Arithmetic whose result tells whether a register was lost on the way. */
static __attribute__((noinline)) uint64_t mix(uint64_t n)
{
    asm volatile("" : "+r"(n));
    uint64_t a = n, b = ~n, c = n * 3, d = 7, e = 11, f = 13, g = 17, h = 19;
    double x = 1.0, y = 0.5;
    for (int i = 0; i < 2000; i++) {
        a = a * 6364136223846793005u + b;
        b ^= a >> 29;
        c += b;
        d = d * 31 + c;
        e ^= d << 3;
        f += e >> 7;
        g = g * f + 1;
        h += g;
        x = x * 0.999 + y;
        y = y + 0.25 - x * 0.001;
    }
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ (uint64_t)(x * 1e6) ^ (uint64_t)(y * 1e6);
}

static void *worker(void *p)
{
    long id = (long)p;
    uint32_t *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t want = mix((uint64_t)id);
    pthread_barrier_wait(&start);
    for (int i = 0; i < 8; i++) {
        canary[i] = (uint64_t)id * 100 + (uint64_t)i;
    }
    for (int r = 0; r < ROUNDS; r++) {
        int value = (int)(id * 7 + r) & 0x3ff;
        code[0] = addi(10, 0, value);
        code[1] = addi(10, 10, r);
        code[2] = 0x00008067;       /* ret */
        __builtin___clear_cache((char *)code, (char *)(code + 3));
        for (int k = 0; k < 20; k++) {
            if (((int (*)(void))code)() != value + r) {
                atomic_fetch_add(&wrong, 1);
            }
        }
        if (mix((uint64_t)id) != want) {
            atomic_fetch_add(&wrong, 1);
        }
        for (int i = 0; i < 8; i++) {
            if (canary[i] != (uint64_t)id * 100 + (uint64_t)i) {
                atomic_fetch_add(&wrong, 1);
            }
        }
    }
    munmap(code, 4096);
    atomic_fetch_add(&done, 1);
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS];
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = on_alarm;
    sa.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGRTMIN, &sa, NULL);
    struct itimerval it = { { 0, 500 }, { 0, 500 } }, off = { { 0, 0 }, { 0, 0 } };
    pthread_barrier_init(&start, NULL, THREADS + 1);
    for (long i = 0; i < THREADS; i++) {
        if (pthread_create(&t[i], NULL, worker, (void *)i)) {
            puts("no thread");
            return 1;
        }
    }
    long sent = 0;
    setitimer(ITIMER_REAL, &it, NULL);
    pthread_barrier_wait(&start);
    while (atomic_load(&done) < THREADS / 2 || sent < 200) {
        sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 1 });
        kill(getpid(), SIGUSR1);
        sent++;
        usleep(300);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    setitimer(ITIMER_REAL, &off, NULL);
    for (int i = 0; i < 2000 && atomic_load(&rts) < sent; i++) {
        usleep(1000);
    }
    printf("wrong %ld; every queued signal arrived %d; others %d %d\n", (long)wrong, rts == sent,
           usr1s > 0, alarms > 0);
    return 0;
}
