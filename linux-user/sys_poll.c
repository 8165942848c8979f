/*
 * linux-user/sys_poll.c: waiting for descriptors: epoll, ppoll, pselect6, io_pgetevents.
 *
 * The calls with a signal mask hand it to the host's own call, so that there is no window in which
 * a signal is lost; the host handler records what arrives. EINTR then means that a signal of that
 * mask came, and signal_temp_mask() puts the mask in force for its handler. A call that was not
 * entered (ERESTARTSYS) is one that the signal met at its very beginning: EINTR if a handler runs.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "linux-user/abi_structs.h"
#include "linux-user/sys_common.h"

typedef struct CallMask {
    bool given;
    uint64_t mask;
} CallMask;

/* The mask at `set` of `size` bytes, none when NULL. Returns what the kernel is to be given in its
 * place: what is wrong with it stays wrong, but other arguments may be looked at first. */
static abi_ulong mask_read(CallMask *m, abi_ulong set, abi_ulong size)
{
    m->given = set != 0;
    if (!set) {
        return 0;
    }
    bool read = size != sizeof(m->mask) || guest_read(&m->mask, set, sizeof(m->mask));
    return read ? host_arg(&m->mask) : NOWHERE;
}

static abi_long call_masked(long nr, const abi_ulong *b, const CallMask *m)
{
    abi_long ret = safe_syscall(nr, b[0], b[1], b[2], b[3], b[4], b[5]);
    if (ret == -EINTR && m->given) {
        signal_temp_mask(current_task, m->mask);
    }
    return ret == -ERESTARTSYS_ ? -ERESTARTNOHAND_ : ret;
}

/* Argument n is a mask (at `set`, NULL: none), n + 1 its size. */
static abi_long call_mask_arg(long nr, abi_ulong *b, unsigned n, abi_ulong set, abi_ulong size)
{
    CallMask m = { 0 };
    b[n] = mask_read(&m, set, size);
    b[n + 1] = size;
    return call_masked(nr, b, &m);
}

/* Argument 5 points to { mask, size }. */
static abi_long call_mask_pair(long nr, abi_ulong *b, abi_ulong pair_addr)
{
    CallMask m = { 0 };
    abi_ulong pair[2] = { 0, 0 };
    if (pair_addr && !guest_read(pair, pair_addr, sizeof(pair))) {
        return -EFAULT;
    }
    pair[0] = mask_read(&m, pair[0], pair[1]);
    b[5] = m.given ? host_arg(pair) : 0;
    return call_masked(nr, b, &m);
}

abi_long sys_ppoll(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong b[6] = { shift_arg(a[0]), a[1], shift_arg(a[2]) };
    return call_mask_arg(__NR_ppoll, b, 3, a[3], a[4]);
}

abi_long sys_pselect6(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong b[6] = { a[0], shift_arg(a[1]), shift_arg(a[2]), shift_arg(a[3]), shift_arg(a[4]) };
    return call_mask_pair(__NR_pselect6, b, a[5]);
}

abi_long sys_io_pgetevents(CPUState *cpu, const abi_ulong *a)
{
    abi_ulong b[6] = { a[0], a[1], a[2], shift_arg(a[3]), shift_arg(a[4]) };
    return call_mask_pair(__NR_io_pgetevents, b, a[5]);
}

/* --- epoll
 * -------------------------------------------------------------------------------------- */

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

/* The kernel writes its packed events to the start of the guest's array, however long; then they
 * are spread from the last to the first. Events that have no room when spread are lost. */
static abi_long epoll_wait_masked(long nr, const abi_ulong *a, abi_ulong timeout)
{
    bool too_many = (int)a[2] > INT_MAX / (int)sizeof(GuestEpollEvent);
    abi_ulong b[6] = { a[0], shift_arg(a[1]), too_many ? 0 : a[2], timeout };   /* EINVAL as well */
    abi_long n = call_mask_arg(nr, b, 4, a[4], a[5]), room = n;
    for (abi_long i = n; i-- > 0;) {
        struct epoll_event ev;
        if (!guest_read(&ev, a[1] + (abi_ulong)i * sizeof(ev), sizeof(ev))) {
            return -EFAULT;
        }
        GuestEpollEvent out = { .events = ev.events, .data = ev.data.u64 };
        if (!guest_write(a[1] + (abi_ulong)i * sizeof(out), &out, sizeof(out))) {
            room = i;
        }
    }
    return n > 0 && room == 0 ? -EFAULT : room;
}

abi_long sys_epoll_pwait(CPUState *cpu, const abi_ulong *a)
{
    return epoll_wait_masked(__NR_epoll_pwait, a, a[3]);
}

abi_long sys_epoll_pwait2(CPUState *cpu, const abi_ulong *a)
{
    return epoll_wait_masked(__NR_epoll_pwait2, a, shift_arg(a[3]));
}
