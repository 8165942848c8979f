/*
 * linux-user/sys_futex.c: futexes and what the kernel keeps of a thread for its end.
 *
 * Guest tids are host tids and guest words lie in host memory, so priority inheritance, robust and
 * requeued futexes are the host's own. Source: kernel/futex/, kernel/fork.c.
 */
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "linux-user/sys_common.h"

/* Newer than the host's headers may be; the numbers are the same on all architectures. */
enum {
    HOST_futex_waitv = 449,
    HOST_futex_wake = 454,
    HOST_futex_wait = 455,
    HOST_futex_requeue = 456
};
enum { FUTEX_LOCK_PI2_ = 13, WAITV_MAX = 128 };

typedef struct FutexWaitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
} FutexWaitv;

/* FUTEX_WAIT until block->end. */
static abi_long wait_on(const RestartBlock *block)
{
    int op = ((int)block->a[1] & ~FUTEX_CMD_MASK) | FUTEX_WAIT_BITSET;
    abi_long ret = safe_syscall(SYS_futex, block->a[0], (abi_ulong)op, block->a[2],
                                host_arg(&block->end), 0, FUTEX_BITSET_MATCH_ANY);
    if (ret != -EINTR && ret != -ERESTARTSYS_) {
        return ret;
    }
    restart_block = *block;
    return -ERESTART_RESTARTBLOCK_;
}

/* FUTEX_WAIT for a time. */
static abi_long wait_relative(const abi_ulong *a)
{
    struct timespec now, timeout;
    clockid_t clock = (int)a[1] & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    clock_gettime(clock, &now);
    abi_long ret = safe_syscall(SYS_futex, shift_arg(a[0]), a[1], a[2], shift_arg(a[3]), 0, 0);
    if ((ret != -EINTR && ret != -ERESTARTSYS_) || !guest_read(&timeout, a[3], sizeof(timeout))) {
        return ret;
    }
    restart_block = (RestartBlock){ wait_on, timespec_add(now, timeout),
                                    { shift_arg(a[0]), a[1], a[2] } };
    return -ERESTART_RESTARTBLOCK_;
}

abi_long sys_futex(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong word = shift_arg(a[0]), word2 = shift_arg(a[4]);
    switch ((int)a[1] & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
        if (a[3]) {
            return wait_relative(a);
        }
        return safe_syscall(SYS_futex, word, a[1], a[2], 0, word2, a[5]);
    case FUTEX_WAIT_BITSET:
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2_:
    case FUTEX_WAIT_REQUEUE_PI:
        return safe_syscall(SYS_futex, word, a[1], a[2], shift_arg(a[3]), word2, a[5]);
    default:        /* a[3] is a number where it is used */
        return host_call(SYS_futex, word, a[1], a[2], a[3], word2, a[5]);
    }
}

abi_long sys_futex_waitv(CPUState *cpu, const abi_ulong *a)
{
    FutexWaitv v[WAITV_MAX];
    abi_ulong waiters = a[0];
    if (guest_base && waiters && a[1] >= 1 && a[1] <= WAITV_MAX) {
        if (!guest_read(v, waiters, a[1] * sizeof(v[0]))) {
            return -EFAULT;
        }
        for (abi_ulong i = 0; i < a[1]; i++) {
            v[i].uaddr = shift_arg(v[i].uaddr);
        }
        waiters = host_arg(v);
    }
    return safe_syscall(HOST_futex_waitv, waiters, a[1], a[2], shift_arg(a[3]), a[4], 0);
}

abi_long sys_futex_wake(CPUState *cpu, const abi_ulong *a)
{
    return host_call(HOST_futex_wake, shift_arg(a[0]), a[1], a[2], a[3], 0, 0);
}

abi_long sys_futex_wait(CPUState *cpu, const abi_ulong *a)
{
    return safe_syscall(HOST_futex_wait, shift_arg(a[0]), a[1], a[2], a[3], shift_arg(a[4]), a[5]);
}

abi_long sys_futex_requeue(CPUState *cpu, const abi_ulong *a)
{
    FutexWaitv v[2];
    abi_ulong waiters = a[0];
    if (guest_base && waiters) {
        if (!guest_read(v, waiters, sizeof(v))) {
            return -EFAULT;
        }
        v[0].uaddr = shift_arg(v[0].uaddr);
        v[1].uaddr = shift_arg(v[1].uaddr);
        waiters = host_arg(v);
    }
    return host_call(HOST_futex_requeue, waiters, a[1], a[2], a[3], 0, 0);
}

/* thread.c clears the word when the thread ends. A vfork child may be killed, or call execve: for
 * it the host kernel does it. */
abi_long sys_set_tid_address(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    if (task->is_vfork_child) {
        host_syscall(SYS_set_tid_address, g2h_or_null(a[0]));
    } else {
        task->clear_child_tid = a[0];
    }
    return task->tid;
}

/* The list's pointers are good for the host kernel as well when guest_base is 0: it then walks the
 * list should the process be killed. */
abi_long sys_set_robust_list(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    if (a[1] != 3 * sizeof(abi_ulong)) {
        return -EINVAL;
    }
    task->robust_list = a[0];
    if (!guest_base) {
        host_syscall(SYS_set_robust_list, a[0], a[1]);
    }
    return 0;
}

abi_long sys_get_robust_list(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    abi_ulong head = task->robust_list, len = 3 * sizeof(abi_ulong);
    if ((int)a[0] && (int)a[0] != task->tid) {
        void *host_head = NULL;
        abi_long ret = host_syscall(SYS_get_robust_list, (int)a[0], &host_head, &len);
        if (ret < 0) {
            return ret;
        }
        head = host_head ? h2g(host_head) : 0;
    }
    return guest_write(a[2], &len, sizeof(len)) && guest_write(a[1], &head, sizeof(head)) ? 0
                                                                                          : -EFAULT;
}
