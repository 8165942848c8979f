/* What a handler is told: si_code and its fields for every source of a signal, the bytes of the
 * frame, and no signal from arithmetic; and a storm of signals over every call that blocks: none is
 * lost, each ends as its kind does. Alone: rivet signals_exact. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "check.h"

static siginfo_t last;
static volatile int hits;
static sigjmp_buf out;

static void note(int sig, siginfo_t *info, void *context)
{
    last = *info;
    hits++;
}

static void leave(int sig, siginfo_t *info, void *context)
{
    last = *info;
    siglongjmp(out, 1);
}

static void on(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };
    CHECK(sigaction(sig, &sa, NULL) == 0);
    hits = 0;
    memset(&last, 0x55, sizeof(last));
}

static void wait_hit(int sig)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_BLOCK, &set, &old);
    sigdelset(&old, sig);
    while (!hits) {
        sigsuspend(&old);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* ---- who sent it, and why ---- */

static void senders(void)
{
    pid_t me = getpid(), tid = (pid_t)syscall(SYS_gettid);
    on(SIGUSR1, note, 0);
    CHECK(kill(me, SIGUSR1) == 0 && hits == 1);
    CHECK(last.si_signo == SIGUSR1 && last.si_errno == 0 && last.si_code == SI_USER);
    CHECK(last.si_pid == me && last.si_uid == getuid());
    CHECK(syscall(SYS_tgkill, me, tid, SIGUSR1) == 0 && hits == 2 && last.si_code == SI_TKILL);
    CHECK(last.si_pid == me && last.si_uid == getuid());
    union sigval v = { .sival_ptr = (void *)0x123456789abcdef0 };
    CHECK(sigqueue(me, SIGUSR1, v) == 0 && last.si_code == SI_QUEUE && last.si_ptr == v.sival_ptr);
    siginfo_t own = { .si_signo = 99, .si_code = -77 };     /* any code below 0, any contents */
    memset((char *)&own + 16, 0x7e, 48 - 16);
    CHECK(syscall(SYS_rt_sigqueueinfo, me, SIGUSR1, &own) == 0 && last.si_signo == SIGUSR1);
    CHECK(last.si_code == -77 && memcmp((char *)&last + 16, (char *)&own + 16, 48 - 16) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        own.si_code = SI_USER;                              /* not to another process */
        FAILS(EPERM, syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &own));
        own.si_code = SI_TKILL;
        FAILS(EPERM, syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &own));
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);

    on(SIGALRM, note, 0);
    struct itimerval soon = { .it_value = { 0, 1000 } };
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    wait_hit(SIGALRM);
    CHECK(last.si_code == SI_KERNEL);
    timer_t t;
    struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
                           .sigev_signo = SIGALRM,
                           .sigev_value.sival_int = 77 };
    struct itimerspec when = { .it_value = { 0, 1000000 } };
    hits = 0;
    CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0 && timer_settime(t, 0, &when, NULL) == 0);
    wait_hit(SIGALRM);
    CHECK(last.si_code == SI_TIMER && last.si_value.sival_int == 77 && last.si_overrun == 0);
    CHECK(timer_delete(t) == 0);

    static const int codes[] = { CLD_EXITED, CLD_KILLED };
    for (int i = 0; i < 2; i++) {
        on(SIGCHLD, note, 0);
        if ((pid = fork()) == 0) {
            if (i) {
                raise(SIGKILL);
            }
            _exit(33);
        }
        wait_hit(SIGCHLD);
        CHECK(last.si_code == codes[i] && last.si_pid == pid && last.si_uid == getuid());
        CHECK(last.si_status == (i ? SIGKILL : 33) && waitpid(pid, NULL, 0) == pid);
    }
    signal(SIGCHLD, SIG_DFL);

    int p[2];
    CHECK(pipe(p) == 0 && close(p[0]) == 0);
    on(SIGPIPE, note, 0);
    FAILS(EPIPE, write(p[1], "x", 1));
    CHECK(hits == 1 && last.si_code == SI_USER && last.si_pid == me);
    close(p[1]);
    signal(SIGPIPE, SIG_DFL);
}

/* ---- faults ---- */

static void faults(void)
{
    char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("f", 0);
    CHECK(p != MAP_FAILED && fd >= 0 && ftruncate(fd, 4096) == 0);
    char *f = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    on(SIGSEGV, leave, SA_NODEFER);
    on(SIGBUS, leave, SA_NODEFER);
    if (!sigsetjmp(out, 1)) {
        *(volatile char *)(p + 77) = 1;
    }
    CHECK(last.si_signo == SIGSEGV && last.si_code == SEGV_ACCERR && last.si_addr == p + 77 &&
          !last.si_errno);
    munmap(p, 4096);
    if (!sigsetjmp(out, 1)) {
        *(volatile char *)(p + 78) = 1;
    }
    CHECK(last.si_signo == SIGSEGV && last.si_code == SEGV_MAPERR && last.si_addr == p + 78);
    if (!sigsetjmp(out, 1)) {
        f[4096 + 5] = 1;
    }
    CHECK(last.si_signo == SIGBUS && last.si_code == BUS_ADRERR && last.si_addr == f + 4096 + 5);
    if (!sigsetjmp(out, 1)) {
        memset(f, 1, 8192);
    }
    CHECK(last.si_signo == SIGBUS && (char *)last.si_addr >= f + 4096 &&
          (char *)last.si_addr < f + 8192);
    close(fd);
}

#ifdef __riscv
/* An atomic access that is not aligned: the kernel tells the insn, not what it accessed. */
#define MISALIGNED(insn)                                                                           \
    do {                                                                                           \
        on(SIGBUS, leave, SA_NODEFER);                                                             \
        if (!sigsetjmp(out, 1)) {                                                                  \
            __asm__ volatile("la t0, 1f\nsd t0, %0\n1: " insn                                     \
                             : "=m"(at) : "r"(p) : "t0", "memory");                                \
            CHECK(0);                                                                              \
        }                                                                                          \
        CHECK(last.si_code == BUS_ADRALN && last.si_addr == at);                                   \
    } while (0)

static void misaligned(void)
{
    static uint64_t cell[2];
    static void *volatile at;
    char *p = (char *)cell + 2;
    MISALIGNED("lr.w zero, (%1)");
    MISALIGNED("lr.d zero, (%1)");
    MISALIGNED("amoadd.w zero, zero, (%1)");
    MISALIGNED("amoswap.d.aqrl zero, zero, (%1)");
}

/* No arithmetic traps: integer division has results for all operands, floating point has flags. */
static void arithmetic(void)
{
    volatile long zero = 0, one = 1, lowest = INT64_MIN, minus = -1;
    volatile double fzero = 0, fone = 1;
    on(SIGFPE, leave, SA_NODEFER);
    if (sigsetjmp(out, 1)) {
        CHECK(!"SIGFPE");
    }
    long r;
    __asm__ volatile("div %0, %1, %2" : "=r"(r) : "r"(one), "r"(zero));
    CHECK(r == -1);
    __asm__ volatile("rem %0, %1, %2" : "=r"(r) : "r"(one), "r"(zero));
    CHECK(r == 1);
    __asm__ volatile("div %0, %1, %2" : "=r"(r) : "r"(lowest), "r"(minus));
    CHECK(r == INT64_MIN);
    __asm__ volatile("remw %0, %1, %2" : "=r"(r) : "r"(0x80000000l), "r"(minus));
    CHECK(r == 0);
    __asm__ volatile("fscsr zero" ::: "memory");
    CHECK(fone / fzero == __builtin_inf() && fzero / fzero != fzero / fzero);
    __asm__ volatile("frflags %0" : "=r"(r));
    CHECK(r == 0x18);
    __asm__ volatile("fscsr zero" ::: "memory");
}

/* ---- the bytes of the frame: arch/riscv/kernel/signal.c, uapi/asm/{ucontext,sigcontext}.h ---- */

enum {
    UC = 128,
    UC_STACK = UC + 16,
    UC_MASK = UC + 40,
    MC = UC + 176,
    FP = MC + 256,
    EXT = FP + 516,
    FRAME = 1088
};

static int frame_ok;

static uint64_t u64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static void frame_bytes(int sig, siginfo_t *info, void *context)
{
    char *frame = (char *)info;
    static const char zeros[128];
    long sp;
    CHECK((char *)context == frame + UC && (uintptr_t)frame % 16 == 0);
    CHECK(u64(frame + UC) == 0 && u64(frame + UC + 8) == 0);                /* flags, link */
    CHECK(*(int *)(frame + UC_STACK + 8) == SS_DISABLE && u64(frame + UC_STACK) == 0);
    CHECK(u64(frame + UC_MASK) == 1ull << (SIGHUP - 1));
    CHECK((uint32_t)u64(frame + FP + 256) == 0x25);                         /* fcsr */
    CHECK(u64(frame + FP + 8 * 9) == 0x4045000000000000);                   /* fs1: 42 */
    CHECK(memcmp(frame + EXT, zeros, 12) == 0);                             /* reserved word, END header */
    CHECK(u64(frame + MC + 8 * 2) >= (uintptr_t)frame + FRAME);             /* sp of before is above it */
    CHECK(u64(frame + MC + 8 * 2) - (uintptr_t)frame < FRAME + 16);
    CHECK(u64(frame + MC + 8 * 18) == 0x1122334455667788);                  /* s2 */
    CHECK(u64(frame + MC + 8 * 10) == 0);                                   /* a0: the call's result */
    frame_ok = sig == SIGUSR2 && info->si_code == SI_TKILL;
}

static void frame(void)
{
    sigset_t set;
    stack_t none = { .ss_flags = SS_DISABLE };
    CHECK(sigaltstack(&none, NULL) == 0);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_SETMASK, &set, NULL);
    on(SIGUSR2, frame_bytes, 0);
    register long a0 __asm__("a0") = getpid();
    register long a1 __asm__("a1") = syscall(SYS_gettid);
    register long a2 __asm__("a2") = SIGUSR2;
    register long a7 __asm__("a7") = SYS_tgkill;
    __asm__ volatile("li t0, 0x4045000000000000\nfmv.d.x fs1, t0\nli t0, 0x25\nfscsr t0\n"
                     "li s2, 0x1122334455667788\necall\nfscsr zero"
                     : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "fs1", "t0", "s2", "memory");
    CHECK(a0 == 0 && frame_ok);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
}
#endif

/* ---- a storm over calls that block ----
 *
 * A thread sends one signal after the other, the next when the handler has run. What blocks must come back for each
 * of them: EINTR, or at last the byte that the handler wrote. Were a signal lost on the way into the kernel, the
 * call would wait for ever.
 */

static int ready[2], listener, queue, sem;
static _Atomic int sent, arrived, over;
static uint32_t word;
static struct sockaddr_un name;

static void arrives(int sig)
{
    arrived++;
}

static void *sends(void *victim)
{
    while (!over) {
        sent++;
        CHECK(syscall(SYS_tgkill, getpid(), (pid_t)(intptr_t)victim, SIGUSR1) == 0);
        while (arrived < sent && !over) {
            sched_yield();
        }
    }
    return NULL;
}

static char byte;
static struct timespec hour = { 3600, 0 };

static long b_read(void) { return read(ready[0], &byte, 1); }
static long b_poll(void) { return poll(&(struct pollfd){ ready[0], POLLIN, 0 }, 1, 3600000); }
static long b_ppoll(void)
{
    return ppoll(&(struct pollfd){ ready[0], POLLIN, 0 }, 1, &hour, &(sigset_t){ 0 });
}
static long b_select(void) { return pselect(0, NULL, NULL, NULL, &hour, NULL); }
static long b_pause(void) { return ppoll(NULL, 0, NULL, NULL); }
static long b_suspend(void) { return sigsuspend(&(sigset_t){ 0 }); }
static long b_nanosleep(void) { return nanosleep(&hour, NULL); }
static long b_absolute(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 3600;
    return (errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)) ? -1 : 0;
}
static long b_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &hour, NULL, 0); }
static long b_bitset(void)
{
    return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1);
}
static long b_accept(void) { return accept(listener, NULL, NULL); }
static long b_recv(void)
{
    struct iovec iov = { &byte, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
    return recvmsg(listener, &m, 0);
}
static long b_wait(void) { return waitpid(-1, NULL, 0); }
static long b_waitid(void) { return waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED); }
static long b_msgrcv(void) { return msgrcv(queue, &(struct { long t; char c; }){ 1 }, 1, 0, 0); }
static long b_semop(void) { return semop(sem, &(struct sembuf){ 0, -1, 0 }, 1); }
static long b_timedwait(void)
{
    return sigtimedwait(&(sigset_t){ { 1 << (SIGHUP - 1) } }, NULL, &hour);
}
static long b_epoll(void)
{
    static int ep;
    ep = ep ? ep : epoll_create1(EPOLL_CLOEXEC);
    return epoll_pwait(ep, &(struct epoll_event){ 0 }, 1, -1, NULL);
}

static const struct Call {
    const char *what;
    long (*call)(void);
    int restarts;               /* with SA_RESTART it goes on */
} blocking[] = {
    { "read", b_read, 1 },           { "poll", b_poll, 0 },           { "ppoll", b_ppoll, 0 },
    { "pselect", b_select, 0 },      { "pause", b_pause, 0 },         { "sigsuspend", b_suspend, 0 },
    { "nanosleep", b_nanosleep, 0 }, { "clock_nanosleep", b_absolute, 0 }, { "futex", b_futex, 0 },
    { "futex bitset", b_bitset, 1 }, { "accept", b_accept, 1 },       { "recvmsg", b_recv, -1 },
    { "wait4", b_wait, 1 },          { "waitid", b_waitid, 1 },       { "msgrcv", b_msgrcv, 0 },
    { "semop", b_semop, 0 },         { "sigtimedwait", b_timedwait, 0 }, { "epoll_pwait", b_epoll, 0 },
};

enum { ROUNDS = 60 };

static void storm(const struct Call *c)
{
    pthread_t t;
    struct sigaction sa = { .sa_handler = arrives };
    if (c->restarts == 0) {
        sa.sa_flags = SA_RESTART;           /* EINTR all the same */
    }
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    sent = arrived = over = 0;
    CHECK(pthread_create(&t, NULL, sends, (void *)(intptr_t)syscall(SYS_gettid)) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        errno = 0;
        if (c->call() != -1 || (errno != EINTR && !(c->restarts < 0 && errno == EINVAL))) {
            printf("%s: errno %d\n", c->what, errno);
            exit(1);
        }
    }
    over = 1;
    CHECK(pthread_join(t, NULL) == 0 && (c->restarts < 0 || arrived >= ROUNDS));
}

static void storms(void)
{
    CHECK(pipe(ready) == 0);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    name.sun_family = AF_UNIX;
    CHECK(bind(listener, (void *)&name, sizeof(sa_family_t)) == 0 && listen(listener, 1) == 0);
    queue = msgget(IPC_PRIVATE, 0600);
    sem = semget(IPC_PRIVATE, 1, 0600);
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    for (unsigned i = 0; i < sizeof(blocking) / sizeof(blocking[0]); i++) {
        if ((blocking[i].call != b_msgrcv || queue >= 0) &&
            (blocking[i].call != b_semop || sem >= 0)) {
            storm(&blocking[i]);
        }
    }
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
    msgctl(queue, IPC_RMID, NULL);
    semctl(sem, 0, IPC_RMID);
}

/* With SA_RESTART a call goes on through any number of signals, until what it waits for comes. */
static void *lets_go(void *p)
{
    while (arrived < ROUNDS) {
        sched_yield();
    }
    CHECK(write(ready[1], "x", 1) == 1);
    return p;
}

static void restarts(void)
{
    pthread_t t, u;
    struct sigaction sa = { .sa_handler = arrives, .sa_flags = SA_RESTART };
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    for (int i = 0; i < 10; i++) {
        sent = arrived = over = 0;
        CHECK(pthread_create(&t, NULL, sends, (void *)(intptr_t)syscall(SYS_gettid)) == 0);
        CHECK(pthread_create(&u, NULL, lets_go, NULL) == 0);
        CHECK(read(ready[0], &byte, 1) == 1 && byte == 'x' && arrived >= ROUNDS);
        over = 1;
        CHECK(pthread_join(t, NULL) == 0 && pthread_join(u, NULL) == 0);
    }
}

/* None is set at first; the flags are those that execve left, of whom the process comes from. */
static void no_stack(void)
{
    stack_t none = {0}, old;
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE && old.ss_size == 0);
    none.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&none, NULL) == 0);
    none.ss_flags = 0;
    FAILS(ENOMEM, sigaltstack(&none, NULL));
}

int main(void)
{
    senders();
    faults();
#ifdef __riscv
    misaligned();
    arithmetic();
    frame();
    no_stack();
#endif
    storms();
    restarts();
    return 0;
}
