/*
 * linux-user/signal.h: guest signals. Source: kernel/signal.c, arch/riscv/kernel/signal.c.
 *
 * A host signal is only recorded (Task.pending_*), all others are blocked until it is delivered,
 * and the CPU is asked to leave generated code. cpu_loop() calls signal_deliver_pending() at every
 * return of cpu_exec() and after every syscall.
 *
 * The host's action for a signal is the guest's (SIG_DFL and SIG_IGN as they are, SA_RESTART and
 * SA_NOCLD* with our handler), and so is the host's mask: the host kernel itself decides which
 * thread gets a signal, whether a system call restarts, and which signals stop or end the process.
 * Only SIGSEGV, SIGBUS, SIGILL always come to us and are never blocked on the host; those that dump
 * core by default do unless they are ignored.
 */
#ifndef LINUX_USER_SIGNAL_H
#define LINUX_USER_SIGNAL_H

#include "linux-user/task.h"

void signal_init(void);                     /* host handlers; once, before the first guest insn */
void signal_init_thread(Task *task);
bool signal_make_stack(Task *task);     /* its host alternate stack, kept; false: no memory */
void signal_fini_thread(Task *task);
void signal_free_stack(Task *task);

/* Deliver what is pending: makes guest frames, or ends, stops the process. Called with
 * no guest code running on this thread. */
void signal_deliver_pending(CPUState *cpu);

/* Raise a synchronous signal for the guest (fault, illegal, ebreak), never blocked: forced. */
void signal_force(CPUState *cpu, int sig, int code, abi_ulong addr);
void signal_force_info(CPUState *cpu, const siginfo_t *info);

/* rt_sigreturn: restore from the frame at sp. Returns SYSCALL_NO_RESULT, or a restart code. */
abi_long signal_return(CPUState *cpu);

/* End the process by sig as the default action does (re-raised on ourselves). */
_Noreturn void signal_die(CPUState *cpu, int sig);

/* Sets of signals: guest bit masks are the kernel's (bit sig-1). The guest's mask is also set on
 * the host, except for signals we must see. */
void signal_set_mask(Task *task, uint64_t mask);
/* A call with a mask of its own (ppoll, pselect6, epoll_pwait, io_pgetevents, rt_sigsuspend)
 * returned -EINTR: the handler runs with `mask` in force, and the present one comes back after it.
 */
void signal_temp_mask(Task *task, uint64_t mask);
/* Keep signals out: none is recorded until signal_unblock_host(). Not nested. */
void signal_block_host(void);
void signal_unblock_host(Task *task);

/* From now on the handler of SIGCHLD looks after tracees (ptrace.h). */
void signal_watch_children(Task *task);

/* Around pthread_create(), which changes an action and the mask behind our back. */
void signal_thread_begin(Task *task);
void signal_thread_end(Task *task);

abi_long signal_action(CPUState *cpu, int sig, abi_ulong act, abi_ulong oldact, abi_ulong size);
abi_long signal_altstack(CPUState *cpu, abi_ulong ss, abi_ulong oss);

/* The table of actions. fork: hold it still around the fork. A child that shares our memory has a
 * copy, or the same by CLONE_SIGHAND; freed by its parent. CLONE_CLEAR_SIGHAND: handlers back to
 * default. execve: what is ignored stays so. */
void signal_fork_prepare(Task *task);
void signal_fork_parent(Task *task);
void signal_fork_child(CPUState *cpu);
struct SigHand *signal_copy_actions(Task *task);
struct SigHand *signal_share_actions(Task *task);
void signal_free_actions(struct SigHand *sighand);
void signal_clear_handlers(Task *task);
/* Which signals the guest catches, and which it ignores: bit 0 is signal 1. */
void signal_dispositions(Task *task, uint64_t *caught, uint64_t *ignored);
/* Of the signals that the host never blocks: which the guest does, and which of them wait. */
void signal_unblockable_shown(const Task *task, uint64_t *blocked, uint64_t *pending);
/* The same of a thread of another guest process, of which the host ignores *ignored; false: none
 * that we may look into. */
bool signal_dispositions_other(pid_t tid, uint64_t *caught, uint64_t *ignored);
/* In a child that runs beside its parent in the same memory: what ends it ends it between
 * blocks. */
void signal_catch_fatal(Task *task);
void signal_exec_prepare(Task *task);
void signal_exec_failed(Task *task);

/* A signal for this very thread that does not go through the host: rt_sigqueueinfo() with the
 * si_code of a fault. Returns false when it has to. */
bool signal_queue_self(Task *task, int sig, const siginfo_t *info);
/* What is recorded and blocked, as rt_sigpending() shows it; and take one of `set`, 0: none. */
uint64_t signal_recorded(const Task *task);
int signal_take(Task *task, uint64_t set, siginfo_t *info);

/* A blocking system call that a signal arriving just before it cannot lose: the result, or
 * -ERESTARTSYS (512) when the call was not entered because a signal is recorded, or was interrupted
 * and the host kernel would restart it. -EINTR is the host kernel's final word. Implemented in
 * safe_syscall.S with the window fixed up by the host handler. */
abi_long safe_syscall(long nr, abi_ulong a0, abi_ulong a1, abi_ulong a2, abi_ulong a3, abi_ulong a4,
                      abi_ulong a5);

#endif
