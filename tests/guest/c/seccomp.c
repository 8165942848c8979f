/* seccomp: filters judge the guest's own system calls, wherever these are made from. Every part
 * runs in a process of its own; the line of the first check that failed is printed. Skipped where
 * the host kernel takes no filters. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARG(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define EQUAL(k, jt, jf) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, jt, jf)
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static int install_n(unsigned flags, struct sock_filter *f, unsigned len)
{
    struct sock_fprog prog = { (unsigned short)len, f };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}
#define INSTALL(flags, ...)                                                                        \
    ({                                                                                             \
        struct sock_filter f_[] = { __VA_ARGS__ };                                                 \
        install_n(flags, f_, LEN(f_));                                                             \
    })

/* What call nr gets; all others pass. */
static int on_call(unsigned flags, int nr, uint32_t verdict)
{
    return INSTALL(flags, LOAD(nr), EQUAL((uint32_t)nr, 0, 1), RETURN(verdict),
                   RETURN(SECCOMP_RET_ALLOW));
}

/* Run part in a child: its wait status. */
static int run_child(void (*part)(void))
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        alarm(60);                          /* a call repeated for ever ends the test */
        part();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}
#define GOOD(part) CHECK(run_child(part) == 0)
#define KILLED(part, sig)                                                                          \
    ({                                                                                             \
        int s_ = run_child(part);                                                                  \
        CHECK(WIFSIGNALED(s_) && WTERMSIG(s_) == (sig));                                           \
    })

/* ---- what the kernel refuses ---- */

static void refused(void)
{
    struct sock_filter ok = RETURN(SECCOMP_RET_ALLOW);
    struct sock_fprog prog = { 1, &ok };
    uint32_t action = SECCOMP_RET_TRAP;
    uint16_t sizes[3];
    CHECK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0);
    action = 0x12340000;
    CHECK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 && errno == EOPNOTSUPP);
    CHECK(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &action) < 0 && errno == EINVAL);
    CHECK(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, sizes) == 0);
    CHECK(sizes[0] == 80 && sizes[1] == 24 && sizes[2] == 64);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) < 0 && errno == EINVAL);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, &prog) < 0 && errno == EINVAL);
    CHECK(syscall(SYS_seccomp, 99, 0, NULL) < 0 && errno == EINVAL);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0x8000, &prog) < 0 && errno == EINVAL);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == EFAULT);
    CHECK(prctl(PR_SET_SECCOMP, 99, 0) < 0 && errno == EINVAL);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8) < 0 && errno == EFAULT);

    prog.filter = (void *)8;
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 && errno == EFAULT);
    prog.filter = NULL;
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 && errno == EINVAL);
    prog = (struct sock_fprog){ 0, &ok };
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 && errno == EINVAL);
    prog.len = BPF_MAXINSNS + 1;
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 && errno == EINVAL);

    /* programs */
    struct sock_filter end = RETURN(0);
#define BAD(...) CHECK(INSTALL(0, __VA_ARGS__) < 0 && errno == EINVAL)
    BAD(LOAD(nr));                                              /* falls off the end */
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), end);            /* not aligned */
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), end);           /* beyond the data */
    BAD(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), end);            /* a byte */
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), end);
    BAD(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), end);
    BAD(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), end);
    BAD(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), end);
    BAD(BPF_STMT(BPF_ST, 16), end);
    BAD(BPF_STMT(BPF_LD | BPF_MEM, 3), end);                    /* never written */
    BAD(EQUAL(0, 1, 0), end);                                   /* jumps behind the end */
    BAD(BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), end);
    BAD(BPF_STMT(0xffff, 0), end);
    BAD(EQUAL(0, 0, 1), BPF_STMT(BPF_ST, 5), BPF_STMT(BPF_LD | BPF_MEM, 5), end);   /* on one way */
    CHECK(INSTALL(0, BPF_STMT(BPF_ST, 5), EQUAL(0, 0, 1), BPF_STMT(BPF_LD | BPF_MEM, 5),
                  RETURN(SECCOMP_RET_ALLOW)) == 0);

    CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0 && errno == EINVAL);

}

/* As many filters as fit on one way: the kernel counts its own insns, of which one may become more.
 * None of the repeated ones runs. */
static struct sock_filter repeated;
static int fitting;

static void fill_way(void)
{
    struct sock_filter *big = calloc(BPF_MAXINSNS, sizeof(*big));
    for (int i = 0; i < BPF_MAXINSNS - 2; i++) {
        big[i] = repeated;
    }
    big[0] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, BPF_MAXINSNS - 3);
    big[BPF_MAXINSNS - 2] = big[BPF_MAXINSNS - 1] =
        (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    int n = 0;
    while (install_n(0, big, BPF_MAXINSNS) == 0) {
        n++;
    }
    CHECK(errno == ENOMEM && n == fitting);
}

static void costs(void)
{
    static const struct {
        struct sock_filter insn;
        int fitting;
    } rows[] = {
        { RETURN(SECCOMP_RET_ALLOW), 3 },
        { BPF_STMT(BPF_RET | BPF_A, 0), 7 },
        { LOAD(nr), 7 },
        { BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 0x80000000), 7 },
        { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 3), 7 },
        { BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), 1 },
        { BPF_STMT(BPF_JMP | BPF_JA, 0), 7 },
        { EQUAL(5, 0, 1), 7 },
        { EQUAL(5, 1, 0), 7 },
        { EQUAL(5, 1, 1), 3 },
        { EQUAL(0xffffffff, 0, 0), 3 },
        { EQUAL(0xffffffff, 1, 1), 2 },
        { BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0xffffffff, 0, 1), 7 },
        { BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 5, 1, 0), 7 },
        { BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 5, 0, 1), 3 },
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        repeated = rows[i].insn;
        fitting = rows[i].fitting;
        GOOD(fill_way);
    }
}

static void unprivileged(void)
{
    if (geteuid() == 0) {
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    }
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ALLOW) < 0 && errno == EACCES);
    CHECK(INSTALL(0, LOAD(nr)) < 0 && errno == EACCES);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8) < 0 && errno == EFAULT);
}

/* ---- verdicts ---- */

static long raw_getppid(void)
{
    register long a0 __asm__("a0") = 11;
    register long a7 __asm__("a7") = SYS_getppid;
    __asm__ volatile(".globl call_site, call_after\n"
                     "call_site: ecall\n"
                     "call_after:"
                     : "+r"(a0)
                     : "r"(a7)
                     : "memory");
    return a0;
}
extern char call_after[];

static void errors(void)
{
    long before = getppid();
    for (int i = 0; i < 3000; i++) {        /* until the call is a part of translated code */
        CHECK(raw_getppid() == before);
    }
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 77) == 0);
    for (int i = 0; i < 3000; i++) {
        CHECK(raw_getppid() == -77);
    }
    /* the newest of the equally strict; the strictest of all */
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 5000) == 0 && raw_getppid() == -4095);
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_LOG) == 0 && raw_getppid() == -4095);
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_TRACE) == 0 && raw_getppid() == -4095);
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO) == 0 && raw_getppid() == 0);
    CHECK(on_call(0, SYS_getuid, SECCOMP_RET_ERRNO | 512) == 0);    /* no signal: no restart */
    CHECK(syscall(SYS_getuid) == -1 && errno == 512);
    CHECK(on_call(0, SYS_getpgid, SECCOMP_RET_TRACE) == 0 && getpgid(0) < 0 && errno == ENOSYS);
    CHECK(on_call(0, SYS_getsid, SECCOMP_RET_USER_NOTIF) == 0 && getsid(0) < 0 && errno == ENOSYS);
    CHECK(on_call(0, 5000, SECCOMP_RET_ERRNO | 3) == 0 && syscall(5000) < 0 && errno == 3);
    CHECK(syscall(5001) < 0 && errno == ENOSYS);
    CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);

    char line[100];
    int mode = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "Seccomp: %d", &mode);
    }
    CHECK(mode == SECCOMP_MODE_FILTER);
}

/* Data that a filter sees: args and the address, by arithmetic. */
static void data(void)
{
    CHECK(INSTALL(0, LOAD(arch), EQUAL(0xc00000f3, 1, 0), RETURN(SECCOMP_RET_ERRNO | 1),
                  LOAD(nr), EQUAL(SYS_getppid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
                  LOAD_ARG(0), EQUAL(11, 1, 0), RETURN(SECCOMP_RET_ERRNO | 2),
                  LOAD(instruction_pointer),
                  EQUAL((uint32_t)(uintptr_t)call_after, 1, 0), RETURN(SECCOMP_RET_ERRNO | 3),
                  RETURN(SECCOMP_RET_ERRNO | 100)) == 0);
    CHECK(raw_getppid() == -100);
    /* (((2 + 3) * 4 - 6) / 2 | 64) ^ 1: 70 */
    CHECK(INSTALL(0, LOAD(nr), EQUAL(SYS_getpgid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
                  BPF_STMT(BPF_LDX | BPF_IMM, 3), BPF_STMT(BPF_LD | BPF_IMM, 2),
                  BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 4),
                  BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 6), BPF_STMT(BPF_ST, 7),
                  BPF_STMT(BPF_LDX | BPF_MEM, 7), BPF_STMT(BPF_MISC | BPF_TXA, 0),
                  BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 2), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 64),
                  BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 1),
                  BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
                  BPF_STMT(BPF_RET | BPF_A, 0)) == 0);
    CHECK(getpgid(0) < 0 && errno == 70);
}

static volatile int traps;

static void on_sys(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    CHECK(sig == SIGSYS && info->si_code == 1 && info->si_errno == 0x123);
    CHECK(info->si_call_addr == (void *)call_after && info->si_syscall == SYS_getppid);
    CHECK(info->si_arch == AUDIT_ARCH_RISCV64);
    CHECK(uc->uc_mcontext.__gregs[0] == (unsigned long)call_after);
    CHECK(uc->uc_mcontext.__gregs[17] == SYS_getppid && uc->uc_mcontext.__gregs[10] == 11);
    uc->uc_mcontext.__gregs[10] = 4242;
    traps++;
}

static void trapped(void)
{
    struct sigaction sa = { .sa_sigaction = on_sys, .sa_flags = SA_SIGINFO };
    sigaction(SIGSYS, &sa, NULL);
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_TRAP | 0x123) == 0);
    CHECK(raw_getppid() == 4242 && traps == 1);
    CHECK(raw_getppid() == 4242 && traps == 2);
}

static void trapped_blocked(void)
{
    sigset_t set;
    trapped();
    sigemptyset(&set);
    sigaddset(&set, SIGSYS);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raw_getppid();
}

static void killed(void)
{
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_KILL_PROCESS) == 0);
    raw_getppid();
}

static void unknown_action(void)
{
    CHECK(on_call(0, SYS_getppid, 0x12340000) == 0);
    raw_getppid();
}

static void divided(void)               /* by zero: as KILL_THREAD */
{
    CHECK(INSTALL(0, LOAD(nr), EQUAL(SYS_getppid, 1, 0), RETURN(SECCOMP_RET_ALLOW),
                  BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), RETURN(SECCOMP_RET_ALLOW)) == 0);
    raw_getppid();
}

/* ---- threads, processes ---- */

static void *dies(void *arg)
{
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_KILL_THREAD) == 0);
    raw_getppid();
    CHECK(!"alive");
    return arg;
}

static void thread_killed(void)
{
    pthread_t t;
    CHECK(pthread_create(&t, NULL, dies, NULL) == 0);
    CHECK(pthread_join(t, NULL) == 0);
    CHECK(raw_getppid() > 0);
}

static int to_thread[2], from_thread[2];

static void *calls(void *arg)
{
    char c;
    while (read(to_thread[0], &c, 1) == 1) {
        long ret = raw_getppid();
        CHECK(write(from_thread[1], &ret, sizeof(ret)) == sizeof(ret));
    }
    return arg;
}

static long ask_thread(void)
{
    long ret;
    CHECK(write(to_thread[1], "x", 1) == 1);
    CHECK(read(from_thread[0], &ret, sizeof(ret)) == sizeof(ret));
    return ret;
}

static void synchronized(void)
{
    pthread_t t;
    CHECK(pipe(to_thread) == 0 && pipe(from_thread) == 0);
    CHECK(pthread_create(&t, NULL, calls, NULL) == 0);
    CHECK(ask_thread() > 0);
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 5) == 0);
    CHECK(raw_getppid() == -5 && ask_thread() > 0);
    CHECK(on_call(SECCOMP_FILTER_FLAG_TSYNC, SYS_getpgid, SECCOMP_RET_ERRNO | 6) == 0);
    CHECK(ask_thread() == -5);
    close(to_thread[1]);
    pthread_join(t, NULL);
    CHECK(pthread_create(&t, NULL, calls, NULL) == 0);
    CHECK(pthread_join(t, NULL) == 0);
}

static void *own_filter(void *arg)
{
    char c;
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 9) == 0);
    pid_t tid = (pid_t)syscall(SYS_gettid);
    CHECK(write(from_thread[1], &tid, sizeof(tid)) == sizeof(tid));
    CHECK(read(to_thread[0], &c, 1) == 0);
    return arg;
}

static void not_synchronized(void)
{
    pthread_t t;
    pid_t tid;
    CHECK(pipe(to_thread) == 0 && pipe(from_thread) == 0);
    CHECK(pthread_create(&t, NULL, own_filter, NULL) == 0);
    CHECK(read(from_thread[0], &tid, sizeof(tid)) == sizeof(tid));
    CHECK(on_call(SECCOMP_FILTER_FLAG_TSYNC, SYS_getpgid, SECCOMP_RET_ERRNO | 6) == tid);
    CHECK(on_call(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, SYS_getpgid,
                  SECCOMP_RET_ERRNO | 6) < 0 && errno == ESRCH);
    CHECK(getpgid(0) > 0 && prctl(PR_GET_SECCOMP) == 0);
    close(to_thread[1]);
    pthread_join(t, NULL);
}

static void *filters_all(void *leader)
{
    CHECK(pthread_join((pthread_t)leader, NULL) == 0);
    CHECK(on_call(SECCOMP_FILTER_FLAG_TSYNC, SYS_getpgid, SECCOMP_RET_ERRNO | 6) == 0);
    _exit(0);
}

/* A thread that has ended, with a filter of its own, is none to be synchronized (Linux 6.11). */
static void leader_ended(void)
{
    struct utsname u;
    int major, minor;
    CHECK(uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2);
    if (major * 100 + minor < 611) {
        return;
    }
    for (int i = 0; i < 50; i++) {
        int status;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            pthread_t t;
            CHECK(pthread_create(&t, NULL, filters_all, (void *)pthread_self()) == 0);
            CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 5) == 0);
            pthread_exit(NULL);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
}

static void *in_thread(void *arg)
{
    CHECK(raw_getppid() == -8);
    return arg;
}

static void inherited(void)
{
    pthread_t t;
    int status, fd = dup(2);
    char next_fd[16];
    snprintf(next_fd, sizeof(next_fd), "%d", fd);
    close(fd);
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 8) == 0);
    CHECK(on_call(0, SYS_getpgid, SECCOMP_RET_ERRNO | 9) == 0);
    CHECK(pthread_create(&t, NULL, in_thread, NULL) == 0 && pthread_join(t, NULL) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(raw_getppid() == -8);
        execl("/proc/self/exe", "seccomp", next_fd, NULL);
        CHECK(!"execl");
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "seccomp", next_fd, NULL);
        _exit(99);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void after_exec(int next_fd)
{
    CHECK(raw_getppid() == -8 && getpgid(0) < 0 && errno == 9);
    CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
    CHECK(dup(2) == next_fd);           /* nothing is left open */
    CHECK(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 10) == 0 && raw_getppid() == -10);
}

/* ---- strict mode ---- */

static void strict(void)
{
    struct timespec ts;
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
    clock_gettime(CLOCK_MONOTONIC, &ts);    /* needs no system call */
    if (write(-1, "", 0) < 0) {
        syscall(SYS_exit, ts.tv_sec || ts.tv_nsec ? 17 : 18);
    }
}

static void strict_dies(void)
{
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL) == 0);
    raw_getppid();
    syscall(SYS_exit, 0);
}

/* ---- supervisors ---- */

static int listener = -1;
static long parent;

static void *supervised(void *arg)
{
    listener = on_call(SECCOMP_FILTER_FLAG_NEW_LISTENER, SYS_getppid, SECCOMP_RET_USER_NOTIF);
    CHECK(listener >= 0);
    CHECK(on_call(SECCOMP_FILTER_FLAG_NEW_LISTENER, SYS_getpgid, SECCOMP_RET_USER_NOTIF) < 0 &&
          errno == EBUSY);
    CHECK(write(from_thread[1], "x", 1) == 1);
    CHECK(raw_getppid() == 1234567);
    CHECK(raw_getppid() == -42);
    CHECK(raw_getppid() == parent);         /* the call is made */
    for (int error = 512; error <= 516; error++) {
        CHECK(raw_getppid() == -error);     /* the kernel's restart codes: mere numbers here */
    }
    CHECK(raw_getppid() == -512);           /* made again, after the handler */
    return arg;
}

static void told(int sig)
{
    CHECK(write(from_thread[1], "s", 1) == 1);
}

static uint64_t asked(void)
{
    struct seccomp_notif req;
    struct pollfd p = { listener, POLLIN, 0 };
    CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
    memset(&req, 0x55, sizeof(req));
    CHECK(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0 && errno == EINVAL);
    memset(&req, 0, sizeof(req));
    CHECK(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
    CHECK(req.data.nr == SYS_getppid && req.data.arch == AUDIT_ARCH_RISCV64);
    CHECK(req.data.args[0] == 11 && req.pid > 0 && req.pid != (uint32_t)getpid());
    CHECK(ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id) == 0);
    return req.id;
}

static void answer(int64_t val, int error, uint32_t flags)
{
    struct seccomp_notif_resp resp = { asked(), val, error, flags };
    CHECK(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0);
}

/* The one who waits for the answer gets a signal, and asks again. */
static void interrupt(pthread_t t)
{
    struct sigaction sa = { .sa_handler = told, .sa_flags = SA_RESTART };
    char c;
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    struct seccomp_notif_resp resp = { .id = asked(), .error = -EPERM };
    CHECK(pthread_kill(t, SIGUSR1) == 0 && read(from_thread[0], &c, 1) == 1);
    FAILS(ENOENT, ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp));
}

static void supervisor(void)
{
    pthread_t t;
    char c;
    CHECK(pipe(from_thread) == 0);
    parent = getppid();
    CHECK(pthread_create(&t, NULL, supervised, NULL) == 0);
    CHECK(read(from_thread[0], &c, 1) == 1);
    answer(1234567, 0, 0);
    answer(0, -42, 0);
    answer(0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
    for (int error = 512; error <= 516; error++) {
        answer(0, -error, 0);
    }
    interrupt(t);
    answer(0, -512, 0);
    CHECK(pthread_join(t, NULL) == 0);
    CHECK(getppid() > 0);
}

/* ---- a tracer ---- */

enum { GET_FILTER = 0x420c, GET_METADATA = 0x420d, SUSPEND_SECCOMP = 1 << 21 };

/* Only one who may do everything sees filters, and does without them. */
static void traced(void)
{
    struct { uint64_t nth, flags; } data = { 0, 9 };
    struct sock_filter f[BPF_MAXINSNS];
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(on_call(SECCOMP_FILTER_FLAG_LOG, SYS_getppid, SECCOMP_RET_ERRNO | 5) == 0);
        CHECK(INSTALL(0, RETURN(SECCOMP_RET_ALLOW)) == 0);
        CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 && raise(SIGSTOP) == 0);
        CHECK(raw_getppid() > 0);
        CHECK(raise(SIGSTOP) == 0);
        CHECK(raw_getppid() == -5);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    if (ptrace(GET_METADATA, pid, sizeof(data), &data) < 0) {
        CHECK(errno == EACCES || errno == EIO);
        FAILS(errno, ptrace(GET_FILTER, pid, 0, f));
        FAILS(errno == EACCES ? EPERM : EINVAL, ptrace(PTRACE_SETOPTIONS, pid, 0, SUSPEND_SECCOMP));
        CHECK(kill(pid, SIGKILL) == 0);
        return;
    }
    CHECK(data.flags == SECCOMP_FILTER_FLAG_LOG);
    data.nth = 1;
    CHECK(ptrace(GET_METADATA, pid, 64, &data) == sizeof(data) && data.flags == 0);
    FAILS(EINVAL, ptrace(GET_METADATA, pid, 4, &data));
    CHECK(ptrace(GET_FILTER, pid, 0, NULL) == 4 && ptrace(GET_FILTER, pid, 1, NULL) == 1);
    CHECK(ptrace(GET_FILTER, pid, 0, f) == 4 && f[1].k == SYS_getppid);
    FAILS(ENOENT, ptrace(GET_FILTER, pid, 2, f));
    FAILS(EFAULT, ptrace(GET_FILTER, pid, 0, (void *)8));
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, SUSPEND_SECCOMP) == 0);
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        after_exec(atoi(argv[1]));
        return 0;
    }
    if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) < 0) {
        return 0;
    }
    pid_t pid = fork();
    if (pid == 0) {
        unprivileged();
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    GOOD(refused);
    costs();
    GOOD(errors);
    GOOD(data);
    GOOD(trapped);
    KILLED(trapped_blocked, SIGSYS);
    KILLED(killed, SIGSYS);
    KILLED(unknown_action, SIGSYS);
    KILLED(divided, SIGSYS);
    GOOD(thread_killed);
    GOOD(synchronized);
    GOOD(not_synchronized);
    GOOD(leader_ended);
    GOOD(inherited);
    GOOD(traced);
    CHECK(run_child(strict) == 17 << 8);
    KILLED(strict_dies, SIGKILL);
    GOOD(supervisor);
    return 0;
}
