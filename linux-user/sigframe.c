/*
 * linux-user/sigframe.c: alternate signal stacks; make and read the frames of signal handlers.
 * Source: arch/riscv/kernel/signal.c, sas_ss_*() of include/linux/sched/signal.h.
 */
#include "linux-user/sigframe.h"

#include <errno.h>
#include <string.h>

/* ---- sigaltstack ---- */

static bool altstack_contains(const Task *task, abi_ulong sp)
{
    return sp > task->altstack.sp && sp - task->altstack.sp <= task->altstack.size;
}

static bool on_altstack(const Task *task, abi_ulong sp)
{
    return !(task->altstack.flags & GUEST_SS_AUTODISARM) && altstack_contains(task, sp);
}

static void altstack_get(const Task *task, abi_ulong sp, GuestStack *out)
{
    *out = (GuestStack){ .sp = task->altstack.sp, .size = task->altstack.size };
    out->flags = (task->altstack.flags & GUEST_SS_AUTODISARM) |
                 (!task->altstack.size ? SS_DISABLE : on_altstack(task, sp) ? SS_ONSTACK : 0);
}

static abi_long altstack_set(Task *task, abi_ulong sp, const GuestStack *ss)
{
    int mode = ss->flags & ~GUEST_SS_AUTODISARM;
    if (on_altstack(task, sp)) {
        return -EPERM;
    }
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
        return -EINVAL;
    }
    if (task->altstack.sp == ss->sp && task->altstack.size == ss->size &&
        task->altstack.flags == ss->flags) {
        return 0; /* however small */
    }
    if (mode == SS_DISABLE) {
        task->altstack.sp = 0;
        task->altstack.size = 0;
    } else if (ss->size < 2048) {           /* MINSIGSTKSZ */
        return -ENOMEM;
    } else {
        task->altstack.sp = ss->sp;
        task->altstack.size = ss->size;
    }
    task->altstack.flags = ss->flags;
    return 0;
}

abi_long signal_altstack(CPUState *cpu, abi_ulong ss, abi_ulong oss)
{
    Task *task = cpu->opaque;
    abi_ulong sp = cpu->env.gpr[RV_SP];
    GuestStack set, old;
    altstack_get(task, sp, &old);
    if (ss) {
        if (!guest_read(&set, ss, sizeof(set))) {
            return -EFAULT;
        }
        abi_long ret = altstack_set(task, sp, &set);
        if (ret) {
            return ret;
        }
    }
    return oss && !guest_write(oss, &old, sizeof(old)) ? -EFAULT : 0;
}

/* ---- frames ---- */

/* Where the frame goes; 0: the alternate stack is full. */
static abi_ulong frame_address(const Task *task, abi_ulong sp, const GuestSigaction *sa)
{
    bool on_alt = on_altstack(task, sp);
    if (on_alt && !altstack_contains(task, sp - sizeof(GuestSigframe))) {
        return 0;
    }
    if ((sa->flags & SA_ONSTACK) && task->altstack.size && !on_alt) {
        sp = task->altstack.sp + task->altstack.size;
    }
    return (sp - sizeof(GuestSigframe)) & ~(abi_ulong)15;
}

static void save_context(GuestMcontext *mc, const CPURISCVState *env)
{
    memcpy(mc->gregs, env->gpr, sizeof(mc->gregs));
    mc->gregs[0] = env->pc;
    memcpy(mc->fregs, env->fpr, sizeof(mc->fregs));
    mc->fcsr = cpu_fflags(env) | (uint32_t)env->frm << 5;
}

bool sigframe_setup(CPUState *cpu, int sig, const siginfo_t *info, const GuestSigaction *sa)
{
    Task *task = cpu->opaque;
    CPURISCVState *env = &cpu->env;
    abi_ulong at = frame_address(task, env->gpr[RV_SP], sa);
    GuestSigframe frame;

    if (!at) {
        return false;
    }
    memset(&frame, 0, sizeof(frame));
    memcpy(frame.info, info, sizeof(frame.info));
    frame.uc.stack = (GuestStack){ .sp = task->altstack.sp, .flags = task->altstack.flags,
                                   .size = task->altstack.size };
    frame.uc.sigmask = task->restore_sigmask ? task->saved_sigmask : task->sigmask;
    save_context(&frame.uc.mcontext, env);
    if (!guest_write(at, &frame, sizeof(frame))) {
        return false;
    }
    if (task->altstack.flags & GUEST_SS_AUTODISARM) {
        memset(&task->altstack, 0, sizeof(task->altstack));
        task->altstack.flags = SS_DISABLE;
    }

    env->gpr[RV_RA] = process.vdso_sigreturn;
    env->gpr[RV_SP] = at;
    env->gpr[RV_A0] = (uint64_t)sig;
    env->gpr[RV_A1] = at + offsetof(GuestSigframe, info);
    env->gpr[RV_A2] = at + offsetof(GuestSigframe, uc);
    env->pc = sa->handler;
    env->res_addr = ~(uint64_t)0;

    task->sigmask |= sa->mask | (sa->flags & SA_NODEFER ? 0 : sig_bit(sig));
    task->sigmask &= ~UNBLOCKABLE;
    task->restore_sigmask = false;
    return true;
}

bool sigframe_restore(CPUState *cpu, uint64_t *mask)
{
    Task *task = cpu->opaque;
    CPURISCVState *env = &cpu->env;
    GuestSigframe frame;

    if (!guest_read(&frame, env->gpr[RV_SP], sizeof(frame))) {
        return false;
    }
    const GuestMcontext *mc = &frame.uc.mcontext;
    if (mc->reserved || mc->ext_magic || mc->ext_size) {
        return false;
    }
    memcpy(env->gpr, mc->gregs, sizeof(mc->gregs));
    env->gpr[0] = 0;
    env->pc = mc->gregs[0] & ~(uint64_t)1;
    memcpy(env->fpr, mc->fregs, sizeof(mc->fregs));
    cpu_set_fflags(env, mc->fcsr & 31);
    cpu_set_frm(env, mc->fcsr >> 5 & 7);
    env->res_addr = ~(uint64_t)0;

    altstack_set(task, env->gpr[RV_SP], &frame.uc.stack);   /* errors are not the frame's */
    *mask = frame.uc.sigmask;
    return true;
}
