/*
 * linux-user/ptrace_foreign.c: tracees that are programs of the host's architecture (ptrace.h).
 *
 * Their stops are the host's. A tracer takes every tracee for a RISC-V program, as on a RISC-V
 * kernel every one is: so a system call of theirs is shown with the number that the call of that
 * name has there, its arguments in a0 to a5 and its result in a0; a call that only the host has
 * keeps its number, above all numbers of the guest. Apart from calls there is a pc and a sp, which
 * is what a debugger needs to let it run.
 */
#include <string.h>
#include <sys/user.h>

#include "linux-user/ptrace_private.h"
#include "linux-user/syscall.h"

enum { HOST_ONLY = 0x40000000, MAX_NUMBER = 1024 };

static uint64_t guest_nr(uint64_t host_nr)
{
    for (unsigned i = 0; i < MAX_NUMBER; i++) {
        const SyscallRow *row = syscall_row(i);
        if (row && row->host_nr >= 0 && row->host_nr == (int)host_nr) {
            return i;
        }
    }
    return (int)host_nr < 0 ? host_nr : HOST_ONLY | host_nr;
}

static uint64_t host_nr(uint64_t nr)
{
    const SyscallRow *row = syscall_row(nr);
    return (int)nr < 0        ? (uint64_t)-1
           : nr & HOST_ONLY ? nr & ~(uint64_t)HOST_ONLY
           : row             ? (uint64_t)row->host_nr
                             : (uint64_t)-1;
}

/* clone() is the one call whose arguments have another order: the last two. */
static void put_in_order(uint64_t *a, uint64_t orig_rax)
{
    if (orig_rax == SYS_clone) {
        uint64_t tls = a[4];
        a[4] = a[3];
        a[3] = tls;
    }
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
        uint64_t *a = &env->gpr[RV_A0];
        a[0] = regs.rax;
        a[1] = regs.rsi;
        a[2] = regs.rdx;
        a[3] = regs.r10;
        a[4] = regs.r8;
        a[5] = regs.r9;
        put_in_order(a, regs.orig_rax);
        env->gpr[RV_A7] = guest_nr(regs.orig_rax);
        t->ts.orig_a0 = regs.rdi;
    }
    return true;
}

bool foreign_store(const Tracee *t, const CPURISCVState *env)
{
    struct user_regs_struct regs;
    if (t->ts.syscall_op == SYSCALL_OP_NONE) {
        return true;
    }
    if (host_ptrace(PTRACE_GETREGS, t->tid, 0, &regs) < 0) {
        return false;
    }
    uint64_t a[6];
    memcpy(a, &env->gpr[RV_A0], sizeof(a));
    regs.orig_rax = host_nr(env->gpr[RV_A7]);
    put_in_order(a, regs.orig_rax);
    regs.rax = a[0];
    regs.rdi = t->ts.orig_a0;
    regs.rsi = a[1];
    regs.rdx = a[2];
    regs.r10 = a[3];
    regs.r8 = a[4];
    regs.r9 = a[5];
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
