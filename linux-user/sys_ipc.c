/*
 * linux-user/sys_ipc.c: System V semaphores, whose semid64_ds differs. Message queues, shared
 * memory control and all else of IPC have the same layouts and are forwarded by the table.
 */
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>

#include "linux-user/abi_structs.h"
#include "linux-user/sys_common.h"

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

static abi_long semctl_stat(const abi_ulong *a)
{
    HostSemidDs h;
    abi_long ret = host_call(__NR_semctl, a[0], a[1], a[2], host_arg(&h), 0, 0);
    if (ret < 0) {
        return ret;
    }
    GuestSemidDs g = { .perm = h.perm, .otime = h.otime, .ctime = h.ctime, .nsems = h.nsems };
    return guest_write(a[3], &g, sizeof(g)) ? ret : -EFAULT;
}

static abi_long semctl_set(const abi_ulong *a)
{
    GuestSemidDs g;
    if (!guest_read(&g, a[3], sizeof(g))) {
        return -EFAULT;
    }
    HostSemidDs h = { .perm = g.perm, .otime = g.otime, .ctime = g.ctime, .nsems = g.nsems };
    return host_call(__NR_semctl, a[0], a[1], a[2], host_arg(&h), 0, 0);
}

abi_long sys_semctl(CPUState *cpu, const abi_ulong *a)
{
    switch ((int)a[2]) {
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return semctl_stat(a);
    case IPC_SET:
        return semctl_set(a);
    case SETVAL:
        return host_call(__NR_semctl, a[0], a[1], a[2], a[3], 0, 0);
    default:                    /* arrays of short, struct seminfo, or unused */
        return host_call(__NR_semctl, a[0], a[1], a[2], shift_arg(a[3]), 0, 0);
    }
}
