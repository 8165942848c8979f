/*
 * Atomic insns are plain ones while a process is the only one to see its memory. Code that ran so
 * is hot when it gets company: threads, a process that shares a mapping, a mapping that becomes
 * writable late.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int times = 1000000;

typedef struct Counters {
    _Atomic int lock;
    _Atomic long add;           /* amoadd.d */
    _Atomic int cas;            /* lr/sc */
    _Atomic unsigned ready;     /* amoadd.w */
    long guarded;               /* by lock: amoswap.w */
    _Atomic unsigned bits[64];  /* amoor.w and amoand.w */
} Counters;

static Counters private_counters;

static void count(Counters *c, unsigned who)
{
    for (int i = 0; i < times; i++) {
        atomic_fetch_add(&c->add, 3);
        int v = atomic_load(&c->cas);
        while (!atomic_compare_exchange_weak(&c->cas, &v, v + 1)) {
        }
        while (atomic_exchange(&c->lock, 1)) {
            sched_yield();
        }
        c->guarded++;
        atomic_store(&c->lock, 0);
        atomic_fetch_or(&c->bits[i & 63], 1u << who);
        if (!(i & 64)) {
            atomic_fetch_and(&c->bits[i & 63], ~(1u << (who + 16)));
        }
    }
}

/* Alone first, so that the code is translated as for one; then with the others at once. */
static void meet(Counters *c, unsigned who, unsigned parties)
{
    atomic_fetch_add(&c->ready, 1);
    while (atomic_load(&c->ready) < parties) {
    }
    count(c, who);
}

static void check(const char *what, Counters *c, int counts)
{
    unsigned all = ~0u;
    for (int i = 0; i < 64; i++) {
        all &= c->bits[i];
    }
    long n = (long)times * counts;
    printf("%s: %s %s %s %#x\n", what, c->add == 3 * n ? "ok" : "lost adds",
           c->cas == n ? "ok" : "lost swaps", c->guarded == n ? "ok" : "broken lock", all);
    fflush(stdout);
}

static void *thread(void *arg)
{
    meet(&private_counters, (unsigned)(long)arg, 3);
    return NULL;
}

static void threads(void)
{
    pthread_t t[2];
    count(&private_counters, 0);
    for (long i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, thread, (void *)(i + 1));
    }
    meet(&private_counters, 3, 3);
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    check("threads", &private_counters, 4);
}

static void processes(const char *what, Counters *c, int counts)
{
    pid_t pid = fork();
    meet(c, pid ? 1 : 2, 2);
    if (!pid) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    check(what, c, counts);
}

static void shared_mapping(void)
{
    count(&private_counters, 0);
    processes("mapping",
              mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 2);
}

static void writable_late(void)
{
    Counters *c = mmap(NULL, 8192, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    count(&private_counters, 0);
    mprotect(c, 8192, PROT_READ | PROT_WRITE);
    count(c, 0);
    processes("mprotect", c, 3);
}

/* Each in a process that was alone so far. */
static void in_child(void (*fn)(void))
{
    pid_t pid = fork();
    if (!pid) {
        fn();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    times = argc > 1 ? atoi(argv[1]) : times;
    in_child(threads);
    in_child(shared_mapping);
    in_child(writable_late);
    return 0;
}
