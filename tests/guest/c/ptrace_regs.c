/*
 * ptrace(2) as riscv64 has it: registers, breakpoints written into code that has run, system calls
 * changed at their entry and exit, the requests that do not exist there. Exit status: number of
 * failed checks.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PC,
    RA,
    SP,
    A0 = 10,
    A7 = 17,
    EBREAK = 0x100073,
    GETREGS = 12,
    SETREGS = 13,
    SINGLESTEP = 9
};

static pid_t pid;
static int failed;

#define CHECK(x) check((x), #x, __LINE__)
static void check(int ok, const char *what, int line)
{
    if (!ok) {
        printf("line %d: %s (errno %d)\n", line, what, errno);
        failed++;
    }
}

/* insns of known length, never inlined */
asm(".globl add1\n.option push\n.option norvc\nadd1: addi a0, a0, 1\nret\n"
    ".globl stop_here\nstop_here: ebreak\nli a0, 7\nret\n"
    ".globl load_fp\nload_fp: fmv.d.x fa0, a0\nfrsr a1\nli a1, 0x21\nfscsr a1\nebreak\nfmv.x.d a0, fa0\nfrcsr a1\n"
    "slli a1, a1, 56\nxor a0, a0, a1\nret\n.option pop\n");
long add1(long x);
long stop_here(void);
long load_fp(long x);

static long raw(long nr, long a, long b)
{
    register long a0 asm("a0") = a, a1 asm("a1") = b, a7 asm("a7") = nr;
    asm volatile("ecall" : "+r"(a0), "+r"(a7) : "r"(a1) : "memory");
    return a0;
}

static volatile int usr1;

static void handler(int sig)
{
    usr1++;
}

static int child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    signal(SIGUSR1, handler);
    for (volatile int i = 0; i < 1000; i++) {
        add1(i);
    }
    raise(SIGSTOP);
    if (add1(1) != 2) {             /* breakpoint: a0 becomes 41 */
        return 1;
    }
    raise(SIGSTOP);
    if (add1(1) != 42 || add1(1) != 2) {
        return 2;
    }
    if (stop_here() != 7) {
        return 3;
    }
    if (load_fp(0x400921fb54442d18) != (long)(0x4005bf0a8b145769 ^ (0x43ul << 56))) {
        return 4;
    }
    if (raw(SYS_getppid, 0, 0) != getpid()) {       /* becomes getpid */
        return 5;
    }
    if (raw(SYS_getppid, 5, 0) != 123) {            /* is not made */
        return 6;
    }
    if (raw(SYS_getppid, 0, 0) != 456) {            /* another result */
        return 7;
    }
    if (raw(SYS_close, -2, 0) != 789) {             /* becomes getpid, with another result */
        return 9;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    raise(SIGSTOP);                                 /* the tracer unblocks it */
    if (usr1 != 1) {
        return 8;
    }
    return 0;
}

static long regs[32];

static long get(void)
{
    struct iovec iov = { regs, sizeof(regs) };
    return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov);
}

static long set(void)
{
    struct iovec iov = { regs, sizeof(regs) };
    return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
}

static int next(int request)
{
    int status;
    CHECK(ptrace(request, pid, 0, 0) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFSTOPPED(status)) {
        printf("ended: %#x\n", status);
        exit(99);
    }
    return WSTOPSIG(status);
}

static void requests(void)
{
    long big[64];
    uint64_t fp[40];
    struct iovec iov = { big, sizeof(big) };
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) == 0 && iov.iov_len == 256);
    iov.iov_len = 24;
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) == 0 && iov.iov_len == 24);
    iov.iov_len = 12;
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) == -1 && errno == EINVAL);
    iov = (struct iovec){ fp, sizeof(fp) };
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &iov) == 0 && iov.iov_len == 264);
    CHECK(ptrace(PTRACE_GETREGSET, pid, 0x999, &iov) == -1 && errno == EINVAL);
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8) == -1 && errno == EFAULT);
    CHECK(ptrace(GETREGS, pid, 0, big) == -1 && errno == EIO);
    CHECK(ptrace(SETREGS, pid, 0, big) == -1 && errno == EIO);
    CHECK(ptrace(SINGLESTEP, pid, 0, 0) == -1 && errno == EIO);
    errno = 0;
    CHECK(ptrace(PTRACE_PEEKUSER, pid, 0, 0) == -1 && errno == EIO);
    CHECK(ptrace(21, pid, 0, 0) == -1 && errno == EIO);          /* x86's OLDSETOPTIONS */
    CHECK(ptrace(0x4fff, pid, 0, 0) == -1 && errno == EIO);
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, 0x40000000) == -1 && errno == EINVAL);
    CHECK(ptrace(PTRACE_ATTACH, pid, 0, 0) == -1 && errno == EPERM);
    CHECK(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == -1 && errno == EIO);
    CHECK(ptrace(PTRACE_LISTEN, pid, 0, 0) == -1 && errno == EIO);
    CHECK(ptrace(PTRACE_CONT, getppid(), 0, 0) == -1 && errno == ESRCH);
    CHECK(ptrace(PTRACE_ATTACH, getpid(), 0, 0) == -1 && errno == EPERM);
    CHECK(ptrace(PTRACE_ATTACH, 99999999, 0, 0) == -1 && errno == ESRCH);
    CHECK(ptrace(PTRACE_SEIZE, pid, 1, 0) == -1 && errno == EIO);
}

static void breakpoints(void)
{
    siginfo_t si;
    errno = 0;
    long old = ptrace(PTRACE_PEEKTEXT, pid, add1, 0);
    CHECK(errno == 0 && old == *(long *)add1);
    CHECK(ptrace(PTRACE_POKETEXT, pid, add1, old >> 32 << 32 | EBREAK) == 0);
    CHECK(next(PTRACE_CONT) == SIGTRAP);
    CHECK(get() == 0 && regs[PC] == (long)add1 && regs[A0] == 1 && regs[RA] && regs[SP]);
    CHECK(ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == 0 && si.si_code == 1 &&
          si.si_addr == (void *)add1);
    CHECK(ptrace(PTRACE_POKETEXT, pid, add1, old) == 0);
    CHECK(next(PTRACE_CONT) == SIGSTOP);
    /* the same through /proc */
    char path[64];
    uint32_t ebreak = EBREAK;
    sprintf(path, "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    CHECK(pwrite(fd, &ebreak, 4, (off_t)add1) == 4);
    CHECK(next(PTRACE_CONT) == SIGTRAP);
    CHECK(get() == 0 && regs[PC] == (long)add1 && regs[A0] == 1);
    regs[A0] = 41;
    CHECK(set() == 0 && pwrite(fd, &old, 4, (off_t)add1) == 4);
    close(fd);
    CHECK(next(PTRACE_CONT) == SIGTRAP);
    CHECK(get() == 0 && regs[PC] == (long)stop_here);
    regs[PC] += 4;
    CHECK(set() == 0);
}

static void floating_point(void)
{
    uint64_t fp[33];
    struct iovec iov = { fp, sizeof(fp) };
    CHECK(next(PTRACE_CONT) == SIGTRAP);
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &iov) == 0);
    CHECK(fp[10] == 0x400921fb54442d18 && fp[32] == 0x21);
    fp[10] = 0x4005bf0a8b145769;
    fp[32] = 0x43;
    CHECK(ptrace(PTRACE_SETREGSET, pid, NT_PRFPREG, &iov) == 0);
    CHECK(get() == 0);
    regs[PC] += 4;
    CHECK(set() == 0);
}

/* To the entry of the next getppid. */
static void to_getppid(void)
{
    do {
        CHECK(next(PTRACE_SYSCALL) == (SIGTRAP | 0x80));
        CHECK(get() == 0);
    } while (!failed && regs[A7] != SYS_getppid);
    CHECK(regs[A0] == -ENOSYS);
}

static void system_calls(void)
{
    struct __ptrace_syscall_info in;
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
    to_getppid();
    CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(in), &in) == 80 && in.op == 1);
    CHECK(in.arch == 0xc00000f3 && in.instruction_pointer == regs[PC] &&
          in.stack_pointer == regs[SP]);
    regs[A7] = SYS_getpid;
    CHECK(set() == 0);
    CHECK(next(PTRACE_SYSCALL) == (SIGTRAP | 0x80) && get() == 0 && regs[A0] == pid);
    to_getppid();
    CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(in), &in) == 80 && in.entry.args[0] == 5);
    regs[A7] = -1;
    regs[A0] = 123;
    CHECK(set() == 0);
    CHECK(next(PTRACE_SYSCALL) == (SIGTRAP | 0x80) && get() == 0 && regs[A0] == 123);
    to_getppid();
    CHECK(next(PTRACE_SYSCALL) == (SIGTRAP | 0x80) && get() == 0 && regs[A0] == getpid());
    regs[A0] = 456;
    CHECK(set() == 0);
    enum { SET_SYSCALL_INFO = 0x4212, SIZE = 88 };
    struct { struct __ptrace_syscall_info in; char more[SIZE]; } s;
    memset(&s, 0, sizeof(s));
    do {
        CHECK(next(PTRACE_SYSCALL) == (SIGTRAP | 0x80));
        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, SIZE, &s) > 0);
    } while (!failed && (s.in.op != 1 || s.in.entry.nr != SYS_close));
    CHECK(s.in.entry.args[0] == (uint64_t)-2);
    CHECK(ptrace(SET_SYSCALL_INFO, pid, 8, &s) == -1 && errno == EINVAL);
    s.in.entry.nr = SYS_getpid;
    CHECK(ptrace(SET_SYSCALL_INFO, pid, SIZE, &s) == 0);
    s.in.op = 2;
    CHECK(ptrace(SET_SYSCALL_INFO, pid, SIZE, &s) == -1 && errno == EINVAL);
    CHECK(next(PTRACE_SYSCALL) == (SIGTRAP | 0x80));
    CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, SIZE, &s) > 0 && s.in.op == 2 &&
          s.in.exit.rval == pid);
    s.in.exit.rval = 789;
    CHECK(ptrace(SET_SYSCALL_INFO, pid, SIZE, &s) == 0);
    CHECK(next(PTRACE_CONT) == SIGSTOP);
}

static void masks(void)
{
    uint64_t mask = 0;
    CHECK(ptrace(PTRACE_GETSIGMASK, pid, 8, &mask) == 0 && mask == 1 << (SIGUSR1 - 1));
    CHECK(ptrace(PTRACE_GETSIGMASK, pid, 4, &mask) == -1 && errno == EINVAL);
    struct __ptrace_peeksiginfo_args peek = { .nr = 4 };
    siginfo_t si[4];
    CHECK(ptrace(PTRACE_PEEKSIGINFO, pid, &peek, si) == 1 && si[0].si_signo == SIGUSR1);
    mask = 0;
    CHECK(ptrace(PTRACE_SETSIGMASK, pid, 8, &mask) == 0);
    CHECK(next(PTRACE_CONT) == SIGUSR1);
    CHECK(ptrace(PTRACE_CONT, pid, 0, SIGUSR1) == 0);
}

/* Seized, it has never stopped before: at its end, and where it makes a child. */
static void first_stop(long option, int event, long nr)
{
    int go[2], status;
    char byte;
    CHECK(pipe(go) == 0);
    pid = fork();
    if (pid == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        if (read(go[0], &byte, 1) == 1 && event == PTRACE_EVENT_CLONE) {
            raw(SYS_clone, 0, 0);
        }
        raw(SYS_exit_group, 3, 0x5a5a);
    }
    CHECK(ptrace(PTRACE_SEIZE, pid, 0, option | PTRACE_O_EXITKILL) == 0);
    CHECK(write(go[1], "", 1) == 1);
    CHECK(waitpid(pid, &status, __WALL) == pid && status >> 8 == (SIGTRAP | event << 8));
    CHECK(get() == 0 && regs[A7] == nr && regs[SP] != 0);
    CHECK(event == PTRACE_EVENT_CLONE || regs[A0 + 1] == 0x5a5a);
    uint64_t mask = 0;
    CHECK(ptrace(PTRACE_GETSIGMASK, pid, 8, &mask) == 0 && mask == 1 << (SIGUSR2 - 1));
    do {
        if (WIFSTOPPED(status)) {
            ptrace(PTRACE_CONT, pid, 0, 0);
        }
    } while ((pid = waitpid(-1, &status, __WALL)) > 0);     /* and its child */
}

int main(void)
{
    int status;
    first_stop(PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT, SYS_exit_group);
    first_stop(PTRACE_O_TRACECLONE, PTRACE_EVENT_CLONE, SYS_clone);
    pid = fork();
    if (pid == 0) {
        _exit(child());
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    requests();
    breakpoints();
    floating_point();
    system_calls();
    masks();
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status) {
        printf("status %#x\n", status);
        kill(pid, SIGKILL);
        failed++;
    }
    return failed;
}
