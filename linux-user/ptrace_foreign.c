/*
 * linux-user/ptrace_foreign.c: tracees that are programs of the host's architecture (ptrace.h).
 *
 * Their stops are the host's. A tracer takes every tracee for a RISC-V program, as on a RISC-V
 * kernel every one is: so a system call of theirs is shown with the number that the call of that
 * name has there, its arguments in a0 to a5 and its result in a0. One that only the host has is
 * shown as the call that takes its place on younger architectures; if there is none, by the host's
 * number, above all numbers of the guest. Apart from calls there is a pc and a sp, which is what a
 * debugger needs to let it run.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/user.h>

#include "linux-user/ptrace_private.h"
#include "linux-user/syscall.h"

enum { HOST_ONLY = 0x40000000, MAX_NUMBER = 1024 };

/* The host's older calls, and what they are written as: with the arguments A to F
 * or literals. */
enum { A, B, C, D, E, F, ZERO, CWD, FLAG_FORK, FLAG_VFORK, FLAG_REMOVE, FLAG_LINK, FLAG_CREAT };
static const int64_t literals[] = {
    [ZERO] = 0,
    [CWD] = AT_FDCWD,
    [FLAG_FORK] = SIGCHLD,
    [FLAG_VFORK] = CLONE_VM | CLONE_VFORK | SIGCHLD,
    [FLAG_REMOVE] = AT_REMOVEDIR,
    [FLAG_LINK] = AT_SYMLINK_NOFOLLOW,
    [FLAG_CREAT] = O_CREAT | O_WRONLY | O_TRUNC,
};
static const struct OldCall {
    int nr, as;                     /* both the host's */
    uint8_t arg[6];
} old_calls[] = {
    { SYS_open, SYS_openat, { CWD, A, B, C } },
    { SYS_stat, SYS_newfstatat, { CWD, A, B, ZERO } },
    { SYS_lstat, SYS_newfstatat, { CWD, A, B, FLAG_LINK } },
    { SYS_access, SYS_faccessat, { CWD, A, B } },
    { SYS_pipe, SYS_pipe2, { A, ZERO } },
    { SYS_dup2, SYS_dup3, { A, B, ZERO } },
    { SYS_fork, SYS_clone, { FLAG_FORK, ZERO, ZERO, ZERO, ZERO } },
    { SYS_vfork, SYS_clone, { FLAG_VFORK, ZERO, ZERO, ZERO, ZERO } },
    { SYS_clone, SYS_clone, { A, B, C, E, D } },        /* the one call of another order */
    { SYS_rename, SYS_renameat2, { CWD, A, CWD, B, ZERO } },
    { SYS_renameat, SYS_renameat2, { A, B, C, D, ZERO } },
    { SYS_mkdir, SYS_mkdirat, { CWD, A, B } },
    { SYS_rmdir, SYS_unlinkat, { CWD, A, FLAG_REMOVE } },
    { SYS_creat, SYS_openat, { CWD, A, FLAG_CREAT, B } },
    { SYS_link, SYS_linkat, { CWD, A, CWD, B, ZERO } },
    { SYS_unlink, SYS_unlinkat, { CWD, A, ZERO } },
    { SYS_symlink, SYS_symlinkat, { A, CWD, B } },
    { SYS_readlink, SYS_readlinkat, { CWD, A, B, C } },
    { SYS_chmod, SYS_fchmodat, { CWD, A, B } },
    { SYS_chown, SYS_fchownat, { CWD, A, B, C, ZERO } },
    { SYS_lchown, SYS_fchownat, { CWD, A, B, C, FLAG_LINK } },
    { SYS_mknod, SYS_mknodat, { CWD, A, B, C } },
    { SYS_getpgrp, SYS_getpgid, { ZERO } },
    { SYS_epoll_create, SYS_epoll_create1, { ZERO } },
    { SYS_epoll_wait, SYS_epoll_pwait, { A, B, C, D, ZERO, ZERO } },
    { SYS_inotify_init, SYS_inotify_init1, { ZERO } },
    { SYS_eventfd, SYS_eventfd2, { A, ZERO } },
    { SYS_signalfd, SYS_signalfd4, { A, B, C, ZERO } },
};

/* A call as a table of system calls has it. */
typedef struct Call {
    uint64_t nr, arg[6];
} Call;

static uint64_t guest_nr(uint64_t nr)
{
    for (unsigned i = 0; i < MAX_NUMBER; i++) {
        const SyscallRow *row = syscall_row(i);
        if (row && row->host_nr >= 0 && row->host_nr == (int)nr) {
            return i;
        }
    }
    return (int)nr < 0 ? nr : HOST_ONLY | nr;
}

static uint64_t host_nr(uint64_t nr)
{
    const SyscallRow *row = syscall_row(nr);
    return (int)nr < 0        ? (uint64_t)-1
           : nr & HOST_ONLY ? nr & ~(uint64_t)HOST_ONLY
           : row             ? (uint64_t)row->host_nr
                             : (uint64_t)-1;
}

static Call call_shown(const struct user_regs_struct *regs)
{
    const uint64_t of_host[] = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 };
    Call call = { regs->orig_rax, {0} };
    const struct OldCall *old = old_calls;
    while (old < old_calls + G_N_ELEMENTS(old_calls) && (uint64_t)old->nr != call.nr) {
        old++;
    }
    bool is_old = old < old_calls + G_N_ELEMENTS(old_calls);
    for (unsigned i = 0; i < 6; i++) {
        unsigned from = is_old ? old->arg[i] : i;
        call.arg[i] = from <= F ? of_host[from] : (uint64_t)literals[from];
    }
    call.nr = guest_nr(is_old ? (uint64_t)old->as : call.nr);
    return call;
}

bool foreign_fetch(Tracee *t, CPURISCVState *env)
{
    struct user_regs_struct regs;
    if (host_ptrace(PTRACE_GETREGS, t->tid, 0, &regs) < 0) {
        return false;
    }
    memset(env, 0, sizeof(*env));
    env->pc = regs.rip;
    env->gpr[RV_SP] = regs.rsp;
    if (t->ts.syscall_op != SYSCALL_OP_NONE) {
        Call call = call_shown(&regs);
        memcpy(&env->gpr[RV_A0], call.arg, sizeof(call.arg));
        t->ts.orig_a0 = call.arg[0];
        env->gpr[RV_A0] = regs.rax;
        env->gpr[RV_A7] = call.nr;
    }
    return true;
}

/* Another call than was shown is one that the guest knows by that number, and the host too. */
bool foreign_store(const Tracee *t, const CPURISCVState *env)
{
    struct user_regs_struct regs;
    if (t->ts.syscall_op == SYSCALL_OP_NONE) {
        return true;
    }
    if (host_ptrace(PTRACE_GETREGS, t->tid, 0, &regs) < 0) {
        return false;
    }
    Call shown = call_shown(&regs), call = { env->gpr[RV_A7], {0} };
    memcpy(call.arg, &env->gpr[RV_A0], sizeof(call.arg));
    call.arg[0] = t->ts.orig_a0;
    regs.rax = env->gpr[RV_A0];
    if (memcmp(&call, &shown, sizeof(call)) != 0) {
        bool is_clone = host_nr(call.nr) == SYS_clone;
        regs.orig_rax = host_nr(call.nr);
        regs.rdi = call.arg[0];
        regs.rsi = call.arg[1];
        regs.rdx = call.arg[2];
        regs.r10 = call.arg[is_clone ? 4 : 3];
        regs.r8 = call.arg[is_clone ? 3 : 4];
        regs.r9 = call.arg[5];
    }
    return host_ptrace(PTRACE_SETREGS, t->tid, 0, &regs) == 0;
}

bool foreign_at_syscall(const siginfo_t *si)
{
    return si->si_signo == SIGTRAP && (si->si_code & ~0x80) == SIGTRAP;
}

void foreign_describe(Tracee *t, const siginfo_t *si)
{
    uint64_t message = 0;
    host_ptrace(PTRACE_GETEVENTMSG, t->tid, 0, &message);
    t->ts.info = *si;
    t->ts.message = message;
    t->ts.syscall_op = foreign_at_syscall(si) ? (uint32_t)message
                       : si->si_code == (SIGTRAP | TRACE_EVENT_SECCOMP << 8) ? SYSCALL_OP_SECCOMP
                                                                             : SYSCALL_OP_NONE;
}
