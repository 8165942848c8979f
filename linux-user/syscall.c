/*
 * linux-user/syscall.c: the table of system calls, and how a call is forwarded.
 *
 * The table is indexed by the guest's number and read-only. A forwarded call costs the table
 * look-up, an indirect call and two tests (guest_base, -L) over the host's own system call.
 */

#include "exec/log.h"
#include "linux-user/host_nr.h"
#include "linux-user/mmap.h"
#include "linux-user/override.h"
#include "linux-user/proc_self.h"
#include "linux-user/seccomp.h"
#include "linux-user/sys_common.h"

#define IS_PTR(k) (ARG_##k >= ARG_PTR)
#define IS_PATH(k) (ARG_##k >= ARG_PATH && ARG_##k <= ARG_PATHENT)

#define IS_ADDRESS(k) (ARG_##k == ARG_SOCKADDR || ARG_##k == ARG_MSGHDR || ARG_##k == ARG_MMSGHDR)

static const SyscallRow rows[] = {
#define SYSCALL(nr, call, func, result, a0, a1, a2, a3, a4, a5)                                    \
    [nr] = {                                                                                       \
        .name = #call,                                                                             \
        .handler = sys_##func,                                                                     \
        .host_nr = __NR_##call,                                                                    \
        .ptr_mask = IS_PTR(a0) | IS_PTR(a1) << 1 | IS_PTR(a2) << 2 | IS_PTR(a3) << 3 |             \
                    IS_PTR(a4) << 4 | IS_PTR(a5) << 5,                                             \
        .path_mask = IS_PATH(a0) | IS_PATH(a1) << 1 | IS_PATH(a2) << 2 | IS_PATH(a3) << 3 |        \
                     IS_PATH(a4) << 4 | IS_PATH(a5) << 5,                                          \
        .has_address = IS_ADDRESS(a1) || IS_ADDRESS(a4),                                           \
        .ret = ARG_##result,                                                                       \
        .arg = { ARG_##a0, ARG_##a1, ARG_##a2, ARG_##a3, ARG_##a4, ARG_##a5 },                     \
    },
#include "linux-user/syscalls.def"
#undef SYSCALL
};

const SyscallRow *syscall_row(abi_ulong nr)
{
    return nr < G_N_ELEMENTS(rows) && rows[nr].name ? &rows[nr] : NULL;
}

static __attribute__((noinline)) abi_long run_again(CPUState *cpu, const SyscallRow *row,
                                                    const abi_ulong *a, abi_long ret)
{
    if (ret == -EFAULT && guest_code_unwatch_all()) {
        ret = row->handler(cpu, a);   /* the kernel wrote to a page of code that we had protected */
    }
    return ret == -EACCES ? override_refused(cpu, row, a) : ret;
}

abi_long syscall_run(CPUState *cpu, const SyscallRow *row, const abi_ulong *a)
{
    if (G_UNLIKELY(fd_owned_count) && (row->arg[0] == ARG_FD || row->arg[0] == ARG_DIRFD) &&
        fd_is_ours((int)a[0])) {
        return -EBADF;
    }
    abi_long ret = row->handler(cpu, a);
    return G_LIKELY(ret != -EFAULT && ret != -EACCES) ? ret : run_again(cpu, row, a, ret);
}

abi_long syscall_dispatch(CPUState *cpu, abi_ulong nr, const abi_ulong *a)
{
    if (G_UNLIKELY(((Task *)cpu->opaque)->seccomp)) {
        abi_long verdict = seccomp_judge(cpu, &nr, a);
        if (verdict != SECCOMP_GO_ON) {
            return verdict;
        }
    }
    const SyscallRow *row = syscall_row(nr);
    if (G_UNLIKELY(log_enabled(LOG_STRACE) || user_options.strace)) {
        return strace_call(cpu, nr, row, a);
    }
    if (G_UNLIKELY(!row)) {
        return -ENOSYS;
    }
    return syscall_run(cpu, row, a);
}

bool syscall_returns(uint64_t nr)
{
    const SyscallRow *row = syscall_row(nr);
    return !row || (row->ret != ARG_NORET && row->ret != ARG_EXEC);
}

abi_long host_call(long nr, abi_ulong a0, abi_ulong a1, abi_ulong a2, abi_ulong a3, abi_ulong a4,
                   abi_ulong a5)
{
    register abi_ulong r10 __asm__("r10") = a3;
    register abi_ulong r8 __asm__("r8") = a4;
    register abi_ulong r9 __asm__("r9") = a5;
    abi_long ret;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "0"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

/* A path that may not lead the host where it leads the guest. */
static __attribute__((noinline)) bool paths_differ(const SyscallRow *row, const abi_ulong *a)
{
    if (G_UNLIKELY(path_has_prefix())) {
        return true;
    }
    for (unsigned mask = row->path_mask; mask; mask &= mask - 1) {
        if (proc_names_exe(a[__builtin_ctz(mask)])) {
            return true;
        }
    }
    return false;
}

static inline abi_long forward(const CPUState *cpu, const abi_ulong *a, HostCall *call)
{
    const SyscallRow *row = &rows[cpu->env.gpr[RV_A7]];        /* which has brought us here */
    if (G_UNLIKELY(guest_base || (row->path_mask && paths_differ(row, a)) ||
                   (row->has_address && path_is_root()))) {
        return forward_call(row, a, call);
    }
    return call(row->host_nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

abi_long sys_forward(CPUState *cpu, const abi_ulong *a)
{
    return forward(cpu, a, host_call);
}

abi_long sys_forward_blocking(CPUState *cpu, const abi_ulong *a)
{
    return forward(cpu, a, safe_syscall);
}

abi_long sys_identity(CPUState *cpu, const abi_ulong *a)
{
    return guest_base ? -ENOSYS : sys_forward(cpu, a);
}

abi_long sys_absent(CPUState *cpu, const abi_ulong *a)
{
    return -ENOSYS;
}

abi_long sys_refused(CPUState *cpu, const abi_ulong *a)
{
    return -EPERM;
}
