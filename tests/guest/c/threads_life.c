/* Threads: start, end and what the kernel does for them: tids, clear_child_tid, robust lists, the
 * leader that leaves early, exit_group from any thread, signals to one thread, raw clone(). */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Atomic long sum;
static __thread long tls = 5;

static void *add(void *p)
{
    tls += (long)p;
    atomic_fetch_add(&sum, tls);
    return (void *)tls;
}

static void many(void)
{
    enum { N = 64 };
    pthread_t t[N];
    long got = 0;
    for (int round = 0; round < 5; round++) {
        for (long i = 0; i < N; i++) {
            pthread_create(&t[i], NULL, add, (void *)i);
        }
        for (int i = 0; i < N; i++) {
            void *r;
            pthread_join(t[i], &r);
            got += (long)r;
        }
    }
    printf("many: sum %ld joined %ld main's tls %ld\n", sum, got, tls);
}

/* ---- raw clone: the flags that C libraries do not use ---- */

enum {
    STACK = 65536,
    FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
};
static _Atomic int child_tid, parent_tid, seen_tid, raw_state;
static char raw_stack[STACK] __attribute__((aligned(16)));

/* Leave without a C library: its thread-local storage is the parent's. */
static __attribute__((noinline)) long raw_clone(unsigned long flags, void *stack, void (*fn)(void))
{
    register long a0 asm("a0") = (long)flags;
    register long a1 asm("a1") = (long)stack;
    register long a2 asm("a2") = (long)&parent_tid;
    register long a3 asm("a3") = 0;
    register long a4 asm("a4") = (long)&child_tid;
    register long a7 asm("a7") = SYS_clone;
    register void (*s1)(void) asm("s1") = fn;
    asm volatile("ecall\n bnez a0, 1f\n jalr s1\n li a0, 0\n li a7, 93\n ecall\n1:"
                 : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7), "r"(s1)
                 : "memory", "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a5", "a6");
    return a0;
}

static long raw_syscall(long nr, long x, long y, long z)
{
    register long a0 asm("a0") = x;
    register long a1 asm("a1") = y;
    register long a2 asm("a2") = z;
    register long a3 asm("a3") = 0;
    register long a7 asm("a7") = nr;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return a0;
}

static void raw_body(void)
{
    atomic_store(&seen_tid, (int)raw_syscall(SYS_gettid, 0, 0, 0));
    while (!atomic_load(&raw_state)) {
        raw_syscall(SYS_sched_yield, 0, 0, 0);
    }
}

static void wait_zero(_Atomic int *word)
{
    int v;
    while ((v = atomic_load(word))) {
        syscall(SYS_futex, word, FUTEX_WAIT, v, NULL, NULL, 0);
    }
}

static void raw(void)
{
    atomic_store(&child_tid, -1);
    long tid = raw_clone(FLAGS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                         raw_stack + STACK, raw_body);
    printf("raw: parent_tid %d\n", tid == atomic_load(&parent_tid));
    while (!atomic_load(&seen_tid)) {
        sched_yield();
    }
    printf("child's own tid %d child_tid %d same process %d\n", seen_tid == tid, child_tid == tid,
           syscall(SYS_tgkill, getpid(), tid, 0) == 0);
    atomic_store(&raw_state, 1);
    wait_zero(&child_tid);
    int tries = 0;
    while (syscall(SYS_tgkill, getpid(), tid, 0) == 0 && tries++ < 1000) {
        usleep(1000);
    }
    printf("gone %d\n", errno == ESRCH);

    static const struct {
        unsigned long flags;
        const char *why;
    } bad[] = {
        { CLONE_THREAD, "thread without sighand" },
        { CLONE_SIGHAND, "sighand without vm" },
        { CLONE_THREAD | CLONE_SIGHAND, "neither vm" },
        { CLONE_NEWNS | CLONE_FS | SIGCHLD, "new mounts, shared root" },
        { FLAGS | CLONE_NEWUSER, "thread in a new user namespace" },
        { FLAGS | CLONE_NEWPID, "thread in a new pid namespace" },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        long r = raw_syscall(SYS_clone, (long)bad[i].flags, 0, 0);
        printf("%s: %s\n", bad[i].why, r == -EINVAL ? "EINVAL" : "?");
    }

    /* A thread with a directory of its own. */
    char before[256], after[256];
    (void)!getcwd(before, sizeof(before));
    atomic_store(&child_tid, -1);
    extern void raw_chdir(void);
    raw_clone((FLAGS & ~CLONE_FS) | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, raw_stack + STACK,
              raw_chdir);
    wait_zero(&child_tid);
    (void)!getcwd(after, sizeof(after));
    printf("own directory: ours unchanged %d\n", strcmp(before, after) == 0);
}

void raw_chdir(void)
{
    raw_syscall(SYS_chdir, (long)"/", 0, 0);
}

/* ---- robust mutexes ---- */

static pthread_mutex_t robust;

static void *dies_holding(void *p)
{
    pthread_mutex_lock(&robust);
    return NULL;
}

static void *waits(void *p)
{
    int r = pthread_mutex_lock(&robust);
    if (r == EOWNERDEAD) {
        pthread_mutex_consistent(&robust);
    }
    pthread_mutex_unlock(&robust);
    return (void *)(long)r;
}

static sem_t held;

static void *holds_a_while(void *p)
{
    pthread_mutex_lock(&robust);
    sem_post(&held);
    usleep(50000);
    return NULL;
}

static void robust_lists(void)
{
    pthread_mutexattr_t a;
    pthread_t t, u;
    void *r;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &a);
    pthread_create(&t, NULL, dies_holding, NULL);
    pthread_join(t, NULL);
    printf("owner dead %d", pthread_mutex_lock(&robust) == EOWNERDEAD);
    printf(" consistent %d unlock %d\n", pthread_mutex_consistent(&robust),
           pthread_mutex_unlock(&robust));
    sem_init(&held, 0, 0);
    pthread_create(&t, NULL, holds_a_while, NULL);
    sem_wait(&held);
    pthread_create(&u, NULL, waits, NULL);
    pthread_join(u, &r);
    pthread_join(t, NULL);
    printf("waiter woken: %s\n", (long)r == EOWNERDEAD ? "EOWNERDEAD" : "?");

    /* shared between processes, the owner is killed */
    pthread_mutex_t *m =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(m, &a);
    int p[2];
    char c;
    (void)!pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_mutex_lock(m);
        (void)!write(p[1], "x", 1);
        for (;;) {
            pause();
        }
    }
    (void)!read(p[0], &c, 1);
    kill(pid, SIGKILL);
    printf("killed owner: %s\n", pthread_mutex_lock(m) == EOWNERDEAD ? "EOWNERDEAD" : "?");
    waitpid(pid, NULL, 0);

    void *head;
    size_t len = 0;
    long e = syscall(SYS_get_robust_list, 0, &head, &len);
    printf("get_robust_list %ld %zu; wrong size %d\n", e, len,
           (int)syscall(SYS_set_robust_list, head, 12) == -1 && errno == EINVAL);
}

/* ---- the end of a process with threads ---- */

static int status_of(void (*fn)(void))
{
    int st;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(99);
    }
    waitpid(pid, &st, 0);
    return WIFSIGNALED(st) ? 1000 + WTERMSIG(st) : WEXITSTATUS(st);
}

static void *late(void *p)
{
    usleep(50000);
    printf("the leader is gone, a thread lives\n");
    fflush(stdout);
    syscall(SYS_exit, 3);
    return NULL;
}

static void leader_leaves(void)
{
    pthread_t t;
    pthread_create(&t, NULL, late, NULL);
    syscall(SYS_exit, 7);
}

static void *ends_all(void *p)
{
    syscall(SYS_exit_group, 11);
    return NULL;
}

static void thread_ends_all(void)
{
    pthread_t t;
    pthread_create(&t, NULL, ends_all, NULL);
    for (;;) {
        pause();
    }
}

static void *crashes(void *p)
{
    *(volatile int *)8 = 1;
    return NULL;
}

static void thread_crashes(void)
{
    pthread_t t;
    pthread_create(&t, NULL, crashes, NULL);
    for (;;) {
    }
}

static void *forks_in_thread(void *p)
{
    int st;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, add, (void *)1);
        pthread_join(t, NULL);
        pthread_exit(NULL);         /* leads the child: its end with status 0 */
    }
    waitpid(pid, &st, 0);
    return (void *)(long)st;
}

/* ---- signals to threads ---- */

static __thread volatile int my_hits;
static volatile int ready;

static void thread_hit(int sig)
{
    my_hits++;
}

static void *spins(void *p)
{
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    while (my_hits < 100) {
    }
    return (void *)(long)my_hits;
}

static void thread_signals(void)
{
    enum { N = 8 };
    pthread_t t[N];
    signal(SIGUSR1, thread_hit);
    for (int i = 0; i < N; i++) {
        pthread_create(&t[i], NULL, spins, NULL);
    }
    while (ready < N) {
    }
    long total = 0;
    int alive = N;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 100; k++) {
            int was = k;
            pthread_kill(t[i], SIGUSR1);
            usleep(was % 10 ? 0 : 200);
        }
    }
    /* equal signals merge while one is pending: send until they end */
    for (int i = 0; i < N; i++) {
        struct timespec ts;
        void *r;
        for (;;) {
            clock_gettime(CLOCK_REALTIME, &ts);
            ts.tv_nsec += 2000000;
            if (ts.tv_nsec >= 1000000000) {
                ts.tv_sec++;
                ts.tv_nsec -= 1000000000;
            }
            if (pthread_timedjoin_np(t[i], &r, &ts) == 0) {
                break;
            }
            pthread_kill(t[i], SIGUSR1);
        }
        total += (long)r >= 100;
    }
    printf("each spinning thread was hit: %ld; main %d\n", total, my_hits);
}

/* How long a tight loop waits for its signal. */
static volatile int go_on;
static struct timespec arrived;

static void arrive(int sig)
{
    clock_gettime(CLOCK_MONOTONIC, &arrived);
    go_on = 0;
}

static void latency(void)
{
    signal(SIGALRM, arrive);
    int slow = 0;
    for (int i = 0; i < 20; i++) {
        struct itimerval it = { { 0, 0 }, { 0, 2000 } };
        struct timespec start;
        go_on = 1;
        clock_gettime(CLOCK_MONOTONIC, &start);
        setitimer(ITIMER_REAL, &it, NULL);
        while (go_on) {
        }
        long us =
            (arrived.tv_sec - start.tv_sec) * 1000000 + (arrived.tv_nsec - start.tv_nsec) / 1000;
        slow += us > 500000;
    }
    printf("tight loops interrupted, too late %d\n", slow);
}

/* A thread ends with a broken robust list and a word to clear that is not mapped. */
static void *bad_end(void *p)
{
    static struct { void *next; long offset; void *pending; } bad = { NULL, 8, (void *)16 };
    syscall(SYS_set_robust_list, &bad, sizeof(bad));
    if (p) {
        syscall(SYS_set_tid_address, 4096);
    }
    syscall(SYS_exit, 0);
    return NULL;
}

static void bad_ends(void)
{
    pthread_t t;
    pthread_create(&t, NULL, bad_end, NULL);
    pthread_join(t, NULL);
    pthread_create(&t, NULL, bad_end, "x");
    usleep(100000);
    puts("bad ends of threads");
}

/* The C library's setgid() has every thread do it, by a signal of its own. */
static volatile int ids_stop;

static void *ids_spin(void *p)
{
    while (!ids_stop) {
    }
    return NULL;
}

static void *ids_sleep(void *p)
{
    while (!ids_stop) {
        usleep(1000);
    }
    return NULL;
}

static void set_ids(void)
{
    pthread_t t[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&t[i], NULL, i & 1 ? ids_spin : ids_sleep, NULL);
    }
    int r = 0;
    for (int i = 0; i < 5; i++) {
        r |= setgid(getgid()) | setuid(getuid());
    }
    ids_stop = 1;
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    printf("set ids in all threads: %d\n", r);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    many();
    raw();
    robust_lists();
    printf("leader leaves: %d\n", status_of(leader_leaves));
    printf("exit_group in a thread: %d\n", status_of(thread_ends_all));
    printf("crash in a thread: %d\n", status_of(thread_crashes));
    pthread_t t;
    void *r;
    pthread_create(&t, NULL, forks_in_thread, NULL);
    pthread_join(t, &r);
    printf("fork in a thread: %ld\n", (long)r);
    thread_signals();
    latency();
    bad_ends();
    set_ids();
    return 0;
}
