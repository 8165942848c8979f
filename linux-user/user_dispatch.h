/*
 * linux-user/user_dispatch.h: prctl(PR_SET_SYSCALL_USER_DISPATCH), calls that a thread wants as
 * SIGSYS. Source: kernel/entry/syscall_user_dispatch.c. No child inherits it; execve ends it.
 */
#ifndef LINUX_USER_USER_DISPATCH_H
#define LINUX_USER_USER_DISPATCH_H

#include "linux-user/task.h"

/* What the call (or a tracer) asks for: 0 and *d, or -errno. */
abi_long user_dispatch_make(UserDispatch *d, abi_ulong mode, abi_ulong start, abi_ulong len,
                            abi_ulong selector);

/* task->dispatch.on, env->pc is behind the ecall: true if the call became a signal instead. */
__attribute__((noinline)) bool user_dispatch(CPUState *cpu);

#endif
