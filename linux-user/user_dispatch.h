/*
 * linux-user/user_dispatch.h: prctl(PR_SET_SYSCALL_USER_DISPATCH), calls that a thread wants as
 * SIGSYS. Source: kernel/entry/syscall_user_dispatch.c. No child inherits it; execve ends it.
 */
#ifndef LINUX_USER_USER_DISPATCH_H
#define LINUX_USER_USER_DISPATCH_H

#include "linux-user/task.h"

abi_long user_dispatch_set(Task *task, const abi_ulong *a);

/* task->dispatch.on, env->pc is behind the ecall: true if the call became a signal instead. */
__attribute__((noinline)) bool user_dispatch(CPUState *cpu);

#endif
