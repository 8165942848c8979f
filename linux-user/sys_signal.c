/*
 * linux-user/sys_signal.c: the system calls about signals. Source: kernel/signal.c.
 *
 * The guest's mask is also the host's, so waiting for signals is forwarded; only SIGSEGV, SIGBUS
 * and SIGILL, which the host never blocks, are looked for in the Task as well.
 */
#include <string.h>
#include <sys/syscall.h>

#include "linux-user/signal_private.h"
#include "linux-user/sys_common.h"

abi_long sys_rt_sigaction(CPUState *cpu, const abi_ulong *a)
{
    return signal_action(cpu, (int)a[0], a[1], a[2], a[3]);
}

abi_long sys_sigaltstack(CPUState *cpu, const abi_ulong *a)
{
    return signal_altstack(cpu, a[0], a[1]);
}

abi_long sys_rt_sigreturn(CPUState *cpu, const abi_ulong *a)
{
    return signal_return(cpu);
}

abi_long sys_rt_sigprocmask(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    uint64_t old = task->sigmask, set, mask;
    if (a[3] != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (a[1]) {
        if (!guest_read(&set, a[1], sizeof(set))) {
            return -EFAULT;
        }
        switch ((int)a[0]) {
        case SIG_BLOCK:
            mask = old | set;
            break;
        case SIG_UNBLOCK:
            mask = old & ~set;
            break;
        case SIG_SETMASK:
            mask = set;
            break;
        default:
            return -EINVAL;
        }
        if ((mask & ~UNBLOCKABLE) != old && !signal_change_mask(task, mask)) {
            return -ERESTARTNOINTR_;
        }
    }
    return a[2] && !guest_write(a[2], &old, sizeof(old)) ? -EFAULT : 0;
}

abi_long sys_rt_sigpending(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    uint64_t set = 0;
    if (a[1] > SIGSET_BYTES) {
        return -EINVAL;
    }
    host_syscall(SYS_rt_sigpending, &set, SIGSET_BYTES);
    set = (set | signal_recorded(task)) & task->sigmask;
    return guest_write(a[0], &set, a[1]) ? 0 : -EFAULT;
}

abi_long sys_rt_sigsuspend(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    uint64_t mask;
    if (a[1] != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (!guest_read(&mask, a[0], sizeof(mask))) {
        return -EFAULT;
    }
    signal_temp_mask(task, mask);
    uint64_t host = mask & ~FAULT_SIGNALS;
    safe_syscall(SYS_rt_sigsuspend, host_arg(&host), SIGSET_BYTES, 0, 0, 0, 0);
    return -ERESTARTNOHAND_;
}

static abi_long took(abi_ulong info_addr, int sig, const siginfo_t *info)
{
    return info_addr && !guest_write(info_addr, info, sizeof(*info)) ? -EFAULT : sig;
}

abi_long sys_rt_sigtimedwait(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    uint64_t set;
    siginfo_t info;
    if (a[3] != SIGSET_BYTES) {
        return -EINVAL;
    }
    if (!guest_read(&set, a[0], sizeof(set))) {
        return -EFAULT;
    }
    set &= ~UNBLOCKABLE;
    int sig = signal_take(task, set & FAULT_SIGNALS, &info);
    if (sig) {
        return took(a[1], sig, &info);
    }
    abi_long ret = safe_syscall(SYS_rt_sigtimedwait, host_arg(&set), shift_arg(a[1]),
                                shift_arg(a[2]), SIGSET_BYTES, 0, 0);
    if (ret == -EINTR && (sig = signal_take(task, set & FAULT_SIGNALS, &info))) {
        return took(a[1], sig, &info);
    }
    return ret;
}

/* ---- sending ---- */

abi_long sys_kill(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_kill, (int)a[0], (int)a[1]);
}

abi_long sys_tkill(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_tkill, (int)a[0], (int)a[1]);
}

abi_long sys_tgkill(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_tgkill, (int)a[0], (int)a[1], (int)a[2]);
}

/* A crash handler that sends itself the fault it was called for: what arrives looks like a fault,
 * and must not be taken for one of ours. */
static bool queued_to_self(Task *task, abi_ulong pid, abi_ulong sig, abi_ulong info_addr)
{
    siginfo_t info;
    if ((int)pid != task->tid || sig < 1 || sig > SIGNALS ||
        !guest_read(&info, info_addr, sizeof(info))) {
        return false;
    }
    info.si_signo = (int)sig;
    return signal_queue_self(task, (int)sig, &info);
}

abi_long sys_rt_sigqueueinfo(CPUState *cpu, const abi_ulong *a)
{
    if (queued_to_self(cpu->opaque, a[0], a[1], a[2])) {
        return 0;
    }
    return host_syscall(SYS_rt_sigqueueinfo, (int)a[0], (int)a[1], shift_arg(a[2]));
}

abi_long sys_rt_tgsigqueueinfo(CPUState *cpu, const abi_ulong *a)
{
    if ((pid_t)a[0] == (pid_t)host_syscall(SYS_getpid) &&
        queued_to_self(cpu->opaque, a[1], a[2], a[3])) {
        return 0;
    }
    return host_syscall(SYS_rt_tgsigqueueinfo, (int)a[0], (int)a[1], (int)a[2], shift_arg(a[3]));
}
