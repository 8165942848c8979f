/*
 * linux-user/sys_prctl.c: prctl. Source: kernel/sys.c; the options are the rows of prctl.def.
 */
#include <sys/syscall.h>

#include "exec/log.h"
#include "linux-user/ids.h"
#include "linux-user/mdwe.h"
#include "linux-user/seccomp.h"
#include "linux-user/sys_common.h"
#include "linux-user/user_dispatch.h"

typedef abi_long PrctlFn(CPUState *cpu, const abi_ulong *a);

typedef struct PrctlRow {
    uint32_t nr;
    PrctlFn *handler;
    char kinds[5];                  /* of the arguments after the option */
} PrctlRow;

static const PrctlRow *prctl_row(abi_ulong option);

static abi_long prctl_forward(CPUState *cpu, const abi_ulong *a)
{
    const PrctlRow *row = prctl_row(a[0]);
    abi_ulong b[4];
    for (unsigned i = 0; i < 4; i++) {
        b[i] = row->kinds[i] == 'p' ? shift_arg(a[i + 1]) : a[i + 1];
    }
    return host_syscall(SYS_prctl, row->nr, b[0], b[1], b[2], b[3]);
}

/* About capabilities: the emulated ones, if they are. */
static abi_long prctl_ids(CPUState *cpu, const abi_ulong *a)
{
    return ids.on ? ids_prctl(a) : prctl_forward(cpu, a);
}

static abi_long prctl_absent(CPUState *cpu, const abi_ulong *a)
{
    return -EINVAL;
}

static abi_long prctl_get_auxv(CPUState *cpu, const abi_ulong *a)
{
    uint8_t buf[1024];
    abi_ulong n = MIN(process.auxv_size, sizeof(buf));
    if (a[3] || a[4]) {
        return -EINVAL;
    }
    if (!guest_read(buf, process.auxv, n) || !guest_write(a[1], buf, MIN(n, a[2]))) {
        return -EFAULT;
    }
    return (abi_long)process.auxv_size;
}

static abi_long prctl_get_seccomp(CPUState *cpu, const abi_ulong *a)
{
    return seccomp_mode(cpu->opaque);
}

static abi_long prctl_set_seccomp(CPUState *cpu, const abi_ulong *a)
{
    return seccomp_prctl_set(cpu, a[1], a[2]);
}

static abi_long prctl_set_syscall_user_dispatch(CPUState *cpu, const abi_ulong *a)
{
    Task *task = cpu->opaque;
    return user_dispatch_make(&task->dispatch, a[1], a[2], a[3], a[4]);
}

static abi_long prctl_get_tid_address(CPUState *cpu, const abi_ulong *a)
{
    const Task *task = cpu->opaque;
    return guest_write(a[1], &task->clear_child_tid, sizeof(task->clear_child_tid)) ? 0 : -EFAULT;
}

/* As for those without CAP_SYS_RESOURCE. */
static abi_long prctl_set_mm(CPUState *cpu, const abi_ulong *a)
{
    return -EPERM;
}

static abi_long prctl_set_mdwe(CPUState *cpu, const abi_ulong *a)
{
    return a[2] || a[3] || a[4] ? -EINVAL : mdwe_set(a[1]);
}

static abi_long prctl_get_mdwe(CPUState *cpu, const abi_ulong *a)
{
    return a[1] || a[2] || a[3] || a[4] ? -EINVAL : (abi_long)mdwe_get();
}

/* fence.i needs no help here whichever thread runs it. */
static abi_long prctl_riscv_set_icache_flush_ctx(CPUState *cpu, const abi_ulong *a)
{
    return a[1] <= 1 && a[2] <= 1 ? 0 : -EINVAL;
}

static const PrctlRow rows[] = {
#define PRCTL(nr, name, handler, kinds) { nr, prctl_##handler, #kinds },
#include "linux-user/prctl.def"
#undef PRCTL
};

static const PrctlRow *prctl_row(abi_ulong option)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].nr == (uint32_t)option) {
            return &rows[i];
        }
    }
    return NULL;
}

abi_long sys_prctl(CPUState *cpu, const abi_ulong *a)
{
    const PrctlRow *row = prctl_row(a[0]);
    if (!row) {
        log_printf(LOG_UNIMP, "prctl %d\n", (int)a[0]);
        return -EINVAL;
    }
    return row->handler(cpu, a);
}
