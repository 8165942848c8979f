/*
 * linux-user/sys_process.c: processes, threads, scheduling.
 * Source: kernel/fork.c, kernel/exit.c, kernel/sched/syscalls.c.
 */
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/image.h"
#include "linux-user/mmap.h"
#include "linux-user/ids.h"
#include "linux-user/root.h"
#include "linux-user/sys_common.h"
#include "linux-user/thread.h"

/* ---- birth ---- */

/* struct clone_args: 64 bytes since 5.3, 80 with set_tid, 88 with cgroup. */
typedef struct GuestCloneArgs {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
} GuestCloneArgs;
enum { CLONE_ARGS_MIN = 64, GUEST_PAGE = 4096, NSIG_MAX = 64 };

/* The rules of copy_process(). */
static bool clone_flags_valid(uint64_t f)
{
    if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
        (f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS)) {
        return false;
    }
    if (((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) || ((f & CLONE_SIGHAND) && !(f & CLONE_VM))) {
        return false;
    }
    if ((f & CLONE_THREAD) && (f & (CLONE_NEWUSER | CLONE_NEWPID | CLONE_PIDFD))) {
        return false;
    }
    return !((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND));
}

static abi_long do_clone(CPUState *cpu, const CloneRequest *rq)
{
    Task *task = cpu->opaque;
    if (!clone_flags_valid(rq->flags)) {
        return -EINVAL;
    }
    ptrace_clone(cpu, rq->flags, rq->exit_signal);
    signal_block_host();
    abi_long ret;
    if (task->signal_pending) {         /* comes first, and must not be delivered twice */
        ret = -ERESTARTNOINTR_;
    } else if (rq->flags & CLONE_THREAD) {
        ret = thread_create(cpu, rq);
    } else {
        ret = process_create(cpu, rq);
    }
    task->trace.clone_event = 0;
    signal_unblock_host(task);
    ptrace_cloned(cpu, ret);
    return ret;
}

/* CLONE_BACKWARDS: flags, stack, parent_tid, tls, child_tid */
abi_long sys_clone(CPUState *cpu, const abi_ulong *a)
{
    CloneRequest rq = {
        .flags = (uint32_t)a[0] & ~(uint32_t)CSIGNAL,
        .exit_signal = (int)(a[0] & CSIGNAL),
        .sp = a[1],
        .parent_tid = a[2],
        .tls = a[3],
        .child_tid = a[4],
        .pidfd = a[2],
    };
    if ((rq.flags & CLONE_PIDFD) && (rq.flags & (CLONE_PARENT_SETTID | CLONE_DETACHED))) {
        return -EINVAL;
    }
    return do_clone(cpu, &rq);
}

static bool all_zero(abi_ulong addr, abi_ulong end, abi_long *err)
{
    for (; addr < end; addr++) {
        uint8_t byte;
        if (!guest_read(&byte, addr, 1)) {
            *err = -EFAULT;
            return false;
        }
        if (byte) {
            *err = -E2BIG;
            return false;
        }
    }
    return true;
}

abi_long sys_clone3(CPUState *cpu, const abi_ulong *a)
{
    GuestCloneArgs ca = { 0 };
    abi_ulong size = a[1];
    abi_long err;
    if (size > GUEST_PAGE) {
        return -E2BIG;
    }
    if (size < CLONE_ARGS_MIN) {
        return -EINVAL;
    }
    if (size > sizeof(ca) && !all_zero(a[0] + sizeof(ca), a[0] + size, &err)) {
        return err;
    }
    if (!guest_read(&ca, a[0], MIN(size, sizeof(ca)))) {
        return -EFAULT;
    }
    if ((ca.set_tid != 0) != (ca.set_tid_size != 0) || ca.set_tid_size > 32 ||
        (ca.exit_signal & ~(uint64_t)CSIGNAL) || ca.exit_signal > NSIG_MAX ||
        (ca.flags & (CLONE_DETACHED | (CSIGNAL & ~(uint64_t)CLONE_NEWTIME))) ||
        (ca.stack != 0) != (ca.stack_size != 0) || ca.flags >> 34 ||
        ((ca.flags & (CLONE_THREAD | CLONE_PARENT)) && ca.exit_signal)) {
        return -EINVAL;
    }
    CloneRequest rq = {
        .flags = ca.flags,
        .exit_signal = (int)ca.exit_signal,
        .is_clone3 = true,
        .sp = ca.stack ? ca.stack + ca.stack_size : 0,
        .tls = ca.tls,
        .parent_tid = ca.parent_tid,
        .child_tid = ca.child_tid,
        .pidfd = ca.pidfd,
        .set_tid = ca.set_tid,
        .set_tid_size = ca.set_tid_size,
        .cgroup = ca.cgroup,
    };
    return do_clone(cpu, &rq);
}

enum { GUEST_pivot_root = 41, GUEST_chroot = 51 };

/* chroot() where the root is a matter of paths. */
static abi_long change_root_path(const Task *task, const abi_ulong *a)
{
    char buf[PATH_MAX], dir[PATH_MAX];
    abi_ulong path = path_arg((abi_ulong)AT_FDCWD, a[0], true, buf);
    if (path_failed(path)) {
        return (abi_long)path;
    }
    /* faults and permissions: as of a directory that is looked into */
    abi_long ret = host_syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ret < 0) {
        return ret;
    }
    close((int)ret);
    if ((ids.on && !ids_capable(CAP_SYS_CHROOT)) || task->is_vfork_child) {
        return -EPERM;
    }
    root_change(realpath((const char *)(uintptr_t)path, dir));
    return 0;
}

/* Our children need our executable when they call execve: open it before / and /proc change. */
abi_long sys_change_root(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    abi_ulong nr = cpu->env.gpr[RV_A7];
    exec_keep_self();
    if (path_is_root() && nr == GUEST_chroot) {
        return change_root_path(task, a);
    }
    abi_long ret = sys_forward(cpu, a);
    if (exec_options.image_dir && *exec_options.image_dir == '/') {
        image_disable();    /* that is another place now */
    }
    if (ret == 0 && (nr == GUEST_chroot || nr == GUEST_pivot_root) && !task->is_vfork_child) {
        path_init("");      /* the prefix of -L is not under the new root */
    }
    return ret;
}

/* ---- end ---- */

abi_long sys_exit(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    task->exit_code = (int)a[0];
    task->exiting = true;
    return SYSCALL_NO_RESULT;
}

abi_long sys_exit_group(CPUState *cpu, const abi_ulong *a)
{
    process_exit((int)a[0]);
}

abi_long sys_wait4(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    int status;
    abi_long pid;
    ptrace_begin(task);
    do {
        pid = safe_syscall(SYS_wait4, a[0], host_arg(&status), a[2], shift_arg(a[3]), 0, 0);
    } while (pid > 0 && !ptrace_wait((pid_t)pid, &status));
    ptrace_end(task);
    return pid > 0 && a[1] && !guest_write(a[1], &status, sizeof(status)) ? -EFAULT : pid;
}

abi_long sys_waitid(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    siginfo_t info;
    abi_long ret;
    ptrace_begin(task);
    do {
        memset(&info, 0, sizeof(info));
        ret = safe_syscall(SYS_waitid, a[0], a[1], host_arg(&info), a[3], shift_arg(a[4]), 0);
    } while (ret == 0 && info.si_pid && !ptrace_waitid(&info, a[3] & WNOWAIT));
    ptrace_end(task);
    /* signo, errno, code; pid, uid, status */
    if (a[2] && ret != -ERESTARTSYS_ && (!guest_write(a[2], &info, 12) ||
                                         !guest_write(a[2] + 16, &info.si_pid, 12))) {
        return -EFAULT;
    }
    return ret;
}

abi_long sys_gettid(CPUState *cpu, const abi_ulong *a)
{
    return ((Task *)cpu->opaque)->tid;
}

/* ---- scheduling: threads are host threads, all of it is the host's ---- */

abi_long sys_sched_setparam(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_setparam, a[0], shift_arg(a[1]));
}

abi_long sys_sched_setscheduler(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_setscheduler, a[0], a[1], shift_arg(a[2]));
}

abi_long sys_sched_getscheduler(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_getscheduler, a[0]);
}

abi_long sys_sched_getparam(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_getparam, a[0], shift_arg(a[1]));
}

abi_long sys_sched_setaffinity(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_setaffinity, a[0], a[1], shift_arg(a[2]));
}

abi_long sys_sched_getaffinity(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_getaffinity, a[0], a[1], shift_arg(a[2]));
}

abi_long sys_sched_yield(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_yield);
}

abi_long sys_sched_get_priority_max(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_get_priority_max, a[0]);
}

abi_long sys_sched_get_priority_min(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_get_priority_min, a[0]);
}

abi_long sys_sched_rr_get_interval(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_rr_get_interval, a[0], shift_arg(a[1]));
}

abi_long sys_sched_setattr(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_setattr, a[0], shift_arg(a[1]), a[2]);
}

abi_long sys_sched_getattr(CPUState *cpu, const abi_ulong *a)
{
    return host_syscall(SYS_sched_getattr, a[0], shift_arg(a[1]), a[2], a[3]);
}

/* Generated code keeps the guest's order of memory accesses wherever the host keeps its own; to the
 * host's processor new code of the guest is data. That exec has registered the process for one
 * barrier the guest does not see. */
abi_long sys_membarrier(CPUState *cpu, const abi_ulong *a)
{
    enum {
        RSEQ =
            MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
    };
    enum {
        GET_REGISTRATIONS = 1 << 9,
        OTHER_KINDS = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
                      MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
    };
    static _Atomic bool registered;
    int cmd = (int)a[0];
    if ((cmd & RSEQ) && guest_base) {
        return -EINVAL;             /* see sys_rseq() */
    }
    if (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED && !a[1] && !registered) {
        return -EPERM;
    }
    abi_long ret = host_syscall(SYS_membarrier, cmd, a[1], a[2]);
    if (ret < 0) {
        return ret;
    }
    switch (cmd) {
    case MEMBARRIER_CMD_QUERY:
        return guest_base ? ret & ~(abi_long)RSEQ : ret;
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        registered = true;
        break;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
        guest_code_fenced(0, ~(abi_ulong)4095);
        tb_revalidate_all();
        break;
    case GET_REGISTRATIONS:         /* the kernel tells of it after one of the other kinds, too */
        return registered || (ret & OTHER_KINDS)
                   ? ret : ret & ~(abi_long)MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    }
    return ret;
}
