/*
 * linux-user/syscall.h: the system call table and what handlers share.
 *
 * syscalls.def has one row for every number of the riscv64 table. A handler is
 *   abi_long sys_<handler>(CPUState *cpu, const abi_ulong *a)
 * in the sys_*.c of its subject; it returns the result or -errno. Pseudo-handlers of the table:
 *   forward    the host has the same call with the same layout; number by name (host_nr column is
 *              __NR_<name>); arguments pass as they are (guest_base 0) or with pointers shifted by
 *              the argument kinds; may not block
 *   forward_blocking    the same through safe_syscall()
 *   none       known, not done: LOG_UNIMP once, -ENOSYS
 */
#ifndef LINUX_USER_SYSCALL_H
#define LINUX_USER_SYSCALL_H

#include <errno.h>

#include "linux-user/signal.h"
#include "linux-user/task.h"

/* Kernel-internal results that a handler may return (include/linux/errno.h). */
enum {
    ERESTARTSYS_ = 512,         /* a signal came first (safe_syscall): make it after the handler */
    ERESTARTNOINTR_ = 513,
    ERESTARTNOHAND_ = 514,      /* restart only if no handler runs */
    ERESTART_RESTARTBLOCK_ = 516,
};
/* The handler has set the registers itself (rt_sigreturn, a successful execve). */
#define SYSCALL_NO_RESULT ((abi_long)-0x7fff0001)

#define SYSCALL(nr, name, handler, ...) abi_long sys_##handler(CPUState *cpu, const abi_ulong *a);
#include "linux-user/syscalls.def"
#undef SYSCALL

/* Run the system call in env's registers (a7, a0..a5), with strace. Returns the result. */
abi_long syscall_dispatch(CPUState *cpu, abi_ulong nr, const abi_ulong *a);

/* For ExecOptions: not one of those that end the program or never come back to the next insn. */
bool syscall_returns(uint64_t nr);

/* How a call reaches the host: host_call() or safe_syscall(). The result is -errno or what the call
 * returns. */
typedef abi_long HostCall(long nr, abi_ulong a0, abi_ulong a1, abi_ulong a2, abi_ulong a3,
                          abi_ulong a4, abi_ulong a5);
HostCall host_call;

/* host_syscall(nr, up to 6 arguments, pointers or integers): one that never blocks for long. */
#define host_syscall(...) HOST_SYSCALL(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define HOST_SYSCALL(nr, a0, a1, a2, a3, a4, a5, ...) \
    host_call(nr, (abi_ulong)(a0), (abi_ulong)(a1), (abi_ulong)(a2), (abi_ulong)(a3), \
              (abi_ulong)(a4), (abi_ulong)(a5))

#endif
