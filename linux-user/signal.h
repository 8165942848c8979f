/*
 * linux-user/signal.h: guest signals. Source: kernel/signal.c, arch/riscv/kernel/signal.c.
 *
 * A host signal is only recorded (Task.pending_*), all others are blocked until it is delivered, and
 * the CPU is asked to leave generated code. cpu_loop() calls signal_deliver_pending() at every
 * return of cpu_exec() and after every syscall.
 */
#ifndef LINUX_USER_SIGNAL_H
#define LINUX_USER_SIGNAL_H

#include "linux-user/task.h"

void signal_init(void);                     /* host handlers; once, before the first guest insn */
void signal_init_thread(Task *task);        /* host alternate stack of this thread */
void signal_fini_thread(Task *task);

/* Deliver what is pending: makes guest frames, or ends, stops the process. Called with
 * no guest code running on this thread. */
void signal_deliver_pending(CPUState *cpu);

/* Raise a synchronous signal for the guest (fault, illegal, ebreak), never blocked: forced. */
void signal_force(CPUState *cpu, int sig, int code, abi_ulong addr);

/* rt_sigreturn: restore from the frame at sp. Returns -QEMU-like "no result": see SYSCALL_NO_RESULT. */
abi_long signal_return(CPUState *cpu);

/* End the process by sig as the default action does (re-raised on ourselves). */
_Noreturn void signal_die(CPUState *cpu, int sig);

/* Sets of signals: guest bit masks are the kernel's (bit sig-1). The guest's mask is also set on the
 * host, except for signals we must see. */
void signal_set_mask(Task *task, uint64_t mask);

abi_long signal_action(CPUState *cpu, int sig, abi_ulong act, abi_ulong oldact, abi_ulong size);
abi_long signal_altstack(CPUState *cpu, abi_ulong ss, abi_ulong oss);

/* Handlers' table across execve/fork: reset is by execve itself; fork copies. */
void signal_fork_child(CPUState *cpu);

/* A blocking system call that a signal arriving just before it cannot lose: returns the result or
 * -ERESTARTSYS (512) when a signal is pending and the call was not entered or was interrupted with
 * EINTR before it had an effect. Implemented in safe_syscall.S with the window fixed up by the host
 * handler. */
abi_long safe_syscall(long nr, abi_ulong a0, abi_ulong a1, abi_ulong a2, abi_ulong a3, abi_ulong a4,
                      abi_ulong a5);

#endif
