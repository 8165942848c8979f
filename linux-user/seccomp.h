/*
 * linux-user/seccomp.h: system call filters of the guest. Source: kernel/seccomp.c.
 *
 * The filters are run by us, on the guest's numbers and with AUDIT_ARCH_RISCV64. Each has a shadow
 * on the host's thread, a filter that lets everything pass: the host kernel so makes the rules
 * (privileges, TSYNC, one listener), what /proc says, and the listener's descriptor.
 */
#ifndef LINUX_USER_SECCOMP_H
#define LINUX_USER_SECCOMP_H

#include "linux-user/task.h"

/* The call is to be made. */
#define SECCOMP_GO_ON ((abi_long)-0x7fff0002)

/* What becomes of the call, which task->seccomp != NULL says is to be judged; env->pc is behind
 * the ecall. SECCOMP_GO_ON, or what the call returns instead of being made. A tracer may make it
 * another: its number is then in *nr. */
abi_long seccomp_judge(CPUState *cpu, abi_ulong *nr, const abi_ulong *a);

/* prctl(PR_SET_SECCOMP), prctl(PR_GET_SECCOMP) */
abi_long seccomp_prctl_set(CPUState *cpu, abi_ulong mode, abi_ulong prog);
int seccomp_mode(const Task *task);

/* A new task has what its maker has; a task that ends drops it. After fork(), in the child. */
void seccomp_inherit(Task *task, Task *from);
void seccomp_drop(Task *task);
void seccomp_fork_child(void);

/* Across execve: a descriptor, not close-on-exec, that holds the filters of a task that has some,
 * or -errno; and the filters again, closing it. */
int seccomp_save(Task *task);
bool seccomp_restore(Task *task, int fd);

/* The n-th oldest filter of tid, whose Task is at `task` and which we trace, to `out`, which may be
 * 0: its length or -errno. */
abi_long seccomp_fetch(pid_t tid, uint64_t task, uint64_t n, abi_ulong out);

/* Is another process's thread tid, whose Task is at `task`, in strict mode? The host does not know;
 * of filters it does. */
bool seccomp_is_strict(pid_t tid, uint64_t task);

/* The ioctls of a listener whose numbers and answers are the guest's (linux/seccomp.h). */
abi_long seccomp_notif_recv(abi_ulong fd, abi_ulong arg);
abi_long seccomp_notif_send(abi_ulong fd, abi_ulong arg);

#endif
