/*
 * linux-user/cpu_loop.c: run a guest thread: system calls, traps, signals.
 * Source: arch/riscv/kernel/traps.c (which signal a trap is), kernel/entry (restart of system
 * calls).
 */
#include <signal.h>
#include <sys/syscall.h>

#include <glib.h>

#include "linux-user/syscall.h"
#include "linux-user/thread.h"
#include "linux-user/user_dispatch.h"

enum { ECALL_SIZE = 4 };

/* What the call `nr` that answered ret, below 0, is to its caller. False: it has no result, or is
 * to be made again. */
static __attribute__((noinline)) bool failed_call_ends(CPURISCVState *env, Task *task, abi_ulong nr,
                                                       abi_long ret)
{
    if (ret == -EINTR && ptrace_restarts(task, nr)) {
        ret = -ERESTARTNOHAND_;
    }
    switch (ret) {
    case SYSCALL_NO_RESULT:
        return false;
    case -ERESTARTSYS_:
    case -ERESTARTNOINTR_:
    case -ERESTARTNOHAND_:
    case -ERESTART_RESTARTBLOCK_:
        env->pc -= ECALL_SIZE;
        task->restart = (int)-ret;
        return false;
    default:
        env->gpr[RV_A0] = (uint64_t)ret;
        return true;
    }
}

/* False: the next insn is not to be executed just yet, or another one is. */
static inline bool run_ecall(CPUState *cpu, Task *task)
{
    CPURISCVState *env = &cpu->env;
    /* a0 keeps its value until there is a result, so that a restart need only go back to the
     * ecall. */
    env->pc += ECALL_SIZE;
    abi_ulong nr = env->gpr[RV_A7];
    if (G_UNLIKELY(task->dispatch.on) && user_dispatch(cpu)) {
        return false;
    }
    abi_long ret = G_UNLIKELY(task->trace.basics.on) ? ptrace_syscall(cpu)
                                              : syscall_dispatch(cpu, nr, &env->gpr[RV_A0]);
    if (G_UNLIKELY(ret < 0)) {
        if (!failed_call_ends(env, task, nr, ret)) {
            return false;
        }
    } else {
        env->gpr[RV_A0] = (uint64_t)ret;
    }
    return !task->signal_pending && !task->restore_sigmask && !task->exiting &&
           !task->trace.basics.on;
}

bool guest_ecall(CPUState *cpu)
{
    Task *task = cpu->opaque;
    /* What came before the ecall is delivered before it. */
    return G_LIKELY(!task->signal_pending) && run_ecall(cpu, task);
}

void cpu_loop_run(CPUState *cpu)
{
    Task *task = cpu->opaque;

    while (!task->exiting) {
        switch (cpu_exec(cpu)) {
        case EXCP_ECALL:
            guest_ecall(cpu);
            break;
        case EXCP_ILLEGAL:
            signal_force(cpu, SIGILL, ILL_ILLOPC, cpu->env.pc);
            break;
        case EXCP_BREAKPOINT:
            signal_force(cpu, SIGTRAP, TRAP_BRKPT, cpu->env.pc);
            break;
        case EXCP_FAULT:
            signal_force(cpu, cpu->fault.sig, cpu->fault.code, cpu->fault.addr);
            break;
        case EXCP_INTERRUPT:
            break;
        default:
            g_assert_not_reached();
        }
        signal_deliver_pending(cpu);
    }
}

_Noreturn void cpu_loop(CPUState *cpu)
{
    cpu_loop_run(cpu);
    thread_exit_leader(cpu);
}
