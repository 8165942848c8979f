/*
 * ptrace(2) of programs that are not the tracer's own kind, where /bin/sh is another: their system
 * calls have the numbers and registers of the tracer's architecture. Exit status: line of the
 * failed check.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "check.h"

enum {
    OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL,
    BIRTHS = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE,
    SYSCALL = SIGTRAP | 0x80,
    PC = 0, SP = 2, A0 = 10, A1 = 11, A7 = 17,
};

#define ENDED(code) ((code) >> 16)

static struct __ptrace_syscall_info in;

static int next(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, __WALL) == pid);
    memset(&in, 0, sizeof(in));
    if (WIFSTOPPED(status)) {
        CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(in), &in) >= 24);
        return status >> 8;
    }
    return status << 16;
}

/* Runs the line in a shell: stopped before it becomes one. */
static pid_t shell(const char *line, long options)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execl("/bin/sh", "sh", "-c", line, NULL);
        _exit(99);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, options) == 0);
    return pid;
}

/* Let it run to the call, and read its first argument that is a path into path. */
static void run_to_entry(pid_t pid, long nr)
{
    do {
        CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
        CHECK(next(pid) == SYSCALL);
        CHECK(in.op == PTRACE_SYSCALL_INFO_ENTRY || in.op == PTRACE_SYSCALL_INFO_EXIT);
    } while (in.op != PTRACE_SYSCALL_INFO_ENTRY || in.entry.nr != nr);
}

static void run_to_exit(pid_t pid)
{
    CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
    CHECK(next(pid) == SYSCALL);
    CHECK(in.op == PTRACE_SYSCALL_INFO_EXIT);
}

/* Not made; its result is EPERM. */
static void skip_call(pid_t pid, long a1)
{
#ifdef __riscv
    long regs[32];
    struct iovec iov = { regs, sizeof(regs) };
    CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) == 0 && iov.iov_len == sizeof(regs));
    CHECK(regs[A7] == in.entry.nr && regs[A1] == a1 && regs[A0] == -ENOSYS);
    CHECK(regs[PC] == in.instruction_pointer && regs[SP] == in.stack_pointer);
    regs[A7] = -1;
    regs[A0] = -EPERM;
    CHECK(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov) == 0);
#else
    CHECK(ptrace(PTRACE_POKEUSER, pid, 8 * 15, -1L) == 0);
    CHECK(ptrace(PTRACE_POKEUSER, pid, 8 * 10, (long)-EPERM) == 0);
#endif
}

static void calls(void)
{
    siginfo_t si;
    pid_t pid = shell("kill -9 $$ 2>/dev/null; exit 3", OPTIONS | PTRACE_O_TRACEEXEC);
    CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
    do {
        CHECK(next(pid) == SYSCALL);
        CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
    } while (in.op != PTRACE_SYSCALL_INFO_ENTRY || in.entry.nr != SYS_execve);
    CHECK(next(pid) == (SIGTRAP | PTRACE_EVENT_EXEC << 8));
    run_to_exit(pid);
    CHECK(in.exit.rval == 0 && !in.exit.is_error);
    run_to_entry(pid, SYS_brk);
    CHECK(in.entry.args[0] == 0);
    CHECK(ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == 0);
    CHECK(si.si_signo == SIGTRAP && si.si_code == SYSCALL);
    run_to_exit(pid);
    CHECK(in.exit.rval > 0 && !in.exit.is_error);
    run_to_entry(pid, SYS_kill);
    CHECK(in.entry.args[0] == pid && in.entry.args[1] == 9);
    skip_call(pid, 9);
    run_to_exit(pid);
    CHECK(in.exit.rval == -EPERM && in.exit.is_error);
    run_to_entry(pid, SYS_exit_group);
    CHECK(in.entry.args[0] == 3);
    CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
    CHECK(next(pid) == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == 3 << 24);
}

/* No event of execve, and no mark on the stops: the call ends, then comes a SIGTRAP. */
static void unmarked(void)
{
    pid_t pid = shell("exit 4", PTRACE_O_EXITKILL);
    siginfo_t si;
    int code;
    do {
        CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
        CHECK(next(pid) == SIGTRAP && in.op == PTRACE_SYSCALL_INFO_NONE);
        CHECK(ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == 0);
    } while (si.si_code == SIGTRAP);
    CHECK(si.si_code == SI_USER);
    CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
    CHECK(next(pid) == SIGTRAP);
    CHECK(ptrace(PTRACE_GETSIGINFO, pid, 0, &si) == 0 && si.si_code == SIGTRAP);
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK((code = next(pid)) == 4 << 24);
}

/* A call that this architecture has not is shown as the one that it has instead. */
static void old_call(void)
{
#ifdef SYS_dup2
    enum { DUP = SYS_dup2 };
#else
    enum { DUP = SYS_dup3 };
#endif
    pid_t pid = shell("exec 7>&1; exit 7", OPTIONS | PTRACE_O_TRACEEXEC);
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == (SIGTRAP | PTRACE_EVENT_EXEC << 8));
    do {
        run_to_entry(pid, DUP);
    } while (in.entry.args[1] != 7);
    CHECK(in.entry.args[0] == 1);
    run_to_exit(pid);
    CHECK(in.exit.rval == 7);
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == (SIGTRAP | PTRACE_EVENT_EXIT << 8));
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    CHECK(next(pid) == 7 << 24);
}

/* Its children come with it, and stop at their calls too. */
static void children(void)
{
    unsigned long child;
    int code, waited = 0;
    pid_t pid = shell("(exit 6); exit 5", OPTIONS | BIRTHS | PTRACE_O_TRACEEXEC);
    do {
        CHECK(ptrace(PTRACE_SYSCALL, pid, 0, 0) == 0);
        code = next(pid);
    } while (code == SYSCALL || code == (SIGTRAP | PTRACE_EVENT_EXEC << 8));
    CHECK(code >> 8 >= PTRACE_EVENT_FORK && code >> 8 <= PTRACE_EVENT_CLONE);
    CHECK(ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0);
    CHECK(next((pid_t)child) == SIGSTOP);
    run_to_entry((pid_t)child, SYS_exit_group);
    CHECK(in.entry.args[0] == 6);
    CHECK(ptrace(PTRACE_DETACH, child, 0, 0) == 0);
    do {
        ptrace(PTRACE_SYSCALL, pid, 0, code == SIGCHLD ? SIGCHLD : 0);
        code = next(pid);
        waited |= in.op == PTRACE_SYSCALL_INFO_ENTRY && in.entry.nr == SYS_wait4;
    } while (!ENDED(code));
    CHECK(code == 5 << 24);
    CHECK(waited);
}

/* One that runs already. */
static void attached(long request)
{
    char byte;
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ready[1], 1);
        execl("/bin/sh", "sh", "-c", "echo; read x <&0; exec cat", NULL);
        _exit(99);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(ptrace(request, pid, 0, request == PTRACE_SEIZE ? OPTIONS : 0) == 0);
    if (request == PTRACE_SEIZE) {
        CHECK(ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0);
        CHECK(next(pid) == (SIGTRAP | 128 << 8));
    } else {
        CHECK(next(pid) == SIGSTOP);
        CHECK(ptrace(PTRACE_SETOPTIONS, pid, 0, OPTIONS) == 0);
    }
    run_to_entry(pid, SYS_read);
    CHECK(in.entry.args[0] == 0);
    kill(pid, SIGKILL);
    while (!ENDED(next(pid))) {
        ptrace(PTRACE_CONT, pid, 0, 0);
    }
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    int held[2];
    alarm(60);
    CHECK(pipe(held) == 0 && dup2(held[0], 0) == 0);    /* reading sleeps */
    calls();
    unmarked();
    old_call();
    children();
    attached(PTRACE_ATTACH);
    attached(PTRACE_SEIZE);
    return 0;
}
