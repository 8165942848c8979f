/*
 * rseq(2): registration, CPU numbers, and sections that end at their abort when something happens
 * to the thread: counters per CPU that many threads add to without atomics, while they are migrated
 * and interrupted, come out exact. Sections are entered in every way that a store of 8 bytes can be
 * made.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "check.h"

#define SIGNATURE 0x5ec71017        /* not the C library's */
#define STR2(x) #x
#define STR(x) STR2(x)

enum { UNREGISTER = 1, SIZE = 32, MAX_CPUS = 4096 };

typedef struct Rseq {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs;
    uint32_t flags, node_id, mm_cid, pad;
} __attribute__((aligned(32))) Rseq;

typedef struct Section {
    uint32_t version, flags;
    uint64_t start, length, abort;
} __attribute__((aligned(32))) Section;

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static __thread Rseq self;
static struct { volatile uint64_t n; uint64_t pad[7]; } counter[MAX_CPUS];

static long rseq(void *area, unsigned size, int flags, unsigned sig)
{
    return syscall(SYS_rseq, area, size, flags, sig);
}

static void leave_library(void)
{
    if (&__rseq_size && __rseq_size) {
        rseq((char *)__builtin_thread_pointer() + __rseq_offset, SIZE, UNREGISTER, 0xf1401073);
    }
}

static void enter(void)
{
    leave_library();
    CHECK(rseq(&self, SIZE, 0, SIGNATURE) == 0);
}

/* ---- sections ---- */

/* A section that adds to counter[cpu] after a while; 0, or -1 after an abort. SET stores %[cs] to
 * 8(%[rs]), in front of start. */
#define DESCRIPTOR(name) \
    ".pushsection .data.rel.ro,\"aw\"\n" \
    ".balign 32\n" name "_cs: .word 0, 0\n .dword " name "_start, " name "_end - " name \
    "_start, " name "_abort\n" \
    ".popsection\n"
#define ABORT(name)                                                                                \
    "j 9f\n"                                                                                       \
    ".balign 4\n"                                                                                  \
    ".word " STR(SIGNATURE) "\n" name "_abort: li %[ret], -1\n 9:\n"
#define ADDER(fn, name, SET)                                                                       \
    static __attribute__((noinline)) int fn(uint32_t cpu, long wait)                               \
    {                                                                                              \
        int ret = 0;                                                                               \
        uint64_t t, v;                                                                             \
        __asm__ volatile(DESCRIPTOR(name)                                                          \
                         "la %[v], " name "_cs\n" SET name "_start:\n"                             \
                         "lw %[t], 4(%[rs])\n"                                                     \
                         "bne %[t], %[cpu], " name "_abort\n"                                      \
                         "ld %[v], (%[n])\n"                                                       \
                         "mv %[t], %[wait]\n"                                                      \
                         "1: beqz %[t], 2f\n"                                                      \
                         "addi %[t], %[t], -1\n"                                                   \
                         "j 1b\n"                                                                  \
                         "2: addi %[v], %[v], 1\n"                                                 \
                         "sd %[v], (%[n])\n" name "_end:\n" ABORT(name)                            \
                         : [ret] "+&r"(ret), [t] "=&r"(t), [v] "=&r"(v)                            \
                         : [rs] "r"(&self), [cpu] "r"(cpu), [n] "r"(&counter[cpu].n),              \
                           [wait] "r"(wait)                                                        \
                         : "memory", "ra", "a0", "a1", "ft0");                                     \
        return ret;                                                                                \
    }

/* As any function does that stores what it is given. */
__asm__(".text\nstore_it: sd a1, (a0)\n ret\n");

ADDER(add_sd, "add_sd", "sd %[v], 8(%[rs])\n")
ADDER(add_fsd, "add_fsd", "fmv.d.x ft0, %[v]\n fsd ft0, 8(%[rs])\n")
ADDER(add_amo, "add_amo", "addi a0, %[rs], 8\n amoswap.d a0, %[v], (a0)\n")
ADDER(add_sc, "add_sc",
      "addi a0, %[rs], 8\n 5: lr.d a1, (a0)\n sc.d a1, %[v], (a0)\n bnez a1, 5b\n")
ADDER(add_call, "add_call", "addi a0, %[rs], 8\n mv a1, %[v]\n call store_it\n")

typedef int Adder(uint32_t cpu, long wait);
/* The last two have insns between the store and the section: preempted there, it is none. */
static Adder *const adders[] = { add_sd, add_fsd, add_amo, add_sc, add_call };
enum { ADDERS = sizeof(adders) / sizeof(adders[0]), SAFE_ADDERS = 3 };

static void add_one(Adder *add, long wait)
{
    while (add(*(volatile uint32_t *)&self.cpu_id_start, wait)) {
    }
}

static uint64_t take_sum(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        sum += counter[i].n;
        counter[i].n = 0;
    }
    return sum;
}

/* ---- registration ---- */

static void test_errors(void)
{
    static struct { Rseq a, b; } area;
    FAILS(EINVAL, rseq(&area.a, SIZE, 4, SIGNATURE));
    FAILS(EINVAL, rseq(&area.a, SIZE - 1, 0, SIGNATURE));
    FAILS(EINVAL, rseq((char *)&area.a + 8, SIZE, 0, SIGNATURE));
    FAILS(EINVAL, rseq(&area.a, SIZE, UNREGISTER, SIGNATURE));
    CHECK(rseq(&area.a, SIZE, 0, SIGNATURE) == 0);
    CHECK(area.a.cpu_id == area.a.cpu_id_start && area.a.cpu_id < MAX_CPUS);
    FAILS(EBUSY, rseq(&area.a, SIZE, 0, SIGNATURE));
    FAILS(EPERM, rseq(&area.a, SIZE, 0, SIGNATURE + 1));
    FAILS(EINVAL, rseq(&area.b, SIZE, 0, SIGNATURE));
    FAILS(EINVAL, rseq(&area.b, SIZE, UNREGISTER, SIGNATURE));
    FAILS(EPERM, rseq(&area.a, SIZE, UNREGISTER, SIGNATURE + 1));
    FAILS(EINVAL, rseq(&area.a, SIZE, UNREGISTER | 2, SIGNATURE));
    CHECK(rseq(&area.a, SIZE, UNREGISTER, SIGNATURE) == 0);
    CHECK((int)area.a.cpu_id == -1);
}

static cpu_set_t allowed;

static int nth_cpu(unsigned n)
{
    n %= (unsigned)CPU_COUNT(&allowed);
    for (int cpu = 0;; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && !n--) {
            return cpu;
        }
    }
}

static void move_to(pid_t tid, int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(tid, sizeof(one), &one);
}

static void test_cpu_id(void)
{
    for (unsigned i = 0; i < 40; i++) {
        int cpu = nth_cpu(i);
        move_to(0, cpu);
        CHECK((int)*(volatile uint32_t *)&self.cpu_id == cpu);
        CHECK((int)*(volatile uint32_t *)&self.cpu_id_start == cpu);
    }
    CHECK(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
}

/* ---- threads that are moved and interrupted ---- */

enum { THREADS = 6, ROUNDS = 3000 };
static volatile pid_t tids[THREADS];
static volatile int running;
static pthread_t threads[THREADS];
static __thread int registered;
static uint64_t from_handlers;

static void on_signal(int sig)
{
    if (registered) {
        CHECK(!*(volatile uint64_t *)&self.rseq_cs);
        add_one(add_sd, 0);
        __atomic_fetch_add(&from_handlers, 1, __ATOMIC_RELAXED);
    }
}

static void *adding_thread(void *arg)
{
    long n = (long)arg;
    enter();
    registered = 1;
    tids[n] = (pid_t)syscall(SYS_gettid);
    for (int i = 0; i < ROUNDS; i++) {
        add_one(adders[i % SAFE_ADDERS], i % 64 ? 20 : 8000);
        if (i % 16 == 0) {
            sched_yield();
        }
    }
    __atomic_fetch_sub(&running, 1, __ATOMIC_SEQ_CST);
    while (running) {           /* the ids stay good */
        sched_yield();
    }
    return NULL;
}

static void test_counters(void)
{
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    running = THREADS;
    for (long i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, adding_thread, (void *)i) == 0);
    }
    for (unsigned i = 0; running; i++) {
        pid_t tid = tids[i % THREADS];
        if (tid) {
            move_to(tid, nth_cpu(i / THREADS));
            if (i % 5 == 0 && running) {
                syscall(SYS_tgkill, getpid(), tid, SIGUSR1);
            }
        }
        sched_yield();
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(take_sum() == THREADS * ROUNDS + from_handlers);
}

/* ---- what ends a section that never ends by itself ---- */

extern char spin_start[], spin_abort[];

/* Reads *p for ever. */
static __attribute__((noinline)) int spin(const volatile int *p)
{
    int ret = 0;
    uint64_t v;
    __asm__ volatile(DESCRIPTOR("spin")
                     ".globl spin_start, spin_abort\n"
                     "la %[v], spin_cs\n sd %[v], 8(%[rs])\n"
                     "spin_start: lw %[v], (%[p])\n"
                     "j spin_start\n"
                     "spin_end:\n" ABORT("spin")
                     : [ret] "+&r"(ret), [v] "=&r"(v) : [rs] "r"(&self), [p] "r"(p) : "memory");
    return ret;
}

static volatile uint64_t seen_pc, seen_cs, seen_addr;

static void on_trap(int sig, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;
    seen_pc = uc->uc_mcontext.__gregs[0];
    seen_cs = self.rseq_cs;
    seen_addr = (uint64_t)info->si_addr;
}

static void test_signal(void)
{
    int word = 0;
    struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
    CHECK(sigaction(SIGVTALRM, &sa, NULL) == 0 && sigaction(SIGSEGV, &sa, NULL) == 0);
    while (seen_pc != (uint64_t)spin_abort) {       /* perhaps it was preempted just before */
        struct itimerval soon = { .it_value.tv_usec = 1000 };
        seen_pc = 0;
        CHECK(setitimer(ITIMER_VIRTUAL, &soon, NULL) == 0);
        while (!seen_pc) {
            CHECK(spin(&word) == -1);
        }
        CHECK(!seen_cs);
    }
    while (seen_addr != 8) {    /* the same for a fault */
        CHECK(spin((int *)8) == -1);
    }
    CHECK(seen_pc == (uint64_t)spin_abort && !seen_cs);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGVTALRM, SIG_DFL);
}

static void test_membarrier(void)
{
    enum { FENCE = 1 << 7, REGISTER = 1 << 8 };
    long all = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (all > 0 && (all & FENCE)) {
        CHECK(syscall(SYS_membarrier, REGISTER, 0, 0) == 0);
        CHECK(syscall(SYS_membarrier, FENCE, 0, 0) == 0);
    }
}

/* ---- processes ---- */

static int status_of(pid_t pid)
{
    int status;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void test_fork(void)
{
    pid_t pid = fork();
    if (!pid) {
        FAILS(EBUSY, rseq(&self, SIZE, 0, SIGNATURE));
        for (int i = 0; i < 20; i++) {
            add_one(adders[i % ADDERS], 10);
        }
        CHECK(take_sum() == 20);
        _exit(0);
    }
    CHECK(status_of(pid) == 0);
}

/* No signature before the abort: the kernel takes it for an attack. */
static void test_bad_signature(void)
{
    pid_t pid = fork();
    if (!pid) {
        static Section cs;
        __asm__ volatile("la %0, 1f\n" : "=r"(cs.start));
        cs.length = 4;
        cs.abort = (uint64_t)spin_start;
        alarm(30);
        __asm__ volatile("sd %0, 8(%1)\n .balign 4\n 1: j 1b\n"
                         :
                         : "r"(&cs), "r"(&self)
                         : "memory");
    }
    int status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
    alarm(120);             /* what does not end is not to stay */
    leave_library();
    if (rseq(&self, SIZE, 0, SIGNATURE) < 0) {
        CHECK(errno == ENOSYS);     /* guest addresses are not the host's, or its kernel has none */
        return 0;
    }
    CHECK(rseq(&self, SIZE, UNREGISTER, SIGNATURE) == 0);
    CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    test_errors();
    enter();
    test_cpu_id();
    for (int i = 0; i < 200; i++) {
        add_one(adders[i % ADDERS], 3);
    }
    CHECK(take_sum() == 200);
    test_counters();
    test_signal();
    test_membarrier();
    test_fork();
    test_bad_signature();
    return 0;
}
