/*
 * linux-user/sys_poll.c: waiting for descriptors: epoll, ppoll, pselect6, io_pgetevents.
 *
 * The calls with a signal mask hand it to the host's own call, so that there is no window in which a
 * signal is lost; the host handler records what arrives. For the delivery the Task says which mask
 * is in force: from sigmask_begin() on Task.sigmask is the call's and saved_sigmask the guest's, and
 * when the call was interrupted it stays so until signal_deliver_pending() has made the frame (or
 * found nothing to deliver), as the kernel's set_restore_sigmask().
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "linux-user/abi_structs.h"
#include "linux-user/sys_common.h"

/* The mask at `set` of `size` bytes. False: *err is what the call answers. */
bool sigmask_read(abi_ulong set, abi_ulong size, uint64_t *mask, abi_long *err)
{
    if (size != sizeof(*mask)) {
        *err = -EINVAL;
        return false;
    }
    *err = -EFAULT;
    return guest_read(mask, set, sizeof(*mask));
}

void sigmask_begin(uint64_t mask)
{
    Task *task = current_task;
    task->saved_sigmask = task->sigmask;
    task->sigmask = mask & ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
    task->restore_sigmask = true;
}

abi_long sigmask_end(abi_long ret)
{
    Task *task = current_task;
    if (ret != -ERESTARTSYS_ && ret != -EINTR) {
        task->sigmask = task->saved_sigmask;
        task->restore_sigmask = false;
    }
    return ret;
}

/* safe_syscall() with argument n the mask at `set` (0: none), n + 1 its size. */
static abi_long call_masked(long nr, abi_ulong *b, unsigned n, abi_ulong set, abi_ulong size)
{
    uint64_t mask;
    abi_long ret;
    b[n] = 0;
    b[n + 1] = sizeof(mask);
    if (set) {
        if (!sigmask_read(set, size, &mask, &ret)) {
            return ret;
        }
        b[n] = host_arg(&mask);
        sigmask_begin(mask);
    }
    ret = safe_syscall(nr, b[0], b[1], b[2], b[3], b[4], b[5]);
    return set ? sigmask_end(ret) : ret;
}

/* The same where argument 5 is a pointer to { mask, size }. */
static abi_long call_masked_pair(long nr, abi_ulong *b, abi_ulong pair_addr)
{
    uint64_t mask;
    abi_ulong pair[2] = { 0, 0 };
    abi_long ret;
    bool masked = false;
    if (pair_addr && !guest_read(pair, pair_addr, sizeof(pair))) {
        return -EFAULT;
    }
    if (pair[0]) {
        if (!sigmask_read(pair[0], pair[1], &mask, &ret)) {
            return ret;
        }
        masked = true;
        pair[0] = host_arg(&mask);
        b[5] = host_arg(pair);
        sigmask_begin(mask);
    } else {
        b[5] = 0;
    }
    ret = safe_syscall(nr, b[0], b[1], b[2], b[3], b[4], b[5]);
    return masked ? sigmask_end(ret) : ret;
}

static abi_long interrupted(abi_long ret, abi_long as)
{
    return ret == -ERESTARTSYS_ ? as : ret;
}

abi_long sys_ppoll(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong b[6] = { shift_arg(a[0]), a[1], shift_arg(a[2]) };
    return interrupted(call_masked(__NR_ppoll, b, 3, a[3], a[4]), -ERESTARTNOHAND_);
}

abi_long sys_pselect6(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong b[6] = { a[0], shift_arg(a[1]), shift_arg(a[2]), shift_arg(a[3]), shift_arg(a[4]) };
    return interrupted(call_masked_pair(__NR_pselect6, b, a[5]), -ERESTARTNOHAND_);
}

abi_long sys_io_pgetevents(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong b[6] = { a[0], a[1], a[2], shift_arg(a[3]), shift_arg(a[4]) };
    return interrupted(call_masked_pair(__NR_io_pgetevents, b, a[5]), -ERESTARTNOHAND_);
}

/* --- epoll -------------------------------------------------------------------------------------- */

abi_long sys_epoll_ctl(CPUState *cpu, const abi_ulong *a)
{
    GuestEpollEvent g;
    struct epoll_event ev = { 0 };
    if ((int)a[1] != EPOLL_CTL_DEL) {
        if (!guest_read(&g, a[3], sizeof(g))) {
            return -EFAULT;
        }
        ev.events = g.events;
        ev.data.u64 = g.data;
    }
    return host_call(__NR_epoll_ctl, a[0], a[1], a[2], host_arg(&ev), 0, 0);
}

enum { EPOLL_BATCH = 512 };     /* more wait in the kernel for the next call */

static abi_long epoll_wait_masked(long nr, const abi_ulong *a, abi_ulong timeout)
{
    struct epoll_event ev[EPOLL_BATCH];
    abi_ulong max = (int)a[2] > EPOLL_BATCH ? EPOLL_BATCH : a[2];
    abi_ulong b[6] = { a[0], host_arg(ev), max, timeout };
    abi_long n = interrupted(call_masked(nr, b, 4, a[4], a[5]), -EINTR);
    if (n <= 0) {
        return n;
    }
    GuestEpollEvent out[EPOLL_BATCH];
    for (abi_long i = 0; i < n; i++) {
        out[i] = (GuestEpollEvent){ .events = ev[i].events, .data = ev[i].data.u64 };
    }
    return guest_write(a[1], out, (size_t)n * sizeof(out[0])) ? n : -EFAULT;
}

abi_long sys_epoll_pwait(CPUState *cpu, const abi_ulong *a)
{
    return epoll_wait_masked(__NR_epoll_pwait, a, a[3]);
}

abi_long sys_epoll_pwait2(CPUState *cpu, const abi_ulong *a)
{
    return epoll_wait_masked(__NR_epoll_pwait2, a, shift_arg(a[3]));
}
